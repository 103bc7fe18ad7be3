# SPDX-License-Identifier: MIT
# To be sourced: what the test bed is made of.

# QEMU's machine "virt" has an SMMUv3 with a second stage since 9.0; without one Xen goes on
# without an IOMMU.
QEMU_BASE=bookworm
QEMU_SUITE=bookworm-backports
QEMU_PACKAGES=qemu-system-arm

ARM64_SUITE=trixie
XEN_RELEASE=4.20

# Debian's own build has neither an SMMUv3 nor static memory.
XEN_OPTIONS="EXPERT UNSUPPORTED ARM_SMMU_V3 IPMMU_VMSA IOREQ_SERVER OVERLAY_DTB STATIC_MEMORY
	STATIC_SHM DEBUG"

XEN_PACKAGES="xen-hypervisor-$XEN_RELEASE-arm64 xen-utils-$XEN_RELEASE libxenmisc$XEN_RELEASE
	libxencall1 libxenevtchn1 libxenforeignmemory1 libxengnttab1 libxenstore4 libxentoollog1
	libxendevicemodel1 libxentoolcore1 libxenhypfs1 xenstore-utils libxen-dev xen-utils-common"

# What those link to.
LIBRARY_PACKAGES="libc6 libncurses6 libtinfo6 libyajl2 libuuid1 zlib1g libzstd1 libbz2-1.0 liblzma5
	liblzo2-2 libfdt1 libfdt-dev libnl-3-200 libnl-route-3-200 libgcc-s1 libext2fs2t64
	libcom-err2 busybox-static"

XEN_PROGRAMS="xl xenstored xenconsoled xenconsole xen-init-dom0 init-dom0less libxl-save-helper"

BUSYBOX_APPLETS="sh ash awk yes base64 basename cat chmod cmp cp cut date dd devmem dirname dmesg echo
	expr false find grep gunzip head hexdump insmod kill ln ls lsmod mkdir mkfifo mknod mount mv pidof
	poweroff printf ps readlink rm rmmod sed seq setsid sha256sum sleep sort stat stty sync tail test
	timeout touch tr true umount uname wc xargs zcat"

DOM0_MODULES="xen-evtchn xen-gntdev xen-gntalloc xen-privcmd xenfs virtio_mmio"
GUEST_MODULES="gpio_keys evdev virtio_blk virtio_mmio nvme-keyring nvme-auth nvme-core nvme"
