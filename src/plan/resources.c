/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/rules.h"
#include "plan/sharing.h"
#include "plan/steps.h"

/* Interrupt numbers of devices that Xen or libxl emulate for a guest: xen/include/public/
 * arch-arm.h, GUEST_VPL011_SPI and GUEST_VIRTIO_MMIO_SPI_FIRST to _LAST. */
#define VPL011_IRQ 32u
#define VIRTIO_FIRST_IRQ 33u
#define VIRTIO_LAST_IRQ 43u

/* More blocks than any device has. */
#define MAX_BLOCKS 4096u

static const char *path_of(const struct sp_plan *plan, sp_node node) {
	return sp_tree_path(plan->host->tree, node);
}

static const char *reg_trouble(enum sp_address_state state) {
	switch (state) {
	case SP_ADDRESS_OVERFLOWS:
		return "its address and size reach beyond 64 bits";
	case SP_ADDRESS_BAD_CELLS:
		return "it is cut short, or has cells that no address has";
	default:
		return "it cannot be read";
	}
}

static void add_reg(struct sp_plan *plan, struct sp_plan_guest *guest, sp_node node, uint32_t index,
	bool window, uint64_t address, uint64_t size) {
	if (guest->regs.count >= MAX_BLOCKS) {
		if (!guest->overfull)
			sp_finding_add(plan, guest, SP_CODE_REG_MALFORMED, node,
				"more than %u register blocks for one guest", MAX_BLOCKS);
		guest->overfull = true;
		return;
	}
	struct sp_guest_reg *slot = sp_vec_push(&plan->arena, &guest->regs);
	if (slot == NULL)
		return;
	*slot = (struct sp_guest_reg){
		.node = node, .index = index, .window = window, .host = address, .size = size};

	/* One mapping a block here; those that share a page are merged before placing. */
	struct sp_mapping *mapping = sp_vec_push(&plan->arena, &guest->mappings);
	if (mapping == NULL)
		return;
	uint64_t first = address & ~(SP_PAGE_SIZE - 1);
	uint64_t last = (address + (size - 1)) | (SP_PAGE_SIZE - 1);
	*mapping = (struct sp_mapping){.host = first,
		.size = last - first + 1,
		.node = node,
		.window = window,
		.what = window ? "PCI window" : "registers"};
}

static void take_reg(struct sp_plan *plan, struct sp_plan_guest *guest,
	const struct sp_device *device, uint32_t index, bool *subpage) {
	const struct sp_host *host = plan->host;
	const struct sp_reg *reg = &host->regs.data[device->reg + index];

	switch (reg->state) {
	case SP_ADDRESS_OK:
		break;
	case SP_ADDRESS_NOT_MAPPED:
		return;
	case SP_ADDRESS_NO_RANGE:
		sp_finding_add(plan, guest, SP_CODE_REG_UNTRANSLATED, device->node,
			"register block %u at bus address 0x%llx is in no window of %s", index,
			(unsigned long long)reg->bus_address, path_of(plan, reg->bus));
		return;
	case SP_ADDRESS_STRADDLES:
		sp_finding_add(plan, guest, SP_CODE_REG_STRADDLES, device->node,
			"register block %u (0x%llx bytes from bus address 0x%llx) begins in a "
			"window of %s and ends outside of it",
			index, (unsigned long long)reg->size, (unsigned long long)reg->bus_address,
			path_of(plan, reg->bus));
		return;
	default:
		sp_finding_add(plan, guest, SP_CODE_REG_MALFORMED, device->node,
			"register block %u: %s", index, reg_trouble(reg->state));
		return;
	}
	if (reg->size == 0) {
		sp_finding_add(plan, guest, SP_CODE_REG_EMPTY, device->node,
			"register block %u at 0x%llx has no size and is not given", index,
			(unsigned long long)reg->address);
		return;
	}
	/* A block up to the very top, or one longer than any physical address, is nonsense. */
	if (reg->address + (reg->size - 1) >= UINT64_C(1) << 52) {
		sp_finding_add(plan, guest, SP_CODE_REG_MALFORMED, device->node,
			"register block %u reaches 0x%llx, beyond any physical address", index,
			(unsigned long long)(reg->address + (reg->size - 1)));
		return;
	}
	bool memory = sp_intervals_touch(&host->memory, reg->address, reg->address + reg->size);
	if (memory || sp_intervals_touch(&host->reserved, reg->address, reg->address + reg->size))
		sp_finding_add(plan, guest, SP_CODE_REG_MEMORY, device->node,
			"register block %u at 0x%llx lies in the host's %s", index,
			(unsigned long long)reg->address, memory ? "memory" : "reserved memory");
	if ((reg->address | reg->size) & (SP_PAGE_SIZE - 1))
		*subpage = true;
	add_reg(plan, guest, device->node, index, false, reg->address, reg->size);
}

