/* SPDX-License-Identifier: MIT */
#include <sallyport/pci.h>

#include <string.h>

#include "base/bytes.h"
#include "device/pci_parts.h"

struct sp_pci_interrupts sp_pci_interrupts(const struct sp_pci *pci) {
	const struct sp_pci_desc *desc = &pci->desc;

	return (struct sp_pci_interrupts){
		.pin = desc->pin,
		.msi = desc->msi,
		.msix = desc->msix,
		.msix_bar = desc->msix_bar,
		.msix_table = desc->msix_table,
		.msix_pba = desc->msix_pba,
	};
}

enum sp_pci_mode sp_pci_mode(const struct sp_pci *pci) {
	if (sp_pci_value(pci, pci->where.msix) & SP_PCI_MSIX_ON)
		return SP_PCI_MSIX;
	if (sp_pci_value(pci, pci->where.msi) & SP_PCI_MSI_ON)
		return SP_PCI_MSI;
	return SP_PCI_INTX;
}

uint32_t sp_pci_pending_size(const struct sp_pci *pci) {
	return (pci->desc.msix + 63u) / 64 * 8;
}

void sp_pci_irq_reset(struct sp_pci *pci) {
	memset(pci->msix_table, 0, pci->desc.msix * SP_PCI_MSIX_ENTRY);
	memset(pci->msix_pending, 0, sp_pci_pending_size(pci));
	for (uint32_t i = 0; i < pci->desc.msix; i++)
		pci->msix_table[i * SP_PCI_MSIX_ENTRY + 12] = 1;
	pci->wanted = false;
}

/* Of MSI, as many as the guest grants. */
static uint32_t granted(const struct sp_pci *pci) {
	uint32_t log = sp_pci_value(pci, pci->where.msi) >> 4 & 7;

	return 1u << log < pci->desc.msi ? 1u << log : pci->desc.msi;
}

bool sp_pci_message(const struct sp_pci *pci, uint32_t vector, uint64_t *address, uint32_t *value) {
	const struct sp_pci_where *where = &pci->where;
	const uint8_t *entry;

	/* A message is a write to memory. */
	if (!pci->master || !sp_pci_awake(pci))
		return false;
	switch (sp_pci_mode(pci)) {
	case SP_PCI_INTX:
		return false;
	case SP_PCI_MSI:
		vector %= granted(pci);
		if (sp_pci_value(pci, where->msi_mask) >> vector & 1)
			return false;
		*address = sp_pci_value(pci, where->msi_high) << 32 |
			sp_pci_value(pci, where->msi_low);
		*value = ((uint32_t)sp_pci_value(pci, where->msi_data) & ~(granted(pci) - 1)) |
			vector;
		return true;
	case SP_PCI_MSIX:
		if (vector >= pci->desc.msix || sp_pci_value(pci, where->msix) & SP_PCI_MSIX_MASKED)
			return false;
		entry = pci->msix_table + vector * SP_PCI_MSIX_ENTRY;
		if (entry[12] & 1)
			return false;
		*address = sp_load_le64(entry);
		*value = sp_load_le32(entry + 8);
		return true;
	}
	return false;
}

/* True if it was sent. */
static bool send(struct sp_pci *pci, uint32_t vector) {
	uint64_t address;
	uint32_t value;

	if (!sp_pci_message(pci, vector, &address, &value))
		return false;
	if (pci->events->message)
		pci->events->message(pci->data, address, value);
	return true;
}

void sp_pci_raise(struct sp_pci *pci, uint32_t vector) {
	enum sp_pci_mode mode = sp_pci_mode(pci);

	if (mode == SP_PCI_INTX || (mode == SP_PCI_MSIX && vector >= pci->desc.msix) ||
		send(pci, vector))
		return;
	pci->device->changes++;
	if (mode == SP_PCI_MSI)
		pci->values[pci->where.msi_pending] |= 1u << vector % granted(pci);
	else
		pci->msix_pending[vector / 8] |= (uint8_t)(1u << vector % 8);
}

