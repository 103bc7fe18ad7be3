/* SPDX-License-Identifier: MIT */
#include <sallyport/tree.h>

#include <stdlib.h>
#include <string.h>

#include "fdt/tree_index.h"
#include "fdt/tree_paths.h"

/* All paths together; only a tree made for the purpose needs more. */
#define MAX_PATHS_SIZE SP_TREE_MAX_BYTES

void sp_tree_destroy(struct sp_tree *tree) {
	if (!tree)
		return;
	sp_arena_release(&tree->paths_arena);
	free(tree->paths);
	free(tree->by_phandle);
	free(tree->wide_props);
	free(tree->children);
	free(tree->names_by_text);
	free(tree->names);
	free(tree->props);
	free(tree->nodes);
	free(tree->blob);
	free(tree);
}

const void *sp_tree_blob(const struct sp_tree *tree, uint32_t *size) {
	*size = tree->size;
	return tree->blob;
}

uint32_t sp_tree_count(const struct sp_tree *tree) {
	return tree->count;
}

uint32_t sp_tree_max_phandle(const struct sp_tree *tree) {
	return tree->max_phandle;
}

const char *sp_tree_name(const struct sp_tree *tree, sp_node node) {
	return tree->nodes[node].name;
}

/* NULL if no memory is left. */
static char *make_path(struct sp_tree *tree, sp_node node) {
	char none[1], *path;
	size_t room = sp_tree_path_write(tree, node, none, sizeof(none)) + 1;

	if (!tree->paths)
		tree->paths = calloc(tree->count, sizeof(*tree->paths));
	if (!tree->paths || room > MAX_PATHS_SIZE - tree->paths_size)
		return NULL;
	path = sp_arena_alloc(&tree->paths_arena, room);
	if (!path)
		return NULL;
	sp_tree_path_write(tree, node, path, room);
	tree->paths_size += room;
	tree->paths[node] = path;
	return path;
}

const char *sp_tree_path(const struct sp_tree *tree, sp_node node) {
	const char *path = tree->paths ? tree->paths[node] : NULL;

	/* The paths are a cache inside a tree that was allocated as a modifiable object. */
	if (!path)
		path = make_path((struct sp_tree *)tree, node);
	if (path)
		return path;
	((struct sp_tree *)tree)->paths_lost++;
	return "(path unknown)";
}

uint32_t sp_tree_paths_lost(const struct sp_tree *tree) {
	return tree->paths_lost;
}

sp_node sp_tree_parent(const struct sp_tree *tree, sp_node node) {
	return tree->nodes[node].parent;
}

sp_node sp_tree_end(const struct sp_tree *tree, sp_node node) {
	return tree->nodes[node].end;
}

sp_node sp_tree_first_child(const struct sp_tree *tree, sp_node node) {
	return node + 1 < tree->nodes[node].end ? node + 1 : SP_NODE_NONE;
}

sp_node sp_tree_next_sibling(const struct sp_tree *tree, sp_node node) {
	sp_node parent = tree->nodes[node].parent, next = tree->nodes[node].end;

	return parent != SP_NODE_NONE && next < tree->nodes[parent].end ? next : SP_NODE_NONE;
}

bool sp_tree_is_within(const struct sp_tree *tree, sp_node node, sp_node ancestor) {
	return node >= ancestor && node < tree->nodes[ancestor].end;
}

sp_node sp_tree_child(const struct sp_tree *tree, sp_node parent, const char *name) {
	return sp_tree_child_find(tree, parent, name, strlen(name));
}

/* The only child whose name without its unit address is this one. */
static sp_node find_without_unit(
	const struct sp_tree *tree, sp_node parent, const char *name, size_t length) {
	sp_node found = SP_NODE_NONE;

	for (sp_node child = sp_tree_first_child(tree, parent); child != SP_NODE_NONE;
		child = sp_tree_next_sibling(tree, child)) {
		const char *full = tree->nodes[child].name;

		if (strncmp(full, name, length) || full[length] != '@')
			continue;
		if (found != SP_NODE_NONE)
			return SP_NODE_NONE;
		found = child;
	}
	return found;
}

/* Follows the rest of a path, which is empty or begins with a slash. */
static sp_node descend(const struct sp_tree *tree, sp_node node, const char *path) {
	while (node != SP_NODE_NONE) {
		sp_node child;
		size_t length;

		path += strspn(path, "/");
		if (!*path)
			return node;
		length = strcspn(path, "/");
		child = sp_tree_child_find(tree, node, path, length);
		if (child == SP_NODE_NONE && !memchr(path, '@', length))
			child = find_without_unit(tree, node, path, length);
		node = child;
		path += length;
	}
	return SP_NODE_NONE;
}

static const struct sp_prop *find_wide(const struct sp_tree *tree, sp_node node, const char *text) {
	uint32_t first = tree->nodes[node].first_prop, end = tree->nodes[node + 1].first_prop;

	for (uint32_t slot = sp_tree_hash_prop(tree->seed, node, text) & tree->wide_mask;
		tree->wide_props[slot]; slot = (slot + 1) & tree->wide_mask) {
		uint32_t prop = tree->wide_props[slot] - 1;

		if (prop >= first && prop < end && tree->props[prop].name == text)
			return &tree->props[prop];
	}
	return NULL;
}

