# SPDX-License-Identifier: MIT
"""Where the registers and interrupts of any tree really lead."""

from __future__ import annotations

from typing import Iterable, NamedTuple, Optional

import fdt
import xen


class Reg(NamedTuple):
    node: int
    number: int
    kind: str               # "reg" or "window"
    host: int               # CPU address
    size: int
    fault: Optional[str]    # "malformed", "unmapped", "untranslated", "straddles", "pci"


class Irq(NamedTuple):
    node: int
    kind: str               # "spi", "ppi", "espi", "controller", "broken"
    number: int             # as in the specifier's second cell
    type: int
    controller: Optional[fdt.Node]
    nexus: bool             # a row of the node's own interrupt-map


class Row(NamedTuple):
    """A row of an interrupt-map."""
    child: tuple[int, ...]
    parent: Optional[fdt.Node]
    address: tuple[int, ...]
    specifier: tuple[int, ...]


Window = tuple[int, int, int]  # child address, parent address, size


def is_pci_bus(node: fdt.Node) -> bool:
    kind = node.props.get("device_type")
    if kind is not None:
        return kind in (b"pci\0", b"pciex\0")
    return node.name.split("@")[0] in ("pci", "pcie") and node.u32("#address-cells", 0) == 3


def pages_of(address: int, size: int) -> tuple[int, int]:
    """First frame and the frame after the last."""
    return address // xen.PAGE, -(-(address + size) // xen.PAGE)


