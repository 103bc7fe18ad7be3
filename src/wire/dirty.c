/* SPDX-License-Identifier: MIT */
#include "wire/dirty.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_SHIFT 12
#define LEAF_SHIFT 27
#define LEAF_PAGES (1u << (LEAF_SHIFT - PAGE_SHIFT))
#define LEAF_WORDS (LEAF_PAGES / 64)

struct sp_dirty_leaf {
	uint64_t index; /* the address without its low bits */
	uint64_t words[LEAF_WORDS];
};

void sp_dirty_init(struct sp_dirty *dirty, struct sp_budget *budget, uint64_t *allocations) {
	memset(dirty, 0, sizeof(*dirty));
	dirty->budget = budget;
	dirty->allocations = allocations;
}

int sp_dirty_start(struct sp_dirty *dirty) {
	if (dirty->on)
		return EBUSY;
	dirty->on = true;
	return 0;
}

void sp_dirty_stop(struct sp_dirty *dirty) {
	for (uint32_t i = 0; i < dirty->count; i++)
		free(dirty->leaves[i]);
	sp_budget_release(dirty->budget, SP_RESOURCE_BYTES,
		(uint64_t)dirty->count * sizeof(struct sp_dirty_leaf) +
			(uint64_t)dirty->capacity * sizeof(dirty->leaves[0]));
	free(dirty->leaves);
	dirty->leaves = NULL;
	dirty->count = dirty->capacity = 0;
	dirty->on = dirty->all = false;
}

/* The number of the first leaf that is not before `index`. */
static uint32_t search(const struct sp_dirty *dirty, uint64_t index) {
	uint32_t low = 0, high = dirty->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (dirty->leaves[middle]->index < index)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool grow(struct sp_dirty *dirty) {
	uint32_t capacity = dirty->capacity ? dirty->capacity * 2 : 16;
	uint64_t bytes = (capacity - dirty->capacity) * sizeof(dirty->leaves[0]);
	void *leaves;

	if (dirty->count < dirty->capacity)
		return true;
	if (!sp_budget_charge(dirty->budget, SP_RESOURCE_BYTES, bytes))
		return false;
	leaves = realloc(dirty->leaves, capacity * sizeof(dirty->leaves[0]));
	if (!leaves) {
		sp_budget_release(dirty->budget, SP_RESOURCE_BYTES, bytes);
		return false;
	}
	++*dirty->allocations;
	dirty->leaves = leaves;
	dirty->capacity = capacity;
	return true;
}

static struct sp_dirty_leaf *add(struct sp_dirty *dirty, uint32_t at, uint64_t index) {
	struct sp_dirty_leaf *leaf;

	if (dirty->count == SP_DIRTY_LEAVES_MAX || !grow(dirty) ||
		!sp_budget_charge(dirty->budget, SP_RESOURCE_BYTES, sizeof(*leaf)))
		return NULL;
	leaf = calloc(1, sizeof(*leaf));
	if (!leaf) {
		sp_budget_release(dirty->budget, SP_RESOURCE_BYTES, sizeof(*leaf));
		return NULL;
	}
	++*dirty->allocations;
	leaf->index = index;
	memmove(dirty->leaves + at + 1, dirty->leaves + at,
		(dirty->count - at) * sizeof(dirty->leaves[0]));
	dirty->leaves[at] = leaf;
	dirty->count++;
	return leaf;
}

static struct sp_dirty_leaf *leaf_of(struct sp_dirty *dirty, uint64_t index) {
	uint32_t at = search(dirty, index);

	if (at < dirty->count && dirty->leaves[at]->index == index)
		return dirty->leaves[at];
	return add(dirty, at, index);
}

/* Bits `first` to `last`. */
static void set_bits(uint64_t *words, uint64_t first, uint64_t last) {
	while (first <= last) {
		uint64_t in_word = first % 64, count = 64 - in_word;

		if (count > last - first + 1)
			count = last - first + 1;
		words[first / 64] |= (UINT64_MAX >> (64 - count)) << in_word;
		first += count;
	}
}

void sp_dirty_mark(struct sp_dirty *dirty, uint64_t address, uint64_t size) {
	uint64_t first = address >> PAGE_SHIFT, last = (address + (size - 1)) >> PAGE_SHIFT;

	if (!dirty->on || dirty->all)
		return;
	while (first <= last) {
		uint64_t index = first / LEAF_PAGES, end = first | (LEAF_PAGES - 1);
		struct sp_dirty_leaf *leaf = leaf_of(dirty, index);

		if (!leaf) {
			dirty->all = true;
			return;
		}
		if (end > last)
			end = last;
		set_bits(leaf->words, first % LEAF_PAGES, end % LEAF_PAGES);
		first = end + 1;
	}
}

uint64_t sp_dirty_bitmap_size(uint64_t length, uint64_t page) {
	uint64_t bits = length ? (length - 1) / page + 1 : 0;

	return bits ? ((bits - 1) / 64 + 1) * 8 : 0;
}

struct report {
	uint64_t address, last, page;
	uint8_t *bitmap;
};

static void tell(const struct report *report, uint64_t first, uint64_t last) {
	uint64_t from, to;

	if (last < report->address || first > report->last)
		return;
	from = (first > report->address ? first - report->address : 0) / report->page;
	to = ((last < report->last ? last : report->last) - report->address) / report->page;
	for (uint64_t bit = from; bit <= to; bit++)
		report->bitmap[bit / 8] |= (uint8_t)(1u << bit % 8);
}

static void tell_leaf(const struct report *report, struct sp_dirty_leaf *leaf) {
	for (uint32_t i = 0; i < LEAF_WORDS; i++) {
		for (uint64_t left = leaf->words[i]; left; left &= left - 1) {
			uint32_t bit = (uint32_t)__builtin_ctzll(left);
			uint64_t first = (leaf->index * LEAF_PAGES + i * 64 + bit) << PAGE_SHIFT;
			uint64_t last = first | ((1u << PAGE_SHIFT) - 1);

			tell(report, first, last);
			/* A page that is only partly asked for is told again. */
			if (first >= report->address && last <= report->last)
				leaf->words[i] &= ~(UINT64_C(1) << bit);
		}
	}
}

void sp_dirty_report(
	struct sp_dirty *dirty, uint64_t address, uint64_t length, uint64_t page, uint8_t *bitmap) {
	struct report report = {address, address + (length - 1), page, bitmap};

	memset(bitmap, 0, sp_dirty_bitmap_size(length, page));
	if (dirty->all) {
		tell(&report, report.address, report.last);
		return;
	}
	for (uint32_t i = search(dirty, address >> LEAF_SHIFT);
		i < dirty->count && dirty->leaves[i]->index <= report.last >> LEAF_SHIFT; i++)
		tell_leaf(&report, dirty->leaves[i]);
}
