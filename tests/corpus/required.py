# SPDX-License-Identifier: MIT
"""What is plain in the raw tree and must therefore be among the plan's findings."""

from __future__ import annotations

from typing import Iterable

import confirm
import fdt
import gpus
import reading
import xen
from context import Context, overlaps
from guest import Fault

# A device with one of these need not be looked into any further.
_FINAL = frozenset((
    "SP-DEVICE-EMPTY", "SP-DEVICE-NOT-MAPPED", "SP-DEVICE-PCI-CHILD", "SP-DEVICE-XEN",
    "SP-DEVICE-SKIPPED", "SP-DEVICE-CONSOLE"))

Need = tuple[str, tuple[str, ...]]  # why, and the codes of which one must be there


def _of_device(context: Context, node: fdt.Node) -> Iterable[Need]:
    host = context.host
    if host.behind_pci[node.index]:
        yield "behind a PCI host bridge", ("SP-DEVICE-PCI-CHILD",)
        return
    why = host.skip(node)
    if why == "ppi":
        yield "uses a PPI", ("SP-IRQ-PPI", "SP-DEVICE-SKIPPED")
    elif why is not None:
        yield "Xen's (%s)" % why, ("SP-DEVICE-XEN", "SP-DEVICE-SKIPPED")
    if node is host.console():
        yield "the console", ("SP-DEVICE-CONSOLE", "SP-DEVICE-XEN")


def _of_registers(context: Context, node: fdt.Node) -> Iterable[Need]:
    for reg in context.host.regs[node.index]:
        if reg.fault in ("malformed", "untranslated", "straddles"):
            yield "register %d is %s" % (reg.number, reg.fault), (
                "SP-REG-MALFORMED", "SP-REG-UNTRANSLATED", "SP-REG-STRADDLES")
        elif reg.fault is None and reg.size and reg.kind == "reg":
            span = reading.pages_of(reg.host, reg.size)
            for first, stop, keeper in confirm.xen_frames(context.host):
                if keeper not in context.inside and overlaps(span, (first, stop)):
                    yield "a page of %s" % context.path(keeper), ("SP-PAGE-XEN",)


def _of_pages(context: Context) -> Iterable[Need]:
    """Other enabled devices in the same pages; a bus above the device is none."""
    host = context.host
    above = {node.index for device in context.devices for node in device.ancestors()}
    for index in confirm.page_sharers(context):
        if host.enabled[index] and index not in above:
            if "compatible" in host.tree.nodes[index].props:
                yield "a page of %s" % context.path(index), (
                    "SP-PAGE-SHARED", "SP-PAGE-XEN", "SP-REG-MEMORY")
                return


def _of_interrupts(context: Context, node: fdt.Node) -> Iterable[Need]:
    host = context.host
    if confirm.is_cascade(context, node):
        yield "its lines are in an interrupt-map", ("SP-IRQ-CONTROLLER",)
    for irq in host.irqs[node.index]:
        if irq.kind == "espi":
            yield "uses an extended SPI", ("SP-IRQ-ESPI",)
        elif irq.kind == "broken" and not irq.nexus:
            yield "an interrupt leads nowhere", ("SP-IRQ-BROKEN",)
        elif irq.kind == "controller" and not irq.nexus and host.gic is not None:
            if irq.controller is not None and irq.controller.index not in context.inside:
                yield "an interrupt of %s" % irq.controller.path, ("SP-IRQ-CONTROLLER",)
        elif irq.kind == "spi":
            if irq.number > xen.LAST_GUEST_SPI:
                yield "SPI %d" % irq.number, ("SP-IRQ-TOO-HIGH",)
            yield from _of_others(context, irq)


def _of_others(context: Context, irq: reading.Irq) -> Iterable[Need]:
    host = context.host
    for user in host.spi_users[irq.number]:
        other = host.tree.nodes[user.node]
        if host.behind_pci[user.node] or host.skip(other) is not None:
            continue
        if user.nexus and other.props.get("device_type") != b"pci\0":
            continue
        if user.type != irq.type:
            yield "SPI %d has two types" % irq.number, ("SP-IRQ-TYPE-CONFLICT",)
        if user.node not in context.inside and host.enabled[user.node]:
            yield "SPI %d is %s's too" % (irq.number, other.path), ("SP-IRQ-SHARED",)


