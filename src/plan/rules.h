/* SPDX-License-Identifier: MIT */
#ifndef SP_PLAN_RULES_H
#define SP_PLAN_RULES_H

#include <stdint.h>

#include <sallyport/finding.h>
#include <sallyport/request.h>

enum sp_rule {
#define SP_RULE(name, ...) SP_RULE_##name,
#include "plan/rules.def"
#undef SP_RULE
	SP_RULE_COUNT
};

/* The cell of the table of releases; flags are 0 and 1. */
uint32_t sp_rule_value(enum sp_rule rule, enum sp_target target);

/* A guest's partial tree must be smaller than this; *whole is the room for the tree made of it. */
uint32_t sp_guest_tree_room(enum sp_mode mode, enum sp_target target, uint32_t *whole);

struct sp_rule_info {
	const char *name;
	enum sp_proof proof;
	const char *title;
	uint32_t values[SP_TARGET_COUNT];
	const char *citation;
};
const struct sp_rule_info *sp_rule_info(enum sp_rule rule);

#endif
