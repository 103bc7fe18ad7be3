/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "plan/companions.h"
#include "plan/steps.h"

static const struct policy {
	enum sp_action action;
	enum sp_code code; /* SP_CODE_COUNT for none */
	const char *noun;
} policies[SP_REFERENCE_KIND_COUNT] = {
#define SP_POLICY(kind, action, code, noun, why) \
	[SP_REFERENCE_##kind] = {SP_ACTION_##action, SP_CODE_##code, noun},
#include "plan/policies.def"
#undef SP_POLICY
};

struct pass {
	struct sp_plan *plan;
	struct sp_plan_guest *guest;
	sp_node node;
	const struct sp_prop *prop;
	bool *clock_used; /* by request->clocks */
	bool told; /* this property's finding was made */
};

static const char *path_of(const struct pass *pass, sp_node node) {
	return sp_tree_path(pass->plan->host->tree, node);
}

/* More names than any list has: each is looked for from the first one on. */
#define MAX_NAMES 1024u

/* The entry of the list's companion "…-names", NULL if it has none. */
static const char *entry_name(const struct pass *pass, const char *names, uint32_t index) {
	const struct sp_prop *prop =
		index < MAX_NAMES ? sp_tree_prop(pass->plan->host->tree, pass->node, names) : NULL;
	return prop != NULL ? sp_prop_string(prop, index) : NULL;
}

/* NAME, PATH:NAME or PATH:INDEX. */
static bool clock_is_named(const struct pass *pass, const char *wish, uint32_t index) {
	const char *name = entry_name(pass, "clock-names", index), *colon = strrchr(wish, ':');
	if (colon == NULL)
		return name != NULL && strcmp(name, wish) == 0;
	const char *path = path_of(pass, pass->node);
	size_t length = (size_t)(colon - wish);
	if (strlen(path) != length || memcmp(path, wish, length) != 0)
		return false;
	char number[16];
	snprintf(number, sizeof(number), "%" PRIu32, index);
	return strcmp(colon + 1, number) == 0 || (name != NULL && strcmp(name, colon + 1) == 0);
}

static uint64_t wished_rate(struct pass *pass, uint32_t index) {
	const struct sp_request_guest *request = pass->guest->request;
	for (uint32_t i = 0; i < request->clock_count; i++) {
		if (clock_is_named(pass, request->clocks[i].name, index)) {
			pass->clock_used[i] = true;
			return request->clocks[i].hz;
		}
	}
	return 0;
}

/* A serial port's own idea of its clock is a rate that the tree tells (Linux's 8250 binding). */
static uint64_t serial_rate(const struct pass *pass) {
	const struct sp_device *device = sp_host_device(pass->plan->host, pass->node);
	if (device == NULL || device->kind != SP_KIND_SERIAL)
		return 0;
	return sp_tree_u32(pass->plan->host->tree, pass->node, "clock-frequency", 0);
}

static void stub_clock(
	struct pass *pass, struct sp_dependency *dependency, const struct sp_use *use) {
	const char *name = entry_name(pass, "clock-names", dependency->index);
	const char *provider = path_of(pass, use->provider);
	uint64_t rate = wished_rate(pass, dependency->index);
	if (rate == 0)
		rate = sp_clock_rate(pass->plan->host->tree, pass->node, pass->prop, use);
	if (rate == 0)
		rate = serial_rate(pass);
	char called[80];
	if (name != NULL)
		snprintf(called, sizeof(called), "%s", name);
	else
		snprintf(called, sizeof(called), "%u", dependency->index);
	if (rate > UINT32_MAX) {
		sp_finding_add(pass->plan, pass->guest, SP_CODE_DEP_CLOCK_RATE, pass->node,
			"clock %s runs at %" PRIu64 " Hz, more than a fixed clock can state",
			called, rate);
		rate = 0;
	} else if (rate == 0) {
		sp_finding_add(pass->plan, pass->guest, SP_CODE_DEP_CLOCK_RATE, pass->node,
			"nothing tells the rate of clock %s, which comes from %s; the guest is "
			"told 0 Hz (give it as --clock %s%s%s=HZ)",
			called, provider, name != NULL ? "" : path_of(pass, pass->node),
			name != NULL ? "" : ":", called);
	} else {
		sp_finding_add(pass->plan, pass->guest, SP_CODE_DEP_CLOCK, pass->node,
			"clock %s becomes a fixed clock of %" PRIu64 " Hz", called, rate);
	}
	dependency->rate = rate;
	dependency->detail = rate != 0
		? sp_arena_printf(&pass->plan->arena, "fixed clock of %" PRIu64 " Hz", rate)
		: "fixed clock of unknown rate";
}

/* An operating-point table and its like: no device is in it, which are in the order of the tree. */
static bool is_data(const struct sp_host *host, sp_node node) {
	uint32_t low = 0, high = host->devices.count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (host->devices.data[middle].node < node)
			low = middle + 1;
		else
			high = middle;
	}
	return low == host->devices.count ||
		host->devices.data[low].node >= sp_tree_end(host->tree, node);
}

