/* SPDX-License-Identifier: MIT */
#include "wire/dma.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire/dma_file.h"

#define CHUNK 64u

struct sp_dma_chunk {
	struct sp_dma_chunk *next;
	struct sp_dma_range ranges[CHUNK];
};

void sp_dma_init(struct sp_dma *dma, struct sp_budget *budget, uint64_t *allocations) {
	memset(dma, 0, sizeof(*dma));
	dma->budget = budget;
	dma->allocations = allocations;
}

static uint64_t last_of(const struct sp_dma_range *range) {
	return range->address + (range->size - 1);
}

/* The number of the first range that ends at or behind `address`. */
static uint32_t search(const struct sp_dma *dma, uint64_t address) {
	uint32_t low = 0, high = dma->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (last_of(dma->ranges[middle]) < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct sp_dma_range *sp_dma_find(const struct sp_dma *dma, uint64_t address) {
	uint32_t i = search(dma, address);

	return i < dma->count && dma->ranges[i]->address <= address ? dma->ranges[i] : NULL;
}

static int grow(struct sp_dma *dma) {
	uint32_t capacity = dma->capacity ? dma->capacity * 2 : CHUNK;
	uint64_t bytes = (capacity - dma->capacity) * sizeof(dma->ranges[0]);
	void *ranges;

	if (!sp_budget_charge(dma->budget, SP_RESOURCE_BYTES, bytes))
		return EDQUOT;
	ranges = realloc(dma->ranges, capacity * sizeof(dma->ranges[0]));
	if (!ranges) {
		sp_budget_release(dma->budget, SP_RESOURCE_BYTES, bytes);
		return ENOMEM;
	}
	++*dma->allocations;
	dma->ranges = ranges;
	dma->capacity = capacity;
	return 0;
}

static int refill(struct sp_dma *dma) {
	struct sp_dma_chunk *chunk;

	if (!sp_budget_charge(dma->budget, SP_RESOURCE_BYTES, sizeof(*chunk)))
		return EDQUOT;
	chunk = malloc(sizeof(*chunk));
	if (!chunk) {
		sp_budget_release(dma->budget, SP_RESOURCE_BYTES, sizeof(*chunk));
		return ENOMEM;
	}
	++*dma->allocations;
	chunk->next = dma->chunks;
	dma->chunks = chunk;
	for (uint32_t i = 0; i < CHUNK; i++) {
		chunk->ranges[i].next = dma->free;
		dma->free = &chunk->ranges[i];
	}
	return 0;
}

static int make_room(struct sp_dma *dma) {
	int error = 0;

	if (dma->count == SP_DMA_RANGES_MAX)
		return ENOSPC;
	if (dma->count == dma->capacity)
		error = grow(dma);
	if (!error && !dma->free)
		error = refill(dma);
	return error;
}

static int check(const struct sp_dma *dma, uint64_t address, uint64_t size) {
	uint32_t i;

	if (!size || size - 1 > UINT64_MAX - address)
		return EINVAL;
	i = search(dma, address);
	return i < dma->count && dma->ranges[i]->address <= address + (size - 1) ? EEXIST : 0;
}

int sp_dma_map(struct sp_dma *dma, uint64_t address, uint64_t size, uint32_t access, int fd,
	uint64_t file_offset, bool as_file) {
	struct sp_dma_file *file = NULL;
	struct sp_dma_range *range;
	int error = check(dma, address, size);
	uint32_t i;

	if (!error)
		error = make_room(dma);
	if (error) {
		if (fd >= 0)
			sp_drop(dma->drops, fd);
		return error;
	}
	if (fd >= 0) {
		error = sp_dma_file_get(dma, fd, file_offset, size, access & SP_DMA_WRITE, &file);
		if (error)
			return error;
		if (as_file && !file->data)
			file->unmappable = true;
	}
	range = dma->free;
	dma->free = range->next;
	*range = (struct sp_dma_range){
		.address = address,
		.size = size,
		.file_offset = file_offset,
		.file = file,
		.access = access,
	};
	/* Half a mebibyte at most, and nothing for those that come in order. */
	i = search(dma, address);
	memmove(dma->ranges + i + 1, dma->ranges + i, (dma->count - i) * sizeof(dma->ranges[0]));
	dma->ranges[i] = range;
	if (++dma->count > dma->peak)
		dma->peak = dma->count;
	if (dma->record)
		sp_dma_keep_range(dma, range);
	return 0;
}

int sp_dma_unmap_begin(
	struct sp_dma *dma, uint64_t address, uint64_t last, struct sp_dma_span *pinned) {
	uint32_t first = search(dma, address), end;

	*pinned = (struct sp_dma_span){0, 0, true};
	if (first < dma->count && dma->ranges[first]->address < address)
		return EINVAL;
	end = search(dma, last);
	if (end < dma->count && dma->ranges[end]->address <= last) {
		if (last_of(dma->ranges[end]) > last)
			return EINVAL;
		end++;
	}
	for (uint32_t i = first; i < end; i++) {
		dma->ranges[i]->going = true;
		if (!dma->ranges[i]->pins)
			continue;
		if (pinned->empty)
			pinned->first = dma->ranges[i]->address;
		pinned->last = last_of(dma->ranges[i]);
		pinned->empty = false;
	}
	return 0;
}

static void drop(struct sp_dma *dma, struct sp_dma_range *range) {
	if (dma->record)
		sp_dma_forget_range(dma, range);
	if (range->file)
		sp_dma_file_put(dma, range->file);
	range->next = dma->free;
	dma->free = range;
}

void sp_dma_unmap_end(struct sp_dma *dma, uint64_t address, uint64_t last) {
	uint32_t first = search(dma, address), end = first;

	while (end < dma->count && last_of(dma->ranges[end]) <= last) {
		drop(dma, dma->ranges[end]);
		end++;
	}
	if (first == end)
		return;
	memmove(dma->ranges + first, dma->ranges + end,
		(dma->count - end) * sizeof(dma->ranges[0]));
	dma->count -= end - first;
}

void sp_dma_clear(struct sp_dma *dma) {
	sp_dma_unmap_end(dma, 0, UINT64_MAX);
	dma->peak = 0;
}

void sp_dma_release(struct sp_dma *dma) {
	while (dma->chunks) {
		struct sp_dma_chunk *chunk = dma->chunks;

		dma->chunks = chunk->next;
		free(chunk);
		sp_budget_release(dma->budget, SP_RESOURCE_BYTES, sizeof(*chunk));
	}
	free(dma->slots);
	dma->slots = NULL;
	free(dma->ranges);
	sp_budget_release(dma->budget, SP_RESOURCE_BYTES, dma->capacity * sizeof(dma->ranges[0]));
	dma->ranges = NULL;
	dma->capacity = 0;
	dma->free = NULL;
}

int sp_dma_copy(struct sp_dma *dma, struct sp_dma_range *range, uint64_t address, uint8_t *data,
	uint64_t size, bool write) {
	uint64_t at = range->file_offset + (address - range->address);
	uint8_t *memory = sp_dma_file_data(dma, range->file);

	if (memory) {
		if (write)
			memcpy(memory + at, data, size);
		else
			memcpy(data, memory + at, size);
		return 0;
	}
	while (size) {
		ssize_t done = write ? pwrite(range->file->fd, data, size, (off_t)at)
				     : pread(range->file->fd, data, size, (off_t)at);

		if (done < 0 && errno == EINTR)
			continue;
		/* The file was made shorter, or is one that knows no such calls. */
		if (done <= 0)
			return EFAULT;
		data += done;
		at += (uint64_t)done;
		size -= (uint64_t)done;
	}
	return 0;
}

/* The parts, as long as there are some. A part is what lies in one range. */
static int take_parts(struct sp_dma *dma, struct sp_dma_pin *pin) {
	uint64_t address = pin->address, left = pin->size;

	while (left) {
		struct sp_dma_range *range = sp_dma_find(dma, address);
		struct sp_dma_part *part;
		uint64_t inside;

		if (!range || range->going || (range->access & pin->access) != pin->access)
			return EFAULT;
		if (pin->part_count == pin->part_max)
			return E2BIG;
		if (!range->file || !sp_dma_file_data(dma, range->file))
			return ENOTSUP;
		inside = range->size - (address - range->address);
		part = &pin->parts[pin->part_count++];
		part->size = left < inside ? left : inside;
		part->file = range->file->fd;
		part->file_offset = range->file_offset + (address - range->address);
		part->data = range->file->data + part->file_offset;
		range->pins++;
		/* So that it outlives the range if the device does. */
		range->file->users++;
		address += part->size;
		left -= part->size;
	}
	return 0;
}

static struct sp_dma_file *file_of(const struct sp_dma *dma, int fd) {
	struct sp_dma_file *file = dma->files;

	while (file && file->fd != fd)
		file = file->next;
	return file;
}

/* The ranges may be gone; the files are there. */
static void give_parts(struct sp_dma *dma, struct sp_dma_pin *pin) {
	uint64_t address = pin->address;

	for (uint32_t i = 0; i < pin->part_count; i++) {
		struct sp_dma_range *range = sp_dma_find(dma, address);
		struct sp_dma_file *file = file_of(dma, pin->parts[i].file);

		if (range && range->pins && range->file == file)
			range->pins--;
		if (file)
			sp_dma_file_put(dma, file);
		address += pin->parts[i].size;
	}
	pin->part_count = 0;
}

/* A list in both directions: `bus_data` is the place that points at the pin. */
static void list_writing(struct sp_dma *dma, struct sp_dma_pin *pin) {
	pin->next = dma->writing;
	pin->bus_data = &dma->writing;
	if (pin->next)
		pin->next->bus_data = &pin->next;
	dma->writing = pin;
}

static void unlist_writing(struct sp_dma_pin *pin) {
	struct sp_dma_pin **place = pin->bus_data;

	*place = pin->next;
	if (pin->next)
		pin->next->bus_data = place;
}

int sp_dma_pin(struct sp_dma *dma, struct sp_dma_pin *pin) {
	int error;

	pin->part_count = 0;
	if (pin->space)
		return ENOTSUP;
	if (!pin->size || pin->size - 1 > UINT64_MAX - pin->address || !pin->access)
		return EFAULT;
	if (!sp_budget_charge(dma->budget, SP_RESOURCE_PINS, 1))
		return EDQUOT;
	error = take_parts(dma, pin);
	if (error) {
		give_parts(dma, pin);
		sp_budget_release(dma->budget, SP_RESOURCE_PINS, 1);
		return error;
	}
	dma->pins++;
	if (pin->access & SP_DMA_WRITE)
		list_writing(dma, pin);
	return 0;
}

void sp_dma_unpin(struct sp_dma *dma, struct sp_dma_pin *pin) {
	if (pin->access & SP_DMA_WRITE)
		unlist_writing(pin);
	give_parts(dma, pin);
	sp_budget_release(dma->budget, SP_RESOURCE_PINS, 1);
	dma->pins--;
}
