/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "plan/iommu_drivers.h"
#include "plan/rules.h"
#include "plan/steps.h"

/*
 * Nodes that Xen leaves out of dom0's tree together with everything below them, so that dom0 has
 * no permission for their pages and interrupts and cannot pass them on: handle_node() in
 * RELEASE-4.20.4:xen/arch/arm/domain_build.c:1810 (4.17.7:2526, 4.18.6:2305, 4.19.6:1658,
 * 4.21.2:1563, 4.22.0:1463).
 */
static const struct skip_row {
	const char *compatible;
	enum sp_target since;
} skip_rows[] = {
	{"xen,xen", SP_TARGET_XEN_4_17},
	{"xen,multiboot-module", SP_TARGET_XEN_4_17},
	{"multiboot,module", SP_TARGET_XEN_4_17},
	{"arm,psci", SP_TARGET_XEN_4_17},
	{"arm,psci-0.2", SP_TARGET_XEN_4_17},
	{"arm,psci-1.0", SP_TARGET_XEN_4_17},
	{"arm,cortex-a7-pmu", SP_TARGET_XEN_4_17},
	{"arm,cortex-a15-pmu", SP_TARGET_XEN_4_17},
	{"arm,cortex-a53-edac", SP_TARGET_XEN_4_17},
	{"arm,armv8-pmuv3", SP_TARGET_XEN_4_17},
	{"arm,armv7-timer-mem", SP_TARGET_XEN_4_17},
	{"arm,armv7-timer", SP_TARGET_XEN_4_17},
	{"arm,armv8-timer", SP_TARGET_XEN_4_17},
	{"xen,domain", SP_TARGET_XEN_4_18},
	{"xen,domain-shared-memory-v1", SP_TARGET_XEN_4_18},
	{"xen,evtchn-v1", SP_TARGET_XEN_4_18},
};

/*
 * What Xen's platforms keep from dom0, by the machine's compatible: blacklist_dev in
 * RELEASE-4.20.4:xen/arch/arm/platforms/ (the same in 4.17.7, 4.18.6, 4.19.6, 4.21.2 and 4.22.0).
 * Those of vexpress.c are built into a 32-bit Xen only, and 64-bit machines claim its name too.
 */
static const struct platform_row {
	const char *machine, *compatible;
	bool only_32bit;
} platform_rows[] = {
	/* brcm-raspberry-pi.c:32 */
	{"brcm,bcm2711", "brcm,bcm2835-aux-spi", false},
	{"brcm,bcm2711", "brcm,bcm2835-aux", false},
	{"brcm,bcm2711", "brcm,bcm2835-pm", false},
	/* sunxi.c:126 */
	{"allwinner,sun6i-a31", "snps,dw-apb-uart", false},
	{"allwinner,sun6i-a31s", "snps,dw-apb-uart", false},
	{"allwinner,sun7i-a20", "snps,dw-apb-uart", false},
	{"allwinner,sun8i-a23", "snps,dw-apb-uart", false},
	{"allwinner,sun8i-a33", "snps,dw-apb-uart", false},
	{"allwinner,sun8i-h2-plus", "snps,dw-apb-uart", false},
	{"allwinner,sun8i-h3", "snps,dw-apb-uart", false},
	{"allwinner,sun50i-a64", "snps,dw-apb-uart", false},
	{"allwinner,sun50i-h5", "snps,dw-apb-uart", false},
	{"allwinner,sun50i-h6", "snps,dw-apb-uart", false},
	/* thunderx.c:29 */
	{"cavium,thunder-88xx", "cavium,smmu-v2", false},
	/* exynos5.c:280 */
	{"samsung,exynos5250", "samsung,exynos4210-mct", false},
	{"samsung,exynos5250", "samsung,secure-firmware", false},
	{"samsung,exynos5410", "samsung,exynos4210-mct", false},
	{"samsung,exynos5410", "samsung,secure-firmware", false},
	/* vexpress.c:120 */
	{"arm,vexpress", "arm,cci-400", true},
	{"arm,vexpress", "arm,cci-400-pmu", true},
	{"arm,vexpress", "arm,hdlcd", true},
	{"arm,vexpress", "arm,vexpress-reset", true},
	{"arm,vexpress", "arm,vexpress-reboot", true},
	{"arm,vexpress", "arm,vexpress-shutdown", true},
};

