# SPDX-License-Identifier: MIT
"""What is passed through to whom on which dom0, and what comes of it."""

import dataclasses

from guests import Guest


@dataclasses.dataclass
class Boot:
    """A dom0, and the guests that are made in it one after the other."""

    name: str
    title: str
    dom0: str
    linux: str
    guests: tuple = ()
    iommu: bool = True
    panic: str | None = None  # what Xen says instead of booting
    unassignable: dict = dataclasses.field(default_factory=dict)  # by device, what dom0's kernel says


ALL = ("bochs", "edu", "e1000e", "nvme")
# Parts of what Linux calls an interrupt of each kind, in a PV guest and in an HVM guest.
PV_INTX, PV_MSIX = "-pcifront", "-pcifront-msi-x"
INTX, MSI, MSIX = "IO-APIC", "PCI-MSI-", "PCI-MSIX-"
PVH_GUEST = "passthrough not yet supported for x86 PVH guests"
# bochs-display has no INTx pin; of nvme it is said in Xen's log.
PVH_UNASSIGNABLE = {"bochs": "Fail to get gsi info!", "nvme": "existing mapping .* clobbers MSIX MMIO area"}

BOOTS = (
    Boot("pv", "PV dom0: everything to a PV guest and to an HVM guest", "pv", "stable", guests=(
        # nvme asks for MSI-X twice, and is refused the second time; it goes on with INTx.
        Guest("pv-all", "pv", ALL, (("net", PV_MSIX), ("edu", PV_INTX), ("bochs", ""), ("nvme", PV_INTX)),
              words=(("guest", "nvme .*: Xen PCI frontend error: -114!"),)),
        Guest("hvm-all", "hvm", ALL, (("net", MSIX), ("edu", INTX), ("bochs", ""), ("nvme", MSIX))),
        Guest("pvh-edu", "pvh", ("edu",), refused=True, words=(("xl", PVH_GUEST),)),
    )),
    Boot("pvh", "PVH dom0: devices with an INTx pin to an HVM guest", "pvh", "stable", guests=(
        Guest("hvm-intx", "hvm", ("edu", "e1000e"), (("net-intx", INTX), ("edu", INTX))),
        # MSI works; MSI-X does not, and the driver does not notice.
        Guest("hvm-msi", "hvm", ("edu", "e1000e"), (("edu-msi", MSI), ("net", None)),
              words=(("qemu", r"Mapping of MSI-X \(err: 61"),)),
        Guest("hvm-nvme", "hvm", ("nvme",), refused=True, words=(("xl", "PCI device 0:0:8.0 is not assignable"),)),
        Guest("pvh-edu", "pvh", ("edu",), refused=True, words=(("xl", PVH_GUEST),)),
    ), unassignable=PVH_UNASSIGNABLE),
    Boot("pvh-new", "PVH dom0, the newest Linux", "pvh", "new", guests=(
        Guest("hvm-intx", "hvm", ("edu", "e1000e"), (("net-intx", INTX), ("edu", INTX))),
    ), unassignable=PVH_UNASSIGNABLE),
    Boot("pvh-old", "PVH dom0, Linux 6.1: too old to tell a device's GSI", "pvh", "old", guests=(
        Guest("hvm-intx", "hvm", ("edu", "e1000e"), refused=True, words=(
            ("xl", r"Failed to get gsi for dev 0000:00:06.0 \(25 = Inappropriate ioctl for device\)"),
            ("qemu", r"Mapping machine irq \d+ to pirq -1 failed, \(err: 25\)"))),
    )),
    Boot("pvh-no-iommu", "PVH dom0 without an IOMMU", "pvh", "stable", iommu=False,
         panic="Presently, iommu must be enabled for PVH hardware domain"),
)
