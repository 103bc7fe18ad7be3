#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""list and snapshot on machines with PCI devices: from snapshots, from lspci's output, from this one.

usage: test_machine.py PROGRAM FIXTURES [TEST...]
"""

import json
import os
import shutil
import subprocess
import sys
import unittest

import test_cli
from test_cli import NOBODY, Case

FIXTURES = None
PCI = "/sys/bus/pci/devices"
TREE = "/sys/firmware/fdt"


class Machine(Case):
    def fixture(self, *names):
        """A copy, so that its path is short and nobody else's."""
        return shutil.copy(os.path.join(FIXTURES, *names), self.dir)

    def text(self, *names):
        with open(self.path(*names)) as file:
            return file.read()

    def setUp(self):
        super().setUp()
        self.amd = self.fixture("snapshots", "amd-gpu.snapshot")
        self.intel = self.fixture("snapshots", "intel-igd.snapshot")
        self.igb = self.fixture("lspci", "igb.txt")


class List(Machine):
    def test_table(self):
        out, err = self.run_program("list", self.amd)
        self.assertEqual(err, "")
        self.assertIn("0000:03:00.0  pciback", out)
        self.assertIn("0000:03:00.1  pciback", out)
        self.assertNotIn("0000:00:08.0", out)
        out, err = self.run_program("list", "--all", self.amd)
        self.assertIn("0000:00:08.0  xhci_hcd", out)
        self.assertNotIn("0000:00:01.1", out)

    def test_lspci(self):
        out, err = self.run_program("list", "-a", self.igb)
        self.assertIn("0000:01:00.0  igb ", out)
        self.assertIn("virtual function of 0000:01:00.0", out)

    def test_json(self):
        for path in (self.amd, self.intel, self.igb):
            out, err = self.run_program("list", "--all", "--json", path)
            functions = json.loads(out)
            self.assertTrue(functions)
            keys = set(functions[0])
            for function in functions:
                self.assertEqual(set(function), keys)
                self.assertRegex(function["path"], r"^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$")
        out, err = self.run_program("list", "--json", self.amd)
        gpu = json.loads(out)[0]
        self.assertEqual(gpu["bars"][0]["size"], 256 << 20)
        self.assertEqual(gpu["resizable"][0]["sizes"][-1], 32 << 30)
        self.assertEqual(gpu["intx"], {"pin": "A", "irq": 36, "gsi": 36, "gsi_error": None})
        self.assertEqual(gpu["resets"], ["pm", "bus"])
        self.assertTrue(gpu["rom"]["vfct"] and gpu["assignable"] and gpu["isolated"])

    def test_terminals(self):
        whole, err = self.run_program("list", "-a", self.amd)
        for columns in (1, 2, 20, 79, 80, 200):
            out, status = self.on_terminal("list", "-a", self.amd, columns=columns, env=test_cli.environment(NO_COLOR="1"))
            self.assertEqual(status, 0)
            self.assertEqual(out.count("\n"), whole.count("\n"))
            for line, full in zip(out.splitlines(), whole.splitlines()):
                self.assertEqual(line, full[:columns].rstrip())
        out, status = self.on_terminal("list", self.amd)
        self.assertIn("\x1b[32mpciback\x1b[0m", out)

    def test_options_of_trees(self):
        for option in (["--mode", "xl"], ["--target", "xen-4.20"], ["-c", "a*"]):
            self.refused("list", *option, self.amd, says="is for a host with a device tree")

    def test_no_gpu(self):
        path = self.write("a.snapshot", "sallyport snapshot 1\nfile /sys/bus/pci/devices/0000:00:03.0/class\n\t0x020000\n")
        out, err = self.run_program("list", path)
        self.assertEqual(out, "No GPU; --all lists every PCI function.\n")
        out, err = self.run_program("list", "--json", path)
        self.assertEqual(out, "[]\n")

    def test_bad_files(self):
        bad = self.write("bad.snapshot", "sallyport snapshot 1\nwhat /is/this\n")
        self.refused("list", bad, says=["bad.snapshot: line 2: ", "snapshot"])
        self.refused("list", self.write("v2", "sallyport snapshot 2\n"), says="another version")
        self.refused("list", self.write("x.txt", "03:00.0 x\n00: zz\n"), says="x.txt: line 2: ")
        self.refused("list", self.path("none"), says="No such file")
        self.refused("list", self.write("empty", ""))

    @unittest.skipIf(os.path.exists(TREE) or not os.path.exists(PCI) or not os.listdir(PCI), "no PCI machine")
    def test_this_machine(self):
        out, err = self.run_program("list", "--all", "--json")
        shown = {function["path"] for function in json.loads(out)}
        self.assertTrue(shown <= set(os.listdir(PCI)))
        self.refused("list", "--mode", "xl", says="this machine has none")


