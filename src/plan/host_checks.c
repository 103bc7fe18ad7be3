/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "plan/iommu_drivers.h"
#include "plan/rules.h"
#include "plan/steps.h"

/* GICs that Xen drives: xen/arch/arm/include/asm/gic.h, DT_MATCH_GIC_V2 and _V3, in all releases.
 */
static bool xen_drives_gic(const struct sp_tree *tree, sp_node gic) {
	static const char *const compatibles[] = {
		"arm,cortex-a15-gic", "arm,cortex-a7-gic", "arm,gic-400", "arm,gic-v3"};
	for (size_t i = 0; i < sizeof(compatibles) / sizeof(compatibles[0]); i++) {
		if (sp_tree_compatible(tree, gic, compatibles[i]))
			return true;
	}
	return false;
}

static void check_gic(struct sp_plan *plan) {
	const struct sp_host *host = plan->host;
	if (host->gic == SP_NODE_NONE)
		sp_finding_add(plan, NULL, SP_CODE_HOST_NO_GIC, SP_NODE_NONE,
			"the tree has no GIC, which Xen needs as interrupt controller");
	else if (!xen_drives_gic(host->tree, host->gic))
		sp_finding_add(plan, NULL, SP_CODE_HOST_NO_GIC, host->gic,
			"Xen has no driver for this interrupt controller");
}

/* One SPI with two trigger types: the second irq_set_spi_type() fails, and dom0's building. */
static void check_types(struct sp_plan *plan) {
	const struct sp_host *host = plan->host;
	uint32_t conflicts = 0, last = 0;
	const struct sp_irq_owner *first = NULL, *second = NULL;

	for (uint32_t i = 1; i < host->irq_owners.count; i++) {
		const struct sp_irq_owner *a = &host->irq_owners.data[i - 1];
		const struct sp_irq_owner *b = &host->irq_owners.data[i];
		if (a->number != b->number || a->type == b->type || a->number < SP_GIC_FIRST_SPI ||
			a->number >= SP_GIC_FIRST_EPPI)
			continue;
		/* Each interrupt counts once, however many nodes disagree about it. */
		if (conflicts > 0 && last == b->number)
			continue;
		last = b->number;
		if (conflicts++ == 0) {
			first = a;
			second = b;
		}
	}
	if (conflicts == 0)
		return;
	sp_node node = host->devices.data[first->device].node;
	sp_finding_add(plan, NULL, SP_CODE_HOST_IRQ_TYPES, node,
		"interrupt %u has trigger type %u here and %u in %s (%u such interrupt%s in all)",
		first->number, first->type, second->type,
		sp_tree_path(host->tree, host->devices.data[second->device].node), conflicts,
		conflicts == 1 ? "" : "s");
}

/* dom0's own interrupt controller ends like every guest's. */
static void check_high_irqs(struct sp_plan *plan) {
	const struct sp_host *host = plan->host;
	uint32_t limit =
		sp_rule_value(SP_RULE_GUEST_SPI_MAX, plan->request->target) + SP_GIC_FIRST_SPI;
	for (uint32_t i = sp_host_irqs_from(host, limit + 1);
		i < host->irq_owners.count && host->irq_owners.data[i].number < SP_GIC_FIRST_EPPI;
		i++) {
		sp_node node = host->devices.data[host->irq_owners.data[i].device].node;
		if (sp_plan_owner(plan, node) != NULL ||
			sp_xen_skips(host, node, plan->request->target) != NULL)
			continue;
		sp_finding_add(plan, NULL, SP_CODE_HOST_IRQ_TOO_HIGH, node,
			"its interrupt %u is beyond %u, the last that dom0 can have, and it stays "
			"with "
			"dom0",
			host->irq_owners.data[i].number, limit);
		return;
	}
}

static void check_addresses(struct sp_plan *plan) {
	const struct sp_host *host = plan->host;
	uint32_t count = 0;
	sp_node first = SP_NODE_NONE;
	for (uint32_t d = 0; d < host->devices.count; d++) {
		const struct sp_device *device = &host->devices.data[d];
		bool lost = false;
		for (uint32_t i = 0; i < device->reg_count && !lost; i++)
			lost = host->regs.data[device->reg + i].state == SP_ADDRESS_NO_RANGE;
		if (lost && sp_plan_owner(plan, device->node) == NULL && count++ == 0)
			first = device->node;
	}
	if (count > 0)
		sp_finding_add(plan, NULL, SP_CODE_HOST_UNTRANSLATED, first,
			"its registers are in no window of the bus above it (%u such node%s in "
			"all)",
			count, count == 1 ? "" : "s");
}

