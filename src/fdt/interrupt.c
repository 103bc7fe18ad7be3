/* SPDX-License-Identifier: MIT */
#include "fdt/interrupt.h"

#include <string.h>

#include "fdt/cells.h"

/* Nodes that one walk goes through before it counts as a circle. */
#define MAX_HOPS 16
#define MAX_STEPS (2 * SP_TREE_MAX_DEPTH)

/*
 * Entries of interrupt-maps that one interrupt's walk looks at, on all nexuses together. The
 * longest maps of real machines have some 50; without a limit a hostile tree costs entries times
 * interrupts.
 */
#define MAX_ENTRIES 512

/* Cells of a unit address and a specifier together. */
#define MAX_KEY (2 * SP_MAX_ARGS)

/* Cells inside of a property; prop may be NULL if count is 0. */
struct span {
	const struct sp_prop *prop;
	uint32_t cell, count;
};

/* An interrupt on its way: `specifier` and `address` are as the node `at` counts them. */
struct hop {
	sp_node at;
	struct span specifier, address;
};

/* An interrupt-map while it is read. Its entries mostly name one parent, which is kept. */
struct map {
	const struct sp_prop *prop;
	uint32_t address_cells, interrupt_cells;
	bool bare; /* no unit address of the parent, whatever it counts */
	uint32_t phandle; /* of the parent below; 0 for none */
	sp_node parent;
	uint32_t parent_address_cells, parent_interrupt_cells;
};

static bool one_cell(const struct sp_tree *tree, sp_node node, const char *name, uint32_t *value) {
	const struct sp_prop *prop = sp_tree_prop(tree, node, name);

	if (!prop || prop->len < 4)
		return false;
	*value = sp_prop_cell(prop, 0);
	return true;
}

/* Nodes with more properties than these are asked for each by name, which the tree then has
 * quicker.
 */
#define FEW_PROPS 64

static const struct sp_prop *at_least_a_cell(const struct sp_prop *prop) {
	return prop && prop->len >= 4 ? prop : NULL;
}

/* One pass over the properties, since this is done for each level above each node. */
static void read_cells(const struct sp_tree *tree, sp_node node, const struct sp_prop **parent,
	const struct sp_prop **cells) {
	uint32_t count;
	const struct sp_prop *props = sp_tree_props(tree, node, &count);

	*parent = *cells = NULL;
	if (count > FEW_PROPS) {
		*parent = at_least_a_cell(sp_tree_prop(tree, node, "interrupt-parent"));
		*cells = at_least_a_cell(sp_tree_prop(tree, node, "#interrupt-cells"));
		return;
	}
	for (const struct sp_prop *prop = props; prop < props + count; prop++) {
		if (prop->len < 4)
			continue;
		if (prop->name[0] == 'i' && !strcmp(prop->name, "interrupt-parent"))
			*parent = prop;
		else if (prop->name[0] == '#' && !strcmp(prop->name, "#interrupt-cells"))
			*cells = prop;
	}
}

static sp_node find_parent(
	const struct sp_tree *tree, sp_node node, uint32_t *cells, const char **trouble) {
	const struct sp_prop *named, *counted;

	read_cells(tree, node, &named, &counted);
	for (uint32_t step = 0; step < MAX_STEPS; step++) {
		node = named ? sp_tree_by_phandle(tree, sp_prop_cell(named, 0))
			     : sp_tree_parent(tree, node);
		if (node == SP_NODE_NONE) {
			*trouble = named ? "its interrupt-parent is a phandle that no node has"
					 : "it has no interrupt parent";
			return SP_NODE_NONE;
		}
		read_cells(tree, node, &named, &counted);
		if (counted) {
			*cells = sp_prop_cell(counted, 0);
			return node;
		}
	}
	*trouble = "its interrupt parents go round in a circle";
	return SP_NODE_NONE;
}

sp_node sp_interrupt_parent(const struct sp_tree *tree, sp_node node) {
	uint32_t cells;
	const char *trouble;

	return find_parent(tree, node, &cells, &trouble);
}

/* False for a parent that cannot be used; *trouble says why. */
static bool load_parent(
	const struct sp_tree *tree, struct map *map, uint32_t phandle, const char **trouble) {
	if (phandle && phandle == map->phandle)
		return true;
	map->phandle = 0;
	map->parent = sp_tree_by_phandle(tree, phandle);
	if (map->parent == SP_NODE_NONE) {
		*trouble = "the interrupt-map has a phandle that no node has";
		return false;
	}
	if (!one_cell(tree, map->parent, "#interrupt-cells", &map->parent_interrupt_cells)) {
		*trouble = "the interrupt-map leads to a node without #interrupt-cells";
		return false;
	}
	/* Here no ancestor is asked, unlike for reg. */
	if (map->bare || !one_cell(tree, map->parent, "#address-cells", &map->parent_address_cells))
		map->parent_address_cells = 0;
	if (map->parent_interrupt_cells > SP_MAX_ARGS || map->parent_address_cells > SP_MAX_ARGS) {
		*trouble = "the interrupt-map leads to a node that counts too many cells";
		return false;
	}
	map->phandle = phandle;
	return true;
}