/* A host bridge's windows are as much its own as its registers. */
static void take_windows(struct sp_plan *plan, struct sp_plan_guest *guest, sp_node bridge) {
	uint32_t count;
	const struct sp_tree *tree = plan->host->tree;
	if (sp_window_count(tree, bridge, "ranges", &count) != SP_WINDOWS_LIST)
		return;
	for (uint32_t i = 0; i < count; i++) {
		struct sp_window window;
		sp_window_get(tree, bridge, "ranges", i, &window);
		const struct sp_reg *cpu = &window.parent;
		if (window.size == 0)
			continue;
		if (cpu->state != SP_ADDRESS_OK ||
			cpu->address + (window.size - 1) >= UINT64_C(1) << 52) {
			sp_finding_add(plan, guest, SP_CODE_REG_UNTRANSLATED, bridge,
				"PCI window %u cannot be translated to the CPU's addresses", i);
			continue;
		}
		add_reg(plan, guest, bridge, i, true, cpu->address, window.size);
	}
}

static void add_irq(
	struct sp_plan *plan, struct sp_plan_guest *guest, const struct sp_irq *irq, sp_node node) {
	for (uint32_t i = 0; i < guest->irqs.count; i++) {
		struct sp_guest_irq *other = &guest->irqs.data[i];
		if (other->number != irq->number)
			continue;
		if (!irq->from_map && !other->from_map && !other->repeated)
			sp_finding_add(plan, guest, SP_CODE_IRQ_TWICE, node,
				"interrupt %u (SPI %u) is described more than once and given once",
				irq->number, irq->number - SP_GIC_FIRST_SPI);
		other->repeated = other->repeated || !irq->from_map;
		other->from_map = other->from_map && irq->from_map;
		return;
	}
	struct sp_guest_irq *slot = sp_vec_push(&plan->arena, &guest->irqs);
	if (slot != NULL)
		*slot = (struct sp_guest_irq){.number = irq->number,
			.type = irq->type,
			.node = node,
			.from_map = irq->from_map};
}

static void take_spi(
	struct sp_plan *plan, struct sp_plan_guest *guest, const struct sp_irq *irq, sp_node node) {
	uint32_t highest = sp_rule_value(SP_RULE_GUEST_SPI_MAX, plan->request->target);
	uint32_t spi = irq->number - SP_GIC_FIRST_SPI;

	if (spi > highest)
		sp_finding_add(plan, guest, SP_CODE_IRQ_TOO_HIGH, node,
			"interrupt %u (SPI %u) is beyond SPI %u, the last that a guest can have",
			irq->number, spi, highest);
	bool xl = guest->request->mode == SP_MODE_XL;
	if (irq->number == VPL011_IRQ)
		sp_finding_add(plan, guest, SP_CODE_IRQ_RESERVED, node,
			"interrupt %u is that of the emulated PL011, which this guest cannot have "
			"then",
			irq->number);
	else if (xl && irq->number >= VIRTIO_FIRST_IRQ && irq->number <= VIRTIO_LAST_IRQ)
		sp_finding_add(plan, guest, SP_CODE_IRQ_RESERVED, node,
			"interrupt %u is in the range of virtio-mmio devices (%u to %u): the "
			"guest can have at most %u of them",
			irq->number, VIRTIO_FIRST_IRQ, VIRTIO_LAST_IRQ,
			irq->number - VIRTIO_FIRST_IRQ);
	add_irq(plan, guest, irq, node);
}

