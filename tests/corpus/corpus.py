#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every device of every tree planned alone, and each plan checked against the raw tree.

Exit status: 0 if all is right, 1 if anything is not, 77 if there are no trees (skipped).
"""

from __future__ import annotations

import argparse
import glob
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from typing import Callable, Iterable, NamedTuple, Optional

import check
import driver
import fdt
import gpus
from context import Json
from host import Host

SKIPPED = 77

# How many trees there are for each whose devices are planned for dom0less guests too.
DOM0LESS_EVERY = 10

# Of the trees in Debian's linux-base-7.2.12.
KNOWN = {"trees": 1649, "gpus": 1573, "assignable": 142}


class Result(NamedTuple):
    """One tree's."""
    counts: Counter[str]
    codes: Counter[tuple[str, str]]     # severity, code
    faults: list[tuple[str, str, str]]  # code, where, what


def expected_devices(host: Host) -> Iterable[fdt.Node]:
    """Nodes with a compatible and registers that the CPU can reach; memory is no device."""
    memory = ("/reserved-memory/", "/chosen/")
    for node in host.tree.nodes:
        if "compatible" not in node.props or node.path.startswith(memory):
            continue
        if node.props.get("device_type") == b"memory\0":
            continue
        if any(reg.fault is None and reg.size and reg.kind == "reg"
               for reg in host.regs[node.index]):
            yield node


def _count_gpus(host: Host, verdicts: dict[str, str], result: Result) -> None:
    for node in gpus.gpus(host):
        verdict = verdicts.get(node.path, "missing")
        result.counts["gpus"] += 1
        result.counts["gpu " + verdict] += 1
        if gpus.assignable(host, node):
            result.counts["assignable"] += 1
            result.counts["assignable " + verdict] += 1
            if verdict in ("no", "missing"):
                result.faults.append(("gpu-refused", node.path, "can be given away: " + verdict))


def _take(host: Host, record: Json, result: Result) -> None:
    plan = record["plan"]
    for fault in check.check_record(host, record):
        where = "%s%s" % (record["device"], " and more" if record["together"] > 1 else "")
        result.faults.append((fault.code, where, fault.text))
    if record["together"] > 1 or plan["guests"][0]["mode"] != "xl":
        result.counts["together" if record["together"] > 1 else "dom0less"] += 1
        return
    result.counts["devices"] += 1
    result.counts["verdict " + plan["verdict"]] += 1
    if record["gpu"] and not gpus.is_gpu(host.tree.by_path[record["device"]]):
        result.counts["gpus of the tool alone"] += 1
    for severity, code in {(one["severity"], one["code"]) for one in plan["findings"]}:
        result.codes[severity, code] += 1


def run_tree(program: str, sources: str, path: str, dom0less: bool) -> Result:
    result = Result(Counter(), Counter(), [])
    verdicts: dict[str, str] = {}
    try:
        host = driver.load_host(path)
        for record in driver.records(program, sources, path):
            if record["together"] == 1:
                verdicts[record["device"]] = record["plan"]["verdict"]
            _take(host, record, result)
        for record in driver.records(program, sources, path, True) if dom0less else ():
            _take(host, record, result)
        for node in expected_devices(host):
            if node.path not in verdicts:
                result.faults.append(("unplanned", node.path, "has no plan"))
        _count_gpus(host, verdicts, result)
    except Exception as error:  # one tree's failure must not hide the others' results
        result.faults.append(("crash", "", "%s: %s" % (type(error).__name__, error)))
    return result


def compile_one(path: str) -> Optional[str]:
    """What is wrong with a guest.dts; where its .dtb lies beside it, dtc must make the same."""
    done = subprocess.run(["dtc", "-I", "dts", "-O", "dtb", "-o", "-", path], capture_output=True)
    if done.returncode or done.stderr:
        return done.stderr.decode(errors="replace").strip().split("\n")[0] or "exit status"
    try:
        with open(path[:-1] + "b", "rb") as file:
            given = fdt.Tree(file.read())
    except FileNotFoundError:
        return None
    made = fdt.Tree(done.stdout)
    same = [(node.path, node.props) for node in made.nodes] == [
        (node.path, node.props) for node in given.nodes]
    return None if same else "dtc makes another tree of it than guest.dtb"


def _run_job(job: tuple[str, str, str, bool]) -> tuple[str, Result]:
    return job[2], run_tree(*job)


def _run_dtc(path: str) -> tuple[str, Optional[str]]:
    return path, compile_one(path)


