/* SPDX-License-Identifier: MIT */
#include "fdt/address.h"

#include <string.h>

#include "fdt/cells.h"

/*
 * Entries of ranges that one translation looks at, on all buses together. The longest ranges of
 * real machines have some 50; without a limit a hostile tree costs entries times blocks.
 */
#define MAX_ENTRIES 1024

/* The space code in phys.hi of a PCI address (IEEE 1275 PCI bus binding, 2.2.1.1). */
#define PCI_SPACE(hi) ((hi) >> 24 & 3)
#define PCI_CONFIG 0
#define PCI_IO 1

/* A node as a bus: how its children write addresses and what becomes of them. */
struct bus {
	sp_node node;
	uint32_t address_cells, size_cells;
	uint32_t space_cells; /* of address_cells, those that do not count bytes */
	bool pci;
	const struct sp_prop *ranges;
};

/* The entries of a bus's ranges. */
struct list {
	const struct bus *bus, *up;
	const uint8_t *data;
	uint32_t count, stride; /* the stride in bytes */
	uint32_t *budget; /* entries that may still be looked at */
};

struct entry {
	uint32_t space, parent_space;
	uint64_t child, parent, size;
};

static uint32_t cell_at(const uint8_t *bytes) {
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
		(uint32_t)bytes[3];
}

/* Up to two cells as one number. */
static uint64_t number_at(const uint8_t *bytes, uint32_t cells) {
	if (cells == 2)
		return (uint64_t)cell_at(bytes) << 32 | cell_at(bytes + 4);
	return cells ? cell_at(bytes) : 0;
}

static bool one_cell(const struct sp_prop *prop, uint32_t *value) {
	if (prop->len < 4)
		return false;
	*value = cell_at(prop->data);
	return true;
}

/* Nodes with more properties than these are asked for each by name, which the tree then has
 * quicker.
 */
#define FEW_PROPS 64

/* Those that read_bus() looks at beside the ranges. */
static const char *const bus_names[] = {
	"#address-cells", "#size-cells", "device_type", "bus-range"};
#define BUS_NAMES (sizeof(bus_names) / sizeof(bus_names[0]))

static uint32_t pick_props(const struct sp_tree *tree, sp_node node, struct sp_prop *picked) {
	uint32_t count = 0;

	for (size_t i = 0; i < BUS_NAMES; i++) {
		const struct sp_prop *prop = sp_tree_prop(tree, node, bus_names[i]);

		if (prop)
			picked[count++] = *prop;
	}
	return count;
}

/* One pass over the properties, since this is done for each level of each block of each node. */
static void read_bus(
	const struct sp_tree *tree, sp_node node, const char *ranges_name, struct bus *bus) {
	uint32_t count;
	const struct sp_prop *props = sp_tree_props(tree, node, &count);
	bool address_cells = false, size_cells = false, bus_range = false;
	struct sp_prop picked[BUS_NAMES];

	*bus = (struct bus){.node = node};
	if (count > FEW_PROPS) {
		bus->ranges = sp_tree_prop(tree, node, ranges_name);
		count = pick_props(tree, node, picked);
		props = picked;
	}
	for (const struct sp_prop *prop = props; prop < props + count; prop++) {
		const char *name = prop->name;

		if (*name == '#') {
			if (!strcmp(name, "#address-cells"))
				address_cells = one_cell(prop, &bus->address_cells);
			else if (!strcmp(name, "#size-cells"))
				size_cells = one_cell(prop, &bus->size_cells);
		} else if (*name == *ranges_name && !strcmp(name, ranges_name)) {
			bus->ranges = prop;
		} else if (*name == 'd' && !strcmp(name, "device_type")) {
			bus->pci = prop->len == sizeof("pci") &&
				!memcmp(prop->data, "pci", sizeof("pci"));
		} else if (*name == 'b' && !strcmp(name, "bus-range")) {
			bus_range = true;
		}
	}
	if (!address_cells)
		bus->address_cells = sp_address_cells(tree, node);
	if (!size_cells)
		bus->size_cells = sp_size_cells(tree, node);
	if (bus_range && bus->address_cells == 3)
		bus->pci = true;
	/* Whatever the node says, as Xen and Linux have it. */
	if (bus->pci) {
		bus->address_cells = 3;
		bus->size_cells = 2;
	}
	bus->space_cells = bus->address_cells == 3;
}

