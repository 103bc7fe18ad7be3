/* SPDX-License-Identifier: MIT */
#include "../wire/scene.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "wire/dirty.h"

#define GET (UINT64_C(1) << 16)
#define SET (UINT64_C(1) << 17)
#define PAGE UINT64_C(0x1000)

static uint64_t allocations;

/* One bit for each page from `address` on: at most 64. */
static uint64_t report(struct sp_dirty *dirty, uint64_t address, uint64_t pages, uint64_t page) {
	uint64_t bits = 0;

	assert_int_equal(sp_dirty_bitmap_size(pages * page, page), 8);
	sp_dirty_report(dirty, address, pages * page, page, (uint8_t *)&bits);
	return bits;
}

static void test_pages(void **state) {
	struct sp_dirty dirty;

	(void)state;
	sp_dirty_init(&dirty, NULL, &allocations);
	sp_dirty_mark(&dirty, 0, 1);
	assert_int_equal(dirty.count, 0);
	assert_int_equal(sp_dirty_start(&dirty), 0);
	assert_int_equal(sp_dirty_start(&dirty), EBUSY);
	sp_dirty_mark(&dirty, 3 * PAGE + 7, 1);
	sp_dirty_mark(&dirty, 6 * PAGE - 1, 2);
	assert_true(report(&dirty, 0, 64, PAGE) == 0x68);
	assert_true(report(&dirty, 0, 64, PAGE) == 0);
	/* Coarser, and from an address within. */
	sp_dirty_mark(&dirty, 9 * PAGE, PAGE);
	assert_true(report(&dirty, 0, 8, 4 * PAGE) == 1 << 2);
	sp_dirty_mark(&dirty, 9 * PAGE, PAGE);
	assert_true(report(&dirty, 8 * PAGE + 0x800, 4, PAGE) == 3);
	/* Only whole pages are forgotten. */
	sp_dirty_mark(&dirty, 20 * PAGE, PAGE);
	assert_true(report(&dirty, 20 * PAGE + 0x800, 1, PAGE) == 1);
	assert_true(report(&dirty, 20 * PAGE, 1, PAGE) == 1);
	/* Over the ends of leaves, and at the end of all addresses. */
	sp_dirty_mark(&dirty, (1 << 27) - PAGE, 2 * PAGE);
	assert_true(report(&dirty, (1 << 27) - 4 * PAGE, 8, PAGE) == 3 << 3);
	sp_dirty_mark(&dirty, UINT64_MAX, 1);
	assert_true(report(&dirty, UINT64_MAX - 4 * PAGE + 1, 4, PAGE) == 8);
	sp_dirty_mark(&dirty, UINT64_C(1) << 40, UINT64_C(1) << 30);
	for (uint64_t i = 0; i < 1 << 30; i += 64 * PAGE)
		assert_true(report(&dirty, (UINT64_C(1) << 40) + i, 64, PAGE) == UINT64_MAX);
	sp_dirty_stop(&dirty);
}

/* More than is kept: everything counts as written. */
static void test_bounds(void **state) {
	struct sp_budget_limits limits = {
		{1 << 20, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}, 0};
	struct sp_budget *budget = sp_budget_create(&limits);
	struct sp_dirty dirty;

	(void)state;
	sp_dirty_init(&dirty, budget, &allocations);
	assert_int_equal(sp_dirty_start(&dirty), 0);
	for (uint64_t i = 0; i < 100; i++)
		sp_dirty_mark(&dirty, i << 30, 1);
	assert_false(dirty.all);
	assert_true(report(&dirty, 50ull << 30, 64, PAGE) == 1);
	sp_dirty_mark(&dirty, 0, UINT64_MAX);
	assert_true(dirty.all);
	assert_in_range(sp_budget_used(budget, SP_RESOURCE_BYTES), 1 << 19, 1 << 20);
	assert_true(report(&dirty, 7ull << 50, 64, PAGE) == UINT64_MAX);
	assert_true(report(&dirty, 7ull << 50, 3, PAGE) == 7);
	sp_dirty_stop(&dirty);
	assert_int_equal(sp_budget_used(budget, SP_RESOURCE_BYTES), 0);
	assert_int_equal(sp_dirty_start(&dirty), 0);
	assert_true(report(&dirty, 7ull << 50, 64, PAGE) == 0);
	sp_dirty_stop(&dirty);
	sp_budget_destroy(budget);
}

static int begin(void **state) {
	scene_greet(state);
	((struct scene *)*state)->device->info.state = true;
	return 0;
}

static int feature(struct client *client, uint64_t flags, const void *data, uint32_t size) {
	struct sp_wire_body body = {.argsz = 4096, .flags = flags};

	return client_call_data(client, SP_WIRE_FEATURE, &body, data, size);
}

static uint64_t ask(struct client *client, uint64_t address) {
	uint64_t data[3] = {address, 64 * PAGE, PAGE}, bits;

	assert_int_equal(feature(client, GET | SP_WIRE_LOG_REPORT, data, sizeof(data)), 0);
	assert_int_equal(client->size, 8 + 24 + 8);
	assert_memory_equal(client->payload + 8, data, 24);
	memcpy(&bits, client->payload + 32, 8);
	return bits;
}

