/* SPDX-License-Identifier: MIT */
#include "virtio/core.h"

#include <stdlib.h>

/* What a guest may put in order is looked for so often, in microseconds, and for a second. */
#define PATIENCE 10000u
#define TRIES 100u

static struct sp_virtio_core *core_of_timer(struct sp_timer *timer) {
	return (struct sp_virtio_core *)((char *)timer - offsetof(struct sp_virtio_core, timer));
}

static void expired(struct sp_timer *timer) {
	struct sp_virtio_core *core = core_of_timer(timer);

	for (uint32_t i = 0; i < core->vq_count; i++) {
		struct sp_virtio_vq *vq = &core->vqs[i];

		if (!vq->more)
			continue;
		vq->more = vq->paused = false;
		sp_virtio_vq_go(vq);
	}
}

bool sp_virtio_later(struct sp_virtio_core *core, bool soon) {
	struct sp_loop *loop = core->device->loop;
	uint64_t now;

	if (!loop)
		return false;
	now = loop->ops->now(loop);
	if (soon) {
		loop->ops->arm(loop, &core->timer, now);
		return true;
	}
	/* A queue that is busy has others looked at more often, which is no further try. */
	if (core->tried_until <= now) {
		if (core->tries == TRIES)
			return false;
		core->tries++;
		core->tried_until = now + PATIENCE;
	}
	if (!core->timer.armed)
		loop->ops->arm(loop, &core->timer, core->tried_until);
	return true;
}

bool sp_virtio_has(const struct sp_virtio_core *core, uint32_t feature) {
	return core->accepted >> feature & 1;
}

uint64_t sp_virtio_features(const struct sp_virtio *device) {
	return device->core && device->core->status & SP_VIRTIO_FEATURES_OK ? device->core->accepted
									    : 0;
}

bool sp_virtio_running(const struct sp_virtio *device) {
	return device->core && device->core->status & SP_VIRTIO_DRIVER_OK &&
		!device->core->resetting;
}

void sp_virtio_config_changed(struct sp_virtio *device) {
	struct sp_virtio_core *core = device->core;

	if (!core)
		return;
	core->generation++;
	core->device->changes++;
	if (sp_virtio_running(device))
		core->binding->config(core->device);
}

void sp_virtio_changed(struct sp_virtio *device) {
	if (device->core)
		device->core->device->changes++;
}

void sp_virtio_broken(struct sp_virtio_core *core) {
	if (core->status & SP_VIRTIO_NEEDS_RESET || core->resetting)
		return;
	core->status |= SP_VIRTIO_NEEDS_RESET;
	core->device->changes++;
	/* Before DRIVER_OK there is no interrupt (3.1.1). */
	if (core->status & SP_VIRTIO_DRIVER_OK)
		core->binding->config(core->device);
	sp_virtio_settle(core);
}

void sp_virtio_break(struct sp_virtio *device) {
	if (device->core)
		sp_virtio_broken(device->core);
}

static bool features_good(const struct sp_virtio_core *core) {
	struct sp_virtio *virtio = core->virtio;

	return !(core->accepted & ~core->offered) && sp_virtio_has(core, SP_VIRTIO_VERSION_1) &&
		(!virtio->ops->accept || virtio->ops->accept(virtio, core->accepted));
}

void sp_virtio_set_status(struct sp_virtio_core *core, uint8_t status) {
	const uint8_t known = SP_VIRTIO_ACKNOWLEDGE | SP_VIRTIO_DRIVER | SP_VIRTIO_DRIVER_OK |
		SP_VIRTIO_FEATURES_OK | SP_VIRTIO_FAILED;
	struct sp_virtio *virtio = core->virtio;
	uint8_t more;

	if (core->resetting)
		return;
	/* Bits are only ever added but by a reset (2.1.1). */
	more = status & known & (uint8_t)~core->status;
	if (more & SP_VIRTIO_FEATURES_OK && !features_good(core))
		more &= (uint8_t)~SP_VIRTIO_FEATURES_OK;
	if (more & SP_VIRTIO_DRIVER_OK && !((core->status | more) & SP_VIRTIO_FEATURES_OK))
		more &= (uint8_t)~SP_VIRTIO_DRIVER_OK;
	core->status |= more;
	if (!(more & SP_VIRTIO_DRIVER_OK))
		return;
	if (core->status & SP_VIRTIO_NEEDS_RESET)
		core->binding->config(core->device);
	if (virtio->ops->driver)
		virtio->ops->driver(virtio);
	for (uint32_t i = 0; i < core->vq_count; i++)
		sp_virtio_vq_go(&core->vqs[i]);
}

