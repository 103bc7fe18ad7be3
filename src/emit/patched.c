/* SPDX-License-Identifier: MIT */
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "emit/emit.h"

/*
 * The host's tree with the edits, made as a tree of its own: changing the flattened one in place
 * costs its whole length for each edit. What is new stands before what was there, and the last of
 * it first, as libfdt puts it; then overlay and commands give the very same tree.
 */
struct place { /* of a node that is changed or new */
	const char *path;
	uint32_t props, nodes; /* one more than the index of its last edit; 0: none */
};

struct patch {
	const struct sp_plan *plan;
	struct sp_build build;
	struct place *host; /* by node */
	struct place *added; /* by path, open addressing, at most half full */
	uint32_t mask;
	uint32_t *previous; /* by edit: one more than the index of the one before it at its place */
};

static struct place *find_added(const struct patch *patch, const char *path, size_t length) {
	uint32_t hash = 2166136261u, slot;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)path[i]) * 16777619u;
	slot = (hash ^ hash >> 15) & patch->mask;
	while (patch->added[slot].path &&
		(strncmp(patch->added[slot].path, path, length) != 0 ||
			patch->added[slot].path[length]))
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
	patch->host = sp_arena_array(arena, sp_tree_count(plan->host->tree), sizeof(*patch->host));
	patch->previous = sp_arena_array(arena, plan->edits.count, sizeof(*patch->previous));
	return patch->added && patch->host && patch->previous &&
		sp_build_init(&patch->build, arena);
}

/* New nodes are made at the root, or below new nodes. */
static struct place *parent_of(const struct patch *patch, const char *path) {
	size_t length = (size_t)(strrchr(path, '/') - path);

	return length ? find_added(patch, path, length) : &patch->host[SP_NODE_ROOT];
}

static bool sort_edits(struct patch *patch, struct sp_error *error) {
	for (uint32_t i = 0; i < patch->plan->edits.count; i++) {
		const struct sp_edit *edit = &patch->plan->edits.data[i];
		struct place *place = edit->node != SP_NODE_NONE
			? &patch->host[edit->node]
			: find_added(patch, edit->path, strlen(edit->path));

		if (!edit->creates) {
			patch->previous[i] = place->props;
			place->props = i + 1;
			continue;
		}
		if (place->path)
			return sp_error_set(error, SP_ERROR_INPUT,
				"%s: two new nodes would have this name", edit->path);
		place->path = edit->path;
		place = parent_of(patch, edit->path);
		patch->previous[i] = place->nodes;
		place->nodes = i + 1;
	}
	return true;
}

/* The last edit of the property, NULL if there is none. */
static const struct sp_edit *find_edit(
	const struct patch *patch, const struct place *place, const char *property) {
	for (uint32_t next = place->props; next; next = patch->previous[next - 1]) {
		const struct sp_edit *edit = &patch->plan->edits.data[next - 1];

		if (strcmp(edit->property, property) == 0)
			return edit;
	}
	return NULL;
}

static void add_new_props(
	struct patch *patch, struct sp_build_node *node, sp_node host, const struct place *place) {
	for (uint32_t next = place->props; next; next = patch->previous[next - 1]) {
		const struct sp_edit *edit = &patch->plan->edits.data[next - 1];

		if (host == SP_NODE_NONE ||
			!sp_tree_prop(patch->plan->host->tree, host, edit->property))
			sp_build_bytes(&patch->build, node, edit->property, edit->data, edit->len);
	}
}

/* Paths of new nodes are few levels deep. */
static void add_new_nodes(
	struct patch *patch, struct sp_build_node *node, const struct place *place) {
	for (uint32_t next = place->nodes; next; next = patch->previous[next - 1]) {
		const char *path = patch->plan->edits.data[next - 1].path;
		const struct place *inner = find_added(patch, path, strlen(path));
		struct sp_build_node *added =
			sp_build_node(&patch->build, node, strrchr(path, '/') + 1);

		add_new_props(patch, added, SP_NODE_NONE, inner);
		add_new_nodes(patch, added, inner);
	}
}

static void copy_props(struct patch *patch, struct sp_build_node *copy, sp_node node) {
	uint32_t count;
	const struct sp_prop *props = sp_tree_props(patch->plan->host->tree, node, &count);

	for (uint32_t i = 0; i < count; i++) {
		const struct sp_edit *edit = find_edit(patch, &patch->host[node], props[i].name);

		if (edit)
			sp_build_bytes(&patch->build, copy, edit->property, edit->data, edit->len);
		else
			sp_build_bytes(
				&patch->build, copy, props[i].name, props[i].data, props[i].len);
	}
}

static bool copy_tree(struct patch *patch, struct sp_error *error) {
	const struct sp_tree *tree = patch->plan->host->tree;
	struct sp_build_node **copies = sp_arena_array(
		patch->build.arena, sp_tree_count(tree), sizeof(struct sp_build_node *));

	if (!copies)
		return sp_error_memory(error);
	for (sp_node node = 0; node < sp_tree_count(tree); node++) {
		struct sp_build_node *copy = node == SP_NODE_ROOT
			? patch->build.root
			: sp_build_node(&patch->build, copies[sp_tree_parent(tree, node)],
				  sp_tree_name(tree, node));

		if (!copy)
			return sp_error_memory(error);
		copies[node] = copy;
		add_new_props(patch, copy, node, &patch->host[node]);
		copy_props(patch, copy, node);
		add_new_nodes(patch, copy, &patch->host[node]);
	}
	return true;
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
	patched = patched && sort_edits(&patch, error) && copy_tree(&patch, error);
	patched = patched && sp_build_flatten(&patch.build, false, out, error);
	if (patched)
		take_over_header(sp_tree_blob(plan->host->tree, &size), out);
	sp_arena_release(&arena);
	return patched;
}
