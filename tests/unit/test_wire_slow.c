/* SPDX-License-Identifier: MIT */
/* Peers that take for ever, beside others of the same VM, in one loop: one that sends a byte at a
 * time, one that never reads, a viewer that does the same, a device that never ends. */
#include "../wire/guest.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../wire/fake_device.h"
#include "wire/server_parts.h"

#define PACE 20000u /* microseconds from byte to byte */
#define SERVED 500u /* messages that others have meanwhile, at least */

/* Somebody who sends so many bytes, one at each tick. */
struct peer {
	struct sp_timer timer;
	struct sp_loop *loop;
	int socket;
	const uint8_t *bytes;
	uint32_t size, sent;
};

static void tick(struct sp_timer *timer) {
	struct peer *peer = (struct peer *)timer;

	if (peer->sent == peer->size)
		return;
	if (send(peer->socket, peer->bytes + peer->sent, 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1)
		peer->sent++;
	peer->loop->ops->arm(peer->loop, timer, peer->loop->ops->now(peer->loop) + PACE);
}

static void start(
	struct peer *peer, struct sp_loop *loop, int socket, const void *bytes, uint32_t size) {
	*peer = (struct peer){.timer.expired = tick,
		.loop = loop,
		.socket = socket,
		.bytes = bytes,
		.size = size};
	loop->ops->arm(loop, &peer->timer, loop->ops->now(loop));
}

/* The others are served as long as the slow ones are not done: each message at once, that is within
 * a few steps of the loop. */
static uint32_t serve_others(struct guest *guest, const struct peer *slow, uint32_t count) {
	uint32_t served = 0;

	for (;;) {
		bool done = true;

		for (uint32_t i = 0; i < count; i++)
			done &= slow[i].sent == slow[i].size;
		if (done)
			return served;
		for (uint32_t device = GUEST_KEYBOARD; device <= GUEST_EDU; device++) {
			struct client *client = &guest->devices[device].client;
			struct sp_wire_body body = {
				.index = SP_REGION_CONFIG, .offset = 4, .count = 4};
			uint8_t byte;
			int steps = 0;

			client_command(client, SP_WIRE_REGION_READ, 0, &body, NULL, 0, NULL, 0);
			while (recv(client->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 1 &&
				steps < 4) {
				(void)sp_loop_step(guest->loop, 0);
				steps++;
			}
			assert_in_range(steps, 1, 3);
			assert_true(client_receive(client));
			served++;
		}
	}
}

static struct guest *begin(void) {
	struct guest *guest = guest_create(NULL);

	for (uint32_t i = 0; i < GUEST_DEVICES; i++)
		guest_connect(guest, i);
	return guest;
}

static void test_byte_by_byte(void **state) {
	struct guest *guest = begin();
	struct client *client = &guest->devices[GUEST_DISPLAY].client;
	struct sp_wire_header header = {
		.id = 9, .command = SP_WIRE_REGION_READ, .size = SP_WIRE_HEADER + 16};
	struct sp_wire_body body = {.index = SP_REGION_CONFIG, .count = 4};
	uint8_t bytes[SP_WIRE_HEADER + 16];
	struct peer peer;

	(void)state;
	sp_wire_put_header(bytes, &header);
	sp_wire_encode(SP_WIRE_REGION_READ, &body, bytes + SP_WIRE_HEADER);
	start(&peer, guest->loop, client->socket, bytes, sizeof(bytes));
	assert_in_range(serve_others(guest, &peer, 1), SERVED, UINT32_MAX);
	/* And it is served in the end. */
	assert_true(client_receive(client));
	assert_int_equal(client->header.id, 9);
	assert_int_equal(client->header.flags, SP_WIRE_REPLY);
	guest->loop->ops->disarm(guest->loop, &peer.timer);
	guest_destroy(guest);
}

/* Viewers who greet so slowly, or never look. */
static void test_viewers(void **state) {
	static const uint8_t hello[] = "RFB 003.008\n\1\1\2\0\0\1\0\0\0\0\3\0\0\0\0\0\2\0\2\0";
	struct guest *guest = begin();
	struct peer peers[3];
	int pair[2];

	(void)state;
	if (!guest->vnc) {
		/* There are no viewers without libvncserver. */
		guest_destroy(guest);
		skip();
	}
	guest_mode(guest, 640, 480);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(
			socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair),
			0);
		assert_true(sp_vnc_open(guest->vnc, pair[1]));
		start(&peers[i], guest->loop, pair[0], hello, sizeof(hello) - 1);
	}
	assert_in_range(serve_others(guest, peers, 3), SERVED, UINT32_MAX);
	for (uint32_t i = 0; i < 3; i++) {
		guest->loop->ops->disarm(guest->loop, &peers[i].timer);
		close(peers[i].socket);
	}
	guest_destroy(guest);
}

/* A device that never ends what it began: its own client is answered without it, or ended, and the
 * others do not see it. Time is not waited for. */
