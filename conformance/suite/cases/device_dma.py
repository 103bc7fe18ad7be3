# SPDX-License-Identifier: MIT
"""DMA_READ and DMA_WRITE. What makes the device access memory is told by --dma FILE."""

import os

from .. import protocol as p
from ..case import accepted, add, outcome, refused
from ..peer import Fail, Silent, Skip

READ, WRITE = p.SECTIONS[p.DMA_READ], p.SECTIONS[p.DMA_WRITE]


class Gone(Exception):
    """The client is to go where it should have replied."""


class Memory:
    """The client's memory, which the device reads and writes by messages."""

    def __init__(self, address, size, twist):
        self.address, self.data, self.twist = address, bytearray(os.urandom(size)), twist
        self.read = self.written = self.asked = 0
        self.limit = p.TRANSFER

    def __call__(self, client, message):
        self.asked += 1
        if message.files or len(message.payload) < 16:
            raise Fail(
                f"an access has {len(message.files)} descriptors, {len(message.payload)} bytes"
            )
        if message.flags & ~p.NO_REPLY:
            raise Fail(f"flags {message.flags:#x} of a command")
        address, count = p.DMA_ACCESS.unpack_from(message.payload)
        at = address - self.address
        if at < 0 or at + count > len(self.data):
            raise Fail(f"{count} bytes at {address:#x} were never mapped")
        if count > self.limit:
            raise Fail(f"{count} bytes at once are more than the client takes")
        if len(message.payload) != 16 + (count if message.command == p.DMA_WRITE else 0):
            raise Fail(f"{count} bytes, and a payload of {len(message.payload)}")
        payload = p.DMA_ACCESS.pack(address, count)
        if message.command == p.DMA_READ:
            self.read += count
            payload += bytes(self.data[at : at + count])
        else:
            self.written += count
            self.data[at : at + count] = message.payload[16:]
        if not message.flags & p.NO_REPLY:
            self.twist(client, message, payload)


def plain(client, message, payload):
    client.raw(p.HEADER.pack(message.id, message.command, 16 + len(payload), p.REPLY, 0) + payload)


def error(client, message, payload):
    client.raw(p.HEADER.pack(message.id, message.command, 16, p.REPLY | p.ERROR, 14))


def error_zero(client, message, payload):
    client.raw(p.HEADER.pack(message.id, message.command, 16, p.REPLY | p.ERROR, 0))


def other_id(client, message, payload):
    client.raw(p.HEADER.pack(message.id ^ 1, message.command, 16 + len(payload), p.REPLY, 0) + payload)


def other_command(client, message, payload):
    client.raw(p.HEADER.pack(message.id, p.GET_INFO, 16 + len(payload), p.REPLY, 0) + payload)


def short(client, message, payload):
    client.raw(p.HEADER.pack(message.id, message.command, 24, p.REPLY, 0) + payload[:8])


def long(client, message, payload):
    plain(client, message, payload + b"\0" * 4096)


def other_place(client, message, payload):
    address, count = p.DMA_ACCESS.unpack_from(payload)
    plain(client, message, p.DMA_ACCESS.pack(address + 1, count) + payload[16:])


def other_count(client, message, payload):
    address, count = p.DMA_ACCESS.unpack_from(payload)
    plain(client, message, p.DMA_ACCESS.pack(address, p.MAX64) + payload[16:])


def twice(client, message, payload):
    plain(client, message, payload)
    plain(client, message, payload)


def gone(client, message, payload):
    raise Gone


def in_pieces(client, message, payload):
    data = p.HEADER.pack(message.id, message.command, 16 + len(payload), p.REPLY, 0) + payload
    for at in range(0, len(data), 41):
        client.raw(data[at : at + 41])


def needed(t, twist=plain, faulty=True):
    if not t.hook:
        raise Skip("nothing was told that makes the device access memory (--dma)")
    if faulty and not t.hook.REFUSES:
        raise Skip("this device ends when an access fails")
    memory = t.client.serve = Memory(t.hook.ADDRESS, t.hook.SIZE, twist)
    if hasattr(t.hook, "prepare"):
        t.hook.prepare(t.client, t.memory)
    return memory


def until(t, memory, done):
    """Serves the device; its commands may come before and after replies to the client's."""
    while not done():
        message = t.client.receive(t.hook.LIMIT)
        if message.type != p.COMMAND or message.command not in (p.DMA_READ, p.DMA_WRITE):
            raise Fail(
                f"type {message.type}, command {message.command} came, and no access to memory"
            )
        t.client.answer(message)


def messages(twist, write, t):
    memory = needed(t, twist, faulty=False)
    accepted(t.client.map(t.hook.ADDRESS, t.hook.SIZE))
    t.hook.start(t.client, write)
    until(t, memory, lambda: t.hook.finished(memory, write))
    t.client.alive()
    return f"{memory.read} bytes read, {memory.written} written"


