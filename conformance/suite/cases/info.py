# SPDX-License-Identifier: MIT
"""DEVICE_GET_INFO, DEVICE_GET_IRQ_INFO and DEVICE_GET_REGION_IO_FDS."""


from .. import protocol as p
from ..case import accepted, add, case, either, refused
from ..peer import Fail

INFO, IRQ, IO = (p.SECTIONS[n] for n in (p.GET_INFO, p.GET_IRQ_INFO, p.GET_REGION_IO_FDS))


@case("info.reply", INFO, "the reply's form and what it says of the device")
def info(t):
    reply = t.client.good(p.GET_INFO, p.INFO.pack(16, 0, 0, 0))
    if len(reply.payload) != 16 or reply.files:
        raise Fail(f"{len(reply.payload)} bytes and {len(reply.files)} descriptors")
    argsz, flags, regions, irqs = p.INFO.unpack(reply.payload)
    if argsz != 16:
        raise Fail(f"argsz is {argsz}, and the structure has 16 bytes")
    if not flags & p.DEVICE_PCI:
        raise Fail("only devices of PCI are supported, and the flag is not set")
    if regions < 9:
        raise Fail(f"{regions} regions, and a device of PCI has 9 at least")
    return f"{regions} regions, {irqs} interrupt types, flags {flags:#x}"


def info_argsz(argsz, t):
    reply = t.client.call(p.GET_INFO, p.INFO.pack(argsz, 0, 0, 0))
    if argsz >= 16:
        accepted(reply)
    if reply.ok:
        if len(reply.payload) > max(argsz, 16):
            raise Fail(f"argsz {argsz}, and the reply has {len(reply.payload)} bytes")
        if len(reply.payload) >= 4 and p.INFO.unpack(reply.payload.ljust(16, b"\0")[:16])[0] != 16:
            raise Fail("argsz of the reply is not what is needed")
    t.client.alive()
    return str(reply)


for argsz in (0, 1, 8, 15, 16, 17, 4096, 0x7FFFFFFF, 0x80000000, p.MAX32):
    add(f"info.argsz.{argsz:#x}", INFO, "the most that the reply may have", info_argsz, argsz)


def info_fields(field, t):
    fields = [16, 0, 0, 0]
    fields[field] = p.MAX32
    return either(t.client.call(p.GET_INFO, p.INFO.pack(*fields)))


for field, name in enumerate(("flags", "num-regions", "num-irqs"), 1):
    add(f"info.nonzero.{name}", INFO, "a field that must be zero", info_fields, field)


@case("info.same", INFO, "two answers are the same")
def info_same(t):
    answers = {t.client.good(p.GET_INFO, p.INFO.pack(16, 0, 0, 0)).payload for _ in range(3)}
    if len(answers) != 1:
        raise Fail("they are not")


def irq_info(index, t):
    if index >= t.device.num_irqs:
        return refused(t.client.call(p.GET_IRQ_INFO, p.IRQ_INFO.pack(16, 0, index, 0)))
    reply = t.client.good(p.GET_IRQ_INFO, p.IRQ_INFO.pack(16, 0, index, 0))
    if len(reply.payload) != 16 or reply.files:
        raise Fail(f"{len(reply.payload)} bytes and {len(reply.files)} descriptors")
    argsz, flags, got, count = p.IRQ_INFO.unpack(reply.payload)
    if argsz != 16 or got != index:
        raise Fail(f"argsz {argsz} and index {got}")
    if flags & ~0xF:
        raise Fail(f"flags {flags:#x} have bits that there are not")
    if flags & p.IRQ_AUTOMASKED and not flags & p.IRQ_MASKABLE:
        raise Fail("it masks itself and cannot be unmasked")
    return f"{count} interrupts, flags {flags:#x}"


for index in range(5):
    add(
        f"irq-info.type{index}", IRQ, "the reply's form, or an error beyond num_irqs", irq_info,
        index,
    )


def irq_beyond(where, t):
    index = {"next": t.device.num_irqs, "max": p.MAX32, "sign": 0x80000000}[where]
    return refused(t.client.call(p.GET_IRQ_INFO, p.IRQ_INFO.pack(16, 0, index, 0)))


for where in ("next", "sign", "max"):
    add(f"irq-info.beyond.{where}", IRQ, "no such interrupt type", irq_beyond, where)


def irq_argsz(argsz, t):
    reply = t.client.call(p.GET_IRQ_INFO, p.IRQ_INFO.pack(argsz, 0, 0, 0))
    if argsz >= 16:
        accepted(reply)
        if reply.payload[:4] != b"\x10\0\0\0" or len(reply.payload) != 16:
            raise Fail("argsz of the reply is not what is needed")
    t.client.alive()
    return str(reply)


for argsz in (0, 1, 15, 16, 17, p.MAX32):
    add(f"irq-info.argsz.{argsz:#x}", IRQ, "the most that the reply may have", irq_argsz, argsz)


def io_fds(index, t):
    reply = t.client.call(p.GET_REGION_IO_FDS, p.IO_FDS.pack(4096, 0, index, 0))
    if index >= t.device.num_regions:
        return refused(reply)
    if reply.failed:
        return str(reply)
    if len(reply.payload) < 16:
        raise Fail(f"the reply has {len(reply.payload)} bytes")
    argsz, flags, got, count = p.IO_FDS.unpack_from(reply.payload)
    if flags or got != index or (argsz <= 4096 and argsz != len(reply.payload)):
        raise Fail(f"argsz {argsz}, flags {flags:#x}, index {got}, {len(reply.payload)} bytes")
    if count and not reply.files:
        raise Fail(f"{count} sub-regions and no descriptor")
    for number in range(count):
        at = 16 + number * 40
        offset, size, which, kind = p.struct.unpack_from("=QQII", reply.payload, at)
        if offset + size > t.device.region(index).size:
            raise Fail(f"sub-region {number} is outside of the region")
        if which >= len(reply.files) or kind > 2:
            raise Fail(f"sub-region {number} has descriptor {which} and type {kind}")
    return f"{count} sub-regions"


for index in range(9):
    add(f"io-fds.region{index}", IO, "the reply's form, if it is supported", io_fds, index)
add("io-fds.beyond", IO, "no such region", io_fds, p.MAX32)


def io_argsz(argsz, t):
    reply = t.client.call(p.GET_REGION_IO_FDS, p.IO_FDS.pack(argsz, 0, 0, 0))
    if reply.ok and len(reply.payload) > max(argsz, 16):
        raise Fail(f"argsz {argsz}, and the reply has {len(reply.payload)} bytes")
    t.client.alive()
    return str(reply)


for argsz in (0, 15, 16, 17, p.MAX32):
    add(f"io-fds.argsz.{argsz:#x}", IO, "the most that the reply may have", io_argsz, argsz)


def io_nonzero(fields, t):
    return either(t.client.call(p.GET_REGION_IO_FDS, p.IO_FDS.pack(4096, *fields)))


for name, fields in {"flags": (1, 0, 0), "count": (0, 0, p.MAX32)}.items():
    add(f"io-fds.nonzero.{name}", IO, "a field that must be zero", io_nonzero, fields)
