/* SPDX-License-Identifier: MIT */
/* Each call that the server makes in a session fails in turn, once or from then on, for several
 * reasons: whatever becomes of that client, nothing is left of it, and the next one is served. */
#include "../wire/guest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../wire/scene.h"
#include "base/bytes.h"
#include "failing_calls.h"

#define RW (SP_WIRE_MAP_READ | SP_WIRE_MAP_WRITE)
#define TWIN "{\"capabilities\":{\"max_msg_fds\":8,\"twin_socket\":{\"supported\":true}}}"

struct calls {
	struct guest *guest;
	int event;
	unsigned files;
	uint64_t used[SP_RESOURCE_COUNT];
};

static void put(
	struct client *client, uint32_t region, uint64_t offset, uint32_t size, uint64_t value) {
	uint8_t bytes[8];

	sp_store_le32(bytes, (uint32_t)value);
	sp_store_le32(bytes + 4, (uint32_t)(value >> 32));
	(void)client_write(client, region, offset, bytes, size);
}

static void drive(struct guest *guest, uint32_t device) {
	struct guest_device *it = &guest->devices[device];
	uint8_t *memory = guest->memory;

	memset(memory, 0, 0x8000);
	sp_store_le16(memory + 0x1002, 8);
	guest_desc(guest, 0, 0x20000, 8, 2);
	put(&it->client, SP_REGION_CONFIG, 4, 2, 6);
	put(&it->client, SP_REGION_BAR0, it->common + 0x14, 1, 3);
	put(&it->client, SP_REGION_BAR0, it->common + 8, 4, 1);
	put(&it->client, SP_REGION_BAR0, it->common + 12, 4, 3);
	put(&it->client, SP_REGION_BAR0, it->common + 0x14, 1, 11);
	put(&it->client, SP_REGION_BAR0, it->common + 0x16, 2, 0);
	put(&it->client, SP_REGION_BAR0, it->common + 0x18, 2, 16);
	for (uint32_t i = 0; i < 3; i++)
		put(&it->client, SP_REGION_BAR0, it->common + 0x20 + 8 * i, 8, i * 0x1000);
	put(&it->client, SP_REGION_BAR0, it->common + 0x1c, 2, 1);
	put(&it->client, SP_REGION_BAR0, it->common + 0x14, 1, 15);
	put(&it->client, SP_REGION_BAR0, it->notify, 2, 0);
	guest_type(guest, device, 3);
}

static void migrate(struct client *client) {
	static const uint32_t states[] = {1, 3, 1, 4, 1, 2};
	static uint8_t piece[65544];
	uint32_t size = 0;

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct sp_wire_body body = {
			.argsz = 4096, .flags = SP_WIRE_FEATURE_SET | SP_WIRE_MIG_STATE};
		struct sp_wire_body read = {.argsz = 65552, .count = 65536};
		uint32_t data[2] = {states[i], 0};

		(void)client_call_data(client, SP_WIRE_FEATURE, &body, data, 8);
		if (states[i] == 3 && client_call(client, SP_WIRE_MIG_READ, &read) == 0 &&
			client->size > 8 && client->size <= sizeof(piece)) {
			size = client->size - 8;
			memcpy(piece, client->payload + 8, size);
		}
		if (states[i] == 4 && size) {
			read = (struct sp_wire_body){.argsz = 8 + size, .count = size};
			(void)client_call_data(client, SP_WIRE_MIG_WRITE, &read, piece, size);
		}
	}
}

static void view(struct guest *guest) {
	static const uint8_t hello[] = "RFB 003.008\n\1\1\3\0\0\0\0\0\0\x40\0\x40";
	static uint8_t bytes[65536];
	int pair[2];

	if (!guest->vnc)
		return;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	if (sp_vnc_open(guest->vnc, pair[1]))
		(void)!write(pair[0], hello, sizeof(hello) - 1);
	for (int i = 0; i < 12; i++) {
		(void)sp_loop_step(guest->loop, 0);
		(void)recv(pair[0], bytes, sizeof(bytes), MSG_DONTWAIT);
	}
	close(pair[0]);
	for (int i = 0; i < 4; i++)
		(void)sp_loop_step(guest->loop, 0);
}

