/* SPDX-License-Identifier: MIT */
/* Virtio devices of a guest whose memory has no descriptors: all goes through the client. */
#include "../wire/guest.h"

#include <string.h>
#include <unistd.h>

#define WRITE 2u
#define SIZE 16u
#define BUFFERS 0x4000u

static const struct guest_ring RINGS[2] = {{0x1000, 0x1400, 0x1800}, {0x2000, 0x2400, 0x2800}};

static void idle(struct guest *guest) {
	for (int i = 0; i < 100; i++)
		guest_idle(guest);
}

static int begin(void **state) {
	struct guest *guest = guest_create(NULL);

	guest_connect(guest, GUEST_KEYBOARD);
	assert_int_equal(guest_map(guest, GUEST_KEYBOARD, 0, GUEST_MEMORY, -1, 0, 3), 0);
	guest_start(guest, GUEST_KEYBOARD, SIZE, RINGS, false);
	idle(guest);
	*state = guest;
	return 0;
}

static int end(void **state) {
	guest_destroy(*state);
	return 0;
}

/* Chains for events, of one buffer each. */
static void offer(struct guest *guest, uint32_t count) {
	uint8_t *available = guest->memory + RINGS[0].driver;

	for (uint32_t i = 0; i < count; i++) {
		guest_desc(guest, RINGS[0].desc + 16 * i, BUFFERS + 8 * i, 8, WRITE);
		available[4 + 2 * i] = (uint8_t)i;
	}
	available[2] = (uint8_t)count;
}

static uint32_t used(const struct guest *guest) {
	return guest->memory[RINGS[0].device + 2];
}

static void test_events(void **state) {
	struct guest *guest = *state;

	offer(guest, 8);
	guest_kick(guest, GUEST_KEYBOARD, 0);
	idle(guest);
	guest_type(guest, GUEST_KEYBOARD, 4);
	idle(guest);
	assert_int_equal(used(guest), 3);
	assert_int_equal(guest->memory[BUFFERS], 1);
}

/* The client is gone, which is found out by the request that an event brings about. */
static void test_event_without_client(void **state) {
	struct guest *guest = *state;
	struct guest_device *keyboard = &guest->devices[GUEST_KEYBOARD];

	offer(guest, 8);
	guest_kick(guest, GUEST_KEYBOARD, 0);
	idle(guest);
	close(keyboard->client.socket);
	keyboard->client.socket = -1;
	guest_type(guest, GUEST_KEYBOARD, 4);
	assert_int_equal(keyboard->gone, 0);
	idle(guest);
	assert_int_equal(keyboard->gone, 1);
	guest_connect(guest, GUEST_KEYBOARD);
	assert_int_equal(guest_status(guest, GUEST_KEYBOARD), 0);
}

/* A reset behind a kick: nothing of what the kick began is asked for any more. */
static void test_reset(void **state) {
	struct guest *guest = *state;
	struct guest_device *keyboard = &guest->devices[GUEST_KEYBOARD];
	struct sp_wire_body none = {0};
	struct sp_wire_body kick = {
		.index = SP_REGION_BAR0, .offset = keyboard->notify, .count = 2};
	struct sp_wire_state wire;

	offer(guest, 8);
	client_command(
		&keyboard->client, SP_WIRE_REGION_WRITE, SP_WIRE_NO_REPLY, &kick, "\0", 2, NULL, 0);
	client_command(&keyboard->client, SP_WIRE_RESET, 0, &none, NULL, 0, NULL, 0);
	assert_true(client_receive(&keyboard->client));
	assert_int_equal(keyboard->client.header.command, SP_WIRE_RESET);
	sp_wire_server_state(keyboard->server, &wire);
	assert_int_equal(wire.counters.late, 0);
	assert_int_equal(guest_status(guest, GUEST_KEYBOARD), 0);
	/* And it goes on from there. */
	memset(guest->memory, 0, 0x4000);
	guest_start(guest, GUEST_KEYBOARD, SIZE, RINGS, false);
	idle(guest);
	test_events(state);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_events, begin, end),
		cmocka_unit_test_setup_teardown(test_event_without_client, begin, end),
		cmocka_unit_test_setup_teardown(test_reset, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
