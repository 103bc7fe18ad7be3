/* SPDX-License-Identifier: MIT */
#include <sallyport/pci.h>

#include "device/pci_parts.h"

/*
 * A configuration space as a table of registers: PCI Local Bus 3.0 chapter 6, PCI Express Base 5.0
 * chapter 7, PCI Bus Power Management 1.2.
 */

struct builder {
	struct sp_pci *pci;
	uint32_t next; /* where the next capability may be */
	uint32_t link; /* the register whose upper byte points to the next capability */
	bool full;
};

static struct sp_register *add(struct builder *b, uint32_t offset, uint8_t width, uint64_t reset) {
	struct sp_register_table *table = &b->pci->table;
	struct sp_register *reg;

	if (table->count == SP_PCI_SPACE_REGISTERS) {
		b->full = true;
		table->count--;
	}
	reg = &b->pci->registers[table->count++];
	*reg = (struct sp_register){.offset = offset, .width = width, .reset = reset};
	return reg;
}

/* The same for one that the guest writes; its index. */
static uint32_t add_plain(
	struct builder *b, uint32_t offset, uint8_t width, uint64_t reset, uint64_t mask) {
	add(b, offset, width, reset)->mask = mask;
	return b->pci->table.count - 1;
}

static void changed(void *device, uint32_t index, uint64_t before, uint64_t now) {
	(void)index;
	(void)before;
	(void)now;
	sp_pci_changed(device);
}

static uint32_t add_effect(
	struct builder *b, uint32_t offset, uint8_t width, uint64_t reset, uint64_t mask) {
	uint32_t index = add_plain(b, offset, width, reset, mask);

	b->pci->registers[index].written = changed;
	return index;
}

static void messages_changed(void *device, uint32_t index, uint64_t before, uint64_t now) {
	struct sp_pci *pci = device;

	(void)index;
	if (before != now && pci->events->vector)
		pci->events->vector(pci->data, UINT32_MAX);
	sp_pci_irq_update(pci);
}

/* The same for what belongs to messages. */
static uint32_t add_message(
	struct builder *b, uint32_t offset, uint8_t width, uint64_t reset, uint64_t mask) {
	uint32_t index = add_plain(b, offset, width, reset, mask);

	b->pci->registers[index].written = messages_changed;
	return index;
}

/* A capability of `size` bytes; its offset. */
static uint32_t add_cap(struct builder *b, uint8_t id, uint32_t size) {
	uint32_t at = b->next;

	if (size > 256 - at) {
		b->full = true;
		return at;
	}
	b->next = (at + size + 3) & ~3u;
	if (b->link == SP_PCI_NOWHERE)
		b->pci->registers[sp_registers_index(&b->pci->table, 0x34)].reset = at;
	else
		b->pci->registers[b->link].reset |= (uint64_t)at << 8;
	add(b, at, 2, id);
	b->link = b->pci->table.count - 1;
	return at;
}

uint64_t sp_pci_rom_shown(uint32_t size) {
	uint64_t shown = 2048;

	while (shown < size)
		shown *= 2;
	return shown;
}

static void add_bars(struct builder *b) {
	const struct sp_pci_desc *desc = &b->pci->desc;
	uint32_t *where = b->pci->where.bars;

	for (uint32_t i = 0; i < SP_PCI_BAR_COUNT; i++) {
		const struct sp_pci_bar *bar = &desc->bars[i];
		uint64_t mask = ~(bar->size - 1), flags = 0;
		uint32_t at = 0x10 + 4 * i;

		if (!bar->size) {
			add(b, at, 4, 0);
			continue;
		}
		if (bar->flags & SP_PCI_BAR_IO)
			flags = 1;
		else
			flags = (bar->flags & SP_PCI_BAR_WIDE ? 4u : 0) |
				(bar->flags & SP_PCI_BAR_PREFETCH ? 8u : 0);
		where[i] =
			add_effect(b, at, 4, flags, mask & (flags & 1 ? 0xfffffffcu : 0xfffffff0u));
		if (bar->flags & SP_PCI_BAR_WIDE) {
			add_effect(b, at + 4, 4, 0, mask >> 32);
			i++;
		}
	}
}

