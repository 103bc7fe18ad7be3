/* SPDX-License-Identifier: MIT */
#ifndef SP_ASSIGN_HOLE_H
#define SP_ASSIGN_HOLE_H

#include "base/arena.h"
#include "machine/machine.h"

/*
 * Where hvmloader puts the BARs of an HVM guest of Xen: in the hole below 4 GiB, or above the
 * guest's memory.
 */

enum sp_place { SP_PLACE_NOWHERE, SP_PLACE_LOW, SP_PLACE_HIGH };

struct sp_placed {
	const struct sp_function *function; /* NULL: one of the emulated devices */
	uint32_t bar; /* SP_PCI_BARS is the ROM */
	uint64_t size;
	bool wide;
	enum sp_place place;
};

struct sp_hole {
	uint32_t mib; /* for mmio_hole=; 0: the hole that hvmloader chooses will do */
	bool fits; /* everything has a place */
	bool unknown; /* some BARs have no known size */
	uint64_t low; /* bytes that want to lie below 4 GiB */
	SP_VEC(struct sp_placed) bars; /* as hvmloader places them, the largest first */
};

/* `functions` in the order of the guest's slots. `memory` is the guest's in MiB. */
void sp_hole_plan(struct sp_hole *hole, struct sp_arena *arena,
	const struct sp_function *const *functions, uint32_t count, uint32_t memory);

#endif
