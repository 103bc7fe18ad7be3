#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Boots stock guests in stock QEMU with devices that `serve` serves, and judges what guests, viewers and the
host see of them. Two cases run at a time; each is told of when it has ended.

	story.py SERVE FOLDER [--only CASE]…

SERVE's folder has `sallyport`, too. FOLDER gets the logs and pictures.
"""

import argparse
import concurrent.futures
import pathlib
import random
import signal
import sys
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(SOURCE / "testbed"), str(SOURCE / "tests/vm")]

from bed.tools import Failure  # noqa: E402
from guest import Guest, Vm, VmBed  # noqa: E402
from server import Server  # noqa: E402
import firmware  # noqa: E402
import hotplug  # noqa: E402
import iommu  # noqa: E402
import life  # noqa: E402
import pictures  # noqa: E402
import typing_in  # noqa: E402

CASES = pictures.CASES + typing_in.CASES + life.CASES + hotplug.CASES + firmware.CASES + iommu.CASES
AT_A_TIME = 2  # each guest has one processor


class Case:
    """What one case works with, and what came of it."""

    def __init__(self, story, name, title, function):
        self.story = story
        self.name = name
        self.title = title
        self.function = function
        self.bed = story.bed
        self.folder = story.folder / name
        self.lines = []
        self.guests = []
        self.right = self.wrong = 0
        self.random = random.Random(f"{story.seed}/{name}")

    def judge(self, good, what, seen=""):
        self.lines.append(f"  {'ok    ' if good else 'FAILED'} {what}{': ' if seen != '' else ''}{seen}")
        self.right += bool(good)
        self.wrong += not good
        return good

    def say(self, text):
        self.lines.append(f"  {text}")

    def server(self, *devices, name="vm", more=()):
        server = Server(self.story.program, self.folder, name, devices, *more, *self.story.more)
        self.story.processes.append(server)
        return server

    def guest(self, devices, name="guest", **settings):
        guest = Guest(Vm(self.bed, devices=devices, **settings), self.folder / f"{name}.log", report=self.say)
        self.story.processes.append(guest)
        self.guests.append(guest)
        return guest

    def tell(self):
        """Runs it. Returns itself."""
        begin = time.monotonic()
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self.function(self)
            for guest in self.guests:
                if not guest.may_complain and guest.complaints():
                    self.judge(False, "QEMU complained", "; ".join(guest.complaints()))
        except Failure as failure:
            self.judge(False, "it could not go on", failure)
        except Exception as error:  # so that the other cases are told of
            self.judge(False, "the test itself failed", f"{type(error).__name__}: {error}")
        self.seconds = time.monotonic() - begin
        return self


class Story:
    def __init__(self, program, folder, seed, more):
        self.program = pathlib.Path(program).resolve()
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.seed = seed
        self.more = more
        self.processes = []
        self.bed = VmBed()
        # So that what is left behind is ended, too.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    def tell(self, cases):
        begin = time.monotonic()
        print("; ".join(self.bed.versions()), flush=True)
        print(f"seed {self.seed}", flush=True)
        right = wrong = 0
        pool = concurrent.futures.ThreadPoolExecutor(AT_A_TIME)
        try:
            for future in [pool.submit(case.tell) for case in cases]:
                case = future.result()
                print(f"\n== {case.name}: {case.title} ({case.seconds:.0f} s)")
                print("\n".join(case.lines), flush=True)
                right += case.right
                wrong += case.wrong
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for one in self.processes:
                one.stop()
        print(f"\n{right} right, {wrong} wrong, {time.monotonic() - begin:.0f} s")
        return 1 if wrong or not right else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("serve", metavar="SERVE")
    parser.add_argument("folder", metavar="FOLDER")
    names = [name for name, _, _ in CASES]
    parser.add_argument("--only", action="append", metavar="CASE", choices=names, help=", ".join(names))
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32),
                        help="of what is random, to see it again")
    parser.add_argument("--serve-option", action="append", default=[], metavar="OPTION",
                        help="another option for serve, such as --serve-option=--no-sandbox")
    options = parser.parse_args()
    try:
        story = Story(options.serve, options.folder, options.seed, options.serve_option)
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 2
    return story.tell([Case(story, *case) for case in CASES if not options.only or case[0] in options.only])


if __name__ == "__main__":
    sys.exit(main())
