# SPDX-License-Identifier: MIT
"""Which properties hold phandles, and where in them."""

from __future__ import annotations

import os
import re
from typing import Callable, NamedTuple, Optional

import fdt

# The standard ones; the boards' vendors' own are in phandle-props.tsv.
_STANDARD = {
    "access-controllers": "(p#access-controller-cells)*",
    "assigned-clock-parents": "(p#clock-cells)*",
    "assigned-clocks": "(p#clock-cells)*",
    "backlight": "p",
    "clocks": "(p#clock-cells)*",
    "cooling-device": "(p#cooling-cells)*",
    "dmas": "(p#dma-cells)*",
    "gpio-ranges": "(p+3)*",
    "gpios": "(p#gpio-cells)*",
    "hwlocks": "(p#hwlock-cells)*",
    "interconnects": "(p#interconnect-cells)*",
    "interrupt-affinity": "p*",
    "interrupt-map": "irqmap",
    "interrupt-parent": "p",
    "interrupts-extended": "(p#interrupt-cells)*",
    "io-channels": "(p#io-channel-cells)*",
    "iommu-map": "(1+p+2)*",
    "iommus": "(p#iommu-cells)*",
    "mboxes": "(p#mbox-cells)*",
    "memory-region": "p*",
    "mmc-pwrseq": "p",
    "msi-map": "(1+p+2)*",
    "msi-parent": "(p#msi-cells)*",
    "mux-controls": "(p#mux-control-cells)*",
    "next-level-cache": "p",
    "nvmem-cells": "(p#nvmem-cell-cells)*",
    "operating-points-v2": "p*",
    "opp-table": "p",
    "performance-domains": "(p#performance-domain-cells)*",
    "phy-handle": "p",
    "phys": "(p#phy-cells)*",
    "power-domains": "(p#power-domain-cells)*",
    "pwms": "(p#pwm-cells)*",
    "remote-endpoint": "p",
    "required-opps": "p*",
    "resets": "(p#reset-cells)*",
    "sound-dai": "(p#sound-dai-cells)*",
    "sram": "p*",
    "syscon": "p+?",
    "thermal-sensors": "(p#thermal-sensor-cells)*",
    "trips": "p*",
    "usb-phy": "p*",
    "wakeup-parent": "p",
}

_PATTERNS = [
    (re.compile(r"pinctrl-[0-9]+"), "p*"),
    (re.compile(r".+-supply"), "p*"),
    (re.compile(r".+-gpios?"), "(p#gpio-cells)*"),
    (re.compile(r"qcom,ipc-[0-9]+"), "p+2"),
]
_NOT = frozenset(("nr-gpios", "snps,nr-gpios", "mmc-ddr-1_8v"))
_MAY_LACK_CELLS = frozenset((
    "#msi-cells", "#nvmem-cell-cells", "#index-cells", "#thermal-sensor-cells",
    "#trigger-source-cells"))

IRQ_PROPERTIES = frozenset(("interrupt-parent", "interrupts-extended", "interrupt-map"))


class Layout(NamedTuple):
    before: int             # plain cells before the phandle
    after: int              # plain cells after it
    counted: Optional[str]  # the provider's property that counts more of them
    repeated: bool
    rest: bool              # plain cells fill the property
    irqmap: bool


def _parse(text: str) -> Optional[Layout]:
    if text == "irqmap":
        return Layout(0, 0, None, True, False, True)
    match = re.fullmatch(r"\(?(?:([0-9]+)\+)?p(#[a-z0-9,-]+)?(?:\+([0-9]+|\?))?\)?(\*)?", text)
    if match is None:
        return None
    before, counted, after, star = match.groups()
    number = int(after) if after and after != "?" else 0
    return Layout(int(before or 0), number, counted, bool(star), after == "?", False)


def _table() -> dict[str, Optional[Layout]]:
    found: dict[str, Optional[Layout]] = {}
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "phandle-props.tsv")
    with open(path, encoding="utf-8") as file:
        for line in file:
            if not line.startswith("#"):
                name, text = line.rstrip("\n").split("\t")[:2]
                if "*" in name:
                    pattern = re.compile(re.escape(name).replace(r"\*", ".+"))
                    _PATTERNS.append((pattern, text))
                else:
                    found[name] = _parse(text)
    for name, text in _STANDARD.items():
        found[name] = _parse(text)
    return found


_LAYOUTS = _table()


def layout_of(name: str) -> Optional[Layout]:
    """None for a property that holds no phandle."""
    if name not in _LAYOUTS:
        layout = None
        if not name.startswith("#") and name not in _NOT:
            for pattern, text in _PATTERNS:
                if pattern.fullmatch(name):
                    layout = _parse(text)
                    break
        _LAYOUTS[name] = layout
    return _LAYOUTS[name]


Resolve = Callable[[int], Optional[fdt.Node]]


def _cells(provider: Optional[fdt.Node], name: str) -> Optional[int]:
    if provider is None:
        return None
    if name not in provider.props:
        return 0 if name in _MAY_LACK_CELLS else None
    return provider.u32(name, 0)


def _map_references(node: fdt.Node, words: tuple[int, ...], resolve: Resolve) -> list[int]:
    found, at = [], 0
    own = node.u32("#address-cells", 2) + node.u32("#interrupt-cells", 1)
    while at + own < len(words):
        found.append(words[at + own])
        provider = resolve(words[at + own])
        if provider is None:
            break
        at += own + 1 + provider.u32("#address-cells", 0) + provider.u32("#interrupt-cells", 0)
    return found


def references(node: fdt.Node, name: str, resolve: Resolve) -> tuple[list[int], bool]:
    """The phandles in a property, and whether the property could be read to its end."""
    layout = layout_of(name)
    data = node.props[name]
    if layout is None or not data or len(data) & 3:
        return [], True
    if name == "gpios" and "gpio-hog" in node.props:
        return [], True
    words = fdt.cells(data)
    if layout.irqmap:
        return _map_references(node, words, resolve), True
    found, at = [], 0
    while at + layout.before < len(words):
        phandle = words[at + layout.before]
        at += layout.before + 1
        if phandle in (0, 0xFFFFFFFF) and layout.repeated:
            continue
        found.append(phandle)
        counted: Optional[int] = 0
        if layout.counted:
            counted = _cells(resolve(phandle), layout.counted)
            if counted is None:
                return found, False
        at += layout.after + (counted or 0)
        if layout.rest or not layout.repeated:
            break
    return found, at <= len(words)
