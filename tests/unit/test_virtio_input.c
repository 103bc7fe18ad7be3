/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/input-event-codes.h>
#include <string.h>

#include "input/input.h"
#include "virtio_driver.h"

#define PACKED (1ull << SP_VIRTIO_RING_PACKED)
#define EVENT_IDX (1ull << SP_VIRTIO_EVENT_IDX)
#define SIZE 64u

struct guest {
	struct driver driver;
	struct sp_input *sink;
	uint16_t ids[SIZE]; /* buffers by ID */
	uint32_t given; /* buffers */
};

static void begin(struct guest *guest, bool tablet, uint64_t features) {
	const struct sp_virtio_pci_options options = {.rings_packed = true};
	struct sp_error error = {0};
	struct sp_virtio *virtio = tablet ? sp_virtio_tablet_create(NULL, &error)
					  : sp_virtio_keyboard_create(NULL, &error);
	struct sp_device *device;

	assert_non_null(virtio);
	device = sp_virtio_pci_create(virtio, &options, &error);
	if (!device)
		fail_msg("%s", error.message);
	*guest = (struct guest){.sink = sp_virtio_input_sink(virtio)};
	driver_begin(&guest->driver, device);
	driver_start(&guest->driver, features, SIZE, 2);
}

static void give(struct guest *guest, uint32_t count) {
	while (count--) {
		uint32_t at = DRIVER_BUFFERS + guest->given % SIZE * 8;
		const struct driver_buffer buffer = {at, 8, true};
		uint16_t id = driver_add(&guest->driver, 0, &buffer, 1, 0);

		guest->ids[id] = (uint16_t)(guest->given++ % SIZE);
	}
	driver_kick(&guest->driver, 0);
}

struct event {
	uint16_t type, code;
	uint32_t value;
};

static bool take(struct guest *guest, struct event *event) {
	uint32_t size, at;
	uint16_t id;

	if (!driver_used(&guest->driver, 0, &id, &size))
		return false;
	assert_int_equal(size, 8);
	at = DRIVER_BUFFERS + guest->ids[id] * 8u;
	event->type = (uint16_t)driver_take(&guest->driver, at, 2);
	event->code = (uint16_t)driver_take(&guest->driver, at + 2, 2);
	event->value = (uint32_t)driver_take(&guest->driver, at + 4, 4);
	return true;
}

static void expect(struct guest *guest, uint16_t type, uint16_t code, uint32_t value) {
	struct event event;

	assert_true(take(guest, &event));
	assert_int_equal(event.type, type);
	assert_int_equal(event.code, code);
	assert_int_equal(event.value, value);
}

static void expect_none(struct guest *guest) {
	struct event event;

	assert_false(take(guest, &event));
}

static void press(struct guest *guest, uint16_t code, bool pressed) {
	guest->sink->key(guest->sink, code, pressed);
	guest->sink->frame(guest->sink);
}

static uint8_t ask(struct guest *guest, uint8_t select, uint8_t subsel, uint8_t *answer) {
	struct driver *driver = &guest->driver;
	uint8_t size;

	fake_write(&driver->fake, SP_REGION_BAR0, driver->config, 1, select);
	fake_write(&driver->fake, SP_REGION_BAR0, driver->config + 1, 1, subsel);
	size = (uint8_t)fake_read(&driver->fake, SP_REGION_BAR0, driver->config + 2, 1);
	for (uint32_t i = 0; i < 128; i++)
		answer[i] = (uint8_t)fake_read(
			&driver->fake, SP_REGION_BAR0, driver->config + 8 + i, 1);
	for (uint32_t i = size; i < 128; i++)
		assert_int_equal(answer[i], 0);
	return size;
}

