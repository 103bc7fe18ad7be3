#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The control socket, and the verbs that use it: ps, top, screenshot, control.

    test_control.py SERVE CONTROL SALLYPORT
"""

import fcntl
import json
import os
import pty
import random
import re
import select
import struct
import subprocess
import sys
import termios
import time
import unittest

from serving import Case, Client, Control, connect, read_png

Case.programs = dict(zip(("serve", "control", "sallyport"), sys.argv[1:4]))
del sys.argv[1:4]

STATE = {"do": "state"}


class Asked(Case):
    def setUp(self):
        super().setUp()
        self.program, self.directory = self.vm("desk", "bochs", "edu")
        self.control = Control(self.directory)
        self.addCleanup(self.control.close)

    def client(self, name="bochs"):
        client = Client(os.path.join(self.directory, name + ".sock"))
        self.addCleanup(client.close)
        return client

    def ask(self, request):
        return self.control.ask(request)

    def test_state(self):
        before = self.ask(STATE)
        self.assertEqual((before["ok"], before["vm"]), (True, "desk"))
        self.assertTrue(os.path.exists(f"/proc/{before['pid']}"))
        self.assertEqual([device["name"] for device in before["devices"]], ["bochs", "edu"])
        self.assertFalse(before["devices"][0]["client"])
        self.assertEqual(before["devices"][0]["screen"]["width"], 0)
        self.assertEqual(before["budget"]["bytes"]["used"], 16 << 20)
        client = self.client()
        client.mode(640, 480)
        for y in range(3):
            client.write(2, 0x512, struct.pack("<H", y + 1))
        after = self.ask(STATE)
        device = after["devices"][0]
        self.assertTrue(device["client"])
        self.assertEqual(device["messages"], {"VERSION": 1, "REGION_WRITE": 8})
        self.assertEqual(device["traps"], 8)
        self.assertEqual(
            device["screen"], {"width": 640, "height": 480, "flips": 3, "resizes": 1, "blanks": 0}
        )
        self.assertFalse(after["devices"][1]["client"])
        self.assertGreater(after["now"], before["now"])
        self.assertGreater(after["resident"], 1 << 18)
        self.assertLess(after["private"], 8 << 20)

    def picture(self, client, width, height, line):
        """Random pixels within wider lines, and what a PNG of them has."""
        client.mode(width, height, 32, line)
        memory = client.memory()
        chance = random.Random(5)
        expected = []
        for y in range(height):
            pixels = chance.randbytes(4 * width)
            memory[4 * line * y : 4 * line * y + 4 * width] = pixels
            expected.append(b"".join(pixels[i + 2 : i + 3] + pixels[i + 1 : i + 2] + pixels[i : i + 1]
                for i in range(0, 4 * width, 4)))
        return b"".join(expected)

    def test_screenshot(self):
        self.assertEqual(self.ask({"do": "screenshot"})["error"], "nothing is shown")
        client = self.client()
        expected = self.picture(client, 333, 250, 400)
        done = self.run_verb("screenshot", "-o", "-", self.directory)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertEqual(read_png(done.stdout), (333, 250, expected))
        # Its name, in the folder that it is called in.
        done = self.run_verb("screenshot", "desk", cwd=self.folder)
        self.assertEqual((done.returncode, done.stdout), (0, b"desk.png\n"))
        with open(os.path.join(self.folder, "desk.png"), "rb") as file:
            self.assertEqual(read_png(file.read()), (333, 250, expected))
        done = self.run_verb("screenshot", "desk", "--device", "bochs", "-o", "/nowhere/x")
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"/nowhere/x: No such file", done.stderr)
        done = self.run_verb("screenshot", "desk", "--device", "edu")
        self.assertIn(b"it has no screen", done.stderr)
        # Two in a row on one connection, and something else behind them.
        for _ in range(2):
            answer = self.ask({"do": "screenshot", "device": "bochs"})
            self.assertEqual(answer["size"], 333 * 250 * 4)
            self.control.file.read(answer["size"])
            self.assertEqual(json.loads(self.control.file.readline()), {"ok": True, "changed": False})
        self.assertTrue(self.ask(STATE)["ok"])

    def test_slow(self):
        """Who does not read holds up nobody, and what is changed meanwhile is told."""
        client = self.client()
        client.mode(1920, 1080)
        slow = Control(self.directory)
        slow.socket.sendall(b'{"do":"screenshot"}\n' * 20)
        time.sleep(0.2)
        began = time.monotonic()
        for _ in range(100):
            client.read(2, 0x500, 2)
        self.assertTrue(self.ask(STATE)["ok"])
        self.assertLess(time.monotonic() - began, 2)
        client.mode(800, 600)
        answer = json.loads(slow.file.readline())
        self.assertEqual((answer["width"], answer["height"]), (1920, 1080))
        slow.file.read(answer["size"])
        self.assertTrue(json.loads(slow.file.readline())["changed"])
        self.assertEqual(json.loads(slow.file.readline())["width"], 800)
        slow.close()
        self.assertTrue(self.ask(STATE)["ok"])

    def test_reset(self):
        client = self.client()
        client.mode(640, 480)
        self.assertIn("there are several", self.ask({"do": "reset"})["error"])
        self.assertTrue(self.ask({"do": "reset", "device": "bochs"})["ok"])
        self.assertEqual(client.read(2, 0x508, 2), b"\0\0")
        self.assertEqual(self.ask(STATE)["devices"][0]["screen"]["width"], 0)
        self.assertIn("no such device", self.ask({"do": "reset", "device": "boch"})["error"])

    def test_hostile(self):
        for line in (b"", b"{", b"[]", b"\xff" * 10, b"\0" * 10, b'{"do":"state","x":1}', b"[" * 1000):
            answer = self.ask(line)
            self.assertEqual((answer["ok"], bool(answer["error"])), (False, True))
        self.assertTrue(self.ask(STATE)["ok"])
        # A line without an end.
        with connect(os.path.join(self.directory, "control")) as other:
            other.sendall(b"x" * 2000)
            self.assertIn(b"up to 1024 bytes", other.recv(4096))
            try:
                self.assertEqual(other.recv(4096), b"")
            except ConnectionResetError:
                pass
        # Bytes one by one, several lines at once, and an end behind the last one.
        with connect(os.path.join(self.directory, "control")) as other:
            for byte in b'{"do":"state"}\n':
                other.sendall(bytes([byte]))
            self.assertTrue(other.recv(65536).startswith(b'{"ok": true'))
            other.sendall(b"\n" * 500)
            other.shutdown(1)
            with other.makefile("rb") as file:
                self.assertEqual(len(file.readlines()), 500)

    def test_many(self):
        others = []
        for _ in range(15):
            other = connect(os.path.join(self.directory, "control"))
            others.append(other)
            other.sendall(b'{"do":"state"}\n')
            self.assertTrue(other.recv(65536).startswith(b'{"ok": true'))
        with connect(os.path.join(self.directory, "control")) as last:
            self.assertIn(b"too many clients", last.recv(4096))
        others.pop().close()
        for _ in range(50):
            with connect(os.path.join(self.directory, "control")) as last:
                last.sendall(b"\n")
                try:
                    if b"no JSON" in last.recv(4096):
                        break
                except ConnectionResetError:
                    pass
            time.sleep(0.05)
        else:
            self.fail("no place became free")
        for other in others:
            other.close()

    def test_quit(self):
        client = self.client()
        self.assertEqual(self.ask({"do": "quit"}), {"ok": True})
        self.ended(self.program)
        self.assertFalse(os.path.exists(self.directory))
        client.close()

    def test_upgrade(self):
        """Another process goes on, and the client notices nothing."""
        client = self.client()
        client.mode(640, 480)
        before = self.ask(STATE)["pid"]
        self.assertEqual(self.ask({"do": "upgrade"}), {"ok": True})
        self.assertEqual(self.control.file.readline(), b"")
        self.assertEqual(client.read(2, 0x502, 2), b"\x80\x02")
        self.assertNotEqual(self.worker(self.directory), before)
        self.assertIsNone(self.program.poll())
        self.assertEqual(self.run_verb("control", "desk", "upgrade").returncode, 0)
        self.assertEqual(client.read(2, 0x502, 2), b"\x80\x02")
        alone, directory = self.vm("alone", "edu", more=["--no-holder"])
        done = self.run_verb("control", "alone", "upgrade")
        self.assertIn(b"there is no holder", done.stderr)

    def test_descriptors(self):
        """None is left behind by clients of any kind."""
        self.client().mode(640, 480)

        def count():
            return len(os.listdir(f"/proc/{pid}/fd"))

        pid = self.ask(STATE)["pid"]
        before = count()
        for i in range(200):
            other = Control(self.directory)
            other.socket.sendall((b'{"do":"screenshot"}\n', b"x" * 1100, b'{"do":', b"{}\n")[i % 4])
            if i % 3 and i % 4 != 2:
                other.socket.recv(10)
            other.close()
        self.ask(STATE)
        self.assertEqual(count(), before)


class Verbs(Case):
    def good(self, *arguments):
        done = self.run_verb(*arguments)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        return done.stdout.decode()

    def bad(self, word, *arguments):
        done = self.run_verb(*arguments)
        self.assertEqual((done.returncode, done.stdout), (2, b""))
        self.assertIn(word, done.stderr.decode())

    def test_ps(self):
        program, directory = self.vm("one", "bochs", "virtio-keyboard")
        self.vm("two", "edu")
        os.mkdir(os.path.join(self.runtime, "sallyport", "old"))
        lines = [line.split() for line in self.good("ps").splitlines()]
        ours = [line for line in lines if line[0] in ("one", "two", "old")]
        self.assertEqual(lines[0][:4], ["VM", "DEVICE", "MODEL", "CLIENT"])
        self.assertEqual([line[:2] for line in ours], [
            ["old", "(stale)"], ["one", "bochs"], ["one", "virtio-keyboard"], ["two", "edu"]])
        listed = {vm["name"]: vm for vm in json.loads(self.good("ps", "--json"))}
        self.assertEqual(listed["old"]["condition"], "stale")
        self.assertIsNone(listed["old"]["state"])
        self.assertEqual(listed["one"]["state"]["pid"], self.worker(directory))
        # A process that was killed leaves its sockets; the next one takes the place.
        program.kill()
        program.wait()
        for _ in range(50):
            if "one  (stale)" in re.sub(" +", "  ", self.good("ps")):
                break
            time.sleep(0.1)
        self.assertIn("one  (stale)", re.sub(" +", "  ", self.good("ps")))
        self.bad("nobody serves it any more", "control", "one", "state")
        self.vm("one", "bochs")
        self.assertEqual(json.loads(self.good("control", "one", "state"))["vm"], "one")

    def test_mute(self):
        """A program that stopped is said to be so, and is not waited for without end."""
        program, directory = self.vm("stuck", "edu")
        pid = self.worker(directory)
        os.kill(pid, 19)
        began = time.monotonic()
        self.assertIn("(does not answer)", self.good("ps"))
        self.assertLess(time.monotonic() - began, 12)
        os.kill(pid, 18)
        self.assertNotIn("(does not answer)", self.good("ps"))

    def test_nothing(self):
        self.assertIn(self.good("ps"), "nothing is served\n")

    def test_typos(self):
        self.vm("desktop", "bochs", "edu")
        self.bad("did you mean desktop?", "screenshot", "desktpo")
        self.bad("did you mean reset?", "control", "desktop", "rest")
        self.bad("did you mean --json?", "ps", "--jsn")
        self.bad("did you mean screenshot?", "screnshot", "desktop")
        self.bad("did you mean serve?", "serv")
        self.bad("there are several", "control", "desktop", "reset")
        self.bad("no such device", "control", "desktop", "reset", "-d", "edo")
        self.bad("a size is WIDTHxHEIGHT", "control", "desktop", "resize", "800")
        self.bad("a size is needed", "control", "desktop", "resize")
        self.bad("nothing is expected", "control", "desktop", "quit", "now")
        self.bad("not about one device", "control", "desktop", "quit", "-d", "edu")
        self.bad("name a VM", "control", "desktop")
        self.bad("name one VM", "screenshot")
        self.bad("nothing is expected", "ps", "desktop")
        self.bad("0.1 to 3600 seconds", "top", "-i", "0")
        self.bad("0.1 to 3600 seconds", "top", "-i", "nan")
        self.bad("a number from 1", "top", "-n", "0")
        self.assertEqual(self.good("control", "desktop", "resize", "800x600"), "")
        self.assertEqual(self.good("control", "-d", "edu", "desktop", "reset"), "")
        self.assertEqual(self.good("control", "desktop", "quit"), "")

    def test_help(self):
        for verb in ("serve", "ps", "top", "screenshot", "control"):
            self.assertIn(f"usage: sallyport {verb} ", self.good("help", verb))
            self.assertIn(f"\n  {verb} ", self.good("help"))
        self.assertIn("virtio-keyboard", self.good("serve", "--list-devices"))
        models = json.loads(self.good("serve", "--list-devices", "--json"))
        self.assertIn("edu", [model["model"] for model in models if model["experimental"]])

    def test_top(self):
        _, directory = self.vm("busy", "edu")
        client = Client(os.path.join(directory, "edu.sock"))
        process = subprocess.Popen(
            [self.sallyport, "top", "--json", "-n", "3", "-i", "0.4"],
            env=self.environment(), stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        lines = []
        while len(lines) < 3:
            if select.select([process.stdout], [], [], 0.002)[0]:
                lines.append(json.loads(process.stdout.readline()))
            client.read(0, 0, 4)
        self.assertEqual(process.wait(10), 0)
        devices = [vm["devices"][0] for line in lines for vm in line["vms"] if vm["name"] == "busy"]
        self.assertIsNone(devices[0]["traps"])
        self.assertTrue(devices[0]["client"])
        for device in devices[1:]:
            self.assertGreater(device["traps"], 50)
            self.assertEqual(device["flips"], 0)
        client.close()
        text = self.good("top", "-n", "2", "-i", "0.1")
        self.assertEqual(text.count("TRAPS/s"), 2)

    def on_terminal(self, columns, lines, *arguments, keys=b"", seconds=10, program=None):
        """All that it writes on such a terminal; keys come after the first output."""
        program = program or self.sallyport
        child, terminal = pty.fork()
        if child == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
                os.execve(program, [program, *arguments],
                    dict(self.environment(), TERM="xterm"))
            finally:
                os._exit(9)
        output, limit = b"", time.monotonic() + seconds
        while time.monotonic() < limit:
            if not select.select([terminal], [], [], 0.1)[0]:
                continue
            try:
                output += os.read(terminal, 65536)
            except OSError:
                break
            if keys:
                os.write(terminal, keys)
                keys = b""
        else:
            os.kill(child, 9)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.close(terminal)
        return status, output.decode()

    def test_narrow(self):
        self.vm("desk", "bochs", "edu")
        for columns in (2, 7, 30):
            for verb in ("ps", "top"):
                status, text = self.on_terminal(columns, 4, verb, keys=b"q" if verb == "top" else b"")
                self.assertEqual(status, 0)
                text = re.sub("\033\\[[0-9;?]*[a-zA-Z]", "", text)
                for line in text.replace("\r", "").split("\n"):
                    self.assertLessEqual(len(line), columns, text)
        status, text = self.on_terminal(80, 24, "screenshot", "desk", "-o", "-")
        self.assertEqual(status, 2)
        self.assertIn("not written to a terminal", text)

    def test_background(self):
        """The terminal is another's: it is left alone, and does not stop who writes to it."""
        self.vm("desk", "bochs")
        status, text = self.on_terminal(80, 24, "-m", "-c",
            f'"{self.sallyport}" top -n 2 -i 0.1 & wait $!', program="/bin/sh")
        self.assertEqual(status, 0)
        self.assertEqual(text.count("TRAPS/s"), 2)

    def test_closed(self):
        """A reader that goes away is no error, and ends it."""
        self.vm("desk", "bochs")
        for arguments in (["ps", "--json"], ["top", "-i", "0.1"], ["control", "desk", "state"]):
            process = subprocess.Popen([self.sallyport, *arguments], env=self.environment(),
                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            process.stdout.read(1)
            process.stdout.close()
            self.assertEqual(process.wait(10), 0)
            self.assertEqual(process.stderr.read(), b"")
            process.stderr.close()


if __name__ == "__main__":
    unittest.main()
