/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "serve/request.h"
#include "serve/shot.h"

static struct sp_error error;

static bool ask(const char *line, struct sp_control_request *request) {
	return sp_control_read(line, strlen(line), request, &error);
}

static void test_requests(void **state) {
	struct sp_control_request request;

	(void)state;
	assert_true(ask("{\"do\":\"state\"}", &request));
	assert_int_equal(request.verb, SP_CONTROL_STATE);
	assert_true(ask(" { \"do\" : \"quit\" } ", &request));
	assert_int_equal(request.verb, SP_CONTROL_QUIT);
	assert_true(ask("{\"do\":\"screenshot\"}", &request));
	assert_string_equal(request.device, "");
	assert_true(ask("{\"device\":\"bochs-2\",\"do\":\"reset\"}", &request));
	assert_int_equal(request.verb, SP_CONTROL_RESET);
	assert_string_equal(request.device, "bochs-2");
	assert_true(ask("{\"do\":\"resize\",\"width\":16384,\"height\":1}", &request));
	assert_int_equal(request.width, 16384);
	assert_int_equal(request.height, 1);
}

/* Each is an error with these words. */
static void test_refused(void **state) {
	static const struct {
		const char *line, *words;
	} cases[] = {
		{"", "no JSON"},
		{" ", "no JSON"},
		{"{", "no JSON"},
		{"{}", "\"do\" is needed"},
		{"[]", "no object"},
		{"\"state\"", "no JSON"},
		{"{\"do\":1}", "\"do\" is needed"},
		{"{\"do\":null}", "\"do\" is needed"},
		{"{\"do\":\"\"}", "nothing that can be done"},
		{"{\"do\":\"stat\"}", "did you mean state?"},
		{"{\"do\":\"state\"}{\"do\":\"quit\"}", "no JSON"},
		{"{\"do\":\"state\",\"do\":\"quit\"}", "no JSON"},
		{"{\"do\":\"sta\\u0000te\"}", "no JSON"},
		{"{\"do\":\"\xff\"}", "no JSON"},
		{"{\"do\":\"\\ud800\"}", "no JSON"},
		{"{\"do\":\"state\",\"device\":\"bochs\"}", "has no \"device\""},
		{"{\"do\":\"quit\",\"force\":true}", "has no \"force\""},
		{"{\"do\":\"reset\",\"device\":1}", "a device's name"},
		{"{\"do\":\"reset\",\"device\":\"\"}", "a device's name"},
		{"{\"do\":\"reset\",\"device\":\"../x\"}", "a device's name"},
		{"{\"do\":\"resize\"}", "\"width\" is needed"},
		{"{\"do\":\"resize\",\"width\":800}", "\"height\" is needed"},
		{"{\"do\":\"resize\",\"width\":0,\"height\":1}", "\"width\" is needed"},
		{"{\"do\":\"resize\",\"width\":-1,\"height\":1}", "\"width\" is needed"},
		{"{\"do\":\"resize\",\"width\":16385,\"height\":1}", "\"width\" is needed"},
		{"{\"do\":\"resize\",\"width\":4294967297,\"height\":1}", "\"width\" is needed"},
		{"{\"do\":\"resize\",\"width\":1e3,\"height\":1}", "\"width\" is needed"},
		{"{\"do\":\"resize\",\"width\":\"9\",\"height\":1}", "\"width\" is needed"},
		{"{\"do\":\"resize\",\"width\":99999999999999999999,\"height\":1}", "no JSON"},
	};
	struct sp_control_request request;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_false(ask(cases[i].line, &request));
		assert_non_null(strstr(error.message, cases[i].words));
	}
}

/* All that can be cut off, and all bytes in each place, are answered, and none is read behind. */
static void test_hostile(void **state) {
	static const char line[] = "{\"do\":\"resize\",\"device\":\"a\",\"width\":9,\"height\":8}";
	struct sp_control_request request;

	(void)state;
	for (size_t size = 0; size < sizeof(line) - 1; size++) {
		char *part = malloc(size + 1);

		memcpy(part, line, size);
		part[size] = '}';
		assert_false(sp_control_read(part, size, &request, &error));
		free(part);
	}
	for (size_t at = 0; at < sizeof(line) - 1; at++) {
		for (int byte = 0; byte < 256; byte++) {
			char changed[sizeof(line)];

			memcpy(changed, line, sizeof(line));
			changed[at] = (char)byte;
			if (!sp_control_read(changed, sizeof(line) - 1, &request, &error))
				continue;
			assert_int_equal(request.verb, SP_CONTROL_RESIZE);
			assert_true(request.width >= 1 && request.width <= SP_PICTURE_MAX);
		}
	}
}

