/* SPDX-License-Identifier: MIT */
#ifndef SP_UNIT_VIRTIO_DRIVER_H
#define SP_UNIT_VIRTIO_DRIVER_H

#include <sallyport/virtio.h>

#include "fake_bus.h"

/*
 * A driver for virtio over PCI as the specification tells it, over the bus of the tests: it finds
 * the structures by the capabilities, negotiates, and keeps rings of both formats. It knows nothing
 * of the device's inside.
 */
#define DRIVER_AT 0x100000u /* the guest's memory */
#define DRIVER_MEMORY 0x40000u
#define DRIVER_QUEUES 2u
#define DRIVER_ENTRIES 256u
#define DRIVER_BUFFERS 0x20000u /* bytes in the memory: rings are below it */

enum { VRING_NEXT = 1, VRING_WRITE = 2, VRING_INDIRECT = 4 };

struct driver_loop {
	struct sp_loop loop;
	uint64_t now;
	struct sp_timer *timer;
	uint32_t expired;
};
void driver_loop_init(struct driver_loop *loop);
/* Lets time pass until nothing is armed, or so many timers have expired. */
void driver_loop_run(struct driver_loop *loop, uint32_t limit);

struct vring {
	uint16_t index, size;
	uint64_t at[3]; /* bytes in the memory: ring, driver's, device's */
	uint16_t next; /* split: available; packed: position */
	uint16_t seen; /* of what was used */
	bool wrap, seen_wrap; /* packed */
	uint16_t free; /* split: the next descriptor to be taken, in turn */
	uint16_t counts[DRIVER_ENTRIES]; /* packed: descriptors by ID */
	uint16_t ids;
};

struct driver {
	struct fake_bus fake;
	struct driver_loop loop;
	uint32_t common, notify, isr, config, window; /* bytes in BAR 0, and in the space */
	uint32_t notify_each;
	uint64_t features;
	bool packed, event;
	struct vring queues[DRIVER_QUEUES];
};

/* One buffer of a chain; `at` is in the memory. */
struct driver_buffer {
	uint32_t at, size;
	bool write;
};

/* All up to the features; the device is the driver's. */
void driver_begin(struct driver *driver, struct sp_device *device);
uint64_t driver_offered(struct driver *driver);
/* False: the device does not take them. */
bool driver_negotiate(struct driver *driver, uint64_t features);
/* `features` beside VERSION_1 and ACCESS_PLATFORM; queues of `size`, and DRIVER_OK. */
void driver_start(struct driver *driver, uint64_t features, uint16_t size, uint32_t queues);
void driver_queue(struct driver *driver, uint32_t queue, uint16_t size);
void driver_end(struct driver *driver);

uint8_t driver_status(struct driver *driver);
void driver_set_status(struct driver *driver, uint8_t status);
uint32_t driver_get(struct driver *driver, uint32_t offset, uint32_t size); /* common */
void driver_set(struct driver *driver, uint32_t offset, uint32_t size, uint32_t value);
bool driver_broken(struct driver *driver);

/* The ID under which it comes back. `indirect`: by a table at that place of the memory; 0: not. */
uint16_t driver_add(struct driver *driver, uint32_t queue, const struct driver_buffer *buffers,
	uint32_t count, uint32_t indirect);
void driver_kick(struct driver *driver, uint32_t queue);
/* False: the device does not want to be told. */
bool driver_wanted(struct driver *driver, uint32_t queue);
/* What was used next; false: nothing. */
bool driver_used(struct driver *driver, uint32_t queue, uint16_t *id, uint32_t *size);
/* Interrupts at what is used after `more` others, or never. */
void driver_event(struct driver *driver, uint32_t queue, uint16_t more);
void driver_no_interrupts(struct driver *driver, uint32_t queue, bool off);

/* Memory, little-endian. */
void driver_put(struct driver *driver, uint64_t at, uint32_t size, uint64_t value);
uint64_t driver_take(struct driver *driver, uint64_t at, uint32_t size);

#endif