static void take_irq(struct sp_plan *plan, struct sp_plan_guest *guest, const struct sp_irq *irq,
	const struct sp_guest_device *device, sp_node node) {
	const struct sp_tree *tree = plan->host->tree;
	switch (irq->kind) {
	case SP_IRQ_SPI:
		take_spi(plan, guest, irq, node);
		break;
	case SP_IRQ_PPI:
	case SP_IRQ_EPPI:
		sp_finding_add(plan, guest, SP_CODE_IRQ_PPI, node,
			"interrupt %u is private to each CPU; Xen gives guests only shared ones",
			irq->number);
		break;
	case SP_IRQ_ESPI:
		sp_finding_add(plan, guest, SP_CODE_IRQ_ESPI, node,
			"interrupt %u is an extended SPI, which Xen reads as another interrupt",
			irq->number);
		break;
	case SP_IRQ_OTHER:
		/* A controller that is part of the device goes along with it. */
		if (sp_tree_is_within(tree, irq->controller, device->node))
			break;
		sp_finding_add(plan, guest, SP_CODE_IRQ_CONTROLLER, node,
			"interrupt %u of its list goes to %s, not to the GIC", irq->index,
			path_of(plan, irq->controller));
		break;
	case SP_IRQ_BROKEN:
		sp_finding_add(plan, guest, SP_CODE_IRQ_BROKEN, node,
			"interrupt %u of its list cannot be followed: %s", irq->index,
			irq->trouble != NULL ? irq->trouble : "it is malformed");
		break;
	}
}

static void tell_skipped(
	struct sp_plan *plan, const struct sp_plan_guest *guest, sp_node node, const char *why) {
	sp_finding_add(plan, guest, SP_CODE_DEVICE_SKIPPED, node,
		"Xen leaves this part of the tree out for dom0 (%s), so that dom0 cannot pass it "
		"on",
		why);
}

/* What Xen has for itself, anywhere in the subtree: the first of each kind is told. */
static void check_xen(struct sp_plan *plan, const struct sp_plan_guest *guest, sp_node device) {
	const struct sp_host *host = plan->host;
	const struct sp_tree *tree = host->tree;
	enum sp_target target = plan->request->target;
	const char *skips = sp_xen_skips(host, device, target);
	bool gic_told = false, iommu_told = false;

	if (skips != NULL)
		tell_skipped(plan, guest, device, skips);
	for (sp_node node = device; node < sp_tree_end(tree, device);
		node = sp_described_next(tree, node, sp_tree_end(tree, device))) {
		if (skips == NULL && node != device) {
			skips = sp_xen_skips_itself(host, node, target);
			if (skips != NULL)
				tell_skipped(plan, guest, node, skips);
		}
		if (node == host->console) {
			sp_finding_add(plan, guest, SP_CODE_DEVICE_CONSOLE, node,
				"/chosen/stdout-path names it, so that Xen uses it as its console");
			continue;
		}
		const char *keeps = sp_xen_keeps(host, node, target);
		if (keeps == NULL)
			continue;
		bool gic = host->gic != SP_NODE_NONE && sp_tree_is_within(tree, node, host->gic);
		bool *told = gic ? &gic_told : &iommu_told;
		if (!*told)
			sp_finding_add(
				plan, guest, SP_CODE_DEVICE_XEN, node, "Xen keeps it: %s", keeps);
		*told = true;
	}
}

/* The findings about what the requested device is. */
static void check_device(
	struct sp_plan *plan, struct sp_plan_guest *guest, struct sp_guest_device *given) {
	const struct sp_host *host = plan->host;
	const struct sp_tree *tree = host->tree;
	const struct sp_device *device = sp_host_device(host, given->node);

	if (!sp_tree_enabled(tree, given->node))
		sp_finding_add(plan, guest, SP_CODE_DEVICE_DISABLED, given->node,
			"the host's tree says that it is not to be used");
	check_xen(plan, guest, given->node);
	if (device != NULL &&
		(device->kind == SP_KIND_PLUMBING || device->kind == SP_KIND_INTERRUPT_CONTROLLER ||
			device->kind == SP_KIND_IOMMU))
		sp_finding_add(plan, guest, SP_CODE_DEVICE_PLUMBING, given->node,
			"it is part of what makes the rest of the machine work (%s)",
			sp_kind_name(device->kind));
}

