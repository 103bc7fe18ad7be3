/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "virtio/core.h"

/*
 * The state of the core. Chains that are with the device are saved with their bytes, which are
 * copied from the guest only once, and come to it again. What was given back to a split ring since
 * is seen from the ring (SP_VIRTIO_RECOVER), so that a state may be a little older than the ring.
 */
#define TAG SP_STATE_TAG('V', 'I', 'R', 'T')
#define VERSION 1u

static bool wrong(struct sp_error *error) {
	return sp_error_set(
		error, SP_ERROR_INPUT, "the state is that of no possible virtio device");
}

static void save_link(const struct sp_virtio_link *link, struct sp_state_writer *writer) {
	sp_state_put_u16(writer, link->id);
	sp_state_put_u16(writer, link->count);
	sp_state_put_u32(writer, link->chain.in_size);
	sp_state_put_u32(writer, link->piece_count);
	for (uint32_t i = 0; i < link->piece_count; i++) {
		sp_state_put_u64(writer, link->pieces[i].address);
		sp_state_put_u32(writer, link->pieces[i].size);
	}
	sp_state_put_bytes(writer, link->data, link->chain.in_size);
}

static void save_vq(const struct sp_virtio_vq *vq, struct sp_state_writer *writer) {
	/* A reset of the queue is over when the state is loaded. */
	bool enabled = vq->enabled && !vq->resetting;
	uint32_t count = 0;

	sp_state_put_u8(writer, enabled);
	sp_state_put_u16(writer, vq->resetting ? vq->offered : vq->size);
	for (uint32_t i = 0; i < SP_VIRTIO_AREAS; i++)
		sp_state_put_u64(writer, vq->resetting ? 0 : vq->addresses[i]);
	if (!enabled)
		return;
	sp_state_put_u16(writer, vq->last);
	sp_state_put_u16(writer, vq->used);
	sp_state_put_u8(writer, (uint8_t)(vq->last_wrap | vq->used_wrap << 1));
	for (const struct sp_virtio_link *link = vq->first; link; link = link->next)
		count++;
	sp_state_put_u32(writer, count);
	for (const struct sp_virtio_link *link = vq->first; link; link = link->next)
		save_link(link, writer);
}

bool sp_virtio_core_save(
	struct sp_virtio_core *core, struct sp_state_writer *writer, struct sp_error *error) {
	bool busy = core->resetting;

	for (uint32_t i = 0; i < core->vq_count; i++)
		busy |= sp_virtio_vq_busy(&core->vqs[i]) ||
			(core->vqs[i].done && !(core->status & SP_VIRTIO_NEEDS_RESET));
	if (busy)
		return sp_error_set(error, SP_ERROR_USE, "%s: it has not been stopped",
			core->virtio->info->model);
	sp_state_begin(writer, TAG, VERSION);
	sp_state_put_u32(writer, core->virtio->info->id);
	sp_state_put_u8(writer, core->status);
	sp_state_put_u8(writer, core->generation);
	sp_state_put_u64(writer, core->accepted);
	sp_state_put_u16(writer, (uint16_t)core->vq_count);
	for (uint32_t i = 0; i < core->vq_count; i++)
		save_vq(&core->vqs[i], writer);
	sp_state_end(writer);
	return !core->virtio->ops->save || core->virtio->ops->save(core->virtio, writer, error);
}

static bool load_pieces(struct sp_virtio_vq *vq, uint32_t count, uint32_t *out_size,
	struct sp_state_reader *reader) {
	uint64_t total = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct sp_virtio_piece piece = {.address = sp_state_get_u64(reader)};

		piece.size = sp_state_get_u32(reader);
		if (!piece.size || piece.size - 1 > UINT64_MAX - piece.address)
			return false;
		total += piece.size;
		vq->pieces[i] = piece;
	}
	*out_size = (uint32_t)total;
	return total <= UINT32_MAX;
}

