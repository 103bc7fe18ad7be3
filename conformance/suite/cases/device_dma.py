# SPDX-License-Identifier: MIT
"""DMA_READ, DMA_WRITE and mapped memory. What makes the device access memory is told by --dma FILE."""

import os

from .. import protocol as p
from ..case import accepted, case, outcome
from ..peer import Fail, Silent, Skip

READ, WRITE, MAP = p.SECTIONS[p.DMA_READ], p.SECTIONS[p.DMA_WRITE], p.SECTIONS[p.MAP]


class Memory:
    """The client's memory, which the device reads and writes by messages."""

    def __init__(self, address, size):
        self.address, self.data, self.read, self.written = address, bytearray(size), 0, 0
        self.twist = None

    def __call__(self, client, message):
        address, count = p.DMA_ACCESS.unpack_from(message.payload)
        at = address - self.address
        if message.files:
            raise Fail("descriptors with an access to memory")
        if at < 0 or at + count > len(self.data):
            raise Fail(f"{count} bytes at {address:#x} were never mapped")
        if count > p.TRANSFER:
            raise Fail(f"{count} bytes at once are more than the client takes")
        if message.command == p.DMA_READ:
            self.read += count
            if len(message.payload) != 16:
                raise Fail(f"DMA_READ has a payload of {len(message.payload)} bytes")
            payload = p.DMA_ACCESS.pack(address, count) + bytes(self.data[at : at + count])
        else:
            self.written += count
            if len(message.payload) != 16 + count:
                raise Fail(f"DMA_WRITE of {count} bytes has a payload of {len(message.payload)}")
            self.data[at : at + count] = message.payload[16:]
            payload = p.DMA_ACCESS.pack(address, count)
        if self.twist:
            return self.twist(client, message, payload)
        client.raw(p.HEADER.pack(message.id, message.command, 16 + len(payload), p.REPLY, 0) + payload)


def needed(t):
    """The hook, its client with memory set up as it wants it, and that memory."""
    if not t.hook:
        raise Skip("nothing was told that makes the device access memory (--dma)")
    memory = Memory(t.hook.ADDRESS, t.hook.SIZE)
    t.client.serve = memory
    if getattr(t.hook, "prepare", None):
        t.hook.prepare(t.client, t.memory)
    accepted(t.client.map(t.hook.ADDRESS, t.hook.SIZE))
    return memory


@case("device-dma.messages", READ, "the device reads and writes by messages")
def messages(t):
    memory = needed(t)
    t.hook.start(t.client)
    while not t.hook.finished(memory):
        message = t.client.receive(t.hook.LIMIT)
        if message.type != p.COMMAND or message.command not in (p.DMA_READ, p.DMA_WRITE):
            raise Fail(f"type {message.type}, command {message.command} came, and no access to memory")
        t.client.answer(message)
    t.client.alive()
    return f"{memory.read} bytes read, {memory.written} written"


@case("device-dma.no-region", READ, "an access where nothing is mapped is not asked of the client")
def no_region(t):
    needed(t)
    if not t.hook.REFUSES:
        raise Skip("this device cannot be asked to")
    accepted(t.client.unmap(t.hook.ADDRESS, t.hook.SIZE))
    t.hook.start(t.client)
    try:
        t.client.receive(t.hook.LIMIT)
        raise Fail("the server asks for memory that is not mapped")
    except Silent:
        t.client.alive()


def error(client, message, payload):
    client.raw(p.HEADER.pack(message.id, message.command, 16, p.REPLY | p.ERROR, 14))


def other_id(client, message, payload):
    client.raw(p.HEADER.pack(message.id ^ 1, message.command, 16 + len(payload), p.REPLY, 0) + payload)


def short(client, message, payload):
    client.raw(p.HEADER.pack(message.id, message.command, 24, p.REPLY, 0) + payload[:8])


def long(client, message, payload):
    payload += b"\0" * 4096
    client.raw(p.HEADER.pack(message.id, message.command, 16 + len(payload), p.REPLY, 0) + payload)


def twisted(twist, t):
    memory = needed(t)
    if not t.hook.REFUSES:
        raise Skip("this device ends when its access fails")
    memory.twist = twist
    t.hook.start(t.client)
    t.client.answer(t.client.receive(t.hook.LIMIT))
    return outcome(lambda: t.client.alive() or "the session goes on", closing=True, silent=True)


for name, twist in {"error": error, "other-id": other_id, "short": short, "long": long}.items():
    case(f"device-dma.reply.{name}", READ, "a reply of the client that is an error, or none")(
        lambda t, twist=twist: twisted(twist, t)
    )


@case("device-dma.gone", READ, "the client goes while the device waits for memory")
def gone(t):
    needed(t)
    if not t.hook.REFUSES:
        raise Skip("this device ends when its access fails")
    t.hook.start(t.client)
    t.client.receive(t.hook.LIMIT)


@case("device-dma.shrunk", "Security Considerations", "mapped memory is shorter when the device accesses it")
def shrunk(t):
    if not t.hook:
        raise Skip("nothing was told that makes the device access memory (--dma)")
    if not t.hook.REFUSES:
        raise Skip("this device ends when its access fails")
    _, file = t.file(t.hook.SIZE)
    accepted(t.client.map(t.hook.ADDRESS, t.hook.SIZE, file))
    os.ftruncate(file, 0)
    t.hook.start(t.client)
    t.client.alive()
