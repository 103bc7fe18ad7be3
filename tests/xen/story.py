#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Plans for an emulated board, boots real Xen on it with the files that the plan wrote, and shows the
guests' stock drivers at work.

	story.py PROGRAM FOLDER [PART…]
"""

import argparse
import re
import sys

from trial import *  # noqa: F403
from bed.board import Board
from bed.tools import Bed

PARTS = {}


def part(title):
    def register(function):
        PARTS[function.__name__.replace("_", "-")] = (title, function)
        return function
    return register


def iommus(device, *ids):
    return ["--iommus", ",".join(f"{SMMU}:{number:#x}" for number in ids).join([device + "=", ""])]


@part("An RTC, a GPIO controller with its key, and a UART, behind the SMMU")
def platform(story, bed):
    board = Board(bed)
    plan = Plan(story, board, "platform", "--name", "g", RTC, GPIO, KEYS, UART,
                *iommus(RTC, 0x1002), *iommus(GPIO, 0x1001), *iommus(UART, 0x1003))
    foretell(story, "platform", plan.tree, plan.files(), None)
    with boot(story, "platform", board, plan.tree) as system:
        there = send(system, "g", plan.files())
        start(story, system, "g", there, trials=("rtc", "gpio", "uart"))
        rtc(story, system, "g")
        gpio(story, system, "g")
        uart(story, system, "g")
        log = system.xen_log()
        for device in (RTC, GPIO, UART):
            story.judge(f"{device}: Added master device" in log, f"Xen's SMMU driver took {device}")
        system.destroy("g")

        story.say("  the same guest, but irqs without the RTC's 34:")
        text = (plan.files() / "guest.cfg").read_text()
        silent = edited(plan.files(), "silent", text, (re.search(r"\t34,.*\n", text).group(0), ""), ('"g"', '"silent"'))
        foretell(story, "platform", plan.tree, silent, "SP-CFG-IRQ-MISSING")
        start(story, system, "silent", send(system, "silent", silent), trials=("rtc", "uart"))
        rtc(story, system, "silent", works=False)
        uart(story, system, "silent", "to the guest without the RTC's interrupt")


def disks(story, name):
    return [Disk("virtio", 1, make_disk(story.folder / f"{name}-virtio.img", name + "v")),
            Disk("nvme", 2, make_disk(story.folder / f"{name}-nvme.img", name + "n"))]


FUNCTIONS = ("--bdf", "00:01.0", "--bdf", "00:02.0")


@part("A PCIe host bridge with an NVMe and a virtio disk, whose DMA goes through the SMMU")
def pci(story, bed):
    board = Board(bed, disks=disks(story, "pci"), high_ecam=False)
    virtio, nvme = board.disks
    plan = Plan(story, board, "pci", "--name", "g", BRIDGE, *FUNCTIONS)
    with boot(story, "pci", board, plan.tree) as system:
        start(story, system, "g", send(system, "g", plan.files()), trials=("pci",))
        disk(story, system, "g", "virtio", virtio.path)
        disk(story, system, "g", "nvme", nvme.path)
        interrupts(story, system, "g")
        system.destroy("g")

        story.say("  the same guest without dtdev:")
        text = (plan.files() / "guest.cfg").read_text()
        blocked = edited(plan.files(), "blocked", text,
                         (re.search(r"dtdev = \[\n.*?\]\n", text, re.DOTALL).group(0), ""), ('"g"', '"blocked"'))
        foretell(story, "pci", plan.tree, blocked, "SP-IOMMU-UNLISTED", *FUNCTIONS)
        start(story, system, "blocked", send(system, "blocked", blocked), trials=("pci",))
        disk(story, system, "blocked", "virtio", virtio.path, works=False)
        disk(story, system, "blocked", "nvme", nvme.path, works=False)


@part("One stream ID missing, and the same one in a proxy node")
def proxy(story, bed):
    board = Board(bed, disks=disks(story, "proxy"), high_ecam=False)
    virtio, nvme = board.disks
    plan = Plan(story, board, "proxy", "--name", "g", BRIDGE, "--bdf", "00:01.0")
    # What the planner writes for a master's further IOMMUs; this board has only one.
    story.say("  and a node /proxy with the NVMe drive's stream ID alone")
    phandle = run("fdtget", "-t", "x", plan.host, SMMU, "phandle").strip()
    tree = append(plan.tree, f"&{{/}} {{ proxy {{ xen,passthrough; iommus = <0x{phandle} 0x10>; }}; }};\n")
    text = (plan.files() / "guest.cfg").read_text()
    with boot(story, "proxy", board, tree) as system:
        story.say("  with the proxy:")
        whole = edited(plan.files(), "whole", text, (f'"{BRIDGE}",', f'"{BRIDGE}", "/proxy",'), ('"g"', '"whole"'))
        foretell(story, "proxy", tree, whole, None, *FUNCTIONS)
        start(story, system, "whole", send(system, "whole", whole), trials=("pci",))
        disk(story, system, "whole", "virtio", virtio.path)
        disk(story, system, "whole", "nvme", nvme.path)
        system.destroy("whole")

        story.say("  the same guest without the proxy in dtdev:")
        foretell(story, "proxy", tree, plan.files(), "SP-IOMMU-ID-MISSING", *FUNCTIONS)
        start(story, system, "g", send(system, "g", plan.files()), trials=("pci",))
        disk(story, system, "g", "virtio", virtio.path)
        disk(story, system, "g", "nvme", nvme.path, works=False)


@part("A host bridge whose registers and window the plan moves")
def moved(story, bed):
    board = Board(bed, disks=disks(story, "moved"))
    virtio, nvme = board.disks
    plan = Plan(story, board, "moved", "--name", "g", BRIDGE, *FUNCTIONS)
    moves = re.findall(r"(\S+ \S+) at (0x[0-9a-f]+), for the guest at (0x[0-9a-f]+)",
                       (plan.files() / "guest.cfg").read_text())
    story.judge(bool(moves), "the plan moves", ", ".join(f"{here} to {there}" for _, here, there in moves))
    with boot(story, "moved", board, plan.tree) as system:
        start(story, system, "g", send(system, "g", plan.files()), trials=("pci",))
        disk(story, system, "g", "virtio", virtio.path)
        disk(story, system, "g", "nvme", nvme.path)
        interrupts(story, system, "g")


@part("Two guests with two devices each, from one plan file")
def two_guests(story, bed):
    board = Board(bed, disks=disks(story, "two"), high_ecam=False)
    virtio, nvme = board.disks
    plan = Plan(story, board, "two", text=f"""\
