/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "virtio_rings.h"

#define BOTH(name) \
	static void test_##name(void **state) { \
		(void)state; \
		rings_##name(BIT(SP_VIRTIO_RING_PACKED)); \
		rings_##name(BIT(SP_VIRTIO_RING_PACKED) | BIT(SP_VIRTIO_EVENT_IDX)); \
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
	uint16_t id, flags;
};

#define HERE (DRIVER_AT + DRIVER_BUFFERS)
#define TABLE (DRIVER_AT + SCENE_TABLE)
#define NEXT (VRING_NEXT | 0x80u)
#define LAST 0x80u
#define WRITE VRING_WRITE
#define INDIRECT (VRING_INDIRECT | 0x80u)

static const struct {
	const char *name;
	struct desc ring[3], table[3];
	bool all; /* the first one everywhere */
	bool good;
} cases[] = {
	{"as it should be", .ring = {{HERE, 8, 0, NEXT}, {HERE, 8, 3, LAST | WRITE}}, .good = true},
	{"an indirect one", .ring = {{TABLE, 32, 1, INDIRECT}},
		.table = {{HERE, 8, 9, 1}, {HERE, 8, 9, WRITE}}, .good = true},
	{"a write-only table", .ring = {{TABLE, 16, 1, INDIRECT | WRITE}},
		.table = {{HERE, 8, 0, 0}}, .good = true},
	{"an ID beyond", .ring = {{HERE, 8, 0xffff, LAST}}, .good = true},
	{"without an end", .ring = {{HERE, 8, 0, NEXT}}, .all = true},
	{"no bytes", .ring = {{HERE, 0, 0, LAST}}},
	{"2^32 - 1 bytes", .ring = {{HERE, UINT32_MAX, 0, LAST}}},
	{"bytes beyond 2^32",
		.ring = {{HERE, UINT32_MAX, 0, NEXT | WRITE}, {HERE, 2, 0, LAST | WRITE}}},
	{"more than the device takes", .ring = {{HERE, ECHO_IN_MAX, 0, NEXT}, {HERE, 1, 0, LAST}}},
	{"to read after to write", .ring = {{HERE, 8, 0, NEXT | WRITE}, {HERE, 8, 0, LAST}}},
	{"an end that wraps", .ring = {{UINT64_MAX - 6, 8, 0, LAST}}},
	{"a hole", .ring = {{0x1000, 8, 0, LAST}}},
	{"a hole to write to", .ring = {{HERE, 8, 0, NEXT}, {0x1000, 8, 0, LAST | WRITE}}},
	{"a table and a next one", .ring = {{TABLE, 16, 0, INDIRECT | NEXT}, {HERE, 8, 0, LAST}},
		.table = {{HERE, 8, 0, 0}}},
	{"an empty table", .ring = {{TABLE, 0, 0, INDIRECT}}, .table = {{HERE, 8, 0, 0}}},
	{"a table of 24 bytes", .ring = {{TABLE, 24, 0, INDIRECT}}, .table = {{HERE, 8, 0, 0}}},
	{"a table beyond the device's size",
		.ring = {{TABLE, 16 * (ECHO_ENTRIES + 1), 0, INDIRECT}},
		.table = {{HERE, 8, 0, 0}}},
	{"a table in a hole", .ring = {{0x1000, 16, 0, INDIRECT}}},
	{"a table in a table", .ring = {{TABLE, 32, 0, INDIRECT}},
		.table = {{HERE, 8, 0, 0}, {TABLE, 16, 0, VRING_INDIRECT}}},
	{"no bytes in a table", .ring = {{TABLE, 32, 0, INDIRECT}}, .table = {{HERE, 8, 0, 0}}},
};

static void put_desc(struct driver *driver, uint64_t at, const struct desc *desc) {
	driver_put(driver, at, 8, desc->address);
	driver_put(driver, at + 8, 4, desc->size);
	driver_put(driver, at + 12, 2, desc->id);
	driver_put(driver, at + 14, 2, desc->flags);
}

static void test_hostile(void **state) {
	const uint64_t features = BIT(SP_VIRTIO_RING_PACKED) | BIT(SP_VIRTIO_INDIRECT_DESC);
	struct scene scene;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct driver *driver = &scene.driver;
		uint64_t at;

		scene_begin(&scene, features, RINGS_SIZE);
		at = driver->queues[0].at[0];
		for (uint32_t j = 0; j < RINGS_SIZE; j++)
			if (j < 3 || cases[i].all)
				put_desc(driver, at + j * 16, &cases[i].ring[cases[i].all ? 0 : j]);
		for (uint32_t j = 0; j < 3; j++)
			put_desc(driver, SCENE_TABLE + j * 16, &cases[i].table[j]);
		driver_kick(driver, 0);
		driver_loop_run(&driver->loop, 1000);
		if (driver_broken(driver) == cases[i].good)
			fail_msg("%s", cases[i].name);
		assert_int_equal(driver->fake.raised[0], !cases[i].good);
		scene_again(&scene, features, RINGS_SIZE);
		scene_end(&scene);
	}
}

/* Sizes need be no powers of two. */
static void test_odd_size(void **state) {
	const struct driver_buffer buffers[] = {
		{DRIVER_BUFFERS, 4, false}, {DRIVER_BUFFERS + 64, 4, true}};
	struct scene scene;
	uint32_t size;
	uint16_t id, used;

	(void)state;
	scene_begin(&scene, BIT(SP_VIRTIO_RING_PACKED), 13);
	for (uint32_t i = 0; i < 100; i++) {
		id = driver_add(&scene.driver, 0, buffers, 2, 0);
		driver_kick(&scene.driver, 0);
		assert_true(driver_used(&scene.driver, 0, &used, &size));
		assert_int_equal(used, id);
	}
	assert_false(driver_broken(&scene.driver));
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
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_unmap),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_attacker),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_odd_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
