# SPDX-License-Identifier: MIT
"""What a case is, and what it is given."""

import array
import ctypes
import fcntl
import functools
import os
import select
import socket
import tempfile

from . import protocol as p
from .device import Device
from .peer import Closed, Fail, Message, Silent, Skip

CASES = {}


class Case:
    def __init__(self, name, section, about, function):
        self.name, self.section, self.about, self.function = name, section, about, function
        self.group = name.split(".")[0]


def add(name, section, about, function, *arguments):
    assert name not in CASES, name
    bound = functools.partial(function, *arguments) if arguments else function
    CASES[name] = Case(name, section, about, lambda t: bound(t=t))


def case(name, section, about):
    def register(function):
        add(name, section, about, function)
        return function

    return register


class Context:
    """What a case works with; all that it opened is closed after it."""

    def __init__(self, server, hook):
        self.server, self.hook = server, hook
        self.clients, self.numbers, self.folder = [], [], None
        self.greeted = None

    def raw(self):
        """A connection that has said nothing."""
        client = self.server.connect()
        self.clients.append(client)
        return client

    @property
    def client(self):
        """The case's own connection, after VERSION."""
        if not self.greeted:
            self.greeted = self.server.greeted()
            self.clients.append(self.greeted)
        return self.greeted

    def another(self):
        """Ends the case's connection and makes a fresh one."""
        self.hang_up()
        return self.client

    def hang_up(self):
        for client in self.clients:
            client.close()
        self.clients, self.greeted = [], None

    @functools.cached_property
    def device(self):
        return Device(self.client)

    def keep(self, number):
        self.numbers.append(number)
        return number

    def drop(self, number):
        self.numbers.remove(number)
        os.close(number)

    def memory(self, size=p.PAGE):
        number = self.keep(os.memfd_create("conformance"))
        os.ftruncate(number, size)
        return number

    def file(self, size=p.PAGE):
        """A file with a name, for what depends on who has it open."""
        if not self.folder:
            self.folder = tempfile.TemporaryDirectory(prefix="conformance")
        path = os.path.join(self.folder.name, str(len(self.numbers)))
        number = self.keep(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC))
        os.ftruncate(number, size)
        return path, number

    def event(self, value=0, flags=os.EFD_NONBLOCK):
        return self.keep(os.eventfd(value, flags | os.EFD_CLOEXEC))

    def pipe(self):
        reading, writing = os.pipe()
        return self.keep(reading), self.keep(writing)

    def close(self):
        self.hang_up()
        for number in self.numbers:
            os.close(number)
        if self.folder:
            self.folder.cleanup()


def value(event):
    """What an eventfd counted; it is zero again afterwards."""
    try:
        return os.eventfd_read(event)
    except BlockingIOError:
        return 0


def hung_up(reading, limit):
    """Whether nobody has the other end of a pipe open any more, which may take its time."""
    poll = select.poll()
    poll.register(reading, select.POLLIN)
    return bool(poll.poll(limit * 1000))


def released(path):
    """Whether nobody has the file open or mapped; None where the system does not tell."""
    number = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.fcntl(number, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        return True
    except BlockingIOError:
        return False
    except OSError:
        return None
    finally:
        os.close(number)


def wait_released(path, limit):
    """As released, for what is given back only some time after a hang-up."""
    poll = select.poll()
    for _ in range(int(limit * 100)):
        if released(path) is not False:
            break
        poll.poll(10)
    return released(path)


# Judgements. Each gives what was seen where the specification leaves a choice.


def accepted(reply):
    if reply.failed:
        raise Fail(f"it was {reply}")
    return None


def refused(reply, *numbers):
    if reply.ok:
        raise Fail("it was accepted")
    if numbers and reply.error not in numbers:
        wanted = " or ".join(map(p.error_name, numbers))
        raise Fail(f"it was {reply}, not with {wanted}")
    return str(reply)


def either(reply):
    return str(reply)


def outcome(function, *arguments, closing=False, silent=False, **more):
    """What a request comes to where closing the connection or waiting is a choice too."""
    try:
        result = function(*arguments, **more)
    except Closed:
        if not closing:
            raise
        return "closed"
    except Silent:
        if not silent:
            raise
        return "waited for more"
    return result if isinstance(result, Message) else result


def seen(result):
    return result if isinstance(result, str) else str(result)


def judge(wanted, result):
    """By a word of a table."""
    if isinstance(result, str):
        return result
    return {"accepted": accepted, "refused": refused, "either": either}[wanted](result)