static void add_header(struct builder *b) {
	const struct sp_pci_desc *desc = &b->pci->desc;
	struct sp_pci_where *where = &b->pci->where;
	uint32_t command = SP_PCI_COMMAND_MASTER | 0x0140; /* and to tell of errors */

	for (uint32_t i = 0; i < SP_PCI_BAR_COUNT; i++)
		if (desc->bars[i].size)
			command |= desc->bars[i].flags & SP_PCI_BAR_IO ? SP_PCI_COMMAND_IO
								       : SP_PCI_COMMAND_MEMORY;
	if (desc->rom)
		command |= SP_PCI_COMMAND_MEMORY;
	if (desc->pin)
		command |= SP_PCI_COMMAND_NO_INTX;
	add(b, 0x00, 2, desc->vendor);
	add(b, 0x02, 2, desc->device);
	where->command = add_effect(b, 0x04, 2, 0, command);
	add(b, 0x06, 2, 0)->clear = 0xf900; /* errors */
	where->status = b->pci->table.count - 1;
	add(b, 0x08, 4, desc->class << 8 | desc->revision);
	add_plain(b, 0x0c, 1, 0, 0xff); /* cache line size */
	add(b, 0x0d, 1, 0);
	add(b, 0x0e, 2, 0); /* header type, BIST */
	add_bars(b);
	add(b, 0x2c, 2, desc->subvendor);
	add(b, 0x2e, 2, desc->subdevice);
	if (desc->rom)
		where->bars[SP_REGION_ROM] = add_effect(
			b, 0x30, 4, 0, (~(sp_pci_rom_shown(desc->rom_size) - 1) & 0xfffff800u) | 1);
	add(b, 0x34, 1, 0);
	add_plain(b, 0x3c, 1, 0, 0xff); /* interrupt line */
	add(b, 0x3d, 1, desc->pin);
}

/* No reset on the way from D3hot to D0, no PME, no D1 and D2. */
static void add_power(struct builder *b) {
	uint32_t at = add_cap(b, 0x01, 8);

	add(b, at + 2, 2, 0x0003);
	b->pci->where.power = add_effect(b, at + 4, 2, 0x0008, 0x0003);
}

static void add_msi(struct builder *b) {
	struct sp_pci_where *where = &b->pci->where;
	uint32_t at = add_cap(b, 0x05, 24), log = 0;

	while (1u << log < b->pci->desc.msi)
		log++;
	/* 64 bits, with masks. */
	where->msi = add_message(b, at + 2, 2, 0x0180 | log << 1, 0x0071);
	where->msi_low = add_message(b, at + 4, 4, 0, 0xfffffffc);
	where->msi_high = add_message(b, at + 8, 4, 0, 0xffffffff);
	where->msi_data = add_message(b, at + 12, 2, 0, 0xffff);
	where->msi_mask = add_message(b, at + 16, 4, 0, UINT32_MAX >> (32 - b->pci->desc.msi));
	where->msi_pending = add_plain(b, at + 20, 4, 0, 0);
}

static void add_msix(struct builder *b) {
	const struct sp_pci_desc *desc = &b->pci->desc;
	uint32_t at = add_cap(b, 0x11, 12);

	b->pci->where.msix =
		add_message(b, at + 2, 2, desc->msix - 1u, SP_PCI_MSIX_ON | SP_PCI_MSIX_MASKED);
	add(b, at + 4, 4, desc->msix_table | desc->msix_bar);
	add(b, at + 8, 4, desc->msix_pba | desc->msix_bar);
}

/* Its offset. */
static uint32_t add_vendor(struct builder *b, const struct sp_pci_vendor *vendor) {
	uint32_t at = add_cap(b, 0x09, 3u + vendor->size);

	add(b, at + 2, 1, 3u + vendor->size);
	add_plain(b, at + 3, 1, vendor->data[0], vendor->mask ? vendor->mask[0] : 0);
	for (uint32_t i = 1; i < vendor->size && !b->full; i += 4) {
		uint32_t value = 0, mask = 0;

		for (uint32_t j = 0; j < 4 && i + j < vendor->size; j++) {
			value |= (uint32_t)vendor->data[i + j] << 8 * j;
			mask |= (uint32_t)(vendor->mask ? vendor->mask[i + j] : 0) << 8 * j;
		}
		add_plain(b, at + 3 + i, 4, value, mask);
	}
	return at;
}

