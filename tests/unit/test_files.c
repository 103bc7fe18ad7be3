/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/files.h"

struct set {
	struct sp_arena arena;
	struct sp_files files;
};

static void begin(struct set *set) {
	*set = (struct set){0};
	set->files.arena = &set->arena;
}

static void end(struct set *set) {
	sp_arena_release(&set->arena);
}

static void add(struct set *set, enum sp_record_kind kind, const char *name, const char *data,
	size_t size) {
	assert_true(sp_files_add(&set->files, kind, name, data, size));
}

static void add_text(
	struct set *set, enum sp_record_kind kind, const char *name, const char *text) {
	add(set, kind, name, text, strlen(text));
}

static void parse(struct set *set, const char *text, size_t size) {
	struct sp_error error = {0};

	begin(set);
	if (!sp_files_parse(&set->files, text, size, &error))
		fail_msg("%s", error.message);
}

static void assert_same(const struct sp_files *left, const struct sp_files *right) {
	assert_int_equal(left->records.count, right->records.count);
	for (uint32_t i = 0; i < left->records.count; i++) {
		const struct sp_record *a = &left->records.data[i], *b = &right->records.data[i];

		assert_string_equal(a->name, b->name);
		assert_int_equal(a->kind, b->kind);
		assert_int_equal(a->size, b->size);
		assert_memory_equal(a->data, b->data, a->size);
		assert_int_equal(b->data[b->size], 0);
	}
}

/* Written and read again it is the same. */
static void assert_round_trip(struct set *set) {
	struct sp_buf text = {0}, twice = {0};
	struct set again;

	sp_files_sort(&set->files);
	sp_files_write(&set->files, &text);
	assert_false(text.failed);
	parse(&again, text.data, text.size);
	assert_same(&set->files, &again.files);
	sp_files_write(&again.files, &twice);
	assert_int_equal(text.size, twice.size);
	assert_memory_equal(text.data, twice.data, text.size);
	sp_buf_release(&text);
	sp_buf_release(&twice);
	end(&again);
}

static void finds_records(void **state) {
	struct set set;
	uint32_t first;

	(void)state;
	begin(&set);
	add_text(&set, SP_RECORD_TEXT, "/b", "old");
	add_text(&set, SP_RECORD_LINK, "/dir/link", "../x");
	add_text(&set, SP_RECORD_TEXT, "/dir/a", "1");
	add_text(&set, SP_RECORD_DENIED, "/dir/z", "");
	add_text(&set, SP_RECORD_BYTES, "/dir/bytes", "x");
	add_text(&set, SP_RECORD_TEXT, "/dirty", "2");
	add_text(&set, SP_RECORD_TEXT, "/b", "new");
	sp_files_sort(&set.files);
	assert_int_equal(set.files.records.count, 6);
	assert_string_equal(sp_files_text(&set.files, "/%s", "b"), "new");
	assert_string_equal(sp_files_text(&set.files, "/dir/link"), "../x");
	assert_null(sp_files_text(&set.files, "/dir"));
	assert_null(sp_files_text(&set.files, "/dir/bytes"));
	assert_non_null(sp_files_get(&set.files, "/dir/bytes"));
	assert_null(sp_files_get(&set.files, "/dir/z"));
	assert_true(sp_files_denied(&set.files, "/dir/z"));
	assert_false(sp_files_denied(&set.files, "/dir/a"));
	assert_int_equal(sp_files_range(&set.files, "/dir/", &first), 4);
	assert_string_equal(set.files.records.data[first].name, "/dir/a");
	assert_int_equal(sp_files_range(&set.files, "/dir", &first), 5);
	assert_int_equal(sp_files_range(&set.files, "/nothing", &first), 0);
	assert_int_equal(sp_files_range(&set.files, "", &first), 6);
	end(&set);
}

