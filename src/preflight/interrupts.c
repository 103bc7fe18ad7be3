/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "preflight/preflight.h"

/* INTx with its GSI, MSI and MSI-X. */

static bool uses_messages(const struct sp_function *function) {
	return function->config.msi_on || function->config.msix.on;
}

static bool shares_line(const struct sp_function *a, const struct sp_function *b) {
	if (a->gsi >= 0 && b->gsi >= 0)
		return a->gsi == b->gsi;
	/* A number of the kernel's is that of INTx only while messages are off. */
	return a->irq > 0 && a->irq == b->irq && !uses_messages(a);
}

/* Those that stay with the host and use the same interrupt. */
static void find_sharers(const struct sp_preflight *preflight, const struct sp_function *function,
	struct sp_names *names) {
	const struct sp_machine *machine = preflight->machine;

	for (uint32_t i = 0; i < machine->function_count; i++) {
		const struct sp_function *at = &machine->functions[i];

		if (at != function && at->config.pin && at->driver && !uses_messages(at) &&
			!sp_preflight_is_holder(at->driver) && shares_line(function, at) &&
			!sp_preflight_gives(preflight, at))
			sp_names_add(names, at);
	}
}

/* pciback has asked ACPI, and there was none. */
static bool lacks_gsi(const struct sp_preflight *preflight, const struct sp_function *function) {
	const char *error = function->gsi_error;

	return preflight->situation.now && function->gsi < 0 && error &&
		(strcmp(error, "EINVAL") == 0 || strcmp(error, "ENOENT") == 0);
}

static void ask_without_pin(struct sp_preflight *preflight, const struct sp_function *function) {
	if (sp_preflight_is_pvh(preflight))
		sp_preflight_find(preflight, SP_QUESTION_INTX, function, SP_CODE_PCI_INTX_NONE_PVH,
			NULL, "it has no INTx pin, and pciback of a PVH dom0 wants its GSI");
	else
		sp_preflight_find(preflight, SP_QUESTION_INTX, function, SP_CODE_PCI_INTX_NONE,
			NULL, "it has no INTx pin");
}

void sp_ask_intx(struct sp_preflight *preflight, const struct sp_function *function) {
	struct sp_names sharers = {.count = 0};
	char pin = (char)('A' + function->config.pin - 1);
	bool pvh = sp_preflight_is_pvh(preflight);

	if (sp_preflight_is_bridge(function))
		return;
	if (!function->config.known) {
		sp_preflight_unknown(preflight, SP_QUESTION_INTX, function,
			"Wake it (echo on >/sys/bus/pci/devices/ADDRESS/power/control) and ask "
			"again.",
			"whether it has an INTx pin is not known");
		return;
	}
	if (!function->config.pin) {
		ask_without_pin(preflight, function);
		return;
	}
	find_sharers(preflight, function, &sharers);
	if (pvh && lacks_gsi(preflight, function))
		sp_preflight_find(preflight, SP_QUESTION_INTX, function, SP_CODE_PCI_GSI_UNKNOWN,
			NULL, "the kernel knows no GSI for its pin INT%c", pin);
	else if (!pvh && function->irq == 0)
		sp_preflight_find(preflight, SP_QUESTION_INTX, function, SP_CODE_PCI_INTX_UNROUTED,
			NULL, "the kernel has no interrupt for its pin INT%c", pin);
	else if (sharers.count)
		sp_preflight_find(preflight, SP_QUESTION_INTX, function, SP_CODE_PCI_INTX_SHARED,
			NULL, "its pin INT%c shares an interrupt with %s", pin,
			sp_names_text(&sharers));
	else if (function->gsi >= 0)
		sp_preflight_pass(
			preflight, SP_QUESTION_INTX, function, "INT%c, GSI %d", pin, function->gsi);
	else
		sp_preflight_pass(preflight, SP_QUESTION_INTX, function, "INT%c", pin);
}

#define MSIX_ENTRY 16u

static bool is_outside(
	const struct sp_pci_config *config, uint8_t index, uint32_t offset, uint32_t size) {
	const struct sp_bar *bar = index < SP_PCI_BARS ? &config->bars[index] : NULL;

	if (!bar || !bar->present || bar->io)
		return true;
	return bar->size && (uint64_t)offset + size > bar->size;
}

