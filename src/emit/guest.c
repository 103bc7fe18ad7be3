/* SPDX-License-Identifier: MIT */
#include "emit/emit.h"
#include "emit/text.h"

bool sp_emit_guest_source(
	const struct sp_plan *plan, uint32_t guest, struct sp_buf *out, struct sp_error *error) {
	const struct sp_plan_guest *planned = &plan->guests.data[guest];
	struct sp_buf heading = {0};
	bool written;

	if (!planned->tree.root)
		return true;
	sp_text_heading(&heading, plan, "Partial device tree", planned);
	if (planned->request->mode == SP_MODE_XL)
		sp_buf_str(&heading,
			"\n\nguest.dtb is this, compiled; guest.cfg names it as "
			"device_tree. Xen's toolstack copies\n/passthrough and "
			"/aliases of it into the guest's own tree.");
	else
		sp_buf_str(&heading,
			"\n\nguest.dtb is this, compiled; the boot loader gives it to "
			"Xen as the guest's\nmultiboot,device-tree module. Xen copies "
			"/passthrough and /aliases of it into\nthe guest's own tree.");
	if (heading.failed)
		return sp_error_memory(error);
	written = sp_build_source(&planned->tree, heading.data, false, out, error);
	sp_buf_release(&heading);
	return written;
}

bool sp_emit_guest_tree(
	const struct sp_plan *plan, uint32_t guest, struct sp_buf *out, struct sp_error *error) {
	const struct sp_plan_guest *planned = &plan->guests.data[guest];

	return !planned->tree.root || sp_build_flatten(&planned->tree, false, out, error);
}
