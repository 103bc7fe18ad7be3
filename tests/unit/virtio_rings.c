/* SPDX-License-Identifier: MIT */
#include "virtio_rings.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ALL UINT32_MAX

static struct sp_device *make_echo(struct scene *scene) {
	const struct sp_virtio_pci_options options = {.rings_packed = true};
	struct sp_error error = {0};
	struct sp_device *device;

	echo_init(&scene->echo, scene->budget);
	device = sp_virtio_pci_create(&scene->echo.virtio, &options, &error);
	if (!device)
		fail_msg("%s", error.message);
	return device;
}

void scene_begin(struct scene *scene, uint64_t features, uint16_t size) {
	const struct sp_budget_limits limits = {
		.limits = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};

	scene->budget = sp_budget_create(&limits);
	assert_non_null(scene->budget);
	driver_begin(&scene->driver, make_echo(scene));
	driver_start(&scene->driver, features, size, 2);
	assert_int_equal(scene->echo.starts, 1);
}

void scene_end(struct scene *scene) {
	driver_end(&scene->driver);
	assert_int_equal(sp_budget_used(scene->budget, SP_RESOURCE_BYTES), 0);
	sp_budget_destroy(scene->budget);
}

void scene_again(struct scene *scene, uint64_t features, uint16_t size) {
	driver_set_status(&scene->driver, 0);
	assert_int_equal(driver_status(&scene->driver), 0);
	driver_set_status(&scene->driver, 1);
	driver_set_status(&scene->driver, 3);
	driver_start(&scene->driver, features, size, 2);
}

uint32_t scene_buffer(uint32_t index) {
	return DRIVER_BUFFERS + index % 64 * 0x400;
}

static void fill(struct scene *scene, uint32_t index, uint32_t size) {
	for (uint32_t i = 0; i < size; i++)
		scene->driver.fake.memory[scene_buffer(index) + i] = (uint8_t)(index * 31 + i * 7);
}

static void expect_used(struct scene *scene, uint16_t id, uint32_t size) {
	uint16_t got;
	uint32_t got_size;

	assert_true(driver_used(&scene->driver, 0, &got, &got_size));
	assert_int_equal(got, id);
	assert_int_equal(got_size, size);
}

static void expect_none(struct scene *scene) {
	uint32_t size;
	uint16_t id;

	assert_false(driver_used(&scene->driver, 0, &id, &size));
}

/* A chain whose reply goes to the buffer behind it. */
static uint16_t add(struct scene *scene, uint32_t index, uint32_t size) {
	const struct driver_buffer buffers[] = {
		{scene_buffer(index), size, false}, {scene_buffer(index + 1), size, true}};

	fill(scene, index, size);
	memset(scene->driver.fake.memory + buffers[1].at, 0, size);
	return driver_add(&scene->driver, 0, buffers, 2, 0);
}

static void expect_echo(struct scene *scene, uint32_t index, uint32_t size) {
	assert_memory_equal(scene->driver.fake.memory + scene_buffer(index + 1),
		scene->driver.fake.memory + scene_buffer(index), size);
}

/* Chains of many shapes, more than a lap. */
static void echo_shapes(struct scene *scene, bool indirect, bool deferred) {
	for (uint32_t turn = 0; turn < 100; turn++) {
		struct driver_buffer buffers[12];
		uint32_t in = turn % 6, out = turn % 5 + (in ? 0 : 1), size = turn % 37 + 1;
		uint32_t total = in < out ? in * size : out * size;
		uint16_t id;

		for (uint32_t i = 0; i < in + out; i++) {
			uint32_t at = scene_buffer(i < in ? 0 : 2) + (i < in ? i : i - in) * size;

			buffers[i] = (struct driver_buffer){at, size, i >= in};
		}
		fill(scene, 0, in * size);
		memset(scene->driver.fake.memory + scene_buffer(2), 0, out * size);
		id = driver_add(&scene->driver, 0, buffers, in + out, indirect ? SCENE_TABLE : 0);
		driver_kick(&scene->driver, 0);
		for (int i = 0; deferred && i < 200; i++)
			fake_bus_finish(&scene->driver.fake);
		assert_false(driver_broken(&scene->driver));
		expect_used(scene, id, total);
		assert_memory_equal(scene->driver.fake.memory + scene_buffer(2),
			scene->driver.fake.memory + scene_buffer(0), total);
		assert_true(driver_wanted(&scene->driver, 0) || scene->driver.event);
	}
	expect_none(scene);
}

