/* SPDX-License-Identifier: MIT */
#include "base/interval.h"

#include <stdlib.h>
#include <string.h>

/* The first interval that ends behind `at`. */
static uint32_t first_after(const struct sp_intervals *set, uint64_t at) {
	uint32_t low = 0, high = set->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (set->data[middle].end > at)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* Puts `count` (0, 1 or 2) intervals in the place of [from, to). */
static bool replace(struct sp_arena *arena, struct sp_intervals *set, uint32_t from, uint32_t to,
	const struct sp_interval *with, uint32_t count) {
	uint32_t tail = set->count - to;

	if (count > to - from && set->capacity - set->count < count - (to - from) &&
		!sp_vec_grow(arena, (void **)&set->data, &set->capacity, sizeof(*set->data)))
		return false;
	if (tail && from + count != to)
		memmove(set->data + from + count, set->data + to, tail * sizeof(*set->data));
	if (count)
		memcpy(set->data + from, with, count * sizeof(*with));
	set->count = from + count + tail;
	return true;
}

bool sp_intervals_add(
	struct sp_arena *arena, struct sp_intervals *set, uint64_t start, uint64_t end) {
	struct sp_interval merged = {start, end};
	uint32_t from, to;

	if (start >= end)
		return true;
	/* One that ends where this one starts is merged, too. */
	from = start ? first_after(set, start - 1) : 0;
	for (to = from; to < set->count && set->data[to].start <= end; to++) {
		if (set->data[to].start < merged.start)
			merged.start = set->data[to].start;
		if (set->data[to].end > merged.end)
			merged.end = set->data[to].end;
	}
	return replace(arena, set, from, to, &merged, 1);
}

static int compare(const void *left, const void *right) {
	const struct sp_interval *a = left, *b = right;

	return a->start < b->start ? -1 : a->start > b->start;
}

void sp_intervals_sort(struct sp_intervals *set) {
	uint32_t count = 0;

	if (set->count > 1)
		qsort(set->data, set->count, sizeof(*set->data), compare);
	for (uint32_t i = 0; i < set->count; i++) {
		const struct sp_interval *at = &set->data[i];
		struct sp_interval *last = count ? &set->data[count - 1] : NULL;

		if (at->start >= at->end)
			continue;
		if (!last || at->start > last->end)
			set->data[count++] = *at;
		else if (at->end > last->end)
			last->end = at->end;
	}
	set->count = count;
}

bool sp_intervals_subtract(struct sp_arena *arena, struct sp_intervals *out,
	const struct sp_intervals *set, const struct sp_intervals *without) {
	for (uint32_t i = 0, first = 0; i < set->count; i++) {
		uint64_t start = set->data[i].start, end = set->data[i].end;

		while (first < without->count && without->data[first].end <= start)
			first++;
		for (uint32_t j = first; start < end; j++) {
			bool cut = j < without->count && without->data[j].start < end;
			uint64_t stop = cut ? without->data[j].start : end;

			/* Each is higher than the one before it: nothing has to be moved. */
			if (start < stop && !sp_intervals_add(arena, out, start, stop))
				return false;
			start = cut ? without->data[j].end : end;
			if (cut)
				first = j;
		}
	}
	return true;
}

bool sp_intervals_remove(
	struct sp_arena *arena, struct sp_intervals *set, uint64_t start, uint64_t end) {
	struct sp_interval rest[2];
	uint32_t from, to, count = 0;

	if (start >= end)
		return true;
	from = to = first_after(set, start);
	while (to < set->count && set->data[to].start < end)
		to++;
	if (from == to)
		return true;
	if (set->data[from].start < start)
		rest[count++] = (struct sp_interval){set->data[from].start, start};
	if (set->data[to - 1].end > end)
		rest[count++] = (struct sp_interval){end, set->data[to - 1].end};
	return replace(arena, set, from, to, rest, count);
}

bool sp_intervals_contain(const struct sp_intervals *set, uint64_t start, uint64_t end) {
	uint32_t i;

	if (start >= end)
		return true;
	i = first_after(set, start);
	return i < set->count && set->data[i].start <= start && set->data[i].end >= end;
}

bool sp_intervals_touch(const struct sp_intervals *set, uint64_t start, uint64_t end) {
	uint32_t i;

	if (start >= end)
		return false;
	i = first_after(set, start);
	return i < set->count && set->data[i].start < end;
}

bool sp_intervals_fit(const struct sp_intervals *set, uint64_t size, uint64_t align, uint64_t phase,
	uint64_t *start) {
	uint64_t mask = align ? align - 1 : 0;

	for (uint32_t i = 0; i < set->count; i++) {
		const struct sp_interval *interval = &set->data[i];
		uint64_t skip = (phase - interval->start) & mask;
		uint64_t room = interval->end - interval->start;

		if (skip < room && size <= room - skip) {
			*start = interval->start + skip;
			return true;
		}
	}
	return false;
}
