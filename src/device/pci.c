/* SPDX-License-Identifier: MIT */
#include <sallyport/pci.h>

#include <stdlib.h>
#include <string.h>

#include "device/pci_parts.h"

#define ROM_MAX (16u << 20)

static const struct sp_pci_events silence;

static bool bar_valid(const struct sp_pci_desc *desc, uint32_t i) {
	const struct sp_pci_bar *bar = &desc->bars[i];
	bool io = bar->flags & SP_PCI_BAR_IO, wide = bar->flags & SP_PCI_BAR_WIDE;

	if (!bar->size)
		return !bar->flags && !bar->areas;
	if (bar->size & (bar->size - 1) || bar->size > 1ull << 62 ||
		bar->flags > (SP_PCI_BAR_IO | SP_PCI_BAR_WIDE | SP_PCI_BAR_PREFETCH))
		return false;
	if (io)
		return bar->flags == SP_PCI_BAR_IO && bar->size >= 4 && bar->size <= 256;
	if (wide)
		return bar->size >= 16 && i + 1 < SP_PCI_BAR_COUNT && !desc->bars[i + 1].size;
	return bar->size >= 16 && bar->size <= 1ull << 31;
}

/* That a table of MSI-X lies where every access is told. */
static bool msix_trapped(const struct sp_pci_bar *bar, uint64_t at, uint64_t size) {
	if (!sp_within(at, size, bar->size))
		return false;
	for (uint32_t i = 0; i < bar->area_count; i++) {
		const struct sp_area *area = &bar->areas[i];

		if (area->kind != SP_AREA_TRAPPED && area->offset < at + size &&
			at < area->offset + area->size)
			return false;
	}
	return true;
}

static bool msix_valid(const struct sp_pci_desc *desc) {
	uint64_t table = desc->msix_table, pba = desc->msix_pba;
	uint64_t table_size = desc->msix * SP_PCI_MSIX_ENTRY;
	uint64_t pba_size = (desc->msix + 63u) / 64 * 8;
	const struct sp_pci_bar *bar;

	if (!desc->msix)
		return true;
	if (desc->msix > SP_VECTORS_MAX || desc->msix_bar >= SP_PCI_BAR_COUNT || table % 8 ||
		pba % 8)
		return false;
	bar = &desc->bars[desc->msix_bar];
	return !(bar->flags & SP_PCI_BAR_IO) && msix_trapped(bar, table, table_size) &&
		msix_trapped(bar, pba, pba_size) &&
		(table + table_size <= pba || pba + pba_size <= table);
}

static bool vendors_valid(const struct sp_pci_desc *desc) {
	if (desc->vendor_count > SP_PCI_VENDORS_MAX)
		return false;
	for (uint32_t i = 0; i < desc->vendor_count; i++)
		if (!desc->vendors[i].data || !desc->vendors[i].size ||
			desc->vendors[i].size > UINT8_MAX - 3)
			return false;
	return true;
}

/* What is wrong with a description; NULL: nothing. */
static const char *fault(const struct sp_pci_desc *desc) {
	for (uint32_t i = 0; i < SP_PCI_BAR_COUNT; i++)
		if (!bar_valid(desc, i))
			return "a BAR is impossible";
	if (desc->class >> 24 || desc->pin > 4 || desc->express > SP_PCI_INTEGRATED)
		return "its class, pin or kind is impossible";
	if (desc->msi > 32 || desc->msi & (desc->msi - 1))
		return "the number of MSI vectors is impossible";
	if (!msix_valid(desc))
		return "its MSI-X is impossible";
	if (!desc->rom != !desc->rom_size || desc->rom_size > ROM_MAX)
		return "its ROM is impossible";
	if (!desc->vendor_data != !desc->vendor_size)
		return "its vendor capability is impossible";
	if (!vendors_valid(desc))
		return "its vendor capabilities are impossible";
	if (desc->serial && desc->express == SP_PCI_CONVENTIONAL)
		return "it has a serial number, but no extended configuration space";
	return NULL;
}

