# SPDX-License-Identifier: MIT
"""The numbers and structures of vfio-user, as its specification has them."""

import errno
import struct

HEADER = struct.Struct("=HHIII")
INFO = struct.Struct("=IIII")
REGION_INFO = struct.Struct("=IIIIQQ")
CAPABILITY = struct.Struct("=HHI")
SPARSE = struct.Struct("=II")
AREA = struct.Struct("=QQ")
IO_FDS = struct.Struct("=IIII")
IRQ_INFO = struct.Struct("=IIII")
IRQ_SET = struct.Struct("=IIIII")
DMA_MAP = struct.Struct("=IIQQQ")
DMA_UNMAP = struct.Struct("=IIQQ")
ACCESS = struct.Struct("=QII")
DMA_ACCESS = struct.Struct("=QQ")
WRITE = struct.Struct("=QII8s")
FEATURE = struct.Struct("=II")
DATA = struct.Struct("=II")

VERSION, MAP, UNMAP, GET_INFO, GET_REGION_INFO = 1, 2, 3, 4, 5
GET_REGION_IO_FDS, GET_IRQ_INFO, SET_IRQS, READ, WRITE_REGION = 6, 7, 8, 9, 10
DMA_READ, DMA_WRITE, RESET, WRITE_MULTI = 11, 12, 13, 15
DEVICE_FEATURE, MIG_DATA_READ, MIG_DATA_WRITE = 16, 17, 18

NAMES = {
    VERSION: "VERSION",
    MAP: "DMA_MAP",
    UNMAP: "DMA_UNMAP",
    GET_INFO: "DEVICE_GET_INFO",
    GET_REGION_INFO: "DEVICE_GET_REGION_INFO",
    GET_REGION_IO_FDS: "DEVICE_GET_REGION_IO_FDS",
    GET_IRQ_INFO: "DEVICE_GET_IRQ_INFO",
    SET_IRQS: "DEVICE_SET_IRQS",
    READ: "REGION_READ",
    WRITE_REGION: "REGION_WRITE",
    DMA_READ: "DMA_READ",
    DMA_WRITE: "DMA_WRITE",
    RESET: "DEVICE_RESET",
    WRITE_MULTI: "REGION_WRITE_MULTI",
    DEVICE_FEATURE: "DEVICE_FEATURE",
    MIG_DATA_READ: "MIG_DATA_READ",
    MIG_DATA_WRITE: "MIG_DATA_WRITE",
}
SECTIONS = {number: "VFIO_USER_" + name for number, name in NAMES.items()}

TYPE, COMMAND, REPLY, NO_REPLY, ERROR = 0xF, 0, 1, 1 << 4, 1 << 5

DEVICE_RESET, DEVICE_PCI = 1, 2
REGION_READ, REGION_WRITE, REGION_MMAP, REGION_CAPS = 1, 2, 4, 8
CAP_SPARSE = 1
IRQ_EVENTFD, IRQ_MASKABLE, IRQ_AUTOMASKED, IRQ_NORESIZE = 1, 2, 4, 8
NONE, BOOL, EVENTFD, MASK, UNMASK, TRIGGER = 1, 2, 4, 8, 16, 32
GET, SET, PROBE = 1 << 16, 1 << 17, 1 << 18
MIGRATION, MIG_STATE, LOG_START, LOG_STOP, LOG_REPORT = 1, 2, 6, 7, 8
STATE_ERROR, STOP, RUNNING, STOP_COPY, RESUMING, _, PRE_COPY = range(7)
UNMAP_ALL = 2

CONFIG = 7
PAGE = 4096
MAX32, MAX64 = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF
TRANSFER = 1 << 20


def error_name(number):
    return errno.errorcode.get(number, str(number)) if number else "no number"
