#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Boots real Xen for x86 with dom0 of both kinds, has Sallyport plan there what guests are given, and
makes the guests from the plans: what works is shown by data and interrupts, and what does not by the
words with which it fails. Each row's prediction is in rows.py. Two machines run at a time, and each is told
of when it has ended.

	story.py PROGRAM FOLDER [PART…]
"""

import argparse
import concurrent.futures
import json
import pathlib
import sys
import threading
import time

SOURCE = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(SOURCE / "testbed"), str(SOURCE / "tests/xen")]

from bed.machine import Panic  # noqa: E402
from bed.pc import PcBed, PcSystem  # noqa: E402
from bed.streams import Ended  # noqa: E402
from bed.tools import Failure, run  # noqa: E402
from guests import COMMON, GUEST_ARGUMENTS, HVM, LOGS, Devices, addresses, fields, interrupts, matches, works  # noqa: E402
from rows import BOOTS, DEVICES, UNCLAIMED  # noqa: E402
from trial import Story  # noqa: E402
import kvm  # noqa: E402

GUEST_LIMIT = 120
MACHINES = 2  # at a time, each with one processor
# Who holds which function, what may be given away, and what xenstore knows; nothing is said by a
# folder of xenstore's that is empty.
STATE = (
    "for d in /sys/bus/pci/devices/*; do echo ${d##*/} $(readlink $d/driver); done; xl pci-assignable-list;"
    " xl list | awk 'NR > 2 { print $1, $2 }'; xenstore-ls -f | grep -E 'pci|sallyport' | grep -v ' = \"\"$' | sort"
)


def judge_words(story, row, texts):
    for where, words in row.words:
        story.judge(matches(words, texts[where]), f"{row.name}: {where} says so", words)


def judge_trial(story, name, trial, kind, line, devices):
    plain = trial.split("-")[0]
    said = fields(line)
    good, what = works(plain, said, devices)
    count, counted = interrupts(said) if kind != "" else (0, "")
    if kind is None:
        story.judge(not (good and count), f"{name}: {trial} does not work", line.split("BED ", 1)[1])
    elif kind == "":
        story.judge(good, f"{name}: {trial}", what if good else line)
    else:
        right = good and count > 0 and kind in counted
        story.judge(right, f"{name}: {trial}", f"{what}; {count} interrupts, {counted}" if right else line)


def answer(text):
    """The verdict, and the codes of what a plan or the doctor warns of or forbids."""
    said = json.loads(text)
    answers = said.get("preflight", said.get("answers"))
    return said["verdict"], {entry["code"] for entry in answers if entry["result"] in ("WARN", "FAIL")}


def foretold(boot, row):
    codes = set(boot.common) | set(row.codes)
    for device in row.devices:
        codes |= set(DEVICES[device][2])
    return codes - set(UNCLAIMED) if row.claimed else codes


def plan(story, system, boot, row):
    """The files of a plan, in dom0, and what was said."""
    trials = ",".join(trial for trial, _ in row.trials)
    words = (
        f"sallyport plan {addresses(row.devices)} --guest {row.kind} --name {row.name} --memory 256 --keep-going"
        f" --kernel /boot/vmlinuz --ramdisk /boot/guest.cpio --cmdline '{GUEST_ARGUMENTS} bed={trials}'"
    )
    if row is boot.rows[0]:
        story.say(f"  # {words} -o /root/{row.name}")
    status, said = system.dom0(f"{words} -o /root/{row.name} --json")
    story.note(f"{boot.name}/{row.name}: plan\n{said}")
    try:
        verdict, codes = answer(said)
    except ValueError as error:
        raise Failure(f"sallyport plan: status {status}: {said}") from error
    wanted = foretold(boot, row)
    story.judge(verdict == row.verdict and status == (verdict == "no") and codes == wanted,
                f"{row.name}: foretold", f"{verdict}, {' '.join(sorted(codes))}")
    if codes != wanted:
        story.say(f"         wanted: {row.verdict}, {' '.join(sorted(wanted))}")
    return system.fetch(f"/root/{row.name}/guest.cfg").decode()


def take(story, system, row):
    status, said = system.dom0(f"sh /root/{row.name}/take.sh 2>&1", GUEST_LIMIT)
    log = said + system.dom0(LOGS["dom0"])[1] + system.dom0(LOGS["xen"])[1]
    story.note(f"{row.name}: take.sh: status {status}\n{log}")
    if row.untaken:
        story.judge(status != 0 and matches(row.untaken, log), f"{row.name}: take.sh fails", row.untaken)
    else:
        story.judge(status == 0, f"{row.name}: take.sh", "" if status == 0 else said)


def judge_guest(story, system, row, configuration, devices):
    begin = time.monotonic()
    text = configuration + COMMON + (HVM if row.kind == "hvm" else "")
    status, said = system.create(row.name, text, GUEST_LIMIT)
    story.judge((status != 0) == row.refused, f"xl create {row.name}", "refused" if status else "done")
    try:
        if status == 0:
            system.guest(row.name, "BED up.*", GUEST_LIMIT)
            for trial, kind in row.trials:
                line = system.guest(row.name, rf"BED {trial.split('-')[0]} .*", GUEST_LIMIT).group(0)
                judge_trial(story, row.name, trial, kind, line, devices)
            system.guest(row.name, "BED done", GUEST_LIMIT)
    finally:
        texts = {"xl": said, "guest": system.streams["guests"].text[system.born[row.name]:]}
        for name, command in LOGS.items():
            texts[name] = system.dom0(command.format(name=row.name) + " 2>/dev/null")[1]
        story.note(f"{row.name}: {time.monotonic() - begin:.1f} s\n" + "".join(
            f"--- {name}\n{text}" for name, text in texts.items()))
        system.dom0(f"xl destroy {row.name}")
    judge_words(story, row, texts)


def crash(story, system, row):
    """Xen does not survive it."""
    try:
        said = system.dom0(f"sh /root/{row.name}/take.sh 2>&1", GUEST_LIMIT)
        story.judge(False, f"{row.name}: Xen ends", said)
    except Ended:
        log = system.streams["serial"].text
        story.judge(matches(row.fatal, log), f"{row.name}: Xen ends", row.fatal)


def try_row(story, system, boot, row, devices):
    system.dom0(f"{row.before or ':'}; xl dmesg -c >/dev/null; dmesg -c >/dev/null")
    before = system.dom0(STATE)[1]
    configuration = plan(story, system, boot, row)
    if row.fatal:
        crash(story, system, row)
        return
    if row.take:
        take(story, system, row)
    judge_guest(story, system, row, configuration, devices)
    if row.take and not row.untaken:
        status, said = system.dom0(f"sh /root/{row.name}/give-back.sh 2>&1")
        after = system.dom0(STATE)[1]
        good = status == 0 and after == before
        story.judge(good, f"{row.name}: give-back.sh leaves all as it was", "" if good else f"{said}\n{before}--- now\n{after}")
    system.dom0(f"{row.after or ':'}")


def attach(story, system, boot, devices):
    """To a guest that runs, and back."""
    name = "late"
    system.dom0_must("load e1000e")
    text = (f'name = "{name}"\ntype = "hvm"\nmemory = 256\nkernel = "/boot/vmlinuz"\nramdisk = "/boot/guest.cpio"\n'
            f'extra = "{GUEST_ARGUMENTS}"\npassthrough = "enabled"\n')
    status, said = system.create(name, text + COMMON + HVM, GUEST_LIMIT)
    if status:
        raise Failure(said)
    system.guest(name, "BED done", GUEST_LIMIT)
    before = system.dom0(STATE)[1]
    words = addresses(device for device, _, _ in boot.attach)
    status, said = system.dom0(f"sallyport attach {name} {words} 2>&1", GUEST_LIMIT)
    story.judge(status == 0 and system.dom0(STATE)[1] != before, f"sallyport attach {name} {words}", said.strip())
    commands = "; ".join("try_" + trial.replace("-", " ") for _, trial, _ in boot.attach)
    system.dom0_must(f"say {name} '{commands}'")
    for _, trial, kind in boot.attach:
        line = system.guest(name, rf"BED {trial.split('-')[0]} .*", GUEST_LIMIT).group(0)
        judge_trial(story, name, trial, kind, line, devices)
    status, said = system.dom0(f"sallyport detach {name} {words} 2>&1", GUEST_LIMIT)
    unchanged(story, system, before, status == 0, "sallyport detach leaves all as it was", said)
    if boot.attach_refused:
        words = addresses((boot.attach[0][0], boot.attach_refused))
        status, said = system.dom0(f"sallyport attach {name} {words} 2>&1", GUEST_LIMIT)
        unchanged(story, system, before, status == 2, f"what fails halfway leaves all as it was ({words})", said)
        status, said = system.dom0(f"sallyport attach {name} {addresses(['vf'])} 2>&1", GUEST_LIMIT)
        good = status == 2 and "SP-PCI-VF-PVH" in said
        unchanged(story, system, before, good, "attach refuses what would crash Xen", said)
    system.dom0_must(f"xl destroy {name}; rmmod e1000e")


def unchanged(story, system, before, good, what, said):
    after = system.dom0(STATE)[1]
    good = good and after == before
    story.judge(good, what, said.strip() if good else f"{said}\n{before}--- now\n{after}")


def prepare(story, system, boot, tree):
    system.install(tree)
    system.dom0_must("load xen-pciback")
    if any("vf" in row.devices for row in boot.rows):
        system.dom0_must("load igb; echo 2 >/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs")
        system.dom0_must("for n in /sys/bus/pci/devices/0000:01:00.0/net/*; do ip link set ${n##*/} up; done")
    system.dom0_must("sallyport snapshot -o /root/snapshot")
    snapshot = story.folder / f"{boot.name}.snapshot"
    snapshot.write_bytes(system.fetch("/root/snapshot"))
    row = boot.rows[0]
    status, said = system.dom0(f"sallyport doctor {addresses(row.devices)} --guest {row.kind} --json")
    verdict, codes = answer(said)
    story.judge(verdict == row.verdict and codes == foretold(boot, row), "sallyport doctor", f"{verdict}, as {row.name} foretells")
    there = run(story.program, "doctor", snapshot, *addresses(row.devices).split(), "--guest", row.kind, "--json",
                statuses=(0, 1))
    story.judge(answer(there) == (verdict, codes), "the snapshot says the same elsewhere")
    if boot.doctor:
        said = run(story.program, "doctor", snapshot, *addresses(row.devices).split(), "--dom0", "pvh", "--json",
                   statuses=(1,))
        failed = {entry["code"] for entry in json.loads(said)["answers"] if entry["result"] == "FAIL"}
        story.judge(failed == set(boot.doctor), "of a PVH dom0 on this machine the doctor says", " ".join(failed))


def run_boot(story, bed, boot, tree):
    devices = Devices(story.folder / boot.name)
    pc = devices.pc(bed, boot.dom0, boot.linux, boot.iommu)
    begin = time.monotonic()
    try:
        machine = PcSystem(pc, story.folder / f"{boot.name}.log", report=story.retried)
        with story.machine(machine) as system:
            story.say(f"  dom0 after {time.monotonic() - begin:.1f} s")
            story.judge(boot.panic is None, "Xen boots")
            prepare(story, system, boot, tree)
            try:
                if boot.attach:
                    attach(story, system, boot, devices)
            except Failure as failure:
                story.judge(False, "attaching could not go on", failure)
            for row in boot.rows:
                try:
                    try_row(story, system, boot, row, devices)
                except Failure as failure:
                    story.judge(False, f"{row.name} could not go on", failure)
    except Panic as panic:
        story.judge(boot.panic is not None and matches(boot.panic, panic.log), "Xen panics", panic)


class Notes(Story):
    """A story that several tell at once, each in one piece, and that keeps what everybody said."""

    def __init__(self, folder, program):
        super().__init__(folder, program)
        self.words = open(self.folder / "words.txt", "w", encoding="utf-8")
        self.lock = threading.RLock()
        self.mine = threading.local()
        self.machines = []

    def note(self, text):
        with self.lock:
            self.words.write(text.rstrip() + "\n\n")
            self.words.flush()

    def say(self, text=""):
        lines = getattr(self.mine, "lines", None)
        if lines is None:
            super().say(text)
        else:
            lines.append(text)

    def judge(self, good, what, seen=""):
        with self.lock:
            return super().judge(good, what, seen)

    def machine(self, system):
        """One that is to end if the story does."""
        self.machines.append(system)
        return system

    def piece(self, title, function, *arguments):
        """Returns its lines."""
        self.mine.lines = []
        self.part(title)
        begin = time.monotonic()
        try:
            function(self, *arguments)
        except Failure as failure:
            self.failed(failure)
        self.say(f"  {time.monotonic() - begin:.0f} s")
        return self.mine.lines

    def tell(self, pieces):
        pool = concurrent.futures.ThreadPoolExecutor(MACHINES)
        try:
            for told in [pool.submit(self.piece, *piece) for piece in pieces]:
                for line in told.result():
                    self.say(line)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for machine in self.machines:
                if machine.process:
                    machine.process.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("folder")
    names = [boot.name for boot in BOOTS] + ["kvm"]
    parser.add_argument("part", nargs="*", metavar="PART", help=", ".join(names))
    options = parser.parse_args()
    unknown = set(options.part) - set(names)
    if unknown:
        parser.error(f"unknown part {', '.join(sorted(unknown))}")
    try:
        bed = PcBed()
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 2
    story = Notes(options.folder, options.program)
    try:
        run(SOURCE / "testbed/cross.sh", bed.sysroot, story.folder / "cross")
        tree = story.folder / "cross/tree"
        pieces = [(boot.title, run_boot, bed, boot, tree) for boot in BOOTS
                  if not options.part or boot.name in options.part]
        if not options.part or "kvm" in options.part:
            pieces.append((kvm.TITLE, kvm.run_boot, bed, tree))
        story.tell(pieces)
    except Failure as failure:
        story.failed(failure)
    return story.end()


if __name__ == "__main__":
    sys.exit(main())
