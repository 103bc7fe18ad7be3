# SPDX-License-Identifier: MIT
"""The header: ids, numbers of commands, sizes, flags, and what replies look like."""

from .. import protocol as p
from ..case import add, case, either, outcome, refused, seen
from ..peer import Closed, Fail, Silent

HEADER, COMMANDS = "Header", "Commands"
INFO = p.INFO.pack(p.INFO.size, 0, 0, 0)
# For the cases in which a server may wait: long enough for any that answers.
SHORT = 0.3


def id_is_echoed(id, t):
    t.client.good(p.GET_INFO, INFO, id=id)


for value in (0, 1, 0x00FF, 0x8000, 0xFFFF):
    add(f"header.id.{value:#06x}", HEADER, "the id is echoed", id_is_echoed, value)


def id_in_errors(id, t):
    refused(t.client.call(14, id=id))


for value in (0, 0xFFFF):
    add(
        f"header.id.error.{value:#06x}", HEADER, "the id is echoed in an error too", id_in_errors,
        value,
    )


@case("header.id.twice", HEADER, "an id may be used twice at once")
def id_twice(t):
    ids = [t.client.send(p.GET_INFO, INFO, id=7) for _ in range(2)]
    for id in ids:
        t.client.reply(id, p.GET_INFO)


def unknown_command(number, t):
    reply = t.client.call(number)
    refused(reply)
    t.client.alive()
    return str(reply)


for number in (0, 14, 19, 20, 0x7FFF, 0x8000, 0xFFFF):
    add(
        f"header.command.{number}", COMMANDS, "no such command: an error reply", unknown_command,
        number,
    )


def for_clients_only(number, t):
    refused(t.client.call(number, p.DMA_ACCESS.pack(0, 8)))
    t.client.alive()


for number in (p.DMA_READ, p.DMA_WRITE):
    name = p.NAMES[number].lower().replace("_", "-")
    add(
        f"header.command.{name}", COMMANDS, "a command of the other direction is refused",
        for_clients_only, number,
    )


def with_type(number, t):
    client = t.client
    client.send(p.GET_INFO, INFO, flags=number)
    try:
        message = client.receive(SHORT)
    except Closed:
        return "closed"
    except Silent:
        client.alive()
        return "ignored"
    if message.type != p.REPLY or message.ok:
        raise Fail(f"type {message.type} came back, and the command was {message}")
    return str(message)


for number in range(1, 16):
    about = "a reply that nobody waits for" if number == p.REPLY else "a type that there is not"
    add(f"header.type.{number}", HEADER, about + " is not taken for a command", with_type, number)


def with_flags(flags, t):
    result = outcome(t.client.call, p.GET_INFO, INFO, flags=flags, closing=True)
    return seen(result)


for bit in (5, 6, 7, 16, 31):
    about = "Error in a command" if bit == 5 else "a bit that there is not"
    add(f"header.flags.bit{bit}", HEADER, about, with_flags, 1 << bit)


def with_error(number, t):
    return seen(outcome(t.client.call, p.GET_INFO, INFO, error=number, closing=True))


for number in (1, p.MAX32):
    add(
        f"header.error.{number:#x}", HEADER, "the reserved error number of a command", with_error,
        number,
    )


def with_size(size, t):
    client = t.client
    client.raw(client.message(p.GET_INFO, INFO, id=9, size=size))
    waits = size > 32
    result = outcome(client.reply, 9, p.GET_INFO, SHORT if waits else None, closing=True, silent=waits)
    if not isinstance(result, str):
        refused(result)
    return seen(result)


for size in (0, 1, 15, 17 + (64 << 20), 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF):
    add(f"header.size.{size:#x}", HEADER, "a size that no message has", with_size, size)


@case("header.size.trailing", HEADER, "bytes behind the structure")
def trailing(t):
    result = either(t.client.call(p.GET_INFO, INFO + b"\0" * 16))
    t.client.alive()
    return result


# Shorter than its structure: the command, the least payload, and the lengths that are tried.
STRUCTURES = {
    p.MAP: p.DMA_MAP.size,
    p.UNMAP: p.DMA_UNMAP.size,
    p.GET_INFO: p.INFO.size,
    p.GET_REGION_INFO: p.REGION_INFO.size,
    p.GET_REGION_IO_FDS: p.IO_FDS.size,
    p.GET_IRQ_INFO: p.IRQ_INFO.size,
    p.SET_IRQS: p.IRQ_SET.size,
    p.READ: p.ACCESS.size,
    p.WRITE_REGION: p.ACCESS.size,
    p.WRITE_MULTI: 8,
    p.DEVICE_FEATURE: p.FEATURE.size,
    p.MIG_DATA_READ: p.DATA.size,
    p.MIG_DATA_WRITE: p.DATA.size,
}