/* What would be read as another name is not taken. */
static void refuses_names(void **state) {
	static const char *const names[] = {"", " /a", "/a ", "/a\nb", "a -> b", "a = b",
		"a size 1", "a =", "a ->", "a size", "\xc3\xa4"};
	char longest[SP_FILES_NAME + 1];
	struct set set;

	(void)state;
	begin(&set);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		add_text(&set, SP_RECORD_CALL, names[i], "x");
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	add_text(&set, SP_RECORD_TEXT, longest, "x");
	assert_int_equal(set.files.records.count, 0);
	longest[SP_FILES_NAME - 1] = '\0';
	add_text(&set, SP_RECORD_TEXT, longest, "x");
	assert_int_equal(set.files.records.count, 1);
	end(&set);
}

static void goes_round(void **state) {
	static const char *const texts[] = {"", "a", "a\nb", "\n", "\n\n", "a\n", "\na", "\t",
		"\ta\n\t\n", "# no comment", "a\r", "a\r\nb\r", " -> ", "ä \x01"};
	static const char bytes[] = "\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\0\0\0\0\0\0\0\0\0\0\0"
				    "\0\0\0\0\0\377\0";
	struct set set;
	char name[32];

	(void)state;
	begin(&set);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		snprintf(name, sizeof(name), "/text/%zu", i);
		add_text(&set, SP_RECORD_TEXT, name, texts[i]);
		snprintf(name, sizeof(name), "xl %zu", i);
		add_text(&set, SP_RECORD_COMMAND, name, texts[i]);
	}
	add(&set, SP_RECORD_TEXT, "/nul", "a\0b\n\0", 5);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		snprintf(name, sizeof(name), "/bytes/%zu", i);
		add(&set, SP_RECORD_BYTES, name, bytes, i);
	}
	add_text(&set, SP_RECORD_LINK, "/link", "../a -> b");
	add_text(&set, SP_RECORD_CALL, "gsi 0000:03:00.0", " 36 = x size 4");
	add_text(&set, SP_RECORD_CALL, "empty", "");
	add_text(&set, SP_RECORD_DENIED, "/denied", "");
	assert_round_trip(&set);
	end(&set);
}

static void is_written_plainly(void **state) {
	static const char bytes[64] = {[0] = 1, [48] = '\xff'};
	struct sp_buf text = {0};
	struct set set;

	(void)state;
	begin(&set);
	add(&set, SP_RECORD_BYTES, "/config", bytes, sizeof(bytes));
	add_text(&set, SP_RECORD_TEXT, "/class", "0x030000\nb");
	add_text(&set, SP_RECORD_CALL, "gsi 0000:03:00.0", "36");
	add_text(&set, SP_RECORD_LINK, "/driver", "../nvme");
	add_text(&set, SP_RECORD_DENIED, "/table", "");
	sp_files_sort(&set.files);
	sp_files_write(&set.files, &text);
	assert_string_equal(text.data,
		"sallyport snapshot 1\n"
		"file /class\n"
		"\t0x030000\n"
		"\tb\n"
		"bytes /config size 64\n"
		"\t0000: 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n"
		"\t0030: ff 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n"
		"link /driver -> ../nvme\n"
		"denied /table\n"
		"call gsi 0000:03:00.0 = 36\n");
	sp_buf_release(&text);
	end(&set);
}

static void reads_what_people_write(void **state) {
	static const char text[] = "sallyport snapshot 1\r\n"
				   "\r\n"
				   "# A comment.\r\n"
				   "file /a\r\n"
				   "\tone\r\n"
				   "\r\n"
				   "# Another one.\r\n"
				   "\tthree\r\n"
				   "\r\n"
				   "bytes /b\r\n"
				   "\t10: 0102 03\t04 \r\n"
				   "\t0: FF\r\n"
				   "bytes /c size 0x20\r\n"
				   "file /last";
	struct set set;
	const struct sp_record *record;

	(void)state;
	parse(&set, text, sizeof(text) - 1);
	assert_int_equal(set.files.records.count, 4);
	assert_string_equal(sp_files_text(&set.files, "/a"), "one\n\nthree");
	assert_string_equal(sp_files_text(&set.files, "/last"), "");
	record = sp_files_get(&set.files, "/b");
	assert_int_equal(record->size, 20);
	assert_memory_equal(record->data, "\xff\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\2\3\4", 20);
	record = sp_files_get(&set.files, "/c");
	assert_int_equal(record->size, 32);
	end(&set);
}

