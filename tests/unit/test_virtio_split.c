/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "virtio_rings.h"

#define BOTH(name) \
	static void test_##name(void **state) { \
		(void)state; \
		rings_##name(0); \
		rings_##name(BIT(SP_VIRTIO_EVENT_IDX)); \
	}
BOTH(echo)
BOTH(deferred)
BOTH(interrupts)
BOTH(order)
BOTH(state)
BOTH(queue_reset)
BOTH(reset)
BOTH(unmap)
BOTH(budget)
BOTH(turns)
BOTH(twice)
BOTH(attacker)

struct desc {
	uint64_t address;
	uint32_t size;
	uint16_t flags, next;
};

#define HERE (DRIVER_AT + DRIVER_BUFFERS)
#define TABLE (DRIVER_AT + SCENE_TABLE)
#define NEXT VRING_NEXT
#define WRITE VRING_WRITE
#define INDIRECT VRING_INDIRECT

static const struct {
	const char *name;
	struct desc ring[3], table[3];
	uint16_t head, available; /* available 0: one */
	uint64_t features;
	bool good;
} cases[] = {
	{"as it should be", .ring = {{HERE, 8, NEXT, 2}, {0}, {HERE, 8, WRITE, 9}}, .good = true},
	{"an indirect one", .ring = {{TABLE, 32, INDIRECT, 9}},
		.table = {{HERE, 8, NEXT, 1}, {HERE, 8, WRITE, 7}}, .good = true},
	{"one before a table", .ring = {{HERE, 8, NEXT, 1}, {TABLE, 16, INDIRECT, 0}},
		.table = {{HERE, 8, WRITE, 0}}, .good = true},
	{"a head beyond", .ring = {{HERE, 8, 0, 0}}, .head = 16},
	{"a head far beyond", .ring = {{HERE, 8, 0, 0}}, .head = 0xffff},
	{"more than the ring has", .ring = {{HERE, 8, 0, 0}}, .available = 17},
	{"an index that goes back", .ring = {{HERE, 8, 0, 0}}, .available = 0xffff},
	{"the next one beyond", .ring = {{HERE, 8, NEXT, 16}}},
	{"a circle of one", .ring = {{HERE, 8, NEXT, 0}}},
	{"a circle of three", .ring = {{HERE, 8, NEXT, 1}, {HERE, 8, NEXT, 2}, {HERE, 8, NEXT, 0}}},
	{"no bytes", .ring = {{HERE, 0, 0, 0}}},
	{"no bytes to write", .ring = {{HERE, 8, NEXT, 1}, {HERE, 0, WRITE, 0}}},
	{"2^32 - 1 bytes", .ring = {{HERE, UINT32_MAX, 0, 0}}},
	{"bytes beyond 2^32", .ring = {{HERE, UINT32_MAX, WRITE | NEXT, 1}, {HERE, 2, WRITE, 0}}},
	{"more than the device takes", .ring = {{HERE, ECHO_IN_MAX, NEXT, 1}, {HERE, 1, 0, 0}}},
	{"to read after to write", .ring = {{HERE, 8, WRITE | NEXT, 1}, {HERE, 8, 0, 0}}},
	{"an end that wraps", .ring = {{UINT64_MAX - 6, 8, 0, 0}}},
	{"a hole", .ring = {{0x1000, 8, 0, 0}}},
	{"a hole at the end", .ring = {{DRIVER_AT + DRIVER_MEMORY - 4, 8, 0, 0}}},
	{"a hole to write to", .ring = {{HERE, 8, NEXT, 1}, {0x1000, 8, WRITE, 0}}},
	{"a table and a next one", .ring = {{TABLE, 16, INDIRECT | NEXT, 1}, {HERE, 8, 0, 0}},
		.table = {{HERE, 8, 0, 0}}},
	{"an empty table", .ring = {{TABLE, 0, INDIRECT, 0}}, .table = {{HERE, 8, 0, 0}}},
	{"a table of 24 bytes", .ring = {{TABLE, 24, INDIRECT, 0}}, .table = {{HERE, 8, 0, 0}}},
	{"a table beyond the device's size",
		.ring = {{TABLE, 16 * (ECHO_ENTRIES + 1), INDIRECT, 0}},
		.table = {{HERE, 8, 0, 0}}},
	{"a table of 2^32 - 16 bytes", .ring = {{TABLE, UINT32_MAX - 15, INDIRECT, 0}},
		.table = {{HERE, 8, 0, 0}}},
	{"a table in a hole", .ring = {{0x1000, 16, INDIRECT, 0}}},
	{"a table that wraps", .ring = {{UINT64_MAX - 14, 16, INDIRECT, 0}}},
	{"a table in a table", .ring = {{TABLE, 32, INDIRECT, 0}},
		.table = {{TABLE, 16, INDIRECT, 0}}},
	{"a circle in a table", .ring = {{TABLE, 32, INDIRECT, 0}},
		.table = {{HERE, 8, NEXT, 1}, {HERE, 8, NEXT, 0}}},
	{"beyond the table", .ring = {{TABLE, 32, INDIRECT, 0}}, .table = {{HERE, 8, NEXT, 2}}},
	{"a table that nobody agreed on", .ring = {{TABLE, 16, INDIRECT, 0}},
		.table = {{HERE, 8, 0, 0}}, .features = BIT(SP_VIRTIO_EVENT_IDX)},
};

