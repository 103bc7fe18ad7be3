/* SPDX-License-Identifier: MIT */
#include "plan/holders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/steps.h"

/* A chain of factors longer than this is a loop, or as good as one. */
#define MAX_CHAIN 8

/* References of one kind among those of one node, in their order. */
struct wanted {
	const struct sp_dependency *of[16];
	uint32_t count;
};

static void want(struct wanted *wanted, const struct sp_dependency *dependency) {
	if (wanted->count < sizeof(wanted->of) / sizeof(wanted->of[0]))
		wanted->of[wanted->count++] = dependency;
}

/* Oscillators and fixed regulators without a switch need nobody to hold them. */
static bool is_switchable(const struct sp_tree *tree, sp_node provider) {
	/* A factor passes on to its parent what it is asked for: who holds the one holds both. */
	for (unsigned i = 0; i < MAX_CHAIN; i++) {
		if (provider == SP_NODE_NONE || !sp_tree_enabled(tree, provider))
			return false;
		if (!sp_tree_compatible(tree, provider, "fixed-factor-clock"))
			return !sp_tree_compatible(tree, provider, "fixed-clock");
		const struct sp_prop *parent = sp_tree_prop(tree, provider, "clocks");
		provider = parent != NULL ? sp_tree_by_phandle(tree, sp_prop_cell(parent, 0))
					  : SP_NODE_NONE;
	}
	return false;
}

/* The reference as it stands in the host's tree. */
static void edit_reference(struct sp_plan *plan, const char *path, const char *property,
	const struct sp_dependency *dependency) {
	const struct sp_tree *tree = plan->host->tree;
	const struct sp_prop *prop = sp_tree_prop(tree, dependency->node, dependency->property);
	uint32_t cells[SP_MAX_ARGS + 1], count = 0;
	sp_node nodes[SP_MAX_ARGS + 1];

	for (uint32_t i = dependency->cell; i < dependency->next && count <= SP_MAX_ARGS; i++) {
		nodes[count] = count == 0 ? dependency->provider : SP_NODE_NONE;
		cells[count++] = sp_prop_cell(prop, i);
	}
	sp_edit_cells(plan, sp_edit_new_property(plan, path, property), cells, nodes, count, count);
}

static void edit_pins(struct sp_plan *plan, const char *path, sp_node node) {
	const struct sp_prop *pins = sp_tree_prop(plan->host->tree, node, "pinctrl-0");
	uint32_t count = sp_prop_cells(pins), cells[SP_MAX_ARGS];
	sp_node nodes[SP_MAX_ARGS];

	for (uint32_t i = 0; i < count && i < SP_MAX_ARGS; i++) {
		cells[i] = sp_prop_cell(pins, i);
		nodes[i] = sp_tree_by_phandle(plan->host->tree, cells[i]);
		if (nodes[i] == SP_NODE_NONE)
			return;
	}
	if (count == 0 || count > SP_MAX_ARGS)
		return;
	sp_edit_string(plan, sp_edit_new_property(plan, path, "pinctrl-names"), "default");
	sp_edit_cells(plan, sp_edit_new_property(plan, path, "pinctrl-0"), cells, nodes, count, 1);
}

/* Counts on from the last one, past nodes of the host's that have such a name. */
static const char *new_path(struct sp_plan *plan) {
	static const char stem[] = "/sallyport-holder-";
	unsigned long number = 0;
	char path[sizeof(stem) + 20];
	if (plan->holders.count > 0)
		number = 1 +
			strtoul(plan->holders.data[plan->holders.count - 1].path + sizeof(stem) - 1,
				NULL, 10);
	do
		snprintf(path, sizeof(path), "%s%lu", stem, number++);
	while (sp_tree_child(plan->host->tree, SP_NODE_ROOT, path + 1) != SP_NODE_NONE);
	return sp_arena_strdup(&plan->arena, path);
}

