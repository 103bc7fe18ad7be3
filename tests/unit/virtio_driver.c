/* SPDX-License-Identifier: MIT */
#include "virtio_driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUST(holds) \
	do { \
		if (!(holds)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #holds); \
			abort(); \
		} \
	} while (0)

#define BAR SP_REGION_BAR0
#define AVAILABLE 0x0080u
#define USED 0x8000u

static struct driver_loop *loop_of(struct sp_loop *loop) {
	return (struct driver_loop *)loop;
}

static uint64_t now(struct sp_loop *loop) {
	return loop_of(loop)->now;
}

static void arm(struct sp_loop *loop, struct sp_timer *timer, uint64_t at) {
	MUST(!loop_of(loop)->timer || loop_of(loop)->timer == timer);
	loop_of(loop)->timer = timer;
	timer->at = at;
	timer->armed = true;
}

static void disarm(struct sp_loop *loop, struct sp_timer *timer) {
	if (loop_of(loop)->timer == timer)
		loop_of(loop)->timer = NULL;
	timer->armed = false;
}

static const struct sp_loop_ops loop_ops = {.now = now, .arm = arm, .disarm = disarm};

void driver_loop_init(struct driver_loop *loop) {
	*loop = (struct driver_loop){.loop.ops = &loop_ops, .now = 1000};
}

void driver_loop_run(struct driver_loop *loop, uint32_t limit) {
	while (loop->timer && limit--) {
		struct sp_timer *timer = loop->timer;

		loop->timer = NULL;
		timer->armed = false;
		if (loop->now < timer->at)
			loop->now = timer->at;
		loop->expired++;
		timer->expired(timer);
	}
}

void driver_put(struct driver *driver, uint64_t at, uint32_t size, uint64_t value) {
	MUST(sp_within(at, size, DRIVER_MEMORY));
	for (uint32_t i = 0; i < size; i++)
		driver->fake.memory[at + i] = (uint8_t)(value >> 8 * i);
}

uint64_t driver_take(struct driver *driver, uint64_t at, uint32_t size) {
	uint64_t value = 0;

	MUST(sp_within(at, size, DRIVER_MEMORY));
	for (uint32_t i = 0; i < size; i++)
		value |= (uint64_t)driver->fake.memory[at + i] << 8 * i;
	return value;
}

uint32_t driver_get(struct driver *driver, uint32_t offset, uint32_t size) {
	return (uint32_t)fake_read(&driver->fake, BAR, driver->common + offset, size);
}

void driver_set(struct driver *driver, uint32_t offset, uint32_t size, uint32_t value) {
	fake_write(&driver->fake, BAR, driver->common + offset, size, value);
}

uint8_t driver_status(struct driver *driver) {
	return (uint8_t)driver_get(driver, 0x14, 1);
}

void driver_set_status(struct driver *driver, uint8_t status) {
	driver_set(driver, 0x14, 1, status);
}

bool driver_broken(struct driver *driver) {
	return driver_status(driver) & 0x40;
}

static uint64_t space(struct driver *driver, uint32_t offset, uint32_t size) {
	return fake_read(&driver->fake, SP_REGION_CONFIG, offset, size);
}

static void find_structures(struct driver *driver) {
	uint32_t at = (uint32_t)space(driver, 0x34, 1);

	for (uint32_t i = 0; at; i++) {
		uint32_t offset = (uint32_t)space(driver, at + 8, 4);

		MUST(i < 48);
		if (space(driver, at, 1) == 0x09) {
			MUST(space(driver, at + 4, 1) == 0);
			switch (space(driver, at + 3, 1)) {
			case 1:
				driver->common = offset;
				MUST(space(driver, at + 12, 4) >= 56);
				break;
			case 2:
				driver->notify = offset;
				driver->notify_each = (uint32_t)space(driver, at + 16, 4);
				break;
			case 3:
				driver->isr = offset;
				break;
			case 4:
				driver->config = offset;
				break;
			case 5:
				driver->window = at;
				break;
			}
		}
		at = (uint32_t)space(driver, at + 1, 1);
	}
	MUST(driver->notify && driver->isr && driver->config && driver->window);
}

void driver_begin(struct driver *driver, struct sp_device *device) {
	*driver = (struct driver){0};
	driver_loop_init(&driver->loop);
	fake_bus_init(&driver->fake, device, DRIVER_AT, DRIVER_MEMORY);
	device->loop = &driver->loop.loop;
	MUST(space(driver, 0, 2) == 0x1af4 && space(driver, 2, 2) >= 0x1040);
	fake_write(&driver->fake, SP_REGION_CONFIG, 4, 2, 0x0006);
	find_structures(driver);
	driver_set_status(driver, 0);
	MUST(driver_status(driver) == 0);
	driver_set_status(driver, 1);
	driver_set_status(driver, 3);
}

