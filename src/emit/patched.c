/* SPDX-License-Identifier: MIT */
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "emit/emit.h"

/* What one more node or property can take up beside its value and its name. */
#define OVERHEAD 48u

struct patch {
	char *blob;
	size_t size;
	const char *path; /* of the node found last; its offset holds until a node is added */
	int offset;
};

static size_t room_for(const struct sp_plan *plan) {
	size_t room = 0;

	for (uint32_t i = 0; i < plan->edits.count; i++) {
		const struct sp_edit *edit = &plan->edits.data[i];

		room += OVERHEAD + edit->len + strlen(edit->creates ? edit->path : edit->property);
	}
	return room;
}

static bool grow(struct patch *patch, struct sp_error *error) {
	size_t size = patch->size + patch->size / 4 + OVERHEAD;
	char *blob;

	if (size > INT32_MAX)
		return sp_error_set(error, SP_ERROR_INPUT, "the patched tree would be too large");
	blob = realloc(patch->blob, size);
	if (!blob)
		return sp_error_memory(error);
	patch->blob = blob;
	patch->size = size;
	return true;
}

static int find(struct patch *patch, const char *path) {
	if (!patch->path || strcmp(patch->path, path) != 0) {
		patch->offset = fdt_path_offset(patch->blob, path);
		patch->path = path;
	}
	return patch->offset;
}

static int apply(struct patch *patch, const struct sp_edit *edit) {
	const char *name;
	int node;

	if (!edit->creates) {
		node = find(patch, edit->path);
		if (node < 0)
			return node;
		return fdt_setprop(patch->blob, node, edit->property, edit->data, (int)edit->len);
	}
	name = strrchr(edit->path, '/') + 1;
	patch->path = NULL;
	node = name - edit->path > 1
		? fdt_path_offset_namelen(patch->blob, edit->path, (int)(name - edit->path) - 1)
		: 0;
	return node < 0 ? node : fdt_add_subnode(patch->blob, node, name);
}

static bool apply_all(struct patch *patch, const struct sp_plan *plan, struct sp_error *error) {
	for (uint32_t i = 0; i < plan->edits.count; i++) {
		const struct sp_edit *edit = &plan->edits.data[i];
		int result = apply(patch, edit);

		while (result == -FDT_ERR_NOSPACE) {
			if (!grow(patch, error))
				return false;
			fdt_set_totalsize(patch->blob, (uint32_t)patch->size);
			result = apply(patch, edit);
		}
		if (result < 0)
			return sp_error_set(error, SP_ERROR_INPUT,
				"%s: the change cannot be made: %s", edit->path,
				fdt_strerror(result));
	}
	return true;
}

bool sp_emit_patched_tree(const struct sp_plan *plan, struct sp_buf *out, struct sp_error *error) {
	struct patch patch = {0};
	const void *blob;
	uint32_t size;
	bool patched;
	int result;

	if (!plan->edits.count)
		return true;
	blob = sp_tree_blob(plan->host->tree, &size);
	patch.size = size + room_for(plan);
	patch.blob = patch.size <= INT32_MAX ? malloc(patch.size) : NULL;
	if (!patch.blob)
		return sp_error_memory(error);
	/* Blocks of a tree may overlap, and take up more room when they are set apart. */
	while ((result = fdt_open_into(blob, patch.blob, (int)patch.size)) == -FDT_ERR_NOSPACE) {
		if (!grow(&patch, error)) {
			free(patch.blob);
			return false;
		}
	}
	patched = result == 0 ? apply_all(&patch, plan, error)
			      : sp_error_set(error, SP_ERROR_INPUT, "%s: %s", plan->host->name,
					fdt_strerror(result));
	if (patched) {
		fdt_pack(patch.blob);
		sp_buf_put(out, patch.blob, fdt_totalsize(patch.blob));
	}
	free(patch.blob);
	return patched;
}