[guest clock]
device = {RTC}
device = {GPIO}
device = {KEYS}
memory = 256M
iommus = {RTC}={SMMU}:0x1002
iommus = {GPIO}={SMMU}:0x1001

[guest store]
device = {UART}
device = {BRIDGE}
memory = 256M
bdf = {BRIDGE}=00:01.0
bdf = {BRIDGE}=00:02.0
""")
    with boot(story, "two", board, plan.tree) as system:
        folders = {name: send(system, name, plan.files(name)) for name in ("clock", "store")}
        start(story, system, "clock", folders["clock"], trials=("rtc", "gpio"))
        rtc(story, system, "clock")
        gpio(story, system, "clock")
        start(story, system, "store", folders["store"], trials=("uart", "pci"))
        uart(story, system, "store")
        disk(story, system, "store", "virtio", virtio.path)
        disk(story, system, "store", "nvme", nvme.path)
        interrupts(story, system, "store")
        story.judge(len(system.dom0_must("xl list").splitlines()) == 4, "both guests run beside dom0")


@part("Guests that Xen itself makes at boot (dom0less), four of four kinds")
def dom0less(story, bed):
    drives = disks(story, "dom0less") + [Disk("mmio", 0, make_disk(story.folder / "dom0less-mmio.img", "m"))]
    virtio, nvme, mmio = drives
    board = Board(bed, disks=drives, high_ecam=False)
    lines = {
        "behind-smmu": (["rtc"], f"device = {RTC}\niommus = {RTC}={SMMU}:0x1002\n"),
        "without": (["gpio"], f"device = {GPIO}\ndevice = {KEYS}\n"),
        "direct": (["uart", "mmio"], f"device = {UART}\ndevice = {MMIO}\nwithout-iommu = yes\n"),
        "bridge": (["pci"], f"device = {BRIDGE}\nbdf = 00:01.0\nbdf = 00:02.0\n"),
    }
    guests = {name: Guest(bed, index, trials) for index, (name, (trials, _)) in enumerate(lines.items())}
    text = "".join(f"[guest {name}]\n{guests[name].settings()}{more}\n" for name, (_, more) in lines.items())
    plan = Plan(story, board, "dom0less", text=text)
    modules = [module for name, guest in guests.items() for module in guest.modules(plan.files(name) / "guest.dtb")]
    with boot(story, "dom0less", board, plan.tree, modules=modules,
              kernels={name: guest.kernel.address for name, guest in guests.items()}) as system:
        story.say("  behind-smmu: Xen assigns the RTC's stream ID at boot")
        rtc(story, system, "behind-smmu")
        story.say("  without: a GPIO controller that does no DMA, with xen,force-assign-without-iommu")
        gpio(story, system, "without")
        story.say("  direct: memory at the host's own addresses, so that a disk without an IOMMU works")
        uart(story, system, "direct")
        disk(story, system, "direct", "virtio", mmio.path)
        story.say("  bridge: dom0less reads no interrupt-map; the plan writes the interrupts out")
        disk(story, system, "bridge", "virtio", virtio.path)
        disk(story, system, "bridge", "nvme", nvme.path)
        interrupts(story, system, "bridge")


def io_of(system, guest):
    """What Xen lets a guest do, in Xen's own words."""
    number = system.dom0_must(f"xl domid {guest}").strip()
    system.xen_log()
    system.dom0_must("xl debug-keys q")
    log = system.xen_log()
    about = log.split(f"General information for domain {number}:")[1].split("NODE affinity")[0]
    return [line.strip() for line in about.splitlines() if re.search("I/O Memory|Interrupts", line)]


