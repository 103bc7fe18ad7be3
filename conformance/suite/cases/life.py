# SPDX-License-Identifier: MIT
"""What a client leaves behind: nothing of its own; the device keeps its state."""


from .. import protocol as p
from ..case import accepted, add, case, outcome, refused, value, wait_released
from ..peer import Client, Closed, Fail, Silent, Skip

SECTION = "Client Disconnection"
BASE, SIZE = 0x100000, 0x10000
INFO = p.INFO.pack(16, 0, 0, 0)


def busy(t):
    """A client with memory and interrupts."""
    path, file = t.file(SIZE)
    accepted(t.client.map(BASE, SIZE, file))
    accepted(t.client.map(BASE * 4, SIZE))
    t.drop(file)
    events = []
    for irq in t.device.irqs():
        if irq.has(p.IRQ_EVENTFD) and irq.count:
            events.append(t.event())
            t.client.set_irqs(p.EVENTFD | p.TRIGGER, irq.index, 0, 1, files=events[-1:])
    return path, events


def ends_idle(t):
    pass


def ends_in_header(t):
    t.client.raw(b"\1\0\4")


def ends_in_payload(t):
    t.client.raw(t.client.message(p.GET_INFO, INFO)[:20])


def ends_unread(t):
    t.client.raw(t.client.message(p.GET_INFO, INFO) * 100)


def ends_wrong(t):
    outcome(t.client.call, p.GET_INFO, INFO, size=3, closing=True, limit=0.3, silent=True)


def ends_refused(t):
    refused(t.client.call(14))


def ends_with_files(t):
    t.client.raw(t.client.message(p.MAP, p.DMA_MAP.pack(32, 3, 0, 0, SIZE))[:30], (t.memory(SIZE),))


def ends_masked(t):
    for irq in t.device.irqs():
        if irq.count:
            t.client.set_irqs(p.NONE | p.MASK, irq.index, 0, 1)


def ends_resetting(t):
    t.client.send(p.RESET)


ENDS = {
    "idle": ends_idle, "in-header": ends_in_header, "in-payload": ends_in_payload, "unread": ends_unread,
    "wrong-size": ends_wrong, "refused": ends_refused, "with-files": ends_with_files, "masked": ends_masked,
    "resetting": ends_resetting,
}


def next_client(t):
    """Another one of the same server, or none if it leaves with its client."""
    starts = t.server.starts
    client = t.another()
    if t.server.starts != starts:
        raise Skip("the server ends with its client")
    return client


def left_behind(end, t):
    path, events = busy(t)
    end(t)
    client = next_client(t)
    accepted(client.map(BASE, SIZE))
    accepted(client.map(BASE * 4, SIZE))
    if wait_released(path, t.server.limit) is False:
        raise Fail("the file of the old client is open or mapped yet")
    for event in events:
        value(event)
    del t.device
    for irq in t.device.irqs():
        if irq.count:
            t.client.set_irqs(p.NONE | p.TRIGGER, irq.index, 0, 1)
    if any(value(event) for event in events):
        raise Fail("an eventfd of the old client is signalled")
    for irq in t.device.irqs():
        if irq.has(p.IRQ_EVENTFD) and irq.count:
            accepted(client.set_irqs(p.EVENTFD | p.TRIGGER, irq.index, 0, 1, files=(t.event(),)))


for name, end in ENDS.items():
    add(
        f"life.left.{name}", SECTION, "memory and interrupts of a client that went are gone",
        left_behind, end,
    )


@case("life.state", SECTION, "the device keeps its state for the next client")
def state(t):
    offset = t.device.scratch()
    before = t.client.config(offset, 1)
    changed = bytes([before[0] ^ 0x40])
    t.client.write(p.CONFIG, offset, changed)
    client = next_client(t)
    got = client.config(offset, 1)
    client.write(p.CONFIG, offset, before)
    if got != changed:
        raise Fail(f"{changed.hex()} was written, and the next client reads {got.hex()}")


@case("life.same", SECTION, "the next client sees the same device")
def same(t):
    def look():
        return (t.device.flags, t.device.num_irqs, [r.payload for r in t.device.regions()])

    before = look()
    next_client(t)
    del t.device
    if look() != before:
        raise Fail("it is another one")


@case("life.version", SECTION, "what one client agreed on does not hold for the next")
def agreed(t):
    t.raw().greet({"max_msg_fds": 1, "max_data_xfer_size": 4096})
    t.hang_up()
    client = t.raw()
    result = outcome(client.call, p.GET_INFO, INFO, closing=True)
    return result if isinstance(result, str) else refused(result)


@case("life.many", SECTION, "a hundred clients leave no descriptor behind")
def many(t):
    next_client(t)
    t.client.alive()
    before = t.server.files()
    for _ in range(100):
        t.another().map(BASE, SIZE, t.memory(SIZE))
        t.drop(t.numbers[-1])
    client = t.another()
    client.alive()
    after = t.server.files()
    if before is None or after is None:
        raise Skip("the descriptors of the server cannot be seen")
    if len(after) > len(before):
        raise Fail(f"{len(after) - len(before)} descriptors more than before")


@case("life.eventfds", SECTION, "no eventfd of a client that went is kept")
def eventfds(t):
    next_client(t)
    t.client.alive()
    before = t.server.files()
    if before is None:
        raise Skip("the descriptors of the server cannot be seen")
    del_events = busy(t)[1]
    t.another().alive()
    after = t.server.files()
    if len(after) > len(before):
        raise Fail(f"{len(after) - len(before)} descriptors more than before, of {len(del_events)}")


@case("life.connect-only", SECTION, "clients that say nothing and go")
def connect_only(t):
    for _ in range(20):
        t.raw()
        t.hang_up()


def second(busy_first, t):
    first = t.client
    if busy_first:
        accepted(first.map(BASE, SIZE))
    try:
        other = Client(t.server.path, 0.3)
    except OSError:
        note = "refused"
    else:
        t.clients.append(other)
        try:
            other.version()
            other.call(p.RESET)
            note = "served too"
        except (Closed, Silent) as error:
            note = "closed" if isinstance(error, Closed) else "waits"
    first.alive()
    if busy_first:
        accepted(first.unmap(BASE, SIZE))
    return note


add("life.second.idle", "Socket", "a second client at once: the first one is served", second, False)
add(
    "life.second.busy", "Socket", "a second client at once: the first one's memory stays", second,
    True,
)