/* One of each thing; no reply is counted on. */
static void session(struct calls *calls, uint32_t device) {
	struct guest *guest = calls->guest;
	struct client *client = &guest->devices[device].client;
	struct sp_wire_body irqs = {.argsz = 20,
		.flags = SP_WIRE_SET_EVENTFD | SP_WIRE_SET_TRIGGER,
		.index = device == GUEST_EDU ? SP_WIRE_MSI : SP_WIRE_MSIX,
		.count = 1};
	struct sp_wire_body region = {.argsz = 4096}, none = {0};
	struct sp_wire_body log = {.argsz = 64, .flags = SP_WIRE_FEATURE_SET | SP_WIRE_LOG_START};
	uint8_t page[16] = {0, 16};
	int twin = -1;

	if (!client_connect(client, guest->loop, guest->devices[device].server))
		return;
	(void)client_greet(client, TWIN);
	if (client->fd_count) {
		twin = client->fds[0];
		client->fd_count = 0;
	}
	(void)client_map(client, 0, 0x80000, guest->file, 0);
	(void)client_map(client, 0x80000, 0x1000, -1, 0);
	(void)client_call_data(client, SP_WIRE_FEATURE, &log, page, 16);
	(void)client_call_fds(client, SP_WIRE_SET_IRQS, &irqs, &calls->event, 1);
	(void)client_call(client, SP_WIRE_REGION_INFO, &region);
	client_close_fds(client);
	(void)client_call(client, SP_WIRE_REGION_IO_FDS, &region);
	client_close_fds(client);
	(void)client_write(client, SP_REGION_BAR0, 0, "a secret of this guest", 22);
	(void)client_read(client, SP_REGION_BAR0, 0, 4096);
	if (device == GUEST_DISPLAY) {
		put(client, SP_REGION_BAR2, 0x502, 2, 64);
		put(client, SP_REGION_BAR2, 0x504, 2, 64);
		put(client, SP_REGION_BAR2, 0x506, 2, 32);
		put(client, SP_REGION_BAR2, 0x508, 2, 0x41);
		view(guest);
	} else if (device == GUEST_EDU) {
		put(client, SP_REGION_CONFIG, 4, 2, 6);
		put(client, SP_REGION_BAR0, 0x80, 8, 0x1000);
		put(client, SP_REGION_BAR0, 0x88, 8, 0x40000);
		put(client, SP_REGION_BAR0, 0x90, 8, 64);
		put(client, SP_REGION_BAR0, 0x98, 8, 5);
	} else {
		drive(guest, device);
	}
	migrate(client);
	(void)client_unmap(client, 0, 0x80000);
	(void)client_call(client, SP_WIRE_RESET, &none);
	(void)client_write(client, SP_REGION_BAR0, 0, "a secret of this guest", 22);
	client_hang_up(client);
	if (twin >= 0)
		close(twin);
}

/* Nothing is left, and the next one is served as if nothing had been. */
static void nothing_left(struct calls *calls, uint32_t device) {
	struct guest *guest = calls->guest;
	struct guest_device *it = &guest->devices[device];
	uint8_t bytes[22];

	failing_calls.at = -1;
	client_hang_up(&it->client);
	for (int i = 0; i < 100 && !sp_wire_server_idle(it->server); i++)
		(void)sp_loop_step(guest->loop, 0);
	assert_true(sp_wire_server_idle(it->server));
	assert_int_equal(scene_files(), calls->files);
	for (int i = SP_RESOURCE_PINS; i < SP_RESOURCE_COUNT; i++)
		assert_int_equal(guest_used(guest, (enum sp_resource)i), calls->used[i]);
	guest_connect(guest, device);
	assert_in_range(guest_get(guest, device, SP_REGION_CONFIG, 0, 2), 1, 0xfffe);
	assert_int_equal(guest_get(guest, device, SP_REGION_CONFIG, 4, 2), 0);
	if (device == GUEST_DISPLAY) {
		assert_int_equal(
			guest_access(guest, device, SP_REGION_BAR0, 0, bytes, 22, false), 0);
		assert_memory_equal(bytes, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22);
	}
	guest_hang_up(guest, device);
}

static void test_each_call(void **state) {
	static const int reasons[] = {ENOMEM, EMFILE, EINTR, ECONNRESET};
	struct calls calls = {0};
	long live, odd, seen[CALL_COUNT] = {0};

	(void)state;
	/* What the C library allocates itself is freed here all the same. */
	live = failing_calls.live;
	guest_destroy(guest_create(NULL));
	odd = failing_calls.live - live;
	live = failing_calls.live;
	calls.guest = guest_create(NULL);
	calls.event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	calls.files = scene_files();
	for (uint32_t device = 0; device < GUEST_DEVICES; device++) {
		guest_connect(calls.guest, device);
		guest_hang_up(calls.guest, device);
	}
	for (int i = 0; i < SP_RESOURCE_COUNT; i++)
		calls.used[i] = guest_used(calls.guest, (enum sp_resource)i);
	for (uint32_t device = 0; device < GUEST_DEVICES; device++) {
		long counts[CALL_COUNT];

		memset(failing_calls.calls, 0, sizeof(failing_calls.calls));
		session(&calls, device);
		memcpy(counts, failing_calls.calls, sizeof(counts));
		nothing_left(&calls, device);
		for (enum failing_call kind = 0; kind < CALL_COUNT; kind++) {
			/* Of those that come with each message, and are alike, some. */
			long step = counts[kind] / 40 + 1;

			seen[kind] += counts[kind];
			for (long at = 0; at < counts[kind]; at += step)
				for (uint32_t how = 0; how < 4; how++) {
					memset(failing_calls.calls, 0, sizeof(failing_calls.calls));
					failing_calls.kind = kind;
					failing_calls.reason = reasons[how];
					failing_calls.go_on = (at / step + how) % 2;
					/* What is interrupted for ever is done for ever. */
					if (reasons[how] == EINTR)
						failing_calls.go_on = false;
					failing_calls.at = at;
					session(&calls, device);
					nothing_left(&calls, device);
				}
		}
	}
	for (enum failing_call kind = 0; kind <= CALL_FALLOCATE; kind++)
		/* A client that is kept in a record has neither a twin nor doorbells' eventfds. */
		if (!seen[kind] &&
			!(getenv("WIRE_KEEP") && (kind == CALL_SOCKETPAIR || kind == CALL_EVENTFD)))
			fail_msg("no call of kind %d", (int)kind);
	assert_true(failing_calls.failed > 1000);
	close(calls.event);
	guest_destroy(calls.guest);
	assert_int_equal(failing_calls.live - live, odd);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
