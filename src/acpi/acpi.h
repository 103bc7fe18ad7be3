/* SPDX-License-Identifier: MIT */
#ifndef SP_ACPI_ACPI_H
#define SP_ACPI_ACPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sallyport/error.h>
#include <sallyport/machine.h>

#include "base/arena.h"

/*
 * Tables of the firmware that say how PCI devices are isolated. The bytes are untrusted. A wrong
 * checksum or signature, a structure of length 0 or one that leaves the table is SP_ERROR_INPUT,
 * naming the offset. Arrays are the arena's.
 */

/*
 * The header, ACPI 6.5 section 5.2.6: length and checksum are checked; bytes behind the length are
 * let be. `signature` is "DMAR" etc. Two spellings are taken for it: "RMAD", the outer letters
 * exchanged, since Xen hides DMAR from dom0 so (xen/drivers/passthrough/vtd/dmar.c:1135), and a
 * first letter 'X', which older ones wrote.
 */
bool sp_acpi_check(const uint8_t *data, size_t size, const char *signature, struct sp_error *error);

/* A device scope: a path from a bus, as PCI (device, function) pairs. */
struct sp_acpi_scope {
	uint8_t type; /* 1 endpoint, 2 bridge and all below, 3 IOAPIC, 4 HPET, 5 a name in ACPI */
	uint8_t enumeration; /* ID of an IOAPIC or HPET */
	sp_bdf start; /* the first function on the path */
	uint8_t hops; /* further pairs after it, through bridges' secondary buses */
	const uint8_t *path; /* 2 * hops bytes */
};
struct sp_acpi_scopes {
	struct sp_acpi_scope *data;
	uint32_t count;
};

/* DMAR: Intel VT-d specification, chapter 8. */
struct sp_dmar_unit {
	uint64_t address;
	uint16_t segment;
	bool all; /* INCLUDE_PCI_ALL: every function of the segment that no other unit has */
	struct sp_acpi_scopes scopes;
};
struct sp_dmar_rmrr {
	uint16_t segment;
	uint64_t base, limit; /* first and last byte */
	struct sp_acpi_scopes scopes;
};
struct sp_dmar {
	uint8_t width; /* host address width in bits */
	bool interrupt_remapping, x2apic_opt_out, dma_opt_in;
	struct sp_dmar_unit *units;
	uint32_t unit_count;
	struct sp_dmar_rmrr *rmrrs;
	uint32_t rmrr_count;
	bool has_atsr, has_satc;
};
bool sp_dmar_read(struct sp_dmar *dmar, struct sp_arena *arena, const uint8_t *data, size_t size,
	struct sp_error *error);

/* IVRS: AMD I/O Virtualization Technology specification, section 5.2.2. */
enum sp_ivrs_special {
	SP_IVRS_FUNCTIONS, /* none: functions of PCI */
	SP_IVRS_IOAPIC,
	SP_IVRS_HPET,
	SP_IVRS_NAMED = 0xf0, /* a device with a name in ACPI; its ID may be no function's */
};
struct sp_ivrs_range {
	sp_bdf first, last; /* inclusive */
	sp_bdf alias; /* the function whose ID the requests carry; SP_BDF_NONE */
	uint8_t settings;
	uint8_t special; /* enum sp_ivrs_special */
	uint8_t handle; /* of an IOAPIC or HPET */
};
struct sp_ivrs_unit {
	uint8_t type; /* 0x10, 0x11 or 0x40 */
	uint64_t address;
	uint16_t segment;
	sp_bdf function; /* the IOMMU's own */
	struct sp_ivrs_range *ranges;
	uint32_t range_count;
};
enum sp_ivmd {
	SP_IVMD_ALL = 0x20,
	SP_IVMD_ONE = 0x21,
	SP_IVMD_RANGE = 0x22,
	SP_IVMD_IOMMU = 0x23, /* `first` is the IOMMU; all that it is in charge of */
};
struct sp_ivrs_memory {
	uint8_t type; /* enum sp_ivmd */
	uint8_t flags; /* 1 unity map, 2 readable, 4 writable, 8 exclusion range */
	sp_bdf first, last;
	uint64_t base, length;
};
struct sp_ivrs {
	uint32_t info;
	struct sp_ivrs_unit *units; /* of each IOMMU the newest type only */
	uint32_t unit_count;
	struct sp_ivrs_memory *memories;
	uint32_t memory_count;
};
bool sp_ivrs_read(struct sp_ivrs *ivrs, struct sp_arena *arena, const uint8_t *data, size_t size,
	struct sp_error *error);

/* VFCT: the ROM images that firmware hands over for AMD's GPUs (UEFI has no legacy ROM). */
struct sp_vfct_image {
	sp_bdf function; /* segment 0 */
	uint16_t vendor, device;
	uint32_t size; /* bytes of ROM */
	uint32_t at; /* offset of the ROM in the table */
};
struct sp_vfct {
	struct sp_vfct_image *images;
	uint32_t count;
};
bool sp_vfct_read(struct sp_vfct *vfct, struct sp_arena *arena, const uint8_t *data, size_t size,
	struct sp_error *error);

#endif
