/* SPDX-License-Identifier: MIT */
/* Every allocation of a server fails in turn, and every watch: nothing is left of its client. */
#include "../wire/scene.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "failing.h"
#include "wire/server_parts.h"

#define MEMORY 0x10000u
#define PAGE_AT 0x3000u /* is written by the device */

enum { STOP = 1, RUNNING, STOP_COPY, RESUMING };

/* A loop whose watches can be made to fail. */
static const struct sp_loop_ops *loop_ops;
static long watches, watch_fails = -1;

static int watch(struct sp_loop *loop, struct sp_watch *watched) {
	return watches++ == watch_fails ? ENOSPC : loop_ops->watch(loop, watched);
}

struct job {
	struct sp_loop *loop;
	struct fake_device *fake;
	struct sp_budget *budget;
	struct sp_wire_server *server;
	struct client client;
	int twin; /* the client's end of the second socket; -1: none */
	unsigned gone;
};

static void gone(void *data, const char *why, bool fault) {
	(void)why;
	assert_false(fault);
	((struct job *)data)->gone++;
}
static const struct sp_wire_events EVENTS = {.gone = gone};

static bool feature(struct job *job, uint64_t flags, const void *data, uint32_t size) {
	struct sp_wire_body body = {.argsz = 4096, .flags = flags};

	return client_call_data(&job->client, SP_WIRE_FEATURE, &body, data, size) == 0;
}

static bool set_state(struct job *job, uint32_t state) {
	uint32_t data[2] = {state, 0};

	return feature(job, SP_WIRE_FEATURE_SET | SP_WIRE_MIG_STATE, data, sizeof(data));
}

static void transferred(struct sp_transfer *transfer, int error) {
	transfer->size = (uint64_t)error;
}

/* The page that was written is told, whatever failed. */
static bool log_writes(struct job *job) {
	const uint64_t start[2] = {SP_PAGE, 0}, range[3] = {0, MEMORY, SP_PAGE};
	uint8_t byte = 1;
	struct sp_transfer transfer = {
		.write = true, .address = PAGE_AT, .size = 1, .data = &byte, .done = transferred};
	bool good = feature(job, SP_WIRE_FEATURE_SET | SP_WIRE_LOG_START, start, sizeof(start));

	job->fake->base.bus->ops->transfer(job->fake->base.bus, &transfer);
	if (!good || transfer.size)
		return false;
	if (!feature(job, SP_WIRE_FEATURE_GET | SP_WIRE_LOG_REPORT, range, sizeof(range)))
		return false;
	assert_true(job->client.payload[32] >> PAGE_AT / SP_PAGE & 1);
	return feature(job, SP_WIRE_FEATURE_SET | SP_WIRE_LOG_STOP, NULL, 0);
}

/* Its own state, read and written again. */
static bool migrate(struct job *job) {
	static uint8_t state[0x80000];
	struct sp_wire_body body = {.argsz = 8 + 0x80000, .count = sizeof(state)};
	uint32_t size;

	memcpy(job->fake->registers, "kept", 4);
	if (!set_state(job, STOP_COPY) || client_call(&job->client, SP_WIRE_MIG_READ, &body) != 0)
		return false;
	size = job->client.size - 8;
	memcpy(state, job->client.payload + 8, size);
	memset(job->fake->registers, 0, 4);
	if (!set_state(job, RESUMING))
		return false;
	/* In two parts. */
	for (uint32_t at = 0; at < size;) {
		uint32_t part = at ? size - at : size / 2;

		body.argsz = 8 + part;
		body.count = part;
		if (client_call_data(&job->client, SP_WIRE_MIG_WRITE, &body, state + at, part) != 0)
			return false;
		at += part;
	}
	if (!set_state(job, RUNNING))
		return false;
	assert_memory_equal(job->fake->registers, "kept", 4);
	return true;
}

static bool talk(struct job *job) {
	struct client *client = &job->client;
	struct sp_wire_body doorbells = {.argsz = 4096, .index = SP_REGION_BAR4};
	struct sp_wire_body none = {0};
	int file = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	bool good;

	assert_int_equal(ftruncate(file, MEMORY), 0);
	good = client_greet(client,
		       "{\"capabilities\":{\"max_msg_fds\":16,"
		       "\"twin_socket\":{\"supported\":true}}}") == 0 &&
		client->fd_count == 1;
	if (client->fd_count)
		job->twin = client->fds[0];
	client->fd_count = 0;
	good &= client_map(client, 0, MEMORY, file, 0) == 0;
	good &= client_call(client, SP_WIRE_REGION_IO_FDS, &doorbells) == 0 &&
		client->fd_count == SP_WIRE_FDS_MAX;
	client_close_fds(client);
	good &= log_writes(job);
	good &= migrate(job);
	/* Out of whatever state there is now. */
	good &= client_call(client, SP_WIRE_RESET, &none) == 0;
	close(file);
	return good;
}

/* Whether all of it came to pass. */
static bool run(void) {
	const struct sp_budget_limits limits = {
		.limits = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
	static struct sp_loop_ops ops;
	static struct job job;
	struct sp_error error = {0};
	unsigned files = scene_files();
	bool good = false;

	memset(&job, 0, sizeof(job));
	job.client.socket = job.twin = -1;
	job.fake = fake_create();
	job.budget = sp_budget_create(&limits);
	if (!job.fake || !job.budget || !sp_loop_create(&job.loop, &error))
		goto end;
	loop_ops = job.loop->ops;
	ops = *loop_ops;
	ops.watch = watch;
	job.loop->ops = &ops;
	job.fake->info.state = true;
	job.fake->base.budget = job.budget;
	if (!sp_wire_server_create(&job.server, &job.fake->base, job.loop, &EVENTS, &job, &error)) {
		assert_int_equal(error.kind, SP_ERROR_MEMORY);
		goto end;
	}
	if (client_connect(&job.client, job.loop, job.server)) {
		good = talk(&job);
		client_hang_up(&job.client);
		if (job.twin >= 0)
			close(job.twin);
		assert_int_equal(job.gone, 1);
	}
	assert_true(sp_wire_server_idle(job.server));
	sp_wire_server_destroy(job.server);
end:
	for (int i = 0; job.budget && i < SP_RESOURCE_COUNT; i++)
		assert_int_equal(sp_budget_used(job.budget, (enum sp_resource)i), 0);
	sp_loop_destroy(job.loop);
	sp_budget_destroy(job.budget);
	fake_destroy(job.fake);
	assert_int_equal(scene_files(), files);
	return good;
}

static void test_memory(void **state) {
	long live = failing_live, failed = 0;
	bool done = false;

	(void)state;
	assert_true(run());
	for (long at = 0; !done; at++) {
		assert_in_range(at, 0, 300);
		failing_arm(FAILING_MEMORY, at, false, 0);
		(void)run();
		done = !failing[FAILING_MEMORY].failed;
		failed += failing[FAILING_MEMORY].failed;
		failing_disarm();
		assert_int_equal(failing_live, live);
	}
	assert_true(failed > 20);
	assert_true(run());
}

static void test_watches(void **state) {
	bool done = false;

	(void)state;
	for (long at = 0; !done; at++) {
		assert_in_range(at, 0, 300);
		watches = 0;
		watch_fails = at;
		(void)run();
		done = watches <= at;
	}
	watch_fails = -1;
	assert_true(run());
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_watches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
