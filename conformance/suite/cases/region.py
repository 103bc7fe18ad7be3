# SPDX-License-Identifier: MIT
"""DEVICE_GET_REGION_INFO: each region, what it says of itself, and steps of argsz."""

import mmap
import os

from .. import protocol as p
from ..case import accepted, add, case, either, refused
from ..device import Region
from ..peer import Fail, Skip

SECTION = p.SECTIONS[p.GET_REGION_INFO]


def ask(t, index, argsz, client=None):
    payload = p.REGION_INFO.pack(argsz, 0, index, 0, 0, 0)
    return (client or t.client).call(p.GET_REGION_INFO, payload)


def there(t, index):
    if index >= t.device.num_regions:
        raise Skip(f"the device has {t.device.num_regions} regions")
    return t.device.region(index)


def form(index, t):
    region = there(t, index)
    if region.index != index:
        raise Fail(f"the reply is for region {region.index}")
    if region.argsz != len(region.payload):
        raise Fail(f"argsz is {region.argsz}, and the reply has {len(region.payload)} bytes")
    if region.flags & ~0xF:
        raise Fail(f"flags {region.flags:#x} have bits that there are not")
    if region.has(p.REGION_CAPS) != (region.argsz > p.REGION_INFO.size):
        raise Fail(f"argsz {region.argsz} and flags {region.flags:#x} do not fit")
    if region.has(p.REGION_CAPS) and not region.capabilities():
        raise Fail("capabilities are told, and there is none")
    if region.has(p.REGION_MMAP) != bool(region.files):
        raise Fail(f"flags {region.flags:#x} with {len(region.files)} descriptors")
    if region.has(p.REGION_MMAP) and not region.size:
        raise Fail("a region of no size can be mapped")
    return f"{region.size:#x} bytes, flags {region.flags:#x}"


def areas(index, t):
    region = there(t, index)
    if not region.has(p.REGION_MMAP):
        raise Skip("it cannot be mapped")
    found = sorted(region.areas())
    end = 0
    for offset, size in found:
        if not size or offset % p.PAGE or offset < end or offset + size > region.size:
            raise Fail(f"area {offset:#x}, {size:#x} is empty, askew, twice or outside")
        end = offset + size
    return ", ".join(f"{offset:#x}+{size:#x}" for offset, size in found)


def can_map(index, t):
    region = there(t, index)
    if not region.has(p.REGION_MMAP):
        raise Skip("it cannot be mapped")
    protection = mmap.PROT_READ if region.has(p.REGION_READ) else 0
    protection |= mmap.PROT_WRITE if region.has(p.REGION_WRITE) else 0
    for offset, size in region.areas():
        view = region.view(offset, size, protection)
        if protection & mmap.PROT_READ and os.fstat(region.files[0]).st_size:
            view[0], view[size - 1]
        view.close()


def same_bytes(index, t):
    region = there(t, index)
    if not region.has(p.REGION_MMAP) or not region.has(p.REGION_READ):
        raise Skip("it cannot be mapped and read")
    for offset, size in region.areas():
        view = region.view(offset, p.PAGE, mmap.PROT_READ)
        before = view[:64]
        told = t.client.read(index, offset, 64)
        after = view[:64]
        view.close()
        # What changes by itself is no fault.
        if before == after != told:
            raise Fail(f"at {offset:#x} a message reads other bytes than the mapping")


