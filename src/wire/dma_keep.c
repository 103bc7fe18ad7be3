/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "wire/dma_file.h"

/* More than a power of two of slots is not needed, as a ring. */
#define RING SP_RECORD_RANGES

bool sp_dma_keep(struct sp_dma *dma, struct sp_record *record, struct sp_drops *drops) {
	dma->slots = malloc(RING * sizeof(*dma->slots));
	if (!dma->slots)
		return false;
	++*dma->allocations;
	dma->slots_head = dma->slots_tail = 0;
	dma->record = record;
	dma->drops = drops;
	return true;
}

/*
 * The slot of a range that is gone is needed as long as its going is not committed. There are twice
 * as many slots as ranges; should a client nevertheless use them up with one commit, the range is
 * not kept, and the next process does not know it.
 */
static uint32_t take_slot(struct sp_dma *dma) {
	struct sp_record *record = dma->record;

	if (dma->slots_head != dma->slots_tail) {
		uint32_t slot = dma->slots[dma->slots_head % RING];

		if (record->ranges[slot].gone <= record->committed) {
			dma->slots_head++;
			return slot;
		}
	}
	return record->ranges_used < SP_RECORD_RANGES ? record->ranges_used : SP_RECORD_RANGES;
}

void sp_dma_keep_range(struct sp_dma *dma, struct sp_dma_range *range) {
	struct sp_record *record = dma->record;
	struct sp_record_range *kept;

	range->slot = take_slot(dma);
	if (range->slot == SP_RECORD_RANGES)
		return;
	kept = &record->ranges[range->slot];
	/* Not there while it is written. */
	__atomic_store_n(&kept->added, 0, __ATOMIC_RELEASE);
	kept->address = range->address;
	kept->size = range->size;
	kept->file_offset = range->file_offset;
	kept->fd = range->file ? range->file->fd : -1;
	kept->access = range->access;
	if (range->file && range->file->unmappable)
		kept->access |= SP_RECORD_AS_FILE;
	kept->gone = 0;
	__atomic_store_n(&kept->added, record->committed + 1, __ATOMIC_RELEASE);
	if (range->slot == record->ranges_used)
		__atomic_store_n(&record->ranges_used, range->slot + 1, __ATOMIC_RELEASE);
}

void sp_dma_forget_range(struct sp_dma *dma, const struct sp_dma_range *range) {
	struct sp_record *record = dma->record;

	if (range->slot == SP_RECORD_RANGES)
		return;
	__atomic_store_n(
		&record->ranges[range->slot].gone, record->committed + 1, __ATOMIC_RELEASE);
	dma->slots[dma->slots_tail++ % RING] = range->slot;
}

int sp_dma_restore(struct sp_dma *dma) {
	struct sp_record *record = dma->record;
	int error = 0;

	/* Those that are mapped below are in their slots already. */
	dma->record = NULL;
	for (uint32_t i = 0; i < record->ranges_used; i++) {
		struct sp_record_range *kept = &record->ranges[i];
		uint32_t access = kept->access & ~SP_RECORD_AS_FILE;
		int failure;

		if (!kept->added || kept->gone) {
			dma->slots[dma->slots_tail++ % RING] = i;
			continue;
		}
		failure = sp_dma_map(dma, kept->address, kept->size, access, kept->fd,
			kept->file_offset, kept->access & SP_RECORD_AS_FILE);
		if (!failure) {
			sp_dma_find(dma, kept->address)->slot = i;
			continue;
		}
		/* Nobody has it any more, and its client goes. */
		error = failure;
		kept->gone = record->committed + 1;
		dma->slots[dma->slots_tail++ % RING] = i;
	}
	dma->record = record;
	return error;
}
