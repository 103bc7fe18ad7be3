/* SPDX-License-Identifier: MIT */
#include "plan/steps.h"

/* A chain of factors longer than this is a loop, or as good as one. */
#define MAX_CHAIN 8

/* Far more clocks than one node sets; without a limit a hostile list costs its length's square. */
#define MAX_ASSIGNED 256

static bool same_specifier(const struct sp_prop *a, const struct sp_use *left,
	const struct sp_prop *b, const struct sp_use *right) {
	if (left->phandle != right->phandle || left->next - left->cell != right->next - right->cell)
		return false;
	for (uint32_t i = left->cell; i < left->next; i++) {
		if (sp_prop_cell(a, i) != sp_prop_cell(b, right->cell + i - left->cell))
			return false;
	}
	return true;
}

/* The rate that a node's assigned-clock-rates ask for one clock: clock-bindings, "assigned". */
static uint64_t assigned_rate(const struct sp_tree *tree, sp_node node,
	const struct sp_prop *clocks, const struct sp_use *wanted) {
	const struct sp_prop *assigned = sp_tree_prop(tree, node, "assigned-clocks");
	const struct sp_prop *rates = sp_tree_prop(tree, node, "assigned-clock-rates");
	const struct sp_prop *wide = sp_tree_prop(tree, node, "assigned-clock-rates-u64");
	if (assigned == NULL || (rates == NULL && wide == NULL))
		return 0;
	const struct sp_reference_rule *rule = sp_reference_rule("assigned-clocks");
	struct sp_use use;
	uint32_t cell = 0;
	bool broken;
	for (uint32_t index = 0;
		index < MAX_ASSIGNED && sp_use_next(tree, assigned, rule, &cell, &use, &broken);
		index++) {
		if (!same_specifier(clocks, wanted, assigned, &use))
			continue;
		return wide != NULL ? sp_prop_number(wide, index * 2, 2)
				    : sp_prop_cell(rates, index);
	}
	return 0;
}

/* The rate that a provider states of itself. */
static uint64_t provider_rate(const struct sp_tree *tree, sp_node provider) {
	uint64_t multiply = 1, divide = 1;

	for (unsigned i = 0; i < MAX_CHAIN && provider != SP_NODE_NONE; i++) {
		if (sp_tree_compatible(tree, provider, "fixed-clock")) {
			uint64_t rate = sp_tree_u32(tree, provider, "clock-frequency", 0);
			if (divide == 0 || (rate != 0 && multiply > UINT64_MAX / rate))
				return 0;
			return rate * multiply / divide;
		}
		if (!sp_tree_compatible(tree, provider, "fixed-factor-clock"))
			return 0;
		uint64_t factor = sp_tree_u32(tree, provider, "clock-mult", 0);
		uint64_t divisor = sp_tree_u32(tree, provider, "clock-div", 0);
		if (factor == 0 || divisor == 0 || multiply > UINT64_MAX / factor ||
			divide > UINT64_MAX / divisor)
			return 0;
		multiply *= factor;
		divide *= divisor;
		const struct sp_prop *input = sp_tree_prop(tree, provider, "clocks");
		provider = input != NULL && input->len >= 4
			? sp_tree_by_phandle(tree, sp_prop_cell(input, 0))
			: SP_NODE_NONE;
	}
	return 0;
}

uint64_t sp_clock_rate(const struct sp_tree *tree, sp_node consumer, const struct sp_prop *clocks,
	const struct sp_use *use) {
	uint64_t rate = assigned_rate(tree, consumer, clocks, use);
	if (rate == 0)
		rate = provider_rate(tree, use->provider);
	if (rate == 0)
		rate = assigned_rate(tree, use->provider, clocks, use);
	return rate;
}
