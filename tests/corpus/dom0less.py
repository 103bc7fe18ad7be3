# SPDX-License-Identifier: MIT
"""What Xen reads of a dom0less guest's tree: where the pages are, and whose interrupts."""

from __future__ import annotations

from typing import Iterable

import fdt
import placement
import xen
from context import Context, merge
from guest import Fault, GuestTree

# From 4.22 on Xen gives the next phandles to nodes of its own, and refuses higher ones.
_LAST_PHANDLE = 64998


def _regs(node: fdt.Node) -> list[tuple[int, int, int]]:
    """Host address, size and guest address of each row of xen,reg."""
    if node.parent is None:
        return []
    own, size = node.parent.u32("#address-cells", 2), node.parent.u32("#size-cells", 1)
    words, row = node.cells("xen,reg"), own + size + own
    return [(fdt.number(words[at:at + own]), fdt.number(words[at + own:at + own + size]),
             fdt.number(words[at + own + size:at + row])) for at in range(0, len(words), row)]


def _check_regs(mapping: placement.Mapping, node: fdt.Node) -> Iterable[Fault]:
    for host, size, guest in _regs(node):
        if (host | size | guest) % xen.PAGE or not size:
            yield Fault("xen-reg", "%s: %#x+%#x at %#x is not whole pages" % (
                node.path, host, size, guest))
        elif (mapping.guest_address(host) != guest
              or mapping.guest_address(host + size - 1) != guest + size - 1):
            yield Fault("xen-reg", "%s: %#x is not at %#x" % (node.path, host, guest))


def _check_path(context: Context, new: set[str], node: fdt.Node) -> Iterable[Fault]:
    names = fdt.strings(node.props.get("xen,path"))
    path = names[0] if names else ""
    if path not in new and context.node(path) is None:
        yield Fault("xen-path", "%s: no %r in the host's tree" % (node.path, path))
    forced = "xen,force-assign-without-iommu" in node.props
    if forced == (path in context.guest["dtdev"]):
        yield Fault("xen-path", "%s: forced, or else behind no IOMMU" % node.path)
    if (node.parent is None or node.parent.u32("#address-cells", 2) not in (1, 2)
            or node.parent.u32("#size-cells", 1) not in (1, 2)):
        yield Fault("xen-reg", "%s: cell counts that Xen does not take" % node.path)


def _irqs(context: Context, paths: set[str]) -> set[int]:
    """SPIs that Xen routes: those of the named nodes' own lists, as the plan changes them."""
    changed = {change["path"] for change in context.plan["host_changes"]
               if change["property"] in ("interrupts", "interrupts-extended")}
    found: set[int] = set()
    for path in paths:
        node = context.node(path)
        if node is not None:
            found |= {irq.number for irq in context.host.irqs[node.index]
                      if irq.kind == "spi" and (not irq.nexus or path in changed)}
    return found


def check(context: Context, mapping: placement.Mapping, guest: GuestTree) -> Iterable[Fault]:
    tree = guest.tree
    new = {change["path"] for change in context.plan["host_changes"] if change["new_node"]}
    marked = [node for node in tree.nodes
              if any(name.startswith("xen,") for name in node.props)]
    for node in marked:
        if "xen,reg" not in node.props or "xen,path" not in node.props:
            yield Fault("xen-reg", "%s lacks xen,reg or xen,path" % node.path)
        yield from _check_regs(mapping, node)
        yield from _check_path(context, new, node)
    pages = merge((host // xen.PAGE, (host + size) // xen.PAGE)
                  for node in marked for host, size, _ in _regs(node))
    if pages != merge((entry.first, entry.stop) for entry in mapping.entries):
        yield Fault("xen-reg", "xen,reg covers other pages than the plan")
    paths = {name for node in marked for name in fdt.strings(node.props.get("xen,path"))}
    for path in set(context.guest["dtdev"]) - paths:
        yield Fault("xen-path", "no node has %s" % path)
    if _irqs(context, paths) != {entry["spi"] for entry in context.guest["irqs"]}:
        yield Fault("xen-path", "Xen routes other interrupts than the plan's")
    if tree.by_phandle and max(tree.by_phandle) > _LAST_PHANDLE:
        yield Fault("xen-phandle", "phandle %d" % max(tree.by_phandle))
