/* SPDX-License-Identifier: MIT */
/*
 * Tables of the firmware. The first byte picks the reader: D, I or V. Signature, length and
 * checksum are put right, unless the byte is a small letter, since hardly anything else would be
 * read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acpi/acpi.h"
#include "check.h"
#include "mutate.h"

#define HEADER 36u

static void check_scopes(const struct sp_acpi_scopes *scopes, uint32_t segment) {
	for (uint32_t i = 0; i < scopes->count; i++) {
		const struct sp_acpi_scope *scope = &scopes->data[i];

		CHECK(scope->start >> 16 == segment);
		CHECK(scope->hops <= 123 && !scope->path == !scope->hops);
		for (uint32_t hop = 0; hop < scope->hops; hop++)
			CHECK(scope->path[2 * hop] < 32 && scope->path[2 * hop + 1] < 8);
	}
}

static bool read_dmar(
	struct sp_arena *arena, const uint8_t *data, size_t size, struct sp_error *error) {
	struct sp_dmar dmar;

	if (!sp_dmar_read(&dmar, arena, data, size, error)) {
		CHECK(!dmar.units && !dmar.rmrrs && !dmar.unit_count && !dmar.rmrr_count);
		return false;
	}
	CHECK(dmar.width && dmar.width <= 64);
	CHECK(dmar.unit_count <= size / 16 && dmar.rmrr_count <= size / 24);
	for (uint32_t i = 0; i < dmar.unit_count; i++)
		check_scopes(&dmar.units[i].scopes, dmar.units[i].segment);
	for (uint32_t i = 0; i < dmar.rmrr_count; i++) {
		CHECK(dmar.rmrrs[i].base <= dmar.rmrrs[i].limit);
		check_scopes(&dmar.rmrrs[i].scopes, dmar.rmrrs[i].segment);
	}
	return true;
}

/* The newest type of each IOMMU alone, with ranges that are ranges. */
static bool read_ivrs(
	struct sp_arena *arena, const uint8_t *data, size_t size, struct sp_error *error) {
	struct sp_ivrs ivrs;

	if (!sp_ivrs_read(&ivrs, arena, data, size, error)) {
		CHECK(!ivrs.units && !ivrs.memories && !ivrs.unit_count && !ivrs.memory_count);
		return false;
	}
	CHECK(ivrs.unit_count <= size / 24 && ivrs.memory_count <= size / 32);
	for (uint32_t i = 0; i < ivrs.unit_count; i++) {
		const struct sp_ivrs_unit *unit = &ivrs.units[i];

		CHECK(unit->type == 0x10 || unit->type == 0x11 || unit->type == 0x40);
		CHECK(unit->function >> 16 == unit->segment);
		for (uint32_t j = 0; j < i && i < 64; j++)
			CHECK(ivrs.units[j].function != unit->function ||
				ivrs.units[j].type == unit->type);
		for (uint32_t j = 0; j < unit->range_count; j++) {
			const struct sp_ivrs_range *range = &unit->ranges[j];

			CHECK(range->first <= range->last && range->last >> 16 == unit->segment);
			CHECK(range->special <= 2 || range->special == SP_IVRS_NAMED);
		}
	}
	for (uint32_t i = 0; i < ivrs.memory_count; i++) {
		const struct sp_ivrs_memory *memory = &ivrs.memories[i];

		CHECK(memory->type >= 0x20 && memory->type <= 0x23);
		CHECK(memory->first <= memory->last);
		CHECK(!memory->length || memory->base + (memory->length - 1) >= memory->base);
	}
	return true;
}

static bool read_vfct(
	struct sp_arena *arena, const uint8_t *data, size_t size, struct sp_error *error) {
	struct sp_vfct vfct;

	if (!sp_vfct_read(&vfct, arena, data, size, error)) {
		CHECK(!vfct.images && !vfct.count);
		return false;
	}
	for (uint32_t i = 0; i < vfct.count; i++) {
		const struct sp_vfct_image *image = &vfct.images[i];

		CHECK(image->size && image->at <= size && image->size <= size - image->at);
		CHECK(image->function <= 0xffff);
	}
	return true;
}

static void repair(uint8_t *table, size_t size, const char *signature) {
	uint8_t sum = 0;

	memcpy(table, signature, 4);
	for (unsigned i = 0; i < 4; i++)
		table[4 + i] = (uint8_t)(size >> 8 * i);
	table[9] = 0;
	for (size_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + table[i]);
	table[9] = (uint8_t)-sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const struct {
		const char *signature;
		bool (*read)(struct sp_arena *arena, const uint8_t *data, size_t size,
			struct sp_error *error);
	} READERS[] = {{"DMAR", read_dmar}, {"IVRS", read_ivrs}, {"VFCT", read_vfct}};
	struct sp_arena arena = {0};
	struct sp_error error = {0};

	if (!size)
		return 0;
	for (size_t i = 0; i < 3; i++) {
		uint8_t *table;

		if ((data[0] & 0xdf) != READERS[i].signature[0])
			continue;
		/* A copy of its own size, so that a read behind it is seen. */
		table = malloc(size - 1 ? size - 1 : 1);
		if (!table)
			return 0;
		memcpy(table, data + 1, size - 1);
		if (size - 1 >= HEADER && !(data[0] & 0x20))
			repair(table, size - 1, READERS[i].signature);
		if (!READERS[i].read(&arena, table, size - 1, &error)) {
			CHECK(error.kind == SP_ERROR_INPUT);
			CHECK(!strncmp(error.message, READERS[i].signature, 4));
		}
		free(table);
	}
	sp_arena_release(&arena);
	return 0;
}
