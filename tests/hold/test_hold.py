#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The holder: what it does when workers are killed, crash, or are replaced by another program.

    test_hold.py SERVER SERVE

SERVER serves a tally (tally.h), SERVE is the program.
"""

import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

SERVE = sys.argv.pop()
SERVER = sys.argv.pop()
READ, WRITE, INFO = 9, 10, 5
SUM, CRASH = 0x00, 0x20


def children(process):
    try:
        with open(f"/proc/{process}/task/{process}/children") as file:
            return [int(word) for word in file.read().split()]
    except FileNotFoundError:
        return []


def gone(process):
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait(condition, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.005)
    raise AssertionError("waited in vain")


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(path)
        self.id = 0
        self.fds = []

    def send(self, command, payload, flags=0):
        self.id += 1
        self.socket.sendall(
            struct.pack("<HHIII", self.id, command, 16 + len(payload), flags, 0) + payload
        )

    def take(self, size):
        data = b""
        while len(data) < size:
            more, fds, _, _ = socket.recv_fds(self.socket, size - len(data), 4)
            if not more:
                raise EOFError
            data += more
            self.fds += fds
        return data

    def reply(self):
        number, _, size, flags, error = struct.unpack("<HHIII", self.take(16))
        assert number == self.id and flags & 1, (number, self.id, flags)
        payload = self.take(size - 16)
        assert not error, error
        return payload

    def call(self, command, payload):
        self.send(command, payload)
        return self.reply()

    def greet(self):
        self.call(1, struct.pack("<HH", 0, 0))
        return self

    def read(self, region, offset, size=8):
        data = self.call(READ, struct.pack("<QII", offset, region, size))[16:]
        return int.from_bytes(data, "little")

    def write(self, region, offset, value, size=8):
        data = value.to_bytes(size, "little")
        self.call(WRITE, struct.pack("<QII", offset, region, size) + data)

    def close(self):
        for fd in self.fds:
            os.close(fd)
        self.socket.close()


class Hold(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "socket")
        self.clients = []
        self.holder = None

    def tearDown(self):
        for client in self.clients:
            client.close()
        if self.holder.poll() is None:
            self.holder.terminate()
        self.holder.communicate()
        self.folder.cleanup()

    def start(self, *command, **environment):
        self.holder = subprocess.Popen(
            command or [SERVER, self.path],
            env=dict(os.environ, **environment),
            stderr=subprocess.PIPE,
            text=True,
        )
        wait(lambda: os.path.exists(self.path))

    def connect(self):
        client = Client(self.path)
        self.clients.append(client)
        return client.greet()

    def worker(self, last=None):
        return wait(lambda: [pid for pid in children(self.holder.pid) if pid != last])[0]

    def said(self):
        return self.holder.communicate(timeout=20)[1]

    def test_term(self):
        self.start()
        self.connect().write(0, SUM, 5)
        worker = self.worker()
        self.holder.terminate()
        self.assertEqual(self.holder.wait(20), 0)
        self.assertTrue(gone(worker))
        self.assertFalse(os.path.exists(self.path))

    def test_worker_ended(self):
        """SIGTERM to the worker itself is an end, too."""
        self.start()
        os.kill(self.worker(), signal.SIGTERM)
        self.assertEqual(self.holder.wait(20), 0)

    def test_holder_killed(self):
        self.start()
        self.connect()
        worker = self.worker()
        self.holder.kill()
        self.holder.wait(20)
        wait(lambda: gone(worker))

    def test_kill(self):
        self.start()
        client = self.connect()
        worker = self.worker()
        for i in range(20):
            client.write(0, SUM, 3)
            os.kill(worker, signal.SIGKILL)
            self.assertEqual(client.read(0, SUM), 3 * (i + 1))
            worker = self.worker(worker)

    def test_poison(self):
        """A message that ends the worker twice ends its client, and nobody else."""
        self.start(TALLY_VERBOSE="1")
        client = self.connect()
        client.write(0, SUM, 3)
        client.send(WRITE, struct.pack("<QII", CRASH, 0, 8) + bytes(8))
        with self.assertRaises((EOFError, ConnectionResetError)):
            client.reply()
        second = self.connect()
        self.assertEqual(second.read(0, SUM), 0)
        second.write(0, SUM, 4)
        self.assertEqual(second.read(0, SUM), 4)
        self.holder.terminate()
        said = self.said()
        self.assertEqual(said.count("Aborted"), 2, said)
        self.assertIn("its message, or its state, ended the program", said)

    def test_poisonous_state(self):
        """A state that ends each worker that loads it."""
        self.start(TALLY_VERBOSE="1")
        client = self.connect()
        client.write(0, SUM, 0xDEADDEADDEADDEAD)
        os.kill(self.worker(), signal.SIGKILL)
        client.send(READ, struct.pack("<QII", SUM, 0, 8))
        with self.assertRaises((EOFError, ConnectionResetError)):
            client.reply()
        second = self.connect()
        self.assertEqual(second.read(0, SUM), 0)
        self.holder.terminate()
        self.assertEqual(self.said().count("Aborted"), 2)

    def test_give_up(self):
        self.start(TALLY_VERBOSE="1")
        for _ in range(6):
            if self.holder.poll() is not None:
                break
            try:
                client = self.connect()
                client.send(WRITE, struct.pack("<QII", CRASH, 0, 8) + bytes(8))
                client.reply()
            except (EOFError, OSError):
                pass
        self.assertEqual(self.holder.wait(20), 1)
        said = self.said()
        self.assertIn("giving up", said)
        self.assertFalse(os.path.exists(self.path))

    def test_upgrade(self):
        self.start(TALLY_VERBOSE="1")
        client = self.connect()
        client.write(0, SUM, 7)
        for i in range(5):
            worker = self.worker()
            self.holder.send_signal(signal.SIGHUP)
            wait(lambda: gone(worker))
            client.write(0, SUM, 1)
            self.assertEqual(client.read(0, SUM), 8 + i)
            self.worker(worker)
        self.holder.terminate()
        said = self.said()
        self.assertNotIn("restart", said)

    def test_upgrade_refused(self):
        self.start(TALLY_VERBOSE="1", TALLY_REFUSE="1")
        client = self.connect()
        client.write(0, SUM, 7)
        worker = self.worker()
        self.holder.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        self.assertEqual(client.read(0, SUM), 7)
        self.assertEqual(self.worker(), worker)
        self.holder.terminate()
        self.assertIn("no upgrade", self.said())

    def test_connect(self):
        """Who connects while the worker dies is served, too."""
        self.start()
        for i in range(100):
            client = Client(self.path)
            os.kill(self.worker(), signal.SIGKILL)
            client.greet()
            client.write(0, SUM, i)
            self.assertEqual(client.read(0, SUM), i)
            client.close()
            # The server may not know yet that it went.
            wait(lambda: self.is_idle())

    def is_idle(self):
        links = f"/proc/{self.holder.pid}/fd"
        sockets = 0
        for name in os.listdir(links):
            try:
                sockets += os.readlink(os.path.join(links, name)).startswith("socket:")
            except FileNotFoundError:
                pass
        return sockets == 1

    def test_bochs(self):
        """The program itself: its display's memory and registers stay."""
        self.start(SERVE, "--socket", self.path, "--device", "bochs", "--verbose")
        client = self.connect()
        client.call(INFO, struct.pack("<IIIIQQ", 32, 0, 0, 0, 0, 0))
        self.assertEqual(len(client.fds), 1)
        os.pwrite(client.fds[0], b"picture", 4096)
        worker = self.worker()
        for i in range(50):
            for register, value in ((1, 640 + 8 * i), (2, 480), (3, 32), (4, 0x41), (9, i)):
                client.write(2, 0x500 + 2 * register, value, 2)
            os.kill(worker, signal.SIGKILL)
            self.assertEqual(client.read(2, 0x502, 2), 640 + 8 * i)
            self.assertEqual(client.read(2, 0x512, 2), i)
            self.assertEqual(client.read(0, 4096, 7), int.from_bytes(b"picture", "little"))
            worker = self.worker(worker)
        self.holder.send_signal(signal.SIGHUP)
        wait(lambda: gone(worker))
        self.assertEqual(client.read(2, 0x502, 2), 640 + 8 * 49)
        self.assertEqual(client.read(0, 4096, 7), int.from_bytes(b"picture", "little"))
        self.holder.terminate()
        self.assertEqual(self.holder.wait(20), 0)

    def test_devices(self):
        """Several devices in one worker, each with its client."""
        folder = os.path.join(self.folder.name, "vm")
        models = ("bochs", "edu", "virtio-keyboard", "virtio-tablet")
        self.path = os.path.join(folder, "virtio-tablet.sock")
        options = [word for model in models for word in ("--device", model)]
        self.start(SERVE, "--directory", folder, "--vm", "test", *options)
        clients = []
        for model in models:
            self.path = os.path.join(folder, model + ".sock")
            clients.append(self.connect())
        bochs, edu = clients[:2]
        worker = self.worker()
        for i in range(40):
            for number, client in enumerate(clients):
                client.write(7, 0x3C, 16 * number + i % 16, 1)  # the interrupt line
            edu.write(0, 0x08, 5, 4)
            bochs.write(2, 0x502, i, 2)
            os.kill(worker, signal.SIGKILL)
            for number, client in enumerate(clients):
                self.assertEqual(client.read(7, 0x3C, 1), 16 * number + i % 16)
            self.assertEqual(edu.read(0, 0x08, 4), 120)
            self.assertEqual(bochs.read(2, 0x502, 2), i)
            worker = self.worker(worker)
        self.holder.terminate()
        self.assertEqual(self.holder.wait(20), 0)
        self.assertFalse(os.path.exists(folder))

    def test_no_holder(self):
        self.start(SERVE, "--no-holder", "--socket", self.path, "--device", "bochs")
        self.connect()
        self.assertEqual(children(self.holder.pid), [])


if __name__ == "__main__":
    unittest.main()
