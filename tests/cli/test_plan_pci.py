#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`sallyport plan` for PCI functions, as a command.

usage: test_plan_pci.py PROGRAM SNAPSHOTS BOARD.DTS [TEST...]
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import test_cli  # noqa: E402
from test_cli import Case  # noqa: E402

SNAPSHOTS = BOARD = None
GPU = "0000:03:00.0"


class Pci(Case):
    def setUp(self):
        super().setUp()
        self.snapshot = shutil.copy(os.path.join(SNAPSHOTS, "amd-gpu.snapshot"), self.dir)
        self.igb = shutil.copy(os.path.join(SNAPSHOTS, "kvm-intel-igb.snapshot"), self.dir)

    def plan(self, *arguments, status=0, **options):
        return self.run_program("plan", "-o", self.path("out"), *arguments, status=status, **options)

    def files(self):
        return sorted(os.listdir(self.path("out")))

    def json(self):
        with open(self.path("out", "plan.json"), encoding="utf-8") as file:
            return json.load(file)

    def refuse(self, *arguments, says):
        return self.refused("plan", "-o", self.path("out"), *arguments, says=says)


class Use(Pci):
    def test_summary(self):
        out, err = self.plan(self.snapshot, GPU, "03:00.1", "--guest", "hvm")
        self.assertEqual(err, "")
        self.assertIn("verdict: ", out)
        self.assertIn("assumed: --target xen-4.20 (as the machine runs), --dom0 pvh (as the machine runs)\n", out)
        self.assertEqual(self.files(), ["bootargs.txt", "give-back.sh", "guest.cfg", "plan.json",
                                        "report.txt", "take.sh"])

    def test_nothing_is_assumed(self):
        out, _ = self.plan(self.snapshot, GPU, "--target", "xen-4.20", "--dom0", "pv", "--guest", "hvm")
        self.assertNotIn("assumed", out)

    def test_unknown_ids(self):
        told = self.path("bare.snapshot")
        for text, known in (("", False), ("file {}/vendor\n\t0x8086\nfile {}/device\n\t0x10d3\n", True)):
            function = "/sys/bus/pci/devices/0000:05:00.0"
            with open(told, "w", encoding="utf-8") as file:
                file.write(f"sallyport snapshot 1\nfile {function}/class\n\t0x020000\n" + text.format(function, function))
            if known:
                self.plan(told, "05:00.0")
            else:
                self.refuse(told, "05:00.0", says="0000:05:00.0: neither its configuration space nor its vendor")

    def test_xen_is_meant(self):
        self.plan(self.igb, "0000:05:00.0", "--dom0", "pv", "-k")
        self.assertEqual(self.json()["target"], "xen-4.20")
        self.assertFalse(self.json()["as_it_runs"])
        self.plan(self.igb, "0000:05:00.0", "-k", "--force")
        self.assertEqual(self.json()["target"], "kvm")
        self.assertTrue(self.json()["as_it_runs"])

    def test_json(self):
        out, _ = self.plan(self.snapshot, GPU, "--whole-slot", "--json")
        self.assertEqual(json.loads(out), self.json())
        self.assertEqual([f["role"] for f in self.json()["guest"]["functions"]], ["requested", "slot"])

    def test_pipe(self):
        path = self.path("pipe")
        os.mkfifo(path)
        writer = subprocess.Popen(["sh", "-c", 'exec cat "$1" >"$2"', "sh", self.snapshot, path])
        self.addCleanup(writer.wait)
        self.plan(path, GPU)
        self.assertEqual(self.json()["machine"]["source"], "snapshot")

    def test_slot(self):
        for slot in ("03:00", "0000:03:00", "03:00.*"):
            self.plan(self.snapshot, slot, "--force")
            functions = self.json()["guest"]["functions"]
            self.assertEqual([(f["address"], f["role"]) for f in functions],
                             [(GPU, "requested"), ("0000:03:00.1", "requested")])

    def test_quiet(self):
        self.assertEqual(self.plan(self.snapshot, GPU, "-q"), ("", ""))

    def test_no(self):
        out, _ = self.plan(self.snapshot, GPU, "--guest", "pvh", status=1)
        self.assertIn("SP-PCI-GUEST-PVH", out)
        self.assertIn("--keep-going writes the rest", out)
        self.assertEqual(self.files(), ["plan.json", "report.txt"])
        self.plan(self.snapshot, GPU, "--guest", "pvh", "-k", "--force", status=1)
        self.assertIn("take.sh", self.files())

    def test_second_run(self):
        self.plan(self.snapshot, GPU, "--target", "kvm")
        before = self.files()
        err = self.refused("plan", "-o", self.path("out"), self.snapshot, GPU, says="--force")
        self.assertIn("out", err)
        self.assertEqual(self.files(), before)
        self.plan(self.snapshot, GPU, "--force")
        self.assertIn("guest.cfg", self.files())
        self.assertNotIn("qemu.args", self.files())

    def test_lspci(self):
        dump = self.write("dump", "03:00.0 VGA\n" + "".join(
            "%02x: %s\n" % (i, " ".join("00" if i else b for b in (
                "de 10 84 26 00 00 10 00 a1 00 00 03 00 00 00 00").split()))
            for i in range(0, 64, 16)))
        self.plan(dump, "03:00.0", "--target", "kvm", "-k", status=self.status(dump))
        self.assertEqual(self.json()["machine"]["source"], "lspci")

    def status(self, dump):
        done = subprocess.run([test_cli.PROGRAM, "plan", "-q", "-o", self.path("try"), dump, "03:00.0",
                               "--target", "kvm"], cwd=self.dir, timeout=60, check=False)
        self.assertIn(done.returncode, (0, 1))
        return done.returncode


