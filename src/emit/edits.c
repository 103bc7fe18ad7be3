/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "emit/emit.h"
#include "emit/text.h"

/* Siblings that are looked at: many times those that real trees need. */
#define MAX_SIBLINGS (1u << 20)

struct search {
	const struct sp_tree *tree;
	uint32_t looked;
	sp_node other;
};

/* Whether libfdt takes the node's name for a sibling's. */
static bool is_misleading(struct search *search, sp_node node) {
	const struct sp_tree *tree = search->tree;
	const char *name = sp_tree_name(tree, node);
	size_t length = strlen(name);

	if (strchr(name, '@'))
		return false;
	for (sp_node other = sp_tree_first_child(tree, sp_tree_parent(tree, node)); other != node;
		other = sp_tree_next_sibling(tree, other)) {
		const char *full = sp_tree_name(tree, other);

		search->other = other;
		if (search->looked++ == MAX_SIBLINGS ||
			(strncmp(full, name, length) == 0 && full[length] == '@'))
			return true;
	}
	return false;
}

sp_node sp_emit_misleading(const struct sp_plan *plan, sp_node *other) {
	struct search search = {.tree = plan->host->tree};
	sp_node last = SP_NODE_NONE, last_parent = SP_NODE_NONE;

	for (uint32_t i = 0; i < plan->edits.count; i++) {
		sp_node node = plan->edits.data[i].node;

		if (node == SP_NODE_NONE || node == SP_NODE_ROOT || node == last)
			continue;
		last = node;
		for (; node != SP_NODE_ROOT && node != last_parent;
			node = sp_tree_parent(search.tree, node)) {
			if (is_misleading(&search, node)) {
				*other = search.other;
				return node;
			}
		}
		last_parent = sp_tree_parent(search.tree, last);
	}
	return SP_NODE_NONE;
}

bool sp_emit_check_edits(const struct sp_plan *plan, struct sp_error *error) {
	const struct sp_tree *tree = plan->host->tree;

	if (plan->given_phandles > UINT32_MAX - 1 - sp_tree_max_phandle(tree))
		return sp_error_set(error, SP_ERROR_INPUT,
			"the host's tree has phandle 0x%x, so that no higher ones are left for "
			"nodes that need one",
			sp_tree_max_phandle(tree));
	for (uint32_t i = 0; i < plan->edits.count; i++) {
		const struct sp_edit *edit = &plan->edits.data[i];

		if (edit->creates && sp_tree_find(tree, edit->path) != SP_NODE_NONE)
			return sp_error_set(error, SP_ERROR_INPUT,
				"%s: the host's tree has a node of this name already", edit->path);
	}
	return true;
}

void sp_emit_say_misleading(
	struct sp_buf *out, const struct sp_plan *plan, sp_node node, sp_node other) {
	struct sp_buf text = {0};

	sp_buf_str(&text, "\nThese changes cannot be made by path: overlays and U-Boot take ");
	sp_text_plain(&text, sp_tree_path(plan->host->tree, node));
	sp_buf_str(&text, "\nfor ");
	sp_text_plain(&text, sp_tree_path(plan->host->tree, other));
	sp_buf_str(&text,
		", which stands before it. Boot with host-patched.dtb, or\n"
		"give the former a unit address in the host's tree and plan again.");
	if (text.failed)
		out->failed = true;
	else
		sp_text_comment(out, text.data);
	sp_buf_release(&text);
}
