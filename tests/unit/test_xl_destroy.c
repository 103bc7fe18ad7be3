/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "xen/xl.h"

/* A folder with an xl that is a script, and a file for what is printed. */
struct place {
	char folder[64], xl[80], out[80];
};

static void write_file(const char *path, const char *text) {
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void make(struct place *place, const char *script) {
	strcpy(place->folder, "/tmp/sallyport-xl-XXXXXX");
	assert_non_null(mkdtemp(place->folder));
	snprintf(place->xl, sizeof(place->xl), "%s/xl", place->folder);
	snprintf(place->out, sizeof(place->out), "%s/out", place->folder);
	write_file(place->xl, script);
	assert_int_equal(chmod(place->xl, 0700), 0);
	setenv("XL_OUT", place->out, 1);
}

static void unmake(const struct place *place) {
	unlink(place->xl);
	unlink(place->out);
	assert_int_equal(rmdir(place->folder), 0);
}

static void assert_written(const struct place *place, const char *expected) {
	char text[128] = "";
	FILE *file = fopen(place->out, "r");

	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	assert_string_equal(text, expected);
}

/* Once by PATH, and once by a folder after others that have none. */
static int destroy(const struct place *place, bool by_path, unsigned milliseconds) {
	const char *folders[] = {"/nonexistent", by_path ? "/nonexistent" : place->folder, NULL};
	char *path = strdup(getenv("PATH"));
	char with[512];
	int error;

	snprintf(with, sizeof(with), "%s:/bin", by_path ? place->folder : "/nonexistent");
	setenv("PATH", with, 1);
	error = xl_destroy(7, folders, milliseconds);
	setenv("PATH", path, 1);
	free(path);
	return error;
}

static void it_is_found(void **state) {
	struct place place;

	(void)state;
	for (int by_path = 0; by_path < 2; by_path++) {
		make(&place, "#!/bin/sh\necho \"$*\" >$XL_OUT\n");
		assert_int_equal(destroy(&place, by_path, 5000), 0);
		assert_written(&place, "destroy 7\n");
		unmake(&place);
	}
}

static void there_is_none(void **state) {
	struct place place;

	(void)state;
	make(&place, "");
	assert_int_equal(chmod(place.xl, 0600), 0);
	assert_int_equal(destroy(&place, true, 5000), ENOENT);
	assert_int_equal(destroy(&place, false, 5000), ENOENT);
	unlink(place.xl);
	assert_int_equal(destroy(&place, false, 5000), ENOENT);
	unmake(&place);
}

static void it_fails(void **state) {
	struct place place;

	(void)state;
	make(&place, "#!/bin/sh\nexit 1\n");
	assert_int_equal(destroy(&place, true, 5000), EIO);
	unmake(&place);
	make(&place, "#!/bin/sh\nkill -9 $$\n");
	assert_int_equal(destroy(&place, true, 5000), EIO);
	unmake(&place);
}

static void it_takes_too_long(void **state) {
	struct place place;

	(void)state;
	make(&place, "#!/bin/sh\nexec sleep 2\n");
	assert_int_equal(destroy(&place, true, 100), ETIMEDOUT);
	unmake(&place);
}

static void it_prints_nothing_on_standard_output(void **state) {
	struct place place;
	int output, kept;

	(void)state;
	make(&place, "#!/bin/sh\necho said by xl\n");
	fflush(stdout);
	kept = dup(STDOUT_FILENO);
	output = open(place.out, O_CREAT | O_WRONLY, 0600);
	assert_true(kept >= 0 && output >= 0);
	dup2(output, STDOUT_FILENO);
	close(output);
	output = destroy(&place, true, 5000);
	dup2(kept, STDOUT_FILENO);
	close(kept);
	assert_int_equal(output, 0);
	assert_written(&place, "");
	unmake(&place);
}

static void a_closed_pipe_ends_it(void **state) {
	struct place place;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	make(&place, "#!/bin/sh\nkill -PIPE $$\nexit 0\n");
	assert_int_equal(destroy(&place, true, 5000), EIO);
	unmake(&place);
	signal(SIGPIPE, SIG_DFL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_found),
		cmocka_unit_test(there_is_none),
		cmocka_unit_test(it_fails),
		cmocka_unit_test(it_takes_too_long),
		cmocka_unit_test(it_prints_nothing_on_standard_output),
		cmocka_unit_test(a_closed_pipe_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
