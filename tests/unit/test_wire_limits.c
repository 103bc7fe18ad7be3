/* SPDX-License-Identifier: MIT */
#include "../wire/scene.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "wire/server_parts.h"

/*
 * A device that takes for ever. The clock is not waited for: its timer is armed for now.
 */
static void expire(struct scene *scene) {
	struct sp_wire_server *server = scene->server;

	assert_true(server->limit.armed);
	server->loop->ops->arm(server->loop, &server->limit, 0);
	client_idle(&scene->client);
}

static void send_access(struct scene *scene, uint16_t command) {
	struct sp_wire_body body = {.index = SP_REGION_BAR0, .count = 4};
	bool write = command == SP_WIRE_REGION_WRITE;

	client_command(&scene->client, command, 0, &body, "late", write ? 4 : 0, NULL, 0);
	client_idle(&scene->client);
}

static int received(struct scene *scene, uint16_t command) {
	assert_true(client_receive(&scene->client));
	assert_int_equal(scene->client.header.command, command);
	assert_int_equal(scene->client.header.id, scene->client.id);
	return scene->client.header.flags & SP_WIRE_ERROR ? (int)scene->client.header.error : 0;
}

static void test_access(void **state) {
	struct scene *scene = *state;
	struct fake_device *fake = scene->device;

	for (uint16_t command = SP_WIRE_REGION_READ; command <= SP_WIRE_REGION_WRITE; command++) {
		struct sp_access *access;

		fake->slow = true;
		memcpy(fake->registers, "fast", 4);
		send_access(scene, command);
		access = fake->access;
		assert_non_null(access);
		assert_false(scene_state(scene).late);
		expire(scene);
		assert_int_equal(received(scene, command), ETIMEDOUT);
		assert_true(scene_state(scene).late);
		/* What needs no device goes on. */
		assert_int_equal(client_read(&scene->client, SP_REGION_BAR2, 0, 4096), 0);
		assert_int_equal(client_read(&scene->client, SP_REGION_BAR0, 0x1000, 64), 0);
		/* What needs it waits, as long as it may; then it is refused, and was not begun. */
		send_access(scene, SP_WIRE_REGION_READ);
		assert_ptr_equal(fake->access, access);
		expire(scene);
		assert_int_equal(received(scene, SP_WIRE_REGION_READ), ETIMEDOUT);
		/* Or it has waited long enough. */
		send_access(scene, SP_WIRE_REGION_READ);
		fake_finish(fake);
		assert_false(scene_state(scene).late);
		assert_int_equal(received(scene, SP_WIRE_REGION_READ), 0);
		assert_memory_equal(scene->client.payload + 16,
			command == SP_WIRE_REGION_READ ? "fast" : "late", 4);
	}
	assert_int_equal(scene_state(scene).counters.late, 4);
	assert_int_equal(scene->gone, 0);
}

/* What the device writes after its time goes nowhere. */
static void test_late_data(void **state) {
	struct scene *scene = *state;
	struct fake_device *fake = scene->device;
	struct sp_wire_body body = {.index = SP_REGION_BAR0, .count = 0x1000};
	static uint8_t zeros[0x4000];

	fake->slow = true;
	memset(fake->registers, 0x5a, 0x1000);
	client_command(&scene->client, SP_WIRE_REGION_READ, 0, &body, NULL, 0, NULL, 0);
	client_idle(&scene->client);
	expire(scene);
	assert_int_equal(received(scene, SP_WIRE_REGION_READ), ETIMEDOUT);
	body.index = SP_REGION_BAR2;
	body.count = 0x4000;
	client_command(&scene->client, SP_WIRE_REGION_READ, 0, &body, NULL, 0, NULL, 0);
	client_idle(&scene->client);
	fake_finish(fake);
	assert_int_equal(received(scene, SP_WIRE_REGION_READ), 0);
	assert_memory_equal(scene->client.payload + 16, zeros, sizeof(zeros));
}

