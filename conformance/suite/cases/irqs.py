# SPDX-License-Identifier: MIT
"""DEVICE_SET_IRQS: every action with every kind of data, ranges, eventfds, and what is signalled."""

import os

from .. import protocol as p
from ..case import accepted, add, case, either, hung_up, judge, outcome, refused, seen, value
from ..peer import Fail, Skip

SECTION = p.SECTIONS[p.SET_IRQS]
KINDS = {"none": p.NONE, "bool": p.BOOL, "eventfd": p.EVENTFD}
ACTIONS = {"mask": p.MASK, "unmask": p.UNMASK, "trigger": p.TRIGGER}


def wanted_of(irq, kind, action):
    """What a combination has to come to, by what the type says of itself."""
    if not irq.count:
        return "refused"
    if kind == p.EVENTFD and action == p.TRIGGER and irq.has(p.IRQ_EVENTFD):
        return "accepted"
    if kind != p.EVENTFD and action in (p.MASK, p.UNMASK) and irq.has(p.IRQ_MASKABLE):
        return "accepted"
    return "either"


def combination(index, kind, action, t):
    if index >= t.device.num_irqs:
        raise Skip(f"the device has {t.device.num_irqs} interrupt types")
    irq = t.device.irq(index)
    data = b"\1" if kind == p.BOOL else b""
    files = (t.event(),) if kind == p.EVENTFD else ()
    reply = t.client.set_irqs(kind | action, index, 0, 1, data, files)
    t.client.alive()
    return judge(wanted_of(irq, kind, action), reply)


for index in range(5):
    for action, bit in ACTIONS.items():
        for kind, data in KINDS.items():
            add(
                f"irqs.combination.type{index}.{action}.{kind}", SECTION,
                "an action with a kind of data", combination, index, data, bit,
            )


def wrong_flags(flags, t):
    irq = t.device.trigger()
    reply = t.client.set_irqs(flags, irq.index, 0, 1, b"\1", (t.event(),) if flags & p.EVENTFD else ())
    t.client.alive()
    return refused(reply)


FLAGS = {
    "zero": 0,
    "no-data": p.TRIGGER,
    "no-action": p.NONE,
    "two-data": p.NONE | p.BOOL | p.TRIGGER,
    "none-eventfd": p.NONE | p.EVENTFD | p.TRIGGER,
    "bool-eventfd": p.BOOL | p.EVENTFD | p.TRIGGER,
    "mask-unmask": p.NONE | p.MASK | p.UNMASK,
    "mask-trigger": p.NONE | p.MASK | p.TRIGGER,
    "all-known": 0x3F,
    "max": p.MAX32,
}
for name, flags in FLAGS.items():
    add(
        f"irqs.flags.{name}", SECTION, "flags that exclude one another, or that say too little",
        wrong_flags, flags,
    )



def unknown_flags(bit, t):
    irq = t.device.trigger()
    reply = t.client.set_irqs(p.NONE | p.TRIGGER | 1 << bit, irq.index, 0, 0)
    t.client.alive()
    return either(reply)


for bit in (6, 31):
    add(f"irqs.flags.bit{bit}", SECTION, "a bit that there is not", unknown_flags, bit)

# Start and count by the number of interrupts, n.
RANGES = {
    "start-n": lambda n: (n, 1),
    "count-over": lambda n: (0, n + 1),
    "last-two": lambda n: (n - 1, 2),
    "start-max": lambda n: (p.MAX32, 1),
    "start-sign": lambda n: (0x80000000, 1),
    "count-max": lambda n: (0, p.MAX32),
    "wraps-to-0": lambda n: (1, p.MAX32),
    "wraps-to-1": lambda n: (p.MAX32, 2),
    "wraps-to-n": lambda n: (p.MAX32 - 3, 4 + n),
    "halves": lambda n: (0x80000000, 0x80000000),
}


def wrong_range(of, kind, t):
    irq = t.device.trigger()
    start, count = of(irq.count)
    # As much data as a server can want that looks at the count's low bits only.
    data = b"\0" * min(count, 64) if kind == p.BOOL else b""
    files = tuple(t.event() for _ in range(min(count, 2))) if kind == p.EVENTFD else ()
    reply = t.client.set_irqs(kind | p.TRIGGER, irq.index, start, count, data, files)
    t.client.alive()
    return refused(reply)


for name, of in RANGES.items():
    for kind, data in KINDS.items():
        add(
            f"irqs.range.{name}.{kind}", SECTION, "a range beyond the type's interrupts",
            wrong_range, of, data,
        )


def no_index(where, t):
    index = {"next": t.device.num_irqs, "sign": 0x80000000, "max": p.MAX32}[where]
    reply = t.client.set_irqs(p.NONE | p.TRIGGER, index, 0, 0)
    t.client.alive()
    return refused(reply)


for where in ("next", "sign", "max"):
    add(f"irqs.index.{where}", SECTION, "no such interrupt type", no_index, where)


