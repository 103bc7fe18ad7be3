/* SPDX-License-Identifier: MIT */
#ifndef SP_PLAN_HOLDERS_H
#define SP_PLAN_HOLDERS_H

#include "plan/plan.h"

/*
 * dom0 switches off clocks, power domains and supplies that none of its devices uses, and sets no
 * pins for a device that it does not have. A holder is a node of a stock binding, an always-on
 * fixed regulator (Linux's bindings, regulator/fixed-regulator.yaml), which uses them in the
 * device's place:
 *
 *	regulator-fixed-clock enables its clock when it is on;
 *	a supply of an always-on regulator is on;
 *	the driver core attaches its power domain, and sets its default pins, when it is probed.
 *
 * Adds the edits for these nodes, and notes what they hold.
 */
void sp_add_holders(struct sp_plan *plan, const struct sp_plan_guest *guest);

#endif
