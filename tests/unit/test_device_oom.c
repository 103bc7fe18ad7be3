/* SPDX-License-Identifier: MIT */
/* Every allocation of what a device does fails in turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "edu.h"
#include "failing.h"
#include "gpu/bochs.h"
#include "input/input.h"
#include "virtio_driver.h"
#include "virtio_echo.h"

/* False with a complaint about memory. */
typedef bool job_fn(struct sp_error *error);

static bool job_bochs(struct sp_error *error) {
	const struct sp_bochs_options options = {.memory = -1};
	struct sp_device *device = sp_bochs_create(&options, NULL, error);
	struct sp_state_writer *writer;
	struct sp_state_reader *reader = NULL;
	const uint8_t *data;
	size_t size;
	bool good;

	if (!device)
		return false;
	writer = sp_state_writer_create();
	good = writer ? device->ops->save(device, writer, error) : sp_error_memory(error);
	data = good ? sp_state_data(writer, &size, error) : NULL;
	good = data != NULL;
	if (good)
		reader = sp_state_reader_create(data, size, error);
	good = reader && device->ops->load(device, reader, error);
	sp_state_reader_destroy(reader);
	sp_state_writer_destroy(writer);
	sp_device_destroy(device);
	return good;
}

static bool job_edu(struct sp_error *error) {
	struct sp_device *device = edu_create(true, NULL, error);

	sp_device_destroy(device);
	return device != NULL;
}

static bool job_keyboard(struct sp_error *error) {
	const struct sp_virtio_pci_options options = {.rings_packed = true};
	struct sp_virtio *virtio = sp_virtio_keyboard_create(NULL, error);
	struct sp_device *device;

	if (!virtio)
		return false;
	device = sp_virtio_pci_create(virtio, &options, error);
	if (!device)
		virtio->ops->destroy(virtio);
	sp_device_destroy(device);
	return device != NULL;
}

static bool job_budget(struct sp_error *error) {
	const struct sp_budget_limits limits = {.time = 1};
	struct sp_budget *budget = sp_budget_create(&limits);

	sp_budget_destroy(budget);
	return budget || sp_error_memory(error);
}

static bool job_large(struct sp_error *error) {
	struct sp_state_writer *writer = sp_state_writer_create();
	size_t size;
	bool good;

	if (!writer)
		return sp_error_memory(error);
	sp_state_begin(writer, 1, 1);
	for (int i = 0; i < 10000; i++)
		sp_state_put_u64(writer, 0);
	sp_state_end(writer);
	good = sp_state_data(writer, &size, error) != NULL;
	sp_state_writer_destroy(writer);
	return good;
}

static void run(job_fn *job) {
	struct sp_error error = {0};
	long calls, live = failing_live;

	failing_arm(FAILING_MEMORY, -1, false, 0);
	assert_true(job(&error));
	calls = failing[FAILING_MEMORY].calls;
	assert_true(calls > 0);
	for (int go_on = 0; go_on < 2; go_on++)
		for (long at = 0; at < calls; at++) {
			error = (struct sp_error){0};
			failing_arm(FAILING_MEMORY, at, go_on, 0);
			assert_false(job(&error));
			failing_disarm();
			assert_int_equal(error.kind, SP_ERROR_MEMORY);
			assert_int_equal(failing_live, live);
		}
}

static void test_bochs(void **state) {
	(void)state;
	run(job_bochs);
}

static void test_edu(void **state) {
	(void)state;
	run(job_edu);
}

static void test_keyboard(void **state) {
	(void)state;
	run(job_keyboard);
}

/* What a driver makes a device allocate: it works later, or is broken, and works after a reset. */
static void test_driver(void **state) {
	const struct sp_virtio_pci_options options = {.rings_packed = true};
	const uint64_t indirect = 1ull << SP_VIRTIO_INDIRECT_DESC;
	const struct driver_buffer buffers[] = {
		{DRIVER_BUFFERS, 8, false}, {DRIVER_BUFFERS + 64, 8, true}};
	long live = failing_live;

	(void)state;
	for (long at = 0; at < 8; at++) {
		struct sp_error error = {0};
		struct driver driver;
		struct echo echo;
		uint32_t size;
		uint16_t id;

		echo_init(&echo, NULL);
		driver_begin(&driver, sp_virtio_pci_create(&echo.virtio, &options, &error));
		assert_true(driver_negotiate(&driver, indirect | 1ull << SP_VIRTIO_VERSION_1));
		failing_arm(FAILING_MEMORY, at, false, 0);
		driver_queue(&driver, 0, 16);
		driver_queue(&driver, 1, 16);
		driver_set_status(&driver, 15);
		driver_add(&driver, 0, buffers, 2, DRIVER_BUFFERS + 0x1000);
		driver_kick(&driver, 0);
		assert_int_equal(failing[FAILING_MEMORY].failed, at < 4);
		driver_loop_run(&driver.loop, 10);
		failing_disarm();
		assert_int_equal(driver_broken(&driver), at < 2);
		assert_int_equal(driver_used(&driver, 0, &id, &size), at >= 2);
		driver_set_status(&driver, 0);
		driver_set_status(&driver, 3);
		driver_start(&driver, 0, 16, 2);
		driver_add(&driver, 0, buffers, 2, 0);
		driver_kick(&driver, 0);
		assert_true(driver_used(&driver, 0, &id, &size));
		driver_end(&driver);
		assert_int_equal(failing_live, live);
	}
}

static void test_budget(void **state) {
	(void)state;
	run(job_budget);
}

static void test_large(void **state) {
	(void)state;
	run(job_large);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bochs),
		cmocka_unit_test(test_edu),
		cmocka_unit_test(test_keyboard),
		cmocka_unit_test(test_driver),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
