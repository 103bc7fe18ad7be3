/* SPDX-License-Identifier: MIT */
#include "preflight/preflight.h"

/* Whether the function is one that can be given away at all. */

bool sp_preflight_is_host_part(
	const struct sp_preflight *preflight, const struct sp_function *function) {
	const struct sp_machine *machine = preflight->machine;
	uint32_t class = function->config.class >> 8;

	/* Other bridges are devices such as NVIDIA's NVSwitch. */
	if ((class >> 8 == 0x06 && class != 0x0680) || class == 0x0806 || class == 0x0807)
		return true;
	for (uint32_t i = 0; i < machine->ivrs.unit_count; i++)
		if (machine->ivrs.units[i].function == function->bdf)
			return true;
	return false;
}

static const char *class_of(const struct sp_function *function) {
	const char *name = sp_pci_class_name(function->config.class);

	return name ? name : "device";
}

static void ask_virtual(struct sp_preflight *preflight, const struct sp_function *function) {
	const struct sp_function *physical = function->physical;
	char name[SP_BDF_SIZE];

	sp_bdf_format(name, physical->bdf);
	if (sp_preflight_is_pvh(preflight))
		sp_preflight_find(preflight, SP_QUESTION_FUNCTION, function, SP_CODE_PCI_VF_PVH,
			NULL, "it is a virtual function of %s, which a PVH dom0 cannot give away",
			name);
	if (sp_preflight_gives(preflight, physical))
		sp_preflight_find(preflight, SP_QUESTION_FUNCTION, function,
			SP_CODE_PCI_VF_PHYSICAL_GIVEN, NULL,
			"its physical function %s is to be given away too", name);
	else if (!physical->driver || sp_preflight_is_holder(physical->driver))
		sp_preflight_find(preflight, SP_QUESTION_FUNCTION, function,
			SP_CODE_PCI_VF_PHYSICAL_IDLE, NULL,
			"no driver of the host runs its physical function %s", name);
	else
		sp_preflight_pass(preflight, SP_QUESTION_FUNCTION, function,
			"it is a virtual function of %s, which %s runs", name, physical->driver);
}

static bool ask_state(struct sp_preflight *preflight, const struct sp_function *function) {
	const struct sp_pci_config *config = &function->config;
	uint32_t before = preflight->answers.count;

	if (config->broken)
		sp_preflight_find(preflight, SP_QUESTION_FUNCTION, function,
			SP_CODE_PCI_CONFIG_BROKEN, NULL,
			"its configuration space has a list of capabilities that is broken");
	if (!config->known)
		sp_preflight_unknown(preflight, SP_QUESTION_FUNCTION, function,
			"Wake it (echo on >/sys/bus/pci/devices/ADDRESS/power/control) and ask "
			"again; if it does not answer then, power the machine off and on.",
			"it does not answer: it is switched off, or has fallen off the bus");
	else if (config->known <= SP_PCI_CONFIG_MIN)
		sp_preflight_unknown(preflight, SP_QUESTION_FUNCTION, function,
			"Run this as root, or read a dump of lspci -vvxxxx that root made.",
			"only the first %u bytes of its configuration space are known",
			config->known);
	if (config->has_sriov && config->sriov.on && config->sriov.enabled)
		sp_preflight_find(preflight, SP_QUESTION_FUNCTION, function,
			SP_CODE_PCI_PF_WITH_VFS, NULL,
			"%u virtual functions of it are on, and vanish with it",
			config->sriov.enabled);
	return preflight->answers.count != before;
}

void sp_ask_function(struct sp_preflight *preflight, const struct sp_function *function) {
	const struct sp_pci_config *config = &function->config;

	if (sp_preflight_is_bridge(function))
		sp_preflight_find(preflight, SP_QUESTION_FUNCTION, function, SP_CODE_PCI_BRIDGE,
			NULL, "it is a bridge");
	else if (sp_preflight_is_host_part(preflight, function))
		sp_preflight_find(preflight, SP_QUESTION_FUNCTION, function, SP_CODE_PCI_HOST_PART,
			NULL, "it is a part of the host itself: %s", class_of(function));
	else if (function->physical)
		ask_virtual(preflight, function);
	else if (ask_state(preflight, function))
		return;
	else if (config->power)
		sp_preflight_find(preflight, SP_QUESTION_FUNCTION, function, SP_CODE_PCI_ASLEEP,
			NULL, "%s, in the power state D%u", class_of(function), config->power);
	else
		sp_preflight_pass(
			preflight, SP_QUESTION_FUNCTION, function, "%s", class_of(function));
}
