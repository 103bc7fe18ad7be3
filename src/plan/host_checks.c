/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "plan/iommu_drivers.h"
#include "plan/rules.h"
#include "plan/steps.h"
#include "plan/survey.h"

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
static void survey_types(struct sp_survey *survey, const struct sp_host *host) {
	uint32_t last = 0;

	survey->types_known = true;
	for (uint32_t i = 1; i < host->irq_owners.count; i++) {
		const struct sp_irq_owner *a = &host->irq_owners.data[i - 1];
		const struct sp_irq_owner *b = &host->irq_owners.data[i];
		if (a->number != b->number || a->type == b->type || a->number < SP_GIC_FIRST_SPI ||
			a->number >= SP_GIC_FIRST_EPPI)
			continue;
		/* Each interrupt counts once, however many nodes disagree about it. */
		if (survey->type_conflicts > 0 && last == b->number)
			continue;
		last = b->number;
		if (survey->type_conflicts++ == 0) {
			survey->first_type = a;
			survey->other_type = b;
		}
	}
}

static void check_types(struct sp_plan *plan, struct sp_survey *survey) {
	const struct sp_host *host = plan->host;
	if (!survey->types_known)
		survey_types(survey, host);
	if (survey->type_conflicts == 0)
		return;
	const struct sp_irq_owner *first = survey->first_type, *second = survey->other_type;
	sp_finding_add(plan, NULL, SP_CODE_HOST_IRQ_TYPES, host->devices.data[first->device].node,
		"interrupt %u has trigger type %u here and %u in %s (%u such interrupt%s in all)",
		first->number, first->type, second->type,
		sp_tree_path(host->tree, host->devices.data[second->device].node),
		survey->type_conflicts, survey->type_conflicts == 1 ? "" : "s");
}

static void add_index(struct sp_survey *survey, struct sp_indices *indices, uint32_t index) {
	uint32_t *slot = sp_vec_push(survey->arena, indices);
	if (slot != NULL)
		*slot = index;
}

static uint32_t highest_irq(const struct sp_plan *plan) {
	return sp_rule_value(SP_RULE_GUEST_SPI_MAX, plan->request->target) + SP_GIC_FIRST_SPI;
}

/* Such a node keeps out of dom0, whoever marked it. */
static bool is_marked(const struct sp_host *host, sp_node node) {
	return sp_tree_prop(host->tree, node, "xen,passthrough") != NULL;
}

static void survey_high(struct sp_survey *survey, const struct sp_plan *plan) {
	const struct sp_host *host = plan->host;

	survey->high_known = true;
	for (uint32_t i = sp_host_irqs_from(host, highest_irq(plan) + 1);
		i < host->irq_owners.count && host->irq_owners.data[i].number < SP_GIC_FIRST_EPPI;
		i++) {
		sp_node node = host->devices.data[host->irq_owners.data[i].device].node;
		if (!is_marked(host, node) &&
			sp_xen_skips(host, node, plan->request->target) == NULL)
			add_index(survey, &survey->high, i);
	}
}

/* dom0's own interrupt controller ends like every guest's. */
static void check_high_irqs(struct sp_plan *plan, struct sp_survey *survey) {
	const struct sp_host *host = plan->host;

	if (!survey->high_known)
		survey_high(survey, plan);
	for (uint32_t i = 0; i < survey->high.count; i++) {
		const struct sp_irq_owner *owner = &host->irq_owners.data[survey->high.data[i]];
		sp_node node = host->devices.data[owner->device].node;
		if (sp_plan_owner(plan, node) != NULL)
			continue;
		sp_finding_add(plan, NULL, SP_CODE_HOST_IRQ_TOO_HIGH, node,
			"its interrupt %u is beyond %u, the last that dom0 can have, and it stays "
			"with dom0",
			owner->number, highest_irq(plan));
		return;
	}
}

