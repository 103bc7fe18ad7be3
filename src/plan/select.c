/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "plan/companions.h"
#include "plan/steps.h"

/* More companions than any device has; a graph that reaches further is followed no more. */
#define MAX_DEVICES 256

static struct sp_guest_device *add_device(
	struct sp_plan *plan, struct sp_plan_guest *guest, sp_node node, sp_node because) {
	const struct sp_tree *tree = plan->host->tree;
	struct sp_guest_device *device = sp_vec_push(&plan->arena, &guest->devices);
	if (device == NULL)
		return NULL;
	device->node = node;
	device->companion = because != SP_NODE_NONE;
	device->because = because;
	device->path = sp_tree_path(tree, node);
	return device;
}

static void remove_device(struct sp_plan_guest *guest, uint32_t index) {
	memmove(&guest->devices.data[index], &guest->devices.data[index + 1],
		(guest->devices.count - index - 1) * sizeof(guest->devices.data[0]));
	guest->devices.count--;
}

/* Adds a device unless another one covers it, and drops those that it covers: true if any was. */
static bool give(struct sp_plan *plan, struct sp_plan_guest *guest, sp_node node, sp_node because) {
	const struct sp_tree *tree = plan->host->tree;
	const struct sp_guest_device *cover = sp_guest_device_of(plan, guest, node);
	if (cover != NULL) {
		if (because == SP_NODE_NONE && cover->node != node)
			sp_finding_add(plan, guest, SP_CODE_DEVICE_INSIDE, node,
				"lies inside %s and is given with it", cover->path);
		return false;
	}
	bool dropped = false;
	for (uint32_t i = 0; i < guest->devices.count;) {
		struct sp_guest_device *inner = &guest->devices.data[i];
		if (!sp_tree_is_within(tree, inner->node, node)) {
			i++;
			continue;
		}
		sp_finding_add(plan, guest, SP_CODE_DEVICE_INSIDE, inner->node,
			"lies inside %s and is given with it", sp_tree_path(tree, node));
		if (!inner->companion)
			because = SP_NODE_NONE; /* it stands for what was asked for */
		remove_device(guest, i);
		dropped = true;
	}
	add_device(plan, guest, node, because);
	return dropped;
}

struct visitor {
	struct sp_plan *plan;
	struct sp_plan_guest *guest;
	bool dropped; /* a device was replaced by what covers it */
};

static void give_companion(void *data, const struct sp_companion *companion) {
	struct visitor *visitor = data;
	if (companion->refusal == NULL && visitor->guest->devices.count < MAX_DEVICES)
		visitor->dropped |=
			give(visitor->plan, visitor->guest, companion->node, companion->because);
}

/* A wrapper that owns its children's clocks and interrupts is given in their place. */
static sp_node outermost(const struct sp_plan *plan, sp_node node) {
	sp_node wrapper;
	while ((wrapper = sp_wrapper_of(plan->host, node)) != SP_NODE_NONE)
		node = wrapper;
	return node;
}

bool sp_select_devices(struct sp_plan *plan, struct sp_plan_guest *guest, struct sp_error *error) {
	const struct sp_request_guest *request = guest->request;
	struct visitor visitor = {.plan = plan, .guest = guest};

	if (request->device_count == 0)
		return sp_error_set(
			error, SP_ERROR_USE, "guest %s: no device is named", request->name);
	for (uint32_t i = 0; i < request->device_count; i++) {
		sp_node node = sp_host_find(plan->host, request->devices[i], error);
		if (node == SP_NODE_NONE)
			return false;
		if (request->companions)
			node = outermost(plan, node);
		give(plan, guest, node, SP_NODE_NONE);
	}
	/* Companions are appended, so that theirs are found in the same walk. */
	for (uint32_t i = 0; request->companions && i < guest->devices.count; i++) {
		visitor.dropped = false;
		sp_companions_of(
			plan, guest, guest->devices.data[i].node, give_companion, &visitor);
		if (visitor.dropped)
			i = UINT32_MAX; /* the others have moved up: start again */
	}
	return true;
}
