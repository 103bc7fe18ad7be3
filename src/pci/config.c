/* SPDX-License-Identifier: MIT */
#include "pci/config.h"

#include "pci/space.h"

/* Registers that all headers have, and those of the two that matter. */
#define ID 0x00u
#define COMMAND 0x04u
#define STATUS 0x06u
#define CLASS 0x08u
#define HEADER_TYPE 0x0eu
#define BARS 0x10u
#define BUSES 0x18u
#define SUBSYSTEM 0x2cu
#define ROM 0x30u
#define BRIDGE_ROM 0x38u
#define LINE 0x3cu
#define PIN 0x3du

#define ONES UINT32_MAX

#define BAR_IO 0x1u
#define BAR_IO_FLAGS 0x3u
#define BAR_FLAGS 0xfu
#define BAR_TYPE 0x6u
#define BAR_BELOW_1M 0x2u
#define BAR_WIDE 0x4u
#define BAR_PREFETCH 0x8u

#define ROM_ON 0x1u
#define ROM_ADDRESS 0xfffff800u

void sp_pci_read_bars(
	struct sp_pci_space *space, uint32_t at, unsigned count, struct sp_bar *bars) {
	for (unsigned i = 0; i < count; i++) {
		uint32_t low = sp_pci_get32(space, at + 4 * i);
		struct sp_bar *bar = &bars[i];

		if (!low || low == ONES)
			continue;
		bar->present = true;
		if (low & BAR_IO) {
			bar->io = true;
			bar->address = low & ~BAR_IO_FLAGS;
			continue;
		}
		bar->address = low & ~BAR_FLAGS;
		bar->prefetch = low & BAR_PREFETCH;
		switch (low & BAR_TYPE) {
		case 0:
		case BAR_BELOW_1M:
			break;
		case BAR_WIDE:
			bar->wide = true;
			if (i + 1 < count)
				bar->address |= (uint64_t)sp_pci_get32(space, at + 4 * ++i) << 32;
			else
				space->config->broken = true;
			break;
		default:
			space->config->broken = true;
		}
	}
}

static void read_rom(struct sp_pci_space *space, uint32_t at) {
	uint32_t value = sp_pci_get32(space, at);
	struct sp_bar *rom = &space->config->rom;

	if (value == ONES)
		return;
	rom->address = value & ROM_ADDRESS;
	rom->present = rom->address || (value & ROM_ON);
}

static void read_pin(struct sp_pci_space *space) {
	struct sp_pci_config *config = space->config;
	uint8_t pin = sp_pci_get8(space, PIN);

	config->line = sp_pci_get8(space, LINE);
	if (pin <= 4)
		config->pin = pin;
	else
		config->broken = true;
}

static void read_buses(struct sp_pci_space *space) {
	struct sp_pci_config *config = space->config;

	config->primary = sp_pci_get8(space, BUSES);
	config->secondary = sp_pci_get8(space, BUSES + 1);
	config->subordinate = sp_pci_get8(space, BUSES + 2);
}

static void read_header(struct sp_pci_space *space) {
	struct sp_pci_config *config = space->config;

	switch (config->header) {
	case SP_PCI_HEADER_NORMAL:
		sp_pci_read_bars(space, BARS, 6, config->bars);
		config->subvendor = sp_pci_get16(space, SUBSYSTEM);
		config->subdevice = sp_pci_get16(space, SUBSYSTEM + 2);
		read_rom(space, ROM);
		break;
	case SP_PCI_HEADER_BRIDGE:
		sp_pci_read_bars(space, BARS, 2, config->bars);
		read_buses(space);
		read_rom(space, BRIDGE_ROM);
		break;
	case SP_PCI_HEADER_CARDBUS:
		sp_pci_read_bars(space, BARS, 1, config->bars);
		read_buses(space);
		break;
	case SP_PCI_HEADER_UNKNOWN:
		config->broken = true;
		return;
	}
	read_pin(space);
}

bool sp_pci_config_read(
	struct sp_pci_config *config, const uint8_t *data, size_t size, struct sp_error *error) {
	struct sp_pci_space space = {.data = data, .config = config};
	uint8_t type;

	*config = (struct sp_pci_config){.pcie = SP_PCIE_NONE};
	if (size < SP_PCI_CONFIG_MIN)
		return sp_error_set(error, SP_ERROR_INPUT,
			"the configuration space is cut short: %zu bytes of at least %u", size,
			SP_PCI_CONFIG_MIN);
	space.size = size < SP_PCI_CONFIG_MAX ? (uint32_t)size : SP_PCI_CONFIG_MAX;
	if (sp_pci_get32(&space, ID) == ONES && sp_pci_get32(&space, COMMAND) == ONES)
		return sp_error_set(error, SP_ERROR_INPUT,
			"the configuration space is all ones: the device is switched off or has "
			"fallen off the bus");

	config->known = space.size;
	config->vendor = sp_pci_get16(&space, ID);
	config->device = sp_pci_get16(&space, ID + 2);
	config->ids_absent = config->vendor == UINT16_MAX;
	config->command = sp_pci_get16(&space, COMMAND);
	config->status = sp_pci_get16(&space, STATUS);
	config->revision = sp_pci_get8(&space, CLASS);
	config->class = sp_pci_get32(&space, CLASS) >> 8;
	type = sp_pci_get8(&space, HEADER_TYPE);
	config->multifunction = type & 0x80;
	type &= 0x7f;
	config->header =
		type < SP_PCI_HEADER_UNKNOWN ? (enum sp_pci_header)type : SP_PCI_HEADER_UNKNOWN;
	read_header(&space);
	if (config->header != SP_PCI_HEADER_UNKNOWN) {
		sp_pci_read_caps(&space);
		sp_pci_read_extended(&space);
	}
	return true;
}
