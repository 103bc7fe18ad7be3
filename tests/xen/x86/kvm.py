# SPDX-License-Identifier: MIT
"""Linux without Xen: plans for KVM, whose scripts move functions between drivers."""

import json
import time

from bed.pc import PcSystem
from guests import Devices, addresses

TITLE = "Linux alone with an Intel IOMMU: plans for KVM"
DEVICES = ("edu", "test", "e1000e", "vf")
# Who has which function, and who is to have it.
STATE = (
    "for d in /sys/bus/pci/devices/*; do echo ${d##*/} $(basename $(readlink $d/driver) 2>/dev/null)"
    " $(cat $d/driver_override); done"
)
CODES = {"SP-PCI-DRIVER-BOUND", "SP-PCI-DRIVER-UNCLAIMED", "SP-PCI-RESET-NONE", "SP-PCI-RESET-WEAK"}
# QEMU's arguments as the plan has them, but for a processor that runs nothing and little memory: dom0's
# QEMU has no other.
QEMU = """\
sed -e 's/accel=kvm/accel=qtest/' -e 's/^host$/qemu64/' -e 's/^2048$/64/' /root/k/qemu.args >/root/args
set --
while IFS= read -r argument; do
	set -- "$@" "$argument"
done </root/args
(
	echo '{"execute": "qmp_capabilities"}'
	sleep 5
	echo '{"execute": "qom-list", "arguments": {"path": "/machine/peripheral"}}'
	sleep 2
	echo '{"execute": "quit"}'
) | /usr/libexec/xen-qemu-system-i386 "$@" -S -display none -vga none -nic none -qmp stdio 2>&1
"""


def holders(system):
    lines = system.dom0_must(STATE).splitlines()
    return {words[0]: " ".join(words[1:]) for words in map(str.split, lines)}


def judge_qemu(story, system, count):
    """The device model opens what vfio-pci holds."""
    system.push("/root/qemu.sh", QEMU.encode())
    status, said = system.dom0("sh /root/qemu.sh", 60)
    story.note(f"kvm: QEMU: status {status}\n{said}")
    made = said.count('"child<vfio-pci>"')
    story.judge(made == count, "QEMU takes the plan's arguments", f"{made} functions by vfio" if made == count else said)


def run_boot(story, bed, tree):
    devices = Devices(story.folder / "kvm")
    pc = devices.pc(bed, None, "stable", "intel", dom0_arguments="intel_iommu=on")
    begin = time.monotonic()
    with story.machine(PcSystem(pc, story.folder / "kvm.log", report=story.retried)) as system:
        story.say(f"  Linux after {time.monotonic() - begin:.1f} s")
        system.install(tree)
        system.dom0_must("load igb; echo 2 >/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs; load e1000e vfio-pci vfio_iommu_type1")
        system.dom0_must("sallyport snapshot -o /root/snapshot")
        (story.folder / "kvm.snapshot").write_bytes(system.fetch("/root/snapshot"))
        before = holders(system)
        words = f"sallyport plan {addresses(DEVICES)} --name k -o /root/k --json"
        story.command(words)
        status, said = system.dom0(words)
        story.note(f"kvm: plan: status {status}\n{said}")
        plan = json.loads(said)
        codes = {entry["code"] for entry in plan["preflight"] if entry["result"] in ("WARN", "FAIL")}
        story.judge(status == 0 and plan["target"] == "kvm" and codes == CODES, "foretold", f"{plan['verdict']}, {' '.join(sorted(codes))}")
        given = addresses(DEVICES).split()
        status, said = system.dom0("sh /root/k/take.sh 2>&1")
        now = holders(system)
        good = status == 0 and all(now[bdf].startswith("vfio-pci") for bdf in given)
        story.judge(good, "take.sh: vfio-pci has them", "" if good else f"{said}\n{now}")
        story.judge({bdf: who for bdf, who in now.items() if bdf not in given}
                    == {bdf: who for bdf, who in before.items() if bdf not in given}, "and nobody else is touched")
        judge_qemu(story, system, len(given))
        status, said = system.dom0("sh /root/k/give-back.sh 2>&1")
        now = holders(system)
        story.judge(status == 0 and now == before, "give-back.sh leaves all as it was",
                    "" if now == before else f"{said}\n{before}\n{now}")
