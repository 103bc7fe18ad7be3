# SPDX-License-Identifier: MIT
"""VERSION: versions, capabilities, texts that are none, and commands out of order."""

import json
import os
import stat
import struct

from .. import protocol as p
from ..case import accepted, add, case, hung_up, judge, outcome, refused, seen
from ..peer import Fail, Skip, capabilities_of

VERSION = "VFIO_USER_VERSION"
INFO = p.INFO.pack(16, 0, 0, 0)
TYPES = {
    "max_msg_fds": int,
    "max_data_xfer_size": int,
    "max_dma_maps": int,
    "pgsizes": int,
    "twin_socket": dict,
    "write_multiple": bool,
}
FULL = {
    "max_msg_fds": 8,
    "max_data_xfer_size": p.TRANSFER,
    "max_dma_maps": 65535,
    "pgsizes": p.PAGE,
    "write_multiple": True,
    "twin_socket": {"supported": False},
}


def versions_of(reply):
    if len(reply.payload) < 4:
        raise Fail(f"the reply has a payload of {len(reply.payload)} bytes")
    return struct.unpack_from("=HH", reply.payload)


def proposes(minor, t):
    reply = t.raw().version(0, minor)
    accepted(reply)
    major, got = versions_of(reply)
    if major != 0 or got > minor:
        raise Fail(f"0.{minor} was proposed, and the reply is {major}.{got}")
    return f"0.{got}"


for minor in (0, 1, 2, 0xFFFF):
    add(
        f"version.minor.{minor}", VERSION,
        "the same major, and at most the minor that was proposed", proposes, minor,
    )


def other_major(major, t):
    result = outcome(t.raw().version, major, 0, closing=True)
    return result if isinstance(result, str) else refused(result)


for major in (1, 2, 0x7FFF, 0xFFFF):
    add(
        f"version.major.{major}", VERSION, "a major that there is not: the end, or an error",
        other_major, major,
    )


def caps(value):
    return json.dumps({"capabilities": value}).encode() + b"\0"


# What is said, and whether it has to be accepted.
TEXTS = {
    "none": (b"", "accepted"),
    "empty-object": (b"{}\0", "accepted"),
    "no-capabilities": (caps({}), "accepted"),
    "full": (caps(FULL), "accepted"),
    "unknown-capability": (caps({"new_one": {"a": [1, 2]}}), "accepted"),
    "unknown-member": (b'{"capabilities":{},"more":[1,{"x":null}]}\0', "accepted"),
    "blanks": (b' \n\t{ "capabilities" : { } } \0', "accepted"),
    "escapes": (b'{"capabilities":{"\\u006dax_msg_fds":8,"\\"\\\\":"\\ud83d\\ude00"}}\0', "accepted"),
    "utf8": ('{"capabilities":{"größe":"é"}}\0'.encode(), "accepted"),
    "old-migration": (caps({"migration": {"pgsize": 4096}}), "accepted"),
    "no-nul": (b"{}", "either"),
    "nul-only": (b"\0", "either"),
    "nul-within": (b'{"capab\0ilities":{}}\0', "either"),
    "two-nuls": (b"{}\0\0", "either"),
    "cut-short": (b'{"capabilities":{"max_msg_fds":\0', "either"),
    "no-json": (b"hello\0", "either"),
    "behind": (b"{} {}\0", "either"),
    "array": (b"[]\0", "either"),
    "number": (b"1\0", "either"),
    "null": (b"null\0", "either"),
    "capabilities-number": (caps(1), "either"),
    "capabilities-array": (caps([]), "either"),
    "no-utf8": (b'{"capabilities":{"\xff\xfe":1}}\0', "either"),
    "lone-surrogate": (b'{"capabilities":{"\\ud800":1}}\0', "either"),
    "twice": (b'{"capabilities":{"max_msg_fds":1,"max_msg_fds":8}}\0', "either"),
    "deep": (b'{"capabilities":' + b"[" * 20000 + b"]" * 20000 + b"}\0", "either"),
    "deep-open": (b"[" * 60000 + b"\0", "either"),
    "long": (b'{"x":"' + b"y" * 60000 + b'"}\0', "either"),
    "long-number": (b'{"capabilities":{"pgsizes":' + b"9" * 5000 + b"}}\0", "either"),
}
VALUES = {
    "zero": 0, "one": 1, "minus": -1, "fraction": 1.5, "huge": 1e300, "max64": p.MAX64,
    "over64": p.MAX64 + 1, "text": "8", "true": True, "null": None, "object": {}, "array": [1],
}


def says(text, wanted, t):
    client = t.raw()
    reply = outcome(client.version, text=text, closing=wanted != "accepted")
    note = judge(wanted, reply)
    if not isinstance(reply, str) and reply.ok:
        capabilities_of(reply)
        client.alive()
    return note


for name, row in TEXTS.items():
    about = "version data that are right" if row[1] == "accepted" else "version data that are not right"
    add(f"version.data.{name}", VERSION, about, says, *row)
for capability in TYPES:
    for name, number in VALUES.items():
        add(
            f"version.capability.{capability}.{name}", VERSION, "a capability with any value",
            says, caps({capability: number}), "either",
        )


@case("version.reply.types", VERSION, "each capability of the reply has its type")
def reply_types(t):
    said = capabilities_of(accepted_reply(t, caps(FULL)))
    for name, kind in TYPES.items():
        if name in said and type(said[name]) is not kind:
            raise Fail(f"{name} is {json.dumps(said[name])}")
    return json.dumps(said)


