/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "xl/config.h"
#include "xl/write.h"

static void put_value(struct sp_buf *out, const struct sp_xl_value *value) {
	if (value->kind == SP_XL_ATOM) {
		sp_buf_printf(out, value->quoted ? "'%s'" : "%s", value->text);
		return;
	}
	sp_buf_char(out, '[');
	for (uint32_t i = 0; i < value->count; i++) {
		if (i)
			sp_buf_char(out, ' ');
		put_value(out, &value->items[i]);
	}
	sp_buf_char(out, ']');
}

/* "NAME@LINE=VALUE;" for each setting, after which the order of the file is seen. */
static void assert_settings(const char *text, size_t size, const char *expected) {
	struct sp_error error = {0};
	struct sp_xl_config *config;
	struct sp_buf out = {0};
	const struct sp_xl_setting *settings;
	uint32_t count;

	if (!sp_xl_config_parse(&config, text, size, "dir/guest.cfg", &error))
		fail_msg("%s", error.message);
	settings = sp_xl_config_settings(config, &count);
	for (uint32_t i = 0; i < count; i++) {
		assert_ptr_equal(sp_xl_config_find(config, settings[i].name), &settings[i]);
		sp_buf_printf(&out, "%s@%u%s", settings[i].name, settings[i].line,
			settings[i].added ? "+=" : "=");
		put_value(&out, &settings[i].value);
		sp_buf_char(&out, ';');
	}
	assert_string_equal(out.data ? out.data : "", expected);
	assert_null(sp_xl_config_find(config, "absent"));
	assert_string_equal(sp_xl_config_name(config), "dir/guest.cfg");
	sp_buf_release(&out);
	sp_xl_config_destroy(config);
}

static void assert_refused(const char *text, size_t size, const char *message) {
	struct sp_error error = {0};
	struct sp_xl_config *config = (void *)&error;

	if (sp_xl_config_parse(&config, text, size, "dir/guest.cfg", &error))
		fail_msg("accepted: %s", text);
	assert_null(config);
	assert_int_equal(error.kind, SP_ERROR_INPUT);
	assert_string_equal(error.message, message);
}

struct row {
	const char *text, *expected;
};

