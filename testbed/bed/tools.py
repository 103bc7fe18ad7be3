# SPDX-License-Identifier: MIT
"""The programs that the test bed calls."""

import pathlib
import subprocess

SOURCE = pathlib.Path(__file__).resolve().parents[2]


class Failure(Exception):
    """Something went otherwise than it had to; the message is for the user."""


def run(*command, data=None, statuses=(0,), text=True, limit=300):
    """Runs a program to its end, within a limit in seconds, and returns what it printed."""
    command = [str(word) for word in command]
    try:
        done = subprocess.run(
            command, input=data, capture_output=True, text=text, check=False, timeout=limit
        )
    except subprocess.TimeoutExpired as error:
        raise Failure(f"{' '.join(command)}: has not ended after {limit} s") from error
    if done.returncode not in statuses:
        said = done.stderr if text else done.stderr.decode(errors="replace")
        raise Failure(f"{' '.join(command)}: status {done.returncode}\n{said.strip()}")
    return done.stdout


def build(script, cached=False):
    """The folder that a bed's build script makes. What it says while it builds goes to the user."""
    command = [str(SOURCE / script)] + (["--cached"] if cached else [])
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise Failure("the test bed could not be built")
    return pathlib.Path(done.stdout.strip())


class Bed:
    """The folder that testbed/build.sh makes."""

    def __init__(self, cached=False):
        self.path = build("testbed/build.sh", cached)
        self.qemu = self.path / "qemu/qemu"
        self.xen = self.path / "xen/xen"
        self.kernel = self.path / "roots/Image"
        self.dom0 = self.path / "roots/dom0.cpio"
        self.guest = self.path / "roots/guest.cpio"
        self.xen_release = (self.path / "roots/xen-release").read_text().strip()
