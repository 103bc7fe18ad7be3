/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "pci/address.h"
#include "preflight/preflight.h"
#include "preflight/words.h"

/* Whom the function can reach without passing the IOMMU. */

#define ACS_NEEDED (SP_ACS_SV | SP_ACS_RR | SP_ACS_CR | SP_ACS_UF)

/* Those of quirk_dma_func1_alias in drivers/pci/quirks.c of Linux 6.12. */
static const struct {
	uint16_t vendor, device;
} PHANTOMS[] = {
	{0x1b4b, 0x9120},
	{0x1b4b, 0x9123},
	{0x1b4b, 0x9125},
	{0x1b4b, 0x9128},
	{0x1b4b, 0x9130},
	{0x1b4b, 0x9170},
	{0x1b4b, 0x9172},
	{0x1b4b, 0x917a},
	{0x1b4b, 0x9182},
	{0x1b4b, 0x9183},
	{0x1b4b, 0x91a0},
	{0x1b4b, 0x9215},
	{0x1b4b, 0x9220},
	{0x1b4b, 0x9230},
	{0x1b4b, 0x9235},
	{0x1103, 0x0642},
	{0x1103, 0x0645},
};

static bool is_phantom(const struct sp_function *function) {
	for (size_t i = 0; i < sizeof(PHANTOMS) / sizeof(PHANTOMS[0]); i++)
		if (PHANTOMS[i].vendor == function->config.vendor &&
			PHANTOMS[i].device == function->config.device)
			return true;
	return false;
}

static void ask_phantom(struct sp_preflight *preflight, const struct sp_function *function) {
	char remedy[96], address[16];
	sp_bdf bdf = function->bdf;

	if (preflight->situation.hypervisor != SP_HYPERVISOR_XEN || !is_phantom(function))
		return;
	snprintf(address, sizeof(address), "%02x:%02x", sp_bdf_bus(bdf), sp_bdf_device(bdf));
	if (preflight->situation.now &&
		sp_words_has(preflight->machine->xen.command_line, "pci-phantom", address))
		return;
	snprintf(remedy, sizeof(remedy), "Add pci-phantom=%s,1 to Xen's command line.", address);
	sp_preflight_find(preflight, SP_QUESTION_ISOLATION, function, SP_CODE_PCI_PHANTOM, remedy,
		"devices of this kind send requests as function 1 of the slot, too");
}

static bool is_below(const struct sp_function *function, const struct sp_function *bridge) {
	for (const struct sp_function *at = function->bridge; at; at = at->bridge)
		if (at == bridge)
			return true;
	return false;
}

/* Endpoints below a bridge that are not given. */
static void find_left(const struct sp_preflight *preflight, const struct sp_function *bridge,
	struct sp_names *left) {
	const struct sp_machine *machine = preflight->machine;

	for (uint32_t i = 0; i < machine->function_count; i++) {
		const struct sp_function *at = &machine->functions[i];

		if (!sp_preflight_is_bridge(at) && is_below(at, bridge) &&
			!sp_preflight_gives(preflight, at))
			sp_names_add(left, at);
	}
}

/* It is known that requests pass between what is below it. */
static bool lets_pass(const struct sp_function *port) {
	const struct sp_pci_config *config = &port->config;

	return config->pcie == SP_PCIE_DOWNSTREAM && config->has_extended &&
		(!config->has_acs || (config->acs.on & ACS_NEEDED) != ACS_NEEDED);
}

static bool is_conventional(const struct sp_function *bridge) {
	return bridge->config.has_caps &&
		(bridge->config.pcie == SP_PCIE_NONE || bridge->config.pcie == SP_PCIE_TO_PCI);
}

/* The bridges above: the first that lets requests pass between what is below it. */
static void ask_above(struct sp_preflight *preflight, const struct sp_function *function) {
	for (const struct sp_function *at = function->bridge; at; at = at->bridge) {
		const struct sp_function *top = at;
		struct sp_names left = {.count = 0};
		bool conventional = is_conventional(at);
		char name[SP_BDF_SIZE];

		if (lets_pass(at) && at->bridge)
			top = at->bridge;
		else if (!conventional)
			continue;
		find_left(preflight, top, &left);
		if (!left.count)
			continue;
		sp_bdf_format(name, at->bdf);
		sp_preflight_find(preflight, SP_QUESTION_ISOLATION, function,
			conventional ? SP_CODE_PCI_BEHIND_PCI : SP_CODE_PCI_ACS_BRIDGE, NULL,
			conventional ? "%s sends its requests under the same ID as those of %s"
				     : "%s lets requests pass between it and %s",
			name, sp_names_text(&left));
		return;
	}
}