static void add_holder(struct sp_plan *plan, const struct sp_plan_guest *guest, sp_node node,
	const struct sp_dependency *clock, const struct sp_dependency *domain,
	const struct sp_dependency *supply, bool pins) {
	const char *path = new_path(plan);
	struct sp_edit *edit = path != NULL ? sp_edit_new_node(plan, path) : NULL;
	struct sp_holder *holder = edit != NULL ? sp_vec_push(&plan->arena, &plan->holders) : NULL;
	if (holder == NULL)
		return;
	holder->path = path;
	const char *what = sp_arena_printf(&plan->arena, "%s%s%s%s%s%s%s",
		clock != NULL ? "a clock" : "", clock != NULL && domain != NULL ? ", " : "",
		domain != NULL ? "a power domain" : "",
		(clock != NULL || domain != NULL) && supply != NULL ? ", " : "",
		supply != NULL ? "a supply" : "",
		pins && (clock != NULL || domain != NULL || supply != NULL) ? ", " : "",
		pins ? "the pins" : "");
	*holder = (struct sp_holder){path, node, what != NULL ? what : "what it needs"};
	edit->why = sp_arena_printf(
		&plan->arena, "holds %s of %s", holder->what, sp_tree_path(plan->host->tree, node));
	sp_edit_string(plan, sp_edit_new_property(plan, path, "compatible"),
		clock != NULL ? "regulator-fixed-clock" : "regulator-fixed");
	sp_edit_string(plan, sp_edit_new_property(plan, path, "regulator-name"), path + 1);
	sp_edit_new_property(plan, path, "regulator-always-on");
	if (clock != NULL)
		edit_reference(plan, path, "clocks", clock);
	if (domain != NULL)
		edit_reference(plan, path, "power-domains", domain);
	if (supply != NULL)
		edit_reference(plan, path, "vin-supply", supply);
	if (pins)
		edit_pins(plan, path, node);
	sp_finding_add(
		plan, guest, SP_CODE_DEP_HELD, node, "%s keeps %s in dom0", path, holder->what);
}

static void hold(struct sp_plan *plan, const struct sp_plan_guest *guest, sp_node node,
	const struct wanted *clocks, const struct wanted *domains, const struct wanted *supplies,
	bool pins) {
	uint32_t count = clocks->count;
	if (domains->count > count)
		count = domains->count;
	if (supplies->count > count)
		count = supplies->count;
	if (pins && count == 0)
		count = 1;
	for (uint32_t i = 0; i < count; i++)
		add_holder(plan, guest, node, i < clocks->count ? clocks->of[i] : NULL,
			i < domains->count ? domains->of[i] : NULL,
			i < supplies->count ? supplies->of[i] : NULL, pins && i == 0);
}

/* The references of one property of a node that is not given, as those of a device's are kept. */
static void want_all(struct sp_plan *plan, sp_node node, const char *name, struct wanted *wanted) {
	const struct sp_tree *tree = plan->host->tree;
	const struct sp_prop *prop = sp_tree_prop(tree, node, name);
	const struct sp_reference_rule *rule = sp_reference_rule(name);
	struct sp_use use;
	uint32_t cell = 0;
	bool broken;

	while (prop != NULL && sp_use_next(tree, prop, rule, &cell, &use, &broken)) {
		struct sp_dependency *copy = sp_arena_alloc(&plan->arena, sizeof(*copy));
		if (use.provider == SP_NODE_NONE || !is_switchable(tree, use.provider) ||
			copy == NULL)
			continue;
		*copy = (struct sp_dependency){.node = node,
			.property = prop->name,
			.provider = use.provider,
			.cell = use.cell,
			.next = use.next};
		want(wanted, copy);
	}
}

/* Xen drives the IOMMU, so that dom0 does not know it, nor what it needs. */
static void hold_iommus(struct sp_plan *plan, const struct sp_plan_guest *guest) {
	for (uint32_t i = 0; i < guest->streams.count; i++) {
		sp_node iommu = guest->streams.data[i].stream.iommu;
		struct wanted clocks = {0}, domains = {0}, supplies = {0};
		bool held = false;
		for (uint32_t j = 0; j < plan->holders.count && !held; j++)
			held = plan->holders.data[j].node == iommu;
		if (held)
			continue;
		want_all(plan, iommu, "clocks", &clocks);
		want_all(plan, iommu, "power-domains", &domains);
		hold(plan, guest, iommu, &clocks, &domains, &supplies, false);
	}
}

void sp_add_holders(struct sp_plan *plan, const struct sp_plan_guest *guest) {
	const struct sp_tree *tree = plan->host->tree;

	for (uint32_t i = 0; i < guest->dependencies.count;) {
		struct wanted clocks = {0}, domains = {0}, supplies = {0};
		bool pins = false;
		sp_node node = guest->dependencies.data[i].node;
		for (; i < guest->dependencies.count && guest->dependencies.data[i].node == node;
			i++) {
			const struct sp_dependency *dependency = &guest->dependencies.data[i];
			if (dependency->provider == SP_NODE_NONE ||
				dependency->action == SP_ACTION_GIVE ||
				!is_switchable(tree, dependency->provider))
				continue;
			if (dependency->kind == SP_REFERENCE_CLOCK)
				want(&clocks, dependency);
			else if (dependency->kind == SP_REFERENCE_POWER)
				want(&domains, dependency);
			else if (dependency->kind == SP_REFERENCE_SUPPLY)
				want(&supplies, dependency);
			else if (strcmp(dependency->property, "pinctrl-0") == 0)
				pins = true;
		}
		hold(plan, guest, node, &clocks, &domains, &supplies, pins);
	}
	hold_iommus(plan, guest);
}
