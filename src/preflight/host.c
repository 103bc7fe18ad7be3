/* SPDX-License-Identifier: MIT */
#include "preflight/preflight.h"
#include "preflight/words.h"

#include <string.h>

/* The hypervisor, the kinds of dom0 and guest, and the IOMMU. */

static const char *version_of(const struct sp_xen_facts *xen) {
	return xen->version ? xen->version : "of an unknown release";
}

static void ask_kvm(struct sp_preflight *preflight) {
	enum sp_dom0_kind dom0 = preflight->machine->xen.dom0;

	if (preflight->situation.now && (dom0 == SP_DOM0_IS_PV || dom0 == SP_DOM0_IS_PVH))
		sp_preflight_find(preflight, SP_QUESTION_HYPERVISOR, NULL,
			SP_CODE_PCI_KVM_UNDER_XEN, NULL, "the machine runs Xen %s, not KVM",
			version_of(&preflight->machine->xen));
	else
		sp_preflight_pass(
			preflight, SP_QUESTION_HYPERVISOR, NULL, "the guest is one of KVM");
}

static bool lacks_guests(struct sp_preflight *preflight) {
	const struct sp_xen_facts *xen = &preflight->machine->xen;

	if (preflight->situation.guest == SP_GUEST_HVM && xen->hvm == SP_NO) {
		sp_preflight_find(preflight, SP_QUESTION_HYPERVISOR, NULL, SP_CODE_PCI_XEN_NO_HVM,
			NULL, "Xen %s runs no HVM guests on this machine", version_of(xen));
		return true;
	}
	if (preflight->situation.guest == SP_GUEST_PV && xen->pv == SP_NO) {
		sp_preflight_find(preflight, SP_QUESTION_HYPERVISOR, NULL, SP_CODE_PCI_XEN_NO_PV,
			NULL, "Xen %s was built without PV guests", version_of(xen));
		return true;
	}
	return false;
}

static bool is_known_release(const struct sp_xen_facts *xen) {
	return xen->major == 4 && xen->minor >= 17 && xen->minor <= 22;
}

void sp_ask_hypervisor(struct sp_preflight *preflight, const struct sp_function *function) {
	const struct sp_xen_facts *xen = &preflight->machine->xen;
	const char *target = sp_target_name(preflight->situation.target);

	(void)function;
	if (preflight->situation.hypervisor == SP_HYPERVISOR_KVM)
		ask_kvm(preflight);
	else if (!preflight->situation.now)
		sp_preflight_pass(preflight, SP_QUESTION_HYPERVISOR, NULL, "judged for %s", target);
	else if (xen->dom0 == SP_DOM0_NONE)
		sp_preflight_find(preflight, SP_QUESTION_HYPERVISOR, NULL,
			SP_CODE_PCI_XEN_NOT_RUNNING, NULL, "the machine does not run Xen");
	else if (xen->dom0 == SP_DOM0_IS_GUEST)
		sp_preflight_find(preflight, SP_QUESTION_HYPERVISOR, NULL, SP_CODE_PCI_XEN_IN_GUEST,
			NULL, "this is a guest of Xen %s, not dom0", version_of(xen));
	else if (lacks_guests(preflight))
		return;
	else if (!xen->release_known)
		sp_preflight_unknown(preflight, SP_QUESTION_HYPERVISOR, NULL,
			"Run this as root in dom0, where /sys/hypervisor/version and xl info tell it.",
			"the release of Xen is not known, and %s is assumed", target);
	else if (!is_known_release(xen))
		sp_preflight_find(preflight, SP_QUESTION_HYPERVISOR, NULL, SP_CODE_PCI_XEN_RELEASE,
			NULL, "Xen %u.%u is judged as %s", xen->major, xen->minor, target);
	else
		sp_preflight_pass(
			preflight, SP_QUESTION_HYPERVISOR, NULL, "Xen %s runs", version_of(xen));
}

/* What is said of pf-fixup while the machine is in the situation. */
static void ask_fixup(struct sp_preflight *preflight) {
	const char *line = preflight->machine->xen.command_line;
	enum sp_target target = preflight->situation.target;
	enum sp_known fixup = sp_words_switch(line, "dom0", "pf-fixup");

	if (!preflight->situation.now || !sp_pci_rule_value(SP_PCI_RULE_PF_FIXUP, target))
		return;
	if (fixup == SP_YES ||
		(fixup == SP_UNKNOWN && sp_pci_rule_value(SP_PCI_RULE_PF_FIXUP_DEFAULT, target)))
		return;
	if (line)
		sp_preflight_find(preflight, SP_QUESTION_DOM0, NULL, SP_CODE_PCI_DOM0_HOLES, NULL,
			"the PVH dom0 runs without pf-fixup");
	else
		sp_preflight_unknown(preflight, SP_QUESTION_DOM0, NULL,
			"Run this as root in dom0, and look for pf-fixup in xen_commandline of xl info.",
			"whether the PVH dom0 runs with pf-fixup is not known");
}

