/* SPDX-License-Identifier: MIT */
/* What a guest or its client can ask for without end: limits hold, what is given back is had again,
 * and the heap is as large after a million times as before. */
#include "../wire/guest.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../wire/scene.h"
#include "base/bytes.h"

#define MILLION 1000000u
#define BATCH 250u /* of messages in one write */
#define RW (SP_WIRE_MAP_READ | SP_WIRE_MAP_WRITE)

static int begin(void **state) {
	struct guest *guest = guest_create(NULL);

	for (uint32_t i = 0; i < GUEST_DEVICES; i++)
		guest_connect(guest, i);
	*state = guest;
	return 0;
}

static int end(void **state) {
	guest_destroy(*state);
	return 0;
}

/* What must not grow. A sanitizer's heap tells 0. */
struct level {
	uint64_t used[SP_RESOURCE_COUNT], allocations;
	size_t heap;
	unsigned files;
};

static struct level level(const struct guest *guest) {
	struct level level = {.heap = mallinfo2().uordblks, .files = scene_files()};

	for (int i = 0; i < SP_RESOURCE_COUNT; i++)
		level.used[i] = guest_used(guest, (enum sp_resource)i);
	for (uint32_t i = 0; i < GUEST_DEVICES; i++) {
		struct sp_wire_state state;

		sp_wire_server_state(guest->devices[i].server, &state);
		level.allocations += state.counters.allocations;
	}
	return level;
}

static void same_level(const struct guest *guest, const struct level *before) {
	struct level now = level(guest);

	assert_int_equal(now.files, before->files);
	assert_true(now.heap <= before->heap + 4096);
	assert_true(now.allocations == before->allocations);
	for (int i = 0; i < SP_RESOURCE_COUNT; i++)
		assert_int_equal(now.used[i], before->used[i]);
}

struct batch {
	uint8_t bytes[BATCH * 64];
	uint32_t size;
};

static void add(struct batch *batch, uint16_t command, const struct sp_wire_body *body,
	const void *data, uint32_t size) {
	struct sp_wire_header header = {.command = command, .flags = SP_WIRE_NO_REPLY};
	uint8_t *at = batch->bytes + batch->size;
	uint32_t fixed = sp_wire_encode(command, body, at + SP_WIRE_HEADER);

	assert_true(batch->size + SP_WIRE_HEADER + fixed + size <= sizeof(batch->bytes));
	if (size)
		memcpy(at + SP_WIRE_HEADER + fixed, data, size);
	header.size = SP_WIRE_HEADER + fixed + size;
	sp_wire_put_header(at, &header);
	batch->size += header.size;
}

static void flush(struct guest *guest, uint32_t device, struct batch *batch) {
	client_send(&guest->devices[device].client, batch->bytes, batch->size, NULL, 0);
	batch->size = 0;
	client_idle(&guest->devices[device].client);
}

/* Half a million of each, and some with a descriptor. */
static void test_maps(void **state) {
	struct guest *guest = *state;
	static struct batch batch;
	struct level before = {0};

	for (uint32_t i = 0; i < MILLION / BATCH; i++) {
		for (uint32_t j = 0; j < BATCH / 2; j++) {
			struct sp_wire_body map = {.argsz = 32,
				.flags = RW,
				.address = (uint64_t)j << 12,
				.size = 0x1000};
			struct sp_wire_body unmap = {
				.argsz = 24, .address = map.address, .size = 0x1000};

			add(&batch, SP_WIRE_DMA_MAP, &map, NULL, 0);
			add(&batch, SP_WIRE_DMA_UNMAP, &unmap, NULL, 0);
		}
		flush(guest, GUEST_KEYBOARD, &batch);
		assert_int_equal(guest_map(guest, GUEST_KEYBOARD, 1ull << 40, GUEST_MEMORY,
					 guest->file, 0, RW),
			0);
		assert_int_equal(guest_unmap(guest, GUEST_KEYBOARD, 1ull << 40, GUEST_MEMORY), 0);
		if (i == 100)
			before = level(guest);
	}
	/* A file's bookkeeping is allocated with it, each time. */
	before.allocations = level(guest).allocations;
	same_level(guest, &before);
}

