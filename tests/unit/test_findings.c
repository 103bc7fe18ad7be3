/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <string.h>

#include <sallyport/plan.h>

#include "findings.h"

#define MAX_STREAMS 8
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const struct finding_table *const TABLES[] = {
	&DEPENDENCY_FINDINGS, &GUEST_FINDINGS, &IOMMU_FINDINGS, &IRQ_FINDINGS, &RESOURCE_FINDINGS};

/* A plan with all that it borrows from. */
struct planned {
	struct sp_tree *tree;
	struct sp_host *host;
	struct sp_plan *plan;
	struct sp_request request;
	struct sp_request_guest guests[2];
	struct sp_request_stream streams[MAX_STREAMS];
	struct sp_request_bdf bdf;
	struct sp_request_clock clock;
	char *texts[3]; /* options, which the request borrows */
};

static char *copy_text(const char *text) {
	size_t size = strlen(text) + 1;
	char *copy = malloc(size);

	assert_non_null(copy);
	return memcpy(copy, text, size);
}

static void read_options(struct planned *planned, const struct scene *scene) {
	struct sp_request_guest *guest = &planned->guests[0];
	struct sp_error error;
	bool good = true;

	if (scene->streams) {
		planned->texts[0] = copy_text(scene->streams);
		good = sp_request_parse_streams(planned->texts[0], planned->streams, MAX_STREAMS,
			&guest->stream_count, &error);
		guest->streams = planned->streams;
	}
	if (good && scene->bdf) {
		planned->texts[1] = copy_text(scene->bdf);
		good = sp_request_parse_bdf(planned->texts[1], &planned->bdf, &error);
		guest->bdfs = &planned->bdf;
		guest->bdf_count = 1;
	}
	if (good && scene->clock) {
		planned->texts[2] = copy_text(scene->clock);
		good = sp_request_parse_clock(planned->texts[2], &planned->clock, &error);
		guest->clocks = &planned->clock;
		guest->clock_count = 1;
	}
	if (!good)
		fail_msg("%s", error.message);
}

static uint32_t count_names(const char *const *names, size_t room) {
	uint32_t count = 0;

	while (count < room && names[count])
		count++;
	return count;
}

/* `base` has what `scene` leaves open: the tree and the devices of the trigger. */
static void make_plan(struct planned *planned, const struct scene *scene, const struct scene *base,
	enum sp_mode mode) {
	const char *const *devices = scene->devices[0] ? scene->devices : base->devices;
	struct sp_request *request = &planned->request;
	struct sp_error error;

	memset(planned, 0, sizeof(*planned));
	planned->tree = load_changed(
		scene->tree ? scene->tree : base->tree, scene->changes, LENGTH(scene->changes));
	if (scene->mode)
		assert_true(sp_mode_parse(scene->mode, &mode));
	planned->guests[0] = (struct sp_request_guest){.name = "first",
		.mode = mode,
		.memory = scene->memory ? scene->memory : SP_GUEST_MEMORY_DEFAULT,
		.static_memory = scene->static_memory,
		.pci = scene->pci,
		.companions = scene->companions,
		.hotplug = scene->hotplug,
		.devices = devices,
		.device_count = count_names(devices, LENGTH(scene->devices))};
	planned->guests[1] = (struct sp_request_guest){.name = "second",
		.mode = mode,
		.memory = 128,
		.devices = scene->others,
		.device_count = count_names(scene->others, LENGTH(scene->others))};
	read_options(planned, scene);
	*request = (struct sp_request){.target = SP_TARGET_DEFAULT,
		.guests = planned->guests,
		.guest_count = scene->others[0] ? 2 : 1};
	if (scene->target)
		assert_true(sp_target_parse(scene->target, &request->target));
	if (!sp_host_create(&planned->host, planned->tree, "fixture", &error) ||
		!sp_plan_create(&planned->plan, planned->host, request, &error))
		fail_msg("%s: %s", base->devices[0], error.message);
}

static void destroy(struct planned *planned) {
	sp_plan_destroy(planned->plan);
	sp_host_destroy(planned->host);
	sp_tree_destroy(planned->tree);
	for (size_t i = 0; i < LENGTH(planned->texts); i++)
		free(planned->texts[i]);
}

static const struct sp_finding *find(
	const struct planned *planned, const struct finding_case *wanted) {
	uint32_t count;
	const struct sp_finding *findings = sp_plan_findings(planned->plan, &count);
	const struct sp_finding *found = NULL;

	for (uint32_t i = 0; i < count; i++) {
		if (findings[i].code != wanted->code)
			continue;
		if (!wanted->path == !findings[i].path &&
			(!wanted->path || strcmp(wanted->path, findings[i].path) == 0))
			return &findings[i];
		found = &findings[i];
	}
	return found;
}

