#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints docs/pci-rules.md from src/preflight/rules.def."""

import importlib.util
import sys
from pathlib import Path


def load(path):
    """A script beside this one whose name is no module's."""
    spec = importlib.util.spec_from_file_location(path.stem.replace("-", "_"), path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


versions = load(Path(__file__).with_name("xen-versions.py"))


def page(rules):
    yield "<!-- Made by tools/pci-rules.py; edit src/preflight/rules.def instead. -->"
    yield "# Xen's releases and PCI functions"
    yield ""
    yield "What differs where an x86 host gives PCI functions away. The releases read are 4.17.7, 4.18.6,"
    yield "4.19.6, 4.20.4, 4.21.2 and 4.22.0; the last column says whether the rule was only read in their"
    yield "sources or was also seen at work on a running Xen (4.20.3)."
    yield ""
    yield from versions.table(
        ["", *versions.RELEASES, "how known"],
        (
            [title, *versions.shown(values), versions.PROOFS[proof]]
            for _, proof, title, *values, _ in rules
        ),
    )
    yield ""
    yield "## Where this is written"
    yield ""
    yield "Paths are those of Xen's repository at the tag `RELEASE-` and the number. Where a release"
    yield "lacks something, the place where it would be is given."
    yield ""
    for _, _, title, *_, citation in rules:
        yield f"- {title}"
        yield from versions.places(citation)


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    path = root / "src" / "preflight" / "rules.def"
    rules = list(versions.rows(path.read_text(), "SP_PCI_RULE"))
    if not rules:
        raise SystemExit(f"{path}: the table is empty")
    print("\n".join(page(rules)))


main()
