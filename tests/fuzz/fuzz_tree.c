/* SPDX-License-Identifier: MIT */
/* The reader: any bytes, then every question on every node. */
#include <stdlib.h>
#include <string.h>

#include <sallyport/tree.h>

#include "fdt/address.h"
#include "fdt/cells.h"
#include "fdt/interrupt.h"
#include "mutate.h"

static volatile uint64_t sink;

static void check(bool holds) {
	if (!holds)
		abort();
}

static void ask_prop(const struct sp_tree *tree, sp_node node, const struct sp_prop *prop) {
	struct sp_reference reference;
	uint32_t cell = 0;
	const char *text;

	check(sp_tree_prop(tree, node, prop->name) == prop);
	for (uint32_t i = 0; i < prop->len; i++)
		sink += prop->data[i];
	sink += sp_prop_number(prop, sp_prop_cells(prop) / 2, 2) + sp_prop_cell(prop, UINT32_MAX);
	for (uint32_t i = 0; i < 8 && (text = sp_prop_string(prop, i)); i++)
		sink += strlen(text);
	while (sp_reference_next(tree, prop, "#clock-cells", 0, &cell, &reference) == SP_WALK_MORE)
		sink += reference.count;
	check(cell <= sp_prop_cells(prop));
}

static void ask_addresses(const struct sp_tree *tree, sp_node node) {
	static const char *const names[] = {"ranges", "dma-ranges"};
	struct sp_window window;
	struct sp_reg reg;
	uint32_t count;
	bool whole;

	count = sp_reg_count(tree, node, &whole);
	for (uint32_t i = 0; i <= count; i++) {
		sp_reg_get(tree, node, i, &reg);
		check(reg.state != SP_ADDRESS_OK || reg.bus == SP_NODE_NONE);
		check(reg.state != SP_ADDRESS_OK || !reg.size ||
			reg.address + (reg.size - 1) >= reg.address);
	}
	for (unsigned i = 0; i < 2; i++) {
		sp_window_count(tree, node, names[i], &count);
		for (uint32_t j = 0; j <= count; j++)
			sp_window_get(tree, node, names[i], j, &window);
	}
	sink += sp_is_pci_bus(tree, node);
}

static void ask_node(const struct sp_tree *tree, sp_node node) {
	uint32_t count;
	const struct sp_prop *props = sp_tree_props(tree, node, &count);
	sp_node end = sp_tree_end(tree, node), parent = sp_tree_parent(tree, node);

	check(end > node && end <= sp_tree_count(tree));
	check((node == SP_NODE_ROOT) == (parent == SP_NODE_NONE));
	check(sp_tree_find(tree, sp_tree_path(tree, node)) == node);
	if (parent != SP_NODE_NONE) {
		check(sp_tree_child(tree, parent, sp_tree_name(tree, node)) == node);
		check(sp_tree_is_within(tree, node, parent));
		check(!sp_tree_is_within(tree, parent, node));
	}
	if (sp_tree_phandle(tree, node))
		check(sp_tree_by_phandle(tree, sp_tree_phandle(tree, node)) == node);
	for (sp_node child = sp_tree_first_child(tree, node); child != SP_NODE_NONE;
		child = sp_tree_next_sibling(tree, child))
		check(sp_tree_parent(tree, child) == node);
	check(sp_tree_available(tree, node) || !sp_tree_enabled(tree, node));
	sink += sp_tree_compatible(tree, node, "simple-bus");
	for (uint32_t i = 0; i < count; i++)
		ask_prop(tree, node, &props[i]);
	ask_addresses(tree, node);
}

static void ask_interrupts(const struct sp_tree *tree) {
	struct sp_arena arena = {0};
	struct sp_irqs irqs = {0};
	unsigned version;
	sp_node gic = sp_gic_find(tree, &version);

	for (sp_node node = 0; node < sp_tree_count(tree); node++) {
		sp_irqs_of_node(tree, gic, node, &arena, &irqs);
		sp_irqs_of_map(tree, gic, node, &arena, &irqs);
	}
	for (uint32_t i = 0; i < irqs.count; i++)
		check(irqs.data[i].kind != SP_IRQ_BROKEN || irqs.data[i].trouble);
	sp_arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct sp_tree *tree;
	struct sp_error error = {0};

	if (!sp_tree_parse(&tree, data, size, &error)) {
		check(!tree && error.kind == SP_ERROR_INPUT && error.message[0]);
		return 0;
	}
	for (sp_node node = 0; node < sp_tree_count(tree); node++)
		ask_node(tree, node);
	ask_interrupts(tree);
	sp_tree_destroy(tree);
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed) {
	size_t result = seed % 2 ? mutate_tree(data, size, capacity, seed) : 0;

	return result ? result : LLVMFuzzerMutate(data, size, capacity);
}