def written_bytes(index, t):
    region = there(t, index)
    if not region.has(p.REGION_MMAP) or not region.has(p.REGION_WRITE):
        raise Skip("it cannot be mapped and written")
    for offset, size in region.areas():
        # The last bytes are the least likely to do something.
        at = offset + size - 8
        view = region.view(at // p.PAGE * p.PAGE, p.PAGE, mmap.PROT_READ | mmap.PROT_WRITE)
        old = bytes(view[-8:])
        t.client.write(index, at, bytes(b ^ 0xFF for b in old))
        got = bytes(view[-8:])
        t.client.write(index, at, old)
        view.close()
        if got == old:
            raise Fail(f"what a message wrote at {at:#x} is not in the mapping")


for index in range(9):
    add(f"region.{index}.form", SECTION, "the reply's fields fit one another", form, index)
    add(f"region.{index}.areas", SECTION, "the areas lie in the region and apart", areas, index)
    add(
        f"region.{index}.mapped", SECTION, "each area can be mapped with what was told", can_map,
        index,
    )
    add(
        f"region.{index}.same", "Read and Write Operations",
        "a message reads what the mapping has", same_bytes, index,
    )
    add(
        f"region.{index}.written", "Read and Write Operations",
        "a message writes what the mapping has", written_bytes, index,
    )


@case("region.more", SECTION, "the regions beyond those of PCI")
def more(t):
    for index in range(9, min(t.device.num_regions, 64)):
        form(index, t=t)
    return f"{max(0, t.device.num_regions - 9)} regions"


def small(index, t):
    whole = there(t, index)
    reply = ask(t, index, p.REGION_INFO.size)
    accepted(reply)
    if len(reply.payload) != p.REGION_INFO.size:
        raise Fail(f"argsz was 32, and the reply has {len(reply.payload)} bytes")
    part = Region(reply)
    if part.argsz != whole.argsz:
        raise Fail(f"argsz is {part.argsz}, and {whole.argsz} are needed")
    if (part.size, part.index) != (whole.size, whole.index):
        raise Fail("the fixed fields are others")
    if part.argsz > p.REGION_INFO.size:
        again = t.device.region(index, argsz=part.argsz)
        if len(again.payload) != part.argsz:
            raise Fail("what was asked for is not given in the second step")
    return f"{part.argsz} bytes are needed"


def one_less(index, t):
    whole = there(t, index)
    if whole.argsz <= p.REGION_INFO.size:
        raise Skip("it has no capabilities")
    for argsz in (whole.argsz - 1, whole.argsz - 8, 33):
        reply = ask(t, index, argsz)
        accepted(reply)
        if len(reply.payload) > argsz or Region(reply).argsz != whole.argsz:
            raise Fail(f"argsz was {argsz}; {len(reply.payload)} bytes came")


def twice(index, t):
    first, second = there(t, index), t.device.region(index)
    if first.payload != second.payload:
        raise Fail("two answers are not the same")


for index in range(9):
    add(
        f"region.{index}.small", "Message sizes", "the structure only, and then what it needs",
        small, index,
    )
    add(
        f"region.{index}.one-less", "Message sizes",
        "too small for all: argsz tells what is needed", one_less, index,
    )
    add(f"region.{index}.twice", SECTION, "two answers are the same", twice, index)


def argsz_case(argsz, t):
    reply = ask(t, p.CONFIG if t.device.num_regions > p.CONFIG else 0, argsz)
    if argsz >= p.REGION_INFO.size:
        accepted(reply)
    elif reply.ok and len(reply.payload) > p.REGION_INFO.size:
        raise Fail(f"argsz was {argsz}, and the reply has {len(reply.payload)} bytes")
    t.client.alive()
    return str(reply)


for argsz in (0, 1, 16, 31, 32, 33, 1 << 20, 0x7FFFFFFF, 0x80000000, p.MAX32):
    add(
        f"region.argsz.{argsz:#x}", "Message sizes", "the most that the reply may have",
        argsz_case, argsz,
    )


def beyond(where, t):
    index = {"next": t.device.num_regions, "sign": 0x80000000, "max": p.MAX32}[where]
    reply = ask(t, index, 32)
    t.client.alive()
    return refused(reply)


for where in ("next", "sign", "max"):
    add(f"region.beyond.{where}", SECTION, "no such region", beyond, where)


def nonzero(fields, t):
    flags, offset, size, base = fields
    payload = p.REGION_INFO.pack(32, flags, 0, offset, size, base)
    return either(t.client.call(p.GET_REGION_INFO, payload))


NONZERO = {
    "flags": (p.MAX32, 0, 0, 0),
    "cap-offset": (0, p.MAX32, 0, 0),
    "size": (0, 0, p.MAX64, 0),
    "offset": (0, 0, 0, p.MAX64),
}
for name, fields in NONZERO.items():
    add(f"region.nonzero.{name}", SECTION, "a field that must be zero", nonzero, fields)


@case("region.descriptors", SECTION, "as many descriptors in one reply as the client takes")
def one_descriptor(t):
    client = t.raw().greet({"max_msg_fds": 1})
    for index in range(9):
        reply = ask(t, index, 1 << 16, client)
        if len(reply.files) > 1:
            raise Fail(f"{len(reply.files)} for region {index}, and the client takes one")
