/* SPDX-License-Identifier: MIT */
#include "plan/tables.h"

#include "plan/steps.h"

#define TABLE_SHIFT 21
#define DIRECTORY_SHIFT 30

/* libxl__get_required_paging_memory() and domain_p2m_pages(). */
#define POOL_PER_CPU 256u
#define POOL_EXTENDED 128u

/* Roots, grants, the GIC, and what is on an edge. */
#define OTHER 16u

/* Blocks of 1 << shift that are touched, but for those that were counted. */
static void count_blocks(
	struct sp_tables *tables, uint64_t *next, uint64_t guest, uint64_t size, unsigned shift) {
	uint64_t first = guest >> shift, end = ((guest + (size - 1)) >> shift) + 1;

	if (first < *next)
		first = *next;
	if (end <= first)
		return;
	tables->count += end - first;
	*next = end;
}

void sp_tables_add(
	struct sp_tables *tables, uint64_t host, uint64_t guest, uint64_t size, bool at_boot) {
	uint64_t bits = host | guest | size;

	if (at_boot && (bits & ((UINT64_C(1) << DIRECTORY_SHIFT) - 1)) == 0)
		return;
	count_blocks(tables, &tables->next_directory, guest, size, DIRECTORY_SHIFT);
	if (at_boot && (bits & ((UINT64_C(1) << TABLE_SHIFT) - 1)) == 0)
		return;
	count_blocks(tables, &tables->next_table, guest, size, TABLE_SHIFT);
}

uint64_t sp_table_pool(uint64_t memory_mib, uint32_t cpus) {
	return (uint64_t)POOL_PER_CPU * cpus + memory_mib + POOL_EXTENDED;
}

/* Its memory may be mapped by pages, and Linux may map foreign pages into its extended regions. */
uint64_t sp_tables_taken_most(uint64_t memory_mib) {
	return memory_mib / 2 + POOL_EXTENDED + OTHER;
}

void sp_size_tables(struct sp_plan *plan, struct sp_plan_guest *guest) {
	uint64_t memory = guest->request->memory;
	struct sp_tables tables = {0};
	uint64_t pool = sp_table_pool(memory, 1);

	for (uint32_t i = 0; i < guest->mappings.count; i++) {
		const struct sp_mapping *mapping = &guest->mappings.data[i];

		sp_tables_add(&tables, mapping->host, mapping->guest, mapping->size,
			guest->request->mode != SP_MODE_XL);
	}
	if (tables.count + sp_tables_taken_most(memory) <= pool)
		return;
	uint64_t mib = (pool + OTHER + tables.count + SP_TABLES_PER_MIB - 1) / SP_TABLES_PER_MIB;
	guest->table_memory = mib <= UINT32_MAX ? (uint32_t)mib : UINT32_MAX;
	sp_finding_add(plan, guest, SP_CODE_PLACE_TABLES, SP_NODE_NONE,
		"its mappings need %llu tables of a page, more than a guest of %llu MiB has room "
		"for; the configuration reserves %llu MiB",
		(unsigned long long)tables.count, (unsigned long long)memory,
		(unsigned long long)mib);
}
