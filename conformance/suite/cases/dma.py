# SPDX-License-Identifier: MIT
"""DMA_MAP and DMA_UNMAP: sizes, overlaps, wraps, and what is given back."""

import errno

from .. import protocol as p
from ..case import accepted, add, case, either, judge, outcome, refused, released, seen
from ..peer import Fail, Skip

MAP, UNMAP = p.SECTIONS[p.MAP], p.SECTIONS[p.UNMAP]
BASE, SIZE = 0x100000, 0x10000


def mapped(t, address):
    """Whether a region is there: another one cannot be put into it."""
    reply = t.client.map(address + p.PAGE, p.PAGE)
    if reply.ok:
        accepted(t.client.unmap(address + p.PAGE, p.PAGE))
    return reply.failed


def stays(t, *addresses):
    for address in addresses:
        if not mapped(t, address):
            raise Fail(f"the region at {address:#x} is no longer there")


def agrees(t, reply, *addresses):
    """An unmapping did what its reply says."""
    for address in addresses:
        if mapped(t, address) == reply.ok:
            there = "gone" if reply.failed else "there yet"
            raise Fail(f"the unmapping was {reply}, and the region at {address:#x} is {there}")


def plain(with_file, t):
    reply = t.client.map(BASE, SIZE, t.memory(SIZE) if with_file else None)
    accepted(reply)
    if reply.payload or reply.files:
        raise Fail(f"the reply has {len(reply.payload)} bytes and {len(reply.files)} descriptors")
    accepted(t.client.unmap(BASE, SIZE))


add("dma.map.file", MAP, "memory with a descriptor", plain, True)
add("dma.map.no-file", MAP, "memory without a descriptor", plain, False)


def with_flags(flags, with_file, t):
    reply = t.client.map(BASE, SIZE, t.memory(SIZE) if with_file else None, flags=flags)
    t.client.alive()
    return judge("accepted" if flags in (1, 2, 3) else "either", reply)


for flags in (0, 1, 2, 3, 4, 7, 8, 0x80000000, p.MAX32):
    for with_file in (True, False):
        name = "file" if with_file else "no-file"
        add(
            f"dma.map.flags.{flags:#x}.{name}", MAP,
            "readable, writable, both, and what there is not", with_flags, flags, with_file,
        )

# Address and size of a first mapping are BASE and SIZE; these come second.
OVERLAPS = {
    "same": (BASE, SIZE),
    "head": (BASE - p.PAGE, 2 * p.PAGE),
    "tail": (BASE + SIZE - p.PAGE, 2 * p.PAGE),
    "first-page": (BASE, p.PAGE),
    "last-page": (BASE + SIZE - p.PAGE, p.PAGE),
    "inside": (BASE + p.PAGE, p.PAGE),
    "around": (BASE - p.PAGE, SIZE + 2 * p.PAGE),
    "from-start": (BASE, SIZE * 2),
    "to-end": (BASE - p.PAGE, SIZE + p.PAGE),
    "from-zero": (0, BASE + p.PAGE),
    "all": (0, 1 << 63),
}


def overlap(address, size, with_file, t):
    files = (t.memory(SIZE), t.memory(SIZE * 4)) if with_file else (None, None)
    accepted(t.client.map(BASE, SIZE, files[0]))
    reply = t.client.map(address, size, files[1])
    note = refused(reply, errno.EEXIST)
    # The first one is what it was.
    accepted(t.client.unmap(BASE, SIZE))
    return note


for name, row in OVERLAPS.items():
    for with_file in (True, False):
        if with_file and row[1] > SIZE * 4:
            continue
        kind = "file" if with_file else "no-file"
        add(
            f"dma.overlap.{name}.{kind}", MAP, "over an existing region: EEXIST", overlap, *row,
            with_file,
        )


def beside(address, t):
    accepted(t.client.map(BASE, SIZE))
    accepted(t.client.map(address, p.PAGE))
    stays(t, BASE)
    accepted(t.client.unmap(address, p.PAGE))
    accepted(t.client.unmap(BASE, SIZE))