static void ask_pvh(struct sp_preflight *preflight) {
	if (!sp_pci_rule_value(SP_PCI_RULE_PVH_MAP_PIRQ, preflight->situation.target)) {
		sp_preflight_find(preflight, SP_QUESTION_DOM0, NULL, SP_CODE_PCI_DOM0_RELEASE, NULL,
			"%s gives nothing away from a PVH dom0",
			sp_target_name(preflight->situation.target));
		return;
	}
	if (preflight->situation.guest == SP_GUEST_PV)
		sp_preflight_find(preflight, SP_QUESTION_DOM0, NULL, SP_CODE_PCI_DOM0_PV_GUEST,
			NULL, "a PVH dom0 gives PCI functions to HVM guests alone, not to PV ones");
	sp_preflight_find(preflight, SP_QUESTION_DOM0, NULL, SP_CODE_PCI_DOM0_SUPPORT, NULL,
		"giving PCI functions away from a PVH dom0 is not among what Xen supports");
	ask_fixup(preflight);
}

void sp_ask_dom0(struct sp_preflight *preflight, const struct sp_function *function) {
	const struct sp_situation *situation = &preflight->situation;

	(void)function;
	if (situation->hypervisor != SP_HYPERVISOR_XEN)
		return;
	if (situation->guest == SP_GUEST_PVH &&
		!sp_pci_rule_value(SP_PCI_RULE_GUEST_PVH, situation->target))
		sp_preflight_find(preflight, SP_QUESTION_DOM0, NULL, SP_CODE_PCI_GUEST_PVH, NULL,
			"libxl refuses PCI functions for a PVH guest");
	else if (situation->dom0 == SP_DOM0_PV)
		sp_preflight_pass(preflight, SP_QUESTION_DOM0, NULL, "a PV dom0 and %s guest",
			situation->guest == SP_GUEST_PV ? "a PV" : "an HVM");
	if (situation->dom0 == SP_DOM0_PVH)
		ask_pvh(preflight);
}

/* The kernel makes groups where it has an IOMMU in use. */
static bool is_grouped(const struct sp_machine *machine) {
	for (uint32_t i = 0; i < machine->function_count; i++)
		if (machine->functions[i].group >= 0)
			return true;
	return false;
}

/* The kernel's own choice is to leave VT-d off. Debian's second option spares the GPU alone. */
static bool is_off_by_default(const struct sp_machine *machine) {
	return sp_machine_config(machine, "CONFIG_INTEL_IOMMU_DEFAULT_ON") == 'n' &&
		sp_machine_config(machine, "CONFIG_INTEL_IOMMU_DEFAULT_ON_INTGPU_OFF") == 'n';
}

/* The words that leave it off; NULL for none. */
static const char *word_that_is_off(const struct sp_preflight *preflight) {
	const struct sp_machine *machine = preflight->machine;
	const char *line = machine->kernel.command_line;

	if (!preflight->situation.now)
		return NULL;
	if (preflight->situation.hypervisor == SP_HYPERVISOR_XEN)
		return sp_words_switch(machine->xen.command_line, "iommu", NULL) == SP_NO
			? "iommu=off on Xen's command line"
			: NULL;
	if (sp_words_has(line, "iommu", "off"))
		return "iommu=off on the kernel's command line";
	if (machine->has_dmar && sp_words_has(line, "intel_iommu", "off"))
		return "intel_iommu=off on the kernel's command line";
	if (machine->has_ivrs && sp_words_has(line, "amd_iommu", "off"))
		return "amd_iommu=off on the kernel's command line";
	if (machine->has_dmar && !sp_words_has(line, "intel_iommu", "on") && !is_grouped(machine) &&
		is_off_by_default(machine))
		return "a kernel without CONFIG_INTEL_IOMMU_DEFAULT_ON";
	return NULL;
}

/* False: it is not on, and that was said. */
static bool ask_switched_on(struct sp_preflight *preflight) {
	const struct sp_machine *machine = preflight->machine;
	bool xen = preflight->situation.hypervisor == SP_HYPERVISOR_XEN;
	bool pvh = xen && preflight->situation.dom0 == SP_DOM0_PVH;
	const char *off = word_that_is_off(preflight);

	/* Not all IOMMUs are in these tables. */
	if (machine->firmware_iommu == SP_NO && (xen || !is_grouped(machine))) {
		sp_preflight_find(preflight, SP_QUESTION_IOMMU, NULL,
			pvh ? SP_CODE_PCI_IOMMU_PVH : SP_CODE_PCI_IOMMU_NONE, NULL,
			"the firmware describes no IOMMU%s",
			pvh ? ", and Xen does not start with a PVH dom0 then" : "");
		return false;
	}
	if (off) {
		sp_preflight_find(preflight, SP_QUESTION_IOMMU, NULL,
			pvh ? SP_CODE_PCI_IOMMU_PVH : SP_CODE_PCI_IOMMU_OFF, NULL,
			"%s leaves the IOMMU off", off);
		return false;
	}
	if (preflight->situation.now && xen &&
		(machine->xen.iommu == SP_NO || machine->xen.hvm_directio == SP_NO)) {
		sp_preflight_find(preflight, SP_QUESTION_IOMMU, NULL, SP_CODE_PCI_IOMMU_DISABLED,
			NULL, "Xen has not switched the IOMMU on");
		return false;
	}
	return true;
}

