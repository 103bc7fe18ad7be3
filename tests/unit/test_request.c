/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include <sallyport/request.h>

/* The readers write into the text, which must therefore be ours. */
struct text {
	char bytes[256];
};

static char *own(struct text *text, const char *value) {
	assert_true(strlen(value) < sizeof(text->bytes));
	return strcpy(text->bytes, value);
}

static void assert_names(const struct sp_error *error, const char *value) {
	assert_int_equal(error->kind, SP_ERROR_USE);
	assert_non_null(strstr(error->message, value));
}

static void targets_and_modes(void **state) {
	enum sp_target target = SP_TARGET_COUNT;
	enum sp_mode mode = SP_MODE_COUNT;
	(void)state;

	assert_true(sp_target_parse("xen-4.22", &target));
	assert_int_equal(target, SP_TARGET_XEN_4_22);
	for (int i = 0; i < SP_TARGET_COUNT; i++) {
		assert_true(sp_target_parse(sp_target_name((enum sp_target)i), &target));
		assert_int_equal(target, i);
	}
	assert_false(sp_target_parse("xen-4.16", &target));
	assert_false(sp_target_parse("xen-4.2", &target));
	assert_false(sp_target_parse("", &target));
	assert_int_equal(target, SP_TARGET_COUNT - 1);
	assert_string_equal(sp_target_name(SP_TARGET_COUNT), "?");

	for (int i = 0; i < SP_MODE_COUNT; i++) {
		assert_true(sp_mode_parse(sp_mode_name((enum sp_mode)i), &mode));
		assert_int_equal(mode, i);
	}
	assert_false(sp_mode_parse("XL", &mode));
	assert_string_equal(sp_mode_name(SP_MODE_COUNT), "?");
}

static void memory(void **state) {
	static const struct {
		const char *text;
		uint32_t mib;
	} GOOD[] = {{"1", 1}, {"512", 512}, {"512M", 512}, {"2G", 2048}, {"0x200", 512},
		{"1024G", 1u << 20}, {"1048576", 1u << 20}};
	static const char *const BAD[] = {"", "0", "0G", "-1", "+1", " 1", "1 ", "1g", "1GB",
		"1.5G", "1025G", "1048577", "4294967297", "18446744073709551616", "0x", "G"};
	struct sp_error error = {0};
	uint32_t mib;
	(void)state;

	for (size_t i = 0; i < sizeof(GOOD) / sizeof(GOOD[0]); i++) {
		assert_true(sp_request_parse_memory(GOOD[i].text, &mib, &error));
		assert_int_equal(mib, GOOD[i].mib);
	}
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		mib = 77;
		assert_false(sp_request_parse_memory(BAD[i], &mib, &error));
		assert_names(&error, BAD[i]);
		assert_int_equal(mib, 77);
	}
}

static void addresses(void **state) {
	static const char *const BAD[] = {"", "0", "0x0", "0x60000001", "60000000x", "0x1000 ",
		"0x10000000000000000", "-4096"};
	struct sp_error error = {0};
	uint64_t address;
	(void)state;

	assert_true(sp_request_parse_address("0x60000000", &address, &error));
	assert_int_equal(address, 0x60000000);
	assert_true(sp_request_parse_address("4096", &address, &error));
	assert_int_equal(address, 4096);
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		assert_false(sp_request_parse_address(BAD[i], &address, &error));
		assert_names(&error, BAD[i]);
	}
	assert_int_equal(address, 4096);
}

static void functions(void **state) {
	static const char *const BAD[] = {"", "1", "01:00", "01:00.", "01:00.8", "01:20.0",
		"100:00.0", "0000:01:00.0", "01:00.0x", "=01:00.0", "/pcie=", "g1:00.0", " 01:00.0",
		"-1:00.0"};
	struct sp_request_bdf bdf;
	struct sp_error error = {0};
	struct text text;
	(void)state;

	assert_true(sp_request_parse_bdf(own(&text, "01:1f.7"), &bdf, &error));
	assert_null(bdf.device);
	assert_int_equal(bdf.bdf, 0x1ff);
	assert_true(sp_request_parse_bdf(own(&text, "/soc/pcie@0,0=ff:00.1"), &bdf, &error));
	assert_string_equal(bdf.device, "/soc/pcie@0,0");
	assert_int_equal(bdf.bdf, 0xff01);
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		assert_false(sp_request_parse_bdf(own(&text, BAD[i]), &bdf, &error));
		assert_names(&error, BAD[i]);
		assert_string_equal(text.bytes, BAD[i]);
	}
}