for name, address in {"below": BASE - p.PAGE, "above": BASE + SIZE, "far": 1 << 40, "zero": 0}.items():
    add(f"dma.beside.{name}", MAP, "beside an existing region", beside, address)


@case("dma.overlap.second", MAP, "over the second of three regions: EEXIST")
def overlap_second(t):
    for i in range(3):
        accepted(t.client.map(BASE + 2 * i * SIZE, SIZE))
    note = refused(t.client.map(BASE + 2 * SIZE + p.PAGE, p.PAGE), errno.EEXIST)
    refused(t.client.map(BASE + SIZE, 2 * SIZE), errno.EEXIST)
    accepted(t.client.map(BASE + SIZE, SIZE))
    return note


# Address, size, offset in the file, and what it must come to.
TOP = p.MAX64 - p.PAGE + 1
PLACES = {
    "size-zero": (BASE, 0, 0, "either"),
    "size-one": (BASE, 1, 0, "either"),
    "size-odd": (BASE, p.PAGE + 1, 0, "either"),
    "size-max": (0, p.MAX64, 0, "either"),
    "address-odd": (BASE + 1, p.PAGE, 0, "either"),
    "address-zero": (0, p.PAGE, 0, "accepted"),
    "top-page": (TOP, p.PAGE, 0, "either"),
    "wraps-by-page": (TOP, 2 * p.PAGE, 0, "refused"),
    "wraps-by-byte": (p.MAX64, 2, 0, "refused"),
    "wraps-to-itself": (BASE, p.MAX64, 0, "refused"),
    "wraps-whole": (p.MAX64, p.MAX64, 0, "refused"),
    "wraps-half": (1 << 63, (1 << 63) + p.PAGE, 0, "refused"),
    "high": (1 << 52, p.PAGE, 0, "either"),
}
FILES = {
    "offset-page": (BASE, p.PAGE, p.PAGE, "accepted"),
    "offset-odd": (BASE, p.PAGE, 1, "either"),
    "offset-last": (BASE, p.PAGE, SIZE - p.PAGE, "accepted"),
    "offset-at-end": (BASE, p.PAGE, SIZE, "either"),
    "offset-over-end": (BASE, p.PAGE, SIZE * 2, "either"),
    "offset-max": (BASE, p.PAGE, p.MAX64 - p.PAGE + 1, "refused"),
    "offset-sign": (BASE, p.PAGE, 1 << 63, "refused"),
    "offset-wraps": (BASE, SIZE, p.MAX64 - p.PAGE + 1, "refused"),
    "size-over-end": (BASE, SIZE + p.PAGE, 0, "either"),
    "size-huge": (BASE, 1 << 46, 0, "either"),
    "size-sign": (BASE, 1 << 63, 0, "refused"),
}


def place(address, size, offset, wanted, with_file, t):
    reply = t.client.map(address, size, t.memory(SIZE) if with_file else None, offset)
    note = judge(wanted, reply)
    if reply.ok and size:
        accepted(t.client.unmap(address, size))
    t.client.alive()
    return note


for name, row in PLACES.items():
    for with_file in (True, False):
        kind = "file" if with_file else "no-file"
        add(
            f"dma.place.{name}.{kind}", MAP, "an address and a size at the edges", place, *row,
            with_file,
        )
for name, row in FILES.items():
    add(
        f"dma.place.{name}", MAP, "an offset and a size of the file at the edges", place, *row,
        True,
    )


@case("dma.map.offset-without-file", MAP, "an offset, and no file that it is of")
def offset_only(t):
    return either(t.client.map(BASE, SIZE, None, p.PAGE))


def map_argsz(argsz, t):
    reply = t.client.call(p.MAP, p.DMA_MAP.pack(argsz, 3, 0, BASE, SIZE))
    t.client.alive()
    return accepted(reply) if argsz == p.DMA_MAP.size else either(reply)


for argsz in (0, 1, 31, 32, 33, p.MAX32):
    add(f"dma.map.argsz.{argsz:#x}", MAP, "the size of the structure", map_argsz, argsz)


@case("dma.map.again", MAP, "mapped, unmapped and mapped again")
def again(t):
    for _ in range(20):
        accepted(t.client.map(BASE, SIZE, t.memory(SIZE)))
        accepted(t.client.unmap(BASE, SIZE))


