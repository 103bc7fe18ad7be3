/* SPDX-License-Identifier: MIT */
#include "acpi/ivhd.h"

/* Device entries of an IVHD: AMD I/O Virtualization Technology specification 3.08, tables 95 to
 * 106. */
enum entry {
	ENTRY_PAD4 = 0,
	ENTRY_ALL = 1,
	ENTRY_SELECT = 2,
	ENTRY_START = 3,
	ENTRY_END = 4,
	ENTRY_PAD8 = 64,
	ENTRY_ALIAS_SELECT = 66,
	ENTRY_ALIAS_START = 67,
	ENTRY_EXTENDED_SELECT = 70,
	ENTRY_EXTENDED_START = 71,
	ENTRY_SPECIAL = 72,
	ENTRY_NAMED = 0xf0,
};
#define ENTRY_VARIABLE 0xf0u /* this one and those above tell their length */

#define ENTRY 4u /* what all have: type, device, settings */
#define NAMED 22u
#define NAMED_LENGTH 21u

struct reader {
	struct sp_ivrs_unit *unit;
	struct sp_arena *arena;
	struct sp_error *error;
	SP_VEC(struct sp_ivrs_range) ranges;
	bool open; /* the last range has begun and not ended */
};

static sp_bdf device_at(const struct reader *reader, const uint8_t *id) {
	return sp_acpi_function(reader->unit->segment, sp_load_le16(id));
}

/* The two high bits of a type give the length, except for variable ones. */
static uint32_t entry_length(const struct sp_acpi_span *block, uint32_t at) {
	uint32_t room = block->size - at;
	uint8_t type = block->data[at];

	if (type < ENTRY_VARIABLE)
		return ENTRY << (type >> 6);
	return room < NAMED ? room : NAMED + block->data[at + NAMED_LENGTH];
}

static bool end_range(struct reader *reader, const struct sp_acpi_span *entry) {
	struct sp_ivrs_range *range;

	if (!reader->open)
		return sp_acpi_fail(entry, reader->error, "a range ends that has not begun");
	range = &reader->ranges.data[reader->ranges.count - 1];
	range->last = device_at(reader, entry->data + 1);
	reader->open = false;
	return range->last >= range->first ||
		sp_acpi_fail(entry, reader->error, "the range ends before it begins");
}

/* Types that stand for devices; others are reserved. */
static bool is_known(const struct sp_acpi_span *entry) {
	switch (entry->data[0]) {
	case ENTRY_ALL:
	case ENTRY_SELECT:
	case ENTRY_START:
	case ENTRY_ALIAS_SELECT:
	case ENTRY_ALIAS_START:
	case ENTRY_EXTENDED_SELECT:
	case ENTRY_EXTENDED_START:
	case ENTRY_NAMED:
		return true;
	case ENTRY_SPECIAL:
		return entry->data[7] == SP_IVRS_IOAPIC || entry->data[7] == SP_IVRS_HPET;
	default:
		return false;
	}
}

static bool read_entry(struct reader *reader, const struct sp_acpi_span *entry) {
	struct sp_ivrs_range *range;
	uint8_t type = entry->data[0];

	if (type == ENTRY_PAD4 || type == ENTRY_PAD8)
		return true;
	if (type == ENTRY_END)
		return end_range(reader, entry);
	if (reader->open)
		return sp_acpi_fail(entry, reader->error, "a range has begun and does not end");
	if (!is_known(entry))
		return true;
	range = sp_vec_push(reader->arena, &reader->ranges);
	if (!range)
		return sp_error_memory(reader->error);
	range->first = range->last = device_at(reader, entry->data + 1);
	range->alias = SP_BDF_NONE;
	range->settings = entry->data[3];
	switch (type) {
	case ENTRY_ALL:
		range->first = sp_acpi_function(reader->unit->segment, 0);
		range->last = range->first | UINT16_MAX;
		return true;
	case ENTRY_SELECT:
	case ENTRY_EXTENDED_SELECT:
		return true;
	case ENTRY_ALIAS_SELECT:
		range->alias = device_at(reader, entry->data + 5);
		return true;
	case ENTRY_ALIAS_START:
		range->alias = device_at(reader, entry->data + 5);
		reader->open = true;
		return true;
	case ENTRY_START:
	case ENTRY_EXTENDED_START:
		reader->open = true;
		return true;
	case ENTRY_SPECIAL:
		range->first = range->last = device_at(reader, entry->data + 5);
		range->handle = entry->data[4];
		range->special = entry->data[7];
		return true;
	case ENTRY_NAMED:
		range->special = SP_IVRS_NAMED;
		return true;
	default:
		return true;
	}
}

bool sp_ivhd_read(struct sp_ivrs_unit *unit, struct sp_arena *arena,
	const struct sp_acpi_span *block, uint32_t at, struct sp_error *error) {
	struct reader reader = {.unit = unit, .arena = arena, .error = error};
	struct sp_acpi_span entry;

	for (; at < block->size; at += entry.size) {
		uint32_t length = entry_length(block, at);
		uint32_t least = block->data[at] < ENTRY_VARIABLE ? ENTRY : NAMED;

		if (!sp_acpi_take(&entry, block, at, length, least, "the device entry", error) ||
			!read_entry(&reader, &entry))
			return false;
	}
	if (reader.open)
		return sp_acpi_fail(block, error, "the last range of the IVHD does not end");
	unit->ranges = reader.ranges.data;
	unit->range_count = reader.ranges.count;
	return true;
}