class Reading:
    """A tree with its registers and interrupts resolved; lists are indexed by node."""

    def __init__(self, tree: fdt.Tree, gic: Optional[fdt.Node]) -> None:
        self.tree = tree
        self.gic = gic
        nodes = tree.nodes
        self.pci_bus = [is_pci_bus(node) for node in nodes]
        self.behind_pci = [False] * len(nodes)
        self.enabled = [True] * len(nodes)
        for node in nodes:
            self._inherit(node)
        self._windows: dict[int, Optional[list[Window]]] = {}
        self._rows: dict[int, list[Row]] = {}
        self._parents: dict[int, Optional[fdt.Node]] = {}
        self.regs = [self._read_regs(node) for node in nodes]
        self.irqs = [self._read_irqs(node) for node in nodes]

    def _inherit(self, node: fdt.Node) -> None:
        above = node.parent
        available = node.available()
        if above is not None:
            self.behind_pci[node.index] = self.behind_pci[above.index] or self.pci_bus[above.index]
            available = available and self.enabled[above.index]
        self.enabled[node.index] = available

    # Registers

    def _bus_windows(self, bus: fdt.Node) -> Optional[list[Window]]:
        """What a bus translates: None if nothing, an empty list if all is the same above."""
        if bus.index not in self._windows:
            self._windows[bus.index] = self._read_windows(bus)
        return self._windows[bus.index]

    def _read_windows(self, bus: fdt.Node) -> Optional[list[Window]]:
        if bus.parent is None:
            return []
        if "ranges" not in bus.props:
            return None
        own, size = bus.u32("#address-cells", 2), bus.u32("#size-cells", 1)
        above = bus.parent.u32("#address-cells", 2)
        words, row = bus.cells("ranges"), own + above + size
        windows = []
        for at in range(0, len(words) - row + 1, row) if row else ():
            windows.append((fdt.number(words[at:at + own]),
                            fdt.number(words[at + own:at + own + above]),
                            fdt.number(words[at + own + above:at + row])))
        return windows if words else []

    def translate(self, bus: fdt.Node, address: int, size: int) -> tuple[int, Optional[str]]:
        """An address on a bus as the CPU sees it, or why it does not."""
        while bus.parent is not None:
            if self.pci_bus[bus.index]:
                return address, "pci"
            windows = self._bus_windows(bus)
            if windows is None:
                return address, "unmapped"
            if windows:
                for child, parent, length in windows:
                    if child <= address < child + length:
                        break
                else:
                    return address, "untranslated"
                if address + size > child + length:
                    return address - child + parent, "straddles"
                address += parent - child
            bus = bus.parent
        return address, "malformed" if address + size > 1 << 64 else None

    def _read_regs(self, node: fdt.Node) -> list[Reg]:
        found: list[Reg] = []
        data, bus = node.props.get("reg"), node.parent
        if data and bus is not None:
            own, size = bus.u32("#address-cells", 2), bus.u32("#size-cells", 1)
            if size == 0 or self._bus_windows(bus) is None or own > 2:
                fault = "pci" if self.behind_pci[node.index] else "unmapped"
                found.append(Reg(node.index, 0, "reg", 0, 0, fault))
            elif len(data) % (4 * (own + size)):
                found.append(Reg(node.index, 0, "reg", 0, 0, "malformed"))
            else:
                self._decode_regs(node, bus, own, size, found)
        if self.pci_bus[node.index] and not self.behind_pci[node.index]:
            self._decode_pci_windows(node, found)
        return found

    def _decode_regs(self, node: fdt.Node, bus: fdt.Node, own: int, size: int,
                     found: list[Reg]) -> None:
        words = fdt.cells(node.props["reg"])
        for index, at in enumerate(range(0, len(words), own + size)):
            length = fdt.number(words[at + own:at + own + size])
            address, fault = self.translate(bus, fdt.number(words[at:at + own]), length)
            found.append(Reg(node.index, index, "reg", address, length, fault))

    def pci_windows(self, node: fdt.Node) -> list[tuple[int, int, int, int]]:
        """Rows of a host bridge's ranges: the space's cell, PCI address, parent address, size."""
        if node.parent is None:
            return []
        above, words = node.parent.u32("#address-cells", 2), node.cells("ranges")
        row = 5 + above
        return [(words[at], fdt.number(words[at + 1:at + 3]),
                 fdt.number(words[at + 3:at + 3 + above]),
                 fdt.number(words[at + 3 + above:at + row]))
                for at in range(0, len(words) - row + 1, row)]

    def _decode_pci_windows(self, node: fdt.Node, found: list[Reg]) -> None:
        assert node.parent is not None
        for index, (_, _, above, size) in enumerate(self.pci_windows(node)):
            address, fault = self.translate(node.parent, above, size)
            found.append(Reg(node.index, index, "window", address, size, fault))

    # Interrupts

    def interrupt_parent(self, node: fdt.Node) -> Optional[fdt.Node]:
        if node.index in self._parents:
            return self._parents[node.index]
        at: Optional[fdt.Node] = node
        seen: set[int] = set()
        while at is not None:
            if at.index in seen:
                at = None
                break
            seen.add(at.index)
            if "interrupt-parent" in at.props:
                at = self.tree.by_phandle.get(at.u32("interrupt-parent", 0))
            else:
                at = at.parent
            if at is not None and "#interrupt-cells" in at.props:
                break
        self._parents[node.index] = at
        return at

    def _map_address_cells(self, nexus: fdt.Node) -> int:
        at: Optional[fdt.Node] = nexus
        while at is not None:
            if "#address-cells" in at.props:
                return at.u32("#address-cells", 2)
            at = at.parent
        return 2

    def map_rows(self, nexus: fdt.Node) -> list[Row]:
        """An interrupt-map's rows. One whose parent cannot be found ends it."""
        if nexus.index not in self._rows:
            self._rows[nexus.index] = self._read_rows(nexus)
        return self._rows[nexus.index]

    def _read_rows(self, nexus: fdt.Node) -> list[Row]:
        words, at, rows = nexus.cells("interrupt-map"), 0, []
        key = self._map_address_cells(nexus) + nexus.u32("#interrupt-cells", 1)
        while at + key < len(words):
            child, parent = words[at:at + key], self.tree.by_phandle.get(words[at + key])
            at += key + 1
            if parent is None or "#interrupt-cells" not in parent.props:
                rows.append(Row(child, None, (), ()))
                break
            middle = at + parent.u32("#address-cells", 0)
            stop = middle + parent.u32("#interrupt-cells", 1)
            if stop > len(words):
                rows.append(Row(child, None, (), ()))
                break
            rows.append(Row(child, parent, words[at:middle], words[middle:stop]))
            at = stop
        return rows

    def _match_row(self, nexus: fdt.Node, address: tuple[int, ...],
                   specifier: tuple[int, ...]) -> Optional[Row]:
        cells = self._map_address_cells(nexus)
        if len(address) < cells:
            return None
        key = address[:cells] + specifier
        mask = nexus.cells("interrupt-map-mask") or (0xFFFFFFFF,) * len(key)
        wanted = [word & bits for word, bits in zip(key, mask)]
        for row in self.map_rows(nexus):
            if [word & bits for word, bits in zip(row.child, mask)] == wanted:
                return row
        return None

    def follow(self, controller: Optional[fdt.Node], address: tuple[int, ...],
               specifier: tuple[int, ...]) -> tuple[Optional[fdt.Node], tuple[int, ...]]:
        """Through every nexus to the controller that takes the interrupt; None if there is none."""
        for _ in range(64):
            if controller is None:
                return None, ()
            if len(specifier) != controller.u32("#interrupt-cells", 1):
                return None, ()
            if "interrupt-controller" in controller.props:
                return controller, specifier
            if "interrupt-map" in controller.props:
                row = self._match_row(controller, address, specifier)
                if row is None:
                    return None, ()
                controller, address, specifier = row.parent, row.address, row.specifier
            else:
                controller = self.interrupt_parent(controller)
        return None, ()

    def _judge(self, node: fdt.Node, controller: Optional[fdt.Node], spec: tuple[int, ...],
               nexus: bool) -> Irq:
        if controller is None:
            return Irq(node.index, "broken", 0, 0, None, nexus)
        if controller is not self.gic:
            return Irq(node.index, "controller", 0, 0, controller, nexus)
        if len(spec) < 3:
            return Irq(node.index, "broken", 0, 0, None, nexus)
        kind = {0: "spi", 1: "ppi", 2: "espi", 3: "ppi"}.get(spec[0], "broken")
        number = spec[1]
        if spec[0] == 1 and number >= 16:
            kind, number = "spi", number - 16  # Xen and Linux only add up
        return Irq(node.index, kind, number, spec[2] & 15, controller, nexus)

    def _specifiers(self, node: fdt.Node) -> Iterable[tuple[Optional[fdt.Node], tuple[int, ...]]]:
        """Each of a node's own interrupts: the first parent and its specifier."""
        if "interrupts-extended" in node.props:
            words, at = node.cells("interrupts-extended"), 0
            while at < len(words):
                parent = self.tree.by_phandle.get(words[at])
                hole = words[at] == 0
                size = parent.u32("#interrupt-cells", 0) if parent is not None else 0
                spec = words[at + 1:at + 1 + size]
                at += 1 + size
                if not hole:
                    yield (parent, spec) if len(spec) == size and size else (None, ())
                    if parent is None:
                        return
        elif "interrupts" in node.props:
            words, parent = node.cells("interrupts"), self.interrupt_parent(node)
            size = parent.u32("#interrupt-cells", 0) if parent is not None else 0
            if not size or len(words) % size or len(node.props["interrupts"]) & 3:
                yield None, ()
            else:
                for at in range(0, len(words), size):
                    yield parent, words[at:at + size]

    def _read_irqs(self, node: fdt.Node) -> list[Irq]:
        props, found = node.props, []
        if "interrupts" in props or "interrupts-extended" in props:
            address = node.cells("reg")
            for parent, spec in self._specifiers(node):
                controller, last = self.follow(parent, address, spec)
                found.append(self._judge(node, controller, last, False))
        # Xen takes a map for a device's own only on a PCI bus.
        if "interrupt-map" in props and self.pci_bus[node.index]:
            for row in self.map_rows(node):
                controller, last = self.follow(row.parent, row.address, row.specifier)
                found.append(self._judge(node, controller, last, True))
        return found
