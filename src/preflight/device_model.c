/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "preflight/preflight.h"

/* What QEMU must be able to do, and where it runs. */

static bool gives_intel_display(const struct sp_preflight *preflight) {
	for (uint32_t i = 0; i < preflight->function_count; i++)
		if (sp_preflight_is_intel_display(preflight->functions[i]))
			return true;
	return false;
}

static void ask_gfx(struct sp_preflight *preflight) {
	if (!preflight->situation.gfx_passthru || !preflight->function_count)
		return;
	if (!gives_intel_display(preflight))
		sp_preflight_find(preflight, SP_QUESTION_DEVICE_MODEL, NULL,
			SP_CODE_PCI_GFX_NOT_INTEL, NULL,
			"gfx_passthru is asked for, and no Intel display is among what is given");
	else if (preflight->situation.stubdomain)
		sp_preflight_find(preflight, SP_QUESTION_DEVICE_MODEL, NULL,
			SP_CODE_PCI_GFX_STUBDOM, NULL,
			"gfx_passthru is asked for, and the device model is in a stub domain");
}

static void ask_stubdomain(struct sp_preflight *preflight) {
	if (!preflight->situation.stubdomain)
		return;
	if (sp_preflight_is_pvh(preflight))
		sp_preflight_find(preflight, SP_QUESTION_DEVICE_MODEL, NULL,
			SP_CODE_PCI_STUBDOM_PVH, NULL,
			"the device model is in a stub domain of a PVH dom0");
	else if (!preflight->situation.permissive)
		sp_preflight_find(preflight, SP_QUESTION_DEVICE_MODEL, NULL, SP_CODE_PCI_STUBDOM,
			NULL, "the device model is in a stub domain");
}

#define GSI_REMEDY "Use QEMU 10.0 or newer, built against Xen 4.20 or newer."

/* The release that can map GSIs. */
static void ask_gsi(struct sp_preflight *preflight) {
	const char *qemu = preflight->machine->xen.qemu;

	if (!sp_preflight_is_pvh(preflight) || preflight->situation.stubdomain)
		return;
	if (!preflight->situation.now || !qemu)
		sp_preflight_unknown(preflight, SP_QUESTION_DEVICE_MODEL, NULL, GSI_REMEDY,
			"whether the device model can map interrupts by GSI is not known");
	else if (strtoul(qemu, NULL, 10) < 10)
		sp_preflight_find(preflight, SP_QUESTION_DEVICE_MODEL, NULL, SP_CODE_PCI_QEMU_GSI,
			NULL, "QEMU %s cannot map interrupts by GSI", qemu);
	else
		sp_preflight_pass(preflight, SP_QUESTION_DEVICE_MODEL, NULL,
			"QEMU %s can map interrupts by GSI", qemu);
}

void sp_ask_device_model(struct sp_preflight *preflight, const struct sp_function *function) {
	const struct sp_situation *situation = &preflight->situation;
	uint32_t before = preflight->answers.count;

	(void)function;
	if (situation->hypervisor != SP_HYPERVISOR_XEN || situation->guest == SP_GUEST_PVH)
		return;
	if (situation->permissive)
		sp_preflight_find(preflight, SP_QUESTION_DEVICE_MODEL, NULL, SP_CODE_PCI_PERMISSIVE,
			NULL, "permissive is asked for: the guest may write any register");
	if (situation->guest == SP_GUEST_PV) {
		sp_preflight_pass(preflight, SP_QUESTION_DEVICE_MODEL, NULL,
			"a PV guest needs no device model");
		return;
	}
	ask_gfx(preflight);
	ask_stubdomain(preflight);
	ask_gsi(preflight);
	if (preflight->answers.count == before)
		sp_preflight_pass(preflight, SP_QUESTION_DEVICE_MODEL, NULL,
			"QEMU gives functions to HVM guests of a PV dom0");
}
