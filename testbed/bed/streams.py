# SPDX-License-Identifier: MIT
"""Byte streams from a running machine, all awaited in one place."""

import re
import selectors
import socket
import time

from .tools import Failure


SEND_LIMIT = 30


class TimedOut(Failure):
    """An event did not come within its limit."""


class Ended(Failure):
    """The machine went away while something was awaited."""


class Stream:
    def __init__(self, name, end):
        self.name = name
        self.socket = end
        end.settimeout(SEND_LIMIT)
        self.text = ""  # all that came
        self.seen = {}  # by pattern: what expect() has passed over
        self.closed = False

    def send(self, data):
        if isinstance(data, str):
            data = data.encode()
        try:
            self.socket.sendall(data)
        except TimeoutError as error:
            raise TimedOut(f"{self.name} has taken nothing for {SEND_LIMIT} s") from error
        except OSError as error:
            raise Ended(f"the machine ended before it was told something on {self.name}") from error


class Streams:
    """One end of each; the other ends are for QEMU."""

    def __init__(self, log):
        self.selector = selectors.DefaultSelector()
        self.by_name = {}
        self.log = log
        self.begin = time.monotonic()
        self.partial = {}

    def add(self, name):
        """Returns the descriptor that QEMU is to be given."""
        mine, other = socket.socketpair()
        stream = Stream(name, mine)
        self.by_name[name] = stream
        self.selector.register(mine, selectors.EVENT_READ, stream)
        return other

    def __getitem__(self, name):
        return self.by_name[name]

    def close(self):
        for stream in self.by_name.values():
            stream.socket.close()
        self.selector.close()

    def note(self, name, text):
        """Into the log, with the time, line by line."""
        text = self.partial.get(name, "") + text
        *lines, self.partial[name] = text.split("\n")
        for line in lines:
            self.log.write(f"{time.monotonic() - self.begin:7.2f} {name}: {line}\n")
        self.log.flush()

    def pump(self, limit):
        """Takes in what comes within `limit` seconds; returns at the first bytes, true if any came."""
        if all(stream.closed for stream in self.by_name.values()):
            raise Ended("the machine ended")
        ready = self.selector.select(max(limit, 0))
        for key, _ in ready:
            stream = key.data
            try:
                data = stream.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                stream.closed = True
                self.selector.unregister(stream.socket)
                continue
            text = data.decode(errors="replace").replace("\r", "").replace("\0", "")
            stream.text += text
            if stream.name != "qmp":
                self.note(stream.name, text)
        return bool(ready)

    def expect(self, wanted, limit, start=0):
        """
        Awaits one of several patterns: {key: (stream, pattern)}, in the whole lines that came from
        `start` on. Returns the key and the match.
        A pattern that is awaited again must come again; each has its own place in the stream,
        because guests that share one say their lines in any order.
        """
        deadline = time.monotonic() + limit
        patterns = {
            key: (self.by_name[name], re.compile(pattern, re.MULTILINE))
            for key, (name, pattern) in wanted.items()
        }
        while True:
            for key, (stream, pattern) in patterns.items():
                begin = max(start, stream.seen.get(pattern.pattern, 0))
                match = pattern.search(stream.text, begin, stream.text.rfind("\n") + 1)
                if match:
                    stream.seen[pattern.pattern] = match.end()
                    return key, match
            if all(stream.closed for stream, _ in patterns.values()):
                raise Ended(f"the machine ended before {describe(wanted)}")
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimedOut(f"{limit:g} s went by without {describe(wanted)}")
            self.pump(left)


def describe(wanted):
    return " or ".join(f"{pattern!r} on {name}" for name, pattern in wanted.values())
