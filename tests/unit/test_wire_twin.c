/* SPDX-License-Identifier: MIT */
#include "../wire/scene.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char TWIN[] = "{\"capabilities\":{\"twin_socket\":{\"supported\":true}}}";

static void transferred(struct sp_transfer *transfer, int error) {
	transfer->size = (uint64_t)error + 1000;
}

/* The client's end of the second socket. */
static int greet(struct scene *scene) {
	struct client *client = &scene->client;
	int fd;

	assert_int_equal(client_greet(client, TWIN), 0);
	assert_non_null(strstr((char *)client->payload + 4,
		"\"twin_socket\":{\"supported\":true,\"fd_index\":0}"));
	assert_int_equal(client->fd_count, 1);
	fd = client->fds[0];
	client->fd_count = 0;
	return fd;
}

/* A request that is there. */
static struct sp_wire_header asked(int fd, uint8_t *bytes) {
	assert_true(recv(fd, bytes, 64, MSG_DONTWAIT) >= 32);
	return sp_wire_get_header(bytes);
}

static void answer(struct scene *scene, int fd, struct sp_wire_header header, uint8_t *bytes,
	const char *data) {
	uint32_t size = data ? (uint32_t)strlen(data) : 0;

	header.flags = SP_WIRE_REPLY;
	header.size = 32 + size;
	sp_wire_put_header(bytes, &header);
	if (data)
		memcpy(bytes + 32, data, size);
	assert_int_equal(send(fd, bytes, header.size, MSG_NOSIGNAL), header.size);
	client_idle(&scene->client);
}

static void test_not_proposed(void **state) {
	struct scene *scene = *state;

	assert_int_equal(client_greet(&scene->client,
				 "{\"capabilities\":{\"twin_socket\":{\"supported\":false}}}"),
		0);
	assert_null(strstr((char *)scene->client.payload + 4, "twin"));
	assert_int_equal(scene->client.fd_count, 0);
}

/* Requests do not wait for commands any more. */
static void test_requests(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	struct sp_bus *bus = scene->device->base.bus;
	struct sp_wire_body read = {.index = 7, .count = 4};
	uint8_t data[8] = "01234567", bytes[64];
	struct sp_transfer transfer = {
		.address = 0x1000, .size = 8, .data = data, .done = transferred};
	struct sp_wire_header header;
	int fd = greet(scene);

	assert_int_equal(client_map(client, 0x1000, 0x1000, -1, 0), 0);
	scene->device->slow = true;
	client_command(client, SP_WIRE_REGION_READ, 0, &read, NULL, 0, NULL, 0);
	client_idle(client);
	assert_non_null(scene->device->access);
	bus->ops->transfer(bus, &transfer);
	client_idle(client);
	header = asked(fd, bytes);
	assert_int_equal(header.command, SP_WIRE_DMA_READ);
	assert_int_equal(header.flags, SP_WIRE_COMMAND);
	answer(scene, fd, header, bytes, "abcdefgh");
	assert_int_equal(transfer.size, 1000);
	assert_memory_equal(data, "abcdefgh", 8);
	transfer.write = true;
	transfer.size = 8;
	bus->ops->transfer(bus, &transfer);
	client_idle(client);
	header = asked(fd, bytes);
	assert_int_equal(header.command, SP_WIRE_DMA_WRITE);
	assert_memory_equal(bytes + 32, "abcdefgh", 8);
	answer(scene, fd, header, bytes, NULL);
	assert_int_equal(transfer.size, 1000);
	/* The command is still waiting, and nothing of ours came between. */
	fake_finish(scene->device);
	assert_true(client_receive(client));
	assert_int_equal(client->header.command, SP_WIRE_REGION_READ);
	close(fd);
	client_idle(client);
	assert_int_equal(scene->gone, 1);
	assert_int_equal(scene->faults, 1);
}

static void test_misuse(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	struct sp_wire_header header = {.command = SP_WIRE_RESET, .size = 16};
	uint8_t bytes[64] = {0};
	unsigned files = scene_files();
	int fd = greet(scene);

	/* A reply that nobody waits for is none of our concern; a command is. */
	header.flags = SP_WIRE_REPLY;
	sp_wire_put_header(bytes, &header);
	assert_int_equal(send(fd, bytes, 16, 0), 16);
	client_idle(client);
	assert_int_equal(scene_state(scene).counters.strays, 1);
	assert_int_equal(scene->gone, 0);
	header.flags = SP_WIRE_COMMAND;
	sp_wire_put_header(bytes, &header);
	assert_int_equal(send(fd, bytes, 16, 0), 16);
	client_idle(client);
	assert_int_equal(scene->gone, 1);
	assert_int_equal(scene->device->resets, 0);
	close(fd);
	client_hang_up(client);
	assert_int_equal(scene_files(), files - 2);
	/* The next one has one of its own, and the main socket's end closes it. */
	assert_true(client_connect(client, scene->loop, scene->server));
	fd = greet(scene);
	client_hang_up(client);
	assert_int_equal(recv(fd, bytes, 1, MSG_DONTWAIT), 0);
	close(fd);
	assert_int_equal(scene_files(), files - 2);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_not_proposed, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_requests, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_misuse, scene_begin, scene_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
