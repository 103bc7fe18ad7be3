# SPDX-License-Identifier: MIT
"""A PC that runs: QEMU's machine "q35" with real Xen for x86, or with Linux alone."""

import dataclasses
import io
import pathlib
import tarfile

from .machine import COMMAND_LIMIT, Machine
from .tools import Failure, build

DISK_SIZE = 64 << 20
MEMORY = 3072  # MiB
DOM0_MEMORY = 1280

# Without these Xen does not run right on this emulation. QEMU's SVM does not tell RDTSCP and MWAIT
# right; without eager-fpu it corrupts the state of floating point as soon as an HVM guest runs.
CPU = "EPYC,-rdtscp,-monitor"
XEN_ARGUMENTS = (
    f"dom0_mem={DOM0_MEMORY}M,max:{DOM0_MEMORY}M iommu=verbose cpuidle=0 spec-ctrl=eager-fpu console=com1"
    " com1=115200,8n1 loglvl=all guest_loglvl=all"
)
# The call that is left out reads a register of AMD's chipsets, which no emulation has.
LINUX_ARGUMENTS = "tsc=unstable loglevel=4 initcall_blacklist=print_s5_reset_status_mmio"
AMD_IOMMU = ["-device", "amd-iommu,dma-remap=on"]


class PcBed:
    """The folder that testbed/x86/build.sh makes."""

    def __init__(self, cached=False):
        self.path = build("testbed/x86/build.sh", cached)
        self.qemu = self.path / "qemu-x86/qemu"
        self.xen = self.path / "amd64/xen"
        self.dom0 = self.path / "x86-roots/dom0.cpio"
        self.sysroot = self.path / "amd64"  # for testbed/cross.sh
        self.xen_release = (self.path / "amd64/xen-release").read_text().strip()

    def linux(self, name):
        """The folder of one of the kernels, and what dom0 needs beside its own files with it."""
        return self.path / f"linux-{name}", self.path / f"x86-roots/linux-{name}.cpio"


@dataclasses.dataclass
class Pc:
    """What is booted on what. `dom0` is "pv", "pvh", or None for Linux without Xen."""

    bed: PcBed
    dom0: str = "pv"
    linux: str = "new"
    iommu: list = dataclasses.field(default_factory=lambda: list(AMD_IOMMU))
    devices: list = dataclasses.field(default_factory=list)  # of QEMU, as arguments
    xen_arguments: str = ""
    dom0_arguments: str = ""
    machine: str = "q35"
    cpu: str = CPU
    memory: int = MEMORY


class PcSystem(Machine):
    """Boots a `Pc`."""

    def __init__(self, pc: Pc, log, report=print):
        super().__init__(pc.bed.qemu, pathlib.Path(log), report)
        self.pc = pc

    def arguments(self):
        pc = self.pc
        folder = pathlib.Path(self.folder.name)
        self.disk = folder / "disk"
        with open(self.disk, "wb") as disk:
            disk.truncate(DISK_SIZE)
        linux, more = pc.bed.linux(pc.linux)
        ramdisk = folder / "dom0.cpio"
        ramdisk.write_bytes(pc.bed.dom0.read_bytes() + more.read_bytes())
        words = ["-machine", pc.machine, "-accel", "tcg,thread=multi", "-cpu", pc.cpu, "-smp", "1", "-m", str(pc.memory)]
        words += ["-display", "none", "-vga", "none", "-nic", "none", "-no-reboot"]
        words += ["-serial", "chardev:serial"]
        words += ["-device", "isa-serial,chardev=bed,iobase=0x2f8,irq=3,index=1"]
        words += ["-device", "isa-serial,chardev=guests,iobase=0x3e8,irq=5,index=2"]
        words += ["-drive", f"if=none,id=bed-disk,format=raw,file.locking=off,file={self.disk}"]
        words += ["-device", "ide-hd,drive=bed-disk,bus=ide.0"]
        words += pc.iommu + pc.devices
        if pc.dom0 is None:
            words += ["-kernel", str(linux / "vmlinuz"), "-initrd", str(ramdisk)]
            words += ["-append", f"console=ttyS0,115200 {LINUX_ARGUMENTS} {pc.dom0_arguments}"]
            return words
        kind = "dom0=pvh,verbose " if pc.dom0 == "pvh" else ""
        arguments = f"console=hvc0 {LINUX_ARGUMENTS} {pc.dom0_arguments}".strip()
        # QEMU takes a comma for the end of a module.
        modules = f"{linux / 'vmlinux'} {arguments.replace(',', ',,')},{ramdisk}"
        words += ["-kernel", str(pc.bed.xen), "-append", f"{kind}{XEN_ARGUMENTS} {pc.xen_arguments}".strip()]
        return words + ["-initrd", modules]

    # Files

    def write(self, path, data):
        if len(data) > DISK_SIZE:
            raise Failure(f"{path}: {len(data)} bytes are too many for the disk")
        with open(self.disk, "r+b") as disk:
            disk.write(data)
        self.dom0_must(f"take {path} {len(data)}")

    def fetch(self, path):
        """Reads a file of dom0."""
        size = int(self.dom0_must(f"put {path}"))
        with open(self.disk, "rb") as disk:
            return disk.read(size)

    def install(self, folder):
        """Puts a folder's files into dom0's root, such as the `tree` that testbed/cross.sh makes."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.add(folder, arcname=".")
        self.push("/tmp/install.tar", archive.getvalue())
        self.dom0_must("tar -C / -xf /tmp/install.tar && rm /tmp/install.tar")

    # Guests

    def create(self, name, text, limit=COMMAND_LIMIT, verbose=False):
        """`xl create` of a configuration, as text. Returns the status and what xl said."""
        path = f"/root/{name}.cfg"
        self.push(path, text.encode())
        return self.create_from(name, path, limit, verbose)

    def create_from(self, name, path, limit=COMMAND_LIMIT, verbose=False):
        """The same of a file that is in dom0."""
        self.follow(name)
        return self.dom0(f"xl {'-vvv ' if verbose else ''}create {path} 2>&1", limit)
