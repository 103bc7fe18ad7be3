/* SPDX-License-Identifier: MIT */
#ifndef SP_PREFLIGHT_RULES_H
#define SP_PREFLIGHT_RULES_H

#include "preflight/preflight.h"

struct sp_pci_rule_info {
	const char *name;
	enum sp_proof proof;
	const char *title;
	uint32_t values[SP_TARGET_COUNT];
	const char *citation;
};
const struct sp_pci_rule_info *sp_pci_rule_info(enum sp_pci_rule rule);

#endif
