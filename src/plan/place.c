/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>

#include "plan/dma.h"
#include "plan/steps.h"

/* Stage 2 maps blocks of this size where host and guest address agree in the bits below it. */
#define BLOCK_SIZE (UINT64_C(2) << 20)

/*
 * Where registers that cannot keep their address go first, as in published set-ups: the window of
 * virtual PCI's configuration space, which is free in a guest without it.
 */
#define FIRST_CHOICE UINT64_C(0x10000000)
#define FIRST_CHOICE_END UINT64_C(0x20000000)

static int compare_host(const void *left, const void *right) {
	const struct sp_mapping *a = left, *b = right;
	if (a->host != b->host)
		return a->host < b->host ? -1 : 1;
	if (a->size != b->size)
		return a->size > b->size ? -1 : 1;
	return a->node != b->node ? (a->node < b->node ? -1 : 1) : a->window - b->window;
}

static int compare_guest(const void *left, const void *right) {
	const struct sp_mapping *a = left, *b = right;
	return a->guest < b->guest ? -1 : a->guest > b->guest;
}

/* Largest first, so that the small ones fill what is left; then by address. */
static int compare_size(const void *left, const void *right) {
	const struct sp_mapping *const *a = left, *const *b = right;
	if ((*a)->size != (*b)->size)
		return (*a)->size > (*b)->size ? -1 : 1;
	return (*a)->host < (*b)->host ? -1 : (*a)->host > (*b)->host;
}

/* Blocks that share a page become one mapping: a page has one place in the guest. */
static void merge(struct sp_plan_guest *guest) {
	struct sp_mapping *mappings = guest->mappings.data;
	uint32_t kept = 0;
	if (guest->mappings.count == 0)
		return;
	qsort(mappings, guest->mappings.count, sizeof(*mappings), compare_host);
	for (uint32_t i = 1; i < guest->mappings.count; i++) {
		struct sp_mapping *last = &mappings[kept];
		uint64_t end = last->host + last->size;
		if (mappings[i].host >= end) {
			mappings[++kept] = mappings[i];
			continue;
		}
		uint64_t other = mappings[i].host + mappings[i].size;
		if (other > end)
			last->size = other - last->host;
		if (last->window && !mappings[i].window) {
			last->window = false;
			last->what = mappings[i].what;
			last->node = mappings[i].node;
		}
	}
	guest->mappings.count = kept + 1;
}

static void find_holes(
	struct sp_plan *plan, const struct sp_plan_guest *guest, struct sp_intervals *holes) {
	const struct sp_layout *layout = &guest->layout;
	sp_intervals_add(&plan->arena, holes, 0, layout->limit);
	for (uint32_t i = 0; i < layout->areas.count; i++) {
		const struct sp_area *area = &layout->areas.data[i];
		sp_intervals_remove(&plan->arena, holes, area->start, area->start + area->size);
	}
	/* Page 0 is a hole, but an address of 0 is no address to many a driver. */
	sp_intervals_remove(&plan->arena, holes, 0, SP_PAGE_SIZE);
}

/* The holes, and what of them lies where registers go first. */
struct room {
	struct sp_intervals holes, first;
};

static void find_room(struct sp_plan *plan, const struct sp_plan_guest *guest, struct room *room) {
	find_holes(plan, guest, &room->holes);
	find_holes(plan, guest, &room->first);
	sp_intervals_remove(&plan->arena, &room->first, 0, FIRST_CHOICE);
	sp_intervals_remove(&plan->arena, &room->first, FIRST_CHOICE_END, UINT64_MAX);
}

static void take(struct sp_plan *plan, struct room *room, struct sp_mapping *mapping, uint64_t at) {
	mapping->guest = at;
	sp_intervals_remove(&plan->arena, &room->holes, at, at + mapping->size);
	sp_intervals_remove(&plan->arena, &room->first, at, at + mapping->size);
}

static bool find_place(const struct room *room, const struct sp_mapping *mapping, uint64_t *at) {
	uint64_t align = mapping->size >= BLOCK_SIZE ? BLOCK_SIZE : SP_PAGE_SIZE;
	uint64_t phase = mapping->host & (align - 1);
	return sp_intervals_fit(&room->first, mapping->size, align, phase, at) ||
		sp_intervals_fit(&room->holes, mapping->size, align, phase, at);
}

static void drop(struct sp_plan *plan, struct sp_plan_guest *guest, struct sp_mapping *mapping) {
	/* A bridge with one window less works; registers cannot be left out. */
	enum sp_code code = mapping->window ? SP_CODE_PCI_WINDOW_DROPPED : SP_CODE_PLACE_NO_HOLE;
	sp_finding_add(plan, guest, code, mapping->node,
		"%s at 0x%" PRIx64 " (%" PRIu64
		" KiB) fit%s into no hole of the guest's addresses%s",
		mapping->window ? "its PCI window" : "its registers", mapping->host,
		mapping->size >> 10, mapping->window ? "s" : "",
		mapping->window ? " and is left out" : "");
	mapping->size = 0;
}