/* What says that interrupts are not remapped; NULL for nothing. */
static const char *unmapped_by(const struct sp_preflight *preflight) {
	const struct sp_machine *machine = preflight->machine;
	bool now = preflight->situation.now;

	if (machine->has_dmar && !machine->dmar.interrupt_remapping)
		return "the DMAR table says that the machine cannot";
	if (!now)
		return NULL;
	if (preflight->situation.hypervisor == SP_HYPERVISOR_KVM)
		return sp_words_has(machine->kernel.command_line, "intremap", "off") ||
				sp_words_find(machine->kernel.command_line, "nointremap")
			? "a word on the kernel's command line switches it off"
			: NULL;
	if (sp_words_switch(machine->xen.command_line, "iommu", "intremap") == SP_NO)
		return "iommu=no-intremap is on Xen's command line";
	return machine->xen.interrupt_remapping == SP_NO ? "Xen's log says so" : NULL;
}

#define UNSAFE "vfio_iommu_type1.allow_unsafe_interrupts"

/* False: they are not, and that was said. */
static bool ask_remapping(struct sp_preflight *preflight) {
	const char *why = unmapped_by(preflight);
	const char *line = preflight->machine->kernel.command_line;

	if (!why)
		return true;
	if (preflight->situation.hypervisor == SP_HYPERVISOR_XEN)
		sp_preflight_find(preflight, SP_QUESTION_IOMMU, NULL, SP_CODE_PCI_IOMMU_INTREMAP,
			NULL, "interrupts are not remapped: %s", why);
	else if (preflight->machine->kernel.unsafe_interrupts == SP_YES ||
		sp_words_switch(line, UNSAFE, NULL) == SP_YES || sp_words_has(line, UNSAFE, "Y") ||
		sp_words_has(line, UNSAFE, "y"))
		return true;
	else
		sp_preflight_find(preflight, SP_QUESTION_IOMMU, NULL, SP_CODE_PCI_IOMMU_UNSAFE,
			NULL, "vfio refuses an IOMMU that does not remap interrupts: %s", why);
	return false;
}

void sp_ask_iommu(struct sp_preflight *preflight, const struct sp_function *function) {
	const struct sp_machine *machine = preflight->machine;
	bool good, broken = machine->table_error && strncmp(machine->table_error, "VFCT", 4) != 0;

	(void)function;
	if (broken)
		sp_preflight_find(preflight, SP_QUESTION_IOMMU, NULL, SP_CODE_PCI_IOMMU_TABLE, NULL,
			"%s", machine->table_error);
	if (!ask_switched_on(preflight))
		return;
	good = ask_remapping(preflight);
	if (machine->firmware_iommu == SP_UNKNOWN && machine->xen.iommu != SP_YES &&
		!is_grouped(machine))
		sp_preflight_unknown(preflight, SP_QUESTION_IOMMU, NULL,
			"Read the machine itself as root, or a snapshot of it, not lspci's output.",
			"whether the machine has an IOMMU is not known");
	else if (good && !broken)
		sp_preflight_pass(preflight, SP_QUESTION_IOMMU, NULL, "the machine has an IOMMU%s",
			machine->has_dmar           ? " (VT-d)"
				: machine->has_ivrs ? " (AMD-Vi)"
						    : "");
}

void sp_ask_translation(struct sp_preflight *preflight, const struct sp_function *function) {
	const struct sp_machine *machine = preflight->machine;
	bool xen = preflight->situation.hypervisor == SP_HYPERVISOR_XEN;

	/* Said once, of the machine. */
	if (machine->firmware_iommu == SP_NO)
		return;
	if (function->translated == SP_NO)
		sp_preflight_find(preflight, SP_QUESTION_IOMMU, function, SP_CODE_PCI_IOMMU_BYPASS,
			NULL, "no IOMMU of the firmware's tables is in charge of it");
	else if (preflight->situation.now && sp_preflight_is_igd(function) &&
		(xen ? sp_words_switch(machine->xen.command_line, "iommu", "igfx") == SP_NO
		     : sp_words_has(machine->kernel.command_line, "intel_iommu", "igfx_off")))
		sp_preflight_find(preflight, SP_QUESTION_IOMMU, function, SP_CODE_PCI_IOMMU_IGFX,
			NULL, "%s leaves the IOMMU in front of it off",
			xen ? "iommu=no-igfx" : "intel_iommu=igfx_off");
	else if (function->translated == SP_YES)
		sp_preflight_pass(
			preflight, SP_QUESTION_IOMMU, function, "an IOMMU is in charge of it");
}
