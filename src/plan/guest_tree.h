/* SPDX-License-Identifier: MIT */
#ifndef SP_PLAN_GUEST_TREE_H
#define SP_PLAN_GUEST_TREE_H

#include "plan/steps.h"

/* Which entries of a list of the host's the guest has, by index; `kept` is NULL if it has all. */
struct sp_entries {
	bool *kept;
	uint32_t count;
};

/*
 * Copying a device's subtree into the guest's tree. The nodes are made first, so that references
 * find their targets; then their properties.
 */
struct sp_copier {
	struct sp_plan *plan;
	struct sp_plan_guest *guest;
	struct sp_build *build;
	struct sp_build_node *gic, *passthrough;
	struct sp_build_node **copy_of; /* by host node; NULL if it is not copied */
	/* By host node, one more than the index of its first in the guest's list; 0: it has none.
	 */
	uint32_t *first_reg, *first_dependency;
	/* By host node: how often it was walked as a provider of data. */
	uint8_t *walks;
	uint32_t dependency; /* the next one of the node at hand */
	struct sp_entries regs, irqs; /* of the node at hand */
	uint32_t stubs, buses; /* numbers for their names */
};

/*
 * How a node's addresses read in the guest: mapped where the CPU sees them, so that they are
 * written anew, two cells each; as they are on any other bus.
 */
enum sp_bus { SP_BUS_MAPPED, SP_BUS_OTHER };

/* The bus that a node of the subtree is for its children. */
enum sp_bus sp_copier_bus(const struct sp_copier *copier, sp_node node, enum sp_bus own);

/* The node's first block, NULL if it has none; the others follow while `node` is the same. */
const struct sp_guest_reg *sp_copier_regs(
	const struct sp_copier *copier, sp_node node, const struct sp_guest_reg **end);

/* Fills in a copied node's reg, ranges, dma-ranges and cell counts. */
void sp_copy_addresses(struct sp_copier *copier, sp_node node, enum sp_bus bus);
/* Its interrupts and interrupt-map. */
void sp_copy_interrupts(struct sp_copier *copier, sp_node device, sp_node node);
/* All other properties. `data` is true for what is copied as data and has no dependencies. */
void sp_copy_properties(struct sp_copier *copier, sp_node node, bool data);
/* What Xen reads of a dom0less guest's nodes: docs/misc/arm/passthrough.txt. */
void sp_copy_xen_properties(struct sp_copier *copier, sp_node node);

/* Makes the tree one that dtc has nothing to say about; names change, so that paths come after. */
void sp_tidy_guest_tree(struct sp_copier *copier);

/* Properties that sp_copy_addresses() and sp_copy_interrupts() are about. */
bool sp_is_address_property(const char *name);

/* Writes a 64-bit number as two cells at *count, which advances. */
void sp_put_cells(uint32_t *cells, uint32_t *count, uint64_t value);

#endif