class Snapshot(Machine):
    def test_writes(self):
        out, err = self.run_program("snapshot", "-o", "a.snapshot", self.igb)
        self.assertEqual(out, "")
        text = self.text("a.snapshot")
        self.assertTrue(text.startswith("sallyport snapshot 1\n"))
        # The serial number is left out, and lists are the same.
        self.assertNotIn("04 34 12 ff ff 00 54 52", text)
        self.assertIn("04 34 12 ff ff 00 54 52", self.text(self.igb))
        before, err = self.run_program("list", "-a", "-j", self.igb)
        after, err = self.run_program("list", "-a", "-j", self.path("a.snapshot"))
        self.assertEqual(before, after)

    def test_is_stable(self):
        self.run_program("snapshot", "-o", "a", self.amd)
        self.run_program("snapshot", "-o", "b", "a")
        self.assertEqual(self.text("a"), self.text("b"))
        out, err = self.run_program("snapshot", "-o", "-", "a")
        self.assertEqual(out, self.text("a"))

    def test_overwrites_if_told(self):
        path = self.write("a", "mine")
        self.refused("snapshot", "-o", path, self.amd, says=["it exists", "--force"])
        self.assertEqual(self.text(path), "mine")
        self.run_program("snapshot", "-o", path, "--force", self.amd)
        self.assertTrue(self.text(path).startswith("sallyport snapshot 1\n"))

    def test_use(self):
        self.refused("snapshot", says="-o FILE is wanted")
        self.refused("snapshot", "-o", "a", self.amd, self.amd, says="a second one")
        self.refused("snapshot", "-o", "none/a", self.amd, says="No such file")
        self.refused("snapshot", "-o", "a", test_cli.__file__, says="neither a snapshot nor")

    def test_disk_full(self):
        err = self.refused("snapshot", "-o", "/dev/full", "--force", self.amd, says="No space left")
        self.assertTrue(os.path.exists("/dev/full"), err)

    @unittest.skipUnless(os.path.exists(PCI) and os.listdir(PCI), "no PCI machine")
    def test_this_machine(self):
        out, err = self.run_program("snapshot", "-o", "-", "-q")
        self.assertEqual(err, "")
        again, err = self.run_program("snapshot", "-o", "-", self.write("a", out), "-q")
        self.assertEqual(again, out)

    @unittest.skipUnless(os.path.exists(PCI) and os.listdir(PCI) and os.geteuid() == 0, "not root")
    def test_as_nobody(self):
        """What is not readable is told of, and the rest is there."""
        os.chmod(self.dir, 0o777)
        program = shutil.copy(test_cli.PROGRAM, self.dir)
        done = subprocess.run(
            [program, "snapshot", "-o", "a"],
            cwd=self.dir,
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            capture_output=True,
            text=True,
            timeout=test_cli.TIMEOUT,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("are not known", done.stderr)
        self.assertIn("Run it as root to have more.", done.stderr)
        out, err = self.run_program("list", "--all", self.path("a"))
        self.assertIn("0000:00:", out)


if __name__ == "__main__":
    test_cli.PROGRAM = os.path.abspath(sys.argv[1])
    FIXTURES = os.path.abspath(sys.argv[2])
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
