/* SPDX-License-Identifier: MIT */
#ifndef SP_PLAN_COMPANIONS_H
#define SP_PLAN_COMPANIONS_H

#include "plan/plan.h"

/* Another device that one cannot be used without. */
struct sp_companion {
	sp_node node; /* what is to be given along */
	sp_node because; /* the device that refers to it, or a descendant of that */
	const char *property; /* by which it refers */
	const char *refusal; /* why it cannot be given, a clause; NULL if it can */
};

/* Calls `found` for each companion outside of the device's own subtree. */
void sp_companions_of(const struct sp_plan *plan, const struct sp_plan_guest *guest, sp_node device,
	void (*found)(void *data, const struct sp_companion *companion), void *data);

/* What a reference of that kind to `provider` means: true if it is a companion (even one that is
 * refused). */
bool sp_companion_at(const struct sp_plan *plan, const struct sp_plan_guest *guest, sp_node node,
	const char *property, unsigned kind, sp_node provider, struct sp_companion *companion);

/*
 * The parent, if it is a device of its own that holds what its children need (clocks, power,
 * interrupts, an IOMMU) and not only a bus. SP_NODE_NONE otherwise.
 */
sp_node sp_wrapper_of(const struct sp_host *host, sp_node node);

/* The device to which an endpoint or port belongs. */
sp_node sp_graph_owner(const struct sp_tree *tree, sp_node node);

#endif
