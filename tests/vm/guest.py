# SPDX-License-Identifier: MIT
"""A guest of stock QEMU: stock kernels of Debian's and programs of ours, without Xen."""

import dataclasses
import itertools
import json
import os
import pathlib
import re
import shlex
import time

from bed.machine import COMMAND_LIMIT, Machine
from bed.streams import Ended
from bed.tools import Failure, build, run

BOOT_LIMIT = 180
MEMORY = 512  # MiB
KERNEL = "console=ttyS0,115200 rdinit=/init loglevel=4 tsc=unstable no_timer_check panic=-1"

# An IOMMU, and what a kernel needs to be told to use it for all.
IOMMU = "intel-iommu,caching-mode=on"
IOMMU_KERNEL = "intel_iommu=on iommu=strict"


class VmBed:
    """The folder that testbed/vm/build.sh makes."""

    def __init__(self, cached=False):
        self.path = build("testbed/vm/build.sh", cached)
        self.qemu = self.path / "qemu-x86/qemu"
        self.roms = self.path / "qemu-x86/usr/share/seabios"
        self.ovmf = self.path / "vm-firmware/usr/share/OVMF"

    def release(self, linux):
        return (self.path / f"linux-{linux}/release").read_text().strip()

    def versions(self):
        qemu = run(self.qemu, "--version").split("version ")[1].split("\n")[0]
        kernels = ", ".join(self.release(name) for name in ("stable", "new"))
        ovmf = (self.path / "vm-firmware/version").read_text().strip()
        tests = (self.path / "vm-tests/version").read_text().strip()
        with open(self.roms / "bios-256k.bin", "rb") as file:
            seabios = re.search(rb"\d+\.\d+\.\d+-debian-([^\0]+)", file.read())
        return [f"QEMU {qemu}", f"Linux {kernels}", f"SeaBIOS {seabios.group(1).decode() if seabios else '?'}",
                f"OVMF {ovmf}", f"VFIO tests of Linux {tests}"]


def vfio_user(socket, **more):
    """A device of ours, as an argument of QEMU's -device."""
    return {"driver": "vfio-user-pci", "socket": {"path": str(socket), "type": "unix"}, **more}


@dataclasses.dataclass
class Vm:
    bed: VmBed
    linux: str = "new"  # or "stable"; None: no kernel
    devices: list = dataclasses.field(default_factory=list)  # dictionaries or words
    more: list = dataclasses.field(default_factory=list)  # words of QEMU's command line
    machine: str = "q35"
    cpu: str = "max"
    memory: int = MEMORY
    kernel: str = ""  # more arguments for it
    shared: bool = True  # its memory has a descriptor


class Guest(Machine):
    """
    Runs a `Vm`. Its second serial port is a shell; its third tells of input. What QEMU says to QMP's
    commands and by itself comes on `qmp`.
    """

    PROGRAM = "qemu-system-x86_64: "
    PORTS = ("serial", "bed", "events", "qmp")

    def __init__(self, vm: Vm, log, report=print):
        super().__init__(vm.bed.qemu, pathlib.Path(log), report)
        self.vm = vm
        self.ids = itertools.count(1)
        self.may_complain = False

    def arguments(self):
        vm = self.vm
        words = ["-machine", f"{vm.machine},memory-backend=ram,i8042=off", "-accel", "tcg,thread=multi", "-cpu", vm.cpu]
        words += ["-smp", "1", "-m", str(vm.memory), "-nodefaults", "-no-user-config", "-display", "none"]
        kind = "memfd,share=on" if vm.shared else "ram"
        words += ["-object", f"memory-backend-{kind},id=ram,size={vm.memory}M"]
        words += ["-serial", "chardev:serial"]
        words += ["-device", "isa-serial,chardev=bed,iobase=0x2f8,irq=3,index=1"]
        words += ["-device", "isa-serial,chardev=events,iobase=0x3e8,irq=5,index=2"]
        words += vm.more
        for device in vm.devices:
            words += ["-device", json.dumps(device) if isinstance(device, dict) else device]
        if vm.linux:
            words += ["-kernel", str(vm.bed.path / f"linux-{vm.linux}/vmlinux")]
            words += ["-initrd", str(vm.bed.path / f"vm-roots/{vm.linux}.cpio")]
            words += ["-append", f"{KERNEL} {vm.kernel}".strip()]
        return words

    def boot(self):
        begin = time.monotonic()
        self.start()
        if self.vm.linux:
            self.ready()
        self.boot_time = time.monotonic() - begin

    def ready(self, limit=BOOT_LIMIT):
        """Awaits the shell of a guest that starts."""
        key, match = self.streams.expect(
            {"ready": ("bed", r"^bed-ready"), "panic": ("serial", r"Kernel panic.*\n")}, limit)
        if key == "panic":
            raise Failure(match.group(0).strip())

    def shell(self, command, limit=COMMAND_LIMIT):
        """A line of shell in the guest. Returns its status and what it printed."""
        return self.dom0(command, limit)

    def must(self, command, limit=COMMAND_LIMIT):
        status, said = self.dom0(command, limit)
        if status != 0:
            raise Failure(f"guest: {command}: status {status}\n{said.strip()}")
        return said.strip()

    def qmp(self, command, limit=COMMAND_LIMIT, **arguments):
        """What QEMU returns, or a Failure with what it says is wrong."""
        number = next(self.ids)
        words = {"execute": command, "id": number}
        if arguments:
            words["arguments"] = arguments
        self.streams.note("qmp", f"> {json.dumps(words)}\n")
        self.streams["qmp"].send(json.dumps(words) + "\n")
        _, match = self.streams.expect({"reply": ("qmp", rf'^.*"id": {number}\b.*$')}, limit)
        self.streams.note("qmp", f"{match.group(0)}\n")
        reply = json.loads(match.group(0))
        if "error" in reply:
            raise Failure(f"QEMU: {command}: {reply['error']['desc']}")
        return reply["return"]

    def event(self, name, limit=COMMAND_LIMIT):
        return self.streams.expect({"event": ("qmp", rf'^.*"event": "{name}".*$')}, limit)[1].group(0)

    def screendump(self, device, path):
        """QEMU's own look at a display of its own."""
        self.qmp("screendump", filename=str(path), format="png", device=device)

    def screen(self):
        """The guest's picture program opens the card. Returns the driver's card."""
        return self.must("screen && cat /sys/class/drm/card*/device/uevent | grep DRIVER")

    def show(self, kind, width, height, argument, limit=COMMAND_LIMIT):
        """Returns the SHA-256 of what the guest shows now."""
        said = self.must("picture " + shlex.quote(f"{kind} {width} {height} {argument}"), limit)
        match = re.fullmatch(r"shown (\d+) (\d+) ([0-9a-f]{64})", said)
        if not match or (int(match.group(1)), int(match.group(2))) != (width, height):
            raise Failure(f"the guest shows no picture: {said}")
        return match.group(3)

    def address(self, vendor, device):
        return self.must(f"await find_device {vendor:#06x} {device:#06x}").split()[-1]

    def complaints(self):
        """What QEMU said itself, other than that a way of asking for its monitor is old."""
        return [line for line in self.log_path.read_text(errors="replace").splitlines()
                if line.startswith(self.PROGRAM) and "deprecated" not in line]

    def kill(self):
        """As if it had crashed."""
        os.kill(self.process.pid, 9)
        self.process.wait(30)

    def end(self, limit=COMMAND_LIMIT):
        """Asks QEMU to end, which it does with 0. Returns its status."""
        try:
            self.qmp("quit", limit)
        except Ended:
            pass
        return self.process.wait(limit)
