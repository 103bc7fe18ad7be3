# SPDX-License-Identifier: MIT
# To be sourced: what the bed for guests of QEMU is made of, beside what testbed/x86 has.

# The kernels, NAME=SUITE, are those of testbed/x86/contents.sh; guests load these modules of theirs.
VM_LINUX="new=trixie-backports stable=trixie"
VM_MODULES="bochs virtio_input evdev vfio-pci vfio_iommu_type1"

VM_FIRMWARE_SUITE=trixie
VM_FIRMWARE="ovmf"

# The kernel's own tests of VFIO, of the newest kernel's source. iommufd, which they use if they are
# not told otherwise, is not in Debian's kernels, so that here they use type 1 version 2.
VM_SOURCE=linux-source-7.3
VM_SOURCE_SUITE=trixie-backports
VM_TESTS="vfio_dma_mapping_test vfio_dma_mapping_mmio_test vfio_pci_device_test
	vfio_pci_device_init_perf_test vfio_pci_driver_test"
VM_SOURCE_PARTS="tools/testing/selftests tools/include tools/arch/x86/include include/linux/pci_ids.h
	drivers/dma/ioat drivers/dma/idxd/registers.h drivers/net/ethernet/intel/igb"
