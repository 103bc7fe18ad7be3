/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "plan/steps.h"

/*
 * How much speaks for a node besides the pages. An address of the guest's tree and an interrupt may
 * be those of several nodes, and a disabled node is also marked to keep its interrupt from dom0.
 */
enum {
	HINT_SHARED = 1, /* one of its interrupts, or its address in the guest's tree */
	HINT_MARKED = 2, /* xen,passthrough */
	HINT_LIKE = 4, /* described as what it is */
	HINT_SURE = 8, /* assigned, or marked and enabled */
};

/* One block of registers or one PCI window that a stretch of pages touches. */
struct candidate {
	sp_node node;
	uint64_t address;
	uint64_t start, end; /* frames */
	bool whole; /* all of it is given */
	unsigned hints;
	bool dropped;
};

/* What was found out of a block when it was met first. */
struct known {
	bool known, block; /* it is one of the device's */
	struct candidate candidate;
};

/* Comparisons of neighbours for one guest: more than any real one needs. */
#define MAX_COMPARISONS (1u << 22)

/* Where in the host a node of the guest's tree has registers. */
struct described {
	uint64_t host;
	sp_node node;
};

struct search {
	struct sp_check *check;
	struct sp_check_guest *guest;
	SP_VEC(struct described) described; /* by address */
	uint8_t *flags; /* by node of the host */
	struct known *owners; /* by the host's page owner */
	uint32_t steps; /* comparisons so far */
	uint32_t left_out; /* devices that are too many */
	struct candidate candidates[SP_CHECK_MAX_STEPS];
	uint32_t count;
};

enum { NODE_ASSIGNED = 1, NODE_INTERRUPT = 2, NODE_TAKEN = 4, NODE_KEPT = 8 };

static int compare_maps(const void *left, const void *right) {
	const struct sp_check_map *a = left, *b = right;
	if (a->guest != b->guest)
		return a->guest < b->guest ? -1 : 1;
	if (a->size != b->size)
		return a->size > b->size ? -1 : 1;
	if (a->host != b->host)
		return a->host < b->host ? -1 : 1;
	return a->line < b->line ? -1 : a->line > b->line;
}

static int compare_irqs(const void *left, const void *right) {
	const struct sp_check_irq *a = left, *b = right;
	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return a->at < b->at ? -1 : a->at > b->at;
}

static void add_interval(
	struct sp_arena *arena, struct sp_intervals *set, uint64_t start, uint64_t end) {
	struct sp_interval *slot = sp_vec_push(arena, set);
	if (slot != NULL)
		*slot = (struct sp_interval){start, end};
}

static void sort(struct search *search) {
	struct sp_check_guest *guest = search->guest;
	struct sp_arena *arena = &search->check->arena;

	if (guest->maps.count > 0)
		qsort(guest->maps.data, guest->maps.count, sizeof(*guest->maps.data), compare_maps);
	if (guest->irqs.count > 0)
		qsort(guest->irqs.data, guest->irqs.count, sizeof(*guest->irqs.data), compare_irqs);
	for (uint32_t i = 0; i < guest->maps.count; i++) {
		const struct sp_check_map *map = &guest->maps.data[i];
		add_interval(arena, &guest->reached, map->guest, map->guest + map->size);
		add_interval(arena, &guest->given, map->host, map->host + map->size);
	}
	sp_intervals_sort(&guest->reached);
	sp_intervals_sort(&guest->given);
}

uint64_t sp_check_host_address(const struct sp_check_guest *guest, uint64_t address) {
	uint32_t low = 0, high = guest->maps.count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (guest->maps.data[middle].guest > address)
			high = middle;
		else
			low = middle + 1;
	}
	/* Of maps that lie in each other the nearest is looked at, and a few before it. */
	for (uint32_t steps = 0; low > 0 && steps < 16; steps++) {
		const struct sp_check_map *map = &guest->maps.data[--low];
		if (address - map->guest < map->size)
			return map->host + (address - map->guest);
	}
	return UINT64_MAX;
}

static int compare_described(const void *left, const void *right) {
	const struct described *a = left, *b = right;
	if (a->host != b->host)
		return a->host < b->host ? -1 : 1;
	return a->node < b->node ? -1 : a->node > b->node;
}

