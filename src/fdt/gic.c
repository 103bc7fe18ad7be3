/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "fdt/interrupt.h"

enum { NOT_A_GIC = -1, NO_DRIVER = 0 };

/*
 * Those with a version are what Xen's drivers match. The others are real GICs as well, but Xen
 * finds no driver for them by this name.
 */
static int version_of(const char *compatible) {
	static const struct {
		const char *name;
		int version;
	} gics[] = {
		{"arm,gic-400", 2},
		{"arm,cortex-a15-gic", 2},
		{"arm,cortex-a7-gic", 2},
		{"arm,gic-v3", 3},
		{"arm,gic-v5", NO_DRIVER},
		{"arm,pl390", NO_DRIVER},
		{"arm,cortex-a5-gic", NO_DRIVER},
		{"arm,cortex-a9-gic", NO_DRIVER},
		{"arm,arm11mp-gic", NO_DRIVER},
		{"arm,eb11mp-gic", NO_DRIVER},
		{"arm,tc11mp-gic", NO_DRIVER},
		{"arm,arm1176jzf-devchip-gic", NO_DRIVER},
		{"brcm,brahma-b15-gic", NO_DRIVER},
		{"qcom,msm-8660-qgic", NO_DRIVER},
		{"qcom,msm-qgic2", NO_DRIVER},
	};

	for (size_t i = 0; i < sizeof(gics) / sizeof(gics[0]); i++) {
		if (!strcmp(compatible, gics[i].name))
			return gics[i].version;
	}
	return NOT_A_GIC;
}

static int gic_version(const struct sp_tree *tree, sp_node node) {
	const struct sp_prop *prop;
	int best = NOT_A_GIC;

	if (!sp_tree_prop(tree, node, "interrupt-controller") || !sp_tree_available(tree, node))
		return NOT_A_GIC;
	prop = sp_tree_prop(tree, node, "compatible");
	if (!prop)
		return NOT_A_GIC;
	for (uint32_t at = 0; at < prop->len;) {
		const char *text = (const char *)prop->data + at;
		size_t length = strnlen(text, prop->len - at);
		int version;

		if (length == prop->len - at)
			break;
		version = version_of(text);
		if (version > best)
			best = version;
		at += (uint32_t)length + 1;
	}
	return best;
}

static bool is_topmost(const struct sp_tree *tree, sp_node node) {
	sp_node parent = sp_interrupt_parent(tree, node);

	return parent == SP_NODE_NONE || parent == node ||
		!sp_tree_prop(tree, parent, "interrupt-controller");
}

sp_node sp_gic_find(const struct sp_tree *tree, unsigned *version) {
	sp_node preferred = sp_interrupt_parent(tree, SP_NODE_ROOT), found = SP_NODE_NONE;
	int found_version = preferred == SP_NODE_NONE ? NOT_A_GIC : gic_version(tree, preferred);

	*version = 0;
	if (found_version != NOT_A_GIC)
		found = preferred;
	if (found == SP_NODE_NONE || !is_topmost(tree, found)) {
		for (sp_node node = 1; node < sp_tree_count(tree); node++) {
			int candidate = gic_version(tree, node);

			if (candidate == NOT_A_GIC)
				continue;
			if (is_topmost(tree, node)) {
				found = node;
				found_version = candidate;
				break;
			}
			if (found == SP_NODE_NONE) {
				found = node;
				found_version = candidate;
			}
		}
	}
	if (found != SP_NODE_NONE)
		*version = (unsigned)found_version;
	return found;
}