static void clocks(void **state) {
	static const struct {
		const char *text, *name;
		uint64_t hz;
	} GOOD[] = {
		{"core=600000000", "core", 600000000},
		{"/soc/gpu@0:core=600M", "/soc/gpu@0:core", 600000000},
		{"/soc/gpu@0:2=32k", "/soc/gpu@0:2", 32000},
		{"a=b=1G", "a=b", 1000000000},
		{"c=18446744073709551615", "c", UINT64_MAX},
	};
	static const char *const BAD[] = {"", "core", "core=", "=5", "core=0", "core=0M", "core=-5",
		"core=5m", "core=5 M", "core=5MHz", "core=18446744073709551616",
		"core=18446744073709551615k"};
	struct sp_request_clock clock;
	struct sp_error error = {0};
	struct text text;
	(void)state;

	for (size_t i = 0; i < sizeof(GOOD) / sizeof(GOOD[0]); i++) {
		assert_true(sp_request_parse_clock(own(&text, GOOD[i].text), &clock, &error));
		assert_string_equal(clock.name, GOOD[i].name);
		assert_true(clock.hz == GOOD[i].hz);
	}
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		assert_false(sp_request_parse_clock(own(&text, BAD[i]), &clock, &error));
		assert_names(&error, BAD[i]);
	}
}

static void modules(void **state) {
	static const char *const BAD[] = {"", "kernel", "kernel=", "kernel=0x1000",
		"kernel=0x1000+0", "kernel=0x1000+", "kernal=0x1000+1", "=0x1000+1",
		"tree=0x1000+1+1", "ramdisk=0xffffffffffffffff+1", "ramdisk=0x1000-1"};
	struct sp_request_guest guest = {0};
	struct sp_error error = {0};
	struct text text;
	(void)state;

	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		assert_false(sp_request_parse_module(own(&text, BAD[i]), &guest, &error));
		assert_names(&error, BAD[i]);
	}
	for (int i = 0; i < SP_MODULE_COUNT; i++)
		assert_false(guest.modules[i].set);

	assert_true(
		sp_request_parse_module(own(&text, "kernel=0x48000000+0x1800000"), &guest, &error));
	assert_true(guest.modules[SP_MODULE_KERNEL].set);
	assert_int_equal(guest.modules[SP_MODULE_KERNEL].address, 0x48000000);
	assert_int_equal(guest.modules[SP_MODULE_KERNEL].size, 0x1800000);
	assert_true(sp_request_parse_module(own(&text, "tree=0x4a000000"), &guest, &error));
	assert_int_equal(guest.modules[SP_MODULE_TREE].size, 0);
	assert_false(sp_request_parse_module(own(&text, "tree=0x4b000000"), &guest, &error));
	assert_int_equal(guest.modules[SP_MODULE_TREE].address, 0x4a000000);
	assert_false(guest.modules[SP_MODULE_RAMDISK].set);
}

static void streams(void **state) {
	struct sp_request_stream out[SP_MAX_STREAMS];
	struct sp_error error = {0};
	struct text text;
	uint32_t count;
	(void)state;

	assert_true(sp_request_parse_streams(
		own(&text, "/soc/gpu@fd000000=ipmmu_pv0:0,/soc/iommu@0,1:0x401/0x7f,ipmmu_pv0:3"),
		out, SP_MAX_STREAMS, &count, &error));
	assert_int_equal(count, 3);
	for (uint32_t i = 0; i < count; i++)
		assert_string_equal(out[i].device, "/soc/gpu@fd000000");
	assert_string_equal(out[0].controller, "ipmmu_pv0");
	assert_int_equal(out[0].id, 0);
	assert_false(out[0].has_mask);
	assert_string_equal(out[1].controller, "/soc/iommu@0,1");
	assert_int_equal(out[1].id, 0x401);
	assert_true(out[1].has_mask);
	assert_int_equal(out[1].mask, 0x7f);
	assert_string_equal(out[2].controller, "ipmmu_pv0");
	assert_int_equal(out[2].id, 3);
	assert_false(out[2].has_mask);
}

