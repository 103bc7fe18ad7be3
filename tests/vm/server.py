# SPDX-License-Identifier: MIT
"""The device server as a process, and what it uses of the host."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import time

from bed.tools import Failure, run
from pixels import from_bgrx, read_png

READY_LIMIT = 30
CONTROL_LIMIT = 30


class Server:
    """
    A context in which one VM's devices are served. `end()` ends it as a service manager would, and leaving
    the context kills what is left.
    """

    def __init__(self, program, folder, name, devices, *more):
        self.program = pathlib.Path(program)
        self.name = name
        self.folder = pathlib.Path(folder)
        self.run = self.folder / f"{name}.run"
        self.devices = devices
        self.more = more
        self.log_path = self.folder / f"{name}.serve.log"
        self.process = None
        self.end_of_control = None

    def __enter__(self):
        self.run.mkdir(mode=0o700, parents=True, exist_ok=True)
        ready = self.folder / f"{self.name}.notify"
        ready.unlink(missing_ok=True)
        words = [self.program, "--vm", self.name, "--directory", str(self.run), "--verbose"]
        for device in self.devices:
            words += ["--device", device]
        words += [str(word) for word in self.more]
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, open(self.log_path, "ab") as log:
            notify.bind(str(ready))
            notify.settimeout(0.5)
            self.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "NOTIFY_SOCKET": str(ready)})
            try:
                self.await_ready(notify)
            except BaseException:
                self.stop()
                raise
        return self

    def await_ready(self, notify):
        end = time.monotonic() + READY_LIMIT
        while True:
            try:
                if b"READY=1" in notify.recv(4096).split(b"\n"):
                    return
            except TimeoutError:
                if not self.alive():
                    raise Failure(f"serve ended: {self.log()[-2000:]}") from None
                if time.monotonic() > end:
                    raise Failure(f"serve is not ready after {READY_LIMIT} s:\n{self.log()[-2000:]}") from None

    def __exit__(self, *_):
        self.stop()

    def hang_up(self):
        """Ends the connection to the control socket; the next request makes another."""
        if self.end_of_control:
            for one in reversed(self.end_of_control):
                one.close()
            self.end_of_control = None

    def stop(self):
        self.hang_up()
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait()

    def end(self, limit=30):
        """Returns its exit status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired:
            raise Failure(f"serve has not ended {limit} s after SIGTERM") from None

    def alive(self):
        return self.process.poll() is None

    def log(self):
        return self.log_path.read_text(errors="replace")

    def socket(self, device):
        """Where QEMU finds a device."""
        return self.run / f"{device}.sock"

    # Its control socket

    def control(self, what, **members):
        """One request: its answer, a line of JSON. All have one connection, so that it counts once."""
        return self.ask(*self.connected(), what, **members)

    def connected(self):
        if not self.end_of_control:
            end = socket.socket(socket.AF_UNIX)
            end.settimeout(CONTROL_LIMIT)
            end.connect(str(self.run / "control"))
            self.end_of_control = end, end.makefile("rb")
        return self.end_of_control

    def ask(self, end, file, what, **members):
        end.sendall((json.dumps({"do": what, **members}) + "\n").encode())
        line = file.readline()
        if not line:
            raise Failure(f"serve gave no answer to {what}")
        answer = json.loads(line)
        if "error" in answer:
            raise Failure(f"serve: {what}: {answer['error']}")
        return answer

    def pixels(self, device="bochs"):
        """The screen, as its control socket gives it."""
        end, file = self.connected()
        answer = self.ask(end, file, "screenshot", device=device)
        data = file.read(answer["size"])
        json.loads(file.readline())
        if answer["format"] != "XR24":
            raise Failure(f"serve: a screen of format {answer['format']}")
        return from_bgrx(answer["width"], answer["height"], data)

    def screenshot(self, path, device="bochs"):
        """The same by `sallyport screenshot`, which writes a PNG."""
        self.sallyport("screenshot", self.run, "--device", device, "-o", path)
        return read_png(path)

    def sallyport(self, verb, *words):
        """A verb that talks to the server, run where nothing is installed."""
        libexec = self.folder / "libexec"
        libexec.mkdir(exist_ok=True)
        program = libexec / verb
        program.unlink(missing_ok=True)
        program.symlink_to(self.program.parent / "control")
        return run("env", f"SALLYPORT_LIBEXEC={libexec}", self.program.parent / "sallyport", verb, *words)

    def device(self, name):
        """What it tells of one device."""
        return next(device for device in self.control("state")["devices"] if device["name"] == name)

    def kill_worker(self):
        """The process that serves devices; the one that was started holds them, and starts another."""
        pid = self.control("state")["pid"]
        if pid == self.process.pid:
            raise Failure("serve has no worker of its own")
        os.kill(pid, signal.SIGKILL)
        self.hang_up()
        return pid

    # What it uses

    def figures(self):
        """
        Descriptors, private memory in KiB, and mappings. What is private only because no other server
        runs at the moment, the unchanged pages of libraries, does not count.
        """
        figures = {"descriptors": 0, "private": 0, "mappings": 0}
        for pid in self.pids():
            proc = pathlib.Path(f"/proc/{pid}")
            figures["descriptors"] += len(os.listdir(proc / "fd"))
            figures["mappings"] += len((proc / "maps").read_text().splitlines())
            figures["private"] += sum(
                int(line.split()[1]) for line in (proc / "smaps_rollup").read_text().splitlines()
                if line.startswith(("Private_Dirty:", "Private_Hugetlb:")))
        return figures

    def pids(self):
        """The process that was started, and those that it has started."""
        pids = [self.process.pid]
        for pid in pids:
            children = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
            pids += [int(child) for child in children.read_text().split()]
        return pids
