/* SPDX-License-Identifier: MIT */
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "emit/emit.h"

/*
 * The host's tree with the edits, made as a tree of its own: changing the flattened one in place
 * costs its whole length for each edit.
 */
struct new_node {
	const char *path;
	struct sp_build_node *node;
};

struct patch {
	const struct sp_plan *plan;
	struct sp_build build;
	struct sp_build_node **copy_of; /* by node of the host */
	struct new_node *added; /* by path, open addressing, at most half full */
	uint32_t mask;
};

static struct new_node *find_added(const struct patch *patch, const char *path) {
	uint32_t slot = sp_hash_str(path) & patch->mask;

	while (patch->added[slot].path && strcmp(patch->added[slot].path, path) != 0)
		slot = (slot + 1) & patch->mask;
	return &patch->added[slot];
}

static bool init(struct patch *patch, const struct sp_plan *plan, struct sp_arena *arena) {
	uint32_t size = 16;

	while (size / 2 < plan->edits.count)
		size *= 2;
	patch->plan = plan;
	patch->mask = size - 1;
	patch->added = sp_arena_array(arena, size, sizeof(*patch->added));
	patch->copy_of = sp_arena_array(
		arena, sp_tree_count(plan->host->tree), sizeof(struct sp_build_node *));
	return patch->added && patch->copy_of && sp_build_init(&patch->build, arena);
}

static void copy_tree(struct patch *patch) {
	const struct sp_tree *tree = patch->plan->host->tree;

	for (sp_node node = 0; node < sp_tree_count(tree); node++) {
		struct sp_build_node *copy = patch->build.root;
		const struct sp_prop *props;
		uint32_t count;

		if (node != SP_NODE_ROOT)
			copy = sp_build_node(&patch->build,
				patch->copy_of[sp_tree_parent(tree, node)], sp_tree_name(tree, node));
		patch->copy_of[node] = copy;
		props = sp_tree_props(tree, node, &count);
		for (uint32_t i = 0; copy && i < count; i++)
			sp_build_bytes(&patch->build, copy, props[i].name, props[i].data,
				props[i].len);
	}
}

static bool exists(const struct sp_edit *edit, struct sp_error *error) {
	return sp_error_set(error, SP_ERROR_INPUT,
		"%s: the host's tree has a node of this name already", edit->path);
}

static bool add_node(struct patch *patch, const struct sp_edit *edit, struct sp_error *error) {
	const struct sp_tree *tree = patch->plan->host->tree;
	const char *name = strrchr(edit->path, '/') + 1;
	size_t length = (size_t)(name - edit->path) - 1;
	char *above = sp_arena_strndup(patch->build.arena, edit->path, length);
	struct new_node *added = find_added(patch, edit->path);
	struct sp_build_node *parent;
	sp_node host_parent;

	if (!above)
		return sp_error_memory(error);
	if (added->path)
		return exists(edit, error);
	host_parent = length ? sp_tree_find(tree, above) : SP_NODE_ROOT;
	if (host_parent != SP_NODE_NONE && sp_tree_child(tree, host_parent, name) != SP_NODE_NONE)
		return exists(edit, error);
	parent = host_parent != SP_NODE_NONE ? patch->copy_of[host_parent]
					     : find_added(patch, above)->node;
	added->path = edit->path;
	added->node = sp_build_node(&patch->build, parent, name);
	return added->node || sp_error_memory(error);
}

static bool apply(struct patch *patch, const struct sp_edit *edit, struct sp_error *error) {
	struct sp_build_node *node;

	if (edit->creates)
		return add_node(patch, edit, error);
	node = edit->node != SP_NODE_NONE ? patch->copy_of[edit->node]
					  : find_added(patch, edit->path)->node;
	return sp_build_bytes(&patch->build, node, edit->property, edit->data, edit->len) ||
		sp_error_memory(error);
}

/* Puts the host's memory reservations and boot processor in, which a made tree has none of. */
static void take_over_header(const void *host, struct sp_buf *out) {
	static const struct fdt_reserve_entry end;
	const char *entries = (const char *)host + fdt_off_mem_rsvmap(host);
	uint32_t at = (uint32_t)sizeof(struct fdt_header), size = 0;
	size_t rest = out->size - at;
	char *blob;

	while (memcmp(entries + size, &end, sizeof(end)) != 0)
		size += (uint32_t)sizeof(end);
	sp_buf_fill(out, '\0', size);
	if (out->failed)
		return;
	blob = out->data;
	memmove(blob + at + size, blob + at, rest);
	memcpy(blob + at, entries, size);
	fdt_set_totalsize(blob, fdt_totalsize(blob) + size);
	fdt_set_off_dt_struct(blob, fdt_off_dt_struct(blob) + size);
	fdt_set_off_dt_strings(blob, fdt_off_dt_strings(blob) + size);
	fdt_set_boot_cpuid_phys(blob, fdt_boot_cpuid_phys(host));
}

bool sp_emit_patched_tree(const struct sp_plan *plan, struct sp_buf *out, struct sp_error *error) {
	struct sp_arena arena = {0};
	struct patch patch = {0};
	bool patched = true;
	uint32_t size;

	if (!plan->edits.count)
		return true;
	if (!sp_emit_check_edits(plan, error))
		return false;
	if (!init(&patch, plan, &arena))
		patched = sp_error_memory(error);
	if (patched)
		copy_tree(&patch);
	for (uint32_t i = 0; patched && i < plan->edits.count; i++)
		patched = apply(&patch, &plan->edits.data[i], error);
	patched = patched && sp_build_flatten(&patch.build, false, out, error);
	if (patched)
		take_over_header(sp_tree_blob(plan->host->tree, &size), out);
	sp_arena_release(&arena);
	return patched;
}