static void stream_ranges(void **state) {
	struct sp_request_stream out[SP_MAX_STREAMS];
	struct sp_error error = {0};
	struct text text;
	uint32_t count;
	(void)state;

	assert_true(sp_request_parse_streams(
		own(&text, "gpu=a:0-7,b:8-8/1"), out, SP_MAX_STREAMS, &count, &error));
	assert_int_equal(count, 9);
	for (uint32_t i = 0; i < 8; i++) {
		assert_string_equal(out[i].controller, "a");
		assert_int_equal(out[i].id, i);
	}
	assert_string_equal(out[8].controller, "b");
	assert_true(out[8].has_mask);
	/* The last number there is, and no more than there is room for. */
	assert_true(sp_request_parse_streams(
		own(&text, "gpu=a:0xfffffffe-0xffffffff"), out, 2, &count, &error));
	assert_int_equal(out[1].id, UINT32_MAX);
	assert_false(sp_request_parse_streams(own(&text, "gpu=a:0-2"), out, 2, &count, &error));
	assert_false(
		sp_request_parse_streams(own(&text, "gpu=a:0-0xffffffff"), out, 2, &count, &error));
	assert_false(sp_request_parse_streams(
		own(&text, "gpu=a:0-0xfffffffe,a:0-0xfffffffe"), out, 2, &count, &error));
	assert_int_equal(count, 2);
}

static void bad_streams(void **state) {
	static const char *const BAD[] = {"", "=", "gpu", "gpu=", "=a:1", "gpu=a",
		"gpu=a:", "gpu=:1", "gpu=a:x", "gpu=a:1,", "gpu=a:1,,a:2", "gpu=a:1;a:2",
		"gpu=a:1/", "gpu=a:1/x", "gpu=a:2-1", "gpu=a:1-", "gpu=a:-1", "gpu=a:4294967296",
		"gpu=a:1/0x100000000", "gpu=a:1,b"};
	struct sp_request_stream out[4];
	struct sp_error error = {0};
	struct text text;
	uint32_t count = 9;
	(void)state;

	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		assert_false(sp_request_parse_streams(own(&text, BAD[i]), out, 4, &count, &error));
		assert_names(&error, BAD[i]);
		assert_string_equal(text.bytes, BAD[i]);
	}
	assert_int_equal(count, 9);
}

static void features(void **state) {
	struct sp_request request = {0};
	struct sp_error error = {0};
	(void)state;

	assert_false(sp_request_parse_feature("multi-iommu", &request, &error));
	assert_names(&error, "multi-iommu");
	assert_false(request.multi_iommu_masters);
	assert_true(sp_request_parse_feature("multi-iommu-masters", &request, &error));
	assert_true(request.multi_iommu_masters);
}

static void names(void **state) {
	static const char *const GOOD[] = {"a", "guest", "Guest-1.2_x", "0"};
	static const char *const BAD[] = {
		"", ".", "..", ".x", "-x", "_x", "a/b", "a b", "a\n", "\xc3\xa4", "a\\b", "a:b"};
	char longest[SP_GUEST_NAME_MAX + 2];
	struct sp_error error = {0};
	(void)state;

	for (size_t i = 0; i < sizeof(GOOD) / sizeof(GOOD[0]); i++)
		assert_true(sp_request_check_name(GOOD[i], &error));
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		assert_false(sp_request_check_name(BAD[i], &error));
		assert_names(&error, BAD[i]);
	}
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_false(sp_request_check_name(longest, &error));
	assert_true(sp_request_check_name(longest + 1, &error));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets_and_modes),
		cmocka_unit_test(memory),
		cmocka_unit_test(addresses),
		cmocka_unit_test(functions),
		cmocka_unit_test(clocks),
		cmocka_unit_test(modules),
		cmocka_unit_test(streams),
		cmocka_unit_test(stream_ranges),
		cmocka_unit_test(bad_streams),
		cmocka_unit_test(features),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
