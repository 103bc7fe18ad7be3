/* SPDX-License-Identifier: MIT */
#include "../wire/scene.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "serve/listen.h"

#ifdef __has_feature
#define SANITIZED __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static void test_one_at_a_time(void **state) {
	struct scene *scene = *state;
	struct client other;

	assert_false(client_connect(&other, scene->loop, scene->server));
	assert_int_equal(client_read(&scene->client, 7, 0, 4), 0);
	client_hang_up(&scene->client);
	assert_int_equal(scene->gone, 1);
	assert_int_equal(scene->faults, 0);
	assert_int_equal(scene->device->lost, 1);
	assert_true(client_connect(&other, scene->loop, scene->server));
	assert_int_equal(client_greet(&other, NULL), 0);
	client_hang_up(&other);
	assert_int_equal(scene->device->lost, 2);
}

/* The next one comes before the loop has seen that the last one has gone, with what it sent at
 * last. */
static void test_at_once(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client, next;
	struct sp_wire_body body = {.index = 0, .count = 4};

	client_command(client, SP_WIRE_REGION_WRITE, SP_WIRE_NO_REPLY, &body, "last", 4, NULL, 0);
	close(client->socket);
	client->socket = -1;
	assert_true(client_connect(&next, scene->loop, scene->server));
	assert_int_equal(scene->gone, 1);
	assert_memory_equal(scene->device->registers, "last", 4);
	assert_int_equal(client_greet(&next, NULL), 0);
	client_hang_up(&next);
}

/* The device has the access when the client goes: the next one waits for both. */
static void test_lost_in_an_access(void **state) {
	struct scene *scene = *state;
	struct sp_wire_body body = {.index = 7, .count = 4};
	struct client other;

	scene->device->slow = true;
	client_command(&scene->client, SP_WIRE_REGION_READ, 0, &body, NULL, 0, NULL, 0);
	client_idle(&scene->client);
	assert_non_null(scene->device->access);
	client_hang_up(&scene->client);
	assert_int_equal(scene->device->lost, 1);
	assert_null(scene->device->access);
	assert_int_equal(scene->gone, 0);
	assert_false(client_connect(&other, scene->loop, scene->server));
	fake_finish(scene->device);
	assert_int_equal(scene->gone, 1);
	assert_true(client_connect(&other, scene->loop, scene->server));
	assert_int_equal(client_greet(&other, NULL), 0);
	client_hang_up(&other);
}

/* A reset is under way when the client goes: the second one follows it. */
static void test_lost_in_a_reset(void **state) {
	struct scene *scene = *state;
	struct sp_wire_body none = {0};

	scene->device->slow = true;
	client_command(&scene->client, SP_WIRE_RESET, 0, &none, NULL, 0, NULL, 0);
	client_idle(&scene->client);
	client_hang_up(&scene->client);
	assert_int_equal(scene->device->resets, 1);
	assert_int_equal(scene->device->lost, 0);
	fake_finish(scene->device);
	assert_int_equal(scene->device->lost, 1);
	assert_true(sp_wire_server_idle(scene->server));
}

/* What comes behind a command that takes its time is done after it, in its order. */
/* A device that goes on while it should let go holds nothing of the client that went. */
static void test_pin_too_late(void **state) {
	struct scene *scene = *state;
	struct sp_dma_part part;
	struct sp_dma_pin pin = {
		.address = 0, .size = 16, .access = SP_DMA_READ, .parts = &part, .part_max = 1};
	struct sp_bus *bus = scene->device->base.bus;
	struct sp_wire_state seen;
	int memory = memfd_create("memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(ftruncate(memory, SP_PAGE), 0);
	assert_int_equal(client_map(&scene->client, 0, SP_PAGE, memory, 0), 0);
	close(memory);
	assert_int_equal(bus->ops->pin(bus, &pin), 0);
	bus->ops->unpin(bus, &pin);
	scene->device->slow = true;
	client_hang_up(&scene->client);
	assert_false(sp_wire_server_idle(scene->server));
	assert_int_equal(bus->ops->pin(bus, &pin), ECANCELED);
	fake_finish(scene->device);
	assert_true(sp_wire_server_idle(scene->server));
	sp_wire_server_state(scene->server, &seen);
	assert_int_equal(seen.pins + seen.files + seen.ranges, 0);
}

/* What a client left behind and could not be cleared is shown to no other. */
static void test_unclean(void **state) {
	struct scene *scene = *state;
	struct sp_wire_body none = {0};
	struct client other;

	scene->device->unclean = true;
	assert_int_equal(client_call(&scene->client, SP_WIRE_RESET, &none), EIO);
	client_hang_up(&scene->client);
	assert_int_equal(scene->device->lost, 1);
	assert_true(sp_wire_server_idle(scene->server));
	assert_false(client_connect(&other, scene->loop, scene->server));
}

static void test_later(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	struct sp_wire_body body = {.index = 0, .count = 4};

	scene->device->slow = true;
	client_command(client, SP_WIRE_REGION_WRITE, 0, &body, "late", 4, NULL, 0);
	for (int i = 0; i < 1000; i++) {
		client_command(client, SP_WIRE_REGION_READ, 0, &body, NULL, 0, NULL, 0);
		if (i % 100 == 0)
			client_idle(client);
	}
	client_idle(client);
	assert_int_equal(scene->device->accesses, 1);
	fake_finish(scene->device);
	assert_true(client_receive(client));
	assert_int_equal(client->header.command, SP_WIRE_REGION_WRITE);
	for (int i = 0; i < 1000; i++) {
		assert_true(client_receive(client));
		assert_memory_equal(client->payload + 16, "late", 4);
	}
}

/* Private memory in KiB. */
static long resident(void) {
	FILE *file = fopen("/proc/self/status", "r");
	char line[128];
	long size = -1;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, "RssAnon:", 8) == 0)
			size = atol(line + 8);
	}
	fclose(file);
	return size;
}

