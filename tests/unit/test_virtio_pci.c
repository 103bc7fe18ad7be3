/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pci/config.h"
#include "virtio_rings.h"

#define BAR SP_REGION_BAR0

static struct sp_device *make(struct echo *echo, const struct sp_virtio_pci_options *options) {
	struct sp_error error = {0};
	struct sp_device *device;

	echo_init(echo, NULL);
	device = sp_virtio_pci_create(&echo->virtio, options, &error);
	if (!device)
		fail_msg("%s", error.message);
	return device;
}

static void test_function(void **state) {
	static const struct sp_virtio_pci_options options[] = {
		{.intx = false}, {.intx = true}, {.conventional = true}};
	uint8_t bytes[SP_PCI_CONFIG_MAX];
	struct sp_pci_config config;
	struct sp_error error = {0};
	struct driver driver;
	struct echo echo;
	uint32_t size;

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		driver_begin(&driver, make(&echo, &options[i]));
		size = (uint32_t)driver.fake.device->info->regions[SP_REGION_CONFIG].size;
		fake_access(&driver.fake, SP_REGION_CONFIG, 0, bytes, size, false);
		assert_true(sp_pci_config_read(&config, bytes, size, &error));
		assert_false(config.broken);
		assert_int_equal(config.vendor, 0x1af4);
		assert_int_equal(config.device, 0x1040 + 42);
		assert_int_equal(config.revision, 1);
		assert_int_equal(config.has_msix, !options[i].intx);
		assert_int_equal(config.pin, 1);
		assert_int_equal(config.flr, !options[i].conventional);
		if (config.has_msix)
			assert_int_equal(config.msix.vectors, 3);
		assert_int_equal(driver_get(&driver, 0x12, 2), 2);
		driver_end(&driver);
	}
}

static void test_features(void **state) {
	const struct sp_virtio_pci_options options = {0};
	const uint64_t least = BIT(SP_VIRTIO_VERSION_1);
	struct driver driver;
	struct echo echo;
	uint64_t offered;

	(void)state;
	driver_begin(&driver, make(&echo, &options));
	offered = driver_offered(&driver);
	assert_int_equal(offered,
		1 | BIT(SP_VIRTIO_INDIRECT_DESC) | BIT(SP_VIRTIO_EVENT_IDX) | least |
			BIT(SP_VIRTIO_ACCESS_PLATFORM) | BIT(SP_VIRTIO_RING_RESET));
	driver_set(&driver, 0, 4, 2);
	assert_int_equal(driver_get(&driver, 4, 4), 0);
	/* Without VERSION_1; one that is not offered; one that the device does not want. */
	assert_false(driver_negotiate(&driver, 0));
	assert_false(driver_negotiate(&driver, least | BIT(SP_VIRTIO_RING_PACKED)));
	echo.refuse = true;
	assert_false(driver_negotiate(&driver, least));
	assert_int_equal(sp_virtio_features(&echo.virtio), 0);
	/* No DRIVER_OK without them. */
	driver_set_status(&driver, 7);
	assert_int_equal(driver_status(&driver), 3);
	echo.refuse = false;
	assert_true(driver_negotiate(&driver, least | 1));
	assert_int_equal(sp_virtio_features(&echo.virtio), least | 1);
	/* They stay. */
	driver_set(&driver, 8, 4, 0);
	driver_set(&driver, 12, 4, 0);
	assert_int_equal(driver_get(&driver, 12, 4), 1);
	driver_set_status(&driver, 1);
	assert_int_equal(driver_status(&driver), 11);
	driver_set_status(&driver, 0);
	assert_int_equal(driver_get(&driver, 12, 4), 0);
	driver_end(&driver);
}

