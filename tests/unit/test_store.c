/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xen/ctrl.h"

/* The record in xenstore, over a xenstore in memory that stands in for the library. */

#define GUEST 3u
#define FOLDER "/libxl/3"
#define RECORD FOLDER "/sallyport"
#define ENTRIES 2048

static struct {
	struct {
		char path[64], value[64];
	} entries[ENTRIES];
	size_t count;
	unsigned calls, conflicts;
	unsigned fail; /* the call that fails with EIO */
	bool lost; /* entries are listed, and cannot be read */
} store;

static bool fails(void) {
	if (++store.calls != store.fail)
		return false;
	errno = EIO;
	return true;
}

static size_t find(const char *path) {
	size_t i = 0;

	while (i < store.count && strcmp(store.entries[i].path, path) != 0)
		i++;
	if (i == store.count)
		errno = ENOENT;
	return i;
}

static void put(const char *path, const char *value) {
	size_t i = find(path);

	assert_true(i < ENTRIES);
	store.count += i == store.count;
	snprintf(store.entries[i].path, sizeof(store.entries[i].path), "%s", path);
	snprintf(store.entries[i].value, sizeof(store.entries[i].value), "%s", value);
}

void *xs_read(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *len) {
	size_t i = find(path);

	(void)h;
	(void)t;
	if (fails() || i == store.count)
		return NULL;
	if (store.lost && strncmp(path, RECORD "/", strlen(RECORD "/")) == 0) {
		errno = EACCES;
		return NULL;
	}
	*len = (unsigned)strlen(store.entries[i].value);
	return strdup(store.entries[i].value);
}

/* One block, as the library gives it. */
char **xs_directory(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *num) {
	size_t size = strlen(path), room = ENTRIES * (sizeof(char *) + 64);
	char **names, *text;

	(void)h;
	(void)t;
	if (fails())
		return NULL;
	if (find(path) == store.count)
		return NULL;
	names = calloc(1, room);
	text = (char *)(names + ENTRIES);
	*num = 0;
	for (size_t i = 0; i < store.count; i++) {
		const char *entry = store.entries[i].path;

		if (strncmp(entry, path, size) != 0 || entry[size] != '/' ||
			strchr(entry + size + 1, '/'))
			continue;
		names[(*num)++] = strcpy(text, entry + size + 1);
		text += strlen(text) + 1;
	}
	return names;
}

bool xs_write(struct xs_handle *h, xs_transaction_t t, const char *path, const void *data,
	unsigned int len) {
	(void)h;
	(void)t;
	if (fails())
		return false;
	if (strncmp(path, RECORD, strlen(RECORD)) == 0)
		put(RECORD, "");
	put(path, data);
	assert_int_equal(strlen(data), len);
	return true;
}

bool xs_rm(struct xs_handle *h, xs_transaction_t t, const char *path) {
	size_t i = find(path);

	(void)h;
	(void)t;
	if (fails())
		return false;
	if (i < store.count)
		store.entries[i] = store.entries[--store.count];
	return true;
}

xs_transaction_t xs_transaction_start(struct xs_handle *h) {
	(void)h;
	return fails() ? XBT_NULL : 1;
}

/* What an aborted or conflicting one wrote is not taken back here. */
bool xs_transaction_end(struct xs_handle *h, xs_transaction_t t, bool abort) {
	(void)h;
	(void)t;
	if (fails())
		return false;
	if (abort || !store.conflicts)
		return true;
	store.conflicts--;
	errno = EAGAIN;
	return false;
}

bool xs_watch(struct xs_handle *h, const char *path, const char *token) {
	(void)h;
	(void)path;
	(void)token;
	return true;
}

char **xs_check_watch(struct xs_handle *h) {
	(void)h;
	return NULL;
}

int xs_fileno(struct xs_handle *h) {
	(void)h;
	return -1;
}

static void begin(struct ctrl *ctrl) {
	memset(&store, 0, sizeof(store));
	*ctrl = (struct ctrl){0};
	put(FOLDER, "");
}

static void assert_records(struct ctrl *ctrl, const char *expected) {
	char *lines;

	assert_int_equal(ctrl_records(&ctrl->xen, GUEST, &lines), 0);
	assert_string_equal(lines, expected);
	free(lines);
}

