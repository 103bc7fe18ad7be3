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
static const struct platform {
	const char *machine;
	bool only_32bit;
	const char *devices[6];
} platforms[] = {
	/* brcm-raspberry-pi.c:32 */
	{"brcm,bcm2711", false, {"brcm,bcm2835-aux-spi", "brcm,bcm2835-aux", "brcm,bcm2835-pm"}},
	/* sunxi.c:126 */
	{"allwinner,sun6i-a31", false, {"snps,dw-apb-uart"}},
	{"allwinner,sun6i-a31s", false, {"snps,dw-apb-uart"}},
	{"allwinner,sun7i-a20", false, {"snps,dw-apb-uart"}},
	{"allwinner,sun8i-a23", false, {"snps,dw-apb-uart"}},
	{"allwinner,sun8i-a33", false, {"snps,dw-apb-uart"}},
	{"allwinner,sun8i-h2-plus", false, {"snps,dw-apb-uart"}},
	{"allwinner,sun8i-h3", false, {"snps,dw-apb-uart"}},
	{"allwinner,sun50i-a64", false, {"snps,dw-apb-uart"}},
	{"allwinner,sun50i-h5", false, {"snps,dw-apb-uart"}},
	{"allwinner,sun50i-h6", false, {"snps,dw-apb-uart"}},
	/* thunderx.c:29 */
	{"cavium,thunder-88xx", false, {"cavium,smmu-v2"}},
	/* exynos5.c:280 */
	{"samsung,exynos5250", false, {"samsung,exynos4210-mct", "samsung,secure-firmware"}},
	{"samsung,exynos5410", false, {"samsung,exynos4210-mct", "samsung,secure-firmware"}},
	/* vexpress.c:120 */
	{"arm,vexpress", true,
		{"arm,cci-400", "arm,cci-400-pmu", "arm,hdlcd", "arm,vexpress-reset",
			"arm,vexpress-reboot", "arm,vexpress-shutdown"}},
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
	for (size_t i = 0; i < sizeof(platforms) / sizeof(platforms[0]); i++) {
		const struct platform *platform = &platforms[i];
		size_t most = sizeof(platform->devices) / sizeof(platform->devices[0]);
		if (!sp_tree_compatible(tree, SP_NODE_ROOT, platform->machine))
			continue;
		for (size_t d = 0; d < most && platform->devices[d] != NULL; d++) {
			if (sp_tree_compatible(tree, node, platform->devices[d]) &&
				(!platform->only_32bit || is_32bit(tree)))
				return true;
		}
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

const char *sp_xen_skips_itself(const struct sp_host *host, sp_node node, enum sp_target target) {
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
		const char *why = sp_xen_skips_itself(host, node, target);
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