def late_rtc(story, system, guest):
    """The guest makes a device of the node and tries it."""
    system.dom0_must(f"say {guest} 'insmod /lib/modules/enable.ko node=/passthrough/pl031@9010000; rmmod enable; try_rtc'")
    rtc(story, system, guest)


@part("A device for a guest that runs, taken back by ending it, and given to the next")
def attach(story, bed):
    board = Board(bed)
    cross = story.folder / "cross"
    run(SOURCE / "testbed/cross.sh", bed.path / "arm64", cross)
    plan = Plan(story, board, "attach", "--name", "first", "--hotplug", RTC, UART,
                *iommus(RTC, 0x1002), *iommus(UART, 0x1003))
    with boot(story, "attach", board, plan.tree) as system:
        programs = f"libexec/sallyport/xen-{bed.xen_release}"
        system.dom0_must(f"mkdir -p /usr/{programs}")
        for file in ("bin/sallyport", f"{programs}/attach"):
            system.push(f"/usr/{file}", (cross / "tree/usr" / file).read_bytes())
            system.dom0_must(f"chmod +x /usr/{file}")
        system.dom0_must(f"ln -s attach /usr/{programs}/detach")
        there = send(system, "first", plan.files())
        system.push(f"{there}/attach.cfg", (plan.files() / "attach.cfg").read_bytes())
        text = (plan.files() / "attach.cfg").read_text()

        def sallyport(*words, statuses=(0,)):
            command = "sallyport " + " ".join(words)
            story.say(f"  dom0 $ {command}")
            status, said = system.dom0(command + " 2>&1")
            for line in said.splitlines():
                story.say("    " + line)
            story.judge(status in statuses, "its exit status", status)
            return said

        start(story, system, "first", there, trials=("rtc",))
        said = fields(system.guest("first", "BED rtc .*"))
        story.judge(said.get("driver") == "none", "first: has no RTC yet")

        story.say("  an attempt of which an interrupt is refused: dom0 needs 48 itself")
        system.push("/root/bad.cfg", text.replace("irqs = [", "irqs = [ 48,").encode())
        before = io_of(system, "first")
        sallyport("attach", "first", "/root/bad.cfg", statuses=(2,))
        story.judge(io_of(system, "first") == before, "Xen's state is what it was before", "; ".join(before))

        story.say("  an attempt of which the last interrupt is refused: 35 is dom0's, and 40 was bound")
        system.push("/root/worse.cfg", text.replace("\t34,", "\t35,").encode())
        said = sallyport("attach", "first", "/root/worse.cfg", statuses=(2,))
        story.judge("40" in said and io_of(system, "first") == before,
                    "all but interrupt 40 is as before, and that is told", "; ".join(before))

        sallyport("attach", "first", f"{there}/attach.cfg")
        after = io_of(system, "first")
        story.judge(after != before and "9010" in "".join(after), "the guest has the page now", "; ".join(after))
        late_rtc(story, system, "first")
        system.dom0_must("say first 'insmod /lib/modules/enable.ko node=/passthrough/pl011@9040000; rmmod enable; try_uart'")
        uart(story, system, "first")
        sallyport("attach", "first", f"{there}/attach.cfg")

        said = sallyport("detach", "first", f"{there}/attach.cfg", statuses=(1,))
        story.judge("SP-HOTPLUG-DETACH-IRQ" in said, "detach says why an interrupt cannot be taken back")
        sallyport("detach", "--end-guest", "first", f"{there}/attach.cfg")
        story.judge("first" not in system.dom0_must("xl list"), "the guest has ended")

        start(story, system, "second", there, 'name="second"', trials=(), guest="second")
        sallyport("attach", "second", f"{there}/attach.cfg")
        late_rtc(story, system, "second")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("folder")
    parser.add_argument("part", nargs="*", metavar="PART", help=", ".join(PARTS))
    options = parser.parse_args()
    try:
        bed = Bed()
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 2
    story = Story(options.folder, options.program)
    unknown = set(options.part) - set(PARTS)
    if unknown:
        parser.error(f"unknown part {', '.join(sorted(unknown))}")
    for name in options.part or PARTS:
        title, function = PARTS[name]
        story.part(title)
        try:
            function(story, bed)
        except Failure as failure:
            story.failed(failure)
    return story.end()


if __name__ == "__main__":
    sys.exit(main())
