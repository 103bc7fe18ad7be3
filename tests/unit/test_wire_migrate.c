/* SPDX-License-Identifier: MIT */
#include "../wire/scene.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gpu/bochs.h"
#include "wire/server_parts.h"

#define GET (UINT64_C(1) << 16)
#define SET (UINT64_C(1) << 17)
#define PROBE (UINT64_C(1) << 18)

enum { ERROR, STOP, RUNNING, STOP_COPY, RESUMING };

static int begin(void **state) {
	scene_greet(state);
	((struct scene *)*state)->device->info.state = true;
	return 0;
}

static int feature(struct client *client, uint64_t flags, const void *data, uint32_t size) {
	struct sp_wire_body body = {.argsz = 4096, .flags = flags};

	return client_call_data(client, SP_WIRE_FEATURE, &body, data, size);
}

static int set_state(struct client *client, uint32_t target) {
	uint32_t data[2] = {target, 0};

	return feature(client, SET | SP_WIRE_MIG_STATE, data, sizeof(data));
}

static uint32_t get_state(struct client *client) {
	uint32_t got;

	assert_int_equal(feature(client, GET | SP_WIRE_MIG_STATE, NULL, 0), 0);
	assert_int_equal(client->size, 16);
	memcpy(&got, client->payload + 8, 4);
	return got;
}

static void test_features(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	static const struct {
		uint64_t flags;
		int error;
	} PROBES[] = {
		{1, 0},
		{GET | 1, 0},
		{SET | 1, EINVAL},
		{GET | SET | 2, 0},
		{SET | 6, 0},
		{GET | 6, EINVAL},
		{SET | 7, 0},
		{GET | 8, 0},
		{SET | 8, EINVAL},
		{0, ENOTSUP},
		{3, ENOTSUP},
		{9, ENOTSUP},
		{GET | 0xffff, ENOTSUP},
	};
	struct sp_wire_body body = {.argsz = 15, .flags = GET | 1};
	uint64_t flags;

	for (size_t i = 0; i < sizeof(PROBES) / sizeof(PROBES[0]); i++) {
		assert_int_equal(
			feature(client, PROBE | PROBES[i].flags, NULL, 0), PROBES[i].error);
		assert_int_equal(client->size, PROBES[i].error ? 0 : 8);
	}
	assert_int_equal(feature(client, GET | 1, NULL, 0), 0);
	assert_int_equal(client->size, 16);
	memcpy(&flags, client->payload + 8, 8);
	assert_int_equal(flags, 1);
	assert_int_equal(feature(client, 1, NULL, 0), EINVAL);
	assert_int_equal(feature(client, GET | SET | 2, "........", 8), EINVAL);
	assert_int_equal(feature(client, SET | 2, "....", 4), EINVAL);
	assert_int_equal(feature(client, (UINT64_C(1) << 19) | GET | 1, NULL, 0), EINVAL);
	assert_int_equal(client_call(client, SP_WIRE_FEATURE, &body), EINVAL);
	/* Of a device whose state cannot be saved there is nothing of it. */
	scene->device->info.state = false;
	assert_int_equal(feature(client, PROBE | GET | 1, NULL, 0), ENOTSUP);
	assert_int_equal(set_state(client, STOP), ENOTSUP);
}

/* Every way, the legal ones in steps. */
static void test_arcs(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	struct fake_device *fake = scene->device;
	static const uint32_t ORDER[] = {RUNNING, STOP, STOP, STOP_COPY, STOP, RUNNING, STOP_COPY,
		RUNNING, STOP_COPY, RESUMING};
	struct sp_wire_body none = {0};

	for (size_t i = 0; i < sizeof(ORDER) / sizeof(ORDER[0]); i++) {
		assert_int_equal(set_state(client, ORDER[i]), 0);
		assert_int_equal(client->size, 16);
		assert_int_equal(get_state(client), ORDER[i]);
	}
	assert_int_equal(fake->stops, 3);
	assert_int_equal(fake->resumes, 2);
	assert_int_equal(fake->resets, 1);
	for (uint32_t bad = 5; bad < 9; bad++)
		assert_int_equal(set_state(client, bad), EINVAL);
	assert_int_equal(set_state(client, ERROR), EINVAL);
	assert_int_equal(set_state(client, UINT32_MAX), EINVAL);
	assert_int_equal(get_state(client), RESUMING);
	/* Nothing was written: that is no state. */
	assert_int_equal(set_state(client, RUNNING), EINVAL);
	assert_int_equal(get_state(client), ERROR);
	assert_int_equal(fake->resets, 2);
	for (uint32_t target = ERROR; target <= RESUMING; target++)
		assert_int_equal(set_state(client, target), EINVAL);
	/* A reset leads out of everything, and what was stopped goes on. */
	assert_int_equal(client_call(client, SP_WIRE_RESET, &none), 0);
	assert_int_equal(get_state(client), RUNNING);
	assert_int_equal(fake->resumes, 3);
	for (uint32_t target = STOP; target <= RESUMING; target++) {
		assert_int_equal(set_state(client, target), 0);
		assert_int_equal(client_call(client, SP_WIRE_RESET, &none), 0);
		assert_int_equal(get_state(client), RUNNING);
		assert_int_equal(fake->resumes, fake->stops);
	}
}

