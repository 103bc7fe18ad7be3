# SPDX-License-Identifier: MIT
"""A viewer of RFB 3.8 (RFC 6143), of our own: raw pixels, keys, the pointer, and VNC's password."""

import socket
import struct
import time

from bed.streams import TimedOut
from bed.tools import Failure
from des import encrypt
from pixels import from_bgrx

RAW, DESKTOP_SIZE = 0, -223
PIXELS = struct.pack(">BBBBHHHBBB3x", 32, 24, 0, 1, 255, 255, 255, 16, 8, 0)
SYMBOLS = {"Return": 0xFF0D, "Escape": 0xFF1B, "Shift": 0xFFE1, "Control": 0xFFE3, "F12": 0xFFC9, "Caps": 0xFFE5,
           "Left": 0xFF51, "Pause": 0xFF13, "Super": 0xFFEB, "KP_5": 0xFFB5, "PageUp": 0xFF55}


class Viewer:
    """Connects to a Unix socket's path, or to (host, port)."""

    def __init__(self, place, password=None, limit=30):
        family = socket.AF_INET if isinstance(place, tuple) else socket.AF_UNIX
        self.socket = socket.socket(family)
        self.limit = limit
        self.socket.settimeout(limit)
        self.socket.connect(place if isinstance(place, tuple) else str(place))
        self.greet(password)
        self.send(b"\0\0\0\0" + PIXELS)
        self.send(struct.pack(">BxHii", 2, 2, RAW, DESKTOP_SIZE))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise Failure(f"VNC: {error}") from error

    def take(self, size):
        data = bytearray()
        try:
            while len(data) < size:
                part = self.socket.recv(min(size - len(data), 1 << 20))
                if not part:
                    raise Failure(f"VNC: the server went away after {len(data)} of {size} bytes")
                data += part
        except TimeoutError:
            raise TimedOut(f"VNC: {self.limit} s went by after {len(data)} of {size} bytes") from None
        except ConnectionError as error:
            raise Failure(f"VNC: {error}") from error
        return bytes(data)

    def unpack(self, words):
        return struct.unpack(words, self.take(struct.calcsize(words)))

    def greet(self, password):
        version = self.take(12)
        if version != b"RFB 003.008\n":
            raise Failure(f"VNC: version {version!r}")
        self.send(version)
        kinds = self.take(self.take(1)[0])
        self.kind = 2 if password is not None else 1
        if self.kind not in kinds:
            raise Failure(f"VNC: the server offers the security types {list(kinds)} and not {self.kind}")
        self.send(bytes([self.kind]))
        if self.kind == 2:
            challenge = self.take(16)
            # Each byte's bits the other way round, as VNC has it.
            key = bytes(int(f"{byte:08b}"[::-1], 2) for byte in password.encode()[:8].ljust(8, b"\0"))
            self.send(encrypt(key, challenge[:8]) + encrypt(key, challenge[8:]))
        if self.unpack(">I")[0] != 0:
            reason = self.take(self.unpack(">I")[0]).decode(errors="replace")
            raise Refused(f"VNC: refused: {reason}")
        self.send(b"\1")
        self.width, self.height = self.unpack(">HH")
        self.take(16)
        self.name = self.take(self.unpack(">I")[0]).decode(errors="replace")
        self.pixels = bytearray(self.width * self.height * 4)

    # The picture

    def ask(self, whole):
        self.send(struct.pack(">BBHHHH", 3, 0 if whole else 1, 0, 0, self.width, self.height))

    def rectangle(self):
        """True if it was of the screen's size."""
        x, y, width, height, encoding = self.unpack(">HHHHi")
        if encoding == DESKTOP_SIZE:
            self.width, self.height = width, height
            self.pixels = bytearray(width * height * 4)
            return True
        if encoding != RAW or x + width > self.width or y + height > self.height:
            raise Failure(f"VNC: {width}x{height} at {x},{y} of {self.width}x{self.height}, encoding {encoding}")
        data = self.take(width * height * 4)
        for line in range(height):
            at = ((y + line) * self.width + x) * 4
            self.pixels[at:at + width * 4] = data[line * width * 4:(line + 1) * width * 4]
        return False

    def update(self):
        """Takes one update. True if the screen has another size now."""
        while True:
            kind = self.take(1)[0]
            if kind == 0:
                count = self.unpack(">xH")[0]
                return any([self.rectangle() for _ in range(count)])
            if kind == 2:  # bell
                continue
            if kind == 3:  # cut text
                self.take(self.unpack(">3xI")[0])
                continue
            raise Failure(f"VNC: a message of type {kind}")

    def picture(self, whole=True):
        """What the screen shows now."""
        self.ask(whole)
        while self.update():
            self.ask(True)
        return self.seen()

    def seen(self):
        return from_bgrx(self.width, self.height, self.pixels)

    def await_sum(self, wanted, limit=30):
        """Follows the changes until the screen is that picture, or the time is over; returns what is seen."""
        end = time.monotonic() + limit
        picture = self.picture()
        while picture.sum != wanted and time.monotonic() < end:
            self.socket.settimeout(max(0.1, end - time.monotonic()))
            try:
                picture = self.picture(False)
            except TimedOut:
                break
            finally:
                self.socket.settimeout(self.limit)
        return picture

    # What is typed

    def key(self, symbol, down):
        code = SYMBOLS.get(symbol) or ord(symbol)
        self.send(struct.pack(">BBxxI", 4, down, code))

    def type(self, symbol):
        self.key(symbol, True)
        self.key(symbol, False)

    def point(self, x, y, buttons=0):
        self.send(struct.pack(">BBHH", 5, buttons, x, y))


class Refused(Failure):
    """The password was wrong, or none was wanted."""
