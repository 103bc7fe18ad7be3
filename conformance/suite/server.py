# SPDX-License-Identifier: MIT
"""The server that is tested: started, watched, and started again when a case ended it."""

import os
import signal
import subprocess
import tempfile
import time

from .peer import Client, Closed, Fail

# What sanitizers write before they end a program.
REPORTS = (b"Sanitizer", b"runtime error:", b"panicked at")


class NoServer(Exception):
    """The server cannot be started or reached, so that nothing can be tested."""


class Server:
    """A server of the command that is given, or with a path only, one that runs already."""

    def __init__(self, command, path, limit, start_limit=10):
        self.command, self.fixed = command, path
        self.limit, self.start_limit = limit, start_limit
        self.folder = tempfile.TemporaryDirectory(prefix="conformance")
        self.process = None
        self.path = path
        self.starts = 0
        self.output = None
        # Whether it was reached since it was started: until then its end is a failure to start.
        self.reached = False
        self.turned_away = False
        # Whether it ends with its client.
        self.leaves = False
        self.crash = None

    @property
    def ours(self):
        return self.command is not None

    def start(self):
        self.crash = self.crash or self.trouble()
        self.starts += 1
        self.reached = False
        if self.output:
            self.output.close()
        self.path = os.path.join(self.folder.name, str(self.starts))
        command = [word.replace("{socket}", self.path) for word in self.command]
        self.output = open(os.path.join(self.folder.name, "output"), "w+b")
        try:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output
            )
        except OSError as error:
            raise NoServer(f"{command[0]}: {error.strerror}") from None

    def connect(self):
        """A fresh connection; the server is started if it does not run."""
        deadline = time.monotonic() + (self.limit if self.reached else self.start_limit)
        while True:
            # One that was served may end when its client goes, as the specification lets it.
            if self.ours and (self.process is None or self.reached and self.ended(0)):
                self.start()
            try:
                client = Client(self.path, self.limit)
                self.reached = True
                return client
            except (FileNotFoundError, ConnectionRefusedError, BlockingIOError) as error:
                problem = error.strerror
            except TimeoutError:
                problem = "it accepts nobody"
            if time.monotonic() > deadline:
                raise NoServer(f"{self.path}: {problem}")
            # Waiting for its end and not only for the time shows at once that it failed.
            if not self.ours:
                time.sleep(0.005)
            elif self.ended(0.005) and not self.reached:
                raise NoServer(f"the server ended before it listened: {self.said() or 'silently'}")

    def ended(self, limit):
        try:
            self.process.wait(limit)
            return True
        except subprocess.TimeoutExpired:
            return False

    def said(self):
        if not self.output:
            return ""
        self.output.seek(0)
        lines = self.output.read()[-4000:].decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def trouble(self):
        """How it crashed. To end when a connection ends is what a server may do, with any status."""
        if not self.ours or self.process is None or self.process.poll() is None:
            return None
        code = self.process.returncode
        self.output.seek(0)
        reported = [line for line in self.output.read().splitlines() if any(r in line for r in REPORTS)]
        if code < 0:
            what = f"the server was ended by {signal.Signals(-code).name}"
        elif reported:
            return f"the server ended with a report: {reported[0].decode(errors='replace')}"
        else:
            return None
        return f"{what}: {self.said()}" if self.said() else what

    def greeted(self):
        """A client that was answered. A server may take its time to see that the last one went, and
        may turn others away meanwhile."""
        deadline = time.monotonic() + self.limit
        while True:
            client = self.connect()
            try:
                return client.greet()
            except Closed:
                client.close()
                self.turned_away = True
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.005)
            except Exception:
                client.close()
                raise

    def served_next(self):
        """Sees that the next client is served after the case."""
        self.turned_away = False
        starts = self.starts
        try:
            self.greeted().leave()
        except (Fail, NoServer) as error:
            raise Fail(f"the next client is not served: {error}") from None
        # One that ends with its client is not to be met on its way out.
        if self.starts != starts or self.leaves:
            self.leaves = self.ended(0.5)

    def files(self):
        """What its descriptors are, and its children's, or None where that cannot be seen."""
        if not self.ours:
            return None
        names, left = [], [self.process.pid]
        try:
            while left:
                folder = f"/proc/{left.pop()}"
                for task in os.listdir(f"{folder}/task"):
                    with open(f"{folder}/task/{task}/children", encoding="ascii") as file:
                        left += map(int, file.read().split())
                for name in os.listdir(f"{folder}/fd"):
                    names.append(os.readlink(f"{folder}/fd/{name}"))
        except OSError:
            return None
        return names

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            if not self.ended(2):
                self.process.kill()
                self.process.wait()

    def end(self):
        """Ends it as the specification has it, by SIGTERM; gives what is wrong about that."""
        if not self.ours or self.process is None or self.process.poll() is not None:
            return None
        self.process.terminate()
        if not self.ended(5):
            return "it does not end at SIGTERM"
        self.output.seek(0)
        reports = [line for line in self.output.read().splitlines() if any(r in line for r in REPORTS)]
        return f"it ended with a report: {reports[0].decode(errors='replace')}" if reports else None

    def restart(self):
        """For a case after one that left it in an unknown state."""
        if self.ours and self.process.poll() is None:
            self.stop()
            self.process = None

    def close(self):
        self.stop()
        if self.output:
            self.output.close()
        self.folder.cleanup()