/* The limit counts from the first one that waits. */
static void test_chain(void **state) {
	struct scene *scene = *state;
	struct sp_wire_server *server = scene->server;
	struct sp_wire_body body = {.index = SP_REGION_CONFIG, .count = 4};
	uint64_t first;

	scene->device->slow = true;
	for (int i = 0; i < 3; i++)
		client_command(&scene->client, SP_WIRE_REGION_READ, 0, &body, NULL, 0, NULL, 0);
	client_idle(&scene->client);
	first = server->limit.at;
	assert_true(first == server->stalled_at + SP_WIRE_LIMIT);
	/* It is done in time, and the next one, which was sent with it, is slow, too. */
	fake_finish(scene->device);
	client_idle(&scene->client);
	for (int i = 0; i < 3; i++)
		assert_true(client_receive(&scene->client));
	assert_false(server->stalled);
	scene->device->slow = true;
	for (int i = 0; i < 2; i++)
		client_command(&scene->client, SP_WIRE_REGION_READ, 0, &body, NULL, 0, NULL, 0);
	client_idle(&scene->client);
	server->stalled_at -= 3000000;
	first = server->stalled_at;
	{
		struct sp_access *access = scene->device->access;

		scene->device->access = NULL;
		sp_access_done(access, 0);
	}
	client_idle(&scene->client);
	assert_non_null(scene->device->access);
	assert_true(server->limit.at == first + SP_WIRE_LIMIT);
	/* One that comes now has its own time. */
	{
		struct sp_access *access = scene->device->access;

		scene->device->access = NULL;
		sp_access_done(access, 0);
	}
	client_command(&scene->client, SP_WIRE_REGION_READ, 0, &body, NULL, 0, NULL, 0);
	client_idle(&scene->client);
	assert_true(server->limit.at > first + 3000000 + SP_WIRE_LIMIT);
	fake_finish(scene->device);
}

static void test_reset(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	struct fake_device *fake = scene->device;
	struct sp_wire_body none = {0};

	fake->slow = true;
	client_command(client, SP_WIRE_RESET, 0, &none, NULL, 0, NULL, 0);
	client_idle(client);
	expire(scene);
	assert_int_equal(received(scene, SP_WIRE_RESET), 0);
	assert_int_equal(fake->resets, 1);
	/* A second one is the same one. */
	client_command(client, SP_WIRE_RESET, 0, &none, NULL, 0, NULL, 0);
	client_idle(client);
	assert_int_equal(fake->resets, 1);
	expire(scene);
	assert_int_equal(received(scene, SP_WIRE_RESET), 0);
	/* What the driver does next finds a device that was reset. */
	send_access(scene, SP_WIRE_REGION_WRITE);
	assert_int_equal(fake->accesses, 0);
	fake_finish(fake);
	assert_int_equal(received(scene, SP_WIRE_REGION_WRITE), 0);
	assert_memory_equal(fake->registers, "late", 4);
}

/* An access that never ends is ended by a reset. */
static void test_access_then_reset(void **state) {
	struct scene *scene = *state;
	struct sp_wire_body none = {0};

	scene->device->slow = true;
	send_access(scene, SP_WIRE_REGION_READ);
	expire(scene);
	assert_int_equal(received(scene, SP_WIRE_REGION_READ), ETIMEDOUT);
	scene->device->slow = false;
	assert_int_equal(client_call(&scene->client, SP_WIRE_RESET, &none), 0);
	assert_false(scene_state(scene).late);
	assert_int_equal(client_read(&scene->client, SP_REGION_BAR0, 0, 4), 0);
}

/* Memory cannot be given back while the device has it: the client ends, and the budget shows it. */
static void test_unmap(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client, other;
	struct fake_device *fake = scene->device;
	struct sp_bus *bus = fake->base.bus;
	struct sp_wire_body body = {.argsz = 24, .size = 0x10000};
	struct sp_dma_part part;
	struct sp_dma_pin pin = {.size = 16, .access = SP_DMA_WRITE, .parts = &part, .part_max = 1};
	int fd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(ftruncate(fd, 0x10000), 0);
	assert_int_equal(client_map(client, 0, 0x10000, fd, 0), 0);
	assert_int_equal(bus->ops->pin(bus, &pin), 0);
	fake->pin = &pin;
	fake->slow = true;
	client_command(client, SP_WIRE_DMA_UNMAP, 0, &body, NULL, 0, NULL, 0);
	client_idle(client);
	expire(scene);
	assert_false(client_receive(client));
	assert_int_equal(scene->gone, 0);
	assert_int_equal(scene->device->lost, 1);
	assert_true(scene_state(scene).late);
	assert_false(client_connect(&other, scene->loop, scene->server));
	fake_finish(fake);
	assert_int_equal(scene->gone, 1);
	assert_int_equal(scene->faults, 0);
	assert_int_equal(scene_state(scene).pins, 0);
	assert_int_equal(scene_state(scene).files, 0);
	close(fd);
}

/* By the clock: the answer comes before five seconds are over. */
static void test_clock(void **state) {
	struct scene *scene = *state;
	struct sp_loop *loop = scene->loop;
	uint64_t begun = loop->ops->now(loop), took;

	scene->device->slow = true;
	send_access(scene, SP_WIRE_REGION_READ);
	while (scene_state(scene).counters.late == 0 && loop->ops->now(loop) - begun < 6000000)
		(void)sp_loop_step(loop, 6000);
	took = loop->ops->now(loop) - begun;
	assert_in_range(took, 3900000, 4900000);
	assert_int_equal(received(scene, SP_WIRE_REGION_READ), ETIMEDOUT);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_access, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_late_data, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_chain, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_reset, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_access_then_reset, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_unmap, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_clock, scene_greet, scene_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
