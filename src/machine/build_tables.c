/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "machine/build.h"
#include "pci/address.h"

#define SCOPE_ENDPOINT 1u
#define SCOPE_BRIDGE 2u

/* Reads a table if there is one. True: it is there and was read. */
static const struct sp_record *find_table(const struct sp_machine *machine, const char *name) {
	char path[64] = BUILD_TABLES;
	const struct sp_record *record;

	strcat(path, name);
	record = sp_files_get(&machine->files, path);
	return record && record->kind == SP_RECORD_BYTES ? record : NULL;
}

static bool check(struct sp_machine *machine, bool good, const struct sp_error *error) {
	if (!good && error->kind == SP_ERROR_MEMORY)
		machine->arena.failed = true;
	else if (!good && !machine->table_error)
		machine->table_error = sp_arena_strdup(&machine->arena, error->message);
	return good;
}

static void read_tables(struct sp_machine *machine) {
	static const char *const hidden[] = {"DMAR", "RMAD", "XMAR"};
	const struct sp_record *record = NULL;
	struct sp_error error;

	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]) && !record; i++)
		record = find_table(machine, hidden[i]);
	if (record)
		machine->has_dmar = check(machine,
			sp_dmar_read(&machine->dmar, &machine->arena, (const uint8_t *)record->data,
				record->size, &error),
			&error);
	record = find_table(machine, "IVRS");
	if (record)
		machine->has_ivrs = check(machine,
			sp_ivrs_read(&machine->ivrs, &machine->arena, (const uint8_t *)record->data,
				record->size, &error),
			&error);
	record = find_table(machine, "VFCT");
	if (record)
		machine->has_vfct = check(machine,
			sp_vfct_read(&machine->vfct, &machine->arena, (const uint8_t *)record->data,
				record->size, &error),
			&error);
}

/* A PVH dom0 is not shown the tables of the IOMMU, so that their absence tells nothing there. */
static void find_iommu(struct sp_machine *machine) {
	static const char *const names[] = {"DMAR", "IVRS", "RMAD", "XMAR"};
	const char *list = sp_files_text(&machine->files, "list /sys/firmware/acpi/tables");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[64] = BUILD_TABLES;

		strcat(path, names[i]);
		if (find_table(machine, names[i]) || sp_files_denied(&machine->files, path) ||
			build_has_word(list, names[i]))
			machine->firmware_iommu = SP_YES;
	}
	if (machine->firmware_iommu)
		return;
	if (machine->xen.iommu == SP_YES)
		machine->firmware_iommu = SP_YES;
	else if (list && machine->xen.dom0 != SP_DOM0_IS_PVH &&
		machine->xen.dom0 != SP_DOM0_IS_GUEST)
		machine->firmware_iommu = SP_NO;
}

struct sp_function *build_scope(
	const struct sp_machine *machine, const struct sp_acpi_scope *scope, bool *bridges) {
	struct sp_function *function = sp_machine_find(machine, scope->start);

	if (scope->type != SCOPE_ENDPOINT && scope->type != SCOPE_BRIDGE)
		return NULL;
	for (uint32_t i = 0; function && i < scope->hops; i++) {
		if (!function->config.secondary)
			return NULL;
		function = sp_machine_find(machine,
			SP_BDF(sp_bdf_segment(scope->start), function->config.secondary,
				scope->path[2 * i] & 0x1f, scope->path[2 * i + 1] & 7));
	}
	if (function && scope->type == SCOPE_BRIDGE)
		bridges[function - machine->functions] = true;
	return function;
}

/* A bridge in a scope stands for all that is behind it. */
static void translate_below(struct sp_machine *machine, const bool *bridges) {
	for (uint32_t i = 0; i < machine->function_count; i++) {
		const struct sp_function *above = &machine->functions[i];

		for (; above && !machine->functions[i].translated; above = above->bridge) {
			if (bridges[above - machine->functions])
				machine->functions[i].translated = SP_YES;
		}
	}
}

static void translate_unit(
	struct sp_machine *machine, const struct sp_dmar_unit *unit, bool *bridges) {
	for (uint32_t i = 0; i < unit->scopes.count; i++) {
		const struct sp_acpi_scope *scope = &unit->scopes.data[i];
		struct sp_function *function = build_scope(machine, scope, bridges);

		if (function)
			function->translated = SP_YES;
	}
}

