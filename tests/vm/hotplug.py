# SPDX-License-Identifier: MIT
"""Functions that are plugged and unplugged while the guest runs."""

from bed.streams import Ended
from bed.tools import Failure
from guest import vfio_user
from life import GROWTH, await_no_client, show

PORT = "pcie-root-port,id=socket,chassis=1,mem-reserve=32M,pref32-reserve=32M"
CYCLES = 100
KEYS = ("descriptors", "mappings")


def plug(guest, server, device="bochs", bus="socket"):
    guest.qmp("device_add", **vfio_user(server.socket(device), id="ours", bus=bus))


def unplug(guest):
    guest.qmp("device_del", id="ours")
    guest.event("DEVICE_DELETED")


def driven(case):
    """With its driver, which shows something each time."""
    with case.server("bochs,irq=intx") as server:
        with case.guest([PORT], linux="new") as guest:
            guest.must("load bochs")
            for turn in range(3):
                plug(guest, server)
                guest.must(f"await test -e /sys/bus/pci/devices/{guest.address(0x1234, 0x1111)}/driver")
                guest.screen()
                show(case, server, guest, f"a picture, plugged in for the {('first', 'second', 'third')[turn]} time")
                guest.must("picture close")
                unplug(guest)
            guest.must("await test ! -e /sys/bus/pci/drivers/bochs-drm/0000:*")
            guest.end()


def cycles(case):
    with case.server("bochs,irq=intx") as server:
        with case.guest([PORT], linux="new") as guest:
            figures = []
            for turn in range(CYCLES + 1):
                plug(guest, server)
                guest.address(0x1234, 0x1111)
                unplug(guest)
                await_no_client(server)
                figures.append(server.figures())
            first, last = figures[0], figures[-1]
            flat = all(one[key] == first[key] for one in figures for key in KEYS)
            case.judge(flat, f"{CYCLES} times in and out: descriptors and mappings are flat",
                       ", ".join(f"{first[key]} {key}" for key in KEYS) if flat else f"{first} {last}")
            case.judge(last["private"] <= first["private"] + GROWTH, "private memory is flat",
                       f"{first['private']} KiB after the first, {last['private']} after the last")
            case.judge(server.device("bochs")["clients"] == CYCLES + 1, "each was a client of its own")
            guest.end()


def msix(case):
    """QEMU 11.1.3 aborts when a function with MSI-X is unplugged: its fault, which SUPPORT.md tells."""
    with case.server("virtio-keyboard") as server:
        with case.guest([PORT], linux="new") as guest:
            plug(guest, server, "virtio-keyboard")
            guest.address(0x1AF4, 0x1052)
            guest.may_complain = True
            try:
                unplug(guest)
                case.judge(False, "QEMU aborts at the unplugging of MSI-X", "not any more: SUPPORT.md is old")
            except (Ended, Failure) as failure:
                status = guest.process.wait(30)
                case.judge(status == -6, "QEMU aborts at the unplugging of MSI-X", f"status {status}; {failure}")
            case.judge(server.alive(), "and serve lives on")
    with case.server("virtio-keyboard,irq=intx", name="intx") as server:
        with case.guest([PORT], linux="new", name="intx-guest") as guest:
            for _ in range(2):
                plug(guest, server, "virtio-keyboard")
                guest.address(0x1AF4, 0x1052)
                unplug(guest)
            case.judge(guest.end() == 0, "without MSI-X it is unplugged")


CASES = [
    ("hotplug", "plugged in with its driver", driven),
    ("cycles", f"plugged in and out {CYCLES} times", cycles),
    ("msix", "unplugging and MSI-X", msix),
]
