/* SPDX-License-Identifier: MIT */
/* Virtio devices whose driver means harm: what is in the rings, and every access. */
#include "../unit/virtio_driver.h"
#include "../unit/virtio_echo.h"
#include "check.h"
#include "input.h"

#include <errno.h>
#include <linux/input-event-codes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input/input.h"
#include "mutate.h"

#define PENDING 8u
#define BUDGET (1u << 20)

struct scene {
	struct driver driver;
	struct echo echo;
	struct sp_input *sink; /* NULL: it is the echo */
	uint64_t features;
	struct fake_notice notices[PENDING];
	uint32_t notice_count;
};

static struct fake_notice *notice(struct scene *scene) {
	if (scene->notice_count == PENDING) {
		fake_bus_finish(&scene->driver.fake);
		for (uint32_t i = 0; i < PENDING; i++)
			CHECK(scene->notices[i].done == 1);
		scene->notice_count = 0;
	}
	return &scene->notices[scene->notice_count++];
}

static void noticed(struct sp_notice *done, int error) {
	struct fake_notice *fake = (struct fake_notice *)done;

	fake->done++;
	fake->error = error;
}

static void access_some(struct input *in, struct scene *scene) {
	static const uint16_t places[] = {0x00, 0x08, 0x0c, 0x10, 0x14, 0x14, 0x16, 0x18, 0x1a,
		0x1c, 0x20, 0x28, 0x30, 0x3a, 0x1000, 0x2000};
	struct fake_bus *fake = &scene->driver.fake;
	uint8_t how = (uint8_t)take(in, 1), bytes[64];
	bool space = how & 0x40, write = how & 0x80;
	uint32_t region = space ? SP_REGION_CONFIG : SP_REGION_BAR0;
	const struct sp_region *regions = fake->device->info->regions;
	uint32_t size = 1u << (how >> 4 & 3);
	const struct sp_area *area;
	uint64_t offset;

	if (space)
		offset = how & 8 ? scene->driver.window + how % 8 * 4 : take(in, 2);
	else
		offset = (how & 15) == 15 ? take(in, 2) : places[how & 15];
	offset %= regions[region].size;
	area = sp_region_area(&regions[region], offset);
	if (size > area->offset + area->size - offset)
		size = (uint32_t)(area->offset + area->size - offset);
	for (uint32_t i = 0; i < size && write; i++)
		bytes[i] = (uint8_t)take(in, 1);
	CHECK(!fake_access(fake, region, offset, bytes, size, write));
}

/* Where it matters: in the rings, in the table, or anywhere. */
static void write_memory(struct input *in, struct scene *scene) {
	uint8_t how = (uint8_t)take(in, 1), size = how >> 4 & 7;
	uint64_t at = scene->driver.queues[how & 1].at[how >> 1 & 3 ? (how >> 1 & 3) - 1 : 0];

	if ((how >> 1 & 3) == 0)
		at = take(in, 3);
	else
		at += take(in, 1);
	for (uint32_t i = 0; i <= size; i++)
		scene->driver.fake.memory[(at + i) % DRIVER_MEMORY] = (uint8_t)take(in, 1);
}

static void add_some(struct input *in, struct scene *scene) {
	struct driver_buffer buffers[8];
	uint8_t how = (uint8_t)take(in, 1);
	uint32_t count = (how & 7) + 1;

	for (uint32_t i = 0; i < count; i++) {
		uint8_t what = (uint8_t)take(in, 1);

		buffers[i] = (struct driver_buffer){
			DRIVER_BUFFERS + what * 64u, 1u + what % 64, (what & 1) || i > 3};
	}
	(void)driver_add(&scene->driver, how >> 3 & 1, buffers, count,
		how & 0x10 ? DRIVER_BUFFERS + 0x8000 : 0);
	if (how & 0x80)
		fake_write(&scene->driver.fake, SP_REGION_BAR0,
			scene->driver.notify + (how >> 3 & 1) * scene->driver.notify_each, 2, 0);
}

static void save_and_load(struct input *in, struct scene *scene, bool forge) {
	struct sp_device *device = scene->driver.fake.device;
	struct fake_notice stop = {.notice.done = noticed}, reset;
	struct sp_state_writer *writer = sp_state_writer_create();
	struct sp_state_reader *reader;
	struct sp_error error = {0};
	const uint8_t *data;
	uint8_t *copy;
	size_t size;
	bool saved;

	device->ops->stop(device, &stop.notice);
	for (int i = 0; i < 1000 && !stop.done; i++) {
		fake_bus_finish(&scene->driver.fake);
		driver_loop_run(&scene->driver.loop, 1);
	}
	CHECK(stop.done == 1);
	saved = device->ops->save(device, writer, &error);
	data = saved ? sp_state_data(writer, &size, &error) : NULL;
	if (!data) {
		sp_state_writer_destroy(writer);
		device->ops->resume(device);
		return;
	}
	copy = malloc(size);
	CHECK(copy);
	memcpy(copy, data, size);
	sp_state_writer_destroy(writer);
	for (int i = 0; i < 4 && forge; i++) {
		size_t at = take(in, 2) % size;

		copy[at] = (uint8_t)take(in, 1);
	}
	fake_reset(&scene->driver.fake, SP_RESET_FUNCTION, &reset);
	fake_bus_finish(&scene->driver.fake);
	CHECK(reset.done == 1);
	reader = sp_state_reader_create(copy, size, &error);
	CHECK(reader || forge);
	if (reader && !device->ops->load(device, reader, &error)) {
		CHECK(forge || error.kind == SP_ERROR_MEMORY);
		fake_reset(&scene->driver.fake, SP_RESET_FUNCTION, &reset);
		fake_bus_finish(&scene->driver.fake);
		CHECK(reset.done == 1);
	}
	device->ops->resume(device);
	sp_state_reader_destroy(reader);
	free(copy);
}

