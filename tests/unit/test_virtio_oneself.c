/* SPDX-License-Identifier: MIT */
/* Rings and buffers where none should be: in each other, in a device's own memory, behind the
 * client, in holes, where nothing may be written. The device may break, but no more than that. */
#include "../wire/guest.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"

#define AT 0x1000000u /* the guest's memory */
#define SCREEN_AT 0x8000000u /* the display's, by its own descriptor */
#define AGAIN_AT 0x9000000u /* the guest's, once more */
#define FIXED_AT 0xa000000u /* the guest's, read-only */
#define BEHIND_AT 0xb000000u /* without a descriptor: the client's to answer for */
#define HOLE_AT 0xf0000000u
#define SIZE 16u
#define RW (SP_WIRE_MAP_READ | SP_WIRE_MAP_WRITE)

static const struct guest_ring usual[2] = {
	{AT, AT + 0x1000, AT + 0x2000}, {AT + 0x4000, AT + 0x5000, AT + 0x6000}};

static int begin(void **state) {
	struct guest *guest = guest_create(NULL);

	for (uint32_t i = 0; i < GUEST_DEVICES; i++)
		guest_connect(guest, i);
	guest_mode(guest, 640, 480);
	*state = guest;
	return 0;
}

static int end(void **state) {
	guest_destroy(*state);
	return 0;
}

/* The descriptor by which clients map the display's memory. */
static int screen_file(struct guest *guest) {
	struct sp_wire_body body = {.argsz = 4096, .index = SP_REGION_BAR0};
	struct client *client = &guest->devices[GUEST_DISPLAY].client;

	assert_int_equal(
		guest_call(guest, GUEST_DISPLAY, SP_WIRE_REGION_INFO, &body, NULL, 0, NULL, 0), 0);
	assert_int_equal(client->fd_count, 1);
	return client->fds[0];
}

static void map_all(struct guest *guest, uint32_t device) {
	int screen = screen_file(guest);

	assert_int_equal(guest_map(guest, device, AT, GUEST_MEMORY, guest->file, 0, RW), 0);
	assert_int_equal(guest_map(guest, device, AGAIN_AT, GUEST_MEMORY, guest->file, 0, RW), 0);
	assert_int_equal(
		guest_map(guest, device, FIXED_AT, GUEST_MEMORY, guest->file, 0, SP_WIRE_MAP_READ),
		0);
	assert_int_equal(guest_map(guest, device, BEHIND_AT, GUEST_MEMORY, -1, 0, RW), 0);
	assert_int_equal(
		guest_map(guest, device, SCREEN_AT, GUEST_DISPLAY_MEMORY, screen, 0, RW), 0);
}

/* Eight buffers of both queues at `buffer`, wherever the rings' bytes are. */
static void fill(struct guest *guest, uint8_t *memory, uint64_t buffer, uint32_t size) {
	(void)guest;
	for (uint32_t queue = 0; queue < 2; queue++) {
		uint8_t *desc = memory + 0x4000ull * queue, *available = desc + 0x1000;

		memset(desc, 0, 0x3000);
		for (uint32_t i = 0; i < 8; i++) {
			sp_store_le32(desc + i * 16, (uint32_t)buffer + 8 * i);
			sp_store_le32(desc + i * 16 + 8, size);
			sp_store_le16(desc + i * 16 + 12, queue ? 0 : 2);
			sp_store_le16(available + 4 + i * 2, (uint16_t)i);
		}
		sp_store_le16(available + 2, 8);
	}
}

static void use(struct guest *guest, uint32_t device) {
	for (uint16_t i = 0; i < 6; i++) {
		guest_type(guest, device, i);
		guest_kick(guest, device, i % 2);
		guest_idle(guest);
	}
}

