# SPDX-License-Identifier: MIT
"""What the trials on real Xen have in common: planning, booting the plan's files, judging."""

import hashlib
import pathlib
import shutil
import signal
import subprocess
import sys
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "testbed"))

from bed.board import Disk, Guest, append, load, overlaid  # noqa: E402
from bed.system import System  # noqa: E402
from bed.tools import Failure, run  # noqa: E402

SMMU = "/smmuv3@9050000"
RTC, GPIO, KEYS = "/pl031@9010000", "/pl061@9030000", "/gpio-keys"
UART, BRIDGE = "/pl011@9040000", "/pcie@10000000"
MMIO = "/virtio_mmio@a000000"


class Story:
    """Says what is done and what came of it, and remembers whether anything failed."""

    def __init__(self, folder, program):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.program = pathlib.Path(program).resolve()
        self.terminal = sys.stdout.isatty()
        self.begin = time.monotonic()
        self.right = self.wrong = self.retries = 0
        # So that what is left behind is ended, too.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    def say(self, text=""):
        print(text, flush=True)

    def part(self, title):
        self.say(f"\n== {title} (after {time.monotonic() - self.begin:.0f} s)")

    def command(self, *words):
        self.say("  $ " + " ".join(str(word) for word in words))

    def judge(self, good, what, seen=""):
        mark = "ok    " if good else "FAILED"
        self.say(f"  {mark} {what}{': ' if seen != '' else ''}{seen}")
        if good:
            self.right += 1
        else:
            self.wrong += 1
        return good

    def failed(self, failure):
        self.judge(False, "this part could not go on", str(failure))

    def retried(self, line):
        """Something hung and is tried once more."""
        self.retries += 1
        self.say("  RETRY  " + line)

    def end(self):
        if self.retries:
            self.say(f"\n{self.retries} hung at first, and went on when tried again")
        self.say(f"\n{self.right} right, {self.wrong} wrong, {time.monotonic() - self.begin:.0f} s")
        return 1 if self.wrong or not self.right else 0


class Plan:
    """A plan for a board, and the tree that is booted with it."""

    def __init__(self, story, board, name, *arguments, statuses=(0,), text=None):
        self.folder = story.folder / name
        self.board = board
        self.host = story.folder / f"{name}.dtb"
        tree = board.tree()
        self.host.write_bytes(load(board, tree))
        shutil.rmtree(self.folder, ignore_errors=True)
        words = ["plan", "-o", self.folder]
        if text is not None:
            file = story.folder / f"{name}.conf"
            file.write_text(text)
            words += ["--file", file]
        words += [self.host, *arguments]
        story.command("sallyport", *words)
        done = subprocess.run(
            [str(word) for word in [story.program, *words]],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )
        self.said = done.stdout
        for line in self.said.splitlines():
            if not line.startswith(" "):
                story.say("    " + line)
        if done.returncode not in statuses:
            raise Failure(f"sallyport plan: status {done.returncode}\n{self.said}")
        base = load(board, tree, dom0_arguments=self.boot_arguments())
        self.tree = overlaid(base, self.folder / "host-overlay.dtbo", *sorted(self.folder.rglob("dom0less.dtbo")))

    def boot_arguments(self):
        """dom0's, as bootargs.txt has them."""
        lines = (self.folder / "bootargs.txt").read_text().split("\n# Xen (")[0].splitlines()
        return [line for line in lines if line and not line.startswith("#")]

    def files(self, guest=None):
        return self.folder / guest if guest else self.folder


def boot(story, name, board, tree, **options):
    story.say("  booting Xen with that tree …")
    return System(board, tree, story.folder / f"{name}.log", report=story.retried, **options)


def send(system, name, folder):
    """Copies a guest's files, as they were written, into dom0. Returns their folder there."""
    there = f"/root/{name}"
    system.dom0_must(f"mkdir -p {there}")
    for file in ("guest.cfg", "guest.dtb"):
        if (folder / file).exists():
            system.push(f"{there}/{file}", (folder / file).read_bytes())
    return there


def start(story, system, name, there, *settings, trials, guest=None):
    """Makes a guest; the plan's configuration is completed on xl's command line."""
    begin = time.monotonic()
    status, said = system.create(guest or name, there, settings, trials)
    if not story.judge(status == 0, f"xl create {name}", f"status {status}, {time.monotonic() - begin:.1f} s"):
        story.say(said)
        raise Failure(f"xl create {name} failed")
    system.guest(guest or name, "BED up.*")


def fields(match):
    """The NAME=VALUE pairs of a line."""
    return dict(word.split("=", 1) for word in match.group(0).split() if "=" in word)


def rtc(story, system, guest, works=True):
    """The trial `rtc` of a guest; with `works` false its interrupt must not come."""
    said = fields(system.guest(guest, "BED rtc .*"))
    if said.get("driver") != "rtc-pl031":
        story.judge(False, f"{guest}: the stock driver rtc-pl031 has the RTC", said.get("driver"))
        return
    before, after = int(said["before"]), int(said["after"])
    if works:
        story.judge(after > before and said["woken"] == "yes", f"{guest}: the RTC's alarm interrupts",
                    f"counter {before} -> {after}")
    else:
        story.judge(after == before == 0 and said["woken"] == "no",
                    f"{guest}: without its interrupt line the RTC's counter stays at zero",
                    f"{before} -> {after}, and who waits for the alarm is not woken")


