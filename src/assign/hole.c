/* SPDX-License-Identifier: MIT */
#include "assign/hole.h"

#include <string.h>

/*
 * After Xen RELEASE-4.20.4:tools/firmware/hvmloader/pci.c (pci_setup). libxl forbids hvmloader to
 * move the guest's memory (libxl_dm.c: hvmloader/allow-memory-relocate), so that the hole grows by
 * itself only into addresses where the guest has none.
 */
#define MIB(n) ((uint64_t)(n) << 20)
#define GIB(n) ((uint64_t)(n) << 30)
#define HOLE_START 0xf0000000u /* HVM_BELOW_4G_MMIO_START */
#define HOLE_END 0xfc000000u /* RESERVED_MEMBASE */
#define HIGH_ABOVE GIB(1) /* BAR_RELOC_THRESH */
#define VIDEO_MIB 16u /* libxl's default for stdvga, taken off the guest's memory */

/* What QEMU has in every such guest: a standard VGA, the platform device, a network card. */
static const uint64_t EMULATED[] = {MIB(16), MIB(16), 128u << 10, 256u << 10, 64u << 10, 4096};

/* Sizes for mmio_hole. hvmloader wants the hole to begin where the largest BAR is aligned. */
static const uint32_t SIZES[] = {256, 512, 1024, 2048, 3072};

static void add(struct sp_hole *hole, struct sp_arena *arena, const struct sp_placed *bar) {
	struct sp_placed *pushed = sp_vec_push(arena, &hole->bars);
	uint32_t i = hole->bars.count;

	if (!pushed)
		return;
	/* In descending order; equal ones as they come. */
	for (i--; i && hole->bars.data[i - 1].size < bar->size; i--)
		hole->bars.data[i] = hole->bars.data[i - 1];
	hole->bars.data[i] = *bar;
}

static bool power_of_two(uint64_t size) {
	return size && !(size & (size - 1));
}

static void add_function(
	struct sp_hole *hole, struct sp_arena *arena, const struct sp_function *function) {
	for (uint32_t i = 0; i <= SP_PCI_BARS; i++) {
		const struct sp_bar *bar =
			i < SP_PCI_BARS ? &function->config.bars[i] : &function->config.rom;
		struct sp_placed placed = {.function = function, .bar = i, .size = bar->size};

		if (!bar->present || bar->io)
			continue;
		if (!power_of_two(bar->size)) {
			hole->unknown |= i < SP_PCI_BARS;
			continue;
		}
		placed.wide = bar->wide && i < SP_PCI_BARS;
		add(hole, arena, &placed);
	}
}

/* Puts all BARs into a hole from `start` on. */
static bool place(struct sp_hole *hole, uint64_t start) {
	uint64_t base = start, left = hole->low;
	bool fits = true, relocate = left > HOLE_END - start;

	for (uint32_t i = 0; i < hole->bars.count; i++)
		relocate |= hole->bars.data[i].wide && hole->bars.data[i].size > HIGH_ABOVE;
	for (uint32_t i = 0; i < hole->bars.count; i++) {
		struct sp_placed *bar = &hole->bars.data[i];
		bool high =
			bar->wide && relocate && (left > HOLE_END - base || bar->size > HIGH_ABOVE);
		uint64_t at = (base + bar->size - 1) & ~(bar->size - 1);

		if (bar->size <= HIGH_ABOVE)
			left -= bar->size;
		if (high) {
			bar->place = SP_PLACE_HIGH;
		} else if (at + bar->size < at || at + bar->size > HOLE_END) {
			bar->place = SP_PLACE_NOWHERE;
			fits = false;
		} else {
			bar->place = SP_PLACE_LOW;
			base = at + bar->size;
		}
	}
	return fits;
}

/* The hole that hvmloader makes by itself. */
static uint64_t own_start(const struct sp_hole *hole, uint32_t memory) {
	uint64_t ram = MIB(memory > VIDEO_MIB ? memory - VIDEO_MIB : 0);
	uint32_t start = HOLE_START;

	if (ram > HOLE_START)
		ram = HOLE_START;
	while (hole->low > HOLE_END - start && (uint32_t)(start << 1) &&
		(uint32_t)(start << 1) >= ram)
		start <<= 1;
	return start;
}

void sp_hole_plan(struct sp_hole *hole, struct sp_arena *arena,
	const struct sp_function *const *functions, uint32_t count, uint32_t memory) {
	*hole = (struct sp_hole){0};
	for (size_t i = 0; i < sizeof(EMULATED) / sizeof(EMULATED[0]); i++)
		add(hole, arena, &(struct sp_placed){.bar = SP_PCI_BARS, .size = EMULATED[i]});
	for (uint32_t i = 0; i < count; i++)
		add_function(hole, arena, functions[i]);
	for (uint32_t i = 0; i < hole->bars.count; i++) {
		const struct sp_placed *bar = &hole->bars.data[i];

		/* A 32-bit BAR of more than 1 GiB cannot be; no hole has room for it. */
		if (!(bar->wide && bar->size > HIGH_ABOVE))
			hole->low += bar->size < GIB(4) ? bar->size : GIB(4);
	}
	hole->fits = place(hole, own_start(hole, memory));
	for (size_t i = 0; !hole->fits && i < sizeof(SIZES) / sizeof(SIZES[0]); i++) {
		hole->mib = SIZES[i];
		hole->fits = place(hole, GIB(4) - MIB(SIZES[i]));
	}
	if (!hole->fits)
		hole->mib = 0;
}