@case(
    "dma.map.many", "VFIO_USER_VERSION", "as many regions as max_dma_maps lets, at most a thousand"
)
def many(t):
    count = min(1000, t.client.capabilities.get("max_dma_maps", 65535))
    for i in range(count):
        reply = t.client.map(BASE + 2 * i * p.PAGE, p.PAGE)
        if reply.failed:
            raise Fail(f"the {i + 1}th region was {reply}")
    for i in reversed(range(count)):
        accepted(t.client.unmap(BASE + 2 * i * p.PAGE, p.PAGE))
    return f"{count} regions"


@case("dma.map.many-files", "VFIO_USER_VERSION", "a hundred regions of one file")
def many_files(t):
    file = t.memory(100 * p.PAGE)
    for i in range(100):
        reply = t.client.map(BASE + i * p.PAGE, p.PAGE, file, i * p.PAGE)
        if reply.failed:
            raise Fail(f"the {i + 1}th region was {reply}")
    for i in range(100):
        accepted(t.client.unmap(BASE + i * p.PAGE, p.PAGE))


# Unmapping.


@case("dma.unmap.reply", UNMAP, "the reply has the entry of the request")
def unmap_reply(t):
    accepted(t.client.map(BASE, SIZE))
    request = p.DMA_UNMAP.pack(p.DMA_UNMAP.size, 0, BASE, SIZE)
    reply = t.client.good(p.UNMAP, request)
    if len(reply.payload) != p.DMA_UNMAP.size:
        raise Fail(f"the reply has {len(reply.payload)} bytes, and the entry has 24")
    if p.DMA_UNMAP.unpack(reply.payload)[2:] != (BASE, SIZE):
        raise Fail("it is another entry")


PARTS = {
    "first-page": (BASE, p.PAGE),
    "last-page": (BASE + SIZE - p.PAGE, p.PAGE),
    "inside": (BASE + p.PAGE, p.PAGE),
    "all-but-a-byte": (BASE, SIZE - 1),
    "without-first-byte": (BASE + 1, SIZE - 1),
    "head": (BASE - p.PAGE, 2 * p.PAGE),
    "tail": (BASE + SIZE - p.PAGE, 2 * p.PAGE),
    "wraps": (BASE, p.MAX64 - BASE + 2),
    "wraps-max": (BASE, p.MAX64),
    "size-zero": (BASE, 0),
}


def part(address, size, with_file, t):
    accepted(t.client.map(BASE, SIZE, t.memory(SIZE) if with_file else None))
    note = refused(t.client.unmap(address, size))
    # Nothing of it may have gone.
    stays(t, BASE)
    accepted(t.client.unmap(BASE, SIZE))
    return note


for name, row in PARTS.items():
    for with_file in (True, False):
        kind = "file" if with_file else "no-file"
        add(
            f"dma.unmap.part.{name}.{kind}", UNMAP,
            "a part of a region cannot be unmapped, and nothing goes", part, *row, with_file,
        )

WIDER = {
    "byte-more": ((BASE, SIZE + 1), [(BASE, SIZE)]),
    "page-more": ((BASE, SIZE + p.PAGE), [(BASE, SIZE)]),
    "page-before": ((BASE - p.PAGE, SIZE + p.PAGE), [(BASE, SIZE)]),
    "two": ((BASE, 2 * SIZE), [(BASE, SIZE), (BASE + SIZE, SIZE)]),
    "all": ((0, p.MAX64), [(BASE, SIZE), (BASE + 4 * SIZE, SIZE)]),
}


def wider(asked, regions, t):
    for region in regions:
        accepted(t.client.map(*region))
    reply = t.client.unmap(*asked)
    agrees(t, reply, *(address for address, _ in regions))
    return "all within went" if reply.ok else str(reply)


for name, row in WIDER.items():
    add(
        f"dma.unmap.wider.{name}", UNMAP,
        "more than one region: an error, or all within the range goes", wider, *row,
    )

MISSING = {
    "never": (BASE * 16, SIZE),
    "zero": (0, p.PAGE),
    "zero-zero": (0, 0),
    "max": (p.MAX64, 1),
    "wraps": (p.MAX64, p.MAX64),
}


