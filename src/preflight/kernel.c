/* SPDX-License-Identifier: MIT */
#include "preflight/preflight.h"
#include "preflight/words.h"

#include <stdio.h>
#include <string.h>

/* The kernel of dom0, or of the host. */

enum where {
	PV_DOM0 = 1,
	PVH_DOM0 = 2,
	DOM0 = PV_DOM0 | PVH_DOM0,
	HOST = 4, /* of KVM */
	INTEL_HOST = 8,
	AMD_HOST = 16,
};

/* Options, the first of which may be had by the second instead. */
static const struct {
	unsigned where;
	bool needed;
	const char *option, *other, *what;
} OPTIONS[] = {
	{DOM0, true, "CONFIG_XEN_DOM0", NULL, "a kernel for dom0"},
	{PV_DOM0, true, "CONFIG_XEN_PV_DOM0", "CONFIG_XEN_PV", "a kernel for a PV dom0"},
	{PVH_DOM0, true, "CONFIG_XEN_PVH", NULL, "a kernel for a PVH dom0"},
	{DOM0, true, "CONFIG_XEN_PCIDEV_BACKEND", "CONFIG_XEN_PCIDEV_STUB",
		"what holds functions for guests"},
	{PVH_DOM0, true, "CONFIG_XEN_ACPI", NULL, "the GSI of a function"},
	{DOM0, true, "CONFIG_XEN_PRIVCMD", NULL, "the toolstack's calls of Xen"},
	{PV_DOM0, true, "CONFIG_SWIOTLB_XEN", NULL, "dom0's own DMA"},
	{DOM0, false, "CONFIG_XEN_GNTDEV", NULL, "the device model's disks and networks"},
	{PVH_DOM0, false, "CONFIG_XEN_UNPOPULATED_ALLOC", NULL,
		"guests' memory without giving up dom0's own"},
	{HOST, true, "CONFIG_KVM", NULL, "KVM"},
	{INTEL_HOST, true, "CONFIG_KVM_INTEL", NULL, "KVM on this processor"},
	{AMD_HOST, true, "CONFIG_KVM_AMD", NULL, "KVM on this processor"},
	{HOST, true, "CONFIG_VFIO_PCI", NULL, "what holds functions for guests"},
	{HOST, true, "CONFIG_VFIO_IOMMU_TYPE1", "CONFIG_IOMMUFD", "vfio's use of the IOMMU"},
	{INTEL_HOST, true, "CONFIG_INTEL_IOMMU", NULL, "the IOMMU of this machine"},
	{AMD_HOST, true, "CONFIG_AMD_IOMMU", NULL, "the IOMMU of this machine"},
	{INTEL_HOST | AMD_HOST, false, "CONFIG_IRQ_REMAP", NULL, "interrupt remapping"},
};

static unsigned where_of(const struct sp_preflight *preflight) {
	const char *cpu = preflight->machine->cpu;

	if (preflight->situation.hypervisor == SP_HYPERVISOR_XEN)
		return preflight->situation.dom0 == SP_DOM0_PVH ? PVH_DOM0 : PV_DOM0;
	if (cpu && strcmp(cpu, "GenuineIntel") == 0)
		return HOST | INTEL_HOST;
	if (cpu && strcmp(cpu, "AuthenticAMD") == 0)
		return HOST | AMD_HOST;
	return HOST;
}

/* How many were complained of. */
static unsigned ask_options(struct sp_preflight *preflight) {
	const struct sp_machine *machine = preflight->machine;
	unsigned missing = 0, where = where_of(preflight);

	for (size_t i = 0; i < sizeof(OPTIONS) / sizeof(OPTIONS[0]); i++) {
		bool hard = OPTIONS[i].needed && preflight->situation.now;
		const char *other = OPTIONS[i].other;

		if (!(OPTIONS[i].where & where) ||
			sp_machine_config(machine, OPTIONS[i].option) != 'n' ||
			(other && sp_machine_config(machine, other) != 'n'))
			continue;
		missing++;
		sp_preflight_find(preflight, SP_QUESTION_KERNEL, NULL,
			hard ? SP_CODE_PCI_KERNEL_OPTION : SP_CODE_PCI_KERNEL_OPTION_LESS, NULL,
			"the kernel that %s has no %s%s%s: %s",
			preflight->situation.now ? "runs" : "was read", OPTIONS[i].option,
			other ? " nor " : "", other ? other : "", OPTIONS[i].what);
	}
	return missing;
}

/* The option of what holds functions, if it is a module. */
static const char *module_of(const struct sp_preflight *preflight) {
	const struct sp_machine *machine = preflight->machine;

	if (preflight->situation.hypervisor == SP_HYPERVISOR_KVM)
		return sp_machine_config(machine, "CONFIG_VFIO_PCI") == 'm' ? "vfio-pci" : NULL;
	if (sp_machine_config(machine, "CONFIG_XEN_PCIDEV_BACKEND") == 'y' ||
		sp_machine_config(machine, "CONFIG_XEN_PCIDEV_STUB") == 'y')
		return NULL;
	return "xen-pciback";
}

void sp_ask_kernel(struct sp_preflight *preflight, const struct sp_function *function) {
	const char *release = preflight->machine->kernel.release, *module;
	char remedy[256];

	(void)function;
	if (!preflight->machine->kernel.has_config) {
		snprintf(remedy, sizeof(remedy),
			"Copy the kernel's configuration to /boot/config-%s, or run modprobe "
			"configs, and ask again.",
			release ? release : "$(uname -r)");
		sp_preflight_unknown(preflight, SP_QUESTION_KERNEL, NULL, remedy,
			"the kernel's configuration is not known");
		return;
	}
	if (ask_options(preflight))
		return;
	module = module_of(preflight);
	if (module)
		sp_preflight_find(preflight, SP_QUESTION_KERNEL, NULL, SP_CODE_PCI_KERNEL_MODULE,
			NULL, "Linux %s has all options; %s is a module", release ? release : "",
			module);
	else
		sp_preflight_pass(preflight, SP_QUESTION_KERNEL, NULL, "Linux %s has all options",
			release ? release : "");
}