static void put_desc(struct driver *driver, uint64_t at, const struct desc *desc) {
	driver_put(driver, at, 8, desc->address);
	driver_put(driver, at + 8, 4, desc->size);
	driver_put(driver, at + 12, 2, desc->flags);
	driver_put(driver, at + 14, 2, desc->next);
}

static void test_hostile(void **state) {
	struct scene scene;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t features =
			cases[i].features ? cases[i].features : BIT(SP_VIRTIO_INDIRECT_DESC);
		struct driver *driver = &scene.driver;
		uint64_t at;

		scene_begin(&scene, features, RINGS_SIZE);
		at = driver->queues[0].at[0];
		for (uint32_t j = 0; j < 3; j++) {
			put_desc(driver, at + j * 16, &cases[i].ring[j]);
			put_desc(driver, SCENE_TABLE + j * 16, &cases[i].table[j]);
		}
		at = driver->queues[0].at[1];
		driver_put(driver, at + 4, 2, cases[i].head);
		driver_put(driver, at + 2, 2, cases[i].available ? cases[i].available : 1);
		driver_kick(driver, 0);
		driver_loop_run(&driver->loop, 1000);
		if (driver_broken(driver) == cases[i].good)
			fail_msg("%s", cases[i].name);
		/* The driver is told once, and the other queue rests. */
		assert_int_equal(driver->fake.raised[0], !cases[i].good);
		scene_again(&scene, features, RINGS_SIZE);
		assert_false(driver_broken(driver));
		scene_end(&scene);
	}
}

static void chain_of_all(struct scene *scene, uint32_t count) {
	struct driver_buffer buffers[ECHO_ENTRIES];

	for (uint32_t i = 0; i < count; i++)
		buffers[i] = (struct driver_buffer){DRIVER_BUFFERS + i, 1, false};
	driver_add(&scene->driver, 0, buffers, count, 0);
	driver_kick(&scene->driver, 0);
}

static void test_longest(void **state) {
	struct scene scene;

	(void)state;
	scene_begin(&scene, 0, RINGS_SIZE);
	chain_of_all(&scene, RINGS_SIZE);
	assert_false(driver_broken(&scene.driver));
	assert_int_equal(scene.echo.chains, 1);
	scene_end(&scene);
}

/* What was given back after the state was saved is not done again. */
static void test_recover(void **state) {
	const struct driver_buffer buffer = {DRIVER_BUFFERS, 4, true};
	struct fake_notice notice;
	struct sp_state_writer *writer;
	struct sp_state_reader *reader;
	struct sp_error error = {0};
	struct sp_device *device;
	struct scene scene;
	const uint8_t *data;
	size_t size;

	(void)state;
	/* So many that were with the device, and that were given back and came since. */
	for (uint32_t held = 0; held < 4; held++)
		for (uint32_t since = 0; since < 8; since++) {
			uint32_t all = held + since, done = all < 6 ? all : 6, left;

			scene_begin(&scene, 0, RINGS_SIZE);
			scene.echo.hold = true;
			for (uint32_t i = 0; i < held; i++)
				driver_add(&scene.driver, 0, &buffer, 1, 0);
			driver_kick(&scene.driver, 0);
			device = scene.driver.fake.device;
			writer = sp_state_writer_create();
			assert_true(device->ops->save(device, writer, &error));
			for (uint32_t i = 0; i < since; i++)
				driver_add(&scene.driver, 0, &buffer, 1, 0);
			driver_kick(&scene.driver, 0);
			echo_finish(&scene.echo, done, false);
			left = all - done;
			data = sp_state_data(writer, &size, &error);
			reader = sp_state_reader_create(data, size, &error);
			fake_reset(&scene.driver.fake, SP_RESET_FUNCTION, &notice);
			scene.echo.chains = 0;
			assert_true(device->ops->load(device, reader, &error));
			driver_loop_run(&scene.driver.loop, 10);
			assert_int_equal(scene.echo.chains, left);
			assert_false(driver_broken(&scene.driver));
			echo_finish(&scene.echo, UINT32_MAX, false);
			for (uint32_t i = 0; i < all; i++) {
				uint32_t written;
				uint16_t id;

				assert_true(driver_used(&scene.driver, 0, &id, &written));
				assert_int_equal(id, i);
			}
			sp_state_reader_destroy(reader);
			sp_state_writer_destroy(writer);
			scene_end(&scene);
		}
}