/* A node such as gpio-keys: no device by itself, but one that uses another that is given too. */
static bool uses_given(
	const struct sp_plan *plan, const struct sp_plan_guest *guest, sp_node dependent) {
	const struct sp_tree *tree = plan->host->tree;
	for (uint32_t i = 0; i < guest->devices.count; i++) {
		sp_node given = guest->devices.data[i].node;
		if (given == dependent)
			continue;
		for (sp_node node = given; node < sp_tree_end(tree, given); node++) {
			for (const struct sp_user *user = sp_host_user(plan->host, node, NULL);
				user != NULL; user = sp_host_user(plan->host, node, user)) {
				if (sp_tree_is_within(tree, user->node, dependent))
					return true;
			}
		}
	}
	return false;
}

static void check_users(
	struct sp_plan *plan, struct sp_plan_guest *guest, const struct sp_guest_device *given) {
	const struct sp_tree *tree = plan->host->tree;
	for (sp_node node = given->node; node < sp_tree_end(tree, given->node); node++) {
		const struct sp_user *first = NULL;
		uint32_t others = 0;
		for (const struct sp_user *user = sp_host_user(plan->host, node, NULL);
			user != NULL; user = sp_host_user(plan->host, node, user)) {
			if (sp_guest_device_of(plan, guest, user->node) != NULL)
				continue;
			if (first == NULL || user->node < first->node)
				first = user;
			others++;
		}
		if (first == NULL)
			continue;
		char more[48] = "";
		if (others > 1)
			snprintf(more, sizeof(more), ", and %u more references", others - 1);
		sp_finding_add(plan, guest, SP_CODE_DEVICE_IN_USE, node, "%s depends on it (%s%s)",
			path_of(plan, first->node), first->property, more);
	}
}

/* A device on a bus that the CPU does not see; interrupts of its own make it no better. */
static bool explain_unseen(
	struct sp_plan *plan, struct sp_plan_guest *guest, const struct sp_guest_device *given) {
	const struct sp_tree *tree = plan->host->tree;
	for (sp_node at = sp_tree_parent(tree, given->node); at != SP_NODE_NONE;
		at = sp_tree_parent(tree, at)) {
		if (sp_is_pci_bus(tree, at)) {
			sp_finding_add(plan, guest, SP_CODE_DEVICE_PCI_CHILD, given->node,
				"it is a PCI function behind %s; a device tree can only give the "
				"whole host bridge",
				path_of(plan, at));
			return true;
		}
	}
	struct sp_reg reg;
	bool whole;
	if (sp_reg_count(tree, given->node, &whole) > 0) {
		sp_reg_get(tree, given->node, 0, &reg);
		if (reg.state == SP_ADDRESS_NOT_MAPPED) {
			sp_finding_add(plan, guest, SP_CODE_DEVICE_NOT_MAPPED, given->node,
				"it is reached through %s and has no registers that the CPU sees",
				path_of(plan, sp_tree_parent(tree, given->node)));
			return true;
		}
	}
	return false;
}

static void check_reset(
	struct sp_plan *plan, struct sp_plan_guest *guest, const struct sp_guest_device *given) {
	const struct sp_tree *tree = plan->host->tree;
	if (given->companion)
		return;
	for (sp_node node = given->node; node < sp_tree_end(tree, given->node); node++) {
		const struct sp_prop *resets = sp_tree_prop(tree, node, "resets");
		sp_node controller = resets != NULL && resets->len >= 4
			? sp_tree_by_phandle(tree, sp_prop_cell(resets, 0))
			: SP_NODE_NONE;
		if (controller == SP_NODE_NONE)
			continue;
		sp_finding_add(plan, guest, SP_CODE_DEVICE_RESET_HOST, node,
			"the host can reset it through %s; nobody does so by itself when a guest "
			"ends",
			path_of(plan, controller));
		return;
	}
	sp_finding_add(plan, guest, SP_CODE_DEVICE_RESET_NONE, given->node,
		"the tree names no reset line: a next owner finds it as the last one left it");
}

/*
 * A controller that tells its own lines to the GIC by an interrupt-map. Xen reads such maps of PCI
 * buses only: dom0 has no permission for these interrupts and cannot pass them on.
 */