static void tell(struct pass *pass, const struct policy *policy, sp_node provider) {
	if (policy->code == SP_CODE_COUNT || pass->told)
		return;
	pass->told = true;
	sp_finding_add(pass->plan, pass->guest, policy->code, pass->node,
		"%s: the %s %s stays with the host", pass->prop->name, policy->noun,
		path_of(pass, provider));
}

static void tell_companion(
	struct pass *pass, const struct sp_companion *companion, const char *what) {
	if (companion->refusal != NULL)
		sp_finding_add(pass->plan, pass->guest, SP_CODE_DEP_COMPANION_REFUSED, pass->node,
			"%s: it needs %s, which cannot be given along: %s", pass->prop->name,
			path_of(pass, companion->node), companion->refusal);
	else
		sp_finding_add(pass->plan, pass->guest, SP_CODE_DEP_COMPANION, pass->node,
			"%s: it needs the %s %s, which is not given along", pass->prop->name, what,
			path_of(pass, companion->node));
}

/* An endpoint whose other end is described in the same guest. */
static bool is_described(const struct pass *pass, sp_node node) {
	const struct sp_guest_device *device = sp_guest_device_of(pass->plan, pass->guest, node);
	return device != NULL && sp_guest_describes(pass->plan, device, node);
}

/* Where interrupts end that Xen cannot pass on. */
static bool is_foreign_controller(const struct pass *pass, sp_node node) {
	const struct sp_host *host = pass->plan->host;
	return node != host->gic && !is_described(pass, node) &&
		sp_tree_prop(host->tree, node, "interrupt-controller") != NULL;
}

static void decide(struct pass *pass, const struct sp_reference_rule *rule,
	const struct sp_use *use, struct sp_dependency *dependency) {
	const struct policy *policy = &policies[rule->kind];
	struct sp_companion companion;

	if (use->provider == SP_NODE_NONE) {
		dependency->action = SP_ACTION_DROP;
		if (use->phandle == 0 || use->phandle == UINT32_MAX) {
			dependency->detail = "a hole in the list";
			return;
		}
		dependency->detail = "no node has this phandle";
		sp_finding_add(pass->plan, pass->guest, SP_CODE_DEP_DANGLING, pass->node,
			"%s: no node has phandle 0x%x", pass->prop->name, use->phandle);
		return;
	}
	dependency->action = policy->action;
	switch (rule->kind) {
	case SP_REFERENCE_INTERRUPT:
		if (is_foreign_controller(pass, use->provider)) {
			dependency->action = SP_ACTION_REFUSE;
			dependency->detail = "a controller that only the host has";
		}
		return;
	case SP_REFERENCE_IOMMU:
	case SP_REFERENCE_ASSIGNED:
	case SP_REFERENCE_CPU:
		return;
	default:
		break;
	}
	if (is_described(pass, use->provider)) {
		dependency->action = SP_ACTION_GIVE;
		return;
	}
	switch (rule->kind) {
	case SP_REFERENCE_CLOCK:
		stub_clock(pass, dependency, use);
		return;
	case SP_REFERENCE_OPP:
	case SP_REFERENCE_DATA:
		if (is_data(pass->plan->host, use->provider) &&
			strcmp(pass->prop->name, "required-opps") != 0)
			return;
		dependency->action = SP_ACTION_DROP;
		return;
	case SP_REFERENCE_GRAPH:
	case SP_REFERENCE_PHY:
	case SP_REFERENCE_COMPANION:
		if (sp_companion_at(pass->plan, pass->guest, pass->node, pass->prop->name,
			    rule->kind, use->provider, &companion)) {
			if (!pass->told && rule->kind == SP_REFERENCE_GRAPH)
				sp_finding_add(pass->plan, pass->guest, SP_CODE_DEP_GRAPH,
					pass->node, "its link to %s is cut%s%s",
					path_of(pass, companion.node),
					companion.refusal != NULL ? ": " : "",
					companion.refusal != NULL ? companion.refusal : "");
			else if (!pass->told)
				tell_companion(pass, &companion, policy->noun);
			pass->told = true;
			return;
		}
		break;
	default:
		break;
	}
	tell(pass, policy, use->provider);
}

