/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>

#include "plan/steps.h"

void sp_finding_add(struct sp_plan *plan, const struct sp_plan_guest *guest, enum sp_code code,
	sp_node node, const char *format, ...) {
	/* What concerns the host is judged as for its first guest. */
	const struct sp_plan_guest *judge = guest != NULL ? guest : &plan->guests.data[0];
	const struct sp_finding_info *info = sp_finding_info(code);
	enum sp_severity severity = info->severity[judge->request->mode];
	if (severity == SP_SEVERITY_NONE)
		return;
	struct sp_finding *finding = sp_vec_push(&plan->arena, &plan->findings);
	if (finding == NULL)
		return;
	char message[480];
	va_list args;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	finding->code = code;
	finding->severity = severity;
	finding->guest = guest != NULL ? guest->request->name : NULL;
	finding->path = node != SP_NODE_NONE ? sp_tree_path(plan->host->tree, node) : NULL;
	finding->message = sp_arena_strdup(&plan->arena, message);
	finding->remedy = info->remedy;
	if (finding->message == NULL)
		finding->message = info->title;
}
