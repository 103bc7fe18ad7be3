# SPDX-License-Identifier: MIT
"""What tests of `serve` share: the program in a folder of its own, and a small client of vfio-user."""

import array
import json
import mmap
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import unittest
import zlib

VERSION = struct.pack("<HHIIIHH", 1, 1, 20, 0, 0, 0, 0)
VERBS = ("ps", "top", "screenshot", "control")


def connect(path):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(10)
    client.connect(path)
    return client


def greet(client):
    client.sendall(VERSION)
    reply = client.recv(4096)
    return len(reply) > 20 and struct.unpack_from("<HHII", reply)[3] == 1


class Client:
    """As QEMU does it: BAR 0 is mapped, and the registers are written by messages."""

    def __init__(self, path):
        self.socket = connect(path)
        try:
            greeted = greet(self.socket)
        except OSError:
            greeted = False
        if not greeted:
            self.socket.close()
            raise OSError("not greeted")
        self.id = 1

    def close(self):
        self.socket.close()

    def ask(self, command, body):
        self.id += 1
        self.socket.sendall(struct.pack("<HHIII", self.id, command, 16 + len(body), 0, 0) + body)
        data, control, _, _ = socket.socket.recvmsg(self.socket, 65536, 1024)
        fds = array.array("i")
        for _, kind, part in control:
            if kind == socket.SCM_RIGHTS:
                fds.frombytes(part)
        _, _, size, flags, error = struct.unpack_from("<HHIII", data)
        while len(data) < size:
            data += self.socket.recv(65536)
        if flags & 0x20:
            raise OSError(error, os.strerror(error))
        return data[16:], list(fds)

    def write(self, region, offset, data):
        self.ask(10, struct.pack("<QII", offset, region, len(data)) + data)

    def read(self, region, offset, size):
        return self.ask(9, struct.pack("<QII", offset, region, size))[0][16:]

    def memory(self):
        reply, fds = self.ask(5, struct.pack("<IIIIQQ", 4096, 0, 0, 0, 0, 0))
        size, = struct.unpack_from("<Q", reply, 16)
        mapped = mmap.mmap(fds[0], size)
        os.close(fds[0])
        return mapped

    def mode(self, width, height, depth=32, line=0):
        for index, value in ((1, width), (2, height), (3, depth), (6, line or width), (4, 1)):
            self.write(2, 0x500 + 2 * index, struct.pack("<H", value))


def read_png(data):
    """Width, height, and the bytes R G B of all pixels."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, packed = 8, b""
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + size]
        assert zlib.crc32(kind + body) == struct.unpack_from(">I", data, at + 8 + size)[0]
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack_from(">IIBB", body)
            assert (depth, colour) == (8, 2)
        if kind == b"IDAT":
            packed += body
        at += 12 + size
    raw, above, lines = zlib.decompress(packed), bytes(3 * width), []
    for y in range(height):
        line = raw[y * (3 * width + 1) : (y + 1) * (3 * width + 1)]
        assert line[0] in (0, 2)
        if line[0] == 2:
            above = bytes((a + b) & 255 for a, b in zip(line[1:], above))
        else:
            above = line[1:]
        lines.append(above)
    return width, height, b"".join(lines)


class Case(unittest.TestCase):
    """A folder with the programs as they would be installed, readable by anybody."""

    programs = {}  # of the command line: serve, control, sallyport

    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = self.temporary.name
        os.chmod(self.folder, 0o755)
        self.libexec = os.path.join(self.folder, "libexec")
        os.mkdir(self.libexec)
        for name in ("serve", "control"):
            shutil.copy(self.programs[name], os.path.join(self.libexec, name))
        for name in VERBS[:-1]:
            os.symlink("control", os.path.join(self.libexec, name))
        self.sallyport = os.path.join(self.folder, "sallyport")
        shutil.copy(self.programs["sallyport"], self.sallyport)
        self.runtime = os.path.join(self.folder, "run")
        os.mkdir(self.runtime, 0o700)
        self.path = os.path.join(self.folder, "socket")
        self.notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notices.bind(os.path.join(self.folder, "notify"))
        os.chmod(self.notices.getsockname(), 0o777)
        self.notices.settimeout(10)
        self.children = []

    def tearDown(self):
        for program in self.children:
            if program.poll() is None:
                program.kill()
            program.communicate()
        self.notices.close()
        self.temporary.cleanup()

    def environment(self):
        return dict(
            os.environ,
            NOTIFY_SOCKET=self.notices.getsockname(),
            XDG_RUNTIME_DIR=self.runtime,
            SALLYPORT_LIBEXEC=self.libexec,
        )

    def start(self, *arguments, **more):
        program = subprocess.Popen(
            [os.path.join(self.libexec, "serve"), *arguments],
            env=self.environment(),
            stderr=subprocess.PIPE,
            text=True,
            **more,
        )
        self.children.append(program)
        return program

    def ready(self, *arguments, **more):
        program = self.start(*arguments, **more)
        try:
            self.assertEqual(self.notices.recv(64), b"READY=1")
        except TimeoutError:
            program.kill()
            self.fail(program.stderr.read())
        return program

    def ended(self, program):
        self.assertEqual(program.wait(10), 0)
        self.assertEqual(self.notices.recv(64), b"STOPPING=1")

    def end(self, program, number=signal.SIGTERM):
        program.send_signal(number)
        self.ended(program)

    def refused(self, word, *arguments, **more):
        program = self.start(*arguments, **more)
        self.assertEqual(program.wait(10), 2)
        self.assertIn(word, program.stderr.read())

    def vm(self, name, *devices, more=()):
        """A VM in the user's own folder, wherever root's would be."""
        root = os.path.join(self.runtime, "sallyport")
        os.makedirs(root, 0o700, exist_ok=True)
        directory = os.path.join(root, name)
        arguments = [word for device in devices for word in ("--device", device)]
        return self.ready("--vm", name, "--directory", directory, *arguments, *more), directory

    def worker(self, directory):
        """The process that serves, which is a child of the one that was started."""
        control = Control(directory)
        pid = control.ask({"do": "state"})["pid"]
        control.close()
        return pid

    def run_verb(self, *arguments, **more):
        return subprocess.run(
            [self.sallyport, *arguments],
            env=self.environment(),
            capture_output=True,
            timeout=30,
            **more,
        )

    def again(self, path):
        """The client that comes after another one went."""
        for _ in range(50):
            try:
                return Client(path)
            except OSError:
                time.sleep(0.1)
        self.fail("the next client is not served")


class Control:
    """Lines of JSON, one at a time."""

    def __init__(self, directory):
        self.socket = connect(os.path.join(directory, "control"))
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def ask(self, request):
        line = request if isinstance(request, bytes) else json.dumps(request).encode()
        self.socket.sendall(line + b"\n")
        return json.loads(self.file.readline())
