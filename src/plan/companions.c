/* SPDX-License-Identifier: MIT */
#include "plan/companions.h"

#include <string.h>

#include "host/references.h"
#include "plan/steps.h"

static bool name_is(const char *name, const char *text) {
	size_t length = strlen(text);
	return strncmp(name, text, length) == 0 && (name[length] == '\0' || name[length] == '@');
}

/* Linux's bindings, graph.txt: a device holds ports, in "ports" or not, which hold endpoints. */
static bool is_graph_part(const char *name) {
	static const char *const parts[] = {"endpoint", "port", "ports", "in-ports", "out-ports"};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (name_is(name, parts[i]))
			return true;
	}
	return false;
}

sp_node sp_graph_owner(const struct sp_tree *tree, sp_node node) {
	while (node != SP_NODE_NONE && node != SP_NODE_ROOT &&
		is_graph_part(sp_tree_name(tree, node)))
		node = sp_tree_parent(tree, node);
	return node;
}

sp_node sp_wrapper_of(const struct sp_host *host, sp_node node) {
	static const char *const needs[] = {
		"clocks", "power-domains", "resets", "iommus", "interrupts", "interrupts-extended"};
	const struct sp_tree *tree = host->tree;
	sp_node parent = sp_tree_parent(tree, node);

	if (parent == SP_NODE_NONE || parent == SP_NODE_ROOT ||
		sp_tree_prop(tree, parent, "compatible") == NULL ||
		sp_tree_prop(tree, parent, "ranges") == NULL ||
		sp_tree_compatible(tree, parent, "simple-bus") ||
		sp_tree_compatible(tree, parent, "simple-pm-bus") ||
		sp_tree_compatible(tree, parent, "simple-mfd") ||
		sp_tree_compatible(tree, parent, "syscon"))
		return SP_NODE_NONE;
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		if (sp_tree_prop(tree, parent, needs[i]) != NULL)
			return parent;
	}
	return SP_NODE_NONE;
}

/*
 * The nearest node, from here upwards, that has registers. A part on a bus of its own (I2C, SPI) is
 * none of the controller's: giving that would give all its other parts too.
 */
static sp_node device_above(const struct sp_host *host, sp_node node) {
	for (; node != SP_NODE_NONE && node != SP_NODE_ROOT;
		node = sp_tree_parent(host->tree, node)) {
		const struct sp_device *device = sp_host_device(host, node);
		if (device != NULL && (device->kind == SP_KIND_I2C || device->kind == SP_KIND_SPI))
			return SP_NODE_NONE;
		if (device != NULL && device->reg_count > 0)
			return node;
	}
	return SP_NODE_NONE;
}

static const char *refusal_of(const struct sp_plan *plan, sp_node node) {
	const struct sp_host *host = plan->host;
	enum sp_target target = plan->request->target;
	const struct sp_device *device = sp_host_device(host, node);

	if (!sp_tree_enabled(host->tree, node))
		return "it is disabled";
	if (sp_xen_skips(host, node, target) != NULL || sp_xen_keeps(host, node, target) != NULL)
		return "Xen gives it to nobody";
	if (device == NULL)
		return NULL;
	switch (device->kind) {
	case SP_KIND_PLUMBING:
	case SP_KIND_GPIO:
		return "other devices of the host depend on it";
	case SP_KIND_IOMMU:
	case SP_KIND_INTERRUPT_CONTROLLER:
		return "it belongs to the host";
	default:
		return NULL;
	}
}

/* A node without registers that stands for itself: a connector, a panel, a fixed part. */
static bool is_standalone(const struct sp_tree *tree, sp_node node) {
	sp_node parent = sp_tree_parent(tree, node);
	return sp_tree_prop(tree, node, "compatible") != NULL &&
		sp_tree_prop(tree, node, "reg") == NULL &&
		(parent == SP_NODE_ROOT || sp_tree_compatible(tree, parent, "simple-bus"));
}

bool sp_companion_at(const struct sp_plan *plan, const struct sp_plan_guest *guest, sp_node node,
	const char *property, unsigned kind, sp_node provider, struct sp_companion *companion) {
	const struct sp_host *host = plan->host;
	sp_node target;

	switch (kind) {
	case SP_REFERENCE_GRAPH:
		target = sp_graph_owner(host->tree, provider);
		if (target == SP_NODE_NONE || target == SP_NODE_ROOT)
			return false;
		if (!is_standalone(host->tree, target))
			target = device_above(host, target);
		break;
	case SP_REFERENCE_PHY:
	case SP_REFERENCE_COMPANION:
		target = is_standalone(host->tree, provider) ? provider
							     : device_above(host, provider);
		break;
	default:
		return false;
	}
	*companion = (struct sp_companion){.node = target, .because = node, .property = property};
	if (target == SP_NODE_NONE) {
		companion->node = provider;
		companion->refusal = "it lies on a bus that the CPU does not see";
	} else if (sp_tree_is_within(host->tree, node, target)) {
		/* What holds the device itself: a wrapper, which is another question. */
		return false;
	} else {
		companion->refusal = refusal_of(plan, target);
	}
	return sp_guest_device_of(plan, guest, companion->node) == NULL;
}

void sp_companions_of(const struct sp_plan *plan, const struct sp_plan_guest *guest, sp_node device,
	void (*found)(void *data, const struct sp_companion *companion), void *data) {
	const struct sp_tree *tree = plan->host->tree;
	sp_node end = sp_tree_end(tree, device);

	for (sp_node node = device; node < end; node = sp_described_next(tree, node, end)) {
		uint32_t count;
		const struct sp_prop *props = sp_tree_props(tree, node, &count);
		for (uint32_t i = 0; i < count; i++) {
			const struct sp_reference_rule *rule = sp_reference_rule(props[i].name);
			if (rule == NULL)
				continue;
			struct sp_use use;
			uint32_t cell = 0;
			bool broken;
			while (sp_use_next(tree, &props[i], rule, &cell, &use, &broken)) {
				struct sp_companion companion;
				if (use.provider != SP_NODE_NONE &&
					!sp_tree_is_within(tree, use.provider, device) &&
					sp_companion_at(plan, guest, node, props[i].name,
						rule->kind, use.provider, &companion))
					found(data, &companion);
			}
		}
	}
}