static int read_some(struct client *client, uint32_t count) {
	struct sp_wire_body body = {.argsz = 8 + count, .count = count}, got;
	int error = client_call(client, SP_WIRE_MIG_READ, &body);

	if (!error) {
		assert_int_equal(
			sp_wire_decode(SP_WIRE_MIG_WRITE, client->payload, client->size, &got), 0);
		assert_int_equal(got.argsz, client->size);
		assert_int_equal(got.count, client->size - 8);
		assert_true(got.count <= count);
	}
	return error;
}

static int write_some(struct client *client, const uint8_t *data, uint32_t size) {
	struct sp_wire_body body = {.argsz = 8 + size, .count = size};

	return client_call_data(client, SP_WIRE_MIG_WRITE, &body, data, size);
}

struct stream {
	uint8_t *data;
	size_t size;
};

/* Reads the state in pieces of such a size, which is to be freed. */
static struct stream take_state(struct client *client, uint32_t piece) {
	struct stream stream = {malloc(4u << 20), 0};

	assert_non_null(stream.data);
	assert_int_equal(set_state(client, STOP_COPY), 0);
	do {
		assert_int_equal(read_some(client, piece), 0);
		assert_true(stream.size + piece <= 4u << 20);
		memcpy(stream.data + stream.size, client->payload + 8, client->size - 8);
		stream.size += client->size - 8;
	} while (client->size - 8 == piece);
	assert_int_equal(set_state(client, STOP), 0);
	return stream;
}

static int give_state(struct client *client, const struct stream *stream, uint32_t piece) {
	int error = 0;

	assert_int_equal(set_state(client, RESUMING), 0);
	for (size_t at = 0; at < stream->size && !error; at += piece) {
		size_t left = stream->size - at;

		error = write_some(
			client, stream->data + at, left < piece ? (uint32_t)left : piece);
	}
	return error ? error : set_state(client, STOP);
}

static void scribble(struct fake_device *fake, uint8_t seed) {
	uint8_t page[0x1000];

	for (size_t i = 0; i < sizeof(fake->registers); i++)
		fake->registers[i] = (uint8_t)(seed * i + (i >> 8));
	memset(page, seed, sizeof(page));
	/* BAR 0's second mapped page, its read-only one, and BAR 2's first and last but one. */
	assert_int_equal(pwrite(fake->file, page, sizeof(page), 0x2000), 0x1000);
	assert_int_equal(pwrite(fake->file, page, sizeof(page), 0x4000), 0x1000);
	assert_int_equal(pwrite(fake->file, page, sizeof(page), 0x10000), 0x1000);
	assert_int_equal(pwrite(fake->file, page, sizeof(page), 0x12000), 0x1000);
}

static void read_file(struct fake_device *fake, uint8_t *bytes) {
	assert_int_equal(pread(fake->file, bytes, 0x20000, 0), 0x20000);
}

