/* SPDX-License-Identifier: MIT */
#ifndef SP_WIRE_DIRTY_H
#define SP_WIRE_DIRTY_H

#include <stdbool.h>
#include <stdint.h>

#include <sallyport/budget.h>

/*
 * Which pages of the guest's memory were written from here, since logging was started and they were
 * last reported. What cannot be kept, as there is too much of it, makes all pages count as written:
 * a page too many is copied again, and one too few would be lost.
 */
#define SP_DIRTY_LEAVES_MAX 8192u /* of 128 MiB each */

struct sp_dirty_leaf;

struct sp_dirty {
	bool on;
	bool all; /* counts as written */
	struct sp_dirty_leaf **leaves; /* by address */
	uint32_t count, capacity;
	struct sp_budget *budget;
	uint64_t *allocations; /* a counter */
};

void sp_dirty_init(struct sp_dirty *dirty, struct sp_budget *budget, uint64_t *allocations);
/* EBUSY: it is on. */
int sp_dirty_start(struct sp_dirty *dirty);
void sp_dirty_stop(struct sp_dirty *dirty); /* also if it is not on */

/* Nothing if logging is off. `size` is not 0, and the range does not wrap. */
void sp_dirty_mark(struct sp_dirty *dirty, uint64_t address, uint64_t size);

/* Bytes of the bitmap that covers so much: whole numbers of 64 bits. */
uint64_t sp_dirty_bitmap_size(uint64_t length, uint64_t page);
/*
 * Fills in a bitmap of [address, address + length), a bit for each `page` bytes, which are a power
 * of two and 4 KiB or more, and forgets what it told.
 */
void sp_dirty_report(
	struct sp_dirty *dirty, uint64_t address, uint64_t length, uint64_t page, uint8_t *bitmap);

#endif
