# SPDX-License-Identifier: MIT
"""The verb doctor as a command: statuses, streams, what is judged.  test_doctor.py PROGRAM SNAPSHOT"""

import json
import os
import pty
import subprocess
import sys
import unittest

PROGRAM, SNAPSHOT = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])


def run(*arguments):
    done = subprocess.run([PROGRAM, "doctor", *arguments], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


class Doctor(unittest.TestCase):
    def answers(self, *arguments):
        status, out, err = run("--json", SNAPSHOT, *arguments)
        self.assertEqual(err, "")
        made = json.loads(out)
        self.assertEqual(made["schema"], "sallyport-doctor")
        results = {answer["result"] for answer in made["answers"]}
        self.assertEqual(status, 1 if "FAIL" in results else 0)
        self.assertEqual(made["verdict"] == "no", "FAIL" in results)
        return made

    def codes(self, *arguments):
        return {answer["code"] for answer in self.answers(*arguments)["answers"]}

    def test_gpus_with_their_slots(self):
        """Without a device, the GPUs; the same functions by their slot."""
        made = self.answers()
        self.assertEqual(made["functions"], ["0000:03:00.0", "0000:03:00.1"])
        self.assertTrue(made["situation"]["now"])
        self.assertTrue(made["situation"]["apart"])
        self.assertFalse(self.answers("03:00")["situation"]["apart"])
        for slot in ("03:00", "0000:03:00", "03:00.*"):
            self.assertEqual(self.answers(slot)["answers"], made["answers"])
        self.assertEqual(self.answers("03:00.1")["functions"], ["0000:03:00.1"])

    def test_situations(self):
        self.assertNotIn("SP-PCI-DOM0-SUPPORT", self.codes("--dom0", "pv"))
        self.assertIn("SP-PCI-DOM0-SUPPORT", self.codes("--dom0", "pvh"))
        self.assertIn("SP-PCI-GUEST-PVH", self.codes("--guest", "pvh"))
        self.assertIn("SP-PCI-DOM0-RELEASE", self.codes("-t", "4.19", "-d", "pvh"))
        self.assertIn("SP-PCI-GFX-NOT-INTEL", self.codes("--gfx-passthru"))
        self.assertIn("SP-PCI-PERMISSIVE", self.codes("--permissive"))
        self.assertFalse(self.answers("--target", "kvm")["situation"]["now"])
        self.assertIsNone(self.answers("--target", "kvm")["situation"]["dom0"])
        self.assertTrue(self.answers("--rdm", "relaxed")["situation"]["relaxed_rdm"])

    def test_text(self):
        status, out, err = run(SNAPSHOT, "--guest", "pvh")
        self.assertEqual((status, err), (1, ""))
        lines = out.splitlines()
        self.assertIn("FAIL dom0: libxl refuses PCI functions for a PVH guest", lines)
        self.assertTrue(lines[-1].startswith("verdict: no ("))
        self.assertNotIn("\033", out)
        status, out, _ = run("-q", SNAPSHOT, "--guest", "pvh")
        self.assertEqual((status, out), (1, ""))

    def test_colour_on_a_terminal(self):
        leader, follower = pty.openpty()
        env = dict(os.environ, TERM="xterm")
        env.pop("NO_COLOR", None)
        child = subprocess.Popen(
            [PROGRAM, "doctor", "--guest", "pvh", SNAPSHOT], stdout=follower, env=env)
        os.close(follower)
        out = b""
        try:
            while part := os.read(leader, 65536):
                out += part
        except OSError:
            pass
        child.wait()
        os.close(leader)
        for style in (b"\033[32mPASS\033[0m", b"\033[33mWARN\033[0m", b"\033[31mFAIL\033[0m"):
            self.assertIn(style, out)

    def test_bad_use(self):
        for arguments, says in (
            (["--target", "xen-3.0"], "none of xen-4.17"),
            (["--dom0", "hvm"], "neither pv nor pvh"),
            (["--guest", "vm"], "none of hvm, pv and pvh"),
            (["--rdm", "never"], "neither strict nor relaxed"),
            (["--target", "kvm", "--dom0", "pv"], "--dom0 is for Xen"),
            (["03:00.9"], "no address"),
            (["7f:00.0"], "no such function"),
        ):
            status, out, err = run(SNAPSHOT, *arguments)
            self.assertEqual((status, out), (2, ""), arguments)
            self.assertIn(says, err)
        status, _, err = run("/nonexistent")
        self.assertEqual(status, 2)
        self.assertIn("/nonexistent", err)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
