/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "host/references.h"

/* The GIC that Xen and libxl describe to a guest: 3 cells an interrupt, none an address. */
#define GIC_CELLS 3u

/* What the guest's tree says of interrupts, compared with what the guest is given. */
struct described {
	struct sp_check *check;
	const struct sp_check_guest *guest;
	sp_node top;
	uint8_t seen[SP_GIC_END_SPI];
	/* The property that has an interrupt which is not given, while what SPI counts is. */
	struct {
		sp_node node;
		const char *property;
	} miscounted[SP_GIC_END_SPI];
};

enum controller { CONTROLLER_GIC, CONTROLLER_OTHER, CONTROLLER_NONE };

/* What a phandle leads to once Xen has left out what is not below /passthrough. */
static enum controller by_phandle(
	const struct described *described, uint32_t phandle, sp_node *node) {
	const struct sp_check_guest *guest = described->guest;

	if (phandle == guest->gic_phandle)
		return CONTROLLER_GIC;
	*node = sp_tree_by_phandle(guest->tree, phandle);
	return *node != SP_NODE_NONE && sp_tree_is_within(guest->tree, *node, described->top)
		? CONTROLLER_OTHER
		: CONTROLLER_NONE;
}

/*
 * of_irq_find_parent() of Linux. libxl's root has an interrupt-parent, that of dom0less has none;
 * the partial tree's own root is left out.
 */
static enum controller find_parent(
	const struct described *described, sp_node node, sp_node *parent, uint32_t *phandle) {
	const struct sp_tree *tree = described->guest->tree;

	*phandle = 0;
	for (uint32_t steps = 0; steps < 2 * SP_TREE_MAX_DEPTH; steps++) {
		const struct sp_prop *prop = sp_tree_prop(tree, node, "interrupt-parent");
		sp_node next = sp_tree_parent(tree, node);
		if (prop != NULL) {
			*phandle = sp_prop_cell(prop, 0);
			enum controller found = by_phandle(described, *phandle, &next);
			if (found != CONTROLLER_OTHER)
				return found;
		} else if (next == SP_NODE_ROOT || next == SP_NODE_NONE) {
			return described->guest->xl != NULL ? CONTROLLER_GIC : CONTROLLER_NONE;
		}
		*parent = node = next;
		if (sp_tree_prop(tree, node, "#interrupt-cells") != NULL)
			return CONTROLLER_OTHER;
	}
	return CONTROLLER_NONE;
}

/* A value of the list that xl refuses was told; what it would have given is not known. */
static bool is_refused(const struct sp_check_guest *guest, const char *setting) {
	for (uint32_t i = 0; guest->xl != NULL && i < guest->xl->troubles.count; i++) {
		if (guest->xl->troubles.data[i].refused &&
			strcmp(guest->xl->troubles.data[i].setting, setting) == 0)
			return true;
	}
	return false;
}

/* The host's node that a guest's node made at boot, or one above it, stands for. */
static sp_node host_of(const struct described *described, sp_node node) {
	const struct sp_check_guest *guest = described->guest;

	for (; node != SP_NODE_NONE; node = sp_tree_parent(guest->tree, node)) {
		const struct sp_prop *path = sp_tree_prop(guest->tree, node, "xen,path");
		const char *name = path != NULL ? sp_prop_string(path, 0) : NULL;
		if (name != NULL)
			return sp_check_find(described->check, name);
	}
	return SP_NODE_NONE;
}

/* Told already: xen,path is missing or names no node, or the interrupt is in an interrupt-map. */
static bool is_told(const struct described *described, sp_node node, uint32_t number) {
	const struct sp_check_guest *guest = described->guest;
	const struct sp_host *host = described->check->host;

	if (guest->xl != NULL)
		return is_refused(guest, "irqs");
	bool reg = sp_tree_prop(guest->tree, node, "xen,reg") != NULL;
	bool path = sp_tree_prop(guest->tree, node, "xen,path") != NULL;
	bool force = sp_tree_prop(guest->tree, node, "xen,force-assign-without-iommu") != NULL;
	sp_node stands_for = host_of(described, node);
	if (reg ? !path && !force : path)
		return true;
	if (path && stands_for == SP_NODE_NONE)
		return true;
	const struct sp_device *device =
		stands_for != SP_NODE_NONE ? sp_host_device(host, stands_for) : NULL;
	for (uint32_t i = 0; device != NULL && i < device->irq_count; i++) {
		const struct sp_irq *irq = &host->irqs.data[device->irq + i];
		if (irq->kind == SP_IRQ_SPI && irq->number == number)
			return true;
	}
	return false;
}

static void tell_missing(
	const struct described *described, sp_node node, const char *property, uint32_t number) {
	const struct sp_check_guest *guest = described->guest;

	sp_check_add(described->check, guest, SP_CODE_CFG_IRQ_MISSING,
		sp_check_at_tree(guest, node), "its %s has interrupt %u (SPI %u), which %s",
		property, number, number - SP_GIC_FIRST_SPI,
		guest->xl != NULL ? "irqs does not list"
				  : "is in the interrupts of no node that xen,path names");
}