def short_payload(command, length, t):
    result = refused(t.client.call(command, b"\0" * length))
    t.client.alive()
    return result


for command, whole in STRUCTURES.items():
    name = p.NAMES[command].lower().replace("_", "-")
    for length in sorted({0, 1, whole // 2, whole - 1}):
        add(
            f"header.short.{name}.{length}",
            p.SECTIONS[command],
            f"{length} of the {whole} bytes of its structure",
            short_payload,
            command,
            length,
        )


# Commands that say No_reply, right ones and wrong ones.
QUIET = {
    "get-info": (p.GET_INFO, INFO),
    "map": (p.MAP, p.DMA_MAP.pack(32, 3, 0, 0x10000, 0x1000)),
    "unmap-missing": (p.UNMAP, p.DMA_UNMAP.pack(24, 0, 0x10000, 0x1000)),
    "read": (p.READ, p.ACCESS.pack(0, p.CONFIG, 4)),
    "read-wrong": (p.READ, p.ACCESS.pack(0, p.MAX32, 4)),
    "write-wrong": (p.WRITE_REGION, p.ACCESS.pack(0, p.MAX32, 4) + b"1234"),
    "set-irqs-wrong": (p.SET_IRQS, p.IRQ_SET.pack(20, 0x3F, 0, 0, 1)),
    "unknown": (14, b""),
    "reset": (p.RESET, b""),
    "region-info": (p.GET_REGION_INFO, p.REGION_INFO.pack(32, 0, p.CONFIG, 0, 0, 0)),
    "irq-info-wrong": (p.GET_IRQ_INFO, p.IRQ_INFO.pack(16, 0, p.MAX32, 0)),
}


def no_reply(command, payload, t):
    # Commands are done in their order, so that the next reply tells.
    t.client.send(command, payload, flags=p.NO_REPLY)
    t.client.alive()


for name, row in QUIET.items():
    add(
        f"header.no-reply.{name}", HEADER,
        "nothing comes back, and the next command has its reply", no_reply, *row,
    )


@case("header.no-reply.done", HEADER, "a write that says No_reply is done before the next command")
def quiet_write(t):
    offset = t.device.scratch()
    before = t.client.read(p.CONFIG, offset, 1)[0]
    wanted = before ^ 0x40
    payload = p.ACCESS.pack(offset, p.CONFIG, 1) + bytes([wanted])
    t.client.send(p.WRITE_REGION, payload, flags=p.NO_REPLY)
    got = t.client.read(p.CONFIG, offset, 1)[0]
    t.client.write(p.CONFIG, offset, bytes([before]))
    if got != wanted:
        raise Fail(f"{wanted:#x} was written, and {got:#x} was read next")


# Refused by any server: what its reply looks like is checked with each.
WRONG = {
    "region-info": (p.GET_REGION_INFO, p.REGION_INFO.pack(32, 0, p.MAX32, 0, 0, 0)),
    "irq-info": (p.GET_IRQ_INFO, p.IRQ_INFO.pack(16, 0, p.MAX32, 0)),
    "set-irqs": (p.SET_IRQS, p.IRQ_SET.pack(20, p.NONE | p.TRIGGER, p.MAX32, 0, 1)),
    "read": (p.READ, p.ACCESS.pack(0, p.MAX32, 4)),
    "write": (p.WRITE_REGION, p.ACCESS.pack(0, p.MAX32, 4) + b"1234"),
    "set-irqs-flags": (p.SET_IRQS, p.IRQ_SET.pack(20, 0, 0, 0, 1)),
    "feature": (p.DEVICE_FEATURE, p.FEATURE.pack(8, p.GET | 0xFFFF)),
    "unknown": (14, b"12345678"),
}


def error_form(command, payload, t):
    reply = t.client.call(command, payload)
    refused(reply)
    t.client.alive()
    return p.error_name(reply.error)


for name, row in WRONG.items():
    add(
        f"header.error-form.{name}", HEADER, "an error is the Error bit and a header only",
        error_form, *row,
    )
