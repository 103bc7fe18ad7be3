/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "edu.h"
#include "fake_bus.h"

#define MEMORY_AT 0x100000u
#define MEMORY_SIZE 0x4000u
#define BUFFER_AT 0x40000u

static void begin(struct fake_bus *fake, bool msi) {
	struct sp_error error = {0};
	struct sp_device *device = edu_create(msi, NULL, &error);

	if (!device)
		fail_msg("%s", error.message);
	fake_bus_init(fake, device, MEMORY_AT, MEMORY_SIZE);
	fake_write(fake, SP_REGION_CONFIG, 4, 2, 0x0006);
	for (uint32_t i = 0; i < MEMORY_SIZE; i++)
		fake->memory[i] = (uint8_t)(i * 7 + i / 256);
}

static uint32_t get(struct fake_bus *fake, uint64_t offset) {
	return (uint32_t)fake_read(fake, SP_REGION_BAR0, offset, 4);
}

static void set(struct fake_bus *fake, uint64_t offset, uint32_t value) {
	fake_write(fake, SP_REGION_BAR0, offset, 4, value);
}

static void transfer(
	struct fake_bus *fake, uint64_t from, uint64_t to, uint64_t count, uint64_t command) {
	fake_write(fake, SP_REGION_BAR0, 0x80, 8, from);
	fake_write(fake, SP_REGION_BAR0, 0x88, 8, to);
	fake_write(fake, SP_REGION_BAR0, 0x90, 8, count);
	fake_write(fake, SP_REGION_BAR0, 0x98, 8, command);
}

static void test_registers(void **state) {
	struct fake_bus fake;

	(void)state;
	begin(&fake, true);
	assert_int_equal(fake_read(&fake, SP_REGION_CONFIG, 0, 4), 0x11e81234);
	assert_int_equal(get(&fake, 0), 0x010000ed);
	set(&fake, 4, 0x12345678);
	assert_int_equal(get(&fake, 4), ~0x12345678u);
	assert_int_equal(get(&fake, 0x30), 0xffffffff);
	assert_int_equal(get(&fake, 0xffffc), 0xffffffff);
	set(&fake, 0xffffc, 1);
	fake_bus_release(&fake);
}

static void test_factorial(void **state) {
	struct fake_bus fake;
	uint32_t product = 1;

	(void)state;
	begin(&fake, true);
	for (uint32_t n = 0; n < 40; n++) {
		product *= n ? n : 1;
		set(&fake, 8, n);
		assert_int_equal(get(&fake, 8), product);
	}
	set(&fake, 8, UINT32_MAX);
	assert_int_equal(get(&fake, 8), 0);
	assert_int_equal(fake.raised[0], 0);
	set(&fake, 0x20, 0xffffffff);
	assert_int_equal(get(&fake, 0x20), 0x80);
	set(&fake, 8, 5);
	assert_int_equal(fake.raised[0], 1);
	assert_true(fake.line);
	assert_int_equal(get(&fake, 0x24), 1);
	set(&fake, 0x64, 1);
	assert_int_equal(get(&fake, 0x24), 0);
	assert_false(fake.line);
	fake_bus_release(&fake);
}

static void test_interrupts(void **state) {
	struct fake_bus fake;

	(void)state;
	begin(&fake, true);
	set(&fake, 0x60, 0xf0);
	assert_true(fake.line);
	set(&fake, 0x64, 0x30);
	assert_true(fake.line);
	assert_int_equal(get(&fake, 0x24), 0xc0);
	set(&fake, 0x64, 0xffffffff);
	assert_false(fake.line);
	/* MSI; the capability is the only one. */
	assert_int_equal(fake_read(&fake, SP_REGION_CONFIG, 0x40, 1), 5);
	fake_write(&fake, SP_REGION_CONFIG, 0x44, 4, 0xfee00000);
	fake_write(&fake, SP_REGION_CONFIG, 0x4c, 2, 0x31);
	fake_write(&fake, SP_REGION_CONFIG, 0x42, 2, 1);
	set(&fake, 0x60, 1);
	assert_false(fake.line);
	assert_int_equal(fake.message_count, 1);
	assert_int_equal(fake.messages[0].address, 0xfee00000);
	assert_int_equal(fake.messages[0].value, 0x31);
	set(&fake, 0x64, 1);
	fake_bus_release(&fake);
	begin(&fake, false);
	assert_int_equal(fake_read(&fake, SP_REGION_CONFIG, 0x34, 1), 0);
	fake_bus_release(&fake);
}

static void test_dma(void **state) {
	struct fake_bus fake;

	(void)state;
	begin(&fake, true);
	transfer(&fake, MEMORY_AT + 3, BUFFER_AT + 5, 1000, 1 | 4);
	assert_int_equal(get(&fake, 0x98), 4);
	assert_int_equal(get(&fake, 0x24), 0x100);
	set(&fake, 0x64, 0x100);
	transfer(&fake, BUFFER_AT + 5, MEMORY_AT + 0x2000, 1000, 1 | 2);
	assert_memory_equal(fake.memory + 0x2000, fake.memory + 3, 1000);
	assert_int_equal(get(&fake, 0x24), 0);
	assert_int_equal(fake.transfers, 2);
	fake_bus_release(&fake);
}