static void test_there_and_back(void **state) {
	static const uint32_t PIECES[] = {1u << 20, 64u << 10, 4099, 97};
	struct scene *scene = *state;
	struct client *client = &scene->client;
	static uint8_t before[0x20000], after[0x20000], registers[0x10000];

	for (size_t i = 0; i < sizeof(PIECES) / sizeof(PIECES[0]); i++) {
		struct stream stream;

		scribble(scene->device, (uint8_t)(i + 1));
		memcpy(registers, scene->device->registers, sizeof(registers));
		read_file(scene->device, before);
		stream = take_state(client, PIECES[i]);
		/* Pages of zeros are not in it. */
		assert_in_range(stream.size, 0x10000 + 0x4000, 0x10000 + 0x5000);
		/* Into one in which everything is another. */
		memset(scene->device->registers, 0xee, sizeof(registers));
		memset(after, 0xee, sizeof(after));
		assert_int_equal(pwrite(scene->device->file, after, 0x3000, 0), 0x3000);
		assert_int_equal(pwrite(scene->device->file, after, 0x4000, 0x10000), 0x4000);
		assert_int_equal(give_state(client, &stream, PIECES[3 - i]), 0);
		assert_memory_equal(scene->device->registers, registers, sizeof(registers));
		read_file(scene->device, after);
		assert_memory_equal(after + 0x1000, before + 0x1000, 0x2000);
		assert_memory_equal(after + 0x4000, before + 0x4000, 0x1000);
		assert_memory_equal(after + 0x10000, before + 0x10000, 0x4000);
		/* What is no area of memory was not touched. */
		assert_int_equal(after[0], 0xee);
		assert_int_equal(set_state(client, RUNNING), 0);
		free(stream.data);
	}
}

static void test_sessions(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	struct sp_wire_body body = {.argsz = 100, .count = 93};
	struct sp_budget_limits limits = {
		{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}, 0};
	struct sp_budget *budget;

	assert_int_equal(read_some(client, 16), EINVAL);
	assert_int_equal(write_some(client, (const uint8_t *)"x", 1), EINVAL);
	assert_int_equal(set_state(client, STOP), 0);
	assert_int_equal(read_some(client, 16), EINVAL);
	assert_int_equal(set_state(client, STOP_COPY), 0);
	assert_int_equal(client_call(client, SP_WIRE_MIG_READ, &body), EINVAL);
	assert_int_equal(read_some(client, (1u << 20) + 1), EINVAL);
	assert_int_equal(read_some(client, UINT32_MAX - 8), EINVAL);
	assert_int_equal(read_some(client, 0), 0);
	assert_int_equal(client->size, 8);
	assert_int_equal(write_some(client, (const uint8_t *)"x", 1), EINVAL);
	assert_int_equal(set_state(client, RESUMING), 0);
	body = (struct sp_wire_body){.argsz = 16, .count = 5};
	assert_int_equal(client_call_data(client, SP_WIRE_MIG_WRITE, &body, "SPST", 4), EINVAL);
	/* That was the message's fault, and nothing was taken. */
	assert_int_equal(write_some(client, (const uint8_t *)"SPSTATE\1", 8), 0);
	client_hang_up(client);
	assert_int_equal(scene->device->resumes, 1);
	assert_true(client_connect(client, scene->loop, scene->server));
	assert_int_equal(client_greet(client, "{}"), 0);
	assert_int_equal(get_state(client), RUNNING);

	/* It costs the guest's budget, and without that there is none. */
	budget = sp_budget_create(&limits);
	scene->device->base.budget = budget;
	assert_int_equal(set_state(client, STOP_COPY), 0);
	assert_in_range(sp_budget_used(budget, SP_RESOURCE_BYTES), 0x20000, 0x30000);
	assert_int_equal(set_state(client, RUNNING), 0);
	assert_int_equal(sp_budget_used(budget, SP_RESOURCE_BYTES), 0);
	sp_budget_destroy(budget);
	limits.limits[SP_RESOURCE_BYTES] = 4096;
	budget = sp_budget_create(&limits);
	scene->device->base.budget = budget;
	assert_int_equal(set_state(client, STOP_COPY), ENOMEM);
	assert_int_equal(get_state(client), STOP);
	assert_int_equal(sp_budget_used(budget, SP_RESOURCE_BYTES), 0);
	scene->device->base.budget = NULL;
	sp_budget_destroy(budget);
}

/* Any byte changed, any byte missing, and more than there is: it is refused, and the device reset.
 */
