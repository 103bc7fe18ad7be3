#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Measures a display of ours beside QEMU's bochs-display, both in one guest, in turns.

	screen.py BUILD FOLDER

BUILD is a build folder, and FOLDER gets the logs. Ends with 1 if a limit is exceeded.
"""

import argparse
import functools
import pathlib
import platform
import statistics
import sys

from parts import Failure, Report, failures, spread, SOURCE  # noqa: E402
from bed.tools import run
from guest import Guest, Vm, VmBed, vfio_user
from server import Server

DISPLAY = "bochs"
MEMORY = 64  # MiB, of each display
OURS, THEIRS = "0000:00:05.0", "0000:00:06.0"
FILLS = 0.95  # of QEMU's
TRAPS = 4  # of a flip
LIMIT = 300  # seconds for one measurement


def with_program(bed, linux, folder):
    """The guest's root file system, and behind it one more archive with the program."""
    inside = folder / "inside/bin"
    inside.mkdir(parents=True, exist_ok=True)
    source = SOURCE / "bench/serve/guest/speed.c"
    compiler = "gcc" if platform.machine() == "x86_64" else "x86_64-linux-gnu-gcc"
    run(compiler, "-std=gnu17", "-O2", "-static", f"-I{SOURCE / 'testbed/vm/guest'}", "-o", inside / "speed", source)
    archive = run("cpio", "--quiet", "-D", folder / "inside", "-H", "newc", "-o", data=b"bin/speed\n", text=False)
    path = folder / "root.cpio"
    path.write_bytes((bed.path / f"vm-roots/{linux}.cpio").read_bytes() + archive)
    return path


class Beside(Guest):
    """A guest of that root file system, with one display of each kind."""

    def __init__(self, bed, linux, accelerator, socket, folder):
        display = {"driver": "bochs-display", "addr": "06.0", "vgamem": MEMORY << 20}
        super().__init__(Vm(bed, linux=linux, devices=[vfio_user(socket, addr="05.0"), display]), folder / "guest.log",
                         report=lambda text: None)
        self.accelerator = accelerator
        self.root = with_program(bed, linux, folder)

    def arguments(self):
        words = super().arguments()
        words[words.index("-accel") + 1] = self.accelerator
        words[words.index("-initrd") + 1] = str(self.root)
        return words

    def speed(self, kind, first, second, rounds, times):
        """Nanoseconds of ours and of theirs, of each round; and how many were done with each."""
        said = self.must(f"speed {kind} {first} {second} {rounds} {times}", LIMIT).splitlines()
        if len(said) != rounds + 1 or not said[-1].startswith("done "):
            raise Failure(f"the guest did not measure: {said[-1:]}")
        return [tuple(map(float, line.split())) for line in said[:-1]], int(said[-1].split()[1])


def tell(report, what, pairs, count, limit=None, of=""):
    """The rate of ours in parts of theirs."""
    ratios = [theirs / ours for ours, theirs in pairs]
    for name, values in (("ours", [pair[0] for pair in pairs]), ("QEMU's own", [pair[1] for pair in pairs])):
        middle = statistics.median(values)
        report.say(f"{what}, {name + ':':<12} {middle / 1000:10.1f} µs, {1e9 / middle:8.0f} a second, "
                   f"{spread([value / 1000 for value in values], 1)} µs, {count} done")
    report.figure(f"{what}: ours, in parts of QEMU's", statistics.median(ratios), limit, least=True, digits=3,
                  note=spread(ratios, 3))


def counted(report, server, guest, what, kind, places, rounds, times, *, fills=None, traps=None):
    """Returns the microseconds of one of ours. What sets the mode traps, too: those of one are two runs' difference."""
    seen = []
    for number in (1, rounds):
        before = server.device(DISPLAY)
        pairs, count = guest.speed(kind, *places, number, times)
        after = server.device(DISPLAY)
        # A round of flips by registers ends with a read, which waits for the last write.
        seen.append((count, after["traps"] - before["traps"] - (number if kind == "flip" else 0),
                     after["screen"]["flips"] - before["screen"]["flips"]))
    tell(report, what, pairs, count, fills)
    count, trapped, flips = (b - a for a, b in zip(*seen))
    report.figure(f"{what}: traps of one", trapped / count, traps,
                  note=f"({trapped} traps and {flips} flips seen, of {count})")
    return statistics.median(pair[0] for pair in pairs)


def measure(report, server, guest):
    folders = [f"/sys/bus/pci/devices/{address}" for address in (OURS, THEIRS)]
    for folder in folders:
        guest.must(f"echo 1 >{folder}/enable")
    see = functools.partial(counted, report, server, guest)
    see("a fill of 1920x1080", "fill", folders, 201, 1, fills=FILLS, traps=0)
    read = see("a trapped read", "read", folders, 31, 100)
    flip = see("a flip by registers", "flip", folders, 31, 50, traps=TRAPS)
    report.figure("a flip by registers, in trapped reads", flip / read)
    guest.must("load bochs && await has_card")
    cards = [guest.must(f"await test -d {folder}/drm && ls {folder}/drm | grep card") for folder in folders]
    see("a flip by the driver", "shown", [f"/dev/dri/{card}" for card in cards], 31, 20, traps=TRAPS)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("folder")
    parser.add_argument("--accelerator", default="tcg,thread=multi")
    parser.add_argument("--linux", default="stable", choices=("stable", "new"))
    parser.add_argument("--cached", action="store_true")
    words = parser.parse_args()
    folder = pathlib.Path(words.folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    report = Report()
    with failures():
        bed = VmBed(words.cached)
        report.say(f"Two displays of 1920x1080 in one guest of Linux {bed.release(words.linux)}, {words.accelerator}; "
                   f"{bed.versions()[0]}")
        with Server(pathlib.Path(words.build).resolve() / "serve", folder, "vm", [f"{DISPLAY},memory={MEMORY}M"],
                    "--vnc", "none") as server:
            with Beside(bed, words.linux, words.accelerator, server.socket(DISPLAY), folder) as guest:
                measure(report, server, guest)
                guest.end()
    sys.exit(1 if report.beyond else 0)


if __name__ == "__main__":
    main()