static void test_queues(void **state) {
	static const struct {
		uint64_t at[3];
		uint16_t size;
		bool good;
	} cases[] = {
		{{DRIVER_AT, DRIVER_AT + 0x1000, DRIVER_AT + 0x2000}, 16, true},
		{{DRIVER_AT, DRIVER_AT + 0x1002, DRIVER_AT + 0x2004}, 1, true},
		{{DRIVER_AT, DRIVER_AT + 0x1000, DRIVER_AT + 0x2000}, 12, false},
		{{DRIVER_AT + 8, DRIVER_AT + 0x1000, DRIVER_AT + 0x2000}, 16, false},
		{{DRIVER_AT, DRIVER_AT + 0x1001, DRIVER_AT + 0x2000}, 16, false},
		{{DRIVER_AT, DRIVER_AT + 0x1000, DRIVER_AT + 0x2002}, 16, false},
		{{DRIVER_AT, DRIVER_AT + 0x1000, UINT64_MAX - 3}, 16, false},
		{{UINT64_MAX - 15, DRIVER_AT + 0x1000, DRIVER_AT + 0x2000}, 16, false},
		{{DRIVER_AT, 0x1000, DRIVER_AT + 0x2000}, 16, false},
		{{DRIVER_AT, DRIVER_AT + 0x1000, DRIVER_AT + DRIVER_MEMORY - 8}, 16, false},
	};
	const struct sp_virtio_pci_options options = {0};
	struct driver driver;
	struct echo echo;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		driver_begin(&driver, make(&echo, &options));
		assert_true(driver_negotiate(&driver, BIT(SP_VIRTIO_VERSION_1)));
		driver_set(&driver, 0x16, 2, 1);
		assert_int_equal(driver_get(&driver, 0x18, 2), ECHO_ENTRIES);
		driver_set(&driver, 0x18, 2, cases[i].size);
		for (uint32_t j = 0; j < 3; j++) {
			driver_set(&driver, 0x20 + 8 * j, 4, (uint32_t)cases[i].at[j]);
			driver_set(&driver, 0x24 + 8 * j, 4, (uint32_t)(cases[i].at[j] >> 32));
		}
		driver_set(&driver, 0x1c, 2, 1);
		driver_set_status(&driver, 15);
		assert_int_equal(driver_broken(&driver), !cases[i].good);
		if (cases[i].good) {
			/* Nothing of it can be changed any more. */
			driver_set(&driver, 0x18, 2, 2);
			driver_set(&driver, 0x20, 4, 0);
			assert_int_equal(driver_get(&driver, 0x18, 2), cases[i].size);
			assert_int_equal(driver_get(&driver, 0x20, 4), cases[i].at[0]);
		}
		driver_end(&driver);
	}
	/* Queues that there are not. */
	driver_begin(&driver, make(&echo, &options));
	driver_set(&driver, 0x16, 2, 2);
	assert_int_equal(driver_get(&driver, 0x18, 2), 0);
	assert_int_equal(driver_get(&driver, 0x1a, 2), 0xffff);
	driver_set(&driver, 0x1c, 2, 1);
	driver_set(&driver, 0x3a, 2, 1);
	driver_set(&driver, 0x16, 2, 0xffff);
	driver_set(&driver, 0x20, 4, 1);
	fake_write(&driver.fake, BAR, driver.notify + 4 * 63, 2, 63);
	driver.fake.device->ops->doorbell(driver.fake.device, 1000, 0);
	assert_false(driver_broken(&driver));
	/* Sizes that there are not. */
	driver_set(&driver, 0x16, 2, 0);
	driver_set(&driver, 0x18, 2, 0);
	driver_set(&driver, 0x18, 2, ECHO_ENTRIES * 2);
	assert_int_equal(driver_get(&driver, 0x18, 2), ECHO_ENTRIES);
	driver_end(&driver);
}

static void one_echo(struct driver *driver) {
	const struct driver_buffer buffer = {DRIVER_BUFFERS, 4, true};

	driver_add(driver, 0, &buffer, 1, 0);
	driver_kick(driver, 0);
}