def gpio(story, system, guest):
    system.guest(guest, "BED gpio ready")
    system.press_power()
    said = fields(system.guest(guest, "BED gpio before.*"))
    before, after = int(said["before"]), int(said["after"])
    story.judge(after > before and said["key"] == "116", f"{guest}: the power key interrupts",
                f"counter {before} -> {after}, key {said['key']}")


def uart(story, system, guest, line="a line from the host's side"):
    system.guest(guest, "BED uart ready")
    system.type_on_uart(line)
    match = system.guest(guest, "BED uart before.*")
    said = fields(match)
    before, after = int(said["before"]), int(said["after"])
    heard = match.group(0).split('heard="', 1)[1].rstrip('"')
    story.judge(after > before and heard == line, f"{guest}: the second UART interrupts",
                f"counter {before} -> {after}, heard \"{heard}\"")
    answer = system.streams.expect({"answer": ("uart", "guest has heard: .*")}, 20)[1].group(0)
    story.judge(answer == f"guest has heard: {line}", f"{guest}: and answers", answer)


# Where a guest reads, and where it writes; see try_disk in testbed/guest/init.
READ, SEEK, WRITTEN = 4 * 65536, 8 * 65536, 65536


def make_disk(path, seed):
    """A drive with contents that nothing else has."""
    block = hashlib.sha256(seed.encode()).digest()
    data = bytearray(b"".join(hashlib.sha256(block + bytes([n & 255, n >> 8])).digest() for n in range(32768)))
    data[SEEK:SEEK + WRITTEN] = bytes(WRITTEN)
    path.write_bytes(data)
    return path


def disk(story, system, guest, name, path, works=True, limit=90):
    """The guest reads the disk by DMA and writes to it; both are compared with the host's file."""
    if not works:
        # The guest has found the function by its configuration space: only DMA is missing.
        slot = {"virtio": 1, "nvme": 2}[name]
        system.guest(guest, f"BED pci 0000:00:0{slot}.0 0x.*", limit)
    said = fields(system.guest(guest, f"BED disk {name} .*", limit))
    data = path.read_bytes()
    if not works:
        read = said.get("read", "0")
        good = (said.get("driver") == "none" or read == "0") and not any(data[SEEK:SEEK + WRITTEN])
        story.judge(good, f"{guest}: sees the {name} disk's controller, and its DMA is blocked",
                    "no disk appears" if said.get("driver") else f"{read} bytes read")
        return
    sum_read = hashlib.sha256(data[:READ]).hexdigest()
    story.judge(said.get("sum") == sum_read, f"{guest}: {READ} bytes read from the {name} disk are the host's",
                f"sha256 {said.get('sum', 'none')[:16]}…")
    line = f"written by the guest to {name}\n".encode()
    wanted = (line * (WRITTEN // len(line) + 1))[:WRITTEN]
    story.judge(data[SEEK:SEEK + WRITTEN] == wanted, f"{guest}: what it wrote to the {name} disk is in the host's file",
                f"{WRITTEN} bytes")
    # The next guest must write it itself.
    with open(path, "r+b") as file:
        file.seek(SEEK)
        file.write(bytes(WRITTEN))


def interrupts(story, system, guest):
    said = fields(system.guest(guest, "BED pci interrupts.*"))
    story.judge(all(int(said[name]) > 0 for name in ("virtio", "nvme")),
                f"{guest}: both disks' interrupts were counted", f"virtio {said['virtio']}, nvme {said['nvme']}")


def edited(folder, name, text, *changes):
    """A copy of a guest's files with its configuration changed as a hand would: (old, new) each."""
    copy = folder.parent / name
    copy.mkdir(exist_ok=True)
    for old, new in changes:
        if old not in text:
            raise Failure(f"{folder}/guest.cfg has no {old!r} to be changed")
        text = text.replace(old, new)
    (copy / "guest.cfg").write_text(text)
    (copy / "guest.dtb").write_bytes((folder / "guest.dtb").read_bytes())
    return copy


def foretell(story, name, tree, folder, code, *arguments):
    """`sallyport check` of what is about to be booted: it must say `code`, or with None no error."""
    host = story.folder / f"{name}-host.dtb"
    host.write_bytes(tree)
    words = ["check", *arguments, host, folder / "guest.cfg"]
    story.command("sallyport", *words)
    done = subprocess.run([str(word) for word in [story.program, *words]], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    for line in done.stdout.splitlines():
        if line.startswith("error"):
            story.say("    " + line)
    if code is None:
        story.judge(done.returncode == 0, "check finds no error")
    else:
        story.judge(done.returncode == 1 and code in done.stdout, f"check foretells {code}")


__all__ = [name for name in dir() if not name.startswith("_")]