static void add_vendors(struct builder *b) {
	struct sp_pci_desc *desc = &b->pci->desc;
	const struct sp_pci_vendor first = {.data = desc->vendor_data, .size = desc->vendor_size};

	if (first.size)
		add_vendor(b, &first);
	for (uint32_t i = 0; i < desc->vendor_count; i++)
		b->pci->where.vendors[i] = add_vendor(b, &desc->vendors[i]);
	/* They are not the function's. */
	desc->vendors = NULL;
}

static void flr_written(void *device, uint32_t index, uint64_t before, uint64_t now) {
	struct sp_pci *pci = device;

	(void)before;
	if (!(now & 0x8000))
		return;
	pci->values[index] &= ~0x8000ull;
	sp_pci_flr(pci);
}

static void add_express(struct builder *b) {
	static const uint8_t types[] = {
		[SP_PCI_ENDPOINT] = 0, [SP_PCI_LEGACY_ENDPOINT] = 1, [SP_PCI_INTEGRATED] = 9};
	enum sp_pci_express express = b->pci->desc.express;
	bool link = express != SP_PCI_INTEGRATED;
	uint32_t at = add_cap(b, 0x10, 60);

	add(b, at + 2, 2, 2u | (uint32_t)types[express] << 4);
	add(b, at + 4, 4, 0x10008000); /* function-level reset, errors by role */
	b->pci->where.express = add_plain(b, at + 8, 2, 0x2810, 0xf9ff);
	b->pci->registers[b->pci->where.express].written = flr_written;
	add(b, at + 10, 2, 0)->clear = 0x000f;
	add(b, at + 12, 4, link ? 0x00400011 : 0); /* 2.5 GT/s, one lane */
	add_plain(b, at + 16, 2, 0, link ? 0x00cb : 0);
	add(b, at + 18, 2, link ? 0x0011 : 0);
	add(b, at + 36, 4, 0x10); /* time limits of completions can be switched off */
	add_plain(b, at + 40, 2, 0, 0x10);
	add(b, at + 44, 4, link ? 0x02 : 0);
	add_plain(b, at + 48, 2, link ? 0x01 : 0, link ? 0x0f : 0);
}

/* The only extended one, so that it ends the list, too. */
static void add_serial(struct builder *b) {
	uint64_t serial = b->pci->desc.serial;

	add(b, 0x100, 4, 0x00010003);
	add(b, 0x104, 4, serial & UINT32_MAX);
	add(b, 0x108, 4, serial >> 32);
}

bool sp_pci_build(struct sp_pci *pci) {
	struct builder b = {.pci = pci, .next = 0x40, .link = SP_PCI_NOWHERE};
	const struct sp_pci_desc *desc = &pci->desc;
	struct sp_pci_where *where = &pci->where;

	pci->table = (struct sp_register_table){.registers = pci->registers,
		.size = desc->express == SP_PCI_CONVENTIONAL ? 256 : 4096};
	where->power = where->express = where->msi = where->msix = SP_PCI_NOWHERE;
	where->msi_low = where->msi_high = where->msi_data = SP_PCI_NOWHERE;
	where->msi_mask = where->msi_pending = SP_PCI_NOWHERE;
	for (uint32_t i = 0; i < SP_PCI_PLACES; i++)
		where->bars[i] = SP_PCI_NOWHERE;

	add_header(&b);
	if (desc->power || desc->express != SP_PCI_CONVENTIONAL)
		add_power(&b);
	if (desc->msi)
		add_msi(&b);
	if (desc->msix)
		add_msix(&b);
	if (desc->express != SP_PCI_CONVENTIONAL)
		add_express(&b);
	add_vendors(&b);
	if (desc->serial)
		add_serial(&b);
	if (b.link != SP_PCI_NOWHERE)
		pci->registers[where->status].reset |= 0x0010;
	return !b.full && sp_registers_valid(&pci->table);
}
