/* SPDX-License-Identifier: MIT */
#include "plan/guest_tree.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fdt/cells.h"
#include "plan/dma.h"
#include "plan/rules.h"

enum sp_bus sp_copier_bus(const struct sp_copier *copier, sp_node node, enum sp_bus own) {
	const struct sp_tree *tree = copier->plan->host->tree;
	return own == SP_BUS_MAPPED && sp_tree_prop(tree, node, "ranges") != NULL &&
			!sp_is_pci_bus(tree, node)
		? SP_BUS_MAPPED
		: SP_BUS_OTHER;
}

const struct sp_guest_reg *sp_copier_regs(
	const struct sp_copier *copier, sp_node node, const struct sp_guest_reg **end) {
	const struct sp_plan_guest *guest = copier->guest;
	uint32_t first = copier->first_reg[node];
	if (first == 0) {
		*end = NULL;
		return NULL;
	}
	uint32_t next = first;
	while (next < guest->regs.count && guest->regs.data[next].node == node)
		next++;
	*end = &guest->regs.data[next];
	return &guest->regs.data[first - 1];
}

/* The node's name in the guest: with the unit address that its registers have there. */
static const char *guest_name(
	struct sp_copier *copier, sp_node node, enum sp_bus bus, bool addressed) {
	const char *name = sp_tree_name(copier->plan->host->tree, node);
	const struct sp_guest_reg *end, *reg = sp_copier_regs(copier, node, &end);

	if (bus != SP_BUS_MAPPED || !addressed || reg == NULL || reg->window)
		return name;
	return sp_arena_printf(
		&copier->plan->arena, "%.*s@%" PRIx64, (int)strcspn(name, "@"), name, reg->guest);
}

static struct sp_build_node *add_node(struct sp_copier *copier, struct sp_build_node *parent,
	sp_node node, enum sp_bus bus, bool addressed) {
	const char *name = guest_name(copier, node, bus, addressed);
	if (name == NULL)
		return NULL;
	if (!sp_build_name_valid(name, true)) {
		sp_finding_add(copier->plan, copier->guest, SP_CODE_DEP_NAME, node,
			"no device-tree source can hold its name; it is left out");
		return NULL;
	}
	struct sp_build_node *copy = sp_build_node(copier->build, parent, name);
	if (copy != NULL) {
		copy->origin = node;
		copier->copy_of[node] = copy;
	}
	return copy;
}

struct frame {
	sp_node end;
	enum sp_bus bus;
};

typedef void (*visit_fn)(
	struct sp_copier *copier, sp_node root, sp_node node, enum sp_bus bus, bool data);

/* Walks a subtree in the order of the tree, telling each node which bus it is on. */
static void walk(struct sp_copier *copier, sp_node root, bool data, visit_fn visit) {
	const struct sp_tree *tree = copier->plan->host->tree;
	struct frame stack[SP_TREE_MAX_DEPTH + 1];
	unsigned depth = 0;

	stack[0] = (struct frame){sp_tree_end(tree, root), data ? SP_BUS_OTHER : SP_BUS_MAPPED};
	for (sp_node node = root; node < sp_tree_end(tree, root);
		node = sp_described_next(tree, node, sp_tree_end(tree, root))) {
		while (depth > 0 && node >= stack[depth].end)
			depth--;
		enum sp_bus bus = stack[depth].bus;
		visit(copier, root, node, bus, data);
		stack[++depth] =
			(struct frame){sp_tree_end(tree, node), sp_copier_bus(copier, node, bus)};
	}
}

static void make_node(
	struct sp_copier *copier, sp_node root, sp_node node, enum sp_bus bus, bool data) {
	struct sp_build_node *parent = copier->passthrough;
	if (copier->copy_of[node] != NULL)
		return;
	if (node != root) {
		parent = copier->copy_of[sp_tree_parent(copier->plan->host->tree, node)];
		if (parent == NULL)
			return;
	}
	add_node(copier, parent, node, bus, !data);
}

