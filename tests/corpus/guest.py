# SPDX-License-Identifier: MIT
"""What can be said of a guest's partial tree without looking at the host."""

from __future__ import annotations

import re
from typing import NamedTuple

import fdt
import phandles
import reading
import xen


class Fault(NamedTuple):
    code: str
    text: str


class GuestReg(NamedTuple):
    path: str
    kind: str               # "reg" or "window"
    start: int
    size: int


class GuestIrq(NamedTuple):
    path: str
    spi: int
    type: int
    nexus: bool


# What a guest can never have, and what it can have only of a provider that is given along.
_NEVER = re.compile(r"iommus|iommu-map(-mask)?|mmu-masters|#stream-id-cells"
                    r"|msi-map(-mask)?|memory-region(-names)?|iommu-addresses|xen,.*")
_ALONG = re.compile(r"power-domains|resets|pinctrl-[0-9]+|interconnects|assigned-clocks"
                    r"|assigned-clock-parents|nvmem-cells|dmas|mboxes|hwlocks|thermal-sensors"
                    r"|access-controllers|performance-domains|msi-parent")
_NAMES = {
    "power-domain-names": "power-domains",
    "reset-names": "resets",
    "pinctrl-names": "pinctrl-0",
    "interconnect-names": "interconnects",
    "assigned-clock-rates": "assigned-clocks",
    "nvmem-cell-names": "nvmem-cells",
    "dma-names": "dmas",
    "mbox-names": "mboxes",
}
_DOM0LESS = frozenset(("xen,reg", "xen,path", "xen,force-assign-without-iommu"))
_TOP = frozenset(("gic", "aliases", "passthrough"))


class GuestTree:
    """A guest's tree. `dom0less` says that Xen reads three properties of its own in it."""

    def __init__(self, blob: bytes, dom0less: bool = False) -> None:
        self.faults: list[Fault] = []
        self.regs: list[GuestReg] = []
        self.irqs: list[GuestIrq] = []
        self.aliases: dict[str, str] = {}
        self.disabled: set[str] = set()
        self.along: list[tuple[str, str, str]] = []  # node, property, provider
        self.paths: set[str] = set()
        self._dom0less = dom0less
        try:
            self.tree = fdt.Tree(blob)
        except (fdt.FdtError, ValueError, IndexError) as error:
            self._fault("tree-malformed", str(error))
            return
        for text in self.tree.faults:
            self._fault("tree-duplicate", text)
        self.paths = set(self.tree.by_path)
        self._check_top()
        for node in self.tree.nodes:
            self._check_node(node)
        self._read()

    def _fault(self, code: str, text: str) -> None:
        self.faults.append(Fault(code, text))

    def _check_top(self) -> None:
        for node in self.tree.root.children:
            if node.name not in _TOP:
                self._fault("tree-top", "%s is none of /gic, /aliases, /passthrough" % node.path)
        passthrough = self.tree.by_path.get("/passthrough")
        if passthrough is None:
            self._fault("tree-top", "there is no /passthrough")
        elif passthrough.props.get("ranges") != b"":
            self._fault("tree-top", "/passthrough does not map 1:1")
        gic = self.tree.by_path.get("/gic")
        for phandle, node in self.tree.by_phandle.items():
            taken = phandle in (xen.GUEST_GIC_PHANDLE, xen.GUEST_IOMMU_PHANDLE)
            wanted = node is gic and not self._dom0less
            if taken != wanted or wanted and phandle != xen.GUEST_GIC_PHANDLE:
                self._fault("tree-reserved", "%s has phandle %d" % (node.path, phandle))

    def _check_node(self, node: fdt.Node) -> None:
        if not node.available():
            self.disabled.add(node.path)
        for name in node.props:
            if _NEVER.fullmatch(name) and not (self._dom0less and name in _DOM0LESS):
                self._fault("tree-host-only", "%s: %s" % (node.path, name))
            elif name in _NAMES and _NAMES[name] not in node.props:
                self._fault("tree-host-only", "%s: %s" % (node.path, name))
            if phandles.layout_of(name) is not None:
                self._check_references(node, name)

    def _check_references(self, node: fdt.Node, name: str) -> None:
        by_phandle = self.tree.by_phandle
        found, whole = phandles.references(node, name, by_phandle.get)
        along = _ALONG.fullmatch(name) is not None
        for phandle in found:
            provider = by_phandle.get(phandle)
            if provider is None:
                self._fault("tree-dangling", "%s: %s names phandle %d" % (node.path, name, phandle))
            elif provider.path == "/gic" and name not in phandles.IRQ_PROPERTIES:
                self._fault("tree-reserved", "%s: %s names the GIC" % (node.path, name))
            elif along:
                self.along.append((node.path, name, provider.path))
        if not whole and all(phandle in by_phandle for phandle in found):
            self._fault("tree-dangling", "%s: %s is cut short" % (node.path, name))

    def _read(self) -> None:
        seen = reading.Reading(self.tree, self.tree.by_path.get("/gic"))
        for node in self.tree.nodes:
            for reg in seen.regs[node.index]:
                if reg.fault is None:
                    self.regs.append(GuestReg(node.path, reg.kind, reg.host, reg.size))
                elif reg.fault not in ("pci", "unmapped"):
                    self._fault("tree-reg", "%s: register %d is %s" % (
                        node.path, reg.number, reg.fault))
            for irq in seen.irqs[node.index]:
                if irq.kind == "spi":
                    self.irqs.append(GuestIrq(node.path, irq.number, irq.type, irq.nexus))
                elif irq.kind != "controller":
                    self._fault("tree-irq", "%s: an interrupt that is %s" % (node.path, irq.kind))
        aliases = self.tree.by_path.get("/aliases")
        if aliases is not None:
            self._read_aliases(aliases)

    def _read_aliases(self, aliases: fdt.Node) -> None:
        for name, data in aliases.props.items():
            if name in ("phandle", "linux,phandle"):
                continue
            path = data.rstrip(b"\0").decode("latin-1")
            self.aliases[name] = path
            if path not in self.paths:
                self._fault("tree-alias", "%s leads to %s, which is not there" % (name, path))
