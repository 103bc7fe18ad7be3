#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints docs/pci-rules.md from src/preflight/rules.def."""

import sys
from pathlib import Path

sys.dont_write_bytecode = True

from rule_tables import PROOFS, RELEASES, rows, shown, table, written  # noqa: E402


def page(rules):
    yield "<!-- Made by tools/pci-rules.py; edit src/preflight/rules.def instead. -->"
    yield "# Xen's releases and PCI functions"
    yield ""
    yield "What differs where an x86 host gives PCI functions away. The releases read are 4.17.7, 4.18.6,"
    yield "4.19.6, 4.20.4, 4.21.2 and 4.22.0; the last column says whether the rule was only read in their"
    yield "sources or was also seen at work on a running Xen (4.20.3)."
    yield ""
    yield from table(
        ["", *RELEASES, "how known"],
        ([title, *shown(values), PROOFS[proof]] for _, proof, title, *values, _ in rules),
    )
    yield ""
    yield from written((title, citation) for _, _, title, *_, citation in rules)


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    path = root / "src" / "preflight" / "rules.def"
    rules = list(rows(path.read_text(), "SP_PCI_RULE"))
    if not rules:
        raise SystemExit(f"{path}: the table is empty")
    print("\n".join(page(rules)))


main()
