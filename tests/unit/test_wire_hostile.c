/* SPDX-License-Identifier: MIT */
#include "../wire/scene.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* Every message in pieces of every length, with more behind it. */
static void test_pieces(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	uint8_t bytes[2 * (16 + 16 + 4)];
	struct sp_wire_header header = {.command = SP_WIRE_REGION_WRITE, .size = 36};
	struct sp_wire_body body = {.count = 4};

	for (int i = 0; i < 2; i++) {
		uint8_t *at = bytes + 36 * i;

		header.id = (uint16_t)(100 + i);
		sp_wire_put_header(at, &header);
		body.offset = (uint64_t)i * 4;
		sp_wire_encode(SP_WIRE_REGION_WRITE, &body, at + 16);
		memcpy(at + 32, i ? "efgh" : "abcd", 4);
	}
	for (size_t piece = 1; piece <= sizeof(bytes); piece++) {
		memset(scene->device->registers, 0, 8);
		for (size_t at = 0; at < sizeof(bytes); at += piece) {
			size_t size = sizeof(bytes) - at < piece ? sizeof(bytes) - at : piece;

			client_send(client, bytes + at, size, NULL, 0);
			client_idle(client);
		}
		for (uint16_t i = 0; i < 2; i++) {
			assert_true(client_receive(client));
			assert_int_equal(client->header.id, 100 + i);
			assert_int_equal(client->header.flags, SP_WIRE_REPLY);
		}
		assert_memory_equal(scene->device->registers, "abcdefgh", 8);
	}
}

/* Descriptors belong to their message, whatever comes before and behind it. */
static void test_fds_in_a_stream(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	struct sp_wire_body read = {.index = 7, .count = 4};
	struct sp_wire_body map = {.argsz = 32, .flags = 3, .size = 0x1000};
	int fd = memfd_create("guest", MFD_CLOEXEC);
	unsigned files;

	assert_int_equal(ftruncate(fd, 0x100000), 0);
	files = scene_files();
	for (uint64_t i = 0; i < 100; i++) {
		client_command(client, SP_WIRE_REGION_READ, 0, &read, NULL, 0, NULL, 0);
		map.address = i << 12;
		map.offset = i << 12;
		client_command(client, SP_WIRE_DMA_MAP, 0, &map, NULL, 0, &fd, 1);
		client_command(
			client, SP_WIRE_REGION_READ, SP_WIRE_NO_REPLY, &read, NULL, 0, NULL, 0);
	}
	for (int i = 0; i < 200; i++) {
		assert_true(client_receive(client));
		assert_int_equal(client->header.flags, SP_WIRE_REPLY);
	}
	assert_int_equal(scene_state(scene).ranges, 100);
	assert_int_equal(scene_state(scene).files, 1);
	assert_int_equal(scene_files(), files + 1);
	close(fd);
}

/* More than anyone may send: an error for that message, and nothing stays open. */
static void test_too_many_fds(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	struct sp_wire_body irqs = {.argsz = 20, .flags = 4 | 32, .index = 2, .count = 17};
	struct sp_wire_body read = {.index = 7, .count = 4}, info = {.argsz = 16};
	unsigned files = scene_files();
	int fds[200];

	for (int i = 0; i < 200; i++)
		fds[i] = eventfd(0, EFD_CLOEXEC);
	for (uint32_t count = 1; count <= 200; count += count < 40 ? 1 : 53) {
		int error;

		irqs.count = count;
		error = client_call_fds(client, SP_WIRE_SET_IRQS, &irqs, fds, count);
		assert_int_equal(error, count <= SP_WIRE_FDS_MAX ? 0 : EINVAL);
		error = client_call_fds(client, SP_WIRE_REGION_READ, &read, fds, count);
		assert_int_equal(error, EINVAL);
		error = client_call_fds(client, SP_WIRE_GET_INFO, &info, fds, count);
		assert_int_equal(error, EINVAL);
	}
	assert_int_equal(client_read(client, 7, 0, 4), 0);
	for (int i = 0; i < 200; i++)
		close(fds[i]);
	assert_int_equal(scene_files(), files + SP_WIRE_FDS_MAX);
}

static void reconnect(struct scene *scene) {
	client_hang_up(&scene->client);
	assert_true(client_connect(&scene->client, scene->loop, scene->server));
	assert_int_equal(client_greet(&scene->client, "{}"), 0);
}

/* A header that is none ends its client, after what came before was answered. */
static void test_bad_headers(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	static const struct {
		uint32_t size, flags;
	} BAD[] = {
		{0, 0},
		{15, 0},
		{SP_WIRE_MESSAGE_MAX + 1, 0},
		{UINT32_MAX, 0},
		{16, 2},
		{16, 15},
	};

	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		struct sp_wire_header header = {.id = 77,
			.command = SP_WIRE_RESET,
			.size = BAD[i].size,
			.flags = BAD[i].flags};
		struct sp_wire_body read = {.index = 7, .count = 4};
		uint8_t bytes[16];
		unsigned faults = scene->faults;

		sp_wire_put_header(bytes, &header);
		client_command(client, SP_WIRE_REGION_READ, 0, &read, NULL, 0, NULL, 0);
		client_send(client, bytes, 16, NULL, 0);
		assert_true(client_receive(client));
		assert_int_equal(client->header.flags, SP_WIRE_REPLY);
		assert_true(client_receive(client));
		assert_int_equal(client->header.id, 77);
		assert_int_equal(client->header.flags, SP_WIRE_REPLY | SP_WIRE_ERROR);
		assert_false(client_receive(client));
		assert_int_equal(scene->faults, faults + 1);
		reconnect(scene);
	}
	assert_int_equal(scene->device->resets, 0);
}

