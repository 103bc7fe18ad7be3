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

/* The size up to which libxl lets a guest's tree grow: FDT_MAX_SIZE in libxl_arm.c. */
#define LIBXL_TREE_MAX (1u << 20)

/* The size to which Xen cuts its buffer, which otherwise is what it adds and the module: "Cap to
 * max DT size" in prepare_dtb_domU(). */
#define DOM0LESS_TREE_MAX (2u << 20)

/* What a CPU, the GIC, the timer and the rest that Xen adds take at least. */
#define XEN_NODES 1024u

uint32_t sp_guest_tree_room(enum sp_mode mode, enum sp_target target, uint32_t *whole) {
	*whole = LIBXL_TREE_MAX;
	if (mode == SP_MODE_XL)
		return LIBXL_TREE_MAX;
	*whole = sp_rule_value(SP_RULE_DOM0LESS_TREE_BYTES, target);
	/* A buffer of one size holds what Xen adds; else that and the module are added up. */
	if (*whole != 0)
		return *whole - XEN_NODES;
	*whole = DOM0LESS_TREE_MAX;
	return DOM0LESS_TREE_MAX - sp_rule_value(SP_RULE_DOM0LESS_TREE_BASE, target);
}

const struct sp_rule_info *sp_rule_info(enum sp_rule rule) {
	return &rules[rule];
}