static void trap_region(struct sp_pci *pci, uint32_t index, uint64_t size, bool writable) {
	pci->areas[index] = (struct sp_area){.size = size, .kind = SP_AREA_TRAPPED};
	pci->regions[index] = (struct sp_region){
		.size = size,
		.readable = true,
		.writable = writable,
		.file = -1,
		.areas = &pci->areas[index],
		.area_count = 1,
	};
}

static bool make_regions(struct sp_pci *pci) {
	const struct sp_pci_desc *desc = &pci->desc;

	for (uint32_t i = 0; i < SP_REGION_COUNT; i++)
		pci->regions[i].file = -1;
	for (uint32_t i = 0; i < SP_PCI_BAR_COUNT; i++) {
		const struct sp_pci_bar *bar = &desc->bars[i];

		if (!bar->size)
			continue;
		trap_region(pci, i, bar->size, true);
		if (bar->areas) {
			pci->regions[i].file = bar->file;
			pci->regions[i].areas = bar->areas;
			pci->regions[i].area_count = bar->area_count;
		}
		if (!sp_region_valid(&pci->regions[i]))
			return false;
	}
	if (desc->rom)
		trap_region(pci, SP_REGION_ROM, sp_pci_rom_shown(desc->rom_size), false);
	trap_region(pci, SP_REGION_CONFIG, pci->table.size, true);
	return true;
}

struct sp_pci *sp_pci_create(
	const struct sp_pci_desc *desc, struct sp_device *device, struct sp_error *error) {
	const char *wrong = fault(desc);
	struct sp_pci *pci;

	if (wrong) {
		sp_error_set(error, SP_ERROR_USE, "PCI function %04x:%04x: %s", desc->vendor,
			desc->device, wrong);
		return NULL;
	}
	pci = calloc(1, sizeof(*pci));
	if (!pci) {
		sp_error_memory(error);
		return NULL;
	}
	pci->desc = *desc;
	pci->device = device;
	pci->events = &silence;
	/* One byte at least, so that there is always something. */
	pci->msix_table = calloc(desc->msix + 1u, SP_PCI_MSIX_ENTRY);
	pci->msix_pending = calloc(1, sp_pci_pending_size(pci) + 1u);
	if (!pci->msix_table || !pci->msix_pending) {
		sp_error_memory(error);
		sp_pci_destroy(pci);
		return NULL;
	}
	if (!sp_pci_build(pci) || !make_regions(pci)) {
		sp_error_set(error, SP_ERROR_USE,
			"PCI function %04x:%04x: its areas or capabilities are impossible",
			desc->vendor, desc->device);
		sp_pci_destroy(pci);
		return NULL;
	}
	sp_registers_reset(&pci->table, pci->values);
	sp_pci_irq_reset(pci);
	return pci;
}

void sp_pci_destroy(struct sp_pci *pci) {
	if (!pci)
		return;
	free(pci->msix_table);
	free(pci->msix_pending);
	free(pci);
}

const struct sp_region *sp_pci_regions(const struct sp_pci *pci) {
	return pci->regions;
}

uint32_t sp_pci_vendor_at(const struct sp_pci *pci, uint32_t index) {
	return pci->where.vendors[index];
}

bool sp_pci_master(const struct sp_pci *pci) {
	return pci->master;
}

bool sp_pci_awake(const struct sp_pci *pci) {
	return (sp_pci_value(pci, pci->where.power) & 3) == 0;
}

void sp_pci_listen(struct sp_pci *pci, const struct sp_pci_events *events, void *data) {
	pci->events = events ? events : &silence;
	pci->data = data;
}

/* Ones in all bits that there are, or in either half of them, so far: nobody places anything there.
 */
static bool being_sized(uint64_t address, uint64_t mask) {
	return address == (mask & UINT32_MAX) || (mask >> 32 && address >> 32 == mask >> 32);
}

