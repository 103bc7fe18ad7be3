/* SPDX-License-Identifier: MIT */
#ifndef SP_WIRE_DMA_H
#define SP_WIRE_DMA_H

#include <sallyport/device.h>

#include "wire/record.h"

/*
 * The guest's memory, as its client has told it: ranges of addresses, each a part of a file, or in
 * the client's hands alone.
 *
 * A file is mapped whole when something in it is first needed, however many ranges lie in it, and
 * only if nobody can make it shorter under us, which would be a SIGBUS: that is, if its size is
 * sealed (F_SEAL_SHRINK), as QEMU does, or can be sealed by us. All others are read and written by
 * calls, which tell an error instead, and cannot be pinned.
 */
#define SP_DMA_RANGES_MAX 65535u
#define SP_DMA_FILES_MAX 64u

struct sp_dma_file;

struct sp_dma_range {
	uint64_t address, size;
	uint64_t file_offset;
	struct sp_dma_file *file; /* NULL: the client's hands */
	uint32_t access; /* enum sp_dma_access */
	uint32_t pins;
	bool going; /* it is about to be unmapped: no new pins */
	uint32_t slot; /* in the record */
	struct sp_dma_range *next; /* of those that are free */
};

struct sp_dma {
	struct sp_dma_range **ranges; /* by address */
	uint32_t count, capacity, peak;
	struct sp_dma_range *free;
	struct sp_dma_chunk *chunks;
	struct sp_dma_file *files;
	uint32_t file_count;
	uint64_t mapped; /* bytes that are mapped here */
	uint32_t pins;
	struct sp_dma_pin *writing; /* pins by which the device may write */
	struct sp_budget *budget;
	uint64_t *allocations; /* a counter */
	struct sp_drops *drops; /* for descriptors; NULL: they are closed */
	struct sp_record *record; /* NULL: none */
	uint32_t *slots; /* of the record, that may be used again: a ring */
	uint64_t slots_head, slots_tail;
};

void sp_dma_init(struct sp_dma *dma, struct sp_budget *budget, uint64_t *allocations);
/* Each range is told to the record from now on. False: no memory. */
bool sp_dma_keep(struct sp_dma *dma, struct sp_record *record, struct sp_drops *drops);
/* Takes over those of the record. errno. */
int sp_dma_restore(struct sp_dma *dma);
/* Forgets all ranges. What is still pinned stays mapped until it is released. */
void sp_dma_clear(struct sp_dma *dma);
/* After sp_dma_clear(); nothing may be pinned. */
void sp_dma_release(struct sp_dma *dma);

/*
 * Adds a range. `fd`, unless -1, becomes the table's in any case. EINVAL: no such range, or not all
 * of it within a regular file; EEXIST: some of it is there already; ENOSPC, ENOMEM, EDQUOT.
 * `as_file`: it is not to be mapped.
 */
int sp_dma_map(struct sp_dma *dma, uint64_t address, uint64_t size, uint32_t access, int fd,
	uint64_t file_offset, bool as_file);

/* From the first to the last of some addresses. */
struct sp_dma_span {
	uint64_t first, last;
	bool empty;
};

/*
 * Ranges that lie wholly within [address, last] are going; *pinned spans those of them that have
 * pins. EINVAL, and nothing happens, if one lies only partly within. None at all is no error: QEMU
 * unmaps more than it has mapped.
 */
int sp_dma_unmap_begin(
	struct sp_dma *dma, uint64_t address, uint64_t last, struct sp_dma_span *pinned);
/* Removes those. */
void sp_dma_unmap_end(struct sp_dma *dma, uint64_t address, uint64_t last);

/* The range that has the address; NULL: none. */
struct sp_dma_range *sp_dma_find(const struct sp_dma *dma, uint64_t address);

/* As in struct sp_bus_ops, but for bus mastering. */
int sp_dma_pin(struct sp_dma *dma, struct sp_dma_pin *pin);
void sp_dma_unpin(struct sp_dma *dma, struct sp_dma_pin *pin);

/* A copy within one range that has a file. errno. */
int sp_dma_copy(struct sp_dma *dma, struct sp_dma_range *range, uint64_t address, uint8_t *data,
	uint64_t size, bool write);

#endif
