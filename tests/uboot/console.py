# SPDX-License-Identifier: MIT
"""U-Boot for QEMU's machine virt, driven over its console."""

import json
import os
import selectors
import socket
import subprocess
import time

PROMPT = b"\r\n=> "
BOOT_LIMIT = 90
COMMAND_LIMIT = 30


class ConsoleError(Exception):
    """U-Boot or QEMU did not do what was waited for."""


class Console:
    def __init__(self, qemu, firmware, folder, loads):
        """`loads` are (file, address) that lie in memory when U-Boot starts."""
        self.monitor_path = os.path.join(folder, "qmp")
        self.seen = b""
        self.monitor = None
        command = [
            qemu, "-M", "virt", "-cpu", "cortex-a57", "-m", "256", "-display", "none",
            "-nodefaults", "-nic", "none", "-serial", "stdio", "-bios", firmware,
            "-qmp", "unix:%s,server=on,wait=off" % self.monitor_path,
        ]
        for file, address in loads:
            command += ["-device", "loader,file=%s,addr=%#x,force-raw=on" % (file, address)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.monitor:
            self.monitor.close()
        self.selector.close()
        self.process.kill()
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    def wait(self, text, limit):
        """What the console says up to `text`, which is taken along."""
        end = time.monotonic() + limit
        while text not in self.seen:
            left = end - time.monotonic()
            if left <= 0 or not self.selector.select(left):
                raise ConsoleError("no %r in %d s; the console said: %s" % (
                    text, limit, self.seen[-2000:].decode("latin-1")))
            more = self.process.stdout.read()
            if not more:
                raise ConsoleError("QEMU ended: %s" % self.seen[-2000:].decode("latin-1"))
            self.seen += more
        before, self.seen = self.seen.split(text, 1)
        return before

    def send(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def boot(self):
        self.wait(b"Hit any key to stop autoboot", BOOT_LIMIT)
        self.send(b" ")
        self.wait(b"=> ", COMMAND_LIMIT)

    def command(self, text):
        """Runs a command; what it printed, without its echo."""
        self.send(text.encode("ascii") + b"\r")
        output = self.wait(PROMPT, COMMAND_LIMIT)
        # The echo is wrapped by nobody, but blanks at its end may be gone.
        echo, _, rest = output.partition(b"\r\n")
        if echo.decode("ascii", "replace") != text:
            raise ConsoleError("U-Boot read %r instead of %r" % (echo, text))
        return rest.decode("latin-1").replace("\r\n", "\n")

    def _answer(self):
        while True:
            line = self.monitor.readline()
            if not line:
                raise ConsoleError("QEMU's monitor went away")
            message = json.loads(line)
            if "error" in message:
                raise ConsoleError("QEMU's monitor: %s" % message["error"])
            if "return" in message or "QMP" in message:
                return

    def save_memory(self, address, size, file):
        if not self.monitor:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(COMMAND_LIMIT)
            connection.connect(self.monitor_path)
            self.monitor = connection.makefile("rwb", buffering=0)
            connection.close()
            self._answer()
            self._execute("qmp_capabilities", {})
        self._execute("pmemsave", {"val": address, "size": size, "filename": file})

    def _execute(self, name, arguments):
        request = {"execute": name, "arguments": arguments}
        self.monitor.write(json.dumps(request).encode() + b"\n")
        self._answer()