static void test_config(void **state) {
	uint8_t answer[128];
	struct guest guest;

	(void)state;
	begin(&guest, false, 0);
	assert_int_equal(fake_read(&guest.driver.fake, SP_REGION_CONFIG, 2, 2), 0x1052);
	assert_int_equal(fake_read(&guest.driver.fake, SP_REGION_CONFIG, 9, 3), 0x090000);
	assert_int_equal(ask(&guest, 0, 0, answer), 0);
	assert_int_equal(ask(&guest, 1, 0, answer), 18);
	assert_memory_equal(answer, "Sallyport keyboard", 18);
	assert_int_equal(ask(&guest, 2, 0, answer), 0);
	assert_int_equal(ask(&guest, 3, 0, answer), 8);
	assert_int_equal(answer[0], 6);
	assert_int_equal(ask(&guest, 0x10, 0, answer), 0);
	/* Up to KEY_MICMUTE, 248. */
	assert_int_equal(ask(&guest, 0x11, EV_KEY, answer), 32);
	assert_int_equal(answer[0], 0xfe);
	assert_int_equal(answer[30], 0xff);
	assert_int_equal(answer[31], 0x01);
	assert_int_equal(ask(&guest, 0x11, EV_LED, answer), 1);
	assert_int_equal(answer[0], 7);
	assert_int_equal(ask(&guest, 0x11, EV_REP, answer), 1);
	assert_int_equal(ask(&guest, 0x11, EV_ABS, answer), 0);
	assert_int_equal(ask(&guest, 0x12, ABS_X, answer), 0);
	assert_int_equal(ask(&guest, 0xff, 0xff, answer), 0);
	driver_end(&guest.driver);

	begin(&guest, true, 0);
	assert_int_equal(fake_read(&guest.driver.fake, SP_REGION_CONFIG, 9, 3), 0x098000);
	assert_int_equal(ask(&guest, 1, 0, answer), 16);
	assert_int_equal(ask(&guest, 0x11, EV_KEY, answer), 35);
	assert_int_equal(answer[34], 0x1f);
	assert_int_equal(ask(&guest, 0x11, EV_REL, answer), 2);
	assert_int_equal(answer[0], 1 << REL_HWHEEL);
	assert_int_equal(answer[1], 1);
	assert_int_equal(ask(&guest, 0x11, EV_ABS, answer), 1);
	assert_int_equal(answer[0], 3);
	assert_int_equal(ask(&guest, 0x12, ABS_Y, answer), 20);
	assert_int_equal(answer[4] | answer[5] << 8, 0x7fff);
	assert_int_equal(ask(&guest, 0x12, 2, answer), 0);
	driver_end(&guest.driver);
}

static void test_keys(void **state) {
	static const uint64_t ways[] = {0, EVENT_IDX, PACKED, PACKED | EVENT_IDX};
	struct guest guest;

	(void)state;
	for (size_t way = 0; way < 4; way++) {
		begin(&guest, false, ways[way]);
		give(&guest, SIZE);
		/* More than a lap of the ring. */
		for (uint32_t i = 0; i < 200; i++) {
			press(&guest, KEY_A, true);
			expect(&guest, EV_KEY, KEY_A, 1);
			expect(&guest, EV_SYN, 0, 0);
			press(&guest, KEY_A, false);
			expect(&guest, EV_KEY, KEY_A, 0);
			expect(&guest, EV_SYN, 0, 0);
			expect_none(&guest);
			give(&guest, 4);
		}
		assert_false(driver_broken(&guest.driver));
		assert_true(guest.driver.fake.raised[1] > 0);
		driver_end(&guest.driver);
	}
}

static void test_pointer(void **state) {
	struct guest guest;
	struct sp_input *sink;

	(void)state;
	begin(&guest, true, 0);
	sink = guest.sink;
	assert_null(sink->key);
	give(&guest, SIZE);
	sink->point(sink, 0, 100, 0x10000);
	sink->button(sink, BTN_LEFT, true);
	expect_none(&guest);
	sink->frame(sink);
	expect(&guest, EV_ABS, ABS_X, 100);
	expect(&guest, EV_ABS, ABS_Y, SP_POINTER_RANGE);
	expect(&guest, EV_KEY, BTN_LEFT, 1);
	expect(&guest, EV_SYN, 0, 0);
	sink->wheel(sink, -1, 2);
	sink->frame(sink);
	expect(&guest, EV_REL, REL_WHEEL, UINT32_MAX);
	expect(&guest, EV_REL, REL_HWHEEL, 2);
	expect(&guest, EV_SYN, 0, 0);
	sink->button(sink, KEY_A, true);
	sink->frame(sink);
	expect_none(&guest);
	driver_end(&guest.driver);
}

static void test_lights(void **state) {
	const struct driver_buffer buffer = {DRIVER_BUFFERS + 0x1000, 8, false};
	struct guest guest;
	uint32_t size;
	uint16_t id;

	(void)state;
	begin(&guest, false, 0);
	driver_put(&guest.driver, buffer.at, 8, EV_LED | LED_CAPSL << 16 | (uint64_t)1 << 32);
	driver_add(&guest.driver, 1, &buffer, 1, 0);
	driver_kick(&guest.driver, 1);
	assert_true(driver_used(&guest.driver, 1, &id, &size));
	assert_int_equal(size, 0);
	assert_int_equal(guest.sink->lights, 1u << LED_CAPSL);
	driver_put(&guest.driver, buffer.at, 8, EV_LED | LED_CAPSL << 16);
	driver_add(&guest.driver, 1, &buffer, 1, 0);
	driver_kick(&guest.driver, 1);
	assert_int_equal(guest.sink->lights, 0);
	/* A light that there is not. */
	driver_put(&guest.driver, buffer.at, 8, EV_LED | 31u << 16 | (uint64_t)1 << 32);
	driver_add(&guest.driver, 1, &buffer, 1, 0);
	driver_kick(&guest.driver, 1);
	assert_int_equal(guest.sink->lights, 0);
	driver_end(&guest.driver);
}

