#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks one plan against the host's raw tree: python3 check.py HOST.dtb PLAN.json [GUEST.dtb]."""

from __future__ import annotations

import base64
import json
import sys
from collections import Counter
from typing import Any, Iterable, Optional

import confirm
import dom0less
import fdt
import overlay
import phandles
import placement
import required
import xen
from context import Context, Json, merge
from guest import Fault, GuestTree
from host import Host, Stream

Faults = list[Fault]


def check_pages(context: Context, mapping: placement.Mapping) -> Iterable[Fault]:
    """The iomem list covers the registers' pages, each once, and nothing else."""
    wanted = merge(placement.wanted_frames(context))
    listed = [(entry.first, entry.stop) for entry in mapping.entries]
    given = merge(listed)
    if given != wanted:
        yield Fault("pages", "iomem covers %s, the registers %s" % (_hex(given), _hex(wanted)))
    if sum(stop - start for start, stop in listed) != sum(stop - start for start, stop in given):
        yield Fault("pages-twice", "a page is listed twice: %s" % _hex(sorted(listed)))
    for entry in mapping.entries:
        if entry.first >= entry.stop:
            yield Fault("pages", "an empty iomem entry")


def _hex(spans: Iterable[tuple[int, int]]) -> str:
    return "[%s]" % " ".join("%x,%x" % (start, stop - start) for start, stop in spans)


def check_irqs(context: Context) -> Iterable[Fault]:
    types: dict[int, set[int]] = {}
    for irq in context.irqs():
        if irq.kind == "spi":
            types.setdefault(irq.number, set()).add(irq.type)
    listed: set[int] = set()
    for entry in context.guest["irqs"]:
        spi = entry["spi"]
        if entry["irq"] != spi + 32:
            yield Fault("irq-number", "SPI %d is listed as IRQ %d" % (spi, entry["irq"]))
        if spi in listed:
            yield Fault("irq-twice", "SPI %d is listed twice" % spi)
        listed.add(spi)
        if spi not in types:
            yield Fault("irqs", "SPI %d is not the device's" % spi)
        elif entry["type"] not in types[spi]:
            yield Fault("irq-type", "SPI %d has type %d" % (spi, entry["type"]))
    for spi in types:
        if spi not in listed and spi <= xen.LAST_GUEST_SPI:
            yield Fault("irqs", "SPI %d is left out" % spi)
    yield from _check_nr_spis(context, listed)


