# SPDX-License-Identifier: MIT
"""What the device server's measurements share."""

import contextlib
import pathlib
import statistics
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(SOURCE / "testbed"), str(SOURCE / "tests/vm")]

from bed.tools import Failure  # noqa: E402


class Report:
    """Lines of figures, of which some have a limit."""

    def __init__(self):
        self.beyond = 0

    def say(self, text):
        print(text, flush=True)

    def figure(self, what, value, limit=None, least=False, unit="", digits=2, note=""):
        """A limit is the most that is good, or the least."""
        line = f"{what:<58} {value:8.{digits}f}{unit}"
        if limit is not None:
            good = value >= limit if least else value <= limit
            self.beyond += not good
            line += f"  {'at least' if least else 'limit'} {limit:.{digits}f}{unit}  {'good' if good else 'BEYOND'}"
        self.say(f"{line}  {note}".rstrip())


def spread(values, digits=2):
    """The median and the quartiles, for people."""
    if len(values) < 4:
        return f"{min(values):.{digits}f} to {max(values):.{digits}f}"
    low, _, high = statistics.quantiles(values, n=4)
    return f"middle half {low:.{digits}f} to {high:.{digits}f}"


@contextlib.contextmanager
def failures():
    """What is a Failure ends the program with 2."""
    try:
        yield
    except Failure as error:
        sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {error}")
