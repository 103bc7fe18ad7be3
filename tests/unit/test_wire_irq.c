/* SPDX-License-Identifier: MIT */
#include "../wire/scene.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "wire/irq.h"

static uint64_t fired(int fd) {
	uint64_t count = 0;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

static int event(void) {
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static int set_irqs(struct client *client, uint32_t flags, uint32_t index, uint32_t start,
	uint32_t count, const int *fds, uint32_t fd_count) {
	struct sp_wire_body body = {
		.argsz = 20, .flags = flags, .index = index, .start = start, .count = count};

	return client_call_fds(client, SP_WIRE_SET_IRQS, &body, fds, fd_count);
}

static void test_msix(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	struct sp_bus *bus;
	int fds[16];
	enum { ON = SP_WIRE_SET_EVENTFD | SP_WIRE_SET_TRIGGER };

	bus = scene->device->base.bus;
	for (int i = 0; i < 16; i++)
		fds[i] = event();
	bus->ops->raise(bus, 0);
	/* In pieces, as QEMU sends them. */
	assert_int_equal(set_irqs(client, ON, SP_WIRE_MSIX, 0, 16, fds, 16), 0);
	assert_int_equal(set_irqs(client, ON, SP_WIRE_MSIX, 63, 1, fds, 1), 0);
	bus->ops->raise(bus, 5);
	bus->ops->raise(bus, 63);
	bus->ops->raise(bus, 40);
	bus->ops->raise(bus, 64);
	bus->ops->raise(bus, UINT32_MAX);
	assert_int_equal(fired(fds[5]), 1);
	assert_int_equal(fired(fds[0]), 1);
	assert_int_equal(fired(fds[1]), 0);
	/* One that is masked waits. */
	assert_int_equal(
		set_irqs(client, SP_WIRE_SET_NONE | SP_WIRE_SET_MASK, SP_WIRE_MSIX, 5, 1, NULL, 0),
		0);
	bus->ops->raise(bus, 5);
	assert_int_equal(fired(fds[5]), 0);
	assert_int_equal(set_irqs(client, SP_WIRE_SET_NONE | SP_WIRE_SET_UNMASK, SP_WIRE_MSIX, 5, 1,
				 NULL, 0),
		0);
	assert_int_equal(fired(fds[5]), 1);
	{
		struct sp_wire_body body = {.argsz = 23,
			.flags = SP_WIRE_SET_BOOL | SP_WIRE_SET_TRIGGER,
			.index = SP_WIRE_MSIX,
			.start = 1,
			.count = 3};

		assert_int_equal(client_call_data(client, SP_WIRE_SET_IRQS, &body, "\1\0\1", 3), 0);
		assert_true(fired(fds[1]) == 1 && fired(fds[2]) == 0 && fired(fds[3]) == 1);
		assert_int_equal(
			client_call_data(client, SP_WIRE_SET_IRQS, &body, "\1\0", 2), EINVAL);
	}
	/* One is taken away, then all. */
	assert_int_equal(set_irqs(client, ON, SP_WIRE_MSIX, 5, 1, NULL, 0), 0);
	bus->ops->raise(bus, 5);
	assert_int_equal(fired(fds[5]), 0);
	assert_int_equal(set_irqs(client, SP_WIRE_SET_NONE | SP_WIRE_SET_TRIGGER, SP_WIRE_MSIX, 0,
				 0, NULL, 0),
		0);
	bus->ops->raise(bus, 6);
	assert_int_equal(fired(fds[6]), 0);
	for (int i = 0; i < 16; i++)
		close(fds[i]);
}

/* INTx masks itself, and the client ends that by a message or by an eventfd of its own. */
static void test_intx(void **state) {
	struct scene *scene = *state;
	static const uint32_t COUNTS[SP_WIRE_IRQS] = {1, 4, 0, 1, 1};
	struct sp_wire_counters counters = {0};
	struct sp_irqs irqs;
	struct sp_wire_body on = {
		.argsz = 20, .flags = SP_WIRE_SET_EVENTFD | SP_WIRE_SET_TRIGGER, .count = 1};
	struct sp_wire_body unmask = {
		.argsz = 20, .flags = SP_WIRE_SET_NONE | SP_WIRE_SET_UNMASK, .count = 1};
	struct sp_wire_body resample = {
		.argsz = 20, .flags = SP_WIRE_SET_EVENTFD | SP_WIRE_SET_UNMASK, .count = 1};
	int line = event(), end = event(), given;
	uint64_t one = 1;

	assert_true(sp_irqs_init(&irqs, COUNTS, scene->loop, &counters));
	/* It was up before anybody looked. */
	sp_irqs_set_level(&irqs, true);
	given = dup(line);
	assert_int_equal(sp_irqs_set(&irqs, &on, &given, 1), 0);
	assert_int_equal(fired(line), 1);
	sp_irqs_set_level(&irqs, true);
	assert_int_equal(fired(line), 0);
	/* Still up, so that it comes again. */
	assert_int_equal(sp_irqs_set(&irqs, &unmask, NULL, 0), 0);
	assert_int_equal(fired(line), 1);
	sp_irqs_set_level(&irqs, false);
	assert_int_equal(sp_irqs_set(&irqs, &unmask, NULL, 0), 0);
	assert_int_equal(fired(line), 0);
	sp_irqs_set_level(&irqs, true);
	assert_int_equal(fired(line), 1);
	given = dup(end);
	assert_int_equal(sp_irqs_set(&irqs, &resample, &given, 1), 0);
	client_idle(&scene->client);
	assert_int_equal(fired(line), 0);
	assert_int_equal(write(end, &one, sizeof(one)), sizeof(one));
	client_idle(&scene->client);
	assert_int_equal(fired(line), 1);
	/* Only INTx has that. */
	given = dup(end);
	resample.index = SP_WIRE_MSI;
	assert_int_equal(sp_irqs_set(&irqs, &resample, &given, 1), ENOTSUP);
	/* A guest that grants two of four vectors hears of all. */
	{
		int two[2] = {dup(line), dup(end)};

		on.index = SP_WIRE_MSI;
		on.count = 2;
		assert_int_equal(sp_irqs_set(&irqs, &on, two, 2), 0);
		sp_irqs_raise(&irqs, 3);
		assert_int_equal(fired(end), 1);
		sp_irqs_raise(&irqs, 2);
		assert_int_equal(fired(line), 1);
	}
	sp_irqs_release(&irqs);
	close(line);
	close(end);
}

static void test_bad_irqs(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	static const struct {
		uint32_t flags, index, start, count;
	} BAD[] = {
		{0, 2, 0, 1},
		{1, 2, 0, 1},
		{32, 2, 0, 1},
		{1 | 2 | 32, 2, 0, 1},
		{1 | 32 | 8, 2, 0, 1},
		{1 | 64 | 32, 2, 0, 1},
		{UINT32_MAX, 2, 0, 1},
		{1 | 32, 5, 0, 1},
		{1 | 32, UINT32_MAX, 0, 1},
		{1 | 32, 2, 64, 1},
		{1 | 32, 2, 0, 65},
		{1 | 32, 2, 1, UINT32_MAX},
		{1 | 32, 2, UINT32_MAX, 1},
		{1 | 32, 2, UINT32_MAX, UINT32_MAX},
		{1 | 32, 2, 1, 0},
		{4 | 32, 2, 0, 0},
		{1 | 8, 2, 0, 0},
		{1 | 8, 3, 0, 1},
		{1 | 32, 0, 0, 1},
	};
	int pipes[2], fds[2];

	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		int error = set_irqs(
			client, BAD[i].flags, BAD[i].index, BAD[i].start, BAD[i].count, NULL, 0);

		if (error != EINVAL)
			fail_msg("%zu: %d", i, error);
	}
	/* Too many, too few, or none that is an eventfd. */
	fds[0] = event();
	fds[1] = event();
	assert_int_equal(set_irqs(client, 4 | 32, 2, 0, 1, fds, 2), EINVAL);
	assert_int_equal(set_irqs(client, 4 | 32, 2, 0, 3, fds, 2), EINVAL);
	assert_int_equal(set_irqs(client, 1 | 32, 2, 0, 2, fds, 2), EINVAL);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(set_irqs(client, 4 | 32, 2, 0, 1, pipes + 1, 1), EINVAL);
	assert_int_equal(set_irqs(client, 4 | 32, 2, 0, 1, &scene->device->file, 1), EINVAL);
	/* A full one does not stop us. */
	{
		uint64_t full = UINT64_MAX - 1;
		struct sp_bus *bus = scene->device->base.bus;
		int blocking = eventfd(0, EFD_CLOEXEC);

		assert_int_equal(set_irqs(client, 4 | 32, 2, 0, 1, &blocking, 1), 0);
		assert_int_equal(write(blocking, &full, 8), 8);
		bus->ops->raise(bus, 0);
		close(blocking);
	}
	close(fds[0]);
	close(fds[1]);
	close(pipes[0]);
	close(pipes[1]);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_msix, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_intx, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_bad_irqs, scene_greet, scene_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
