/* SPDX-License-Identifier: MIT */
#ifndef SP_PLAN_STEPS_H
#define SP_PLAN_STEPS_H

#include "host/references.h"
#include "plan/plan.h"

/*
 * The passes that make a plan, in the order in which they run. Each adds to the plan and to its
 * findings. Those that return bool return false with *error set; running out of memory shows in
 * the plan's arena and is asked at the end.
 */

/* Which devices each guest gets, and with --with-companions what they need. */
bool sp_select_devices(struct sp_plan *plan, struct sp_plan_guest *guest, struct sp_error *error);
/* Registers, interrupts, and who else uses their pages and lines. */
void sp_assign_resources(struct sp_plan *plan, struct sp_plan_guest *guest);
/* Stream IDs, and what Xen's driver makes of them. */
bool sp_assign_streams(struct sp_plan *plan, struct sp_plan_guest *guest, struct sp_error *error);
/* What is done about each reference to another node. */
bool sp_resolve_dependencies(
	struct sp_plan *plan, struct sp_plan_guest *guest, struct sp_error *error);
/* Guest addresses. */
void sp_place_mappings(struct sp_plan *plan, struct sp_plan_guest *guest);
/* Memory for the tables of the mappings. */
void sp_size_tables(struct sp_plan *plan, struct sp_plan_guest *guest);
/* The guest's partial tree. */
void sp_build_guest_tree(struct sp_plan *plan, struct sp_plan_guest *guest);
/* What two guests cannot both have. */
void sp_find_conflicts(struct sp_plan *plan);
/* The changes of the host's tree, with the nodes that hold clocks and domains. */
void sp_edit_host(struct sp_plan *plan);
/* What is wrong with the host as a whole. */
void sp_check_host(struct sp_plan *plan);

/* Guests of the plan that are given `node`; NULL if none is. */
struct sp_plan_guest *sp_plan_owner(const struct sp_plan *plan, sp_node node);
/* The guest's device in whose subtree `node` lies, NULL if there is none. */
struct sp_guest_device *sp_guest_device_of(
	const struct sp_plan *plan, const struct sp_plan_guest *guest, sp_node node);
/* False for a descendant of a given device that the host's tree disables: it is left out. */
bool sp_guest_describes(
	const struct sp_plan *plan, const struct sp_guest_device *device, sp_node node);

/*
 * The node behind `node` in a walk through a given device's subtree, which begins at the device:
 * descendants that the host's tree disables are passed over with all that is below them.
 * `end` is the subtree's.
 */
sp_node sp_described_next(const struct sp_tree *tree, sp_node node, sp_node end);

/* Xen must be built with this option; each is told once. */
void sp_plan_needs_option(struct sp_plan *plan, const char *option);

/*
 * Adds a finding with the catalogue's remedy. `guest` is NULL for the host; `node` may be
 * SP_NODE_NONE. A code that does not arise in the guest's mode adds nothing.
 */
void sp_finding_add(struct sp_plan *plan, const struct sp_plan_guest *guest, enum sp_code code,
	sp_node node, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Edits. `node` is one of the host's; new nodes have a path. */
struct sp_edit *sp_edit_property(struct sp_plan *plan, sp_node node, const char *property);
struct sp_edit *sp_edit_new_node(struct sp_plan *plan, const char *path);
struct sp_edit *sp_edit_new_property(struct sp_plan *plan, const char *path, const char *property);
void sp_edit_string(struct sp_plan *plan, struct sp_edit *edit, const char *text);
/* Cells of which some are phandles: where nodes[i] is not SP_NODE_NONE, cell i is the phandle of
 * that host node. `nodes` is NULL if none is. */
void sp_edit_cells(struct sp_plan *plan, struct sp_edit *edit, const uint32_t *cells,
	const sp_node *nodes, uint32_t count, uint32_t group);

/* The rate of a clock as far as the tree tells it; 0 if it does not. */
uint64_t sp_clock_rate(const struct sp_tree *tree, sp_node consumer, const struct sp_prop *clocks,
	const struct sp_use *use);

/* The memory of a guest whose RAM is at Xen's usual place, or is the host's (direct). */
void sp_layout_create(struct sp_plan *plan, struct sp_plan_guest *guest);

/* Why Xen gives nobody this node: it skips it, or keeps it. NULL if it does not. */
const char *sp_xen_skips(const struct sp_host *host, sp_node node, enum sp_target target);
/* As above, without what is above the node. */
const char *sp_xen_skips_itself(const struct sp_host *host, sp_node node, enum sp_target target);
const char *sp_xen_keeps(const struct sp_host *host, sp_node node, enum sp_target target);

#endif
