/* SPDX-License-Identifier: MIT */
#include "check/check.h"

#include "plan/rules.h"
#include "plan/tables.h"

/* Values that xl refuses or takes for something else. */
static void check_values(struct sp_check *check, const struct sp_check_guest *guest) {
	for (uint32_t i = 0; i < guest->xl->troubles.count; i++) {
		const struct sp_xl_trouble *trouble = &guest->xl->troubles.data[i];
		const char *message = sp_arena_strdup(&check->arena, trouble->message);
		sp_check_add(check, guest,
			trouble->refused ? SP_CODE_CFG_REFUSED : SP_CODE_CFG_VALUE,
			sp_check_at_line(guest, trouble->line), "%s: %s", trouble->setting,
			message != NULL ? message : "");
	}
}

/* initiate_domain_create() in tools/libs/light/libxl_create.c. */
static void check_passthrough(struct sp_check *check, const struct sp_check_guest *guest) {
	const struct sp_xl_guest *xl = guest->xl;
	struct sp_check_place place = sp_check_at_line(guest, xl->passthrough_line);
	bool devices = xl->dtdev.count > 0 || xl->pci.path != NULL;
	bool enabled = xl->passthrough == SP_XL_PASSTHROUGH_ENABLED ||
		(xl->passthrough == SP_XL_PASSTHROUGH_DEFAULT && devices);

	if (xl->passthrough == SP_XL_PASSTHROUGH_DISABLED && devices)
		sp_check_add(check, guest, SP_CODE_CFG_PASSTHROUGH_OFF, place,
			"passthrough is \"disabled\", and %s names devices",
			xl->dtdev.count > 0 ? "dtdev" : "pci");
	if (xl->passthrough == SP_XL_PASSTHROUGH_SYNC)
		sp_check_add(check, guest, SP_CODE_CFG_PASSTHROUGH_SYNC, place,
			"passthrough is \"sync_pt\", and on Arm the IOMMU and the CPU share page "
			"tables");
	if (xl->memory < xl->maxmem && enabled)
		sp_check_add(check, guest, SP_CODE_CFG_POD,
			sp_check_at_line(guest,
				xl->dtdev.count > 0 ? xl->dtdev.data[0].line
						    : xl->passthrough_line),
			"memory is %llu MiB and maxmem %llu: with an IOMMU, all of a guest's "
			"memory must be there from the start",
			(unsigned long long)xl->memory, (unsigned long long)xl->maxmem);
}

/* The SPIs that the guest's interrupts need. */
static uint32_t needed_spis(const struct sp_check_guest *guest) {
	uint32_t highest = 0;
	for (uint32_t i = 0; i < guest->irqs.count; i++) {
		uint32_t number = guest->irqs.data[i].number;
		if (number >= SP_GIC_FIRST_SPI && number < SP_GIC_END_SPI && number > highest)
			highest = number;
	}
	return highest == 0 ? 0 : highest - SP_GIC_FIRST_SPI + 1;
}

static void check_nr_spis(struct sp_check *check, const struct sp_check_guest *guest,
	uint32_t given, struct sp_check_place place) {
	enum sp_target target = check->target;
	uint32_t most = sp_rule_value(SP_RULE_GUEST_SPI_MAX, target) + 1;
	uint32_t needed = needed_spis(guest);
	bool xl = guest->mode == SP_MODE_XL;

	/* Older ones do not know the setting. */
	if (xl && sp_rule_value(SP_RULE_XL_NR_SPIS, target) == 0)
		return;
	if (given > most)
		sp_check_add(check, guest, SP_CODE_CFG_NR_SPIS_HIGH, place,
			"nr_spis is %u, and a guest can have %u SPIs at most (-22)", given, most);
	/* Xen rounds up to 32; libxl of 4.21 compares what is written. */
	bool exact = xl && sp_rule_value(SP_RULE_XL_NR_SPIS_CHECKED, target) != 0;
	if (given >= needed || (!xl && (given + UINT64_C(31)) / 32 * 32 >= needed))
		return;
	if (xl && !exact)
		sp_check_add(check, guest, SP_CODE_CFG_NR_SPIS_RAISED, place,
			"nr_spis is %u, and interrupt %u needs %u; xl raises it by itself", given,
			needed + SP_GIC_FIRST_SPI - 1, needed);
	else
		sp_check_add(check, guest, SP_CODE_CFG_NR_SPIS, place,
			"nr_spis is %u, and interrupt %u needs %u", given,
			needed + SP_GIC_FIRST_SPI - 1, needed);
}

void sp_check_tables(struct sp_check *check, struct sp_check_guest *guest) {
	uint64_t room = sp_table_pool(guest->memory, guest->cpus);
	const struct sp_check_map *largest = NULL;
	struct sp_tables tables = {0};

	for (uint32_t i = 0; i < guest->maps.count; i++) {
		const struct sp_check_map *map = &guest->maps.data[i];
		sp_tables_add(&tables, map->host, map->guest, map->size, guest->xl == NULL);
		if (largest == NULL || map->size > largest->size)
			largest = map;
	}
	if (guest->xl == NULL)
		room = (room + SP_TABLES_PER_MIB - 1) / SP_TABLES_PER_MIB * SP_TABLES_PER_MIB;
	if (guest->pool != 0)
		room = guest->pool * SP_TABLES_PER_MIB;
	uint64_t taken = sp_tables_taken_most(guest->memory);
	if (largest == NULL || tables.count + taken <= room)
		return;
	/* Of the pool the guest takes more or less, by how Xen finds memory for it. */
	sp_check_add(check, guest,
		tables.count > room ? SP_CODE_MAP_TABLES : SP_CODE_MAP_TABLES_TIGHT,
		largest->line != 0 ? sp_check_at_line(guest, largest->line)
				   : sp_check_at_tree(guest, largest->at),
		"the guest's pages need %llu translation tables, and there is room for %llu, of which "
		"its memory takes up to %llu",
		(unsigned long long)tables.count, (unsigned long long)room,
		(unsigned long long)taken);
}

void sp_check_settings(struct sp_check *check, struct sp_check_guest *guest) {
	const struct sp_tree *tree = check->host->tree;

	if (guest->xl != NULL) {
		check_values(check, guest);
		check_passthrough(check, guest);
		if (guest->xl->nr_spis_line != 0)
			check_nr_spis(check, guest, guest->xl->nr_spis,
				sp_check_at_line(guest, guest->xl->nr_spis_line));
		return;
	}
	struct sp_check_place place = sp_check_at(check, guest, guest->domain, 0, SP_NODE_NONE);
	const struct sp_prop *spis = sp_tree_prop(tree, guest->domain, "nr_spis");
	if (spis != NULL)
		check_nr_spis(check, guest, sp_prop_cell(spis, 0), place);
	if (guest->mode == SP_MODE_DIRECT &&
		sp_tree_prop(tree, guest->domain, "xen,static-mem") == NULL)
		sp_check_add(check, guest, SP_CODE_DOMAIN_NO_STATIC, place,
			"it has direct-map and no xen,static-mem, at which Xen panics");
}
