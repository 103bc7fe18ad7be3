/* SPDX-License-Identifier: MIT */
#ifndef SP_BASE_INTERVAL_H
#define SP_BASE_INTERVAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

/* Sets of numbers as sorted, disjoint, non-adjacent intervals [start, end). */
struct sp_interval {
	uint64_t start, end;
};

struct sp_intervals {
	struct sp_interval *data;
	uint32_t count, capacity;
};

/* Adds [start, end) and merges what touches. Empty intervals are ignored. False: no memory. */
bool sp_intervals_add(
	struct sp_arena *arena, struct sp_intervals *set, uint64_t start, uint64_t end);

/* Makes a set of intervals that were put into the array in any order. */
void sp_intervals_sort(struct sp_intervals *set);

/* Puts into the empty set `out` what is in `set` and not in `without`. False: no memory. */
bool sp_intervals_subtract(struct sp_arena *arena, struct sp_intervals *out,
	const struct sp_intervals *set, const struct sp_intervals *without);

/* Takes [start, end) out. False: no memory. */
bool sp_intervals_remove(
	struct sp_arena *arena, struct sp_intervals *set, uint64_t start, uint64_t end);

/* True if all of [start, end), or any part of it, is in the set. */
bool sp_intervals_contain(const struct sp_intervals *set, uint64_t start, uint64_t end);
bool sp_intervals_touch(const struct sp_intervals *set, uint64_t start, uint64_t end);

/*
 * The lowest address in the set at which `size` fits and whose remainder modulo `align` (a power
 * of two) is `phase`. False if there is none.
 */
bool sp_intervals_fit(const struct sp_intervals *set, uint64_t size, uint64_t align, uint64_t phase,
	uint64_t *start);

#endif
