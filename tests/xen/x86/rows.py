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

BOOTS = (
    Boot("pv", "PV dom0: everything to a PV guest and to an HVM guest", "pv", "stable", guests=(
        # nvme asks for MSI-X twice, and is refused the second time; it goes on with INTx.
        Guest("pv-all", "pv", ALL, (("net", PV_MSIX), ("edu", PV_INTX), ("bochs", ""), ("nvme", PV_INTX)),
              words=(("guest", "nvme .*: Xen PCI frontend error: -114!"),)),
        Guest("hvm-all", "hvm", ALL, (("net", MSIX), ("edu", INTX), ("bochs", ""), ("nvme", MSIX))),
        Guest("pvh-edu", "pvh", ("edu",), refused=True,
              words=(("xl", "passthrough not yet supported for x86 PVH guests"),)),
    )),
    Boot("pvh", "PVH dom0: devices with an INTx pin to an HVM guest", "pvh", "new", guests=(
        Guest("hvm-intx", "hvm", ("edu", "e1000e"), (("net-intx", INTX), ("edu", INTX))),
        Guest("hvm-msi", "hvm", ("edu", "e1000e"), (("net", MSIX), ("edu-msi", MSI))),
        Guest("hvm-nvme", "hvm", ("nvme",), (("nvme", None),)),
        Guest("pvh-edu", "pvh", ("edu",), refused=True,
              words=(("xl", "passthrough not yet supported for x86 PVH guests"),)),
    ), unassignable={"bochs": "Fail to get gsi info!"}),
    Boot("pvh-stable", "PVH dom0, Linux 6.12", "pvh", "stable", guests=(
        Guest("hvm-intx", "hvm", ("edu", "e1000e"), (("net-intx", INTX), ("edu", INTX))),
    )),
    Boot("pvh-old", "PVH dom0, Linux 6.1: too old to tell a device's GSI", "pvh", "old", guests=(
        Guest("hvm-intx", "hvm", ("edu", "e1000e"), (("net-intx", None), ("edu", None))),
    )),
    Boot("pvh-no-iommu", "PVH dom0 without an IOMMU", "pvh", "stable", iommu=False,
         panic="Presently, iommu must be enabled for PVH hardware domain"),
)