/* Where in the host the nodes of the guest's tree have their registers. */
static void find_described(struct search *search) {
	const struct sp_check_guest *guest = search->guest;
	sp_node top = sp_check_passthrough(guest);

	if (top == SP_NODE_NONE)
		return;
	for (sp_node node = top + 1; node < sp_tree_end(guest->tree, top); node++) {
		bool whole;
		uint32_t count = sp_reg_count(guest->tree, node, &whole);
		for (uint32_t i = 0; i < count && i < SP_CHECK_MAX_STEPS; i++) {
			struct sp_reg reg;
			sp_reg_get(guest->tree, node, i, &reg);
			uint64_t host = reg.state == SP_ADDRESS_OK
				? sp_check_host_address(guest, reg.address)
				: UINT64_MAX;
			struct described *slot = host != UINT64_MAX
				? sp_vec_push(&search->check->arena, &search->described)
				: NULL;
			if (slot != NULL)
				*slot = (struct described){host, node};
		}
	}
	if (search->described.count > 0)
		qsort(search->described.data, search->described.count,
			sizeof(*search->described.data), compare_described);
}

/* What names a node besides its registers. */
static void find_hints(struct search *search) {
	const struct sp_host *host = search->check->host;
	const struct sp_check_guest *guest = search->guest;
	uint32_t last = 0;

	for (uint32_t i = 0; i < guest->devs.count; i++) {
		if (guest->devs.data[i].node != SP_NODE_NONE)
			search->flags[guest->devs.data[i].node] |= NODE_ASSIGNED;
	}
	for (uint32_t i = 0; i < guest->irqs.count; i++) {
		uint32_t number = guest->irqs.data[i].number, steps = 0;
		if (i > 0 && number == last)
			continue;
		last = number;
		for (uint32_t o = sp_host_irqs_from(host, number); o < host->irq_owners.count &&
			steps++ < SP_CHECK_MAX_STEPS && host->irq_owners.data[o].number == number;
			o++)
			search->flags[host->devices.data[host->irq_owners.data[o].device].node] |=
				NODE_INTERRUPT;
	}
	find_described(search);
}

/* Whether the guest's tree has registers at this address, and says that they are such a device's.
 */
static unsigned look_up(const struct search *search, sp_node node, uint64_t address) {
	const struct sp_tree *tree = search->check->host->tree;
	const struct sp_tree *guest = search->guest->tree;
	uint32_t low = 0, high = search->described.count;
	unsigned hints = 0;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (search->described.data[middle].host >= address)
			high = middle;
		else
			low = middle + 1;
	}
	for (uint32_t steps = 0; low < search->described.count && steps < 16 &&
		search->described.data[low].host == address;
		low++, steps++) {
		const struct sp_prop *prop =
			sp_tree_prop(guest, search->described.data[low].node, "compatible");
		const char *name = prop != NULL ? sp_prop_string(prop, 0) : NULL;
		bool same = name != NULL && sp_tree_compatible(tree, node, name);
		hints |= same ? HINT_LIKE : HINT_SHARED;
	}
	return hints;
}

static unsigned hints_of(const struct search *search, sp_node node, uint64_t address) {
	const struct sp_tree *tree = search->check->host->tree;
	bool marked = sp_tree_prop(tree, node, "xen,passthrough") != NULL;
	unsigned hints = look_up(search, node, address);

	if ((search->flags[node] & NODE_ASSIGNED) != 0 || (marked && sp_tree_enabled(tree, node)))
		hints |= HINT_SURE;
	if (marked)
		hints |= HINT_MARKED;
	if ((search->flags[node] & NODE_INTERRUPT) != 0)
		hints |= HINT_SHARED;
	return hints;
}

static struct candidate candidate(
	const struct search *search, sp_node node, uint64_t address, uint64_t size) {
	uint64_t start = address >> SP_PAGE_SHIFT;
	uint64_t end = ((address + (size - 1)) >> SP_PAGE_SHIFT) + 1;
	return (struct candidate){.node = node,
		.address = address,
		.start = start,
		.end = end,
		.whole = sp_intervals_contain(
			&search->guest->given, start << SP_PAGE_SHIFT, end << SP_PAGE_SHIFT),
		.hints = hints_of(search, node, address)};
}