static bool load_link(
	struct sp_virtio_vq *vq, struct sp_state_reader *reader, struct sp_error *error) {
	uint16_t id = sp_state_get_u16(reader), count = sp_state_get_u16(reader);
	uint32_t in_size = sp_state_get_u32(reader), pieces = sp_state_get_u32(reader), out_size;
	bool packed = vq->format == &sp_virtio_packed;
	struct sp_virtio_link *link;
	const uint8_t *data;

	if (in_size > vq->core->virtio->info->queues[vq->index].in_max || pieces > vq->offered ||
		!count || count > vq->size || (!packed && id >= vq->size) ||
		(packed && count > vq->size - vq->descriptors) ||
		!load_pieces(vq, pieces, &out_size, reader))
		return wrong(error);
	data = sp_state_get_bytes(reader, in_size);
	if (!data && in_size)
		return wrong(error);
	link = sp_virtio_link_create(vq, pieces, in_size, out_size);
	if (!link)
		return sp_error_memory(error);
	link->id = id;
	link->count = count;
	memcpy(link->pieces, vq->pieces, pieces * sizeof(*vq->pieces));
	if (in_size)
		memcpy(link->data, data, in_size);
	sp_virtio_link_add(vq, link);
	vq->in_flight++;
	vq->descriptors = (uint16_t)(vq->descriptors + (packed ? count : 0));
	return true;
}

static bool load_vq(
	struct sp_virtio_vq *vq, struct sp_state_reader *reader, struct sp_error *error) {
	bool enabled = sp_state_get_u8(reader);
	uint32_t count;
	uint8_t wraps;

	vq->size = sp_state_get_u16(reader);
	for (uint32_t i = 0; i < SP_VIRTIO_AREAS; i++)
		vq->addresses[i] = sp_state_get_u64(reader);
	if (!enabled)
		return true;
	if (!sp_virtio_vq_valid(vq))
		return wrong(error);
	if (!sp_virtio_vq_start(vq))
		return sp_error_memory(error);
	vq->last = vq->seen = sp_state_get_u16(reader);
	vq->used = sp_state_get_u16(reader);
	wraps = sp_state_get_u8(reader);
	vq->last_wrap = wraps & 1;
	vq->used_wrap = wraps & 2;
	count = sp_state_get_u32(reader);
	if (count > vq->size ||
		(vq->format == &sp_virtio_packed && (vq->last >= vq->size || vq->used >= vq->size)))
		return wrong(error);
	for (uint32_t i = 0; i < count; i++)
		if (!load_link(vq, reader, error))
			return false;
	vq->fetch = SP_VIRTIO_RECOVER;
	/* The guest's memory may come after its device. */
	vq->lost = vq->more = true;
	return true;
}

bool sp_virtio_core_load(
	struct sp_virtio_core *core, struct sp_state_reader *reader, struct sp_error *error) {
	const uint8_t known = SP_VIRTIO_ACKNOWLEDGE | SP_VIRTIO_DRIVER | SP_VIRTIO_DRIVER_OK |
		SP_VIRTIO_FEATURES_OK | SP_VIRTIO_NEEDS_RESET | SP_VIRTIO_FAILED;
	struct sp_virtio *virtio = core->virtio;
	uint16_t version;

	if (!sp_state_find(reader, TAG, VERSION, &version, error))
		return false;
	if (sp_state_get_u32(reader) != virtio->info->id)
		return sp_error_set(error, SP_ERROR_INPUT, "the state is that of another device");
	core->status = sp_state_get_u8(reader);
	core->generation = sp_state_get_u8(reader);
	core->accepted = sp_state_get_u64(reader);
	if (core->status & ~known || sp_state_get_u16(reader) != core->vq_count ||
		(core->status & SP_VIRTIO_DRIVER_OK && !(core->status & SP_VIRTIO_FEATURES_OK)) ||
		(core->status & SP_VIRTIO_FEATURES_OK && core->accepted & ~core->offered))
		return wrong(error);
	for (uint32_t i = 0; i < core->vq_count; i++)
		if (!load_vq(&core->vqs[i], reader, error))
			return false;
	if (!sp_state_check(reader, error))
		return false;
	if (virtio->ops->load && !virtio->ops->load(virtio, reader, error))
		return false;
	(void)sp_virtio_later(core, true);
	return true;
}
