#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The checker on a board and two plans made by hand: needs dtc, but not the tool."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import NamedTuple

import check
import fdt
import gpus
import overlay
from context import Json
from host import Host

_FIXTURE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixture")


class Case(NamedTuple):
    name: str
    host: Host
    plan: Json
    blob: bytes


def compile_source(name: str, strict: bool = True) -> bytes:
    """A fixture's source as a blob. Where strict, dtc must have nothing to say."""
    done = subprocess.run(["dtc", "-I", "dts", "-O", "dtb", os.path.join(_FIXTURE, name)],
                          check=True, capture_output=True)
    if done.stderr and strict:
        raise SystemExit("%s: %s" % (name, done.stderr.decode()))
    return done.stdout


def load_plan(name: str) -> Json:
    with open(os.path.join(_FIXTURE, name), encoding="utf-8") as file:
        plan: Json = json.load(file)
    return plan


def cases() -> list[Case]:
    host = Host(fdt.Tree(compile_source("board.dts")))
    return [Case("plan", host, load_plan("plan.json"), compile_source("guest.dts")),
            Case("refused", host, load_plan("refused.json"), compile_source("refused.dts"))]


def check_host(host: Host) -> None:
    assert [node.name for node in gpus.gpus(host)] == ["gpu@0", "gpu@200000"]
    assert [gpus.assignable(host, node) for node in gpus.gpus(host)] == [True, False]
    console = host.console()
    assert console is not None and console.path == "/soc@5000000/serial@100000"
    gpu = host.tree.by_path["/soc@5000000/gpu@0"]
    assert [(reg.host, reg.size) for reg in host.regs[gpu.index]] == [
        (0x5000000, 0x40000), (0x50000800, 0x100)]


def check_overlay(case: Case, blob: bytes) -> None:
    """The overlay is right for its own plan, and wrong for one that marks a node less."""
    assert not list(overlay.check_blob(case.plan, blob))
    less = dict(case.plan, host_changes=case.plan["host_changes"][1:])
    assert [fault.code for fault in overlay.check_blob(less, blob)] == ["overlay"]


def main() -> int:
    failed = False
    check_overlay(cases()[0], compile_source("overlay.dts", strict=False))
    for case in cases():
        check_host(case.host)
        faults = check.check_plan(case.host, case.plan, [case.blob])
        for fault in faults:
            print("%s: %s: %s" % (case.name, fault.code, fault.text))
        failed = failed or bool(faults)
    print("selftest: %s" % ("failed" if failed else "the plans made by hand pass"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