static int by_segment(const void *a, const void *b) {
	uint16_t left = *(const uint16_t *)a, right = *(const uint16_t *)b;

	return (left > right) - (left < right);
}

static void translate_dmar(struct sp_machine *machine) {
	const struct sp_dmar *dmar = &machine->dmar;
	bool *bridges = sp_arena_array(&machine->arena, machine->function_count, sizeof(*bridges));
	uint16_t *whole = sp_arena_array(&machine->arena, dmar->unit_count, sizeof(*whole));
	uint32_t count = 0;

	if (!bridges || !whole)
		return;
	for (uint32_t i = 0; i < dmar->unit_count; i++) {
		translate_unit(machine, &dmar->units[i], bridges);
		if (dmar->units[i].all)
			whole[count++] = dmar->units[i].segment;
	}
	translate_below(machine, bridges);
	if (count)
		qsort(whole, count, sizeof(*whole), by_segment);
	for (uint32_t i = 0; i < machine->function_count && count; i++) {
		uint16_t segment = (uint16_t)sp_bdf_segment(machine->functions[i].bdf);

		if (bsearch(&segment, whole, count, sizeof(*whole), by_segment))
			machine->functions[i].translated = SP_YES;
	}
}

static uint32_t lower_bound(const struct sp_machine *machine, sp_bdf bdf) {
	uint32_t low = 0, high = machine->function_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (machine->functions[middle].bdf < bdf)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Ranges open and close at functions; who is within any is counted in one pass. */
const bool *build_in_charge(struct sp_machine *machine, sp_bdf iommu) {
	const struct sp_ivrs *ivrs = &machine->ivrs;
	size_t count = (size_t)machine->function_count + 1;
	int32_t *opens = sp_arena_array(&machine->arena, count, sizeof(*opens));
	bool *within = sp_arena_array(&machine->arena, count, sizeof(*within));
	int32_t open = 0;

	if (!opens || !within)
		return NULL;
	for (uint32_t u = 0; u < ivrs->unit_count; u++) {
		if (iommu != SP_BDF_NONE && ivrs->units[u].function != iommu)
			continue;
		for (uint32_t i = 0; i < ivrs->units[u].range_count; i++) {
			const struct sp_ivrs_range *range = &ivrs->units[u].ranges[i];

			if (range->special)
				continue;
			opens[lower_bound(machine, range->first)]++;
			opens[lower_bound(machine, range->last + 1)]--;
		}
	}
	for (uint32_t i = 0; i < machine->function_count; i++) {
		open += opens[i];
		within[i] = open > 0;
	}
	return within;
}

static void translate_ivrs(struct sp_machine *machine) {
	const bool *within = build_in_charge(machine, SP_BDF_NONE);

	for (uint32_t i = 0; within && i < machine->function_count; i++) {
		if (within[i])
			machine->functions[i].translated = SP_YES;
	}
}

static void translate(struct sp_machine *machine) {
	bool told = machine->has_dmar || machine->has_ivrs;

	if (machine->has_dmar)
		translate_dmar(machine);
	if (machine->has_ivrs)
		translate_ivrs(machine);
	for (uint32_t i = 0; i < machine->function_count; i++) {
		struct sp_function *function = &machine->functions[i];

		/* The requests of a virtual function go where those of its physical one go. */
		if (!function->translated && function->physical)
			function->translated = function->physical->translated;
		if (function->translated)
			continue;
		/* The kernel makes groups of those alone whose IOMMU it knows. */
		if (!told && function->group >= 0)
			function->translated = SP_YES;
		else if (told || machine->firmware_iommu == SP_NO)
			function->translated = SP_NO;
	}
}

static void find_images(struct sp_machine *machine) {
	for (uint32_t i = 0; i < machine->vfct.count; i++) {
		const struct sp_vfct_image *image = &machine->vfct.images[i];
		struct sp_function *function = sp_machine_find(machine, image->function);

		if (function && function->config.vendor == image->vendor &&
			function->config.device == image->device)
			function->vfct = image;
	}
}

void build_tables(struct sp_machine *machine) {
	read_tables(machine);
	find_iommu(machine);
	translate(machine);
	find_images(machine);
}
