/* SPDX-License-Identifier: MIT */
#include "preflight/preflight.h"

#include <string.h>

/* Who has the function, and who else hangs on it: drivers, the slot, the host's screen. */

static bool is_graphics_driver(const char *driver) {
	static const char *const DRIVERS[] = {
		"amdgpu", "radeon", "nouveau", "nvidia", "i915", "xe", "ast", "mgag200"};

	for (size_t i = 0; i < sizeof(DRIVERS) / sizeof(DRIVERS[0]); i++)
		if (strcmp(DRIVERS[i], driver) == 0)
			return true;
	return false;
}

/* The command that takes it from whoever has it. */
static const char *take_remedy(const struct sp_preflight *preflight) {
	return preflight->situation.hypervisor == SP_HYPERVISOR_XEN
		? "Run xl pci-assignable-add ADDRESS in dom0."
		: "Run driverctl set-override ADDRESS vfio-pci.";
}

static const char *hide_remedy(const struct sp_preflight *preflight) {
	return preflight->situation.hypervisor == SP_HYPERVISOR_XEN
		? "Keep the driver away from boot on: xen-pciback.hide=(ADDRESS) on the command "
		  "line of dom0's kernel, or in /etc/modprobe.d where xen-pciback is a module."
		: "Keep the driver away from boot on: options vfio-pci ids= and a softdep in "
		  "/etc/modprobe.d, or driverctl set-override ADDRESS vfio-pci and a restart.";
}

/* Of a function that no driver of the host has: is it where the toolstack looks for it? */
static void ask_holder(struct sp_preflight *preflight, const struct sp_function *function) {
	bool xen = preflight->situation.hypervisor == SP_HYPERVISOR_XEN;
	const char *driver = function->driver;
	bool vfio = driver && sp_preflight_is_vfio(driver);
	bool stub = driver && strcmp(driver, "pci-stub") == 0;
	bool right = driver && !stub && vfio != xen;

	if (!preflight->situation.now)
		sp_preflight_pass(
			preflight, SP_QUESTION_DRIVER, function, "no driver of the host has it");
	else if (right)
		sp_preflight_pass(preflight, SP_QUESTION_DRIVER, function, "%s holds it", driver);
	else if (driver)
		sp_preflight_find(preflight, SP_QUESTION_DRIVER, function,
			SP_CODE_PCI_DRIVER_HOLDER, NULL, "%s holds it, and %s is needed", driver,
			xen ? "xen-pciback" : "vfio-pci");
	else
		sp_preflight_find(preflight, SP_QUESTION_DRIVER, function,
			SP_CODE_PCI_DRIVER_UNCLAIMED, take_remedy(preflight),
			"it has no driver, and %s does not hold it",
			xen ? "xen-pciback" : "vfio-pci");
}

void sp_ask_driver(struct sp_preflight *preflight, const struct sp_function *function) {
	const char *driver = function->driver;

	if (sp_preflight_is_bridge(function) || sp_preflight_is_host_part(preflight, function))
		return;
	if (function->has_users)
		sp_preflight_find(preflight, SP_QUESTION_DRIVER, function,
			sp_preflight_is_display(function)   ? SP_CODE_PCI_DISPLAY_IN_USE
				: !preflight->situation.now ? SP_CODE_PCI_HOST_USED_TODAY
				: function->network_user    ? SP_CODE_PCI_HOST_NETWORK
							    : SP_CODE_PCI_HOST_USES,
			NULL, "the host uses it: %s",
			function->user ? function->user : "by its driver");
	if (!driver || sp_preflight_is_holder(driver))
		ask_holder(preflight, function);
	else if (is_graphics_driver(driver))
		sp_preflight_find(preflight, SP_QUESTION_DRIVER, function,
			SP_CODE_PCI_DRIVER_GRAPHICS, hide_remedy(preflight),
			"the host's driver %s has it", driver);
	else
		sp_preflight_find(preflight, SP_QUESTION_DRIVER, function, SP_CODE_PCI_DRIVER_BOUND,
			take_remedy(preflight), "the host's driver %s has it", driver);
}

/* The chipset's functions share a slot, and those that the host runs on cannot follow. */
#define STAYS_REMEDY \
	"A part of its slot stays with the host whatever is given: see that a reset of this " \
	"function alone is enough, and that the guest is one that you trust."