/* Whatever was done to it, a reset makes it a device that works. */
static void recovers(struct guest *guest, uint32_t device) {
	uint8_t *memory = guest->memory;

	(void)guest_unmap(guest, device, 0, UINT64_MAX);
	assert_int_equal(guest_map(guest, device, AT, GUEST_MEMORY, guest->file, 0, RW), 0);
	fill(guest, memory, AT + 0x20000, 8);
	memset(memory + 0x20000, 0xee, 64);
	guest_start(guest, device, SIZE, usual, false);
	assert_int_equal(guest_status(guest, device), 15);
	guest_kick(guest, device, 0);
	guest_type(guest, device, 30);
	guest_idle(guest);
	assert_in_range(sp_load_le16(memory + 0x2002), 1, 8);
	assert_in_range(memory[0x20000], 1, 3);
	assert_int_equal(guest_status(guest, device), 15);
	assert_int_equal(guest->devices[device].gone, 0);
}

enum outcome { WORKS, BREAKS, EITHER };

static const struct {
	const char *name;
	struct guest_ring rings[2];
	uint64_t buffer;
	uint32_t size;
	enum outcome outcome;
} cases[] = {
	{"as it should be",
		{{AT, AT + 0x1000, AT + 0x2000}, {AT + 0x4000, AT + 0x5000, AT + 0x6000}},
		AT + 0x20000, 8, WORKS},
	{"rings of both queues in one place",
		{{AT, AT + 0x1000, AT + 0x2000}, {AT, AT + 0x1000, AT + 0x2000}}, AT + 0x20000, 8,
		EITHER},
	{"all parts of a ring in one place", {{AT, AT, AT}, {AT, AT, AT}}, AT + 0x20000, 8, EITHER},
	{"what is used over what is available",
		{{AT, AT + 0x1000, AT + 0x1000}, {AT + 0x4000, AT + 0x5000, AT + 0x5000}},
		AT + 0x20000, 8, EITHER},
	{"what is used over the descriptors",
		{{AT, AT + 0x1000, AT}, {AT + 0x4000, AT + 0x5000, AT + 0x4000}}, AT + 0x20000, 8,
		EITHER},
	{"buffers over the descriptors",
		{{AT, AT + 0x1000, AT + 0x2000}, {AT + 0x4000, AT + 0x5000, AT + 0x6000}}, AT, 8,
		EITHER},
	{"buffers over what is available",
		{{AT, AT + 0x1000, AT + 0x2000}, {AT + 0x4000, AT + 0x5000, AT + 0x6000}},
		AT + 0x1000, 8, EITHER},
	{"buffers over what is used",
		{{AT, AT + 0x1000, AT + 0x2000}, {AT + 0x4000, AT + 0x5000, AT + 0x6000}},
		AT + 0x2000, 8, EITHER},
	{"buffers by the same memory elsewhere",
		{{AT, AT + 0x1000, AT + 0x2000}, {AT + 0x4000, AT + 0x5000, AT + 0x6000}},
		AGAIN_AT + 0x1000, 8, EITHER},
	{"parts of a ring by two ways to the same memory",
		{{AT, AGAIN_AT + 0x1000, AT + 0x2000},
			{AGAIN_AT + 0x4000, AT + 0x5000, AGAIN_AT + 0x6000}},
		AT + 0x20000, 8, WORKS},
	{"rings in the display's memory",
		{{SCREEN_AT, SCREEN_AT + 0x1000, SCREEN_AT + 0x2000},
			{SCREEN_AT + 0x4000, SCREEN_AT + 0x5000, SCREEN_AT + 0x6000}},
		SCREEN_AT + 0x20000, 8, WORKS},
	{"buffers in the display's memory",
		{{AT, AT + 0x1000, AT + 0x2000}, {AT + 0x4000, AT + 0x5000, AT + 0x6000}},
		SCREEN_AT, 8, WORKS},
	{"buffers that may only be read",
		{{AT, AT + 0x1000, AT + 0x2000}, {AT + 0x4000, AT + 0x5000, AT + 0x6000}},
		FIXED_AT + 0x20000, 8, BREAKS},
	{"what is used where nothing may be written",
		{{AT, AT + 0x1000, FIXED_AT + 0x2000}, {AT + 0x4000, AT + 0x5000, AT + 0x6000}},
		AT + 0x20000, 8, EITHER},
	{"rings in a hole", {{HOLE_AT, HOLE_AT, HOLE_AT}, {HOLE_AT, HOLE_AT, HOLE_AT}},
		AT + 0x20000, 8, EITHER},
	{"buffers in a hole",
		{{AT, AT + 0x1000, AT + 0x2000}, {AT + 0x4000, AT + 0x5000, AT + 0x6000}}, HOLE_AT,
		8, BREAKS},
	{"buffers half in a hole",
		{{AT, AT + 0x1000, AT + 0x2000}, {AT + 0x4000, AT + 0x5000, AT + 0x6000}},
		AT + GUEST_MEMORY - 4, 8, BREAKS},
	{"a ring half in a hole",
		{{AT + GUEST_MEMORY - 128, AT + 0x1000, AT + 0x2000},
			{AT + 0x4000, AT + 0x5000, AT + 0x6000}},
		AT + 0x20000, 8, EITHER},
	{"a ring around the end of all addresses",
		{{0xfffffffffffffff0, AT + 0x1000, AT + 0x2000},
			{AT + 0x4000, AT + 0x5000, 0xfffffffffffffffc}},
		AT + 0x20000, 8, EITHER},
	{"a buffer of all addresses",
		{{AT, AT + 0x1000, AT + 0x2000}, {AT + 0x4000, AT + 0x5000, AT + 0x6000}}, AT,
		UINT32_MAX, BREAKS},
	{"rings behind the client",
		{{BEHIND_AT, BEHIND_AT + 0x1000, BEHIND_AT + 0x2000},
			{BEHIND_AT + 0x4000, BEHIND_AT + 0x5000, BEHIND_AT + 0x6000}},
		BEHIND_AT + 0x20000, 8, WORKS},
	{"buffers behind the client",
		{{AT, AT + 0x1000, AT + 0x2000}, {AT + 0x4000, AT + 0x5000, AT + 0x6000}},
		BEHIND_AT + 0x20000, 8, WORKS},
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

static void fill_case(struct guest *guest, size_t i) {
	uint8_t *screen = mmap(NULL, GUEST_DISPLAY_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED,
		screen_file(guest), 0);

	assert_true(screen != MAP_FAILED);
	fill(guest, guest->memory, cases[i].buffer, cases[i].size);
	fill(guest, screen, cases[i].buffer, cases[i].size);
	munmap(screen, GUEST_DISPLAY_MEMORY);
}

/* How many chains of the first queue came back. */
static uint16_t used(struct guest *guest, uint64_t at) {
	uint8_t bytes[2];

	if (at < SCREEN_AT || at >= AGAIN_AT)
		return sp_load_le16(guest->memory + at % GUEST_MEMORY + 2);
	assert_int_equal(pread(screen_file(guest), bytes, 2, (off_t)(at - SCREEN_AT + 2)), 2);
	return sp_load_le16(bytes);
}

static void test_places(void **state) {
	struct guest *guest = *state;

	for (uint32_t packed = 0; packed < 2; packed++)
		for (uint32_t device = GUEST_KEYBOARD; device <= GUEST_TABLET; device++)
			for (size_t i = 0; i < CASES; i++) {
				uint8_t status;

				(void)guest_unmap(guest, device, 0, UINT64_MAX);
				map_all(guest, device);
				fill_case(guest, i);
				guest_start(guest, device, SIZE, cases[i].rings, packed);
				use(guest, device);
				status = guest_status(guest, device);
				if (!packed && cases[i].outcome != EITHER &&
					status != (cases[i].outcome == WORKS ? 15 : 0x4f))
					fail_msg("%s: status %02x", cases[i].name, status);
				if (!packed && cases[i].outcome == WORKS &&
					!used(guest, cases[i].rings[0].device))
					fail_msg("%s: nothing came back", cases[i].name);
				recovers(guest, device);
			}
}

/* What a client does before it answers: everything that comes back to the device that asks. */
static void back_to_it(struct guest *guest, uint32_t device) {
	static uint32_t turn;
	struct guest_device *it = &guest->devices[device];
	struct sp_wire_body write = {.index = SP_REGION_BAR0, .count = 1};
	struct sp_wire_body all = {.argsz = 24, .address = BEHIND_AT, .size = GUEST_MEMORY};
	struct sp_wire_body none = {0};

	switch (turn++ % 6) {
	case 0: /* its reset */
		write.offset = it->common + 0x14;
		client_command(&it->client, SP_WIRE_REGION_WRITE, SP_WIRE_NO_REPLY, &write, "\0", 1,
			NULL, 0);
		break;
	case 1: /* a notification */
		write.offset = it->notify;
		write.count = 2;
		client_command(&it->client, SP_WIRE_REGION_WRITE, SP_WIRE_NO_REPLY, &write, "\0\0",
			2, NULL, 0);
		break;
	case 2: /* its own registers, as a DMA to its BAR would have it */
		write.count = 0x4000;
		client_command(&it->client, SP_WIRE_REGION_READ, SP_WIRE_NO_REPLY, &write, NULL, 0,
			NULL, 0);
		break;
	case 3: /* what it asks for goes away */
		client_command(
			&it->client, SP_WIRE_DMA_UNMAP, SP_WIRE_NO_REPLY, &all, NULL, 0, NULL, 0);
		break;
	case 4:
		client_command(
			&it->client, SP_WIRE_RESET, SP_WIRE_NO_REPLY, &none, NULL, 0, NULL, 0);
		break;
	default: /* no master of the bus any more */
		write.index = SP_REGION_CONFIG;
		write.offset = 4;
		client_command(&it->client, SP_WIRE_REGION_WRITE, SP_WIRE_NO_REPLY, &write, "\0", 1,
			NULL, 0);
		break;
	}
	guest_type(guest, device, 3);
}

static void test_behind_the_client(void **state) {
	const struct guest_ring behind[2] = {{BEHIND_AT, BEHIND_AT + 0x1000, BEHIND_AT + 0x2000},
		{BEHIND_AT + 0x4000, BEHIND_AT + 0x5000, BEHIND_AT + 0x6000}};
	struct guest *guest = *state;

	for (uint32_t i = 0; i < 96; i++) {
		uint32_t device = i % 2 ? GUEST_TABLET : GUEST_KEYBOARD;
		struct guest_device *it = &guest->devices[device];

		(void)guest_unmap(guest, device, 0, UINT64_MAX);
		map_all(guest, device);
		fill(guest, guest->memory, BEHIND_AT + 0x20000, 8);
		guest->answer = (enum guest_answer)(i / 2 % 4);
		guest->asked = i >= 48 ? back_to_it : NULL;
		guest_start(guest, device, SIZE, i / 8 % 2 ? behind : usual, i / 16 % 2);
		guest_type(guest, device, 1);
		guest_idle(guest);
		/* The client asks something while it is asked. */
		for (uint32_t j = 0; j < 6 && it->client.socket >= 0; j++) {
			struct sp_wire_body kick = {.index = SP_REGION_BAR0,
				.offset = it->notify + it->notify_each * (j % 2),
				.count = 2};

			if (guest_call(guest, device, SP_WIRE_REGION_WRITE, &kick, "\0\0", 2, NULL,
				    0) < 0)
				break;
			guest_idle(guest);
		}
		guest->asked = NULL;
		guest->answer = GUEST_ANSWERS;
		guest_hang_up(guest, device);
		assert_true(sp_wire_server_idle(it->server));
		it->gone = 0;
		guest_connect(guest, device);
		recovers(guest, device);
	}
}

/* QEMU's device for lessons copies from and to where it is told. */
static void test_edu(void **state) {
	static const uint64_t places[] = {0, 0x40000, 0x40fff, AT, AT + GUEST_MEMORY - 1, SCREEN_AT,
		FIXED_AT, BEHIND_AT, HOLE_AT, UINT64_MAX, UINT64_MAX - 4095};
	static const uint64_t counts[] = {0, 1, 4096, 4097, 0x80000000, UINT64_MAX};
	struct guest *guest = *state;

	map_all(guest, GUEST_EDU);
	guest_put(guest, GUEST_EDU, SP_REGION_CONFIG, 4, 2, 6);
	for (size_t i = 0; i < 11 * 11 * 6 * 8; i++) {
		guest->answer = (enum guest_answer)(i / 8 % 2);
		guest_put(guest, GUEST_EDU, SP_REGION_BAR0, 0x80, 8, places[i / 8 % 11]);
		guest_put(guest, GUEST_EDU, SP_REGION_BAR0, 0x88, 8, places[i / 88 % 11]);
		guest_put(guest, GUEST_EDU, SP_REGION_BAR0, 0x90, 8, counts[i / 968]);
		guest_put(guest, GUEST_EDU, SP_REGION_BAR0, 0x98, 8, i % 8);
		guest_idle(guest);
		guest_idle(guest);
		assert_int_equal(guest_get(guest, GUEST_EDU, SP_REGION_BAR0, 0x98, 8) & 1, 0);
	}
	assert_int_equal(guest->devices[GUEST_EDU].gone, 0);
}

/* A guest's other processors: they write all over the rings, the buffers and the picture, while the
 * devices and viewers look at them. */
struct attack {
	uint8_t *memory, *screen;
	bool stop;
};

static void *attack(void *data) {
	struct attack *attack = data;
	uint32_t random = 1;

	while (!__atomic_load_n(&attack->stop, __ATOMIC_RELAXED)) {
		uint8_t *memory, value;

		random = random * 1664525 + 1013904223;
		memory = random & 0x80000000 ? attack->memory : attack->screen;
		value = (uint8_t)(random >> 8 & (random & 0x800 ? 0xff : 0x0f));
		random = random * 1664525 + 1013904223;
		__atomic_store_n(&memory[(random >> 8) % 0x8000], value, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void test_attacker(void **state) {
	static const struct guest_ring in_screen[2] = {
		{SCREEN_AT, SCREEN_AT + 0x1000, SCREEN_AT + 0x2000},
		{SCREEN_AT + 0x4000, SCREEN_AT + 0x5000, SCREEN_AT + 0x6000}};
	struct guest *guest = *state;
	struct attack attacker = {.memory = guest->memory};
	uint64_t events = 0;
	pthread_t thread;

	attacker.screen = mmap(NULL, GUEST_DISPLAY_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED,
		screen_file(guest), 0);
	assert_true(attacker.screen != MAP_FAILED);
	map_all(guest, GUEST_KEYBOARD);
	map_all(guest, GUEST_TABLET);
	assert_int_equal(pthread_create(&thread, NULL, attack, &attacker), 0);
	for (uint32_t i = 0; i < 600; i++) {
		uint32_t device = i % 2 ? GUEST_TABLET : GUEST_KEYBOARD;

		fill(guest, guest->memory, AT + 0x20000, 8);
		fill(guest, attacker.screen, SCREEN_AT + 0x20000, 8);
		guest_start(guest, device, SIZE, i / 2 % 2 ? in_screen : usual, i / 4 % 2);
		use(guest, device);
		events += guest_status(guest, device) == 15;
		assert_int_equal(guest->devices[device].gone, 0);
	}
	__atomic_store_n(&attacker.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	munmap(attacker.screen, GUEST_DISPLAY_MEMORY);
	assert_true(events > 0);
	recovers(guest, GUEST_KEYBOARD);
	recovers(guest, GUEST_TABLET);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_places, begin, end),
		cmocka_unit_test_setup_teardown(test_behind_the_client, begin, end),
		cmocka_unit_test_setup_teardown(test_edu, begin, end),
		cmocka_unit_test_setup_teardown(test_attacker, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
