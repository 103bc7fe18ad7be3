/* SPDX-License-Identifier: MIT */
#ifndef SP_FDT_TREE_INDEX_H
#define SP_FDT_TREE_INDEX_H

#include <sallyport/tree.h>

#include "base/arena.h"
#include "base/bytes.h"

/* What a tree is made of. Only the tree's own files look inside. */

enum {
	NODE_UNAVAILABLE = 1 << 0, /* by its own status */
	NODE_DISABLED = 1 << 1, /* by its own status or an ancestor's */
};

struct tree_node {
	const char *name;
	uint32_t parent;
	uint32_t end;
	uint32_t first_prop; /* they end where the next node's begin: they precede all subnodes */
	uint32_t phandle;
	uint32_t hash; /* of parent and name */
	uint32_t flags;
};

/* A property name that occurs in the tree. All properties of that name share its `text`. */
struct tree_name {
	const char *text;
	uint32_t length;
	uint32_t hash;
	uint32_t last_node; /* the last node seen to have it */
};

struct sp_tree {
	uint8_t *blob;
	uint32_t size;

	struct tree_node *nodes; /* with one more at the end, which has only first_prop */
	uint32_t count;
	struct sp_prop *props;
	uint32_t prop_count;
	uint32_t phandle_count, max_phandle;

	struct tree_name *names;
	uint32_t name_count;
	/* Hash tables with open addressing, of numbers that are one more than the index meant. */
	uint32_t *names_by_text, names_mask;
	uint32_t *children, children_mask;
	uint32_t *by_phandle, phandles_mask;
	uint32_t *wide_props, wide_mask; /* those of nodes with many; NULL if there are none */
	uint64_t seed; /* for the tables, so that no tree can be made to fill them badly */

	char **paths; /* of those nodes that were asked for */
	struct sp_arena paths_arena;
	size_t paths_size;
	uint32_t paths_lost;
};

/*
 * Checks and indexes the flattened tree in `blob`, which was malloc'ed and belongs to the tree from
 * now on: it is freed on failure.
 */
bool sp_tree_adopt(struct sp_tree **tree, void *blob, size_t size, struct sp_error *error);

/* Flattens the directory at `path` into *blob (malloc'ed). */
bool sp_tree_flatten_dir(const char *path, void **blob, size_t *size, struct sp_error *error);

/* A node with more properties than these has them in a table, lest each look at it cost as many. */
#define TREE_FEW_PROPS 64

uint32_t sp_tree_hash_prop(uint64_t seed, sp_node node, const char *name);
uint32_t sp_tree_hash(uint64_t seed, const char *text, size_t length);
uint32_t sp_tree_hash_child(uint64_t seed, sp_node parent, const char *name, size_t length);
uint32_t sp_tree_hash_number(uint64_t seed, uint32_t number);

/* UINT32_MAX if no property has that name. */
uint32_t sp_tree_name_find(
	const struct sp_tree *tree, const char *text, size_t length, uint32_t hash);

sp_node sp_tree_child_find(
	const struct sp_tree *tree, sp_node parent, const char *name, size_t length);

/* The length of the path; its last `room - 1` characters at most are written to `text`. */
size_t sp_tree_path_write(const struct sp_tree *tree, sp_node node, char *text, size_t room);

#endif
