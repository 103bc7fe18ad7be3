# SPDX-License-Identifier: MIT
"""Pictures as rows of red, green and blue, a byte each; reading PNG without a library."""

import dataclasses
import hashlib
import struct
import zlib

from bed.tools import Failure


@dataclasses.dataclass
class Picture:
    width: int
    height: int
    data: bytes  # 3 bytes a pixel

    @property
    def sum(self):
        return hashlib.sha256(self.data).hexdigest()

    def colours(self):
        """How many different ones, up to a thousand or so."""
        step = max(1, len(self.data) // 3 // 20000) * 3
        return len({self.data[at:at + 3] for at in range(0, len(self.data), step)})

    def lit(self):
        """How many pixels are not black, or a few less."""
        return max(self.width * self.height - self.data[i::3].count(0) for i in range(3))

    def __str__(self):
        return f"{self.width}x{self.height} {self.sum[:16]}"


def unfilter(kind, line, above, size):
    """One line of a PNG, in place."""
    if kind == 1:
        for i in range(size, len(line)):
            line[i] = (line[i] + line[i - size]) & 255
    elif kind == 2:
        for i, byte in enumerate(above):
            line[i] = (line[i] + byte) & 255
    elif kind == 3:
        for i, byte in enumerate(above):
            line[i] = (line[i] + ((line[i - size] if i >= size else 0) + byte) // 2) & 255
    elif kind == 4:
        for i, up in enumerate(above):
            left, corner = (line[i - size], above[i - size]) if i >= size else (0, 0)
            guess = left + up - corner
            a, b, c = abs(guess - left), abs(guess - up), abs(guess - corner)
            line[i] = (line[i] + (left if a <= b and a <= c else up if b <= c else corner)) & 255
    elif kind:
        raise Failure(f"a PNG with a filter {kind}")


def chunks(data):
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise Failure("this is no PNG")
    at = 8
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8:at + 8 + size]
        if zlib.crc32(kind + body) != struct.unpack_from(">I", data, at + 8 + size)[0]:
            raise Failure(f"a PNG with a wrong sum in {kind}")
        yield kind, body
        at += 12 + size


def read_png(path):
    """Of 8 bits a colour, with or without alpha, which is dropped."""
    with open(path, "rb") as file:
        parts = list(chunks(file.read()))
    width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", parts[0][1])
    if depth != 8 or kind not in (2, 6) or interlaced or parts[-1][0] != b"IEND":
        raise Failure(f"{path}: a PNG of another kind: {depth} bits, kind {kind}")
    size = 3 if kind == 2 else 4
    raw = zlib.decompress(b"".join(body for name, body in parts if name == b"IDAT"))
    if len(raw) != height * (1 + width * size):
        raise Failure(f"{path}: {len(raw)} bytes for {width}x{height}")
    out, above = bytearray(), bytes(width * size)
    for y in range(height):
        at = y * (1 + width * size)
        line = bytearray(raw[at + 1:at + 1 + width * size])
        if raw[at]:
            unfilter(raw[at], line, above, size)
        above = line
        out += line
    if size == 4:
        plain = bytearray(width * height * 3)
        for i in range(3):
            plain[i::3] = out[i::4]
        out = plain
    return Picture(width, height, bytes(out))


def from_bgrx(width, height, data):
    """Of pixels that are 32-bit little-endian xRGB."""
    out = bytearray(width * height * 3)
    out[0::3], out[1::3], out[2::3] = data[2::4], data[1::4], data[0::4]
    return Picture(width, height, bytes(out))
