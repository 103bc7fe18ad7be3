# SPDX-License-Identifier: MIT
"""The socket as a stream: slow clients, clients that stop in between, and many commands at once."""

import socket
import struct

from .. import protocol as p
from ..case import accepted, add, case, either, outcome, seen
from ..peer import Fail, Silent

CONCURRENCY, HEADER, GOING = "Command Concurrency", "Header", "Client Disconnection"
INFO = p.INFO.pack(16, 0, 0, 0)
HELLO = struct.pack("=HH", 0, 1) + b"{}\0"


@case("stream.bytes.version", HEADER, "VERSION byte by byte")
def version_bytes(t):
    client = t.raw()
    for byte in client.message(p.VERSION, HELLO, id=1):
        client.raw(bytes([byte]))
    accepted(client.reply(1, p.VERSION))
    client.alive()


def command_bytes(command, payload, step, t):
    data = t.client.message(command, payload, id=5)
    for at in range(0, len(data), step):
        t.client.raw(data[at : at + step])
    either(t.client.reply(5, command))
    t.client.alive()


for name, row in {
    "get-info": (p.GET_INFO, INFO),
    "write": (p.WRITE_REGION, p.ACCESS.pack(0, p.MAX32, 40) + b"\0" * 40),
    "reset": (p.RESET, b""),
    "unknown": (14, b"\0" * 100),
}.items():
    for step in (1, 7):
        add(
            f"stream.bytes.{name}.{step}", HEADER, f"a command in pieces of {step}", command_bytes,
            *row, step,
        )


def paused(at, t):
    data = t.client.message(p.GET_INFO, INFO, id=5)
    t.client.raw(data[:at])
    try:
        t.client.receive(0.05)
        raise Fail("a reply came before the command was whole")
    except Silent:
        pass
    t.client.raw(data[at:])
    accepted(t.client.reply(5, p.GET_INFO))


for at in (1, 4, 15, 16, 17, 31):
    add(f"stream.paused.{at}", HEADER, f"a pause behind {at} of 32 bytes", paused, at)


def cut(command, payload, at, greeted, t):
    client = t.client if greeted else t.raw()
    client.raw(client.message(command, payload)[:at])
    t.hang_up()


for at in (0, 1, 15, 16, 17, 19, 22):
    add(
        f"stream.cut.version.{at}", GOING, f"the client goes behind {at} bytes of VERSION", cut,
        p.VERSION, HELLO, at, False,
    )
for at in (1, 15, 16, 17, 31, 32):
    add(
        f"stream.cut.get-info.{at}", GOING, f"the client goes behind {at} bytes of a command", cut,
        p.GET_INFO, INFO, at, True,
    )
LONG = p.ACCESS.pack(0, 0, 65536) + b"\0" * 65536
for at in (16, 32, 33, 4096, 65000):
    add(
        f"stream.cut.write.{at}", GOING, f"the client goes behind {at} bytes of a long write", cut,
        p.WRITE_REGION, LONG, at, True,
    )
for command, payload in {
    p.MAP: p.DMA_MAP.pack(32, 3, 0, 0x100000, 0x1000),
    p.SET_IRQS: p.IRQ_SET.pack(20, 0x21, 0, 0, 0),
    p.RESET: b"",
    p.READ: p.ACCESS.pack(0, p.CONFIG, 64),
}.items():
    name = p.NAMES[command].lower().replace("_", "-")
    add(
        f"stream.cut.unread.{name}", GOING, "the client goes and has not read the reply", cut,
        command, payload, 1 << 20, True,
    )


def half_closed(at, t):
    client = t.client
    client.raw(client.message(p.GET_INFO, INFO, id=5)[:at])
    client.socket.shutdown(socket.SHUT_WR)
    return seen(outcome(client.reply, 5, p.GET_INFO, closing=True))


for at in (0, 8, 32):
    add(
        f"stream.half-closed.{at}", GOING, f"the client writes no more behind {at} bytes",
        half_closed, at,
    )


def not_reading(t):
    client = t.client
    client.socket.shutdown(socket.SHUT_RD)
    return seen(outcome(lambda: client.raw(client.message(p.GET_INFO, INFO)) or "sent", closing=True))


