# SPDX-License-Identifier: MIT
"""The screens of firmware, compared with those on QEMU's own display."""

import time

from bed.tools import Failure
from guest import vfio_user
from pixels import read_png

ROM = "vgabios-bochs-display.bin"
LIMIT = 90
PAUSE = 0.5  # between looks at a screen whose end nobody tells
LEAST = 500  # pixels of a screen that shows something


def common(looks, limit=LIMIT):
    """
    Looks at two screens until both have shown the same, at any time, as one firmware may be ahead of the
    other. Firmware tells nobody when it has drawn. Returns that picture, or None, and all that were seen.
    """
    seen = tuple({} for _ in looks)
    end = time.monotonic() + limit
    while time.monotonic() < end:
        for look, pictures in zip(looks, seen):
            picture = look()
            if picture and picture.lit() >= LEAST:
                pictures[picture.sum] = picture
        for name in seen[0].keys() & seen[1].keys():
            return seen[0][name], seen
        time.sleep(PAUSE)
    return None, seen


def ours_now(server, path):
    try:
        return server.screenshot(path)
    except Failure:  # nothing is shown yet
        return None


def compare(case, title, more, roms):
    """The same firmware twice at a time, on QEMU's display and on ours, with nothing to boot."""
    path = case.folder / "theirs.png"
    own = f"bochs-display,id=own,romfile={case.bed.roms / ROM if roms else ''}"
    device = f"bochs,rom={case.bed.roms / ROM}" if roms else "bochs"
    settings = {"linux": None, "memory": 256}
    with case.server(device) as server, \
            case.guest([vfio_user(server.socket("bochs"))], more=more("ours"), **settings) as ours, \
            case.guest([own], name="theirs", more=more("theirs"), **settings) as theirs:

        def look_at_theirs():
            theirs.screendump("own", path)
            return read_png(path)

        same, seen = common((look_at_theirs, lambda: ours_now(server, case.folder / "ours.png")))
        case.judge(same, f"{title} shows the same on QEMU's display and on ours",
                   f"{same}, {same.lit()} pixels lit" if same else
                   " and ".join(", ".join(str(one) for one in side.values()) for side in seen))
        ours.end()
        theirs.end()


def seabios(case):
    # The menu stays until a key is pressed.
    compare(case, "SeaBIOS", lambda name: ["-boot", "menu=on,splash-time=65000"], True)


def ovmf(case):
    def drives(name):
        variables = case.folder / f"{name}.vars"
        variables.write_bytes((case.bed.ovmf / "OVMF_VARS_4M.fd").read_bytes())
        return ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={case.bed.ovmf / 'OVMF_CODE_4M.fd'}",
                "-drive", f"if=pflash,unit=1,format=raw,file={variables}", "-boot", "menu=on,splash-time=65000"]

    compare(case, "OVMF", drives, False)


CASES = [
    ("seabios", "SeaBIOS with the function's ROM", seabios),
    ("ovmf", "OVMF with its own driver", ovmf),
]