def disable(index, t):
    if index >= t.device.num_irqs:
        raise Skip(f"the device has {t.device.num_irqs} interrupt types")
    reply = t.client.set_irqs(p.NONE | p.TRIGGER, index, 0, 0)
    return accepted(reply) if t.device.irq(index).count else either(reply)


for index in range(5):
    add(
        f"irqs.disable.type{index}", SECTION, "start 0, count 0 and no data disable the type",
        disable, index,
    )


@case("irqs.range.start-without-count", SECTION, "count 0 with a start")
def start_only(t):
    irq = t.device.trigger()
    return either(t.client.set_irqs(p.NONE | p.TRIGGER, irq.index, 1, 0))


def empty(kind, t):
    irq = t.device.trigger()
    return either(t.client.set_irqs(kind | p.TRIGGER, irq.index, 0, 0))


for name in ("bool", "eventfd"):
    add(f"irqs.range.count-zero.{name}", SECTION, "count 0 with data", empty, KINDS[name])


# What is signalled. Triggering is the client's way to see it, which a type may not have.


def assign(t, irq, *events, start=0):
    accepted(t.client.set_irqs(p.EVENTFD | p.TRIGGER, irq.index, start, len(events), files=events))


def trigger(t, irq, data=None, start=0, count=1):
    kind = p.NONE if data is None else p.BOOL
    reply = t.client.set_irqs(kind | p.TRIGGER, irq.index, start, count, data or b"")
    if reply.failed:
        raise Skip(f"triggering type {irq.index} was {reply}")


@case("irqs.signal.none", SECTION, "TRIGGER without data signals the eventfd")
def signal_none(t):
    irq, event = t.device.trigger(), t.event()
    assign(t, irq, event)
    if value(event):
        raise Fail("it was signalled when it was assigned")
    trigger(t, irq)
    if value(event) != 1:
        raise Fail("it is not signalled once")


def signal_bool(byte, t):
    irq, event = t.device.trigger(), t.event()
    assign(t, irq, event)
    trigger(t, irq, bytes([byte]))
    got = value(event)
    if byte > 1:
        return f"{got} signals"
    if got != byte:
        raise Fail(f"the boolean is {byte}, and the eventfd counted {got}")


for byte in (0, 1, 2, 255):
    add(
        f"irqs.signal.bool.{byte}", SECTION,
        "TRIGGER with a boolean signals where it is true (2 and 255: either)", signal_bool, byte,
    )


@case("irqs.signal.replaced", SECTION, "a new eventfd takes the place of the old one")
def replaced(t):
    irq, old, new = t.device.trigger(), t.event(), t.event()
    assign(t, irq, old)
    assign(t, irq, new)
    trigger(t, irq)
    if value(old) or value(new) != 1:
        raise Fail("it is not the new one that was signalled")


@case("irqs.signal.deassigned", SECTION, "EVENTFD without descriptors de-assigns")
def deassigned(t):
    irq, event = t.device.trigger(), t.event()
    assign(t, irq, event)
    accepted(t.client.set_irqs(p.EVENTFD | p.TRIGGER, irq.index, 0, 1))
    reply = t.client.set_irqs(p.NONE | p.TRIGGER, irq.index, 0, 1)
    if value(event):
        raise Fail("it is signalled yet")
    return either(reply)


@case("irqs.signal.disabled", SECTION, "nothing is signalled after all are disabled")
def disabled(t):
    irq, event = t.device.trigger(), t.event()
    assign(t, irq, event)
    accepted(t.client.set_irqs(p.NONE | p.TRIGGER, irq.index, 0, 0))
    reply = t.client.set_irqs(p.NONE | p.TRIGGER, irq.index, 0, 1)
    if value(event):
        raise Fail("it is signalled yet")
    return either(reply)


@case("irqs.signal.second", SECTION, "of two eventfds the one that is meant is signalled")
def second(t):
    irq, events = t.device.trigger(2), (t.event(), t.event())
    assign(t, irq, *events)
    trigger(t, irq, start=1)
    if value(events[0]) or value(events[1]) != 1:
        raise Fail("it is another one")


@case("irqs.signal.last", SECTION, "the last interrupt of a type")
def last(t):
    irq, event = t.device.trigger(), t.event()
    assign(t, irq, event, start=irq.count - 1)
    trigger(t, irq, start=irq.count - 1)
    if value(event) != 1:
        raise Fail("it is not signalled once")


def full(flags, t):
    irq, event = t.device.trigger(), t.event(0, flags)
    assign(t, irq, event)
    os.eventfd_write(event, p.MAX64 - 1)
    trigger(t, irq)
    t.client.alive()


for name, flags in {"nonblocking": os.EFD_NONBLOCK, "blocking": 0}.items():
    add(
        f"irqs.signal.full.{name}", SECTION,
        "the server does not wait for an eventfd that is full", full, flags,
    )


