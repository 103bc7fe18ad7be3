#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Boots real Xen for x86 with dom0 of both kinds and passes devices through to guests: what works is
shown by data and interrupts, and what does not by the words with which it fails.

	story.py FOLDER [PART…]
"""

import argparse
import pathlib
import sys
import time

SOURCE = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(SOURCE / "testbed"), str(SOURCE / "tests/xen")]

from bed.pc import PcBed, PcSystem  # noqa: E402
from bed.machine import Panic  # noqa: E402
from bed.tools import Failure  # noqa: E402
from guests import DEVICES, LOGS, Devices, fields, interrupts, matches, works  # noqa: E402
from rows import BOOTS  # noqa: E402
from trial import Story  # noqa: E402

GUEST_LIMIT = 120


def take(story, system, boot):
    """Takes the devices away from dom0's drivers, and looks at those that cannot be."""
    system.dom0_must("load xen-pciback")
    system.dom0("xl dmesg -c >/dev/null; dmesg -c >/dev/null")
    for device, (bdf, _) in DEVICES.items():
        status, said = system.dom0(f"xl pci-assignable-add {bdf} 2>&1")
        log = said + system.dom0(LOGS["dom0"])[1] + system.dom0(LOGS["xen"])[1]
        words = boot.unassignable.get(device)
        if words is None:
            story.judge(status == 0, f"dom0 gives {device} away", said.strip() if status else "")
            continue
        story.judge(status != 0 and matches(words, log), f"dom0 cannot give {device} away", words)
        story.note(f"{boot.name}: assignable-add {device}: status {status}\n{log}")


def logs(system, guest):
    texts = {}
    for name, command in LOGS.items():
        texts[name] = system.dom0(command.format(name=guest.name) + " 2>/dev/null")[1]
    return texts


def judge_trials(story, system, guest, devices):
    for trial, kind in guest.trials:
        plain = trial.split("-")[0]
        line = system.guest(guest.name, rf"BED {plain} .*", GUEST_LIMIT).group(0)
        said = fields(line)
        good, what = works(plain, said, devices)
        count, counted = interrupts(said)
        if kind is None:
            story.judge(not (good and count), f"{guest.name}: {trial} does not work", line.split("BED ", 1)[1])
        elif kind == "":
            story.judge(good, f"{guest.name}: {trial}", what if good else line)
        else:
            story.judge(good and count > 0 and kind in counted, f"{guest.name}: {trial}",
                        f"{what}; {count} interrupts, {counted}" if good and kind in counted else line)


def run(story, system, boot, guest, devices):
    begin = time.monotonic()
    system.dom0("xl dmesg -c >/dev/null; dmesg -c >/dev/null")
    status, said = system.create(guest.name, guest.configuration(), GUEST_LIMIT)
    story.judge((status != 0) == guest.refused, f"xl create {guest.name}",
                f"{'refused' if status else 'done'}, {time.monotonic() - begin:.1f} s")
    try:
        if status == 0:
            system.guest(guest.name, "BED up.*", GUEST_LIMIT)
            judge_trials(story, system, guest, devices)
            if guest.trials:
                system.guest(guest.name, "BED done", GUEST_LIMIT)
    finally:
        texts = {"xl": said, **logs(system, guest)}
        texts["guest"] = system.streams["guests"].text[system.born[guest.name]:]
        story.note(f"{boot.name}/{guest.name}: {time.monotonic() - begin:.1f} s\n" + "".join(
            f"--- {name}\n{text}" for name, text in texts.items()))
        system.dom0(f"xl destroy {guest.name}")
    for where, words in guest.words:
        story.judge(matches(words, texts[where]), f"{guest.name}: {where} says so", words)


def run_boot(story, bed, boot):
    devices = Devices(story.folder / boot.name)
    pc = devices.pc(bed, boot.dom0, boot.linux, boot.iommu)
    begin = time.monotonic()
    try:
        with PcSystem(pc, story.folder / f"{boot.name}.log", report=story.retried) as system:
            story.say(f"  dom0 after {time.monotonic() - begin:.1f} s")
            story.judge(boot.panic is None, "Xen boots")
            take(story, system, boot)
            for guest in boot.guests:
                try:
                    run(story, system, boot, guest, devices)
                except Failure as failure:
                    story.judge(False, f"{guest.name} could not go on", failure)
    except Panic as panic:
        story.judge(boot.panic is not None and matches(boot.panic, panic.log), "Xen panics", panic)


class Notes(Story):
    """A story that keeps what everybody said."""

    def __init__(self, folder):
        super().__init__(folder, "xl")
        self.words = open(self.folder / "words.txt", "w", encoding="utf-8")

    def note(self, text):
        self.words.write(text.rstrip() + "\n\n")
        self.words.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("parts", nargs="*", choices=[[], *(boot.name for boot in BOOTS)], metavar="PART")
    arguments = parser.parse_args()
    story = Notes(arguments.folder)
    bed = PcBed()
    for boot in BOOTS:
        if arguments.parts and boot.name not in arguments.parts:
            continue
        story.part(boot.title)
        try:
            run_boot(story, bed, boot)
        except Failure as failure:
            story.failed(failure)
    return story.end()


if __name__ == "__main__":
    sys.exit(main())
