/* SPDX-License-Identifier: MIT */
/* The list of extended capabilities, from byte 256 on. PCI Express Base 5.0, section 7.6.3 ff. */
#include "pci/space.h"

/* SR-IOV, section 9.3.3. */
#define VF_CONTROL 0x08u
#define VF_INITIAL 0x0cu
#define VF_TOTAL 0x0eu
#define VF_COUNT 0x10u
#define VF_OFFSET 0x14u
#define VF_STRIDE 0x16u
#define VF_DEVICE 0x1au
#define VF_BARS 0x24u

/* Resizable BAR, section 7.8.6: a capability and a control register for each BAR. */
#define REBAR_FIRST 4u
#define REBAR_ENTRY 8u
#define REBAR_SIZES 44u /* the largest is 2^63 bytes */

static bool read_serial(struct sp_pci_space *space, uint32_t at) {
	space->config->has_serial = true;
	space->config->serial_at = (uint16_t)at;
	return true;
}

static bool read_acs(struct sp_pci_space *space, uint32_t at) {
	space->config->has_acs = true;
	space->config->acs = (struct sp_acs){
		.able = sp_pci_get16(space, at + 4),
		.on = sp_pci_get16(space, at + 6),
	};
	return true;
}

static bool read_ari(struct sp_pci_space *space, uint32_t at) {
	(void)at;
	space->config->has_ari = true;
	return true;
}

static bool read_ats(struct sp_pci_space *space, uint32_t at) {
	(void)at;
	space->config->has_ats = true;
	return true;
}

static bool read_pasid(struct sp_pci_space *space, uint32_t at) {
	(void)at;
	space->config->has_pasid = true;
	return true;
}

static bool read_sriov(struct sp_pci_space *space, uint32_t at) {
	struct sp_sriov *sriov = &space->config->sriov;
	bool sound = true;

	space->config->has_sriov = true;
	sriov->on = sp_pci_get16(space, at + VF_CONTROL) & 1;
	sriov->initial = sp_pci_get16(space, at + VF_INITIAL);
	sriov->total = sp_pci_get16(space, at + VF_TOTAL);
	sriov->offset = sp_pci_get16(space, at + VF_OFFSET);
	sriov->stride = sp_pci_get16(space, at + VF_STRIDE);
	sriov->device = sp_pci_get16(space, at + VF_DEVICE);
	sp_pci_read_bars(space, at + VF_BARS, SP_PCI_BARS, sriov->bars);
	if (sriov->on)
		sriov->enabled = sp_pci_get16(space, at + VF_COUNT);
	if (sriov->enabled > sriov->total) {
		sriov->enabled = sriov->total;
		sound = false;
	}
	/* All would have one address, or that of the physical function. */
	if ((sriov->enabled > 1 && !sriov->stride) || (sriov->enabled && !sriov->offset)) {
		sriov->enabled = 0;
		sound = false;
	}
	return sound;
}

/* True if this BAR has been told of. */
static bool has_rebar(const struct sp_pci_config *config, uint32_t bar) {
	for (unsigned i = 0; i < config->rebar_count; i++)
		if (config->rebar[i].bar == bar)
			return true;
	return false;
}

static uint32_t count_rebars(const struct sp_pci_space *space, uint32_t at) {
	return sp_pci_get32(space, at + REBAR_FIRST + 4) >> 5 & 7;
}

static uint32_t measure_rebar(const struct sp_pci_space *space, uint32_t at) {
	return REBAR_FIRST + REBAR_ENTRY * count_rebars(space, at);
}

static bool read_rebar(struct sp_pci_space *space, uint32_t at) {
	struct sp_pci_config *config = space->config;
	uint32_t count = count_rebars(space, at);
	bool sound = count >= 1 && count <= SP_PCI_BARS;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t entry = at + REBAR_FIRST + REBAR_ENTRY * i;
		uint32_t able = sp_pci_get32(space, entry);
		uint32_t control = sp_pci_get32(space, entry + 4);
		uint32_t current = control >> 8 & 0x3f;

		if ((control & 7) >= SP_PCI_BARS || current >= REBAR_SIZES ||
			has_rebar(config, control & 7)) {
			sound = false;
			continue;
		}
		config->rebar[config->rebar_count++] = (struct sp_rebar){
			.bar = control & 7,
			.current = (uint8_t)current,
			.sizes = (uint64_t)(control >> 16) << 28 | able >> 4,
		};
	}
	return sound;
}

static const struct sp_pci_cap KINDS[] = {
	{.id = 0x03, .size = 12, .read = read_serial},
	{.id = 0x0d, .size = 8, .read = read_acs},
	{.id = 0x0e, .size = 8, .read = read_ari},
	{.id = 0x0f, .size = 8, .read = read_ats},
	{.id = 0x10, .size = 64, .read = read_sriov},
	{.id = 0x15, .size = 12, .read = read_rebar, .measure = measure_rebar},
	{.id = 0x1b, .size = 8, .read = read_pasid},
};
static const struct sp_pci_list LIST = {
	.begin = SP_PCI_CONFIG_PCI,
	.end = SP_PCI_CONFIG_MAX,
	.extended = true,
	.kinds = KINDS,
	.kind_count = sizeof(KINDS) / sizeof(KINDS[0]),
};

void sp_pci_read_extended(struct sp_pci_space *space) {
	struct sp_pci_config *config = space->config;
	enum sp_pci_walk walk;

	/* What a conventional function shows there may be its first bytes once more. */
	if (config->pcie == SP_PCIE_NONE)
		return;
	walk = sp_pci_walk(space, &LIST, SP_PCI_CONFIG_PCI);
	config->has_extended = walk != SP_PCI_WALK_CUT;
	if (walk == SP_PCI_WALK_BROKEN)
		config->broken = true;
}
