# SPDX-License-Identifier: MIT
"""An independent count of GPUs, and of those that can be given away."""

from __future__ import annotations

import re

import fdt
import xen
from host import Host

_FAMILIES = re.compile(
    r"arm,mali-[^d].*|qcom,adreno|vivante,gc|img,(img-rogue|powervr-.*)|nvidia,g[a-z0-9]*"
    r"|brcm,.*-v3d")

# Drivers of Debian's Xen; those for the SMMUv3 and the IPMMU are not built there.
_BUILT = (xen.SMMU,)


def is_gpu(node: fdt.Node) -> bool:
    """Mali (not its display processors), Adreno (not its GMU), Vivante, PowerVR, Tegra, V3D."""
    return any(_FAMILIES.fullmatch(name) for name in node.compatible())


def gpus(host: Host) -> list[fdt.Node]:
    return [node for node in host.tree.nodes if is_gpu(node)]


def assignable(host: Host, node: fdt.Node) -> bool:
    """Enabled with all above it, GIC known, all SPIs, all stream IDs at IOMMUs that Xen drives."""
    irqs, streams = host.irqs[node.index], host.streams[node.index]
    return (host.enabled[node.index] and host.gic_version != 0
            and all(irq.kind == "spi" for irq in irqs)
            and bool(streams)
            and all(stream.controller is not None and host.enabled[stream.controller.index]
                    and host.driver[stream.controller.index] in _BUILT for stream in streams))