/* The guest is slow: old frames go, but no key stays pressed. */
static void test_overflow(void **state) {
	struct event event = {0};
	struct guest guest;
	bool held = false, other = false;
	uint32_t count = 0;

	(void)state;
	begin(&guest, false, 0);
	give(&guest, 2);
	press(&guest, KEY_LEFTSHIFT, true);
	expect(&guest, EV_KEY, KEY_LEFTSHIFT, 1);
	expect(&guest, EV_SYN, 0, 0);
	press(&guest, KEY_LEFTSHIFT, false);
	for (uint32_t i = 0; i < 2000; i++)
		press(&guest, KEY_B, !(i % 2));
	held = true;
	do {
		give(&guest, 1);
		if (!take(&guest, &event))
			break;
		if (event.type == EV_KEY && event.code == KEY_LEFTSHIFT)
			held = event.value;
		if (event.type == EV_KEY && event.code == KEY_B)
			other = event.value;
		count++;
	} while (count < 2000);
	assert_true(count > 100 && count < 600);
	assert_false(held);
	assert_false(other);
	driver_end(&guest.driver);
}

static void test_no_driver(void **state) {
	struct guest guest;

	(void)state;
	begin(&guest, false, 0);
	driver_set_status(&guest.driver, 0);
	press(&guest, KEY_A, true);
	driver_set_status(&guest.driver, 1);
	driver_set_status(&guest.driver, 3);
	driver_start(&guest.driver, 0, SIZE, 2);
	give(&guest, SIZE);
	expect_none(&guest);
	/* Of what the guest does not know there is nothing to release. */
	press(&guest, KEY_A, false);
	expect(&guest, EV_SYN, 0, 0);
	driver_end(&guest.driver);
}

static struct sp_state_writer *saved(struct guest *guest, struct sp_state_reader **reader) {
	struct sp_device *device = guest->driver.fake.device;
	struct sp_state_writer *writer = sp_state_writer_create();
	struct sp_error error = {0};
	const uint8_t *data;
	size_t size;

	assert_true(device->ops->save(device, writer, &error));
	data = sp_state_data(writer, &size, &error);
	assert_non_null(data);
	*reader = sp_state_reader_create(data, size, &error);
	assert_non_null(*reader);
	return writer;
}

/* What waits, what is pressed and what the driver gave survive. */
static void test_state(void **state) {
	static const uint64_t ways[] = {0, PACKED | EVENT_IDX};
	struct sp_state_reader *reader;
	struct sp_state_writer *writer;
	struct fake_notice notice;
	struct sp_error error = {0};
	struct sp_device *device;
	struct guest guest;
	uint8_t answer[128];

	(void)state;
	for (size_t way = 0; way < 2; way++) {
		begin(&guest, false, ways[way]);
		device = guest.driver.fake.device;
		give(&guest, 3);
		assert_int_equal(ask(&guest, 1, 0, answer), 18);
		press(&guest, KEY_A, true);
		expect(&guest, EV_KEY, KEY_A, 1);
		expect(&guest, EV_SYN, 0, 0);
		press(&guest, KEY_B, true);
		expect(&guest, EV_KEY, KEY_B, 1);
		guest.sink->lights = 2;
		writer = saved(&guest, &reader);
		fake_reset(&guest.driver.fake, SP_RESET_FUNCTION, &notice);
		assert_int_equal(guest.sink->lights, 0);
		assert_true(device->ops->load(device, reader, &error));
		assert_int_equal(guest.sink->lights, 2);
		assert_int_equal(
			fake_read(&guest.driver.fake, SP_REGION_BAR0, guest.driver.config + 2, 1),
			18);
		driver_loop_run(&guest.driver.loop, 5);
		expect_none(&guest);
		give(&guest, 8);
		expect(&guest, EV_SYN, 0, 0);
		/* A is held, and so can be released. */
		press(&guest, KEY_A, false);
		expect(&guest, EV_KEY, KEY_A, 0);
		expect(&guest, EV_SYN, 0, 0);
		sp_state_reader_destroy(reader);
		sp_state_writer_destroy(writer);
		driver_end(&guest.driver);
	}
}

static void test_short_buffer(void **state) {
	const struct driver_buffer buffer = {DRIVER_BUFFERS, 7, true};
	struct guest guest;

	(void)state;
	begin(&guest, false, 0);
	driver_add(&guest.driver, 0, &buffer, 1, 0);
	driver_kick(&guest.driver, 0);
	assert_false(driver_broken(&guest.driver));
	press(&guest, KEY_A, true);
	assert_true(driver_broken(&guest.driver));
	driver_end(&guest.driver);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_pointer),
		cmocka_unit_test(test_lights),
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_no_driver),
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_short_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