uint64_t driver_offered(struct driver *driver) {
	uint64_t low;

	driver_set(driver, 0, 4, 0);
	low = driver_get(driver, 4, 4);
	driver_set(driver, 0, 4, 1);
	return low | (uint64_t)driver_get(driver, 4, 4) << 32;
}

bool driver_negotiate(struct driver *driver, uint64_t features) {
	driver->features = features;
	driver->packed = features >> SP_VIRTIO_RING_PACKED & 1;
	driver->event = features >> SP_VIRTIO_EVENT_IDX & 1;
	for (uint32_t i = 0; i < 2; i++) {
		driver_set(driver, 8, 4, i);
		driver_set(driver, 12, 4, (uint32_t)(features >> 32 * i));
	}
	driver_set_status(driver, 11);
	return driver_status(driver) & 8;
}

void driver_queue(struct driver *driver, uint32_t queue, uint16_t size) {
	struct vring *ring = &driver->queues[queue];
	uint32_t at = queue * 0x4000;

	MUST(queue < DRIVER_QUEUES && size <= DRIVER_ENTRIES);
	*ring = (struct vring){.index = (uint16_t)queue, .size = size};
	ring->at[0] = at;
	ring->at[1] = at + 0x1000;
	ring->at[2] = at + 0x2000;
	ring->wrap = ring->seen_wrap = true;
	memset(driver->fake.memory + at, 0, 0x4000);
	driver_set(driver, 0x16, 2, queue);
	driver_set(driver, 0x18, 2, size);
	MUST(driver_get(driver, 0x18, 2) == size);
	for (uint32_t i = 0; i < 3; i++) {
		driver_set(driver, 0x20 + 8 * i, 4, (uint32_t)(DRIVER_AT + ring->at[i]));
		driver_set(driver, 0x24 + 8 * i, 4, 0);
	}
	driver_set(driver, 0x1a, 2, queue + 1);
	driver_set(driver, 0x1c, 2, 1);
}

void driver_start(struct driver *driver, uint64_t features, uint16_t size, uint32_t queues) {
	features |= 1ull << SP_VIRTIO_VERSION_1 | 1ull << SP_VIRTIO_ACCESS_PLATFORM;
	MUST(!(features & ~driver_offered(driver)));
	MUST(driver_negotiate(driver, features));
	driver_set(driver, 0x10, 2, 0);
	for (uint32_t i = 0; i < queues; i++) {
		driver_queue(driver, i, size);
		MUST(driver_get(driver, 0x1c, 2) == 1);
	}
	driver_set_status(driver, 15);
}

void driver_end(struct driver *driver) {
	fake_bus_release(&driver->fake);
}

static void put_desc(struct driver *driver, uint64_t at, const struct driver_buffer *buffer,
	uint16_t a, uint16_t b) {
	driver_put(driver, at, 8, DRIVER_AT + buffer->at);
	driver_put(driver, at + 8, 4, buffer->size);
	driver_put(driver, at + 12, 2, a);
	driver_put(driver, at + 14, 2, b);
}

static uint16_t flags_of(const struct driver_buffer *buffer, bool more) {
	return (uint16_t)((buffer->write ? VRING_WRITE : 0) | (more ? VRING_NEXT : 0));
}

static uint16_t add_split(struct driver *driver, struct vring *ring,
	const struct driver_buffer *buffers, uint32_t count, uint32_t indirect) {
	uint16_t head = ring->free, at = head;

	if (indirect) {
		const struct driver_buffer table = {indirect, count * 16, false};

		for (uint32_t i = 0; i < count; i++)
			put_desc(driver, indirect + i * 16, &buffers[i],
				flags_of(&buffers[i], i + 1 < count), (uint16_t)(i + 1));
		put_desc(driver, ring->at[0] + head * 16u, &table, VRING_INDIRECT, 0);
		at = (uint16_t)((at + 1) % ring->size);
	}
	for (uint32_t i = 0; i < count && !indirect; i++) {
		uint16_t next = (uint16_t)((at + 1) % ring->size);

		put_desc(driver, ring->at[0] + at * 16u, &buffers[i],
			flags_of(&buffers[i], i + 1 < count), next);
		at = next;
	}
	ring->free = at;
	driver_put(driver, ring->at[1] + 4 + ring->next % ring->size * 2u, 2, head);
	ring->next++;
	driver_put(driver, ring->at[1] + 2, 2, ring->next);
	return head;
}

static uint16_t turn(const struct vring *ring) {
	return ring->wrap ? AVAILABLE : USED;
}

