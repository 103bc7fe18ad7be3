# SPDX-License-Identifier: MIT
"""Compares the reader of xl's configurations with Xen's own.

    compare.py FOLDER DUMP [ORACLE]

Both programs are given a file and all names that could be set in it. They end with 1 if they refuse
it. Else they print a line for each name that is set, with the line of the setting, that of each
entry of a list, and the values. The files are those of the folder and mutations of them, always the
same. Without ORACLE the test is skipped.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import tempfile
from typing import NamedTuple

SKIPPED = 77
MUTATIONS = {True: 20, False: 3}  # of a file that is accepted, and of another
# What means something to either lexer, or nearly does.
PIECES = [
    *(bytes([c]) for c in b"\n\n\t \r\0#;=,[]'\"\\+-.:()_aAx0179\x80"),
    *(b"+=", b"\\x41", b"\\101", b"\\'", b"[[", b"]]", b",]", b"[]", b"''", b"a=", b"0x1f", b"\n#\n"),
]


class Answer(NamedTuple):
    accepted: bool
    settings: str  # printed
    complaint: str


def ask(program: str, path: str, names: list[bytes]) -> Answer:
    done = subprocess.run([program, path, *names], capture_output=True, check=False)
    # libxlutil does not survive all files, nor does xl then.
    if done.returncode not in (0, 1) and done.returncode != -6:
        sys.exit("%s %s: exit status %d" % (program, path, done.returncode))
    return Answer(done.returncode == 0, done.stdout.decode(), done.stderr.decode(errors="replace"))


def mutate(rng: random.Random, text: bytes, other: bytes) -> bytes:
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at = rng.randint(0, len(text))
        end = min(len(text), at + rng.choice((0, 0, 1, 1, 2, 5, 40)))
        kind = rng.randrange(6)
        if kind == 0:
            text = text[:at] + text[end:]
        elif kind == 1:
            text = text[:at]
        elif kind == 2:
            start = rng.randint(0, len(other))
            text = text[:at] + other[start : start + rng.randint(1, 60)] + text[end:]
        elif kind == 3:
            # A whole line between two others: often a file that is still good.
            at = text.rfind(b"\n", 0, at) + 1
            text = text[:at] + rng.choice((text + other).splitlines(True) or [b""]) + text[at:]
        else:
            text = text[:at] + rng.choice(PIECES) + text[end:]
    return text


class Comparison:
    def __init__(self, dump: str, oracle: str, path: str) -> None:
        self.programs = (dump, oracle)
        self.path = path
        self.accepted = self.refused = self.settings = self.different = 0

    def compare(self, name: str, text: bytes) -> bool:
        """Whether Xen accepts it."""
        with open(self.path, "wb") as file:
            file.write(text)
        names = sorted(set(re.findall(rb"[a-z][._0-9a-z]*", text)))
        ours, theirs = (ask(program, self.path, names) for program in self.programs)
        self.accepted += theirs.accepted
        self.refused += not theirs.accepted
        self.settings += theirs.settings.count("\n")
        if ours[:2] != theirs[:2]:
            self.different += 1
            print("%s: %r" % (name, text))
            print("ours:", ours)
            print("Xen's:", theirs)
        return theirs.accepted

    def compare_all(self, folder: str) -> None:
        files = {}
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name), "rb") as file:
                files[name] = file.read()
        rng = random.Random(1)
        for name, text in files.items():
            accepted = self.compare(name, text)
            for number in range(MUTATIONS[accepted]):
                mutation = mutate(rng, text, rng.choice(list(files.values())))
                self.compare("%s, mutation %d" % (name, number), mutation)


def main() -> int:
    folder, dump = sys.argv[1:3]
    if len(sys.argv) < 4:
        print("skipped: libxlutil is not here (Debian: libxen-dev)")
        return SKIPPED
    with tempfile.TemporaryDirectory() as scratch:
        run = Comparison(dump, sys.argv[3], os.path.join(scratch, "x"))
        run.compare_all(folder)
    print(
        "%d accepted with %d settings, %d refused, %d differ"
        % (run.accepted, run.settings, run.refused, run.different)
    )
    if run.accepted < 200 or run.refused < 200 or run.settings < 500:
        print("the files are too few, or too much alike, to show anything")
        return 1
    return run.different > 0


if __name__ == "__main__":
    sys.exit(main())