static void test_damage(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	struct sp_wire_body none = {0};
	struct stream stream, cut;
	unsigned resets;

	scribble(scene->device, 3);
	stream = take_state(client, 1u << 20);
	cut = stream;
	for (size_t i = 0; i < 200; i++) {
		/* Those of the heads, and others here and there. */
		size_t at = i < 100 ? i : (i - 100) * (stream.size / 100);

		stream.data[at] ^= 0x10;
		resets = scene->device->resets;
		assert_int_equal(give_state(client, &stream, 1u << 20), EINVAL);
		stream.data[at] ^= 0x10;
		if (get_state(client) == RESUMING)
			assert_int_equal(set_state(client, STOP), EINVAL);
		assert_int_equal(get_state(client), ERROR);
		/* Before it, after it. */
		assert_int_equal(scene->device->resets, resets + 2);
		assert_int_equal(client_call(client, SP_WIRE_RESET, &none), 0);
	}
	for (size_t i = 0; i < 40; i++) {
		cut.size = i < 20 ? i : stream.size - (i - 19);
		assert_int_equal(give_state(client, &cut, 1u << 20), EINVAL);
		assert_int_equal(client_call(client, SP_WIRE_RESET, &none), 0);
	}
	stream.data[stream.size++] = 0;
	assert_int_equal(give_state(client, &stream, 1u << 20), EINVAL);
	assert_int_equal(client_call(client, SP_WIRE_RESET, &none), 0);
	stream.size--;
	scene->device->unloadable = true;
	assert_int_equal(give_state(client, &stream, 1u << 20), EINVAL);
	assert_int_equal(get_state(client), ERROR);
	scene->device->unloadable = false;
	assert_int_equal(client_call(client, SP_WIRE_RESET, &none), 0);
	assert_int_equal(give_state(client, &stream, 1u << 20), 0);
	/* Of another device. */
	scene->device->info.model = "fakf";
	assert_int_equal(give_state(client, &stream, 1u << 20), EINVAL);
	free(stream.data);
}

/* Interrupts that are masked by messages, and what is pending then. */
static void test_interrupts(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	struct sp_wire_body irq = {
		.argsz = 20, .flags = 4 | 32, .index = 2, .start = 3, .count = 1};
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct stream stream;
	uint64_t count;

	assert_int_equal(client_call_fds(client, SP_WIRE_SET_IRQS, &irq, &fd, 1), 0);
	irq.flags = 1 | 8;
	assert_int_equal(client_call(client, SP_WIRE_SET_IRQS, &irq), 0);
	sp_device_raise(&scene->device->base, 3);
	stream = take_state(client, 1u << 20);
	irq.flags = 4 | 32;
	assert_int_equal(client_call_fds(client, SP_WIRE_SET_IRQS, &irq, &fd, 1), 0);
	assert_int_equal(give_state(client, &stream, 1u << 20), 0);
	assert_int_equal(read(fd, &count, 8), -1);
	irq.flags = 1 | 16;
	assert_int_equal(client_call(client, SP_WIRE_SET_IRQS, &irq), 0);
	assert_int_equal(read(fd, &count, 8), 8);
	free(stream.data);
	close(fd);
}

/* The device takes its time to stop. */
static void test_slow(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	struct fake_device *fake = scene->device;
	struct sp_wire_server *server = scene->server;
	struct sp_wire_body body = {.argsz = 16, .flags = SET | SP_WIRE_MIG_STATE};
	uint32_t data[2] = {STOP_COPY, 0};

	fake->slow = true;
	client_command(client, SP_WIRE_FEATURE, 0, &body, data, 8, NULL, 0);
	client_idle(client);
	assert_int_equal(fake->stops, 1);
	fake_finish(fake);
	assert_true(client_receive(client));
	assert_int_equal(client->header.flags, SP_WIRE_REPLY);
	assert_int_equal(get_state(client), STOP_COPY);
	assert_int_equal(set_state(client, RUNNING), 0);
	/* Too long: it is as if nobody had asked. */
	fake->slow = true;
	client_command(client, SP_WIRE_FEATURE, 0, &body, data, 8, NULL, 0);
	client_idle(client);
	server->loop->ops->arm(server->loop, &server->limit, 0);
	assert_true(client_receive(client));
	assert_int_equal(client->header.error, ETIMEDOUT);
	assert_int_equal(get_state(client), RUNNING);
	assert_int_equal(fake->resumes, 1);
	fake_finish(fake);
	assert_int_equal(fake->resumes, 2);
	/* The client goes while it stops. */
	fake->slow = true;
	client_command(client, SP_WIRE_FEATURE, 0, &body, data, 8, NULL, 0);
	client_idle(client);
	client_hang_up(client);
	fake_finish(fake);
	assert_int_equal(scene->gone, 1);
	assert_int_equal(fake->resumes, fake->stops);
}

