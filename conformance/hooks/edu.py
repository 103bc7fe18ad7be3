# SPDX-License-Identifier: MIT
"""For --dma: QEMU's device for lessons, edu, whose registers tell it what to copy."""

import struct

ADDRESS, SIZE = 0x10000, 0x1000
LIMIT = 1
REFUSES = True
BAR0, CONFIG = 0, 7
FROM, TO, COUNT, COMMAND = 0x80, 0x88, 0x90, 0x98
BUFFER, BYTES = 0x40000, 512
COPIES = BYTES


def start(client, write):
    # Memory and mastering of the bus are switched on.
    client.write(CONFIG, 4, b"\6\0")
    source, target = (BUFFER, ADDRESS) if write else (ADDRESS, BUFFER)
    for register, value in ((FROM, source), (TO, target), (COUNT, BYTES), (COMMAND, 3 if write else 1)):
        client.write(BAR0, register, struct.pack("=Q", value))


def finished(memory, write):
    return (memory.written if write else memory.read) >= BYTES
