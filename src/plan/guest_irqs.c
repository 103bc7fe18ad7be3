/* SPDX-License-Identifier: MIT */
#include "fdt/cells.h"
#include "plan/guest_tree.h"

/* Cells of a property under construction, of which some are phandles. */
struct cells {
	struct sp_arena *arena;
	SP_VEC(uint32_t) values;
	SP_VEC(struct sp_build_node *) targets; /* of the same cells, NULL for plain numbers */
};

static void put_target(struct cells *cells, struct sp_build_node *target) {
	struct sp_build_node **slot = sp_vec_push(cells->arena, &cells->targets);
	if (slot == NULL || sp_vec_push(cells->arena, &cells->values) == NULL)
		return; /* told by the arena */
	*slot = target;
}

static void put(struct cells *cells, uint32_t value) {
	uint32_t before = cells->values.count;
	put_target(cells, NULL);
	if (cells->values.count > before)
		cells->values.data[before] = value;
}

static void put_gic(struct cells *cells, const struct sp_irq *irq) {
	put(cells, 0);
	put(cells, irq->number - SP_GIC_FIRST_SPI);
	put(cells, irq->type);
}

static void write(struct sp_copier *copier, struct sp_build_node *node, const char *name,
	const struct cells *cells, uint32_t group) {
	struct sp_build_prop *prop = sp_build_cells(
		copier->build, node, name, cells->values.data, cells->values.count, group);
	for (uint32_t i = 0; prop != NULL && i < cells->values.count; i++) {
		if (cells->targets.data[i] != NULL)
			sp_build_refer(copier->build, prop, i * 4, cells->targets.data[i]);
	}
}

/* A controller inside the device: its specifiers mean the same in the guest. */
static struct sp_build_node *local_controller(
	const struct sp_copier *copier, sp_node device, sp_node controller) {
	if (controller == SP_NODE_NONE ||
		!sp_tree_is_within(copier->plan->host->tree, controller, device))
		return NULL;
	return copier->copy_of[controller];
}

/* True if something between the node and /passthrough would catch its interrupts. */
static bool needs_parent(const struct sp_copier *copier, sp_node device, sp_node node) {
	const struct sp_tree *tree = copier->plan->host->tree;
	while (node != device) {
		node = sp_tree_parent(tree, node);
		if (sp_tree_prop(tree, node, "#interrupt-cells") != NULL ||
			sp_tree_prop(tree, node, "interrupt-parent") != NULL)
			return true;
	}
	return false;
}

/* The interrupt of that index, which is no smaller than at the last call with the same `next`. */
static const struct sp_irq *irq_at(const struct sp_host *host, const struct sp_device *device,
	uint32_t index, bool from_map, uint32_t *next) {
	for (; *next < device->irq_count; (*next)++) {
		const struct sp_irq *irq = &host->irqs.data[device->irq + *next];
		if (irq->from_map == from_map && irq->index >= index)
			return irq->index == index ? irq : NULL;
	}
	return NULL;
}

/* The entries that are kept, for their names. */
static bool *note_entries(struct sp_copier *copier, uint32_t count) {
	bool *kept = sp_arena_array(&copier->plan->arena, count, sizeof(*kept));
	copier->irqs = (struct sp_entries){kept, count};
	return kept;
}

static void copy_list(
	struct sp_copier *copier, sp_node device, sp_node node, const struct sp_device *known) {
	const struct sp_host *host = copier->plan->host;
	struct sp_build_node *copy = copier->copy_of[node];
	struct cells cells = {.arena = &copier->plan->arena};

	bool *kept = note_entries(copier, known->irq_count);
	for (uint32_t i = 0; i < known->irq_count; i++) {
		const struct sp_irq *irq = &host->irqs.data[known->irq + i];
		if (irq->from_map || irq->kind != SP_IRQ_SPI)
			continue;
		put_gic(&cells, irq);
		if (kept != NULL && irq->index < known->irq_count)
			kept[irq->index] = true;
	}
	if (cells.values.count == 0)
		return;
	if (needs_parent(copier, device, node)) {
		struct cells parent = {.arena = &copier->plan->arena};
		put_target(&parent, copier->gic);
		write(copier, copy, "interrupt-parent", &parent, 0);
	}
	write(copier, copy, "interrupts", &cells, 3);
}