def _of_iommu(context: Context, node: fdt.Node) -> Iterable[Need]:
    host, streams = context.host, context.host.streams[node.index]
    if host.pci_bus[node.index]:
        if not any(stream.origin == "iommus" for stream in streams):
            yield "a PCI host bridge", ("SP-PCI-FUNCTIONS", "SP-IOMMU-NONE", "SP-IOMMU-NO-DRIVER",
                                        "SP-IOMMU-DISABLED", "SP-IOMMU-MALFORMED")
        return
    if not streams and gpus.is_gpu(node):
        yield "a GPU without an IOMMU", ("SP-IOMMU-NONE",)
    for stream in streams:
        if stream.controller is None or stream.origin == "iommu-map":
            continue
        driver = host.driver[stream.controller.index]
        if driver is None:
            yield "Xen has no driver for %s" % stream.controller.path, ("SP-IOMMU-NO-DRIVER",)
        elif not host.enabled[stream.controller.index]:
            yield "%s is disabled" % stream.controller.path, (
                "SP-IOMMU-DISABLED", "SP-IOMMU-ENABLED")
        elif xen.stream_out_of_range(driver, stream.specifier):
            yield "a stream ID out of range", ("SP-IOMMU-RANGE", "SP-IOMMU-CELLS")


def _of_all(context: Context) -> Iterable[Need]:
    host = context.host
    if host.gic_version == 0:
        yield "there is no GIC", ("SP-HOST-NO-GIC",)
    for node in context.devices:
        if not host.enabled[node.index]:
            yield "disabled", ("SP-DEVICE-DISABLED",)
        yield from _of_registers(context, node)
        yield from _of_interrupts(context, node)
        yield from _of_iommu(context, node)
    yield from _of_pages(context)
    if confirm.CONFIRM["SP-IOMMU-IDS"](context):
        yield "more than 16 stream IDs", ("SP-IOMMU-IDS",)
    for stream in confirm.sharers(context):
        controller = stream.controller
        if (controller is not None and host.driver[controller.index] is not None
                and host.enabled[controller.index] and host.enabled[stream.master]
                and stream.origin != "iommu-map"):
            yield "%s has a stream ID of it" % context.path(stream.master), ("SP-IOMMU-SHARED",)


_ALSO_CONFIRMED = frozenset(("SP-PAGE-SHARED", "SP-DEVICE-DISABLED"))


def _unconfirmed(context: Context) -> Iterable[Fault]:
    for code in sorted(context.errors | context.codes & _ALSO_CONFIRMED):
        predicate = confirm.CONFIRM.get(code)
        if predicate is None or not predicate(context):
            yield Fault("unconfirmed", "%s is not borne out by the tree" % code)


def _enabled_iommus(context: Context) -> Iterable[Fault]:
    """An IOMMU that the plan says it enables is enabled by its changes."""
    if "SP-IOMMU-ENABLED" not in context.codes:
        return
    changed = {change["path"] for change in context.plan["host_changes"]
               if change["property"] == "status" and bytes.fromhex(change["value"]) in (
                   b"okay\0", b"ok\0")}
    if not changed:
        yield Fault("enable", "no IOMMU's status is changed")
    if "SP-IOMMU-DISABLED" not in context.codes:
        for stream in context.streams():
            node = stream.controller
            if (node is not None and context.host.driver[node.index] is not None
                    and not node.available() and node.path not in changed):
                yield Fault("enable", "%s stays disabled" % node.path)


def needs(context: Context) -> list[Need]:
    found = [need for node in context.devices for need in _of_device(context, node)]
    if not found and not context.errors & _FINAL:
        found = list(_of_all(context))
    return found


def check(context: Context) -> Iterable[Fault]:
    """Both ways: findings that the tree does not bear out, and those that the plan lacks."""
    yield from _unconfirmed(context)
    yield from _enabled_iommus(context)
    for why, codes in needs(context):
        if not context.codes.intersection(codes):
            yield Fault("missing-code", "%s, yet none of %s" % (why, ", ".join(codes)))
    if context.guest["verdict"] == "no":
        for node in context.devices:
            if gpus.is_gpu(node) and gpus.assignable(context.host, node):
                yield Fault("gpu-refused", "%s can be given away" % node.path)
