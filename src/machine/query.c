/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "machine/machine.h"
#include "pci/address.h"

struct sp_function *sp_machine_find(const struct sp_machine *machine, sp_bdf bdf) {
	uint32_t low = 0, high = machine->function_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (machine->functions[middle].bdf == bdf)
			return &machine->functions[middle];
		if (machine->functions[middle].bdf < bdf)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

struct sp_function *sp_machine_slot(
	const struct sp_machine *machine, const struct sp_function *function, uint32_t *count) {
	struct sp_function *first = &machine->functions[function - machine->functions];
	struct sp_function *end = first;

	while (first > machine->functions &&
		sp_bdf_slot(first[-1].bdf) == sp_bdf_slot(function->bdf))
		first--;
	while (end < machine->functions + machine->function_count &&
		sp_bdf_slot(end->bdf) == sp_bdf_slot(function->bdf))
		end++;
	*count = (uint32_t)(end - first);
	return first;
}

bool sp_function_has_reset(const struct sp_function *function, const char *method) {
	for (uint32_t i = 0; i < function->reset_count; i++) {
		if (strcmp(function->resets[i], method) == 0)
			return true;
	}
	return false;
}

bool sp_function_is_gpu(const struct sp_function *function) {
	return function->gpu;
}

enum sp_known sp_function_isolated(const struct sp_function *function) {
	static const uint16_t needed = SP_ACS_SV | SP_ACS_RR | SP_ACS_CR | SP_ACS_UF;
	enum sp_known answer = SP_YES;

	for (const struct sp_function *port = function->bridge; port; port = port->bridge) {
		const struct sp_pci_config *config = &port->config;

		/* An upstream port is part of a switch whose other ports decide. */
		if (config->pcie == SP_PCIE_UPSTREAM)
			continue;
		if (config->has_acs && (config->acs.on & needed) == needed)
			continue;
		if (config->has_extended || (config->has_caps && config->pcie == SP_PCIE_NONE))
			return SP_NO;
		answer = SP_UNKNOWN;
	}
	return answer;
}

bool sp_function_is_endpoint(const struct sp_function *function) {
	return function->config.header == SP_PCI_HEADER_NORMAL &&
		function->config.class >> 16 != 0x06;
}
