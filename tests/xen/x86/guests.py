# SPDX-License-Identifier: MIT
"""The machine whose devices are passed through, and what the guests that get them must say."""

import hashlib
import pathlib
import re

from bed.pc import AMD_IOMMU, Pc
from rows import DEVICES

SERVED = 200000  # bytes that a guest fetches from the network
MEGABYTE = 1 << 20
LARGE = 256 * MEGABYTE  # a BAR of 32 bits that no guest has room for unasked
INTEL_IOMMU = ["-device", "intel-iommu,intremap=on"]

GUEST_ARGUMENTS = "console=hvc0 tsc=unstable loglevel=4"
# What this emulation needs beside what a plan has.
COMMON = 'vcpus = 1\ntsc_mode = "native"\non_crash = "preserve"\n'
HVM = 'vga = "none"\nvnc = 0\nsdl = 0\ndevice_model_override = "/usr/libexec/xen-qemu-system-i386"\n'


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
            "-device", "pcie-root-port,id=igb-port,chassis=1,slot=1,addr=03.0",
            "-netdev", f"user,id=igb,tftp={self.served}", "-device", "igb,netdev=igb,bus=igb-port,romfile=",
            "-device", "bochs-display,addr=05.0",
            "-device", f"edu,addr=06.0,multifunction=on,dma_mask={(1 << 64) - 1}",
            "-device", "pci-testdev,addr=06.1",
            "-netdev", f"user,id=net,tftp={self.served}", "-device", "e1000e,netdev=net,addr=07.0,romfile=",
            "-drive", f"if=none,id=nvme,file={self.disk},format=raw,file.locking=off",
            "-device", "nvme,serial=bed,drive=nvme,addr=08.0",
            "-device", f"bochs-display,addr=09.0,vgamem={LARGE}",
        ]

    def pc(self, bed, dom0, linux, iommu, **options):
        parts = {"amd": list(AMD_IOMMU), "intel": list(INTEL_IOMMU), None: []}[iommu]
        return Pc(bed, dom0, linux, iommu=parts, devices=self.arguments(), **options)

    def read_disk(self, megabyte):
        with open(self.disk, "rb") as file:
            file.seek(megabyte * MEGABYTE)
            return file.read(MEGABYTE)


def addresses(devices):
    return " ".join(DEVICES[device][0] for device in devices)


def fields(line):
    """The NAME=VALUE pairs of a line."""
    return dict(word.split("=", 1) for word in line.split() if "=" in word)


def works(trial, said, devices):
    """Whether what a trial said is all right, but for the interrupts, and what was seen."""
    if trial in ("net", "vf"):
        wanted = hashlib.sha256((devices.served / "data").read_bytes()).hexdigest()
        return said.get("sum") == wanted, f"{SERVED} bytes fetched from the network"
    if trial == "edu":
        good = (said.get("id"), said.get("live"), said.get("factorial"), said.get("dma"))
        return good == ("0x010000ed", "ok", "ok", "ok"), "its answers, and DMA both ways"
    if trial == "test":
        return said.get("name") == "6D6D696F", "its registers say its name"
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
