#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The state of a display goes from one program `serve` to another.

    test_migration.py PROGRAM
"""

import os
import select
import socket
import struct
import subprocess
import sys
import tempfile
import unittest

from test_cycles import LIMIT, Client, command

PROGRAM = sys.argv.pop(1)
FEATURE, READ_STATE, WRITE_STATE = 16, 17, 18
GET, SET = 1 << 16, 1 << 17
MIGRATION, STATE = 1, 2
STOP, RUNNING, STOP_COPY, RESUMING = 1, 2, 3, 4
MEMORY, CONFIG = 0, 7
PIECE = 256 << 10


class Display:
    def __init__(self, folder, name):
        self.path = os.path.join(folder, name)
        notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notices.bind(self.path + ".notify")
        self.program = subprocess.Popen(
            [PROGRAM, "--device", "bochs", "--socket", self.path],
            env=dict(os.environ, NOTIFY_SOCKET=notices.getsockname()),
            stderr=subprocess.DEVNULL,
        )
        ready = select.select([notices], [], [], LIMIT)[0]
        notices.close()
        if not ready:
            self.end()
            raise AssertionError("it does not get ready")
        self.client = Client(self.path)
        self.call(1, struct.pack("<HH", 0, 0) + b'{"capabilities":{}}\0')

    def end(self):
        self.program.terminate()
        return self.program.wait(LIMIT)

    def call(self, kind, payload=b""):
        """As Client.call(), for replies of any length."""
        self.client.socket.sendall(command(1, kind, payload))
        _, _, size, flags, error = struct.unpack("<HHIII", self.receive(16))
        reply = self.receive(size - 16)
        if flags != 1:
            raise OSError(error, os.strerror(error))
        return reply

    def receive(self, size):
        data = b""
        while len(data) < size:
            piece = self.client.socket.recv(size - len(data))
            if not piece:
                raise AssertionError("it hung up")
            data += piece
        return data

    def feature(self, flags, data=b""):
        return self.call(FEATURE, struct.pack("<II", 4096, flags) + data)[8:]

    def set(self, state):
        self.feature(SET | STATE, struct.pack("<II", state, 0))

    def state(self):
        return struct.unpack("<I", self.feature(GET | STATE)[:4])[0]

    def write(self, region, offset, data):
        self.call(10, struct.pack("<QII", offset, region, len(data)) + data)

    def read(self, region, offset, size):
        return self.call(9, struct.pack("<QII", offset, region, size))[16:]

    def save(self):
        self.set(STOP_COPY)
        data = b""
        while True:
            piece = self.call(READ_STATE, struct.pack("<II", 8 + PIECE, PIECE))[8:]
            data += piece
            if len(piece) < PIECE:
                return data

    def load(self, data):
        self.set(RESUMING)
        for at in range(0, len(data), PIECE):
            piece = data[at : at + PIECE]
            self.call(WRITE_STATE, struct.pack("<II", 8, len(piece)) + piece)
        self.set(STOP)


class Migration(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.displays = []
        for name in ("from", "to"):
            self.displays.append(Display(self.folder.name, name))

    def tearDown(self):
        status = [display.end() for display in self.displays]
        self.folder.cleanup()
        self.assertEqual(status, [0, 0])

    def test_picture(self):
        source, target = self.displays
        picture = os.urandom(700 << 10)
        flags = struct.unpack("<Q", source.feature(GET | MIGRATION))[0]
        self.assertEqual(flags, 1)
        source.write(MEMORY, 0x3000, picture)
        source.write(CONFIG, 0x3C, b"\x0b")
        target.write(MEMORY, 0, b"\xff" * 0x80000)
        state = source.save()
        self.assertLess(len(state), len(picture) + 65536)
        target.load(state)
        target.set(RUNNING)
        self.assertEqual(target.read(MEMORY, 0x3000, len(picture)), picture)
        self.assertEqual(target.read(MEMORY, 0, 0x3000), bytes(0x3000))
        self.assertEqual(target.read(CONFIG, 0x3C, 1), b"\x0b")
        # It may be that it goes on where it was.
        source.set(RUNNING)
        self.assertEqual(source.read(MEMORY, 0x3000, 4096), picture[:4096])

    def test_damaged(self):
        source, target = self.displays
        source.write(MEMORY, 0, os.urandom(4096))
        state = bytearray(source.save())
        state[len(state) // 2] ^= 1
        # The piece with the end is refused, and then the whole.
        with self.assertRaises(OSError):
            target.load(bytes(state))
        with self.assertRaises(OSError):
            target.set(STOP)
        self.assertEqual(target.state(), 0)
        target.call(13)
        self.assertEqual(target.state(), RUNNING)
        self.assertEqual(target.read(MEMORY, 0, 4096), bytes(4096))


if __name__ == "__main__":
    unittest.main()
