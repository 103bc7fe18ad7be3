/* SPDX-License-Identifier: MIT */
#ifndef SP_DEVICE_PCI_PARTS_H
#define SP_DEVICE_PCI_PARTS_H

#include <sallyport/pci.h>
#include <sallyport/registers.h>

/* The inside of a PCI function, for pci*.c alone. */

#define SP_PCI_SPACE_REGISTERS 192u
#define SP_PCI_PLACES (SP_PCI_BAR_COUNT + 1) /* and the ROM, as SP_REGION_ROM is numbered */
#define SP_PCI_NOWHERE UINT32_MAX /* index of a register that is not there */

#define SP_PCI_COMMAND_IO 0x0001u
#define SP_PCI_COMMAND_MEMORY 0x0002u
#define SP_PCI_COMMAND_MASTER 0x0004u
#define SP_PCI_COMMAND_NO_INTX 0x0400u
#define SP_PCI_STATUS_INTX 0x0008u
#define SP_PCI_MSI_ON 0x0001u
#define SP_PCI_MSIX_ON 0x8000u
#define SP_PCI_MSIX_MASKED 0x4000u
#define SP_PCI_MSIX_ENTRY 16u /* bytes */

/* Where registers with an effect are: indices into the table. */
struct sp_pci_where {
	uint32_t command, status;
	uint32_t bars[SP_PCI_PLACES];
	uint32_t power; /* control and status */
	uint32_t express; /* device control */
	uint32_t msi; /* message control, followed by: */
	uint32_t msi_low, msi_high, msi_data, msi_mask, msi_pending;
	uint32_t msix; /* message control */
	uint32_t vendors[SP_PCI_VENDORS_MAX]; /* offsets, of capabilities */
};

struct sp_pci_place {
	bool on;
	uint64_t address;
};

struct sp_pci {
	struct sp_pci_desc desc;
	struct sp_device *device;
	struct sp_region regions[SP_REGION_COUNT];
	struct sp_area areas[SP_REGION_COUNT]; /* of those that are all trapped */

	struct sp_register_table table;
	struct sp_register registers[SP_PCI_SPACE_REGISTERS];
	uint64_t values[SP_PCI_SPACE_REGISTERS];
	struct sp_pci_where where;

	struct sp_pci_place places[SP_PCI_PLACES];
	bool master;

	bool wanted; /* the device's level */
	bool line; /* INTx as others see it */
	uint8_t *msix_table; /* as in memory: SP_PCI_MSIX_ENTRY bytes for each vector */
	uint8_t *msix_pending; /* a bit for each */

	const struct sp_pci_events *events; /* never NULL */
	void *data;

	/* A function-level reset that the guest asked for, until the device has done it. */
	struct sp_notice reset;
	bool resetting;
};

/* Fills in the table; false if the parts do not fit into the space. */
bool sp_pci_build(struct sp_pci *pci);
/* The size that a ROM has in its register. */
uint64_t sp_pci_rom_shown(uint32_t size);

static inline uint64_t sp_pci_value(const struct sp_pci *pci, uint32_t index) {
	return index == SP_PCI_NOWHERE ? 0 : pci->values[index];
}

/* After registers were written: tells what follows from them. */
void sp_pci_changed(struct sp_pci *pci); /* command, BARs, power */
void sp_pci_flr(struct sp_pci *pci);

/* Interrupts, pci_irq.c. */
uint32_t sp_pci_pending_size(const struct sp_pci *pci); /* bytes */
void sp_pci_irq_reset(struct sp_pci *pci);
/* The line as it follows from all else, and messages that may now be sent. */
void sp_pci_irq_update(struct sp_pci *pci);
/* True if the access was to MSI-X's table or pending bits, and is done. */
bool sp_pci_msix_access(struct sp_pci *pci, struct sp_access *access);
bool sp_pci_awake(const struct sp_pci *pci); /* it is in D0 */

#endif
