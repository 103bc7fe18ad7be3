# SPDX-License-Identifier: MIT
"""A board that runs: Xen, dom0 and its guests."""

import json
import re

from .board import Board
from .machine import Machine, Panic
from .tools import Failure


class System(Machine):
    """
    Boots `tree` on `board`. `kernels` are those of the guests that Xen makes: by the guest's name,
    the address.
    """

    PORTS = ("serial", "uart", "qmp", "bed", "guests")
    # Several times what a boot takes on two cores that others use as well.
    BOOT_LIMIT = 180

    def __init__(self, board: Board, tree: bytes, log, modules=(), report=print, kernels=()):
        super().__init__(board.bed.qemu, log, report)
        self.board = board
        self.tree = tree
        self.modules = list(modules)
        self.kernels = dict(kernels)
        self.slowest = 0  # seconds that a guest took to come up, for who wants to keep it

    def arguments(self):
        tree = f"{self.folder.name}/host.dtb"
        with open(tree, "wb") as file:
            file.write(self.tree)
        words = ["-machine", self.board.machine, *self.board.arguments()]
        words += ["-serial", "chardev:serial", "-serial", "chardev:uart"]
        words += ["-device", "virtio-serial-device,bus=virtio-mmio-bus.31"]
        for name in ("bed", "guests"):
            words += ["-device", f"virtserialport,chardev={name},name={name}"]
        words += ["-kernel", str(self.board.bed.xen), "-dtb", tree]
        for module in self.board.dom0_modules() + self.modules:
            words += module.arguments()
        return words

    def write(self, path, data):
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
        self.follow(name)
        flag = "-p " if pause else ""
        return self.dom0(f"cd {folder} && xl create {flag}guest.cfg {quoted} 2>&1")

    def line_of(self, name, pattern):
        if name not in self.kernels:
            return super().line_of(name, pattern)
        # Xen numbers the guests that it makes and prints what they say.
        module = rf"Loading d(\d+) kernel from boot module @ 0*{self.kernels[name]:x}\b"
        number = re.search(module, self.streams["serial"].text)
        if not number:
            raise Failure(f"Xen has not made {name}")
        return "serial", rf"DOM{number.group(1)}: {pattern}"

    # The machine, from its outside

    def press_power(self):
        self.streams["qmp"].send(json.dumps({"execute": "system_powerdown"}) + "\n")

    def type_on_uart(self, line):
        """What a peer at the other end of the second UART would send."""
        self.streams["uart"].send(line + "\n")


__all__ = ["Panic", "System"]
