#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How the test bed takes a machine that hangs, ends or panics, with a program in QEMU's place."""

import pathlib
import stat
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "testbed"))

from bed import pc, system  # noqa: E402
from bed.streams import Ended, TimedOut  # noqa: E402
from bed.tools import Failure  # noqa: E402

# Reads what the next start is to do from a file, a word a start.
FAKE = '''\
#!{python}
import os, re, sys
ports = {{}}
for word in sys.argv:
    match = re.match(r"socket,id=(\\w+),fd=(\\d+)$", word)
    if match:
        ports[match[1]] = int(match[2])
    match = re.match(r"if=none,id=bed-disk,.*,file=(.*)$", word)
    if match:
        os.environ["DISK"] = match[1]
words = open("{script}").read().split()
open("{script}", "w").write(" ".join(words[1:]))
def hang():
    while os.read(ports["qmp"], 4096):
        pass
if words[0] == "hang":
    hang()
elif words[0] == "panic":
    os.write(ports["serial"], b"(XEN) Panic on CPU 0:\\n(XEN) no good\\n")
    hang()
elif words[0] == "run":
    os.write(ports["bed"], b"bed-ready\\n")
    os.dup2(ports["bed"], 0)
    os.dup2(ports["bed"], 1)
    os.execvp("sh", ["sh", "-c", """
put() {{ dd if="$1" of="$DISK" conv=notrunc 2>/dev/null && wc -c <"$1"; }}
take() {{ head -c "$2" "$DISK" >"$1"; }}
while IFS= read -r line; do eval "$line" </dev/null; done"""])
'''


class Bed:
    def __init__(self, folder):
        self.qemu = folder / "qemu"
        self.xen = folder / "xen"


class Board:
    machine = "none"

    def __init__(self, bed):
        self.bed = bed

    def arguments(self):
        return []

    def dom0_modules(self):
        return []


class PcBed:
    def __init__(self, folder):
        self.folder = folder
        self.qemu = folder / "qemu"
        self.xen = folder / "xen"
        self.dom0 = folder / "dom0.cpio"
        self.dom0.write_bytes(b"dom0")

    def linux(self, name):
        more = self.folder / f"linux-{name}.cpio"
        more.write_bytes(b"linux")
        return self.folder / f"linux-{name}", more


class Machine(unittest.TestCase):
    kind = system.System

    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)
        self.said = []
        self.limit = self.kind.BOOT_LIMIT
        self.kind.BOOT_LIMIT = 1

    def tearDown(self):
        self.kind.BOOT_LIMIT = self.limit
        self.temporary.cleanup()

    def start(self, *words):
        script = self.folder / "script"
        script.write_text(" ".join(words))
        qemu = self.folder / "qemu"
        qemu.write_text(FAKE.format(python=sys.executable, script=script))
        qemu.chmod(qemu.stat().st_mode | stat.S_IXUSR)
        return self.machine(self.folder / "log")

    def machine(self, log):
        return system.System(Board(Bed(self.folder)), b"tree", log, report=self.said.append)

    def test_commands(self):
        with self.start("run") as machine:
            self.assertEqual(machine.dom0("echo hello; false"), (1, "hello\n"))
            self.assertEqual(machine.dom0_must("echo '~~1 0~~x'"), "~~1 0~~x\n")
            with self.assertRaisesRegex(Failure, "status 3"):
                machine.dom0_must("(exit 3)")
        self.assertEqual(self.said, [])

    def test_a_hang_is_retried_and_told(self):
        with self.start("hang", "run") as machine:
            self.assertEqual(machine.retries, 1)
            self.assertEqual(machine.dom0_must("echo up"), "up\n")
        self.assertEqual(len(self.said), 1)
        self.assertIn("hung", self.said[0])

    def test_only_once(self):
        with self.assertRaises(TimedOut):
            with self.start("hang", "hang", "run"):
                self.fail("it came up")

    def test_an_end_is_no_hang(self):
        with self.assertRaises(Ended):
            with self.start("end", "run"):
                self.fail("it came up")
        self.assertEqual(self.said, [])

    def test_a_panic_is_told_at_once(self):
        with self.assertRaises(system.Panic) as caught:
            with self.start("panic", "run"):
                self.fail("it came up")
        self.assertIn("no good", str(caught.exception))
        self.assertEqual(self.said, [])

    def test_commands_have_a_limit(self):
        with self.start("run") as machine:
            with self.assertRaises(TimedOut):
                machine.dom0("sleep 30", limit=0.5)

    def test_lines_are_whole_and_new(self):
        with self.start("run") as machine:
            stream = machine.streams["guests"]
            stream.text = "g| BED one a=1\ng| BED two a="
            self.assertEqual(machine.guest("g", "BED one .*").group(0), "g| BED one a=1")
            with self.assertRaises(TimedOut):
                machine.guest("g", "BED two .*", 0.1)
            stream.text += "2\n"
            self.assertEqual(machine.guest("g", "BED two .*").group(0), "g| BED two a=2")
            with self.assertRaises(TimedOut):
                machine.guest("g", "BED two .*", 0.1)


class PcMachine(Machine):
    kind = pc.PcSystem

    def machine(self, log):
        return pc.PcSystem(pc.Pc(PcBed(self.folder), "pvh", dom0_arguments="a=1,2"), log, report=self.said.append)

    def test_files_come_and_go(self):
        data = bytes(range(256)) * 300
        with self.start("run") as machine:
            path = self.folder / "file"
            machine.push(path, data)
            self.assertEqual(path.read_bytes(), data)
            path.write_bytes(data[:1000])
            self.assertEqual(machine.fetch(path), data[:1000])
            machine.push(path, b"")
            self.assertEqual(path.read_bytes(), b"")
            with self.assertRaisesRegex(Failure, "too many"):
                machine.push(path, bytes(pc.DISK_SIZE + 1))
            with self.assertRaises(Failure):
                machine.fetch(self.folder / "none")

    def test_arguments(self):
        with self.start("run") as machine:
            words = machine.arguments()
            ramdisk = pathlib.Path(machine.folder.name, "dom0.cpio").read_bytes()
        self.assertEqual(ramdisk, b"dom0linux")
        self.assertIn("dom0=pvh", words[words.index("-append") + 1])
        # A comma would end a module.
        self.assertIn("a=1,,2,", words[words.index("-initrd") + 1])
        machine.pc.dom0 = None
        (self.folder / "script").write_text("run")
        with machine:
            words = machine.arguments()
        self.assertIn("a=1,2", words[words.index("-append") + 1])
        self.assertNotIn(str(machine.pc.bed.xen), words)


if __name__ == "__main__":
    unittest.main()
