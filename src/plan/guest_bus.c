/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "plan/guest_tree.h"

void sp_put_cells(uint32_t *cells, uint32_t *count, uint64_t value) {
	cells[(*count)++] = (uint32_t)(value >> 32);
	cells[(*count)++] = (uint32_t)value;
}

bool sp_is_address_property(const char *name) {
	static const char *const names[] = {"reg", "ranges", "dma-ranges", "#address-cells",
		"#size-cells", "interrupts", "interrupts-extended", "interrupt-parent",
		"interrupt-map", "interrupt-map-mask"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

static void copy_verbatim(struct sp_copier *copier, sp_node node, const char *name) {
	const struct sp_prop *prop = sp_tree_prop(copier->plan->host->tree, node, name);
	if (prop != NULL)
		sp_build_bytes(copier->build, copier->copy_of[node], name, prop->data, prop->len);
}

static void put_cell(struct sp_copier *copier, sp_node node, const char *name, uint32_t value) {
	sp_build_cells(copier->build, copier->copy_of[node], name, &value, 1, 0);
}

static bool has_addressed_child(const struct sp_copier *copier, sp_node node) {
	const struct sp_tree *tree = copier->plan->host->tree;
	for (sp_node child = sp_tree_first_child(tree, node); child != SP_NODE_NONE;
		child = sp_tree_next_sibling(tree, child)) {
		if (copier->copy_of[child] != NULL && sp_tree_prop(tree, child, "reg") != NULL)
			return true;
	}
	return false;
}

/* Remembers which of the host's blocks the guest has. */
static void note_blocks(struct sp_copier *copier, sp_node node, const struct sp_guest_reg *reg,
	const struct sp_guest_reg *end, uint32_t blocks) {
	const struct sp_device *known = sp_host_device(copier->plan->host, node);
	if (known == NULL || blocks >= known->reg_count)
		return;
	bool *kept = sp_arena_array(&copier->plan->arena, known->reg_count, sizeof(*kept));
	for (; kept != NULL && reg != end; reg++) {
		if (!reg->window && reg->index < known->reg_count)
			kept[reg->index] = true;
	}
	copier->regs = (struct sp_entries){kept, known->reg_count};
}

/* The guest's view of the node's register blocks, in the order of its reg. */
static void copy_reg(struct sp_copier *copier, sp_node node) {
	const struct sp_guest_reg *end, *first = sp_copier_regs(copier, node, &end);
	uint32_t room = (uint32_t)(end - first), count = 0;
	uint32_t *cells = sp_arena_array(&copier->plan->arena, room, 4 * sizeof(*cells));

	for (const struct sp_guest_reg *reg = first; cells != NULL && reg != end; reg++) {
		if (reg->window)
			continue;
		sp_put_cells(cells, &count, reg->guest);
		sp_put_cells(cells, &count, reg->size);
	}
	if (count == 0)
		return;
	sp_build_cells(copier->build, copier->copy_of[node], "reg", cells, count, 4);
	note_blocks(copier, node, first, end, count / 4);
}

/* A host bridge's windows: PCI address (three cells), guest address, size. */
static void copy_windows(struct sp_copier *copier, sp_node node) {
	const struct sp_guest_reg *end, *reg = sp_copier_regs(copier, node, &end);
	uint32_t room = (uint32_t)(end - reg), count = 0;
	uint32_t *cells = sp_arena_array(&copier->plan->arena, room, 7 * sizeof(*cells));

	for (; cells != NULL && reg != end; reg++) {
		struct sp_window window;
		if (!reg->window)
			continue;
		sp_window_get(copier->plan->host->tree, node, "ranges", reg->index, &window);
		cells[count++] = window.space;
		sp_put_cells(cells, &count, window.child);
		sp_put_cells(cells, &count, reg->guest);
		sp_put_cells(cells, &count, window.size);
	}
	if (count > 0)
		sp_build_cells(copier->build, copier->copy_of[node], "ranges", cells, count, 7);
}

/* dma-ranges of a bus inside the device: as the host has them, in the guest's cell counts. */
static void copy_dma_ranges(struct sp_copier *copier, sp_node node) {
	const struct sp_tree *tree = copier->plan->host->tree;
	uint32_t entries, count = 0;
	bool pci = sp_is_pci_bus(tree, node);

	switch (sp_window_count(tree, node, "dma-ranges", &entries)) {
	case SP_WINDOWS_IDENTITY:
		sp_build_empty(copier->build, copier->copy_of[node], "dma-ranges");
		return;
	case SP_WINDOWS_LIST:
		break;
	default:
		return;
	}
	uint32_t *cells = sp_arena_array(&copier->plan->arena, entries, 7 * sizeof(*cells));
	if (cells == NULL)
		return;
	for (uint32_t i = 0; i < entries; i++) {
		struct sp_window window;
		sp_window_get(tree, node, "dma-ranges", i, &window);
		if (pci)
			cells[count++] = window.space;
		sp_put_cells(cells, &count, window.child);
		sp_put_cells(cells, &count, window.parent.bus_address);
		sp_put_cells(cells, &count, window.size);
	}
	sp_build_cells(
		copier->build, copier->copy_of[node], "dma-ranges", cells, count, pci ? 7 : 6);
}

static void copy_mapped_bus(struct sp_copier *copier, sp_node node) {
	put_cell(copier, node, "#address-cells", 2);
	put_cell(copier, node, "#size-cells", 2);
	sp_build_empty(copier->build, copier->copy_of[node], "ranges");
	copy_dma_ranges(copier, node);
}

static void copy_cell_counts(struct sp_copier *copier, sp_node node) {
	const struct sp_tree *tree = copier->plan->host->tree;
	/* Without ranges and addressed children they say nothing, and dtc complains. An interrupt
	 * provider's own count is part of its specifiers. */
	if (!has_addressed_child(copier, node)) {
		if (sp_tree_prop(tree, node, "interrupt-controller") != NULL)
			copy_verbatim(copier, node, "#address-cells");
		return;
	}
	copy_verbatim(copier, node, "#address-cells");
	copy_verbatim(copier, node, "#size-cells");
}

void sp_copy_addresses(struct sp_copier *copier, sp_node node, enum sp_bus bus) {
	const struct sp_tree *tree = copier->plan->host->tree;
	if (bus == SP_BUS_OTHER) {
		copy_verbatim(copier, node, "reg");
		if (sp_tree_prop(tree, node, "ranges") != NULL) {
			copy_verbatim(copier, node, "#address-cells");
			copy_verbatim(copier, node, "#size-cells");
			copy_verbatim(copier, node, "ranges");
		} else {
			copy_cell_counts(copier, node);
		}
		return;
	}
	copy_reg(copier, node);
	if (sp_is_pci_bus(tree, node)) {
		put_cell(copier, node, "#address-cells", 3);
		put_cell(copier, node, "#size-cells", 2);
		copy_windows(copier, node);
		copy_dma_ranges(copier, node);
	} else if (sp_copier_bus(copier, node, bus) == SP_BUS_MAPPED) {
		copy_mapped_bus(copier, node);
	} else {
		copy_cell_counts(copier, node);
	}
}