static bool countable(const struct bus *bus) {
	return bus->address_cells >= 1 && bus->address_cells <= 3 && bus->size_cells <= 2;
}

static enum sp_address_state bus_state(const struct bus *bus) {
	if (!bus->size_cells || (!bus->ranges && bus->node != SP_NODE_ROOT))
		return SP_ADDRESS_NOT_MAPPED;
	/* The CPU's own addresses have no space to choose. */
	if (!countable(bus) || (bus->node == SP_NODE_ROOT && bus->space_cells))
		return SP_ADDRESS_BAD_CELLS;
	return SP_ADDRESS_OK;
}

static bool make_list(const struct bus *bus, const struct bus *up, const struct sp_prop *ranges,
	uint32_t *budget, struct list *list) {
	*list = (struct list){.bus = bus, .up = up, .data = ranges->data, .budget = budget};
	if (!countable(bus) || !bus->size_cells || !countable(up))
		return false;
	list->stride = (bus->address_cells + up->address_cells + bus->size_cells) * 4;
	list->count = ranges->len / list->stride;
	return ranges->len % list->stride == 0;
}

static void get_entry(const struct list *list, uint32_t index, struct entry *entry) {
	const struct bus *bus = list->bus, *up = list->up;
	const uint8_t *at = list->data + (size_t)index * list->stride;

	entry->space = (uint32_t)number_at(at, bus->space_cells);
	at += bus->space_cells * 4;
	entry->child = number_at(at, bus->address_cells - bus->space_cells);
	at += (bus->address_cells - bus->space_cells) * 4;
	entry->parent_space = (uint32_t)number_at(at, up->space_cells);
	at += up->space_cells * 4;
	entry->parent = number_at(at, up->address_cells - up->space_cells);
	at += (up->address_cells - up->space_cells) * 4;
	entry->size = number_at(at, bus->size_cells);
}

/* Looks only at what decides: a bus may have dozens of entries for each block. */
static bool covers(const struct list *list, uint32_t index, uint64_t address) {
	const struct bus *bus = list->bus;
	const uint8_t *at = list->data + (size_t)index * list->stride;
	uint64_t child =
		number_at(at + bus->space_cells * 4, bus->address_cells - bus->space_cells);

	return address >= child &&
		address - child <
		number_at(at + list->stride - bus->size_cells * 4, bus->size_cells);
}

/* 32-bit and 64-bit memory are one space, and so is memory that can be prefetched. */
static bool same_space(const struct bus *bus, uint32_t a, uint32_t b) {
	if (!bus->pci)
		return a == b;
	if (PCI_SPACE(a) <= PCI_IO || PCI_SPACE(b) <= PCI_IO)
		return PCI_SPACE(a) == PCI_SPACE(b);
	return true;
}

/*
 * Finds an entry that `address` lies in, from `*index` onwards and then from the first one. If
 * `after` is not NULL, only one that goes on where it stopped also in the parent's addresses.
 */
static enum sp_address_state find_entry(const struct list *list, uint32_t space, uint64_t address,
	const struct entry *after, uint32_t *index, struct entry *entry) {
	for (uint32_t looked = 0; looked < list->count; looked++, ++*index) {
		if (!*list->budget)
			return SP_ADDRESS_BAD_CELLS;
		--*list->budget;
		if (*index >= list->count)
			*index = 0;
		if (!covers(list, *index, address))
			continue;
		get_entry(list, *index, entry);
		if (!same_space(list->bus, entry->space, space))
			continue;
		if (!after ||
			(address - entry->child == after->parent - entry->parent &&
				after->parent >= entry->parent &&
				same_space(list->up, entry->parent_space, after->parent_space)))
			return SP_ADDRESS_OK;
	}
	return after ? SP_ADDRESS_STRADDLES : SP_ADDRESS_NO_RANGE;
}

/* Takes *space and *address through the entries. */
static enum sp_address_state map(
	const struct list *list, uint32_t *space, uint64_t *address, uint64_t size) {
	uint32_t index = 0;
	uint64_t child = *address, covered, parent;
	struct entry entry, after;
	enum sp_address_state state = find_entry(list, *space, child, NULL, &index, &entry);

	if (state != SP_ADDRESS_OK)
		return state;
	parent = entry.parent + (child - entry.child);
	if (parent < entry.parent)
		return SP_ADDRESS_OVERFLOWS;
	after = entry;
	after.parent = parent;
	/* Neither sum wraps: child + size does not, and where the parent's would, nothing matches
	 * or the next level finds out. */
	while (covered = entry.size - (child - entry.child), covered < size) {
		size -= covered;
		child += covered;
		after.parent += covered;
		index++;
		state = find_entry(list, *space, child, &after, &index, &entry);
		if (state != SP_ADDRESS_OK)
			return state;
	}
	*space = after.parent_space;
	*address = parent;
	return SP_ADDRESS_OK;
}