static bool next_entry(const struct sp_tree *tree, struct map *map, uint32_t cell,
	struct sp_map_entry *entry, const char **trouble) {
	uint32_t cells = sp_prop_cells(map->prop), key, parent_cells;

	*trouble = NULL;
	if (cell >= cells && map->prop->len % 4 == 0)
		return false;
	if (map->address_cells > MAX_KEY || map->interrupt_cells > MAX_KEY - map->address_cells) {
		*trouble = "the interrupt-map counts too many cells";
		return false;
	}
	key = map->address_cells + map->interrupt_cells;
	if (cell >= cells || cells - cell <= key) {
		*trouble = "the interrupt-map is cut short";
		return false;
	}
	if (!load_parent(tree, map, sp_prop_cell(map->prop, cell + key), trouble))
		return false;
	parent_cells = map->parent_address_cells + map->parent_interrupt_cells;
	if (cells - cell - key - 1 < parent_cells) {
		*trouble = "the interrupt-map is cut short";
		return false;
	}
	*entry = (struct sp_map_entry){
		.start = cell,
		.child_address_cells = map->address_cells,
		.child_interrupt_cells = map->interrupt_cells,
		.parent = map->parent,
		.parent_address_cells = map->parent_address_cells,
		.parent_interrupt_cells = map->parent_interrupt_cells,
		.parent_start = cell + key + 1,
		.next = cell + key + 1 + parent_cells,
	};
	return true;
}

/*
 * Controllers whose drivers read their interrupt-map themselves and expect no unit address of the
 * parent in it. With a GIC that counts address cells their maps make no sense otherwise.
 */
static bool is_bare(const struct sp_tree *tree, sp_node node) {
	static const char *const names[] = {
		"fsl,ls1021a-extirq",
		"fsl,ls1043a-extirq",
		"fsl,ls1088a-extirq",
		"renesas,rza1-irqc",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (sp_tree_compatible(tree, node, names[i]))
			return true;
	}
	return false;
}

/* The map of a nexus that is met first, not by way of another one's map. */
static bool open_map(const struct sp_tree *tree, sp_node node, const struct sp_prop *prop,
	struct map *map, const char **trouble) {
	*map = (struct map){
		.prop = prop,
		.address_cells = sp_bus_address_cells(tree, node),
		.bare = is_bare(tree, node),
	};
	*trouble = NULL;
	if (!one_cell(tree, node, "#interrupt-cells", &map->interrupt_cells))
		*trouble = "it has an interrupt-map without #interrupt-cells";
	return !*trouble;
}

bool sp_map_next(const struct sp_tree *tree, sp_node node, const struct sp_prop *prop,
	uint32_t cell, struct sp_map_entry *entry, const char **trouble) {
	struct map map;

	return open_map(tree, node, prop, &map, trouble) &&
		next_entry(tree, &map, cell, entry, trouble);
}

/* What an entry leads to. */
static void enter(struct hop *hop, const struct sp_prop *map, const struct sp_map_entry *entry) {
	hop->at = entry->parent;
	hop->address = (struct span){map, entry->parent_start, entry->parent_address_cells};
	hop->specifier = (struct span){map, entry->parent_start + entry->parent_address_cells,
		entry->parent_interrupt_cells};
}

static bool matches(const struct span *value, const struct sp_prop *map, uint32_t cell,
	const struct sp_prop *mask, uint32_t mask_cell) {
	for (uint32_t i = 0; i < value->count; i++) {
		uint32_t difference =
			sp_prop_cell(value->prop, value->cell + i) ^ sp_prop_cell(map, cell + i);

		if (mask)
			difference &= sp_prop_cell(mask, mask_cell + i);
		if (difference)
			return false;
	}
	return true;
}

