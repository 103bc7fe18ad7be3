# SPDX-License-Identifier: MIT
"""What is typed and pointed at in a viewer comes out of the guest's input devices."""

import re

from bed.tools import Failure
from guest import IOMMU, IOMMU_KERNEL, vfio_user
from rfb import Viewer

KEY, REL, ABS = 1, 2, 3
SHIFT = "(?:42|54)"
# What a viewer types, and the codes of <linux/input-event-codes.h> that it is.
KEYS = [("a", 30), ("z", 44), ("1", 2), ("Return", 28), ("Escape", 1), ("F12", 88), ("Left", 105), ("KP_5", 76),
        ("PageUp", 104), (" ", 57), (";", 39), ("Super", 125)]
BUTTONS = [(1, 272), (2, 274), (4, 273)]  # of RFB: left, middle, right
RANGE = 0x7FFF
LIMIT = 30


def event(guest, kind, code, value=r"-?\d+"):
    """Awaits that event. Returns the device that it came from, its value, and where in all that came it is."""
    wanted = {"event": ("events", rf"^EVENT (\S+) {kind} {code} ({value})$")}
    match = guest.streams.expect(wanted, LIMIT)[1]
    return match.group(1), int(match.group(2)), match.start()


def listen(guest):
    """The guest opens its input devices; their names."""
    guest.must("listen")
    return guest.streams.expect({"listen": ("events", r"^EVENTS .*$")}, LIMIT)[1].group(0).split()[1:]


def keys(case, guest, viewer):
    names, wrong = set(), []
    for symbol, code in KEYS:
        for down in (True, False):
            viewer.key(symbol, down)
            try:
                names.add(event(guest, KEY, code, int(down))[0])
            except Failure as failure:
                wrong.append(f"{symbol}: {failure}")
    case.judge(not wrong and len(names) == 1, f"{len(KEYS)} keys, pressed and released",
               "; ".join(wrong) if wrong else " ".join(names))


def text(case, guest, viewer):
    """With a Shift that the viewer holds."""
    viewer.key("Shift", True)
    viewer.type("Q")
    viewer.key("Shift", False)
    order = ((SHIFT, 1), (16, 1), (16, 0), (SHIFT, 0))
    places = [event(guest, KEY, code, value)[2] for code, value in order]
    case.judge(places == sorted(places), "a capital letter, in that order")


def pointer(case, guest, viewer):
    """Each corner and a place between."""
    said = guest.must("events abs")
    case.judge(re.search(rf"^abs \S+ 0 {RANGE} 0 {RANGE}$", said, re.MULTILINE), "a tablet's ranges", said)
    width, height = viewer.width, viewer.height
    places = [(width - 1, height - 1), (0, 0), (width // 3, height // 4)]
    wrong = []
    for x, y in places:
        viewer.point(x, y)
        for axis, at, size in ((0, x, width), (1, y, height)):
            value = event(guest, ABS, axis)[1]
            # Within the pixel that it is.
            if abs(value * (size - 1) / RANGE - at) > 1:
                wrong.append(f"{x},{y}: axis {axis} is {value}")
    case.judge(not wrong, "the pointer", "; ".join(wrong) if wrong else f"{len(places)} places")
    x, y = places[-1]
    for mask, code in BUTTONS:
        viewer.point(x, y, mask)
        event(guest, KEY, code, 1)
        viewer.point(x, y)
        event(guest, KEY, code, 0)
    case.judge(True, "three buttons")
    for mask, value in ((8, 1), (16, -1)):
        viewer.point(x, y, mask)
        viewer.point(x, y)
        event(guest, REL, 8, value)
    case.judge(True, "the wheel, up and down")


def lights(case, server, guest):
    """The guest switches Caps Lock's light, and the server hears of it by the status queue."""
    before = server.device("virtio-keyboard")
    said = guest.must("events light 1 1")
    case.judge(said.startswith("light ") and said.endswith(" 1 1"), "a light is switched on", said)
    # The buffer that told it comes back with an interrupt.
    for _ in range(500):
        device = server.device("virtio-keyboard")
        if device["interrupts"] > before["interrupts"]:
            break
    counts = [device[name] - before[name] for name in ("traps", "interrupts")]
    case.judge(min(counts) > 0, "and the keyboard is told", "{} accesses, {} interrupts".format(*counts))
    if "lights" in device:
        case.judge(device["lights"] == 1 << 1, "the server knows which", device["lights"])


def typed(case, packed, linux, irq="auto", devices=(), **settings):
    options = f",packed={'on' if packed else 'off'},irq={irq}"
    with case.server("bochs", "virtio-keyboard" + options, "virtio-tablet" + options) as server:
        names = ("bochs", "virtio-keyboard", "virtio-tablet")
        ours = [vfio_user(server.socket(name)) for name in names]
        with case.guest([*devices, *ours], linux=linux, **settings) as guest:
            guest.must("load virtio_input evdev && await test -e /dev/input/event1")
            guest.screen()
            drawn = guest.show("random", 1280, 800, case.random.randrange(1 << 32))
            case.judge(len(listen(guest)) == 2, "the guest has a keyboard and a tablet")
            # Bit 34 is VIRTIO_F_RING_PACKED, 32 VIRTIO_F_VERSION_1.
            features = guest.must("cat /sys/bus/virtio/devices/*/features").split()
            case.judge(all(one[34] == str(int(packed)) and one[32] == "1" for one in features),
                       f"the rings are {'packed' if packed else 'split'}", " ".join(one[28:40] for one in features))
            with Viewer(server.run / "vnc") as viewer:
                case.judge(viewer.await_sum(drawn).sum == drawn, "the viewer sees the screen")
                keys(case, guest, viewer)
                text(case, guest, viewer)
                pointer(case, guest, viewer)
            lights(case, server, guest)
            lines = guest.must("grep virtio /proc/interrupts").split("\n")
            kinds = {"MSI-X" if "MSI" in line else "INTx" for line in lines}
            case.judge(kinds == ({"INTx"} if irq == "intx" else {"MSI-X"}), "interrupts came by",
                       ", ".join(" ".join(line.split()[1:2] + line.split()[-3:]) for line in lines))
            # A driver that goes and comes finds the device as new.
            guest.must("for d in /sys/bus/virtio/drivers/virtio_input/virtio*; do n=${d##*/};"
                       " echo $n >${d%/*}/unbind; echo $n >${d%/*}/bind; done; await test -e /dev/input/event1")
            listen(guest)
            with Viewer(server.run / "vnc") as viewer:
                viewer.picture()
                keys(case, guest, viewer)
            case.judge(guest.end() == 0, "QEMU ends with 0")
        case.judge(server.end() == 0, "serve ends with 0")


def unshared(case):
    """Without a descriptor for the guest's memory the rings are reached by messages to QEMU."""
    typed(case, False, "new", shared=False)


def behind_iommu(case):
    typed(case, True, "new", devices=[IOMMU], kernel=IOMMU_KERNEL)


CASES = [
    ("typing", "keyboard and tablet, split rings", lambda case: typed(case, False, "new")),
    ("typing-packed", "keyboard and tablet, packed rings", lambda case: typed(case, True, "stable")),
    ("typing-intx", "keyboard and tablet, INTx", lambda case: typed(case, False, "stable", "intx")),
    ("typing-unshared", "keyboard and tablet, memory by messages", unshared),
    ("typing-iommu", "keyboard and tablet, behind an IOMMU", behind_iommu),
]
