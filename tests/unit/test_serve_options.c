/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "serve/options.h"

static struct sp_error error;

static void test_devices(void **state) {
	struct sp_serve_request request = {.vm = "vm-1.a_b"};
	const struct sp_device_request *devices = request.devices;

	(void)state;
	assert_true(sp_serve_add_device(&request, "bochs", &error));
	assert_true(sp_serve_add_device(
		&request, "bochs,memory=32M,mode=1920x1080,rom=/a=b,irq=intx", &error));
	assert_true(sp_serve_add_device(&request, "edu,name=bochs-2", &error));
	assert_true(sp_serve_finish(&request, &error));
	assert_int_equal(request.device_count, 3);
	assert_string_equal(devices[0].name, "bochs");
	assert_int_equal(devices[0].memory, 0);
	assert_false(devices[0].intx);
	assert_null(devices[0].rom);
	/* The second is not called as the third one is. */
	assert_string_equal(devices[1].name, "bochs-3");
	assert_int_equal(devices[1].memory, 32 << 20);
	assert_int_equal(devices[1].width, 1920);
	assert_int_equal(devices[1].height, 1080);
	assert_string_equal(devices[1].rom, "/a=b");
	assert_true(devices[1].intx);
	assert_string_equal(devices[2].name, "bochs-2");
	assert_string_equal(devices[2].model->name, "edu");
	sp_serve_request_release(&request);
}

