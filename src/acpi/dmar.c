/* SPDX-License-Identifier: MIT */
#include "acpi/table.h"

/* Intel VT-d specification 4.1, chapter 8. */
#define WIDTH 36u
#define FLAGS 37u
#define FLAG_INTERRUPTS 0x1u
#define FLAG_NO_X2APIC 0x2u
#define FLAG_OPT_IN 0x4u
#define FIXED 48u

#define STRUCTURE 4u /* type and length */
#define SEGMENT 6u /* at the same place in all that have one */

#define DRHD 16u
#define DRHD_ALL 0x1u
#define RMRR 24u
#define SCOPE 6u
#define HOP 2u

struct reader {
	struct sp_dmar dmar;
	struct sp_arena *arena;
	struct sp_error *error;
	SP_VEC(struct sp_dmar_unit) units;
	SP_VEC(struct sp_dmar_rmrr) rmrrs;
};

/* A function on the path: one byte each for device and function. */
static bool check_hops(const struct sp_acpi_span *scope, struct sp_error *error) {
	for (uint32_t at = SCOPE; at < scope->size; at += HOP)
		if (scope->data[at] > 0x1f || scope->data[at + 1] > 7)
			return sp_acpi_fail(scope, error,
				"the path of the device scope has device 0x%02x, function 0x%02x",
				scope->data[at], scope->data[at + 1]);
	return true;
}

/* Scopes fill a structure from byte `at` to its end. */
static bool read_scopes(struct reader *reader, const struct sp_acpi_span *structure, uint32_t at,
	uint16_t segment, struct sp_acpi_scopes *scopes) {
	SP_VEC(struct sp_acpi_scope) found = {0};
	struct sp_acpi_span span;

	while (at < structure->size) {
		uint32_t length = at + 1 < structure->size ? structure->data[at + 1] : 1;
		struct sp_acpi_scope *scope;

		if (!sp_acpi_take(&span, structure, at, length, SCOPE + HOP, "the device scope",
			    reader->error))
			return false;
		if ((length - SCOPE) % HOP)
			return sp_acpi_fail(&span, reader->error,
				"the path of the device scope ends within a pair");
		if (!check_hops(&span, reader->error))
			return false;
		scope = sp_vec_push(reader->arena, &found);
		if (!scope)
			return sp_error_memory(reader->error);
		scope->type = span.data[0];
		scope->enumeration = span.data[4];
		scope->start = sp_acpi_function(
			segment, (uint32_t)(span.data[5] << 8 | span.data[6] << 3 | span.data[7]));
		scope->hops = (uint8_t)((length - SCOPE) / HOP - 1);
		if (scope->hops) {
			scope->path = sp_arena_copy(
				reader->arena, span.data + SCOPE + HOP, scope->hops * HOP);
			if (!scope->path)
				return sp_error_memory(reader->error);
		}
		at += length;
	}
	scopes->data = found.data;
	scopes->count = found.count;
	return true;
}

static bool read_unit(struct reader *reader, const struct sp_acpi_span *structure) {
	struct sp_dmar_unit *unit = sp_vec_push(reader->arena, &reader->units);

	if (!unit)
		return sp_error_memory(reader->error);
	unit->all = structure->data[4] & DRHD_ALL;
	unit->segment = sp_load_le16(structure->data + SEGMENT);
	unit->address = sp_load_le64(structure->data + 8);
	return read_scopes(reader, structure, DRHD, unit->segment, &unit->scopes);
}

static bool read_rmrr(struct reader *reader, const struct sp_acpi_span *structure) {
	struct sp_dmar_rmrr *rmrr = sp_vec_push(reader->arena, &reader->rmrrs);

	if (!rmrr)
		return sp_error_memory(reader->error);
	rmrr->segment = sp_load_le16(structure->data + SEGMENT);
	rmrr->base = sp_load_le64(structure->data + 8);
	rmrr->limit = sp_load_le64(structure->data + 16);
	if (rmrr->limit < rmrr->base)
		return sp_acpi_fail(structure, reader->error, "the RMRR ends before it begins");
	return read_scopes(reader, structure, RMRR, rmrr->segment, &rmrr->scopes);
}

static bool read_atsr(struct reader *reader, const struct sp_acpi_span *structure) {
	(void)structure;
	reader->dmar.has_atsr = true;
	return true;
}

static bool read_satc(struct reader *reader, const struct sp_acpi_span *structure) {
	(void)structure;
	reader->dmar.has_satc = true;
	return true;
}

/* By type; the others say nothing of who is isolated from whom. */
static const struct {
	uint16_t type, least;
	const char *name;
	bool (*read)(struct reader *reader, const struct sp_acpi_span *structure);
} STRUCTURES[] = {
	{0, DRHD, "the DRHD", read_unit},
	{1, RMRR, "the RMRR", read_rmrr},
	{2, 8, "the ATSR", read_atsr},
	{5, 8, "the SATC", read_satc},
};

static bool read_structure(struct reader *reader, const struct sp_acpi_span *structure) {
	uint16_t type = sp_load_le16(structure->data);
	struct sp_acpi_span same;

	for (size_t i = 0; i < sizeof(STRUCTURES) / sizeof(STRUCTURES[0]); i++)
		if (STRUCTURES[i].type == type)
			return sp_acpi_take(&same, structure, 0, structure->size,
				       STRUCTURES[i].least, STRUCTURES[i].name, reader->error) &&
				STRUCTURES[i].read(reader, structure);
	return true;
}

bool sp_dmar_read(struct sp_dmar *dmar, struct sp_arena *arena, const uint8_t *data, size_t size,
	struct sp_error *error) {
	struct reader reader = {.arena = arena, .error = error};
	struct sp_acpi_span table, structure;
	uint32_t at = FIXED;

	*dmar = (struct sp_dmar){0};
	if (!sp_acpi_open(&table, data, size, "DMAR", FIXED, error))
		return false;
	if (data[WIDTH] >= 64)
		return sp_error_set(error, SP_ERROR_INPUT,
			"DMAR, offset 0x%x: addresses of %u bits", WIDTH, data[WIDTH] + 1u);
	reader.dmar.width = (uint8_t)(data[WIDTH] + 1);
	reader.dmar.interrupt_remapping = data[FLAGS] & FLAG_INTERRUPTS;
	reader.dmar.x2apic_opt_out = data[FLAGS] & FLAG_NO_X2APIC;
	reader.dmar.dma_opt_in = data[FLAGS] & FLAG_OPT_IN;

	for (; at < table.size; at += structure.size) {
		uint32_t length = table.size - at;

		if (length >= STRUCTURE)
			length = sp_load_le16(data + at + 2);
		if (!sp_acpi_take(
			    &structure, &table, at, length, STRUCTURE, "the structure", error) ||
			!read_structure(&reader, &structure))
			return false;
	}
	reader.dmar.units = reader.units.data;
	reader.dmar.unit_count = reader.units.count;
	reader.dmar.rmrrs = reader.rmrrs.data;
	reader.dmar.rmrr_count = reader.rmrrs.count;
	*dmar = reader.dmar;
	return true;
}
