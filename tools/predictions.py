#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints docs/predictions.md from tests/xen/cases.py: predictions.py ROOT"""

import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
sys.path.insert(0, str(root / "tests/xen"))

from cases import CASES  # noqa: E402

HEAD = """\
# Predictions and reality

What `sallyport check` foretells of wrong set-ups, and what real Xen and real guests then do.
`tests/xen/cases.py` has the predictions, from which this page is made; `make test` boots each of the
{cases} wrong set-ups, of {codes} kinds, on Xen {release} for arm64 in QEMU, and its twin, a set-up that
works and differs in one change. It fails if anything comes out otherwise, and if `sallyport check` says
of a twin what it says of the wrong one.

"""


def cell(text):
    return " ".join(text.split()).replace("|", "\\|")


# By how the cases' names begin.
GROUPS = {
    "Interrupts": ("irq-", "gic-"),
    "Registers": ("iomem-",),
    "The IOMMU": ("dtdev-", "stream-", "proxy-", "passthrough-", "populate-"),
    "The partial tree": ("tree-",),
    "Guests that Xen makes at boot": ("domain-",),
}

release = next(line.split("=")[1] for line in (root / "testbed/contents.sh").read_text().splitlines()
               if line.startswith("XEN_RELEASE="))
findings = (root / "include/sallyport/findings.def").read_text()
for case in CASES:
    name = case.code.removeprefix("SP-").replace("-", "_")
    if not re.search(rf"^SP_FINDING\({name}, \w+, \w+, \w+, RUN,", findings, re.MULTILINE):
        sys.exit(f"findings.def does not say of {case.code}, which is seen at work, that it was run")
print(HEAD.format(cases=len(CASES), codes=len({case.code for case in CASES}), release=release), end="")
for title, prefixes in GROUPS.items():
    print(f"\n## {title}\n\n| wrong | case | finding | what happens |\n|---|---|---|---|")
    for case in CASES:
        if case.name.startswith(prefixes):
            code = f"[{case.code}](findings.md#{case.code.lower()})"
            print(f"| {cell(case.what)} | `{case.name}` | {code} | {cell(case.outcome.sentence())} |")
lost = [case.name for case in CASES if not case.name.startswith(sum(GROUPS.values(), ()))]
if lost:
    sys.exit(f"no group has {', '.join(lost)}")