void rings_echo(uint64_t features) {
	struct scene scene;

	scene_begin(&scene, features, RINGS_SIZE);
	echo_shapes(&scene, false, false);
	assert_true(scene.driver.fake.pins > 0);
	scene_end(&scene);
	scene_begin(&scene, features | BIT(SP_VIRTIO_INDIRECT_DESC), RINGS_SIZE);
	echo_shapes(&scene, true, false);
	scene_end(&scene);
}

/* Memory that cannot be mapped, with answers that come later. */
void rings_deferred(uint64_t features) {
	struct scene scene;

	for (int defer = 0; defer < 2; defer++) {
		scene_begin(&scene, features, RINGS_SIZE);
		scene.driver.fake.fail_pin = ENOTSUP;
		scene_again(&scene, features | BIT(SP_VIRTIO_INDIRECT_DESC), RINGS_SIZE);
		scene.driver.fake.defer = defer;
		echo_shapes(&scene, false, defer);
		echo_shapes(&scene, true, defer);
		assert_int_equal(scene.driver.fake.pins, 0);
		scene_end(&scene);
	}
}

void rings_interrupts(uint64_t features) {
	struct scene scene;
	uint32_t before;
	uint16_t id;

	/* With an odd size chains go over the end of the ring. */
	scene_begin(&scene, features, features & BIT(SP_VIRTIO_RING_PACKED) ? 13 : RINGS_SIZE);
	for (uint32_t i = 0; i < 3; i++) {
		id = add(&scene, 0, 8);
		driver_kick(&scene.driver, 0);
		expect_used(&scene, id, 8);
		if (scene.driver.event)
			driver_event(&scene.driver, 0, 0);
	}
	before = scene.driver.fake.raised[1];
	assert_true(before >= 1);
	if (!scene.driver.event) {
		assert_int_equal(before, 3);
		driver_no_interrupts(&scene.driver, 0, true);
		id = add(&scene, 0, 8);
		driver_kick(&scene.driver, 0);
		expect_used(&scene, id, 8);
		assert_int_equal(scene.driver.fake.raised[1], before);
		scene_end(&scene);
		return;
	}
	/* At the third from now, at any place of the ring. */
	for (uint32_t lap = 0; lap < 40; lap++) {
		/* Two descriptors each; either of the third. */
		uint16_t wait = (uint16_t)(scene.driver.packed ? 4 + lap % 2 : 2);

		before = scene.driver.fake.raised[1];
		driver_event(&scene.driver, 0, wait);
		for (uint32_t i = 0; i < 5; i++) {
			id = add(&scene, 0, 8);
			driver_kick(&scene.driver, 0);
			assert_int_equal(scene.driver.fake.raised[1], before + (i >= 2));
			expect_used(&scene, id, 8);
		}
	}
	scene_end(&scene);
}

void rings_order(uint64_t features) {
	struct scene scene;
	uint16_t ids[6];

	for (int last_first = 0; last_first < 2; last_first++) {
		scene_begin(&scene, features, RINGS_SIZE);
		scene.echo.hold = true;
		for (uint32_t lap = 0; lap < 10; lap++) {
			for (uint32_t i = 0; i < 6; i++)
				ids[i] = add(&scene, 2 * i, 16 + i);
			driver_kick(&scene.driver, 0);
			assert_int_equal(scene.echo.chains, 6 * lap + 6);
			expect_none(&scene);
			echo_finish(&scene.echo, ALL, last_first);
			for (uint32_t i = 0; i < 6; i++) {
				uint32_t which = last_first ? 5 - i : i;

				expect_used(&scene, ids[which], 16 + which);
				expect_echo(&scene, 2 * which, 16 + which);
			}
		}
		scene_end(&scene);
	}
}

static void stopped(struct sp_notice *notice, int error) {
	struct fake_notice *fake = (struct fake_notice *)notice;

	fake->done++;
	fake->error = error;
}

