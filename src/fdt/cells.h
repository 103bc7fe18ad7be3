/* SPDX-License-Identifier: MIT */
#ifndef SP_FDT_CELLS_H
#define SP_FDT_CELLS_H

#include <sallyport/tree.h>

/* Longest specifier that is read; longer ones are malformed. */
#define SP_MAX_ARGS 16

/* One "phandle and its specifier" out of a list of them. */
struct sp_reference {
	uint32_t phandle; /* 0 is a legal hole in the list */
	sp_node provider; /* SP_NODE_NONE for a hole, or if the phandle dangles */
	uint32_t count;
	uint32_t args[SP_MAX_ARGS];
};

enum sp_walk {
	SP_WALK_MORE, /* *reference was filled in */
	SP_WALK_END,
	SP_WALK_DANGLING, /* no node has this phandle; the rest of the list cannot be read */
	SP_WALK_NO_CELLS, /* the provider lacks the property that counts its cells */
	SP_WALK_CUT_SHORT, /* the list ends inside a specifier, or a specifier is too long */
};

/*
 * Steps through a list of references. *cell is where the next one begins, 0 at first. `cells_name`
 * is the property in which the provider counts its cells ("#clock-cells"); NULL means that
 * `fixed` cells follow each phandle.
 */
enum sp_walk sp_reference_next(const struct sp_tree *tree, const struct sp_prop *prop,
	const char *cells_name, uint32_t fixed, uint32_t *cell, struct sp_reference *reference);

/* #address-cells and #size-cells that apply to a node's own reg: its nearest ancestor's, else 2 and
 * 1, as Xen and Linux take them. */
uint32_t sp_address_cells(const struct sp_tree *tree, sp_node node);
uint32_t sp_size_cells(const struct sp_tree *tree, sp_node node);
/* The same for the node as a bus: what its children use. */
uint32_t sp_bus_address_cells(const struct sp_tree *tree, sp_node bus);
uint32_t sp_bus_size_cells(const struct sp_tree *tree, sp_node bus);

#endif
