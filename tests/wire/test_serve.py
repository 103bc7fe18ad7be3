#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The program `serve`: its socket, one client at a time, systemd's ways, and its end.

    test_serve.py PROGRAM
"""

import os
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = sys.argv.pop(1)
VERSION = struct.pack("<HHIIIHH", 1, 1, 20, 0, 0, 0, 0)


def connect(path):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(10)
    client.connect(path)
    return client


def greet(client):
    client.sendall(VERSION)
    reply = client.recv(4096)
    return len(reply) > 20 and struct.unpack_from("<HHII", reply)[3] == 1


class Serve(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "socket")
        self.notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notices.bind(os.path.join(self.folder.name, "notify"))
        self.notices.settimeout(10)
        self.programs = []

    def tearDown(self):
        for program in self.programs:
            if program.poll() is None:
                program.kill()
            program.communicate()
        self.notices.close()
        self.folder.cleanup()

    def start(self, *arguments, **more):
        environment = dict(os.environ, NOTIFY_SOCKET=self.notices.getsockname())
        program = subprocess.Popen(
            [PROGRAM, "--device", "bochs", *arguments],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
            **more,
        )
        self.programs.append(program)
        return program

    def ready(self, *arguments, **more):
        program = self.start(*arguments, **more)
        self.assertEqual(self.notices.recv(64), b"READY=1")
        return program

    def end(self, program, number=signal.SIGTERM):
        program.send_signal(number)
        self.assertEqual(program.wait(10), 0)
        self.assertEqual(self.notices.recv(64), b"STOPPING=1")

    def test_clients(self):
        program = self.ready("--socket", self.path)
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
        first = connect(self.path)
        self.assertTrue(greet(first))
        second = connect(self.path)
        self.assertEqual(second.recv(1), b"")
        first.close()
        for _ in range(50):
            third = connect(self.path)
            try:
                if greet(third):
                    break
            except (BrokenPipeError, ConnectionResetError):
                pass
            third.close()
            time.sleep(0.1)
        else:
            self.fail("the next client is not served")
        # With a client that is still there.
        self.end(program)
        second.close()
        third.close()
        self.assertFalse(os.path.exists(self.path))

    def test_stale(self):
        program = self.ready("--socket", self.path)
        program.kill()
        program.wait()
        self.assertTrue(os.path.exists(self.path))
        program = self.ready("--socket", self.path)
        other = self.start("--socket", self.path)
        self.assertEqual(other.wait(10), 2)
        self.assertIn("a program listens there", other.stderr.read())
        with connect(self.path) as client:
            self.assertTrue(greet(client))
        self.end(program, signal.SIGINT)

    def test_systemd(self):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.path)
        listener.listen()

        def hand_in():
            # Descriptor 3, as systemd does it, to the process with that number. What was 3 before
            # may be the socket for notices.
            os.environ["NOTIFY_SOCKET"] = self.notices.getsockname()
            os.environ["LISTEN_FDS"] = "1"
            os.environ["LISTEN_PID"] = str(os.getpid())
            os.dup2(listener.fileno(), 3)
            os.set_inheritable(3, True)
            os.execv(PROGRAM, [PROGRAM, "--device", "bochs"])

        child = os.fork()
        if child == 0:
            try:
                hand_in()
            finally:
                os._exit(9)
        try:
            self.assertEqual(self.notices.recv(64), b"READY=1")
            with connect(self.path) as client:
                self.assertTrue(greet(client))
        finally:
            os.kill(child, signal.SIGTERM)
            status = os.waitpid(child, 0)[1]
        self.assertEqual(status, 0)
        # It is systemd's, and stays.
        self.assertTrue(os.path.exists(self.path))
        listener.close()

    def test_misuse(self):
        for arguments, word in (
            (["--socket", self.path, "--device", "toaster"], "there is no such device"),
            ([], "systemd handed in 0 sockets"),
            (["--socket", "x" * 200], "1 to 107 bytes"),
            (["--socket", "/nowhere/at/all"], "No such file"),
            (["--socket", self.path, "more"], "nothing is expected"),
        ):
            program = self.start(*arguments)
            self.assertEqual(program.wait(10), 2)
            self.assertIn(word, program.stderr.read())


if __name__ == "__main__":
    unittest.main()
