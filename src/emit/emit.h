/* SPDX-License-Identifier: MIT */
#ifndef SP_EMIT_EMIT_H
#define SP_EMIT_EMIT_H

#include "base/buf.h"
#include "plan/plan.h"

/*
 * One function for each artefact. Each appends to an empty *out; what does not apply to the plan or
 * to the guest is left empty. They return false with *error set. That no memory was left may also
 * show only in out->failed.
 */
bool sp_emit_guest_source(
	const struct sp_plan *plan, uint32_t guest, struct sp_buf *out, struct sp_error *error);
bool sp_emit_guest_tree(
	const struct sp_plan *plan, uint32_t guest, struct sp_buf *out, struct sp_error *error);
bool sp_emit_xl(
	const struct sp_plan *plan, uint32_t guest, struct sp_buf *out, struct sp_error *error);
bool sp_emit_attach(
	const struct sp_plan *plan, uint32_t guest, struct sp_buf *out, struct sp_error *error);
bool sp_emit_dom0less_source(
	const struct sp_plan *plan, uint32_t guest, struct sp_buf *out, struct sp_error *error);
bool sp_emit_dom0less(
	const struct sp_plan *plan, uint32_t guest, struct sp_buf *out, struct sp_error *error);
bool sp_emit_map(
	const struct sp_plan *plan, uint32_t guest, struct sp_buf *out, struct sp_error *error);
bool sp_emit_graph(
	const struct sp_plan *plan, uint32_t guest, struct sp_buf *out, struct sp_error *error);

bool sp_emit_overlay_source(const struct sp_plan *plan, struct sp_buf *out, struct sp_error *error);
bool sp_emit_overlay(const struct sp_plan *plan, struct sp_buf *out, struct sp_error *error);
bool sp_emit_patched_tree(const struct sp_plan *plan, struct sp_buf *out, struct sp_error *error);
bool sp_emit_uboot(const struct sp_plan *plan, struct sp_buf *out, struct sp_error *error);
bool sp_emit_imagebuilder(const struct sp_plan *plan, struct sp_buf *out, struct sp_error *error);
bool sp_emit_bootargs(const struct sp_plan *plan, struct sp_buf *out, struct sp_error *error);
bool sp_emit_json(const struct sp_plan *plan, struct sp_buf *out, struct sp_error *error);
bool sp_emit_report(const struct sp_plan *plan, struct sp_buf *out, struct sp_error *error);

/* False for a plan of which only the report and plan.json are written: it has errors, or no trees.
 */
bool sp_emit_complete(const struct sp_plan *plan);

/* False, with *error set, if the edits cannot be made in the host's tree as it is. */
bool sp_emit_check_edits(const struct sp_plan *plan, struct sp_error *error);

/*
 * libfdt, and so U-Boot, takes a name without a unit address for the first sibling that has it with
 * or without one. A node that is changed, or one above it, which would be missed for that: then the
 * patched tree stands for overlay and commands. SP_NODE_NONE if there is none. *other is what would
 * be changed instead.
 */
sp_node sp_emit_misleading(const struct sp_plan *plan, sp_node *other);
/* Says so in a comment. */
void sp_emit_say_misleading(
	struct sp_buf *out, const struct sp_plan *plan, sp_node node, sp_node other);

/* What the file belongs to: one of several guests' files lie in a folder of its name. */
bool sp_emit_in_folders(const struct sp_plan *plan);

/* The guest's device in whose subtree `node` lies, the innermost; its number, else UINT32_MAX. */
uint32_t sp_emit_device_of(
	const struct sp_plan *plan, const struct sp_plan_guest *guest, sp_node node);

/* True if a guest's interrupt has this number. */
bool sp_emit_has_irq(const struct sp_plan_guest *guest, uint32_t number);

/* The interrupt that Xen gives a dom0less guest's virtual PL011: GUEST_VPL011_SPI. */
#define SP_VPL011_IRQ 32u

#endif
