# SPDX-License-Identifier: MIT
"""DEVICE_FEATURE, MIG_DATA_READ and MIG_DATA_WRITE."""

import struct

from .. import protocol as p
from ..case import accepted, add, case, either, refused
from ..peer import Fail, Skip

FEATURE = p.SECTIONS[p.DEVICE_FEATURE]
READ, WRITE = p.SECTIONS[p.MIG_DATA_READ], p.SECTIONS[p.MIG_DATA_WRITE]
STATES = ["error", "stop", "running", "stop-copy", "resuming", "running-p2p", "pre-copy"]


def ask(t, flags, data=b"", argsz=4096):
    return t.client.call(p.DEVICE_FEATURE, p.FEATURE.pack(argsz, flags) + data)


def supported(t, feature, way=p.GET):
    if ask(t, p.PROBE | way | feature).failed:
        raise Skip("the device does not have the feature")


def probe(feature, ways, t):
    reply = ask(t, p.PROBE | ways | feature)
    if reply.ok:
        if len(reply.payload) != p.FEATURE.size:
            raise Fail(f"the reply to a probe has {len(reply.payload)} bytes")
        if p.FEATURE.unpack(reply.payload)[1] != p.PROBE | ways | feature:
            raise Fail("the reply has other flags")
    t.client.alive()
    return str(reply)


for feature in (0, 1, 2, 3, 6, 7, 8, 9):
    for name, ways in {"get": p.GET, "set": p.SET, "both": p.GET | p.SET, "bare": 0}.items():
        add(
            f"feature.probe.{feature}.{name}", FEATURE, "whether the device has a feature", probe,
            feature, ways,
        )


def unknown(flags, t):
    reply = ask(t, flags, b"\0" * 32)
    t.client.alive()
    return refused(reply)


UNKNOWN = {
    "get": p.GET | 0xFFFF, "set": p.SET | 0xFFFF, "probe": p.PROBE | p.GET | 0xFFFF, "zero": 0,
    "get-and-set": p.GET | p.SET | p.MIG_STATE, "no-way": p.MIG_STATE, "bits": 0xFFF80000 | p.MIG_STATE, "max": p.MAX32,
}
for name, flags in UNKNOWN.items():
    add(f"feature.refused.{name}", FEATURE, "no such feature, or no such way", unknown, flags)


@case("feature.migration", FEATURE, "what GET of MIGRATION tells")
def migration(t):
    supported(t, p.MIGRATION)
    reply = ask(t, p.GET | p.MIGRATION)
    accepted(reply)
    if len(reply.payload) != 16:
        raise Fail(f"the reply has {len(reply.payload)} bytes, and the feature has 16")
    argsz, _, flags = struct.unpack("=IIQ", reply.payload)
    if argsz != 16 or not flags & 1 or flags & ~7:
        raise Fail(f"argsz {argsz} and flags {flags:#x}")
    return f"flags {flags:#x}"


def state(t):
    reply = ask(t, p.GET | p.MIG_STATE)
    accepted(reply)
    if len(reply.payload) < 12:
        raise Fail(f"the reply has {len(reply.payload)} bytes")
    return struct.unpack_from("=I", reply.payload, 8)[0]


def go(t, number):
    return ask(t, p.SET | p.MIG_STATE, struct.pack("=II", number, 0))


@case("feature.state.get", FEATURE, "a device that was not touched runs")
def get_state(t):
    supported(t, p.MIG_STATE)
    if state(t) != p.RUNNING:
        raise Fail(f"its state is {state(t)}")


def wrong_state(number, t):
    supported(t, p.MIG_STATE, p.SET)
    note = refused(go(t, number))
    if state(t) not in (p.RUNNING, p.STATE_ERROR):
        raise Fail(f"its state is {state(t)}")
    t.client.call(p.RESET)
    return note


for number in (0, 7, 8, 0x80000000, p.MAX32):
    add(
        f"feature.state.set.{number:#x}", FEATURE, "no state that can be asked for", wrong_state,
        number,
    )


def walk(path, t):
    supported(t, p.MIG_STATE, p.SET)
    try:
        follow(path, t)
    finally:
        back_to_running(t)


def back_to_running(t):
    """For the next client, as far as it can be done."""
    if go(t, p.RUNNING).failed:
        t.client.call(p.RESET)


