/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wire/stream_parts.h"

struct sp_stream_out {
	struct sp_device *device;
	struct sp_state_writer *head; /* all but the memory */
	uint64_t charged;
	struct sp_stream_place place;
	uint64_t sum;
	bool ended;

	/* The piece that is given out. */
	const uint8_t *piece;
	size_t size, at;
	uint8_t buffer[SP_STREAM_HEAD + SP_STREAM_PAGE_HEAD + SP_STREAM_PAGES];
};

const struct sp_area *sp_stream_area(
	const struct sp_device_info *info, struct sp_stream_place *place) {
	while (place->region < info->region_count) {
		const struct sp_region *region = &info->regions[place->region];

		for (; place->area < region->area_count; place->area++, place->offset = 0) {
			const struct sp_area *area = &region->areas[place->area];

			if ((area->kind == SP_AREA_MAPPED || area->kind == SP_AREA_READ_ONLY) &&
				place->offset < area->size)
				return area;
		}
		place->area = 0;
		place->region++;
	}
	return NULL;
}

static void put_identity(struct sp_state_writer *writer, const struct sp_device_info *info) {
	size_t length = strlen(info->model);

	sp_state_begin(writer, SP_STREAM_SAME, 1);
	sp_state_put_u32(writer, (uint32_t)length);
	sp_state_put_bytes(writer, info->model, length);
	sp_state_put_u32(writer, info->region_count);
	for (uint32_t i = 0; i < info->region_count; i++)
		sp_state_put_u64(writer, info->regions[i].size);
	sp_state_end(writer);
}

/* The device's own state is a state within the state. */
static bool put_device(struct sp_state_writer *writer, struct sp_device *device) {
	struct sp_state_writer *inner = sp_state_writer_create();
	struct sp_error error;
	const uint8_t *data = NULL;
	size_t size = 0;

	if (inner && device->ops->save(device, inner, &error))
		data = sp_state_data(inner, &size, &error);
	if (data && size > SP_STREAM_STATE_MAX)
		data = NULL;
	if (data) {
		sp_state_begin(writer, SP_STREAM_DEVICE, 1);
		sp_state_put_bytes(writer, data, size);
		sp_state_end(writer);
	}
	sp_state_writer_destroy(inner);
	return data != NULL;
}

static bool put_head(
	struct sp_stream_out *out, struct sp_device *device, const uint8_t *irqs, uint32_t size) {
	struct sp_error error;
	size_t charge;

	out->head = sp_state_writer_create();
	if (!out->head)
		return false;
	put_identity(out->head, device->info);
	if (!put_device(out->head, device))
		return false;
	sp_state_begin(out->head, SP_STREAM_IRQS, 1);
	sp_state_put_bytes(out->head, irqs, size);
	sp_state_end(out->head);
	out->piece = sp_state_data(out->head, &out->size, &error);
	charge = out->size + sizeof(*out);
	if (!out->piece || !sp_budget_charge(device->budget, SP_RESOURCE_BYTES, charge))
		return false;
	out->charged = charge;
	return true;
}

struct sp_stream_out *sp_stream_out_create(
	struct sp_device *device, const uint8_t *irqs, uint32_t irqs_size, uint64_t *allocations) {
	struct sp_stream_out *out = calloc(1, sizeof(*out));

	if (!out)
		return NULL;
	++*allocations;
	out->device = device;
	out->sum = SP_STREAM_SUM;
	if (put_head(out, device, irqs, irqs_size)) {
		out->sum = sp_stream_sum(out->sum, out->piece, out->size);
		return out;
	}
	sp_stream_out_destroy(out);
	return NULL;
}

void sp_stream_out_destroy(struct sp_stream_out *out) {
	if (!out)
		return;
	sp_budget_release(out->device->budget, SP_RESOURCE_BYTES, out->charged);
	sp_state_writer_destroy(out->head);
	free(out);
}

static void put_chunk(struct sp_stream_out *out, uint32_t tag, size_t size) {
	memset(out->buffer, 0, SP_STREAM_HEAD);
	sp_store_le32(out->buffer, tag);
	out->buffer[4] = 1; /* version */
	sp_store_le32(out->buffer + 8, (uint32_t)size);
	out->piece = out->buffer;
	out->size = SP_STREAM_HEAD + size;
	out->at = 0;
}

static bool is_zero(const uint8_t *page) {
	return !page[0] && memcmp(page, page + 1, SP_PAGE - 1) == 0;
}

/* The next pages that are not zero. False: they cannot be read; *more: there are some. */
static bool next_pages(struct sp_stream_out *out, bool *more) {
	uint8_t *data = out->buffer + SP_STREAM_HEAD + SP_STREAM_PAGE_HEAD;
	const struct sp_device_info *info = out->device->info;
	const struct sp_area *area;

	while ((area = sp_stream_area(info, &out->place))) {
		uint64_t offset = area->offset + out->place.offset;
		uint64_t left = area->size - out->place.offset;
		uint32_t size = left < SP_STREAM_PAGES ? (uint32_t)left : SP_STREAM_PAGES;
		uint32_t first = 0, end;

		if (sp_region_memory(
			    &info->regions[out->place.region], area, offset, data, size, false))
			return false;
		while (first < size && is_zero(data + first))
			first += SP_PAGE;
		for (end = first; end < size && !is_zero(data + end);)
			end += SP_PAGE;
		out->place.offset += end;
		if (first == end)
			continue;
		memmove(data, data + first, end - first);
		put_chunk(out, SP_STREAM_PAGE, SP_STREAM_PAGE_HEAD + (end - first));
		sp_store_le32(out->buffer + SP_STREAM_HEAD, out->place.region);
		sp_store_le32(out->buffer + SP_STREAM_HEAD + 4, 0);
		sp_stream_put64(out->buffer + SP_STREAM_HEAD + 8, offset + first);
		*more = true;
		return true;
	}
	*more = false;
	return true;
}

static bool next_piece(struct sp_stream_out *out) {
	bool more;

	if (!next_pages(out, &more))
		return false;
	if (more) {
		out->sum = sp_stream_sum(out->sum, out->piece, out->size);
	} else if (!out->ended) {
		put_chunk(out, SP_STREAM_END, 8);
		sp_stream_put64(out->buffer + SP_STREAM_HEAD, out->sum);
		out->ended = true;
	}
	return true;
}

bool sp_stream_read(struct sp_stream_out *out, uint8_t *data, uint32_t size, uint32_t *done) {
	*done = 0;
	while (*done < size) {
		size_t part = size - *done;

		if (out->at == out->size) {
			if (!next_piece(out))
				return false;
			if (out->at == out->size)
				return true;
		}
		if (part > out->size - out->at)
			part = out->size - out->at;
		memcpy(data + *done, out->piece + out->at, part);
		out->at += part;
		*done += (uint32_t)part;
	}
	return true;
}
