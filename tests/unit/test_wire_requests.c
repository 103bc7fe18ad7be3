/* SPDX-License-Identifier: MIT */
/* Copies through the client, and what comes between. */
#include "../wire/scene.h"

#include <errno.h>
#include <unistd.h>

/* A copy that the fake device waits for before it ends what it has in its hands. */
struct copy {
	struct sp_transfer transfer;
	struct fake_device *fake;
	unsigned *left; /* of those that it waits for */
	unsigned done;
	int error;
	uint8_t data[16];
};

static void ended(struct sp_transfer *transfer, int error) {
	struct copy *copy = (struct copy *)transfer;

	copy->done++;
	copy->error = error;
	if (copy->left && !--*copy->left)
		fake_finish(copy->fake);
}

static void begin(struct scene *scene, struct copy *copy, uint64_t address) {
	struct sp_bus *bus = scene->device->base.bus;

	copy->fake = scene->device;
	copy->transfer = (struct sp_transfer){
		.address = address, .size = sizeof(copy->data), .data = copy->data, .done = ended};
	bus->ops->transfer(bus, &copy->transfer);
}

static int greet(void **state) {
	struct scene *scene;

	scene_greet(state);
	scene = *state;
	assert_int_equal(client_map(&scene->client, 0, 0x10000, -1, 0), 0);
	return 0;
}

/* It is the device that calls: nothing may be asked of it before that has returned. */
static void test_within_a_call(void **state) {
	struct scene *scene = *state;
	struct copy copy = {0};

	close(scene->client.socket);
	scene->client.socket = -1;
	begin(scene, &copy, 0x1000);
	assert_int_equal(scene->device->lost, 0);
	assert_int_equal(copy.done, 0);
	client_idle(&scene->client);
	assert_int_equal(copy.done, 1);
	assert_int_equal(copy.error, ECANCELED);
	assert_int_equal(scene->device->lost, 1);
	assert_int_equal(scene->gone, 1);
}

/* Nor may a command be begun that has come meanwhile. */
static void test_command_within_a_call(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	struct sp_wire_body read = {.index = SP_REGION_CONFIG, .count = 4}, none = {0};
	struct sp_access *access;
	struct copy copy = {0};

	scene->device->slow = true;
	client_command(client, SP_WIRE_REGION_READ, 0, &read, NULL, 0, NULL, 0);
	client_command(client, SP_WIRE_RESET, 0, &none, NULL, 0, NULL, 0);
	client_idle(client);
	access = scene->device->access;
	assert_non_null(access);
	scene->device->slow = false;
	begin(scene, &copy, 0x1000);
	assert_int_equal(scene->device->resets, 0);
	assert_int_equal(copy.done, 0);
	fake_finish(scene->device);
	client_idle(client);
	assert_int_equal(scene->device->resets, 1);
	assert_int_equal(copy.done, 1);
}

/* A device that is reset waits for its copies, and the client for the reset. */
static void test_reset(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	struct sp_wire_body none = {0};
	struct copy copies[3] = {{.done = 0}};
	unsigned left = 3;

	for (unsigned i = 0; i < 3; i++) {
		copies[i].left = &left;
		begin(scene, &copies[i], 0x1000 * i);
	}
	client_idle(client);
	/* The first one is with the client, which does not answer before the reset is done. */
	assert_true(client_receive(client));
	assert_int_equal(client->header.command, SP_WIRE_DMA_READ);
	scene->device->slow = true;
	client_command(client, SP_WIRE_RESET, 0, &none, NULL, 0, NULL, 0);
	client_idle(client);
	assert_int_equal(left, 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(copies[i].done, 1);
		assert_int_equal(copies[i].error, ECANCELED);
	}
	assert_true(client_receive(client));
	assert_int_equal(client->header.command, SP_WIRE_RESET);
	assert_int_equal(client->header.flags, SP_WIRE_REPLY);
	assert_int_equal(scene_state(scene).counters.late, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_within_a_call, greet, scene_end),
		cmocka_unit_test_setup_teardown(test_command_within_a_call, greet, scene_end),
		cmocka_unit_test_setup_teardown(test_reset, greet, scene_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
