# SPDX-License-Identifier: MIT
"""Verdicts: each error is confirmed in the raw tree, and what is plain there must be an error."""

from __future__ import annotations

import functools
import os
import re
from typing import Callable, Iterable, Optional

import fdt
import placement
import reading
import xen
from context import Context, Json, overlaps
from guest import Fault
from host import Host, Stream

Predicate = Callable[[Context], bool]

_RANK = {"note": 1, "warning": 2, "error": 3}
_VERDICT = {0: "ok", 1: "ok", 2: "warn", 3: "no"}
_COLUMN = {"xl": 0, "dom0less": 1, "direct": 2}


@functools.lru_cache(maxsize=None)
def catalogue() -> dict[str, tuple[str, str, str]]:
    """The severities of each code in each mode, from the project's own table."""
    here = os.path.dirname(os.path.abspath(__file__))
    path = os.path.join(here, "..", "..", "include", "sallyport", "findings.def")
    names = {"NONE": "none", "NOTE": "note", "WARN": "warning", "ERROR": "error"}
    with open(path, encoding="utf-8") as file:
        rows = re.findall(r"^SP_FINDING\((\w+), (\w+), (\w+), (\w+),", file.read(), re.M)
    return {"SP-" + name.replace("_", "-"): (names[xl], names[dom0less], names[direct])
            for name, xl, dom0less, direct in rows}


def check_plan(plan: Json) -> list[Fault]:
    """The verdicts follow from the findings, and the findings from the catalogue."""
    faults = []
    modes = {guest["name"]: guest["mode"] for guest in plan["guests"]}
    worst = dict.fromkeys(modes, 0)
    most = 0
    for finding in plan["findings"]:
        mode = modes.get(finding["guest"], plan["guests"][0]["mode"])
        wanted = catalogue().get(finding["code"])
        if wanted is None:
            faults.append(Fault("code", "no such code: %s" % finding["code"]))
        elif wanted[_COLUMN[mode]] != finding["severity"]:
            faults.append(Fault("severity", "%s is a %s" % (
                finding["code"], finding["severity"])))
        rank = _RANK[finding["severity"]]
        most = max(most, rank)
        for name in modes:
            if finding["guest"] == name:
                worst[name] = max(worst[name], rank)
        if not finding["message"] or not finding["remedy"]:
            faults.append(Fault("code", "%s without words" % finding["code"]))
    if plan["verdict"] != _VERDICT[most]:
        faults.append(Fault("verdict", "%s with findings of rank %d" % (plan["verdict"], most)))
    for guest in plan["guests"]:
        if guest["verdict"] != _VERDICT[worst[guest["name"]]]:
            faults.append(Fault("verdict", "%s: %s" % (guest["name"], guest["verdict"])))
    return faults


# What the tree says of a device. Each of these takes the device with all that is below it.

def _irq_kind(kind: str) -> Predicate:
    return lambda context: any(irq.kind == kind for irq in context.irqs())


def _reg_fault(*faults: str) -> Predicate:
    return lambda context: any(reg.fault in faults for reg in context.regs())


def _no_gic(context: Context) -> bool:
    return context.host.gic_version == 0


def _empty(context: Context) -> bool:
    return any(not any(reg.fault is None and reg.size for reg in context.host.regs[node.index])
               and not context.host.irqs[node.index] for node in context.devices)


def _not_mapped(context: Context) -> bool:
    return any(reg.fault == "unmapped" for node in context.devices
               for reg in context.host.regs[node.index])


def _behind_pci(context: Context) -> bool:
    return any(context.host.behind_pci[node.index] for node in context.devices)


def _is_xens(context: Context) -> bool:
    return any(context.host.skip(node) not in (None, "ppi") for node in context.given)


def _is_skipped(context: Context) -> bool:
    return any(context.host.skip(node) is not None for node in context.given)


def _is_console(context: Context) -> bool:
    console = context.host.console()
    return console is not None and console.index in context.inside


def _over_memory(context: Context) -> bool:
    host = context.host
    kept = list(host.memory)
    reserved = host.tree.by_path.get("/reserved-memory")
    for node in host.tree.within(reserved) if reserved is not None else ():
        kept += [(reg.host, reg.host + reg.size) for reg in host.regs[node.index]
                 if reg.fault is None]
    return any(overlaps((reg.host, reg.host + reg.size), span)
               for reg in context.regs() if reg.fault is None and reg.kind == "reg" and reg.size
               for span in kept)


