# SPDX-License-Identifier: MIT
"""Where the host's frames lie in the guest, and whether they may lie there."""

from __future__ import annotations

from typing import Iterable, NamedTuple, Optional

import reading
import xen
from context import Context, Json, Span, overlaps
from guest import Fault

PAGE = xen.PAGE


class Entry(NamedTuple):
    """Frames of the host from `first` up to `stop`, and where the first lies in the guest."""
    first: int
    stop: int
    guest: Optional[int]


class Mapping:
    """The iomem list of a guest."""

    def __init__(self, guest: Json) -> None:
        self.entries = sorted(Entry(entry["start"], entry["start"] + entry["count"],
                                    entry.get("guest")) for entry in guest["iomem"])
        self.listed = {(reg["node"], reg["kind"], reg["index"])
                       for device in guest["devices"] for reg in device["regs"]}

    def guest_address(self, host: int) -> Optional[int]:
        """None if the address is not in the list."""
        frame = host // PAGE
        for first, stop, guest in self.entries:
            if first <= frame < stop:
                return None if guest is None else host + (guest - first) * PAGE
        return None


def wanted_frames(context: Context) -> Iterable[Span]:
    """Frames of all registers and windows, less those that the plan says it could not place."""
    listed = Mapping(context.guest).listed
    missing = {"window": "SP-PCI-WINDOW-DROPPED" in context.codes,
               "reg": "SP-PLACE-NO-HOLE" in context.codes}
    for reg in context.regs():
        if reg.fault is not None or not reg.size:
            continue
        key = (context.path(reg.node), reg.kind, reg.number)
        if not missing[reg.kind] or key in listed:
            yield reading.pages_of(reg.host, reg.size)


def _tolerated(context: Context, span: Span) -> bool:
    """True for what only a guest with a GICv3 keeps to itself."""
    return context.host.gic_version == 2 and any(
        start <= span[0] and span[1] <= stop for start, stop in xen.GIC3_ONLY)


def _area_at(context: Context, span: Span) -> Optional[xen.Area]:
    for area in xen.guest_areas(context.guest["pci"]):
        if overlaps(span, (area.start, area.stop)):
            return area
    return None


def _check_entry(context: Context, entry: Entry) -> Iterable[Fault]:
    assert entry.guest is not None
    size = (entry.stop - entry.first) * PAGE
    here = (entry.guest * PAGE, entry.guest * PAGE + size)
    if here[1] > xen.ADDRESS_LIMIT:
        yield Fault("place-limit", "%#x is beyond 40 bits" % here[0])
        return
    area = _area_at(context, here)
    if area is not None and not _tolerated(context, here):
        yield Fault("place-overlap", "%#x+%#x lies over %s" % (here[0], size, area.name))
    for kept in context.guest["layout"]:
        start = int(kept["start"], 16)
        if overlaps(here, (start, start + int(kept["size"], 16))):
            yield Fault("place-layout", "%#x+%#x lies over the plan's own %s" % (
                here[0], size, kept["name"]))
    if entry.guest != entry.first:
        there = (entry.first * PAGE, entry.stop * PAGE)
        if _area_at(context, there) is None:
            yield Fault("place-moved", "%#x+%#x could lie where it does in the host" % (
                there[0], size))


def check(context: Context, mapping: Mapping) -> Iterable[Fault]:
    if context.guest["mode"] == "direct":
        for entry in mapping.entries:
            if entry.guest != entry.first:
                yield Fault("place-moved", "frame %#x of a direct-mapped guest" % entry.first)
        return
    for entry in mapping.entries:
        if entry.guest is None:
            if "SP-PLACE-NO-HOLE" not in context.errors:
                yield Fault("place-missing", "frame %#x lies nowhere" % entry.first)
        else:
            yield from _check_entry(context, entry)
    yield from _check_apart(mapping)
    yield from _check_listed(context, mapping)


def _check_apart(mapping: Mapping) -> Iterable[Fault]:
    placed = sorted((entry.guest, entry.guest + entry.stop - entry.first)
                    for entry in mapping.entries if entry.guest is not None)
    for one, next_one in zip(placed, placed[1:]):
        if one[1] > next_one[0]:
            yield Fault("place-self", "two mappings at frame %#x" % next_one[0])


def _check_listed(context: Context, mapping: Mapping) -> Iterable[Fault]:
    """The registers that the plan lists are the tree's, at the addresses of the iomem list."""
    known = {(context.path(reg.node), reg.kind, reg.number): reg for reg in context.regs()}
    for device in context.guest["devices"]:
        for entry in device["regs"]:
            key = (entry["node"], entry["kind"], entry["index"])
            host, size = int(entry["host"], 16), int(entry["size"], 16)
            reg = known.get(key)
            if reg is None or reg.fault is None and (reg.host, reg.size) != (host, size):
                yield Fault("regs", "%s %s %d is not %#x+%#x" % (*key, host, size))
            elif entry["guest"] is not None and reg.fault is None and size:
                if int(entry["guest"], 16) != mapping.guest_address(host):
                    yield Fault("place-offset", "%s %s %d at %s" % (*key, entry["guest"]))


def fits(context: Context) -> bool:
    """True if all can be placed: 1:1 where that is free, else by size into the first hole."""
    holes = xen.guest_holes(context.guest["pci"])
    blocks = sorted(context.frames(), key=lambda span: span[0] - span[1])
    rest = []
    for first, stop in blocks:
        span = (first * PAGE, stop * PAGE)
        if not _take(holes, span):
            rest.append(span[1] - span[0])
    for size in rest:
        for start, stop in holes:
            if stop - start >= size:
                _take(holes, (start, start + size))
                break
        else:
            return False
    return True


def _take(holes: list[Span], span: Span) -> bool:
    for at, (start, stop) in enumerate(holes):
        if start <= span[0] and span[1] <= stop:
            holes[at:at + 1] = [part for part in ((start, span[0]), (span[1], stop))
                                if part[0] < part[1]]
            return True
    return False
