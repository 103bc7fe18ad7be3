/* SPDX-License-Identifier: MIT */
#include "plan/steps.h"

struct sp_guest_device *sp_guest_device_of(
	const struct sp_plan *plan, const struct sp_plan_guest *guest, sp_node node) {
	for (uint32_t i = 0; i < guest->devices.count; i++) {
		struct sp_guest_device *device = &guest->devices.data[i];
		if (sp_tree_is_within(plan->host->tree, node, device->node))
			return device;
	}
	return NULL;
}

struct sp_plan_guest *sp_plan_owner(const struct sp_plan *plan, sp_node node) {
	for (uint32_t i = 0; i < plan->guests.count; i++) {
		if (sp_guest_device_of(plan, &plan->guests.data[i], node) != NULL)
			return &plan->guests.data[i];
	}
	return NULL;
}

bool sp_guest_describes(
	const struct sp_plan *plan, const struct sp_guest_device *device, sp_node node) {
	for (sp_node at = node; at != device->node; at = sp_tree_parent(plan->host->tree, at)) {
		if (at == SP_NODE_NONE || !sp_tree_available(plan->host->tree, at))
			return false;
	}
	return true;
}

sp_node sp_described_next(const struct sp_tree *tree, sp_node node, sp_node end) {
	sp_node next = node + 1;
	while (next < end && !sp_tree_available(tree, next))
		next = sp_tree_end(tree, next);
	return next;
}