/* More and more without an end, up to the limit: a refusal, and all can be given back. */
static void test_ranges(void **state) {
	struct guest *guest = *state;
	static struct batch batch;
	struct sp_wire_state wire;
	struct level full;

	for (uint32_t round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 70000; i++) {
			struct sp_wire_body map = {.argsz = 32,
				.flags = RW,
				.address = (uint64_t)i << 12,
				.size = 0x1000};

			add(&batch, SP_WIRE_DMA_MAP, &map, NULL, 0);
			if (i % BATCH == BATCH - 1)
				flush(guest, GUEST_TABLET, &batch);
		}
		assert_int_equal(
			guest_map(guest, GUEST_TABLET, 1ull << 40, 0x1000, -1, 0, RW), ENOSPC);
		sp_wire_server_state(guest->devices[GUEST_TABLET].server, &wire);
		assert_int_equal(wire.ranges, 65535);
		/* The other devices are none the worse. */
		assert_int_equal(
			guest_map(guest, GUEST_KEYBOARD, 0, GUEST_MEMORY, guest->file, 0, RW), 0);
		assert_int_equal(guest_unmap(guest, GUEST_KEYBOARD, 0, GUEST_MEMORY), 0);
		assert_int_equal(guest_unmap(guest, GUEST_TABLET, 0, UINT64_MAX), 0);
		if (round == 0)
			full = level(guest);
	}
	full.allocations = level(guest).allocations;
	same_level(guest, &full);
}

static void test_config_writes(void **state) {
	struct guest *guest = *state;
	static struct batch batch;
	struct level before = {0};
	uint32_t seed = 5;

	for (uint32_t i = 0; i < MILLION / BATCH; i++) {
		uint32_t device = i % GUEST_DEVICES;

		for (uint32_t j = 0; j < BATCH; j++) {
			struct sp_wire_body body = {.index = SP_REGION_CONFIG, .count = 4};
			uint8_t data[4];

			seed = seed * 1664525 + 1013904223;
			body.offset = (seed >> 8) % 1020;
			/* A display's memory takes time to be cleared. */
			sp_store_le32(data, device ? seed : seed & 0x7fff7fff);
			add(&batch, SP_WIRE_REGION_WRITE, &body, data, 4);
		}
		flush(guest, device, &batch);
		assert_int_not_equal(guest_get(guest, device, SP_REGION_CONFIG, 0, 4), UINT32_MAX);
		if (i == 100)
			before = level(guest);
	}
	same_level(guest, &before);
}

static void test_resets(void **state) {
	const struct guest_ring rings[2] = {{0, 0x1000, 0x2000}, {0x4000, 0x5000, 0x6000}};
	struct guest *guest = *state;
	struct level before = {0};

	for (uint32_t i = 0; i < 6000; i++) {
		uint32_t device = i % GUEST_DEVICES;

		if (device == GUEST_KEYBOARD || device == GUEST_TABLET) {
			(void)guest_map(guest, device, 0, GUEST_MEMORY, guest->file, 0, RW);
			memset(guest->memory, 0, 0x8000);
			sp_store_le16(guest->memory + 0x1002, 8);
			guest_desc(guest, 0, 0x20000, 8, 2);
			guest_start(guest, device, 16, rings, i / 4 % 2);
			guest_kick(guest, device, 0);
			guest_type(guest, device, (uint16_t)i);
		} else if (device == GUEST_DISPLAY) {
			guest_mode(guest, 640, 480);
		}
		assert_int_equal(guest_reset(guest, device), 0);
		if (i == 1000)
			before = level(guest);
	}
	same_level(guest, &before);
}

static void test_connects(void **state) {
	struct guest *guest = *state;
	struct level before = {0};
	int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	for (uint32_t i = 0; i < 4000; i++) {
		struct sp_wire_body irqs = {.argsz = 20,
			.flags = SP_WIRE_SET_EVENTFD | SP_WIRE_SET_TRIGGER,
			.index = SP_WIRE_MSIX,
			.count = 1};
		uint32_t device = i % GUEST_DEVICES;

		guest_hang_up(guest, device);
		guest_connect(guest, device);
		(void)guest_map(guest, device, 0, GUEST_MEMORY, guest->file, 0, RW);
		(void)guest_call(guest, device, SP_WIRE_SET_IRQS, &irqs, NULL, 0, &event, 1);
		if (i == 1000 || i == 3999)
			for (uint32_t j = 0; j < GUEST_DEVICES; j++) {
				guest_hang_up(guest, j);
				guest_connect(guest, j);
			}
		if (i == 1000)
			before = level(guest);
	}
	before.allocations = level(guest).allocations;
	same_level(guest, &before);
	close(event);
}

