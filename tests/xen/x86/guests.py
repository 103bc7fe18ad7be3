# SPDX-License-Identifier: MIT
"""The machine whose devices are passed through, the guests that get them, and what they must say."""

import dataclasses
import hashlib
import pathlib
import re

from bed.pc import AMD_IOMMU, Pc

# By the name that a table uses: where it is, and what tries it in the guest.
DEVICES = {
    "bochs": ("00:05.0", "bochs"),
    "edu": ("00:06.0", "edu"),
    "e1000e": ("00:07.0", "net"),
    "nvme": ("00:08.0", "nvme"),
}
SERVED = 200000  # bytes that a guest fetches from the network
MEGABYTE = 1 << 20

GUEST_ARGUMENTS = "console=hvc0 tsc=unstable loglevel=4"
HVM = """\
vga = "none"
vnc = 0
sdl = 0
device_model_override = "/usr/libexec/xen-qemu-system-i386"
"""


def pattern(seed, size):
    """Bytes that nothing else has."""
    blocks = (hashlib.sha256(f"{seed} {number}".encode()).digest() for number in range(size // 32 + 1))
    return b"".join(blocks)[:size]


class Devices:
    """QEMU's devices, with the host's side of each."""

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        self.served = folder / "served"
        self.served.mkdir(parents=True, exist_ok=True)
        (self.served / "data").write_bytes(pattern("network", SERVED))
        self.disk = folder / "nvme.img"
        self.disk.write_bytes(pattern("nvme", MEGABYTE) + bytes(3 * MEGABYTE))

    def arguments(self):
        return [
            "-device", "bochs-display,addr=05.0",
            "-device", f"edu,addr=06.0,dma_mask={(1 << 64) - 1}",
            "-netdev", f"user,id=net,tftp={self.served}", "-device", "e1000e,netdev=net,addr=07.0,romfile=",
            "-drive", f"if=none,id=nvme,file={self.disk},format=raw,file.locking=off",
            "-device", "nvme,serial=bed,drive=nvme,addr=08.0",
        ]

    def pc(self, bed, dom0, linux, iommu=True):
        return Pc(bed, dom0, linux, iommu=list(AMD_IOMMU) if iommu else [], devices=self.arguments())

    def read_disk(self, megabyte):
        with open(self.disk, "rb") as file:
            file.seek(megabyte * MEGABYTE)
            return file.read(MEGABYTE)


@dataclasses.dataclass
class Guest:
    """
    A guest of a kind, with devices and what their trials are to come to.

    `trials` are (trial, outcome): the trial of a device, with "-intx" or "-msi" behind it where the
    driver is told so, and the kind of interrupt that must be counted (a part of its name in
    /proc/interrupts), "" for a device that needs none, or None where it must not work.
    `refused` says that xl must refuse the guest, and `words` are what must be said then: (where,
    pattern), where it is one of the logs that a System is asked for.
    """

    name: str
    kind: str
    devices: tuple
    trials: tuple = ()
    settings: str = ""
    refused: bool = False
    words: tuple = ()
    why: str = ""

    def configuration(self):
        trials = ",".join(trial for trial, _ in self.trials)
        devices = ", ".join(f'"{DEVICES[device][0]}"' for device in self.devices)
        return (
            f'name = "{self.name}"\ntype = "{self.kind}"\nmemory = 256\nvcpus = 1\ntsc_mode = "native"\n'
            f'kernel = "/boot/vmlinuz"\nramdisk = "/boot/guest.cpio"\n'
            f'extra = "{GUEST_ARGUMENTS} bed={trials}"\non_crash = "preserve"\npci = [ {devices} ]\n'
            + (HVM if self.kind == "hvm" else "") + self.settings
        )


def fields(line):
    """The NAME=VALUE pairs of a line."""
    return dict(word.split("=", 1) for word in line.split() if "=" in word)


def works(trial, said, devices):
    """Whether what a trial said is all right, but for the interrupts, and what was seen."""
    if trial == "net":
        wanted = hashlib.sha256((devices.served / "data").read_bytes()).hexdigest()
        return said.get("sum") == wanted, f"{SERVED} bytes fetched from the network"
    if trial == "edu":
        good = (said.get("id"), said.get("live"), said.get("factorial"), said.get("dma"))
        return good == ("0x010000ed", "ok", "ok", "ok"), "its answers, and DMA both ways"
    if trial == "bochs":
        good = (said.get("driver"), said.get("memory"), said.get("picture"))
        return good == ("bochs-drm", "ok", "ok"), "its memory keeps what is written, and its driver shows a picture"
    if trial == "nvme":
        read = hashlib.sha256(devices.read_disk(0)).hexdigest()
        wrote = hashlib.sha256(devices.read_disk(1)).hexdigest()
        good = said.get("read") == read and said.get("wrote") == wrote and said.get("same") == "yes"
        return good, "a megabyte read, one written, both compared with the host's"
    raise ValueError(trial)


def interrupts(said):
    """How many were counted, and of what kind."""
    if "counted" in said:
        return int(said["counted"]), said.get("kind", "")
    return int(said.get("after", 0)) - int(said.get("before", 0)), said.get("kind", "")


LOGS = {
    "xen": "xl dmesg -c",
    "dom0": "dmesg -c",
    "qemu": "cat /var/log/xen/qemu-dm-{name}.log",
}


def matches(words, text):
    return re.search(words, text, re.MULTILINE) is not None
