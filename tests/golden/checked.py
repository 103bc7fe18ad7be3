#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
What `plan` writes must pass `check`: plans each case of a folder that has no errors, and some of
QEMU's board, puts the host's changes and the domains into the host's tree, and checks the guests of
each plan together.

usage: checked.py SALLYPORT BOARDS CASES
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

import golden


PCIE = "/pcie@10000000"
SMMU = "/smmuv3@9050000"
DOMAIN = ["--mode", "dom0less", "--module", "tree=0x4e000000+0"]
VIRT = {
    "rtc": ["/pl031@9010000"],
    "gpio": ["/pl061@9030000", "--iommus", "/pl061@9030000=%s:0x1001" % SMMU],
    "serial-and-rtc": ["/pl011@9040000", "/pl031@9010000"],
    "pcie": [PCIE, "--bdf", "00:01.0", "--bdf", "00:02.0"],
    "pcie-boot": [PCIE, "--iommus", "%s=%s:0x8-0x9" % (PCIE, SMMU), *DOMAIN],
    "rtc-boot": ["/pl031@9010000", *DOMAIN],
    "rtc-direct": ["/pl031@9010000", "--without-iommu", "--module", "tree=0x4e000000+0"],
}


def guests(top):
    """The folders of the plan's guests."""
    inner = [os.path.join(top, name) for name in sorted(os.listdir(top))
             if os.path.isdir(os.path.join(top, name))]
    return inner or [top]


def add_domain(folder, host, source):
    """The host's tree with a domain, whose module stands for guest.dtb."""
    overlay = os.path.join(folder, "domain.dtbo")
    merged = os.path.join(folder, "merged.dtb")
    subprocess.run(["dtc", "-q", "-@", "-I", "dts", "-O", "dtb", "-o", overlay, source], check=True,
                   timeout=60)
    subprocess.run(["fdtoverlay", "-i", host, "-o", merged, overlay], check=True, timeout=60)
    return merged


def domain_names(host):
    done = subprocess.run(["fdtget", "-l", host, "/chosen"], stdout=subprocess.PIPE, timeout=60,
                          check=True)
    return [name for name in done.stdout.decode().split() if name.startswith("domU-")]


def run_case(sallyport, boards, case):
    status, board, arguments = golden.read_args(case)
    return "refused" if status else run(sallyport, boards, board, arguments, case)


def run(sallyport, boards, board, arguments, case=None):
    with tempfile.TemporaryDirectory(prefix="sallyport-") as folder:
        tree = os.path.splitext(board)[0] + ".dtb"
        subprocess.run(["dtc", "-q", "-O", "dtb", "-o", os.path.join(folder, tree),
                        os.path.join(boards, board)], check=True, timeout=60)
        for name in os.listdir(case) if case else ():
            if name not in ("args", "expected"):
                shutil.copy(os.path.join(case, name), folder)
        subprocess.run([sallyport, "plan", "--quiet", "--no-graph-svg", "--patched-tree", "-o",
                        "plan", tree, *arguments], cwd=folder, timeout=60, check=True)
        top = os.path.join(folder, "plan")
        host = os.path.join(top, "host-patched.dtb")
        if not os.path.exists(host):
            host = os.path.join(folder, tree)
        words = []
        for place in guests(top):
            source = os.path.join(place, "dom0less.dts")
            if os.path.exists(source):
                before = domain_names(host) if words else []
                host = add_domain(folder, host, source)
                name = (set(domain_names(host)) - set(before)).pop()
                words += ["--guest-tree", name + "=" + os.path.join(place, "guest.dtb")]
        configs = [os.path.join(place, "guest.cfg") for place in guests(top)
                   if os.path.exists(os.path.join(place, "guest.cfg"))]
        for option in ("--target", "--xen-has"):
            if option in arguments:
                words += [option, arguments[arguments.index(option) + 1]]
        done = subprocess.run([sallyport, "check", "--json", *words, host, *configs],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                              check=False)
        if done.returncode not in (0, 1) or done.stderr:
            raise AssertionError(done.stderr.decode("utf-8", "replace"))
        result = json.loads(done.stdout)
    errors = [finding for finding in result["findings"] if finding["severity"] == "error"]
    # The boot loader adds the module, unless the plan says where it is.
    if not any(word.startswith("tree=") for word in arguments):
        errors = [finding for finding in errors if finding["code"] != "SP-DOMAIN-NO-MODULE"]
    if errors:
        raise AssertionError("\n".join("%(code)s %(file)s %(path)s: %(message)s" % finding
                                       for finding in errors))
    if not any(guest["devices"] for guest in result["guests"]) and "--hotplug" not in arguments:
        raise AssertionError("the check finds no device that is given")
    return "checked"


def main():
    sallyport, boards, cases = sys.argv[1:]
    wrong = checked = 0
    sallyport = os.path.abspath(sallyport)
    for name in sorted(os.listdir(cases)) + sorted(VIRT):
        try:
            result = (run(sallyport, boards, "qemu-virt.dts", VIRT[name]) if name in VIRT else
                      run_case(sallyport, boards, os.path.join(cases, name)))
            checked += result == "checked"
            print("%s: %s" % (name, result))
        except (AssertionError, subprocess.SubprocessError) as error:
            print("%s: %s" % (name, error))
            wrong += 1
    return 1 if wrong or checked < 12 else 0


if __name__ == "__main__":
    sys.exit(main())
