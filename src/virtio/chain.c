/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "virtio/core.h"

/* Replies up to this size have room in the chain itself. */
#define REPLY_ROOM 512u

bool sp_virtio_take(struct sp_virtio_vq *vq, uint64_t address, uint32_t size, bool write) {
	struct sp_virtio_walk *walk = &vq->walk;
	uint32_t in_max = vq->core->virtio->info->queues[vq->index].in_max;

	if (!size || size - 1 > UINT64_MAX - address || walk->pieces == vq->offered)
		return false;
	if (write) {
		if (size > UINT32_MAX - walk->out_size)
			return false;
		walk->out_size += size;
	} else {
		/* What the device reads comes first (2.7.4.2). */
		if (walk->pieces != walk->in_pieces || size > in_max ||
			walk->in_size > in_max - size)
			return false;
		walk->in_size += size;
		walk->in_pieces++;
	}
	vq->pieces[walk->pieces++] = (struct sp_virtio_piece){address, size};
	return true;
}

bool sp_virtio_enter_table(struct sp_virtio_vq *vq, uint64_t address, uint32_t size) {
	if (!(vq->core->accepted >> SP_VIRTIO_INDIRECT_DESC & 1) || vq->walk.table || !size ||
		size % SP_VIRTIO_DESC || size / SP_VIRTIO_DESC > vq->offered ||
		size - 1 > UINT64_MAX - address)
		return false;
	vq->walk.table = size / SP_VIRTIO_DESC;
	vq->walk.table_at = address;
	vq->walk.index = 0;
	return true;
}

/* No memory for a guest: as long as it lasts, its chains wait. */
static enum sp_virtio_io starve(struct sp_virtio_vq *vq) {
	vq->more = true;
	return sp_virtio_later(vq->core, false) ? SP_VIRTIO_WAIT : SP_VIRTIO_BAD;
}

enum sp_virtio_io sp_virtio_read_table(struct sp_virtio_vq *vq) {
	struct sp_virtio_walk *walk = &vq->walk;
	uint64_t size = (uint64_t)vq->offered * SP_VIRTIO_DESC;
	enum sp_virtio_io io;

	if (walk->table_read)
		return SP_VIRTIO_DONE;
	if (!vq->table) {
		if (!sp_budget_charge(vq->core->device->budget, SP_RESOURCE_BYTES, size))
			return starve(vq);
		vq->table = malloc(size);
		if (!vq->table) {
			sp_budget_release(vq->core->device->budget, SP_RESOURCE_BYTES, size);
			return starve(vq);
		}
		vq->charged += size;
	}
	io = sp_virtio_transfer(&vq->fetching, false, walk->table_at, vq->table,
		(uint64_t)walk->table * SP_VIRTIO_DESC);
	walk->table_read = io == SP_VIRTIO_DONE;
	return io;
}

struct sp_virtio_link *sp_virtio_link_create(
	struct sp_virtio_vq *vq, uint32_t pieces, uint32_t in_size, uint32_t out_size) {
	struct sp_budget *budget = vq->core->device->budget;
	uint32_t room = out_size < REPLY_ROOM ? out_size : REPLY_ROOM;
	struct sp_virtio_link *link;
	uint64_t size;

	if (room < in_size)
		room = in_size;
	size = sizeof(*link) + (uint64_t)pieces * sizeof(struct sp_virtio_piece) + room;
	if (!sp_budget_charge(budget, SP_RESOURCE_BYTES, size))
		return NULL;
	link = malloc(size);
	if (!link) {
		sp_budget_release(budget, SP_RESOURCE_BYTES, size);
		return NULL;
	}
	*link = (struct sp_virtio_link){
		.chain = {.queue = vq->index, .in_size = in_size, .out_size = out_size},
		.charged = size,
		.piece_count = pieces,
		.room = room,
	};
	link->pieces = (struct sp_virtio_piece *)(link + 1);
	link->data = (uint8_t *)(link->pieces + pieces);
	link->chain.in = link->data;
	return link;
}

static bool make_link(struct sp_virtio_vq *vq) {
	struct sp_virtio_walk *walk = &vq->walk;
	uint32_t pieces = walk->pieces - walk->in_pieces;

	walk->link = sp_virtio_link_create(vq, pieces, walk->in_size, walk->out_size);
	if (!walk->link)
		return false;
	walk->link->id = walk->id;
	walk->link->count = (uint16_t)walk->count;
	memcpy(walk->link->pieces, vq->pieces + walk->in_pieces, pieces * sizeof(*vq->pieces));
	return true;
}