/* A name goes with its entry. */
static void drop_names(
	struct sp_build_node *copy, const char *name, const struct sp_entries *entries) {
	struct sp_build_prop *prop = sp_build_prop(copy, name);
	uint32_t kept = 0, index = 0, length;

	if (prop == NULL || entries->kept == NULL)
		return;
	for (uint32_t at = 0; at < prop->len; at += length, index++) {
		uint32_t rest = prop->len - at;
		length = (uint32_t)strnlen((const char *)prop->data + at, rest);
		length += length < rest;
		if (index >= entries->count || !entries->kept[index])
			continue;
		memmove(prop->data + kept, prop->data + at, length);
		kept += length;
	}
	prop->len = kept;
	if (kept == 0)
		sp_build_remove(copy, name);
}

static void fill_node(
	struct sp_copier *copier, sp_node root, sp_node node, enum sp_bus bus, bool data) {
	struct sp_build_node *copy = copier->copy_of[node];
	if (copy == NULL)
		return;
	copier->regs = copier->irqs = (struct sp_entries){0};
	if (!data)
		sp_copy_interrupts(copier, root, node);
	sp_copy_addresses(copier, node, bus);
	sp_copy_properties(copier, node, data);
	drop_names(copy, "reg-names", &copier->regs);
	drop_names(copy, "interrupt-names", &copier->irqs);
	/* Present from the start, for whoever attaches the device to switch on. */
	if (!data && node == root && copier->guest->request->hotplug)
		sp_build_string(copier->build, copy, "status", "disabled");
}

/* Nodes that are data only, referred to by what was copied so far, are copied beside it. */
static void make_data_nodes(struct sp_copier *copier) {
	const struct sp_plan_guest *guest = copier->guest;
	for (uint32_t i = 0; i < guest->dependencies.count; i++) {
		const struct sp_dependency *dependency = &guest->dependencies.data[i];
		if (dependency->action != SP_ACTION_COPY ||
			copier->copy_of[dependency->provider] != NULL ||
			copier->walks[dependency->provider] > 0)
			continue;
		copier->walks[dependency->provider] = 1;
		walk(copier, dependency->provider, true, make_node);
	}
}

static void fill_data_nodes(struct sp_copier *copier) {
	const struct sp_plan_guest *guest = copier->guest;
	for (uint32_t i = 0; i < guest->dependencies.count; i++) {
		const struct sp_dependency *dependency = &guest->dependencies.data[i];
		if (dependency->action != SP_ACTION_COPY)
			continue;
		struct sp_build_node *copy = copier->copy_of[dependency->provider];
		if (copy == NULL || copy->parent != copier->passthrough || copy->props != NULL ||
			copier->walks[dependency->provider] > 1)
			continue;
		copier->walks[dependency->provider] = 2;
		walk(copier, dependency->provider, true, fill_node);
	}
}

static void add_cells(
	struct sp_copier *copier, struct sp_build_node *node, const char *name, uint32_t value) {
	sp_build_cells(copier->build, node, name, &value, 1, 0);
}

static void make_frame(struct sp_copier *copier) {
	struct sp_build *build = copier->build;
	bool dom0less = copier->guest->request->mode != SP_MODE_XL;

	add_cells(copier, build->root, "#address-cells", 2);
	add_cells(copier, build->root, "#size-cells", 2);
	copier->gic = sp_build_node(build, build->root, "gic");
	if (copier->gic == NULL)
		return;
	copier->gic->label = "gic";
	copier->gic->comment = dom0less
		? "Stands for the guest's interrupt controller: Xen takes its phandle from here."
		: "Stands for the guest's interrupt controller: libxl makes the real one, with "
		  "this phandle.";
	/* From 4.22 on, dom0less refuses phandles of 64999 and more: let it be a small one. */
	if (!dom0less)
		copier->gic->phandle = SP_GUEST_PHANDLE_GIC;
	sp_build_empty(build, copier->gic, "interrupt-controller");
	add_cells(copier, copier->gic, "#interrupt-cells", 3);
	add_cells(copier, copier->gic, "#address-cells", 0);

	copier->passthrough = sp_build_node(build, build->root, "passthrough");
	if (copier->passthrough == NULL)
		return;
	sp_build_string(build, copier->passthrough, "compatible", "simple-bus");
	add_cells(copier, copier->passthrough, "#address-cells", 2);
	add_cells(copier, copier->passthrough, "#size-cells", 2);
	sp_build_empty(build, copier->passthrough, "ranges");
	const uint32_t parent = 0;
	struct sp_build_prop *prop =
		sp_build_cells(build, copier->passthrough, "interrupt-parent", &parent, 1, 0);
	if (prop != NULL)
		sp_build_refer(build, prop, 0, copier->gic);
}

