# SPDX-License-Identifier: MIT
"""
Predictions: what `sallyport plan` must say of giving functions to a guest, and what must come of it.
The page docs/predictions-x86.md is made from this.
"""

import dataclasses

# By the name that the rows use: where it is, what it is, and what is said of it in every plan.
DEVICES = {
    "bochs": ("0000:00:05.0", "bochs-display", ("SP-PCI-RESET-NONE",)),
    "edu": ("0000:00:06.0", "edu", ("SP-PCI-RESET-NONE",)),
    "test": ("0000:00:06.1", "pci-testdev", ("SP-PCI-RESET-NONE",)),
    "e1000e": ("0000:00:07.0", "e1000e", ("SP-PCI-RESET-WEAK",)),
    "nvme": ("0000:00:08.0", "nvme", ()),
    "large": ("0000:00:09.0", "bochs-display with 256 MiB", ("SP-PCI-RESET-NONE",)),
    "vf": ("0000:01:10.0", "virtual function of igb", ()),
}
# Said of what no driver holds, and of a PVH dom0, in every plan.
UNCLAIMED = ("SP-PCI-DRIVER-UNCLAIMED",)
PVH_DOM0 = ("SP-PCI-DOM0-SUPPORT", "SP-PCI-DOM0-HOLES")
COMMON = UNCLAIMED + PVH_DOM0


@dataclasses.dataclass
class Row:
    """
    Functions for a guest of a kind. Foretold are the verdict and the codes that belong to this row;
    the rest is in DEVICES and COMMON, and nothing else may be said.

    `trials` are (trial, outcome): the trial of a device, with "-intx" or "-msi" behind it where the
    driver is told so, and the kind of interrupt that must be counted (a part of its name in
    /proc/interrupts), "" for a device that needs none, or None where it must not work.
    `untaken` is what must be said where take.sh must fail, `refused` says that xl must refuse the
    guest, and `words` are what must be said else: (where, pattern), where it is "xl", "guest", or one
    of the logs. `fatal` is what Xen says as it ends.
    """

    name: str
    kind: str
    devices: tuple
    verdict: str
    codes: tuple
    outcome: str
    trials: tuple = ()
    refused: bool = False
    untaken: str | None = None
    take: bool = True
    words: tuple = ()
    fatal: str | None = None
    before: str = ""  # in dom0
    after: str = ""
    claimed: bool = False  # a driver of dom0's has it


@dataclasses.dataclass
class Boot:
    """A dom0, and the guests that are made in it one after the other."""

    name: str
    title: str
    dom0: str
    linux: str
    release: str
    rows: tuple = ()
    common: tuple = UNCLAIMED
    iommu: str | None = "amd"
    attach: tuple = ()  # what is attached to a guest that runs, and the trials then
    attach_refused: str = ""  # what cannot be attached after that
    doctor: tuple = ()  # what the doctor says of a PVH dom0 on this machine
    panic: str | None = None  # what Xen says instead of booting


ALL = ("bochs", "edu", "e1000e", "nvme")
# Parts of what Linux calls an interrupt of each kind, in a PV guest and in an HVM guest.
PV_INTX, PV_MSIX = "-pcifront", "-pcifront-msi-x"
INTX, MSI, MSIX = "IO-APIC", "PCI-MSI-", "PCI-MSIX-"
SPLIT = ("SP-PCI-SLOT-SPLIT",)
MSIX_PVH = ("SP-PCI-MSIX-PVH",)
PVH_GUEST = "passthrough not yet supported for x86 PVH guests"


def to_pvh(devices=("edu",)):
    return Row("pvh-edu", "pvh", devices, "no", ("SP-PCI-GUEST-PVH", *SPLIT), "xl refuses the guest",
               refused=True, words=(("xl", PVH_GUEST),))


def intx():
    return Row("hvm-intx", "hvm", ("edu", "e1000e"), "warn", SPLIT + MSIX_PVH,
               "works by INTx: data fetched, DMA, interrupts", (("net-intx", INTX), ("edu", INTX)))