static void type_some(struct input *in, struct scene *scene) {
	uint8_t what = (uint8_t)take(in, 1);

	if (!scene->sink)
		return;
	if (scene->sink->key) {
		scene->sink->key(scene->sink, (uint16_t)(what >> 1), what & 1);
	} else {
		scene->sink->point(scene->sink, 0, what * 256u, what);
		scene->sink->button(scene->sink, (uint16_t)(BTN_LEFT + what % 8), what & 8);
		scene->sink->wheel(scene->sink, what - 100, what % 3);
	}
	if (what % 4)
		scene->sink->frame(scene->sink);
}

static void again(struct scene *scene) {
	struct fake_bus *fake = &scene->driver.fake;

	fake->fail = fake->fail_pin = 0;
	fake->defer = false;
	fake_bus_finish(fake);
	fake_write(fake, SP_REGION_CONFIG, 4, 2, 0x0006);
	driver_set_status(&scene->driver, 0);
	driver_set_status(&scene->driver, 1);
	driver_set_status(&scene->driver, 3);
	driver_start(&scene->driver, scene->features, 16, 2);
}

static void step(struct input *in, struct scene *scene, uint8_t op) {
	struct fake_bus *fake = &scene->driver.fake;
	struct sp_device *device = fake->device;
	struct fake_notice *waits;

	switch (op >> 4) {
	case 0:
		fake_bus_finish(fake);
		break;
	case 1:
		fake_bus_cancel(fake, op & 1 ? ECANCELED : EFAULT);
		break;
	case 2:
		fake->fail = op & 1 ? EFAULT : 0;
		fake->fail_pin = op & 2 ? ENOTSUP : op & 4 ? EFAULT : 0;
		fake->defer = op & 8;
		break;
	case 3:
		fake_reset(fake, op % 3, notice(scene));
		break;
	case 4:
		save_and_load(in, scene, op & 1);
		break;
	case 5:
		waits = notice(scene);
		*waits = (struct fake_notice){.notice.done = noticed};
		device->ops->unmap(
			device, 0, DRIVER_AT + take(in, 2), 1 + take(in, 2), &waits->notice);
		break;
	case 6:
		driver_loop_run(&scene->driver.loop, op & 15);
		break;
	case 7:
		if (op & 1)
			again(scene);
		else
			echo_finish(&scene->echo, op & 7, op & 8);
		break;
	case 8:
		type_some(in, scene);
		break;
	case 9:
	case 10:
		write_memory(in, scene);
		break;
	case 11:
	case 12:
		add_some(in, scene);
		break;
	default:
		access_some(in, scene);
	}
}

static struct sp_device *make(struct scene *scene, uint8_t how, struct sp_budget *budget) {
	const struct sp_virtio_pci_options options = {.rings_packed = true, .intx = how & 0x80};
	struct sp_error error = {0};
	struct sp_virtio *virtio = &scene->echo.virtio;
	struct sp_device *device;

	echo_init(&scene->echo, budget);
	if (how & 1) {
		virtio = how & 2 ? sp_virtio_keyboard_create(budget, &error)
				 : sp_virtio_tablet_create(budget, &error);
		CHECK(virtio);
		scene->sink = sp_virtio_input_sink(virtio);
	}
	scene->echo.hold = how & 2;
	device = sp_virtio_pci_create(virtio, &options, &error);
	CHECK(device);
	return device;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	const struct sp_budget_limits limits = {
		.limits = {BUDGET, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
	struct input in = {data, size};
	struct scene scene = {0};
	struct sp_budget *budget;
	uint8_t how;

	if (size < 2)
		return 0;
	how = (uint8_t)take(&in, 1);
	budget = sp_budget_create(&limits);
	CHECK(budget);
	driver_begin(&scene.driver, make(&scene, how, budget));
	scene.features = (uint64_t)(how >> 2 & 1) << SP_VIRTIO_RING_PACKED |
		(uint64_t)(how >> 3 & 1) << SP_VIRTIO_EVENT_IDX |
		(uint64_t)(how >> 4 & 1) << SP_VIRTIO_INDIRECT_DESC |
		(uint64_t)(how >> 5 & 1) << SP_VIRTIO_RING_RESET;
	driver_start(&scene.driver, scene.features, 16, 2);
	scene.driver.fake.defer = how & 0x40;
	while (in.size)
		step(&in, &scene, (uint8_t)take(&in, 1));
	CHECK(sp_budget_peak(budget, SP_RESOURCE_BYTES) <= BUDGET);
	for (int i = 0; i < 20; i++)
		fake_bus_finish(&scene.driver.fake);
	for (uint32_t i = 0; i < scene.notice_count; i++)
		CHECK(scene.notices[i].done == 1);
	driver_end(&scene.driver);
	CHECK(sp_budget_used(budget, SP_RESOURCE_BYTES) == 0);
	sp_budget_destroy(budget);
	return 0;
}
