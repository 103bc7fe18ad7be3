/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "wire/stream_parts.h"

/* Bytes that are the stream's as long as it is. */
struct bytes {
	uint8_t *data;
	size_t size, capacity;
};

struct sp_stream_in {
	struct sp_device *device;
	uint64_t *allocations;
	uint64_t charged;
	int error; /* that was found; nothing helps any more */
	bool begun, ended; /* behind the magic number; behind the last chunk */
	struct bytes chunk; /* as far as it is there, with its head */
	struct bytes state, irqs; /* chunks, with their heads */
	bool same;
	struct sp_stream_place place; /* memory before this is done */
	uint64_t sum;
};

struct sp_stream_in *sp_stream_in_create(struct sp_device *device, uint64_t *allocations) {
	struct sp_stream_in *in = calloc(1, sizeof(*in));

	if (!in)
		return NULL;
	++*allocations;
	in->device = device;
	in->allocations = allocations;
	in->sum = SP_STREAM_SUM;
	return in;
}

void sp_stream_in_destroy(struct sp_stream_in *in) {
	if (!in)
		return;
	sp_budget_release(in->device->budget, SP_RESOURCE_BYTES, in->charged);
	free(in->chunk.data);
	free(in->state.data);
	free(in->irqs.data);
	free(in);
}

/* Room for what has come, not for what a head promises. */
static int make_room(struct sp_stream_in *in, size_t size) {
	struct bytes *chunk = &in->chunk;
	size_t capacity = chunk->capacity ? chunk->capacity : 4096;
	uint8_t *data;

	while (capacity < chunk->size + size)
		capacity *= 2;
	if (capacity == chunk->capacity)
		return 0;
	if (!sp_budget_charge(in->device->budget, SP_RESOURCE_BYTES, capacity - chunk->capacity))
		return EDQUOT;
	in->charged += capacity - chunk->capacity;
	data = realloc(chunk->data, capacity);
	if (!data)
		return ENOMEM;
	++*in->allocations;
	chunk->data = data;
	chunk->capacity = capacity;
	return 0;
}

static int take_identity(struct sp_stream_in *in, const uint8_t *data, size_t size) {
	const struct sp_device_info *info = in->device->info;
	size_t length = strlen(info->model);

	if (size != 8 + length + 8 * (size_t)info->region_count || sp_load_le32(data) != length ||
		memcmp(data + 4, info->model, length) != 0 ||
		sp_load_le32(data + 4 + length) != info->region_count)
		return EINVAL;
	data += 8 + length;
	for (uint32_t i = 0; i < info->region_count; i++) {
		if (sp_load_le64(data + 8 * i) != info->regions[i].size)
			return EINVAL;
	}
	in->same = true;
	return 0;
}

static int zero(const struct sp_region *region, const struct sp_area *area, uint64_t offset,
	uint64_t size) {
	static const uint8_t ZEROS[16 * SP_PAGE];

	if (!size ||
		!fallocate(region->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			(off_t)(area->file_offset + (offset - area->offset)), (off_t)size))
		return 0;
	while (size) {
		uint32_t part = size < sizeof(ZEROS) ? (uint32_t)size : sizeof(ZEROS);

		/* It is only read. */
		if (sp_region_memory(region, area, offset, (uint8_t *)(uintptr_t)ZEROS, part, true))
			return EIO;
		offset += part;
		size -= part;
	}
	return 0;
}

/* What was left out before [region, offset] is zero; *area: where that is. NULL: up to the end. */
static int zero_until(struct sp_stream_in *in, uint32_t region, uint64_t offset, bool end,
	const struct sp_area **found) {
	const struct sp_device_info *info = in->device->info;
	const struct sp_area *area;

	while ((area = sp_stream_area(info, &in->place))) {
		uint64_t at = area->offset + in->place.offset, to = area->offset + area->size;
		bool here = !end && in->place.region == region && offset < to;

		if (here && offset < at)
			return EINVAL;
		if (!end && in->place.region > region)
			return EINVAL;
		if (here)
			to = offset;
		if (zero(&info->regions[in->place.region], area, at, to - at))
			return EIO;
		in->place.offset += to - at;
		if (here) {
			*found = area;
			return 0;
		}
	}
	return end ? 0 : EINVAL;
}

static int take_pages(struct sp_stream_in *in, uint8_t *data, size_t size) {
	const struct sp_area *area = NULL;
	uint32_t region;
	uint64_t offset;
	int error;

	if (size <= SP_STREAM_PAGE_HEAD || (size - SP_STREAM_PAGE_HEAD) % SP_PAGE)
		return EINVAL;
	region = sp_load_le32(data);
	offset = sp_load_le64(data + 8);
	if (sp_load_le32(data + 4) || offset % SP_PAGE)
		return EINVAL;
	data += SP_STREAM_PAGE_HEAD;
	size -= SP_STREAM_PAGE_HEAD;
	error = zero_until(in, region, offset, false, &area);
	if (error)
		return error;
	if (!sp_within(in->place.offset, size, area->size))
		return EINVAL;
	if (sp_region_memory(
		    &in->device->info->regions[region], area, offset, data, (uint32_t)size, true))
		return EIO;
	in->place.offset += size;
	return 0;
}