static void check_cascade(struct sp_plan *plan, struct sp_plan_guest *guest, sp_node node) {
	const struct sp_tree *tree = plan->host->tree;
	if (sp_tree_prop(tree, node, "interrupt-map") != NULL &&
		sp_tree_prop(tree, node, "interrupt-controller") != NULL)
		sp_finding_add(plan, guest, SP_CODE_IRQ_CONTROLLER, node,
			"its own lines to the GIC are told by an interrupt-map, which Xen reads "
			"for PCI buses only");
}

static void take_node(struct sp_plan *plan, struct sp_plan_guest *guest,
	struct sp_guest_device *given, const struct sp_device *device, bool *subpage) {
	for (uint32_t i = 0; i < device->reg_count; i++)
		take_reg(plan, guest, device, i, subpage);
	if (device->kind == SP_KIND_PCI_HOST)
		take_windows(plan, guest, device->node);
	else
		check_cascade(plan, guest, device->node);
	for (uint32_t i = 0; i < device->irq_count; i++)
		take_irq(plan, guest, &plan->host->irqs.data[device->irq + i], given, device->node);
	if (device->dma > given->dma)
		given->dma = device->dma;
}

static void take_device(
	struct sp_plan *plan, struct sp_plan_guest *guest, struct sp_guest_device *given) {
	const struct sp_tree *tree = plan->host->tree;
	uint32_t regs = guest->regs.count, irqs = guest->irqs.count, descendants = 0;
	bool subpage = false;

	check_device(plan, guest, given);
	uint32_t described = plan->findings.count;
	for (sp_node node = given->node; node < sp_tree_end(tree, given->node);
		node = sp_described_next(tree, node, sp_tree_end(tree, given->node))) {
		const struct sp_device *device = sp_host_device(plan->host, node);
		if (device == NULL)
			continue;
		if (node != given->node && (device->reg_count > 0 || device->irq_count > 0))
			descendants++;
		take_node(plan, guest, given, device, &subpage);
	}
	bool unseen = guest->regs.count == regs && !given->companion &&
		explain_unseen(plan, guest, given);
	if (guest->regs.count == regs && guest->irqs.count == irqs &&
		plan->findings.count == described && !given->companion && !unseen &&
		!uses_given(plan, guest, given->node))
		sp_finding_add(plan, guest, SP_CODE_DEVICE_EMPTY, given->node,
			"it has neither registers nor interrupts");
	else if (guest->irqs.count == irqs && guest->regs.count > regs)
		sp_finding_add(plan, guest, SP_CODE_IRQ_NONE, given->node,
			"it has no interrupt of its own");
	if (subpage)
		sp_finding_add(plan, guest, SP_CODE_REG_SUBPAGE, given->node,
			"not all of its register blocks fill whole pages of 4 KiB; whole pages "
			"are given");
	if (descendants > 0)
		sp_finding_add(plan, guest, SP_CODE_REG_DESCENDANT, given->node,
			"%u of its descendants have registers or interrupts of their own and are "
			"marked too",
			descendants);
	if (guest->regs.count > regs)
		check_reset(plan, guest, given);
	check_users(plan, guest, given);
}

static int compare_irqs(const void *left, const void *right) {
	const struct sp_guest_irq *a = left, *b = right;
	return a->number < b->number ? -1 : a->number > b->number;
}

void sp_assign_resources(struct sp_plan *plan, struct sp_plan_guest *guest) {
	for (uint32_t i = 0; i < guest->devices.count; i++)
		take_device(plan, guest, &guest->devices.data[i]);
	sp_check_pages(plan, guest);
	sp_check_sharers(plan, guest);
	if (guest->irqs.count > 0)
		qsort(guest->irqs.data, guest->irqs.count, sizeof(*guest->irqs.data), compare_irqs);

	/* Always told, since Xen's own choice may be too small or, in dom0less, too large. */
	uint32_t highest = 0;
	for (uint32_t i = 0; i < guest->irqs.count; i++) {
		uint32_t spi = guest->irqs.data[i].number - SP_GIC_FIRST_SPI;
		if (spi <= sp_rule_value(SP_RULE_GUEST_SPI_MAX, plan->request->target))
			highest = spi + 1;
	}
	if (guest->request->mode != SP_MODE_XL ||
		sp_rule_value(SP_RULE_XL_NR_SPIS, plan->request->target) != 0)
		guest->nr_spis = highest == 0 ? 32 : (highest + 31) / 32 * 32;
}