def _check_nr_spis(context: Context, listed: set[int]) -> Iterable[Fault]:
    count = context.guest["nr_spis"]
    high = [spi for spi in listed if spi <= xen.LAST_GUEST_SPI]
    if count is None:
        if high and context.host.minor >= 19:
            yield Fault("nr-spis", "nr_spis is missing")
    elif high and count <= max(high):
        yield Fault("nr-spis", "nr_spis %d does not reach SPI %d" % (count, max(high)))
    elif -(-count // 32) * 32 > xen.GUEST_SPIS_MOST and "SP-IRQ-TOO-HIGH" not in context.errors:
        yield Fault("nr-spis", "nr_spis %d is refused by Xen" % count)


def _tree_streams(context: Context) -> Counter[tuple[str, str, tuple[int, ...]]]:
    """Stream IDs by master and controller, where Xen has a driver; each once."""
    found: Counter[tuple[str, str, tuple[int, ...]]] = Counter()
    for stream in context.streams():
        if (stream.controller is not None and stream.origin in ("iommus", "mmu-masters")
                and context.host.driver[stream.controller.index] is not None):
            found[context.path(stream.master), stream.controller.path, stream.specifier] = 1
    return found


def check_streams(context: Context) -> Iterable[Fault]:
    listed: Counter[tuple[str, str, tuple[int, ...]]] = Counter()
    for entry in context.guest["streams"]:
        specifier = tuple(entry["specifier"])
        if entry["origin"] == "iommus":
            listed[entry["master"], entry["controller"], specifier] += 1
        elif entry["origin"] == "mmu-masters":
            for cell in specifier:
                listed[entry["master"], entry["controller"], (cell,)] += 1
        elif entry["origin"] == "iommu-map":
            yield from _check_mapped_stream(context, entry, specifier)
    wanted = _tree_streams(context)
    if listed != wanted:
        for key in sorted((listed - wanted) + (wanted - listed)):
            yield Fault("streams", "%s at %s, %s: listed %d times, in the tree %d times" % (
                key[0], key[1], key[2], listed[key], wanted[key]))
    yield from _check_holders(context)


def _check_mapped_stream(context: Context, entry: Json,
                         specifier: tuple[int, ...]) -> Iterable[Fault]:
    for stream in context.streams():
        if (stream.origin == "iommu-map" and stream.controller is not None
                and stream.controller.path == entry["controller"] and specifier
                and stream.specifier[0] <= specifier[0] < stream.specifier[0] + stream.length):
            return
    yield Fault("streams", "no iommu-map of %s gives %s" % (entry["master"], specifier))


def _usable(host: Host, stream: Stream) -> bool:
    if stream.controller is None:
        return False
    driver = host.driver[stream.controller.index]
    return driver is not None and (host.enabled[stream.controller.index] or driver == xen.IPMMU)


def check_dtdev(context: Context) -> Iterable[Fault]:
    dtdev = context.guest["dtdev"]
    if len(set(dtdev)) != len(dtdev):
        yield Fault("dtdev", "a path is listed twice: %s" % dtdev)
    holders = {entry["holder"] for entry in context.guest["streams"]}
    for path in dtdev:
        if path not in holders:
            yield Fault("dtdev", "%s holds no stream IDs" % path)
    if any(code.startswith("SP-IOMMU-") for code in context.errors):
        return
    if any(_usable(context.host, stream) for stream in context.streams()
           if stream.origin != "iommu-map"):
        for path in sorted(holders - set(dtdev)):
            yield Fault("dtdev", "%s is missing" % path)


def _check_holders(context: Context) -> Iterable[Fault]:
    new = {change["path"] for change in context.plan["host_changes"] if change["new_node"]}
    controllers: dict[str, set[str]] = {}
    for entry in context.guest["streams"]:
        controllers.setdefault(entry["holder"], set()).add(entry["controller"])
        if entry["holder"] != entry["master"] and entry["holder"] not in new:
            yield Fault("streams", "holder %s is neither the master nor new" % entry["holder"])
    if "multi-iommu-masters" not in context.plan.get("xen_options", ()):
        for holder, found in controllers.items():
            if len(found) > 1 and holder in context.guest["dtdev"]:
                yield Fault("streams", "holder %s is behind %d IOMMUs" % (holder, len(found)))


def _tail(path: str) -> str:
    return path.rsplit("/", 1)[1].split("@")[0]


class GuestCheck:
    """The guest's tree against what the host has, at the addresses where the plan puts it."""

    def __init__(self, context: Context, mapping: placement.Mapping, tree: GuestTree) -> None:
        self.context = context
        self.mapping = mapping
        self.tree = tree
        self.roots: dict[int, str] = {}
        for entry in context.guest["devices"]:
            node = context.node(entry["path"])
            if node is not None and entry["guest_path"]:
                self.roots[node.index] = entry["guest_path"]

    def _enabled_within(self, node: fdt.Node) -> bool:
        """False if a node below the device, the device itself aside, is disabled."""
        at: Optional[fdt.Node] = node
        while at is not None and at.index not in self.roots:
            if not at.available():
                return False
            at = at.parent
        return True

    def _key(self, node: fdt.Node) -> tuple[str, str]:
        """What tells a node in the guest: its path if it is a device, else its bare name."""
        if node.index in self.roots:
            return "device", self.roots[node.index]
        return "below", node.name.split("@")[0]

    def _guest_key(self, path: str) -> tuple[str, str]:
        return ("device", path) if path in self.roots.values() else ("below", _tail(path))

    def regs(self) -> Iterable[Fault]:
        wanted: Counter[Any] = Counter()
        optional: Counter[Any] = Counter()
        for node in self.context.given:
            for reg in self.context.host.regs[node.index]:
                if reg.fault is None:
                    start = self.mapping.guest_address(reg.host)
                    key = (self._key(node), reg.kind, start, reg.size)
                    sure = reg.size and start is not None and self._enabled_within(node)
                    (wanted if sure else optional)[key] += 1
        found = Counter((self._guest_key(reg.path), reg.kind, reg.start, reg.size)
                        for reg in self.tree.regs)
        for key in wanted - found:
            yield Fault("tree-reg", "%s of %s: %#x+%#x is not in the guest's tree" % (
                key[1], key[0][1], key[2] or 0, key[3]))
        for key in found - wanted - optional:
            if key[3]:
                yield Fault("tree-reg", "%s of %s: %#x+%#x is not the plan's" % (
                    key[1], key[0][1], key[2] or 0, key[3]))
        yield from self._order()

    def _order(self) -> Iterable[Fault]:
        for index, path in self.roots.items():
            regs = [reg for reg in self.context.host.regs[index] if reg.kind == "reg"]
            wanted = [self.mapping.guest_address(reg.host) or -1 for reg in regs]
            found = [reg.start for reg in self.tree.regs
                     if reg.kind == "reg" and reg.path == path]
            if (-1 not in wanted and found != wanted and sorted(found) == sorted(wanted)
                    and all(reg.fault is None for reg in regs)):
                yield Fault("tree-reg", "%s: the registers are in another order" % path)

    def irqs(self) -> Iterable[Fault]:
        wanted: Counter[Any] = Counter()
        optional: Counter[Any] = Counter()
        behind = self.context.host.behind_pci
        for node in self.context.given:
            sure = self._enabled_within(node) and not behind[node.index]
            for irq in self.context.host.irqs[node.index]:
                if irq.kind == "spi":
                    key = (self._key(node), irq.number, irq.type, irq.nexus)
                    (wanted if sure and irq.number <= xen.LAST_GUEST_SPI else optional)[key] += 1
        found = Counter((self._guest_key(irq.path), irq.spi, irq.type, irq.nexus)
                        for irq in self.tree.irqs)
        for key in wanted - found:
            yield Fault("tree-irq", "%s: SPI %d type %d is not in the guest's tree" % (
                key[0][1], key[1], key[2]))
        for key in found - wanted - optional:
            yield Fault("tree-irq", "%s: SPI %d type %d is not the host's" % (
                key[0][1], key[1], key[2]))

    def along(self) -> Iterable[Fault]:
        """Providers that only the host can serve, unless they are given along."""
        for path, name, provider in self.tree.along:
            if not self._given_along(name):
                yield Fault("tree-host-only", "%s: %s of %s" % (path, name, provider))

    def _given_along(self, name: str) -> bool:
        """True if in the host too such a property names a provider that is given."""
        by_phandle = self.context.host.tree.by_phandle
        for node in self.context.given:
            if name in node.props:
                for phandle in phandles.references(node, name, by_phandle.get)[0]:
                    provider = by_phandle.get(phandle)
                    if provider is not None and provider.index in self.context.inside:
                        return True
        return False

    def devices(self) -> Iterable[Fault]:
        for path in self.roots.values():
            if path not in self.tree.paths:
                yield Fault("tree-missing", "%s is not in the guest's tree" % path)
            elif not path.startswith("/passthrough/"):
                yield Fault("tree-top", "%s is outside /passthrough" % path)
            if path in self.tree.disabled:
                yield Fault("tree-disabled", "%s is disabled" % path)

    def aliases(self) -> Iterable[Fault]:
        aliases = self.context.node("/aliases")
        for name, data in (aliases.props if aliases is not None else {}).items():
            node = self.context.node(data.rstrip(b"\0").decode("latin-1"))
            if node is not None and node.index in self.roots:
                if self.tree.aliases.get(name) != self.roots[node.index]:
                    yield Fault("tree-alias", "alias %s is lost" % name)

    def run(self) -> Iterable[Fault]:
        yield from self.tree.faults
        if not self.tree.paths:
            return
        for part in (self.devices, self.regs, self.irqs, self.along, self.aliases):
            yield from part()


_trees: dict[tuple[bytes, bool], GuestTree] = {}


def guest_tree(blob: bytes, dom0less: bool) -> GuestTree:
    """Boards of one SoC share most guest trees: each is read once."""
    key = (blob, dom0less)
    if key not in _trees:
        if len(_trees) > 20000:
            _trees.clear()
        _trees[key] = GuestTree(blob, dom0less)
    return _trees[key]


def check_guest(host: Host, plan: Json, guest: Json, blob: Optional[bytes]) -> Faults:
    context = Context(host, plan, guest)
    faults = [Fault("device", "there is no node %s" % path) for path in context.unknown]
    mapping = placement.Mapping(guest)
    faults += check_pages(context, mapping)
    faults += check_irqs(context)
    faults += check_streams(context)
    faults += check_dtdev(context)
    faults += placement.check(context, mapping)
    faults += overlay.check_marks(context)
    faults += required.check(context)
    if blob:
        tree = guest_tree(blob, guest["mode"] != "xl")
        faults += GuestCheck(context, mapping, tree).run()
        if guest["mode"] != "xl" and tree.paths:
            faults += dom0less.check(context, mapping, tree)
    elif plan["files_complete"]:
        faults.append(Fault("tree-missing", "there is no guest tree"))
    return faults


def check_plan(host: Host, plan: Json, blobs: list[Optional[bytes]],
               dtbo: Optional[bytes] = None) -> Faults:
    """All faults of a plan; an empty list if it is right. One guest tree for each guest."""
    if plan.get("schema") != "sallyport-plan" or plan.get("version") != 1:
        return [Fault("schema", "not a plan of version 1")]
    faults = confirm.check_plan(plan)
    if (plan["host"]["gic"] or {}).get("path") != (
            host.gic.path if host.gic and host.gic_version else None):
        faults.append(Fault("gic", "the plan has another GIC"))
    for guest, blob in zip(plan["guests"], blobs):
        faults += check_guest(host, plan, guest, blob)
    if dtbo:
        faults += overlay.check_blob(plan, dtbo)
    return faults


def decoded(record: Json, key: str) -> Optional[bytes]:
    return base64.b64decode(record[key]) if record.get(key) else None


def check_record(host: Host, record: Json) -> Faults:
    """One line of corpus-dump."""
    return check_plan(host, record["plan"], [decoded(record, "guest_dtb")],
                      decoded(record, "overlay_dtbo"))


def target_minor(plan: Json) -> int:
    return int(plan["target"].rsplit(".", 1)[1])


def main(arguments: list[str]) -> int:
    if len(arguments) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    with open(arguments[1], encoding="utf-8") as file:
        plan = json.load(file)
    blob = None
    if len(arguments) == 3:
        with open(arguments[2], "rb") as binary:
            blob = binary.read()
    host = Host(fdt.load(arguments[0]), target_minor(plan))
    faults = check_plan(host, plan, [blob])
    for fault in faults:
        print("%s: %s" % fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
