/* SPDX-License-Identifier: MIT */
#include "fdt/cells.h"

/* What Xen and Linux assume where no node up to the root says. */
#define DEFAULT_ADDRESS_CELLS 2
#define DEFAULT_SIZE_CELLS 1

enum sp_walk sp_reference_next(const struct sp_tree *tree, const struct sp_prop *prop,
	const char *cells_name, uint32_t fixed, uint32_t *cell, struct sp_reference *reference) {
	uint32_t cells = sp_prop_cells(prop), first = *cell, count = fixed;

	reference->phandle = 0;
	reference->provider = SP_NODE_NONE;
	reference->count = 0;
	if (first >= cells)
		return prop->len % 4 ? SP_WALK_CUT_SHORT : SP_WALK_END;

	reference->phandle = sp_prop_cell(prop, first++);
	if (!reference->phandle) {
		*cell = first;
		return SP_WALK_MORE;
	}
	reference->provider = sp_tree_by_phandle(tree, reference->phandle);
	if (reference->provider == SP_NODE_NONE)
		return SP_WALK_DANGLING;
	if (cells_name) {
		const struct sp_prop *counter = sp_tree_prop(tree, reference->provider, cells_name);

		if (!counter || counter->len < 4)
			return SP_WALK_NO_CELLS;
		count = sp_prop_cell(counter, 0);
	}
	if (count > SP_MAX_ARGS || count > cells - first)
		return SP_WALK_CUT_SHORT;

	reference->count = count;
	for (uint32_t i = 0; i < count; i++)
		reference->args[i] = sp_prop_cell(prop, first + i);
	*cell = first + count;
	return SP_WALK_MORE;
}

static uint32_t nearest(
	const struct sp_tree *tree, sp_node bus, const char *name, uint32_t fallback) {
	for (; bus != SP_NODE_NONE; bus = sp_tree_parent(tree, bus)) {
		const struct sp_prop *prop = sp_tree_prop(tree, bus, name);

		if (prop && prop->len >= 4)
			return sp_prop_cell(prop, 0);
	}
	return fallback;
}

/* The root has no bus above it and counts as its own, as in Xen and Linux. */
static sp_node bus_of(const struct sp_tree *tree, sp_node node) {
	return node == SP_NODE_ROOT ? node : sp_tree_parent(tree, node);
}

uint32_t sp_address_cells(const struct sp_tree *tree, sp_node node) {
	return sp_bus_address_cells(tree, bus_of(tree, node));
}

uint32_t sp_size_cells(const struct sp_tree *tree, sp_node node) {
	return sp_bus_size_cells(tree, bus_of(tree, node));
}

uint32_t sp_bus_address_cells(const struct sp_tree *tree, sp_node bus) {
	return nearest(tree, bus, "#address-cells", DEFAULT_ADDRESS_CELLS);
}

uint32_t sp_bus_size_cells(const struct sp_tree *tree, sp_node bus) {
	return nearest(tree, bus, "#size-cells", DEFAULT_SIZE_CELLS);
}
