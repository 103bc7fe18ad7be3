# SPDX-License-Identifier: MIT
"""What Xen on Arm does with a tree, as tables: its guest layout, its drivers, what it skips."""

from __future__ import annotations

from typing import NamedTuple, Optional

import fdt

PAGE = 4096
ADDRESS_LIMIT = 1 << 40
GUEST_GIC_PHANDLE = 65000
GUEST_IOMMU_PHANDLE = 65001
LAST_GUEST_SPI = 959
GUEST_SPIS_MOST = 988


class Area(NamedTuple):
    """Guest addresses from `start` up to and without `stop`."""
    name: str
    start: int
    stop: int
    kind: str = "xen"


_ALWAYS = (
    Area("virtio-mmio", 0x02000000, 0x02100000),
    Area("GIC distributor", 0x03001000, 0x03011000),
    Area("GIC redistributors", 0x03020000, 0x04020000),
    Area("ACPI", 0x20000000, 0x22000000),
    Area("PL011", 0x22000000, 0x22001000),
    Area("grant table", 0x38000000, 0x39000000),
    Area("magic pages", 0x39000000, 0x3A000000),
    Area("RAM bank 0 and its extended region", 0x40000000, 0x100000000, "ram"),
    Area("RAM bank 1 and its extended region", 0x200000000, ADDRESS_LIMIT, "ram"),
    Area("beyond 40 bits", ADDRESS_LIMIT, 1 << 64),
)

_WITH_PCI = (
    Area("vPCI ECAM", 0x10000000, 0x20000000),
    Area("vPCI memory", 0x23000000, 0x33000000),
    Area("vPCI prefetchable memory", 0x100000000, 0x200000000),
)

# Areas that a guest with a GICv2 does not have. A plan may leave them free or take them.
GIC3_ONLY = (
    (0x03004000, 0x03011000),
    (0x03020000, 0x04020000),
)


def guest_areas(pci: bool) -> list[Area]:
    """The areas of an xl or dom0less guest's layout where nothing may be placed."""
    return sorted(_ALWAYS + (_WITH_PCI if pci else ()), key=lambda area: area.start)


def guest_holes(pci: bool) -> list[tuple[int, int]]:
    holes, at = [], 0
    for area in guest_areas(pci):
        if area.start > at:
            holes.append((at, area.start))
        at = max(at, area.stop)
    return holes


GIC_VERSIONS = {
    "arm,cortex-a15-gic": 2,
    "arm,cortex-a7-gic": 2,
    "arm,gic-400": 2,
    "arm,gic-v3": 3,
}

# GICs for which Xen has no driver by these names.
GICS_UNDRIVEN = frozenset((
    "arm,cortex-a9-gic", "arm,gic-v5", "arm,pl390", "qcom,msm-8660-qgic", "qcom,msm-qgic2"))

SMMU, SMMU3, IPMMU = "smmu", "smmu-v3", "ipmmu"

# Since which minor release of Xen 4 there is a driver.
_IOMMU_DRIVERS = {
    "arm,smmu-v1": (SMMU, 17),
    "arm,smmu-v2": (SMMU, 17),
    "arm,mmu-400": (SMMU, 17),
    "arm,mmu-401": (SMMU, 17),
    "arm,mmu-500": (SMMU, 17),
    "arm,smmu-v3": (SMMU3, 17),
    "renesas,ipmmu-r8a7795": (IPMMU, 17),
    "renesas,ipmmu-r8a7796": (IPMMU, 17),
    "renesas,ipmmu-r8a77961": (IPMMU, 17),
    "renesas,ipmmu-r8a77965": (IPMMU, 17),
    "renesas,ipmmu-r8a779f0": (IPMMU, 17),
    "renesas,ipmmu-r8a779g0": (IPMMU, 20),
}

IOMMU_CELLS = {SMMU: (1, 2), SMMU3: (1,), IPMMU: (1,)}
IOMMU_IDS_MOST = {SMMU: 16}


def iommu_driver(compatible: list[str], minor: int) -> Optional[str]:
    for name in compatible:
        driver, since = _IOMMU_DRIVERS.get(name, (None, 0))
        if driver and minor >= since:
            return driver
    return None


def stream_out_of_range(driver: str, specifier: tuple[int, ...]) -> bool:
    """True if the driver would cut the stream ID short or refuse it."""
    if driver == SMMU:
        return any(cell > 0x7FFF for cell in specifier[:2])
    if driver == IPMMU:
        return bool(specifier) and specifier[0] >= 64
    return False


_SKIPPED = frozenset((
    "xen,domain", "xen,domain-shared-memory-v1", "xen,evtchn-v1", "xen,xen",
    "xen,multiboot-module", "multiboot,module", "arm,psci", "arm,psci-0.2", "arm,psci-1.0",
    "arm,cortex-a7-pmu", "arm,cortex-a15-pmu", "arm,cortex-a53-edac", "arm,armv8-pmuv3",
    "arm,armv7-timer-mem",
))
_TIMERS = frozenset(("arm,armv7-timer", "arm,armv8-timer"))

# Platforms of a 64-bit Xen, by the root's compatible, and what each keeps from dom0.
_BLACKLISTS = (
    (("brcm,bcm2711",), ("brcm,bcm2835-aux-spi", "brcm,bcm2835-aux", "brcm,bcm2835-pm")),
    (("allwinner,sun50i-a64", "allwinner,sun50i-h5", "allwinner,sun50i-h6"),
     ("snps,dw-apb-uart",)),
    (("cavium,thunder-88xx",), ("cavium,smmu-v2",)),
)


def blacklist(root: fdt.Node) -> frozenset[str]:
    names = set(root.compatible())
    for boards, devices in _BLACKLISTS:
        if names.intersection(boards):
            return frozenset(devices)
    return frozenset()


def skipped(node: fdt.Node, blacklisted: frozenset[str]) -> Optional[str]:
    """Why Xen passes over the node and what is below it; private interrupts are another reason."""
    if node.path == "/cpus":
        return "path"
    if fdt.strings(node.props.get("device_type")) == ["memory"]:
        return "memory"
    for name in node.compatible():
        if name in _SKIPPED:
            return "matched"
        if name in _TIMERS:
            return "timer"
        if name in blacklisted:
            return "blacklisted"
    return None
