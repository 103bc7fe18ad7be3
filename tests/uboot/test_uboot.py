#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
The three forms of the host's changes say the same: uboot.cmd run by U-Boot, host-overlay.dtbo
applied by fdtoverlay, and host-patched.dtb. Ends with 77 where a tool is missing.

usage: test_uboot.py SALLYPORT BOARDS [--trees DIR] [--only NAME] [-v]

Plans boards of BOARDS or, with --trees, real ones from there.
"""

import argparse
import binascii
import os
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, os.pardir, "corpus"))
sys.dont_write_bytecode = True

import console  # noqa: E402
import fdt  # noqa: E402

FIRMWARE = "/usr/lib/u-boot/qemu_arm64/u-boot.bin"
TREE_AT = 0x44000000
SCRIPT_AT = 0x48000000
# The longest line that this U-Boot's prompt takes (CONFIG_SYS_CBSIZE) is longer.
TYPED = 240
SKIP = 77


SEED_STREAMS = ",".join("ipmmu_pv%d:0-7" % mmu for mmu in range(4))

# name, tree (of BOARDS if .dts, else of the trees), arguments
CASES = [
    ("h3", "r8a7795-h3-gsx.dts",
     ["/soc/gsx@fd000000", "--iommus", "/soc/gsx@fd000000=" + SEED_STREAMS]),
    ("h3-one-node", "r8a7795-h3-gsx.dts",
     ["/soc/gsx@fd000000", "--iommus", "/soc/gsx@fd000000=" + SEED_STREAMS,
      "--xen-has", "multi-iommu-masters"]),
    ("midway", "midway.dts", ["/soc/ethernet@fff51000"]),
    ("imx8qm-legacy", "imx8qm-mek-legacy.dts", ["/gpu@53100000", "/usdhc@5b010000"]),
    ("zynqmp-amba", "zynqmp-amba.dts", ["/amba/ethernet@ff0e0000", "--mode", "dom0less"]),
    ("rpi5", "bcm2712-rpi-5.dts",
     ["/axi/pcie@1000120000", "--mode", "dom0less", "--without-iommu"]),
    ("adreno", "qcom/sm8550-hdk.dtb", ["/soc@0/gpu@3d00000", "--with-companions"]),
    ("m3-w", "renesas/r8a77961-salvator-xs.dtb",
     ["/soc/gpu@fd000000", "--iommus",
      "/soc/gpu@fd000000=ipmmu_pv0:0-7,ipmmu_pv1:0-7"]),
    ("m3-w-one-node", "renesas/r8a77961-salvator-xs.dtb",
     ["/soc/gpu@fd000000", "--iommus",
      "/soc/gpu@fd000000=ipmmu_pv0:0-7,ipmmu_pv1:0-7", "--xen-has", "multi-iommu-masters"]),
    # The tree disables the SMMU, which is an error.
    ("zynqmp-gem3", "xilinx/zynqmp-zcu102-rev1.0.dtb",
     ["/axi/ethernet@ff0e0000", "--mode", "dom0less", "--iommus",
      "/axi/ethernet@ff0e0000=/axi/iommu@fd800000:0x877", "--keep-going"]),
    ("zynqmp-gem3-direct", "xilinx/zynqmp-zcu102-rev1.0.dtb",
     ["/axi/ethernet@ff0e0000", "--mode", "dom0less", "--without-iommu"]),
    ("pci-rk3588", "rockchip/rk3588-rock-5b.dtb",
     ["/pcie@fe150000", "--mode", "dom0less", "--keep-going"]),
    ("pci-imx8mq", "freescale/imx8mq-evk.dtb",
     ["/soc@0/pcie@33800000", "--mode", "dom0less", "--without-iommu", "--keep-going"]),
    ("pci-ls1028a", "freescale/fsl-ls1028a-rdb.dtb",
     ["/soc/pcie@3400000", "--mode", "dom0less", "--without-iommu"]),
]


def script_image(text):
    """A script as mkimage -A arm64 -T script makes it."""
    data = struct.pack(">II", len(text), 0) + text
    head = [0x27051956, 0, 0, len(data), 0, 0, binascii.crc32(data), 5, 22, 6, 0, b"uboot.cmd"]
    layout = ">7I4B32s"
    head[1] = binascii.crc32(struct.pack(layout, *head))
    return struct.pack(layout, *head) + data


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def check(good, message):
    if not good:
        raise AssertionError(message)


def differences(one, other):
    """Where two trees differ, whatever the order of nodes and properties."""
    found = []
    for path in sorted(set(one.by_path) | set(other.by_path)):
        if path not in one.by_path or path not in other.by_path:
            found.append("%s: only in the %s" % (
                path or "/", "first" if path in one.by_path else "second"))
            continue
        left, right = one.by_path[path].props, other.by_path[path].props
        for name in sorted(set(left) | set(right)):
            if left.get(name) != right.get(name):
                found.append("%s: %s: %r and %r" % (
                    path or "/", name, left.get(name), right.get(name)))
    return found


def same(one, other, what):
    found = differences(one, other)
    check(not found, "%s differ in %d places:\n  %s" % (what, len(found), "\n  ".join(found[:20])))


def commands_of(text):
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def read_tree(machine, base_size, folder):
    """The tree in the guest's memory."""
    file = os.path.join(folder, "memory")
    machine.save_memory(TREE_AT, base_size + (1 << 20), file)
    with open(file, "rb") as memory:
        blob = memory.read()
    os.unlink(file)
    size = struct.unpack_from(">I", blob, 4)[0]
    check(size <= len(blob), "U-Boot's tree says it has %d bytes" % size)
    return fdt.Tree(blob[:size])