/* Takes the hop through the interrupt-map of hop->at. NULL, or why it cannot be. */
static const char *pass_nexus(
	const struct sp_tree *tree, const struct sp_prop *prop, uint32_t *budget, struct hop *hop) {
	const struct sp_prop *mask = sp_tree_prop(tree, hop->at, "interrupt-map-mask");
	uint32_t address_cells = hop->address.count;
	struct map map = {
		.prop = prop,
		.address_cells = address_cells,
		.interrupt_cells = hop->specifier.count,
	};
	struct sp_map_entry entry;
	const char *trouble;

	if (address_cells && !hop->address.prop)
		return "it has no reg, which the interrupt-map wants";
	if (address_cells > MAX_KEY ||
		(address_cells && sp_prop_cells(hop->address.prop) < address_cells))
		return "its reg is shorter than a unit address of the interrupt-map";
	if (mask && sp_prop_cells(mask) < address_cells + hop->specifier.count)
		return "the interrupt-map-mask is cut short";
	for (uint32_t cell = 0; next_entry(tree, &map, cell, &entry, &trouble); cell = entry.next) {
		if (!*budget)
			return "the interrupt-map is too long";
		--*budget;
		if (matches(&hop->address, prop, cell, mask, 0) &&
			matches(&hop->specifier, prop, cell + address_cells, mask, address_cells)) {
			enter(hop, prop, &entry);
			return NULL;
		}
	}
	return trouble ? trouble : "no entry of the interrupt-map matches";
}

static void decode_gic(const struct span *specifier, struct sp_irq *irq) {
	static const struct {
		enum sp_irq_kind kind;
		uint32_t first, end;
	} types[] = {
		{SP_IRQ_SPI, SP_GIC_FIRST_SPI, SP_GIC_END_SPI},
		/* Real trees write SPIs this way too, and Xen and Linux only add up. */
		{SP_IRQ_PPI, SP_GIC_FIRST_PPI, SP_GIC_END_SPI},
		{SP_IRQ_ESPI, SP_GIC_FIRST_ESPI, SP_GIC_END_ESPI},
		{SP_IRQ_EPPI, SP_GIC_FIRST_EPPI, SP_GIC_END_EPPI},
	};
	uint32_t type, number;

	irq->kind = SP_IRQ_BROKEN;
	if (specifier->count < 3 || specifier->count > 4) {
		irq->trouble = "the GIC wants 3 or 4 cells";
		return;
	}
	type = sp_prop_cell(specifier->prop, specifier->cell);
	number = sp_prop_cell(specifier->prop, specifier->cell + 1);
	if (type >= sizeof(types) / sizeof(types[0])) {
		irq->trouble = "the GIC has no interrupts of this type";
		return;
	}
	if (number >= types[type].end - types[type].first) {
		irq->trouble = "the GIC has no interrupt of this number";
		return;
	}
	irq->kind = types[type].kind;
	irq->number = types[type].first + number;
	if (irq->kind == SP_IRQ_PPI && irq->number >= SP_GIC_FIRST_SPI)
		irq->kind = SP_IRQ_SPI;
	irq->type = sp_prop_cell(specifier->prop, specifier->cell + 2) & 0xf;
}

static void follow(const struct sp_tree *tree, sp_node gic, struct hop hop, struct sp_irq *irq) {
	uint32_t budget = MAX_ENTRIES, cells;

	for (uint32_t hops = 0; hops <= MAX_HOPS; hops++) {
		const struct sp_prop *map;

		if (hop.at == gic || sp_tree_prop(tree, hop.at, "interrupt-controller")) {
			irq->controller = hop.at;
			irq->kind = SP_IRQ_OTHER;
			if (hop.at == gic)
				decode_gic(&hop.specifier, irq);
			return;
		}
		irq->kind = SP_IRQ_BROKEN;
		map = sp_tree_prop(tree, hop.at, "interrupt-map");
		if (map) {
			if (irq->nexus == SP_NODE_NONE)
				irq->nexus = hop.at;
			irq->trouble = pass_nexus(tree, map, &budget, &hop);
			if (irq->trouble)
				return;
		} else {
			/* Neither the one nor the other: its parent understands the specifier. */
			hop.at = find_parent(tree, hop.at, &cells, &irq->trouble);
			if (hop.at == SP_NODE_NONE)
				return;
		}
		irq->trouble = NULL;
	}
	irq->trouble = "it goes through too many interrupt-maps";
}

static struct sp_irq *add(struct sp_arena *arena, struct sp_irqs *irqs, uint32_t index) {
	struct sp_irq *irq = sp_vec_push(arena, irqs);

	if (irq)
		*irq = (struct sp_irq){
			.kind = SP_IRQ_BROKEN,
			.index = index,
			.controller = SP_NODE_NONE,
			.nexus = SP_NODE_NONE,
		};
	return irq;
}

static bool add_broken(
	struct sp_arena *arena, struct sp_irqs *irqs, uint32_t index, const char *trouble) {
	struct sp_irq *irq = add(arena, irqs, index);

	if (irq)
		irq->trouble = trouble;
	return irq;
}

