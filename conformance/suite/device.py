# SPDX-License-Identifier: MIT
"""What the device of the server is like: asked once a server, so that cases know what fits it."""

import mmap
import os

from . import protocol as p
from .peer import Fail, Skip


class Region:
    def __init__(self, reply):
        self.argsz, self.flags, self.index, self.capability, self.size, self.offset = (
            p.REGION_INFO.unpack_from(reply.payload)
        )
        self.payload, self.files = reply.payload, reply.files

    def has(self, flag):
        return bool(self.flags & flag)

    def areas(self):
        """The areas that can be mapped; all of the region if it does not say which."""
        for id, offset in self.capabilities():
            if id == p.CAP_SPARSE:
                return self.sparse(offset)
        return [(0, self.size)] if self.has(p.REGION_MMAP) else []

    def sparse(self, offset):
        at = offset + p.CAPABILITY.size
        if at + p.SPARSE.size > len(self.payload):
            raise Fail("the sparse areas are outside of the reply")
        count, _ = p.SPARSE.unpack_from(self.payload, at)
        at += p.SPARSE.size
        if not count or at + count * p.AREA.size > len(self.payload):
            raise Fail(f"{count} sparse areas in {len(self.payload) - at} bytes")
        return [p.AREA.unpack_from(self.payload, at + i * p.AREA.size) for i in range(count)]

    def view(self, offset, size, protection):
        """A part of the region, mapped as a client does. What is outside of the file must not be touched."""
        start, held = self.offset + offset, os.fstat(self.files[0]).st_size
        if start % p.PAGE or held and start + size > held:
            raise Fail(f"{start:#x}, {size:#x} of the file, which has {held:#x}, cannot be mapped")
        try:
            return mmap.mmap(self.files[0], size, mmap.MAP_SHARED, protection, offset=start)
        except (OSError, ValueError) as error:
            raise Fail(f"{start:#x}, {size:#x} of the file cannot be mapped: {error}") from None

    def capabilities(self):
        """Identity and offset of each; a list that is none is a failure."""
        at, found = self.capability if self.has(p.REGION_CAPS) else 0, []
        while at:
            if at < p.REGION_INFO.size or at + p.CAPABILITY.size > len(self.payload):
                raise Fail(f"a capability at {at:#x} is outside of the reply")
            if at in [offset for _, offset in found]:
                raise Fail("the list of capabilities is a loop")
            id, version, following = p.CAPABILITY.unpack_from(self.payload, at)
            if id == p.CAP_SPARSE and version != 1:
                raise Fail(f"the sparse areas have version {version}")
            found.append((id, at))
            at = following
        return found


class Irq:
    def __init__(self, reply):
        self.argsz, self.flags, self.index, self.count = p.IRQ_INFO.unpack_from(reply.payload)

    def has(self, flag):
        return bool(self.flags & flag)


class Device:
    def __init__(self, client):
        self.client = client
        reply = client.good(p.GET_INFO, p.INFO.pack(p.INFO.size, 0, 0, 0))
        if len(reply.payload) < p.INFO.size:
            raise Fail("the reply to DEVICE_GET_INFO is too short")
        _, self.flags, self.num_regions, self.num_irqs = p.INFO.unpack_from(reply.payload)
        self.seen = {}

    def region(self, index, argsz=1 << 16, client=None):
        payload = p.REGION_INFO.pack(argsz, 0, index, 0, 0, 0)
        reply = (client or self.client).good(p.GET_REGION_INFO, payload)
        if len(reply.payload) < p.REGION_INFO.size:
            raise Fail(f"the reply for region {index} has {len(reply.payload)} bytes")
        return Region(reply)

    def regions(self):
        if self.num_regions > 64:
            raise Skip(f"{self.num_regions} regions are too many to look at")
        return [self.region(index) for index in range(self.num_regions)]

    def irq(self, index):
        reply = self.client.good(p.GET_IRQ_INFO, p.IRQ_INFO.pack(p.IRQ_INFO.size, 0, index, 0))
        if len(reply.payload) < p.IRQ_INFO.size:
            raise Fail(f"the reply for interrupt type {index} has {len(reply.payload)} bytes")
        return Irq(reply)

    def irqs(self):
        return [self.irq(index) for index in range(min(self.num_irqs, 64))]

    def trigger(self, count=1):
        """An interrupt type that can be signalled with so many eventfds."""
        for irq in self.irqs():
            if irq.has(p.IRQ_EVENTFD) and irq.count >= count:
                return irq
        raise Skip(f"no interrupt type has {count} that can signal an eventfd")

    def need_config(self):
        if self.num_regions <= p.CONFIG or self.region(p.CONFIG).size < 64:
            raise Skip("the device has no configuration space of PCI")
        return self.region(p.CONFIG)

    def scratch(self):
        """Where in the configuration space a byte can be written that does nothing by itself."""
        self.need_config()
        # The line of the interrupt, the size of cache lines, and the address of each BAR.
        for offset in (0x3C, 0x0C, 0x13, 0x17, 0x1B, 0x1F, 0x23, 0x27):
            before = self.client.read(p.CONFIG, offset, 1)
            changed = bytes([before[0] ^ 0x40])
            reply = self.client.call(
                p.WRITE_REGION, p.ACCESS.pack(offset, p.CONFIG, 1) + changed
            )
            if reply.ok and self.client.read(p.CONFIG, offset, 1) == changed:
                self.client.write(p.CONFIG, offset, before)
                return offset
        raise Skip("no byte of the configuration space can be written")