/* How many of the devices, which are in the order of the tree, come before the node. */
static uint32_t count_before(
	const struct sp_host *host, const struct sp_indices *devices, sp_node node) {
	uint32_t low = 0, high = devices->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (host->devices.data[devices->data[middle]].node < node)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* How many of the devices stay with the host, and which is the first of those. */
static uint32_t count_left(
	const struct sp_plan *plan, const struct sp_indices *devices, uint32_t *first) {
	const struct sp_host *host = plan->host;
	const struct sp_plan_guest *guest = &plan->guests.data[0];
	uint32_t left = devices->count, seen = 0;

	/* What one guest is given does not overlap, so that it can be taken off. */
	for (uint32_t i = 0; plan->guests.count == 1 && i < guest->devices.count; i++) {
		sp_node node = guest->devices.data[i].node;
		left -= count_before(host, devices, sp_tree_end(host->tree, node)) -
			count_before(host, devices, node);
	}
	for (uint32_t i = 0; left > 0 && i < devices->count; i++) {
		if (sp_plan_owner(plan, host->devices.data[devices->data[i]].node) != NULL)
			continue;
		if (seen++ == 0)
			*first = devices->data[i];
		if (plan->guests.count == 1)
			return left;
	}
	return seen;
}

static void survey_lost(struct sp_survey *survey, const struct sp_host *host) {
	survey->lost_known = true;
	for (uint32_t d = 0; d < host->devices.count; d++) {
		const struct sp_device *device = &host->devices.data[d];
		bool lost = false;
		for (uint32_t i = 0; i < device->reg_count && !lost; i++)
			lost = host->regs.data[device->reg + i].state == SP_ADDRESS_NO_RANGE;
		if (lost)
			add_index(survey, &survey->lost, d);
	}
}

static void check_addresses(struct sp_plan *plan, struct sp_survey *survey) {
	const struct sp_host *host = plan->host;
	uint32_t first = 0, count;

	if (!survey->lost_known)
		survey_lost(survey, host);
	count = count_left(plan, &survey->lost, &first);
	if (count > 0)
		sp_finding_add(plan, NULL, SP_CODE_HOST_UNTRANSLATED,
			host->devices.data[first].node,
			"its registers are in no window of the bus above it (%u such node%s in "
			"all)",
			count, count == 1 ? "" : "s");
}

/* A driver that every build has and that finds an IOMMU. */
static enum sp_driver usual_driver(const struct sp_plan *plan) {
	const struct sp_host *host = plan->host;

	for (uint32_t d = 0; d < host->devices.count; d++) {
		const struct sp_device *device = &host->devices.data[d];
		if (device->kind != SP_KIND_IOMMU || !sp_tree_enabled(host->tree, device->node))
			continue;
		const struct sp_iommu_driver *driver =
			sp_iommu_driver_of(host->tree, device->node, plan->request->target, NULL);
		if (driver != NULL && sp_driver_info(driver->driver)->by_default)
			return driver->driver;
	}
	return SP_DRIVER_COUNT;
}

/* Xen's IOMMU driver: the one that the guests need, else the usual one. */
static enum sp_driver active_driver(const struct sp_plan *plan, struct sp_survey *survey) {
	for (uint32_t g = 0; g < plan->guests.count; g++) {
		if (plan->guests.data[g].streams.count == 0)
			continue;
		const struct sp_iommu_driver *driver = sp_iommu_driver_of(plan->host->tree,
			plan->guests.data[g].streams.data[0].stream.iommu, plan->request->target,
			NULL);
		if (driver != NULL)
			return driver->driver;
	}
	if (!survey->usual_known)
		survey->usual = usual_driver(plan);
	survey->usual_known = true;
	return survey->usual;
}

/* The first IOMMU of the device that is at work, but not by this driver. SP_NODE_NONE: none is. */
static sp_node undriven_iommu(
	const struct sp_plan *plan, const struct sp_device *device, enum sp_driver active) {
	const struct sp_host *host = plan->host;
	sp_node last = SP_NODE_NONE;

	for (uint32_t i = 0; i < device->stream_count; i++) {
		const struct sp_stream *stream = &host->streams.data[device->stream + i];
		if (stream->origin == SP_ORIGIN_MAP || stream->iommu == last)
			continue;
		last = stream->iommu;
		const struct sp_iommu_driver *driver =
			sp_iommu_driver_of(host->tree, last, plan->request->target, NULL);
		if ((driver == NULL || driver->driver != active) &&
			sp_tree_enabled(host->tree, last))
			return last;
	}
	return SP_NODE_NONE;
}

/*
 * One IOMMU driver is at work. A master of the host's behind another kind of IOMMU that is not
 * marked for passthrough makes dom0's building fail.
 */
static void check_undriven_masters(struct sp_plan *plan, struct sp_survey *survey) {
	const struct sp_host *host = plan->host;
	enum sp_driver active = active_driver(plan, survey);
	uint32_t first = 0, count;

	if (active == SP_DRIVER_COUNT)
		return;
	if (!survey->undriven_known[active]) {
		survey->undriven_known[active] = true;
		for (uint32_t d = 0; d < host->devices.count; d++) {
			const struct sp_device *device = &host->devices.data[d];
			if (!is_marked(host, device->node) &&
				undriven_iommu(plan, device, active) != SP_NODE_NONE)
				add_index(survey, &survey->undriven[active], d);
		}
	}
	count = count_left(plan, &survey->undriven[active], &first);
	if (count > 0)
		sp_finding_add(plan, NULL, SP_CODE_HOST_UNDRIVEN_MASTER,
			host->devices.data[first].node,
			"it is behind %s, which Xen's %s driver does not drive, and stays with "
			"dom0 (%u such device%s in all)",
			sp_tree_path(host->tree,
				undriven_iommu(plan, &host->devices.data[first], active)),
			sp_driver_info(active)->name, count, count == 1 ? "" : "s");
}

static void check_requests(struct sp_plan *plan) {
	for (uint32_t g = 0; g < plan->guests.count; g++) {
		const struct sp_plan_guest *guest = &plan->guests.data[g];
		const struct sp_request_guest *request = guest->request;
		const char *target = sp_target_name(plan->request->target);
		if (request->hotplug && request->mode != SP_MODE_XL)
			sp_finding_add(plan, guest, SP_CODE_HOTPLUG_BOOT, SP_NODE_NONE,
				"guest %s is made by Xen at boot, and nothing can be attached to "
				"it later",
				request->name);
		else if (request->hotplug &&
			sp_rule_value(SP_RULE_LATE_ATTACH, plan->request->target) == 0)
			sp_finding_add(plan, guest, SP_CODE_HOTPLUG_VERSION, SP_NODE_NONE,
				"%s gives interrupts only to guests that do not run yet", target);
		else if (request->hotplug)
			sp_finding_add(plan, guest, SP_CODE_HOTPLUG_RESERVED, SP_NODE_NONE,
				"guest %s is made ready for its devices and does not have them yet",
				request->name);
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
	struct sp_survey *survey = plan->survey;
	check_gic(plan);
	check_types(plan, survey);
	check_high_irqs(plan, survey);
	check_addresses(plan, survey);
	check_undriven_masters(plan, survey);
	check_requests(plan);
}
