/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "preflight/preflight.h"

/* Memory that the firmware reserves for the function: RMRR, or unity maps of IVMD. */

#define BOUNDARY (UINT64_C(2) << 30) /* libxl's default for rdm_mem_boundary */

/* USB controllers and GPUs need theirs only until a driver has them. */
static bool is_relaxable(const struct sp_function *function) {
	return function->config.class >> 8 == 0x0c03 || sp_preflight_is_display(function);
}

static void ask_shared(struct sp_preflight *preflight, const struct sp_function *function,
	const struct sp_dmar_rmrr *rmrr) {
	bool relaxed = preflight->situation.relaxed_rdm;

	sp_preflight_find(preflight, SP_QUESTION_RMRR, function,
		relaxed ? SP_CODE_PCI_RMRR_SHARED_RELAXED : SP_CODE_PCI_RMRR_SHARED, NULL,
		"the firmware reserves 0x%llx to 0x%llx for it and %u other device%s",
		(unsigned long long)rmrr->base, (unsigned long long)rmrr->limit,
		rmrr->scopes.count - 1, rmrr->scopes.count == 2 ? "" : "s");
}

static void ask_xen(struct sp_preflight *preflight, const struct sp_function *function,
	const struct sp_dmar_rmrr *rmrr) {
	bool hvm = preflight->situation.guest == SP_GUEST_HVM;
	char remedy[96];

	if (rmrr->scopes.count > 1)
		ask_shared(preflight, function, rmrr);
	if (hvm && rmrr->limit && rmrr->base < BOUNDARY) {
		snprintf(remedy, sizeof(remedy),
			"Set rdm_mem_boundary=%u in the guest's configuration.",
			(unsigned)((rmrr->base ? rmrr->base - 1 : 0) >> 20));
		sp_preflight_find(preflight, SP_QUESTION_RMRR, function, SP_CODE_PCI_RMRR_LOW,
			remedy, "the firmware reserves memory for it at 0x%llx, below 2 GiB",
			(unsigned long long)rmrr->base);
	} else if (rmrr->scopes.count <= 1) {
		sp_preflight_find(preflight, SP_QUESTION_RMRR, function, SP_CODE_PCI_RMRR, NULL,
			"the firmware reserves 0x%llx to 0x%llx for it",
			(unsigned long long)rmrr->base, (unsigned long long)rmrr->limit);
	}
}

void sp_ask_rmrr(struct sp_preflight *preflight, const struct sp_function *function) {
	bool xen = preflight->situation.hypervisor == SP_HYPERVISOR_XEN;

	if (sp_preflight_is_bridge(function))
		return;
	for (uint32_t i = 0; xen && i < function->rmrrs.count; i++)
		ask_xen(preflight, function, function->rmrrs.data[i]);
	if (!xen && function->rmrrs.count && !is_relaxable(function))
		sp_preflight_find(preflight, SP_QUESTION_RMRR, function, SP_CODE_PCI_RMRR_VFIO,
			NULL, "the firmware reserves memory for it at 0x%llx",
			(unsigned long long)function->rmrrs.data[0]->base);
	else if (!xen && function->rmrrs.count)
		sp_preflight_find(preflight, SP_QUESTION_RMRR, function, SP_CODE_PCI_RMRR, NULL,
			"the firmware reserves memory for it at 0x%llx, and Linux lets it go",
			(unsigned long long)function->rmrrs.data[0]->base);
	for (uint32_t i = 0; i < function->unity.count; i++)
		sp_preflight_find(preflight, SP_QUESTION_RMRR, function, SP_CODE_PCI_RMRR, NULL,
			"the firmware reserves 0x%llx bytes at 0x%llx for it",
			(unsigned long long)function->unity.data[i]->length,
			(unsigned long long)function->unity.data[i]->base);
	if (function->rmrrs.count || function->unity.count)
		return;
	if (preflight->machine->firmware_iommu == SP_UNKNOWN)
		sp_preflight_unknown(preflight, SP_QUESTION_RMRR, function,
			"Read the machine itself as root, or a snapshot of it.",
			"whether the firmware reserves memory for it is not known");
	else
		sp_preflight_pass(preflight, SP_QUESTION_RMRR, function,
			"the firmware reserves no memory for it");
}