static void step(const struct vring *ring, uint16_t *at, bool *wrap, uint32_t count) {
	*at = (uint16_t)(*at + count);
	if (*at >= ring->size) {
		*at = (uint16_t)(*at - ring->size);
		*wrap = !*wrap;
	}
}

static uint16_t add_packed(struct driver *driver, struct vring *ring,
	const struct driver_buffer *buffers, uint32_t count, uint32_t indirect) {
	const struct driver_buffer table = {indirect, count * 16, false};
	uint16_t id = (uint16_t)(ring->ids++ % ring->size), first = ring->next, first_flags = 0;
	uint32_t own = indirect ? 1 : count;

	for (uint32_t i = 0; i < count && indirect; i++)
		put_desc(driver, indirect + i * 16, &buffers[i], 0, flags_of(&buffers[i], false));
	for (uint32_t i = 0; i < own; i++) {
		const struct driver_buffer *buffer = indirect ? &table : &buffers[i];
		uint16_t flags = (uint16_t)(turn(ring) |
			(indirect ? VRING_INDIRECT : flags_of(buffer, i + 1 < own)));

		/* The first becomes available last. */
		if (!i)
			first_flags = flags;
		put_desc(driver, ring->at[0] + ring->next * 16u, buffer, id,
			i ? flags
			  : (uint16_t)driver_take(driver, ring->at[0] + ring->next * 16u + 14, 2));
		step(ring, &ring->next, &ring->wrap, 1);
	}
	driver_put(driver, ring->at[0] + first * 16u + 14, 2, first_flags);
	ring->counts[id] = (uint16_t)own;
	return id;
}

uint16_t driver_add(struct driver *driver, uint32_t queue, const struct driver_buffer *buffers,
	uint32_t count, uint32_t indirect) {
	struct vring *ring = &driver->queues[queue];

	return driver->packed ? add_packed(driver, ring, buffers, count, indirect)
			      : add_split(driver, ring, buffers, count, indirect);
}

void driver_kick(struct driver *driver, uint32_t queue) {
	uint32_t at;

	driver_set(driver, 0x16, 2, queue);
	at = driver->notify + driver_get(driver, 0x1e, 2) * driver->notify_each;
	fake_write(&driver->fake, BAR, at, 2, queue);
}

bool driver_wanted(struct driver *driver, uint32_t queue) {
	struct vring *ring = &driver->queues[queue];
	uint64_t at = ring->at[2];

	if (!driver->packed)
		return driver->event ? driver_take(driver, at + 4 + 8u * ring->size, 2) ==
				(uint16_t)(ring->next - 1)
				     : !(driver_take(driver, at, 2) & 1);
	return driver_take(driver, at + 2, 2) != 1;
}

bool driver_used(struct driver *driver, uint32_t queue, uint16_t *id, uint32_t *size) {
	struct vring *ring = &driver->queues[queue];
	uint64_t at = ring->at[2];
	uint16_t flags;

	if (!driver->packed) {
		if (driver_take(driver, at + 2, 2) == ring->seen)
			return false;
		at += 4 + ring->seen % ring->size * 8u;
		*id = (uint16_t)driver_take(driver, at, 4);
		*size = (uint32_t)driver_take(driver, at + 4, 4);
		ring->seen++;
		return true;
	}
	at = ring->at[0] + ring->seen * 16u;
	flags = (uint16_t)driver_take(driver, at + 14, 2);
	if (!(flags & AVAILABLE) != !(flags & USED) || !(flags & USED) != !ring->seen_wrap)
		return false;
	*id = (uint16_t)driver_take(driver, at + 12, 2);
	*size = (uint32_t)driver_take(driver, at + 8, 4);
	MUST(*id < ring->size && ring->counts[*id]);
	step(ring, &ring->seen, &ring->seen_wrap, ring->counts[*id]);
	ring->counts[*id] = 0;
	return true;
}

void driver_event(struct driver *driver, uint32_t queue, uint16_t more) {
	struct vring *ring = &driver->queues[queue];
	uint16_t at = ring->seen;
	bool wrap = ring->seen_wrap;

	if (!driver->packed) {
		driver_put(driver, ring->at[1] + 4 + 2u * ring->size, 2, ring->seen + more);
		return;
	}
	step(ring, &at, &wrap, more);
	driver_put(driver, ring->at[1], 2, at | (wrap ? 0x8000u : 0));
	driver_put(driver, ring->at[1] + 2, 2, 2);
}

void driver_no_interrupts(struct driver *driver, uint32_t queue, bool off) {
	driver_put(driver, driver->queues[queue].at[1] + (driver->packed ? 2 : 0), 2, off);
}