static void written_and_removed(void **state) {
	struct ctrl ctrl;

	(void)state;
	begin(&ctrl);
	assert_records(&ctrl, "");
	assert_int_equal(ctrl_record(&ctrl.xen, GUEST, "one"), 0);
	assert_int_equal(ctrl_record(&ctrl.xen, GUEST, "two"), 0);
	assert_records(&ctrl, "one\ntwo\n");
	assert_int_equal(ctrl_forget(&ctrl.xen, GUEST, "one"), 0);
	assert_int_equal(ctrl_forget(&ctrl.xen, GUEST, "one"), ENOENT);
	assert_records(&ctrl, "two\n");
	assert_int_equal(ctrl_record(&ctrl.xen, GUEST, "three"), 0);
	assert_records(&ctrl, "two\nthree\n");
	ctrl_release_records(&ctrl);
}

/* Numbers need not begin with 0, nor be without gaps. */
static void numbers_are_not_used_twice(void **state) {
	struct ctrl ctrl;

	(void)state;
	begin(&ctrl);
	put(RECORD, "");
	put(RECORD "/1", "one");
	put(RECORD "/7", "seven");
	assert_records(&ctrl, "one\nseven\n");
	assert_int_equal(ctrl_record(&ctrl.xen, GUEST, "new"), 0);
	assert_true(find(RECORD "/8") < store.count);
	assert_records(&ctrl, "one\nseven\nnew\n");
	ctrl_release_records(&ctrl);
}

static void a_guest_that_is_ended(void **state) {
	struct ctrl ctrl;

	(void)state;
	begin(&ctrl);
	assert_records(&ctrl, "");
	assert_int_equal(ctrl_record(&ctrl.xen, GUEST, "one"), 0);
	store.count = 0;
	assert_int_equal(ctrl_forget(&ctrl.xen, GUEST, "one"), ENOENT);
	assert_int_equal(ctrl_record(&ctrl.xen, GUEST, "two"), ENOENT);
	assert_int_equal(store.count, 0);
	ctrl_release_records(&ctrl);
}

static void what_cannot_be_read_is_an_error(void **state) {
	struct ctrl ctrl;
	char *lines;

	(void)state;
	begin(&ctrl);
	put(RECORD, "");
	put(RECORD "/0", "zero");
	store.lost = true;
	assert_int_equal(ctrl_records(&ctrl.xen, GUEST, &lines), EACCES);
	assert_null(lines);
	store.lost = false;
	put(RECORD "/name", "no number");
	assert_int_equal(ctrl_records(&ctrl.xen, GUEST, &lines), EINVAL);
	ctrl_release_records(&ctrl);
}

static void any_call_fails(void **state) {
	unsigned seen = 0;
	bool failed = true;

	(void)state;
	for (unsigned n = 1; failed; n++, seen++) {
		struct ctrl ctrl;
		char *lines;

		begin(&ctrl);
		put(RECORD, "");
		put(RECORD "/0", "zero");
		store.fail = n;
		failed = ctrl_records(&ctrl.xen, GUEST, &lines) != 0;
		free(lines);
		failed = failed || ctrl_record(&ctrl.xen, GUEST, "one") ||
			ctrl_forget(&ctrl.xen, GUEST, "zero");
		assert_int_equal(failed, store.calls >= n);
		ctrl_release_records(&ctrl);
	}
	assert_true(seen > 6);
}

static void others_get_in_the_way(void **state) {
	struct ctrl ctrl;

	(void)state;
	begin(&ctrl);
	store.conflicts = 3;
	assert_int_equal(ctrl_record(&ctrl.xen, GUEST, "one"), 0);
	assert_records(&ctrl, "one\n");
	store.conflicts = 1000;
	assert_int_equal(ctrl_record(&ctrl.xen, GUEST, "two"), EAGAIN);
	assert_true(store.conflicts > 900);
	ctrl_release_records(&ctrl);
}

/* So many calls for each line, and no more with more lines. */
static void calls_do_not_grow(void **state) {
	struct ctrl ctrl;
	char line[16];

	(void)state;
	begin(&ctrl);
	assert_records(&ctrl, "");
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(line, sizeof(line), "%u", i);
		assert_int_equal(ctrl_record(&ctrl.xen, GUEST, line), 0);
	}
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(line, sizeof(line), "%u", i);
		assert_int_equal(ctrl_forget(&ctrl.xen, GUEST, line), 0);
	}
	assert_true(store.calls <= 6001);
	assert_records(&ctrl, "");
	ctrl_release_records(&ctrl);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written_and_removed),
		cmocka_unit_test(numbers_are_not_used_twice),
		cmocka_unit_test(a_guest_that_is_ended),
		cmocka_unit_test(what_cannot_be_read_is_an_error),
		cmocka_unit_test(any_call_fails),
		cmocka_unit_test(others_get_in_the_way),
		cmocka_unit_test(calls_do_not_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