/* Xen's IOMMU driver: the one that the guests need, else one that every build has and that finds
 * an IOMMU. */
static enum sp_driver active_driver(const struct sp_plan *plan) {
	const struct sp_host *host = plan->host;
	const struct sp_iommu_driver *driver;

	for (uint32_t g = 0; g < plan->guests.count; g++) {
		if (plan->guests.data[g].streams.count == 0)
			continue;
		driver = sp_iommu_driver_of(host->tree,
			plan->guests.data[g].streams.data[0].stream.iommu, plan->request->target,
			NULL);
		if (driver != NULL)
			return driver->driver;
	}
	for (uint32_t d = 0; d < host->devices.count; d++) {
		const struct sp_device *device = &host->devices.data[d];
		if (device->kind != SP_KIND_IOMMU || !sp_tree_enabled(host->tree, device->node))
			continue;
		driver = sp_iommu_driver_of(
			host->tree, device->node, plan->request->target, NULL);
		if (driver != NULL && sp_driver_info(driver->driver)->by_default)
			return driver->driver;
	}
	return SP_DRIVER_COUNT;
}

/*
 * One IOMMU driver is at work. A master of the host's behind another kind of IOMMU that is not
 * marked for passthrough makes dom0's building fail.
 */
static void check_undriven_masters(struct sp_plan *plan) {
	const struct sp_host *host = plan->host;
	enum sp_driver active = active_driver(plan);
	uint32_t count = 0;
	sp_node first = SP_NODE_NONE, first_iommu = SP_NODE_NONE, last = SP_NODE_NONE;

	if (active == SP_DRIVER_COUNT)
		return;
	for (uint32_t i = 0; i < host->stream_owners.count; i++) {
		const struct sp_stream_owner *owner = &host->stream_owners.data[i];
		sp_node node = host->devices.data[owner->device].node;
		if (node == last)
			continue;
		const struct sp_iommu_driver *driver =
			sp_iommu_driver_of(host->tree, owner->iommu, plan->request->target, NULL);
		if ((driver != NULL && driver->driver == active) ||
			!sp_tree_enabled(host->tree, owner->iommu) ||
			sp_plan_owner(plan, node) != NULL)
			continue;
		last = node;
		if (count++ == 0) {
			first = node;
			first_iommu = owner->iommu;
		}
	}
	if (count > 0)
		sp_finding_add(plan, NULL, SP_CODE_HOST_UNDRIVEN_MASTER, first,
			"it is behind %s, which Xen's %s driver does not drive, and stays with "
			"dom0 "
			"(%u such device%s in all)",
			sp_tree_path(host->tree, first_iommu), sp_driver_info(active)->name, count,
			count == 1 ? "" : "s");
}

static void check_requests(struct sp_plan *plan) {
	for (uint32_t g = 0; g < plan->guests.count; g++) {
		const struct sp_plan_guest *guest = &plan->guests.data[g];
		const struct sp_request_guest *request = guest->request;
		const char *target = sp_target_name(plan->request->target);
		if (request->hotplug && request->mode != SP_MODE_XL)
			sp_finding_add(plan, guest, SP_CODE_HOTPLUG_BOOT, SP_NODE_NONE,
				"guest %s is made by Xen at boot, and nothing can be attached to "
				"it "
				"later",
				request->name);
		else if (request->hotplug &&
			sp_rule_value(SP_RULE_LATE_ATTACH, plan->request->target) == 0)
			sp_finding_add(plan, guest, SP_CODE_HOTPLUG_VERSION, SP_NODE_NONE,
				"%s gives interrupts only to guests that do not run yet", target);
		if (request->pci)
			sp_finding_add(plan, guest, SP_CODE_GUEST_VPCI, SP_NODE_NONE,
				"its PCI windows at 0x10000000, 0x23000000 and 0x100000000 are "
				"kept free, but %s has no virtual PCI bus for Arm guests",
				target);
		if (request->mode == SP_MODE_DIRECT)
			sp_finding_add(plan, guest, SP_CODE_STATIC_BUILD, SP_NODE_NONE,
				"a direct-mapped guest needs a Xen built with "
				"CONFIG_STATIC_MEMORY");
	}
}

void sp_check_host(struct sp_plan *plan) {
	check_gic(plan);
	check_types(plan);
	check_high_irqs(plan);
	check_addresses(plan);
	check_undriven_masters(plan);
	check_requests(plan);
}
