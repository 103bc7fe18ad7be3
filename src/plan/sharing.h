/* SPDX-License-Identifier: MIT */
#ifndef SP_PLAN_SHARING_H
#define SP_PLAN_SHARING_H

#include "plan/plan.h"

/* Who else uses the pages and the interrupts that a guest was given. */
void sp_check_pages(struct sp_plan *plan, const struct sp_plan_guest *guest);
void sp_check_sharers(struct sp_plan *plan, const struct sp_plan_guest *guest);

#endif