def missing(address, size, t):
    accepted(t.client.map(BASE, SIZE))
    reply = t.client.unmap(address, size)
    stays(t, BASE)
    return either(reply)


for name, row in MISSING.items():
    add(
        f"dma.unmap.missing.{name}", UNMAP, "what was never mapped; another region stays", missing,
        *row,
    )


@case("dma.unmap.twice", UNMAP, "the second time there is nothing")
def unmap_twice(t):
    accepted(t.client.map(BASE, SIZE))
    accepted(t.client.unmap(BASE, SIZE))
    return either(t.client.unmap(BASE, SIZE))


@case("dma.unmap.one-of-three", UNMAP, "the others stay")
def one_of_three(t):
    for i in range(3):
        accepted(t.client.map(BASE + i * SIZE, SIZE))
    accepted(t.client.unmap(BASE + SIZE, SIZE))
    stays(t, BASE, BASE + 2 * SIZE)
    accepted(t.client.map(BASE + SIZE, SIZE))


def all_regions(address, size, t):
    for i in range(3):
        accepted(t.client.map(BASE + 2 * i * SIZE, SIZE, t.memory(SIZE)))
    reply = t.client.unmap(address, size, p.UNMAP_ALL)
    agrees(t, reply, *(BASE + 2 * i * SIZE for i in range(3)))
    return either(reply)


ALL = {"plain": (0, 0), "address": (BASE, 0), "size": (0, SIZE), "max": (p.MAX64, p.MAX64)}
for name, row in ALL.items():
    add(
        f"dma.unmap.all.{name}", UNMAP,
        "the flag UNMAP_ALL of the kernel: an error, or all is unmapped", all_regions, *row,
    )


def unmap_flags(flags, t):
    accepted(t.client.map(BASE, SIZE))
    reply = t.client.unmap(BASE, SIZE, flags)
    agrees(t, reply, BASE)
    return either(reply)


for flags in (1, 3, 4, 0x80000000, p.MAX32):
    add(
        f"dma.unmap.flags.{flags:#x}", UNMAP, "flags that this version does not use", unmap_flags,
        flags,
    )


def unmap_argsz(argsz, t):
    accepted(t.client.map(BASE, SIZE))
    reply = t.client.call(p.UNMAP, p.DMA_UNMAP.pack(argsz, 0, BASE, SIZE))
    t.client.alive()
    if argsz >= p.DMA_UNMAP.size:
        accepted(reply)
    if reply.ok and len(reply.payload) > max(argsz, p.DMA_UNMAP.size):
        raise Fail(f"argsz was {argsz}, and the reply has {len(reply.payload)} bytes")
    return str(reply)


for argsz in (0, 1, 23, 24, 25, 4096):
    add(
        f"dma.unmap.argsz.{argsz:#x}", UNMAP, "the most that the reply may have", unmap_argsz,
        argsz,
    )


@case("dma.unmap.released", UNMAP, "when the reply comes, nothing of the file is held")
def unmap_released(t):
    path, file = t.file(SIZE)
    accepted(t.client.map(BASE, SIZE, file))
    t.drop(file)
    if released(path) is not False:
        raise Skip("the server does not keep the file, or the system does not tell")
    accepted(t.client.unmap(BASE, SIZE))
    if not released(path):
        raise Fail("the server has the file open or mapped yet")


@case("dma.map.refused-released", MAP, "the file of a mapping that was refused is closed")
def refused_released(t):
    accepted(t.client.map(BASE, SIZE))
    path, file = t.file(SIZE)
    refused(t.client.map(BASE + p.PAGE, p.PAGE, file))
    t.drop(file)
    if released(path) is False:
        raise Fail("the server has the file open or mapped")


@case(
    "dma.map.reset", p.SECTIONS[p.RESET], "a reset of the device leaves the client's memory mapped"
)
def kept_at_reset(t):
    accepted(t.client.map(BASE, SIZE))
    if t.client.call(p.RESET).failed:
        raise Skip("the device has no reset")
    return seen(outcome(t.client.unmap, BASE, SIZE))
