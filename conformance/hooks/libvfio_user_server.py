# SPDX-License-Identifier: MIT
"""For --dma: makes libvfio-user's samples/server write to memory and read it back.

It does both when its timer runs out, which is set by writing a time of the clock to BAR 0, and after it has
triggered its interrupt. It ends when an access fails."""

import os
import struct
import time

ADDRESS, SIZE = 0x10000, 0x1000
LIMIT = 5
REFUSES = False
BAR0, INTX = 0, 0
SET_EVENTFD_TRIGGER = 4 | 32


def prepare(client, memory):
    event = os.eventfd(0, os.EFD_CLOEXEC)
    client.set_irqs(SET_EVENTFD_TRIGGER, INTX, 0, 1, files=(event,))
    os.close(event)


def start(client, write):
    client.write(BAR0, 0, struct.pack("=q", int(time.time()) + 2))


def finished(memory, write):
    return memory.read >= 4096 and memory.written >= 4096