/* Beyond the buffer, beyond the guest's memory, and what wraps. */
static void test_bounds(void **state) {
	static const struct {
		uint64_t place, count;
		uint32_t transfers, failures;
	} cases[] = {
		{BUFFER_AT, 0, 0, 0},
		{BUFFER_AT, 4096, 1, 0},
		{BUFFER_AT, 4097, 0, 0},
		{BUFFER_AT + 4095, 1, 1, 0},
		{BUFFER_AT + 4096, 1, 0, 0},
		{BUFFER_AT - 1, 2, 0, 0},
		{0, UINT64_MAX, 0, 0},
		{BUFFER_AT + 16, UINT64_MAX - 15, 0, 0},
		{UINT64_MAX, 1, 0, 0},
	};
	struct fake_bus fake;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (uint32_t way = 0; way < 2; way++) {
			begin(&fake, true);
			if (way)
				transfer(&fake, cases[i].place, MEMORY_AT, cases[i].count, 1 | 2);
			else
				transfer(&fake, MEMORY_AT, cases[i].place, cases[i].count, 1);
			assert_int_equal(fake.transfers, cases[i].transfers);
			assert_int_equal(get(&fake, 0x98) & 1, 0);
			fake_bus_release(&fake);
		}
	begin(&fake, true);
	transfer(&fake, MEMORY_AT + MEMORY_SIZE - 1, BUFFER_AT, 2, 1 | 4);
	assert_int_equal(fake.failures, 1);
	assert_int_equal(get(&fake, 0x24), 0);
	/* 28 bits of an address count. */
	transfer(&fake, 0xffffffff00000000 | MEMORY_AT, BUFFER_AT, 2, 1);
	assert_int_equal(fake.failures, 1);
	/* No master of the bus. */
	fake_write(&fake, SP_REGION_CONFIG, 4, 2, 2);
	transfer(&fake, MEMORY_AT, BUFFER_AT, 2, 1 | 4);
	assert_int_equal(fake.failures, 2);
	assert_int_equal(get(&fake, 0x24), 0);
	fake_bus_release(&fake);
}

static void test_deferred(void **state) {
	struct fake_notice first, second;
	struct fake_bus fake;
	uint8_t zeros[64] = {0};

	(void)state;
	begin(&fake, true);
	fake.defer = true;
	transfer(&fake, MEMORY_AT, BUFFER_AT, 64, 1 | 4);
	assert_int_equal(get(&fake, 0x98) & 1, 1);
	/* While it runs nothing can be changed, and no second one begins. */
	transfer(&fake, 1, 2, 3, 1 | 2);
	assert_int_equal(get(&fake, 0x80), MEMORY_AT);
	assert_int_equal(get(&fake, 0x90), 64);
	assert_int_equal(get(&fake, 0x98), 5);
	assert_int_equal(fake.transfers, 1);
	fake_bus_finish(&fake);
	assert_int_equal(get(&fake, 0x24), 0x100);
	/* Resets wait for the end, raise nothing, and leave nothing behind. */
	set(&fake, 0x64, 0x100);
	transfer(&fake, MEMORY_AT, BUFFER_AT, 64, 1 | 4);
	fake_reset(&fake, SP_RESET_FUNCTION, &first);
	fake_reset(&fake, SP_RESET_SYSTEM, &second);
	assert_int_equal(first.done + second.done, 0);
	assert_int_equal(get(&fake, 0x80), 0);
	fake_bus_finish(&fake);
	assert_int_equal(first.done, 1);
	assert_int_equal(second.done, 1);
	assert_int_equal(get(&fake, 0x24), 0);
	assert_int_equal(get(&fake, 0x98), 0);
	fake.defer = false;
	fake_write(&fake, SP_REGION_CONFIG, 4, 2, 6);
	transfer(&fake, BUFFER_AT, MEMORY_AT + 0x100, 64, 1 | 2);
	assert_memory_equal(fake.memory + 0x100, zeros, 64);
	/* The client goes away in the middle. */
	fake.defer = true;
	transfer(&fake, MEMORY_AT, BUFFER_AT, 64, 1 | 4);
	fake_bus_cancel(&fake, ECANCELED);
	assert_int_equal(get(&fake, 0x98), 4);
	assert_int_equal(get(&fake, 0x24), 0);
	transfer(&fake, MEMORY_AT, BUFFER_AT, 64, 1);
	fake_bus_release(&fake);
}

struct again {
	struct sp_notice notice;
	struct fake_bus *fake;
	struct fake_notice second;
};

static void reset_again(struct sp_notice *notice, int error) {
	struct again *again = (struct again *)notice;

	assert_int_equal(error, 0);
	fake_write(again->fake, SP_REGION_CONFIG, 4, 2, 6);
	transfer(again->fake, MEMORY_AT, BUFFER_AT, 64, 1);
	fake_reset(again->fake, SP_RESET_FUNCTION, &again->second);
}

/* One who is told of the end of a reset begins something, and asks for another. */
static void test_reset_again(void **state) {
	struct fake_bus fake;
	struct again again = {.notice.done = reset_again, .fake = &fake};

	(void)state;
	begin(&fake, true);
	fake.defer = true;
	transfer(&fake, MEMORY_AT, BUFFER_AT, 64, 1);
	fake.device->ops->reset(fake.device, SP_RESET_FUNCTION, &again.notice);
	fake_bus_finish_one(&fake);
	assert_int_equal(get(&fake, 0x98), 1);
	assert_int_equal(again.second.done, 0);
	fake_bus_finish(&fake);
	assert_int_equal(again.second.done, 1);
	fake_bus_release(&fake);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_registers),
		cmocka_unit_test(test_factorial),
		cmocka_unit_test(test_interrupts),
		cmocka_unit_test(test_dma),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_deferred),
		cmocka_unit_test(test_reset_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
