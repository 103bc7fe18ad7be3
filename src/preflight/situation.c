/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "pci/address.h"
#include "preflight/preflight.h"
#include "preflight/rules.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const char *const DOM0S[] = {[SP_DOM0_PV] = "pv", [SP_DOM0_PVH] = "pvh"};
static const char *const GUESTS[] = {
	[SP_GUEST_HVM] = "hvm",
	[SP_GUEST_PV] = "pv",
	[SP_GUEST_PVH] = "pvh",
};
static const char *const RESULTS[] = {
	[SP_RESULT_PASS] = "PASS",
	[SP_RESULT_UNKNOWN] = "UNKNOWN",
	[SP_RESULT_WARN] = "WARN",
	[SP_RESULT_FAIL] = "FAIL",
};

const char *sp_dom0_name(enum sp_dom0 dom0) {
	return (size_t)dom0 < LENGTH(DOM0S) ? DOM0S[dom0] : "?";
}

bool sp_dom0_parse(const char *text, enum sp_dom0 *dom0) {
	for (size_t i = 0; i < LENGTH(DOM0S); i++) {
		if (strcmp(DOM0S[i], text) != 0)
			continue;
		*dom0 = (enum sp_dom0)i;
		return true;
	}
	return false;
}

const char *sp_guest_kind_name(enum sp_guest_kind kind) {
	return (size_t)kind < LENGTH(GUESTS) ? GUESTS[kind] : "?";
}

bool sp_guest_kind_parse(const char *text, enum sp_guest_kind *kind) {
	for (size_t i = 0; i < LENGTH(GUESTS); i++) {
		if (strcmp(GUESTS[i], text) != 0)
			continue;
		*kind = (enum sp_guest_kind)i;
		return true;
	}
	return false;
}

const char *sp_result_name(enum sp_result result) {
	return (size_t)result < LENGTH(RESULTS) ? RESULTS[result] : "?";
}

static enum sp_target nearest(const struct sp_xen_facts *xen) {
	if (!xen->release_known)
		return SP_TARGET_DEFAULT;
	if (xen->major < 4 || (xen->major == 4 && xen->minor < 17))
		return SP_TARGET_XEN_4_17;
	if (xen->major > 4 || xen->minor > 22)
		return SP_TARGET_XEN_4_22;
	return (enum sp_target)(SP_TARGET_XEN_4_17 + (xen->minor - 17));
}

void sp_situation_read(struct sp_situation *situation, const struct sp_machine *machine) {
	enum sp_dom0_kind dom0 = machine->xen.dom0;

	*situation = (struct sp_situation){
		.hypervisor = dom0 == SP_DOM0_NONE ? SP_HYPERVISOR_KVM : SP_HYPERVISOR_XEN,
		.target = nearest(&machine->xen),
		.dom0 = dom0 == SP_DOM0_IS_PVH ? SP_DOM0_PVH : SP_DOM0_PV,
		.guest = SP_GUEST_HVM,
		/* lspci's output does not tell. */
		.now = dom0 != SP_DOM0_UNKNOWN,
	};
}

static const struct sp_pci_rule_info RULES[SP_PCI_RULE_COUNT] = {
#define SP_PCI_RULE(name, proof, title, v17, v18, v19, v20, v21, v22, citation) \
	{#name, SP_PROOF_##proof, title, {v17, v18, v19, v20, v21, v22}, citation},
#include "preflight/rules.def"
#undef SP_PCI_RULE
};

uint32_t sp_pci_rule_value(enum sp_pci_rule rule, enum sp_target target) {
	return RULES[rule].values[target];
}

const struct sp_pci_rule_info *sp_pci_rule_info(enum sp_pci_rule rule) {
	return &RULES[rule];
}

bool sp_preflight_gives(const struct sp_preflight *preflight, const struct sp_function *function) {
	uint32_t low = 0, high = preflight->function_count;
	const struct sp_function *asked = preflight->asked;

	if (preflight->situation.apart && asked &&
		sp_bdf_slot(asked->bdf) != sp_bdf_slot(function->bdf))
		return false;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (preflight->functions[middle]->bdf == function->bdf)
			return true;
		if (preflight->functions[middle]->bdf < function->bdf)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

bool sp_preflight_is_pvh(const struct sp_preflight *preflight) {
	const struct sp_situation *situation = &preflight->situation;

	return situation->hypervisor == SP_HYPERVISOR_XEN && situation->dom0 == SP_DOM0_PVH &&
		sp_pci_rule_value(SP_PCI_RULE_PVH_MAP_PIRQ, situation->target);
}

bool sp_preflight_is_virtual(const struct sp_function *function) {
	return function->physical != NULL;
}

bool sp_preflight_is_display(const struct sp_function *function) {
	return function->config.class >> 16 == 0x03;
}

bool sp_preflight_is_intel_display(const struct sp_function *function) {
	uint32_t class = function->config.class;

	return function->config.vendor == 0x8086 && (class == 0x030000 || class == 0x038000);
}

bool sp_preflight_is_igd(const struct sp_function *function) {
	return function->config.vendor == 0x8086 && sp_preflight_is_display(function) &&
		function->bdf == SP_BDF(0, 0, 2, 0);
}

bool sp_preflight_is_bridge(const struct sp_function *function) {
	return function->config.header == SP_PCI_HEADER_BRIDGE ||
		function->config.header == SP_PCI_HEADER_CARDBUS;
}

bool sp_preflight_is_vfio(const char *driver) {
	return strstr(driver, "vfio-pci") || strstr(driver, "vfio_pci");
}

bool sp_preflight_is_holder(const char *driver) {
	static const char *const HOLDERS[] = {"pciback", "xen-pciback", "pci-stub"};

	for (size_t i = 0; i < LENGTH(HOLDERS); i++)
		if (strcmp(HOLDERS[i], driver) == 0)
			return true;
	return sp_preflight_is_vfio(driver);
}

uint32_t sp_preflight_gpus(const struct sp_machine *machine, sp_bdf *functions, uint32_t room) {
	uint32_t count = 0;

	for (uint32_t i = 0; i < machine->function_count; i++) {
		const struct sp_function *at = &machine->functions[i];

		if (!sp_function_is_gpu(at) || sp_preflight_is_bridge(at) ||
			sp_preflight_is_virtual(at))
			continue;
		if (count < room)
			functions[count] = at->bdf;
		count++;
	}
	return count;
}

#define NAMES_SHOWN 3u

void sp_names_add(struct sp_names *names, const struct sp_function *function) {
	char name[SP_BDF_SIZE];
	size_t used = strlen(names->text);

	if (names->count++ >= NAMES_SHOWN)
		return;
	sp_bdf_format(name, function->bdf);
	snprintf(names->text + used, sizeof(names->text) - used, "%s%s", used ? ", " : "", name);
}

const char *sp_names_text(struct sp_names *names) {
	size_t used = strlen(names->text);

	if (names->count > NAMES_SHOWN)
		snprintf(names->text + used, sizeof(names->text) - used, " and %u more",
			names->count - NAMES_SHOWN);
	return names->text;
}
