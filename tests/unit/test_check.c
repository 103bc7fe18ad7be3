/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <string.h>

#include <sallyport/check.h>

#include "check/check.h"
#include "check_cases.h"

#define MAX_STREAMS 4
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const struct check_table *const TABLES[] = {&XL_CHECKS, &TREE_CHECKS};

/* A check with all that it borrows from. */
struct made {
	const struct setup *setup;
	struct sp_tree *tree, *guest;
	struct sp_host *host;
	struct sp_check *check;
	struct sp_request_stream streams[MAX_STREAMS];
	char *text;
};

static bool give(const void *bytes, size_t length, char **data, size_t *size) {
	*data = malloc(length + 1);
	assert_non_null(*data);
	memcpy(*data, bytes, length);
	(*data)[length] = '\0';
	*size = length;
	return true;
}

/* The files of a set-up. */
static bool read_file(
	void *context, const char *path, char **data, size_t *size, struct sp_error *error) {
	const struct made *made = context;
	const struct setup *setup = made->setup;
	const char *config = setup->config ? setup->config : CONFIG;
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	uint32_t length;
	const void *blob;

	if (strcmp(name, "first.cfg") == 0)
		return give(config, strlen(config), data, size);
	if (strcmp(name, "second.cfg") == 0)
		return give(setup->other, strlen(setup->other), data, size);
	if (strcmp(name, "guest.dtb") != 0)
		return sp_error_set(error, SP_ERROR_SYSTEM, "%s: no such file", path);
	blob = sp_tree_blob(made->guest, &length);
	give(blob, length - setup->cut, data, size);
	if (setup->from) {
		char *at = memmem(*data, *size, setup->from, strlen(setup->from));

		assert_non_null(at);
		assert_int_equal(strlen(setup->from), strlen(setup->to));
		memcpy(at, setup->to, strlen(setup->to));
	}
	return true;
}

/* In the modes other than xl's, the host's tree has the guest. */
static struct sp_tree *load_host(const struct setup *setup, unsigned mode) {
	struct change changes[5] = {{0}};
	size_t count = 0;

	if (mode == SP_MODE_DIRECT) {
		changes[count++] = (struct change){DOMAIN, "direct-map", ""};
		changes[count++] =
			(struct change){DOMAIN, "xen,static-mem", "0 0x90000000 0 0x10000000"};
	}
	for (size_t i = 0; i < LENGTH(setup->host) && setup->host[i].property; i++)
		changes[count++] = setup->host[i];
	return load_changed(mode == SP_MODE_XL ? "check" : "check_boot", changes, LENGTH(changes));
}

static void make(struct made *made, const struct setup *setup, unsigned mode) {
	static const char *const configs[] = {"dir/first.cfg", "dir/second.cfg"};
	static const char *const trees[] = {"domU1=guest.dtb"};
	const struct sp_check_reader reader = {read_file, read_file, made};
	struct sp_check_options options = {.target = SP_TARGET_DEFAULT, .streams = made->streams};
	struct sp_error error;

	memset(made, 0, sizeof(*made));
	made->setup = setup;
	made->tree = load_host(setup, mode);
	made->guest = load_changed(mode == SP_MODE_XL ? "check_guest" : "check_module", setup->tree,
		LENGTH(setup->tree));
	if (mode == SP_MODE_XL) {
		options.configs = configs;
		options.config_count = setup->other ? 2 : 1;
	} else {
		options.trees = trees;
		options.tree_count = setup->no_tree ? 0 : 1;
	}
	if (setup->target)
		assert_true(sp_target_parse(setup->target, &options.target));
	if (setup->streams) {
		made->text = strdup(setup->streams);
		assert_true(sp_request_parse_streams(
			made->text, made->streams, MAX_STREAMS, &options.stream_count, &error));
	}
	if (!sp_host_create(&made->host, made->tree, "host.dtb", &error) ||
		!sp_check_create_reading(&made->check, made->host, &options, &reader, &error))
		fail_msg("%s", error.message);
}

static void destroy(struct made *made) {
	sp_check_destroy(made->check);
	sp_host_destroy(made->host);
	sp_tree_destroy(made->tree);
	sp_tree_destroy(made->guest);
	free(made->text);
}

static bool same_path(const char *a, const char *b) {
	return a && b ? strcmp(a, b) == 0 : !a && !b;
}

static const struct sp_finding *find(const struct made *made, const struct check_case *wanted) {
	uint32_t count;
	const struct sp_finding *findings = sp_check_findings(made->check, &count);

	for (uint32_t i = 0; i < count; i++)
		if (findings[i].code == wanted->code && same_path(findings[i].path, wanted->path) &&
			strstr(findings[i].message, wanted->says))
			return &findings[i];
	return NULL;
}

static void print_all(const struct made *made) {
	uint32_t count;
	const struct sp_finding *findings = sp_check_findings(made->check, &count);

	for (uint32_t i = 0; i < count; i++)
		print_message("\t%s %s %s:%u %s: %s\n", sp_finding_info(findings[i].code)->code,
			sp_severity_name(findings[i].severity),
			findings[i].file ? findings[i].file : "-", findings[i].line,
			findings[i].path ? findings[i].path : "", findings[i].message);
}