class Errors(Pci):
    def test_mistyped_address(self):
        self.refuse(self.snapshot, "0000:03:00.2",
                    says=("no function 0000:03:00.2; the nearest: 0000:03:00.1, 0000:03:00.0",
                          "list --all " + self.snapshot))
        self.refuse(self.snapshot, "gpu", says='"gpu" is not the address of a PCI function')
        self.refuse(self.snapshot, "09:00", says="no function 0000:09:00.0")
        self.refuse(self.snapshot, "0000:03:", says="not the address")
        self.refuse(self.snapshot, says="name at least one function")
        self.refuse("0000:03:0x", GPU, says="0000:03:0x: No such file")
        self.refuse("0000:03:", GPU, says='"0000:03:" is not the address')
        self.refuse(self.snapshot, *["03:00.0"] * 65, says="more than 64")

    def test_missing_file(self):
        self.refuse("missing.snapshot", GPU, says="missing.snapshot: No such file")

    def test_broken_snapshot(self):
        with open(self.snapshot, "rb") as file:
            data = file.read()
        self.refuse(self.write("broken", data[:300] + b"\nfrobnicate\n"), GPU, says="broken")
        self.refuse(self.write("empty", b"sallyport snapshot 9\n"), GPU, says="empty")

    def test_values(self):
        for option, value in (("dom0", "hvm"), ("guest", "xen"), ("for", "proxmox"), ("rdm", "lax")):
            self.refuse("--" + option, value, self.snapshot, GPU, says=("--" + option, '"%s"' % value))

    def test_options_of_the_other_kind(self):
        for option in (["--bdf", "0:1.0"], ["--mode", "xl"], ["--hotplug"], ["-w"], ["--patched-tree"]):
            self.refuse(self.snapshot, GPU, *option, says=("is for hosts with a device tree", "leave it out"))
        for option in (["--dom0", "pv"], ["--whole-slot"], ["--rom", "x"], ["--for", "qubes"]):
            self.refuse(BOARD, "/soc/gpu@5000000", *option, says=(option[0], "is for PCI functions"))
        self.refuse(BOARD, "/soc/gpu@5000000", "--target", "kvm", says="--target kvm is for PCI functions")
        conf = self.write("plan.conf", "[guest a]\ndevice=/soc/gpu@5000000\n")
        self.refuse("--file", conf, "--whole-slot", BOARD, says="plan files know none")
        self.refuse("--file", conf, self.snapshot, says="the host is a device tree")

    def test_options_at_odds(self):
        self.assertNotIn("list --all",
                         self.refuse(self.snapshot, GPU, "--rom", "x.rom", says="plan for kvm"))
        self.refuse(self.snapshot, GPU, "--target", "kvm", "--dom0", "pv", says="--dom0 is for Xen")
        self.refuse(self.snapshot, GPU, "--target", "kvm", "--for", "qubes", says="with Xen alone")
        self.refuse(self.snapshot, GPU, "--target", "kvm", "--guest", "pv", says="of kind hvm")
        self.refuse(self.snapshot, GPU, "--guest", "pv", "--stubdomain", says="has no device model")

    def test_directory(self):
        self.write("file", "")
        self.refused("plan", "-o", self.path("file", "out"), self.snapshot, GPU, says="file")
        if os.getuid() == 0:
            self.refused("plan", "-o", "/proc/out", self.snapshot, GPU, says="/proc/")
        else:
            os.chmod(self.dir, 0o555)
            self.refused("plan", "-o", self.path("out"), self.snapshot, GPU, says="out")
            os.chmod(self.dir, 0o755)

    def test_control_characters(self):
        err = self.refuse(self.snapshot, "\x1b[31m", says="not the address")
        self.assertNotIn("\x1b", err)


class Streams(Pci):
    def test_reader_that_went_away(self):
        for words in ([], ["--json"]):
            read, write = os.pipe()
            os.close(read)
            _, err = self.plan(self.snapshot, GPU, "--force", *words, stdout=write)
            os.close(write)
            self.assertEqual(err, "")
            self.assertIn("report.txt", self.files())

    def test_full_disk(self):
        with open("/dev/full", "wb") as full:
            _, err = self.plan(self.snapshot, GPU, status=2, stdout=full)
        self.assertIn("No space left", err)


if __name__ == "__main__":
    test_cli.PROGRAM = os.path.abspath(sys.argv[1])
    SNAPSHOTS = os.path.abspath(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        BOARD = os.path.join(folder, "board.dtb")
        subprocess.run(["dtc", "-q", "-O", "dtb", "-o", BOARD, sys.argv[3]], check=True)
        unittest.main(argv=[sys.argv[0], *sys.argv[4:]])