static bool is_broken(const struct sp_function *function) {
	const struct sp_pci_config *config = &function->config;
	const struct sp_msix *msix = &config->msix;

	/* A virtual function's BARs are in its physical one. */
	if (sp_preflight_is_virtual(function))
		return false;
	return is_outside(
		       config, msix->table_bar, msix->table_offset, msix->vectors * MSIX_ENTRY) ||
		is_outside(config, msix->pba_bar, msix->pba_offset, 1);
}

/* Low memory of a PVH dom0 has a hole between 640 KiB and 1 MiB alone. */
static bool is_in_memory(uint32_t offset) {
	return offset < 0xa0000 || offset >= 0x100000;
}

/* The reset that pciback does first leaves 0 in the BARs; D3hot need not. */
static bool is_cleared(const struct sp_function *function) {
	static const char *const CLEARING[] = {"flr", "af_flr", "bus", "cxl_bus"};

	if (!function->resets_known)
		return function->config.flr;
	for (size_t i = 0; function->reset_count && i < sizeof(CLEARING) / sizeof(CLEARING[0]); i++)
		if (strcmp(function->resets[0], CLEARING[i]) == 0)
			return true;
	return false;
}

static void ask_msix_pvh(struct sp_preflight *preflight, const struct sp_function *function) {
	const struct sp_msix *msix = &function->config.msix;
	enum sp_target target = preflight->situation.target;
	bool hidden = sp_pci_rule_value(SP_PCI_RULE_HIDES_CAPABILITY, target);

	/* Xen reads a virtual function's place from its physical one. */
	if (sp_pci_rule_value(SP_PCI_RULE_RESET_NOTICE, target) &&
		!sp_preflight_is_virtual(function) && is_cleared(function) &&
		(is_in_memory(msix->table_offset) || is_in_memory(msix->pba_offset)))
		sp_preflight_find(preflight, SP_QUESTION_MSI, function,
			hidden ? SP_CODE_PCI_MSIX_HIDDEN_PVH : SP_CODE_PCI_MSIX_CLASH_PVH, NULL,
			hidden ? "Xen hides its MSI-X capability after a reset in a PVH dom0"
			       : "after a reset its MSI-X table seems to lie at 0x%x, in dom0's memory",
			msix->table_offset);
	else
		sp_preflight_find(preflight, SP_QUESTION_MSI, function, SP_CODE_PCI_MSIX_PVH, NULL,
			"its MSI-X (%u vectors) cannot be mapped from a PVH dom0", msix->vectors);
}

void sp_ask_msi(struct sp_preflight *preflight, const struct sp_function *function) {
	const struct sp_pci_config *config = &function->config;

	if (sp_preflight_is_bridge(function))
		return;
	if (!config->has_caps)
		sp_preflight_unknown(preflight, SP_QUESTION_MSI, function,
			"Run this as root, or read a dump of lspci -vvxxxx that root made.",
			"whether it has MSI or MSI-X is not known");
	else if (config->has_msix && is_broken(function))
		sp_preflight_find(preflight, SP_QUESTION_MSI, function, SP_CODE_PCI_MSIX_BROKEN,
			NULL, "its MSI-X table is not inside a memory BAR");
	else if (config->has_msix && sp_preflight_is_pvh(preflight) &&
		!sp_pci_rule_value(SP_PCI_RULE_PVH_PREPARE_MSIX, preflight->situation.target))
		ask_msix_pvh(preflight, function);
	else if (config->has_msix)
		sp_preflight_pass(preflight, SP_QUESTION_MSI, function, "MSI-X with %u vectors%s",
			config->msix.vectors, config->has_msi ? ", and MSI" : "");
	else if (config->has_msi)
		sp_preflight_pass(preflight, SP_QUESTION_MSI, function, "MSI with %u vector%s",
			config->msi_vectors, config->msi_vectors == 1 ? "" : "s");
	else
		sp_preflight_find(preflight, SP_QUESTION_MSI, function, SP_CODE_PCI_MSI_NONE, NULL,
			"it has neither MSI nor MSI-X");
}
