/* SPDX-License-Identifier: MIT */
#ifndef SP_PLAN_TABLES_H
#define SP_PLAN_TABLES_H

#include <stdbool.h>
#include <stdint.h>

/*
 * For xl, Xen maps a device's registers and windows by pages of 4 KiB, 64 at a time, so that each
 * 2 MiB of them take a table of one page; at boot it maps each at once, by larger blocks where all
 * of it is aligned to them. The tables come out of a pool of the guest's that libxl and Xen size by
 * its memory and its CPUs alone. When it is empty the mapping fails, and xl tells the error of the
 * attempt to take it back: "Argument list too long".
 */

#define SP_TABLES_PER_MIB 256u

/* The tables, of a page each, that mappings take. A zeroed one has none. */
struct sp_tables {
	uint64_t count;
	uint64_t next_table, next_directory; /* those before them are counted */
};

/* Adds a mapping's, in bytes; mappings come in the order of their guest addresses. */
void sp_tables_add(
	struct sp_tables *tables, uint64_t host, uint64_t guest, uint64_t size, bool at_boot);

/* The pool that a guest gets by default, in tables. */
uint64_t sp_table_pool(uint64_t memory_mib, uint32_t cpus);

/* The most that the guest itself may take of its pool, in tables. */
uint64_t sp_tables_taken_most(uint64_t memory_mib);

#endif