/* A list that names its controllers one by one, some of them parts of the device. */
static void copy_extended(struct sp_copier *copier, sp_node device, sp_node node,
	const struct sp_device *known, const struct sp_prop *prop) {
	const struct sp_host *host = copier->plan->host;
	struct sp_reference reference;
	struct cells cells = {.arena = &copier->plan->arena};
	uint32_t cell = 0, index = 0, next = 0;

	bool *kept = note_entries(copier, sp_prop_cells(prop));
	while (sp_reference_next(host->tree, prop, "#interrupt-cells", 0, &cell, &reference) ==
		SP_WALK_MORE) {
		const struct sp_irq *irq = irq_at(host, known, index++, false, &next);
		struct sp_build_node *local = local_controller(copier, device, reference.provider);
		bool spi = irq != NULL && irq->kind == SP_IRQ_SPI;
		if (spi) {
			put_target(&cells, copier->gic);
			put_gic(&cells, irq);
		} else if (local != NULL) {
			put_target(&cells, local);
			for (uint32_t i = 0; i < reference.count; i++)
				put(&cells, reference.args[i]);
		}
		if (kept != NULL && index <= copier->irqs.count)
			kept[index - 1] = spi || local != NULL;
	}
	if (cells.values.count > 0)
		write(copier, copier->copy_of[node], "interrupts-extended", &cells, 0);
}

static void copy_raw(struct sp_copier *copier, sp_node node, struct sp_build_node *parent,
	const struct sp_prop *prop) {
	struct sp_build_node *copy = copier->copy_of[node];
	struct cells cells = {.arena = &copier->plan->arena};
	put_target(&cells, parent);
	write(copier, copy, "interrupt-parent", &cells, 0);
	sp_build_bytes(copier->build, copy, prop->name, prop->data, prop->len);
}

/* A host bridge's own map: its children's pins, and where each of them ends. */
static void copy_map(struct sp_copier *copier, sp_node device, sp_node node,
	const struct sp_device *known, const struct sp_prop *map) {
	const struct sp_host *host = copier->plan->host;
	struct sp_build_node *copy = copier->copy_of[node];
	const struct sp_prop *mask = sp_tree_prop(host->tree, node, "interrupt-map-mask");
	struct cells cells = {.arena = &copier->plan->arena};
	struct sp_map_entry entry = {0};
	const char *trouble;
	uint32_t group = 0;

	for (uint32_t cell = 0, index = 0, next = 0;
		sp_map_next(host->tree, node, map, cell, &entry, &trouble); cell = entry.next) {
		const struct sp_irq *irq = irq_at(host, known, index++, true, &next);
		struct sp_build_node *local = local_controller(copier, device, entry.parent);
		bool gic = irq != NULL && irq->kind == SP_IRQ_SPI && local == NULL;
		if (!gic && local == NULL)
			continue;
		uint32_t before = cells.values.count;
		uint32_t child = entry.child_address_cells + entry.child_interrupt_cells;
		for (uint32_t i = 0; i < child; i++)
			put(&cells, sp_prop_cell(map, entry.start + i));
		if (gic) {
			put_target(&cells, copier->gic);
			put_gic(&cells, irq);
		} else {
			put_target(&cells, local);
			for (uint32_t i = entry.parent_start; i < entry.next; i++)
				put(&cells, sp_prop_cell(map, i));
		}
		group = cells.values.count - before;
	}
	if (group == 0)
		return;
	if (cells.values.count % group != 0)
		group = 0;
	if (mask != NULL)
		sp_build_bytes(copier->build, copy, mask->name, mask->data, mask->len);
	write(copier, copy, "interrupt-map", &cells, group);
}

void sp_copy_interrupts(struct sp_copier *copier, sp_node device, sp_node node) {
	const struct sp_host *host = copier->plan->host;
	const struct sp_device *known = sp_host_device(host, node);
	const struct sp_prop *extended = sp_tree_prop(host->tree, node, "interrupts-extended");
	const struct sp_prop *list = sp_tree_prop(host->tree, node, "interrupts");
	const struct sp_prop *map = sp_tree_prop(host->tree, node, "interrupt-map");

	if (known == NULL)
		return;
	if (extended != NULL) {
		copy_extended(copier, device, node, known, extended);
	} else if (list != NULL) {
		sp_node parent = sp_interrupt_parent(host->tree, node);
		struct sp_build_node *local = local_controller(copier, device, parent);
		if (local != NULL &&
			sp_tree_prop(host->tree, parent, "interrupt-controller") != NULL)
			copy_raw(copier, node, local, list);
		else
			copy_list(copier, device, node, known);
	}
	if (map != NULL && sp_is_pci_bus(host->tree, node))
		copy_map(copier, device, node, known, map);
}
