# SPDX-License-Identifier: MIT
"""A board that runs: Xen, dom0 and its guests."""

import json
import re
import subprocess
import tempfile

from .board import Board
from .streams import Ended, Streams, TimedOut
from .tools import Failure

BOOT_LIMIT = 90
COMMAND_LIMIT = 60
PORTS = ("bed", "guests")


class System:
    """
    Boots `tree` on `board`. As a context it ends the machine when it is left. `report` is called
    with a line for what the user should know at once: that a boot hung and is tried again.
    `kernels` are those of the guests that Xen makes: by the guest's name, the address.
    """

    def __init__(self, board: Board, tree: bytes, log, modules=(), report=print, kernels=()):
        self.board = board
        self.tree = tree
        self.modules = list(modules)
        self.log_path = log
        self.report = report
        self.kernels = dict(kernels)
        self.process = None
        self.streams = None
        self.retries = 0
        self.commands = 0
        self.slowest = 0  # seconds that a guest took to come up, for who wants to keep it
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

    def start(self):
        self.folder = tempfile.TemporaryDirectory()
        tree = f"{self.folder.name}/host.dtb"
        with open(tree, "wb") as file:
            file.write(self.tree)
        self.log = open(self.log_path, "w", encoding="utf-8")
        self.streams = Streams(self.log)
        ends = {name: self.streams.add(name) for name in ("serial", "uart", "qmp", *PORTS)}
        words = [str(self.board.bed.qemu), "-machine", self.board.machine, *self.board.arguments()]
        for name, end in ends.items():
            words += ["-chardev", f"socket,id={name},fd={end.fileno()}"]
        words += ["-serial", "chardev:serial", "-serial", "chardev:uart"]
        words += ["-mon", "chardev=qmp,mode=control"]
        words += ["-device", "virtio-serial-device,bus=virtio-mmio-bus.31"]
        for name in PORTS:
            words += ["-device", f"virtserialport,chardev={name},name={name}"]
        words += ["-kernel", str(self.board.bed.xen), "-dtb", tree]
        for module in self.board.dom0_modules() + self.modules:
            words += module.arguments()
        self.process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            pass_fds=[end.fileno() for end in ends.values()],
        )
        for end in ends.values():
            end.close()
        self.streams["qmp"].send('{"execute": "qmp_capabilities"}\n')

    def boot(self):
        self.start()
        key, match = self.streams.expect(
            {"ready": ("bed", r"^bed-ready"), "panic": ("serial", r"Panic on CPU \d+:\n(?:.*\n)")},
            BOOT_LIMIT,
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

    # dom0

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
        if not data:
            self.dom0_must(f": >{path}")
            return
        command = f"dd of={path} bs={len(data)} count=1 iflag=fullblock <&3 2>/dev/null"
        status, said = self.dom0(command, data=data)
        if status != 0:
            raise Failure(f"{path} could not be written in dom0: {said}")

    def create(self, name, folder, settings=(), trials=(), pause=False):
        """
        `xl create` of folder/guest.cfg in dom0, with settings added on its command line as a user
        would. Returns the status and what xl said.
        """
        extra = "console=hvc0 rdinit=/init loglevel=4 bed=" + ",".join(trials)
        words = ["kernel=\"/boot/Image\"", "ramdisk=\"/boot/guest.cpio\"", f"extra=\"{extra}\"", *settings]
        quoted = " ".join(f"'{word}'" for word in words)
        self.dom0_must(f"follow {name}")
        self.born[name] = len(self.streams["guests"].text)
        flag = "-p " if pause else ""
        return self.dom0(f"cd {folder} && xl create {flag}guest.cfg {quoted} 2>&1")

    def destroy(self, name):
        self.dom0_must(f"xl destroy {name}")

    def guest(self, name, pattern, limit=COMMAND_LIMIT):
        """Awaits a line of a guest. Returns the match."""
        wanted = {"line": self.line_of(name, pattern)}
        return self.streams.expect(wanted, limit, self.born.get(name, 0))[1]

    def line_of(self, name, pattern):
        """Where a guest's line comes and what it looks like."""
        if name not in self.kernels:
            return "guests", rf"^{re.escape(name)}\| {pattern}"
        # Xen numbers the guests that it makes and prints what they say.
        module = rf"Loading d(\d+) kernel from boot module @ 0*{self.kernels[name]:x}\b"
        number = re.search(module, self.streams["serial"].text)
        if not number:
            raise Failure(f"Xen has not made {name}")
        return "serial", rf"DOM{number.group(1)}: {pattern}"

    def xen_log(self):
        """What Xen logged since this was asked last."""
        return self.dom0_must("xl dmesg -c")

    # The machine, from its outside

    def press_power(self):
        self.streams["qmp"].send(json.dumps({"execute": "system_powerdown"}) + "\n")

    def type_on_uart(self, line):
        """What a peer at the other end of the second UART would send."""
        self.streams["uart"].send(line + "\n")


class Panic(Failure):
    """Xen panicked while it booted; `log` is all that it said."""

    def __init__(self, message, log):
        super().__init__(message)
        self.log = log
