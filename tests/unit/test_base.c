/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sallyport/error.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/findings.h"
#include "base/interval.h"
#include "base/json.h"
#include "base/text.h"

static void error_messages_are_cut(void **state) {
	struct sp_error error = {0};
	char text[1000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_false(sp_error_set(&error, SP_ERROR_INPUT, "%s", text));
	assert_int_equal(error.kind, SP_ERROR_INPUT);
	assert_int_equal(strlen(error.message), sizeof(error.message) - 1);
	assert_false(sp_error_prefix(&error, "file"));
	assert_int_equal(strlen(error.message), sizeof(error.message) - 1);
	assert_memory_equal(error.message, "file: xxx", 9);
	assert_false(sp_error_prefix(&error, text));
	assert_int_equal(strlen(error.message), sizeof(error.message) - 1);
}

static void error_prefix_goes_before(void **state) {
	struct sp_error error;

	(void)state;
	sp_error_set(&error, SP_ERROR_USE, "%d wrong", 3);
	sp_error_prefix(&error, "line 2");
	assert_string_equal(error.message, "line 2: 3 wrong");
	sp_error_set(&error, SP_ERROR_SYSTEM, "again %s", error.message);
	assert_string_equal(error.message, "again line 2: 3 wrong");
	assert_false(sp_error_memory(&error));
	assert_int_equal(error.kind, SP_ERROR_MEMORY);
}

static void arena_memory_is_zero_and_aligned(void **state) {
	struct sp_arena arena = {0};

	(void)state;
	for (size_t size = 0; size < 3000; size += 37) {
		unsigned char *bytes = sp_arena_alloc(&arena, size);

		assert_non_null(bytes);
		assert_int_equal((uintptr_t)bytes % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(bytes[i], 0);
		memset(bytes, 0xff, size);
	}
	assert_non_null(sp_arena_alloc(&arena, 1u << 20));
	assert_string_equal(sp_arena_strdup(&arena, "text"), "text");
	assert_string_equal(sp_arena_strndup(&arena, "text", 2), "te");
	assert_string_equal(sp_arena_printf(&arena, "%d", 42), "42");
	assert_int_equal(strlen(sp_arena_printf(&arena, "%400d", 42)), 400);
	assert_false(arena.failed);
	sp_arena_release(&arena);
	assert_null(arena.chunk);
}

static void arena_remembers_failure(void **state) {
	struct sp_arena arena = {0};

	(void)state;
	assert_null(sp_arena_array(&arena, SIZE_MAX / 2, 3));
	assert_true(arena.failed);
	assert_non_null(sp_arena_alloc(&arena, 8));
	assert_true(arena.failed);
	sp_arena_release(&arena);
	assert_null(sp_arena_alloc(&arena, SIZE_MAX));
	assert_true(arena.failed);
	sp_arena_release(&arena);
}

static void vectors_grow(void **state) {
	struct thing {
		uint32_t value, zero;
	};
	struct sp_arena arena = {0};
	SP_VEC(struct thing) alone = {0};
	SP_VEC(struct thing) mixed = {0};

	(void)state;
	for (uint32_t i = 0; i < 10000; i++) {
		struct thing *thing = sp_vec_push(&arena, &alone);

		assert_non_null(thing);
		assert_int_equal(thing->zero, 0);
		*thing = (struct thing){i, 1};
	}
	for (uint32_t i = 0; i < 1000; i++) {
		struct thing *thing = sp_vec_push(&arena, &mixed);

		assert_non_null(thing);
		assert_int_equal(thing->value | thing->zero, 0);
		*thing = (struct thing){i, 1};
		memset(sp_arena_alloc(&arena, 3), 0xff, 3);
	}
	for (uint32_t i = 0; i < 10000; i++)
		assert_int_equal(alone.data[i].value, i);
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(mixed.data[i].value, i);
	sp_arena_release(&arena);
}

static void buf_writes(void **state) {
	struct sp_buf buf = {0};

	(void)state;
	sp_buf_hex(&buf, 0);
	sp_buf_char(&buf, ' ');
	sp_buf_hex(&buf, UINT64_C(0xfedcba9876543210));
	sp_buf_fill(&buf, '-', 3);
	sp_buf_dec(&buf, 0);
	sp_buf_str(&buf, " ");
	sp_buf_dec(&buf, UINT64_MAX);
	sp_buf_printf(&buf, " %s=%d", "x", -1);
	assert_string_equal(buf.data, "0 fedcba9876543210---0 18446744073709551615 x=-1");
	assert_int_equal(buf.size, strlen(buf.data));
	sp_buf_release(&buf);
	assert_null(buf.data);
	sp_buf_be32(&buf, 0x01020304);
	assert_memory_equal(buf.data, "\1\2\3\4", 5);
	for (int i = 0; i < 1000; i++)
		sp_buf_printf(&buf, "%0100d", i);
	assert_int_equal(buf.size, 100004);
	assert_false(buf.failed);
	sp_buf_release(&buf);
}

static void buf_remembers_failure(void **state) {
	struct sp_buf buf = {0};

	(void)state;
	sp_buf_str(&buf, "kept");
	sp_buf_fill(&buf, ' ', SIZE_MAX / 2);
	assert_true(buf.failed);
	sp_buf_str(&buf, "ignored");
	assert_string_equal(buf.data, "kept");
	sp_buf_release(&buf);
}

static void buf_hands_over(void **state) {
	struct sp_error error = {0};
	struct sp_buf buf = {0};
	char *data = NULL;
	size_t size = 1;

	(void)state;
	assert_true(sp_buf_finish(&buf, &data, &size, &error));
	assert_string_equal(data, "");
	assert_int_equal(size, 0);
	free(data);
	buf = (struct sp_buf){0};
	sp_buf_put(&buf, "a\0b", 3);
	assert_true(sp_buf_finish(&buf, &data, &size, &error));
	assert_int_equal(size, 3);
	assert_memory_equal(data, "a\0b", 4);
	free(data);
	buf = (struct sp_buf){0};
	sp_buf_str(&buf, "lost");
	buf.failed = true;
	assert_false(sp_buf_finish(&buf, &data, &size, &error));
	assert_int_equal(error.kind, SP_ERROR_MEMORY);
	assert_null(buf.data);
}

static void base_names(void **state) {
	static const struct {
		const char *path, *name, *file;
	} rows[] = {{"", "", ""}, {"a", "a", "a"}, {"/a", "a", "a"}, {"a/b.dtb", "b.dtb", "b.dtb"},
		{"a/", "", "a/"}, {"/", "", "/"}, {"a/\tb", "\tb", "?b"}};

	(void)state;
	assert_null(sp_base_name(NULL));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sp_buf out = {0};

		assert_string_equal(sp_base_name(rows[i].path), rows[i].name);
		sp_text_file(&out, rows[i].path);
		assert_string_equal(out.data, rows[i].file);
		sp_buf_release(&out);
	}
}

static void findings_are_counted(void **state) {
	static const struct sp_finding findings[] = {{.severity = SP_SEVERITY_WARN},
		{.severity = SP_SEVERITY_NOTE}, {.severity = SP_SEVERITY_WARN}};
	struct sp_buf out = {0};

	(void)state;
	sp_findings_summary(&out, SP_VERDICT_WARN, findings, 3);
	assert_string_equal(out.data,
		"Verdict   warn: it can work; read the warnings\n"
		"Findings  0 errors, 2 warnings, 1 note\n");
	sp_buf_release(&out);
}

static void findings_tell_files(void **state) {
	static const struct sp_finding finding = {
		.severity = SP_SEVERITY_ERROR, .message = "m", .file = "guest.cfg", .line = 7};

	(void)state;
	for (int files = 0; files < 2; files++) {
		struct sp_buf out = {0};
		struct sp_json json = {.out = &out};

		sp_json_object(&json, NULL);
		sp_findings_json(&json, &finding, 1, files);
		sp_json_end_object(&json);
		assert_non_null(strstr(out.data, "\"severity\": \"error\""));
		assert_non_null(strstr(out.data, "\"guest\": null"));
		assert_int_equal(strstr(out.data, "\"file\": \"guest.cfg\"") != NULL, files);
		assert_int_equal(strstr(out.data, "\"line\": 7") != NULL, files);
		sp_buf_release(&out);
	}
}

static void json_is_indented(void **state) {
	struct sp_buf buf = {0};
	struct sp_json json = {.out = &buf};

	(void)state;
	sp_json_object(&json, NULL);
	sp_json_string(&json, "name", "gpu");
	sp_json_array(&json, "cells");
	sp_json_flat(&json);
	sp_json_number(&json, NULL, 1);
	sp_json_hex(&json, NULL, 0xab);
	sp_json_object(&json, NULL);
	sp_json_bool(&json, "a", true);
	sp_json_null(&json, "b");
	sp_json_end_object(&json);
	sp_json_end_array(&json);
	sp_json_array(&json, "none");
	sp_json_end_array(&json);
	sp_json_array(&json, "list");
	sp_json_bool(&json, NULL, false);
	sp_json_string(&json, NULL, NULL);
	sp_json_end_array(&json);
	sp_json_end_object(&json);
	assert_string_equal(buf.data,
		"{\n"
		"  \"name\": \"gpu\",\n"
		"  \"cells\": [1, \"0xab\", {\"a\": true, \"b\": null}],\n"
		"  \"none\": [],\n"
		"  \"list\": [\n"
		"    false,\n"
		"    null\n"
		"  ]\n"
		"}");
	sp_buf_release(&buf);
}

static void json_survives_depth(void **state) {
	struct sp_buf buf = {0};
	struct sp_json json = {.out = &buf};

	(void)state;
	sp_json_array(&json, NULL);
	sp_json_flat(&json);
	for (int i = 1; i < 100; i++)
		sp_json_array(&json, NULL);
	for (int i = 0; i < 100; i++)
		sp_json_end_array(&json);
	assert_int_equal(json.depth, 0);
	sp_json_end_array(&json);
	assert_int_equal(json.depth, 0);
	sp_buf_release(&buf);
}

static void check_json_string(const char *value, const char *expected) {
	struct sp_buf buf = {0};
	struct sp_json json = {.out = &buf};

	sp_json_string(&json, NULL, value);
	assert_string_equal(buf.data, expected);
	sp_buf_release(&buf);
}

#define REPLACED "\xef\xbf\xbd"

static void json_escapes(void **state) {
	(void)state;
	check_json_string("", "\"\"");
	check_json_string("a\"b\\c/d", "\"a\\\"b\\\\c/d\"");
	check_json_string(
		"\b\t\n\v\f\r\x1f\x01\x7f", "\"\\b\\t\\n\\u000b\\f\\r\\u001f\\u0001\x7f\"");
	check_json_string(
		"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
	check_json_string("a\xff"
			  "b",
		"\"a" REPLACED "b\"");
	check_json_string("\xc3", "\"" REPLACED "\"");
	check_json_string("\xe2\x82", "\"" REPLACED REPLACED "\"");
	check_json_string("\xc0\xaf", "\"" REPLACED REPLACED "\"");
	check_json_string("\xed\xa0\x80", "\"" REPLACED REPLACED REPLACED "\"");
	check_json_string("\xf4\x90\x80\x80", "\"" REPLACED REPLACED REPLACED REPLACED "\"");
	check_json_string("\xe0\x80\x80"
			  "x",
		"\"" REPLACED REPLACED REPLACED "x\"");
}

static void intervals_merge(void **state) {
	struct sp_arena arena = {0};
	struct sp_intervals set = {0};

	(void)state;
	assert_true(sp_intervals_add(&arena, &set, 10, 20));
	assert_true(sp_intervals_add(&arena, &set, 30, 40));
	assert_true(sp_intervals_add(&arena, &set, 5, 5));
	assert_int_equal(set.count, 2);
	assert_true(sp_intervals_add(&arena, &set, 20, 30));
	assert_int_equal(set.count, 1);
	assert_int_equal(set.data[0].start, 10);
	assert_int_equal(set.data[0].end, 40);
	assert_true(sp_intervals_add(&arena, &set, UINT64_MAX - 1, UINT64_MAX));
	assert_true(sp_intervals_add(&arena, &set, 0, 10));
	assert_int_equal(set.count, 2);
	assert_int_equal(set.data[0].start, 0);
	assert_true(sp_intervals_remove(&arena, &set, 15, 25));
	assert_int_equal(set.count, 3);
	assert_int_equal(set.data[0].end, 15);
	assert_int_equal(set.data[1].start, 25);
	assert_true(sp_intervals_contain(&set, 25, 40));
	assert_false(sp_intervals_contain(&set, 24, 26));
	assert_false(sp_intervals_contain(&set, 39, 41));
	assert_true(sp_intervals_touch(&set, 24, 26));
	assert_true(sp_intervals_touch(&set, 14, 25));
	assert_false(sp_intervals_touch(&set, 15, 25));
	assert_true(sp_intervals_remove(&arena, &set, 0, UINT64_MAX));
	assert_int_equal(set.count, 0);
	sp_arena_release(&arena);
}

#define BITS 64

/* Against a plain array of flags. */
static void intervals_agree_with_flags(void **state) {
	struct sp_arena arena = {0};
	struct sp_intervals set = {0};
	bool flags[BITS + 1] = {0};
	uint32_t random = 1;

	(void)state;
	for (int round = 0; round < 5000; round++) {
		uint64_t start, end, all = 1, any = 0;

		random = random * 1664525 + 1013904223;
		start = random >> 8 & (BITS - 1);
		end = start + (random >> 16 & 7);
		end = end > BITS ? BITS : end;
		if (random >> 31)
			assert_true(sp_intervals_add(&arena, &set, start, end));
		else
			assert_true(sp_intervals_remove(&arena, &set, start, end));
		for (uint64_t i = start; i < end; i++)
			flags[i] = random >> 31;
		for (uint32_t i = 0; i < set.count; i++) {
			assert_true(set.data[i].start < set.data[i].end);
			assert_true(!i || set.data[i - 1].end < set.data[i].start);
		}
		for (uint64_t i = 0; i < BITS; i++)
			assert_int_equal(sp_intervals_contain(&set, i, i + 1), flags[i]);
		start = random >> 20 & 31;
		for (uint64_t i = start; i < start + 6; i++) {
			all &= flags[i];
			any |= flags[i];
		}
		assert_int_equal(sp_intervals_contain(&set, start, start + 6), all);
		assert_int_equal(sp_intervals_touch(&set, start, start + 6), any);
	}
	sp_arena_release(&arena);
}

/* Intervals in no order, those of one set without those of another, against the flags of both. */
static void intervals_are_sorted_and_subtracted(void **state) {
	uint32_t random = 1;

	(void)state;
	for (int round = 0; round < 1000; round++) {
		struct sp_arena arena = {0};
		struct sp_intervals sets[2] = {0}, rest = {0};
		bool flags[2][BITS] = {0};

		for (int i = 0; i < 16; i++) {
			struct sp_interval *slot = sp_vec_push(&arena, &sets[i % 2]);

			random = random * 1664525 + 1013904223;
			assert_non_null(slot);
			slot->start = random >> 8 & (BITS / 2 - 1);
			slot->end = slot->start + (random >> 16 & 7);
			for (uint64_t at = slot->start; at < slot->end; at++)
				flags[i % 2][at] = true;
		}
		sp_intervals_sort(&sets[0]);
		sp_intervals_sort(&sets[1]);
		for (uint32_t i = 1; i < sets[0].count; i++)
			assert_true(sets[0].data[i - 1].end < sets[0].data[i].start);
		assert_true(sp_intervals_subtract(&arena, &rest, &sets[0], &sets[1]));
		for (uint64_t i = 0; i < BITS; i++) {
			assert_int_equal(sp_intervals_contain(&sets[0], i, i + 1), flags[0][i]);
			assert_int_equal(
				sp_intervals_contain(&rest, i, i + 1), flags[0][i] && !flags[1][i]);
		}
		sp_arena_release(&arena);
	}
}

static void intervals_fit(void **state) {
	struct sp_arena arena = {0};
	struct sp_intervals set = {0};
	uint64_t at = 0;

	(void)state;
	assert_false(sp_intervals_fit(&set, 1, 1, 0, &at));
	sp_intervals_add(&arena, &set, 0x1800, 0x3000);
	sp_intervals_add(&arena, &set, 0x10000, 0x40000);
	assert_true(sp_intervals_fit(&set, 0x1000, 0x1000, 0, &at));
	assert_int_equal(at, 0x2000);
	assert_true(sp_intervals_fit(&set, 0x1001, 0x1000, 0, &at));
	assert_int_equal(at, 0x10000);
	assert_true(sp_intervals_fit(&set, 0x800, 0x1000, 0x900, &at));
	assert_int_equal(at, 0x1900);
	assert_true(sp_intervals_fit(&set, 0x800, 0x10000, 0x8000, &at));
	assert_int_equal(at, 0x18000);
	assert_false(sp_intervals_fit(&set, 0x30001, 1, 0, &at));
	assert_false(sp_intervals_fit(&set, UINT64_MAX, 1, 0, &at));
	assert_false(sp_intervals_fit(&set, 1, UINT64_C(1) << 63, 0, &at));
	sp_arena_release(&arena);
}

static char base[64];
static char joined[256];

static const char *in_base(const char *name) {
	snprintf(joined, sizeof(joined), "%s/%s", base, name);
	return joined;
}

static int make_base(void **state) {
	(void)state;
	strcpy(base, "/tmp/test_base.XXXXXX");
	return mkdtemp(base) ? 0 : -1;
}

static int remove_base(void **state) {
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", base);
	return system(command);
}

/* Entries of the directory. */
static int entries(const char *path) {
	DIR *stream = opendir(path);
	int count = 0;

	assert_non_null(stream);
	while (readdir(stream))
		count++;
	closedir(stream);
	return count - 2;
}

static void check_file(const char *name, const char *expected) {
	struct sp_error error;
	char *data;
	size_t size;

	if (!expected) {
		assert_int_not_equal(access(in_base(name), F_OK), 0);
		return;
	}
	if (!sp_file_read(in_base(name), 1000, &data, &size, &error))
		fail_msg("%s", error.message);
	assert_string_equal(data, expected);
	assert_int_equal(size, strlen(expected));
	free(data);
}

static void put_file(const char *name, const char *text) {
	FILE *file = fopen(in_base(name), "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void files_are_read(void **state) {
	struct sp_error error;
	char *data;
	size_t size;

	(void)state;
	put_file("text", "0123456789");
	check_file("text", "0123456789");
	put_file("empty", "");
	check_file("empty", "");
	assert_true(sp_file_read(in_base("text"), 10, &data, &size, &error));
	free(data);
	assert_false(sp_file_read(in_base("text"), 9, &data, &size, &error));
	assert_int_equal(error.kind, SP_ERROR_INPUT);
	assert_true(sp_file_read("/proc/self/status", 1 << 20, &data, &size, &error));
	assert_true(size > 100 && data[size] == '\0');
	free(data);
	assert_false(sp_file_read("/proc/self/status", 100, &data, &size, &error));
	assert_false(sp_file_read("/dev/zero", 100000, &data, &size, &error));
	assert_int_equal(error.kind, SP_ERROR_INPUT);
	assert_false(sp_file_read("/no/such", 9, &data, &size, &error));
	assert_int_equal(error.kind, SP_ERROR_SYSTEM);
	assert_string_equal(error.message, "/no/such: No such file or directory");
	assert_false(sp_file_read("/", 9, &data, &size, &error));
	assert_string_equal(error.message, "/: Is a directory");
}

static struct sp_outdir *make_outdir(const char *name, bool force) {
	struct sp_error error;
	struct sp_outdir *dir;

	if (!sp_outdir_create(&dir, in_base(name), force, &error))
		fail_msg("%s", error.message);
	return dir;
}

static void write_out(struct sp_outdir *dir, const char *name, const char *text) {
	struct sp_error error;

	if (!sp_outdir_write(dir, name, text, strlen(text), &error))
		fail_msg("%s", error.message);
}

static void outdir_appears_whole(void **state) {
	struct sp_outdir *dir = make_outdir("out/", false);
	struct sp_error error;
	struct stat status;

	(void)state;
	write_out(dir, "a", "wrong, and longer");
	write_out(dir, "a", "first");
	write_out(dir, "sub/b", "second");
	write_out(dir, "sub/c", "third");
	check_file("out/a", NULL);
	assert_int_equal(access(sp_outdir_staging(dir), F_OK), 0);
	assert_true(sp_outdir_commit(dir, &error));
	sp_outdir_destroy(dir);
	check_file("out/a", "first");
	check_file("out/sub/b", "second");
	check_file("out/sub/c", "third");
	assert_int_equal(entries(base), 1);
	assert_int_equal(stat(in_base("out"), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0755);
	assert_false(sp_outdir_create(&dir, in_base("out"), false, &error));
	assert_int_equal(error.kind, SP_ERROR_USE);
	assert_null(dir);
	sp_outdir_destroy(NULL);
}

static void outdir_vanishes_without_commit(void **state) {
	struct sp_outdir *dir = make_outdir("out", false);

	(void)state;
	write_out(dir, "a", "first");
	write_out(dir, "sub/b", "second");
	sp_outdir_destroy(dir);
	assert_int_equal(entries(base), 0);
}

static void outdir_loses_a_race(void **state) {
	struct sp_outdir *dir = make_outdir("out", false);
	struct sp_error error;

	(void)state;
	write_out(dir, "sub/a", "first");
	assert_int_equal(mkdir(in_base("out"), 0755), 0);
	assert_false(sp_outdir_commit(dir, &error));
	assert_int_equal(error.kind, SP_ERROR_USE);
	assert_int_equal(entries(base), 1);
	assert_int_equal(entries(in_base("out")), 0);
	sp_outdir_destroy(dir);
}

static void outdir_forced_keeps_the_rest(void **state) {
	struct sp_outdir *dir;
	struct sp_error error;

	(void)state;
	assert_int_equal(mkdir(in_base("out"), 0755), 0);
	put_file("out/a", "old");
	put_file("out/kept", "kept");
	put_file("out/stale", "stale");
	put_file("out/again", "old");
	dir = make_outdir("out", true);
	write_out(dir, "a", "new");
	write_out(dir, "sub/b", "b");
	write_out(dir, "again", "new");
	assert_true(sp_outdir_stale(dir, "stale", &error));
	assert_true(sp_outdir_stale(dir, "again", &error));
	assert_true(sp_outdir_stale(dir, "never", &error));
	assert_true(sp_outdir_stale(dir, "none/never", &error));
	check_file("out/a", "old");
	if (!sp_outdir_commit(dir, &error))
		fail_msg("%s", error.message);
	sp_outdir_destroy(dir);
	check_file("out/a", "new");
	check_file("out/sub/b", "b");
	check_file("out/kept", "kept");
	check_file("out/again", "new");
	check_file("out/stale", NULL);
	assert_int_equal(entries(base), 1);
}

static void outdir_forced_changes_nothing_if_it_cannot(void **state) {
	struct sp_outdir *dir;
	struct sp_error error;

	(void)state;
	assert_int_equal(mkdir(in_base("out"), 0755), 0);
	assert_int_equal(mkdir(in_base("out/b"), 0755), 0);
	put_file("out/a", "old");
	dir = make_outdir("out", true);
	write_out(dir, "a", "new");
	write_out(dir, "b", "new");
	assert_false(sp_outdir_commit(dir, &error));
	assert_int_equal(error.kind, SP_ERROR_SYSTEM);
	assert_string_equal(strrchr(error.message, '/'), "/b: Is a directory");
	check_file("out/a", "old");
	assert_int_equal(entries(base), 1);
	sp_outdir_destroy(dir);
}

static void outdir_forced_into_the_working_directory(void **state) {
	struct sp_outdir *dir;
	struct sp_error error;
	char *before = getcwd(NULL, 0);

	(void)state;
	assert_non_null(before);
	assert_int_equal(chdir(base), 0);
	if (!sp_outdir_create(&dir, ".", true, &error))
		fail_msg("%s", error.message);
	write_out(dir, "a", "here");
	if (!sp_outdir_commit(dir, &error))
		fail_msg("%s", error.message);
	sp_outdir_destroy(dir);
	assert_int_equal(chdir(before), 0);
	free(before);
	check_file("a", "here");
	assert_int_equal(entries(base), 1);
}

static void outdir_refuses(void **state) {
	static const char *const names[] = {
		"", "/a", "../a", "./a", "a/", "a/b/c", "..", ".", "a/.."};
	struct sp_outdir *dir;
	struct sp_error error;

	(void)state;
	put_file("file", "");
	assert_false(sp_outdir_create(&dir, in_base("file"), true, &error));
	assert_int_equal(error.kind, SP_ERROR_USE);
	assert_false(sp_outdir_create(&dir, in_base("none/out"), false, &error));
	assert_int_equal(error.kind, SP_ERROR_SYSTEM);
	assert_false(sp_outdir_create(&dir, "", false, &error));
	assert_false(sp_outdir_create(&dir, "/", true, &error));
	dir = make_outdir("out", false);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		assert_false(sp_outdir_write(dir, names[i], "", 0, &error));
		assert_false(sp_outdir_stale(dir, names[i], &error));
	}
	sp_outdir_destroy(dir);
	assert_int_equal(entries(base), 1);
}

#define WITH_BASE(test) cmocka_unit_test_setup_teardown(test, make_base, remove_base)

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(error_messages_are_cut),
		cmocka_unit_test(error_prefix_goes_before),
		cmocka_unit_test(arena_memory_is_zero_and_aligned),
		cmocka_unit_test(arena_remembers_failure),
		cmocka_unit_test(vectors_grow),
		cmocka_unit_test(buf_writes),
		cmocka_unit_test(buf_remembers_failure),
		cmocka_unit_test(buf_hands_over),
		cmocka_unit_test(base_names),
		cmocka_unit_test(findings_are_counted),
		cmocka_unit_test(findings_tell_files),
		cmocka_unit_test(json_is_indented),
		cmocka_unit_test(json_survives_depth),
		cmocka_unit_test(json_escapes),
		cmocka_unit_test(intervals_merge),
		cmocka_unit_test(intervals_agree_with_flags),
		cmocka_unit_test(intervals_are_sorted_and_subtracted),
		cmocka_unit_test(intervals_fit),
		WITH_BASE(files_are_read),
		WITH_BASE(outdir_appears_whole),
		WITH_BASE(outdir_vanishes_without_commit),
		WITH_BASE(outdir_loses_a_race),
		WITH_BASE(outdir_forced_keeps_the_rest),
		WITH_BASE(outdir_forced_changes_nothing_if_it_cannot),
		WITH_BASE(outdir_forced_into_the_working_directory),
		WITH_BASE(outdir_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