/* What the guest has at the mapping's own address; NULL if it is only another mapping. */
static const struct sp_area *area_at(
	const struct sp_plan_guest *guest, const struct sp_mapping *mapping) {
	for (uint32_t i = 0; i < guest->layout.areas.count; i++) {
		const struct sp_area *area = &guest->layout.areas.data[i];
		if (area->start < mapping->host + mapping->size &&
			mapping->host < area->start + area->size)
			return area;
	}
	return NULL;
}

static void tell_move(
	struct sp_plan *plan, const struct sp_plan_guest *guest, const struct sp_mapping *mapping) {
	const struct sp_area *area = area_at(guest, mapping);
	sp_finding_add(plan, guest, SP_CODE_PLACE_MOVED, mapping->node,
		"%s at 0x%" PRIx64 " appear%s at 0x%" PRIx64 " in the guest: at the host's address "
		"the guest has %s%s",
		mapping->window ? "its PCI window" : "its registers", mapping->host,
		mapping->window ? "s" : "", mapping->guest,
		area != NULL ? area->name : "something else",
		area != NULL && area->kind == SP_AREA_EXTENDED
			? ", which its kernel takes for free memory"
			: "");
}

static void place(struct sp_plan *plan, struct sp_plan_guest *guest) {
	struct room room = {0};
	uint32_t count = guest->mappings.count, moved = 0;
	struct sp_mapping **rest = sp_arena_array(&plan->arena, count, sizeof(*rest));

	if (rest == NULL)
		return;
	find_room(plan, guest, &room);
	for (uint32_t i = 0; i < count; i++) {
		struct sp_mapping *mapping = &guest->mappings.data[i];
		if (sp_intervals_contain(&room.holes, mapping->host, mapping->host + mapping->size))
			take(plan, &room, mapping, mapping->host);
		else
			rest[moved++] = mapping;
	}
	if (moved > 0)
		qsort(rest, moved, sizeof(struct sp_mapping *), compare_size);
	for (uint32_t i = 0; i < moved; i++) {
		struct sp_mapping *mapping = rest[i];
		uint64_t at;
		if (!find_place(&room, mapping, &at)) {
			drop(plan, guest, mapping);
			continue;
		}
		take(plan, &room, mapping, at);
		tell_move(plan, guest, mapping);
	}
}

/* A direct-mapped guest sees everything where the host has it. */
static void place_direct(struct sp_plan *plan, struct sp_plan_guest *guest) {
	for (uint32_t i = 0; i < guest->mappings.count; i++) {
		struct sp_mapping *mapping = &guest->mappings.data[i];
		uint64_t end = mapping->host + mapping->size;
		mapping->guest = mapping->host;
		if (end > guest->layout.limit)
			sp_finding_add(plan, guest, SP_CODE_PLACE_LIMIT, mapping->node,
				"its registers at 0x%" PRIx64 " are beyond 40 bits", mapping->host);
		for (uint32_t a = 0; a < guest->layout.areas.count; a++) {
			const struct sp_area *area = &guest->layout.areas.data[a];
			if (area->start < end && mapping->host < area->start + area->size)
				sp_finding_add(plan, guest, SP_CODE_PLACE_OVERLAP, mapping->node,
					"its registers at 0x%" PRIx64
					" overlap the %s at 0x%" PRIx64,
					mapping->host, area->name, area->start);
		}
	}
}

/* Takes out what was dropped. */
static void compact(struct sp_plan_guest *guest) {
	uint32_t kept = 0;
	for (uint32_t i = 0; i < guest->mappings.count; i++) {
		if (guest->mappings.data[i].size != 0)
			guest->mappings.data[kept++] = guest->mappings.data[i];
	}
	guest->mappings.count = kept;
}

/* The mapping that holds a host address; they are by host address here. */
static const struct sp_mapping *mapping_at(const struct sp_plan_guest *guest, uint64_t host) {
	uint32_t low = 0, high = guest->mappings.count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct sp_mapping *mapping = &guest->mappings.data[middle];
		if (mapping->host + mapping->size <= host)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == guest->mappings.count || guest->mappings.data[low].host > host)
		return NULL;
	return &guest->mappings.data[low];
}

static void place_regs(struct sp_plan_guest *guest) {
	uint32_t kept = 0;
	for (uint32_t i = 0; i < guest->regs.count; i++) {
		struct sp_guest_reg reg = guest->regs.data[i];
		const struct sp_mapping *mapping = mapping_at(guest, reg.host);
		if (mapping == NULL)
			continue;
		reg.guest = mapping->guest + (reg.host - mapping->host);
		guest->regs.data[kept++] = reg;
	}
	guest->regs.count = kept;
}