/* Climbs from `bus`, which is left at the one where the climb stopped. */
static enum sp_address_state climb(const struct sp_tree *tree, struct bus *bus, uint32_t space,
	uint64_t *address, uint64_t size) {
	uint32_t budget = MAX_ENTRIES;

	for (;;) {
		enum sp_address_state state = bus_state(bus);
		struct bus up;
		struct list list;

		if (state != SP_ADDRESS_OK)
			return state;
		if (size && *address > UINT64_MAX - (size - 1))
			return SP_ADDRESS_OVERFLOWS;
		if (bus->node == SP_NODE_ROOT)
			return SP_ADDRESS_OK;
		if (bus->pci && PCI_SPACE(space) == PCI_CONFIG)
			return SP_ADDRESS_NOT_MAPPED;

		read_bus(tree, sp_tree_parent(tree, bus->node), "ranges", &up);
		state = bus_state(&up);
		if (state != SP_ADDRESS_OK) {
			*bus = up;
			return state;
		}
		if (bus->ranges->len) {
			if (!make_list(bus, &up, bus->ranges, &budget, &list))
				return SP_ADDRESS_BAD_CELLS;
			state = map(&list, &space, address, size);
			if (state != SP_ADDRESS_OK)
				return state;
		} else if (!bus->space_cells || !up.space_cells) {
			space = 0;
		}
		if (up.address_cells == 1 && *address > UINT32_MAX)
			return SP_ADDRESS_OVERFLOWS;
		*bus = up;
	}
}

static void translate(const struct sp_tree *tree, struct bus *bus, uint32_t space, uint64_t address,
	uint64_t size, struct sp_reg *reg) {
	*reg = (struct sp_reg){.bus_address = address, .size = size, .address = address};
	reg->state = climb(tree, bus, space, &reg->address, size);
	reg->bus = reg->state == SP_ADDRESS_OK ? SP_NODE_NONE : bus->node;
}

/* Asked of every node, most of which have few properties: cheaper than by the index of names. */
static const struct sp_prop *find_reg(const struct sp_tree *tree, sp_node node) {
	uint32_t count;
	const struct sp_prop *props = sp_tree_props(tree, node, &count);

	if (count > FEW_PROPS)
		return sp_tree_prop(tree, node, "reg");
	for (uint32_t i = 0; i < count; i++) {
		if (props[i].name[0] == 'r' && !strcmp(props[i].name, "reg"))
			return &props[i];
	}
	return NULL;
}

/* The entries of a node's reg; 0 if they do not come out even. */
static uint32_t reg_entries(const struct bus *bus, const struct sp_prop *reg) {
	uint64_t stride = ((uint64_t)bus->address_cells + bus->size_cells) * 4;

	return stride && reg->len % stride == 0 ? (uint32_t)(reg->len / stride) : 0;
}

uint32_t sp_reg_count(const struct sp_tree *tree, sp_node node, bool *whole) {
	const struct sp_prop *reg = find_reg(tree, node);
	uint32_t count;
	struct bus bus;

	*whole = true;
	if (!reg || !reg->len || node == SP_NODE_ROOT)
		return 0;
	read_bus(tree, sp_tree_parent(tree, node), "ranges", &bus);
	count = reg_entries(&bus, reg);
	*whole = count > 0;
	return count;
}