static void read_rows(void **state) {
	static const struct row ROWS[] = {
		{"", ""},
		{"\n \t\n", ""},
		{";;", ""},
		{"# nothing\n", ""},
		{"a=1", "a@1=1;"},
		{"\n\na = 0x1f # behind\n", "a@3=0x1f;"},
		{"a='x;#\"y'\n", "a@1='x;#\"y';"},
		{"a=1;b.c_9=2\n;c=3", "a@1=1;b.c_9@1=2;c@2=3;"},
		{"a=[]", "a@1=[];"},
		{"a=[\n]", "a@1=[];"},
		{"a=[1,'2',\n\n# word\n3,\n]\nb=4", "a@1=[1 '2' 3];b@6=4;"},
		{"a=[[],[1,[2]],'x'\n]", "a@1=[[] [1 [2]] 'x'];"},
		/* The last one wins, and stands where it was written. */
		{"a=1\nb=2\na=3\n", "b@2=2;a@3=3;"},
		{"a=[1]\na='x'", "a@2='x';"},
		/* Additions */
		{"a+=1", "a@1+=1;"},
		{"a='x'\na+=1\na+=\"y\"", "a@3+='x1y';"},
		{"a=[1]\na+=[]\nb=1\na+=[[2],3]\n", "b@3=1;a@4+=[1 [2] 3];"},
		{"a=[1]\na+=[2]\na='x'\na+='y'", "a@4+='xy';"},
		{"a=[1]\na=[2]", "a@2=[2];"},
		{"a+=[]\na+=[]", "a@2+=[];"},
		/* Escapes; those by octal number leave nothing behind. */
		{"a='\\'\\\"\\\\'", "a@1=''\"\\';"},
		{"a=\"\\a\\b\\f\\n\\r\\t\\v\"", "a@1='\a\b\f\n\r\t\v';"},
		{"a='x\\101y'", "a@1='xy';"},
		{"a='\\7890123'", "a@1='123';"},
		{"a='\\0 12'", "a@1='';"},
		{"a='\\0-12'", "a@1='';"},
		{"a='\\0\r1z'", "a@1='z';"},
		/* A string may hold any byte of its line. */
		{"a='\r\t\x80'", "a@1='\r\t\x80';"},
		/* A last byte that fits nowhere is not seen. */
		{"a=1\r", "a@1=1;"},
		{"a=1#", "a@1=1;"},
		{"\"", ""},
		{"A", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++)
		assert_settings(ROWS[i].text, strlen(ROWS[i].text), ROWS[i].expected);
	assert_settings("#\0\na=1", 6, "a@2=1;");
	assert_settings("\0", 1, "");
	assert_settings(NULL, 0, "");
}

static void refuse_rows(void **state) {
	static const struct row ROWS[] = {
		{"a=1\r\n",
			"1: there is a carriage return, which xl does not take as the end of a "
			"line"},
		{"a=1\n# last", "2: the comment is not ended by a newline"},
		{"a='x\ny'", "1: the string has no closing quote on its line"},
		{"a='x\\", "1: the string has no closing quote on its line"},
		{"a='x\\'", "1: the string has no closing quote on its line"},
		{"a='x\\\n'", "1: the string has no closing quote on its line"},
		{"A=1", "1: 'A' outside quotes: names are written in small letters"},
		{"a=\x80\xff", "1: byte 0x80 outside quotes"},
		{"a=-1", "1: '-' outside quotes"},
		{"a+ =1", "1: '+' outside quotes"},
		{"a='\\x41'", "1: xl does not take the escape \\x"},
		{"a='\\8'", "1: xl does not take the escape \\8"},
		{"a='\\1'", "1: xl does not take the escape \\1"},
		{"a='\\12'", "1: xl does not take the escape \\1"},
		{"a='\\1   3'", "1: xl does not take the escape \\1"},
		{"a='\\1+-3'", "1: xl does not take the escape \\1"},
		{"a='\\ '", "1: xl does not take an escape of byte 0x20"},
		{"a", "1: neither '=' nor '+=' follows \"a\""},
		{"a 1", "1: neither '=' nor '+=' follows \"a\""},
		{"1=a", "1: '1' stands where the name of a setting must begin"},
		{"[]", "1: '[' stands where the name of a setting must begin"},
		{"a=", "1: the line ends where a value or a list must begin"},
		{"a=\n1", "1: the line ends where a value or a list must begin"},
		{"a=]", "1: ']' stands where a value or a list must begin"},
		{"a=yes", "1: \"yes\" must be in quotes"},
		{"a=1 2", "1: neither a new line nor ';' follows the value of \"a\""},
		{"a=1g", "1: neither a new line nor ';' follows the value of \"a\""},
		{"a='x''y'", "1: neither a new line nor ';' follows the value of \"a\""},
		{"\na=[\n1\n2]",
			"4: neither ',' nor ']' follows an entry of the list that begins in "
			"line 2"},
		{"a=[1;2]",
			"1: neither ',' nor ']' follows an entry of the list that begins in line "
			"1"},
		{"a=[,]", "1: ',' stands where a value or a list must begin"},
		{"a=[1,,2]", "1: ',' stands where a value or a list must begin"},
		{"a=[b]", "1: \"b\" must be in quotes"},
		{"\na=[1,\n", "2: the list has no end"},
		{"a=[1\n", "1: the list has no end"},
		{"a=1\na+=[2]", "2: a list cannot be added to \"a\", which is none"},
		{"a=[1]\na+=2\na=3", "2: only a list can be added to \"a\", which is one"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		char message[200];

		snprintf(message, sizeof(message), "dir/guest.cfg:%s", ROWS[i].expected);
		assert_refused(ROWS[i].text, strlen(ROWS[i].text), message);
	}
	assert_refused("a='\0'", 5, "dir/guest.cfg:1: there is a NUL byte in the string");
	assert_refused("\0\n", 2, "dir/guest.cfg:1: there is a NUL byte");
}

static void depth(void **state) {
	char text[2 * (SP_XL_MAX_DEPTH + 1) + 2];

	(void)state;
	for (unsigned deep = SP_XL_MAX_DEPTH; deep <= SP_XL_MAX_DEPTH + 1; deep++) {
		struct sp_error error = {0};
		struct sp_xl_config *config;
		bool good;

		memcpy(text, "a=", 2);
		memset(text + 2, '[', deep);
		memset(text + 2 + deep, ']', deep);
		good = sp_xl_config_parse(&config, text, 2 + 2 * deep, "x", &error);
		assert_int_equal(good, deep == SP_XL_MAX_DEPTH);
		if (!good)
			assert_string_equal(
				error.message, "x:1: lists are nested more than 64 deep");
		sp_xl_config_destroy(config);
	}
}

/* Many additions to one name, and a file as large as may be. */
static void large(void **state) {
	struct sp_error error = {0};
	struct sp_xl_config *config;
	const struct sp_xl_setting *setting;
	struct sp_buf text = {0};

	(void)state;
	while (text.size + 8 + 5 <= SP_XL_MAX_BYTES)
		sp_buf_str(&text, text.size % 16 ? "a+=[1,]\n" : "b+=\"2\"\n\n");
	sp_buf_fill(&text, '\n', SP_XL_MAX_BYTES - text.size);
	assert_false(text.failed);
	assert_true(sp_xl_config_parse(&config, text.data, text.size, "x", &error));
	setting = sp_xl_config_find(config, "a");
	assert_non_null(setting);
	assert_int_equal(setting->value.count, SP_XL_MAX_BYTES / 16 - 1);
	setting = sp_xl_config_find(config, "b");
	assert_non_null(setting);
	assert_int_equal(strlen(setting->value.text), SP_XL_MAX_BYTES / 16);
	sp_xl_config_destroy(config);

	sp_buf_char(&text, '\n');
	assert_false(sp_xl_config_parse(&config, text.data, text.size, "x", &error));
	assert_null(config);
	assert_string_equal(error.message, "x: larger than the 1048576 bytes that are read");
	sp_buf_release(&text);
}

static void load(void **state) {
	char path[] = "/tmp/sp-xl-XXXXXX";
	int file = mkstemp(path);
	struct sp_error error = {0};
	struct sp_xl_config *config;

	(void)state;
	assert_true(file >= 0);
	assert_int_equal(write(file, "a=1\nb", 5), 5);
	assert_false(sp_xl_config_load(&config, path, &error));
	assert_null(config);
	assert_int_equal(error.kind, SP_ERROR_INPUT);
	assert_int_equal(strncmp(error.message, path, strlen(path)), 0);
	assert_string_equal(error.message + strlen(path), ":2: neither '=' nor '+=' follows \"b\"");
	assert_int_equal(write(file, "=2", 2), 2);
	assert_true(sp_xl_config_load(&config, path, &error));
	assert_string_equal(sp_xl_config_find(config, "b")->value.text, "2");
	assert_string_equal(sp_xl_config_name(config), path);
	sp_xl_config_destroy(config);
	close(file);
	assert_int_equal(unlink(path), 0);
	assert_false(sp_xl_config_load(&config, path, &error));
	assert_null(config);
	assert_int_equal(error.kind, SP_ERROR_SYSTEM);
	sp_xl_config_destroy(NULL);
}

/* What is written reads back as the same bytes. */
static void write_back(void **state) {
	static const char *const texts[] = {"", "plain", "a\"b'c", "back\\slash\\", "\\n",
		"two\nlines", "tab\there # no comment", "[1, 2]", "\x01\xff\xc3\xa4"};
	struct sp_error error = {0};
	struct sp_xl_config *config;
	const struct sp_xl_setting *setting;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct sp_buf out = {0};

		sp_xl_put_assignment(&out, "text", texts[i]);
		sp_xl_put_own(&out, "own", texts[i], "unused");
		sp_xl_put_own(&out, "left_out", NULL, texts[i]);
		sp_xl_put_number(&out, "number", UINT32_MAX);
		if (!sp_xl_config_parse(&config, out.data, out.size, "written", &error))
			fail_msg("%s", error.message);
		setting = sp_xl_config_find(config, "text");
		assert_non_null(setting);
		assert_true(setting->value.quoted);
		assert_string_equal(setting->value.text, texts[i]);
		setting = sp_xl_config_find(config, "own");
		assert_non_null(setting);
		assert_string_equal(setting->value.text, texts[i]);
		assert_null(sp_xl_config_find(config, "left_out"));
		setting = sp_xl_config_find(config, "number");
		assert_non_null(setting);
		assert_false(setting->value.quoted);
		assert_string_equal(setting->value.text, "4294967295");
		sp_xl_config_destroy(config);
		sp_buf_release(&out);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_rows),
		cmocka_unit_test(refuse_rows),
		cmocka_unit_test(depth),
		cmocka_unit_test(large),
		cmocka_unit_test(load),
		cmocka_unit_test(write_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
