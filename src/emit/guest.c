/* SPDX-License-Identifier: MIT */
#include "emit/emit.h"
#include "emit/text.h"

static const char for_xl[] = "\n\nguest.dtb is this, compiled; guest.cfg names it as device_tree. "
			     "Xen's toolstack copies\n"
			     "/passthrough and /aliases of it into the guest's own tree.";
static const char for_dom0less[] =
	"\n\nguest.dtb is this, compiled; the boot loader gives it to Xen as the guest's module\n"
	"multiboot,device-tree. Xen copies /passthrough and /aliases of it into the guest's own\n"
	"tree.";

bool sp_emit_guest_source(
	const struct sp_plan *plan, uint32_t guest, struct sp_buf *out, struct sp_error *error) {
	const struct sp_plan_guest *planned = &plan->guests.data[guest];
	struct sp_buf heading = {0};
	bool written;

	if (!planned->tree.root)
		return true;
	sp_text_heading(&heading, plan, "Partial device tree", planned);
	sp_buf_str(&heading, planned->request->mode == SP_MODE_XL ? for_xl : for_dom0less);
	written = heading.failed ? sp_error_memory(error)
				 : sp_build_source(&planned->tree, heading.data, false, out, error);
	sp_buf_release(&heading);
	return written;
}

bool sp_emit_guest_tree(
	const struct sp_plan *plan, uint32_t guest, struct sp_buf *out, struct sp_error *error) {
	const struct sp_plan_guest *planned = &plan->guests.data[guest];

	return !planned->tree.root || sp_build_flatten(&planned->tree, false, out, error);
}
