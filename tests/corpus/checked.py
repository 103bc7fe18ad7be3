#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
What `plan` writes for devices of real boards must pass `check`, and must not once a line is missing:
the first interrupt, the first page or the first assigned node.

usage: checked.py --driver SALLYPORT --trees FOLDER [--boards N] [--devices N] [--seed N]
"""

import argparse
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile

# What is taken out of guest.cfg: the list's first entry, with the comment before it. A finding of
# one of these codes must then say so.
CUTS = {
    "irqs": (r"(irqs = \[\n)(?:\t#.*\n)*\t\d+,.*\n", {"SP-CFG-IRQ-MISSING"}),
    "iomem": (r"(iomem = \[\n)(?:\t#.*\n)*\t\".*\",\n", {"SP-MAP-MISSING"}),
    "dtdev": (r"(dtdev = \[\n)(?:\t#.*\n)*\t\".*\",\n", {"SP-IOMMU-UNLISTED", "SP-IOMMU-ID-MISSING"}),
}


def run(program, *words):
    done = subprocess.run([program, *map(str, words)], capture_output=True, timeout=60, check=False)
    if done.returncode not in (0, 1):
        sys.exit(f"{' '.join(map(str, words))}: status {done.returncode}\n{done.stderr.decode()}")
    return done


def check(program, folder):
    """The codes of the errors."""
    done = run(program, "check", "--json", folder / "host-patched.dtb", folder / "guest.cfg")
    return {finding["code"] for finding in json.loads(done.stdout)["findings"] if finding["severity"] == "error"}


def try_device(program, tree, device, counts):
    """Complaints about one device."""
    complaints = []
    with tempfile.TemporaryDirectory() as folder:
        plan = pathlib.Path(folder) / "plan"
        done = run(program, "plan", "-q", "--no-graph-svg", "--patched-tree", "-o", plan, tree, device)
        if done.returncode != 0:
            return []
        counts["plans"] += 1
        errors = check(program, plan)
        if errors:
            complaints.append(f"what plan wrote has {', '.join(sorted(errors))}")
        config = plan / "guest.cfg"
        text = config.read_text()
        for name, (pattern, codes) in CUTS.items():
            cut, found = re.subn(pattern, r"\1", text, count=1)
            if not found:
                continue
            config.write_text(cut)
            counts[name] += 1
            errors = check(program, plan)
            if not errors & codes:
                complaints.append(f"without its first entry in {name} it has {', '.join(sorted(errors)) or 'no error'}")
    return complaints


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--driver", required=True)
    parser.add_argument("--trees", required=True)
    parser.add_argument("--boards", type=int, default=120)
    parser.add_argument("--devices", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    trees = sorted(pathlib.Path(options.trees).rglob("*.dtb"))
    counts = {"plans": 0, **dict.fromkeys(CUTS, 0)}
    bad = 0
    for tree in chance.sample(trees, min(options.boards, len(trees))):
        listed = json.loads(run(options.driver, "list", "--all", "--json", tree).stdout)
        able = [device["path"] for device in listed if device["verdict"] != "no"]
        for device in chance.sample(able, min(options.devices, len(able))):
            for complaint in try_device(options.driver, tree, device, counts):
                print(f"{tree.name} {device}: {complaint}")
                bad += 1
    print(", ".join(f"{count} {name}" for name, count in counts.items()), f"tried, {bad} wrong")
    if not all(counts.values()):
        sys.exit("not all was tried")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