static void ask_functions(struct sp_preflight *preflight, const struct sp_function *function) {
	struct sp_names left = {.count = 0};
	struct sp_function *slot;
	uint32_t count;

	if (sp_preflight_is_virtual(function) || !function->config.has_extended ||
		function->config.has_acs)
		return;
	slot = sp_machine_slot(preflight->machine, function, &count);
	for (uint32_t i = 0; i < count; i++)
		if (!sp_preflight_is_virtual(&slot[i]) && !sp_preflight_gives(preflight, &slot[i]))
			sp_names_add(&left, &slot[i]);
	if (left.count)
		sp_preflight_find(preflight, SP_QUESTION_ISOLATION, function,
			SP_CODE_PCI_ACS_FUNCTIONS, NULL,
			"it has no ACS, and nothing keeps it apart from %s", sp_names_text(&left));
}

/* False: there are no groups to judge by. */
static bool ask_group(struct sp_preflight *preflight, const struct sp_function *function) {
	const struct sp_machine *machine = preflight->machine;
	struct sp_names left = {.count = 0};

	if (preflight->situation.hypervisor != SP_HYPERVISOR_KVM)
		return false;
	if (function->group < 0 && (!machine->groups_known || !preflight->situation.now))
		return false;
	/* Said once, of the machine. */
	if (function->group < 0 && machine->firmware_iommu == SP_NO)
		return true;
	if (function->group < 0) {
		sp_preflight_find(preflight, SP_QUESTION_ISOLATION, function,
			SP_CODE_PCI_GROUP_NONE, NULL, "it is in no IOMMU group");
		return true;
	}
	for (uint32_t i = 0; i < machine->function_count; i++) {
		const struct sp_function *at = &machine->functions[i];

		/* vfio lets ports keep their driver, and others that have none. */
		if (at->group == function->group && !sp_preflight_is_bridge(at) && at->driver &&
			!sp_preflight_is_holder(at->driver) && !sp_preflight_gives(preflight, at))
			sp_names_add(&left, at);
	}
	if (left.count)
		sp_preflight_find(preflight, SP_QUESTION_ISOLATION, function,
			SP_CODE_PCI_GROUP_SPLIT, NULL, "of its IOMMU group %d the host drives %s",
			function->group, sp_names_text(&left));
	else
		sp_preflight_pass(preflight, SP_QUESTION_ISOLATION, function,
			"the host drives no other function of its IOMMU group %d", function->group);
	return true;
}

/* All registers were read by which it and the bridges above it are judged. */
static bool is_known(const struct sp_function *function) {
	const struct sp_pci_config *config = &function->config;

	if (!config->has_caps || (!config->has_extended && config->pcie != SP_PCIE_NONE))
		return false;
	for (const struct sp_function *at = function->bridge; at; at = at->bridge)
		if (!at->config.has_caps ||
			(at->config.pcie == SP_PCIE_DOWNSTREAM && !at->config.has_extended))
			return false;
	return true;
}

void sp_ask_isolation(struct sp_preflight *preflight, const struct sp_function *function) {
	uint32_t before = preflight->answers.count;

	if (sp_preflight_is_bridge(function) || ask_group(preflight, function))
		return;
	ask_phantom(preflight, function);
	ask_above(preflight, function);
	ask_functions(preflight, function);
	if (preflight->answers.count != before)
		return;
	if (!is_known(function))
		sp_preflight_unknown(preflight, SP_QUESTION_ISOLATION, function,
			"Run this as root, or read a dump of lspci -vvxxxx that root made.",
			"whether it is kept apart from its neighbours (ACS) is not known");
	else
		sp_preflight_pass(preflight, SP_QUESTION_ISOLATION, function,
			"nothing that stays with the host can be reached past the IOMMU");
}