def follow(path, t):
    for number in path:
        reply = go(t, number)
        if reply.failed:
            raise Fail(f"going to {STATES[number]} was {reply}")
        if number in (p.STOP_COPY, p.PRE_COPY):
            drain(t)
        if state(t) != number:
            raise Fail(f"it should be {STATES[number]}, and is {STATES[state(t)]}")


def drain(t):
    while True:
        reply = t.client.good(p.MIG_DATA_READ, p.DATA.pack(8 + 4096, 4096))
        _, size = p.DATA.unpack_from(reply.payload)
        if size > 4096 or len(reply.payload) != 8 + size:
            raise Fail(f"size {size}, and {len(reply.payload)} bytes")
        if size < 4096:
            break


WALKS = {
    "stop": (p.STOP, p.RUNNING),
    "save": (p.STOP, p.STOP_COPY, p.STOP, p.RUNNING),
    "save-at-once": (p.STOP_COPY,),
    "same": (p.RUNNING,),
    "resume-nothing": (p.STOP, p.RESUMING),
    "load-at-once": (p.RESUMING,),
}
for name, path in WALKS.items():
    add(f"feature.walk.{name}", FEATURE, "states that can be reached", walk, path)


@case("feature.walk.back", FEATURE, "STOP_COPY to PRE_COPY is not allowed")
def back(t):
    supported(t, p.MIG_STATE, p.SET)
    follow((p.STOP_COPY,), t)
    try:
        return refused(go(t, p.PRE_COPY))
    finally:
        back_to_running(t)


@case("feature.walk.pre-copy", FEATURE, "PRE_COPY, if MIGRATION says that there is one")
def pre_copy(t):
    supported(t, p.MIG_STATE, p.SET)
    reply = ask(t, p.GET | p.MIGRATION)
    if not struct.unpack("=IIQ", reply.payload)[2] & 4:
        note = refused(go(t, p.PRE_COPY))
        back_to_running(t)
        return note
    walk((p.PRE_COPY, p.STOP_COPY, p.STOP, p.RUNNING, p.PRE_COPY, p.RUNNING), t=t)


def bad_data(data, t):
    """The device may refuse at any step; it must serve afterwards."""
    supported(t, p.MIG_STATE, p.SET)
    follow((p.STOP, p.RESUMING), t)
    steps = [t.client.call(p.MIG_DATA_WRITE, p.DATA.pack(8 + len(data), len(data)) + data), go(t, p.STOP)]
    note = ", ".join(map(str, steps))
    t.client.call(p.RESET)
    if state(t) != p.RUNNING:
        raise Fail(f"its state is {state(t)} after a reset")
    return note


NEVER_SAVED = {"zeros": b"\0" * 600, "ones": b"\xff" * 4096, "byte": b"x", "long": b"ab" * 40000}
for name, data in NEVER_SAVED.items():
    add(f"feature.load.{name}", WRITE, "data that were never saved", bad_data, data)