/* The line that gives an SPI by its own number is told, unless that is another node's. */
static void tell_miscounted(const struct described *described) {
	for (uint32_t number = SP_GIC_FIRST_SPI; number < SP_GIC_END_SPI; number++) {
		if (described->miscounted[number].property != NULL &&
			described->seen[number - SP_GIC_FIRST_SPI])
			tell_missing(described, described->miscounted[number].node,
				described->miscounted[number].property, number);
	}
}

static void take_specifier(
	struct described *described, sp_node node, const struct sp_prop *prop, uint32_t cell) {
	const struct sp_check_guest *guest = described->guest;
	uint32_t spi = sp_prop_cell(prop, cell + 1), number = spi + SP_GIC_FIRST_SPI;

	/* Private ones are the guest's own. */
	if (sp_prop_cell(prop, cell) != 0)
		return;
	if (number < SP_GIC_FIRST_SPI || number >= SP_GIC_END_SPI) {
		sp_check_add(described->check, guest, SP_CODE_CFG_IRQ_MISSING,
			sp_check_at_tree(guest, node), "its %s has SPI %u, which no GIC has",
			prop->name, spi);
		return;
	}
	if (described->seen[number])
		return;
	described->seen[number] = 1;
	if (sp_check_has_irq(guest, number) || is_told(described, node, number))
		return;
	if (guest->xl != NULL && sp_check_has_irq(guest, number - SP_GIC_FIRST_SPI)) {
		described->miscounted[number].node = node;
		described->miscounted[number].property = prop->name;
		return;
	}
	tell_missing(described, node, prop->name, number);
}

static void tell_parent(
	const struct described *described, sp_node node, const char *property, uint32_t phandle) {
	const struct sp_check_guest *guest = described->guest;
	char what[64] = "there is no interrupt-parent, and Xen's root has none";

	if (phandle != 0)
		snprintf(what, sizeof(what), "phandle 0x%x is no controller's there", phandle);
	sp_check_add(described->check, guest, SP_CODE_PARTIAL_PARENT, sp_check_at_tree(guest, node),
		"its %s cannot be followed in the guest: %s; the GIC's phandle is 0x%x", property,
		what, guest->gic_phandle);
}

static void take_interrupts(struct described *described, sp_node node, const struct sp_prop *prop) {
	sp_node parent = SP_NODE_NONE;
	uint32_t phandle;

	switch (find_parent(described, node, &parent, &phandle)) {
	case CONTROLLER_GIC:
		for (uint32_t cell = 0; cell + GIC_CELLS <= sp_prop_cells(prop); cell += GIC_CELLS)
			take_specifier(described, node, prop, cell);
		break;
	case CONTROLLER_OTHER:
		break; /* its own interrupts are looked at */
	case CONTROLLER_NONE:
		tell_parent(described, node, prop->name, phandle);
		break;
	}
}

/*
 * The specifier at *cell of the controller that a phandle names; *cell moves behind it.
 * `addressed`: a unit address comes before it, of which the guest's GIC has no cells. False if it
 * cannot be followed.
 */
static bool take_reference(struct described *described, sp_node node, const struct sp_prop *prop,
	uint32_t phandle, bool addressed, uint32_t *cell) {
	const struct sp_tree *tree = described->guest->tree;
	sp_node controller = SP_NODE_NONE;

	switch (by_phandle(described, phandle, &controller)) {
	case CONTROLLER_GIC:
		if (*cell + GIC_CELLS <= sp_prop_cells(prop))
			take_specifier(described, node, prop, *cell);
		*cell += GIC_CELLS;
		return true;
	case CONTROLLER_OTHER:
		if (addressed)
			*cell += sp_tree_u32(tree, controller, "#address-cells", 0) & 0xff;
		*cell += sp_tree_u32(tree, controller, "#interrupt-cells", 1) & 0xff;
		return true;
	case CONTROLLER_NONE:
		break;
	}
	tell_parent(described, node, prop->name, phandle);
	return false;
}

static void take_extended(struct described *described, sp_node node, const struct sp_prop *prop) {
	for (uint32_t cell = 0; cell < sp_prop_cells(prop);) {
		uint32_t phandle = sp_prop_cell(prop, cell++);

		if (phandle != 0 && !take_reference(described, node, prop, phandle, false, &cell))
			return;
	}
}

static void take_map(struct described *described, sp_node node, const struct sp_prop *prop) {
	const struct sp_tree *tree = described->guest->tree;
	uint32_t child = (sp_tree_u32(tree, node, "#address-cells", 2) & 0xff) +
		(sp_tree_u32(tree, node, "#interrupt-cells", 1) & 0xff);

	for (uint32_t cell = 0; cell + child < sp_prop_cells(prop);) {
		uint32_t phandle = sp_prop_cell(prop, cell + child);

		cell += child + 1;
		if (!take_reference(described, node, prop, phandle, true, &cell))
			return;
	}
}

