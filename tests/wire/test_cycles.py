#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Thousands of clients one after the other: what the program `serve` holds stays as it is.

    test_cycles.py PROGRAM [CYCLES]
"""

import array
import os
import select
import socket
import struct
import subprocess
import sys
import tempfile

CYCLES = 10000
# Until then it has made all that is made once.
SETTLED = 500
LIMIT = 10  # seconds, for each answer


def command(number, kind, payload=b""):
    return struct.pack("<HHIII", number, kind, 16 + len(payload), 0, 0) + payload


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(LIMIT)
        self.socket.connect(path)
        self.number = 0

    def call(self, kind, payload=b"", fds=()):
        self.number += 1
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.socket.sendmsg([command(self.number, kind, payload)], rights)
        reply, ancillary, _, _ = self.socket.recvmsg(65536, 1024)
        for _, _, data in ancillary:
            for fd in array.array("i", data[: len(data) // 4 * 4]):
                os.close(fd)
        _, _, _, flags, error = struct.unpack_from("<HHIII", reply)
        if flags != 1:
            raise AssertionError(f"command {kind}: error {error}")
        return reply[16:]

    def attach(self, memory, event):
        """What QEMU does, in its order."""
        text = b'{"capabilities":{"max_msg_fds":8,"twin_socket":{"supported":true}}}\0'
        self.call(1, struct.pack("<HH", 0, 0) + text)
        self.call(4, struct.pack("<IIII", 16, 0, 0, 0))
        for region in range(9):
            self.call(5, struct.pack("<IIIIQQ", 4096, 0, region, 0, 0, 0))
        self.call(2, struct.pack("<IIQQQ", 32, 3, 0, 0, 1 << 20), [memory])
        self.call(2, struct.pack("<IIQQQ", 32, 3, 1 << 20, 1 << 32, 1 << 20), [memory])
        for kind in range(5):
            self.call(7, struct.pack("<IIII", 16, 0, kind, 0))
        self.call(8, struct.pack("<IIIII", 20, 4 | 32, 3, 0, 1), [event])
        self.call(9, struct.pack("<QII", 0, 7, 64))
        self.call(10, struct.pack("<QII", 4, 7, 2) + b"\x07\0")

    def detach(self):
        self.call(3, struct.pack("<IIQQ", 24, 0, 0, 1 << 20))
        self.call(13)

    def close(self):
        self.socket.close()


def family(pid):
    """The process and those that it started."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [pid] + [each for child in file.read().split() for each in family(int(child))]


def held_by(pid):
    with open(f"/proc/{pid}/maps", encoding="ascii") as file:
        mappings = len(file.readlines())
    own = 0
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        for line in file:
            if line.startswith(("Private_Dirty:", "Private_Hugetlb:")):
                own += int(line.split()[1])
    return len(os.listdir(f"/proc/{pid}/fd")), mappings, own


def held(pid):
    """Descriptors, mappings, KiB of memory that is its own."""
    return tuple(sum(column) for column in zip(*map(held_by, family(pid))))


def cycle(path, number, memory, event):
    client = Client(path)
    client.attach(memory, event)
    # Some are unplugged, some are killed in the middle of something.
    if number % 3:
        client.detach()
    elif number % 2:
        client.socket.sendall(command(99, 9, struct.pack("<QII", 0, 7, 64))[:-9])
    client.close()


def run(path, program, cycles):
    memory = os.memfd_create("guest", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(memory, 2 << 20)
    event = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
    first = None
    for number in range(cycles):
        cycle(path, number, memory, event)
        if number == min(SETTLED, cycles // 2):
            # One that is there while it is looked at.
            first = look(path, program, memory, event)
    last = look(path, program, memory, event)
    print(f"{cycles} clients: descriptors, mappings, KiB: {first} then {last}")
    for name, before, after, more in zip(
        ("descriptors", "mappings", "KiB of private memory"), first, last, (0, 2, 256)
    ):
        if after > before + more:
            raise AssertionError(f"{name}: {before} after {SETTLED} clients, {after} at the end")


def look(path, program, memory, event):
    client = Client(path)
    client.attach(memory, event)
    seen = held(program.pid)
    client.close()
    return seen


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "socket")
        notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notices.bind(os.path.join(folder, "notify"))
        program = subprocess.Popen(
            [sys.argv[1], "--device", "bochs", "--socket", path],
            env=dict(os.environ, NOTIFY_SOCKET=notices.getsockname()),
        )
        try:
            if not select.select([notices], [], [], LIMIT)[0]:
                raise AssertionError("it does not get ready")
            run(path, program, int(sys.argv[2]) if len(sys.argv) > 2 else CYCLES)
        finally:
            program.terminate()
            status = program.wait(LIMIT)
        if status:
            raise AssertionError(f"it ended with {status}")


if __name__ == "__main__":
    main()
