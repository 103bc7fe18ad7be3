#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints docs/predictions-x86.md from tests/xen/x86/rows.py: predictions-x86.py ROOT"""

import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
sys.path.insert(0, str(root / "tests/xen/x86"))
sys.dont_write_bytecode = True

from rows import BOOTS, COMMON, DEVICES  # noqa: E402

HEAD = """\
# Predictions and reality: PCI

What `sallyport plan` and `sallyport doctor` foretell of giving PCI functions to guests, and what real Xen
and real guests then do. `tests/xen/x86/rows.py` has the predictions, from which this page is made;
`make test` boots Xen {release} for amd64 in QEMU with each dom0, has Sallyport plan there, runs the plan's
scripts and makes the {rows} guests from its configurations. It fails if the program says anything else than
is foretold here, or if anything else happens: what works is judged by data and counted interrupts, and
what does not by the words with which it fails.

"warn" stands where a guest can have it and something should be known; the verdict is "no" if one of the
codes is an error. Only the codes that tell the rows apart are listed. Beside them the program must say, and
it must say nothing else:

| of | |
|---|---|
| a function that no driver of dom0's has | {unclaimed} |
| some functions, as they are made | {devices} |
| a PVH dom0 | {pvh} |

## Guests

"""


def cell(text):
    return " ".join(text.split()).replace("|", "\\|")


def link(code):
    return f"[{code}](findings.md#{code.lower()})"


def dom0(boot):
    return f"{boot.dom0.upper()}, Linux {boot.release}" + ("" if boot.iommu else ", no IOMMU")


release = next(line.split("=")[1] for line in (root / "testbed/x86/contents.sh").read_text().splitlines()
               if line.startswith("XEN_RELEASE="))
findings = (root / "include/sallyport/pci_findings.def").read_text()
rows = [(boot, row) for boot in BOOTS for row in boot.rows]
errors = {}
for name, severity, proof in re.findall(r"^SP_PCI_FINDING\((\w+), (\w+), (\w+),", findings, re.MULTILINE):
    errors["SP-" + name.replace("_", "-")] = (severity, proof)
for boot, row in rows:
    known = set(errors) & set(row.codes)
    if known != set(row.codes):
        sys.exit(f"{row.name}: there is no {', '.join(set(row.codes) - known)}")
    failing = [code for code in row.codes if errors[code][0] == "ERROR"]
    if (row.verdict == "no") != bool(failing):
        sys.exit(f"{row.name}: the verdict is not that of its codes")
    if failing and not any(errors[code][1] == "RUN" for code in failing):
        sys.exit(f"pci_findings.def does not say of {', '.join(failing)}, seen at work, that it was run")
common = sorted({code for _, _, codes in DEVICES.values() for code in codes})
print(HEAD.format(release=release, rows=len(rows), devices=", ".join(map(link, common)),
                  unclaimed=link(COMMON[0]), pvh=" and ".join(map(link, COMMON[1:]))))
print("| what | dom0 | guest | foretold | what happens |\n|---|---|---|---|---|")
for boot, row in rows:
    what = ", ".join(DEVICES[device][1] for device in row.devices)
    codes = ", ".join(map(link, row.codes))
    print(f"| {cell(what)} | {dom0(boot)} | {row.kind.upper()} | {row.verdict}{': ' if codes else ''}{codes} | {cell(row.outcome)} |")
for boot in BOOTS:
    if boot.panic:
        doctor = next(other.doctor for other in BOOTS if other.doctor)
        print(f"| the machine itself | {dom0(boot)} | - | no: {', '.join(map(link, doctor))} | Xen panics: `{cell(boot.panic)}` |")
print("""
## What was not tried

The devices are QEMU's. Xen runs on an emulated processor of AMD with AMD's IOMMU; what it does with Intel's was
not tried. The settings of the guests that this emulation needs, and no plan has, are in `tests/xen/x86/guests.py`.""")
