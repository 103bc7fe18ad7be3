/* SPDX-License-Identifier: MIT */
#include "plan/sharing.h"

#include <stdio.h>

#include "plan/steps.h"

/* More neighbours than any page or interrupt has, and more than anyone wants to hear of: a hostile
 * tree must not make the work grow with the square of its size. */
#define MAX_STEPS 512u
#define MAX_KEPT 16u

static const char *path_of(const struct sp_plan *plan, sp_node node) {
	return sp_tree_path(plan->host->tree, node);
}

/* Related nodes describe one piece of hardware: a parent's registers may cover its child's. */
static bool is_related(const struct sp_tree *tree, sp_node a, sp_node b) {
	return sp_tree_is_within(tree, a, b) || sp_tree_is_within(tree, b, a);
}

void sp_check_pages(struct sp_plan *plan, const struct sp_plan_guest *guest) {
	const struct sp_host *host = plan->host;
	const struct sp_tree *tree = host->tree;
	sp_node told_node = SP_NODE_NONE, told_neighbour = SP_NODE_NONE;
	uint64_t told_page = 0;

	for (uint32_t m = 0; m < guest->mappings.count; m++) {
		const struct sp_mapping *mapping = &guest->mappings.data[m];
		uint64_t start = mapping->host >> SP_PAGE_SHIFT;
		uint64_t end = (mapping->host + mapping->size) >> SP_PAGE_SHIFT;
		uint32_t neighbours = 0;
		sp_node neighbour = SP_NODE_NONE;
		uint64_t page = 0;
		uint32_t steps = 0, kept = 0;
		for (uint32_t i = sp_host_pages_from(host, start);
			i < host->page_owners.count && host->page_owners.data[i].start < end; i++) {
			if (steps++ == MAX_STEPS) {
				/* Nobody knows what else is there. */
				if (neighbours == 0)
					sp_finding_add(plan, guest, SP_CODE_PAGE_SHARED,
						mapping->node,
						"more than %u register blocks are described in its "
						"pages, and whose they all are was not looked at",
						MAX_STEPS);
				break;
			}
			const struct sp_page_owner *owner = &host->page_owners.data[i];
			sp_node other = host->devices.data[owner->device].node;
			if (owner->end <= start || sp_plan_owner(plan, other) != NULL ||
				is_related(tree, other, mapping->node) ||
				!sp_tree_enabled(tree, other))
				continue;
			const char *keeps = sp_xen_keeps(host, other, plan->request->target);
			uint64_t shared = owner->start > start ? owner->start : start;
			if (keeps != NULL) {
				if (kept++ < MAX_KEPT)
					sp_finding_add(plan, guest, SP_CODE_PAGE_XEN, mapping->node,
						"its page 0x%llx is also %s's, which Xen keeps: %s",
						(unsigned long long)shared, path_of(plan, other),
						keeps);
				continue;
			}
			if (neighbours++ == 0) {
				neighbour = other;
				page = shared;
			}
		}
		/* Several blocks of a node may lie in one page. */
		if (neighbours > 0 &&
			!(told_node == mapping->node && told_page == page &&
				told_neighbour == neighbour)) {
			told_node = mapping->node;
			told_page = page;
			told_neighbour = neighbour;
			char more[32] = "";
			if (neighbours > 1)
				snprintf(more, sizeof(more), " and %u others", neighbours - 1);
			sp_finding_add(plan, guest, SP_CODE_PAGE_SHARED, mapping->node,
				"its page 0x%llx also holds registers of %s%s, which the guest "
				"could then use",
				(unsigned long long)page, path_of(plan, neighbour), more);
		}
	}
}

static void check_irq(
	struct sp_plan *plan, const struct sp_plan_guest *guest, const struct sp_guest_irq *irq) {
	const struct sp_host *host = plan->host;
	bool shared = false, disabled = false, conflict = false;
	uint32_t steps = 0;

	for (uint32_t i = sp_host_irqs_from(host, irq->number);
		i < host->irq_owners.count && host->irq_owners.data[i].number == irq->number; i++) {
		const struct sp_irq_owner *owner = &host->irq_owners.data[i];
		sp_node other = host->devices.data[owner->device].node;
		if (steps++ == MAX_STEPS) {
			if (!shared)
				sp_finding_add(plan, guest, SP_CODE_IRQ_SHARED, irq->node,
					"interrupt %u (SPI %u) is described more than %u times, and "
					"whose it all is was not looked at",
					irq->number, irq->number - SP_GIC_FIRST_SPI, MAX_STEPS);
			break;
		}
		if (owner->type != irq->type && !conflict) {
			conflict = true;
			sp_finding_add(plan, guest, SP_CODE_IRQ_TYPE_CONFLICT, irq->node,
				"interrupt %u has trigger type %u here and %u in %s", irq->number,
				irq->type, owner->type, path_of(plan, other));
		}
		if (sp_plan_owner(plan, other) != NULL)
			continue;
		bool enabled = sp_tree_enabled(host->tree, other);
		if (enabled ? shared : disabled)
			continue;
		if (!enabled &&
			(sp_xen_skips(host, other, plan->request->target) != NULL ||
				sp_xen_keeps(host, other, plan->request->target) != NULL))
			continue;
		if (enabled)
			sp_finding_add(plan, guest, SP_CODE_IRQ_SHARED, irq->node,
				"interrupt %u (SPI %u) is also that of %s, which stays with the "
				"host",
				irq->number, irq->number - SP_GIC_FIRST_SPI, path_of(plan, other));
		else
			sp_finding_add(plan, guest, SP_CODE_IRQ_SHARED_DISABLED, irq->node,
				"interrupt %u (SPI %u) is also that of %s, which is disabled; the "
				"overlay keeps Xen from giving it to dom0",
				irq->number, irq->number - SP_GIC_FIRST_SPI, path_of(plan, other));
		shared = shared || enabled;
		disabled = disabled || !enabled;
	}
}

void sp_check_sharers(struct sp_plan *plan, const struct sp_plan_guest *guest) {
	for (uint32_t i = 0; i < guest->irqs.count; i++)
		check_irq(plan, guest, &guest->irqs.data[i]);
}
