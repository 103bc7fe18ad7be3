/* SPDX-License-Identifier: MIT */
#ifndef SP_FDT_BUILD_H
#define SP_FDT_BUILD_H

#include <sallyport/error.h>
#include <sallyport/tree.h>

#include "base/arena.h"
#include "base/buf.h"

/* Phandles of nodes that libxl and Xen make in a guest's tree:
 * xen/include/public/device_tree_defs.h. */
#define SP_GUEST_PHANDLE_GIC 65000u
#define SP_GUEST_PHANDLE_IOMMU 65001u

/*
 * A device tree under construction. It is written both flattened and as source, and dtc turns the
 * source into the same properties and nodes as the flattened form has.
 *
 * All memory is the arena's. A builder remembers failed allocations (arena->failed); the writers
 * report them.
 */
struct sp_build_ref { /* a phandle inside a property's bytes */
	uint32_t offset; /* bytes */
	struct sp_build_node *target; /* in this tree; its phandle is written */
	struct sp_build_ref *next;
};

enum sp_build_form { /* how the source shows it */
	SP_FORM_EMPTY,
	SP_FORM_STRINGS,
	SP_FORM_CELLS, /* bytes after the last whole cell follow as [..] */
	SP_FORM_BYTES,
};

struct sp_build_prop {
	const char *name;
	uint8_t *data; /* a copy of what the caller gave */
	uint32_t len;
	enum sp_build_form form;
	uint32_t group; /* cells a group for SP_FORM_CELLS: <1 2>, <3 4>; 0 for one group */
	struct sp_build_ref *refs, *last_ref; /* by offset */
	const char *comment; /* for the source, NULL for none */
	struct sp_build_prop *next;
};

struct sp_build_node {
	const char *name; /* with unit address; "" for the root */
	const char *label; /* for the source; an identifier, unique in the tree. NULL for none */
	const char *comment; /* for the source, above the node; may hold newlines */
	uint32_t phandle; /* 0: none. Given out by sp_build_number() where references want one */
	struct sp_build_node *parent;
	struct sp_build_prop *props, *last_prop;
	struct sp_build_names *names; /* of the properties, where there are many */
	uint32_t prop_count;
	struct sp_build_node *children, *last_child;
	struct sp_build_node *next;
	sp_node origin; /* the host's node that it was made from, SP_NODE_NONE */
};

struct sp_build {
	struct sp_arena *arena;
	struct sp_build_node *root;
};

bool sp_build_init(struct sp_build *build, struct sp_arena *arena);

/*
 * True if both forms can carry the name: the specification's characters, with at most one '@' in
 * a node's name and something on either side of it. False for the properties "name", which dtc
 * deletes or rejects, and "linux,phandle", which must not differ from a phandle that is renumbered.
 * Names from outside must pass this before they are appended; the source writer fails on others.
 */
bool sp_build_name_valid(const char *name, bool node);

/* Appends a child; siblings' names must differ in the end. NULL if no memory is left or parent is
 * NULL. The name is copied. */
struct sp_build_node *sp_build_node(
	struct sp_build *build, struct sp_build_node *parent, const char *name);
/* Takes a node out of its parent and appends it to another one. */
void sp_build_move(struct sp_build_node *node, struct sp_build_node *parent);
/* A direct child by full name; NULL if there is none. */
struct sp_build_node *sp_build_child(const struct sp_build_node *parent, const char *name);

/*
 * Append a property, or replace it in its place; a replaced one loses its references and its
 * comment. They return it, NULL if no memory is left or node is NULL. Name and data are copied.
 *
 * A cell named "phandle" sets the node's phandle, and keeps its place in the order. The phandle of
 * a node without that property is written after its other properties, as dtc does.
 */
struct sp_build_prop *sp_build_bytes(struct sp_build *build, struct sp_build_node *node,
	const char *name, const void *data, uint32_t len); /* guesses the form as dtc does */
struct sp_build_prop *sp_build_empty(
	struct sp_build *build, struct sp_build_node *node, const char *name);
struct sp_build_prop *sp_build_string(
	struct sp_build *build, struct sp_build_node *node, const char *name, const char *value);
struct sp_build_prop *sp_build_cells(struct sp_build *build, struct sp_build_node *node,
	const char *name, const uint32_t *cells, uint32_t count, uint32_t group);
/*
 * Marks the cell at byte `offset` as the phandle of `target`, and the property as cells. False if
 * no memory is left, prop or target is NULL, or there is no whole cell at this offset.
 */
bool sp_build_refer(struct sp_build *build, struct sp_build_prop *prop, uint32_t offset,
	struct sp_build_node *target);
/* Nothing happens if the node lacks it. Removing "phandle" takes the node's number away. */
void sp_build_remove(struct sp_build_node *node, const char *name);
/* NULL if the node lacks it. */
struct sp_build_prop *sp_build_prop(const struct sp_build_node *node, const char *name);

/*
 * Gives a phandle to each target of a reference that has none: the numbers from `first` upwards in
 * the order of the tree, without those that nodes already have and without 65000 and 65001, which
 * Xen gives to a guest's interrupt controller and IOMMU; writes the numbers into the references;
 * labels the targets that have no label, unique in the tree, after their names. It must run after
 * the last sp_build_refer() and before the tree is written.
 */
void sp_build_number(struct sp_build *build, uint32_t first);

/* Appends the full path. */
void sp_build_path(const struct sp_build_node *node, struct sp_buf *path);

/*
 * Appends the flattened tree (version 17). With `local_fixups` a /__local_fixups__ node tells an
 * overlay's own references, as dtc writes it for a source with the /plugin/ tag.
 */
bool sp_build_flatten(const struct sp_build *build, bool local_fixups, struct sp_buf *out,
	struct sp_error *error);

/*
 * Appends the source. `heading` is a comment at the top, NULL for none; comments may hold any
 * bytes. `plugin` writes the /plugin/ tag of overlays. The compiler needs no options; with -@ it
 * would add symbols.
 */
bool sp_build_source(const struct sp_build *build, const char *heading, bool plugin,
	struct sp_buf *out, struct sp_error *error);

#endif
