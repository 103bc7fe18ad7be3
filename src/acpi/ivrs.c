/* SPDX-License-Identifier: MIT */
#include "acpi/ivhd.h"

#include <stdlib.h>

/* AMD I/O Virtualization Technology specification 3.08, section 5.2.2. */
#define INFO 36u
#define FIXED 48u

#define BLOCK 4u /* type, flags and length */
#define DEVICE 4u /* at the same place in all blocks */

#define IVHD 24u
#define IVHD_LONG 40u
#define IVHD_ADDRESS 8u
#define IVHD_SEGMENT 16u

#define IVMD 32u
#define IVMD_LAST 6u
#define IVMD_SEGMENT 8u
#define IVMD_BASE 16u
#define IVMD_LENGTH 24u

struct reader {
	struct sp_arena *arena;
	struct sp_error *error;
	SP_VEC(struct sp_ivrs_unit) units;
	SP_VEC(struct sp_ivrs_memory) memories;
};

static bool read_unit(struct reader *reader, const struct sp_acpi_span *block, uint32_t fixed) {
	struct sp_ivrs_unit *unit = sp_vec_push(reader->arena, &reader->units);

	if (!unit)
		return sp_error_memory(reader->error);
	unit->type = block->data[0];
	unit->address = sp_load_le64(block->data + IVHD_ADDRESS);
	unit->segment = sp_load_le16(block->data + IVHD_SEGMENT);
	unit->function = sp_acpi_function(unit->segment, sp_load_le16(block->data + DEVICE));
	return sp_ivhd_read(unit, reader->arena, block, fixed, reader->error);
}

static bool read_memory(struct reader *reader, const struct sp_acpi_span *block) {
	struct sp_ivrs_memory *memory = sp_vec_push(reader->arena, &reader->memories);
	sp_bdf segment, device, last;

	if (!memory)
		return sp_error_memory(reader->error);
	memory->type = block->data[0];
	memory->flags = block->data[1];
	memory->base = sp_load_le64(block->data + IVMD_BASE);
	memory->length = sp_load_le64(block->data + IVMD_LENGTH);
	if (memory->length && memory->base > UINT64_MAX - (memory->length - 1))
		return sp_acpi_fail(block, reader->error, "the memory of the IVMD wraps around");
	segment = sp_acpi_function(sp_load_le16(block->data + IVMD_SEGMENT), 0);
	device = sp_load_le16(block->data + DEVICE);
	last = sp_load_le16(block->data + IVMD_LAST);
	switch (memory->type) {
	case SP_IVMD_ALL:
		memory->first = segment;
		memory->last = segment | UINT16_MAX;
		return true;
	case SP_IVMD_RANGE:
		memory->first = segment | device;
		memory->last = segment | last;
		return memory->last >= memory->first ||
			sp_acpi_fail(
				block, reader->error, "the IVMD's range ends before it begins");
	default:
		memory->first = memory->last = segment | device;
		return true;
	}
}

/* By type; the others are skipped. */
static const struct {
	uint8_t type, least;
	const char *name;
} BLOCKS[] = {
	{0x10, IVHD, "the IVHD"},
	{0x11, IVHD_LONG, "the IVHD"},
	{0x40, IVHD_LONG, "the IVHD"},
	{SP_IVMD_ALL, IVMD, "the IVMD"},
	{SP_IVMD_ONE, IVMD, "the IVMD"},
	{SP_IVMD_RANGE, IVMD, "the IVMD"},
	{SP_IVMD_IOMMU, IVMD, "the IVMD"},
};

static bool read_block(struct reader *reader, const struct sp_acpi_span *block) {
	struct sp_acpi_span same;

	for (size_t i = 0; i < sizeof(BLOCKS) / sizeof(BLOCKS[0]); i++) {
		if (BLOCKS[i].type != block->data[0])
			continue;
		if (!sp_acpi_take(&same, block, 0, block->size, BLOCKS[i].least, BLOCKS[i].name,
			    reader->error))
			return false;
		return BLOCKS[i].least == IVMD ? read_memory(reader, block)
					       : read_unit(reader, block, BLOCKS[i].least);
	}
	return true;
}

/* By function, the newest type first. */
static int compare_units(const void *a, const void *b) {
	const struct sp_ivrs_unit *left = a, *right = b;

	if (left->function != right->function)
		return left->function < right->function ? -1 : 1;
	return (left->type < right->type) - (left->type > right->type);
}

static int compare_functions(const void *key, const void *unit) {
	sp_bdf function = ((const struct sp_ivrs_unit *)key)->function;
	sp_bdf other = ((const struct sp_ivrs_unit *)unit)->function;

	return (function > other) - (function < other);
}

/* Firmware describes an IOMMU once for each generation of systems; the last word counts. The order
 * is kept. */
static bool drop_older(struct reader *reader) {
	uint32_t count = reader->units.count, newest_count = 0, kept = 0;
	struct sp_ivrs_unit *units = reader->units.data, *newest;

	if (!count)
		return true;
	newest = sp_arena_copy(reader->arena, units, count * sizeof(*units));
	if (!newest)
		return sp_error_memory(reader->error);
	qsort(newest, count, sizeof(*newest), compare_units);
	for (uint32_t i = 0; i < count; i++)
		if (!i || newest[i].function != newest[newest_count - 1].function)
			newest[newest_count++] = newest[i];
	for (uint32_t i = 0; i < count; i++) {
		const struct sp_ivrs_unit *best = bsearch(
			&units[i], newest, newest_count, sizeof(*newest), compare_functions);

		if (best && best->type == units[i].type)
			units[kept++] = units[i];
	}
	reader->units.count = kept;
	return true;
}

bool sp_ivrs_read(struct sp_ivrs *ivrs, struct sp_arena *arena, const uint8_t *data, size_t size,
	struct sp_error *error) {
	struct reader reader = {.arena = arena, .error = error};
	struct sp_acpi_span table, block;
	uint32_t at = FIXED;

	*ivrs = (struct sp_ivrs){0};
	if (!sp_acpi_open(&table, data, size, "IVRS", FIXED, error))
		return false;
	for (; at < table.size; at += block.size) {
		uint32_t length = table.size - at;

		if (length >= BLOCK)
			length = sp_load_le16(data + at + 2);
		if (!sp_acpi_take(&block, &table, at, length, BLOCK, "the block", error) ||
			!read_block(&reader, &block))
			return false;
	}
	if (!drop_older(&reader))
		return false;
	*ivrs = (struct sp_ivrs){
		.info = sp_load_le32(data + INFO),
		.units = reader.units.data,
		.unit_count = reader.units.count,
		.memories = reader.memories.data,
		.memory_count = reader.memories.count,
	};
	return true;
}
