/* SPDX-License-Identifier: MIT */
#include "emit/emit.h"

#include <stdlib.h>

#include "fdt/tree_paths.h"

typedef bool (*guest_emitter)(
	const struct sp_plan *plan, uint32_t guest, struct sp_buf *out, struct sp_error *error);
typedef bool (*host_emitter)(
	const struct sp_plan *plan, struct sp_buf *out, struct sp_error *error);

static const struct {
	const char *name;
	guest_emitter for_guest; /* one of the two */
	host_emitter for_host;
} artefacts[SP_ARTEFACT_COUNT] = {
	[SP_ARTEFACT_GUEST_SOURCE] = {"guest.dts", .for_guest = sp_emit_guest_source},
	[SP_ARTEFACT_GUEST_TREE] = {"guest.dtb", .for_guest = sp_emit_guest_tree},
	[SP_ARTEFACT_XL] = {"guest.cfg", .for_guest = sp_emit_xl},
	[SP_ARTEFACT_ATTACH] = {"attach.cfg", .for_guest = sp_emit_attach},
	[SP_ARTEFACT_DOM0LESS_SOURCE] = {"dom0less.dts", .for_guest = sp_emit_dom0less_source},
	[SP_ARTEFACT_DOM0LESS] = {"dom0less.dtbo", .for_guest = sp_emit_dom0less},
	[SP_ARTEFACT_MAP] = {"map.svg", .for_guest = sp_emit_map},
	[SP_ARTEFACT_GRAPH] = {"graph.dot", .for_guest = sp_emit_graph},
	[SP_ARTEFACT_OVERLAY_SOURCE] = {"host-overlay.dts", .for_host = sp_emit_overlay_source},
	[SP_ARTEFACT_OVERLAY] = {"host-overlay.dtbo", .for_host = sp_emit_overlay},
	[SP_ARTEFACT_PATCHED_TREE] = {"host-patched.dtb", .for_host = sp_emit_patched_tree},
	[SP_ARTEFACT_UBOOT] = {"uboot.cmd", .for_host = sp_emit_uboot},
	[SP_ARTEFACT_IMAGEBUILDER] = {"imagebuilder.cfg", .for_host = sp_emit_imagebuilder},
	[SP_ARTEFACT_BOOTARGS] = {"bootargs.txt", .for_host = sp_emit_bootargs},
	[SP_ARTEFACT_JSON] = {"plan.json", .for_host = sp_emit_json},
	[SP_ARTEFACT_REPORT] = {"report.txt", .for_host = sp_emit_report},
};

const char *sp_artefact_name(enum sp_artefact artefact) {
	return artefacts[artefact].name;
}

bool sp_plan_emit(const struct sp_plan *plan, enum sp_artefact artefact, uint32_t guest,
	char **data, size_t *size, struct sp_error *error) {
	uint32_t lost = sp_tree_paths_lost(plan->host->tree);
	struct sp_buf out = {0};
	bool made;

	*data = NULL;
	*size = 0;
	if (!artefacts[artefact].for_guest)
		made = artefacts[artefact].for_host(plan, &out, error);
	else if (guest < plan->guests.count)
		made = artefacts[artefact].for_guest(plan, guest, &out, error);
	else
		made = sp_error_set(error, SP_ERROR_USE, "the plan has no guest %u", guest);
	if (made && (out.failed || sp_tree_paths_lost(plan->host->tree) != lost))
		made = sp_error_memory(error);
	if (!made) {
		sp_buf_release(&out);
		return false;
	}
	*data = out.data;
	*size = out.size;
	return true;
}

bool sp_emit_complete(const struct sp_plan *plan) {
	return plan->built && (plan->verdict != SP_VERDICT_NO || plan->request->keep_going);
}

bool sp_emit_in_folders(const struct sp_plan *plan) {
	return plan->guests.count > 1;
}

uint32_t sp_emit_device_of(
	const struct sp_plan *plan, const struct sp_plan_guest *guest, sp_node node) {
	const struct sp_tree *tree = plan->host->tree;
	uint32_t found = UINT32_MAX;

	for (uint32_t i = 0; i < guest->devices.count; i++) {
		sp_node device = guest->devices.data[i].node;

		/* Of two that hold the node, the one with the higher number lies in the other. */
		if (sp_tree_is_within(tree, node, device) &&
			(found == UINT32_MAX || device > guest->devices.data[found].node))
			found = i;
	}
	return found;
}

bool sp_emit_has_irq(const struct sp_plan_guest *guest, uint32_t number) {
	for (uint32_t i = 0; i < guest->irqs.count; i++) {
		if (guest->irqs.data[i].number == number)
			return true;
	}
	return false;
}
