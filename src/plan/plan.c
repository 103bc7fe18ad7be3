/* SPDX-License-Identifier: MIT */
#include "plan/plan.h"

#include <stdlib.h>
#include <string.h>

#include "fdt/tree_paths.h"
#include "plan/create.h"
#include "plan/steps.h"
#include "plan/survey.h"

const char *sp_action_name(enum sp_action action) {
	static const char *const names[SP_ACTION_COUNT] = {
		[SP_ACTION_COPY] = "copy",
		[SP_ACTION_STUB] = "stub",
		[SP_ACTION_GIVE] = "give",
		[SP_ACTION_DROP] = "drop",
		[SP_ACTION_REFUSE] = "refuse",
		[SP_ACTION_REWRITE] = "rewrite",
	};
	return names[action];
}

static bool plan_guests(struct sp_plan *plan, struct sp_error *error) {
	for (uint32_t i = 0; i < plan->request->guest_count; i++) {
		struct sp_plan_guest *guest = sp_vec_push(&plan->arena, &plan->guests);
		if (guest == NULL)
			return sp_error_memory(error);
		guest->request = &plan->request->guests[i];
	}
	for (uint32_t i = 0; i < plan->guests.count; i++) {
		if (!sp_select_devices(plan, &plan->guests.data[i], error))
			return false;
	}
	/* All guests' devices are known from here on: what one is given, another is not warned of.
	 */
	for (uint32_t i = 0; i < plan->guests.count; i++) {
		struct sp_plan_guest *guest = &plan->guests.data[i];
		sp_assign_resources(plan, guest);
		if (!sp_assign_streams(plan, guest, error) ||
			!sp_resolve_dependencies(plan, guest, error))
			return false;
		sp_layout_create(plan, guest);
		sp_place_mappings(plan, guest);
		sp_size_tables(plan, guest);
		if (plan->built)
			sp_build_guest_tree(plan, guest);
	}
	return true;
}

static uint32_t guest_rank(const struct sp_plan *plan, const char *name) {
	if (name == NULL)
		return 0;
	for (uint32_t i = 0; i < plan->guests.count; i++) {
		if (plan->guests.data[i].request->name == name)
			return i + 1;
	}
	return plan->guests.count + 1;
}

/* Where a finding belongs: the host's first, then each guest's, worst first. */
static uint32_t finding_class(const struct sp_plan *plan, const struct sp_finding *finding) {
	return guest_rank(plan, finding->guest) * (SP_SEVERITY_ERROR + 1) +
		(uint32_t)(SP_SEVERITY_ERROR - finding->severity);
}

/* Those of one class stay as they were found. */
static void sort_findings(struct sp_plan *plan) {
	uint32_t classes = (plan->guests.count + 2) * (SP_SEVERITY_ERROR + 1);
	struct sp_finding *sorted =
		sp_arena_array(&plan->arena, plan->findings.count, sizeof(*sorted));
	uint32_t *class_of = sp_arena_array(&plan->arena, plan->findings.count, sizeof(*class_of));
	uint32_t *next = sp_arena_array(&plan->arena, classes + 1u, sizeof(*next));
	if (sorted == NULL || class_of == NULL || next == NULL)
		return;
	for (uint32_t i = 0; i < plan->findings.count; i++) {
		class_of[i] = finding_class(plan, &plan->findings.data[i]);
		next[class_of[i] + 1]++;
	}
	for (uint32_t i = 1; i <= classes; i++)
		next[i] += next[i - 1];
	for (uint32_t i = 0; i < plan->findings.count; i++)
		sorted[next[class_of[i]]++] = plan->findings.data[i];
	plan->findings.data = sorted;
	plan->findings.capacity = plan->findings.count;
}

static enum sp_verdict verdict_of(enum sp_severity severity) {
	return severity == SP_SEVERITY_ERROR   ? SP_VERDICT_NO
		: severity == SP_SEVERITY_WARN ? SP_VERDICT_WARN
					       : SP_VERDICT_OK;
}

static void judge(struct sp_plan *plan) {
	for (uint32_t i = 0; i < plan->findings.count; i++) {
		const struct sp_finding *finding = &plan->findings.data[i];
		enum sp_verdict verdict = verdict_of(finding->severity);
		if (verdict > plan->verdict)
			plan->verdict = verdict;
		uint32_t rank = guest_rank(plan, finding->guest);
		if (rank > 0 && verdict > plan->guests.data[rank - 1].verdict)
			plan->guests.data[rank - 1].verdict = verdict;
	}
}

bool sp_plan_create_stage(struct sp_plan **out, const struct sp_host *host,
	const struct sp_request *request, enum sp_plan_stage stage, struct sp_survey *survey,
	struct sp_error *error) {
	*out = NULL;
	if (request->guest_count == 0)
		return sp_error_set(error, SP_ERROR_USE, "the request names no guest");
	struct sp_plan *plan = calloc(1, sizeof(*plan));
	if (plan == NULL)
		return sp_error_memory(error);
	plan->host = host;
	plan->request = request;
	plan->built = stage == SP_PLAN_BUILT;
	struct sp_survey own = {.arena = &plan->arena};
	plan->survey = survey != NULL ? survey : &own;
	uint32_t lost = sp_tree_paths_lost(host->tree);
	if (!plan_guests(plan, error)) {
		/* What is missing may be missing for want of memory. */
		if (plan->arena.failed)
			sp_error_memory(error);
		sp_plan_destroy(plan);
		return false;
	}
	sp_find_conflicts(plan);
	sp_check_host(plan);
	if (plan->built)
		sp_edit_host(plan);
	sort_findings(plan);
	judge(plan);
	if (plan->arena.failed || sp_tree_paths_lost(host->tree) != lost) {
		sp_plan_destroy(plan);
		return sp_error_memory(error);
	}
	plan->survey = NULL;
	*out = plan;
	return true;
}

bool sp_plan_create(struct sp_plan **plan, const struct sp_host *host,
	const struct sp_request *request, struct sp_error *error) {
	return sp_plan_create_stage(plan, host, request, SP_PLAN_BUILT, NULL, error);
}

void sp_plan_destroy(struct sp_plan *plan) {
	if (plan == NULL)
		return;
	sp_arena_release(&plan->arena);
	free(plan);
}

enum sp_verdict sp_plan_verdict(const struct sp_plan *plan) {
	return plan->verdict;
}

const struct sp_finding *sp_plan_findings(const struct sp_plan *plan, uint32_t *count) {
	*count = plan->findings.count;
	return plan->findings.data;
}