static const struct known *look_at(const struct search *search, uint32_t index) {
	const struct sp_host *host = search->check->host;
	const struct sp_page_owner *owner = &host->page_owners.data[index];
	const struct sp_device *device = &host->devices.data[owner->device];
	struct known *known = &search->owners[index];

	if (known->known)
		return known;
	known->known = true;
	for (uint32_t r = 0; r < device->reg_count && !known->block; r++) {
		const struct sp_reg *reg = &host->regs.data[device->reg + r];
		known->block = reg->state == SP_ADDRESS_OK && reg->size > 0 &&
			reg->address >> SP_PAGE_SHIFT == owner->start;
		if (known->block)
			known->candidate = candidate(search, device->node, reg->address, reg->size);
	}
	return known;
}

static void find_candidates(struct search *search, const struct sp_check_map *map) {
	const struct sp_host *host = search->check->host;
	uint64_t start = map->host >> SP_PAGE_SHIFT;
	uint64_t end = (map->host + map->size) >> SP_PAGE_SHIFT;
	uint32_t steps = 0;

	search->count = 0;
	for (uint32_t i = sp_host_pages_from(host, start); i < host->page_owners.count &&
		host->page_owners.data[i].start < end && steps++ < SP_CHECK_MAX_STEPS;
		i++) {
		if (host->page_owners.data[i].end <= start)
			continue;
		const struct known *known = look_at(search, i);
		if (known->block && search->count < SP_CHECK_MAX_STEPS)
			search->candidates[search->count++] = known->candidate;
	}
}

/* PCI windows are their bridge's, as much as its registers. */
void sp_check_find_windows(struct sp_check *check) {
	const struct sp_host *host = check->host;

	for (uint32_t d = 0; d < host->devices.count; d++) {
		uint32_t count;
		sp_node node = host->devices.data[d].node;
		if (host->devices.data[d].kind != SP_KIND_PCI_HOST ||
			sp_window_count(host->tree, node, "ranges", &count) != SP_WINDOWS_LIST)
			continue;
		for (uint32_t i = 0; i < count && check->windows.count < SP_CHECK_MAX_STEPS; i++) {
			struct sp_window window;
			sp_window_get(host->tree, node, "ranges", i, &window);
			struct sp_check_window *slot =
				window.parent.state == SP_ADDRESS_OK && window.size > 0
				? sp_vec_push(&check->arena, &check->windows)
				: NULL;
			if (slot != NULL)
				*slot = (struct sp_check_window){
					node, window.parent.address, window.size};
		}
	}
}

static void add_windows(struct search *search, const struct sp_check_map *map) {
	for (uint32_t i = 0; i < search->check->windows.count; i++) {
		const struct sp_check_window *window = &search->check->windows.data[i];
		if (window->start < map->host + map->size &&
			window->start + (window->size - 1) >= map->host &&
			search->count < SP_CHECK_MAX_STEPS)
			search->candidates[search->count++] =
				candidate(search, window->node, window->start, window->size);
	}
}

/* Nodes may have one address and be of one kind: two ways to use a processor, bits of a register.
 * Which is meant the host's tree or the assignment says. */
static bool is_rather(const struct candidate *other, const struct candidate *one) {
	const unsigned named = HINT_MARKED | HINT_SURE;

	if ((one->hints & HINT_LIKE) == 0)
		return other->hints > one->hints;
	return other->address == one->address && (one->hints & named) == 0 &&
		(other->hints & named) != 0;
}

/*
 * Of devices that share a page, those are given that most speaks for. A parent's registers may be
 * all around its child's.
 */
