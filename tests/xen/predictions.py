#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
What cases.py foretells against what real Xen and real guests do: each wrong set-up and its twin.

	predictions.py PROGRAM FOLDER [CASE…]
"""

import argparse
import json
import subprocess
import sys
import time

from cases import CASES, Panics, Reaches, Refused, Silent, appears
from trial import *  # noqa: F403
from bed.board import Board, compile_tree, source_of
from bed.streams import TimedOut
from bed.system import Panic
from bed.tools import Bed


class Run:
    """A set-up, and what is foretold for it: None if it works."""

    def __init__(self, setup, outcome, names):
        self.setup = setup
        self.outcome = outcome
        self.names = names  # of the cases that it is for
        self.seen = ""

    @property
    def name(self):
        return self.names[0] + ("" if self.outcome else "-twin")

    def key(self):
        return self.setup.boot, self.setup.disks, self.setup.text("host")


def runs_of(cases):
    """Each distinct set-up once: many cases have the same twin."""
    runs = {}
    for case in cases:
        for setup, outcome in ((case.twin, None), (case.setup(), case.outcome)):
            run = runs.setdefault((setup.files, setup.guests), Run(setup, outcome, []))
            run.names.append(case.name)
    return list(runs.values())


class Bench:
    """Writes set-ups out, and runs them."""

    def __init__(self, story, bed):
        self.story = story
        self.bed = bed
        self.trees = {}
        self.disks = [Disk("virtio", 1, make_disk(story.folder / "virtio.img", "v")),
                      Disk("nvme", 2, make_disk(story.folder / "nvme.img", "n"))]

    def board(self, setup):
        return Board(self.bed, disks=self.disks if setup.disks else [], high_ecam=not setup.disks)

    def base(self, board):
        """The board's own tree; all set-ups of one board change the same."""
        key = board.machine, len(board.disks)
        if key not in self.trees:
            self.trees[key] = board.tree()
        return self.trees[key]

    def write(self, name, setup):
        """The set-up's files in a folder of its own. Returns the folder."""
        folder = self.story.folder / name
        folder.mkdir(exist_ok=True)
        board = self.board(setup)
        base = self.base(board)
        source = folder / "board.dtb"
        source.write_bytes(base)
        phandle = "0x" + run("fdtget", "-t", "x", source, SMMU, "phandle").strip()
        host = setup.text("host").replace("SMMU", phandle)
        host = host.replace("KERNEL", f"{self.bed.kernel.stat().st_size:#x}")
        host = host.replace("RAMDISK", f"{self.bed.guest.stat().st_size:#x}")
        host = host.replace("ARGUMENTS", f"console=ttyAMA0 rdinit=/init loglevel=4 bed={setup.trials[0]}")
        (folder / "host.dtb").write_bytes(append(load(board, base), host))
        for file, text in setup.files:
            if file.endswith(".cfg"):
                (folder / file).write_text(text)
            elif file.endswith(".dts"):
                (folder / file.replace(".dts", ".dtb")).write_bytes(compile_tree(text))
        return folder

    def check(self, folder, setup):
        """What `sallyport check` says: the verdict's status, and the codes of errors and warnings."""
        words = [self.story.program, "check", "--json", *setup.check, folder / "host.dtb"]
        if setup.boot == "dom0less":
            words += ["--guest-tree", f"{setup.guests[0]}={folder}/{setup.guests[0]}.dtb"]
        else:
            words += [folder / f"{guest}.cfg" for guest in setup.guests]
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
        if done.returncode == 2:
            raise Failure(f"sallyport check: {done.stderr.strip()}")
        findings = json.loads(done.stdout)["findings"]
        return done.returncode, {finding["code"] for finding in findings if finding["severity"] != "note"}


def works(system, guest, trial):
    """Whether a guest's trial came out well, and what was seen."""
    if trial == "rtc":
        said = fields(system.guest(guest, "BED rtc .*"))
        return said.get("woken") == "yes" and int(said["after"]) > int(said["before"]), "the RTC's alarm came"
    if trial == "uart":
        system.guest(guest, "BED uart ready")
        system.type_on_uart("hello")
        said = system.guest(guest, "BED uart before.*").group(0)
        return said.endswith('heard="hello"'), "the UART heard a line"
    for name in ("virtio", "nvme"):
        said = fields(system.guest(guest, f"BED disk {name} .*"))
        if said.get("wrote") != "yes":
            return False, f"no {name} disk"
    return True, "both disks were read and written"


def start_guests(system, setup, folder, pause):
    """
    All but the last must start; they need not run where the last is refused, and must not then, since
    an alarm that is set and not waited for would go to who gets the RTC next. Returns what xl said
    of the last.
    """
    for guest, trial in zip(setup.guests, setup.trials):
        there = f"/root/{guest}"
        system.dom0_must(f"mkdir -p {there}")
        system.push(f"{there}/guest.cfg", (folder / f"{guest}.cfg").read_bytes())
        system.push(f"{there}/{guest}.dtb", (folder / f"{guest}.dtb").read_bytes())
        status, said = system.create(guest, there, trials=[trial], pause=pause and guest != setup.guests[-1])
        if status != 0 and guest != setup.guests[-1]:
            raise Failure(f"{guest} could not be started: {said}")
    return status, said


def try_xl(system, outcome, setup, folder):
    """Runs one set-up in a booted system. Returns whether all was as foretold, and what was seen."""
    system.xen_log()
    last, trial = setup.guests[-1], setup.trials[-1]
    status, said = start_guests(system, setup, folder, isinstance(outcome, Refused))
    errors = " / ".join(line for line in said.splitlines() if "rror" in line or "nvalid" in line)
    if isinstance(outcome, Refused):
        log = system.xen_log()
        good = status != 0 and appears(outcome.says, said) and (not outcome.xen or appears(outcome.xen, log))
        return bool(good), f"status {status}; {errors}" + ("" if good else f"\n{said}\n{log}")
    if status != 0:
        return False, f"xl create: status {status}\n{said}\n{system.xen_log()}"
    return outlook(system, outcome, setup, last, trial)