static void names_the_line(void **state) {
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"", "line 1: \"sallyport snapshot 1\" is wanted"},
		{"sallyport snapshot 2\n", "line 1: a snapshot of another version"},
		{"sallyport snapshot 1x\n", "line 1: a snapshot of another version"},
		{"sallyport snapshot 1\nfile\n", "line 2: the record has no name"},
		{"sallyport snapshot 1\nfile \n", "line 2: the record has no name"},
		{"sallyport snapshot 1\nfile  /a\n", "line 2: the record has no name"},
		{"sallyport snapshot 1\n\nfiles /a\n", "line 3: a record begins with"},
		{"sallyport snapshot 1\n\ta\n", "line 2: a line that begins with a tab"},
		{"sallyport snapshot 1\ndenied /a\n\ta\n", "line 3: a line that begins with a tab"},
		{"sallyport snapshot 1\nlink /a\n", "line 2: \"link PATH -> TARGET\""},
		{"sallyport snapshot 1\ncall gsi\n", "line 2: \"call NAME = VALUE\""},
		{"sallyport snapshot 1\nbytes /a size x\n", "line 2: the size must be"},
		{"sallyport snapshot 1\nbytes /a size -1\n", "line 2: the size must be"},
		{"sallyport snapshot 1\nbytes /a size 16777217\n", "line 2: the size must be"},
		{"sallyport snapshot 1\nbytes /a\n\t0: 1\n", "line 3: bytes of two"},
		{"sallyport snapshot 1\nbytes /a\n\t0: 0g\n", "line 3: bytes of two"},
		{"sallyport snapshot 1\nbytes /a\n\t01 02\n", "line 3: an offset in hexadecimal"},
		{"sallyport snapshot 1\nbytes /a\n\n\t: 02\n", "line 4: an offset in hexadecimal"},
		{"sallyport snapshot 1\nbytes /a\n\tfffffffff: 2\n",
			"line 3: the offset is beyond"},
		{"sallyport snapshot 1\nbytes /a size 1\n\t0: 01 02\n",
			"line 3: the bytes go beyond"},
		{"sallyport snapshot 1\nbytes /a size 1\n\t2:\n", "line 3: the bytes go beyond"},
		{"sallyport snapshot 1\nbytes /a size 16777216\nbytes /b size 1\n",
			"line 3: more bytes than"},
		{"sallyport snapshot 1\nfile /a\1\n",
			"line 2: a record's line may have no control"},
		{"sallyport snapshot 1\nfile /\xc3\xa4\n", "line 2: the name is too long, or"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sp_error error = {0};
		struct set set;

		begin(&set);
		assert_false(
			sp_files_parse(&set.files, cases[i].text, strlen(cases[i].text), &error));
		assert_int_equal(error.kind, SP_ERROR_INPUT);
		if (!strstr(error.message, cases[i].says))
			fail_msg(
				"case %zu: \"%s\" and not \"%s\"", i, error.message, cases[i].says);
		end(&set);
	}
}

static void bounds_the_whole(void **state) {
	struct sp_error error = {0};
	struct sp_buf text = {0};
	struct set set;

	(void)state;
	begin(&set);
	sp_buf_str(&text, "sallyport snapshot 1\n");
	sp_buf_fill(&text, '#', SP_FILES_LIMIT);
	assert_false(sp_files_parse(&set.files, text.data, text.size, &error));
	assert_string_equal(error.message, "a snapshot has at most 16 MiB");
	text.size = strlen("sallyport snapshot 1\n");
	for (uint32_t i = 0; i <= SP_FILES_RECORDS; i++)
		sp_buf_printf(&text, "denied /%u\n", i);
	assert_false(sp_files_parse(&set.files, text.data, text.size, &error));
	assert_string_equal(error.message, "line 262146: more records than any machine has");
	sp_buf_release(&text);
	end(&set);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_records),
		cmocka_unit_test(refuses_names),
		cmocka_unit_test(goes_round),
		cmocka_unit_test(is_written_plainly),
		cmocka_unit_test(reads_what_people_write),
		cmocka_unit_test(names_the_line),
		cmocka_unit_test(bounds_the_whole),
	};

	return cmocka_run_group_tests_name("files", tests, NULL, NULL);
}