/* By names in full, as Linux reads /aliases. What is not there is then known at once. */
static sp_node find_exact(const struct sp_tree *tree, const char *path) {
	sp_node node = SP_NODE_ROOT;
	char name[256];

	while (node != SP_NODE_NONE && *path == '/') {
		size_t length = strcspn(++path, "/");
		if (length >= sizeof(name))
			return SP_NODE_NONE;
		memcpy(name, path, length);
		name[length] = '\0';
		node = sp_tree_child(tree, node, name);
		path += length;
	}
	return *path == '\0' ? node : SP_NODE_NONE;
}

/* Names in /aliases that mean a copied node. Path and names are checked again: dtc is strict. */
static void copy_aliases(struct sp_copier *copier) {
	const struct sp_tree *tree = copier->plan->host->tree;
	sp_node aliases = sp_tree_child(tree, SP_NODE_ROOT, "aliases");
	struct sp_build_node *copy = NULL;
	uint32_t count;

	if (aliases == SP_NODE_NONE)
		return;
	const struct sp_prop *props = sp_tree_props(tree, aliases, &count);
	for (uint32_t i = 0; i < count; i++) {
		const char *path = sp_prop_string(&props[i], 0);
		sp_node node = path != NULL ? find_exact(tree, path) : SP_NODE_NONE;
		if (node == SP_NODE_NONE || copier->copy_of[node] == NULL ||
			strspn(props[i].name, "abcdefghijklmnopqrstuvwxyz0123456789-") !=
				strlen(props[i].name))
			continue;
		struct sp_buf guest_path = {0};
		sp_build_path(copier->copy_of[node], &guest_path);
		if (copy == NULL)
			copy = sp_build_node(copier->build, copier->build->root, "aliases");
		if (guest_path.failed)
			copier->plan->arena.failed = true;
		else
			sp_build_string(copier->build, copy, props[i].name, guest_path.data);
		sp_buf_release(&guest_path);
	}
}

/* A bus of its own for a device whose addresses at the bus differ from the CPU's, or end early. */
static void wrap_dma_ranges(struct sp_copier *copier, const struct sp_guest_device *device) {
	struct sp_arena *arena = &copier->plan->arena;
	struct sp_build_node *copy = copier->copy_of[device->node];
	struct sp_dma_reach reach;

	if (copy == NULL || copy->parent != copier->passthrough || device->dma == SP_DMA_NEVER)
		return;
	sp_dma_reach_of(arena, copier->plan->host->tree, device->node, &reach);
	uint32_t *cells = sp_arena_array(arena, reach.windows.count, 6 * sizeof(*cells)), used = 0;
	for (uint32_t i = 0; cells != NULL && i < reach.windows.count; i++) {
		sp_put_cells(cells, &used, reach.windows.data[i].bus);
		sp_put_cells(cells, &used, reach.windows.data[i].cpu);
		sp_put_cells(cells, &used, reach.windows.data[i].size);
	}
	if (used == 0)
		return;
	char name[32];
	snprintf(name, sizeof(name), "bus-%u", copier->buses++);
	struct sp_build_node *wrapper = sp_build_node(copier->build, copier->passthrough, name);
	if (wrapper == NULL)
		return;
	sp_build_string(copier->build, wrapper, "compatible", "simple-bus");
	add_cells(copier, wrapper, "#address-cells", 2);
	add_cells(copier, wrapper, "#size-cells", 2);
	sp_build_empty(copier->build, wrapper, "ranges");
	sp_build_cells(copier->build, wrapper, "dma-ranges", cells, used, 6);
	sp_build_move(copy, wrapper);
}