/* Into a new device on the same bus. */
static void save_and_load(struct scene *scene) {
	struct fake_bus *fake = &scene->driver.fake;
	struct fake_notice notice = {.notice.done = stopped};
	struct sp_state_writer *writer = sp_state_writer_create();
	struct sp_device *old = fake->device, *device;
	struct sp_state_reader *reader;
	struct sp_error error = {0};
	const uint8_t *data;
	size_t size;

	old->ops->stop(old, &notice.notice);
	assert_int_equal(notice.done, 1);
	assert_true(old->ops->save(old, writer, &error));
	data = sp_state_data(writer, &size, &error);
	fake_reset(fake, SP_RESET_LOST, &notice);
	sp_device_destroy(old);
	device = make_echo(scene);
	scene->echo.hold = true;
	device->loop = &scene->driver.loop.loop;
	fake_bus_replace(fake, device);
	reader = sp_state_reader_create(data, size, &error);
	if (!device->ops->load(device, reader, &error))
		fail_msg("%s", error.message);
	assert_true(fake->master);
	sp_state_reader_destroy(reader);
	sp_state_writer_destroy(writer);
	driver_loop_run(&scene->driver.loop, 10);
}

void rings_state(uint64_t features) {
	struct scene scene;
	uint16_t ids[4];

	scene_begin(&scene, features, RINGS_SIZE);
	scene.echo.hold = true;
	for (uint32_t lap = 0; lap < 12; lap++) {
		for (uint32_t i = 0; i < 4; i++)
			ids[i] = add(&scene, 2 * i, 20 + i);
		driver_kick(&scene.driver, 0);
		echo_finish(&scene.echo, 1, true);
		expect_used(&scene, ids[3], 23);
		/* The bytes were read before. */
		memset(scene.driver.fake.memory + scene_buffer(0), 0xee, 20);
		save_and_load(&scene);
		assert_int_equal(scene.echo.chains, 3);
		assert_int_equal(scene.echo.starts, 0);
		echo_finish(&scene.echo, ALL, false);
		fill(&scene, 0, 20);
		for (uint32_t i = 0; i < 3; i++) {
			expect_used(&scene, ids[i], 20 + i);
			expect_echo(&scene, 2 * i, 20 + i);
		}
		expect_none(&scene);
	}
	assert_false(driver_broken(&scene.driver));
	scene_end(&scene);
}

void rings_queue_reset(uint64_t features) {
	struct scene scene;
	uint16_t id;

	scene_begin(&scene, features | BIT(SP_VIRTIO_RING_RESET), RINGS_SIZE);
	scene.echo.hold = true;
	id = add(&scene, 0, 8);
	driver_kick(&scene.driver, 0);
	assert_int_equal(scene.echo.chains, 1);
	driver_set(&scene.driver, 0x16, 2, 0);
	driver_set(&scene.driver, 0x3a, 2, 1);
	assert_int_equal(scene.echo.queue_resets, 1);
	assert_int_equal(driver_get(&scene.driver, 0x3a, 2), 0);
	assert_int_equal(driver_get(&scene.driver, 0x1c, 2), 0);
	assert_null(scene.echo.held);
	expect_none(&scene);
	/* It takes another size. */
	driver_queue(&scene.driver, 0, 8);
	id = add(&scene, 0, 8);
	driver_kick(&scene.driver, 0);
	echo_finish(&scene.echo, ALL, false);
	expect_used(&scene, id, 8);
	/* A device that lets go of it later. */
	scene.echo.keep = true;
	id = add(&scene, 0, 8);
	driver_kick(&scene.driver, 0);
	driver_set(&scene.driver, 0x3a, 2, 1);
	assert_int_equal(driver_get(&scene.driver, 0x3a, 2), 1);
	driver_set(&scene.driver, 0x1c, 2, 1);
	echo_finish(&scene.echo, ALL, false);
	assert_int_equal(driver_get(&scene.driver, 0x3a, 2), 0);
	assert_int_equal(driver_get(&scene.driver, 0x1c, 2), 0);
	expect_none(&scene);
	scene.echo.keep = false;
	driver_queue(&scene.driver, 0, 8);
	/* While a transfer is under way it lasts. */
	scene.driver.fake.defer = true;
	add(&scene, 0, 8);
	driver_kick(&scene.driver, 0);
	driver_set(&scene.driver, 0x3a, 2, 1);
	assert_int_equal(driver_get(&scene.driver, 0x3a, 2), 1);
	fake_bus_finish(&scene.driver.fake);
	assert_int_equal(driver_get(&scene.driver, 0x3a, 2), 0);
	scene_end(&scene);
}