static const struct sp_prop *find_prop(
	const struct sp_tree *tree, sp_node node, const char *name, size_t length) {
	uint32_t index =
		sp_tree_name_find(tree, name, length, sp_tree_hash(tree->seed, name, length));
	const struct sp_prop *prop = tree->props + tree->nodes[node].first_prop;
	const struct sp_prop *end = tree->props + tree->nodes[node + 1].first_prop;
	const char *text;

	if (index == UINT32_MAX)
		return NULL;
	text = tree->names[index].text;
	if (end - prop > TREE_FEW_PROPS)
		return find_wide(tree, node, text);
	for (; prop < end; prop++) {
		if (prop->name == text)
			return prop;
	}
	return NULL;
}

sp_node sp_tree_find(const struct sp_tree *tree, const char *path) {
	size_t length = strcspn(path, "/");
	const char *target;
	sp_node aliases;

	if (*path == '/')
		return descend(tree, SP_NODE_ROOT, path);
	aliases = sp_tree_child(tree, SP_NODE_ROOT, "aliases");
	if (!length || aliases == SP_NODE_NONE)
		return SP_NODE_NONE;
	target = sp_prop_string(find_prop(tree, aliases, path, length), 0);
	if (!target || *target != '/')
		return SP_NODE_NONE;
	return descend(tree, descend(tree, SP_NODE_ROOT, target), path + length);
}

sp_node sp_tree_by_phandle(const struct sp_tree *tree, uint32_t phandle) {
	uint32_t mask = tree->phandles_mask;

	if (!phandle)
		return SP_NODE_NONE;
	for (uint32_t slot = sp_tree_hash_number(tree->seed, phandle) & mask;
		tree->by_phandle[slot]; slot = (slot + 1) & mask) {
		sp_node node = tree->by_phandle[slot] - 1;

		if (tree->nodes[node].phandle == phandle)
			return node;
	}
	return SP_NODE_NONE;
}

uint32_t sp_tree_phandle(const struct sp_tree *tree, sp_node node) {
	return tree->nodes[node].phandle;
}

const struct sp_prop *sp_tree_props(const struct sp_tree *tree, sp_node node, uint32_t *count) {
	uint32_t first = tree->nodes[node].first_prop;

	*count = tree->nodes[node + 1].first_prop - first;
	return tree->props + first;
}

const struct sp_prop *sp_tree_prop(const struct sp_tree *tree, sp_node node, const char *name) {
	return find_prop(tree, node, name, strlen(name));
}

uint32_t sp_prop_cells(const struct sp_prop *prop) {
	return prop ? prop->len / 4 : 0;
}

uint32_t sp_prop_cell(const struct sp_prop *prop, uint32_t index) {
	return index < sp_prop_cells(prop) ? sp_load_be32(prop->data + (size_t)index * 4) : 0;
}

uint64_t sp_prop_number(const struct sp_prop *prop, uint32_t index, uint32_t count) {
	if (count == 1)
		return sp_prop_cell(prop, index);
	if (count == 2 && index < UINT32_MAX)
		return (uint64_t)sp_prop_cell(prop, index) << 32 | sp_prop_cell(prop, index + 1);
	return 0;
}

uint32_t sp_tree_u32(
	const struct sp_tree *tree, sp_node node, const char *name, uint32_t fallback) {
	const struct sp_prop *prop = sp_tree_prop(tree, node, name);

	return prop && prop->len == 4 ? sp_load_be32(prop->data) : fallback;
}

const char *sp_prop_string(const struct sp_prop *prop, uint32_t index) {
	const char *text, *end;

	if (!prop)
		return NULL;
	text = (const char *)prop->data;
	end = text + prop->len;
	while (text < end) {
		const char *nul = memchr(text, '\0', (size_t)(end - text));

		if (!nul)
			return NULL;
		if (!index--)
			return text;
		text = nul + 1;
	}
	return NULL;
}

bool sp_tree_compatible(const struct sp_tree *tree, sp_node node, const char *compatible) {
	const struct sp_prop *prop = sp_tree_prop(tree, node, "compatible");
	size_t length = strlen(compatible) + 1, left;
	const char *text;

	if (!prop)
		return false;
	text = (const char *)prop->data;
	for (left = prop->len; left >= length;) {
		const char *nul = memchr(text, '\0', left);
		size_t whole;

		if (!nul)
			return false;
		whole = (size_t)(nul - text) + 1;
		if (whole == length && !memcmp(text, compatible, length))
			return true;
		text += whole;
		left -= whole;
	}
	return false;
}

bool sp_tree_available(const struct sp_tree *tree, sp_node node) {
	return !(tree->nodes[node].flags & NODE_UNAVAILABLE);
}

bool sp_tree_enabled(const struct sp_tree *tree, sp_node node) {
	return !(tree->nodes[node].flags & NODE_DISABLED);
}
