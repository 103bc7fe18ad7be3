/* SPDX-License-Identifier: MIT */
#ifndef SALLYPORT_TREE_H
#define SALLYPORT_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sallyport/error.h>

/*
 * A device tree, read-only, with an index over its nodes (Devicetree Specification 0.4).
 *
 * Nodes are numbered in the order of the tree, the root being 0; a node's descendants are the
 * numbers between it and sp_tree_end(). Everything returned belongs to the tree and lives as long
 * as it does. A tree that was accepted is well formed: names are NUL-terminated, sibling names and
 * a node's property names are unique, phandles are unique and neither 0 nor ~0, and it is no deeper
 * than SP_TREE_MAX_DEPTH.
 */
struct sp_tree;

typedef uint32_t sp_node;

#define SP_NODE_ROOT ((sp_node)0)
#define SP_NODE_NONE UINT32_MAX

#define SP_TREE_MAX_DEPTH 64
#define SP_TREE_MAX_BYTES (16u << 20)

struct sp_prop {
	const char *name;
	const uint8_t *data; /* len bytes, big-endian cells; not aligned */
	uint32_t len; /* bytes */
};

/*
 * Reads a flattened tree from a file, or from a directory that holds an unflattened one, as
 * /proc/device-tree does. Errors: SP_ERROR_SYSTEM, SP_ERROR_INPUT (with the offset or the node's
 * path), SP_ERROR_MEMORY. The caller destroys *tree.
 */
bool sp_tree_load(struct sp_tree **tree, const char *path, struct sp_error *error);

/* The same from `size` bytes at `blob`, which are copied. */
bool sp_tree_parse(struct sp_tree **tree, const void *blob, size_t size, struct sp_error *error);

/* Accepts NULL. */
void sp_tree_destroy(struct sp_tree *tree);

/* The flattened tree and its size in bytes (totalsize). */
const void *sp_tree_blob(const struct sp_tree *tree, uint32_t *size);

uint32_t sp_tree_count(const struct sp_tree *tree);
uint32_t sp_tree_max_phandle(const struct sp_tree *tree);

/* The node's name with its unit address; "" for the root. */
const char *sp_tree_name(const struct sp_tree *tree, sp_node node);

/* The absolute path. Made at the first call; a short stand-in text if no memory is left. */
const char *sp_tree_path(const struct sp_tree *tree, sp_node node);

/* SP_NODE_NONE for the root. */
sp_node sp_tree_parent(const struct sp_tree *tree, sp_node node);

/* The number after the node's last descendant. */
sp_node sp_tree_end(const struct sp_tree *tree, sp_node node);

/* SP_NODE_NONE where there is none. */
sp_node sp_tree_first_child(const struct sp_tree *tree, sp_node node);
sp_node sp_tree_next_sibling(const struct sp_tree *tree, sp_node node);

/* True if `node` is `ancestor` or lies below it. */
bool sp_tree_is_within(const struct sp_tree *tree, sp_node node, sp_node ancestor);

/*
 * Finds a node by absolute path, by alias ("gpu0", "serial0/child") or by a path whose unit
 * addresses are left out where that is unambiguous ("/soc/gpu"). SP_NODE_NONE if there is none.
 */
sp_node sp_tree_find(const struct sp_tree *tree, const char *path);

/* A direct child by its full name, SP_NODE_NONE if there is none. */
sp_node sp_tree_child(const struct sp_tree *tree, sp_node parent, const char *name);

/* SP_NODE_NONE if no node has it. */
sp_node sp_tree_by_phandle(const struct sp_tree *tree, uint32_t phandle);

/* 0 if the node has none. */
uint32_t sp_tree_phandle(const struct sp_tree *tree, sp_node node);

/* The node's properties in the order of the tree. */
const struct sp_prop *sp_tree_props(const struct sp_tree *tree, sp_node node, uint32_t *count);

/* One property by name, NULL if the node lacks it. */
const struct sp_prop *sp_tree_prop(const struct sp_tree *tree, sp_node node, const char *name);

/* Cell `index` of a property; 0 beyond its end. sp_prop_cells() counts the whole cells. */
uint32_t sp_prop_cell(const struct sp_prop *prop, uint32_t index);
uint32_t sp_prop_cells(const struct sp_prop *prop);

/* `count` cells (0, 1 or 2) from `index` as one number. */
uint64_t sp_prop_number(const struct sp_prop *prop, uint32_t index, uint32_t count);

/* A one-cell property; `fallback` if it is missing or has another length. */
uint32_t sp_tree_u32(const struct sp_tree *tree, sp_node node, const char *name, uint32_t fallback);

/* String `index` of a string list, NULL beyond its end or if it is not terminated. */
const char *sp_prop_string(const struct sp_prop *prop, uint32_t index);

/* True if `compatible` lists exactly this string. */
bool sp_tree_compatible(const struct sp_tree *tree, sp_node node, const char *compatible);

/* False if the node's own `status` is other than "okay" and "ok". */
bool sp_tree_available(const struct sp_tree *tree, sp_node node);

/* False if the node or one of its ancestors is not available. */
bool sp_tree_enabled(const struct sp_tree *tree, sp_node node);

#endif
