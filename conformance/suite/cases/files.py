# SPDX-License-Identifier: MIT
"""Descriptors: too many, too few, of the wrong kind, and files that change."""

import os
import socket

from .. import protocol as p
from ..case import accepted, add, case, either, hung_up, outcome, refused, seen
from ..peer import Fail, Skip

MAP, IRQS = p.SECTIONS[p.MAP], p.SECTIONS[p.SET_IRQS]
BASE, SIZE = 0x100000, 0x10000
INFO = p.INFO.pack(16, 0, 0, 0)


def folder(t):
    return t.keep(os.open("/", os.O_RDONLY | os.O_DIRECTORY))


def path_only(t):
    path, _ = t.file(SIZE)
    return t.keep(os.open(path, os.O_PATH))


def read_only(t):
    path, _ = t.file(SIZE)
    return t.keep(os.open(path, os.O_RDONLY))


def write_only(t):
    path, _ = t.file(SIZE)
    return t.keep(os.open(path, os.O_WRONLY))


def sealed(t):
    import fcntl

    number = t.keep(os.memfd_create("conformance", os.MFD_ALLOW_SEALING))
    os.ftruncate(number, SIZE)
    fcntl.fcntl(number, 1033, 0x0008)  # F_ADD_SEALS, F_SEAL_WRITE
    return number


def sockets(t):
    one, two = socket.socketpair()
    t.keep(two.detach())
    return t.keep(one.detach())


def terminal(t):
    one, two = os.openpty()
    t.keep(one)
    return t.keep(two)


def own_socket(t):
    return t.keep(os.dup(t.client.socket.fileno()))


KINDS = {
    "pipe-reading": lambda t: t.pipe()[0],
    "pipe-writing": lambda t: t.pipe()[1],
    "folder": folder,
    "o-path": path_only,
    "read-only": read_only,
    "write-only": write_only,
    "sealed": sealed,
    "socket": sockets,
    "terminal": terminal,
    "own-connection": own_socket,
    "null": lambda t: t.keep(os.open("/dev/null", os.O_RDWR)),
    "zero": lambda t: t.keep(os.open("/dev/zero", os.O_RDWR)),
    "full": lambda t: t.keep(os.open("/dev/full", os.O_RDWR)),
    "proc": lambda t: t.keep(os.open("/proc/self/mem", os.O_RDWR)),
    "eventfd": lambda t: t.event(),
    "empty-file": lambda t: t.file(0)[1],
    "one-byte": lambda t: t.file(1)[1],
    "memory": lambda t: t.memory(SIZE),
    "timer": lambda t: t.keep(os.pidfd_open(os.getpid())),
    "epoll": lambda t: t.keep(epoll()),
}


def epoll():
    import select

    made = select.epoll()
    number = os.dup(made.fileno())
    made.close()
    return number


def as_memory(make, t):
    reply = t.client.map(BASE, SIZE, make(t))
    t.client.alive()
    if reply.ok:
        accepted(t.client.unmap(BASE, SIZE))
    return str(reply)


def as_event(make, t):
    if make is own_socket:
        # What the server writes comes to itself.
        return seen(outcome(lambda: event_of(make, t), closing=True))
    return event_of(make, t)


def event_of(make, t):
    irq = t.device.trigger()
    reply = t.client.set_irqs(p.EVENTFD | p.TRIGGER, irq.index, 0, 1, files=(make(t),))
    if reply.ok:
        t.client.set_irqs(p.NONE | p.TRIGGER, irq.index, 0, 1)
    t.client.alive()
    return str(reply)


for name, make in KINDS.items():
    add(f"files.memory.{name}", MAP, "memory of this kind does no harm", as_memory, make)
    add(f"files.eventfd.{name}", IRQS, "an eventfd of this kind does no harm", as_event, make)


@case("files.eventfd.full-pipe", IRQS, "the server does not wait for a pipe that is full")
def full_pipe(t):
    irq, (reading, writing) = t.device.trigger(), t.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"\0" * 4096)
    except BlockingIOError:
        pass
    os.set_blocking(writing, True)
    reply = t.client.set_irqs(p.EVENTFD | p.TRIGGER, irq.index, 0, 1, files=(writing,))
    if reply.ok:
        t.client.set_irqs(p.NONE | p.TRIGGER, irq.index, 0, 1)
    t.client.alive()
    return str(reply)


@case("files.eventfd.broken-pipe", IRQS, "nobody reads from the pipe")
def broken_pipe(t):
    irq, (reading, writing) = t.device.trigger(), t.pipe()
    t.drop(reading)
    reply = t.client.set_irqs(p.EVENTFD | p.TRIGGER, irq.index, 0, 1, files=(writing,))
    if reply.ok:
        t.client.set_irqs(p.NONE | p.TRIGGER, irq.index, 0, 1)
    t.client.alive()
    return str(reply)


