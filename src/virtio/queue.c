/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "virtio/core.h"

/* Chains of one queue that are handed out before others have their turn. */
#define TURN 64u

static bool live(const struct sp_virtio_vq *vq) {
	const struct sp_virtio_core *core = vq->core;

	return core->status & SP_VIRTIO_DRIVER_OK && !(core->status & SP_VIRTIO_NEEDS_RESET) &&
		core->master && !core->resetting && vq->enabled && !vq->resetting && !vq->paused &&
		core->device->bus;
}

bool sp_virtio_vq_busy(const struct sp_virtio_vq *vq) {
	return vq->fetching.state != SP_VIRTIO_IDLE || vq->finishing.state != SP_VIRTIO_IDLE;
}

bool sp_virtio_vq_valid(const struct sp_virtio_vq *vq) {
	const struct sp_virtio_format *format = sp_virtio_has(vq->core, SP_VIRTIO_RING_PACKED)
		? &sp_virtio_packed
		: &sp_virtio_split;

	if (!vq->size || vq->size > vq->offered ||
		(format == &sp_virtio_split && vq->size & (vq->size - 1)))
		return false;
	for (uint32_t i = 0; i < SP_VIRTIO_AREAS; i++)
		if (vq->addresses[i] % format->alignment[i] ||
			format->size(i, vq->size) - 1 > UINT64_MAX - vq->addresses[i])
			return false;
	return true;
}

bool sp_virtio_vq_start(struct sp_virtio_vq *vq) {
	struct sp_budget *budget = vq->core->device->budget;
	uint64_t size = vq->offered * sizeof(*vq->pieces);

	if (!sp_budget_charge(budget, SP_RESOURCE_BYTES, size))
		return false;
	vq->pieces = malloc(size);
	if (!vq->pieces) {
		sp_budget_release(budget, SP_RESOURCE_BYTES, size);
		return false;
	}
	vq->charged = size;
	vq->format = sp_virtio_has(vq->core, SP_VIRTIO_RING_PACKED) ? &sp_virtio_packed
								    : &sp_virtio_split;
	for (uint32_t i = 0; i < SP_VIRTIO_AREAS; i++) {
		vq->areas[i].address = vq->addresses[i];
		vq->areas[i].size = vq->format->size(i, vq->size);
	}
	vq->enabled = true;
	vq->fetch = SP_VIRTIO_LOOK;
	vq->finish = SP_VIRTIO_REPLY;
	vq->format->start(vq);
	return true;
}

void sp_virtio_vq_enable(struct sp_virtio_vq *vq) {
	if (vq->enabled || vq->resetting)
		return;
	if (!sp_virtio_vq_valid(vq) || !sp_virtio_vq_start(vq)) {
		sp_virtio_broken(vq->core);
		return;
	}
	sp_virtio_vq_go(vq);
}

static void drop_done(struct sp_virtio_vq *vq) {
	while (vq->done) {
		struct sp_virtio_link *link = vq->done;

		vq->done = link->waiting;
		sp_virtio_link_drop(vq, link);
	}
}

void sp_virtio_vq_clear(struct sp_virtio_vq *vq) {
	struct sp_virtio_core *core = vq->core;
	uint16_t index = vq->index, offered = vq->offered;

	if (vq->enabled)
		sp_virtio_areas_release(vq);
	while (vq->first)
		sp_virtio_link_drop(vq, vq->first);
	drop_done(vq);
	sp_virtio_link_drop(vq, vq->walk.link);
	free(vq->pieces);
	free(vq->table);
	sp_budget_release(core->device->budget, SP_RESOURCE_BYTES, vq->charged);
	*vq = (struct sp_virtio_vq){
		.core = core, .index = index, .offered = offered, .size = offered};
	vq->fetching.vq = vq->finishing.vq = vq;
}

void sp_virtio_vq_reset(struct sp_virtio_vq *vq) {
	struct sp_virtio_core *core = vq->core;

	if (vq->resetting || !vq->enabled)
		return;
	vq->resetting = true;
	/* Those that were saved and have not come to the device again never will. */
	if (vq->fetch == SP_VIRTIO_RECOVER)
		vq->again = vq->first;
	while (vq->again)
		sp_virtio_link_drop(vq, vq->again);
	for (struct sp_virtio_link *link = vq->first; link; link = link->next)
		link->orphan = true;
	core->virtio->ops->queue_reset(core->virtio, vq->index);
	sp_virtio_settle(core);
}

/* What the device did after its state was saved: it gives chains back in their order. */
static enum sp_virtio_io recover(struct sp_virtio_vq *vq) {
	enum sp_virtio_io io = SP_VIRTIO_DONE;
	uint32_t more = 0;

	if (vq->format->recover)
		io = vq->format->recover(vq, &more);
	if (io != SP_VIRTIO_DONE)
		return io;
	for (; more && vq->first; more--) {
		sp_virtio_link_drop(vq, vq->first);
		vq->in_flight--;
	}
	vq->last = (uint16_t)(vq->last + more);
	if (more)
		vq->seen = vq->last;
	vq->again = vq->first;
	vq->fetch = SP_VIRTIO_AGAIN;
	return SP_VIRTIO_DONE;
}

static void hand_out(struct sp_virtio_vq *vq, struct sp_virtio_link *link) {
	struct sp_virtio *virtio = vq->core->virtio;

	virtio->ops->chain(virtio, &link->chain);
}