static void set_paths(struct sp_copier *copier) {
	for (uint32_t i = 0; i < copier->guest->devices.count; i++) {
		struct sp_guest_device *device = &copier->guest->devices.data[i];
		struct sp_build_node *copy = copier->copy_of[device->node];
		struct sp_buf path = {0};
		if (copy == NULL)
			continue;
		sp_build_path(copy, &path);
		device->guest_path =
			path.failed ? NULL : sp_arena_strdup(&copier->plan->arena, path.data);
		if (path.failed)
			copier->plan->arena.failed = true;
		sp_buf_release(&path);
	}
}

/* What holds the tree that is made of ours: libxl's buffer, or Xen's. */
static void check_size(struct sp_copier *copier) {
	struct sp_buf blob = {0};
	struct sp_error error;
	enum sp_target target = copier->plan->request->target;
	enum sp_mode mode = copier->guest->request->mode;
	uint32_t whole, room = sp_guest_tree_room(mode, target, &whole);

	if (sp_build_flatten(copier->build, false, &blob, &error) && blob.size >= room)
		sp_finding_add(copier->plan, copier->guest, SP_CODE_TREE_TOO_LARGE, SP_NODE_NONE,
			"the guest's partial tree has %zu bytes, and %s of %s has %u for the "
			"whole tree",
			blob.size, mode != SP_MODE_XL ? "Xen" : "libxl", sp_target_name(target),
			whole);
	sp_buf_release(&blob);
}

static bool index_lists(struct sp_copier *copier) {
	struct sp_plan *plan = copier->plan;
	const struct sp_plan_guest *guest = copier->guest;
	uint32_t nodes = sp_tree_count(plan->host->tree);

	copier->first_reg = sp_arena_array(&plan->arena, nodes, sizeof(uint32_t));
	copier->first_dependency = sp_arena_array(&plan->arena, nodes, sizeof(uint32_t));
	copier->walks = sp_arena_alloc(&plan->arena, nodes);
	if (copier->first_reg == NULL || copier->first_dependency == NULL || copier->walks == NULL)
		return false;
	for (uint32_t i = guest->regs.count; i > 0; i--)
		copier->first_reg[guest->regs.data[i - 1].node] = i;
	for (uint32_t i = guest->dependencies.count; i > 0; i--)
		copier->first_dependency[guest->dependencies.data[i - 1].node] = i;
	return true;
}

void sp_build_guest_tree(struct sp_plan *plan, struct sp_plan_guest *guest) {
	struct sp_copier copier = {.plan = plan, .guest = guest, .build = &guest->tree};
	const struct sp_tree *tree = plan->host->tree;

	copier.copy_of =
		sp_arena_array(&plan->arena, sp_tree_count(tree), sizeof(struct sp_build_node *));
	if (copier.copy_of == NULL || !index_lists(&copier) ||
		!sp_build_init(&guest->tree, &plan->arena))
		return;
	make_frame(&copier);
	if (copier.passthrough == NULL)
		return;
	for (uint32_t i = 0; i < guest->devices.count; i++)
		walk(&copier, guest->devices.data[i].node, false, make_node);
	make_data_nodes(&copier);
	for (uint32_t i = 0; i < guest->devices.count; i++) {
		const struct sp_guest_device *device = &guest->devices.data[i];
		walk(&copier, device->node, false, fill_node);
		for (sp_node node = device->node; guest->request->mode != SP_MODE_XL &&
			node < sp_tree_end(tree, device->node);
			node++) {
			if (copier.copy_of[node] != NULL)
				sp_copy_xen_properties(&copier, node);
		}
	}
	fill_data_nodes(&copier);
	for (uint32_t i = 0; i < guest->devices.count; i++)
		wrap_dma_ranges(&copier, &guest->devices.data[i]);
	sp_tidy_guest_tree(&copier);
	copy_aliases(&copier);
	sp_build_number(&guest->tree, 1);
	set_paths(&copier);
	if (!plan->arena.failed)
		check_size(&copier);
}
