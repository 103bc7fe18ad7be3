# SPDX-License-Identifier: MIT
"""Resets, drivers that come and go, clients that crash, and the server's own end."""

import re

from bed.tools import Failure
from guest import vfio_user
from rfb import Viewer
from typing_in import KEY, event, listen

DISPLAY = "bochs,memory=16M"
GROWTH = 32  # KiB of private memory that may come and go


def show(case, server, guest, what):
    """The guest shows something new, and the server has it."""
    drawn = guest.show("random", 800, 600, case.random.randrange(1 << 32))
    seen = server.pixels()
    return case.judge(seen.sum == drawn, what, seen)


def resize(case):
    """What a viewer would like the screen to be reaches the guest by its EDID."""
    with case.server("bochs,mode=1024x768") as server:
        with case.guest([vfio_user(server.socket("bochs"))]) as guest:
            guest.screen()
            connector = guest.must("ls -d /sys/class/drm/card*-*")
            first = guest.must(f"head -n 1 {connector}/modes")
            case.judge(first == "1024x768", "the guest prefers the size that was asked for", first)
            server.control("resize", device="bochs", width=1600, height=900)
            first = guest.must(f"echo detect >{connector}/status; head -n 1 {connector}/modes")
            case.judge(first == "1600x900", "and another one, after resize", first)
            guest.end()


def reset(case):
    with case.server(DISPLAY) as server:
        with case.guest([vfio_user(server.socket("bochs"))]) as guest:
            guest.screen()
            show(case, server, guest, "a picture")
            before = server.device("bochs")
            guest.qmp("system_reset")
            guest.event("RESET")
            guest.ready()
            screen = server.device("bochs")["screen"]
            resets = server.device("bochs")["messages"].get("RESET", 0) - before["messages"].get("RESET", 0)
            case.judge(resets >= 1 and screen["width"] == 0, "a reset of the VM resets the function, blanks its screen",
                       f"{resets} RESET")
            guest.screen()
            show(case, server, guest, "a picture after the reset")
            guest.end()


def rebind(case):
    with case.server(DISPLAY) as server:
        with case.guest([vfio_user(server.socket("bochs"))], linux="stable") as guest:
            guest.screen()
            address = guest.address(0x1234, 0x1111)
            for turn in range(3):
                guest.must("picture close")
                guest.must(f"echo {address} >/sys/bus/pci/drivers/bochs-drm/unbind")
                guest.must(f"echo {address} >/sys/bus/pci/drivers/bochs-drm/bind; await has_card")
                guest.screen()
                show(case, server, guest, f"a picture after unbind and bind, {turn + 1}")
            guest.end()


def lost(case):
    """QEMU is killed in the midst of it; the next one gets a clean device."""
    with case.server(DISPLAY) as server:
        devices = [vfio_user(server.socket("bochs"))]
        figures = []
        for turn in range(3):
            with case.guest(devices, name=f"guest-{turn}") as guest:
                guest.screen()
                show(case, server, guest, f"QEMU {turn + 1}: a picture")
                if turn < 2:
                    guest.kill()
                else:
                    guest.end()
            case.judge(server.alive(), "serve lives on")
            await_no_client(server)
            figures.append(server.figures())
        flat = all(figures[0][key] == one[key] for one in figures for key in ("descriptors", "mappings"))
        case.judge(flat and figures[-1]["private"] <= figures[0]["private"] + GROWTH, "nothing is left behind",
                   ", ".join(f"{one['descriptors']} descriptors, {one['private']} KiB, {one['mappings']} mappings"
                             for one in figures))
        case.judge(server.device("bochs")["screen"]["width"] == 0, "and the screen is blank")


def await_no_client(server, tries=500):
    """The server is asked until it has noticed; each question takes a turn of its loop."""
    for _ in range(tries):
        if not any(device["client"] for device in server.control("state")["devices"]):
            return
    raise Failure("serve still has a client")


def ended(case):
    """SIGTERM while a guest uses it."""
    with case.server(DISPLAY) as server:
        with case.guest([vfio_user(server.socket("bochs"))]) as guest:
            guest.screen()
            show(case, server, guest, "a picture")
            status = server.end()
            left = sorted(path.name for path in server.run.glob("*"))
            case.judge(status == 0, "SIGTERM with a guest attached ends serve with 0", f"status {status}")
            case.judge(not left, "no socket is left behind", " ".join(left))
            case.judge(guest.qmp("query-status")["status"] == "running", "QEMU goes on without its device")
            guest.may_complain = True
            case.judge(guest.must("echo here") == "here", "and so does the guest")


KILLS = 8
# Reads the EDID, byte by byte from the function, over and over, and counts those that were another. It does not
# end: a child's end makes the guest's shell forget what it has read of a line.
READS = ("cd /sys/class/drm/card*-*; first=$(sha256sum <edid); wrong=0; n=0; while [ ! -e /tmp/stop ]; do n=$((n + 1));"
         " echo detect >status; [ \"$(sha256sum <edid)\" = \"$first\" ] || wrong=$((wrong + 1));"
         " done; echo reads $n wrong $wrong >/tmp/reads; exec sleep 100000")


def survives(case):
    """The worker is killed while QEMU is attached, and neither it nor the guest notices."""
    names = ("bochs", "virtio-keyboard")
    with case.server(*names) as server:
        with case.guest([vfio_user(server.socket(name)) for name in names]) as guest:
            guest.screen()
            guest.must("load virtio_input evdev && await test -e /dev/input/event0")
            listen(guest)
            drawn = guest.show("random", 1111, 777, case.random.randrange(1 << 32))
            guest.must("rm -f /tmp/stop; (" + READS + ") </dev/null >/dev/null 2>&1 & true")
            workers, kept = set(), 0
            for _ in range(KILLS):
                workers.add(server.kill_worker())
                kept += server.pixels().sum == drawn
                with Viewer(server.run / "vnc") as viewer:
                    viewer.type("a")
                    event(guest, KEY, 30, 1)
                    event(guest, KEY, 30, 0)
            case.judge(len(workers) == KILLS and kept == KILLS, f"{KILLS} workers killed: screen and keys go on",
                       f"{kept} pictures as before")
            reads = guest.must("touch /tmp/stop; await test -s /tmp/reads; cat /tmp/reads")
            case.judge(re.fullmatch("reads [1-9][0-9]* wrong 0", reads), "the guest has read its EDID meanwhile", reads)
            show(case, server, guest, "and draws another picture")
            clients = [device["clients"] for device in server.control("state")["devices"]]
            case.judge(clients == [1, 1], "its QEMU is the same client", clients)
            case.judge(guest.end() == 0, "QEMU ends with 0")
        case.judge(server.end() == 0, "serve ends with 0")


CASES = [
    ("resize", "the size that the screen likes best", resize),
    ("reset", "a reset of the VM", reset),
    ("rebind", "drivers that come and go", rebind),
    ("lost", "QEMU killed, and the next one", lost),
    ("survives", "the server's worker killed under a guest", survives),
    ("ended", "the server's end", ended),
]
