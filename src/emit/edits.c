/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "emit/emit.h"

/* Siblings that are looked at: many times those of any real tree. */
#define MAX_SIBLINGS (1u << 20)

struct check {
	const struct sp_tree *tree;
	bool *seen; /* by node */
	uint32_t looked;
	struct sp_error *error;
};

/*
 * libfdt, and so U-Boot, takes a name without a unit address for the first sibling that has it with
 * or without one.
 */
static bool check_name(struct check *check, sp_node node) {
	const struct sp_tree *tree = check->tree;
	const char *name = sp_tree_name(tree, node);
	size_t length = strlen(name);

	if (strchr(name, '@'))
		return true;
	for (sp_node other = sp_tree_first_child(tree, sp_tree_parent(tree, node)); other != node;
		other = sp_tree_next_sibling(tree, other)) {
		const char *full = sp_tree_name(tree, other);

		if (check->looked++ == MAX_SIBLINGS)
			return sp_error_set(check->error, SP_ERROR_INPUT,
				"%s: there are too many nodes beside it for changes by path",
				sp_tree_path(tree, node));
		if (strncmp(full, name, length) == 0 && full[length] == '@')
			return sp_error_set(check->error, SP_ERROR_INPUT,
				"%s: no overlay or command can change it, since they take this "
				"path for %s",
				sp_tree_path(tree, node), sp_tree_path(tree, other));
	}
	return true;
}

/* A node and all above it. */
static bool check_path(struct check *check, sp_node node) {
	for (; node != SP_NODE_ROOT && !check->seen[node];
		node = sp_tree_parent(check->tree, node)) {
		check->seen[node] = true;
		if (!check_name(check, node))
			return false;
	}
	return true;
}

static bool check_edit(struct check *check, const struct sp_edit *edit) {
	if (edit->creates && sp_tree_find(check->tree, edit->path) != SP_NODE_NONE)
		return sp_error_set(check->error, SP_ERROR_INPUT,
			"%s: the host's tree has a node of this name already", edit->path);
	return edit->node == SP_NODE_NONE || check_path(check, edit->node);
}

bool sp_emit_check_edits(const struct sp_plan *plan, struct sp_error *error) {
	const struct sp_tree *tree = plan->host->tree;
	struct check check = {.tree = tree, .error = error};
	bool good = true;

	if (plan->given_phandles > UINT32_MAX - 1 - sp_tree_max_phandle(tree))
		return sp_error_set(error, SP_ERROR_INPUT,
			"the host's tree has phandle 0x%x, so that no higher ones are left for "
			"nodes that need one",
			sp_tree_max_phandle(tree));
	check.seen = calloc(sp_tree_count(tree), sizeof(*check.seen));
	if (!check.seen)
		return sp_error_memory(error);
	for (uint32_t i = 0; good && i < plan->edits.count; i++)
		good = check_edit(&check, &plan->edits.data[i]);
	free(check.seen);
	return good;
}