static int take_end(struct sp_stream_in *in, const uint8_t *data, size_t size) {
	if (size != 8 || sp_load_le64(data) != in->sum || !in->same || !in->state.data)
		return EINVAL;
	in->ended = true;
	return zero_until(in, 0, 0, true, NULL);
}

/* A chunk that is kept as it is. */
static int keep(struct sp_stream_in *in, struct bytes *kept) {
	if (kept->data)
		return EINVAL;
	*kept = in->chunk;
	in->chunk = (struct bytes){NULL, 0, 0};
	return 0;
}

/* Others are of a later release, which could do without our knowing them. */
static int take_chunk(struct sp_stream_in *in) {
	uint8_t *data = in->chunk.data + SP_STREAM_HEAD;
	size_t size = in->chunk.size - SP_STREAM_HEAD;
	uint32_t tag = sp_load_le32(in->chunk.data);
	int error = 0;

	if (tag == SP_STREAM_END)
		return take_end(in, data, size);
	in->sum = sp_stream_sum(in->sum, in->chunk.data, in->chunk.size);
	if (in->same == (tag == SP_STREAM_SAME))
		return EINVAL;
	switch (tag) {
	case SP_STREAM_SAME:
		error = take_identity(in, data, size);
		break;
	case SP_STREAM_DEVICE:
		error = keep(in, &in->state);
		break;
	case SP_STREAM_IRQS:
		error = keep(in, &in->irqs);
		break;
	case SP_STREAM_PAGE:
		error = take_pages(in, data, size);
		break;
	default:
		break;
	}
	in->chunk.size = 0;
	return error;
}

static bool is_known(uint32_t tag) {
	return tag == SP_STREAM_SAME || tag == SP_STREAM_DEVICE || tag == SP_STREAM_IRQS ||
		tag == SP_STREAM_PAGE || tag == SP_STREAM_END;
}

/* How many bytes are wanted before something can be done with them. */
static int wanted(const struct sp_stream_in *in, size_t *size) {
	const uint8_t *head = in->chunk.data;
	uint32_t tag, most = SP_STREAM_STATE_MAX;

	*size = in->begun ? SP_STREAM_HEAD : SP_STREAM_MAGIC;
	if (!in->begun || in->chunk.size < SP_STREAM_HEAD)
		return 0;
	tag = sp_load_le32(head);
	if (tag == SP_STREAM_PAGE)
		most = SP_STREAM_PAGE_HEAD + SP_STREAM_PAGES;
	if (sp_load_le16(head + 6) || sp_load_le32(head + 8) > most ||
		(is_known(tag) && sp_load_le16(head + 4) != 1))
		return EINVAL;
	*size = SP_STREAM_HEAD + sp_load_le32(head + 8);
	return 0;
}

static int begin(struct sp_stream_in *in) {
	static const uint8_t MAGIC[SP_STREAM_MAGIC] = {'S', 'P', 'S', 'T', 'A', 'T', 'E', 1};

	if (memcmp(in->chunk.data, MAGIC, sizeof(MAGIC)) != 0)
		return EINVAL;
	in->sum = sp_stream_sum(in->sum, in->chunk.data, sizeof(MAGIC));
	in->chunk.size = 0;
	in->begun = true;
	return 0;
}

static int take(struct sp_stream_in *in, const uint8_t *data, uint32_t size) {
	while (size) {
		size_t part, whole;
		int error = in->ended ? EINVAL : wanted(in, &whole);

		if (error)
			return error;
		part = whole - in->chunk.size;
		if (part > size)
			part = size;
		error = make_room(in, part);
		if (error)
			return error;
		memcpy(in->chunk.data + in->chunk.size, data, part);
		in->chunk.size += part;
		data += part;
		size -= (uint32_t)part;
		/* The head of a chunk says how long it is, which may be nothing more. */
		error = wanted(in, &whole);
		if (error)
			return error;
		if (in->chunk.size < whole)
			continue;
		error = in->begun ? take_chunk(in) : begin(in);
		if (error)
			return error;
	}
	return 0;
}

int sp_stream_write(struct sp_stream_in *in, const uint8_t *data, uint32_t size) {
	if (!in->error)
		in->error = take(in, data, size);
	return in->error;
}

int sp_stream_finish(struct sp_stream_in *in, const uint8_t **irqs, uint32_t *irqs_size) {
	struct sp_state_reader *reader;
	struct sp_error error;
	bool loaded = false;

	if (in->error || !in->ended)
		return EINVAL;
	reader = sp_state_reader_create(
		in->state.data + SP_STREAM_HEAD, in->state.size - SP_STREAM_HEAD, &error);
	if (reader)
		loaded = in->device->ops->load(in->device, reader, &error);
	sp_state_reader_destroy(reader);
	*irqs = in->irqs.data ? in->irqs.data + SP_STREAM_HEAD : NULL;
	*irqs_size = in->irqs.data ? (uint32_t)(in->irqs.size - SP_STREAM_HEAD) : 0;
	return loaded ? 0 : EINVAL;
}