#define GSI_CALL_REMEDY "Boot dom0 with Linux 6.12 or newer, built with CONFIG_XEN_ACPI."

void sp_ask_gsi_call(struct sp_preflight *preflight, const struct sp_function *function) {
	const struct sp_kernel_facts *kernel = &preflight->machine->kernel;
	bool old = kernel->major < 6 || (kernel->major == 6 && kernel->minor < 12);
	bool now = preflight->situation.now;

	(void)function;
	if (!sp_preflight_is_pvh(preflight))
		return;
	if (now && kernel->gsi_call == SP_YES)
		sp_preflight_pass(preflight, SP_QUESTION_GSI_CALL, NULL,
			"the kernel answers IOCTL_PRIVCMD_PCIDEV_GET_GSI");
	else if (now && kernel->gsi_call == SP_NO)
		sp_preflight_find(preflight, SP_QUESTION_GSI_CALL, NULL, SP_CODE_PCI_GSI_CALL, NULL,
			"the kernel does not know IOCTL_PRIVCMD_PCIDEV_GET_GSI");
	else if (!kernel->release)
		sp_preflight_unknown(preflight, SP_QUESTION_GSI_CALL, NULL, GSI_CALL_REMEDY,
			"whether the kernel has a call for a function's GSI is not known");
	else if (!old)
		sp_preflight_pass(preflight, SP_QUESTION_GSI_CALL, NULL,
			"Linux %s is new enough to have IOCTL_PRIVCMD_PCIDEV_GET_GSI",
			kernel->release);
	else if (now)
		sp_preflight_find(preflight, SP_QUESTION_GSI_CALL, NULL, SP_CODE_PCI_GSI_CALL, NULL,
			"Linux %s has no call for a function's GSI", kernel->release);
	else
		sp_preflight_unknown(preflight, SP_QUESTION_GSI_CALL, NULL, GSI_CALL_REMEDY,
			"Linux %s, which the machine ran when it was read, has no call for a "
			"function's GSI",
			kernel->release);
}

#define GIB (UINT64_C(1) << 30)
#define SWIOTLB_NEEDS (UINT64_C(128) << 20) /* twice the default size of its buffers */

/* A function that stays, and whose driver has set a mask of 32 bits or fewer. */
static const struct sp_function *find_narrow(const struct sp_preflight *preflight) {
	const struct sp_machine *machine = preflight->machine;

	for (uint32_t i = 0; i < machine->function_count; i++) {
		const struct sp_function *at = &machine->functions[i];

		if (at->driver && !sp_preflight_is_holder(at->driver) &&
			!sp_preflight_is_bridge(at) && at->dma_bits && at->dma_bits <= 32 &&
			!sp_preflight_gives(preflight, at))
			return at;
	}
	return NULL;
}

void sp_ask_swiotlb(struct sp_preflight *preflight, const struct sp_function *function) {
	const struct sp_machine *machine = preflight->machine;
	const char *line = machine->kernel.command_line;
	const struct sp_function *narrow;
	char name[SP_BDF_SIZE];

	(void)function;
	/* A PV dom0 has swiotlb-xen whatever is asked for, and KVM's host its IOMMU. */
	if (!sp_preflight_is_pvh(preflight) || !preflight->situation.now)
		return;
	narrow = find_narrow(preflight);
	if (!narrow) {
		sp_preflight_pass(preflight, SP_QUESTION_SWIOTLB, NULL,
			"no device that stays with dom0 needs bounce buffers");
		return;
	}
	sp_bdf_format(name, narrow->bdf);
	if (machine->ram > 4 * GIB &&
		(sp_words_has(line, "swiotlb", "noforce") || sp_words_has(line, "iommu", "off")))
		sp_preflight_find(preflight, SP_QUESTION_SWIOTLB, NULL, SP_CODE_PCI_SWIOTLB_NONE,
			NULL, "%s addresses %u bits, and swiotlb is switched off", name,
			narrow->dma_bits);
	else if (machine->ram_below_4g && machine->ram_below_4g < SWIOTLB_NEEDS)
		sp_preflight_find(preflight, SP_QUESTION_SWIOTLB, NULL, SP_CODE_PCI_SWIOTLB_LOW,
			NULL, "%s addresses %u bits, and dom0 has %u MiB below 4 GiB", name,
			narrow->dma_bits, (unsigned)(machine->ram_below_4g >> 20));
	else
		sp_preflight_pass(preflight, SP_QUESTION_SWIOTLB, NULL,
			"bounce buffers are there for %s, which stays", name);
}

void sp_ask_dma(struct sp_preflight *preflight, const struct sp_function *function) {
	if (!function->dma_bits || !function->driver || sp_preflight_is_holder(function->driver))
		return;
	if (function->dma_bits <= 32)
		sp_preflight_find(preflight, SP_QUESTION_SWIOTLB, function, SP_CODE_PCI_DMA_NARROW,
			NULL, "it addresses %u bits of memory", function->dma_bits);
	else
		sp_preflight_pass(preflight, SP_QUESTION_SWIOTLB, function,
			"it addresses %u bits of memory", function->dma_bits);
}
