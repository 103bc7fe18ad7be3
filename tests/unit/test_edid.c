/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "gpu/edid.h"

struct timing {
	uint32_t width, height, h_blank, v_blank, h_front, h_sync, v_front, v_sync;
	double clock, rate; /* Hz */
};

/* The first detailed timing, read as EDID 1.4 section 3.10.2 has it. */
static struct timing detailed(const uint8_t *edid) {
	const uint8_t *d = edid + 54;
	struct timing t = {
		.clock = (d[0] | d[1] << 8) * 10000.0,
		.width = d[2] | (d[4] & 0xf0u) << 4,
		.h_blank = d[3] | (d[4] & 0x0fu) << 8,
		.height = d[5] | (d[7] & 0xf0u) << 4,
		.v_blank = d[6] | (d[7] & 0x0fu) << 8,
		.h_front = d[8] | (d[11] & 0xc0u) << 2,
		.h_sync = d[9] | (d[11] & 0x30u) << 4,
		.v_front = d[10] >> 4 | (d[11] & 0x0cu) << 2,
		.v_sync = (d[10] & 15u) | (d[11] & 0x03u) << 4,
	};

	t.rate = t.clock / (t.width + t.h_blank) / (t.height + t.v_blank);
	return t;
}

static void check_sum(const uint8_t *block) {
	uint32_t sum = 0;

	for (int i = 0; i < 128; i++)
		sum += block[i];
	assert_int_equal(sum & 0xff, 0);
}

static bool has_vic(const uint8_t *edid, uint8_t vic) {
	const uint8_t *block = edid + 128 + 4;

	for (int i = 0; i < (block[0] & 31); i++)
		if (block[1 + i] == vic)
			return true;
	return false;
}

static void test_sizes(void **state) {
	static const uint32_t sizes[] = {
		64, 65, 640, 800, 1023, 1280, 1366, 1920, 2560, 3840, 4095};
	uint8_t bytes[SP_EDID_SIZE];

	(void)state;
	for (size_t w = 0; w < 11; w++)
		for (size_t h = 0; h < 11; h++) {
			struct sp_edid edid = {.width = sizes[w], .height = sizes[h]};
			struct timing t;

			memset(bytes, 0xa5, sizeof(bytes));
			assert_true(sp_edid_make(&edid, bytes));
			check_sum(bytes);
			check_sum(bytes + 128);
			t = detailed(bytes);
			assert_int_equal(t.width, sizes[w]);
			assert_int_equal(t.height, sizes[h]);
			assert_true(t.h_front + t.h_sync < t.h_blank);
			assert_true(t.v_front + t.v_sync < t.v_blank);
			assert_true((t.rate > 59.5 && t.rate < 60.01) ||
				(t.rate > 29.5 && t.rate < 30.01));
			assert_true(t.clock <= 660e6);
		}
}

/* CVT 1.2's own numbers for reduced blanking. */
static void test_cvt(void **state) {
	struct sp_edid edid = {.width = 1920, .height = 1200};
	uint8_t bytes[SP_EDID_SIZE];
	struct timing t;

	(void)state;
	assert_true(sp_edid_make(&edid, bytes));
	t = detailed(bytes);
	assert_int_equal(t.h_blank, 160);
	assert_int_equal(t.v_blank, 35);
	assert_int_equal(t.v_sync, 6);
	assert_true(t.clock > 153.9e6 && t.clock < 154.2e6);
	edid = (struct sp_edid){.width = 3840, .height = 2160};
	assert_true(sp_edid_make(&edid, bytes));
	t = detailed(bytes);
	assert_int_equal(t.v_blank, 62);
	assert_true(t.clock > 533.0e6 && t.clock < 533.4e6);
}

static void test_bytes(void **state) {
	static const uint8_t header[] = {0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0};
	struct sp_edid edid = {.width = 1280, .height = 800, .serial = 0x04030201};
	uint8_t bytes[SP_EDID_SIZE];

	(void)state;
	assert_true(sp_edid_make(&edid, bytes));
	assert_memory_equal(bytes, header, 8);
	assert_int_equal(bytes[8] << 8 | bytes[9], 19 << 10 | 16 << 5 | 20);
	assert_memory_equal(bytes + 12, "\1\2\3\4", 4);
	assert_int_equal(bytes[18], 1);
	assert_int_equal(bytes[19], 4);
	assert_int_equal(bytes[35], 0x21); /* 640 x 480, 800 x 600 */
	assert_int_equal(bytes[36], 0x08); /* 1024 x 768 */
	assert_int_equal(bytes[126], 1);
	assert_memory_equal(bytes + 54 + 36, "\0\0\0\xfc\0Sallyport\n   ", 18);
	assert_int_equal(bytes[128], 2);
	assert_int_equal(bytes[129], 3);
	assert_int_equal(bytes[130], 4 + 1 + (bytes[132] & 31));
	assert_int_equal(bytes[132] >> 5, 2);
	assert_true(has_vic(bytes, 16) && has_vic(bytes, 97));
	edid.name = "a name that is too long";
	assert_true(sp_edid_make(&edid, bytes));
	assert_memory_equal(bytes + 54 + 36, "\0\0\0\xfc\0a name that i", 18);
}

static void test_bounds(void **state) {
	static const uint32_t bad[] = {0, 63, 4096, 0x10000, UINT32_MAX};
	struct sp_edid edid = {.width = 1024, .height = 768};
	uint8_t bytes[SP_EDID_SIZE];

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		edid = (struct sp_edid){.width = bad[i], .height = 768};
		assert_false(sp_edid_make(&edid, bytes));
		edid = (struct sp_edid){.width = 1024, .height = bad[i]};
		assert_false(sp_edid_make(&edid, bytes));
	}
	/* Nothing is offered that there is no memory for. */
	edid = (struct sp_edid){.width = 1024, .height = 768, .max_pixels = 1920 * 1080};
	assert_true(sp_edid_make(&edid, bytes));
	assert_true(has_vic(bytes, 16));
	assert_false(has_vic(bytes, 97));
	edid.max_width = 1000;
	assert_true(sp_edid_make(&edid, bytes));
	assert_int_equal(bytes[36], 0);
	assert_false(has_vic(bytes, 16));
	edid.max_height = 10;
	assert_true(sp_edid_make(&edid, bytes));
	assert_int_equal(bytes[130], 4);
	check_sum(bytes + 128);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_cvt),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
