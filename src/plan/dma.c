/* SPDX-License-Identifier: MIT */
#include "plan/dma.h"

#include "fdt/address.h"

/* Windows of one bus, and pairs of them, that are looked at for one device: what a hostile tree has
 * beyond them is taken for out of reach. */
#define MAX_WINDOWS 64u
#define MAX_STEPS 65536u

static void add(struct sp_arena *arena, struct sp_dma_reach *reach, uint64_t bus, uint64_t cpu,
	uint64_t size) {
	if (size == 0 || bus + (size - 1) < bus || cpu + (size - 1) < cpu)
		return;
	struct sp_dma_window *slot = sp_vec_push(arena, &reach->windows);
	if (slot != NULL)
		*slot = (struct sp_dma_window){bus, cpu, size};
}

static void read_list(struct sp_arena *arena, const struct sp_tree *tree, sp_node bus,
	uint32_t count, struct sp_dma_reach *reach) {
	for (uint32_t i = 0; i < count && i < MAX_WINDOWS; i++) {
		struct sp_window window;
		sp_window_get(tree, bus, "dma-ranges", i, &window);
		add(arena, reach, window.child, window.parent.bus_address, window.size);
	}
}

/* Adds the part of `inner` that `outer`, on the bus above, passes on; returns its size. */
static uint64_t pass_on(struct sp_arena *arena, const struct sp_dma_window *inner,
	const struct sp_dma_window *outer, struct sp_dma_reach *reach) {
	uint64_t inner_last = inner->cpu + (inner->size - 1);
	uint64_t outer_last = outer->bus + (outer->size - 1);
	uint64_t first = inner->cpu > outer->bus ? inner->cpu : outer->bus;
	uint64_t last = inner_last < outer_last ? inner_last : outer_last;
	if (first > last)
		return 0;
	uint64_t size = last - first + 1;
	add(arena, reach, inner->bus + (first - inner->cpu), outer->cpu + (first - outer->bus),
		size);
	return size;
}

void sp_dma_reach_of(struct sp_arena *arena, const struct sp_tree *tree, sp_node device,
	struct sp_dma_reach *reach) {
	uint32_t steps = 0;

	*reach = (struct sp_dma_reach){.bus = SP_NODE_NONE};
	for (sp_node at = sp_tree_parent(tree, device); at != SP_NODE_NONE && at != SP_NODE_ROOT;
		at = sp_tree_parent(tree, at)) {
		struct sp_dma_reach outer = {0}, both = {0};
		uint32_t count;
		bool cut = false;
		if (sp_window_count(tree, at, "dma-ranges", &count) != SP_WINDOWS_LIST)
			continue;
		if (reach->bus == SP_NODE_NONE) {
			read_list(arena, tree, at, count, reach);
			reach->bus = at;
			continue;
		}
		read_list(arena, tree, at, count, &outer);
		for (uint32_t i = 0; i < reach->windows.count; i++) {
			const struct sp_dma_window *inner = &reach->windows.data[i];
			uint64_t passed = 0;
			for (uint32_t j = 0; j < outer.windows.count && steps++ < MAX_STEPS; j++)
				passed += pass_on(arena, inner, &outer.windows.data[j], &both);
			cut = cut || passed < inner->size;
		}
		both.bus = cut ? at : reach->bus;
		*reach = both;
	}
}