static void test_bad_flags(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	struct sp_wire_body none = {0};

	client_command(client, SP_WIRE_RESET, SP_WIRE_ERROR, &none, NULL, 0, NULL, 0);
	assert_true(client_receive(client));
	assert_int_equal(client->header.error, EINVAL);
	client_command(client, SP_WIRE_RESET, 0x80000000, &none, NULL, 0, NULL, 0);
	assert_true(client_receive(client));
	assert_int_equal(client->header.error, EINVAL);
	/* Replies to nothing, with anything in them, and errors that nobody wants to hear of. */
	client_command(client, SP_WIRE_DMA_READ, SP_WIRE_REPLY, &none, "junk", 4, NULL, 0);
	client_command(client, 12345, SP_WIRE_REPLY | SP_WIRE_ERROR, &none, NULL, 0, NULL, 0);
	client_command(client, 12345, SP_WIRE_NO_REPLY, &none, NULL, 0, NULL, 0);
	assert_int_equal(client_read(client, 7, 0, 4), 0);
	assert_int_equal(scene_state(scene).counters.strays, 2);
	assert_int_equal(scene->device->resets, 0);
}

/* Everything needs a version, once. */
static void test_order(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	struct sp_wire_body body = {.argsz = 32};

	for (uint16_t command = 2; command <= SP_WIRE_COMMANDS; command++) {
		unsigned faults = scene->faults;

		assert_int_not_equal(client_call(client, command, &body), 0);
		assert_false(client_receive(client));
		assert_int_equal(scene->faults, faults + 1);
		client_hang_up(client);
		assert_true(client_connect(client, scene->loop, scene->server));
	}
	body.major = 1;
	assert_int_equal(client_call(client, SP_WIRE_VERSION, &body), EINVAL);
	assert_false(client_receive(client));
	client_hang_up(client);
	assert_true(client_connect(client, scene->loop, scene->server));
	assert_int_equal(client_greet(client, "{\"capabilities\":7}"), EINVAL);
	assert_int_equal(scene->device->accesses, 0);
	/* One that says nothing, or a half of something, and goes. */
	client_hang_up(client);
	assert_true(client_connect(client, scene->loop, scene->server));
	client_hang_up(client);
	assert_true(client_connect(client, scene->loop, scene->server));
	client_send(client, "\1\0\1\0\40", 5, NULL, 0);
	client_hang_up(client);
	assert_true(sp_wire_server_idle(scene->server));
}

/* Each field of each command at its edges: an answer to each, and the client is still served. A
 * second VERSION would end it. */
static void test_fields(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	static const uint64_t EDGES[] = {
		0, 1, 2, 0xfff, 0x7fffffff, 0xffffffff, UINT64_MAX - 0xfff, UINT64_MAX};
	enum { EDGE_COUNT = sizeof(EDGES) / sizeof(EDGES[0]) };

	for (uint16_t command = 2; command < SP_WIRE_COMMANDS; command++) {
		uint32_t words = sp_wire_fixed(command) / 4;

		/* Each word by itself, and each with its neighbour, the others 0, 1 or 32. */
		for (uint32_t combination = 0; combination < 3 * words * EDGE_COUNT;
			combination++) {
			uint32_t payload[8], word = combination / 3 % words;
			uint64_t edge = EDGES[combination / 3 / words];
			uint8_t bytes[64];
			struct sp_wire_header header = {.id = 5, .command = command};

			for (uint32_t i = 0; i < 8; i++)
				payload[i] = combination % 3 == 2 ? 32 : combination % 3;
			payload[word] = (uint32_t)edge;
			if (word + 1 < words)
				payload[word + 1] = (uint32_t)(edge >> 32);
			header.size = 16 + words * 4;
			sp_wire_put_header(bytes, &header);
			memcpy(bytes + 16, payload, words * 4);
			client_send(client, bytes, header.size, NULL, 0);
			assert_true(client_receive(client));
			assert_int_equal(client->header.id, 5);
			assert_int_equal(client->header.command, command);
			assert_true(client->header.flags & SP_WIRE_REPLY);
		}
	}
	assert_int_equal(scene->gone, 0);
	assert_int_equal(client_read(client, 7, 0, 4), 0);
}

/* A client that asks and never listens is not worked for, and costs no memory. */
static void test_deaf(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	struct sp_wire_header header = {.command = SP_WIRE_REGION_READ, .size = 32};
	struct sp_wire_body body = {.index = 0, .offset = 0, .count = 0x10000};
	uint8_t bytes[32];
	uint64_t done, allocations;

	sp_wire_put_header(bytes, &header);
	sp_wire_encode(SP_WIRE_REGION_READ, &body, bytes + 16);
	allocations = scene_state(scene).counters.allocations;
	for (int i = 0; i < 100000; i++) {
		ssize_t sent = send(client->socket, bytes, 32, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0)
			client_idle(client);
		if (sent > 0 && sent < 32)
			break;
	}
	client_idle(client);
	done = scene_state(scene).counters.messages[SP_WIRE_REGION_READ];
	assert_true(done < 200);
	client_idle(client);
	assert_true(scene_state(scene).counters.messages[SP_WIRE_REGION_READ] == done);
	assert_true(scene_state(scene).counters.allocations == allocations);
	/* It listens after all. */
	for (uint64_t i = 0; i < done + 50; i++) {
		assert_true(client_receive(client));
		assert_int_equal(client->size, 0x10010);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pieces, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_fds_in_a_stream, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_too_many_fds, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_bad_headers, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_bad_flags, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_order, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_fields, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_deaf, scene_greet, scene_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