def xen_frames(host: Host) -> list[tuple[int, int, int]]:
    """Frames that Xen keeps, with the node: the GICs', the IOMMUs', the console's."""
    if host.kept is None:
        console = host.console()
        kept = []
        for node in host.tree.nodes:
            gic = node.parent is not None and node.parent is host.gic
            xens = host.is_xens(node) or node is console
            if gic or xens and host.enabled[node.index]:
                kept += [(*reading.pages_of(reg.host, reg.size), node.index)
                         for reg in host.regs[node.index] if reg.fault is None and reg.size]
        host.kept = kept
    return host.kept


def _over_xens(context: Context) -> bool:
    frames = context.frames()
    return any(overlaps((first, stop), span) for first, stop, _ in xen_frames(context.host)
               for span in frames)


def _foreign_controller(context: Context) -> bool:
    return any(is_cascade(context, node) for node in context.given) or any(
        irq.kind == "controller" and (
            irq.controller is None or irq.controller.index not in context.inside)
        for irq in context.irqs())


def is_cascade(context: Context, node: fdt.Node) -> bool:
    """A controller whose own lines are told by an interrupt-map that Xen does not read."""
    return ("interrupt-controller" in node.props and "interrupt-map" in node.props
            and not context.host.pci_bus[node.index])


def _other_users(context: Context) -> Iterable[tuple[reading.Irq, reading.Irq]]:
    """Each given SPI with each other description of it."""
    for irq in context.irqs():
        if irq.kind == "spi":
            for user in context.host.spi_users[irq.number]:
                if user is not irq:
                    yield irq, user


def _shared_irq(context: Context) -> bool:
    host = context.host
    return any(user.node not in context.inside and (
        host.enabled[user.node] or host.tree.nodes[user.node].available()
        or host.skip(host.tree.nodes[user.node]) is not None)
        for _, user in _other_users(context))


def _type_conflict(context: Context) -> bool:
    return any(irq.type != user.type for irq, user in _other_users(context))


def _too_high(context: Context) -> bool:
    return any(irq.kind == "spi" and irq.number > xen.LAST_GUEST_SPI for irq in context.irqs())


def _no_iommu(context: Context) -> bool:
    return any(not context.host.streams[node.index] for node in context.given)


def _stream(test: Callable[[Host, Stream, fdt.Node, Optional[str]], bool]) -> Predicate:
    """True if a stream ID with a known controller passes the test."""
    def predicate(context: Context) -> bool:
        host = context.host
        return any(test(host, stream, stream.controller, host.driver[stream.controller.index])
                   for stream in context.streams() if stream.controller is not None)
    return predicate


def _wrong_cells(_host: Host, stream: Stream, controller: fdt.Node, driver: Optional[str]) -> bool:
    return (driver is not None and stream.origin == "iommus"
            and controller.u32("#iommu-cells", 0) not in xen.IOMMU_CELLS[driver])


def _out_of_range(_host: Host, stream: Stream, _node: fdt.Node, driver: Optional[str]) -> bool:
    return driver is not None and xen.stream_out_of_range(driver, stream.specifier)


def _no_product(host: Host, _stream: Stream, _node: fdt.Node, driver: Optional[str]) -> bool:
    return driver == xen.IPMMU and not any(
        "renesas,prr" in node.compatible() for node in host.tree.nodes)


def _too_many_ids(context: Context) -> bool:
    counts: dict[tuple[int, int], int] = {}
    for stream in context.streams():
        if stream.controller is not None and stream.origin != "iommu-map":
            key = (stream.master, stream.controller.index)
            counts[key] = counts.get(key, 0) + 1
    return any(count > xen.IOMMU_IDS_MOST.get(context.host.driver[controller] or "", 1 << 31)
               for (_, controller), count in counts.items())


def _match(one: Stream, other: Stream, driver: Optional[str]) -> bool:
    """True if one stream ID comes under both."""
    if not one.specifier or not other.specifier:
        return False
    first, second = one.specifier[0], other.specifier[0]
    if one.length > 1 or other.length > 1:
        return first < second + other.length and second < first + one.length
    free = 0
    if driver == xen.SMMU:
        for stream in (one, other):
            free |= stream.specifier[1] if len(stream.specifier) > 1 else 0
    return not (first ^ second) & ~free