static void send_pending_msi(struct sp_pci *pci) {
	uint64_t *pending = &pci->values[pci->where.msi_pending];

	for (uint32_t i = 0; i < granted(pci) && *pending; i++) {
		if (!(*pending >> i & 1))
			continue;
		*pending &= ~(1ull << i);
		if (!send(pci, i))
			*pending |= 1ull << i;
	}
}

static void send_pending_msix(struct sp_pci *pci) {
	for (uint32_t i = 0; i < pci->desc.msix; i++) {
		uint8_t *byte = &pci->msix_pending[i / 8], bit = (uint8_t)(1u << i % 8);

		if (!*byte)
			i |= 7;
		if (!(*byte & bit))
			continue;
		*byte &= (uint8_t)~bit;
		if (!send(pci, i))
			*byte |= bit;
	}
}

void sp_pci_irq_update(struct sp_pci *pci) {
	enum sp_pci_mode mode = sp_pci_mode(pci);
	bool active = pci->wanted && mode == SP_PCI_INTX && pci->desc.pin && sp_pci_awake(pci);
	bool line = active && !(sp_pci_value(pci, pci->where.command) & SP_PCI_COMMAND_NO_INTX);
	uint64_t *status = &pci->values[pci->where.status];

	*status = active ? *status | SP_PCI_STATUS_INTX : *status & ~(uint64_t)SP_PCI_STATUS_INTX;
	if (line != pci->line) {
		pci->line = line;
		if (pci->events->line)
			pci->events->line(pci->data, line);
	}
	if (mode == SP_PCI_MSI)
		send_pending_msi(pci);
	else if (mode == SP_PCI_MSIX)
		send_pending_msix(pci);
}

void sp_pci_set_level(struct sp_pci *pci, bool level) {
	if (level == pci->wanted)
		return;
	pci->wanted = level;
	pci->device->changes++;
	sp_pci_irq_update(pci);
}

/* The common part of an access and `size` bytes at `at`; false if there is none. */
static bool meets(
	const struct sp_access *access, uint64_t at, uint64_t size, uint64_t *from, uint64_t *to) {
	uint64_t end = access->offset + access->size;

	*from = access->offset > at ? access->offset : at;
	*to = end < at + size ? end : at + size;
	return *from < *to;
}

static void write_table(struct sp_pci *pci, const uint8_t *data, uint64_t from, uint64_t to) {
	memcpy(pci->msix_table + from, data, to - from);
	for (uint64_t i = from / SP_PCI_MSIX_ENTRY; i * SP_PCI_MSIX_ENTRY < to; i++) {
		uint8_t *entry = pci->msix_table + i * SP_PCI_MSIX_ENTRY;

		/* Reserved bits are 0. */
		entry[0] &= 0xfc;
		entry[12] &= 1;
		entry[13] = entry[14] = entry[15] = 0;
		if (pci->events->vector)
			pci->events->vector(pci->data, (uint32_t)i);
	}
	sp_pci_irq_update(pci);
}

bool sp_pci_msix_access(struct sp_pci *pci, struct sp_access *access) {
	uint64_t table = pci->desc.msix_table, pba = pci->desc.msix_pba, from, to;
	bool taken = false;

	if (!pci->desc.msix || access->region != pci->desc.msix_bar)
		return false;
	if (meets(access, table, pci->desc.msix * SP_PCI_MSIX_ENTRY, &from, &to)) {
		uint8_t *data = access->data + (from - access->offset);

		if (!access->write)
			memset(access->data, 0xff, access->size);
		taken = true;
		if (access->write)
			write_table(pci, data, from - table, to - table);
		else
			memcpy(data, pci->msix_table + (from - table), to - from);
	}
	if (meets(access, pba, sp_pci_pending_size(pci), &from, &to)) {
		if (!access->write && !taken)
			memset(access->data, 0xff, access->size);
		taken = true;
		if (!access->write)
			memcpy(access->data + (from - access->offset),
				pci->msix_pending + (from - pba), to - from);
	}
	if (taken)
		sp_access_done(access, 0);
	return taken;
}
