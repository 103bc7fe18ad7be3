/* SPDX-License-Identifier: MIT */
#ifndef SP_PLAN_DMA_H
#define SP_PLAN_DMA_H

#include <sallyport/tree.h>

#include "base/arena.h"

/* What one range of a bus's addresses means to the CPU. */
struct sp_dma_window {
	uint64_t bus, cpu, size; /* size is not 0; neither range wraps around */
};

/* What a device reaches through the dma-ranges of all buses above it. */
struct sp_dma_reach {
	SP_VEC(struct sp_dma_window) windows;
	/* The bus that says most about it: the outermost that cuts something off, else the nearest
	 * with a list. SP_NODE_NONE: no bus has one, and the device reaches everything. */
	sp_node bus;
};

/* Buses without dma-ranges, and with empty ones, pass addresses through, as in Linux. */
void sp_dma_reach_of(struct sp_arena *arena, const struct sp_tree *tree, sp_node device,
	struct sp_dma_reach *reach);

#endif
