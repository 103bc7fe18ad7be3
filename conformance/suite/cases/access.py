# SPDX-License-Identifier: MIT
"""REGION_READ, REGION_WRITE and DEVICE_RESET."""

import struct

from .. import protocol as p
from ..case import accepted, add, case, either, hung_up, outcome, refused, seen
from ..peer import Fail, Skip

READ, WRITE, RESET = p.SECTIONS[p.READ], p.SECTIONS[p.WRITE_REGION], p.SECTIONS[p.RESET]


def check(reply, offset, region, count, data):
    """The reply repeats the place; of data it has as much as it says."""
    if len(reply.payload) < p.ACCESS.size:
        raise Fail(f"the reply has a payload of {len(reply.payload)} bytes")
    got = p.ACCESS.unpack_from(reply.payload)
    if got != (offset, region, count):
        raise Fail(
            f"offset, region and count were {(offset, region, count)}, and the reply has {got}"
        )
    if len(reply.payload) != p.ACCESS.size + (count if data else 0):
        raise Fail(f"{len(reply.payload) - p.ACCESS.size} bytes of data, and count is {count}")
    if reply.files:
        raise Fail(f"{len(reply.files)} descriptors")


def read_config(offset, count, t):
    t.device.need_config()
    reply = t.client.good(p.READ, p.ACCESS.pack(offset, p.CONFIG, count))
    check(reply, offset, p.CONFIG, count, True)


for offset, count in ((0, 1), (0, 2), (0, 4), (2, 2), (3, 1), (4, 4), (60, 1), (62, 2)):
    add(
        f"read.config.{offset}.{count}", READ, "an aligned part of the configuration space",
        read_config, offset, count,
    )


def read_odd(offset, count, t):
    t.device.need_config()
    reply = t.client.call(p.READ, p.ACCESS.pack(offset, p.CONFIG, count))
    if reply.ok:
        check(reply, offset, p.CONFIG, count, True)
    return str(reply)


for offset, count in ((0, 8), (1, 2), (1, 4), (3, 4), (0, 3), (7, 13), (0, 64)):
    add(
        f"read.odd.{offset}.{count}", READ, "another width or place in the configuration space",
        read_odd, offset, count,
    )


@case("read.same", READ, "bytes read alone are those that are read together")
def read_same(t):
    t.device.need_config()
    # The identity of the device does not change.
    whole = t.client.config(0, 4)
    alone = b"".join(t.client.config(i, 1) for i in range(4))
    if whole != alone:
        raise Fail(f"{whole.hex()} and {alone.hex()}")
    if whole[:2] in (b"\xff\xff", b"\0\0"):
        raise Fail("the device has no identity")
    return f"{whole[1]:02x}{whole[0]:02x}:{whole[3]:02x}{whole[2]:02x}"


# Offset and count by the size of the region. A count of zero in the reply stands for an error.
BEYOND = {
    "at-end": lambda size: (size, 1),
    "over-end": lambda size: (size - 1, 2),
    "over-end-4": lambda size: (size - 2, 4),
    "far": lambda size: (size + (1 << 32), 4),
    "sign": lambda size: (1 << 63, 4),
    "max": lambda size: (p.MAX64, 1),
    "wraps-by-one": lambda size: (p.MAX64, 2),
    "wraps-to-4": lambda size: (p.MAX64 - 3, 8),
    "wraps-in": lambda size: (p.MAX64 - 63, 128),
}


def beyond(of, command, t):
    t.device.need_config()
    for region in t.device.regions():
        if not region.size:
            continue
        offset, count = of(region.size)
        data = b"\0" * count if command == p.WRITE_REGION else b""
        reply = t.client.call(command, p.ACCESS.pack(offset, region.index, count) + data)
        t.client.alive()
        if reply.ok:
            if offset >= region.size or len(reply.payload) < p.ACCESS.size:
                raise Fail(
                    f"region {region.index}, offset {offset:#x} is outside, and was accepted"
                )
            done = p.ACCESS.unpack_from(reply.payload)[2]
            if done > region.size - offset:
                raise Fail(f"region {region.index}: {done} bytes from {offset:#x} on were accepted")
    return seen(reply)


def no_region(command, where, t):
    index = {"next": t.device.num_regions, "sign": 0x80000000, "max": p.MAX32}[where]
    data = b"1234" if command == p.WRITE_REGION else b""
    reply = t.client.call(command, p.ACCESS.pack(0, index, 4) + data)
    t.client.alive()
    return refused(reply)


def empty_region(command, t):
    data = b"\0" * 4 if command == p.WRITE_REGION else b""
    for region in t.device.regions():
        if not region.size:
            refused(t.client.call(command, p.ACCESS.pack(0, region.index, 4) + data))


