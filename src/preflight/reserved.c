/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "preflight/preflight.h"

/* Memory that the firmware reserves for the function: RMRR, or unity maps of IVMD. */

#define BOUNDARY (UINT64_C(2) << 30) /* libxl's default for rdm_mem_boundary */
#define LEAST (UINT64_C(256) << 20) /* below it there is too little for a guest to start in */
#define UNITY 0x1u /* flag of an IVMD */

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
		if (rmrr->base < LEAST)
			snprintf(remedy, sizeof(remedy),
				"Accept the conflict: rdm_policy=relaxed in the entry of pci=.");
		sp_preflight_find(preflight, SP_QUESTION_RMRR, function, SP_CODE_PCI_RMRR_LOW,
			remedy, "the firmware reserves memory for it at 0x%llx, below 2 GiB",
			(unsigned long long)rmrr->base);
	} else if (rmrr->scopes.count <= 1) {
		sp_preflight_find(preflight, SP_QUESTION_RMRR, function, SP_CODE_PCI_RMRR, NULL,
			"the firmware reserves 0x%llx to 0x%llx for it",
			(unsigned long long)rmrr->base, (unsigned long long)rmrr->limit);
	}
}

/* Unity maps of IVMD. Linux has none that it lets go. */
static void ask_unity(struct sp_preflight *preflight, const struct sp_function *function) {
	bool xen = preflight->situation.hypervisor == SP_HYPERVISOR_XEN;

	for (uint32_t i = 0; i < function->unity.count; i++) {
		const struct sp_ivrs_memory *memory = function->unity.data[i];

		sp_preflight_find(preflight, SP_QUESTION_RMRR, function,
			xen || !(memory->flags & UNITY) ? SP_CODE_PCI_RMRR : SP_CODE_PCI_RMRR_VFIO,
			NULL, "the firmware reserves 0x%llx bytes at 0x%llx for it",
			(unsigned long long)memory->length, (unsigned long long)memory->base);
	}
}

/* By the tables, by the kernel's groups, or by Xen's log with iommu=verbose. */
static bool is_told(const struct sp_machine *machine, const struct sp_function *function) {
	return machine->has_dmar || machine->has_ivrs || machine->firmware_iommu == SP_NO ||
		function->group >= 0 ||
		(machine->xen.log && strstr(machine->xen.log, "found ACPI_DMAR_"));
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
	ask_unity(preflight, function);
	if (function->rmrrs.count || function->unity.count)
		return;
	if (!is_told(preflight->machine, function))
		sp_preflight_unknown(preflight, SP_QUESTION_RMRR, function,
			preflight->machine->xen.dom0 == SP_DOM0_IS_PVH
				? "Read the machine as it runs without Xen or with a PV dom0: Xen "
				  "hides the firmware's tables from a PVH dom0."
				: "Read the machine itself as root, or a snapshot that root took.",
			"whether the firmware reserves memory for it is not known");
	else
		sp_preflight_pass(preflight, SP_QUESTION_RMRR, function,
			"the firmware reserves no memory for it");
}
