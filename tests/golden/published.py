#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Set-ups that people published and ran: the plans have their numbers, and where one differs because
the published one is unsafe, the report says why.

usage: published.py SALLYPORT BOARDS [--trees DIR]
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "corpus"))
sys.dont_write_bytecode = True

import fdt  # noqa: E402

OPTIONS = argparse.Namespace()
EXTENDED = re.compile(r"at the host's address the guest has extended region \d+, "
                      r"which its kernel takes for free memory")


def compiled(text):
    done = subprocess.run(["dtc", "-q", "-I", "dts", "-O", "dtb"], input=text.encode(),
                          stdout=subprocess.PIPE, timeout=60, check=True)
    return fdt.Tree(done.stdout)


class Plan:
    """The files of one plan."""

    def __init__(self, test, board, *arguments, status=0):
        folder = tempfile.mkdtemp(prefix="sallyport-")
        test.addCleanup(shutil.rmtree, folder)
        if board.endswith(".dts"):
            self.host_file = os.path.join(folder, "host.dtb")
            subprocess.run(["dtc", "-q", "-O", "dtb", "-o", self.host_file,
                            os.path.join(OPTIONS.boards, board)], check=True, timeout=60)
        else:
            self.host_file = os.path.join(OPTIONS.trees, board)
        self.folder = os.path.join(folder, "plan")
        done = subprocess.run(
            [OPTIONS.sallyport, "plan", "-q", "--no-graph-svg", "--patched-tree", "-o",
             self.folder, self.host_file, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
        test.assertEqual(done.returncode, status, done.stdout.decode("utf-8", "replace"))
        self.json = json.loads(self.text("plan.json"))
        self.guest = self.json["guests"][0]
        self.report = " ".join(self.text("report.txt").split())

    def text(self, name):
        with open(os.path.join(self.folder, name), encoding="utf-8") as file:
            return file.read()

    def tree(self, name):
        return fdt.load(os.path.join(self.folder, name))

    def listed(self, key):
        """A list of guest.cfg, without its comments."""
        found = re.search(r"^%s = \[\n(.*?)^\]" % key, self.text("guest.cfg"), re.M | re.S)
        if not found:
            return None
        lines = [line.split("#")[0].strip().rstrip(",") for line in found.group(1).splitlines()]
        return [line.strip('"') for line in lines if line]

    def codes(self, path=None):
        return {finding["code"] for finding in self.json["findings"]
                if path in (None, finding["path"])}

    def moved(self, path):
        return [finding["message"] for finding in self.json["findings"]
                if finding["code"] == "SP-PLACE-MOVED" and finding["path"] == path]


def strings(node, name):
    return fdt.strings(node.props[name])


class RcarH3(unittest.TestCase):
    """xen-devel, 2018-01-29: gsx@fd000000 behind ipmmu_pv0 to ipmmu_pv3."""

    GSX = "/soc/gsx@fd000000"
    MMUS = ["/soc/mmu@fd800000", "/soc/mmu@fd950000", "/soc/mmu@fd960000", "/soc/mmu@fd970000"]
    MAIN = "/soc/mmu@e67b0000"
    BY_MMU = [(mmu, tlb) for mmu in range(4) for tlb in range(8)]
    BY_TLB = [(mmu, tlb) for tlb in range(8) for mmu in range(4)]

    def plan(self, order, *arguments):
        streams = ",".join("ipmmu_pv%d:%d" % pair for pair in order)
        return Plan(self, "r8a7795-h3-gsx.dts", self.GSX, "--iommus",
                    "%s=%s" % (self.GSX, streams), *arguments)

    def check_common(self, plan):
        self.assertEqual(plan.listed("irqs"), ["151"])
        self.assertEqual([(entry["start"], entry["count"]) for entry in plan.guest["iomem"]],
                         [(0xFD000, 0x40)])
        self.assertRegex(plan.listed("iomem")[0], "^fd000,40(@|$)")
        gsx = [node for node in plan.tree("guest.dtb").nodes if node.name.startswith("gsx@")]
        self.assertEqual(len(gsx), 1)
        self.assertEqual(strings(gsx[0], "compatible"), ["renesas,gsx"])
        self.assertEqual(gsx[0].cells("reg")[2:], (0, 0x3FFFF))
        self.assertEqual(gsx[0].cells("interrupts"), (0, 119, 4))
        host = plan.tree("host-patched.dtb")
        for path in self.MMUS + [self.MAIN]:
            self.assertEqual(strings(host.by_path[path], "status"), ["okay"], path)
            self.assertIn("SP-IOMMU-ENABLED", plan.codes(path))
        self.assertIn("xen,passthrough", host.by_path[self.GSX].props)
        # One chip, one word about its revision.
        told = [finding["path"] for finding in plan.json["findings"]
                if finding["code"] == "SP-IOMMU-REVISION"]
        self.assertEqual(len(told), 1)
        self.assertIn(told[0], self.MMUS)
        # Published without "@": 0xfd000 is in the guest's extended region since Xen 4.17.
        self.assertEqual(len(plan.moved(self.GSX)), 1)
        self.assertRegex(plan.moved(self.GSX)[0], EXTENDED)
        self.assertRegex(plan.report, EXTENDED)

    def test_patched_xen(self):
        for order in (self.BY_MMU, self.BY_TLB):
            plan = self.plan(order, "--xen-has", "multi-iommu-masters")
            self.check_common(plan)
            self.assertEqual(plan.listed("dtdev"), [self.GSX])
            host = plan.tree("host-patched.dtb")
            cells = host.by_path[self.GSX].cells("iommus")
            self.assertEqual(len(cells), 64)
            found = [(self.MMUS.index(host.by_phandle[mmu].path), tlb)
                     for mmu, tlb in zip(cells[::2], cells[1::2])]
            self.assertEqual(found, order)

    def test_stock_xen(self):
        plan = self.plan(self.BY_MMU)
        self.check_common(plan)
        masters = plan.listed("dtdev")
        self.assertEqual(len(masters), 4)
        self.assertEqual(masters[0], self.GSX)
        self.assertEqual(len(set(masters)), 4)
        host = plan.tree("host-patched.dtb")
        for master, mmu in zip(masters, self.MMUS):
            node = host.by_path[master]
            self.assertIn("xen,passthrough", node.props)
            phandle = host.by_path[mmu].phandle()
            self.assertEqual(node.cells("iommus"),
                             tuple(cell for tlb in range(8) for cell in (phandle, tlb)))
        self.assertIn("SP-IOMMU-SEVERAL", plan.codes(self.GSX))
        self.assertIn("SP-IOMMU-USER", plan.codes(self.GSX))
        self.assertIn("CONFIG_IPMMU_VMSA", plan.text("bootargs.txt"))


class Midway(unittest.TestCase):
    """Xen summit 2015 and docs/misc/arm/passthrough.txt."""

    ETHERNET = "/soc/ethernet@fff51000"

    def check_common(self, plan):
        self.assertEqual(plan.listed("dtdev"), [self.ETHERNET])
        self.assertEqual(plan.listed("irqs"), ["112", "113", "114"])
        self.assertEqual([(entry["start"], entry["count"]) for entry in plan.guest["iomem"]],
                         [(0xFFF51, 1)])
        guest = plan.tree("guest.dtb")
        ethernet = [node for node in guest.nodes if node.name.startswith("ethernet@")]
        self.assertEqual(len(ethernet), 1)
        self.assertEqual(ethernet[0].cells("interrupts"), (0, 80, 4, 0, 81, 4, 0, 82, 4))
        self.assertEqual(strings(guest.by_path["/aliases"], "net"), [ethernet[0].path])
        self.assertRegex(plan.moved(self.ETHERNET)[0], EXTENDED)
        return ethernet[0]

    def test_published(self):
        plan = Plan(self, "midway.dts", self.ETHERNET)
        ethernet = self.check_common(plan)
        self.assertEqual(ethernet.path, "/passthrough/ethernet@10000000")
        self.assertEqual(ethernet.cells("reg"), (0, 0x10000000, 0, 0x1000))
        self.assertEqual(plan.listed("iomem"), ["fff51,1@10000"])
        self.assertEqual(plan.guest["streams"][0]["specifier"], [3])
        self.assertEqual(plan.guest["streams"][0]["origin"], "mmu-masters")

    def test_pci(self):
        plan = Plan(self, "midway.dts", self.ETHERNET, "--pci")
        ethernet = self.check_common(plan)
        at = ethernet.cells("reg")[1]
        for start, size in ((0x10000000, 0x10000000), (0x23000000, 0x10000000)):
            self.assertFalse(start <= at < start + size, hex(at))
        self.assertIn("PCI windows at 0x10000000", plan.report)


class Zynqmp(unittest.TestCase):
    """The names of the vendor's trees for Xen."""

    def test_uart1(self):
        plan = Plan(self, "zynqmp-amba.dts", "/amba/serial@ff010000")
        self.assertEqual(plan.listed("irqs"), ["54"])
        self.assertIsNone(plan.listed("dtdev"))
        self.assertEqual([(entry["start"], entry["count"]) for entry in plan.guest["iomem"]],
                         [(0xFF010, 1)])
        serial = [node for node in plan.tree("guest.dtb").nodes
                  if node.name.startswith("serial@")]
        self.assertEqual(serial[0].cells("interrupts"), (0, 0x16, 4))
        # Published without "@".
        self.assertRegex(plan.moved("/amba/serial@ff010000")[0], EXTENDED)

    def test_gem3(self):
        path = "/amba/ethernet@ff0e0000"
        plan = Plan(self, "zynqmp-amba.dts", path, "--mode", "dom0less")
        self.assertEqual([entry["irq"] for entry in plan.guest["irqs"]], [95])
        self.assertIn("SP-IRQ-TWICE", plan.codes(path))
        guest = plan.tree("guest.dtb")
        ethernet = [node for node in guest.nodes if node.name.startswith("ethernet@")][0]
        at = plan.guest["iomem"][0]["guest"] << 12
        self.assertEqual(ethernet.cells("interrupts"), (0, 63, 4, 0, 63, 4))
        self.assertEqual(strings(ethernet, "xen,path"), [path])
        self.assertEqual(ethernet.cells("xen,reg"), (0, 0xFF0E0000, 0, 0x1000, 0, at))
        self.assertEqual(ethernet.cells("reg"), (0, at, 0, 0x1000))
        self.assertNotIn("xen,force-assign-without-iommu", ethernet.props)
        clocks = [guest.by_phandle[cell] for cell in ethernet.cells("clocks")]
        self.assertEqual(len(clocks), 3)
        for clock in clocks:
            self.assertEqual(strings(clock, "compatible"), ["fixed-clock"])
            self.assertEqual(clock.u32("clock-frequency", 0), 125000000)
        # Published 1:1, "0x0 0xff0e0000" as the guest's address.
        self.assertNotEqual(at, 0xFF0E0000)
        self.assertRegex(plan.moved(path)[0], EXTENDED)

    def test_programmable_logic(self):
        """xen-devel, 2025-05-08: at 0xa0001000 the guest oopses."""
        path = "/amba_pl@0/gpio@a0001000"
        plan = Plan(self, "zynqmp-amba.dts", path, "--mode", "dom0less", "--memory", "1536")
        regions = [(int(area["start"], 16), int(area["size"], 16))
                   for area in plan.guest["layout"] if area["kind"] == "extended"]
        self.assertIn((0xA0000000, 0x60000000), regions)
        at = plan.guest["iomem"][0]["guest"] << 12
        for start, size in regions:
            self.assertFalse(start <= at < start + size, hex(at))
        gpio = [node for node in plan.tree("guest.dtb").nodes if node.name.startswith("gpio@")][0]
        self.assertEqual(gpio.cells("xen,reg"), (0, 0xA0001000, 0, 0x1000, 0, at))
        self.assertRegex(plan.moved(path)[0], EXTENDED)
        self.assertRegex(plan.report, EXTENDED)


class Imx8qm(unittest.TestCase):
    """NXP's tree for Xen: mmu-masters and #stream-id-cells."""

    def test_masters(self):
        plan = Plan(self, "imx8qm-mek-legacy.dts", "/dpu@56180000", "/gpu@53100000",
                    "/usdhc@5b010000")
        self.assertEqual(
            {stream["master"]: stream["specifier"] for stream in plan.guest["streams"]},
            {"/dpu@56180000": [0x13], "/gpu@53100000": [0x15], "/usdhc@5b010000": [0x12]})
        self.assertEqual({stream["origin"] for stream in plan.guest["streams"]}, {"mmu-masters"})
        self.assertEqual(sorted(plan.listed("dtdev")),
                         ["/dpu@56180000", "/gpu@53100000", "/usdhc@5b010000"])
        host = plan.tree("host-patched.dtb")
        for node in host.nodes:
            self.assertNotIn("iommus", node.props, node.path)
        for node in plan.tree("guest.dtb").nodes:
            self.assertNotIn("#stream-id-cells", node.props, node.path)
        self.assertFalse(plan.codes() & {"SP-DEVICE-IN-USE"})


class RaspberryPi5(unittest.TestCase):
    """Buses that are not 1:1, and a device that is a piece of a page."""

    RESET = "/soc@107c000000/reset-controller@1504318"
    PCIE = "/axi/pcie@1000120000"

    def check_reset(self, plan, at):
        entries = [entry for entry in plan.guest["iomem"] if entry["for"] == self.RESET]
        self.assertEqual([(entry["start"], entry["count"]) for entry in entries],
                         [(0x1001504, 1)])
        reset = [node for node in plan.tree("guest.dtb").nodes
                 if node.name.startswith("reset-controller@")][0]
        self.assertEqual(reset.cells("xen,reg")[:4], (0x10, 0x1504000, 0, 0x1000))
        guest = fdt.number(reset.cells("xen,reg")[4:])
        if at is not None:
            self.assertEqual(guest, at)
        self.assertEqual(fdt.number(reset.cells("reg")[:2]), guest + 0x318)
        self.assertEqual(reset.cells("reg")[2:], (0, 0x30))
        self.assertEqual(strings(reset, "xen,path"), [self.RESET])

    def test_reset(self):
        self.check_reset(Plan(self, "bcm2712-rpi-5.dts", self.RESET, "--mode", "dom0less"), None)

    def test_pcie(self):
        plan = Plan(self, "bcm2712-rpi-5.dts", self.PCIE, self.RESET, "--mode", "dom0less",
                    "--without-iommu")
        self.check_reset(plan, 0x1001504000)
        pcie = [node for node in plan.tree("guest.dtb").nodes
                if node.name.startswith("pcie@")][0]
        self.assertEqual(strings(pcie, "xen,path"), [self.PCIE])
        self.assertIn("xen,force-assign-without-iommu", pcie.props)
        self.assertEqual(pcie.cells("xen,reg")[:6], (0x10, 0x120000, 0, 0xA000, 0x10, 0x120000))
        self.assertEqual(sorted(entry["irq"] for entry in plan.guest["irqs"]),
                         [261, 262, 263, 264, 265, 266])
        host = plan.tree("host-patched.dtb").by_path[self.PCIE].cells("interrupts")
        self.assertEqual(sorted(host[1::3]), [229, 230, 231, 232, 233, 234])
        # What the node had stays first.
        self.assertEqual(host[:6], (0, 233, 4, 0, 234, 4))
        self.assertIn("SP-IOMMU-EXPOSED", plan.codes(self.PCIE))
        self.assertIn("direct-map", plan.text("dom0less.dts"))

    def test_uart(self):
        """No UART that is a piece of a page can be given without what shares the page."""
        plan = Plan(self, "bcm2712-rpi-5.dts", "/soc@107c000000/serial@7d50c000", "--mode",
                    "dom0less")
        self.assertEqual([entry["irq"] for entry in plan.guest["irqs"]], [308])
        serial = [node for node in plan.tree("guest.dtb").nodes
                  if node.name.startswith("serial@")][0]
        self.assertEqual(serial.cells("xen,reg")[:4], (0x10, 0x7D50C000, 0, 0x1000))
        self.assertEqual(serial.cells("reg")[2:], (0, 0x20))
        self.assertIn("SP-REG-SUBPAGE", plan.codes())


def needs_trees(test):
    def run(self):
        if not OPTIONS.trees:
            self.skipTest("no trees of real boards")
        test(self)
    return run


class ZynqmpOfDebian(unittest.TestCase):
    """zynqmp-zcu102-rev1.0.dtb of Debian's kernel."""

    TREE = "xilinx/zynqmp-zcu102-rev1.0.dtb"
    # path: interrupts, (first page, pages) of each block, status
    DEVICES = {
        "/axi/ethernet@ff0e0000": ([95], [(0xFF0E0, 1)], "okay"),
        "/axi/ahci@fd0c0000": ([165], [(0xFD0C0, 2)], "okay"),
        "/axi/mmc@ff170000": ([81], [(0xFF170, 1)], "okay"),
        "/axi/serial@ff000000": ([53], [(0xFF000, 1)], "okay"),
        "/axi/serial@ff010000": ([54], [(0xFF010, 1)], "okay"),
        "/axi/spi@ff0f0000": ([47], [(0xC0000, 0x8000), (0xFF0F0, 1)], "okay"),
        "/axi/timer@ff110000": ([68, 69, 70], [(0xFF110, 1)], "disabled"),
        "/axi/usb@ff9d0000/usb@fe200000": ([97, 101, 107], [(0xFE200, 0x40)], "okay"),
    }

    @needs_trees
    def test_list(self):
        done = subprocess.run(
            [OPTIONS.sallyport, "list", "--all", "--json", os.path.join(OPTIONS.trees, self.TREE)],
            stdout=subprocess.PIPE, timeout=60, check=False)
        self.assertIn(done.returncode, (0, 1))
        rows = {row["path"]: row for row in json.loads(done.stdout)}
        for path, (irqs, pages, status) in self.DEVICES.items():
            row = rows[path]
            self.assertEqual(row["irqs"], irqs, path)
            self.assertEqual(sorted((entry["start"], entry["count"]) for entry in row["pages"]),
                             pages, path)
            self.assertEqual(row["status"], status, path)

    @needs_trees
    def test_plan(self):
        for path, (irqs, pages, _) in self.DEVICES.items():
            plan = Plan(self, self.TREE, path, "--mode", "dom0less", "--without-iommu",
                        "--keep-going", status=1 if path == "/axi/serial@ff000000" else 0)
            self.assertEqual(sorted(entry["irq"] for entry in plan.guest["irqs"]), irqs, path)
            self.assertEqual(
                sorted((entry["start"], entry["count"]) for entry in plan.guest["iomem"]),
                pages, path)

    @needs_trees
    def test_twice(self):
        plan = Plan(self, self.TREE, "/axi/usb@ff9d0000/usb@fe200000", "--keep-going", status=1)
        self.assertEqual(plan.listed("irqs"), ["97", "101", "107"])
        self.assertEqual(fdt.load(plan.host_file).by_path[
            "/axi/usb@ff9d0000/usb@fe200000"].cells("interrupts")[1::3].count(65), 2)


class RaspberryPi5OfDebian(unittest.TestCase):
    """The same places in the tree of Debian's kernel."""

    @needs_trees
    def test_pages(self):
        done = subprocess.run(
            [OPTIONS.sallyport, "list", "--all", "--json",
             os.path.join(OPTIONS.trees, "broadcom/bcm2712-rpi-5-b.dtb")],
            stdout=subprocess.PIPE, timeout=60, check=False)
        rows = {row["path"]: row for row in json.loads(done.stdout)}
        self.assertEqual(rows["/soc@107c000000/reset-controller@1504318"]["pages"],
                         [{"start": 0x1001504, "count": 1}])
        pcie = rows["/axi/pcie@1000120000"]
        self.assertIn({"start": 0x1000120, "count": 10}, pcie["pages"])
        self.assertEqual(pcie["irqs"], [261, 262, 263, 264, 265, 266])


def main():
    parser = argparse.ArgumentParser(description="Checks published set-ups.")
    parser.add_argument("sallyport")
    parser.add_argument("boards")
    parser.add_argument("--trees")
    parser.parse_args(namespace=OPTIONS)
    OPTIONS.sallyport = os.path.abspath(OPTIONS.sallyport)
    if not shutil.which("dtc"):
        print("SKIPPED: dtc is missing (package device-tree-compiler)")
        return 77
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(
        unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__]))
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