add("stream.half-closed.reading", GOING, "the client reads no more", not_reading)


def pipelined(count, at_once, t):
    client = t.client
    messages = [client.message(p.GET_INFO, INFO, id=i) for i in range(count)]
    if at_once:
        client.raw(b"".join(messages))
        ahead = 0
    else:
        # Not so many that they and their replies fill the socket.
        ahead = min(count, 64)
        for message in messages[:ahead]:
            client.raw(message)
    for id in range(count):
        accepted(client.reply(id, p.GET_INFO))
        if 0 < ahead < count:
            client.raw(messages[ahead])
            ahead += 1


for count in (2, 16, 64, 500):
    for at_once in (True, False):
        name = "at-once" if at_once else "one-by-one"
        add(
            f"stream.pipelined.{count}.{name}", CONCURRENCY,
            f"{count} commands are answered in their order", pipelined, count, at_once,
        )


@case("stream.pipelined.version", CONCURRENCY, "a command right behind VERSION")
def behind_version(t):
    client = t.raw()
    client.raw(client.message(p.VERSION, HELLO, id=1) + client.message(p.GET_INFO, INFO, id=2))
    accepted(client.reply(1, p.VERSION))
    return seen(outcome(client.reply, 2, p.GET_INFO, closing=True))


@case(
    "stream.pipelined.mixed", CONCURRENCY,
    "right, wrong and quiet commands are answered in their order",
)
def mixed(t):
    client = t.client
    kinds = [
        (p.GET_INFO, INFO, 0),
        (14, b"12", 0),
        (14, b"", p.NO_REPLY),
        (p.RESET, b"", 0),
        (p.READ, p.ACCESS.pack(0, p.MAX32, 1), 0),
    ]
    rows = [(id, *kinds[id % len(kinds)]) for id in range(60)]
    client.raw(b"".join(client.message(command, data, flags, id) for id, command, data, flags in rows))
    for id, command, payload, flags in rows:
        if not flags:
            client.reply(id, command)


@case("stream.pipelined.odd-pieces", HEADER, "fifty commands in pieces that fit no message")
def odd_pieces(t):
    client = t.client
    data = b"".join(client.message(p.GET_INFO, INFO, id=i) for i in range(50))
    for at in range(0, len(data), 37):
        client.raw(data[at : at + 37])
    for id in range(50):
        accepted(client.reply(id, p.GET_INFO))


@case("stream.pipelined.order", CONCURRENCY, "reads and writes at once are done in their order")
def ordered(t):
    offset = t.device.scratch()
    before = t.client.config(offset, 1)[0]
    client, wanted = t.client, []
    for i in range(20):
        byte = bytes([before ^ 0x40 if i % 2 else before])
        client.send(p.WRITE_REGION, p.ACCESS.pack(offset, p.CONFIG, 1) + byte, flags=p.NO_REPLY)
        wanted.append((client.send(p.READ, p.ACCESS.pack(offset, p.CONFIG, 1)), byte))
    got = [client.reply(id, p.READ).payload[16:] for id, _ in wanted]
    client.write(p.CONFIG, offset, bytes([before]))
    if got != [byte for _, byte in wanted]:
        raise Fail("a read has other bytes than the write before it")


@case("stream.unread.many", CONCURRENCY, "replies that are read only after all commands were sent")
def unread(t):
    t.device.need_config()
    ids = [t.client.send(p.READ, p.ACCESS.pack(0, p.CONFIG, 64)) for _ in range(200)]
    for id in ids:
        t.client.reply(id, p.READ)


@case("stream.unread.gone", GOING, "the client sends as much as it can, reads nothing and goes")
def unread_gone(t):
    client = t.client
    client.socket.settimeout(0.2)
    data = client.message(p.READ, p.ACCESS.pack(0, p.CONFIG, 64)) * 64
    return outcome(lambda: [client.raw(data) for _ in range(200)] and "all was taken", silent=True, closing=True)


@case("stream.noise", "Security Considerations", "bytes that are no message")
def noise(t):
    client = t.client
    state, data = 1, bytearray()
    for _ in range(4096):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        data.append(state >> 16 & 0xFF)
    result = outcome(lambda: client.raw(bytes(data)) or client.receive(0.3), closing=True, silent=True)
    return seen(result)