/* The Armv7 cores with virtualisation. */
static bool is_32bit(const struct sp_tree *tree) {
	static const char *const cores[] = {
		"arm,cortex-a7", "arm,cortex-a12", "arm,cortex-a15", "arm,cortex-a17"};
	sp_node cpus = sp_tree_child(tree, SP_NODE_ROOT, "cpus");
	if (cpus == SP_NODE_NONE)
		return false;
	for (sp_node cpu = sp_tree_first_child(tree, cpus); cpu != SP_NODE_NONE;
		cpu = sp_tree_next_sibling(tree, cpu)) {
		for (size_t i = 0; i < sizeof(cores) / sizeof(cores[0]); i++) {
			if (sp_tree_compatible(tree, cpu, cores[i]))
				return true;
		}
	}
	return false;
}

static bool platform_keeps(const struct sp_tree *tree, sp_node node) {
	for (size_t i = 0; i < sizeof(platform_rows) / sizeof(platform_rows[0]); i++) {
		const struct platform_row *row = &platform_rows[i];
		if (sp_tree_compatible(tree, node, row->compatible) &&
			sp_tree_compatible(tree, SP_NODE_ROOT, row->machine) &&
			(!row->only_32bit || is_32bit(tree)))
			return true;
	}
	return false;
}

static bool has_ppi(const struct sp_host *host, sp_node node) {
	const struct sp_device *device = sp_host_device(host, node);
	if (device == NULL)
		return false;
	for (uint32_t i = 0; i < device->irq_count; i++) {
		const struct sp_irq *irq = &host->irqs.data[device->irq + i];
		if (irq->kind == SP_IRQ_PPI && !irq->from_map)
			return true;
	}
	return false;
}

static const char *skips_itself(const struct sp_host *host, sp_node node, enum sp_target target) {
	const struct sp_tree *tree = host->tree;
	const struct sp_prop *type = sp_tree_prop(tree, node, "device_type");
	const char *device_type = type != NULL ? sp_prop_string(type, 0) : NULL;

	if (sp_tree_parent(tree, node) == SP_NODE_ROOT &&
		strcmp(sp_tree_name(tree, node), "cpus") == 0)
		return "the CPUs";
	if (device_type != NULL && strcmp(device_type, "memory") == 0)
		return "memory";
	if (sp_tree_prop(tree, node, "compatible") != NULL) {
		for (size_t i = 0; i < sizeof(skip_rows) / sizeof(skip_rows[0]); i++) {
			if (skip_rows[i].since <= target &&
				sp_tree_compatible(tree, node, skip_rows[i].compatible))
				return skip_rows[i].compatible;
		}
		if (platform_keeps(tree, node))
			return "Xen's platform code keeps devices of its kind from dom0";
	}
	if (has_ppi(host, node))
		return "a private interrupt";
	return NULL;
}

const char *sp_xen_skips(const struct sp_host *host, sp_node node, enum sp_target target) {
	for (; node != SP_NODE_NONE && node != SP_NODE_ROOT;
		node = sp_tree_parent(host->tree, node)) {
		const char *why = skips_itself(host, node, target);
		if (why != NULL)
			return why;
	}
	return NULL;
}

const char *sp_xen_keeps(const struct sp_host *host, sp_node node, enum sp_target target) {
	const struct sp_tree *tree = host->tree;
	/* Xen does not use a disabled one: device_init(), RELEASE-4.20.4:xen/common/device.c:25. */
	if (node == host->console && sp_tree_available(tree, node))
		return "it is the console";
	if (host->gic != SP_NODE_NONE && sp_tree_is_within(tree, node, host->gic))
		return "it is the interrupt controller";
	const struct sp_device *device = sp_host_device(host, node);
	if (device != NULL && device->kind == SP_KIND_IOMMU &&
		sp_iommu_driver_of(tree, node, target, NULL) != NULL)
		return "it is an IOMMU that Xen drives";
	return NULL;
}
