# SPDX-License-Identifier: MIT
"""A host's raw tree: what Reading gives, stream IDs, and who owns what."""

from __future__ import annotations

import bisect
from typing import NamedTuple, Optional

import fdt
import reading
import xen


class Stream(NamedTuple):
    master: int
    controller: Optional[fdt.Node]
    specifier: tuple[int, ...]
    origin: str             # "iommus", "mmu-masters", "iommu-map", "broken"
    length: int             # of an iommu-map's row, else 1


def find_gic(tree: fdt.Tree) -> tuple[Optional[fdt.Node], int]:
    """The first GIC that Xen drives, and its version; else one that it does not drive, and 0."""
    other = None
    for node in tree.nodes:
        if "interrupt-controller" in node.props and node.available():
            for name in node.compatible():
                if name in xen.GIC_VERSIONS:
                    return node, xen.GIC_VERSIONS[name]
                if name in xen.GICS_UNDRIVEN and other is None:
                    other = node
    return other, 0


class Host(reading.Reading):
    """A host as Xen 4.`minor` finds it."""

    def __init__(self, tree: fdt.Tree, minor: int = 20) -> None:
        gic, self.gic_version = find_gic(tree)
        super().__init__(tree, gic)
        self.minor = minor
        self.driver = [xen.iommu_driver(node.compatible(), minor) for node in tree.nodes]
        self.streams = [self._read_iommus(node) for node in tree.nodes]
        self._read_mmu_masters()
        self._skips = self._find_skips()
        self.kept: Optional[list[tuple[int, int, int]]] = None
        self._index()

    # Stream IDs

    def _read_iommus(self, node: fdt.Node) -> list[Stream]:
        words, at = node.cells("iommus"), 0
        found: list[Stream] = []
        while at < len(words):
            controller = self.tree.by_phandle.get(words[at])
            cells = controller.u32("#iommu-cells", -1) if controller is not None else -1
            spec = words[at + 1:at + 1 + cells] if cells >= 0 else ()
            if cells < 0 or len(spec) != cells:
                found.append(Stream(node.index, None, (), "broken", 1))
                break
            found.append(Stream(node.index, controller, spec, "iommus", 1))
            at += 1 + cells
        self._read_iommu_map(node, found)
        return found

    def _read_iommu_map(self, node: fdt.Node, found: list[Stream]) -> None:
        """Rows of an iommu-map have one cell for the ID, or as many as the IOMMU has."""
        words, by_phandle = node.cells("iommu-map"), self.tree.by_phandle
        controller = by_phandle.get(words[1]) if len(words) > 1 else None
        most = controller.u32("#iommu-cells", 1) if controller is not None else 1
        for cells in (most, 1):
            row = 3 + cells
            rows = [words[at:at + row] for at in range(0, len(words), row)]
            if all(len(one) == row and one[1] in by_phandle for one in rows):
                found.extend(Stream(node.index, by_phandle[one[1]], one[2:-1], "iommu-map", one[-1])
                             for one in rows)
                return
        found.append(Stream(node.index, None, (), "broken", 1))

    def _read_mmu_masters(self) -> None:
        for iommu in self.tree.nodes:
            words, at = iommu.cells("mmu-masters"), 0
            while at < len(words):
                master = self.tree.by_phandle.get(words[at])
                if master is None:
                    break
                stop = at + 1 + master.u32("#stream-id-cells", 0)
                for cell in words[at + 1:stop]:
                    self.streams[master.index].append(
                        Stream(master.index, iommu, (cell,), "mmu-masters", 1))
                at = stop

    # Who else

    def _find_skips(self) -> list[Optional[str]]:
        """For each node why Xen does not look at it, its ancestors' reasons included."""
        blacklisted = xen.blacklist(self.tree.root)
        found: list[Optional[str]] = []
        for node in self.tree.nodes:
            why = found[node.parent.index] if node.parent is not None else None
            if why is None:
                why = xen.skipped(node, blacklisted)
            if why is None and self.is_xens(node):
                why = "xen"
            if why is None and any(irq.kind == "ppi" for irq in self.irqs[node.index]):
                why = "ppi"
            found.append(why)
        return found

    def is_xens(self, node: fdt.Node) -> bool:
        """The GIC, or an IOMMU of a kind for which Xen has a driver."""
        return self.driver[node.index] is not None or node is self.gic

    def skip(self, node: fdt.Node) -> Optional[str]:
        return self._skips[node.index]

    def _index(self) -> None:
        self.spi_users: dict[int, list[reading.Irq]] = {}
        for irqs in self.irqs:
            for irq in irqs:
                if irq.kind == "spi":
                    self.spi_users.setdefault(irq.number, []).append(irq)
        self.stream_users: dict[int, list[Stream]] = {}
        for streams in self.streams:
            for stream in streams:
                if stream.controller is not None:
                    self.stream_users.setdefault(stream.controller.index, []).append(stream)
        spans = [(*reading.pages_of(reg.host, reg.size), reg.node)
                 for regs in self.regs for reg in regs
                 if reg.fault is None and reg.size and reg.kind == "reg"]
        self._spans = sorted(spans)
        self._starts = [span[0] for span in self._spans]
        self._highest, highest = [], 0
        for span in self._spans:
            highest = max(highest, span[1])
            self._highest.append(highest)
        self.memory = [(reg.host, reg.host + reg.size) for node in self.tree.nodes
                       if node.props.get("device_type") == b"memory\0"
                       for reg in self.regs[node.index] if reg.fault is None and reg.size]

    def page_users(self, first: int, stop: int) -> list[int]:
        """Nodes with registers in any of the frames from `first` up to `stop`."""
        at, found = bisect.bisect_left(self._starts, stop) - 1, []
        while at >= 0 and self._highest[at] > first:
            if self._spans[at][1] > first:
                found.append(self._spans[at][2])
            at -= 1
        return found

    def console(self) -> Optional[fdt.Node]:
        """The node of /chosen's stdout-path."""
        chosen = self.tree.by_path.get("/chosen")
        if chosen is None:
            return None
        for name in ("stdout-path", "linux,stdout-path"):
            for text in fdt.strings(chosen.props.get(name)):
                return self.by_path_or_alias(text.split(":")[0])
        return None

    def by_path_or_alias(self, text: str) -> Optional[fdt.Node]:
        if not text.startswith("/"):
            aliases = self.tree.by_path.get("/aliases")
            names = fdt.strings(aliases.props.get(text)) if aliases is not None else []
            if not names:
                return None
            text = names[0]
        return self.tree.by_path.get(text)