/* Chains that were with the device when it was saved, and have not come to it again. */
static void test_queue_reset_after_load(void **state) {
	const struct driver_buffer buffer = {DRIVER_BUFFERS, 4, true};
	struct sp_state_writer *writer = sp_state_writer_create();
	struct sp_state_reader *reader;
	struct sp_error error = {0};
	struct fake_notice notice;
	struct sp_device *device;
	struct scene scene;
	const uint8_t *data;
	size_t size;

	(void)state;
	scene_begin(&scene, BIT(SP_VIRTIO_RING_RESET), RINGS_SIZE);
	device = scene.driver.fake.device;
	scene.echo.hold = true;
	for (uint32_t i = 0; i < 3; i++)
		driver_add(&scene.driver, 0, &buffer, 1, 0);
	driver_kick(&scene.driver, 0);
	assert_int_equal(scene.echo.chains, 3);
	assert_true(device->ops->save(device, writer, &error));
	data = sp_state_data(writer, &size, &error);
	reader = sp_state_reader_create(data, size, &error);
	fake_reset(&scene.driver.fake, SP_RESET_FUNCTION, &notice);
	assert_true(device->ops->load(device, reader, &error));
	driver_set(&scene.driver, 0x16, 2, 0);
	driver_set(&scene.driver, 0x3a, 2, 1);
	assert_int_equal(driver_get(&scene.driver, 0x3a, 2), 0);
	driver_loop_run(&scene.driver.loop, 10);
	assert_int_equal(scene.echo.chains, 3);
	assert_false(driver_broken(&scene.driver));
	sp_state_reader_destroy(reader);
	sp_state_writer_destroy(writer);
	scene_end(&scene);
}

static void unmapped(struct sp_notice *notice, int error) {
	(void)notice;
	assert_int_equal(error, 0);
}

/* A queue whose memory is away for a while, beside one that is busy. */
static void test_patience(void **state) {
	const struct driver_buffer buffer = {DRIVER_BUFFERS, 4, true};
	struct sp_notice notice = {.done = unmapped};
	struct sp_device *device;
	struct driver *driver;
	struct scene scene;
	uint32_t size;
	uint16_t id;

	(void)state;
	scene_begin(&scene, 0, ECHO_ENTRIES);
	driver = &scene.driver;
	device = driver->fake.device;
	device->ops->unmap(device, 0, DRIVER_AT + driver->queues[0].at[0], 16, &notice);
	driver->fake.fail_pin = EFAULT;
	driver_add(driver, 0, &buffer, 1, 0);
	driver_kick(driver, 0);
	for (uint32_t round = 0; round < 150; round++) {
		for (uint32_t i = 0; i < 100; i++)
			driver_add(driver, 1, &buffer, 1, 0);
		driver_kick(driver, 1);
		driver_loop_run(&driver->loop, 1);
		assert_false(driver_broken(driver));
		for (uint32_t i = 0; i < 100; i++)
			assert_true(driver_used(driver, 1, &id, &size));
	}
	assert_in_range(driver->loop.now, 0, 100000);
	driver->fake.fail_pin = 0;
	driver_loop_run(&driver->loop, 2);
	assert_true(driver_used(driver, 0, &id, &size));
	scene_end(&scene);
}

struct asking {
	struct sp_notice notice;
	struct sp_device *device;
	struct asking *other; /* a reset that is asked for when this one is done */
	uint32_t done;
};

static void asking_done(struct sp_notice *notice, int error) {
	struct asking *asking = (struct asking *)notice;

	assert_int_equal(error, 0);
	asking->done++;
	if (asking->other)
		asking->device->ops->reset(
			asking->device, SP_RESET_FUNCTION, &asking->other->notice);
}

/* One that is asked for as others end is not ended with them. */
static void test_reset_after_reset(void **state) {
	struct asking resets[3];
	struct sp_notice *notice;
	struct sp_device *device;
	struct scene scene;

	(void)state;
	scene_begin(&scene, 0, RINGS_SIZE);
	device = scene.driver.fake.device;
	for (uint32_t i = 0; i < 3; i++)
		resets[i] = (struct asking){.notice.done = asking_done, .device = device};
	resets[1].other = &resets[2];
	scene.echo.slow_reset = true;
	for (uint32_t i = 0; i < 2; i++)
		device->ops->reset(device, SP_RESET_FUNCTION, &resets[i].notice);
	for (uint32_t done = 0; done < 2; done++) {
		for (uint32_t i = 0; i < 3; i++)
			assert_int_equal(resets[i].done, i < 2 ? done : 0);
		notice = scene.echo.waiting;
		assert_non_null(notice);
		scene.echo.waiting = NULL;
		sp_notice_done(notice, 0);
	}
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(resets[i].done, 1);
	scene.echo.slow_reset = false;
	scene_end(&scene);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_deferred),
		cmocka_unit_test(test_interrupts),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_queue_reset),
		cmocka_unit_test(test_queue_reset_after_load),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_reset_after_reset),
		cmocka_unit_test(test_unmap),
		cmocka_unit_test(test_patience),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_attacker),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_recover),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