static void transferred(struct sp_transfer *transfer, int error) {
	(void)transfer;
	assert_int_equal(error, 0);
}

static void test_log(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	struct sp_bus *bus = scene->device->base.bus;
	int fd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct {
		uint64_t page_size;
		uint32_t count, zero;
		uint64_t ranges[4];
	} start = {0x10000, 2, 0, {0, 1 << 20, 1 << 30, 1 << 20}};
	uint8_t data[8] = {0};
	struct sp_dma_part part;
	struct sp_dma_pin pin = {.address = 0x5000,
		.size = 0x2000,
		.access = SP_DMA_WRITE,
		.parts = &part,
		.part_max = 1};
	struct sp_dma_pin reading = pin;
	struct sp_transfer transfer = {
		.address = 0x2ffc, .size = 8, .write = true, .data = data, .done = transferred};

	reading.access = SP_DMA_READ;
	reading.address = 0x9000;
	assert_int_equal(ftruncate(fd, 0x100000), 0);
	assert_int_equal(client_map(client, 0, 0x100000, fd, 0), 0);
	assert_int_equal(feature(client, SET | SP_WIRE_LOG_STOP, NULL, 0), EINVAL);
	/* It was pinned before, and may be written as long as it is. */
	assert_int_equal(bus->ops->pin(bus, &pin), 0);
	assert_int_equal(bus->ops->pin(bus, &reading), 0);
	assert_int_equal(feature(client, SET | SP_WIRE_LOG_START, &start, sizeof(start)), 0);
	assert_int_equal(client->size, 8 + sizeof(start));
	/* Our page size. */
	start.page_size = PAGE;
	assert_memory_equal(client->payload + 8, &start, sizeof(start));
	assert_int_equal(feature(client, SET | SP_WIRE_LOG_START, &start, sizeof(start)), EBUSY);
	assert_true(ask(client, 0) == 3 << 5);
	bus->ops->transfer(bus, &transfer);
	assert_true(ask(client, 0) == (3 << 5 | 3 << 2));
	transfer.write = false;
	bus->ops->transfer(bus, &transfer);
	bus->ops->unpin(bus, &pin);
	bus->ops->unpin(bus, &reading);
	assert_true(ask(client, 0) == 3 << 5);
	assert_true(ask(client, 0) == 0);
	assert_int_equal(feature(client, SET | SP_WIRE_LOG_STOP, NULL, 0), 0);
	close(fd);
}

static void test_misuse(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	static const uint64_t STARTS[][4] = {
		{0, 0, 0, 0},
		{3, 0, 0, 0},
		{0x1000, 2, 0, 1},
		{0x1000, UINT32_MAX, 0, 1},
		{0x1000, UINT64_C(1) << 32, 0, 1},
		{0x1000, 1, 0, 0},
		{0x1000, 1, 2, UINT64_MAX},
	};
	static const uint64_t REPORTS[][3] = {
		{0, 0, 0x1000},
		{0, 0x1000, 0},
		{0, 0x1000, 0x800},
		{0, 0x1000, 0x1800},
		{2, UINT64_MAX, 0x1000},
	};
	uint64_t all[2] = {0x1000, 0}, large[3] = {0, 1 << 30, 0x1000};

	for (size_t i = 0; i < sizeof(STARTS) / sizeof(STARTS[0]); i++)
		assert_int_equal(feature(client, SET | SP_WIRE_LOG_START, STARTS[i], 32), EINVAL);
	assert_int_equal(feature(client, SET | SP_WIRE_LOG_START, all, 15), EINVAL);
	assert_int_equal(feature(client, GET | SP_WIRE_LOG_REPORT, REPORTS[0], 24), EINVAL);
	assert_int_equal(feature(client, SET | SP_WIRE_LOG_START, all, 16), 0);
	for (size_t i = 0; i < sizeof(REPORTS) / sizeof(REPORTS[0]); i++)
		assert_int_equal(feature(client, GET | SP_WIRE_LOG_REPORT, REPORTS[i], 24), EINVAL);
	/* A reply that is longer than the client wants, and one that is too long altogether. */
	assert_int_equal(feature(client, GET | SP_WIRE_LOG_REPORT, large, 24), EINVAL);
	large[1] = UINT64_MAX;
	assert_int_equal(feature(client, GET | SP_WIRE_LOG_REPORT, large, 24), E2BIG);
	/* The log ends with its client. */
	client_hang_up(client);
	assert_true(client_connect(client, scene->loop, scene->server));
	assert_int_equal(client_greet(client, "{}"), 0);
	assert_int_equal(feature(client, SET | SP_WIRE_LOG_STOP, NULL, 0), EINVAL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test_setup_teardown(test_log, begin, scene_end),
		cmocka_unit_test_setup_teardown(test_misuse, begin, scene_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
