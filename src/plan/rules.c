/* SPDX-License-Identifier: MIT */
#include "plan/rules.h"

static const struct sp_rule_info rules[SP_RULE_COUNT] = {
#define SP_RULE(name, proof, title, v17, v18, v19, v20, v21, v22, citation) \
	{#name, SP_PROOF_##proof, title, {v17, v18, v19, v20, v21, v22}, citation},
#include "plan/rules.def"
#undef SP_RULE
};

uint32_t sp_rule_value(enum sp_rule rule, enum sp_target target) {
	return rules[rule].values[target];
}

const struct sp_rule_info *sp_rule_info(enum sp_rule rule) {
	return &rules[rule];
}
