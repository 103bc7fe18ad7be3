# SPDX-License-Identifier: MIT
"""The program that loads a tree once and plans each of its devices alone."""

from __future__ import annotations

import json
import subprocess
from typing import Iterator

import fdt
from context import Json
from host import Host


class DriverError(Exception):
    pass


def load_host(path: str, minor: int = 20) -> Host:
    return Host(fdt.load(path), minor)


def records(program: str, sources: str, path: str, dom0less: bool = False) -> Iterator[Json]:
    """A tree's plans, one line of JSON each. Distinct guest trees go to `sources`."""
    options = ["--dom0less"] if dom0less else []
    with subprocess.Popen([program, *options, sources, path], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for line in process.stdout:
            yield json.loads(line)
    if process.returncode:
        raise DriverError("%s: exit status %d" % (path, process.returncode))
