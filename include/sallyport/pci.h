/* SPDX-License-Identifier: MIT */
#ifndef SALLYPORT_PCI_H
#define SALLYPORT_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sallyport/device.h>

/*
 * A PCI function made of parts: a description becomes regions, a configuration space and what its
 * registers do. A device that is one creates it, gives its regions to sp_device_info, and hands it
 * each access first. The function calls its device's ops: reset() for a function-level reset by the
 * guest, and master().
 */
#define SP_PCI_BAR_COUNT 6u

enum sp_pci_bar_flags {
	SP_PCI_BAR_IO = 1, /* ports; up to 256 bytes */
	SP_PCI_BAR_WIDE = 2, /* 64 bits: the next one must be empty */
	SP_PCI_BAR_PREFETCH = 4,
};

struct sp_pci_bar {
	uint64_t size; /* bytes, a power of two, 16 or more for memory; 0: none */
	uint32_t flags;
	int file; /* looked at only if there are areas */
	const struct sp_area *areas; /* the device's, while it lives; NULL: all of it trapped */
	uint32_t area_count;
};

enum sp_pci_express {
	SP_PCI_CONVENTIONAL, /* 256 bytes of configuration space; all others 4096 */
	SP_PCI_ENDPOINT,
	SP_PCI_LEGACY_ENDPOINT, /* may have ports */
	SP_PCI_INTEGRATED, /* on the root complex's bus, without a link */
};

/* A vendor's capability, without ID, link and length. */
struct sp_pci_vendor {
	const uint8_t *data; /* `size` bytes, 1 or more */
	const uint8_t *mask; /* as many: bits that the guest can write; NULL: none */
	uint8_t size;
};
#define SP_PCI_VENDORS_MAX 8u

struct sp_pci_desc {
	uint16_t vendor, device, subvendor, subdevice;
	uint32_t class; /* base << 16 | sub << 8 | interface */
	uint8_t revision;
	struct sp_pci_bar bars[SP_PCI_BAR_COUNT];
	const uint8_t *rom; /* an expansion ROM, the device's; NULL: none */
	uint32_t rom_size; /* bytes, up to 16 MiB; shown as a power of two */
	uint8_t pin; /* of INTx: 0: none; 1 to 4: INTA to INTD */
	enum sp_pci_express express;
	bool power; /* power management; a part of PCI Express, too */
	uint8_t msi; /* vectors: 0, or a power of two up to 32 */
	uint16_t msix; /* vectors: 0 to SP_VECTORS_MAX */
	uint8_t msix_bar; /* one of memory; its pages for the two are trapped areas */
	uint32_t msix_table, msix_pba; /* bytes in it, of 16 and of 1/8 for each vector */
	const uint8_t *vendor_data; /* of a vendor's capability, without ID, link and length */
	uint8_t vendor_size; /* bytes; 0: none */
	/* More of them, behind that one; looked at by sp_pci_create() alone. */
	const struct sp_pci_vendor *vendors;
	uint32_t vendor_count; /* up to SP_PCI_VENDORS_MAX */
	uint64_t serial; /* extended: the Device Serial Number; 0: none */
};

/* The description is copied. `device` is looked at when something happens, not yet here. False with
 * SP_ERROR_USE if it is none of a possible function. */
struct sp_pci *sp_pci_create(
	const struct sp_pci_desc *desc, struct sp_device *device, struct sp_error *error);
void sp_pci_destroy(struct sp_pci *pci); /* accepts NULL */

/* SP_REGION_COUNT of them, the function's. */
const struct sp_region *sp_pci_regions(const struct sp_pci *pci);

/* Where in the configuration space the capability of vendors[index] is. */
uint32_t sp_pci_vendor_at(const struct sp_pci *pci, uint32_t index);

/*
 * True if the access was to what the function itself keeps, and is done: the configuration space,
 * the ROM, the table and the pending bits of MSI-X.
 */
bool sp_pci_access(struct sp_pci *pci, struct sp_access *access);
/* For the device's reset(). */
void sp_pci_reset(struct sp_pci *pci);
/* Chunks of its own, for the device's save() and load(). */
void sp_pci_save(const struct sp_pci *pci, struct sp_state_writer *writer);
bool sp_pci_load(struct sp_pci *pci, struct sp_state_reader *reader, struct sp_error *error);

/* What the guest has switched on. */
enum sp_pci_mode { SP_PCI_INTX, SP_PCI_MSI, SP_PCI_MSIX };

/* What a transport has to know about interrupts. */
struct sp_pci_interrupts {
	uint8_t pin; /* 0: none */
	uint8_t msi; /* vectors that there are */
	uint16_t msix;
	uint8_t msix_bar;
	uint32_t msix_table, msix_pba;
};
struct sp_pci_interrupts sp_pci_interrupts(const struct sp_pci *pci);
enum sp_pci_mode sp_pci_mode(const struct sp_pci *pci);
bool sp_pci_master(const struct sp_pci *pci);

/*
 * What happens by writes to the configuration space and by interrupts, told to the transport, which
 * takes from it what its client does not do itself: an IOREQ server all of it, vfio-user only
 * `master` and `line`. Any may be NULL.
 */
struct sp_pci_events {
	/* A BAR or the ROM (SP_REGION_ROM) is decoded at `address` from now on, or not at all. Ones
	 * that are written to learn the size are not told, as they are not decoded. */
	void (*bar)(void *data, uint32_t region, bool on, uint64_t address);
	void (*master)(void *data, bool on);
	/* The state of INTx as others see it. */
	void (*line)(void *data, bool level);
	/* A message is to be written. */
	void (*message)(void *data, uint64_t address, uint32_t value);
	/* The guest has changed a vector's message or mask (MSI, MSI-X), or all (UINT32_MAX): for
	 * those who prepare ways of delivery beforehand. */
	void (*vector)(void *data, uint32_t vector);
};
/* In place of those before; NULL: none. Nothing is told at once. */
void sp_pci_listen(struct sp_pci *pci, const struct sp_pci_events *events, void *data);

/*
 * For a bus, which may use either, both or none for its own ops of these names. set_level() takes
 * INTx's disable bit and the mode into account, keeps the status bit, and tells `line` if it
 * changed. raise() takes the mode, the masks and the pending bits into account and tells `message`;
 * a vector that the guest was not granted by MSI is taken modulo those that it was.
 */
void sp_pci_set_level(struct sp_pci *pci, bool level);
void sp_pci_raise(struct sp_pci *pci, uint32_t vector);
/* The message of a vector. False: none is to be sent for now (switched off or masked). */
bool sp_pci_message(const struct sp_pci *pci, uint32_t vector, uint64_t *address, uint32_t *value);

#endif