static void deliver(struct sp_virtio_vq *vq) {
	struct sp_virtio_link *link = vq->walk.link;

	vq->format->advance(vq);
	vq->in_flight++;
	vq->walk.link = NULL;
	vq->fetch = SP_VIRTIO_LOOK;
	sp_virtio_link_add(vq, link);
	hand_out(vq, link);
}

/* One step; *idle: there is nothing more. */
static enum sp_virtio_io fetch(struct sp_virtio_vq *vq, bool *idle, uint32_t *count) {
	struct sp_virtio_link *link;
	enum sp_virtio_io io = SP_VIRTIO_DONE;
	bool there = false;

	switch (vq->fetch) {
	case SP_VIRTIO_RECOVER:
		io = recover(vq);
		break;
	case SP_VIRTIO_AGAIN:
		link = vq->again;
		if (!link) {
			vq->fetch = SP_VIRTIO_LOOK;
			break;
		}
		vq->again = link->next;
		(*count)++;
		hand_out(vq, link);
		break;
	case SP_VIRTIO_LOOK:
	case SP_VIRTIO_LOOK_AGAIN:
		vq->walk = (struct sp_virtio_walk){0};
		io = vq->format->look(vq, &there);
		if (io != SP_VIRTIO_DONE)
			break;
		*idle = !there && vq->fetch == SP_VIRTIO_LOOK_AGAIN;
		if (there)
			vq->fetch = SP_VIRTIO_WALK;
		else
			vq->fetch = *idle ? SP_VIRTIO_LOOK : SP_VIRTIO_ARM;
		break;
	case SP_VIRTIO_ARM:
		io = vq->format->arm(vq);
		/* What the driver does now, it either tells, or it is seen by the next look. */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (io == SP_VIRTIO_DONE)
			vq->fetch = SP_VIRTIO_LOOK_AGAIN;
		break;
	case SP_VIRTIO_WALK:
		io = vq->format->walk(vq);
		if (io == SP_VIRTIO_DONE)
			vq->fetch = SP_VIRTIO_DATA;
		break;
	case SP_VIRTIO_DATA:
		io = sp_virtio_read_data(vq);
		if (io != SP_VIRTIO_DONE)
			break;
		(*count)++;
		deliver(vq);
		break;
	}
	return io;
}

static void fetch_some(struct sp_virtio_vq *vq) {
	enum sp_virtio_io io = SP_VIRTIO_DONE;
	bool idle = false, loop = vq->core->device->loop != NULL;
	uint32_t count = 0;

	if (vq->pumping)
		return;
	vq->pumping = true;
	/* Without a loop the driver has to tell again what is beyond a ring full of chains. */
	while (live(vq) && !vq->core->stopped && !vq->core->stopping && io == SP_VIRTIO_DONE &&
		!idle && count < (loop ? TURN : vq->size)) {
		io = sp_virtio_areas_ready(vq);
		if (io == SP_VIRTIO_DONE)
			io = fetch(vq, &idle, &count);
	}
	vq->pumping = false;
	if (io == SP_VIRTIO_BAD) {
		sp_virtio_broken(vq->core);
	} else if (loop && count == TURN) {
		vq->more = true;
		(void)sp_virtio_later(vq->core, true);
	}
}

static enum sp_virtio_io finish(struct sp_virtio_vq *vq) {
	struct sp_virtio_link *link = vq->done;
	enum sp_virtio_io io = SP_VIRTIO_DONE;
	bool interrupt = false;

	switch (vq->finish) {
	case SP_VIRTIO_REPLY:
		io = sp_virtio_write_reply(vq, link);
		if (io == SP_VIRTIO_DONE)
			vq->finish = SP_VIRTIO_ELEMENT;
		break;
	case SP_VIRTIO_ELEMENT:
		io = vq->format->element(vq, link);
		if (io != SP_VIRTIO_DONE)
			break;
		vq->finish = SP_VIRTIO_PUBLISH;
		/* As soon as it is published the driver can make it available again. */
		vq->in_flight--;
		vq->descriptors = (uint16_t)(vq->descriptors - link->count);
		break;
	case SP_VIRTIO_PUBLISH:
		io = vq->format->publish(vq, link);
		/* What the driver wants is looked for when it can see this. */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (io == SP_VIRTIO_DONE)
			vq->finish = SP_VIRTIO_TELL;
		break;
	case SP_VIRTIO_TELL:
		io = vq->format->wants(vq, link, &interrupt);
		if (io != SP_VIRTIO_DONE)
			break;
		vq->format->given(vq, link);
		vq->finish = SP_VIRTIO_REPLY;
		vq->done = link->waiting;
		sp_virtio_link_drop(vq, link);
		if (interrupt)
			vq->core->binding->interrupt(vq->core->device, vq->index);
		break;
	}
	return io;
}

static void finish_all(struct sp_virtio_vq *vq) {
	enum sp_virtio_io io = SP_VIRTIO_DONE;

	if (vq->ending)
		return;
	vq->ending = true;
	while (live(vq) && vq->done && io == SP_VIRTIO_DONE) {
		io = sp_virtio_areas_ready(vq);
		if (io == SP_VIRTIO_DONE)
			io = finish(vq);
	}
	vq->ending = false;
	if (io == SP_VIRTIO_BAD)
		sp_virtio_broken(vq->core);
}

void sp_virtio_vq_go(struct sp_virtio_vq *vq) {
	vq->core->device->changes++;
	finish_all(vq);
	fetch_some(vq);
	/* A stop waits for what is done to be given back. */
	if (vq->core->stops)
		sp_virtio_settle(vq->core);
}
