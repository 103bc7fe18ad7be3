/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "machine/build.h"
#include "pci/address.h"

#define BUSES 256u
#define VF_SEARCH 256u /* virtual functions of one function that are looked for without a link */

/* A bridge by the bus behind it, where no link tells who is behind whom. */
struct behind {
	uint32_t bus; /* segment << 8 | secondary */
	struct sp_function *bridge;
};

static int by_bus(const void *a, const void *b) {
	const struct behind *left = a, *right = b;

	return (left->bus > right->bus) - (left->bus < right->bus);
}

static struct behind *find_behind(struct behind *bridges, uint32_t count, uint32_t bus) {
	struct behind key = {.bus = bus};

	return count ? bsearch(&key, bridges, count, sizeof(*bridges), by_bus) : NULL;
}

static uint32_t list_bridges(struct sp_machine *machine, struct behind *bridges) {
	uint32_t count = 0;

	for (uint32_t i = 0; i < machine->function_count; i++) {
		struct sp_function *function = &machine->functions[i];

		if (!function->config.known || function->config.header == SP_PCI_HEADER_NORMAL ||
			!function->config.secondary)
			continue;
		bridges[count++] = (struct behind){
			.bus = sp_bdf_segment(function->bdf) << 8 | function->config.secondary,
			.bridge = function,
		};
	}
	if (count)
		qsort(bridges, count, sizeof(*bridges), by_bus);
	return count;
}

/* The innermost bridge whose buses have this one: virtual functions lie on buses of their own. */
static struct sp_function *bridge_of_bus(
	struct behind *bridges, uint32_t count, const struct sp_function *function) {
	uint32_t segment = sp_bdf_segment(function->bdf), bus = sp_bdf_bus(function->bdf);

	for (uint32_t secondary = bus; secondary > 0; secondary--) {
		const struct behind *found = find_behind(bridges, count, segment << 8 | secondary);

		if (found && found->bridge != function &&
			(secondary == bus || found->bridge->config.subordinate >= bus))
			return found->bridge;
	}
	return NULL;
}

static void link_bridges(struct sp_machine *machine) {
	struct behind *bridges =
		sp_arena_array(&machine->arena, machine->function_count, sizeof(*bridges));
	uint32_t count = bridges ? list_bridges(machine, bridges) : 0;

	for (uint32_t i = 0; i < machine->function_count; i++) {
		struct sp_function *function = &machine->functions[i];
		char address[SP_BDF_SIZE];
		const char *link;
		sp_bdf parent;

		sp_bdf_format(address, function->bdf);
		link = sp_files_text(&machine->files, BUILD_DEVICES "%s", address);
		if (!link) {
			function->bridge = bridge_of_bus(bridges, count, function);
			continue;
		}
		parent = build_path_bdf(link, true);
		if (parent != SP_BDF_NONE && parent != function->bdf)
			function->bridge = sp_machine_find(machine, parent);
	}
}

/* Whoever follows bridges upwards must come to an end, and soon: buses are numbered by bytes. */
static void cut_chains(struct sp_machine *machine) {
	for (uint32_t i = 0; i < machine->function_count; i++) {
		struct sp_function *function = &machine->functions[i];
		const struct sp_function *above = function->bridge;
		uint32_t steps = 0;

		while (above && steps++ < BUSES)
			above = above->bridge;
		if (above)
			function->bridge = NULL;
	}
}

static void link_physical(struct sp_machine *machine) {
	for (uint32_t i = 0; i < machine->function_count; i++) {
		struct sp_function *function = &machine->functions[i];
		const char *link = build_text(machine, function->bdf, "physfn");
		sp_bdf physical = link ? build_path_bdf(link, false) : SP_BDF_NONE;

		if (physical != SP_BDF_NONE && physical != function->bdf)
			function->physical = sp_machine_find(machine, physical);
	}
	/* Where there are no links: from where the capability says that they are. */
	for (uint32_t i = 0; i < machine->function_count; i++) {
		struct sp_function *function = &machine->functions[i];
		const struct sp_sriov *sriov = &function->config.sriov;

		if (!function->config.has_sriov || !sriov->on || !sriov->offset)
			continue;
		for (uint32_t n = 0; n < sriov->enabled && n < VF_SEARCH; n++) {
			uint32_t id = (function->bdf & 0xffff) + sriov->offset + n * sriov->stride;
			struct sp_function *virtual = id > 0xffff
				? NULL
				: sp_machine_find(machine, (function->bdf & ~0xffffu) | id);

			if (virtual && !virtual->physical && virtual != function)
				virtual->physical = function;
		}
	}
	for (uint32_t i = 0; i < machine->function_count; i++) {
		struct sp_function *function = &machine->functions[i];

		/* Its own IDs read as all ones. */
		if (!function->physical || function->config.vendor != 0xffff)
			continue;
		function->config.vendor = function->physical->config.vendor;
		function->config.device = function->physical->config.sriov.device;
	}
	/* A virtual function has none of its own. */
	for (uint32_t i = 0; i < machine->function_count; i++) {
		struct sp_function *physical = machine->functions[i].physical;

		if (physical && physical->physical)
			machine->functions[i].physical = NULL;
	}
}

void build_links(struct sp_machine *machine) {
	link_bridges(machine);
	cut_chains(machine);
	link_physical(machine);
}