static void test_intx(void **state) {
	const struct sp_virtio_pci_options options = {.intx = true};
	struct driver driver;
	struct echo echo;

	(void)state;
	driver_begin(&driver, make(&echo, &options));
	driver_start(&driver, 0, 16, 2);
	/* There are no vectors to be had. */
	assert_int_equal(driver_get(&driver, 0x10, 2), 0xffff);
	one_echo(&driver);
	assert_true(driver.fake.line);
	assert_int_equal(fake_read(&driver.fake, BAR, driver.isr, 1), 1);
	assert_false(driver.fake.line);
	assert_int_equal(fake_read(&driver.fake, BAR, driver.isr, 1), 0);
	echo.config[0] = 1;
	sp_virtio_config_changed(&echo.virtio);
	assert_int_equal(driver_get(&driver, 0x15, 1), 1);
	one_echo(&driver);
	assert_int_equal(fake_read(&driver.fake, BAR, driver.isr, 1), 3);
	assert_int_equal(fake_read(&driver.fake, BAR, driver.isr, 1), 0);
	sp_virtio_break(&echo.virtio);
	assert_int_equal(fake_read(&driver.fake, BAR, driver.isr, 1), 2);
	/* A reset lowers the line. */
	driver_set_status(&driver, 0);
	driver_set_status(&driver, 1);
	driver_set_status(&driver, 3);
	driver_start(&driver, 0, 16, 2);
	one_echo(&driver);
	assert_true(driver.fake.line);
	driver_set_status(&driver, 0);
	assert_false(driver.fake.line);
	driver_end(&driver);
}

static void test_msix(void **state) {
	const struct sp_virtio_pci_options options = {0};
	struct driver driver;
	struct echo echo;
	uint32_t at;

	(void)state;
	driver_begin(&driver, make(&echo, &options));
	at = (uint32_t)fake_read(&driver.fake, SP_REGION_CONFIG, 0x34, 1);
	while (fake_read(&driver.fake, SP_REGION_CONFIG, at, 1) != 0x11)
		at = (uint32_t)fake_read(&driver.fake, SP_REGION_CONFIG, at + 1, 1);
	fake_write(&driver.fake, SP_REGION_CONFIG, at + 2, 2, 0x8000);
	for (uint32_t i = 0; i < 3; i++) {
		fake_write(&driver.fake, BAR, 0x4000 + 16 * i, 4, 0xfee00000);
		fake_write(&driver.fake, BAR, 0x4000 + 16 * i + 8, 4, 0x40 + i);
		fake_write(&driver.fake, BAR, 0x4000 + 16 * i + 12, 4, 0);
	}
	driver_start(&driver, 0, 16, 2);
	assert_int_equal(driver_get(&driver, 0x10, 2), 0);
	/* One that there is not is none. */
	driver_set(&driver, 0x10, 2, 3);
	assert_int_equal(driver_get(&driver, 0x10, 2), 0xffff);
	driver_set(&driver, 0x10, 2, 0);
	one_echo(&driver);
	assert_int_equal(driver.fake.message_count, 1);
	assert_int_equal(driver.fake.messages[0].value, 0x41);
	assert_false(driver.fake.line);
	sp_virtio_config_changed(&echo.virtio);
	assert_int_equal(driver.fake.message_count, 2);
	assert_int_equal(driver.fake.messages[1].value, 0x40);
	/* None is wanted. */
	driver_set(&driver, 0x16, 2, 0);
	driver_set(&driver, 0x1a, 2, 0xffff);
	one_echo(&driver);
	assert_int_equal(driver.fake.message_count, 2);
	driver_end(&driver);
}

static uint64_t window(struct driver *driver, uint32_t offset, uint32_t size) {
	fake_write(&driver->fake, SP_REGION_CONFIG, driver->window + 4, 1, BAR);
	fake_write(&driver->fake, SP_REGION_CONFIG, driver->window + 8, 4, offset);
	fake_write(&driver->fake, SP_REGION_CONFIG, driver->window + 12, 4, size);
	return fake_read(
		&driver->fake, SP_REGION_CONFIG, driver->window + 16, size && size <= 4 ? size : 4);
}

static void test_window(void **state) {
	const struct sp_virtio_pci_options options = {0};
	struct driver driver;
	struct echo echo;

	(void)state;
	driver_begin(&driver, make(&echo, &options));
	assert_int_equal(window(&driver, driver.common + 0x12, 2), 2);
	assert_int_equal(window(&driver, driver.common + 0x14, 1), 3);
	fake_write(&driver.fake, SP_REGION_CONFIG, driver.window + 16, 1, 0);
	assert_int_equal(driver_status(&driver), 0);
	assert_int_equal(window(&driver, 0x400c, 4), 1);
	/* What is none: its size, its place, its BAR. */
	assert_int_equal(window(&driver, driver.common, 3), UINT64_C(0xffffff));
	assert_int_equal(window(&driver, driver.common, 8), UINT32_MAX);
	assert_int_equal(window(&driver, driver.common + 2, 4), UINT32_MAX);
	assert_int_equal(window(&driver, 0x8000, 4), UINT32_MAX);
	assert_int_equal(window(&driver, UINT32_MAX - 3, 4), UINT32_MAX);
	window(&driver, driver.common, 4);
	fake_write(&driver.fake, SP_REGION_CONFIG, driver.window + 4, 1, 1);
	assert_int_equal(
		fake_read(&driver.fake, SP_REGION_CONFIG, driver.window + 16, 4), UINT32_MAX);
	/* A part of what is asked for. */
	window(&driver, driver.common, 4);
	assert_int_equal(fake_read(&driver.fake, SP_REGION_CONFIG, driver.window + 16, 2), 0xffff);
	driver_end(&driver);
}