static bool busy(const struct sp_virtio_core *core) {
	for (uint32_t i = 0; i < core->vq_count; i++)
		if (sp_virtio_vq_busy(&core->vqs[i]))
			return true;
	return false;
}

/* A transfer whose end nobody waits for. */
static void forget_ended(struct sp_virtio_vq *vq) {
	if (vq->fetching.state == SP_VIRTIO_ENDED)
		vq->fetching.state = SP_VIRTIO_IDLE;
	if (vq->finishing.state == SP_VIRTIO_ENDED)
		vq->finishing.state = SP_VIRTIO_IDLE;
}

/* Those that come meanwhile are for another time. */
static void end_notices(struct sp_notice **list) {
	struct sp_notice *next = *list;

	*list = NULL;
	while (next) {
		struct sp_notice *notice = next;

		next = notice->next;
		sp_notice_done(notice, 0);
	}
}

static void begin_reset(struct sp_virtio_core *core);
static void begin_stop(struct sp_virtio_core *core);

static void settle_reset(struct sp_virtio_core *core) {
	if (core->device_reset || core->stopping || busy(core))
		return;
	if (core->again) {
		begin_reset(core);
		return;
	}
	for (uint32_t i = 0; i < core->vq_count; i++)
		sp_virtio_vq_clear(&core->vqs[i]);
	if (core->device->loop)
		core->device->loop->ops->disarm(core->device->loop, &core->timer);
	core->status = 0;
	core->accepted = 0;
	core->tries = 0;
	core->resetting = false;
	end_notices(&core->resets);
	if (core->stops && !core->resetting)
		begin_stop(core);
}

static void settle_vq(struct sp_virtio_vq *vq) {
	if (!vq->resetting || vq->first || sp_virtio_vq_busy(vq) || vq->pumping || vq->ending)
		return;
	sp_virtio_vq_clear(vq);
}

/* Chains that are done are given back before a stop ends. */
static bool finishing(const struct sp_virtio_core *core) {
	for (uint32_t i = 0; i < core->vq_count; i++)
		if (core->vqs[i].done && !core->vqs[i].resetting && core->master &&
			!(core->status & SP_VIRTIO_NEEDS_RESET))
			return true;
	return false;
}

void sp_virtio_settle(struct sp_virtio_core *core) {
	for (uint32_t i = 0; i < core->vq_count; i++) {
		if (core->resetting || core->status & SP_VIRTIO_NEEDS_RESET ||
			core->vqs[i].resetting || core->stopped)
			forget_ended(&core->vqs[i]);
		if (!core->resetting)
			settle_vq(&core->vqs[i]);
	}
	if (core->resetting)
		settle_reset(core);
	else if (core->stops && !core->stopping && !busy(core) && !finishing(core))
		end_notices(&core->stops);
}

static void device_reset(struct sp_notice *notice, int error) {
	struct sp_virtio_core *core =
		(struct sp_virtio_core *)((char *)notice - offsetof(struct sp_virtio_core, notice));

	(void)error;
	core->device_reset = false;
	sp_virtio_settle(core);
}

static void begin_reset(struct sp_virtio_core *core) {
	struct sp_virtio *virtio = core->virtio;

	core->again = false;
	core->device_reset = true;
	core->notice.done = device_reset;
	virtio->ops->reset(virtio, core->kind, &core->notice);
}

void sp_virtio_reset(struct sp_virtio_core *core, enum sp_reset kind, struct sp_notice *notice) {
	notice->next = core->resets;
	core->resets = notice;
	if (core->resetting) {
		core->again |= kind > core->kind;
		core->kind = kind > core->kind ? kind : core->kind;
		return;
	}
	core->resetting = true;
	core->kind = kind;
	begin_reset(core);
}

static void device_stopped(struct sp_notice *notice, int error) {
	struct sp_virtio_core *core =
		(struct sp_virtio_core *)((char *)notice - offsetof(struct sp_virtio_core, stop));

	(void)error;
	core->stopping = false;
	core->stopped = true;
	sp_virtio_settle(core);
}

