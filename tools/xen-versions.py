#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints docs/xen-versions.md from src/plan/rules.def and src/plan/iommu_drivers.def."""

import sys
from pathlib import Path

sys.dont_write_bytecode = True

from rule_tables import PROOFS, RELEASES, rows, shown, table, written  # noqa: E402


def page(rules, drivers, iommus):
    names = {driver[0]: driver[1] for driver in drivers}
    yield "<!-- Made by tools/xen-versions.py; edit src/plan/rules.def and"
    yield "     src/plan/iommu_drivers.def instead. -->"
    yield "# Xen's releases"
    yield ""
    yield "What `--target` changes. The releases read are 4.17.7, 4.18.6, 4.19.6, 4.20.4, 4.21.2 and"
    yield "4.22.0; the last column says whether the rule was only read in their sources or was also"
    yield "seen at work on a running Xen (4.20.3)."
    yield ""
    yield from table(
        ["", *RELEASES, "how known"],
        ([title, *shown(values), PROOFS[proof]] for _, proof, title, *values, _ in rules),
    )
    yield ""
    yield "## IOMMU drivers"
    yield ""
    yield "Xen matches an IOMMU's node by its compatible strings. One driver can be at work at a time."
    yield ""
    yield from table(
        ["compatible", "driver", "since", "silicon"],
        (
            [f"`{compatible}`", names[driver], since.replace("_", "."),
                "ES3.0 or later" if es3 == "true" else "any"]
            for compatible, driver, since, es3, _ in iommus
        ),
    )
    yield ""
    yield from table(
        ["driver", "option", "in a default build", "cells", "stream IDs of one master", "highest"],
        (
            [
                name,
                f"`{option}`" + (" (with `CONFIG_EXPERT`)" if expert == "true" else ""),
                "yes" if default == "true" else "no",
                low if low == high else f"{low} or {high}",
                "any number" if ids == "0" else ids,
                hex(int(highest, 0)),
            ]
            for _, name, option, default, expert, low, high, ids, highest, _ in drivers
        ),
    )
    yield ""
    yield from written(
        [
            *((title, citation) for _, _, title, *_, citation in rules),
            *((f"the driver {name}", citation) for _, name, *_, citation in drivers),
            *((f"`{compatible}`", citation) for compatible, *_, citation in iommus),
        ]
    )


def main():
    plan = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "src" / "plan"
    rules = list(rows((plan / "rules.def").read_text(), "SP_RULE"))
    iommu_drivers = (plan / "iommu_drivers.def").read_text()
    drivers = list(rows(iommu_drivers, "SP_DRIVER"))
    iommus = list(rows(iommu_drivers, "SP_IOMMU"))
    if not rules or not drivers or not iommus:
        raise SystemExit(f"{plan}: a table is empty")
    print("\n".join(page(rules, drivers, iommus)))


main()
