/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "wire/protocol.h"

/* The sizes that the specification's tables add up to. */
static void test_sizes(void **state) {
	static const struct {
		uint16_t command;
		uint32_t size;
	} SIZES[] = {
		{SP_WIRE_VERSION, 4},
		{SP_WIRE_DMA_MAP, 32},
		{SP_WIRE_DMA_UNMAP, 24},
		{SP_WIRE_GET_INFO, 16},
		{SP_WIRE_REGION_INFO, 32},
		{SP_WIRE_REGION_IO_FDS, 16},
		{SP_WIRE_IRQ_INFO, 16},
		{SP_WIRE_SET_IRQS, 20},
		{SP_WIRE_REGION_READ, 16},
		{SP_WIRE_REGION_WRITE, 16},
		{SP_WIRE_DMA_READ, 16},
		{SP_WIRE_DMA_WRITE, 16},
		{SP_WIRE_RESET, 0},
		{14, 0},
		{SP_WIRE_WRITE_MULTI, 8},
		{SP_WIRE_FEATURE, 8},
		{SP_WIRE_MIG_READ, 8},
		{SP_WIRE_MIG_WRITE, 8},
		{0, 0},
		{SP_WIRE_COMMANDS, 0},
		{UINT16_MAX, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(SIZES) / sizeof(SIZES[0]); i++)
		assert_int_equal(sp_wire_fixed(SIZES[i].command), SIZES[i].size);
	assert_null(sp_wire_command_name(14));
	assert_null(sp_wire_command_name(UINT16_MAX));
	assert_string_equal(sp_wire_command_name(2), "DMA_MAP");
}

static void test_places(void **state) {
	uint8_t bytes[32];
	struct sp_wire_body body;

	(void)state;
	for (uint8_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = i;
	assert_int_equal(sp_wire_decode(SP_WIRE_DMA_MAP, bytes, 32, &body), 0);
	assert_true(body.argsz == 0x03020100 && body.flags == 0x07060504);
	assert_true(body.offset == 0x0f0e0d0c0b0a0908 && body.address == 0x1716151413121110);
	assert_true(body.size == 0x1f1e1d1c1b1a1918);
	assert_int_equal(sp_wire_decode(SP_WIRE_REGION_WRITE, bytes, 20, &body), 0);
	assert_true(body.offset == 0x0706050403020100 && body.index == 0x0b0a0908);
	assert_true(body.count == 0x0f0e0d0c && body.data == bytes + 16 && body.data_size == 4);
	assert_int_equal(sp_wire_decode(SP_WIRE_SET_IRQS, bytes, 22, &body), 0);
	assert_true(body.index == 0x0b0a0908 && body.start == 0x0f0e0d0c);
	assert_true(body.count == 0x13121110 && body.data_size == 2);
}

static void test_every_length(void **state) {
	uint8_t bytes[64] = {0}, again[64];
	struct sp_wire_body body;

	(void)state;
	for (uint16_t command = 0; command <= SP_WIRE_COMMANDS; command++) {
		uint32_t fixed = sp_wire_fixed(command);

		for (uint32_t size = 0; size <= sizeof(bytes); size++) {
			int error = sp_wire_decode(command, bytes, size, &body);

			if (!sp_wire_command_name(command) || size < fixed)
				assert_int_equal(error, EINVAL);
			else if (size == fixed)
				assert_int_equal(error, 0);
		}
		if (!fixed)
			continue;
		memset(bytes, 0xa5, sizeof(bytes));
		assert_int_equal(sp_wire_decode(command, bytes, fixed, &body), 0);
		assert_int_equal(sp_wire_encode(command, &body, again), fixed);
		assert_memory_equal(bytes, again, fixed);
	}
	assert_int_equal(sp_wire_decode(SP_WIRE_REGION_READ, bytes, 17, &body), EINVAL);
	assert_int_equal(sp_wire_decode(SP_WIRE_RESET, bytes, 1, &body), EINVAL);
	assert_int_equal(sp_wire_decode(SP_WIRE_DMA_MAP, bytes, 40, &body), EINVAL);
}

static void test_capabilities(void **state) {
	static const struct {
		const char *text;
		int error;
		uint32_t fds, size;
		bool multiple, twin;
	} CASES[] = {
		{"", 0, 1, 1048576, false, false},
		{"{}", 0, 1, 1048576, false, false},
		{" { \"capabilities\" : { \"max_msg_fds\" : 8 } } ", 0, 8, 1048576, false, false},
		{"{\"capabilities\":{\"max_data_xfer_size\":4096,\"write_multiple\":true,"
		 "\"twin_socket\":{\"supported\":true,\"x\":[1,2,{}]}}}",
			0, 1, 4096, true, true},
		{"{\"capabilities\":{\"migration\":{\"pgsize\":4096,\"max_msg_fds\":3},"
		 "\"max_msg_fds\":16}}",
			0, 16, 1048576, false, false},
		{"{\"max_msg_fds\":5}", 0, 1, 1048576, false, false},
		{"{\"capabilities\":{\"max_data_xfer_size\":99999999999999999999999}}", 0, 1,
			1048576, false, false},
		{"{\"a\":\"\\\"}\\\\\",\"b\":-1.5e9,\"c\":null,\"d\":[],\"e\":[true,false]}", 0, 1,
			1048576, false, false},
		{"{\"capabilities\":{\"max_data_xfer_size\":0}}", EINVAL, 0, 0, false, false},
		{"{\"capabilities\":{\"max_msg_fds\":-1}}", EINVAL, 0, 0, false, false},
		{"{\"capabilities\":{\"max_msg_fds\":1.5}}", EINVAL, 0, 0, false, false},
		{"{\"capabilities\":{\"max_msg_fds\":\"8\"}}", EINVAL, 0, 0, false, false},
		{"{\"capabilities\":{\"write_multiple\":1}}", EINVAL, 0, 0, false, false},
		{"{\"capabilities\":[]}", EINVAL, 0, 0, false, false},
		{"{\"capabilities\":3}", EINVAL, 0, 0, false, false},
		{"{", EINVAL, 0, 0, false, false},
		{"{}}", EINVAL, 0, 0, false, false},
		{"[]", EINVAL, 0, 0, false, false},
		{"{\"a\":1,}", EINVAL, 0, 0, false, false},
		{"{\"a\"}", EINVAL, 0, 0, false, false},
		{"{\"a\":}", EINVAL, 0, 0, false, false},
		{"{\"a\":tru}", EINVAL, 0, 0, false, false},
		{"{\"a\":\"\\", EINVAL, 0, 0, false, false},
		{"{\"a\":\"x", EINVAL, 0, 0, false, false},
		{"{\"a\":[[[[[[[[[[1]]]]]]]]]]}", EINVAL, 0, 0, false, false},
	};
	struct sp_wire_capabilities capabilities;

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		uint32_t size = (uint32_t)strlen(CASES[i].text) + 1;
		int error = sp_wire_get_capabilities(
			(const uint8_t *)CASES[i].text, size, &capabilities);

		if (error != CASES[i].error)
			fail_msg("%s: %d", CASES[i].text, error);
		if (error)
			continue;
		assert_int_equal(capabilities.max_msg_fds, CASES[i].fds);
		assert_int_equal(capabilities.max_data_xfer_size, CASES[i].size);
		assert_int_equal(capabilities.write_multiple, CASES[i].multiple);
		assert_int_equal(capabilities.twin_socket, CASES[i].twin);
	}
	/* Without its NUL it has no end. */
	assert_int_equal(sp_wire_get_capabilities((const uint8_t *)"{}", 2, &capabilities), EINVAL);
	assert_int_equal(sp_wire_get_capabilities(NULL, 0, &capabilities), 0);
}

static void test_multi(void **state) {
	uint8_t bytes[2 * SP_WIRE_MULTI] = {0};
	struct sp_wire_body body = {.data = bytes, .data_size = sizeof(bytes), .size = 2};
	struct sp_wire_write write;

	(void)state;
	bytes[24] = 0x10;
	bytes[32] = 2;
	bytes[36] = 8;
	assert_int_equal(sp_wire_multi(&body, 0, &write), EINVAL);
	assert_int_equal(sp_wire_multi(&body, 1, &write), 0);
	assert_true(write.offset == 0x10 && write.index == 2 && write.count == 8);
	assert_ptr_equal(write.data, bytes + 40);
	bytes[36] = 9;
	assert_int_equal(sp_wire_multi(&body, 1, &write), EINVAL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_multi),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
