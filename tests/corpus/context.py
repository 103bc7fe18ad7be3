# SPDX-License-Identifier: MIT
"""One guest of a plan beside the host's tree: what is given away, and what that comes to."""

from __future__ import annotations

from typing import Any, Iterable, Optional

import fdt
import reading
from host import Host, Stream

Json = dict[str, Any]
Span = tuple[int, int]


def merge(spans: Iterable[Span]) -> list[Span]:
    """Spans sorted, with those that touch or overlap made one."""
    merged: list[Span] = []
    for start, stop in sorted(spans):
        if merged and start <= merged[-1][1]:
            if stop > merged[-1][1]:
                merged[-1] = (merged[-1][0], stop)
        else:
            merged.append((start, stop))
    return merged


def overlaps(first: Span, second: Span) -> bool:
    return first[0] < second[1] and second[0] < first[1]


class Context:
    """
    `devices` are the nodes that the plan names, `inside` these and all below them, `given` those
    of them that the guest gets: what is disabled below a device stays with nobody.
    """

    def __init__(self, host: Host, plan: Json, guest: Json) -> None:
        self.host = host
        self.plan = plan
        self.guest = guest
        self.findings: list[Json] = [finding for finding in plan["findings"]
                                     if finding["guest"] in (None, guest["name"])]
        self.codes = {finding["code"] for finding in self.findings}
        self.errors = {finding["code"] for finding in self.findings
                       if finding["severity"] == "error"}
        self.devices: list[fdt.Node] = []
        self.unknown: list[str] = []
        for device in guest["devices"]:
            node = host.tree.by_path.get(device["path"])
            if node is None:
                self.unknown.append(device["path"])
            else:
                self.devices.append(node)
        self.given: list[fdt.Node] = []
        self.inside: set[int] = set()
        self._take()

    def _take(self) -> None:
        given: set[int] = set()
        for device in self.devices:
            left: set[int] = set()
            for node in self.host.tree.within(device):
                above = node.parent.index if node.parent is not None else -1
                self.inside.add(node.index)
                if node is not device and (above in left or not node.available()):
                    left.add(node.index)
                else:
                    given.add(node.index)
        self.given = [self.host.tree.nodes[index] for index in sorted(given)]

    def regs(self) -> Iterable[reading.Reg]:
        for node in self.given:
            yield from self.host.regs[node.index]

    def irqs(self) -> Iterable[reading.Irq]:
        for node in self.given:
            yield from self.host.irqs[node.index]

    def streams(self) -> Iterable[Stream]:
        for node in self.given:
            yield from self.host.streams[node.index]

    def frames(self) -> list[Span]:
        return merge(reading.pages_of(reg.host, reg.size) for reg in self.regs()
                     if reg.fault is None and reg.size)

    def bridges(self) -> list[fdt.Node]:
        host = self.host
        return [node for node in self.given
                if host.pci_bus[node.index] and not host.behind_pci[node.index]]

    def path(self, index: int) -> str:
        return self.host.tree.nodes[index].path

    def node(self, path: str) -> Optional[fdt.Node]:
        return self.host.tree.by_path.get(path)
