#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints docs/dependencies.md from the tables of references and of what is done about them."""

import re
import sys
from collections import defaultdict
from pathlib import Path

FORMS = {"ONE": "one", "LIST": "a list", "REST": "one, then plain cells"}


def rows(path: Path, macro: str) -> list[list[str]]:
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
    found = re.findall(macro + r"\(((?:[^()\"]|\"[^\"]*\")*)\)", text)
    return [re.findall(r"\"[^\"]*\"|[^,\s]+", one) for one in found]


def entry(lead: str, cells: str, fixed: str) -> str:
    parts = []
    if lead != "0":
        parts.append(f"{lead} cells" if lead != "1" else "1 cell")
    parts.append("phandle")
    if cells != "NULL":
        parts.append(f"`{cells.strip(chr(34))}`")
    if fixed != "0":
        parts.append(f"{fixed} cells" if fixed != "1" else "1 cell")
    return " + ".join(parts)


def main() -> int:
    source = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "src"
    policies = rows(source / "plan" / "policies.def", "SP_POLICY")
    kinds = defaultdict(list)
    for macro in ("SP_REFERENCE", "SP_REFERENCE_PATTERN"):
        for name, lead, cells, fixed, form, kind in rows(source / "host" / "references.def", macro):
            kinds[kind].append((name.strip('"'), entry(lead, cells, fixed), FORMS[form]))
    kinds["PINS"].append(("pinctrl-0, pinctrl-1, …", "phandle", FORMS["LIST"]))
    print("# What a device hangs on\n")
    print("A device's node refers to other nodes of the host. For each property that holds phandles")
    print("the planner knows what it asks for, and for each kind of reference what is done when the")
    print("other node stays with the host. A reference to a node that is given too is kept.\n")
    print("This page is made from `src/host/references.def` and `src/plan/policies.def` by `make docs`.\n")
    print("| what | done | finding | why |\n|---|---|---|---|")
    for kind, action, code, noun, why in policies:
        finding = "" if code == "COUNT" else "SP-" + code.replace("_", "-")
        print(f"| {noun.strip(chr(34))} | {action.lower()} | {finding} | {why.strip(chr(34))} |")
    for kind, _, _, noun, _ in policies:
        print(f"\n## {noun.strip(chr(34)).capitalize()}\n")
        print("| property | entry | how many |\n|---|---|---|")
        for name, form, count in kinds[kind]:
            print(f"| `{name}` | {form} | {count} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
