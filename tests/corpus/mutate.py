#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Right plans made wrong in seeded ways: the checker must catch each, and pass them as they are.

Without --driver the plans are the two made by hand. With it they are the tool's own, of trees
drawn from --trees.
"""

from __future__ import annotations

import argparse
import copy
import glob
import os
import random
import sys
import tempfile
from typing import Optional

import check
import driver
import selftest
from broken import Broken, Mutation
from mutations import MUTATIONS
from selftest import Case

KINDS_LEAST = 20
TRIES = 400


def drawn_cases(program: str, folder: str, count: int, rng: random.Random) -> list[Case]:
    """Plans of the tool that the checker passes: of each tree every GPU and some other devices."""
    trees = sorted(glob.glob(os.path.join(folder, "**", "*.dtb"), recursive=True))
    found = []
    for path in rng.sample(trees, min(count, len(trees))):
        host = driver.load_host(path)
        with tempfile.TemporaryDirectory() as scratch:
            records = list(driver.records(program, scratch, path))
        chosen = [record for record in records if record["gpu"]]
        chosen += [record for record in records if record["plan"]["guests"][0]["streams"]][:6]
        chosen += rng.sample(records, min(12, len(records)))
        for record in chosen:
            blob = check.decoded(record, "guest_dtb")
            if blob and not check.check_record(host, record):
                name = "%s %s" % (os.path.basename(path), record["device"])
                found.append(Case(name, host, record["plan"], blob))
    return found


def break_case(case: Case, mutation: Mutation, seed: str) -> Optional[list[str]]:
    """The codes of the faults found in the altered plan; None if it cannot be altered so."""
    one = Broken(case.host, copy.deepcopy(case.plan), case.blob, random.Random(seed))
    if not mutation.change(one):
        return None
    faults = check.check_plan(one.host, one.plan, [one.blob()])
    return [fault.code for fault in faults]


def try_mutation(mutation: Mutation, cases: list[Case], seed: int, most: int) -> tuple[int, int]:
    """How often a kind of change was made, and how often it was missed."""
    made = missed = 0
    for number, case in enumerate(cases[:TRIES]):
        codes = break_case(case, mutation, "%d %s %d" % (seed, mutation.name, number))
        if codes is None:
            continue
        made += 1
        if not mutation.caught.intersection(codes):
            missed += 1
            print("MISSED: %s in %s: found %s" % (mutation.name, case.name, sorted(set(codes))))
        if made == most:
            break
    return made, missed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--driver", help="the program that plans each device of a tree")
    parser.add_argument("--trees", help="a folder of .dtb files to draw from")
    parser.add_argument("--count", type=int, default=12, help="how many trees to draw")
    parser.add_argument("--each", type=int, default=5, help="how often to make each change")
    parser.add_argument("--seed", type=int, default=20)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    cases = selftest.cases()
    for case in cases:
        faults = check.check_plan(case.host, case.plan, [case.blob])
        assert not faults, (case.name, faults)
    if options.driver:
        cases = drawn_cases(options.driver, options.trees, options.count, rng) + cases
        rng.shuffle(cases)
    print("seed %d, %d right plans" % (options.seed, len(cases)))
    kinds = lost = 0
    for mutation in MUTATIONS:
        made, missed = try_mutation(mutation, cases, options.seed, options.each)
        kinds += made > 0
        lost += missed
        print("%-28s made %d, caught %d" % (mutation.name, made, made - missed))
    print("%d kinds of change, %d missed" % (kinds, lost))
    return 1 if lost or kinds < KINDS_LEAST else 0


if __name__ == "__main__":
    sys.exit(main())