def accepted_reply(t, text):
    reply = t.raw().version(text=text)
    accepted(reply)
    return reply


@case("version.reply.subset", VERSION, "no capability in the reply that was not proposed")
def reply_subset(t):
    said = capabilities_of(accepted_reply(t, caps({"max_msg_fds": 8})))
    extra = sorted(set(said) - {"max_msg_fds"})
    if extra:
        raise Fail("not proposed, and in the reply: " + ", ".join(extra))


@case("version.reply.sense", VERSION, "limits in the reply with which something can be sent")
def reply_sense(t):
    said = capabilities_of(accepted_reply(t, caps(FULL)))
    if said.get("max_data_xfer_size", 1) <= 0 or said.get("pgsizes", 1) <= 0 or said.get("max_dma_maps", 1) <= 0:
        raise Fail(f"a limit of zero or less: {json.dumps(said)}")


@case("version.twin.unasked", VERSION, "no twin socket without the client's consent")
def twin_unasked(t):
    reply = accepted_reply(t, caps({"max_msg_fds": 8}))
    if reply.files or capabilities_of(reply).get("twin_socket", {}).get("supported"):
        raise Fail("a twin socket was set up")


@case("version.twin.asked", VERSION, "a twin socket that is told is there")
def twin_asked(t):
    reply = accepted_reply(t, caps({"twin_socket": {"supported": True}, "max_msg_fds": 8}))
    said = capabilities_of(reply).get("twin_socket", {})
    if not said.get("supported"):
        if reply.files:
            raise Fail("a descriptor came, and no twin socket was told")
        return "not supported"
    index = said.get("fd_index")
    if not isinstance(index, int) or not 0 <= index < len(reply.files):
        raise Fail(f"fd_index is {index}, with {len(reply.files)} descriptors")
    if not stat.S_ISSOCK(os.fstat(reply.files[index]).st_mode):
        raise Fail("the descriptor is no socket")
    return "supported"


@case("version.twice", VERSION, "a second VERSION")
def twice(t):
    return seen(outcome(t.client.version, closing=True))


@case("version.no-reply", VERSION, "VERSION that wants no reply")
def version_quiet(t):
    client = t.raw()
    client.send(p.VERSION, struct.pack("=HH", 0, 1), flags=p.NO_REPLY, id=1)
    client.send(p.GET_INFO, INFO, id=2)
    first = outcome(client.receive, closing=True)
    return first if isinstance(first, str) else "a reply all the same" if first.id == 1 else "no reply"


def version_short(length, t):
    result = outcome(t.raw().call, p.VERSION, b"\0" * length, closing=True)
    return result if isinstance(result, str) else refused(result)


for length in range(4):
    add(f"version.short.{length}", VERSION, "less than the two numbers", version_short, length)


@case("version.descriptor", VERSION, "a descriptor that nobody asked for is closed")
def version_file(t):
    client, (reading, writing) = t.raw(), t.pipe()
    result = outcome(client.version, files=(writing,), closing=True)
    t.drop(writing)
    if not hung_up(reading, t.server.limit):
        raise Fail("the server keeps the descriptor")
    return seen(result)


EARLY = {
    p.MAP: p.DMA_MAP.pack(32, 3, 0, 0x10000, 0x1000),
    p.UNMAP: p.DMA_UNMAP.pack(24, 0, 0x10000, 0x1000),
    p.GET_INFO: INFO,
    p.GET_REGION_INFO: p.REGION_INFO.pack(32, 0, 0, 0, 0, 0),
    p.GET_REGION_IO_FDS: p.IO_FDS.pack(16, 0, 0, 0),
    p.GET_IRQ_INFO: p.IRQ_INFO.pack(16, 0, 0, 0),
    p.SET_IRQS: p.IRQ_SET.pack(20, p.NONE | p.TRIGGER, 0, 0, 0),
    p.READ: p.ACCESS.pack(0, p.CONFIG, 4),
    p.WRITE_REGION: p.ACCESS.pack(0x3C, p.CONFIG, 1) + b"\0",
    p.DMA_READ: p.DMA_ACCESS.pack(0, 1),
    p.DMA_WRITE: p.DMA_ACCESS.pack(0, 1) + b"\0",
    p.RESET: b"",
    p.WRITE_MULTI: struct.pack("=Q", 0),
    p.DEVICE_FEATURE: p.FEATURE.pack(8, p.PROBE | p.GET | p.MIGRATION),
    p.MIG_DATA_READ: p.DATA.pack(16, 8),
    p.MIG_DATA_WRITE: p.DATA.pack(16, 0),
    14: b"",
}


def before_version(command, payload, t):
    result = outcome(t.raw().call, command, payload, closing=True)
    return result if isinstance(result, str) else refused(result)


for command, payload in EARLY.items():
    name = p.NAMES.get(command, str(command)).lower().replace("_", "-")
    add(
        f"version.before.{name}", VERSION, "VERSION is the first message: the end, or an error",
        before_version, command, payload,
    )


@case("version.after-error", VERSION, "VERSION after another command was refused")
def after_error(t):
    client = t.raw()
    first = outcome(client.call, p.GET_INFO, INFO, closing=True)
    if isinstance(first, str):
        raise Skip("the first error ends the connection")
    return seen(outcome(client.version, closing=True))