void rings_reset(uint64_t features) {
	struct fake_notice first, second;
	struct scene scene;

	scene_begin(&scene, features, RINGS_SIZE);
	scene.echo.hold = true;
	scene.driver.fake.defer = true;
	add(&scene, 0, 8);
	driver_kick(&scene.driver, 0);
	driver_set_status(&scene.driver, 0);
	assert_int_not_equal(driver_status(&scene.driver), 0);
	/* Nothing is taken meanwhile. */
	driver_set_status(&scene.driver, 1);
	fake_bus_finish(&scene.driver.fake);
	assert_int_equal(driver_status(&scene.driver), 0);
	assert_int_equal(scene.driver.fake.pins, 0);
	scene.driver.fake.defer = false;
	scene.echo.slow_reset = true;
	driver_set_status(&scene.driver, 1);
	driver_set_status(&scene.driver, 3);
	driver_start(&scene.driver, features, RINGS_SIZE, 2);
	add(&scene, 0, 8);
	driver_kick(&scene.driver, 0);
	driver_set_status(&scene.driver, 0);
	assert_int_equal(driver_status(&scene.driver), 15);
	/* The device lets go of one meanwhile. */
	fake_reset(&scene.driver.fake, SP_RESET_FUNCTION, &first);
	fake_reset(&scene.driver.fake, SP_RESET_SYSTEM, &second);
	assert_int_equal(first.done + second.done, 0);
	sp_notice_done(scene.echo.waiting, 0);
	/* The stronger one comes after it. */
	assert_int_equal(first.done + second.done, 0);
	sp_notice_done(scene.echo.waiting, 0);
	assert_int_equal(first.done, 1);
	assert_int_equal(second.done, 1);
	assert_int_equal(driver_status(&scene.driver), 0);
	scene_end(&scene);
}

static void unmapped(struct scene *scene, uint64_t address, uint64_t size) {
	struct fake_notice notice = {.notice.done = stopped};
	struct sp_device *device = scene->driver.fake.device;

	device->ops->unmap(device, 0, address, size, &notice.notice);
	assert_int_equal(notice.done, 1);
}

void rings_unmap(uint64_t features) {
	struct scene scene;
	uint32_t pins;
	uint64_t ring;
	uint16_t id;

	scene_begin(&scene, features, RINGS_SIZE);
	pins = scene.driver.fake.pins;
	ring = DRIVER_AT + scene.driver.queues[0].at[0];
	/* Beside it, and all that there is beyond. */
	unmapped(&scene, ring + RINGS_SIZE * 16, 0x1000 - RINGS_SIZE * 16);
	unmapped(&scene, 0, ring);
	unmapped(&scene, DRIVER_AT + DRIVER_MEMORY, 0 - (uint64_t)(DRIVER_AT + DRIVER_MEMORY));
	assert_int_equal(scene.driver.fake.pins, pins);
	unmapped(&scene, ring + RINGS_SIZE * 16 - 1, 1);
	assert_int_equal(scene.driver.fake.pins, pins - 1);
	unmapped(&scene, DRIVER_AT + scene.driver.queues[0].at[1] - 4, 5);
	assert_int_equal(scene.driver.fake.pins, pins - 2);
	unmapped(&scene, 0, UINT64_MAX);
	assert_int_equal(scene.driver.fake.pins, 0);
	/* It is there again. */
	id = add(&scene, 0, 8);
	driver_kick(&scene.driver, 0);
	expect_used(&scene, id, 8);
	assert_int_equal(scene.driver.fake.pins, 3);
	/* It comes back only after a while. */
	unmapped(&scene, 0, UINT64_MAX);
	scene.driver.fake.fail_pin = EFAULT;
	id = add(&scene, 0, 8);
	driver_kick(&scene.driver, 0);
	driver_loop_run(&scene.driver.loop, 5);
	assert_false(driver_broken(&scene.driver));
	expect_none(&scene);
	scene.driver.fake.fail_pin = 0;
	driver_loop_run(&scene.driver.loop, 1);
	expect_used(&scene, id, 8);
	/* Or never. */
	unmapped(&scene, 0, UINT64_MAX);
	scene.driver.fake.fail_pin = EFAULT;
	add(&scene, 0, 8);
	driver_kick(&scene.driver, 0);
	driver_loop_run(&scene.driver.loop, 1000);
	assert_true(driver_broken(&scene.driver));
	assert_true(scene.driver.loop.expired < 200);
	assert_int_equal(scene.driver.fake.raised[0], 1);
	scene.driver.fake.fail_pin = 0;
	scene_again(&scene, features, RINGS_SIZE);
	id = add(&scene, 0, 8);
	driver_kick(&scene.driver, 0);
	expect_used(&scene, id, 8);
	scene_end(&scene);
}

