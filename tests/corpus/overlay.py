# SPDX-License-Identifier: MIT
"""The changes to the host's tree: which nodes are marked, which are new."""

from __future__ import annotations

from typing import Iterable, Optional

import fdt
import reading
from context import Context, Json
from guest import Fault

MARK = "xen,passthrough"


def _marked(plan: Json) -> set[str]:
    return {change["path"] for change in plan["host_changes"] if change["property"] == MARK}


def must_be_marked(context: Context) -> Iterable[fdt.Node]:
    """The devices, and what is below them that Xen would otherwise give to dom0."""
    host = context.host
    for index in sorted(context.inside):
        node = host.tree.nodes[index]
        if node in context.devices:
            yield node
        elif any(reg.fault is None and reg.size for reg in host.regs[node.index]):
            yield node
        elif any(irq.kind == "spi" for irq in host.irqs[node.index]) \
                and not host.behind_pci[node.index]:
            yield node


def _rivals(context: Context) -> set[int]:
    """Disabled nodes outside that describe a given SPI: Xen would route it to dom0 for them."""
    host, found = context.host, set()
    for spi in {irq.number for irq in context.irqs() if irq.kind == "spi"}:
        for user in host.spi_users[spi]:
            node = host.tree.nodes[user.node]
            if (user.node not in context.inside and not host.enabled[user.node]
                    and host.skip(node) is None and _routed(node, user)):
                found.add(user.node)
    return found


def _routed(node: fdt.Node, user: reading.Irq) -> bool:
    return not user.nexus or node.props.get("device_type") == b"pci\0"


def check_marks(context: Context) -> Iterable[Fault]:
    marked = _marked(context.plan)
    new = {change["path"] for change in context.plan["host_changes"] if change["new_node"]}
    for node in must_be_marked(context):
        if node.path not in marked:
            yield Fault("mark", "%s is not marked" % node.path)
    rivals = _rivals(context)
    for index in rivals:
        if context.path(index) not in marked:
            yield Fault("mark-rival", "%s is disabled, but Xen routes its SPI to dom0" % (
                context.path(index)))
    if len(context.plan["guests"]) == 1:
        for path in sorted(marked - new):
            found = context.node(path)
            if found is None or found.index not in context.inside | rivals:
                yield Fault("mark-extra", "%s is marked, and is not given" % path)
    yield from _check_proxies(context, marked, new)


def _check_proxies(context: Context, marked: set[str], new: set[str]) -> Iterable[Fault]:
    streams: dict[str, list[Json]] = {}
    for entry in context.guest["streams"]:
        if entry["holder"] != entry["master"]:
            streams.setdefault(entry["holder"], []).append(entry)
    values = {(change["path"], change["property"]): change["value"]
              for change in context.plan["host_changes"]}
    for holder, entries in streams.items():
        if holder in new and holder not in marked:
            yield Fault("mark", "the proxy %s is not marked" % holder)
        value = values.get((holder, "iommus"))
        if holder in new and value is not None:
            yield from _check_iommus(context, holder, entries, bytes.fromhex(value))


def _check_iommus(context: Context, holder: str, entries: list[Json],
                  value: bytes) -> Iterable[Fault]:
    wanted: list[Optional[int]] = []
    for entry in entries:
        controller = context.node(entry["controller"])
        wanted += [controller.phandle() or None if controller else None, *entry["specifier"]]
    found = fdt.cells(value)
    if len(found) != len(wanted) or any(
            word is not None and word != cell for word, cell in zip(wanted, found)):
        yield Fault("proxy", "%s does not hold its stream IDs" % holder)


def check_blob(plan: Json, blob: bytes) -> Iterable[Fault]:
    """The overlay marks the very nodes that the plan lists."""
    try:
        tree = fdt.Tree(blob)
    except (fdt.FdtError, ValueError, IndexError) as error:
        return [Fault("overlay", str(error))]
    found: set[str] = set()
    for fragment in tree.root.children:
        target = fdt.strings(fragment.props.get("target-path"))
        body = tree.by_path.get(fragment.path + "/__overlay__")
        if body is None or not target:
            continue
        for node in tree.within(body):
            if MARK in node.props:
                found.add(target[0].rstrip("/") + node.path[len(body.path):])
    if found != _marked(plan):
        return [Fault("overlay", "marks %s" % sorted(found ^ _marked(plan)))]
    return []