static void test_configuration(void **state) {
	const struct sp_virtio_pci_options options = {0};
	struct driver driver;
	struct echo echo;

	(void)state;
	driver_begin(&driver, make(&echo, &options));
	for (uint32_t i = 0; i < 8; i++)
		echo.config[i] = (uint8_t)(i + 1);
	assert_int_equal(
		fake_read(&driver.fake, BAR, driver.config, 8), UINT64_C(0x0807060504030201));
	assert_int_equal(fake_read(&driver.fake, BAR, driver.config + 6, 4), 0x0807);
	assert_int_equal(fake_read(&driver.fake, BAR, driver.config + 8, 4), 0);
	fake_write(&driver.fake, BAR, driver.config + 6, 4, 0xaabbccdd);
	assert_int_equal(echo.config[6], 0xdd);
	assert_int_equal(echo.config[7], 0xcc);
	fake_write(&driver.fake, BAR, driver.config + 100, 4, 0xaabbccdd);
	driver_end(&driver);
}

/* Function-level reset, and bus mastering that is switched. */
static void test_flr(void **state) {
	const struct sp_virtio_pci_options options = {0};
	const struct driver_buffer buffer = {DRIVER_BUFFERS, 4, true};
	struct driver driver;
	struct echo echo;
	uint32_t at, size;
	uint16_t id;

	(void)state;
	driver_begin(&driver, make(&echo, &options));
	driver_start(&driver, 0, 16, 2);
	fake_write(&driver.fake, SP_REGION_CONFIG, 4, 2, 0x0002);
	driver_add(&driver, 0, &buffer, 1, 0);
	driver_kick(&driver, 0);
	assert_int_equal(echo.chains, 0);
	assert_false(driver_broken(&driver));
	fake_write(&driver.fake, SP_REGION_CONFIG, 4, 2, 0x0006);
	assert_true(driver_used(&driver, 0, &id, &size));
	at = (uint32_t)fake_read(&driver.fake, SP_REGION_CONFIG, 0x34, 1);
	while (fake_read(&driver.fake, SP_REGION_CONFIG, at, 1) != 0x10)
		at = (uint32_t)fake_read(&driver.fake, SP_REGION_CONFIG, at + 1, 1);
	echo.slow_reset = true;
	fake_write(&driver.fake, SP_REGION_CONFIG, at + 8, 2, 0x8000);
	assert_int_equal(driver_status(&driver), 15);
	sp_notice_done(echo.waiting, 0);
	echo.slow_reset = false;
	assert_int_equal(driver_status(&driver), 0);
	assert_int_equal(driver.fake.pins, 0);
	assert_false(driver.fake.master);
	driver_end(&driver);
}

/* A state with any byte wrong is refused or is one of a device that works. */
static void test_forged(void **state) {
	const struct sp_virtio_pci_options options = {.rings_packed = true};
	struct sp_state_writer *writer = sp_state_writer_create();
	struct fake_notice notice;
	struct sp_error error = {0};
	struct sp_device *device;
	struct driver driver;
	struct echo echo;
	const uint8_t *data;
	uint8_t *copy;
	size_t size;

	(void)state;
	driver_begin(&driver, make(&echo, &options));
	driver_start(&driver, 0, 16, 2);
	echo.hold = true;
	one_echo(&driver);
	one_echo(&driver);
	device = driver.fake.device;
	assert_true(device->ops->save(device, writer, &error));
	data = sp_state_data(writer, &size, &error);
	for (size_t at = 0; at < size; at++)
		for (uint32_t bit = 0; bit < 9; bit++) {
			struct sp_state_reader *reader;

			/* On the heap, so that an end is an end. */
			copy = malloc(size);
			memcpy(copy, data, size);
			copy[at] ^= (uint8_t)(bit == 8 ? 0xff : 1u << bit);
			fake_reset(&driver.fake, SP_RESET_FUNCTION, &notice);
			reader = sp_state_reader_create(
				copy, bit == 8 && at % 2 ? at : size, &error);
			if (reader && device->ops->load(device, reader, &error)) {
				driver_loop_run(&driver.loop, 5);
				echo_finish(&echo, UINT32_MAX, false);
			}
			sp_state_reader_destroy(reader);
			free(copy);
		}
	/* It is none of another device, either. */
	sp_state_writer_destroy(writer);
	driver_end(&driver);
}

