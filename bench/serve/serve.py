#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Measures the device server without a guest: round trips beside libvfio-user's, allocations, and what many
servers take.

	serve.py BUILD FOLDER

BUILD is a build folder, and FOLDER gets the sockets and logs. Ends with 1 if a limit is exceeded.
"""

import argparse
import contextlib
import mmap
import os
import pathlib
import statistics
import struct
import subprocess
import sys
import time

from parts import Failure, Report, failures  # noqa: E402
from bed.tools import build as build_bed, run
from server import Server

TO_ECHO, TO_LIBVFIO_USER = 1.2, 1.0
ROUNDS, ACCESSES = 1500, 40
ALLOCATIONS_OF = 20000  # messages
CROWD = 16
IDLE = 10  # seconds
CROWD_SECONDS = 4
RESIDENT = 8  # MiB for each server

DEVICE = "bochs"
REGISTER = "2,1280,2"  # BAR 2: the display's first register
FURTHER = "2,1298,2,w"  # where the picture begins: what a page flip writes
SAMPLE = "2,0,1"  # of gpio-pci-idio-16


class Bench:
    def __init__(self, build, folder, report):
        self.build = pathlib.Path(build).resolve()
        self.folder = pathlib.Path(folder).resolve()
        self.report = report
        self.folder.mkdir(parents=True, exist_ok=True)

    def server(self, name, *more):
        return Server(self.build / "serve", self.folder, name, [DEVICE], *more)

    def program(self, name):
        return str(self.build / "bench" / name)


def place(pids, core):
    for pid in pids:
        os.sched_setaffinity(pid, {core})


@contextlib.contextmanager
def sample(bench):
    """libvfio-user's own server."""
    path = bench.folder / "sample.sock"
    path.unlink(missing_ok=True)
    program = build_bed("testbed/libvfio-user.sh") / "bin/gpio-pci-idio-16"
    with open(bench.folder / "sample.log", "wb") as log:
        process = subprocess.Popen([program, path], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        end = time.monotonic() + 10
        while not path.exists():
            if process.poll() is not None or time.monotonic() > end:
                raise Failure("libvfio-user's server does not start")
            time.sleep(0.05)
        yield process.pid, path
    finally:
        process.kill()
        process.wait()


def round_trips(bench):
    """Once with clients and servers on one core, where they take turns, and once each on its own."""
    report = bench.report
    cores = sorted(os.sched_getaffinity(0))
    placements = [("one core", cores[0], cores[0])]
    if len(cores) > 1:
        placements.append(("two cores", cores[0], cores[1]))
    report.say(f"A trapped access: medians of {ROUNDS} rounds of {ACCESSES} in turns; "
               "in brackets, the middle eight tenths")
    for title, client, core in placements:
        with sample(bench) as (pid, path), bench.server("held") as held, \
                bench.server("alone", "--no-holder") as alone:
            place([pid, *held.pids(), *alone.pids()], core)
            words = ["taskset", "-c", client, bench.program("latency"), core, ROUNDS, ACCESSES]
            sockets = {"with its holder": held.socket(DEVICE), "--no-holder": alone.socket(DEVICE)}
            said = run(*words, f"libvfio-user={path},{SAMPLE}",
                       *(f"{name}={socket},{REGISTER}" for name, socket in sockets.items()))
            writes = run(*words, *(f"{name}={socket},{FURTHER}" for name, socket in sockets.items()))
        for line in said.splitlines():
            name, middle, low, high, to_echo, to_first = line.split("\t")
            times = f"{float(middle) / 1000:.1f} µs [{float(low) / 1000:.1f} to {float(high) / 1000:.1f}]"
            if name == "echo":
                report.say(f"{title}: {'a bare socket pair':<26} {times}")
                continue
            report.say(f"{title}: {name:<26} {times}")
            if name == "libvfio-user":
                report.figure(f"  in the socket pair's time, {title}", float(to_echo))
                continue
            report.figure(f"  in the socket pair's time, {title}", float(to_echo), TO_ECHO)
            report.figure(f"  in libvfio-user's time, {title}", float(to_first), TO_LIBVFIO_USER)
        for line in writes.splitlines()[1:]:
            name, middle, low, high, to_echo, _ = line.split("\t")
            report.say(f"{title}: {name + ', a write':<26} {float(middle) / 1000:.1f} µs "
                       f"[{float(low) / 1000:.1f} to {float(high) / 1000:.1f}], {to_echo} of the socket pair's")


def allocations(bench):
    report = bench.report
    counted = bench.folder / "counted"
    counted.write_bytes(bytes(8))
    with open(counted, "r+b") as file, mmap.mmap(file.fileno(), 8) as page:
        os.environ["COUNTING"] = str(counted)
        os.environ["LD_PRELOAD"] = str(bench.build / "bench/libcounting.so")
        server = bench.server("counted")
        try:
            server.__enter__()
        finally:
            del os.environ["LD_PRELOAD"]
        with contextlib.ExitStack() as stack:
            stack.push(server.__exit__)
            with subprocess.Popen(
                    [bench.program("crowd"), "1", *REGISTER.split(","), server.socket(DEVICE)],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
                client.stdout.readline()
                server.control("state")
                # Asking takes memory, too: so much, each time.
                before = int.from_bytes(page[:], "little")
                first = server.device(DEVICE)
                asking = int.from_bytes(page[:], "little") - before
                before = int.from_bytes(page[:], "little")
                client.stdin.write("\n")
                client.stdin.flush()
                client.stdout.readline()
                calls = int.from_bytes(page[:], "little") - before
                last = server.device(DEVICE)
                client.stdin.close()
        messages = sum(last["messages"].values()) - sum(first["messages"].values())
        if not before or not asking or messages < 100:
            raise Failure("nothing was counted")
        report.figure(f"calls of malloc, calloc and realloc in {messages} messages", calls, 0, digits=0)
        report.figure("the same by the counter of the control socket", last["allocations"] - first["allocations"], 0,
                      digits=0, note=f"({first['allocations']} before, {last['allocations']} after)")


def consumed(pids):
    """Processor time in ticks, and switches of the processor."""
    ticks = switches = 0
    for pid in pids:
        words = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(words[11]) + int(words[12])
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if "ctxt_switches" in line:
                switches += int(line.split()[1])
    return ticks, switches


def pages(pids):
    """MiB of memory that is mapped, each page counted once; None for those who may not know."""
    size, seen = os.sysconf("SC_PAGE_SIZE"), set()
    for pid in pids:
        with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/pagemap", "rb") as pagemap:
            for line in maps:
                first, last = (int(word, 16) // size for word in line.split()[0].split("-"))
                if line.endswith("[vsyscall]\n"):
                    continue
                pagemap.seek(8 * first)
                data = pagemap.read(8 * (last - first))
                entries = struct.unpack(f"{len(data) // 8}Q", data)
                seen.update(entry & (1 << 55) - 1 for entry in entries if entry >> 63)
    return None if 0 in seen else len(seen) * size / (1 << 20)


def memory(pids):
    """MiB of all: resident, this server's share of it, and its own. Guests' and pictures' memory is mapped by none."""
    sums = {"Rss": 0, "Pss": 0, "Private_Clean": 0, "Private_Dirty": 0}
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            key = line.split(":")[0]
            if key in sums:
                sums[key] += int(line.split()[1])
    both = sums["Rss"] / 1024
    return pages(pids) or both, both, sums["Pss"] / 1024, (sums["Private_Clean"] + sums["Private_Dirty"]) / 1024


def quiet(bench, servers, what):
    pids = [pid for server in servers for pid in server.pids()]
    before = consumed(pids)
    time.sleep(IDLE)
    ticks, switches = (b - a for a, b in zip(before, consumed(pids)))
    used = ticks * 1000 / os.sysconf("SC_CLK_TCK")
    bench.report.figure(f"{what}: processor time in {IDLE} s", used, 0, unit=" ms", digits=0)
    bench.report.figure(f"{what}: switches of the processor", switches, 0, digits=0)


def resident(bench, servers, what):
    figures = [memory(server.pids()) for server in servers]
    for title, values, limit in zip(
            ("resident, worker and holder", "  with what both have counted twice", "  with what others have divided by them",
             "  its own"),
            zip(*figures), (RESIDENT, None, None, None)):
        bench.report.figure(f"{what}: {title}", max(values), limit, unit=" MiB",
                            note=f"(median {statistics.median(values):.2f})")


def crowd(bench):
    report = bench.report
    report.say(f"{CROWD} servers of one display each, on {len(os.sched_getaffinity(0))} cores; the greatest of them")
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(bench.server(f"crowd{i}")) for i in range(CROWD)]
        sockets = [server.socket(DEVICE) for server in servers]
        client = stack.enter_context(subprocess.Popen(
            [bench.program("crowd"), str(CROWD_SECONDS), *REGISTER.split(","), *sockets],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        if client.stdout.readline() != "attached\n":
            raise Failure("the clients did not attach")
        time.sleep(1)
        quiet(bench, servers, "attached and idle")
        resident(bench, servers, "attached and idle")
        before = consumed([pid for server in servers for pid in server.pids()])[0]
        client.stdin.write("\n")
        client.stdin.flush()
        counts = [int(word) for word in client.stdout.readline().split()]
        client.stdin.close()
        ticks = consumed([pid for server in servers for pid in server.pids()])[0] - before
        if len(counts) != CROWD:
            raise Failure("the clients did not read")
        resident(bench, servers, "after reading")
        report.figure(f"all read for {CROWD_SECONDS} s: reads a second, all", sum(counts) / CROWD_SECONDS, digits=0)
        report.figure("  processor time of the servers for each read",
                      ticks / os.sysconf("SC_CLK_TCK") * 1e6 / sum(counts), unit=" µs", digits=1)
        report.figure("  the least that one got, of the most", min(counts) / max(counts))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("folder")
    parser.add_argument("--only", choices=("round-trips", "allocations", "crowd"))
    words = parser.parse_args()
    report = Report()
    bench = Bench(words.build, words.folder, report)
    parts = {"round-trips": round_trips, "allocations": allocations, "crowd": crowd}
    with failures():
        for name, part in parts.items():
            if words.only in (None, name):
                part(bench)
    sys.exit(1 if report.beyond else 0)


if __name__ == "__main__":
    main()