static void test_ten_thousand_clients(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	struct sp_wire_body irqs = {.argsz = 20, .flags = 4 | 32, .index = 2, .count = 4};
	struct sp_wire_body region = {.argsz = 32, .index = 0};
	int fd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING), events[4];
	unsigned files = 0;
	uint64_t allocations = 0;
	long size = 0;

	assert_int_equal(ftruncate(fd, 0x10000), 0);
	for (int i = 0; i < 4; i++)
		events[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	for (int i = 0; i < 10000; i++) {
		client_hang_up(client);
		assert_true(client_connect(client, scene->loop, scene->server));
		/* Some are rude, and none is alike. */
		if (i % 5 == 4) {
			client_send(client, "\1\0\1\0\377\377\377\377\0\0\0\0\0\0\0\0",
				(size_t)(3 + i % 14), events, (uint32_t)(i % 4));
			continue;
		}
		assert_int_equal(client_greet(client, "{}"), 0);
		assert_int_equal(client_map(client, 0, 0x8000, fd, 0), 0);
		assert_int_equal(client_map(client, 0x8000, 0x8000, fd, 0x8000), 0);
		assert_int_equal(client_call_fds(client, SP_WIRE_SET_IRQS, &irqs, events, 4), 0);
		assert_int_equal(client_call(client, SP_WIRE_REGION_INFO, &region), 0);
		assert_int_equal(client_read(client, 0, 0, 0x8000), 0);
		if (i % 3 == 0)
			assert_int_equal(client_unmap(client, 0, 0x8000), 0);
		client_close_fds(client);
		if (i == 1000) {
			files = scene_files();
			allocations = scene_state(scene).counters.allocations;
			size = resident();
		}
	}
	client_close_fds(client);
	client_idle(client);
	client_hang_up(client);
	assert_true(client_connect(client, scene->loop, scene->server));
	assert_int_equal(client_greet(client, "{}"), 0);
	/* The last one has neither interrupts nor files, and its socket pair is there. */
	assert_in_range(scene_files(), files - 5, files);
	/* A sanitizer keeps what was freed. */
	if (!SANITIZED)
		assert_in_range(resident(), 1, size + 256);
	/* One for each client that brought a file. */
	assert_in_range(scene_state(scene).counters.allocations - allocations, 1, 9000);
	close(fd);
	for (int i = 0; i < 4; i++)
		close(events[i]);
}

/* Nothing is allocated for a message. */
static void test_steady(void **state) {
	struct scene *scene = *state;
	uint64_t before = scene_state(scene).counters.allocations;

	for (int i = 0; i < 1000; i++) {
		assert_int_equal(client_read(&scene->client, 7, 0, 4), 0);
		assert_int_equal(client_write(&scene->client, 7, 0, "abcd", 4), 0);
	}
	assert_int_equal(scene_state(scene).counters.allocations, before);
	assert_int_equal(scene_state(scene).counters.traps, 2000);
}

static void test_line_and_request(void **state) {
	struct scene *scene = *state;
	struct sp_wire_body irq = {.argsz = 20, .flags = 4 | 32, .index = 2, .count = 1};
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	/* The fake has MSI-X alone: its line goes nowhere, and does no harm. */
	sp_device_set_level(&scene->device->base, true);
	sp_device_set_level(&scene->device->base, false);
	irq.index = 0;
	assert_int_equal(client_call_fds(&scene->client, SP_WIRE_SET_IRQS, &irq, &fd, 1), EINVAL);
	irq.index = 4;
	assert_int_equal(client_call_fds(&scene->client, SP_WIRE_SET_IRQS, &irq, &fd, 1), 0);
	sp_wire_server_request(scene->server);
	{
		uint64_t count = 0;

		assert_int_equal(read(fd, &count, 8), 8);
	}
	close(fd);
}

static void test_listen(void **state) {
	char directory[] = "/tmp/sallyport-listen-XXXXXX", path[64], file[64];
	struct sp_listener one, two;
	struct sp_error error;
	struct stat stat_;
	int socket_, pair[2];

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/socket", directory);
	snprintf(file, sizeof(file), "%s/file", directory);
	assert_true(sp_listen(&one, path, &error));
	assert_int_equal(stat(path, &stat_), 0);
	assert_int_equal(stat_.st_mode & 0777, 0600);
	/* One that is used stays; so does what is no socket. */
	assert_false(sp_listen(&two, path, &error));
	fclose(fopen(file, "w"));
	assert_false(sp_listen(&two, file, &error));
	assert_int_equal(stat(file, &stat_), 0);
	/* The first one's path is left behind, and taken over. */
	socket_ = dup(one.socket);
	assert_true(sp_listen_inherited(&two, socket_, false, &error));
	sp_listen_end(&two);
	close(one.socket);
	one.socket = -1;
	assert_true(sp_listen(&two, path, &error));
	sp_listen_end(&one);
	assert_int_equal(stat(path, &stat_), 0);
	sp_listen_end(&two);
	assert_int_equal(stat(path, &stat_), -1);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_false(sp_listen_inherited(&two, pair[0], false, &error));
	assert_false(sp_listen_inherited(&two, 999, false, &error));
	close(pair[0]);
	close(pair[1]);
	memset(file, 'x', sizeof(file) - 1);
	unlink(strcat(strcpy(file, directory), "/file"));
	rmdir(directory);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_at_a_time, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_at_once, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_lost_in_an_access, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_lost_in_a_reset, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_pin_too_late, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_unclean, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_later, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_ten_thousand_clients, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_steady, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_line_and_request, scene_greet, scene_end),
		cmocka_unit_test(test_listen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
