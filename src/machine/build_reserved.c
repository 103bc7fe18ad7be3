/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "machine/build.h"
#include "pci/address.h"

#define SCOPE_ENDPOINT 1u
#define SCOPE_BRIDGE 2u
#define UNITY_MAP 0x01u
#define EXCLUSION 0x08u
#define CLAIMS_MAX 64u /* of one function */
#define MEMORIES_MAX 256u /* blocks of an IVRS */

static void claim(
	struct sp_machine *machine, struct sp_function *function, const struct sp_dmar_rmrr *rmrr) {
	const struct sp_dmar_rmrr **slot;
	uint32_t count = function->rmrrs.count;

	if (count == CLAIMS_MAX)
		return;
	for (uint32_t i = 0; i < count; i++) {
		if (function->rmrrs.data[i] == rmrr)
			return;
	}
	slot = sp_vec_push(&machine->arena, &function->rmrrs);
	if (slot)
		*slot = rmrr;
}

/* What a bridge is claimed for counts for all that is behind it. */
static void claim_below(struct sp_machine *machine, const bool *bridges) {
	for (uint32_t i = 0; i < machine->function_count; i++) {
		struct sp_function *function = &machine->functions[i];
		const struct sp_function *above = function->bridge;

		for (; above; above = above->bridge) {
			if (!bridges[above - machine->functions])
				continue;
			for (uint32_t r = 0; r < above->rmrrs.count; r++)
				claim(machine, function, above->rmrrs.data[r]);
		}
	}
}

static void claim_dmar(struct sp_machine *machine) {
	const struct sp_dmar *dmar = &machine->dmar;
	bool *bridges = sp_arena_array(&machine->arena, machine->function_count, sizeof(*bridges));

	if (!bridges)
		return;
	for (uint32_t i = 0; i < dmar->rmrr_count; i++) {
		const struct sp_dmar_rmrr *rmrr = &dmar->rmrrs[i];

		for (uint32_t s = 0; s < rmrr->scopes.count; s++) {
			const struct sp_acpi_scope *scope = &rmrr->scopes.data[s];
			struct sp_function *function = build_scope(machine, scope, bridges);

			if (function)
				claim(machine, function, rmrr);
		}
	}
	claim_below(machine, bridges);
}

static void claim_memory(struct sp_machine *machine, const struct sp_ivrs_memory *memory) {
	const bool *within = NULL;

	if (memory->type == SP_IVMD_IOMMU) {
		within = build_in_charge(machine, memory->first);
		if (!within)
			return;
	}
	for (uint32_t i = 0; i < machine->function_count; i++) {
		struct sp_function *function = &machine->functions[i];
		const struct sp_ivrs_memory **slot;

		if (within ? !within[i]
			   : function->bdf < memory->first || function->bdf > memory->last)
			continue;
		if (function->unity.count == CLAIMS_MAX)
			continue;
		slot = sp_vec_push(&machine->arena, &function->unity);
		if (slot)
			*slot = memory;
	}
}

static void claim_ivrs(struct sp_machine *machine) {
	const struct sp_ivrs *ivrs = &machine->ivrs;

	for (uint32_t m = 0; m < ivrs->memory_count && m < MEMORIES_MAX; m++) {
		if (ivrs->memories[m].flags & (UNITY_MAP | EXCLUSION))
			claim_memory(machine, &ivrs->memories[m]);
	}
}

static struct sp_dmar_rmrr *new_rmrr(struct sp_machine *machine, uint64_t base, uint64_t limit) {
	struct sp_dmar_rmrr *rmrr = sp_arena_alloc(&machine->arena, sizeof(*rmrr));

	if (rmrr) {
		rmrr->base = base;
		rmrr->limit = limit;
	}
	return rmrr;
}

/* "[VT-D] endpoint: 0000:00:02.0" below "[VT-D]found ACPI_DMAR_RMRR:" */
static void claim_endpoint(
	struct sp_machine *machine, const char *text, const struct sp_dmar_rmrr *rmrr) {
	size_t size = strcspn(text, " \r\n");
	struct sp_function *function;
	char address[SP_BDF_SIZE];
	sp_bdf bdf;

	if (size >= sizeof(address))
		return;
	memcpy(address, text, size);
	address[size] = '\0';
	function = sp_bdf_parse(address, &bdf) ? sp_machine_find(machine, bdf) : NULL;
	if (function)
		claim(machine, function, rmrr);
}

/* Xen hides the table from a PVH dom0, and tells of it with iommu=verbose. A debug build tells the
 * range, too. */
static void claim_logged(struct sp_machine *machine) {
	static const char found[] = "found ACPI_DMAR_", endpoint[] = " endpoint: ";
	static const char range[] = " RMRR: [";
	const char *line = machine->xen.log, *next;
	struct sp_dmar_rmrr *rmrr = NULL;

	for (; line && *line; line = next) {
		size_t size = strcspn(line, "\n");
		const char *at = memmem(line, size, found, sizeof(found) - 1);

		next = line + size + (line[size] == '\n');
		if (at) {
			at += sizeof(found) - 1;
			rmrr = strncmp(at, "RMRR", 4) == 0 ? new_rmrr(machine, 0, 0) : NULL;
			continue;
		}
		if (!rmrr)
			continue;
		at = memmem(line, size, endpoint, sizeof(endpoint) - 1);
		if (at)
			claim_endpoint(machine, at + sizeof(endpoint) - 1, rmrr);
		at = memmem(line, size, range, sizeof(range) - 1);
		if (at) {
			char *end;

			rmrr->base = strtoull(at + sizeof(range) - 1, &end, 16);
			rmrr->limit = *end == ',' ? strtoull(end + 1, NULL, 16) : 0;
		}
	}
}

/* "0x000000007b800000 0x000000007fffffff direct": what the kernel tells where the tables may not
 * be read. */
static void claim_group(struct sp_machine *machine, struct sp_function *function) {
	const char *text = function->group < 0
		? NULL
		: sp_files_text(&machine->files, "/sys/kernel/iommu_groups/%d/reserved_regions",
			  function->group);

	for (uint32_t i = 0; text && *text && i < CLAIMS_MAX; i++) {
		char *end;
		uint64_t base = strtoull(text, &end, 16), limit = strtoull(end, &end, 16);

		if (strncmp(end, " direct", 7) == 0) {
			const struct sp_dmar_rmrr *rmrr = new_rmrr(machine, base, limit);

			if (rmrr)
				claim(machine, function, rmrr);
		}
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
}

void build_reserved(struct sp_machine *machine) {
	if (machine->has_dmar)
		claim_dmar(machine);
	if (machine->has_ivrs)
		claim_ivrs(machine);
	if (machine->has_dmar || machine->has_ivrs)
		return;
	claim_logged(machine);
	for (uint32_t i = 0; i < machine->function_count; i++) {
		if (!machine->functions[i].rmrrs.count)
			claim_group(machine, &machine->functions[i]);
	}
}
