/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "check/check.h"
#include "fdt/build.h"
#include "host/references.h"
#include "plan/rules.h"

/* What is outside of what Xen copies: told once. */
static void check_dropped(
	struct sp_check *check, const struct sp_check_guest *guest, sp_node passthrough) {
	static const char *const usual[] = {
		"passthrough", "aliases", "gic", "__symbols__", "__fixups__", "__local_fixups__"};
	const struct sp_tree *tree = guest->tree;
	sp_node first = SP_NODE_NONE;
	uint32_t others = 0;

	for (sp_node node = sp_tree_first_child(tree, SP_NODE_ROOT); node != SP_NODE_NONE;
		node = sp_tree_next_sibling(tree, node)) {
		bool known = node == passthrough;
		for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]) && !known; i++)
			known = strcmp(sp_tree_name(tree, node), usual[i]) == 0;
		if (known)
			continue;
		if (first == SP_NODE_NONE)
			first = node;
		else
			others++;
	}
	if (first == SP_NODE_NONE)
		return;
	char more[40] = "";
	if (others > 0)
		snprintf(more, sizeof(more), "; and %u more like it", others);
	sp_check_add(check, guest, SP_CODE_PARTIAL_DROPPED, sp_check_at_tree(guest, first),
		"it is outside /passthrough, and Xen leaves it out%s", more);
}

static void check_bus(struct sp_check *check, const struct sp_check_guest *guest, sp_node top) {
	static const char *const buses[] = {"simple-bus", "simple-mfd", "isa", "arm,amba-bus"};
	const struct sp_tree *tree = guest->tree;
	bool bus = false, ranges = sp_tree_prop(tree, top, "ranges") != NULL;

	if (sp_tree_first_child(tree, top) == SP_NODE_NONE)
		return;
	for (size_t i = 0; i < sizeof(buses) / sizeof(buses[0]) && !bus; i++)
		bus = sp_tree_compatible(tree, top, buses[i]);
	if (!bus || !ranges)
		sp_check_add(check, guest, SP_CODE_PARTIAL_BUS, sp_check_at_tree(guest, top),
			"it has no %s", bus ? "ranges" : "compatible of a bus");
}

static void check_phandle(
	struct sp_check *check, const struct sp_check_guest *guest, sp_node node) {
	uint32_t phandle = sp_tree_phandle(guest->tree, node);
	bool xl = guest->xl != NULL;
	uint32_t most =
		xl ? UINT32_MAX : sp_rule_value(SP_RULE_DOM0LESS_PHANDLE_MAX, check->target);
	const char *why = NULL;

	if (phandle == 0)
		return;
	if (phandle == guest->gic_phandle)
		why = "which is the GIC's";
	else if (xl && phandle == SP_GUEST_PHANDLE_IOMMU && guest->xl->virtio_line != 0)
		why = "which xl gives to the node for virtio's grants";
	else if (phandle > most)
		why = "which Xen keeps for nodes of its own";
	if (why != NULL)
		sp_check_add(check, guest, SP_CODE_PARTIAL_PHANDLE_XEN,
			sp_check_at_tree(guest, node), "its phandle is %u, %s", phandle, why);
}

/* What becomes of a driver whose reference leads nowhere. */
enum need { NEED_NONE, NEED_HOST, NEED_HARD };

static enum need need_of(enum sp_reference_kind kind) {
	switch (kind) {
	case SP_REFERENCE_CLOCK:
	case SP_REFERENCE_PHY:
	case SP_REFERENCE_GPIO:
	case SP_REFERENCE_SYSCON:
	case SP_REFERENCE_COMPANION:
	case SP_REFERENCE_OPP:
	case SP_REFERENCE_DATA:
	case SP_REFERENCE_MAILBOX:
	case SP_REFERENCE_MEMORY:
		return NEED_HARD;
	case SP_REFERENCE_INTERRUPT:
		return NEED_NONE; /* told with the interrupts */
	default:
		return NEED_HOST;
	}
}

static void check_use(struct sp_check *check, const struct sp_check_guest *guest, sp_node node,
	const struct sp_prop *prop, const struct sp_use *use, enum need need) {
	const struct sp_tree *tree = guest->tree;
	struct sp_check_place place = sp_check_at_tree(guest, node);
	enum sp_code code = need == NEED_HOST   ? SP_CODE_PARTIAL_HOST
		: use->provider != SP_NODE_NONE ? SP_CODE_PARTIAL_OUTSIDE
						: SP_CODE_PARTIAL_DANGLING;
	/* What is only counted needs no path. */
	const char *provider = use->provider != SP_NODE_NONE && sp_check_tells(check, guest, code)
		? sp_tree_path(tree, use->provider)
		: "a phandle that no node has";

	if (need == NEED_HOST)
		sp_check_add(check, guest, code, place,
			"%s leads to %s, and the guest has no such controller", prop->name,
			provider);
	else if (use->provider != SP_NODE_NONE)
		sp_check_add(check, guest, code, place,
			"%s leads to %s, which is outside /passthrough and left out", prop->name,
			provider);
	else
		sp_check_add(check, guest, code, place,
			"%s leads to phandle 0x%x, which no node has", prop->name, use->phandle);
}

static void check_references(
	struct sp_check *check, const struct sp_check_guest *guest, sp_node node) {
	uint32_t count;
	const struct sp_prop *props = sp_tree_props(guest->tree, node, &count);

	for (uint32_t i = 0; i < count; i++) {
		const struct sp_reference_rule *rule = sp_reference_rule(props[i].name);
		enum need need = rule != NULL ? need_of(rule->kind) : NEED_NONE;
		struct sp_use use = {0};
		uint32_t cell = 0;
		bool broken;
		/* The lines of a hog are its parent's. */
		if (need == NEED_NONE ||
			(rule->kind == SP_REFERENCE_GPIO &&
				sp_tree_prop(guest->tree, node, "gpio-hog") != NULL))
			continue;
		/* The first that leads nowhere is enough. */
		while (sp_use_next(guest->tree, &props[i], rule, &cell, &use, &broken)) {
			if (use.phandle == 0 || use.phandle == UINT32_MAX)
				continue;
			if (use.provider != SP_NODE_NONE &&
				sp_tree_is_within(
					guest->tree, use.provider, sp_check_passthrough(guest)))
				continue;
			check_use(check, guest, node, &props[i], &use, need);
			break;
		}
	}
}

void sp_check_tree(struct sp_check *check, struct sp_check_guest *guest) {
	sp_node top = sp_check_passthrough(guest);

	if (guest->tree == NULL)
		return;
	if (top == SP_NODE_NONE) {
		sp_check_add(check, guest, SP_CODE_PARTIAL_EMPTY,
			sp_check_at_tree(guest, SP_NODE_NONE),
			"its root has no node that is called passthrough");
		return;
	}
	check_dropped(check, guest, top);
	check_bus(check, guest, top);
	for (sp_node node = top; node < sp_tree_end(guest->tree, top); node++) {
		check_phandle(check, guest, node);
		if (sp_check_is_live(guest, node))
			check_references(check, guest, node);
	}
}
