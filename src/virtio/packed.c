/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/bytes.h"
#include "virtio/core.h"

/*
 * Packed rings (2.8). One ring of descriptors, which both sides go through in turns: two bits of
 * each say in which of the laps, even or odd, it was made available and used.
 */
#define NEXT 0x0001u
#define WRITE 0x0002u
#define INDIRECT 0x0004u
#define AVAILABLE 0x0080u
#define USED 0x8000u

#define FLAGS_AT 14u
#define EVENT_OFF 1u
#define EVENT_AT 2u

static uint32_t size_of(uint32_t area, uint32_t entries) {
	return area == SP_VIRTIO_RING ? SP_VIRTIO_DESC * entries : 4;
}

static void start(struct sp_virtio_vq *vq) {
	vq->last = vq->used = vq->descriptors = 0;
	vq->last_wrap = vq->used_wrap = true;
}

static enum sp_virtio_io look(struct sp_virtio_vq *vq, bool *there) {
	enum sp_virtio_io io = sp_virtio_ring_read(
		&vq->fetching, SP_VIRTIO_RING, vq->last * SP_VIRTIO_DESC + FLAGS_AT, 2);
	uint16_t flags = sp_load_le16(vq->fetching.bytes);

	vq->walk.flags = flags;
	*there = io == SP_VIRTIO_DONE && !(flags & AVAILABLE) == !vq->last_wrap &&
		!(flags & USED) == vq->last_wrap;
	return io;
}

static enum sp_virtio_io arm(struct sp_virtio_vq *vq) {
	uint8_t *bytes = vq->fetching.bytes;

	if (!sp_virtio_has(vq->core, SP_VIRTIO_EVENT_IDX))
		return SP_VIRTIO_DONE;
	sp_store_le16(bytes, (uint16_t)(vq->last | (vq->last_wrap ? 0x8000u : 0)));
	sp_store_le16(bytes + 2, EVENT_AT);
	return sp_virtio_ring_write(&vq->fetching, SP_VIRTIO_FROM_DEVICE, 0, 4);
}

static enum sp_virtio_io walk_table(struct sp_virtio_vq *vq) {
	enum sp_virtio_io io = sp_virtio_read_table(vq);

	if (io != SP_VIRTIO_DONE)
		return io;
	for (uint32_t i = 0; i < vq->walk.table; i++) {
		const uint8_t *desc = vq->table + i * SP_VIRTIO_DESC;
		uint16_t flags = sp_load_le16(desc + FLAGS_AT);

		if (flags & INDIRECT ||
			!sp_virtio_take(
				vq, sp_load_le64(desc), sp_load_le32(desc + 8), flags & WRITE))
			return SP_VIRTIO_BAD;
	}
	return SP_VIRTIO_DONE;
}

static enum sp_virtio_io walk(struct sp_virtio_vq *vq) {
	struct sp_virtio_walk *walk = &vq->walk;
	const uint8_t *desc = vq->fetching.bytes;
	enum sp_virtio_io io;
	uint16_t flags;

	while (!walk->table) {
		uint64_t address;
		uint32_t size;

		if (walk->count + vq->descriptors >= vq->size)
			return SP_VIRTIO_BAD;
		io = sp_virtio_ring_read(&vq->fetching, SP_VIRTIO_RING,
			(vq->last + walk->count) % vq->size * SP_VIRTIO_DESC, SP_VIRTIO_DESC);
		if (io != SP_VIRTIO_DONE)
			return io;
		address = sp_load_le64(desc);
		size = sp_load_le32(desc + 8);
		walk->id = sp_load_le16(desc + 12);
		/* Those of the first were read before all else. */
		flags = walk->count ? sp_load_le16(desc + FLAGS_AT) : walk->flags;
		walk->count++;
		if (flags & INDIRECT) {
			if (flags & NEXT || !sp_virtio_enter_table(vq, address, size))
				return SP_VIRTIO_BAD;
		} else if (!sp_virtio_take(vq, address, size, flags & WRITE)) {
			return SP_VIRTIO_BAD;
		} else if (!(flags & NEXT)) {
			return SP_VIRTIO_DONE;
		}
	}
	return walk_table(vq);
}

static void step(const struct sp_virtio_vq *vq, uint16_t *at, bool *wrap, uint32_t count) {
	uint32_t next = *at + count;

	if (next >= vq->size) {
		next -= vq->size;
		*wrap = !*wrap;
	}
	*at = (uint16_t)next;
}

static void advance(struct sp_virtio_vq *vq) {
	vq->descriptors = (uint16_t)(vq->descriptors + vq->walk.count);
	step(vq, &vq->last, &vq->last_wrap, vq->walk.count);
}

/* The flags stay as the driver has them, as far as they matter, until all else is there. */
static enum sp_virtio_io element(struct sp_virtio_vq *vq, const struct sp_virtio_link *link) {
	uint8_t *bytes = vq->finishing.bytes;

	sp_store_le32(bytes, link->written);
	sp_store_le16(bytes + 4, link->id);
	sp_store_le16(bytes + 6, vq->used_wrap ? AVAILABLE : USED);
	return sp_virtio_ring_write(
		&vq->finishing, SP_VIRTIO_RING, vq->used * SP_VIRTIO_DESC + 8u, 8);
}

static enum sp_virtio_io publish(struct sp_virtio_vq *vq, const struct sp_virtio_link *link) {
	sp_store_le16(vq->finishing.bytes,
		(uint16_t)((vq->used_wrap ? AVAILABLE | USED : 0) | (link->written ? WRITE : 0)));
	return sp_virtio_ring_write(
		&vq->finishing, SP_VIRTIO_RING, vq->used * SP_VIRTIO_DESC + FLAGS_AT, 2);
}

static enum sp_virtio_io wants(
	struct sp_virtio_vq *vq, const struct sp_virtio_link *link, bool *interrupt) {
	enum sp_virtio_io io = sp_virtio_ring_read(&vq->finishing, SP_VIRTIO_FROM_DRIVER, 0, 4);
	uint16_t event = sp_load_le16(vq->finishing.bytes);
	uint16_t flags = sp_load_le16(vq->finishing.bytes + 2) & 3;
	uint32_t at = event & 0x7fffu;

	*interrupt = flags != EVENT_OFF;
	if (flags != EVENT_AT || !sp_virtio_has(vq->core, SP_VIRTIO_EVENT_IDX))
		return io;
	if ((event >> 15 != 0) != vq->used_wrap)
		at += vq->size;
	*interrupt = at >= vq->used && at < (uint32_t)vq->used + link->count;
	return io;
}

static void given(struct sp_virtio_vq *vq, const struct sp_virtio_link *link) {
	step(vq, &vq->used, &vq->used_wrap, link->count);
}

const struct sp_virtio_format sp_virtio_packed = {
	.size = size_of,
	.alignment = {16, 4, 4},
	.start = start,
	.look = look,
	.arm = arm,
	.walk = walk,
	.advance = advance,
	.element = element,
	.publish = publish,
	.wants = wants,
	.given = given,
};
