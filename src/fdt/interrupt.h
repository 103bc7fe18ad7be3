/* SPDX-License-Identifier: MIT */
#ifndef SP_FDT_INTERRUPT_H
#define SP_FDT_INTERRUPT_H

#include <sallyport/tree.h>

#include "base/arena.h"

/* Architectural interrupt numbers of a GIC (Arm IHI 0069, 2.2.1). */
#define SP_GIC_FIRST_PPI 16
#define SP_GIC_FIRST_SPI 32
#define SP_GIC_FIRST_EPPI 1056
#define SP_GIC_FIRST_ESPI 4096
#define SP_GIC_END_SPI 1020
#define SP_GIC_END_EPPI 1120
#define SP_GIC_END_ESPI 5120

enum sp_irq_kind {
	SP_IRQ_SPI,
	SP_IRQ_PPI,
	SP_IRQ_ESPI,
	SP_IRQ_EPPI,
	SP_IRQ_OTHER, /* `controller` is not the GIC, and only it knows where the interrupt goes */
	SP_IRQ_BROKEN, /* cannot be followed: `trouble` says why */
};

struct sp_irq {
	enum sp_irq_kind kind;
	uint32_t number; /* GIC interrupt number (SPI 0 is 32); 0 unless it is the GIC's. It decides
			    the kind: a "PPI" of 16 and more is an SPI, as in Xen and Linux */
	uint32_t type; /* IRQ_TYPE_*: 1 rising, 2 falling, 4 high, 8 low */
	uint32_t index; /* position in the node's list, or in its interrupt-map */
	sp_node controller; /* where the walk ended, SP_NODE_NONE if it did not */
	sp_node nexus; /* the first interrupt-map on the way (for from_map: the node's own),
			  SP_NODE_NONE without one */
	bool from_map; /* an entry of the node's own interrupt-map, for its children */
	const char *trouble; /* a constant text, for SP_IRQ_BROKEN */
};

struct sp_irqs {
	struct sp_irq *data;
	uint32_t count, capacity;
};

/* The tree's primary GIC: a controller with a compatible of a GIC that has no other controller
 * above it; of several, the one that the root's interrupt-parent leads to. Disabled ones do not
 * count. SP_NODE_NONE if there is none. *version is 2 or 3 if Xen has a driver for one of its
 * compatibles, 0 if it has none. */
sp_node sp_gic_find(const struct sp_tree *tree, unsigned *version);

/*
 * Appends what the node's interrupts-extended, else interrupts, lead to. Holes in the former are
 * left out but counted. A list that cannot be read further ends with one SP_IRQ_BROKEN. As in Xen a
 * node that is a controller ends the walk even if it has an interrupt-map. False: no memory.
 */
bool sp_irqs_of_node(const struct sp_tree *tree, sp_node gic, sp_node node, struct sp_arena *arena,
	struct sp_irqs *irqs);

/*
 * Appends what each entry of the node's own interrupt-map leads to (from_map is true, index is the
 * entry's number). False: no memory.
 */
bool sp_irqs_of_map(const struct sp_tree *tree, sp_node gic, sp_node node, struct sp_arena *arena,
	struct sp_irqs *irqs);

/* The node that a node's `interrupts` refer to: its own or inherited interrupt-parent, or the
 * nearest ancestor that has #interrupt-cells. SP_NODE_NONE if there is none. */
sp_node sp_interrupt_parent(const struct sp_tree *tree, sp_node node);

/*
 * One entry of an interrupt-map, in cells of the property: child unit address and specifier at
 * [start, start + child_cells), the parent's phandle, its unit address (parent_address_cells),
 * then its specifier (parent_interrupt_cells), ending before `next`.
 */
struct sp_map_entry {
	uint32_t start, child_address_cells, child_interrupt_cells;
	sp_node parent;
	uint32_t parent_address_cells, parent_interrupt_cells;
	uint32_t parent_start; /* cell index of the parent's unit address */
	uint32_t next;
};
/* False at the end (*trouble is NULL) or at a malformed entry (*trouble says why). */
bool sp_map_next(const struct sp_tree *tree, sp_node node, const struct sp_prop *map, uint32_t cell,
	struct sp_map_entry *entry, const char **trouble);

#endif
