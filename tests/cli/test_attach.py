#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""attach and detach as commands, over a Xen in memory whose state is a file of lines.

usage: test_attach.py SALLYPORT ATTACH-4.20 ATTACH-4.18 [TEST...]
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest

SALLYPORT = NEW = OLD = None

XEN = """release 4.20
domain 0 Domain-0
domain 3 net
room 3 128
node /soc/a
pages 9000 10
irq 40
irq 41
"""
NODES = 'dtdev = [ "/soc/a" ]\niomem = [ "9000,1@10" ]\n'
ALL = NODES + "irqs = [ 40, 41 ]\n"


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="sallyport-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        for release, program in (("4.20", NEW), ("4.18", OLD)):
            folder = self.path("libexec", "xen-" + release)
            os.makedirs(folder)
            os.symlink(program, os.path.join(folder, "attach"))
            os.symlink("attach", os.path.join(folder, "detach"))
        self.write("nodes.cfg", NODES)
        self.write("all.cfg", ALL)
        self.xen(XEN)

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def xen(self, text):
        self.write("xen", text)

    def state(self):
        with open(self.path("xen"), encoding="utf-8") as file:
            return sorted(file.read().splitlines())

    def environment(self):
        return dict(os.environ, SALLYPORT_LIBEXEC=self.path("libexec"), FAKE_XEN=self.path("xen"),
                    FAKE_XEN_LOCK=self.path("lock"), SALLYPORT_XEN="4.20", LC_ALL="C")

    def run_program(self, *arguments, status=0, release="4.20"):
        env = self.environment()
        env.pop("SALLYPORT_XEN", None)
        if release:
            env["SALLYPORT_XEN"] = release
        done = subprocess.run([SALLYPORT, *arguments], cwd=self.dir, env=env, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, status, f"{arguments}\n{done.stdout}\n{done.stderr}")
        return done.stdout, done.stderr

    def good(self, *arguments):
        out, err = self.run_program(*arguments)
        self.assertEqual(err, "")
        return out

    def refused(self, *arguments, says, **options):
        """With an error, and with Xen as it was."""
        before = self.state()
        out, err = self.run_program(*arguments, status=2, **options)
        self.assertEqual(out, "")
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text, err)
        self.assertEqual(self.state(), before)
        return err


