/* SPDX-License-Identifier: MIT */
#ifndef SP_FDT_BUILD_H
#define SP_FDT_BUILD_H

#include <sallyport/error.h>
#include <sallyport/tree.h>

#include "base/arena.h"
#include "base/buf.h"

/*
 * A device tree under construction. It is written both flattened and as source, and dtc turns the
 * source into the same properties and nodes as the flattened form has.
 *
 * All memory is the arena's. A builder remembers failed allocations (arena->failed); the writers
 * report them.
 */
struct sp_build_ref { /* a phandle inside a property's bytes */
	uint32_t offset; /* bytes */
	const struct sp_build_node *target; /* in this tree; its phandle is written */
	struct sp_build_ref *next;
};

enum sp_build_form { /* how the source shows it */
	SP_FORM_EMPTY,
	SP_FORM_STRINGS,
	SP_FORM_CELLS,
	SP_FORM_BYTES,
};

struct sp_build_prop {
	const char *name;
	const uint8_t *data;
	uint32_t len;
	enum sp_build_form form;
	uint32_t group; /* cells a group for SP_FORM_CELLS: <1 2>, <3 4>; 0 for one group */
	struct sp_build_ref *refs; /* by offset */
	const char *comment;       /* for the source, NULL for none */
	struct sp_build_prop *next;
};

struct sp_build_node {
	const char *name;    /* with unit address; "" for the root */
	const char *label;   /* for the source; NULL for none. Needed by a target of references */
	const char *comment; /* for the source, above the node; may hold newlines */
	uint32_t phandle;    /* 0: none. Given out by sp_build_number() where references want one */
	struct sp_build_node *parent;
	struct sp_build_prop *props, *last_prop;
	struct sp_build_node *children, *last_child;
	struct sp_build_node *next;
	sp_node origin; /* the host's node that it was made from, SP_NODE_NONE */
};

struct sp_build {
	struct sp_arena *arena;
	struct sp_build_node *root;
};

bool sp_build_init(struct sp_build *build, struct sp_arena *arena);

/* Appends a child. NULL if no memory is left. The name is copied. */
struct sp_build_node *sp_build_node(struct sp_build *build, struct sp_build_node *parent,
	const char *name);
/* A direct child by full name; NULL if there is none. */
struct sp_build_node *sp_build_child(const struct sp_build_node *parent, const char *name);

/* Append (or replace) a property. They return it, NULL if no memory is left or node is NULL. */
struct sp_build_prop *sp_build_bytes(struct sp_build *build, struct sp_build_node *node,
	const char *name, const void *data, uint32_t len); /* guesses the form as dtc does */
struct sp_build_prop *sp_build_empty(struct sp_build *build, struct sp_build_node *node,
	const char *name);
struct sp_build_prop *sp_build_string(struct sp_build *build, struct sp_build_node *node,
	const char *name, const char *value);
struct sp_build_prop *sp_build_cells(struct sp_build *build, struct sp_build_node *node,
	const char *name, const uint32_t *cells, uint32_t count, uint32_t group);
/* Marks the cell at byte `offset` as the phandle of `target`. False: no memory. */
bool sp_build_refer(struct sp_build *build, struct sp_build_prop *prop, uint32_t offset,
	struct sp_build_node *target);
void sp_build_remove(struct sp_build_node *node, const char *name);
struct sp_build_prop *sp_build_prop(const struct sp_build_node *node, const char *name);

/*
 * Gives a phandle to each target of a reference that has none: the numbers from `first` upwards in
 * the order of the tree, without those that nodes already have; writes the numbers into the
 * references; labels the targets that have no label, unique in the tree, after their names.
 */
void sp_build_number(struct sp_build *build, uint32_t first);

/* Full path into buf. */
void sp_build_path(const struct sp_build_node *node, struct sp_buf *path);

/* Writes the flattened tree (version 17). With `local_fixups` a /__local_fixups__ node tells an
 * overlay's own references. */
bool sp_build_flatten(const struct sp_build *build, bool local_fixups, struct sp_buf *out,
	struct sp_error *error);

/* Writes the source. `heading` is a comment at the top, NULL for none. `plugin` writes the
 * /plugin/ tag of overlays. */
bool sp_build_source(const struct sp_build *build, const char *heading, bool plugin,
	struct sp_buf *out, struct sp_error *error);

#endif