def zero(command, t):
    t.device.need_config()
    reply = t.client.call(command, p.ACCESS.pack(0, p.CONFIG, 0))
    if reply.ok:
        check(reply, 0, p.CONFIG, 0, command == p.READ)
    t.client.alive()
    return str(reply)


for command, name, section in ((p.READ, "read", READ), (p.WRITE_REGION, "write", WRITE)):
    for where, of in BEYOND.items():
        add(
            f"{name}.beyond.{where}", section, "nothing beyond the end of any region", beyond, of,
            command,
        )
    for where in ("next", "sign", "max"):
        add(f"{name}.region.{where}", section, "no such region", no_region, command, where)
    add(f"{name}.region.empty", section, "regions of no size", empty_region, command)
    add(f"{name}.count.zero", section, "a count of zero", zero, command)


def read_count(count, t):
    """More than the peer's limit is the client's fault; it must do no harm."""
    result = outcome(t.client.call, p.READ, p.ACCESS.pack(0, p.CONFIG, count), closing=True)
    if not isinstance(result, str):
        refused(result)
        t.client.alive()
    return seen(result)


for count in (1 << 20, (1 << 20) + 1, 0x7FFFFFFF, 0x80000000, p.MAX32 - 15, p.MAX32):
    add(f"read.count.{count:#x}", READ, "more than the region has", read_count, count)


def largest(command, more, t):
    limit = t.client.capabilities.get("max_data_xfer_size", p.TRANSFER)
    flag = p.REGION_READ if command == p.READ else p.REGION_WRITE
    # Memory, which can be mapped, and not registers.
    fitting = [r for r in t.device.regions() if r.has(p.REGION_MMAP) and r.has(flag) and r.size > limit]
    if not fitting or limit > 1 << 24:
        raise Skip("no region of memory is as large")
    count = limit + more
    data = b"\0" * count if command == p.WRITE_REGION else b""
    request = p.ACCESS.pack(0, fitting[0].index, count) + data
    result = outcome(t.client.call, command, request, closing=more > 0)
    if isinstance(result, str):
        return result
    if not more:
        accepted(result)
    if result.ok:
        check(result, 0, fitting[0].index, count, command == p.READ)
    return seen(result)


add(
    "read.count.largest", "Read and Write Operations", "max_data_xfer_size bytes of memory",
    largest, p.READ, 0,
)
add(
    "read.count.over-largest", "Read and Write Operations",
    "one byte more than max_data_xfer_size", largest, p.READ, 1,
)
add(
    "write.count.largest", "Read and Write Operations", "max_data_xfer_size bytes of memory",
    largest, p.WRITE_REGION, 0,
)
add(
    "write.count.over-largest", "Read and Write Operations",
    "one byte more than max_data_xfer_size", largest, p.WRITE_REGION, 1,
)


@case("write.reply", WRITE, "the reply repeats the place and has no data")
def write_reply(t):
    offset = t.device.scratch()
    byte = t.client.config(offset, 1)
    reply = t.client.good(p.WRITE_REGION, p.ACCESS.pack(offset, p.CONFIG, 1) + byte)
    check(reply, offset, p.CONFIG, 1, False)


@case("write.kept", WRITE, "what was written is read")
def write_kept(t):
    offset = t.device.scratch()
    before = t.client.config(offset, 1)
    changed = bytes([before[0] ^ 0x40])
    t.client.write(p.CONFIG, offset, changed)
    got = t.client.config(offset, 1)
    t.client.write(p.CONFIG, offset, before)
    if got != changed:
        raise Fail(f"{changed.hex()} was written, and {got.hex()} is read")


# The count that is said, and the bytes that come.
LENGTHS = {
    "one-less": (4, 3, "refused"),
    "none": (4, 0, "refused"),
    "page-less": (4096, 4, "refused"),
    "count-max": (p.MAX32, 4, "refused"),
    "count-sign": (0x80000000, 4, "refused"),
    "count-wraps": (p.MAX32 - 15, 0, "refused"),
    "one-more": (1, 2, "either"),
    "page-more": (1, 4096, "either"),
}


def lengths(count, length, wanted, t):
    offset = t.device.scratch()
    before = t.client.config(offset, 1)
    data = before + b"\0" * (length - 1) if length else b""
    reply = t.client.call(p.WRITE_REGION, p.ACCESS.pack(offset, p.CONFIG, count) + data)
    t.client.alive()
    return refused(reply) if wanted == "refused" else either(reply)


for name, row in LENGTHS.items():
    add(f"write.length.{name}", WRITE, "not as much data as count says", lengths, *row)