/*
 * A bridge with an address translation of its own is programmed by its driver with the addresses
 * that the guest sees, and decodes those that the host has.
 */
static void check_moved_windows(struct sp_plan *plan, struct sp_plan_guest *guest) {
	const struct sp_tree *tree = plan->host->tree;
	sp_node told = SP_NODE_NONE;
	for (uint32_t i = 0; i < guest->regs.count; i++) {
		const struct sp_guest_reg *reg = &guest->regs.data[i];
		if (!reg->window || reg->guest == reg->host || reg->node == told ||
			sp_tree_compatible(tree, reg->node, "pci-host-ecam-generic") ||
			sp_tree_compatible(tree, reg->node, "pci-host-cam-generic"))
			continue;
		told = reg->node;
		sp_finding_add(plan, guest, SP_CODE_PCI_WINDOW_MOVED, reg->node,
			"its PCI window at 0x%" PRIx64 " appears at 0x%" PRIx64
			" in the guest, and its driver programs the bridge with that",
			reg->host, reg->guest);
	}
}

/* DMA to memory whose address is also one of a window's never leaves the bridge. */
static void check_windows(struct sp_plan *plan, struct sp_plan_guest *guest) {
	for (uint32_t i = 0; i < guest->regs.count; i++) {
		const struct sp_guest_reg *reg = &guest->regs.data[i];
		struct sp_window window;
		if (!reg->window)
			continue;
		sp_window_get(plan->host->tree, reg->node, "ranges", reg->index, &window);
		if ((window.space >> 24 & 3) < 2)
			continue; /* not memory */
		for (uint32_t a = 0; a < guest->layout.areas.count; a++) {
			const struct sp_area *area = &guest->layout.areas.data[a];
			if (area->kind != SP_AREA_RAM ||
				area->start >= window.child + window.size ||
				window.child >= area->start + area->size)
				continue;
			sp_finding_add(plan, guest, SP_CODE_PCI_WINDOW_RAM, reg->node,
				"its PCI window at bus address 0x%" PRIx64 " (0x%" PRIx64
				" bytes) covers the guest's memory from 0x%" PRIx64
				": DMA to that memory never leaves the bridge",
				window.child, window.size,
				window.child > area->start ? window.child : area->start);
			break;
		}
	}
}

/* The first address of [start, end) that is not in the set; `end` if all are. */
static uint64_t first_outside(const struct sp_intervals *set, uint64_t start, uint64_t end) {
	for (uint32_t i = 0; i < set->count && start < end; i++) {
		if (set->data[i].start > start)
			break;
		if (set->data[i].end > start)
			start = set->data[i].end;
	}
	return start < end ? start : end;
}

/* Whether a device's dma-ranges lead to all of the guest's memory. */
static void check_dma(struct sp_plan *plan, struct sp_plan_guest *guest) {
	const struct sp_tree *tree = plan->host->tree;
	for (uint32_t i = 0; i < guest->devices.count; i++) {
		const struct sp_guest_device *device = &guest->devices.data[i];
		struct sp_intervals reached = {0};
		struct sp_dma_reach reach;
		if (device->dma == SP_DMA_NEVER)
			continue;
		sp_dma_reach_of(&plan->arena, tree, device->node, &reach);
		if (reach.bus == SP_NODE_NONE)
			continue;
		for (uint32_t w = 0; w < reach.windows.count; w++) {
			const struct sp_dma_window *window = &reach.windows.data[w];
			uint64_t last = window->cpu + (window->size - 1);
			sp_intervals_add(&plan->arena, &reached, window->cpu,
				last == UINT64_MAX ? last : last + 1);
		}
		for (uint32_t a = 0; a < guest->layout.areas.count; a++) {
			const struct sp_area *area = &guest->layout.areas.data[a];
			uint64_t end = area->start + area->size;
			uint64_t outside = first_outside(&reached, area->start, end);
			if (area->kind != SP_AREA_RAM || outside == end)
				continue;
			sp_finding_add(plan, guest, SP_CODE_PLACE_DMA_LIMIT, device->node,
				"dma-ranges of %s do not lead to the guest's memory at 0x%" PRIx64,
				sp_tree_path(tree, reach.bus), outside);
			break;
		}
	}
}

void sp_place_mappings(struct sp_plan *plan, struct sp_plan_guest *guest) {
	merge(guest);
	if (guest->request->mode == SP_MODE_DIRECT)
		place_direct(plan, guest);
	else
		place(plan, guest);
	compact(guest);
	place_regs(guest);
	check_windows(plan, guest);
	check_moved_windows(plan, guest);
	check_dma(plan, guest);
	if (guest->mappings.count > 0)
		qsort(guest->mappings.data, guest->mappings.count, sizeof(*guest->mappings.data),
			compare_guest);
}