# Descriptors that nobody asked for, which are the writing ends of pipes: it shows when they are closed.
COMMANDS = {
    "get-info": (p.GET_INFO, INFO),
    "region-info": (p.GET_REGION_INFO, p.REGION_INFO.pack(32, 0, 7, 0, 0, 0)),
    "irq-info": (p.GET_IRQ_INFO, p.IRQ_INFO.pack(16, 0, 0, 0)),
    "unmap": (p.UNMAP, p.DMA_UNMAP.pack(24, 0, BASE, SIZE)),
    "unknown": (14, b""),
    "feature": (p.DEVICE_FEATURE, p.FEATURE.pack(16, p.PROBE | p.GET | p.MIGRATION)),
    "map-refused": (p.MAP, p.DMA_MAP.pack(32, 3, 0, p.MAX64 - 0xFFF, 0x2000)),
    "map-twice": (p.MAP, p.DMA_MAP.pack(32, 3, 0, BASE, SIZE)),
}


def unwanted(command, payload, count, t):
    pipes = [t.pipe() for _ in range(count)]
    try:
        result = outcome(t.client.call, command, payload, [w for _, w in pipes], closing=True)
    except OSError as error:
        raise Skip(f"this system does not send {count} descriptors: {error.strerror}") from None
    for reading, writing in pipes:
        t.drop(writing)
    # What was accepted may be in use until the client goes.
    if not isinstance(result, str) and result.ok and command == p.MAP:
        t.hang_up()
    for reading, writing in pipes:
        if not hung_up(reading, t.server.limit):
            raise Fail("the server keeps a descriptor that it has no use for")
    return seen(result)


for name, row in COMMANDS.items():
    for count in (1, 2, 8, 16, 64, 253):
        if name in ("get-info", "map-twice") or count in (1, 8):
            add(
                f"files.unwanted.{name}.{count}", p.SECTIONS.get(row[0], "Commands"),
                "descriptors that nobody asked for are closed", unwanted, *row, count,
            )


@case(
    "files.unwanted.often", "Security Considerations",
    "descriptors with two hundred commands: none is kept",
)
def often(t):
    pipes = [t.pipe() for _ in range(200)]
    for reading, writing in pipes:
        if isinstance(outcome(t.client.call, 14, b"", (writing,), closing=True), str):
            t.another()
        t.drop(writing)
    for reading, _ in pipes:
        if not hung_up(reading, t.server.limit):
            raise Fail("the server keeps descriptors")


@case(
    "files.unwanted.no-reply", "Security Considerations",
    "descriptors with commands that say No_reply",
)
def quiet(t):
    reading, writing = t.pipe()
    t.client.send(14, b"", (writing,), flags=p.NO_REPLY)
    t.drop(writing)
    result = outcome(lambda: t.client.alive() or "accepted", closing=True)
    if not hung_up(reading, t.server.limit):
        raise Fail("the server keeps the descriptor")
    return result


def shrunk(size, t):
    _, file = t.file(SIZE)
    accepted(t.client.map(BASE, SIZE, file))
    os.ftruncate(file, size)
    t.client.alive()
    t.client.call(p.RESET)
    t.client.alive()
    return either(t.client.unmap(BASE, SIZE))


for name, size in {"empty": 0, "half": SIZE // 2, "one-byte": 1}.items():
    add(
        f"files.shrunk.{name}", "Security Considerations", "a mapped file becomes shorter", shrunk,
        size,
    )


@case(
    "files.shrunk.before", "Security Considerations",
    "a file that is shorter than the mapping from the start",
)
def shorter(t):
    _, file = t.file(p.PAGE)
    reply = t.client.map(BASE, SIZE, file)
    t.client.alive()
    return str(reply)


@case("files.split.header", MAP, "the descriptor comes with the header, the rest later")
def split_header(t):
    return split(t, 16)


@case("files.split.first-byte", MAP, "the descriptor comes with the first byte")
def split_first(t):
    return split(t, 1)


@case("files.split.last-byte", MAP, "the descriptor comes with the last byte")
def split_last(t):
    return split(t, 47, late=True)


def split(t, at, late=False):
    data = t.client.message(p.MAP, p.DMA_MAP.pack(32, 3, 0, BASE, SIZE), id=77)
    file = t.memory(SIZE)
    t.client.raw(data[:at], () if late else (file,))
    t.client.raw(data[at:], (file,) if late else ())
    result = outcome(t.client.reply, 77, p.MAP, closing=True)
    if not isinstance(result, str):
        t.client.alive()
    return seen(result)


@case("files.second", MAP, "the descriptor of the second of two messages is the second's")
def of_second(t):
    path, file = t.file(SIZE)
    one = t.client.message(p.GET_INFO, INFO, id=1)
    two = t.client.message(p.MAP, p.DMA_MAP.pack(32, 3, 0, BASE, SIZE), id=2)
    t.client.raw(one)
    t.client.raw(two, (file,))
    accepted(t.client.reply(1, p.GET_INFO))
    return either(t.client.reply(2, p.MAP))
