#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The program `serve`: its sockets, one client at a time, systemd's ways, and its end.

    test_serve.py SERVE CONTROL SALLYPORT
"""

import os
import shutil
import signal
import socket
import stat
import sys
import time
import unittest

from serving import Case, Client, Control, connect, greet

Case.programs = dict(zip(("serve", "control", "sallyport"), sys.argv[1:4]))
del sys.argv[1:4]

BOCHS = ("--device", "bochs")
NOBODY = 65534


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


class Serve(Case):
    def test_clients(self):
        program = self.ready("--socket", self.path, *BOCHS)
        self.assertEqual(mode(self.path), 0o600)
        first = connect(self.path)
        self.assertTrue(greet(first))
        second = connect(self.path)
        self.assertEqual(second.recv(1), b"")
        first.close()
        third = self.again(self.path)
        # With a client that is still there.
        self.end(program)
        second.close()
        third.close()
        self.assertFalse(os.path.exists(self.path))

    def test_stale(self):
        program = self.ready("--socket", self.path, *BOCHS)
        program.kill()
        program.wait()
        self.assertTrue(os.path.exists(self.path))
        program = self.ready("--socket", self.path, *BOCHS)
        self.refused("a program listens there", "--socket", self.path, *BOCHS)
        # Who looked whether somebody listens may still be there for it.
        self.again(self.path).close()
        self.end(program, signal.SIGINT)

    def test_devices(self):
        program, directory = self.vm(
            "many", "bochs", "bochs,memory=4M", "virtio-keyboard", "virtio-tablet,packed=on", "edu,name=x"
        )
        self.assertEqual(mode(directory), 0o700)
        names = {"bochs", "bochs-2", "virtio-keyboard", "virtio-tablet", "x"}
        self.assertEqual(
            set(os.listdir(directory)), {name + ".sock" for name in names} | {"control", "vnc"}
        )
        for name in os.listdir(directory):
            self.assertEqual(mode(os.path.join(directory, name)), 0o600)
        # All at once, and each for itself.
        clients = {name: Client(os.path.join(directory, name + ".sock")) for name in names}
        self.assertEqual(len(clients["bochs"].memory()), 16 << 20)
        self.assertEqual(len(clients["bochs-2"].memory()), 4 << 20)
        self.assertEqual(clients["x"].read(7, 0, 4), b"\x34\x12\xe8\x11")
        self.assertEqual(clients["virtio-keyboard"].read(7, 0, 4), b"\xf4\x1a\x52\x10")
        clients["bochs"].close()
        self.again(os.path.join(directory, "bochs.sock")).close()
        self.assertEqual(clients["x"].read(7, 0, 2), b"\x34\x12")
        viewer = connect(os.path.join(directory, "vnc"))
        self.assertEqual(viewer.recv(4), b"RFB ")
        viewer.close()
        self.end(program)
        for client in clients.values():
            client.close()
        self.assertFalse(os.path.exists(directory))

    def test_intx(self):
        _, directory = self.vm("plain", "edu,irq=intx", "edu")
        # Whether the status register tells of capabilities with MSI among them.
        for name, expected in (("edu", False), ("edu-2", True)):
            client = Client(os.path.join(directory, name + ".sock"))
            at, found = client.read(7, 0x34, 1)[0], False
            while at:
                capability, at = client.read(7, at, 2)
                found |= capability in (5, 17)
            self.assertEqual(found, expected)
            client.close()

    def test_rom(self):
        image = os.path.join(self.folder, "rom")
        bytes_ = b"\x55\xaa\x08" + bytes(range(253)) * 16 + b"end"
        with open(image, "wb") as file:
            file.write(bytes_)
        _, directory = self.vm("rom", "bochs,rom=" + image)
        # It was read at the start.
        os.unlink(image)
        client = Client(os.path.join(directory, "bochs.sock"))
        self.assertEqual(client.read(6, 0, len(bytes_)), bytes_)
        client.close()
        self.refused("No such file", "--directory", self.folder + "/x", "--device", "bochs,rom=" + image)
        with open(image, "wb") as file:
            file.write(b"text" * 256)
        self.refused("no image of an expansion ROM", "--directory", self.folder + "/x", "--device", "bochs,rom=" + image)
        self.assertFalse(os.path.exists(self.folder + "/x"))

    def test_reset(self):
        """A machine that is reset finds its devices as after power-on, and goes on with them."""
        _, directory = self.vm("again", "bochs", "edu")
        client = Client(os.path.join(directory, "bochs.sock"))
        client.mode(640, 480)
        client.write(7, 4, b"\x06\x00")
        for _ in range(3):
            client.ask(13, b"")
            self.assertEqual(client.read(2, 0x502, 2), b"\0\0")
            self.assertEqual(client.read(7, 4, 1), b"\0")
            client.mode(640, 480)
            self.assertEqual(client.read(2, 0x502, 2), b"\x80\x02")
        # One that breaks the rules is sent away; the other device's client is not.
        other = Client(os.path.join(directory, "edu.sock"))
        client.socket.sendall(b"\xff" * 64)
        while client.socket.recv(4096):
            pass
        client.close()
        self.assertEqual(other.read(7, 2, 2), b"\xe8\x11")
        other.close()
        client = self.again(os.path.join(directory, "bochs.sock"))
        self.assertEqual(client.read(2, 0x502, 2), b"\0\0")
        client.close()

    def test_mode(self):
        _, directory = self.vm("size", "bochs,mode=1024x600")
        client = Client(os.path.join(directory, "bochs.sock"))
        timing = client.read(2, 54, 18)
        self.assertEqual((timing[2] | timing[4] >> 4 << 8, timing[5] | timing[7] >> 4 << 8), (1024, 600))
        control = Control(directory)
        self.assertTrue(control.ask({"do": "resize", "width": 800, "height": 480})["ok"])
        timing = client.read(2, 54, 18)
        self.assertEqual((timing[2] | timing[4] >> 4 << 8, timing[5] | timing[7] >> 4 << 8), (800, 480))
        control.close()
        client.close()

    def test_directories(self):
        self.assertEqual(os.path.isdir("/sys/kernel"), True)
        self.refused("/sys/kernel/x", "--directory", "/sys/kernel/x", *BOCHS)
        file = os.path.join(self.folder, "file")
        open(file, "w").close()
        self.refused("it is no directory", "--directory", file, *BOCHS)
        wide = os.path.join(self.folder, "wide")
        os.mkdir(wide)
        os.chmod(wide, 0o777)
        self.refused("other users can write", "--directory", wide, *BOCHS)
        # What was there before stays, but for the sockets.
        own = os.path.join(self.folder, "own")
        os.mkdir(own, 0o755)
        program = self.ready("--directory", own, *BOCHS)
        self.refused("a program listens there", "--directory", own, *BOCHS)
        self.end(program)
        self.assertEqual(os.listdir(own), [])

    def test_other_user(self):
        """Without root's rights, in the folder that the environment names."""
        more = {}
        if os.geteuid() == 0:
            os.chown(self.runtime, NOBODY, NOBODY)
            more = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        program = self.ready("--vm", "own", *BOCHS, **more)
        directory = os.path.join(self.runtime, "sallyport", "own")
        self.assertEqual(mode(directory), 0o700)
        self.assertEqual(mode(os.path.dirname(directory)), 0o700)
        names = self.run_verb("ps", "--quiet", **more)
        self.assertIn(b"own\n", names.stdout)
        self.end(program)
        closed = os.path.join(self.folder, "closed")
        os.mkdir(closed, 0o755)
        if more:
            self.refused("Permission denied", "--directory", closed + "/x", *BOCHS, **more)
        os.rmdir(closed)
        shutil.rmtree(self.runtime)
        self.refused("No such file", "--vm", "own", *BOCHS, **more)

    def activated(self, sockets, names, *arguments):
        """Descriptors 3 and on, as systemd does it, to the process with that number."""
        child = os.fork()
        if child:
            self.running.add(child)
            self.addCleanup(self.kill, child)
            return child
        try:
            # What was there before may be one of them, or the socket for notices.
            environment = dict(self.environment(), LISTEN_FDS=str(len(sockets)), LISTEN_PID=str(os.getpid()))
            high = [os.dup(each.fileno()) for each in sockets]
            high = [os.dup2(each, 40 + i) for i, each in enumerate(high)]
            for i, each in enumerate(high):
                os.dup2(each, 3 + i)
                os.set_inheritable(3 + i, True)
            if names is not None:
                environment["LISTEN_FDNAMES"] = names
            program = os.path.join(self.libexec, "serve")
            os.execve(program, [program, *arguments], environment)
        finally:
            os._exit(9)

    running = set()

    def kill(self, child):
        if child in self.running:
            os.kill(child, signal.SIGKILL)
            self.wait(child)

    def wait(self, child):
        self.running.discard(child)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def listeners(self, count):
        sockets = []
        for i in range(count):
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(self.path + str(i))
            listener.listen()
            self.addCleanup(listener.close)
            sockets.append(listener)
        return sockets

    def stop(self, child):
        os.kill(child, signal.SIGTERM)
        self.assertEqual(self.wait(child), 0)
        self.assertEqual(self.notices.recv(64), b"STOPPING=1")

    def test_systemd(self):
        sockets = self.listeners(1)
        child = self.activated(sockets, None, *BOCHS)
        self.assertEqual(self.notices.recv(64), b"READY=1")
        with connect(self.path + "0") as client:
            self.assertTrue(greet(client))
        self.stop(child)
        # It is systemd's, and stays.
        self.assertTrue(os.path.exists(self.path + "0"))

    def test_systemd_names(self):
        sockets = self.listeners(4)
        child = self.activated(
            sockets, "edu:control:bochs:vnc", *BOCHS, "--device", "edu", "--vm", "named"
        )
        self.assertEqual(self.notices.recv(64), b"READY=1")
        client = Client(self.path + "0")
        self.assertEqual(client.read(7, 2, 2), b"\xe8\x11")
        client.close()
        client = Client(self.path + "2")
        self.assertEqual(client.read(7, 2, 2), b"\x11\x11")
        client.close()
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(self.path + "1")
            control.sendall(b'{"do": "state"}\n')
            self.assertIn(b'"vm": "named"', control.recv(65536))
        with connect(self.path + "3") as viewer:
            self.assertEqual(viewer.recv(4), b"RFB ")
        self.stop(child)

    def test_systemd_wrong(self):
        for names, arguments, word in (
            ("bochs:ed", (*BOCHS, "--device", "edu"), b"did you mean edu?"),
            ("bochs:bochs", (*BOCHS, "--device", "edu"), b"two sockets"),
            ("bochs:control", (*BOCHS, "--device", "edu"), b"no socket for edu"),
        ):
            reading, writing = os.pipe()
            errors = os.dup(2)
            os.dup2(writing, 2)
            child = self.activated(self.listeners(2), names, *arguments)
            os.dup2(errors, 2)
            os.close(errors)
            os.close(writing)
            self.assertEqual(self.wait(child), 2)
            self.assertIn(word, os.read(reading, 4096))
            os.close(reading)
            for i in range(2):
                os.unlink(self.path + str(i))

    def test_misuse(self):
        for arguments, word in (
            (["--socket", self.path, "--device", "toaster"], "there is no such device"),
            (["--socket", self.path, "--device", "boch"], "did you mean bochs?"),
            (BOCHS, "--vm is needed"),
            (["--vm", "a", "--vnc", "none", "--vnc-password-file", "x", *BOCHS], "lets none in"),
            (["--socket", "x" * 200, *BOCHS], "1 to 107 bytes"),
            (["--socket", "/nowhere/at/all", *BOCHS], "No such file"),
            (["--socket", self.path, *BOCHS, "more"], "nothing is expected"),
            (["--vm", "../x", *BOCHS], "a name has"),
            (["--vm", "x"], "--device is needed"),
            (["--socket", self.path, *BOCHS, "--vnc", "0.0.0.0:5999"], "needs a password"),
            (["--socket", self.path, "--device", "edu", "--vnc", self.path + "v"], "no device has a screen"),
            (["--socket", self.path, *BOCHS, "--vnc", "localhost:5999"], "no address in figures"),
            (["--socket", self.path, *BOCHS, "--json"], "goes with --list-devices"),
            (["--devise", "bochs"], "did you mean --device?"),
        ):
            self.refused(word, *arguments)
            self.assertFalse(os.path.exists(self.path))

    def test_idle(self):
        """Nothing is done for nobody."""
        program, directory = self.vm("idle", "bochs", "virtio-keyboard")
        pids = {program.pid, self.worker(directory)}

        def ticks():
            total = 0
            for pid in pids:
                with open(f"/proc/{pid}/stat") as file:
                    total += sum(map(int, file.read().rsplit(")", 1)[1].split()[11:13]))
            return total

        def switches():
            found = []
            for pid in pids:
                with open(f"/proc/{pid}/status") as file:
                    found += [line for line in file if line.startswith("voluntary")]
            return found

        client = Client(os.path.join(directory, "bochs.sock"))
        client.mode(640, 480)
        time.sleep(0.3)
        before = ticks(), switches()
        time.sleep(1)
        self.assertEqual((ticks(), switches()), before)
        client.close()


if __name__ == "__main__":
    unittest.main()
