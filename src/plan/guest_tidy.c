/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "plan/guest_tree.h"

/*
 * What dtc asks of a tree, and what the hosts' trees do not keep or lose when parts of them are
 * left out: checks.c of dtc 1.6.1. Nothing here changes what a driver reads.
 */

/* Names made different once may still be the same as others; a hostile tree needs an end. */
#define MAX_ROUNDS 4u

static uint32_t cell_of(const struct sp_build_prop *prop, uint32_t index) {
	const uint8_t *at = prop->data + 4 * (size_t)index;
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool has_cells(const struct sp_build_node *node, const char *name) {
	const struct sp_build_prop *prop = sp_build_prop(node, name);
	return prop != NULL && prop->len >= 4;
}

static bool is_called(const struct sp_build_node *node, const char *base) {
	size_t length = strlen(base);
	return strncmp(node->name, base, length) == 0 &&
		(node->name[length] == '\0' || node->name[length] == '@');
}

static const char *unit_of(const struct sp_build_node *node) {
	const char *at = strchr(node->name, '@');
	return at != NULL ? at + 1 : "";
}

static void rename_node(struct sp_copier *copier, struct sp_build_node *node, const char *name) {
	if (name != NULL && sp_build_name_valid(name, true))
		node->name = name;
	else if (name == NULL)
		copier->plan->arena.failed = true;
}

static void set_cell(
	struct sp_copier *copier, struct sp_build_node *node, const char *name, uint32_t value) {
	sp_build_cells(copier->build, node, name, &value, 1, 0);
}

static const char *base_name(struct sp_copier *copier, const struct sp_build_node *node) {
	return sp_arena_printf(
		&copier->plan->arena, "%.*s", (int)strcspn(node->name, "@"), node->name);
}

/* A unit address goes with registers. */
static void fix_name(struct sp_copier *copier, struct sp_build_node *node) {
	struct sp_arena *arena = &copier->plan->arena;
	bool reg = has_cells(node, "reg"), addressed = reg || has_cells(node, "ranges");
	const char *at = strchr(node->name, '@');

	if (addressed && at == NULL)
		rename_node(copier, node,
			sp_arena_printf(arena, "%s@%" PRIx32, node->name,
				cell_of(sp_build_prop(node, reg ? "reg" : "ranges"), 0)));
	else if (!addressed && at != NULL &&
		(is_called(node, "port") || is_called(node, "endpoint")))
		rename_node(copier, node, base_name(copier, node));
	else if (!addressed && at != NULL)
		rename_node(copier, node,
			sp_arena_printf(
				arena, "%.*s-%s", (int)(at - node->name), node->name, at + 1));
}

/* An interrupt-map that leads to a controller reads this count, and takes a missing one for 0. */
static void fix_provider(struct sp_copier *copier, struct sp_build_node *node) {
	if (sp_build_prop(node, "#interrupt-cells") != NULL &&
		sp_build_prop(node, "#address-cells") == NULL)
		set_cell(copier, node, "#address-cells", 0);
}

/* Linux takes the bus number from the bridge and of a function's reg only slot and function. */
static void fix_pci(struct sp_build_node *node) {
	const struct sp_build_prop *type = sp_build_prop(node, "device_type"),
				   *range = sp_build_prop(node, "bus-range");
	uint8_t bus = range != NULL && range->len >= 4 ? range->data[3] : 0;
	if (!is_called(node, "pci") && !is_called(node, "pcie") &&
		(type == NULL || type->len != 4 || memcmp(type->data, "pci", 4) != 0))
		return;
	for (struct sp_build_node *child = node->children; child != NULL; child = child->next) {
		struct sp_build_prop *reg = sp_build_prop(child, "reg");
		if (reg != NULL && reg->len >= 20)
			reg->data[1] = bus;
	}
}

/* dtc wants each child of an SPI controller addressed, a link's port too. */
static void fix_spi(struct sp_copier *copier, struct sp_build_node *node) {
	uint32_t number = 0;
	if (!is_called(node, "spi") || node->children == NULL ||
		sp_build_prop(node, "spi-slave") != NULL)
		return;
	for (struct sp_build_node *child = node->children; child != NULL; child = child->next) {
		if (has_cells(child, "reg"))
			return;
	}
	for (struct sp_build_node *child = node->children; child != NULL; child = child->next) {
		rename_node(copier, child,
			sp_arena_printf(&copier->plan->arena, "%s@%" PRIx32, child->name, number));
		set_cell(copier, child, "reg", number++);
	}
	set_cell(copier, node, "#address-cells", 1);
	set_cell(copier, node, "#size-cells", 0);
}

static bool is_port(const struct sp_build_node *node) {
	for (const struct sp_build_node *child = node->children; child != NULL;
		child = child->next) {
		if (is_called(child, "endpoint") || sp_build_prop(child, "remote-endpoint") != NULL)
			return true;
	}
	return false;
}

static bool holds_ports(const struct sp_build_node *node) {
	for (const struct sp_build_node *child = node->children; child != NULL;
		child = child->next) {
		if ((is_called(node, "ports") || has_cells(child, "reg")) && is_port(child))
			return true;
	}
	return false;
}

/* A single port or endpoint with number 0 has none. */
static void fix_graph(struct sp_copier *copier, struct sp_build_node *node) {
	struct sp_build_node *only = node->children;
	const struct sp_build_prop *reg;
	if (only == NULL || only->next != NULL || is_called(node, "spi") ||
		(!is_called(only, "port") && !is_called(only, "endpoint")) ||
		(!is_port(node) && !holds_ports(node)))
		return;
	reg = sp_build_prop(only, "reg");
	if (reg != NULL && (reg->len != 4 || cell_of(reg, 0) != 0))
		return;
	rename_node(copier, only, base_name(copier, only));
	sp_build_remove(only, "reg");
	sp_build_remove(node, "#address-cells");
	sp_build_remove(node, "#size-cells");
}

static int compare_units(const struct sp_build_node *a, const struct sp_build_node *b) {
	int order = strcmp(unit_of(a), unit_of(b));
	return order != 0 || unit_of(a)[0] != '\0' ? order : strcmp(a->name, b->name);
}

struct sibling {
	struct sp_build_node *node;
	uint32_t position;
};

static int compare_siblings(const void *left, const void *right) {
	const struct sibling *a = left, *b = right;
	int order = compare_units(a->node, b->node);
	return order != 0 ? order : a->position < b->position ? -1 : a->position > b->position;
}

/* Siblings with one unit address, or one name, are told apart by what follows a comma. */
static bool tell_apart(struct sp_copier *copier, struct sibling *nodes, uint32_t count) {
	uint32_t again = 0;
	bool changed = false;
	qsort(nodes, count, sizeof(*nodes), compare_siblings);
	for (uint32_t i = 1; i < count; i++) {
		const struct sp_build_node *one = nodes[i - 1 - again].node;
		struct sp_build_node *other = nodes[i].node;
		if (compare_units(one, other) != 0) {
			again = 0;
			continue;
		}
		again++;
		changed = true;
		rename_node(copier, other,
			sp_arena_printf(&copier->plan->arena, "%s%c%" PRIu32, other->name,
				unit_of(other)[0] != '\0' ? ',' : '-', again));
	}
	return changed;
}

static bool is_simple_bus(const struct sp_build_node *node, uint8_t **at) {
	struct sp_build_prop *compatible = sp_build_prop(node, "compatible");
	static const char name[] = "simple-bus";
	for (uint32_t i = 0; compatible != NULL && i < compatible->len;) {
		size_t length = strnlen((const char *)compatible->data + i, compatible->len - i);
		if (length == sizeof(name) - 1 && memcmp(compatible->data + i, name, length) == 0) {
			*at = compatible->data + i;
			return true;
		}
		i += (uint32_t)length + 1;
	}
	return false;
}

/*
 * A simple-bus is for nodes with addresses of their own. A simple-mfd is populated in the same way
 * and may hold clocks and tables, too.
 */
static void fix_bus(struct sp_build_node *node) {
	uint8_t *name, *inner;
	bool plain = false;
	for (const struct sp_build_node *child = node->children; child != NULL && !plain;
		child = child->next)
		plain = (!has_cells(child, "reg") && !has_cells(child, "ranges") &&
				!is_simple_bus(child, &inner)) ||
			strchr(unit_of(child), ',') != NULL;
	while (plain && is_simple_bus(node, &name))
		memcpy(name, "simple-mfd", 10);
}

static void fix_siblings(struct sp_copier *copier, struct sp_build_node *node) {
	uint32_t count = 0;
	for (struct sp_build_node *child = node->children; child != NULL; child = child->next)
		count++;
	if (count < 2)
		return;
	struct sibling *nodes = sp_arena_array(&copier->plan->arena, count, sizeof(*nodes));
	if (nodes == NULL)
		return;
	count = 0;
	for (struct sp_build_node *child = node->children; child != NULL; child = child->next) {
		nodes[count] = (struct sibling){child, count};
		count++;
	}
	for (unsigned round = 0; round < MAX_ROUNDS && tell_apart(copier, nodes, count); round++)
		continue;
}

static void tidy(struct sp_copier *copier, struct sp_build_node *node) {
	for (struct sp_build_node *child = node->children; child != NULL; child = child->next)
		fix_name(copier, child);
	fix_pci(node);
	fix_spi(copier, node);
	fix_graph(copier, node);
	fix_provider(copier, node);
	fix_siblings(copier, node);
	fix_bus(node);
}

static struct sp_build_node *deepest(struct sp_build_node *node) {
	while (node->children != NULL)
		node = node->children;
	return node;
}

void sp_tidy_guest_tree(struct sp_copier *copier) {
	/* What is below a node is settled before the node itself. */
	struct sp_build_node *root = copier->build->root, *node = deepest(root);
	while (node != root) {
		tidy(copier, node);
		node = node->next != NULL ? deepest(node->next) : node->parent;
	}
}
