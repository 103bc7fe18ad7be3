/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "virtio/core.h"

/* What can be done about an error of the bus. */
static enum sp_virtio_io judge(struct sp_virtio_vq *vq, int error) {
	struct sp_virtio_core *core = vq->core;

	switch (error) {
	case 0:
		return SP_VIRTIO_DONE;
	case EACCES:
		/* As it was switched off meanwhile; the switch is told. */
		return core->master ? SP_VIRTIO_BAD : SP_VIRTIO_WAIT;
	case ECANCELED:
		break;
	default:
		if (!vq->lost)
			return SP_VIRTIO_BAD;
	}
	/* Memory that is moved goes and comes back. */
	vq->more = vq->paused = true;
	return sp_virtio_later(core, false) ? SP_VIRTIO_WAIT : SP_VIRTIO_BAD;
}

static enum sp_virtio_io pin(struct sp_virtio_vq *vq, uint32_t index) {
	struct sp_virtio_area *area = &vq->areas[index];
	struct sp_bus *bus = vq->core->device->bus;
	bool packed = vq->format == &sp_virtio_packed;
	int error;

	area->pin = (struct sp_dma_pin){
		.address = area->address,
		.size = area->size,
		.access = SP_DMA_READ,
		.parts = area->parts,
		.part_max = SP_VIRTIO_PARTS,
	};
	if (index == SP_VIRTIO_FROM_DEVICE)
		area->pin.access = SP_DMA_WRITE | SP_DMA_READ;
	else if (index == SP_VIRTIO_RING && packed)
		area->pin.access = SP_DMA_WRITE | SP_DMA_READ;
	error = bus->ops->pin(bus, &area->pin);
	switch (error) {
	case 0:
		area->pinned = true;
		break;
	case ENOTSUP:
	case E2BIG:
	case ENOMEM:
	case EDQUOT:
		area->remote = true;
		error = 0;
		break;
	}
	return judge(vq, error);
}

enum sp_virtio_io sp_virtio_areas_ready(struct sp_virtio_vq *vq) {
	for (uint32_t i = 0; i < SP_VIRTIO_AREAS; i++) {
		enum sp_virtio_io io;

		if (vq->areas[i].pinned || vq->areas[i].remote)
			continue;
		io = pin(vq, i);
		if (io != SP_VIRTIO_DONE)
			return io;
	}
	if (vq->lost)
		vq->core->tries = 0;
	vq->lost = false;
	return SP_VIRTIO_DONE;
}

void sp_virtio_areas_release(struct sp_virtio_vq *vq) {
	struct sp_bus *bus = vq->core->device->bus;

	for (uint32_t i = 0; i < SP_VIRTIO_AREAS; i++) {
		if (vq->areas[i].pinned)
			bus->ops->unpin(bus, &vq->areas[i].pin);
		vq->areas[i].pinned = vq->areas[i].remote = false;
	}
}

void sp_virtio_unmap(struct sp_virtio_core *core, uint32_t space, uint64_t address, uint64_t size) {
	uint64_t last = address + (size - 1);

	if (space || !size)
		return;
	for (uint32_t i = 0; i < core->vq_count; i++) {
		struct sp_virtio_vq *vq = &core->vqs[i];

		for (uint32_t j = 0; j < SP_VIRTIO_AREAS; j++) {
			struct sp_virtio_area *area = &vq->areas[j];

			if (!area->pinned || area->address > last ||
				area->address + (area->size - 1) < address)
				continue;
			core->device->bus->ops->unpin(core->device->bus, &area->pin);
			area->pinned = false;
			vq->lost = true;
		}
	}
}

static void transferred(struct sp_transfer *transfer, int error) {
	struct sp_virtio_job *job = (struct sp_virtio_job *)((char *)transfer -
		offsetof(struct sp_virtio_job, transfer));

	job->state = SP_VIRTIO_ENDED;
	job->error = error;
	if (job->calling)
		return;
	sp_virtio_vq_go(job->vq);
	sp_virtio_settle(job->vq->core);
}

enum sp_virtio_io sp_virtio_transfer(
	struct sp_virtio_job *job, bool write, uint64_t address, void *data, uint64_t size) {
	struct sp_bus *bus = job->vq->core->device->bus;

	if (job->state == SP_VIRTIO_IDLE) {
		job->transfer = (struct sp_transfer){
			.write = write,
			.address = address,
			.size = size,
			.data = data,
			.done = transferred,
		};
		job->state = SP_VIRTIO_BUSY;
		job->calling = true;
		bus->ops->transfer(bus, &job->transfer);
		job->calling = false;
	}
	if (job->state == SP_VIRTIO_BUSY)
		return SP_VIRTIO_WAIT;
	job->state = SP_VIRTIO_IDLE;
	if (!job->error)
		job->vq->core->tries = 0;
	return judge(job->vq, job->error);
}

/*
 * NULL: by a transfer, as it is not in one part that is pinned, or a client has mapped the guest's
 * memory at an address that is less aligned than the guest's, or such a transfer is under way.
 */
static uint8_t *locate(
	const struct sp_virtio_job *job, uint32_t index, uint32_t offset, uint32_t size) {
	const struct sp_virtio_area *area = &job->vq->areas[index];
	uint64_t at = offset;
	uint8_t *found;

	if (job->state != SP_VIRTIO_IDLE || !area->pinned || !sp_within(offset, size, area->size))
		return NULL;
	for (uint32_t i = 0; i < area->pin.part_count; i++) {
		const struct sp_dma_part *part = &area->parts[i];

		if (at >= part->size) {
			at -= part->size;
			continue;
		}
		found = part->data + at;
		return sp_within(at, size, part->size) &&
				(uintptr_t)found % (size == 2 ? 2 : 4) == 0
			? found
			: NULL;
	}
	return NULL;
}

enum sp_virtio_io sp_virtio_ring_read(
	struct sp_virtio_job *job, uint32_t area, uint32_t offset, uint32_t size) {
	const struct sp_virtio_area *where = &job->vq->areas[area];
	const uint8_t *from = locate(job, area, offset, size);

	if (!from)
		return sp_virtio_transfer(job, false, where->address + offset, job->bytes, size);
	if (size == 2) {
		uint16_t value =
			__atomic_load_n((const uint16_t *)(const void *)from, __ATOMIC_ACQUIRE);

		memcpy(job->bytes, &value, sizeof(value));
		return SP_VIRTIO_DONE;
	}
	for (uint32_t i = 0; i < size; i += 4) {
		uint32_t value = __atomic_load_n(
			(const uint32_t *)(const void *)(from + i), __ATOMIC_ACQUIRE);

		memcpy(job->bytes + i, &value, sizeof(value));
	}
	return SP_VIRTIO_DONE;
}

enum sp_virtio_io sp_virtio_ring_write(
	struct sp_virtio_job *job, uint32_t area, uint32_t offset, uint32_t size) {
	const struct sp_virtio_area *where = &job->vq->areas[area];
	uint8_t *to = locate(job, area, offset, size);

	if (!to)
		return sp_virtio_transfer(job, true, where->address + offset, job->bytes, size);
	if (size == 2) {
		uint16_t value;

		memcpy(&value, job->bytes, sizeof(value));
		__atomic_store_n((uint16_t *)(void *)to, value, __ATOMIC_RELEASE);
		return SP_VIRTIO_DONE;
	}
	for (uint32_t i = 0; i < size; i += 4) {
		uint32_t value;

		memcpy(&value, job->bytes + i, sizeof(value));
		__atomic_store_n((uint32_t *)(void *)(to + i), value, __ATOMIC_RELAXED);
	}
	return SP_VIRTIO_DONE;
}