/* A state is loaded into a device that has nothing in its hands. */
static void test_late_access(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	struct sp_wire_server *server = scene->server;
	struct sp_wire_body read = {.index = SP_REGION_CONFIG, .count = 4};
	struct sp_wire_body body = {.argsz = 16, .flags = SET | SP_WIRE_MIG_STATE};
	uint32_t data[2] = {STOP, 0};

	assert_int_equal(set_state(client, RESUMING), 0);
	scene->device->slow = true;
	client_command(client, SP_WIRE_REGION_READ, 0, &read, NULL, 0, NULL, 0);
	client_idle(client);
	server->loop->ops->arm(server->loop, &server->limit, 0);
	assert_true(client_receive(client));
	assert_int_equal(client->header.error, ETIMEDOUT);
	client_command(client, SP_WIRE_FEATURE, 0, &body, data, 8, NULL, 0);
	client_idle(client);
	assert_int_equal(server->migration.state, RESUMING);
	fake_finish(scene->device);
	assert_true(client_receive(client));
	/* Nothing was written. */
	assert_int_equal(client->header.error, EINVAL);
	assert_int_equal(get_state(client), ERROR);
}

struct display {
	struct sp_device *device;
	struct sp_wire_server *server;
	struct client *client;
};

static struct display make_display(struct sp_loop *loop) {
	struct sp_bochs_options options = {.memory_size = SP_BOCHS_MEMORY_MIN, .memory = -1};
	struct display display;
	struct sp_error error;

	display.device = sp_bochs_create(&options, NULL, &error);
	assert_non_null(display.device);
	display.device->loop = loop;
	assert_true(
		sp_wire_server_create(&display.server, display.device, loop, NULL, NULL, &error));
	display.client = malloc(sizeof(*display.client));
	assert_non_null(display.client);
	assert_true(client_connect(display.client, loop, display.server));
	assert_int_equal(client_greet(display.client, "{}"), 0);
	return display;
}

static void end_display(struct display *display) {
	client_hang_up(display->client);
	sp_wire_server_destroy(display->server);
	sp_device_destroy(display->device);
	free(display->client);
}

/* A display of ours as a whole: from one server to another. */
static void test_display(void **state) {
	struct scene *scene = *state;
	struct display from = make_display(scene->loop), to = make_display(scene->loop);
	static uint8_t picture[1u << 20], seen[1u << 20];
	struct stream stream;

	for (size_t i = 0; i < sizeof(picture); i++)
		picture[i] = (uint8_t)(i * 31 + (i >> 9));
	memset(picture + 0x8000, 0, 0x3000);
	assert_int_equal(client_write(from.client, SP_REGION_BAR0, 0x1000, picture, 0xff000), 0);
	assert_int_equal(client_write(to.client, SP_REGION_BAR0, 0, picture, sizeof(picture)), 0);
	/* Its width, memory decoding, and what firmware leaves in the function. */
	assert_int_equal(client_write(from.client, SP_REGION_BAR2, 0x502, "\0\4", 2), 0);
	assert_int_equal(client_write(from.client, SP_REGION_CONFIG, 4, "\2", 1), 0);
	assert_int_equal(client_write(from.client, SP_REGION_CONFIG, 0x3c, "\13", 1), 0);
	stream = take_state(from.client, 1u << 16);
	assert_in_range(stream.size, 0xfc000, 0x100000);
	assert_int_equal(give_state(to.client, &stream, 1u << 20), 0);
	assert_int_equal(set_state(to.client, RUNNING), 0);
	assert_int_equal(client_read(to.client, SP_REGION_BAR0, 0, sizeof(seen)), 0);
	memcpy(seen, to.client->payload + 16, sizeof(seen));
	/* It begins a page later there, behind a page of zeros. */
	assert_memory_equal(seen + 0x1000, picture, 0xff000);
	memset(picture, 0, 0x1000);
	assert_memory_equal(seen, picture, 0x1000);
	assert_int_equal(client_read(to.client, SP_REGION_BAR2, 0x502, 2), 0);
	assert_memory_equal(to.client->payload + 16, "\0\4", 2);
	assert_int_equal(client_read(to.client, SP_REGION_CONFIG, 0x3c, 1), 0);
	assert_int_equal(to.client->payload[16], 11);
	free(stream.data);
	end_display(&from);
	end_display(&to);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_features, begin, scene_end),
		cmocka_unit_test_setup_teardown(test_arcs, begin, scene_end),
		cmocka_unit_test_setup_teardown(test_there_and_back, begin, scene_end),
		cmocka_unit_test_setup_teardown(test_sessions, begin, scene_end),
		cmocka_unit_test_setup_teardown(test_damage, begin, scene_end),
		cmocka_unit_test_setup_teardown(test_interrupts, begin, scene_end),
		cmocka_unit_test_setup_teardown(test_slow, begin, scene_end),
		cmocka_unit_test_setup_teardown(test_late_access, begin, scene_end),
		cmocka_unit_test_setup_teardown(test_display, begin, scene_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
