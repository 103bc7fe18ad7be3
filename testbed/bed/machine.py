# SPDX-License-Identifier: MIT
"""A machine that runs in QEMU and is driven through its ports: what all test beds have in common."""

import re
import subprocess
import tempfile

from .streams import Ended, Streams, TimedOut
from .tools import Failure

COMMAND_LIMIT = 60


class Machine:
    """
    As a context it ends the machine when it is left. `report` is called with a line for what the
    user should know at once: that a boot hung and is tried again.

    A kind of machine gives the names of its PORTS, the seconds that a boot may take, arguments()
    for QEMU, which may use `self.folder`, and write().
    """

    PORTS = ("serial", "bed", "guests", "qmp")
    BOOT_LIMIT = 240

    def __init__(self, qemu, log, report=print):
        self.qemu = qemu
        self.log_path = log
        self.report = report
        self.process = None
        self.streams = None
        self.retries = 0
        self.commands = 0
        self.born = {}  # by a guest's name: what guests had said before it was made

    def __enter__(self):
        try:
            self.boot()
        except TimedOut:
            self.report(f"the boot hung; it is tried once more (log: {self.log_path})")
            self.retries += 1
            self.stop()
            self.log_path = self.log_path.with_suffix(".retry.log")
            try:
                self.boot()
            except BaseException:
                self.stop()
                raise
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def arguments(self):
        raise NotImplementedError

    def write(self, path, data):
        """Writes a file in dom0; there is at least a byte of data."""
        raise NotImplementedError

    def boot(self):
        self.start()
        self.await_dom0(self.BOOT_LIMIT)

    def start(self):
        self.folder = tempfile.TemporaryDirectory()
        self.log = open(self.log_path, "w", encoding="utf-8")
        self.streams = Streams(self.log)
        ends = {name: self.streams.add(name) for name in self.PORTS}
        words = [str(self.qemu)]
        for name, end in ends.items():
            words += ["-chardev", f"socket,id={name},fd={end.fileno()}"]
        words += ["-mon", "chardev=qmp,mode=control", *self.arguments()]
        self.process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            pass_fds=[end.fileno() for end in ends.values()],
        )
        for end in ends.values():
            end.close()
        self.streams["qmp"].send('{"execute": "qmp_capabilities"}\n')

    def await_dom0(self, limit):
        key, match = self.streams.expect(
            {"ready": ("bed", r"^bed-ready"), "panic": ("serial", r"Panic on CPU \d+:\n(?:.*\n)")}, limit,
        )
        if key == "panic":
            raise Panic(match.group(0).strip().split("\n")[-1], self.streams["serial"].text)

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None
        if self.streams:
            try:
                while self.streams.pump(0):
                    pass
            except Ended:
                pass
            self.streams.close()
            self.streams = None
            self.log.close()
            self.folder.cleanup()

    def dom0(self, command, limit=COMMAND_LIMIT, data=None):
        """Runs a line of shell in dom0. Returns its status and what it printed."""
        bed = self.streams["bed"]
        start = len(bed.text)
        self.streams.note("dom0", f"$ {command}\n")
        bed.send(f'{command}; echo "~~{self.commands + 1} $?~~"\n')
        if data is not None:
            bed.send(data)
        self.commands += 1
        _, match = self.streams.expect({"end": ("bed", rf"~~{self.commands} (\d+)~~\n")}, limit)
        return int(match.group(1)), bed.text[start:match.start()]

    def dom0_must(self, command, limit=COMMAND_LIMIT):
        status, said = self.dom0(command, limit)
        if status != 0:
            raise Failure(f"dom0: {command}: status {status}\n{said.strip()}")
        return said

    def push(self, path, data):
        """Writes a file in dom0."""
        if data:
            self.write(path, data)
        else:
            self.dom0_must(f": >{path}")

    def follow(self, name):
        """Has what a guest that is about to be made says come here."""
        self.dom0_must(f"follow {name}")
        self.born[name] = len(self.streams["guests"].text)

    def destroy(self, name):
        self.dom0_must(f"xl destroy {name}")

    def guest(self, name, pattern, limit=COMMAND_LIMIT):
        """Awaits a line of a guest. Returns the match."""
        wanted = {"line": self.line_of(name, pattern)}
        return self.streams.expect(wanted, limit, self.born.get(name, 0))[1]

    def line_of(self, name, pattern):
        """Where a guest's line comes and what it looks like."""
        return "guests", rf"^{re.escape(name)}\| {pattern}"

    def xen_log(self):
        """What Xen logged since this was asked last."""
        return self.dom0_must("xl dmesg -c")


class Panic(Failure):
    """Xen panicked while it booted; `log` is all that it said."""

    def __init__(self, message, log):
        super().__init__(message)
        self.log = log