/* The node's reg is its unit address where it meets its first nexus, which tells the length. */
static struct hop first_hop(const struct sp_tree *tree, sp_node node, sp_node parent) {
	struct hop hop = {.at = parent};

	hop.address.prop = sp_tree_prop(tree, node, "reg");
	hop.address.count = sp_bus_address_cells(tree, parent);
	return hop;
}

static bool extended(const struct sp_tree *tree, sp_node gic, sp_node node,
	const struct sp_prop *list, struct sp_arena *arena, struct sp_irqs *irqs) {
	struct sp_reference reference;
	uint32_t cell = 0, index = 0;
	const char *trouble = NULL;

	for (;; index++) {
		enum sp_walk walk =
			sp_reference_next(tree, list, "#interrupt-cells", 0, &cell, &reference);
		struct sp_irq *irq;
		struct hop hop;

		switch (walk) {
		case SP_WALK_MORE:
			break;
		case SP_WALK_END:
			return true;
		case SP_WALK_DANGLING:
			trouble = "interrupts-extended has a phandle that no node has";
			break;
		case SP_WALK_NO_CELLS:
			trouble = "interrupts-extended names a node without #interrupt-cells";
			break;
		case SP_WALK_CUT_SHORT:
			trouble = "interrupts-extended is cut short";
			break;
		}
		if (trouble)
			return add_broken(arena, irqs, index, trouble);
		if (reference.provider == SP_NODE_NONE)
			continue;
		irq = add(arena, irqs, index);
		if (!irq)
			return false;
		hop = first_hop(tree, node, reference.provider);
		hop.specifier = (struct span){list, cell - reference.count, reference.count};
		follow(tree, gic, hop, irq);
	}
}

static bool plain(const struct sp_tree *tree, sp_node gic, sp_node node, const struct sp_prop *list,
	struct sp_arena *arena, struct sp_irqs *irqs) {
	uint32_t cells, count;
	const char *trouble;
	sp_node parent = find_parent(tree, node, &cells, &trouble);
	struct hop hop;

	if (parent == SP_NODE_NONE)
		return add_broken(arena, irqs, 0, trouble);
	if (!cells || cells > SP_MAX_ARGS)
		return add_broken(arena, irqs, 0,
			cells ? "its interrupt parent counts too many cells"
			      : "its interrupt parent counts no cells");
	hop = first_hop(tree, node, parent);
	count = list->len / 4 / cells;
	for (uint32_t index = 0; index < count; index++) {
		struct sp_irq *irq = add(arena, irqs, index);

		if (!irq)
			return false;
		hop.specifier = (struct span){list, index * cells, cells};
		follow(tree, gic, hop, irq);
	}
	return list->len % (cells * 4) == 0 ||
		add_broken(arena, irqs, count, "interrupts is cut short");
}

bool sp_irqs_of_node(const struct sp_tree *tree, sp_node gic, sp_node node, struct sp_arena *arena,
	struct sp_irqs *irqs) {
	const struct sp_prop *list = NULL, *props;
	uint32_t count;

	props = sp_tree_props(tree, node, &count);
	for (uint32_t i = 0; i < count; i++) {
		if (props[i].name[0] != 'i' || !props[i].len)
			continue;
		if (!strcmp(props[i].name, "interrupts-extended"))
			return extended(tree, gic, node, &props[i], arena, irqs);
		if (!strcmp(props[i].name, "interrupts"))
			list = &props[i];
	}
	return !list || plain(tree, gic, node, list, arena, irqs);
}

bool sp_irqs_of_map(const struct sp_tree *tree, sp_node gic, sp_node node, struct sp_arena *arena,
	struct sp_irqs *irqs) {
	const struct sp_prop *prop = sp_tree_prop(tree, node, "interrupt-map");
	struct sp_map_entry entry;
	const char *trouble;
	uint32_t index = 0;
	struct map map;

	if (!prop)
		return true;
	if (open_map(tree, node, prop, &map, &trouble)) {
		for (uint32_t cell = 0; next_entry(tree, &map, cell, &entry, &trouble);
			cell = entry.next, index++) {
			struct sp_irq *irq = add(arena, irqs, index);
			struct hop hop;

			if (!irq)
				return false;
			irq->from_map = true;
			irq->nexus = node;
			enter(&hop, prop, &entry);
			follow(tree, gic, hop, irq);
		}
	}
	if (!trouble)
		return true;
	if (!add_broken(arena, irqs, index, trouble))
		return false;
	irqs->data[irqs->count - 1].from_map = true;
	return true;
}