static enum sp_severity severity_of(char letter) {
	return letter == 'E'    ? SP_SEVERITY_ERROR
		: letter == 'W' ? SP_SEVERITY_WARN
				: SP_SEVERITY_NOTE;
}

static const char *judge(const struct made *made, const struct check_case *wanted, unsigned mode) {
	const struct sp_finding *found = find(made, wanted);
	enum sp_severity severity = severity_of(wanted->severities[mode]);

	if (!found)
		return "is not found";
	if (found->severity != severity)
		return "has another severity";
	if (found->line != (mode == SP_MODE_XL ? wanted->line : 0))
		return "is in another line";
	if (found->line && !found->file)
		return "has a line of no file";
	if (severity == SP_SEVERITY_ERROR && sp_check_verdict(made->check) != SP_VERDICT_NO)
		return "is an error, and the verdict is not no";
	return NULL;
}

static unsigned check(const struct check_case *wanted, unsigned mode) {
	const char *code = sp_finding_info(wanted->code)->code, *trouble;
	unsigned failures = 0;
	struct made made;

	if (wanted->severities[mode] == '-')
		return 0;
	make(&made, &wanted->trigger, mode);
	trouble = judge(&made, wanted, mode);
	if (trouble) {
		print_message("%s, %s (%s) %s; there are:\n", code,
			sp_mode_name((enum sp_mode)mode), wanted->says, trouble);
		print_all(&made);
		failures++;
	}
	destroy(&made);
	make(&made, &wanted->miss, mode);
	if (find(&made, wanted)) {
		print_message("%s, %s, is found for its near miss (%s); there are:\n", code,
			sp_mode_name((enum sp_mode)mode), wanted->says);
		print_all(&made);
		failures++;
	}
	destroy(&made);
	return failures;
}

static void each_is_found_and_nearly_missed(void **state) {
	unsigned failures = 0;

	(void)state;
	for (size_t t = 0; t < LENGTH(TABLES); t++)
		for (size_t i = 0; i < TABLES[t]->count; i++)
			for (unsigned mode = 0; mode < SP_MODE_COUNT; mode++)
				failures += check(&TABLES[t]->cases[i], mode);
	assert_int_equal(failures, 0);
}

/* The set-up from which all others are made has neither errors nor warnings of the check's own. */
static void what_is_right_passes(void **state) {
	static const struct setup right;
	struct made made;

	(void)state;
	for (unsigned mode = 0; mode < SP_MODE_COUNT; mode++) {
		uint32_t count;
		const struct sp_finding *findings;

		make(&made, &right, mode);
		findings = sp_check_findings(made.check, &count);
		for (uint32_t i = 0; i < count; i++) {
			if (findings[i].severity != SP_SEVERITY_ERROR &&
				(findings[i].severity != SP_SEVERITY_WARN ||
					findings[i].code < SP_CODE_CFG_REFUSED))
				continue;
			print_all(&made);
			fail_msg("%s", sp_mode_name((enum sp_mode)mode));
		}
		assert_int_equal(made.check->guests.count, 1);
		assert_true(made.check->guests.data[0].devices.count >= 3);
		destroy(&made);
	}
}

static void findings_are_sorted(void **state) {
	static const struct setup two = {.config = TOP IOMEM IRQS_AND("82, 32") DTDEV,
		.other = "name = \"second\"\nirqs = [ 53, 100 ]\n"};
	struct made made;
	uint32_t count;

	(void)state;
	make(&made, &two, SP_MODE_XL);
	const struct sp_finding *findings = sp_check_findings(made.check, &count);
	for (uint32_t i = 1; i < count; i++) {
		if (findings[i].guest != findings[i - 1].guest) {
			assert_true(findings[i - 1].guest == NULL ||
				strcmp(findings[i].guest, "second") == 0);
			continue;
		}
		assert_true(findings[i].severity <= findings[i - 1].severity);
	}
	destroy(&made);
}

static void json_has_files_and_lines(void **state) {
	static const struct setup twice = {.config = TOP IOMEM IRQS_AND("82") DTDEV};
	struct sp_error error;
	struct made made;
	char *data = NULL;
	size_t size;

	(void)state;
	make(&made, &twice, SP_MODE_XL);
	assert_true(sp_check_json(made.check, &data, &size, &error));
	assert_int_equal(strlen(data), size);
	assert_non_null(strstr(data, "\"schema\": \"sallyport-check\""));
	assert_non_null(strstr(data, "\"verdict\": \"no\""));
	assert_non_null(strstr(data, "\"code\": \"SP-CFG-IRQ-TWICE\""));
	assert_non_null(strstr(data, "\"file\": \"dir/first.cfg\",\n      \"line\": 5"));
	free(data);
	destroy(&made);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_found_and_nearly_missed),
		cmocka_unit_test(what_is_right_passes),
		cmocka_unit_test(findings_are_sorted),
		cmocka_unit_test(json_has_files_and_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