void sp_ask_slot(struct sp_preflight *preflight, const struct sp_function *function) {
	struct sp_names left = {.count = 0};
	struct sp_function *slot;
	uint32_t count, others = 0;
	bool host = false; /* part of it is left behind */

	if (sp_preflight_is_virtual(function) || sp_preflight_is_bridge(function))
		return;
	slot = sp_machine_slot(preflight->machine, function, &count);
	for (uint32_t i = 0; i < count; i++) {
		if (sp_preflight_is_virtual(&slot[i]) || slot[i].bdf == function->bdf)
			continue;
		others++;
		host = host || sp_preflight_is_host_part(preflight, &slot[i]);
		if (!sp_preflight_gives(preflight, &slot[i]))
			sp_names_add(&left, &slot[i]);
		else if (slot[i].bdf < function->bdf)
			return; /* said with the first one */
	}
	if (left.count)
		sp_preflight_find(preflight, SP_QUESTION_SLOT, function, SP_CODE_PCI_SLOT_SPLIT,
			host ? STAYS_REMEDY : NULL, "of its slot %s %s left behind",
			sp_names_text(&left), left.count == 1 ? "is" : "are");
	else if (others)
		sp_preflight_pass(preflight, SP_QUESTION_SLOT, function,
			"all %u functions of its slot are given", others + 1);
	else
		sp_preflight_pass(preflight, SP_QUESTION_SLOT, function, "it is alone in its slot");
}

/* 3D controllers have no outputs, and virtual functions none of their own. */
static bool has_outputs(const struct sp_function *function) {
	return sp_preflight_is_display(function) && !sp_preflight_is_virtual(function) &&
		function->config.class >> 8 != 0x0302;
}

/* Displays of the machine that stay with it. */
static uint32_t count_displays_left(const struct sp_preflight *preflight) {
	const struct sp_machine *machine = preflight->machine;
	uint32_t count = 0;

	for (uint32_t i = 0; i < machine->function_count; i++)
		if (has_outputs(&machine->functions[i]) &&
			!sp_preflight_gives(preflight, &machine->functions[i]))
			count++;
	return count;
}

static void ask_intel(struct sp_preflight *preflight, const struct sp_function *function) {
	const struct sp_situation *situation = &preflight->situation;

	if (situation->guest != SP_GUEST_HVM || !sp_preflight_is_intel_display(function))
		return;
	if (sp_preflight_is_igd(function) && !situation->gfx_passthru)
		sp_preflight_find(preflight, SP_QUESTION_DISPLAY, function,
			SP_CODE_PCI_IGD_SECONDARY, NULL,
			"it is the processor's own GPU, and the guest does not get its OpRegion");
	else if (!sp_preflight_is_igd(function) && situation->gfx_passthru)
		sp_preflight_find(preflight, SP_QUESTION_DISPLAY, function, SP_CODE_PCI_IGD_PLACE,
			NULL, "gfx_passthru is asked for, and it is not the processor's own GPU");
}

void sp_ask_display(struct sp_preflight *preflight, const struct sp_function *function) {
	uint32_t before = preflight->answers.count;

	if (!sp_preflight_is_display(function) || sp_preflight_is_virtual(function))
		return;
	ask_intel(preflight, function);
	if (function->boot_display)
		sp_preflight_find(preflight, SP_QUESTION_DISPLAY, function,
			SP_CODE_PCI_DISPLAY_BOOT, NULL,
			"the machine has started with it as its display");
	if (has_outputs(function) && count_displays_left(preflight) == 0)
		sp_preflight_find(preflight, SP_QUESTION_DISPLAY, function,
			SP_CODE_PCI_DISPLAY_ONLY, NULL, "no display is left for the host");
	if (preflight->answers.count != before)
		return;
	if (preflight->machine->source == SP_MACHINE_LSPCI && has_outputs(function))
		sp_preflight_unknown(preflight, SP_QUESTION_DISPLAY, function,
			"Read the machine itself, or a snapshot of it.",
			"whether the machine has started with it as its display is not known");
	else
		sp_preflight_pass(preflight, SP_QUESTION_DISPLAY, function,
			"it is not the display that the machine started with");
}
