# SPDX-License-Identifier: MIT
"""One connection to a server: what is sent, and what comes back, checked for its form."""

import array
import json
import os
import select
import socket
import time

from . import protocol as p


class Fail(Exception):
    """The server does what the specification does not allow."""


class Skip(Exception):
    """The case does not fit this server or this machine."""


class Closed(Fail):
    def __init__(self, what="the server closed the connection"):
        super().__init__(what)


class Silent(Fail):
    def __init__(self, limit):
        super().__init__(f"no reply in {limit:g} s")


class Message:
    def __init__(self, header, payload, files):
        self.id, self.command, self.size, self.flags, self.error = p.HEADER.unpack(header)
        self.payload, self.files = payload, files
        self.type = self.flags & p.TYPE
        self.failed = bool(self.flags & p.ERROR)

    @property
    def ok(self):
        return not self.failed

    def __str__(self):
        return f"refused with {p.error_name(self.error)}" if self.failed else "accepted"


class Client:
    def __init__(self, path, limit):
        self.limit = limit
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(limit)
        self.socket.connect(path)
        self.data = b""
        self.files = []
        self.kept = []
        self.next_id = 1
        self.capabilities = {}
        # What answers the server's own commands: a function of a message.
        self.serve = None

    def close(self):
        self.socket.close()
        for number in self.files + self.kept:
            os.close(number)
        self.files, self.kept = [], []

    def leave(self):
        """Goes, and waits a little until the server has seen it."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
            self.socket.settimeout(0.2)
            while self.socket.recv(1 << 16):
                pass
        except OSError:
            pass
        self.close()

    # Sending.

    def raw(self, data, files=()):
        try:
            if files:
                ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))]
                data = data[self.socket.sendmsg([data], ancillary) :]
            # Even nothing cannot be sent to one that has replied and gone.
            if data:
                self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            raise Closed from None
        except TimeoutError:
            raise Silent(self.limit) from None

    def message(self, command, payload=b"", flags=0, id=None, size=None, error=0):
        if id is None:
            id = self.next_id
            self.next_id = self.next_id % 0xFFFF + 1
        size = p.HEADER.size + len(payload) if size is None else size
        return p.HEADER.pack(id, command, size, flags, error) + payload

    def send(self, command, payload=b"", files=(), **header):
        data = self.message(command, payload, **header)
        self.raw(data, files)
        return p.HEADER.unpack_from(data)[0]

    # Receiving.

    def wait(self, deadline):
        left = deadline - time.monotonic()
        ready, _, _ = select.select([self.socket], [], [], max(0, left))
        if not ready:
            raise Silent(self.limit)

    def take(self, count, deadline):
        while len(self.data) < count:
            self.wait(deadline)
            try:
                data, files, flags, _ = socket.recv_fds(self.socket, 1 << 18, 64)
            except ConnectionResetError:
                raise Closed from None
            self.files += files
            if flags & socket.MSG_CTRUNC:
                raise Fail("the server sent more than 64 descriptors")
            if not data:
                raise Closed if not self.data else Closed("closed within a message")
            self.data += data
        data, self.data = self.data[:count], self.data[count:]
        return data

    def receive(self, limit=None):
        """The next message, whatever it is."""
        deadline = time.monotonic() + (limit or self.limit)
        header = self.take(p.HEADER.size, deadline)
        size = p.HEADER.unpack(header)[2]
        if not p.HEADER.size <= size <= 16 + (64 << 20):
            raise Fail(f"a message of the server says that it has {size} bytes")
        payload = self.take(size - p.HEADER.size, deadline)
        files, self.files = self.files, []
        self.kept += files
        return Message(header, payload, files)

    def reply(self, id, command, limit=None):
        """The next reply, which must be to this command and have the form of one."""
        while True:
            message = self.receive(limit)
            if message.type != p.COMMAND or message.command not in (p.DMA_READ, p.DMA_WRITE):
                break
            self.answer(message)
        name = p.NAMES.get(command, f"command {command}")
        if message.type != p.REPLY:
            raise Fail(f"what came for {name} has type {message.type}, and a reply has 1")
        if (message.id, message.command) != (id, command):
            raise Fail(
                f"the reply has id {message.id} and command {message.command}, "
                f"and the command had {id} and {command}"
            )
        if message.flags & ~(p.REPLY | p.ERROR):
            raise Fail(f"flags {message.flags:#x} of the reply to {name} have other bits")
        if message.failed and message.payload:
            raise Fail(f"an error reply to {name} has a payload of {len(message.payload)} bytes")
        if message.failed and message.files:
            raise Fail(f"an error reply to {name} has descriptors")
        return message

    def answer(self, message):
        if self.serve:
            self.serve(self, message)
        else:
            self.raw(p.HEADER.pack(message.id, message.command, 16, p.REPLY | p.ERROR, 14))

    def call(self, command, payload=b"", files=(), limit=None, **header):
        return self.reply(self.send(command, payload, files, **header), command, limit)

    def good(self, command, payload=b"", files=(), **header):
        """As call, and the command must succeed."""
        reply = self.call(command, payload, files, **header)
        if reply.failed:
            raise Fail(f"{p.NAMES[command]} was {reply}")
        return reply

    # What several cases want.

    def version(self, major=0, minor=1, text=b"{}\0", **more):
        return self.call(p.VERSION, p.struct.pack("=HH", major, minor) + text, **more)

    def greet(self, capabilities=None):
        """Begins a session in the way of a common client."""
        proposed = {
            "max_msg_fds": 8,
            "max_data_xfer_size": p.TRANSFER,
            "max_dma_maps": 65535,
            "pgsizes": p.PAGE,
            "write_multiple": True,
        }
        text = json.dumps({"capabilities": proposed if capabilities is None else capabilities})
        reply = self.version(text=text.encode() + b"\0")
        if reply.failed:
            raise Fail(f"VERSION was {reply}")
        self.capabilities = capabilities_of(reply)
        return self

    def alive(self):
        """Whether the session goes on: a command that has to be served is."""
        reply = self.call(p.GET_INFO, p.INFO.pack(p.INFO.size, 0, 0, 0))
        if reply.failed or len(reply.payload) < p.INFO.size:
            raise Fail(f"afterwards DEVICE_GET_INFO was {reply}")

    def config(self, offset, count):
        """Bytes of the configuration space."""
        return self.read(p.CONFIG, offset, count)

    def read(self, region, offset, count):
        reply = self.good(p.READ, p.ACCESS.pack(offset, region, count))
        return reply.payload[p.ACCESS.size :]

    def write(self, region, offset, data):
        self.good(p.WRITE_REGION, p.ACCESS.pack(offset, region, len(data)) + data)

    def map(self, address, size, file=None, offset=0, flags=3):
        payload = p.DMA_MAP.pack(p.DMA_MAP.size, flags, offset, address, size)
        return self.call(p.MAP, payload, () if file is None else (file,))

    def unmap(self, address, size, flags=0):
        return self.call(p.UNMAP, p.DMA_UNMAP.pack(p.DMA_UNMAP.size, flags, address, size))

    def set_irqs(self, flags, index, start, count, data=b"", files=(), argsz=None, **header):
        size = p.IRQ_SET.size + len(data)
        payload = p.IRQ_SET.pack(size if argsz is None else argsz, flags, index, start, count)
        return self.call(p.SET_IRQS, payload + data, files, **header)


def capabilities_of(reply):
    """What the server said in its VERSION, an empty set if it said nothing."""
    text = reply.payload[4:]
    if not text:
        return {}
    if not text.endswith(b"\0"):
        raise Fail("the version data of the reply have no NUL at the end")
    try:
        said = json.loads(text[:-1].decode())
    except ValueError as error:
        raise Fail(f"the version data of the reply are no JSON: {error}") from None
    if not isinstance(said, dict) or not isinstance(said.get("capabilities", {}), dict):
        raise Fail("the version data of the reply are no object, or its capabilities are none")
    return said.get("capabilities", {})
