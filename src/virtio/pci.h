/* SPDX-License-Identifier: MIT */
#ifndef SP_VIRTIO_PCI_H
#define SP_VIRTIO_PCI_H

#include <sallyport/pci.h>
#include <sallyport/virtio.h>

/* The inside of the binding to PCI, for src/virtio alone. */

#define SP_VIRTIO_COMMON_SIZE 64u
#define SP_VIRTIO_NO_VECTOR 0xffffu
#define SP_VIRTIO_ISR_QUEUE 1u
#define SP_VIRTIO_ISR_CONFIG 2u

struct sp_virtio_pci {
	struct sp_device device; /* first, so that the one is the other */
	struct sp_device_info info;
	struct sp_virtio_core *core;
	struct sp_pci *pci;
	struct sp_area *areas; /* of the BAR */
	uint32_t window_at; /* the capability in the configuration space */

	uint8_t isr;
	uint16_t vector_count;
	uint16_t config_vector;
	uint16_t vectors[SP_VIRTIO_QUEUES_MAX];
	uint32_t offered_select, accepted_select; /* halves of the features */
	uint16_t queue_select;
	struct sp_notice reset; /* by the driver's write of 0 */
	bool resetting;
};

/* pci_common.c: the common configuration (4.1.4.3). */
void sp_virtio_common_access(struct sp_virtio_pci *pci, struct sp_access *access);
void sp_virtio_common_reset(struct sp_virtio_pci *pci);
void sp_virtio_common_save(const struct sp_virtio_pci *pci, struct sp_state_writer *writer);
bool sp_virtio_common_load(
	struct sp_virtio_pci *pci, struct sp_state_reader *reader, struct sp_error *error);

#endif