static void test_stuck_device(void **state) {
	static const uint16_t commands[] = {
		SP_WIRE_REGION_READ, SP_WIRE_REGION_WRITE, SP_WIRE_RESET, SP_WIRE_DMA_UNMAP};
	struct guest *guest = begin();
	struct fake_device *stuck = fake_create();
	struct sp_wire_server *server;
	struct client *client = &guest->devices[GUEST_DISPLAY].client;
	struct sp_error error;

	(void)state;
	assert_non_null(stuck);
	assert_true(sp_wire_server_create(&server, &stuck->base, guest->loop, NULL, NULL, &error));
	/* The display's client goes to the device that is stuck. */
	for (uint32_t i = 0; i < 4; i++) {
		struct sp_wire_body body = {.argsz = 24, .count = 4, .size = 0x10000};
		struct sp_wire_body map = {.argsz = 32, .flags = 3, .size = 0x10000};
		struct sp_bus *bus;
		struct sp_dma_part part;
		struct sp_dma_pin pin = {
			.size = 16, .access = SP_DMA_READ, .parts = &part, .part_max = 1};
		uint32_t served = 0;

		guest_hang_up(guest, GUEST_DISPLAY);
		assert_true(client_connect(client, guest->loop, server));
		assert_int_equal(client_greet(client, "{}"), 0);
		assert_int_equal(
			client_call_fds(client, SP_WIRE_DMA_MAP, &map, &guest->file, 1), 0);
		bus = stuck->base.bus;
		if (commands[i] == SP_WIRE_DMA_UNMAP) {
			assert_int_equal(bus->ops->pin(bus, &pin), 0);
			stuck->pin = &pin;
		}
		stuck->slow = true;
		client_command(client, commands[i], 0, &body, "late",
			commands[i] == SP_WIRE_REGION_WRITE ? 4 : 0, NULL, 0);
		client_idle(client);
		assert_true(server->limit.armed);
		for (uint32_t j = 0; j < 500; j++)
			for (uint32_t device = GUEST_KEYBOARD; device <= GUEST_EDU; device++)
				served += (uint32_t)guest_get(
						  guest, device, SP_REGION_CONFIG, 0, 4) != 0;
		assert_int_equal(served, 1500);
		guest->loop->ops->arm(guest->loop, &server->limit, 0);
		client_idle(client);
		if (commands[i] == SP_WIRE_DMA_UNMAP) {
			assert_false(client_receive(client));
		} else {
			assert_true(client_receive(client));
			assert_int_equal(client->header.command, commands[i]);
		}
		for (uint32_t device = GUEST_KEYBOARD; device <= GUEST_EDU; device++) {
			assert_int_not_equal(
				guest_get(guest, device, SP_REGION_CONFIG, 0, 4), UINT32_MAX);
			assert_int_equal(guest->devices[device].gone, 0);
		}
		guest_hang_up(guest, GUEST_DISPLAY);
		fake_finish(stuck);
		client_idle(client);
		assert_true(sp_wire_server_idle(server));
	}
	sp_wire_server_destroy(server);
	fake_destroy(stuck);
	guest_destroy(guest);
}

static uint64_t reads(const struct guest *guest, uint32_t device) {
	struct sp_wire_state state;

	sp_wire_server_state(guest->devices[device].server, &state);
	return state.counters.messages[SP_WIRE_REGION_READ];
}

/* A client that asks without end has not more than its turns. */
static void test_greedy(void **state) {
	struct guest *guest = begin();
	struct client *greedy = &guest->devices[GUEST_DISPLAY].client;
	struct sp_wire_header header = {.command = SP_WIRE_REGION_READ,
		.flags = SP_WIRE_NO_REPLY,
		.size = SP_WIRE_HEADER + 16};
	struct sp_wire_body body = {.index = SP_REGION_BAR2, .count = 64};
	static uint8_t flood[32 * 1024];
	uint64_t most = 0;
	size_t at = 0;
	ssize_t sent;

	(void)state;
	for (uint32_t i = 0; i < 1024; i++) {
		sp_wire_put_header(flood + 32 * i, &header);
		sp_wire_encode(SP_WIRE_REGION_READ, &body, flood + 32 * i + SP_WIRE_HEADER);
	}
	for (uint32_t i = 0; i < 200; i++) {
		struct client *client = &guest->devices[GUEST_EDU].client;
		uint8_t byte;
		int steps = 0;

		do {
			sent = send(greedy->socket, flood + at, sizeof(flood) - at,
				MSG_DONTWAIT | MSG_NOSIGNAL);
			at = sent > 0 ? (at + (size_t)sent) % sizeof(flood) : at;
		} while (sent > 0);
		body = (struct sp_wire_body){.index = SP_REGION_CONFIG, .count = 4};
		client_command(client, SP_WIRE_REGION_READ, 0, &body, NULL, 0, NULL, 0);
		while (recv(client->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 1 && steps < 4) {
			uint64_t before = reads(guest, GUEST_DISPLAY);

			(void)sp_loop_step(guest->loop, 0);
			steps++;
			most = reads(guest, GUEST_DISPLAY) - before > most
				? reads(guest, GUEST_DISPLAY) - before
				: most;
		}
		assert_in_range(steps, 1, 3);
		assert_true(client_receive(client));
	}
	/* 128, and as many again where its time comes twice in a step. */
	assert_in_range(most, 64, 256);
	assert_int_equal(guest->devices[GUEST_DISPLAY].gone, 0);
	guest_destroy(guest);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_viewers),
		cmocka_unit_test(test_stuck_device),
		cmocka_unit_test(test_greedy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
