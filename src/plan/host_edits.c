/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "plan/holders.h"
#include "plan/rules.h"
#include "plan/steps.h"

static void mark(struct sp_plan *plan, sp_node node, const char *why) {
	if (sp_tree_prop(plan->host->tree, node, "xen,passthrough") != NULL)
		return;
	struct sp_edit *edit = sp_edit_property(plan, node, "xen,passthrough");
	if (edit != NULL)
		edit->why = why;
}

/* The mark is not inherited: each node that Xen would map or route needs its own. */
static void mark_device(struct sp_plan *plan, const struct sp_guest_device *device) {
	const struct sp_tree *tree = plan->host->tree;
	mark(plan, device->node, "given away");
	for (sp_node node = device->node + 1; node < sp_tree_end(tree, device->node); node++) {
		const struct sp_device *known = sp_host_device(plan->host, node);
		if (known != NULL)
			mark(plan, node, "part of what is given away");
	}
}

/* Xen gives dom0 the interrupts of disabled nodes too. */
static void mark_sharers(struct sp_plan *plan, const struct sp_plan_guest *guest) {
	const struct sp_host *host = plan->host;
	for (uint32_t i = 0; i < guest->irqs.count; i++) {
		uint32_t number = guest->irqs.data[i].number;
		for (uint32_t o = sp_host_irqs_from(host, number);
			o < host->irq_owners.count && host->irq_owners.data[o].number == number;
			o++) {
			sp_node node = host->devices.data[host->irq_owners.data[o].device].node;
			if (sp_plan_owner(plan, node) == NULL &&
				!sp_tree_enabled(host->tree, node) &&
				sp_xen_skips(host, node, plan->request->target) == NULL &&
				sp_xen_keeps(host, node, plan->request->target) == NULL)
				mark(plan, node, "disabled, and shares an interrupt that is given");
		}
	}
}

/*
 * dom0less reads a node's own interrupts and no interrupt-map. The bridge's host node gets those
 * of its map, behind those that it has.
 */
static void add_map_interrupts(
	struct sp_plan *plan, const struct sp_plan_guest *guest, sp_node node) {
	const struct sp_host *host = plan->host;
	const struct sp_device *known = sp_host_device(host, node);
	uint32_t cells[64 * 5], count = 0, from_map = 0;
	sp_node nodes[64 * 5];
	if (host->gic == SP_NODE_NONE)
		return;
	uint32_t gic_cells = sp_tree_u32(host->tree, host->gic, "#interrupt-cells", 3);
	bool plain = sp_interrupt_parent(host->tree, node) == host->gic &&
		sp_tree_prop(host->tree, node, "interrupts-extended") == NULL;

	for (unsigned pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0; i < known->irq_count && count + 5 <= 64 * 5; i++) {
			const struct sp_irq *irq = &host->irqs.data[known->irq + i];
			if (irq->kind != SP_IRQ_SPI || irq->from_map != (pass == 1))
				continue;
			bool again = false;
			for (uint32_t j = 0; j < i && !again; j++) {
				const struct sp_irq *other = &host->irqs.data[known->irq + j];
				again = irq->from_map && other->kind == SP_IRQ_SPI &&
					other->number == irq->number;
			}
			if (again)
				continue;
			from_map += irq->from_map;
			if (!plain) {
				nodes[count] = host->gic;
				cells[count++] = 0;
			}
			uint32_t specifier[4] = {0, irq->number - SP_GIC_FIRST_SPI, irq->type, 0};
			for (uint32_t c = 0; c < gic_cells && c < 4; c++) {
				nodes[count] = SP_NODE_NONE;
				cells[count++] = specifier[c];
			}
		}
	}
	if (from_map == 0)
		return;
	sp_finding_add(plan, guest, SP_CODE_IRQ_NEXUS, node,
		"dom0less does not read its interrupt-map; the overlay gives its host node %u "
		"interrupt%s",
		from_map, from_map == 1 ? "" : "s");
	struct sp_edit *edit =
		sp_edit_property(plan, node, plain ? "interrupts" : "interrupts-extended");
	if (edit == NULL)
		return;
	edit->why = "dom0less reads no interrupt-map";
	sp_edit_cells(plan, edit, cells, nodes, count, gic_cells + !plain);
}

static void edit_for_dom0less(struct sp_plan *plan, const struct sp_plan_guest *guest) {
	for (uint32_t i = 0; i < guest->devices.count; i++) {
		sp_node end = sp_tree_end(plan->host->tree, guest->devices.data[i].node);
		for (sp_node node = guest->devices.data[i].node; node < end; node++) {
			const struct sp_device *known = sp_host_device(plan->host, node);
			if (known != NULL && known->kind == SP_KIND_PCI_HOST)
				add_map_interrupts(plan, guest, node);
		}
	}
}

static void add_argument(struct sp_plan *plan, const char *argument) {
	for (uint32_t i = 0; i < plan->dom0_arguments.count; i++) {
		if (plan->dom0_arguments.data[i] == argument)
			return;
	}
	const char **slot = sp_vec_push(&plan->arena, &plan->dom0_arguments);
	if (slot != NULL)
		*slot = argument;
}

/* What dom0 would switch off at the end of its boot, since it has no user for it. */
static void add_arguments(struct sp_plan *plan, const struct sp_plan_guest *guest) {
	for (uint32_t i = 0; i < guest->dependencies.count; i++) {
		const struct sp_dependency *dependency = &guest->dependencies.data[i];
		if (dependency->provider == SP_NODE_NONE || dependency->action == SP_ACTION_GIVE)
			continue;
		if (dependency->kind == SP_REFERENCE_CLOCK)
			add_argument(plan, "clk_ignore_unused");
		else if (dependency->kind == SP_REFERENCE_POWER)
			add_argument(plan, "pd_ignore_unused");
		else if (dependency->kind == SP_REFERENCE_SUPPLY)
			add_argument(plan, "regulator_ignore_unused");
	}
	for (uint32_t i = 0; i < guest->streams.count; i++) {
		sp_node iommu = guest->streams.data[i].stream.iommu;
		if (sp_tree_prop(plan->host->tree, iommu, "clocks") != NULL)
			add_argument(plan, "clk_ignore_unused");
		if (sp_tree_prop(plan->host->tree, iommu, "power-domains") != NULL)
			add_argument(plan, "pd_ignore_unused");
	}
}

void sp_plan_needs_option(struct sp_plan *plan, const char *option) {
	for (uint32_t i = 0; i < plan->xen_options.count; i++) {
		if (strcmp(plan->xen_options.data[i], option) == 0)
			return;
	}
	const char **slot = sp_vec_push(&plan->arena, &plan->xen_options);
	if (slot != NULL)
		*slot = option;
}

void sp_edit_host(struct sp_plan *plan) {
	for (uint32_t g = 0; g < plan->guests.count; g++) {
		const struct sp_plan_guest *guest = &plan->guests.data[g];
		for (uint32_t i = 0; i < guest->devices.count; i++)
			mark_device(plan, &guest->devices.data[i]);
		mark_sharers(plan, guest);
		if (guest->request->mode != SP_MODE_XL)
			edit_for_dom0less(plan, guest);
		if (guest->request->mode == SP_MODE_DIRECT) {
			sp_plan_needs_option(plan, "CONFIG_UNSUPPORTED");
			sp_plan_needs_option(plan, "CONFIG_STATIC_MEMORY");
		}
		sp_add_holders(plan, guest);
		add_arguments(plan, guest);
	}
}
