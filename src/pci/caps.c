/* SPDX-License-Identifier: MIT */
/* The list of capabilities in the first 256 bytes, and the walk that both lists have in common. */
#include "pci/space.h"

#define STATUS_LIST 0x10u
#define POINTER 0x34u
#define CARDBUS_POINTER 0x14u
#define FIRST_CAP 0x40u
#define ALIGNED (~3u) /* the low bits of a pointer are reserved */

#define NOBODY 0xffu /* an ID that says that nobody answers */

/* DONE if all bytes of a capability are there. */
static enum sp_pci_walk check_fit(const struct sp_pci_space *space, const struct sp_pci_list *list,
	const struct sp_pci_cap *kind, uint32_t at) {
	uint32_t size = kind->size;

	for (unsigned pass = 0; pass < 2; pass++) {
		if (at + size > list->end)
			return SP_PCI_WALK_BROKEN;
		if (at + size > space->size)
			return SP_PCI_WALK_CUT;
		if (!kind->measure)
			break;
		size = kind->measure(space, at);
	}
	return SP_PCI_WALK_DONE;
}

enum sp_pci_walk sp_pci_walk(
	struct sp_pci_space *space, const struct sp_pci_list *list, uint32_t at) {
	uint32_t seen[SP_PCI_CONFIG_MAX / 4 / 32] = {0};
	uint32_t read = 0; /* bit per kind */
	uint32_t id, next;

	for (; at; at = next) {
		uint32_t bit = 1u << (at / 4 % 32);
		enum sp_pci_walk fit;
		unsigned kind = 0;

		if (at < list->begin || (seen[at / 4 / 32] & bit))
			return SP_PCI_WALK_BROKEN;
		seen[at / 4 / 32] |= bit;
		if (at + 4 > space->size)
			return SP_PCI_WALK_CUT;
		if (list->extended) {
			uint32_t header = sp_pci_get32(space, at);

			if (!header || header == UINT32_MAX)
				return SP_PCI_WALK_DONE;
			id = header & 0xffff;
			next = header >> 20 & ALIGNED;
		} else {
			id = sp_pci_get8(space, at);
			next = sp_pci_get8(space, at + 1) & ALIGNED;
			if (id == NOBODY)
				return SP_PCI_WALK_BROKEN;
		}

		while (kind < list->kind_count && list->kinds[kind].id != id)
			kind++;
		if (kind == list->kind_count || (read >> kind & 1))
			continue;
		read |= 1u << kind;
		fit = check_fit(space, list, &list->kinds[kind], at);
		if (fit != SP_PCI_WALK_DONE)
			return fit;
		if (!list->kinds[kind].read(space, at))
			space->config->broken = true;
	}
	return SP_PCI_WALK_DONE;
}

/* PCI Bus Power Management 1.2, section 3.2. */
static bool read_power(struct sp_pci_space *space, uint32_t at) {
	uint16_t control = sp_pci_get16(space, at + 4);

	space->config->has_pm = true;
	space->config->power = control & 3;
	space->config->pm_reset = !(control & 0x8);
	return true;
}

static bool read_vpd(struct sp_pci_space *space, uint32_t at) {
	space->config->vpd_at = (uint16_t)at;
	return true;
}

#define MSI_WIDE 0x80u
#define MSI_MASKABLE 0x100u

static uint32_t measure_msi(const struct sp_pci_space *space, uint32_t at) {
	uint16_t control = sp_pci_get16(space, at + 2);

	return 10u + (control & MSI_WIDE ? 4u : 0) + (control & MSI_MASKABLE ? 10u : 0);
}

static bool read_msi(struct sp_pci_space *space, uint32_t at) {
	uint16_t control = sp_pci_get16(space, at + 2);
	unsigned vectors = control >> 1 & 7;
	struct sp_pci_config *config = space->config;

	config->has_msi = true;
	config->msi_on = control & 1;
	config->msi_wide = control & MSI_WIDE;
	config->msi_maskable = control & MSI_MASKABLE;
	config->msi_vectors = (uint16_t)(1u << (vectors <= 5 ? vectors : 5));
	return vectors <= 5;
}

static bool read_msix(struct sp_pci_space *space, uint32_t at) {
	uint16_t control = sp_pci_get16(space, at + 2);
	uint32_t table = sp_pci_get32(space, at + 4), pba = sp_pci_get32(space, at + 8);

	space->config->has_msix = true;
	space->config->msix = (struct sp_msix){
		.vectors = (uint16_t)((control & 0x7ff) + 1),
		.on = control & 0x8000,
		.table_bar = table & 7,
		.pba_bar = pba & 7,
		.table_offset = table & ~7u,
		.pba_offset = pba & ~7u,
	};
	return (table & 7) < SP_PCI_BARS && (pba & 7) < SP_PCI_BARS;
}

/* A bridge has its subsystem's IDs here. */
static bool read_subsystem(struct sp_pci_space *space, uint32_t at) {
	if (space->config->header == SP_PCI_HEADER_BRIDGE) {
		space->config->subvendor = sp_pci_get16(space, at + 4);
		space->config->subdevice = sp_pci_get16(space, at + 6);
	}
	return true;
}

static bool read_express(struct sp_pci_space *space, uint32_t at) {
	space->config->pcie = (enum sp_pcie_type)(sp_pci_get16(space, at + 2) >> 4 & 0xf);
	if (sp_pci_get32(space, at + 4) & 1u << 28)
		space->config->flr = true;
	return true;
}

/* A reset is of use only with the bit that tells when transactions are over. */
static bool read_advanced(struct sp_pci_space *space, uint32_t at) {
	if ((sp_pci_get8(space, at + 3) & 3) == 3)
		space->config->flr = true;
	return true;
}

static const struct sp_pci_cap KINDS[] = {
	{.id = 0x01, .size = 8, .read = read_power},
	{.id = 0x03, .size = 8, .read = read_vpd},
	{.id = 0x05, .size = 10, .read = read_msi, .measure = measure_msi},
	{.id = 0x0d, .size = 8, .read = read_subsystem},
	{.id = 0x10, .size = 12, .read = read_express},
	{.id = 0x11, .size = 12, .read = read_msix},
	{.id = 0x13, .size = 6, .read = read_advanced},
};
static const struct sp_pci_list LIST = {
	.begin = FIRST_CAP,
	.end = SP_PCI_CONFIG_PCI,
	.kinds = KINDS,
	.kind_count = sizeof(KINDS) / sizeof(KINDS[0]),
};

void sp_pci_read_caps(struct sp_pci_space *space) {
	struct sp_pci_config *config = space->config;
	enum sp_pci_walk walk = SP_PCI_WALK_DONE;

	if (config->status & STATUS_LIST) {
		uint32_t pointer =
			config->header == SP_PCI_HEADER_CARDBUS ? CARDBUS_POINTER : POINTER;

		walk = sp_pci_walk(space, &LIST, sp_pci_get8(space, pointer) & ALIGNED);
	}
	config->has_caps = walk != SP_PCI_WALK_CUT;
	if (walk == SP_PCI_WALK_BROKEN)
		config->broken = true;
}