enum sp_virtio_io sp_virtio_read_data(struct sp_virtio_vq *vq) {
	struct sp_virtio_walk *walk = &vq->walk;
	enum sp_virtio_io io;

	if (!walk->link && !make_link(vq))
		return starve(vq);
	/* `moved` is of all the data, and of the piece what is left shrinks. */
	while (walk->piece < walk->in_pieces) {
		struct sp_virtio_piece *piece = &vq->pieces[walk->piece];
		uint32_t size = piece->size < SP_ACCESS_MAX ? piece->size : SP_ACCESS_MAX;

		io = sp_virtio_transfer(
			&vq->fetching, false, piece->address, walk->link->data + walk->moved, size);
		if (io != SP_VIRTIO_DONE)
			return io;
		walk->moved += size;
		piece->address += size;
		piece->size -= size;
		if (!piece->size)
			walk->piece++;
	}
	return SP_VIRTIO_DONE;
}

enum sp_virtio_io sp_virtio_write_reply(struct sp_virtio_vq *vq, struct sp_virtio_link *link) {
	struct sp_virtio_piece *piece = link->pieces;
	enum sp_virtio_io io;

	while (link->moved < link->written) {
		uint32_t size = link->written - link->moved;

		/* Those that are done are empty. */
		while (!piece->size)
			piece++;
		if (size > piece->size)
			size = piece->size;
		if (size > SP_ACCESS_MAX)
			size = SP_ACCESS_MAX;
		io = sp_virtio_transfer(
			&vq->finishing, true, piece->address, link->reply + link->moved, size);
		if (io != SP_VIRTIO_DONE)
			return io;
		link->moved += size;
		piece->address += size;
		piece->size -= size;
	}
	return SP_VIRTIO_DONE;
}

void sp_virtio_link_add(struct sp_virtio_vq *vq, struct sp_virtio_link *link) {
	link->held = true;
	link->previous = vq->end;
	link->next = NULL;
	if (vq->end)
		vq->end->next = link;
	else
		vq->first = link;
	vq->end = link;
}

static void unlist(struct sp_virtio_vq *vq, struct sp_virtio_link *link) {
	if (!link->held)
		return;
	link->held = false;
	if (vq->again == link)
		vq->again = link->next;
	if (link->previous)
		link->previous->next = link->next;
	else
		vq->first = link->next;
	if (link->next)
		link->next->previous = link->previous;
	else
		vq->end = link->previous;
}

void sp_virtio_link_drop(struct sp_virtio_vq *vq, struct sp_virtio_link *link) {
	if (!link)
		return;
	unlist(vq, link);
	if (link->reply && link->reply != link->data)
		free(link->reply);
	sp_budget_release(vq->core->device->budget, SP_RESOURCE_BYTES, link->charged);
	free(link);
}

/* Where the reply is copied to; NULL: no memory. */
static uint8_t *reply_room(struct sp_virtio_vq *vq, struct sp_virtio_link *link, uint32_t size) {
	struct sp_budget *budget = vq->core->device->budget;
	uint8_t *room;

	if (size <= link->room)
		return link->data;
	if (!sp_budget_charge(budget, SP_RESOURCE_BYTES, size))
		return NULL;
	room = malloc(size);
	if (room)
		link->charged += size;
	else
		sp_budget_release(budget, SP_RESOURCE_BYTES, size);
	return room;
}

void sp_virtio_chain_done(
	struct sp_virtio *device, struct sp_virtio_chain *chain, const void *out, uint32_t size) {
	struct sp_virtio_link *link =
		(struct sp_virtio_link *)((char *)chain - offsetof(struct sp_virtio_link, chain));
	struct sp_virtio_core *core = device->core;
	struct sp_virtio_vq *vq = &core->vqs[chain->queue];

	core->device->changes++;
	if (link->orphan || core->resetting || core->status & SP_VIRTIO_NEEDS_RESET) {
		bool orphan = link->orphan;

		sp_virtio_link_drop(vq, link);
		if (orphan)
			sp_virtio_settle(core);
		return;
	}
	if (size > chain->out_size)
		size = chain->out_size;
	link->reply = reply_room(vq, link, size);
	if (!link->reply) {
		sp_virtio_link_drop(vq, link);
		sp_virtio_broken(core);
		return;
	}
	/* It may be a part of what was read. */
	if (size)
		memmove(link->reply, out, size);
	link->written = size;
	unlist(vq, link);
	link->waiting = NULL;
	if (vq->done)
		vq->done_end->waiting = link;
	else
		vq->done = link;
	vq->done_end = link;
	sp_virtio_vq_go(vq);
}