static void check_reached(const struct described *described, sp_node node, const char *what,
	const struct sp_reg *reg, uint64_t size) {
	const struct sp_check_guest *guest = described->guest;
	struct sp_check_place place = sp_check_at_tree(guest, node);

	/* What is on a bus of its own is reached by that bus's driver; /passthrough's is told. */
	if (size == 0 || reg->state == SP_ADDRESS_NOT_MAPPED || is_refused(guest, "iomem"))
		return;
	if (reg->state != SP_ADDRESS_OK) {
		sp_check_add(described->check, guest, SP_CODE_MAP_MISSING, place,
			"%s at 0x%" PRIx64 " has no address in the guest: %s", what,
			reg->bus_address,
			reg->state == SP_ADDRESS_NO_RANGE || reg->state == SP_ADDRESS_STRADDLES
				? "no ranges above it covers it"
				: "it cannot be read");
		return;
	}
	if (!sp_intervals_contain(&guest->reached, reg->address & ~(SP_PAGE_SIZE - 1),
		    reg->address + (size - 1) + 1))
		sp_check_add(described->check, guest, SP_CODE_MAP_MISSING, place,
			"%s, 0x%" PRIx64 " bytes at guest address 0x%" PRIx64 ", %s", what, size,
			reg->address,
			guest->xl != NULL ? "is behind no line of iomem" : "is behind no xen,reg");
}

static void take_regs(const struct described *described, sp_node node) {
	const struct sp_tree *tree = described->guest->tree;
	bool whole;
	uint32_t count = sp_reg_count(tree, node, &whole), windows;
	char what[40];

	/* xen,path alone was told. */
	if (described->guest->xl == NULL && sp_tree_prop(tree, node, "xen,path") != NULL &&
		sp_tree_prop(tree, node, "xen,reg") == NULL)
		return;
	for (uint32_t i = 0; i < count && i < SP_CHECK_MAX_STEPS; i++) {
		struct sp_reg reg;
		sp_reg_get(tree, node, i, &reg);
		snprintf(what, sizeof(what), "its register block %u", i);
		check_reached(described, node, what, &reg, reg.size);
	}
	if (!sp_is_pci_bus(tree, node) ||
		sp_window_count(tree, node, "ranges", &windows) != SP_WINDOWS_LIST)
		return;
	for (uint32_t i = 0; i < windows && i < SP_CHECK_MAX_STEPS; i++) {
		struct sp_window window;
		sp_window_get(tree, node, "ranges", i, &window);
		snprintf(what, sizeof(what), "its PCI window %u", i);
		check_reached(described, node, what, &window.parent, window.size);
	}
}

static void take_node(struct described *described, sp_node node) {
	const struct sp_tree *tree = described->guest->tree;
	const struct sp_prop *extended = sp_tree_prop(tree, node, "interrupts-extended");
	const struct sp_prop *interrupts = sp_tree_prop(tree, node, "interrupts");
	const struct sp_prop *map = sp_tree_prop(tree, node, "interrupt-map");

	if (extended != NULL)
		take_extended(described, node, extended);
	else if (interrupts != NULL)
		take_interrupts(described, node, interrupts);
	if (map != NULL)
		take_map(described, node, map);
	if (node != described->top)
		take_regs(described, node);
}

/* Of what xl gives; for a guest that Xen makes at boot they come along with the host's node. */
static void check_unused(const struct described *described) {
	const struct sp_check_guest *guest = described->guest;

	for (uint32_t i = 0; guest->xl != NULL && i < guest->irqs.count; i++) {
		const struct sp_check_irq *irq = &guest->irqs.data[i];
		if (irq->number < SP_GIC_FIRST_SPI || irq->number >= SP_GIC_END_SPI ||
			described->seen[irq->number] || (i > 0 && irq[-1].number == irq->number))
			continue;
		sp_check_add(described->check, guest, SP_CODE_CFG_IRQ_UNUSED,
			sp_check_at_line(guest, irq->line),
			"no node of the guest's tree has interrupt %u (SPI %u)", irq->number,
			irq->number - SP_GIC_FIRST_SPI);
	}
}

void sp_check_described(struct sp_check *check, struct sp_check_guest *guest) {
	struct described described = {
		.check = check, .guest = guest, .top = sp_check_passthrough(guest)};

	if (described.top == SP_NODE_NONE)
		return;
	for (sp_node node = described.top; node < sp_tree_end(guest->tree, described.top); node++) {
		if (sp_check_is_live(guest, node))
			take_node(&described, node);
	}
	tell_miscounted(&described);
	check_unused(&described);
}
