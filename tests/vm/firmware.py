# SPDX-License-Identifier: MIT
"""The screens of firmware, compared with those on QEMU's own display."""

import time

from bed.tools import Failure
from guest import vfio_user
from pixels import read_png

ROM = "vgabios-bochs-display.bin"
LIMIT = 90
PAUSE = 0.5  # between looks at a screen whose end nobody tells


def settled(look, wanted, limit=LIMIT):
    """A screen of firmware tells nobody when it is done: looks until it is as wanted. Returns the last look."""
    end = time.monotonic() + limit
    while True:
        seen = look()
        if wanted(seen) or time.monotonic() > end:
            return seen
        time.sleep(PAUSE)


def lit(picture):
    return picture and picture.colours() > 1


def ours_now(server):
    try:
        return server.pixels()
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

        def both():
            """They are compared when both have stood still for a moment."""
            return look_at_theirs(), ours_now(server)

        pair = settled(both, lambda seen: lit(seen[0]) and lit(seen[1]) and seen[0].sum == seen[1].sum)
        case.judge(lit(pair[0]), f"{title} shows something on QEMU's display", pair[0])
        if lit(pair[1]):
            server.screenshot(case.folder / "ours.png")
        case.judge(pair[1] and pair[0].sum == pair[1].sum, f"{title} shows the same on ours", pair[1])
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