def sharers(context: Context) -> Iterable[Stream]:
    host = context.host
    for stream in context.streams():
        if stream.controller is not None and stream.origin != "iommu-map":
            driver = host.driver[stream.controller.index]
            for other in host.stream_users[stream.controller.index]:
                if other.master not in context.inside and _match(stream, other, driver):
                    yield other


def _mixed(context: Context) -> bool:
    return any("mmu-masters" in controller.props and "#iommu-cells" in controller.props
               for controller in (stream.controller for stream in context.streams())
               if controller is not None)


def _window_over_ram(context: Context) -> bool:
    ram = [(area.start, area.stop) for area in xen.guest_areas(False) if area.kind == "ram"]
    for bridge in context.bridges():
        for _, bus, above, size in context.host.pci_windows(bridge):
            for start in (bus, above):
                if any(overlaps((start, start + size), span) for span in ram):
                    return True
    return False


def _window_moved(context: Context) -> bool:
    """A bridge that its driver programs, with a window where the guest has something else."""
    areas = [(area.start, area.stop) for area in xen.guest_areas(False)]
    for bridge in context.bridges():
        if {"pci-host-ecam-generic", "pci-host-cam-generic"} & set(bridge.compatible()):
            continue
        for _, _, above, size in context.host.pci_windows(bridge):
            if any(overlaps((above, above + size), span) for span in areas):
                return True
    return False


def page_sharers(context: Context) -> Iterable[int]:
    """Nodes outside with registers in the frames that are given."""
    for first, stop in context.frames():
        for index in context.host.page_users(first, stop):
            if index not in context.inside:
                yield index


def _disabled(context: Context) -> bool:
    return any(not context.host.enabled[node.index] for node in context.given)


CONFIRM: dict[str, Predicate] = {
    "SP-HOST-NO-GIC": _no_gic,
    "SP-DEVICE-EMPTY": _empty,
    "SP-DEVICE-NOT-MAPPED": _not_mapped,
    "SP-DEVICE-PCI-CHILD": _behind_pci,
    "SP-DEVICE-XEN": _is_xens,
    "SP-DEVICE-SKIPPED": _is_skipped,
    "SP-DEVICE-CONSOLE": _is_console,
    "SP-REG-MALFORMED": _reg_fault("malformed"),
    "SP-REG-UNTRANSLATED": _reg_fault("untranslated"),
    "SP-REG-STRADDLES": _reg_fault("straddles"),
    "SP-REG-MEMORY": _over_memory,
    "SP-PAGE-XEN": _over_xens,
    "SP-IRQ-PPI": _irq_kind("ppi"),
    "SP-IRQ-ESPI": _irq_kind("espi"),
    "SP-IRQ-CONTROLLER": _foreign_controller,
    "SP-IRQ-BROKEN": _irq_kind("broken"),
    "SP-IRQ-SHARED": _shared_irq,
    "SP-IRQ-TOO-HIGH": _too_high,
    "SP-IRQ-TYPE-CONFLICT": _type_conflict,
    "SP-IOMMU-NONE": _no_iommu,
    "SP-IOMMU-DISABLED": _stream(lambda host, _, node, driver: not host.enabled[node.index]),
    "SP-IOMMU-NO-DRIVER": _stream(lambda host, stream, node, driver: driver is None),
    "SP-IOMMU-CELLS": _stream(_wrong_cells),
    "SP-IOMMU-IDS": _too_many_ids,
    "SP-IOMMU-RANGE": _stream(_out_of_range),
    "SP-IOMMU-SHARED": lambda context: any(True for _ in sharers(context)),
    "SP-IOMMU-MALFORMED": lambda context: any(
        stream.origin == "broken" for stream in context.streams()),
    "SP-IOMMU-NO-PRODUCT": _stream(_no_product),
    "SP-IOMMU-MIXED": _mixed,
    "SP-PCI-FUNCTIONS": lambda context: bool(context.bridges()) or any(
        stream.origin == "iommu-map" for stream in context.streams()),
    "SP-PCI-WINDOW-RAM": _window_over_ram,
    "SP-PCI-WINDOW-MOVED": _window_moved,
    "SP-PAGE-SHARED": lambda context: any(True for _ in page_sharers(context)),
    "SP-DEVICE-DISABLED": _disabled,
    "SP-PLACE-NO-HOLE": lambda context: not placement.fits(context),
}
