/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include <sallyport/finding.h>
#include <sallyport/suggest.h>

static void codes(void **state) {
	(void)state;

	assert_string_equal(sp_finding_info(SP_CODE_IRQ_SHARED)->code, "SP-IRQ-SHARED");
	assert_string_equal(
		sp_finding_info(SP_CODE_DEP_COMPANION_REFUSED)->code, "SP-DEP-COMPANION-REFUSED");
	assert_string_equal(sp_finding_info((enum sp_code)0)->code, "SP-HOST-NO-GIC");
	assert_null(sp_finding_info(SP_CODE_COUNT));
	for (int i = 0; i < SP_CODE_COUNT; i++) {
		const char *code = sp_finding_info((enum sp_code)i)->code;

		assert_int_equal(strncmp(code, "SP-", 3), 0);
		assert_int_equal(
			strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"), strlen(code));
		for (int j = 0; j < i; j++)
			assert_string_not_equal(code, sp_finding_info((enum sp_code)j)->code);
	}
}

/* What every entry of the catalogue owes its reader. */
static void catalogue(void **state) {
	(void)state;

	for (int i = 0; i < SP_CODE_COUNT; i++) {
		const struct sp_finding_info *info = sp_finding_info((enum sp_code)i);
		const char *const texts[] = {
			info->title, info->meaning, info->remedy, info->source};
		int used = 0;

		for (size_t j = 0; j < sizeof(texts) / sizeof(texts[0]); j++) {
			assert_non_null(texts[j]);
			assert_true(*texts[j]);
			assert_null(strchr(texts[j], '\n'));
			assert_null(strstr(texts[j], "  "));
			assert_false(isspace((unsigned char)texts[j][strlen(texts[j]) - 1]));
		}
		for (int column = 0; column < SP_COLUMN_COUNT; column++)
			used |= info->severity[column] != SP_SEVERITY_NONE;
		assert_true(used);
	}
}

/* A code is either of trees or of PCI functions. */
static void columns(void **state) {
	(void)state;

	for (int i = 0; i < SP_CODE_COUNT; i++) {
		const struct sp_finding_info *info = sp_finding_info((enum sp_code)i);
		bool tree = false;

		for (int mode = 0; mode < SP_MODE_COUNT; mode++)
			tree |= info->severity[mode] != SP_SEVERITY_NONE;
		assert_int_equal(tree, info->severity[SP_COLUMN_PCI] == SP_SEVERITY_NONE);
		assert_true(tree || strncmp(info->code, "SP-PCI-", 7) == 0);
	}
}

/* Sentences end: this is what tells a placeholder from a text. */
static void sentences(void **state) {
	(void)state;

	for (int i = 0; i < SP_CODE_COUNT; i++) {
		const struct sp_finding_info *info = sp_finding_info((enum sp_code)i);

		assert_int_equal(info->meaning[strlen(info->meaning) - 1], '.');
		assert_int_equal(info->remedy[strlen(info->remedy) - 1], '.');
		assert_int_not_equal(info->title[strlen(info->title) - 1], '.');
	}
}

static void lookup(void **state) {
	const struct sp_finding_info *info = sp_finding_info(SP_CODE_IRQ_SHARED);
	(void)state;

	assert_ptr_equal(sp_finding_lookup("SP-IRQ-SHARED"), info);
	assert_ptr_equal(sp_finding_lookup("sp-irq-shared"), info);
	assert_ptr_equal(sp_finding_lookup("Irq-Shared"), info);
	assert_null(sp_finding_lookup("IRQ_SHARED"));
	assert_null(sp_finding_lookup("IRQ"));
	assert_null(sp_finding_lookup("SP-"));
	assert_null(sp_finding_lookup(""));
}

static void suggestions(void **state) {
	(void)state;

	assert_string_equal(sp_finding_suggest("SP-IRQ-SHARD"), "SP-IRQ-SHARED");
	assert_string_equal(sp_finding_suggest("irq-sahred"), "SP-IRQ-SHARED");
	assert_null(sp_finding_suggest("zzzzzzzzzz"));
	assert_null(sp_finding_suggest(""));
}

static void words(void **state) {
	static const char *const WORDS[] = {"list", "plan", "explain"};
	char longer[SP_SUGGEST_MAX + 2];
	(void)state;

	assert_string_equal(sp_suggest("lsit", WORDS, 3), "list");
	assert_string_equal(sp_suggest("PLAN", WORDS, 3), "plan");
	assert_string_equal(sp_suggest("explane", WORDS, 3), "explain");
	assert_string_equal(sp_suggest("lst", WORDS, 3), "list");
	/* Two letters of four are too many, as is the only letter of one. */
	assert_null(sp_suggest("post", (const char *const[]){"plan"}, 1));
	assert_null(sp_suggest("x", (const char *const[]){"y"}, 1));
	assert_null(sp_suggest("plan", WORDS, 0));
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_null(sp_suggest(longer, (const char *const[]){longer}, 1));
	assert_non_null(sp_suggest(longer + 1, (const char *const[]){longer + 1}, 1));
}

static void verdict_names(void **state) {
	(void)state;

	assert_string_equal(sp_severity_name(SP_SEVERITY_NONE), "none");
	assert_string_equal(sp_severity_name(SP_SEVERITY_NOTE), "note");
	assert_string_equal(sp_severity_name(SP_SEVERITY_WARN), "warning");
	assert_string_equal(sp_severity_name(SP_SEVERITY_ERROR), "error");
	assert_string_equal(sp_verdict_name(SP_VERDICT_OK), "ok");
	assert_string_equal(sp_verdict_name(SP_VERDICT_WARN), "warn");
	assert_string_equal(sp_verdict_name(SP_VERDICT_NO), "no");
	assert_string_equal(sp_verdict_name((enum sp_verdict)3), "?");
	assert_string_equal(sp_severity_name((enum sp_severity)4), "?");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes),
		cmocka_unit_test(catalogue),
		cmocka_unit_test(columns),
		cmocka_unit_test(sentences),
		cmocka_unit_test(lookup),
		cmocka_unit_test(suggestions),
		cmocka_unit_test(words),
		cmocka_unit_test(verdict_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