static void print_all(const struct planned *planned) {
	uint32_t count;
	const struct sp_finding *findings = sp_plan_findings(planned->plan, &count);

	for (uint32_t i = 0; i < count; i++)
		print_message("\t%s %s %s: %s\n", sp_finding_info(findings[i].code)->code,
			sp_severity_name(findings[i].severity),
			findings[i].path ? findings[i].path : "", findings[i].message);
}

static enum sp_severity severity_of(char letter) {
	return letter == 'E'    ? SP_SEVERITY_ERROR
		: letter == 'W' ? SP_SEVERITY_WARN
		: letter == 'N' ? SP_SEVERITY_NOTE
				: SP_SEVERITY_NONE;
}

/* What is wrong with the plan of a trigger, NULL if nothing is. */
static const char *judge_trigger(const struct planned *planned, const struct finding_case *wanted,
	enum sp_severity severity) {
	const struct sp_finding *found = find(planned, wanted);

	if (severity == SP_SEVERITY_NONE)
		return found ? "is found in a mode in which it should not arise" : NULL;
	if (!found)
		return "is not found";
	if (found->severity != severity)
		return "has another severity";
	if (!wanted->path != !found->path || (wanted->path && strcmp(wanted->path, found->path)))
		return "is about another node";
	if (!strstr(found->message, wanted->says))
		return "does not say what is at fault";
	if (severity == SP_SEVERITY_ERROR && sp_plan_verdict(planned->plan) != SP_VERDICT_NO)
		return "is an error, and the verdict is not no";
	return NULL;
}

static unsigned check(const struct finding_case *wanted, enum sp_mode mode) {
	const char *code = sp_finding_info(wanted->code)->code, *trouble;
	enum sp_severity severity = severity_of(wanted->severities[mode]);
	unsigned failures = 0;
	struct planned planned;

	if (wanted->trigger.mode && strcmp(wanted->trigger.mode, sp_mode_name(mode)) != 0)
		return 0;
	make_plan(&planned, &wanted->trigger, &wanted->trigger, mode);
	trouble = judge_trigger(&planned, wanted, severity);
	if (trouble) {
		print_message("%s, %s, for %s (%s) %s; there are:\n", code, sp_mode_name(mode),
			wanted->path ? wanted->path : "no node", wanted->says, trouble);
		print_all(&planned);
		failures++;
	}
	destroy(&planned);
	if (severity == SP_SEVERITY_NONE)
		return failures;
	make_plan(&planned, &wanted->miss, &wanted->trigger, mode);
	if (find(&planned, wanted)) {
		print_message("%s, %s, is found for its near miss (%s); there are:\n", code,
			sp_mode_name(mode), wanted->says);
		print_all(&planned);
		failures++;
	}
	destroy(&planned);
	return failures;
}

static void each_is_found_and_nearly_missed(void **state) {
	unsigned failures = 0;

	(void)state;
	for (size_t t = 0; t < LENGTH(TABLES); t++)
		for (size_t i = 0; i < TABLES[t]->count; i++)
			for (unsigned mode = 0; mode < SP_MODE_COUNT; mode++)
				failures += check(&TABLES[t]->cases[i], (enum sp_mode)mode);
	assert_int_equal(failures, 0);
}

/* A code without a case fails here, as does a severity that no case shows. */
static void every_code_has_a_case(void **state) {
	unsigned failures = 0;

	(void)state;
	for (unsigned code = 0; code < SP_CODE_COUNT; code++) {
		const struct sp_finding_info *info = sp_finding_info((enum sp_code)code);
		bool shown[SP_MODE_COUNT] = {0}, any = false;

		/* No plan has it; tests/cli/test_attach.py shows it. */
		if (code == SP_CODE_HOTPLUG_DETACH_IRQ)
			continue;
		/* It takes hundreds of devices; tests/cli/test_cli.py has them. */
		if (code == SP_CODE_CFG_TOO_MANY)
			continue;
		for (size_t t = 0; t < LENGTH(TABLES); t++) {
			for (size_t i = 0; i < TABLES[t]->count; i++) {
				const struct finding_case *at = &TABLES[t]->cases[i];

				if (at->code != (enum sp_code)code)
					continue;
				any = true;
				for (unsigned mode = 0; mode < SP_MODE_COUNT; mode++)
					shown[mode] |= at->severities[mode] != '-';
			}
		}
		for (unsigned mode = 0; mode < SP_MODE_COUNT; mode++) {
			bool checked = check_cases_show((enum sp_code)code, mode);

			shown[mode] |= checked;
			any |= checked;
			if (shown[mode] == (info->severity[mode] != SP_SEVERITY_NONE))
				continue;
			print_message("%s: %s case for %s, where the catalogue says %s\n",
				info->code,
				shown[mode]   ? "a"
					: any ? "no"
					      : "no trigger and no",
				sp_mode_name((enum sp_mode)mode),
				sp_severity_name(info->severity[mode]));
			failures++;
		}
	}
	assert_int_equal(failures, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_found_and_nearly_missed),
		cmocka_unit_test(every_code_has_a_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
