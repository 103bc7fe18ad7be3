/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/bytes.h"
#include "virtio/core.h"

/*
 * Split rings (2.7). A table of descriptors, and two rings of indices that run freely: what the
 * driver made available, and what the device has used.
 */
#define NEXT 1u
#define WRITE 2u
#define INDIRECT 4u
#define NO_INTERRUPT 1u

#define INDEX_AT 2u
#define RING_AT 4u

static uint32_t size_of(uint32_t area, uint32_t entries) {
	static const uint8_t each[SP_VIRTIO_AREAS] = {SP_VIRTIO_DESC, 2, 8};

	return each[area] * entries + (area == SP_VIRTIO_RING ? 0 : RING_AT + 2);
}

static void start(struct sp_virtio_vq *vq) {
	vq->last = vq->seen = vq->used = 0;
}

static enum sp_virtio_io recover(struct sp_virtio_vq *vq, uint32_t *more) {
	enum sp_virtio_io io =
		sp_virtio_ring_read(&vq->fetching, SP_VIRTIO_FROM_DEVICE, INDEX_AT, 2);
	uint16_t count;

	if (io != SP_VIRTIO_DONE)
		return io;
	count = (uint16_t)(sp_load_le16(vq->fetching.bytes) - vq->used);
	/* A ring that is behind the state is none that we wrote. */
	if (count > INT16_MAX)
		return SP_VIRTIO_BAD;
	vq->used = (uint16_t)(vq->used + count);
	*more = count;
	return SP_VIRTIO_DONE;
}

static enum sp_virtio_io look(struct sp_virtio_vq *vq, bool *there) {
	uint32_t available;
	enum sp_virtio_io io;

	*there = vq->last != vq->seen;
	if (*there)
		return SP_VIRTIO_DONE;
	io = sp_virtio_ring_read(&vq->fetching, SP_VIRTIO_FROM_DRIVER, INDEX_AT, 2);
	if (io != SP_VIRTIO_DONE)
		return io;
	vq->seen = sp_load_le16(vq->fetching.bytes);
	available = (uint16_t)(vq->seen - vq->last);
	*there = available != 0;
	return available + vq->in_flight > vq->size ? SP_VIRTIO_BAD : SP_VIRTIO_DONE;
}

static enum sp_virtio_io arm(struct sp_virtio_vq *vq) {
	if (!sp_virtio_has(vq->core, SP_VIRTIO_EVENT_IDX))
		return SP_VIRTIO_DONE;
	vq->fetching.bytes[0] = (uint8_t)vq->last;
	vq->fetching.bytes[1] = (uint8_t)(vq->last >> 8);
	return sp_virtio_ring_write(
		&vq->fetching, SP_VIRTIO_FROM_DEVICE, RING_AT + 8u * vq->size, 2);
}

/* False: no descriptor of a chain. *last: it is the last one. */
static bool take(struct sp_virtio_vq *vq, const uint8_t *desc, uint32_t entries, bool *last) {
	struct sp_virtio_walk *walk = &vq->walk;
	uint64_t address = sp_load_le64(desc);
	uint32_t size = sp_load_le32(desc + 8);
	uint16_t flags = sp_load_le16(desc + 12);

	*last = !(flags & NEXT);
	walk->index = sp_load_le16(desc + 14);
	if (flags & INDIRECT) {
		*last = false;
		return !(flags & NEXT) && sp_virtio_enter_table(vq, address, size);
	}
	return sp_virtio_take(vq, address, size, flags & WRITE) && (*last || walk->index < entries);
}

static enum sp_virtio_io walk_table(struct sp_virtio_vq *vq) {
	struct sp_virtio_walk *walk = &vq->walk;
	enum sp_virtio_io io = sp_virtio_read_table(vq);
	bool last = false;

	/* Each turn takes a descriptor, of which there cannot be more than the queue's. */
	while (io == SP_VIRTIO_DONE && !last)
		if (!take(vq, vq->table + walk->index * SP_VIRTIO_DESC, walk->table, &last))
			io = SP_VIRTIO_BAD;
	return io;
}

static enum sp_virtio_io enter(struct sp_virtio_vq *vq) {
	struct sp_virtio_walk *walk = &vq->walk;
	enum sp_virtio_io io = sp_virtio_ring_read(&vq->fetching, SP_VIRTIO_FROM_DRIVER,
		RING_AT + 2u * (vq->last & (vq->size - 1u)), 2);

	if (io != SP_VIRTIO_DONE)
		return io;
	walk->id = sp_load_le16(vq->fetching.bytes);
	walk->index = walk->id;
	walk->entered = true;
	return walk->index < vq->size ? SP_VIRTIO_DONE : SP_VIRTIO_BAD;
}

static enum sp_virtio_io walk(struct sp_virtio_vq *vq) {
	struct sp_virtio_walk *walk = &vq->walk;
	enum sp_virtio_io io = walk->entered ? SP_VIRTIO_DONE : enter(vq);
	bool last = false;

	while (io == SP_VIRTIO_DONE && !last) {
		if (walk->table)
			return walk_table(vq);
		if (walk->count == vq->size)
			return SP_VIRTIO_BAD;
		io = sp_virtio_ring_read(&vq->fetching, SP_VIRTIO_RING,
			walk->index * SP_VIRTIO_DESC, SP_VIRTIO_DESC);
		if (io != SP_VIRTIO_DONE)
			return io;
		walk->count++;
		if (!take(vq, vq->fetching.bytes, vq->size, &last))
			return SP_VIRTIO_BAD;
	}
	return io;
}

static void advance(struct sp_virtio_vq *vq) {
	vq->last++;
}

static enum sp_virtio_io element(struct sp_virtio_vq *vq, const struct sp_virtio_link *link) {
	uint8_t *bytes = vq->finishing.bytes;

	sp_store_le32(bytes, link->id);
	sp_store_le32(bytes + 4, link->written);
	return sp_virtio_ring_write(&vq->finishing, SP_VIRTIO_FROM_DEVICE,
		RING_AT + 8u * (vq->used & (vq->size - 1u)), 8);
}

static enum sp_virtio_io publish(struct sp_virtio_vq *vq, const struct sp_virtio_link *link) {
	(void)link;
	sp_store_le16(vq->finishing.bytes, (uint16_t)(vq->used + 1));
	return sp_virtio_ring_write(&vq->finishing, SP_VIRTIO_FROM_DEVICE, INDEX_AT, 2);
}

static enum sp_virtio_io wants(
	struct sp_virtio_vq *vq, const struct sp_virtio_link *link, bool *interrupt) {
	bool event = sp_virtio_has(vq->core, SP_VIRTIO_EVENT_IDX);
	enum sp_virtio_io io = sp_virtio_ring_read(
		&vq->finishing, SP_VIRTIO_FROM_DRIVER, event ? RING_AT + 2u * vq->size : 0, 2);
	uint16_t value = sp_load_le16(vq->finishing.bytes);

	(void)link;
	*interrupt = event ? value == vq->used : !(value & NO_INTERRUPT);
	return io;
}

static void given(struct sp_virtio_vq *vq, const struct sp_virtio_link *link) {
	(void)link;
	vq->used++;
}

const struct sp_virtio_format sp_virtio_split = {
	.size = size_of,
	.alignment = {16, 2, 4},
	.start = start,
	.recover = recover,
	.look = look,
	.arm = arm,
	.walk = walk,
	.advance = advance,
	.element = element,
	.publish = publish,
	.wants = wants,
	.given = given,
};