def outlook(system, outcome, setup, last, trial):
    """What the guests do once they were accepted."""
    if outcome is None:
        begin = time.monotonic()
        for guest in setup.guests:
            system.guest(guest, "BED up.*")
        system.slowest = max(system.slowest, time.monotonic() - begin)
        for guest, wanted in zip(setup.guests, setup.trials):
            good, seen = works(system, guest, wanted)
            if not good:
                return False, f"{guest}: {seen}"
        return True, seen
    if isinstance(outcome, Silent):
        # A loaded machine is slow with all guests.
        limit = max(12, 3 * system.slowest)
        try:
            match = system.guest(last, "BED up.*", limit)
        except TimedOut:
            alive = system.dom0("xl domid " + last)[0] == 0
            return alive, f"{limit:.0f} s of silence" + ("" if alive else ", for it has ended")
        return False, f"it came up: {match.group(0)}"
    if isinstance(outcome, Reaches):
        for guest in setup.guests:
            system.guest(guest, "BED done")
        for guest, command, pattern in outcome.probe:
            system.dom0_must(f"say {guest} '{command}'")
            seen = system.guest(guest, pattern).group(0)
        return True, seen
    if outcome.first:
        system.guest(last, outcome.first)
    return True, system.guest(last, outcome.sees).group(0).split("| ", 1)[-1]


def try_dom0less(bench, name, outcome, setup, folder):
    board = bench.board(setup)
    guest = Guest(bench.bed, 0, setup.trials)
    modules = guest.modules(folder / f"{setup.guests[0]}.dtb")
    system = System(board, (folder / "host.dtb").read_bytes(), bench.story.folder / f"{name}.log", modules=modules,
                    kernels={setup.guests[0]: guest.kernel.address}, report=bench.story.retried)
    try:
        with system:
            if isinstance(outcome, Panics):
                return False, "Xen started"
            return outlook(system, outcome, setup, setup.guests[0], setup.trials[0])
    except Panic as panic:
        log = panic.log
        good = isinstance(outcome, Panics) and appears(outcome.reason, log) and appears(outcome.says, log)
        return bool(good), str(panic) if good else log


def attempt(function, *arguments):
    """As the function, and None in place of a verdict if something hung."""
    try:
        return function(*arguments)
    except TimedOut as failure:
        return None, str(failure)
    except Failure as failure:
        return False, str(failure)


def run_all(bench, runs):
    """Set-ups with the same host tree share a boot. One that hangs has a second boot of its own."""
    groups = {}
    for one in runs:
        groups.setdefault(one.key() if one.setup.boot == "xl" else one.setup.files, []).append(one)
    for members in groups.values():
        hung = run_group(bench, members, "")
        for one in hung:
            bench.story.retried(f"{one.name} hung: {one.seen}; it is tried once more")
            for again in run_group(bench, [one], "-again"):
                report(bench.story, again, False, again.seen)


def run_group(bench, members, suffix):
    """Returns those that hung."""
    story, hung = bench.story, []

    def settle(one, verdict):
        good, one.seen = verdict
        if good is None:
            hung.append(one)
        else:
            report(story, one, good, one.seen)
        return good is None

    first = members[0]
    folder = bench.write(first.name, first.setup)
    if first.setup.boot == "dom0less":
        settle(first, attempt(try_dom0less, bench, first.name + suffix, first.outcome, first.setup, folder))
        return hung
    pending, boots = list(members), 0
    while pending:
        boots += 1
        log = story.folder / f"{first.name}{suffix}-{boots}.log"
        with System(bench.board(first.setup), (folder / "host.dtb").read_bytes(), log, report=story.retried) as system:
            while pending:
                one = pending.pop(0)
                files = bench.write(one.name, one.setup)
                if settle(one, attempt(try_xl, system, one.outcome, one.setup, files)):
                    break
                system.dom0("for g in %s; do xl destroy $g; done 2>/dev/null" % " ".join(one.setup.guests))
    return hung


def report(story, one, good, seen):
    title = f"{one.names[0]}: {one.outcome.sentence()}" if one.outcome else f"the twin of {', '.join(one.names)} works"
    story.judge(good, title, seen)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("folder")
    parser.add_argument("case", nargs="*", metavar="CASE", help="only these")
    options = parser.parse_args()
    unknown = set(options.case) - {case.name for case in CASES}
    if unknown:
        parser.error(f"unknown case {', '.join(sorted(unknown))}")
    cases = [case for case in CASES if not options.case or case.name in options.case]
    try:
        bed = Bed()
        story = Story(options.folder, options.program)
        bench = Bench(story, bed)
        story.part("What `sallyport check` foretells")
        for case in cases:
            for setup, wrong in ((case.twin, False), (case.setup(), True)):
                folder = bench.write(case.name + ("" if wrong else "-twin"), setup)
                status, codes = bench.check(folder, setup)
                if wrong:
                    story.judge(case.code in codes, f"{case.name}: check says {case.code}", ", ".join(sorted(codes)))
                else:
                    story.judge(status == 0 and case.code not in codes, f"{case.name}: and not of its twin",
                                ", ".join(sorted(codes)))
        story.part("What Xen and the guests do")
        run_all(bench, runs_of(cases))
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 2
    story.say(f"\n{len(cases)} wrong set-ups of {len({case.code for case in cases})} kinds, each with its twin")
    return story.end()


if __name__ == "__main__":
    sys.exit(main())