static void test_sizes(void **state) {
	static const struct {
		const char *text;
		uint64_t bytes; /* 0: refused */
	} cases[] = {
		{"memory=4M", 4 << 20},
		{"memory=4MiB", 4 << 20},
		{"memory=4096K", 4 << 20},
		{"memory=4194304", 4 << 20},
		{"memory=256M", 256 << 20},
		{"memory=2M", 0},
		{"memory=512M", 0},
		{"memory=1G", 0},
		{"memory=5M", 0},
		{"memory=0", 0},
		{"memory=", 0},
		{"memory=-4M", 0},
		{"memory= 4M", 0},
		{"memory=4MB", 0},
		{"memory=4Mi", 0},
		{"memory=18446744073709551616", 0},
		{"memory=17592186044420M", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sp_serve_request request = {0};
		char text[64] = "bochs,";

		strcat(text, cases[i].text);
		assert_int_equal(sp_serve_add_device(&request, text, &error), cases[i].bytes != 0);
		if (cases[i].bytes)
			assert_int_equal(request.devices[0].memory, cases[i].bytes);
		sp_serve_request_release(&request);
	}
}

/* Each is refused with these words. */
static void test_refused(void **state) {
	static const struct {
		const char *text, *words;
	} cases[] = {
		{"boch", "did you mean bochs?"},
		{"toaster", "there is no such device"},
		{"", "there is no such device"},
		{"bochs,", "it has no option \"\""},
		{"bochs,memroy=4M", "did you mean memory?"},
		{"bochs,zzzzzzzz=1", "it has no option"},
		{"bochs,memory", "needs a value"},
		{"bochs,mode=1920", "WIDTHxHEIGHT"},
		{"bochs,mode=1920x", "WIDTHxHEIGHT"},
		{"bochs,mode=x1080", "WIDTHxHEIGHT"},
		{"bochs,mode=63x64", "WIDTHxHEIGHT"},
		{"bochs,mode=4096x64", "WIDTHxHEIGHT"},
		{"bochs,mode=64x4096", "WIDTHxHEIGHT"},
		{"bochs,mode=1920x1080x32", "WIDTHxHEIGHT"},
		{"bochs,irq=msi", "irq: msi: it is intx or auto"},
		{"bochs,rom=", "the path of a file"},
		{"bochs,name=", "a name has"},
		{"bochs,name=../../x", "a name has"},
		{"bochs,name=.x", "a name has"},
		{"bochs,name=-x", "a name has"},
		{"bochs,name=a b", "a name has"},
		{"bochs,name=0123456789012345678901234567890123456789012345678", "a name has"},
		{"edu,memory=4M", "it has no option"},
		{"edu,packed=on", "it has no option"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sp_serve_request request = {0};

		assert_false(sp_serve_add_device(&request, cases[i].text, &error));
		assert_non_null(strstr(error.message, cases[i].words));
		sp_serve_request_release(&request);
	}
}

static void test_together(void **state) {
	static const struct {
		const char *vm, *directory, *socket, *devices[2], *words;
	} cases[] = {
		{"a", NULL, NULL, {NULL, NULL}, "--device is needed"},
		{"", NULL, NULL, {"bochs", NULL}, "--vm"},
		{"..", NULL, NULL, {"bochs", NULL}, "--vm"},
		{"a/b", NULL, NULL, {"bochs", NULL}, "--vm"},
		{"a", NULL, "x", {"bochs", NULL}, "--socket is for one device"},
		{NULL, "d", "x", {"bochs", NULL}, "--socket is for one device"},
		{NULL, NULL, "x", {"bochs", "bochs"}, "--socket is for one device"},
		{"a", NULL, NULL, {"bochs,name=x", "bochs,name=x"}, "another socket of that name"},
		{"a", NULL, NULL, {"bochs,name=control", NULL}, "another socket of that name"},
		{"a", NULL, NULL, {"bochs,name=vnc", NULL}, "another socket of that name"},
		{"a", NULL, NULL, {"bochs", "bochs"}, NULL},
		{NULL, NULL, "x", {"bochs", NULL}, NULL},
		{NULL, NULL, NULL, {"bochs", NULL}, NULL},
		{NULL, "d", NULL, {"bochs", "edu"}, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sp_serve_request request = {.vm = cases[i].vm,
			.directory = cases[i].directory,
			.socket = cases[i].socket};

		for (int j = 0; j < 2 && cases[i].devices[j]; j++)
			assert_true(sp_serve_add_device(&request, cases[i].devices[j], &error));
		assert_int_equal(sp_serve_finish(&request, &error), !cases[i].words);
		if (cases[i].words)
			assert_non_null(strstr(error.message, cases[i].words));
		sp_serve_request_release(&request);
	}
}

static void test_many(void **state) {
	struct sp_serve_request request = {.vm = "a", .intx = true};

	(void)state;
	for (uint32_t i = 0; i < SP_SERVE_DEVICES_MAX; i++)
		assert_true(sp_serve_add_device(&request, "edu", &error));
	assert_false(sp_serve_add_device(&request, "edu", &error));
	assert_true(sp_serve_finish(&request, &error));
	assert_string_equal(request.devices[15].name, "edu-16");
	for (uint32_t i = 0; i < SP_SERVE_DEVICES_MAX; i++)
		assert_true(request.devices[i].intx);
	sp_serve_request_release(&request);
}

static void test_vnc(void **state) {
	static const struct {
		const char *text;
		enum sp_vnc_kind kind; /* SP_VNC_DEFAULT: refused */
		const char *host;
		uint16_t port;
	} cases[] = {
		{"none", SP_VNC_NONE, "", 0},
		{"/run/vnc", SP_VNC_UNIX, "", 0},
		{"./vnc:1", SP_VNC_UNIX, "", 0},
		{"127.0.0.1:5900", SP_VNC_TCP, "127.0.0.1", 5900},
		{"[::1]:65535", SP_VNC_TCP, "::1", 65535},
		{"::1:1", SP_VNC_TCP, "::1", 1},
		{":5900", SP_VNC_DEFAULT, NULL, 0},
		{"127.0.0.1:", SP_VNC_DEFAULT, NULL, 0},
		{"127.0.0.1:0", SP_VNC_DEFAULT, NULL, 0},
		{"127.0.0.1:65536", SP_VNC_DEFAULT, NULL, 0},
		{"127.0.0.1:5900x", SP_VNC_DEFAULT, NULL, 0},
		{"non", SP_VNC_DEFAULT, NULL, 0},
		{"", SP_VNC_DEFAULT, NULL, 0},
		{"[]:1", SP_VNC_DEFAULT, NULL, 0},
		{"0123456789012345678901234567890123456789012345678901234567890123:1",
			SP_VNC_DEFAULT, NULL, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sp_serve_request request = {0};
		bool good = sp_serve_set_vnc(&request, cases[i].text, &error);

		assert_int_equal(good, cases[i].kind != SP_VNC_DEFAULT);
		if (!good)
			continue;
		assert_int_equal(request.vnc, cases[i].kind);
		assert_string_equal(request.vnc_host, cases[i].host);
		assert_int_equal(request.vnc_port, cases[i].port);
	}
}

/* Whatever a model says that it takes can be given, and is told of. */
static void test_models(void **state) {
	const struct sp_model *models;
	uint32_t count;

	(void)state;
	models = sp_models(&count);
	assert_true(count >= 2);
	for (uint32_t i = 0; i < count; i++) {
		assert_true(sp_serve_name_valid(models[i].name, SP_DEVICE_NAME_MAX - 3));
		assert_ptr_equal(sp_model_find(models[i].name, &error), &models[i]);
		assert_int_equal(models[i].settings >> SP_SETTING_COUNT, 0);
	}
	for (unsigned i = 0; i < SP_SETTING_COUNT; i++) {
		assert_non_null(sp_setting_info(i)->name);
		assert_non_null(sp_setting_info(i)->value);
		assert_non_null(sp_setting_info(i)->help);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_together),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_vnc),
		cmocka_unit_test(test_models),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
