/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "acpi/acpi.h"
#include "machine/collect.h"

#define TABLES "/sys/firmware/acpi/tables"
#define TABLE_LIMIT ((size_t)8 << 20)
#define KEPT 4096u /* bytes of a VFCT that cannot be read */
#define LENGTH_AT 4u
#define CHECKSUM_AT 9u

/* RMAD is a DMAR that Xen has hidden from dom0. */
static const char *const TABLES_WANTED[] = {"DMAR", "IVRS", "RMAD", "XMAR"};

/* The ROM images are left out, and the checksum is made to be right again. */
static void blank_images(struct collector *collector, struct sp_buf *table) {
	struct sp_arena arena = {0};
	struct sp_error error;
	struct sp_vfct vfct;
	unsigned char sum = 0;
	size_t length = 0;

	if (sp_vfct_read(&vfct, &arena, (const uint8_t *)table->data, table->size, &error)) {
		for (uint32_t i = 0; i < vfct.count; i++)
			memset(table->data + vfct.images[i].at, 0, vfct.images[i].size);
		for (unsigned i = 0; i < 4; i++)
			length |= (size_t)(unsigned char)table->data[LENGTH_AT + i] << 8 * i;
		for (size_t i = 0; i < length && i < table->size; i++)
			sum = (unsigned char)(sum + (unsigned char)table->data[i]);
		table->data[CHECKSUM_AT] =
			(char)(unsigned char)((unsigned char)table->data[CHECKSUM_AT] - sum);
	} else if (error.kind == SP_ERROR_MEMORY) {
		collector->failed = true;
	} else if (table->size > KEPT) {
		memset(table->data + KEPT, 0, table->size - KEPT);
	}
	sp_arena_release(&arena);
}

static void collect_vfct(struct collector *collector) {
	struct sp_buf table = {0};

	if (collect_read(collector, TABLES "/VFCT", TABLE_LIMIT, &table) && table.size) {
		blank_images(collector, &table);
		sp_files_add(
			collector->files, SP_RECORD_BYTES, TABLES "/VFCT", table.data, table.size);
	}
	sp_buf_release(&table);
}

void collect_tables(struct collector *collector) {
	struct names names;

	collect_list(collector, TABLES, &names);
	for (size_t i = 0; i < sizeof(TABLES_WANTED) / sizeof(TABLES_WANTED[0]); i++)
		collect_bytes(collector, collect_path(collector, TABLES "/%s", TABLES_WANTED[i]),
			TABLE_LIMIT);
	collect_vfct(collector);
}