def run_script(tools, base, script, folder):
    """What U-Boot makes of the tree when it runs the whole script from memory."""
    image = os.path.join(folder, "uboot.scr")
    with open(script, "rb") as file, open(image, "wb") as out:
        out.write(script_image(file.read()))
    with console.Console(tools["qemu"], FIRMWARE, folder,
                         [(base, TREE_AT), (image, SCRIPT_AT)]) as machine:
        machine.boot()
        said = machine.command("fdt addr %x" % TREE_AT)
        check("fdt" not in said.lower().replace("working fdt set to", ""), "fdt addr: " + said)
        said = machine.command("source %x" % SCRIPT_AT)
        left = said.replace("## Executing script at %x" % SCRIPT_AT, "").strip()
        check(not left, "uboot.cmd made U-Boot say: " + left)
        return read_tree(machine, os.path.getsize(base), folder)


def type_commands(tools, base, commands, folder):
    """The same with each command typed, and its status asked for."""
    with console.Console(tools["qemu"], FIRMWARE, folder, [(base, TREE_AT)]) as machine:
        machine.boot()
        machine.command("fdt addr %x" % TREE_AT)
        for command in commands:
            said = machine.command(command).strip()
            status = machine.command("echo =$?").strip()
            check(status == "=0" and not said, "%s: status %s: %s" % (command, status, said))
        return read_tree(machine, os.path.getsize(base), folder)


def run_case(tools, name, tree, arguments, folder, verbose):
    base = os.path.join(folder, "base.dtb")
    if tree.endswith(".dts"):
        status, said = run("dtc", "-q", "-O", "dtb", "-o", base, tree)
        check(status == 0, said)
    else:
        shutil.copyfile(tree, base)
    plan = os.path.join(folder, "plan")
    status, said = run(tools["sallyport"], "plan", "-q", "--no-graph-svg", "--patched-tree",
                       "-o", plan, base, *arguments)
    check(status == 0 or ("--keep-going" in arguments and status == 1), "plan: %d: %s" % (
        status, said))

    patched = fdt.load(os.path.join(plan, "host-patched.dtb"))
    check(not patched.faults, "host-patched.dtb: %s" % patched.faults)
    check(differences(fdt.load(base), patched), "the plan changes nothing")

    by_overlay = os.path.join(folder, "overlaid.dtb")
    status, said = run("fdtoverlay", "-i", base, "-o", by_overlay,
                       os.path.join(plan, "host-overlay.dtbo"))
    check(status == 0, "fdtoverlay: " + said)
    same(fdt.load(by_overlay), patched, "the overlaid and the patched tree")

    compiled = os.path.join(folder, "compiled.dtbo")
    status, said = run("dtc", "-q", "-I", "dts", "-O", "dtb", "-o", compiled,
                       os.path.join(plan, "host-overlay.dts"))
    check(status == 0, "dtc host-overlay.dts: " + said)
    one, other = fdt.load(compiled), fdt.load(os.path.join(plan, "host-overlay.dtbo"))
    same(one, other, "host-overlay.dts, compiled, and host-overlay.dtbo")
    check([node.path for node in one.nodes] == [node.path for node in other.nodes],
          "host-overlay.dts and .dtbo have their nodes in another order")

    script = os.path.join(plan, "uboot.cmd")
    with open(script, encoding="ascii") as file:
        commands = commands_of(file.read())
    longest = max(len(command) for command in commands)
    same(run_script(tools, base, script, folder), patched, "U-Boot's and the patched tree")
    if longest <= TYPED:
        same(type_commands(tools, base, commands, folder), patched,
             "U-Boot's tree, typed, and the patched tree")
    print("ok   %s: %d commands, the longest of %d characters%s" % (
        name, len(commands), longest, ", also typed" if longest <= TYPED else ""))
    if verbose:
        print("\n".join("     " + command for command in commands))


def main():
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("sallyport")
    parser.add_argument("boards")
    parser.add_argument("--trees")
    parser.add_argument("--only")
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()

    tools = {"sallyport": os.path.abspath(options.sallyport),
             "qemu": shutil.which("qemu-system-aarch64")}
    for tool, package in (("qemu-system-aarch64", "qemu-system-arm"),
                          ("dtc", "device-tree-compiler"),
                          ("fdtoverlay", "device-tree-compiler")):
        if not shutil.which(tool):
            print("SKIPPED: %s is missing (package %s)" % (tool, package))
            return SKIP
    if not os.path.exists(FIRMWARE):
        print("SKIPPED: %s is missing (package u-boot-qemu)" % FIRMWARE)
        return SKIP

    failed = 0
    for name, tree, arguments in CASES:
        if options.only not in (None, name) or tree.endswith(".dts") == bool(options.trees):
            continue
        path = os.path.join(options.trees or options.boards, tree)
        with tempfile.TemporaryDirectory(prefix="sallyport-") as folder:
            try:
                run_case(tools, name, path, arguments, folder, options.verbose)
            except (AssertionError, OSError, console.ConsoleError, fdt.FdtError) as error:
                print("FAIL %s: %s" % (name, error))
                failed += 1
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