static void resolve_property(struct pass *pass, const struct sp_reference_rule *rule) {
	const struct sp_tree *tree = pass->plan->host->tree;
	struct sp_use use;
	uint32_t cell = 0, index = 0;
	bool broken;

	/* A hog names lines of the controller that it lies in, not phandles. */
	if (rule->kind == SP_REFERENCE_GPIO && sp_tree_prop(tree, pass->node, "gpio-hog") != NULL)
		return;
	pass->told = false;
	while (sp_use_next(tree, pass->prop, rule, &cell, &use, &broken)) {
		struct sp_dependency *dependency =
			sp_vec_push(&pass->plan->arena, &pass->guest->dependencies);
		if (dependency == NULL)
			return;
		*dependency = (struct sp_dependency){.node = pass->node,
			.property = pass->prop->name,
			.index = index++,
			.provider = use.provider,
			.kind = (uint8_t)rule->kind,
			.first = use.first,
			.cell = use.cell,
			.next = use.next};
		decide(pass, rule, &use, dependency);
	}
	if (broken)
		sp_finding_add(pass->plan, pass->guest, SP_CODE_DEP_DANGLING, pass->node,
			"%s ends in the middle of an entry", pass->prop->name);
}

static void check_wrapper(struct pass *pass, const struct sp_guest_device *device) {
	sp_node wrapper = sp_wrapper_of(pass->plan->host, device->node);
	if (wrapper == SP_NODE_NONE || sp_guest_device_of(pass->plan, pass->guest, wrapper) != NULL)
		return;
	sp_finding_add(pass->plan, pass->guest, SP_CODE_DEP_COMPANION, device->node,
		"it lies inside %s, which holds its clocks, power or interrupts and is not given",
		path_of(pass, wrapper));
}

static void resolve_device(struct pass *pass, const struct sp_guest_device *device) {
	const struct sp_tree *tree = pass->plan->host->tree;
	check_wrapper(pass, device);
	for (sp_node node = device->node; node < sp_tree_end(tree, device->node);
		node = sp_described_next(tree, node, sp_tree_end(tree, device->node))) {
		uint32_t count;
		const struct sp_prop *props = sp_tree_props(tree, node, &count);
		pass->node = node;
		if (strcmp(sp_tree_name(tree, node), "zap-shader") == 0)
			sp_finding_add(pass->plan, pass->guest, SP_CODE_DEP_FIRMWARE, node,
				"firmware loads this image for the driver and releases the GPU");
		for (uint32_t i = 0; i < count; i++) {
			const struct sp_reference_rule *rule = sp_reference_rule(props[i].name);
			if (rule == NULL || props[i].len == 0)
				continue;
			pass->prop = &props[i];
			resolve_property(pass, rule);
		}
	}
}

bool sp_resolve_dependencies(
	struct sp_plan *plan, struct sp_plan_guest *guest, struct sp_error *error) {
	const struct sp_request_guest *request = guest->request;
	struct pass pass = {.plan = plan, .guest = guest};

	pass.clock_used = sp_arena_array(&plan->arena, request->clock_count + 1u, sizeof(bool));
	if (pass.clock_used == NULL)
		return true; /* told by the arena */
	for (uint32_t i = 0; i < guest->devices.count; i++)
		resolve_device(&pass, &guest->devices.data[i]);
	for (uint32_t i = 0; i < request->clock_count; i++) {
		if (!pass.clock_used[i])
			return sp_error_set(error, SP_ERROR_USE,
				"clock %s: none of guest %s's devices has a clock of this name "
				"that stays with the host",
				request->clocks[i].name, request->name);
	}
	return true;
}