/* Where a BAR or the ROM is decoded, as it follows from the registers. */
static struct sp_pci_place place(const struct sp_pci *pci, uint32_t i) {
	uint64_t command = sp_pci_value(pci, pci->where.command);
	uint32_t index = pci->where.bars[i];
	struct sp_pci_place place = {0};
	uint64_t mask;

	if (index == SP_PCI_NOWHERE || !sp_pci_awake(pci))
		return place;
	if (i == SP_REGION_ROM ? !(pci->values[index] & 1) || !(command & SP_PCI_COMMAND_MEMORY)
			       : !(command &
					 (pci->desc.bars[i].flags & SP_PCI_BAR_IO
							 ? SP_PCI_COMMAND_IO
							 : SP_PCI_COMMAND_MEMORY)))
		return place;
	mask = pci->registers[index].mask & ~1ull;
	place.address = pci->values[index] & mask;
	if (i < SP_PCI_BAR_COUNT && pci->desc.bars[i].flags & SP_PCI_BAR_WIDE) {
		place.address |= pci->values[index + 1] << 32;
		mask |= pci->registers[index + 1].mask << 32;
	}
	place.on = place.address && !being_sized(place.address, mask);
	if (!place.on)
		place.address = 0;
	return place;
}

void sp_pci_changed(struct sp_pci *pci) {
	uint64_t *power;
	bool master;

	if (pci->where.power != SP_PCI_NOWHERE) {
		/* D1 and D2 are not there, and the write of them is lost. */
		power = &pci->values[pci->where.power];
		if ((*power & 3) == 1 || (*power & 3) == 2)
			*power &= ~3ull;
	}
	for (uint32_t i = 0; i < SP_PCI_PLACES; i++) {
		struct sp_pci_place now = place(pci, i), before = pci->places[i];

		if (now.on == before.on && now.address == before.address)
			continue;
		pci->places[i] = now;
		if (pci->events->bar)
			pci->events->bar(pci->data, i, now.on, now.address);
	}
	master = sp_pci_value(pci, pci->where.command) & SP_PCI_COMMAND_MASTER;
	if (master != pci->master) {
		pci->master = master;
		if (pci->events->master)
			pci->events->master(pci->data, master);
		if (pci->device->ops->master)
			pci->device->ops->master(pci->device, master);
	}
	sp_pci_irq_update(pci);
}

static void reset_done(struct sp_notice *notice, int error) {
	struct sp_pci *pci = (struct sp_pci *)((char *)notice - offsetof(struct sp_pci, reset));

	(void)error;
	pci->resetting = false;
}

void sp_pci_flr(struct sp_pci *pci) {
	if (pci->resetting)
		return;
	pci->resetting = true;
	pci->reset.done = reset_done;
	pci->device->ops->reset(pci->device, SP_RESET_FUNCTION, &pci->reset);
}

void sp_pci_reset(struct sp_pci *pci) {
	pci->device->changes++;
	sp_registers_reset(&pci->table, pci->values);
	sp_pci_irq_reset(pci);
	sp_pci_changed(pci);
	if (pci->events->vector)
		pci->events->vector(pci->data, UINT32_MAX);
}

static void read_rom(const struct sp_pci *pci, const struct sp_access *access) {
	uint64_t left =
		access->offset < pci->desc.rom_size ? pci->desc.rom_size - access->offset : 0;

	memset(access->data, 0xff, access->size);
	if (left)
		memcpy(access->data, pci->desc.rom + access->offset,
			access->size < left ? access->size : left);
}

bool sp_pci_access(struct sp_pci *pci, struct sp_access *access) {
	if (access->region == SP_REGION_CONFIG) {
		if (access->write)
			sp_registers_write(&pci->table, pci->values, pci, access->offset,
				access->data, access->size);
		else
			sp_registers_read(&pci->table, pci->values, pci, access->offset,
				access->data, access->size);
	} else if (access->region == SP_REGION_ROM && pci->desc.rom) {
		if (!access->write)
			read_rom(pci, access);
	} else {
		return sp_pci_msix_access(pci, access);
	}
	sp_access_done(access, 0);
	return true;
}