static void test_long(void **state) {
	struct sp_control_request request;
	char line[SP_CONTROL_LINE_MAX + 1];

	(void)state;
	/* As deep as it can be. */
	memset(line, '[', sizeof(line));
	assert_false(sp_control_read(line, SP_CONTROL_LINE_MAX, &request, &error));
	memset(line, ' ', sizeof(line));
	memcpy(line, "{\"do\":\"state\"}", 14);
	assert_true(sp_control_read(line, SP_CONTROL_LINE_MAX, &request, &error));
	assert_false(sp_control_read(line, SP_CONTROL_LINE_MAX + 1, &request, &error));
}

static void fill(int file, uint64_t size) {
	uint8_t *bytes = malloc(size);

	for (uint64_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 251);
	assert_int_equal(pwrite(file, bytes, size, 0), size);
	free(bytes);
}

/* A picture within wider lines, whose pixels come in several pieces. */
static void test_shot(void **state) {
	const uint64_t size = 200 * 4096 + 64;
	int file = memfd_create("picture", MFD_CLOEXEC);
	struct sp_scanout scanout;
	struct sp_shot shot;
	uint64_t got = 0;
	uint32_t count, pieces = 0;

	(void)state;
	fill(file, size);
	sp_scanout_init(&scanout);
	assert_false(sp_shot_begin(&shot, &scanout, &error));
	assert_string_equal(error.message, "nothing is shown");
	sp_shot_end(&shot);
	sp_scanout_show(&scanout,
		&(struct sp_picture){.file = file,
			.file_size = size,
			.offset = 64,
			.width = 500,
			.height = 200,
			.stride = 4096,
			.format = SP_FORMAT_XRGB8888});
	assert_true(sp_shot_begin(&shot, &scanout, &error));
	assert_int_equal(sp_shot_size(&shot), 500 * 200 * 4);
	/* The device may close its own. */
	close(file);
	while ((count = sp_shot_next(&shot))) {
		pieces++;
		assert_true(count <= SP_SHOT_PIECE);
		for (uint32_t i = 0; i < count; i++, got++) {
			uint64_t at = 64 + got / 2000 * 4096 + got % 2000;

			assert_int_equal(shot.piece[i], (uint8_t)(at * 7 + at / 251));
		}
	}
	assert_int_equal(got, sp_shot_size(&shot));
	assert_true(pieces > 1);
	assert_false(sp_shot_changed(&shot));
	sp_scanout_blank(&scanout);
	assert_true(sp_shot_changed(&shot));
	sp_shot_end(&shot);
	sp_shot_end(&shot);
}

/* A file that gets shorter gives zeros. */
static void test_shot_short(void **state) {
	int file = memfd_create("picture", MFD_CLOEXEC);
	struct sp_scanout scanout;
	struct sp_shot shot;

	(void)state;
	fill(file, 64 * 64 * 2);
	sp_scanout_init(&scanout);
	sp_scanout_show(&scanout,
		&(struct sp_picture){.file = file,
			.file_size = 64 * 64 * 2,
			.width = 64,
			.height = 64,
			.stride = 128,
			.format = SP_FORMAT_RGB565});
	assert_true(sp_shot_begin(&shot, &scanout, &error));
	assert_int_equal(ftruncate(file, 130), 0);
	assert_int_equal(sp_shot_next(&shot), 64 * 64 * 2);
	assert_int_equal(shot.piece[129], (uint8_t)(129 * 7));
	for (uint32_t i = 130; i < 64 * 64 * 2; i++)
		assert_int_equal(shot.piece[i], 0);
	sp_shot_end(&shot);
	close(file);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_shot),
		cmocka_unit_test(test_shot_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
