# SPDX-License-Identifier: MIT
"""REGION_WRITE_MULTI."""

import struct

from .. import protocol as p
from ..case import accepted, add, case, either, refused
from ..peer import Fail, Skip

SECTION = p.SECTIONS[p.WRITE_MULTI]


def needed(t):
    if t.client.capabilities.get("write_multiple") is not True:
        raise Skip("the server does not have it")
    return t.device.scratch()


def write(offset, region=p.CONFIG, count=1, data=b"\0"):
    return p.WRITE.pack(offset, region, count, data)


def send(t, *writes, count=None, tail=b"", **header):
    count = len(writes) if count is None else count
    return t.client.call(p.WRITE_MULTI, struct.pack("=Q", count) + b"".join(writes) + tail, **header)


def done(reply, count):
    accepted(reply)
    if len(reply.payload) != 8 or struct.unpack("=Q", reply.payload)[0] != count:
        raise Fail(f"{count} writes, and the reply is {reply.payload.hex()}")


@case("multi.absent", SECTION, "a server that did not say that it has it")
def absent(t):
    if t.client.capabilities.get("write_multiple"):
        raise Skip("the server has it")
    reply = t.client.call(p.WRITE_MULTI, struct.pack("=Q", 0))
    t.client.alive()
    return either(reply)


@case("multi.one", SECTION, "one write")
def one(t):
    offset = needed(t)
    before = t.client.config(offset, 1)
    changed = bytes([before[0] ^ 0x40])
    done(send(t, write(offset, data=changed)), 1)
    got = t.client.config(offset, 1)
    t.client.write(p.CONFIG, offset, before)
    if got != changed:
        raise Fail(f"{changed.hex()} was written, and {got.hex()} is read")


@case("multi.order", SECTION, "the last of several writes to one place is what stays")
def order(t):
    offset = needed(t)
    before = t.client.config(offset, 1)
    other = bytes([before[0] ^ 0x40])
    done(send(t, *(write(offset, data=data) for data in (before, other, before, other))), 4)
    got = t.client.config(offset, 1)
    t.client.write(p.CONFIG, offset, before)
    if got != other:
        raise Fail(f"{other.hex()} was written last, and {got.hex()} is read")


@case("multi.many", SECTION, "two hundred writes")
def many(t):
    offset = needed(t)
    before = t.client.config(offset, 1)
    done(send(t, *[write(offset, data=before)] * 200), 200)


@case("multi.zero", SECTION, "no write at all")
def zero(t):
    needed(t)
    return either(send(t))


@case("multi.no-reply", SECTION, "done before the next command, and nothing comes back")
def quiet(t):
    offset = needed(t)
    before = t.client.config(offset, 1)
    changed = bytes([before[0] ^ 0x40])
    payload = struct.pack("=Q", 1) + write(offset, data=changed)
    t.client.send(p.WRITE_MULTI, payload, flags=p.NO_REPLY)
    got = t.client.config(offset, 1)
    t.client.write(p.CONFIG, offset, before)
    if got != changed:
        raise Fail(f"{changed.hex()} was written, and {got.hex()} is read")


COUNTS = {
    "one-more": 2, "sign": 1 << 63, "max": p.MAX64, "max32": p.MAX32,
    # Twenty-four times these is a small number again.
    "wraps-to-8": (1 << 64) // 24 + 1, "wraps-to-24": (1 << 61) + 1,
}


def wrong_count(count, t):
    offset = needed(t)
    reply = send(t, write(offset, data=t.client.config(offset, 1)), count=count)
    t.client.alive()
    return refused(reply)


for name, count in COUNTS.items():
    add(
        f"multi.count.{name}", SECTION, "more writes than there are in the message", wrong_count,
        count,
    )


@case("multi.count.fewer", SECTION, "fewer writes than there are in the message")
def fewer(t):
    offset = needed(t)
    byte = t.client.config(offset, 1)
    return either(send(t, write(offset, data=byte), write(offset, data=byte), count=1))


WRONG = {
    "count-9": dict(count=9),
    "count-max": dict(count=p.MAX32),
    "region": dict(region=p.MAX32),
    "offset": dict(offset=1 << 40),
    "offset-wraps": dict(offset=p.MAX64, count=8),
}


def wrong_write(change, second, t):
    offset = needed(t)
    good = write(offset, data=t.client.config(offset, 1))
    bad = write(**{"offset": offset, **change})
    reply = send(t, good, bad) if second else send(t, bad)
    t.client.alive()
    if second and reply.ok:
        if len(reply.payload) != 8 or struct.unpack("=Q", reply.payload)[0] != 1:
            raise Fail(f"one of two writes can be done, and the reply is {reply.payload.hex()}")
        return "one was done"
    if reply.ok and reply.payload == b"\0" * 8:
        return "none was done"
    return refused(reply)


for name, change in WRONG.items():
    add(f"multi.wrong.{name}", SECTION, "a write that cannot be done", wrong_write, change, False)
    add(
        f"multi.wrong.{name}.second", SECTION, "a write that cannot be done after one that can",
        wrong_write, change, True,
    )


@case("multi.half", SECTION, "a message that ends within a write")
def half(t):
    offset = needed(t)
    reply = send(t, write(offset)[:12], count=1)
    t.client.alive()
    return refused(reply)


@case("multi.count.zero-bytes", SECTION, "a write of no bytes")
def zero_bytes(t):
    offset = needed(t)
    reply = send(t, write(offset, count=0))
    t.client.alive()
    return either(reply)