@case("irqs.signal.masked", SECTION, "masked, triggered and unmasked")
def masked(t):
    irq, event = t.device.trigger(), t.event()
    if not irq.has(p.IRQ_MASKABLE):
        raise Skip("it cannot be masked")
    assign(t, irq, event)
    accepted(t.client.set_irqs(p.NONE | p.MASK, irq.index, 0, 1))
    trigger(t, irq)
    during = value(event)
    accepted(t.client.set_irqs(p.NONE | p.UNMASK, irq.index, 0, 1))
    return f"{during} signals while masked, {value(event)} at the unmasking"


@case("irqs.signal.repeated-mask", SECTION, "masking twice and unmasking thrice")
def repeated_mask(t):
    irq = t.device.trigger()
    if not irq.has(p.IRQ_MASKABLE):
        raise Skip("it cannot be masked")
    for action in (p.MASK, p.MASK, p.UNMASK, p.UNMASK, p.UNMASK):
        accepted(t.client.set_irqs(p.NONE | action, irq.index, 0, 1))


# Data of the wrong length, and descriptors of the wrong number.


def bools(length, wanted, t):
    irq = t.device.trigger()
    count = max(1, min(irq.count, 4))
    data = b"\0" * {"none": 0, "one-less": count - 1, "one-more": count + 1, "page": 4096}[length]
    reply = t.client.set_irqs(p.BOOL | p.TRIGGER, irq.index, 0, count, data)
    t.client.alive()
    return judge(wanted, reply)


for length, wanted in {"none": "refused", "one-less": "refused", "one-more": "either", "page": "either"}.items():
    add(
        f"irqs.bools.{length}", SECTION, "not as many booleans as interrupts", bools, length,
        wanted,
    )


@case("irqs.data.unwanted", SECTION, "data where the flags say that there are none")
def unwanted(t):
    irq = t.device.trigger()
    return either(t.client.set_irqs(p.NONE | p.TRIGGER, irq.index, 0, 0, b"\1\1\1\1"))


@case("irqs.descriptors.unwanted", SECTION, "descriptors where the flags say that there are none")
def unwanted_files(t):
    irq, (reading, writing) = t.device.trigger(), t.pipe()
    reply = t.client.set_irqs(p.NONE | p.TRIGGER, irq.index, 0, 0, files=(writing,))
    t.drop(writing)
    if not hung_up(reading, t.server.limit):
        raise Fail("the server keeps the descriptor")
    return either(reply)


@case("irqs.descriptors.fewer", SECTION, "fewer eventfds than interrupts")
def fewer(t):
    irq, events = t.device.trigger(3), (t.event(), t.event())
    reply = t.client.set_irqs(p.EVENTFD | p.TRIGGER, irq.index, 0, 3, files=events)
    t.client.alive()
    return either(reply)


def more(count, t):
    irq = t.device.trigger()
    pipes = [t.pipe() for _ in range(count)]
    call = lambda: t.client.set_irqs(  # noqa: E731
        p.EVENTFD | p.TRIGGER, irq.index, 0, 1, files=[t.event()] + [w for _, w in pipes]
    )
    result = outcome(call, closing=True)
    for reading, writing in pipes:
        t.drop(writing)
    for reading, writing in pipes:
        if not hung_up(reading, t.server.limit):
            raise Fail("the server keeps a descriptor that it has no use for")
    return seen(result)


for count in (1, 7, 15, 30):
    add(
        f"irqs.descriptors.more.{count}", SECTION,
        "more eventfds than interrupts: the others are closed", more, count,
    )


@case("irqs.many", SECTION, "all interrupts of each type, in messages of eight eventfds")
def many(t):
    for irq in t.device.irqs():
        if not irq.has(p.IRQ_EVENTFD) or not 0 < irq.count <= 512:
            continue
        events = [t.event() for _ in range(irq.count)]
        for start in range(0, irq.count, 8):
            if irq.has(p.IRQ_NORESIZE) and start:
                break
            assign(t, irq, *events[start : start + 8], start=start)
        accepted(t.client.set_irqs(p.NONE | p.TRIGGER, irq.index, 0, 0))


def set_argsz(argsz, t):
    irq = t.device.trigger()
    reply = t.client.set_irqs(p.NONE | p.TRIGGER, irq.index, 0, 0, argsz=argsz)
    t.client.alive()
    return accepted(reply) if argsz == p.IRQ_SET.size else either(reply)


for argsz in (0, 1, 19, 20, 21, 4096, p.MAX32):
    add(f"irqs.argsz.{argsz:#x}", SECTION, "the size of the request", set_argsz, argsz)


@case("irqs.closed.replaced", SECTION, "an eventfd that is replaced or de-assigned is closed")
def closed(t):
    irq = t.device.trigger()
    t.client.alive()
    before = t.server.files()
    if before is None:
        raise Skip("the descriptors of the server cannot be seen")
    for _ in range(10):
        assign(t, irq, t.event())
    accepted(t.client.set_irqs(p.EVENTFD | p.TRIGGER, irq.index, 0, 1))
    after = t.server.files()
    if len(after) > len(before):
        raise Fail(f"{len(after) - len(before)} descriptors more than before")
