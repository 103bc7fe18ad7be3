# SPDX-License-Identifier: MIT
"""What a guest draws is what the server saves and what viewers see."""

from bed.streams import TimedOut
from guest import vfio_user
from rfb import Refused, Viewer

DISPLAY = "bochs,memory=64M,mode=1280x800"
SIZES = [(640, 480), (801, 601), (1366, 768), (1920, 1080), (3840, 2160), (1023, 767)]
PASSWORD = "geheim12"


def compare(case, server, guest, viewer, size, number):
    width, height = size
    seed = case.random.randrange(1 << 32)
    drawn = guest.show("random", width, height, seed)
    saved = server.screenshot(case.folder / f"{number}.png")
    seen = viewer.await_sum(drawn)
    good = drawn == saved.sum == seen.sum and (saved.width, saved.height) == size and saved.colours() > 1000
    case.judge(good, f"{width}x{height}: guest, PNG and viewer have one picture",
               f"seed {seed}, SHA-256 {drawn[:16]}…" if good else f"guest {drawn[:16]}, PNG {saved}, viewer {seen}")


def pictures(case, linux, sizes):
    with case.server(DISPLAY) as server:
        with case.guest([vfio_user(server.socket("bochs"))], linux=linux) as guest:
            case.say(f"Linux {guest.must('uname -r')} after {guest.boot_time:.1f} s")
            said = guest.screen()
            case.judge("DRIVER=bochs-drm" in said, "the stock driver has the function", said.split("\n")[-1])
            with Viewer(server.run / "vnc") as viewer:
                for number, size in enumerate(sizes):
                    compare(case, server, guest, viewer, size, number)
            case.judge(guest.end() == 0, "QEMU ends with 0")
        case.judge(server.end() == 0, "serve ends with 0")


def password(case):
    """The viewer is asked for a password; and a guest's screen that is off and on again."""
    file = case.folder / "password"
    file.write_text(PASSWORD + "\n")
    file.chmod(0o600)
    with case.server(DISPLAY, more=["--vnc-password-file", file]) as server:
        with case.guest([vfio_user(server.socket("bochs"))]) as guest:
            guest.screen()
            for word, good in ((PASSWORD, True), ("falsch", False), (None, False)):
                try:
                    with Viewer(server.run / "vnc", word) as viewer:
                        drawn = guest.show("random", 1024, 768, case.random.randrange(1 << 32))
                        seen = viewer.await_sum(drawn)
                        case.judge(good and seen.sum == drawn, "the password lets a viewer in", seen)
                except Refused as refused:
                    case.judge(not good, "another password does not", refused)
                except TimedOut:
                    raise
                except Exception as error:
                    case.judge(not good and word is None, "none at all does not", error)
            guest.end()


# The functions that a guest sees, and the drivers that have them.
FUNCTIONS = (
    "for d in /sys/bus/pci/devices/*; do [ ! -e $d/driver ] || echo"
    " ${d##*/}  $(cut -c3- $d/vendor):$(cut -c3- $d/device)  $(basename $(readlink -f $d/driver)); done"
    " | grep -E ' 1234:| 1af4:'"
)


def desk(case):
    """A guest's desk, to look at."""
    names = ("bochs", "virtio-keyboard", "virtio-tablet")
    with case.server(*names) as server:
        with case.guest([vfio_user(server.socket(name)) for name in names]) as guest:
            guest.screen()
            guest.must("load virtio_input evdev")
            qemu = case.bed.versions()[0].split(" (")[0]
            lines = [
                "Sallyport", f"{guest.must('uname -sr')} in {qemu}", "",
                "Drawn by a program in this guest, with the stock driver, on a",
                "display that `sallyport serve` serves over vfio-user.", "",
                "Served to it:", *(f"  {line}" for line in guest.must(FUNCTIONS).split("\n")),
            ]
            drawn = guest.show("desk", 1280, 800, "|".join(lines))
            path = (case.folder / "desk.png").resolve()
            case.judge(server.screenshot(path).sum == drawn, "a guest's picture", path)
            guest.end()


CASES = [
    ("pictures-new", "pictures of the newest kernel", lambda case: pictures(case, "new", SIZES)),
    ("pictures-stable", "pictures of Debian's kernel", lambda case: pictures(case, "stable", SIZES[1:5])),
    ("password", "viewers with a password and without", password),
    ("desk", "a guest's screen", desk),
]