class Totals:
    def __init__(self, shown: int) -> None:
        self.shown = shown
        self.counts: Counter[str] = Counter()
        self.codes: Counter[tuple[str, str]] = Counter()
        self.faults: Counter[str] = Counter()

    def add(self, name: str, result: Result) -> None:
        self.counts["trees"] += 1
        self.counts += result.counts
        self.codes += result.codes
        for code, where, what in result.faults:
            self.fault(code, "%s %s" % (name, where), what)

    def fault(self, code: str, where: str, what: str) -> None:
        self.faults[code] += 1
        if self.faults[code] <= self.shown:
            print("FAULT %s: %s: %s" % (code, where, what), flush=True)


def print_totals(totals: Totals) -> None:
    counts = totals.counts
    print("\n%-32s %9s" % ("verdict", "devices"))
    for verdict in ("ok", "warn", "no"):
        print("%-32s %9d" % (verdict, counts["verdict " + verdict]))
    for severity in ("error", "warning", "note"):
        print("\n%-32s %9s" % (severity + "s", "devices"))
        rows = [(count, code) for (one, code), count in totals.codes.items() if one == severity]
        for count, code in sorted(rows, reverse=True):
            print("%-32s %9d" % (code, count))
    print("\n%d GPUs: %d ok, %d warn, %d no, %d without a plan" % (
        counts["gpus"], counts["gpu ok"], counts["gpu warn"], counts["gpu no"],
        counts["gpu missing"]))
    print("%d of them assignable by an independent count: %d ok, %d warn, %d no" % (
        counts["assignable"], counts["assignable ok"], counts["assignable warn"],
        counts["assignable no"] + counts["assignable missing"]))
    if counts["gpus of the tool alone"]:
        print("%d devices are GPUs for the tool only" % counts["gpus of the tool alone"])


def check_known(totals: Totals) -> None:
    """The whole corpus has known numbers; a part of it, or another one, has not."""
    if totals.counts["trees"] == KNOWN["trees"]:
        for key, wanted in KNOWN.items():
            if totals.counts[key] != wanted:
                totals.fault("count", key, "%d, known are %d" % (totals.counts[key], wanted))
    if not totals.counts["devices"]:
        totals.fault("count", "devices", "not one was planned")


def run(options: argparse.Namespace, trees: list[str], sources: str) -> Totals:
    totals = Totals(options.show)
    begun = time.monotonic()
    with multiprocessing.Pool(options.jobs) as pool:
        work = [(options.driver, sources, path, number % DOM0LESS_EVERY == 0)
                for number, path in enumerate(trees)]
        for path, result in pool.imap_unordered(_run_job, work, 4):
            totals.add(os.path.relpath(path, options.trees), result)
        planned = time.monotonic()
        files = [] if options.no_dtc else sorted(glob.glob(os.path.join(sources, "*.dts")))
        for path, wrong in pool.imap_unordered(_run_dtc, files, 32):
            if wrong is not None:
                totals.fault("dtc", os.path.basename(path), wrong)
    check_known(totals)
    print_totals(totals)
    print("%d plans of several GPUs, %d for dom0less guests" % (
        totals.counts["together"], totals.counts["dom0less"]))
    print("%d trees, %d devices: %.1f s; dtc on %d distinct guest trees: %.1f s" % (
        totals.counts["trees"], totals.counts["devices"], planned - begun, len(files),
        time.monotonic() - planned))
    return totals


def with_sources(folder: Optional[str], work: Callable[[str], Totals]) -> Totals:
    """Runs `work` with a folder for guest.dts files: the one named, or one that is then removed."""
    if folder is not None:
        os.makedirs(folder, exist_ok=True)
        return work(folder)
    with tempfile.TemporaryDirectory(prefix="sallyport-corpus-") as scratch:
        return work(scratch)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--driver", required=True, help="the program that plans each device")
    parser.add_argument("--trees", default=os.environ.get("SALLYPORT_CORPUS", ""),
                        help="a folder of .dtb files (default: $SALLYPORT_CORPUS)")
    parser.add_argument("--sources", help="keep the distinct guest.dts files in this folder")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--every", type=int, default=1, help="only every N-th tree")
    parser.add_argument("--no-dtc", action="store_true", help="do not compile the guest trees")
    parser.add_argument("--show", type=int, default=5, help="how many faults of a kind to print")
    options = parser.parse_args()
    pattern = os.path.join(options.trees, "**", "*.dtb")
    trees = sorted(glob.glob(pattern, recursive=True)) if options.trees else []
    if not trees:
        print("*** THE CORPUS IS MISSING: no .dtb under %r; NOTHING WAS CHECKED ***" % (
            options.trees), file=sys.stderr)
        return SKIPPED
    totals = with_sources(options.sources, lambda sources: run(
        options, trees[::options.every], sources))
    for code, count in sorted(totals.faults.items()):
        print("FAULTS %s: %d" % (code, count))
    print("corpus: %s" % ("FAILED" if totals.faults else "passed"))
    return 1 if totals.faults else 0


if __name__ == "__main__":
    sys.exit(main())
