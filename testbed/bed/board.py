# SPDX-License-Identifier: MIT
"""What the machine is made of, and what its boot loader does."""

import dataclasses
import pathlib
import tempfile

from .tools import Bed, run

# Where the boot loader puts things: in the machine's memory, clear of where QEMU puts Xen and the
# tree, and of each other.
MEMORY = 3072  # MiB
DOM0_KERNEL = 0x50000000
DOM0_RAMDISK = 0x58000000
GUESTS = 0x60000000

XEN_ARGUMENTS = (
    "console=dtuart dtuart=/pl011@9000000 dom0_mem=640M dom0_max_vcpus=1 bootscrub=0"
    " loglvl=all guest_loglvl=all iommu=verbose"
)
DOM0_ARGUMENTS = "console=hvc0 rdinit=/init loglevel=4"


@dataclasses.dataclass
class Disk:
    """A drive, behind the PCIe host bridge or beside it."""

    kind: str  # "virtio", "nvme", or "mmio" for a virtio disk that is no PCI function
    slot: int  # device number on bus 0; of "mmio" the number of the virtio-mmio transport
    path: pathlib.Path

    def arguments(self):
        drive = f"{self.kind}{self.slot}"
        place = f"bus=virtio-mmio-bus.{self.slot}" if self.kind == "mmio" else f"addr={self.slot}"
        device = {
            "mmio": "virtio-blk-device",
            "virtio": "virtio-blk-pci,iommu_platform=on,disable-legacy=on,vectors=0",
            "nvme": "nvme,serial=bed",
        }[self.kind]
        return [
            "-drive", f"if=none,id={drive},format=raw,file={self.path}",
            "-device", f"{device},{place},drive={drive}",
        ]


@dataclasses.dataclass
class Module:
    """Something that the boot loader puts into memory."""

    path: pathlib.Path
    address: int

    @property
    def size(self):
        return pathlib.Path(self.path).stat().st_size

    def arguments(self):
        return ["-device", f"loader,file={self.path},addr={self.address:#x},force-raw=on"]


class Guest:
    """
    What the boot loader loads for one dom0less guest. The addresses are needed for the plan, and
    the tree comes out of it.
    """

    SPACE = 0x4000000

    def __init__(self, bed: Bed, index, trials):
        base = GUESTS + index * self.SPACE
        self.kernel = Module(bed.kernel, base)
        self.ramdisk = Module(bed.guest, base + 0x3000000)
        self.tree = base + 0x3800000
        self.command_line = f"console=ttyAMA0 rdinit=/init loglevel=4 bed={','.join(trials)}"

    def settings(self):
        """Lines for a plan file."""
        return f"""\
mode = dom0less
memory = 256M
module = kernel={self.kernel.address:#x}+{self.kernel.size:#x}
module = ramdisk={self.ramdisk.address:#x}+{self.ramdisk.size:#x}
module = tree={self.tree:#x}
cmdline = {self.command_line}
"""

    def modules(self, tree):
        return [self.kernel, self.ramdisk, Module(tree, self.tree)]


class Board:
    """QEMU's machine "virt": two PL011, PL031, PL061, PCIe, virtio-mmio, and an SMMUv3."""

    def __init__(self, bed: Bed, smmu=True, high_ecam=True, disks=(), more=()):
        self.bed = bed
        self.disks = list(disks)
        self.more = list(more)
        self.machine = "virt,gic-version=3,virtualization=on"
        if not high_ecam:
            self.machine += ",highmem-ecam=off"
        if smmu:
            self.machine += ",iommu=smmuv3"

    def arguments(self):
        """Of QEMU, without what is booted and where its ports lead."""
        words = ["-cpu", "cortex-a57", "-smp", "2", "-m", str(MEMORY)]
        words += ["-display", "none", "-nic", "none", "-no-reboot", "-accel", "tcg,thread=multi"]
        for disk in self.disks:
            words += disk.arguments()
        return words + self.more

    def tree(self):
        """The device tree that this machine describes itself with."""
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "board.dtb"
            # Both UARTs are described only if both lead somewhere.
            run(self.bed.qemu, "-machine", f"{self.machine},dumpdtb={path}", *self.arguments(),
                "-monitor", "none", "-serial", "null", "-serial", "null")
            return path.read_bytes()

    def dom0_modules(self):
        return [Module(self.bed.kernel, DOM0_KERNEL), Module(self.bed.dom0, DOM0_RAMDISK)]


def source_of(tree):
    """A tree as source text."""
    return run("dtc", "-q", "-I", "dtb", "-O", "dts", "-", data=tree, text=False).decode()


def compile_tree(text):
    return run("dtc", "-q", "-I", "dts", "-O", "dtb", "-", data=text.encode(), text=False)


def append(tree, more):
    """A tree with changes in dtc's language: `&{/node} { … };`"""
    return compile_tree(source_of(tree) + more)


def load(board, tree, dom0_arguments=(), xen_arguments=()):
    """The boot loader's part: where dom0's kernel and ramdisk are, and the command lines."""
    kernel, ramdisk = board.dom0_modules()
    dom0 = " ".join([DOM0_ARGUMENTS, *dom0_arguments])
    xen = " ".join([XEN_ARGUMENTS, *xen_arguments])

    def module(kind, item):
        return (
            f'module@{item.address:x} {{ compatible = "multiboot,{kind}", "multiboot,module";'
            f" reg = <0 {item.address:#x} 0 {item.size:#x}>; }};"
        )

    return append(tree, f"""
&{{/chosen}} {{
	#address-cells = <2>;
	#size-cells = <2>;
	xen,xen-bootargs = "{xen}";
	xen,dom0-bootargs = "{dom0}";
	{module("kernel", kernel)}
	{module("ramdisk", ramdisk)}
}};
""")


def overlaid(tree, *overlays):
    """The tree with compiled overlays, by path, applied by fdtoverlay."""
    with tempfile.TemporaryDirectory() as folder:
        base, result = pathlib.Path(folder) / "base.dtb", pathlib.Path(folder) / "result.dtb"
        base.write_bytes(tree)
        run("fdtoverlay", "-i", base, "-o", result, *overlays)
        return result.read_bytes()