BOOTS = (
    Boot("pv", "PV dom0", "pv", "stable", "6.12", rows=(
        # nvme asks for MSI-X twice, and is refused the second time; it goes on with INTx.
        Row("pv-all", "pv", ALL, "warn", SPLIT, "works: data both ways, by MSI-X and INTx",
            (("net", PV_MSIX), ("edu", PV_INTX), ("bochs", ""), ("nvme", PV_INTX)),
            words=(("guest", "nvme .*: Xen PCI frontend error: -114!"),)),
        Row("pv-slot", "pv", ("edu", "test"), "warn", (), "works: both functions of a slot",
            (("edu", PV_INTX), ("test", ""))),
        Row("pv-vf", "pv", ("vf",), "warn", (), "works: data fetched by MSI-X", (("vf", PV_MSIX),)),
        Row("hvm-all", "hvm", ALL, "warn", SPLIT, "works: data both ways, by MSI-X and INTx",
            (("net", MSIX), ("edu", INTX), ("bochs", ""), ("nvme", MSIX))),
        Row("hvm-vf", "hvm", ("vf",), "warn", (), "works: data fetched by MSI-X", (("vf", MSIX),)),
        Row("hvm-slot", "hvm", ("edu", "test"), "warn", (), "works: both functions of a slot, each in its own",
            (("edu", INTX), ("test", ""))),
        Row("hvm-large", "hvm", ("large",), "warn", ("SP-PCI-BAR-HOLE",), "works: the hole grows where a guest has no memory",
            (("bochs", ""),)),
        Row("hvm-bound", "hvm", ("e1000e",), "warn", ("SP-PCI-DRIVER-BOUND",),
            "without take.sh xl refuses the guest", refused=True, take=False, claimed=True,
            before="load e1000e", after="rmmod e1000e", words=(("xl", "PCI device 0:0:7.0 is not assignable"),)),
        to_pvh(),
    ), attach=(("e1000e", "net", MSIX), ("edu", "edu", INTX))),
    Boot("pvh", "PVH dom0", "pvh", "stable", "6.12", common=COMMON, rows=(
        intx(),
        # MSI works; MSI-X does not, and the driver does not notice.
        Row("hvm-msi", "hvm", ("edu", "e1000e"), "warn", SPLIT + MSIX_PVH,
            "edu works by MSI; no interrupt of e1000e's MSI-X comes", (("edu-msi", MSI), ("net", None)),
            words=(("qemu", r"Mapping of MSI-X \(err: 61"),)),
        Row("hvm-bochs", "hvm", ("bochs",), "no", ("SP-PCI-INTX-NONE-PVH",), "pciback cannot take it",
            refused=True, untaken="Fail to get gsi info!",
            words=(("xl", "PCI device 0:0:5.0 is not assignable"),)),
        Row("hvm-nvme", "hvm", ("nvme",), "no", ("SP-PCI-MSIX-CLASH-PVH",), "pciback cannot take it",
            refused=True, untaken="existing mapping .* clobbers MSIX MMIO area",
            words=(("xl", "PCI device 0:0:8.0 is not assignable"),)),
        to_pvh(),
        Row("pv-edu", "pv", ("edu",), "no", ("SP-PCI-DOM0-PV-GUEST", *SPLIT),
            "xl makes the guest, and none of its interrupts comes", (("edu", None),),
            words=(("guest", "Failed to obtain physical IRQ"),)),
        Row("hvm-vf", "hvm", ("vf",), "no", ("SP-PCI-VF-PVH", "SP-PCI-INTX-NONE-PVH", *MSIX_PVH),
            "Xen crashes as pciback takes it", fatal=r"FATAL PAGE FAULT"),
    ), attach=(("e1000e", "net-intx", INTX), ("edu", "edu", INTX)), attach_refused="bochs"),
    Boot("pvh-new", "PVH dom0, the newest Linux", "pvh", "new", "7", common=COMMON, rows=(intx(),)),
    Boot("pvh-old", "PVH dom0, a Linux that is too old to tell a device's GSI", "pvh", "old", "6.1",
         common=COMMON, rows=(
        Row("hvm-intx", "hvm", ("edu", "e1000e"), "no", ("SP-PCI-GSI-CALL", *SPLIT, *MSIX_PVH),
            "libxl refuses the guest", refused=True, words=(
                ("xl", r"Failed to get gsi for dev 0000:00:06.0 \(25 = Inappropriate ioctl for device\)"),
                ("qemu", r"Mapping machine irq \d+ to pirq -1 failed, \(err: 25\)"))),
    )),
    Boot("pv-no-iommu", "PV dom0 without an IOMMU", "pv", "stable", "6.12", iommu=None, rows=(
        Row("hvm-edu", "hvm", ("edu",), "no", ("SP-PCI-IOMMU-NONE", *SPLIT), "libxl refuses the guest",
            refused=True, untaken="quarantine", words=(("xl", "passthrough not supported on this platform"),)),
    ), doctor=("SP-PCI-IOMMU-PVH",)),
    Boot("pvh-no-iommu", "PVH dom0 without an IOMMU", "pvh", "stable", "6.12", iommu=None,
         panic="Presently, iommu must be enabled for PVH hardware domain"),
)
