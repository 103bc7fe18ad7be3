# SPDX-License-Identifier: MIT
# To be sourced: what the x86 test bed is made of.

# The newest: its amd-iommu translates DMA, its igb has virtual functions.
QEMU_BASE=trixie
QEMU_SUITE=trixie-backports
QEMU_PACKAGES="qemu-system-x86 seabios ipxe-qemu"

XEN_RELEASE=4.20
AMD64_SUITE=trixie
AMD64_PACKAGES="xen-hypervisor-$XEN_RELEASE-amd64 xen-utils-$XEN_RELEASE xenstore-utils libxen-dev
	libfdt-dev uuid-dev busybox-static pciutils"
# dom0's own QEMU, of the backports.
AMD64_NEW_PACKAGES="qemu-system-xen qemu-system-common qemu-system-data seabios"

# The kernels of dom0, NAME=SUITE: the newest, which a PVH dom0 wants; Debian's own; and one that is
# too old to tell a device's GSI. Guests run GUEST_LINUX.
LINUX="new=trixie-backports stable=trixie old=bookworm"
GUEST_LINUX=stable
GUEST_SUITE=trixie

DOM0_MODULES="xen-evtchn xen-gntdev xen-gntalloc xen-privcmd xenfs xen-pciback ahci sd_mod bochs nvme
	e1000e igb igbvf vfio-pci vfio_iommu_type1 virtio_pci snd-hda-intel"
GUEST_MODULES="xen-pcifront bochs nvme e1000e igb igbvf drm_xen_front uio"