class Attach(Case):
    def test_by_name_and_number(self):
        for guest in ("net", "3"):
            self.xen(XEN)
            self.assertEqual(self.good("attach", guest, "all.cfg"),
                             "attached to net (domain 3): 1 node, 1 range, 2 interrupts\n")
            self.assertEqual(set(self.state()) - set(XEN.splitlines()), {
                "assigned 3 /soc/a", "permitted 3 9000 1", "mapped 3 10 9000 1", "bound 3 40", "bound 3 41",
                "record 3 dtdev /soc/a", "record 3 iomem 9000,1@10",
                "record 3 pages 9000,1"})

    def test_again(self):
        self.good("attach", "net", "all.cfg")
        state = self.state()
        self.assertEqual(self.good("attach", "net", "all.cfg"),
                         "attached already to net (domain 3): everything in this file\n")
        self.assertEqual(self.good("attach", "-q", "net", "all.cfg"), "")
        self.assertEqual(self.state(), state)

    def test_dry_run(self):
        before = self.state()
        out = self.good("attach", "--dry-run", "net", "all.cfg")
        self.assertEqual(out.splitlines(), [
            "would:      assign /soc/a",
            "would:      permit 4 KiB at 0x9000000",
            "would:      map 4 KiB at 0x9000000 to the guest's 0x10000",
            "would:      bind interrupt 41 (SPI 9)",
            "would:      bind interrupt 40 (SPI 8)"])
        self.assertEqual(self.state(), before)
        self.good("attach", "net", "nodes.cfg")
        out = self.good("attach", "-n", "net", "all.cfg")
        self.assertEqual([line.split(":")[0] for line in out.splitlines()], ["is done"] * 3 + ["would"] * 2)

    def test_json(self):
        result = json.loads(self.good("attach", "--json", "net", "all.cfg"))
        self.assertEqual((result["verb"], result["guest"], result["domain"], result["outcome"]),
                         ("attach", "net", 3, "done"))
        self.assertEqual(result["steps"][0], {"kind": "assign", "path": "/soc/a", "state": "done"})
        self.assertEqual(result["steps"][2],
                         {"kind": "map", "start": 0x9000, "count": 1, "guest": 0x10, "state": "done"})
        self.assertEqual(result["steps"][3], {"kind": "bind", "irq": 41, "state": "done"})
        result = json.loads(self.good("attach", "--json", "net", "all.cfg"))
        self.assertEqual(result["outcome"], "nothing")
        self.assertEqual({step["state"] for step in result["steps"]}, {"nothing"})

    def test_step_fails(self):
        self.xen(XEN + "assigned 2 /soc/a\n")
        self.refused("attach", "net", "all.cfg", says=(
            "attach: guest net: step 1 of 5, assign /soc/a: another guest, or dom0, has it: "
            "Device or resource busy\n", "xen,passthrough"))

    def test_steps_are_undone(self):
        self.xen(XEN + "bound 2 41\n")
        err = self.refused("attach", "net", "all.cfg", says=("step 4 of 5, bind interrupt 41 (SPI 9): ",
                                                             "the 3 steps before it were undone\n"))
        self.assertNotIn("not undone", err)

    def test_an_interrupt_stays(self):
        self.xen(XEN + "bound 2 40\n")
        before = self.state()
        _, err = self.run_program("attach", "net", "all.cfg", status=2)
        self.assertIn("the 3 steps before it were undone\n", err)
        self.assertIn("not undone: bind interrupt 41 (SPI 9): interrupt and number stay the guest's", err)
        self.assertEqual(self.state(), sorted(before + ["bound 3 41"]))

    def test_undoing_fails(self):
        self.xen(XEN + "bound 2 41\nfail 8 5\n")
        _, err = self.run_program("attach", "net", "all.cfg", status=2)
        self.assertIn("the 1 step before it was undone\n", err)
        self.assertIn("not undone: permit 4 KiB at 0x9000000: Input/output error\n", err)
        self.assertIn("not undone: map 4 KiB at 0x9000000 to the guest's 0x10000: Input/output error\n", err)

    def test_undoing_fails_as_json(self):
        self.xen(XEN + "bound 2 40\nfail 9 5\n")
        out, _ = self.run_program("attach", "-j", "net", "all.cfg", status=2)
        result = json.loads(out)
        self.assertEqual(result["outcome"], "failed")
        self.assertEqual(result["failed_step"], 4)
        self.assertEqual(result["error"], "Device or resource busy")
        self.assertEqual([step["state"] for step in result["steps"]],
                         ["undone", "stuck", "stuck", "stays", "failed"])

    def test_record_fails(self):
        self.xen(XEN + "fail 2 28\n")
        before = [line for line in self.state() if not line.startswith("fail")]
        _, err = self.run_program("attach", "net", "all.cfg", status=2)
        self.assertIn("xenstore refused the record of it: No space left on device", err)
        self.assertEqual(self.state(), before)

    def test_record_fails_as_json(self):
        self.xen(XEN + "fail 2 28\n")
        result = json.loads(self.run_program("attach", "-j", "net", "all.cfg", status=2)[0])
        self.assertEqual((result["outcome"], result["failed_step"], result["error"], result["message"]),
                         ("failed", 0, "No space left on device", "xenstore refused the record of it"))
        self.assertIn("xenstored", result["remedy"])

    def test_every_failure_has_words(self):
        self.xen(XEN + "fail 1 71\n")
        result = json.loads(self.run_program("attach", "-j", "net", "all.cfg", status=2)[0])
        self.assertEqual((result["error"], result["message"]), ("Protocol error", "Xen refused it"))

    def test_guest_is_ended_meanwhile(self):
        asked = []
        for call in range(1, 16):
            self.xen(XEN + f"domain 4 other\nheir 4\nbound 2 40\ndies {call} 3\n")
            status, err = self.start("attach", "net", "all.cfg")
            self.assertIn(status, (2,), err)
            self.assertNotIn("assigned 3 /soc/a", self.state())
            self.assertEqual([line for line in self.state() if line.startswith("record 3")], [])
            asked.append("is being ended" in err or "is ending" in err)
        self.assertIn(True, asked)

    def start(self, *arguments):
        done = subprocess.run([SALLYPORT, *arguments], cwd=self.dir, env=self.environment(),
                              capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stderr

    def test_guests(self):
        self.refused("attach", "gone", "all.cfg", says="there is no guest gone")
        self.refused("attach", "7", "all.cfg", says="there is no guest 7")
        self.refused("attach", "0", "all.cfg", says="domain 0 is no guest")
        self.refused("attach", "Domain-0", "all.cfg", says="domain 0 is no guest")
        self.xen(XEN + "dying 3\n")
        self.refused("attach", "net", "all.cfg", says="guest net is ending")
        self.xen(XEN + "shut 3\n")
        self.refused("attach", "net", "all.cfg", says="guest net has shut down")

    def test_files(self):
        self.write("bad.cfg", "irqs = [ 31 ]\n")
        self.refused("attach", "net", "bad.cfg", says=("bad.cfg:1: irqs: ", "attach.cfg"))
        self.refused("attach", "net", "none.cfg", says="none.cfg: No such file")
        self.refused("attach", "net", says="name the guest and a file")
        self.refused("attach", "net", "all.cfg", "all.cfg", says="name the guest and a file")
        self.refused("attach", "net", "all.cfg", "03:00.0", says="name the guest and a file")
        self.refused("attach", "net", "03:00.0", "all.cfg", says="name the guest and a file")
        self.refused("attach", "--force", "net", "all.cfg", says="unknown option --force")
        self.refused("attach", "--end-guest", "net", "all.cfg", says="unknown option --end-guest")


class Lock(Case):
    """One at a time."""

    def hold(self):
        file = open(self.path("lock"), "w", encoding="utf-8")  # pylint: disable=consider-using-with
        self.addCleanup(file.close)
        fcntl.flock(file, fcntl.LOCK_EX)
        return file

    def test_somebody_has_it(self):
        self.hold()
        for verb in ("attach", "detach"):
            self.refused(verb, "net", "all.cfg", says=(verb + ": another attach or detach is at work: ",
                                                       "Try again"))
        self.good("attach", "--dry-run", "net", "all.cfg")

    def test_it_is_awaited(self):
        held = self.hold()
        threading.Timer(1, lambda: fcntl.flock(held, fcntl.LOCK_UN)).start()
        begun = time.monotonic()
        self.assertIn("attached to net", self.good("attach", "net", "all.cfg"))
        self.assertGreater(time.monotonic() - begun, 0.8)

    def test_it_is_given_back(self):
        self.good("attach", "net", "all.cfg")
        with open(self.path("lock"), "r+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def test_no_place_for_it(self):
        os.symlink("xen", self.path("lock"))
        self.refused("attach", "net", "all.cfg", says=("attach: ", "lock: ", "Run it as root in dom0."))


class Releases(Case):
    def test_another_release_runs(self):
        self.refused("attach", "net", "all.cfg", release="4.19",
                     says="attach: it is here for Xen 4.18, 4.20, and Xen 4.19 runs")
        self.refused("attach", "net", "all.cfg", release="nonsense", says="does not run on Xen")

    def test_no_xen(self):
        if os.path.exists("/sys/hypervisor/version/major"):
            return
        self.refused("attach", "net", "all.cfg", release=None, says="this system does not run on Xen")
        self.assertIn("usage: sallyport detach", self.run_program("detach", "--help", release=None)[0])
        self.assertIn("usage: sallyport attach", self.run_program("help", "attach", release=None)[0])

    def test_not_there(self):
        shutil.rmtree(self.path("libexec"))
        self.refused("attach", "net", "all.cfg", says="attach: the program behind it is not installed")

    def test_outside_of_a_folder_for_a_release(self):
        shutil.move(self.path("libexec", "xen-4.20", "attach"), self.path("libexec", "attach"))
        self.good("attach", "net", "all.cfg")

    def test_program_for_another_release(self):
        self.refused("attach", "net", "all.cfg", release="4.18",
                     says="this program is for Xen 4.18, and Xen 4.20 runs")

    def test_late_interrupts(self):
        self.xen(XEN.replace("4.20", "4.18"))
        before = self.state()
        out, err = self.run_program("attach", "net", "all.cfg", status=1, release="4.18")
        self.assertEqual(err, "")
        self.assertIn("error SP-HOTPLUG-VERSION [net]: Xen 4.18 gives interrupts only to guests", out)
        self.assertEqual(self.state(), before)
        out, _ = self.run_program("attach", "net", "nodes.cfg", release="4.18")
        self.assertIn("attached to net", out)


class Detach(Case):
    def test_without_interrupts(self):
        before = self.state()
        self.good("attach", "net", "nodes.cfg")
        self.assertEqual(self.good("detach", "-n", "net", "nodes.cfg").splitlines(), [
            "would undo: map 4 KiB at 0x9000000 to the guest's 0x10000",
            "would undo: permit 4 KiB at 0x9000000",
            "would undo: assign /soc/a"])
        self.assertEqual(self.good("detach", "net", "nodes.cfg"), "detached from net (domain 3): 1 node, 1 range\n")
        self.assertEqual(self.state(), before)
        self.assertEqual(self.good("detach", "net", "nodes.cfg"),
                         "nothing to detach from net (domain 3): nothing of this file is attached\n")

    def test_interrupts(self):
        self.good("attach", "net", "all.cfg")
        before = self.state()
        out, err = self.run_program("detach", "net", "all.cfg", status=1)
        self.assertEqual(err, "")
        self.assertIn("error SP-HOTPLUG-DETACH-IRQ [net]: it has interrupt 41, ", out)
        self.assertIn("--end-guest", out)
        self.assertEqual(self.state(), before)
        out, _ = self.run_program("detach", "--json", "net", "all.cfg", status=1)
        self.assertEqual((json.loads(out)["outcome"], json.loads(out)["code"]), ("refused", "SP-HOTPLUG-DETACH-IRQ"))

    def test_end_guest(self):
        self.good("attach", "net", "all.cfg")
        self.assertEqual(self.good("detach", "--end-guest", "-n", "net", "all.cfg"), "would end net (domain 3)\n")
        self.assertIn("bound 3 40", self.state())
        self.assertEqual(self.good("detach", "--end-guest", "net", "all.cfg"),
                         "ended net (domain 3): Xen has everything back\n")
        self.assertEqual([line for line in self.state() if " 3" in line], [])

    def test_end_only_the_guest_that_has_it(self):
        before = self.state()
        self.assertIn("nothing to detach", self.good("detach", "--end-guest", "net", "all.cfg"))
        self.assertEqual(self.state(), before)

    def test_step_fails(self):
        self.good("attach", "net", "nodes.cfg")
        self.xen("\n".join(self.state() + ["fail 2 5"]) + "\n")
        _, err = self.run_program("detach", "net", "nodes.cfg", status=2)
        self.assertIn("undo: map 4 KiB at 0x9000000 to the guest's 0x10000: Xen refused it: Input/output error\n",
                      err)
        self.assertIn("failed too: permit 4 KiB at 0x9000000: Input/output error\n", err)
        self.assertNotIn("assigned 3 /soc/a", self.state())
        self.xen("\n".join(line for line in self.state() if not line.startswith("fail")) + "\n")
        self.good("detach", "net", "nodes.cfg")
        self.assertEqual(self.state(), sorted(XEN.splitlines()))


PCI = """release 4.20
domain 0 Domain-0
domain 3 net
domain 4 other
function 0000:03:00.0
driver 0000:03:00.0 amdgpu
function 0000:03:00.1
driver 0000:03:00.1 snd_hda_intel
function 0000:04:00.0
driver 0000:04:00.0 pciback
function 0000:05:00.0
driver 0000:05:00.0 pciback
given 4 0000:05:00.0 0 ----
"""


class Functions(Case):
    """Functions of PCI."""

    def setUp(self):
        super().setUp()
        self.xen(PCI)
        self.write("gpu.cfg", 'name = "net"\npci = [ "03:00.*", "0000:04:00.0@5,permissive=1" ]\n')

    def test_there_and_back(self):
        before = self.state()
        for targets in (["gpu.cfg"], ["03:00.*", "04:00.0@5,permissive=1"]):
            self.assertEqual(self.good("attach", "net", *targets), "attached to net (domain 3): 3 functions\n")
            self.assertEqual(set(self.state()) - set(before), {
                "driver 0000:03:00.0 pciback", "driver 0000:03:00.1 pciback",
                "given 3 0000:03:00.0 0 ----", "given 3 0000:03:00.1 0 ----", "given 3 0000:04:00.0 5 p---",
                "pirq 3 0000:03:00.0", "pirq 3 0000:03:00.1", "pirq 3 0000:04:00.0",
                "quarantined 0000:03:00.0", "quarantined 0000:03:00.1",
                "was 0000:03:00.0 amdgpu", "was 0000:03:00.1 snd_hda_intel",
                "record 3 taken 0000:03:00.0 amdgpu", "record 3 taken 0000:03:00.1 snd_hda_intel"})
            self.assertIn("attached already to net (domain 3): everything in this ",
                          self.good("attach", "net", *targets))
            self.assertEqual(self.good("detach", "net", *targets), "detached from net (domain 3): 3 functions\n")
            self.assertEqual(self.state(), before)
            self.assertIn("is attached", self.good("detach", "net", *targets))

    def test_dry_run(self):
        before = self.state()
        self.assertEqual(self.good("attach", "-n", "net", "gpu.cfg").splitlines(), [
            "would:      take 0000:03:00.1 from snd_hda_intel",
            "would:      take 0000:03:00.0 from amdgpu",
            "is done:    take 0000:04:00.0",
            "would:      add 0000:03:00.1",
            "would:      add 0000:03:00.0",
            "would:      add 0000:04:00.0 at the guest's slot 5"])
        self.assertEqual(self.state(), before)
        self.good("attach", "net", "03:00.0")
        before = self.state()
        self.assertEqual(self.good("detach", "-n", "net", "gpu.cfg").splitlines(), [
            "would undo: add 0000:03:00.0",
            "would undo: take 0000:03:00.0 from amdgpu"])
        self.assertEqual(self.state(), before)

    def test_json(self):
        result = json.loads(self.good("attach", "--json", "net", "03:00.0", "04:00.0@5"))
        self.assertEqual((result["outcome"], result["file"]), ("done", None))
        self.assertEqual(result["steps"], [
            {"kind": "take", "function": "0000:03:00.0", "driver": "amdgpu", "state": "done"},
            {"kind": "take", "function": "0000:04:00.0", "driver": None, "state": "nothing"},
            {"kind": "add", "function": "0000:03:00.0", "state": "done"},
            {"kind": "add", "function": "0000:04:00.0", "slot": 5, "state": "done"}])

    def test_every_call_fails(self):
        for way in ("fail", "half"):
            # Records, calls 2 and 4, have no halves.
            for call in range(1, 8) if way == "fail" else (1, 3, 5, 6, 7):
                self.xen(PCI + f"{way} {call} 5\n")
                before = self.state()
                out, _ = self.run_program("attach", "-j", "net", "gpu.cfg", status=2)
                states = {step["state"] for step in json.loads(out)["steps"]}
                self.assertIn("failed", states)
                self.assertNotIn("stuck", states)
                self.assertEqual(self.state(), [line for line in before if not line.startswith(way)])

    def test_what_libxl_said(self):
        self.xen(PCI + "fail 3 5\nsays 3 xc_assign_device failed: Operation not permitted\n")
        out, err = self.run_program("attach", "net", "03:00.0", status=2)
        self.assertEqual(out, "")
        self.assertIn("step 2 of 2, add 0000:03:00.0: firmware reserves memory for it that this guest cannot have "
                      "(xc_assign_device failed: Operation not permitted): Input/output error\n", err)
        self.assertIn("rdm_policy=relaxed", err)
        self.assertIn("the 1 step before it was undone", err)
        code = err[err.index("`sallyport explain "):].split()[2].rstrip("`")
        self.assertIn(code, self.good("explain", code))

    def test_refused(self):
        self.refused("attach", "net", "05:00.0", says=("take 0000:05:00.0: ",
                                                       "another guest has it (domain 4 has it)"))
        self.refused("attach", "net", "09:00.0", says=("dom0 sees no such function", "lspci -D"))
        self.refused("attach", "net", "03:00.0,colour=red", says="03:00.0,colour=red: it has an option that")
        self.xen(PCI + "kind 3 pvh\n")
        self.refused("attach", "net", "gpu.cfg", says=("Xen gives no PCI functions to PVH guests",
                                                       "`sallyport explain SP-PCI-GUEST-PVH` tells more"))

    def test_a_guest_that_does_not_let_go(self):
        before = self.state()
        self.good("attach", "net", "gpu.cfg")
        self.xen("\n".join(self.state() + ["deaf 3"]) + "\n")
        held = self.state()
        _, err = self.run_program("detach", "net", "gpu.cfg", status=2)
        self.assertIn("the guest did not let go of it", err)
        self.assertIn("--force", err)
        self.assertEqual(self.state(), held)
        self.good("detach", "--force", "net", "gpu.cfg")
        self.assertEqual(self.state(), sorted(before + ["deaf 3"]))

    def test_end_guest(self):
        self.good("attach", "net", "gpu.cfg")
        self.assertEqual(self.good("detach", "--end-guest", "net", "gpu.cfg"),
                         "ended net (domain 3): Xen has everything back\n")
        self.assertEqual(self.state(), sorted(line for line in PCI.splitlines() if line != "domain 3 net"))

    def test_lock(self):
        with open(self.path("lock"), "w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self.refused("attach", "net", "gpu.cfg", says="another attach or detach is at work")
            self.good("attach", "-n", "net", "gpu.cfg")


def main():
    global SALLYPORT, NEW, OLD
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    SALLYPORT, NEW, OLD = (os.path.abspath(path) for path in sys.argv[1:4])
    unittest.main(argv=["test_attach", *sys.argv[4:]])


if __name__ == "__main__":
    main()
