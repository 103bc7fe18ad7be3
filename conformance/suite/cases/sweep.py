# SPDX-License-Identifier: MIT
"""Every field of every request at 0, 1 and its edges: any answer in the form of one will do."""

import struct

from .. import protocol as p
from ..case import add, outcome, seen

# A request that is right, its fields by name, and what follows them.
REQUESTS = {
    p.MAP: ("=IIQQQ", ("argsz", "flags", "offset", "address", "size"), (32, 3, 0, 0x100000, 0x1000), b""),
    p.UNMAP: ("=IIQQ", ("argsz", "flags", "address", "size"), (24, 0, 0x100000, 0x1000), b""),
    p.GET_INFO: ("=IIII", ("argsz", "flags", "num-regions", "num-irqs"), (16, 0, 0, 0), b""),
    p.GET_REGION_INFO: (
        "=IIIIQQ", ("argsz", "flags", "index", "cap-offset", "size", "offset"), (32, 0, 7, 0, 0, 0), b"",
    ),
    p.GET_REGION_IO_FDS: ("=IIII", ("argsz", "flags", "index", "count"), (16, 0, 0, 0), b""),
    p.GET_IRQ_INFO: ("=IIII", ("argsz", "flags", "index", "count"), (16, 0, 0, 0), b""),
    p.SET_IRQS: ("=IIIII", ("argsz", "flags", "index", "start", "count"), (20, 0x21, 0, 0, 0), b""),
    p.READ: ("=QII", ("offset", "region", "count"), (0, 7, 4), b""),
    p.WRITE_REGION: ("=QII", ("offset", "region", "count"), (0x3C, 7, 1), b"\0"),
    p.WRITE_MULTI: ("=QQII", ("wr-cnt", "offset", "region", "count"), (1, 0x3C, 7, 1), b"\0" * 8),
    p.DEVICE_FEATURE: ("=II", ("argsz", "flags"), (16, p.PROBE | p.GET | p.MIGRATION), b""),
    p.MIG_DATA_READ: ("=II", ("argsz", "size"), (16, 8), b""),
    p.MIG_DATA_WRITE: ("=II", ("argsz", "size"), (16, 8), b"\0" * 8),
}


def values(bits):
    top = 1 << bits
    return {
        "0": 0, "1": 1, "top-1": top // 2 - 1, "top": top // 2, "max-1": top - 2, "max": top - 1,
    }


def sweep(command, payload, with_file, t):
    files = (t.memory(),) if with_file else ()
    result = outcome(t.client.call, command, payload, files)
    t.client.alive()
    return seen(result)


for command, (form, names, right, tail) in REQUESTS.items():
    message = p.NAMES[command].lower().replace("_", "-")
    for position, name in enumerate(names):
        bits = 8 * struct.calcsize("=" + form[position + 1])
        for label, number in values(bits).items():
            fields = list(right)
            fields[position] = number
            payload = struct.pack(form, *fields) + tail
            add(
                f"sweep.{message}.{name}.{label}", p.SECTIONS[command], "the field at an edge, the rest is right",
                sweep, command, payload, command == p.MAP,
            )
    add(
        f"sweep.{message}.all.max", p.SECTIONS[command], "all bits are set",
        sweep, command, b"\xff" * (struct.calcsize(form) + len(tail)), command == p.MAP,
    )