@case("write.refused-whole", WRITE, "a write that is refused changes nothing")
def refused_whole(t):
    offset = t.device.scratch()
    before = t.client.config(offset, 1)
    changed = bytes([before[0] ^ 0x40])
    refused(t.client.call(p.WRITE_REGION, p.ACCESS.pack(offset, p.CONFIG, 4) + changed))
    if t.client.config(offset, 1) != before:
        raise Fail("it was written")


@case("write.read-only", WRITE, "regions that cannot be written")
def read_only(t):
    found = [r for r in t.device.regions() if r.size and not r.has(p.REGION_WRITE)]
    if not found:
        raise Skip("all regions can be written")
    for region in found:
        reply = t.client.call(p.WRITE_REGION, p.ACCESS.pack(0, region.index, 1) + b"\0")
    return seen(reply)


@case("write.identity", WRITE, "the identity of the device cannot be written")
def identity(t):
    t.device.need_config()
    before = t.client.config(0, 4)
    reply = t.client.call(p.WRITE_REGION, p.ACCESS.pack(0, p.CONFIG, 4) + bytes(b ^ 255 for b in before))
    if t.client.config(0, 4) != before:
        t.client.write(p.CONFIG, 0, before)
        return "it can"
    return seen(reply)


@case("read.trailing", READ, "bytes behind the structure")
def read_trailing(t):
    return either(t.client.call(p.READ, p.ACCESS.pack(0, p.CONFIG, 4) + b"1234"))


def with_file(command, t):
    offset = t.device.scratch()
    data = t.client.config(offset, 1) if command == p.WRITE_REGION else b""
    reading, writing = t.pipe()
    request = p.ACCESS.pack(offset, p.CONFIG, 1) + data
    result = outcome(t.client.call, command, request, (writing,), closing=True)
    t.drop(writing)
    if not hung_up(reading, t.server.limit):
        raise Fail("the server keeps the descriptor")
    return seen(result)


add("read.descriptor", READ, "a descriptor that nobody asked for is closed", with_file, p.READ)
add(
    "write.descriptor", WRITE, "a descriptor that nobody asked for is closed", with_file,
    p.WRITE_REGION,
)


@case(
    "read.bar-size", "VFIO_USER_DEVICE_GET_REGION_INFO",
    "the size of each BAR is that of its region",
)
def bar_size(t):
    t.device.need_config()
    upper, notes = False, []
    for index in range(6):
        if upper:
            upper = False
            continue
        at = 0x10 + 4 * index
        before = t.client.config(at, 4)
        if t.client.call(p.WRITE_REGION, p.ACCESS.pack(at, p.CONFIG, 4) + b"\xff" * 4).failed:
            continue
        (word,) = struct.unpack("<I", t.client.config(at, 4))
        t.client.write(p.CONFIG, at, before)
        upper = bool(word & 1 == 0 and word & 6 == 4)
        mask = word & ~(3 if word & 1 else 15)
        size = -mask & p.MAX32 if mask else 0
        told = t.device.region(index).size
        if not word & 1 and mask and size != told:
            notes.append(f"BAR {index} decodes {size:#x}, its region has {told:#x}")
    return "; ".join(notes) or None


@case("reset.plain", RESET, "it succeeds if the device says that it has a reset")
def reset(t):
    reply = t.client.call(p.RESET)
    if reply.ok and reply.payload:
        raise Fail(f"the reply has a payload of {len(reply.payload)} bytes")
    t.client.alive()
    return accepted(reply) if t.device.flags & p.DEVICE_RESET else either(reply)


@case("reset.often", RESET, "twenty times, at once")
def reset_often(t):
    ids = [t.client.send(p.RESET) for _ in range(20)]
    return str([t.client.reply(id, p.RESET) for id in ids][-1])


@case("reset.payload", RESET, "a payload, which it does not have")
def reset_payload(t):
    reply = t.client.call(p.RESET, b"12345678")
    t.client.alive()
    return str(reply)


@case("reset.descriptor", RESET, "a descriptor that nobody asked for is closed")
def reset_file(t):
    reading, writing = t.pipe()
    result = outcome(t.client.call, p.RESET, b"", (writing,), closing=True)
    t.drop(writing)
    if not hung_up(reading, t.server.limit):
        raise Fail("the server keeps the descriptor")
    return seen(result)


@case("reset.same", RESET, "the device is the same one after it")
def reset_same(t):
    t.device.need_config()
    before = t.client.config(0, 4), [(r.size, r.flags) for r in t.device.regions()]
    t.client.call(p.RESET)
    if before != (t.client.config(0, 4), [(r.size, r.flags) for r in t.device.regions()]):
        raise Fail("it has another identity or other regions")