void sp_reg_get(const struct sp_tree *tree, sp_node node, uint32_t index, struct sp_reg *reg) {
	const struct sp_prop *prop = find_reg(tree, node);
	uint32_t low, skipped, space = 0;
	const uint8_t *at;
	struct bus bus;

	*reg = (struct sp_reg){.state = SP_ADDRESS_BAD_CELLS, .bus = SP_NODE_NONE};
	if (!prop || node == SP_NODE_ROOT)
		return;
	read_bus(tree, sp_tree_parent(tree, node), "ranges", &bus);
	reg->bus = bus.node;
	if (index >= reg_entries(&bus, prop))
		return;

	at = prop->data + (size_t)index * (bus.address_cells + bus.size_cells) * 4;
	if (bus.space_cells)
		space = cell_at(at);
	/* Of longer numbers, which are shown but never translated, the low 64 bits. */
	low = bus.address_cells - bus.space_cells;
	skipped = low > 2 ? low - 2 : 0;
	at += (size_t)(bus.space_cells + skipped) * 4;
	low -= skipped;
	reg->bus_address = number_at(at, low);
	at += (size_t)low * 4;
	skipped = bus.size_cells > 2 ? bus.size_cells - 2 : 0;
	reg->size = number_at(at + (size_t)skipped * 4, bus.size_cells - skipped);
	translate(tree, &bus, space, reg->bus_address, reg->size, reg);
}

void sp_address_translate(const struct sp_tree *tree, sp_node node, uint32_t space,
	uint64_t address, uint64_t size, struct sp_reg *reg) {
	struct bus bus;

	read_bus(tree, node, "ranges", &bus);
	translate(tree, &bus, space, address, size, reg);
}

/* Reads a bus, the bus above it and the windows between them. */
static enum sp_windows_state read_windows(const struct sp_tree *tree, sp_node node,
	const char *name, struct bus *bus, struct bus *up, struct list *list) {
	const struct sp_prop *prop = sp_tree_prop(tree, node, name);

	if (!prop)
		return SP_WINDOWS_MISSING;
	if (!prop->len)
		return SP_WINDOWS_IDENTITY;
	if (node == SP_NODE_ROOT)
		return SP_WINDOWS_BAD;
	read_bus(tree, node, name, bus);
	read_bus(tree, sp_tree_parent(tree, node), "ranges", up);
	return make_list(bus, up, prop, NULL, list) ? SP_WINDOWS_LIST : SP_WINDOWS_BAD;
}

enum sp_windows_state sp_window_count(
	const struct sp_tree *tree, sp_node node, const char *name, uint32_t *count) {
	struct bus bus, up;
	struct list list;
	enum sp_windows_state state = read_windows(tree, node, name, &bus, &up, &list);

	*count = state == SP_WINDOWS_LIST ? list.count : 0;
	return state;
}

void sp_window_get(const struct sp_tree *tree, sp_node node, const char *name, uint32_t index,
	struct sp_window *window) {
	struct bus bus, up;
	struct list list;
	struct entry entry;

	*window = (struct sp_window){
		.parent = {.state = SP_ADDRESS_BAD_CELLS, .bus = node},
	};
	if (read_windows(tree, node, name, &bus, &up, &list) != SP_WINDOWS_LIST ||
		index >= list.count)
		return;
	get_entry(&list, index, &entry);
	window->space = entry.space;
	window->child = entry.child;
	window->size = entry.size;
	if (!strcmp(name, "ranges")) {
		translate(tree, &up, entry.parent_space, entry.parent, entry.size, &window->parent);
	} else {
		window->parent = (struct sp_reg){
			.bus = SP_NODE_NONE,
			.bus_address = entry.parent,
			.address = entry.parent,
			.size = entry.size,
		};
	}
}

/* As read_bus() finds it, without the rest: hosts ask this of each of their nodes. */
bool sp_is_pci_bus(const struct sp_tree *tree, sp_node node) {
	uint32_t count, address_cells = UINT32_MAX;
	const struct sp_prop *props = sp_tree_props(tree, node, &count);
	struct sp_prop picked[BUS_NAMES];
	bool bus_range = false;

	if (count > FEW_PROPS) {
		count = pick_props(tree, node, picked);
		props = picked;
	}
	for (const struct sp_prop *prop = props; prop < props + count; prop++) {
		const char *name = prop->name;
		if (*name == 'd' && !strcmp(name, "device_type")) {
			if (prop->len == sizeof("pci") && !memcmp(prop->data, "pci", sizeof("pci")))
				return true;
		} else if (*name == 'b' && !strcmp(name, "bus-range")) {
			bus_range = true;
		} else if (*name == '#' && !strcmp(name, "#address-cells")) {
			(void)one_cell(prop, &address_cells);
		}
	}
	if (!bus_range)
		return false;
	return (address_cells != UINT32_MAX ? address_cells : sp_address_cells(tree, node)) == 3;
}