def none(flags, write, t):
    memory = needed(t)
    accepted(t.client.map(t.hook.ADDRESS, t.hook.SIZE, flags=flags or 3))
    if flags is None:
        accepted(t.client.unmap(t.hook.ADDRESS, t.hook.SIZE))
    t.hook.start(t.client, write)
    try:
        until(t, memory, lambda: memory.asked)
    except Silent:
        pass
    if memory.asked:
        raise Fail("the server asks for it")
    t.client.alive()


NONE = (
    ("unmapped.read", "no access where nothing is mapped", None, False),
    ("unmapped.write", "no access where nothing is mapped", None, True),
    ("read-only", "no write to memory that is readable only", 1, True),
    ("write-only", "no read of memory that is writeable only", 2, False),
)
for name, about, flags, write in NONE:
    add(f"device-dma.none.{name}", p.SECTIONS[p.MAP], about, none, flags, write)


def twisted(twist, write, t):
    memory = needed(t, twist)
    accepted(t.client.map(t.hook.ADDRESS, t.hook.SIZE))
    try:
        result = outcome(lambda: access(t, memory, write), closing=True)
    except Gone:
        t.hang_up()
        return None
    return result


def access(t, memory, write):
    t.hook.start(t.client, write)
    until(t, memory, lambda: memory.asked)
    memory.twist = plain
    t.client.alive()
    return "the session goes on"


TWISTS = {
    "error": error, "error-without-number": error_zero, "other-id": other_id, "other-command": other_command,
    "short": short, "long": long, "other-place": other_place, "other-count": other_count, "twice": twice,
    "gone": gone,
}
for write, section in ((False, READ), (True, WRITE)):
    way = "write" if write else "read"
    add(
        f"device-dma.messages.{way}", section, "the device accesses memory by messages", messages,
        plain, write,
    )
    add(
        f"device-dma.pieces.{way}", section, "the reply of the client comes in pieces", messages,
        in_pieces, write,
    )
    for name, twist in TWISTS.items():
        about = "a reply of the client that is none, or an error"
        if twist is gone:
            about = "the client goes in place of a reply"
        add(f"device-dma.reply.{name}.{way}", section, about, twisted, twist, write)


def mapped(size, write, t):
    """By the descriptor, which is as long as told, or shorter since."""
    memory = needed(t)
    _, file = t.file(t.hook.SIZE)
    accepted(t.client.map(t.hook.ADDRESS, t.hook.SIZE, file))
    os.ftruncate(file, size)
    t.hook.start(t.client, write)
    t.client.alive()
    if memory.asked:
        return "by messages all the same"
    refused(t.client.map(t.hook.ADDRESS, t.hook.SIZE))
    accepted(t.client.unmap(t.hook.ADDRESS, t.hook.SIZE))
    return None


for write in (False, True):
    way = "write" if write else "read"
    for name, size in {"whole": 0x1000, "shrunk": 0, "cut": 100}.items():
        about = "memory with a descriptor"
        if name != "whole":
            about = "a mapped file is shorter when the device accesses it"
        add(f"device-dma.mapped.{name}.{way}", "Client memory access", about, mapped, size, write)


def round_trip(offset, t):
    """What the device read is what it writes, if it has a buffer to keep it in."""
    memory = needed(t)
    if not getattr(t.hook, "COPIES", 0):
        raise Skip("this device does not write what it read")
    with_file = offset is not None
    file = t.memory(2 * t.hook.SIZE) if with_file else None
    accepted(t.client.map(t.hook.ADDRESS, t.hook.SIZE, file, offset or 0))
    wanted = bytes(memory.data)[: t.hook.COPIES]
    if with_file:
        os.pwrite(file, wanted, offset)
    for write in (False, True):
        t.hook.start(t.client, write)
        until(t, memory, lambda: with_file or t.hook.finished(memory, write))
        t.client.alive()
        if not write:
            memory.data[:] = bytes(len(memory.data))
            if with_file:
                os.pwrite(file, bytes(2 * t.hook.SIZE), 0)
    got = os.pread(file, t.hook.SIZE, offset) if with_file else bytes(memory.data)
    if got != wanted + bytes(t.hook.SIZE - len(wanted)):
        raise Fail("other bytes, or more of them")


add(
    "device-dma.round.messages", WRITE, "what was read by messages is written by messages",
    round_trip, None,
)
for name, offset in {"start": 0, "offset": p.PAGE}.items():
    add(
        f"device-dma.round.{name}", "Client memory access",
        "what was read from a mapping is written to it", round_trip, offset,
    )


def limited(limit, write, t):
    """Each access has at most as many bytes as the client proposed."""
    if t.hook:
        t.greeted = t.raw().greet({"max_data_xfer_size": limit})
    memory = needed(t, faulty=False)
    memory.limit = limit
    accepted(t.client.map(t.hook.ADDRESS, t.hook.SIZE))
    t.hook.start(t.client, write)
    until(t, memory, lambda: t.hook.finished(memory, write))
    return f"{memory.asked} accesses"


for limit in (64, 4096):
    for write, section in ((False, READ), (True, WRITE)):
        name = f"device-dma.limit.{limit}.{'write' if write else 'read'}"
        add(
            name, section, "no access is larger than max_data_xfer_size of the client", limited,
            limit, write,
        )
