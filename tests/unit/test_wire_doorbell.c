/* SPDX-License-Identifier: MIT */
#include "../wire/scene.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define ENTRY 40u

/* The reply's fixed part, after it was checked. */
static struct sp_wire_body ask(struct client *client, uint32_t region, uint32_t argsz) {
	struct sp_wire_body body = {.argsz = argsz, .index = region}, got = {0};

	assert_int_equal(client_call(client, SP_WIRE_REGION_IO_FDS, &body), 0);
	assert_int_equal(
		sp_wire_decode(SP_WIRE_REGION_IO_FDS, client->payload, client->size, &got), 0);
	assert_int_equal(got.index, region);
	assert_int_equal(got.flags, 0);
	assert_int_equal(got.argsz, 16 + ENTRY * got.count);
	return got;
}

static void ring(int fd, uint64_t value) {
	assert_int_equal(write(fd, &value, sizeof(value)), sizeof(value));
}

static void test_layout(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	static const uint8_t WANTED[ENTRY] = {[1] = 0x30, [8] = 4};

	/* Only how much there is, then all of it. */
	assert_int_equal(ask(client, SP_REGION_BAR0, 16).count, 1);
	assert_int_equal(client->size, 16);
	assert_int_equal(client->fd_count, 0);
	assert_int_equal(ask(client, SP_REGION_BAR0, 16 + ENTRY - 1).count, 1);
	assert_int_equal(client->size, 16);
	assert_int_equal(ask(client, SP_REGION_BAR0, 16 + ENTRY).count, 1);
	assert_int_equal(client->size, 16 + ENTRY);
	assert_int_equal(client->fd_count, 1);
	assert_memory_equal(client->payload + 16, WANTED, ENTRY);
	/* A region without any. */
	assert_int_equal(ask(client, SP_REGION_BAR2, 4096).count, 0);
	assert_int_equal(client->fd_count, 0);
}

static void test_misuse(void **state) {
	struct scene *scene = *state;
	static const struct sp_wire_body BAD[] = {
		{.argsz = 15},
		{.argsz = 4096, .flags = 1},
		{.argsz = 4096, .count = 1},
		{.argsz = 4096, .index = SP_REGION_BAR1},
		{.argsz = 4096, .index = SP_REGION_COUNT},
		{.argsz = 4096, .index = UINT32_MAX},
	};

	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
		assert_int_equal(
			client_call(&scene->client, SP_WIRE_REGION_IO_FDS, &BAD[i]), EINVAL);
}

static void test_rings(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	struct fake_device *fake = scene->device;
	int fds[SP_WIRE_FDS_MAX];
	unsigned files = scene_files();

	/* As many as the client takes at once, which is 8 here. */
	assert_int_equal(ask(client, SP_REGION_BAR4, 4096).count, 8);
	assert_int_equal(client->fd_count, 8);
	memcpy(fds, client->fds, sizeof(fds));
	client->fd_count = 0;
	for (uint64_t i = 0; i < 8; i++) {
		uint64_t offset;
		uint32_t index;

		memcpy(&offset, client->payload + 16 + ENTRY * i, 8);
		memcpy(&index, client->payload + 16 + ENTRY * i + 16, 4);
		assert_true(offset == 0x100 * i && index == i);
		ring(fds[i], 1 + i);
		client_idle(client);
		assert_int_equal(fake->doorbells, 1 + i);
		assert_true(fake->rung == (100 + i) << 32);
	}
	/* Asked again, they are the same ones. */
	assert_int_equal(ask(client, SP_REGION_BAR4, 4096).count, 8);
	assert_int_equal(scene_files(), files + 24);
	ring(client->fds[3], 1);
	client_idle(client);
	assert_true(fake->rung == UINT64_C(103) << 32);
	/* Those that were not told work by writes. */
	assert_int_equal(client_write(client, SP_REGION_BAR4, 0x1300, "\1\2", 2), 0);
	assert_true(fake->rung == (UINT64_C(119) << 32 | 0x201));
	client_hang_up(client);
	for (int i = 0; i < 8; i++)
		close(fds[i]);
	/* And of the two sockets. */
	assert_int_equal(scene_files(), files - 2);
}

/* The client has the eventfd, too: it makes it block, and takes signals back. */
static void test_hostile(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	uint64_t count;

	assert_int_equal(ask(client, SP_REGION_BAR0, 4096).count, 1);
	assert_int_equal(fcntl(client->fds[0], F_SETFL, 0), 0);
	ring(client->fds[0], 5);
	assert_int_equal(read(client->fds[0], &count, sizeof(count)), sizeof(count));
	client_idle(client);
	assert_int_equal(scene->device->doorbells, 0);
	ring(client->fds[0], UINT64_MAX - 1);
	client_idle(client);
	assert_int_equal(scene->device->doorbells, 1);
}

/* What the budget does not allow is told by writes. */
static void test_budget(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	struct sp_budget_limits limits = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, 3}, 0};
	struct sp_budget *budget = sp_budget_create(&limits);

	scene->device->base.budget = budget;
	assert_int_equal(ask(client, SP_REGION_BAR4, 4096).count, 3);
	assert_int_equal(client->fd_count, 3);
	assert_int_equal(client->size, 16 + 3 * ENTRY);
	client_hang_up(client);
	assert_true(sp_budget_used(budget, SP_RESOURCE_FILES) == 0);
	scene->device->base.budget = NULL;
	sp_budget_destroy(budget);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_layout, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_misuse, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_rings, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_hostile, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_budget, scene_greet, scene_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
