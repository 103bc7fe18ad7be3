/* SPDX-License-Identifier: MIT */
#ifndef SP_PLAN_CREATE_H
#define SP_PLAN_CREATE_H

#include "plan/plan.h"

/* How far a plan is taken: `list` asks for verdicts of many devices and needs no trees. */
enum sp_plan_stage { SP_PLAN_ASSESSED, SP_PLAN_BUILT };

/* sp_plan_create(), to a stage. Plans of one host for one target may share a survey; NULL: none. */
struct sp_survey;
bool sp_plan_create_stage(struct sp_plan **plan, const struct sp_host *host,
	const struct sp_request *request, enum sp_plan_stage stage, struct sp_survey *survey,
	struct sp_error *error);

#endif