/* A small budget: what is beyond it is refused, each kind by itself, and works once there is room.
 */
static void test_limits(void **state) {
	struct sp_budget_limits limits;
	int files[4];

	(void)state;
	for (int i = 0; i < SP_RESOURCE_COUNT; i++)
		limits.limits[i] = UINT64_MAX;
	limits.time = 0;
	limits.limits[SP_RESOURCE_FILES] = 3; /* the display has one */
	limits.limits[SP_RESOURCE_PINS] = 2;
	limits.limits[SP_RESOURCE_BYTES] = GUEST_DISPLAY_MEMORY + 0x100000;
	for (int i = 0; i < 4; i++) {
		files[i] = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		assert_int_equal(ftruncate(files[i], 0x10000), 0);
	}
	for (uint32_t round = 0; round < 100; round++) {
		const struct guest_ring rings[2] = {{0, 0x1000, 0x2000}, {0x4000, 0x5000, 0x6000}};
		struct guest *guest = guest_create(&limits);
		static struct batch batch;
		unsigned refused = 0;

		for (uint32_t i = 0; i < GUEST_DEVICES; i++)
			guest_connect(guest, i);
		/* Files: of one device, and then of another. */
		for (uint32_t i = 0; i < 4; i++)
			refused += guest_map(guest, i % 2 ? GUEST_EDU : GUEST_TABLET,
					   (uint64_t)i << 20, 0x10000, files[i], 0, RW) == EDQUOT;
		assert_int_equal(refused, 2);
		assert_int_equal(guest_used(guest, SP_RESOURCE_FILES), 3);
		assert_int_equal(guest_unmap(guest, GUEST_TABLET, 0, UINT64_MAX), 0);
		guest_hang_up(guest, GUEST_EDU);
		assert_int_equal(guest_used(guest, SP_RESOURCE_FILES), 1);
		/* Pins: rings need more than there are, which is the driver's loss. */
		assert_int_equal(
			guest_map(guest, GUEST_KEYBOARD, 0, GUEST_MEMORY, guest->file, 0, RW), 0);
		memset(guest->memory, 0, 0x8000);
		guest_start(guest, GUEST_KEYBOARD, 16, rings, false);
		guest_kick(guest, GUEST_KEYBOARD, 0);
		guest_type(guest, GUEST_KEYBOARD, 3);
		guest_idle(guest);
		assert_in_range(guest_used(guest, SP_RESOURCE_PINS), 0, 2);
		assert_int_equal(guest_reset(guest, GUEST_KEYBOARD), 0);
		assert_int_equal(guest_used(guest, SP_RESOURCE_PINS), 0);
		/* Bytes: so many ranges that their table is too large. */
		for (uint32_t i = 0; round < 3 && i < 65000; i++) {
			struct sp_wire_body map = {.argsz = 32,
				.flags = RW,
				.address = (1ull << 40) + ((uint64_t)i << 12),
				.size = 0x1000};

			add(&batch, SP_WIRE_DMA_MAP, &map, NULL, 0);
			if (i % BATCH == BATCH - 1)
				flush(guest, GUEST_TABLET, &batch);
		}
		if (round < 3)
			assert_int_equal(
				guest_map(guest, GUEST_TABLET, 1ull << 50, 0x1000, -1, 0, RW),
				EDQUOT);
		assert_in_range(
			guest_used(guest, SP_RESOURCE_BYTES), 0, limits.limits[SP_RESOURCE_BYTES]);
		for (uint32_t i = 0; i < GUEST_EDU; i++)
			assert_int_equal(guest->devices[i].gone, 0);
		guest_destroy(guest);
	}
	for (int i = 0; i < 4; i++)
		close(files[i]);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_maps, begin, end),
		cmocka_unit_test_setup_teardown(test_ranges, begin, end),
		cmocka_unit_test_setup_teardown(test_config_writes, begin, end),
		cmocka_unit_test_setup_teardown(test_resets, begin, end),
		cmocka_unit_test_setup_teardown(test_connects, begin, end),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
