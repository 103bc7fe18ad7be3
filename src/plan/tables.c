/* SPDX-License-Identifier: MIT */
#include "plan/steps.h"

/*
 * For xl, Xen maps a device's registers and windows by pages of 4 KiB, 64 at a time, so that each
 * 2 MiB of them take a table of one page; at boot it maps each at once, by larger blocks where all
 * of it is aligned to them. The tables come out of a pool of the guest's that libxl and Xen size by
 * its memory alone. When it is empty the mapping fails, and xl tells the error of the attempt to
 * take it back: "Argument list too long".
 */
#define TABLE_SPAN (UINT64_C(2) << 20)
#define DIRECTORY_SPAN (UINT64_C(1) << 30)

/* In pages: libxl__get_required_paging_memory() and domain_p2m_pages(), for one virtual CPU. */
#define POOL_PER_CPU 256u
#define POOL_EXTENDED 128u

/* What the guest's layout needs besides: roots, grants, the GIC, and what is on an edge. */
#define POOL_OTHER 16u

#define PAGES_PER_MIB (UINT32_C(1) << (20 - SP_PAGE_SHIFT))

static uint64_t spans(uint64_t start, uint64_t size, uint64_t span) {
	return (start + (size - 1)) / span - start / span + 1;
}

static uint64_t tables_of(const struct sp_mapping *mapping, bool at_boot) {
	uint64_t bits = mapping->host | mapping->guest | mapping->size;
	uint64_t directories = spans(mapping->guest, mapping->size, DIRECTORY_SPAN);

	if (at_boot && (bits & (DIRECTORY_SPAN - 1)) == 0)
		return 0;
	if (at_boot && (bits & (TABLE_SPAN - 1)) == 0)
		return directories;
	return spans(mapping->guest, mapping->size, TABLE_SPAN) + directories;
}

void sp_size_tables(struct sp_plan *plan, struct sp_plan_guest *guest) {
	uint64_t memory = guest->request->memory, tables = 0;

	for (uint32_t i = 0; i < guest->mappings.count; i++)
		tables += tables_of(&guest->mappings.data[i], guest->request->mode != SP_MODE_XL);
	/* The guest's memory may have to be mapped by pages too. */
	if (tables + memory / 2 + POOL_OTHER <= POOL_PER_CPU + memory)
		return;
	uint64_t pages = POOL_PER_CPU + memory + POOL_EXTENDED + POOL_OTHER + tables;
	uint64_t mib = (pages + PAGES_PER_MIB - 1) / PAGES_PER_MIB;
	guest->table_memory = mib <= UINT32_MAX ? (uint32_t)mib : UINT32_MAX;
	sp_finding_add(plan, guest, SP_CODE_PLACE_TABLES, SP_NODE_NONE,
		"its mappings need %llu tables of a page, more than a guest of %llu MiB has room "
		"for; the configuration reserves %llu MiB",
		(unsigned long long)tables, (unsigned long long)memory, (unsigned long long)mib);
}
