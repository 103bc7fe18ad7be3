#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Runs take.sh and give-back.sh over a /sys of files and an xl of some lines.

usage: scripts.py SALLYPORT SNAPSHOTS
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

SALLYPORT = SNAPSHOTS = None
GPU, SOUND = "0000:03:00.0", "0000:03:00.1"
PF, VF = "0000:01:00.0", "0000:01:10.0"

XL = """#!/bin/sh
echo "$*" >>"$ROOT/asked"
held=$ROOT/sys/bus/pci/drivers/pciback
case $1 in
pci-assignable-list) for i in "$held"/0*; do [ -e "$ROOT/guest" ] || echo "${i##*/} "; done ;;
pci-assignable-add) [ ! -e "$ROOT/refuse" ] && : >"$held/$2" && : >"$ROOT/sys/bus/pci/devices/$2/driver" ;;
pci-assignable-remove) rm "$held/$3" ;;
esac
"""


class Scripts(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="sallyport-")
        self.addCleanup(shutil.rmtree, self.root)
        for folder in ("bin", "proc/xen", "proc/self", "sys/bus/pci/drivers/pciback", "sys/class/block"):
            os.makedirs(self.path(folder))
        self.write("proc/xen/capabilities", "control_d\n")
        self.write("proc/self/mountinfo", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n")
        self.write("sys/bus/pci/drivers_probe", "")
        self.program("xl", XL)
        self.program("id", "#!/bin/sh\necho 0\n")
        self.program("modprobe", "#!/bin/sh\nexit 1\n")
        self.device(GPU, "0x1002", "0x744c")
        self.device(SOUND, "0x1002", "0xab30")

    def path(self, *names):
        return os.path.join(self.root, *names)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def program(self, name, text):
        self.write("bin/" + name, text)
        os.chmod(self.path("bin", name), 0o755)

    def device(self, address, vendor, device):
        os.makedirs(self.path("sys/bus/pci/devices", address))
        for name, value in (("vendor", vendor), ("device", device)):
            self.write("sys/bus/pci/devices/%s/%s" % (address, name), value + "\n")

    def held(self):
        return sorted(os.listdir(self.path("sys/bus/pci/drivers/pciback")))

    def plan(self, snapshot, *words):
        folder = self.path("plan")
        if not os.path.exists(folder):
            done = subprocess.run([SALLYPORT, "plan", "-q", "-k", "-o", folder,
                                   os.path.join(SNAPSHOTS, snapshot), *words], timeout=60,
                                  check=False)
            self.assertIn(done.returncode, (0, 1))
        return folder

    def run_script(self, name, status=0, snapshot="amd-gpu.snapshot", words=(GPU, SOUND)):
        with open(os.path.join(self.plan(snapshot, *words), name), encoding="utf-8") as file:
            text = re.sub(r"(?<![$\w])/(sys|proc)/", self.root + r"/\1/", file.read())
        self.write(name, text)
        done = subprocess.run(["sh", self.path(name)], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=60, check=False,
                              env={"PATH": self.path("bin") + ":" + os.environ["PATH"],
                                   "ROOT": self.root})
        out = done.stdout.decode()
        self.assertEqual(done.returncode, status, out)
        return out

    def test_take_and_give_back(self):
        self.assertIn(GPU + " can be given away", self.run_script("take.sh"))
        self.assertEqual(self.held(), [GPU, SOUND])
        asked = self.read("asked")
        self.run_script("take.sh")
        self.assertEqual(self.read("asked"), asked)
        self.run_script("give-back.sh")
        self.assertEqual(self.held(), [])
        self.run_script("give-back.sh")

    def refused(self, says, **options):
        out = self.run_script("take.sh", status=1, **options)
        self.assertIn(says, out)
        self.assertEqual(self.held(), [])

    def test_another_device_at_the_address(self):
        self.write("sys/bus/pci/devices/%s/device" % SOUND, "0x1234\n")
        self.refused("the machine has changed")

    def test_missing(self):
        shutil.rmtree(self.path("sys/bus/pci/devices", SOUND))
        self.refused("there is no function " + SOUND)

    def disk(self, path, number=None):
        """A disk, or a part of one, in /sys; a path to a disk has no number."""
        name = os.path.basename(path)
        os.makedirs(self.path("sys/devices", path, "holders"))
        if number:
            self.write(os.path.join("sys/devices", path, "dev"), number + "\n")
        os.symlink(self.path("sys/devices", path), self.path("sys/class/block", name))

    def behind(self, name):
        return "pci0000:00/%s/%s" % (GPU, name)

    def test_mounted(self):
        self.disk(self.behind("block/sda/sda1"), "8:1")
        self.refused("in use: / is mounted")

    def test_others_disks(self):
        self.disk("pci0000:00/0000:04:00.0/block/sda/sda1", "8:1")
        self.disk(self.behind("block/sdb"), "8:16")
        self.run_script("take.sh")

    def test_holders(self):
        self.disk(self.behind("nvme/nvme0/nvme0n1/nvme0n1p2"), "259:2")
        os.mkdir(self.path("sys/devices", self.behind("nvme/nvme0/nvme0n1/nvme0n1p2/holders/dm-0")))
        self.refused("in use: dm-0 is made of nvme0n1p2")

    def test_numbers_of_their_own(self):
        self.disk(self.behind("block/sdb"), "8:16")
        self.write("proc/self/mountinfo", "22 1 0:40 /@ /srv rw shared:1 - btrfs /dev/sdb rw\n")
        self.refused("in use: /srv is mounted")

    def test_swap(self):
        self.disk(self.behind("block/sdb"), "8:16")
        self.write("proc/swaps", "Filename Type Size\n/dev/sdb partition 100\n")
        self.refused("in use: sdb is swap")

    def test_several_paths(self):
        self.disk(self.behind("nvme/nvme1/nvme0c1n1"))
        self.disk("virtual/nvme-subsystem/nvme-subsys0/nvme0n1", "259:0")
        self.disk("virtual/nvme-subsystem/nvme-subsys0/nvme0n1/nvme0n1p1", "8:1")
        self.refused("in use: / is mounted")

    def test_not_root(self):
        self.program("id", "#!/bin/sh\necho 1000\n")
        self.refused("as root")

    def test_not_dom0(self):
        self.write("proc/xen/capabilities", "\n")
        self.refused("not dom0")

    def test_no_pciback(self):
        os.rmdir(self.path("sys/bus/pci/drivers/pciback"))
        self.assertIn("no xen-pciback", self.run_script("take.sh", status=1))

    def test_xl_fails(self):
        self.write("refuse", "")
        self.refused("xl could not take")

    def test_a_guest_has_it(self):
        self.run_script("take.sh")
        self.write("guest", "")
        self.assertIn("a guest has", self.run_script("give-back.sh", status=1))
        self.assertEqual(self.held(), [GPU, SOUND])

    def virtual(self, status=0):
        return self.run_script("take.sh", status, "pv-igb.snapshot", (VF,))

    def test_virtual_is_there(self):
        self.device(VF, "0x8086", "0x10ca")
        self.assertIn("can be given away", self.virtual())
        self.assertEqual(self.held(), [VF])

    def test_virtual_is_made(self):
        self.device(PF, "0x8086", "0x10c9")
        self.write("sys/bus/pci/devices/%s/sriov_numvfs" % PF, "0\n")
        # Nothing appears in a folder of files, which the script must see.
        self.assertIn("did not make", self.virtual(status=1))
        self.assertEqual(self.read("sys/bus/pci/devices/%s/sriov_numvfs" % PF), "2\n")

    def test_virtual_are_others(self):
        self.device(PF, "0x8086", "0x10c9")
        self.write("sys/bus/pci/devices/%s/sriov_numvfs" % PF, "1\n")
        self.assertIn("none of them", self.virtual(status=1))
        self.assertEqual(self.read("sys/bus/pci/devices/%s/sriov_numvfs" % PF), "1\n")

    def test_kvm(self):
        os.remove(self.path("proc/xen/capabilities"))
        os.makedirs(self.path("sys/kernel/iommu_groups/0"))
        os.makedirs(self.path("sys/bus/pci/drivers/vfio-pci"))
        words = (GPU, SOUND, "--target", "kvm")
        self.assertIn("vfio-pci does not hold " + GPU,
                      self.run_script("take.sh", status=1, words=words))
        self.assertEqual(self.read("sys/bus/pci/devices/%s/driver_override" % GPU), "vfio-pci\n")
        for address in (GPU, SOUND):
            self.write("sys/bus/pci/drivers/vfio-pci/" + address, "")
        self.run_script("take.sh", words=words)
        mate = self.path("sys/bus/pci/devices", GPU, "iommu_group/devices/0000:03:00.2")
        os.makedirs(mate)
        os.symlink(self.path("bin"), os.path.join(mate, "driver"))
        self.assertIn("bin drives 0000:03:00.2",
                      self.run_script("take.sh", status=1, words=words))


if __name__ == "__main__":
    SALLYPORT, SNAPSHOTS = map(os.path.abspath, sys.argv[1:3])
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