void rings_budget(uint64_t features) {
	const struct sp_budget_limits limits = {
		.limits = {40000, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
	struct scene scene;
	uint16_t ids[4];

	scene.budget = sp_budget_create(&limits);
	driver_begin(&scene.driver, make_echo(&scene));
	driver_start(&scene.driver, features, RINGS_SIZE, 2);
	scene.echo.hold = true;
	for (uint32_t i = 0; i < 4; i++) {
		const struct driver_buffer buffer = {DRIVER_BUFFERS, 12000, false};

		ids[i] = driver_add(&scene.driver, 0, &buffer, 1, 0);
	}
	driver_kick(&scene.driver, 0);
	assert_int_equal(scene.echo.chains, 2);
	assert_true(sp_budget_used(scene.budget, SP_RESOURCE_BYTES) <= 40000);
	driver_loop_run(&scene.driver.loop, 3);
	assert_int_equal(scene.echo.chains, 2);
	assert_false(driver_broken(&scene.driver));
	echo_finish(&scene.echo, ALL, false);
	driver_loop_run(&scene.driver.loop, 2);
	assert_int_equal(scene.echo.chains, 4);
	echo_finish(&scene.echo, ALL, false);
	for (uint32_t i = 0; i < 4; i++)
		expect_used(&scene, ids[i], 0);
	/* One that can never be. */
	{
		const struct driver_buffer buffer = {DRIVER_BUFFERS, 50000, false};

		driver_add(&scene.driver, 0, &buffer, 1, 0);
	}
	driver_kick(&scene.driver, 0);
	driver_loop_run(&scene.driver.loop, 1000);
	assert_true(driver_broken(&scene.driver));
	scene_end(&scene);
}

/* One notification for very many chains. */
void rings_turns(uint64_t features) {
	const struct driver_buffer buffer = {DRIVER_BUFFERS, 4, true};
	struct scene scene;

	scene_begin(&scene, features, ECHO_ENTRIES);
	for (uint32_t i = 0; i < ECHO_ENTRIES; i++)
		driver_add(&scene.driver, 0, &buffer, 1, 0);
	driver_kick(&scene.driver, 0);
	assert_true(scene.echo.chains >= 1 && scene.echo.chains < 100);
	driver_loop_run(&scene.driver.loop, 10);
	assert_int_equal(scene.echo.chains, ECHO_ENTRIES);
	/* Without a loop as many as the ring has. */
	scene.driver.fake.device->loop = NULL;
	for (uint32_t i = 0; i < ECHO_ENTRIES; i++)
		driver_add(&scene.driver, 0, &buffer, 1, 0);
	driver_kick(&scene.driver, 0);
	assert_int_equal(scene.echo.chains, 2 * ECHO_ENTRIES);
	scene_end(&scene);
}

/* Descriptors that the device has are made available once more. */
void rings_twice(uint64_t features) {
	const struct driver_buffer buffer = {DRIVER_BUFFERS, 4, true};
	struct scene scene;

	scene_begin(&scene, features, RINGS_SIZE);
	scene.echo.hold = true;
	for (uint32_t i = 0; i < RINGS_SIZE; i++)
		driver_add(&scene.driver, 0, &buffer, 1, 0);
	driver_kick(&scene.driver, 0);
	assert_int_equal(scene.echo.chains, RINGS_SIZE);
	assert_false(driver_broken(&scene.driver));
	driver_add(&scene.driver, 0, &buffer, 1, 0);
	driver_kick(&scene.driver, 0);
	assert_int_equal(scene.echo.chains, RINGS_SIZE);
	assert_true(driver_broken(&scene.driver));
	/* Nothing is given back any more. */
	echo_finish(&scene.echo, ALL, false);
	expect_none(&scene);
	scene_end(&scene);
}