/* A chain of more pieces than the device would ever take. */
static void test_larger(void **state) {
	const struct sp_virtio_pci_options options = {0};
	struct sp_state_writer *writer = sp_state_writer_create();
	struct sp_virtio_queue queues[2];
	struct sp_virtio_info info;
	struct driver_buffer buffers[200];
	struct sp_state_reader *reader;
	struct sp_error error = {0};
	struct sp_device *device;
	struct driver driver;
	struct echo echo;
	const uint8_t *data;
	size_t size;

	(void)state;
	driver_begin(&driver, make(&echo, &options));
	driver_start(&driver, BIT(SP_VIRTIO_INDIRECT_DESC), 8, 2);
	echo.hold = true;
	for (uint32_t i = 0; i < 200; i++)
		buffers[i] = (struct driver_buffer){DRIVER_BUFFERS, 1, true};
	driver_add(&driver, 0, buffers, 200, SCENE_TABLE);
	driver_kick(&driver, 0);
	assert_int_equal(echo.chains, 1);
	device = driver.fake.device;
	assert_true(device->ops->save(device, writer, &error));
	data = sp_state_data(writer, &size, &error);
	driver_end(&driver);
	for (uint32_t entries = 16; entries <= 256; entries += 240) {
		echo_init(&echo, NULL);
		info = *echo.virtio.info;
		queues[0] = queues[1] =
			(struct sp_virtio_queue){.size = (uint16_t)entries, .in_max = 8};
		info.queues = queues;
		echo.virtio.info = &info;
		device = sp_virtio_pci_create(&echo.virtio, &options, &error);
		assert_non_null(device);
		driver_begin(&driver, device);
		reader = sp_state_reader_create(data, size, &error);
		assert_int_equal(device->ops->load(device, reader, &error), entries == 256);
		sp_state_reader_destroy(reader);
		driver_end(&driver);
	}
	sp_state_writer_destroy(writer);
}

static void test_impossible(void **state) {
	static const struct sp_virtio_queue odd = {.size = 24, .in_max = 1};
	static const struct sp_virtio_queue big = {.size = 2048, .in_max = 1};
	static const struct sp_virtio_queue fine = {.size = 8, .in_max = 1};
	static const struct sp_virtio_info infos[] = {
		{.model = "x", .queues = &fine},
		{.model = "x", .queues = &odd, .queue_count = 1},
		{.model = "x", .queues = &big, .queue_count = 1},
		{.model = "x", .queues = &fine, .queue_count = 1, .config_size = 4097},
		{.model = "x", .queues = &fine, .queue_count = 1, .features = BIT(28)},
		{.model = "x", .queues = &fine, .queue_count = 65},
	};
	const struct sp_virtio_pci_options options = {0};
	struct sp_error error;
	struct echo echo;

	(void)state;
	for (size_t i = 0; i < sizeof(infos) / sizeof(infos[0]); i++) {
		echo_init(&echo, NULL);
		echo.virtio.info = &infos[i];
		error = (struct sp_error){0};
		assert_null(sp_virtio_pci_create(&echo.virtio, &options, &error));
		assert_int_equal(error.kind, SP_ERROR_USE);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_function),
		cmocka_unit_test(test_features),
		cmocka_unit_test(test_queues),
		cmocka_unit_test(test_intx),
		cmocka_unit_test(test_msix),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_configuration),
		cmocka_unit_test(test_flr),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_larger),
		cmocka_unit_test(test_impossible),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