static void drop_neighbours(struct search *search) {
	bool whole = false;

	for (uint32_t i = 0; i < search->count; i++)
		whole |= search->candidates[i].whole;
	for (uint32_t i = 0; i < search->count; i++) {
		struct candidate *one = &search->candidates[i];
		/* What nothing else names is a neighbour: of others that are in the pages, if it
		 * reaches beyond them, and where the guest's tree would name what is meant. */
		if (one->hints == 0 &&
			((whole && !one->whole) || search->count > 1 ||
				search->guest->tree != NULL))
			one->dropped = true;
		for (uint32_t j = 0; j < search->count && !one->dropped &&
			(one->hints & HINT_SURE) == 0 && search->steps < MAX_COMPARISONS;
			j++) {
			const struct candidate *other = &search->candidates[j];
			search->steps++;
			one->dropped = other->start < one->end && one->start < other->end &&
				is_rather(other, one);
		}
	}
}

static void take(struct search *search, sp_node node, uint32_t line, sp_node at, bool holder) {
	struct sp_check_guest *guest = search->guest;

	if (search->flags[node] & NODE_TAKEN)
		return;
	search->flags[node] |= NODE_TAKEN;
	if (guest->devices.count == SP_CHECK_MAX_DEVICES) {
		if (search->left_out++ == 0)
			sp_check_add(search->check, guest, SP_CODE_CFG_TOO_MANY,
				line != 0 ? sp_check_at_line(guest, line)
					  : sp_check_at_tree(guest, at),
				"it is given the registers of more than %u devices; the others are "
				"not looked at",
				SP_CHECK_MAX_DEVICES);
		return;
	}
	struct sp_check_device *device = sp_vec_push(&search->check->arena, &guest->devices);
	if (device != NULL)
		*device = (struct sp_check_device){.node = node,
			.path = sp_tree_path(search->check->host->tree, node),
			.line = line,
			.at = at,
			.holder = holder,
			.assigned = (search->flags[node] & NODE_ASSIGNED) != 0};
}

static void take_map(struct search *search, const struct sp_check_map *map) {
	const struct sp_check *check = search->check;

	find_candidates(search, map);
	add_windows(search, map);
	drop_neighbours(search);
	for (uint32_t i = 0; i < search->count; i++) {
		const struct candidate *candidate = &search->candidates[i];
		uint8_t *flags = &search->flags[candidate->node];
		if (candidate->dropped || (*flags & (NODE_TAKEN | NODE_KEPT)) != 0)
			continue;
		if (sp_xen_keeps(check->host, candidate->node, check->target) != NULL) {
			*flags |= NODE_KEPT;
			continue;
		}
		take(search, candidate->node, map->line, map->at, false);
	}
}

static bool has_resources(const struct sp_host *host, sp_node node) {
	for (sp_node at = node; at < sp_tree_end(host->tree, node); at++) {
		const struct sp_device *device = sp_host_device(host, at);
		if (device != NULL && (device->reg_count > 0 || device->irq_count > 0))
			return true;
	}
	return false;
}

static void find_devices(struct search *search) {
	const struct sp_check_guest *guest = search->guest;
	const struct sp_host *host = search->check->host;

	for (uint32_t i = 0; i < guest->maps.count; i++)
		take_map(search, &guest->maps.data[i]);
	for (uint32_t i = 0; i < guest->devs.count; i++) {
		const struct sp_check_dev *dev = &guest->devs.data[i];
		if (dev->node == SP_NODE_NONE || dev->node == SP_NODE_ROOT)
			continue;
		/* A bare node that only says which stream IDs another one has. */
		bool holder = !has_resources(host, dev->node) &&
			sp_tree_prop(host->tree, dev->node, "iommus") != NULL;
		if (sp_xen_keeps(host, dev->node, search->check->target) == NULL)
			take(search, dev->node, dev->line, dev->at, holder);
	}
}

bool sp_check_find_devices(
	struct sp_check *check, struct sp_check_guest *guest, struct sp_error *error) {
	struct search *search = calloc(1, sizeof(*search));
	bool good = true;

	if (search == NULL)
		return sp_error_memory(error);
	search->check = check;
	search->guest = guest;
	search->flags = calloc(sp_tree_count(check->host->tree), sizeof(*search->flags));
	search->owners = calloc(check->host->page_owners.count + 1u, sizeof(*search->owners));
	if (search->flags == NULL || search->owners == NULL) {
		good = sp_error_memory(error);
	} else {
		sort(search);
		find_hints(search);
		find_devices(search);
	}
	free(search->flags);
	free(search->owners);
	free(search);
	return good;
}