static void begin_stop(struct sp_virtio_core *core) {
	struct sp_virtio *virtio = core->virtio;

	if (core->stopped) {
		sp_virtio_settle(core);
		return;
	}
	core->stopping = true;
	core->stop.done = device_stopped;
	if (virtio->ops->stop)
		virtio->ops->stop(virtio, &core->stop);
	else
		device_stopped(&core->stop, 0);
}

void sp_virtio_stop(struct sp_virtio_core *core, struct sp_notice *notice) {
	notice->next = core->stops;
	core->stops = notice;
	if (!core->stopping && !core->resetting)
		begin_stop(core);
}

void sp_virtio_resume(struct sp_virtio_core *core) {
	if (!core->stopped)
		return;
	core->stopped = false;
	if (core->virtio->ops->resume)
		core->virtio->ops->resume(core->virtio);
	for (uint32_t i = 0; i < core->vq_count; i++)
		sp_virtio_vq_go(&core->vqs[i]);
}

void sp_virtio_set_master(struct sp_virtio_core *core, bool on) {
	core->master = on;
	for (uint32_t i = 0; i < core->vq_count && on; i++)
		sp_virtio_vq_go(&core->vqs[i]);
}

/* True if what the device says about itself is possible. */
static bool possible(const struct sp_virtio *virtio) {
	const struct sp_virtio_info *info = virtio->info;
	const uint64_t own = ((1ull << 24) - 1) | ~((1ull << 50) - 1);

	if (!info->queue_count || info->queue_count > SP_VIRTIO_QUEUES_MAX ||
		info->config_size > SP_PAGE || info->features & ~own || info->id > 63)
		return false;
	for (uint32_t i = 0; i < info->queue_count; i++) {
		uint32_t size = info->queues[i].size;

		if (!size || size > SP_VIRTIO_QUEUE_MAX || size & (size - 1))
			return false;
	}
	return true;
}

struct sp_virtio_core *sp_virtio_core_create(struct sp_virtio *virtio, struct sp_device *device,
	const struct sp_virtio_binding *binding, bool packed, struct sp_error *error) {
	struct sp_virtio_core *core;

	if (!possible(virtio)) {
		sp_error_set(error, SP_ERROR_USE, "%s: this is no possible virtio device",
			virtio->info->model);
		return NULL;
	}
	core = calloc(1, sizeof(*core));
	if (core)
		core->vqs = calloc(virtio->info->queue_count, sizeof(*core->vqs));
	if (!core || !core->vqs) {
		sp_error_memory(error);
		free(core);
		return NULL;
	}
	core->virtio = virtio;
	core->device = device;
	core->binding = binding;
	core->timer.expired = expired;
	core->offered = virtio->info->features | 1ull << SP_VIRTIO_INDIRECT_DESC |
		1ull << SP_VIRTIO_EVENT_IDX | 1ull << SP_VIRTIO_VERSION_1 |
		1ull << SP_VIRTIO_ACCESS_PLATFORM;
	if (packed)
		core->offered |= 1ull << SP_VIRTIO_RING_PACKED;
	if (virtio->ops->queue_reset)
		core->offered |= 1ull << SP_VIRTIO_RING_RESET;
	core->vq_count = virtio->info->queue_count;
	for (uint32_t i = 0; i < core->vq_count; i++) {
		struct sp_virtio_vq *vq = &core->vqs[i];

		vq->core = core;
		vq->index = (uint16_t)i;
		vq->offered = vq->size = virtio->info->queues[i].size;
		vq->fetching.vq = vq->finishing.vq = vq;
	}
	return core;
}

void sp_virtio_core_free(struct sp_virtio_core *core) {
	free(core->vqs);
	free(core);
}

void sp_virtio_core_destroy(struct sp_virtio_core *core) {
	if (!core)
		return;
	for (uint32_t i = 0; i < core->vq_count; i++)
		sp_virtio_vq_clear(&core->vqs[i]);
	if (core->device->loop)
		core->device->loop->ops->disarm(core->device->loop, &core->timer);
	core->virtio->ops->destroy(core->virtio);
	sp_virtio_core_free(core);
}
