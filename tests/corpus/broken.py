# SPDX-License-Identifier: MIT
"""A plan that may be altered, and the register of alterations."""

from __future__ import annotations

import random
from typing import Callable, NamedTuple, Optional

import fdt
import flatten
from context import Context, Json
from host import Host


class Broken:
    """A plan that may be altered; `root` is the guest's tree, parsed anew."""

    def __init__(self, host: Host, plan: Json, blob: bytes, rng: random.Random) -> None:
        self.host = host
        self.plan = plan
        self.guest: Json = plan["guests"][0]
        self.tree = fdt.Tree(blob)
        self.rng = rng
        self.cut = 0

    def blob(self) -> bytes:
        data = flatten.flatten(self.tree.root)
        return data[:len(data) - self.cut]

    def context(self) -> Context:
        return Context(self.host, self.plan, self.guest)

    def pick(self, key: str) -> Optional[Json]:
        found: list[Json] = self.guest[key]
        return self.rng.choice(found) if found else None

    def placed(self) -> Optional[Json]:
        found = [entry for entry in self.guest["iomem"] if entry["guest"] is not None]
        return self.rng.choice(found) if found else None

    def device(self) -> Optional[fdt.Node]:
        """The device's node in the guest's tree."""
        for device in self.guest["devices"]:
            if device["guest_path"] in self.tree.by_path:
                return self.tree.by_path[device["guest_path"]]
        return None

    def with_prop(self, name: str) -> Optional[fdt.Node]:
        """A node of the device with a property that is not empty."""
        root = self.device()
        found = [] if root is None else [node for node in self.tree.within(root)
                                         if node.props.get(name)]
        return self.rng.choice(found) if found else None

    def verdict(self, value: str) -> None:
        self.plan["verdict"] = self.guest["verdict"] = value

    def settle(self) -> None:
        """Makes the verdicts follow from the findings again."""
        ranks = {finding["severity"] for finding in self.plan["findings"]}
        self.verdict("no" if "error" in ranks else "warn" if "warning" in ranks else "ok")


Change = Callable[[Broken], bool]  # False: there is nothing to change in this plan


class Mutation(NamedTuple):
    name: str
    caught: frozenset[str]
    change: Change


MUTATIONS: list[Mutation] = []


def mutation(*caught: str) -> Callable[[Change], Change]:
    def enter(change: Change) -> Change:
        MUTATIONS.append(Mutation(change.__name__.replace("_", " "), frozenset(caught), change))
        return change
    return enter