@case("feature.load.changed", WRITE, "saved data in which each byte in turn is another")
def changed_data(t):
    supported(t, p.MIG_STATE, p.SET)
    accepted(go(t, p.STOP_COPY))
    reply = t.client.good(p.MIG_DATA_READ, p.DATA.pack(8 + 65536, 65536))
    saved_data = reply.payload[8:]
    refusals = 0
    for at in range(0, len(saved_data), max(1, len(saved_data) // 64)):
        data = bytearray(saved_data)
        data[at] ^= 0xFF
        for number in (p.STOP, p.RESUMING):
            go(t, number)
        t.client.call(p.MIG_DATA_WRITE, p.DATA.pack(8 + len(data), len(data)) + bytes(data))
        refusals += go(t, p.STOP).failed
        t.client.call(p.RESET)
    t.client.alive()
    return f"{refusals} of the changes are refused"


@case("feature.walk.round", FEATURE, "what was saved can be loaded")
def saved(t):
    supported(t, p.MIG_STATE, p.SET)
    accepted(go(t, p.STOP_COPY))
    data = b""
    while True:
        reply = t.client.good(p.MIG_DATA_READ, p.DATA.pack(8 + 65536, 65536))
        data += reply.payload[8:]
        if p.DATA.unpack_from(reply.payload)[1] < 65536:
            break
    accepted(go(t, p.STOP))
    accepted(go(t, p.RESUMING))
    t.client.good(p.MIG_DATA_WRITE, p.DATA.pack(8 + len(data), len(data)) + data)
    accepted(go(t, p.STOP))
    accepted(go(t, p.RUNNING))
    return f"{len(data)} bytes"


def get_argsz(argsz, t):
    supported(t, p.MIGRATION)
    reply = ask(t, p.GET | p.MIGRATION, argsz=argsz)
    if reply.ok and len(reply.payload) > max(argsz, p.FEATURE.size):
        raise Fail(f"argsz was {argsz}, and the reply has {len(reply.payload)} bytes")
    t.client.alive()
    return str(reply)


for argsz in (0, 7, 8, 15, 16, p.MAX32):
    add(f"feature.argsz.{argsz:#x}", FEATURE, "the most that the reply may have", get_argsz, argsz)


def short_state(length, t):
    supported(t, p.MIG_STATE, p.SET)
    reply = ask(t, p.SET | p.MIG_STATE, struct.pack("=II", p.STOP, 0)[:length])
    t.client.alive()
    return refused(reply)


for length in (0, 3):
    add(
        f"feature.short.state.{length}", FEATURE, "less data than the state needs", short_state,
        length,
    )

# Page size, number of ranges, and the ranges that come.
LOGS = {
    "page-zero": (0, 0, b""), "page-odd": (3, 0, b""), "page-max": (p.MAX64, 0, b""),
    "ranges-missing": (4096, 1, b""), "ranges-max": (4096, p.MAX32, b""),
    "ranges-wrap": (4096, 1 << 28, b""), "range-wraps": (4096, 1, struct.pack("=QQ", p.MAX64, 4096)),
}


def log_start(page, count, ranges, t):
    supported(t, p.LOG_START, p.SET)
    reply = ask(t, p.SET | p.LOG_START, struct.pack("=QII", page, count, 0) + ranges)
    t.client.alive()
    return refused(reply) if len(ranges) < count * 16 else either(reply)


for name, row in LOGS.items():
    add(
        f"feature.log.start.{name}", FEATURE, "logging with numbers that make no sense", log_start,
        *row,
    )
REPORTS = {
    "not-started": (0, 4096, 4096, False), "length-max": (0, p.MAX64, 4096, True),
    "wraps": (p.MAX64, p.MAX64, 4096, True), "page-zero": (0, 4096, 0, True), "page-odd": (0, 4096, 3, True),
    "page-one": (0, 1 << 40, 1, True), "missing": (1 << 40, 4096, 4096, True),
}


def log_report(address, length, page, started, t):
    supported(t, p.LOG_REPORT)
    accepted(t.client.map(0, 0x10000, t.memory(0x10000)))
    if started:
        accepted(ask(t, p.SET | p.LOG_START, struct.pack("=QII", 4096, 0, 0)))
    reply = ask(t, p.GET | p.LOG_REPORT, struct.pack("=QQQ", address, length, page))
    t.client.alive()
    return either(reply) if address == 1 << 40 else refused(reply)


for name, row in REPORTS.items():
    add(f"feature.log.report.{name}", FEATURE, "a report that there cannot be", log_report, *row)


def data_read(size, t):
    reply = t.client.call(p.MIG_DATA_READ, p.DATA.pack(min(8 + size, p.MAX32), size))
    t.client.alive()
    return refused(reply)


for size in (0, 1, 4096, 1 << 20, (1 << 20) + 1, p.MAX32 - 8, p.MAX32):
    add(
        f"feature.read.running.{size:#x}", READ, "no data are there while the device runs",
        data_read, size,
    )


def data_write(size, length, t):
    reply = t.client.call(p.MIG_DATA_WRITE, p.DATA.pack(8 + length, size) + b"\0" * length)
    t.client.alive()
    return refused(reply)


for size, length in ((0, 0), (16, 16), (17, 16), (p.MAX32, 0), (p.MAX32 - 7, 8), (4096, 4096)):
    add(
        f"feature.write.running.{size:#x}.{length}", WRITE,
        "no data are taken while the device runs", data_write, size, length,
    )
