#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Measures what a viewer of a display costs the server, without a guest.

	viewer.py BUILD FOLDER

BUILD is a build folder, and FOLDER gets the sockets and logs.
"""

import argparse
import mmap
import os
import pathlib
import select
import socket
import struct
import threading
import time

from parts import Failure, Report, failures  # noqa: E402
from rfb import Viewer
from serve import consumed
from server import Server

DISPLAY = "bochs"
WIDTH, HEIGHT = 1920, 1080
SECONDS = 4
VERSION, REGION_INFO, REGION_WRITE = 1, 5, 10
CONTROL = 2  # the region with DISPI's registers
MODE = ((0x508, 0), (0x502, WIDTH), (0x504, HEIGHT), (0x506, 32), (0x508, 0x41))


class Display:
    """A client of vfio-user that sets a mode and has the picture's memory."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.ask(VERSION, struct.pack("<HH", 0, 0) + b'{"capabilities":{"max_msg_fds":8}}\0')
        _, fds = self.ask(REGION_INFO, struct.pack("<IIIIQQ", 4096, 0, 0, 0, 0, 0))
        if not fds:
            raise Failure("the display's memory cannot be mapped")
        self.pixels = mmap.mmap(fds[0], WIDTH * HEIGHT * 4)
        os.close(fds[0])
        for offset, value in MODE:
            self.ask(REGION_WRITE, struct.pack("<QIIH", offset, CONTROL, 2, value))

    def ask(self, command, payload):
        self.socket.sendall(struct.pack("<HHIII", 1, command, 16 + len(payload), 0, 0) + payload)
        reply, fds, _, _ = socket.recv_fds(self.socket, 1 << 20, 16)
        if len(reply) < 16 or struct.unpack_from("<I", reply, 12)[0]:
            raise Failure(f"the display refused command {command}")
        return reply, fds


def follow(viewer, end):
    """Takes updates, as raw bytes, until then."""
    count = taken = 0
    while time.monotonic() < end:
        viewer.ask(False)
        if not select.select([viewer.socket], [], [], max(0, end - time.monotonic()))[0]:
            break
        taken += take_update(viewer)
        count += 1
    return count, taken


def take_update(viewer):
    """Without a look at the pixels. Returns the bytes."""
    kind, rectangles = viewer.unpack(">BxH")
    if kind != 0:
        raise Failure(f"VNC: a message of type {kind}")
    taken = 0
    for _ in range(rectangles):
        _, _, width, height, encoding = viewer.unpack(">HHHHi")
        if encoding != 0:
            raise Failure(f"VNC: encoding {encoding}")
        viewer.take(width * height * 4)
        taken += width * height * 4
    return taken


def draw(display, stop):
    """A picture that is another one in each of its tiles, 60 times a second."""
    value = 0
    while not stop.wait(1 / 60):
        value = (value + 1) % 251
        display.pixels[:] = bytes([value]) * (WIDTH * HEIGHT * 4)


def measure(report, server, viewer, what):
    pids = server.pids()
    before, ticks = server.control("state")["vnc"], consumed(pids)[0]
    begin = time.monotonic()
    count, taken = follow(viewer, begin + SECONDS)
    seconds = time.monotonic() - begin
    after, ticks = server.control("state")["vnc"], consumed(pids)[0] - ticks
    passes = after["passes"] - before["passes"]
    used = ticks / os.sysconf("SC_CLK_TCK")
    report.figure(f"a viewer of 1920x1080, {what}: looks a second", passes / seconds, digits=1)
    report.figure("  updates a second, of a part each", count / seconds, digits=1,
                  note=f"({taken / seconds / 1e6:.1f} MB a second, raw)")
    report.figure("  processor time for each look", used / max(passes, 1) * 1000, unit=" ms", digits=1,
                  note=f"({used / seconds * 100:.1f} % of a core)")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("folder")
    words = parser.parse_args()
    folder = pathlib.Path(words.folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    report = Report()
    with failures(), Server(pathlib.Path(words.build).resolve() / "serve", folder, "viewer", [DISPLAY]) as server:
        display = Display(server.socket(DISPLAY))
        with Viewer(server.run / "vnc") as viewer:
            viewer.ask(True)
            take_update(viewer)
            follow(viewer, time.monotonic() + 2)
            measure(report, server, viewer, "nothing changes")
            stop = threading.Event()
            artist = threading.Thread(target=draw, args=(display, stop))
            artist.start()
            try:
                measure(report, server, viewer, "all changes")
            finally:
                stop.set()
                artist.join()


if __name__ == "__main__":
    main()
