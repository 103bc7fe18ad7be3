/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/bytes.h"
#include "plan/steps.h"

/* A search through these costs less than a table by node. */
#define FEW_EDITS 64

static struct sp_edit *find(struct sp_plan *plan, sp_node node, const char *property) {
	if (plan->first_edit == NULL) {
		for (uint32_t i = 0; i < plan->edits.count; i++) {
			struct sp_edit *edit = &plan->edits.data[i];
			if (edit->node == node && strcmp(edit->property, property) == 0)
				return edit;
		}
		return NULL;
	}
	for (uint32_t next = plan->first_edit[node]; next != 0;) {
		struct sp_edit *edit = &plan->edits.data[next - 1];
		if (strcmp(edit->property, property) == 0)
			return edit;
		next = edit->next;
	}
	return NULL;
}

/* Many edits are found by their nodes. */
static void index_edits(struct sp_plan *plan) {
	plan->first_edit =
		sp_arena_array(&plan->arena, sp_tree_count(plan->host->tree), sizeof(uint32_t));
	for (uint32_t i = 0; plan->first_edit != NULL && i < plan->edits.count; i++) {
		struct sp_edit *edit = &plan->edits.data[i];
		if (edit->node == SP_NODE_NONE)
			continue;
		edit->next = plan->first_edit[edit->node];
		plan->first_edit[edit->node] = i + 1;
	}
}

struct sp_edit *sp_edit_property(struct sp_plan *plan, sp_node node, const char *property) {
	const char *path = sp_tree_path(plan->host->tree, node);
	struct sp_edit *edit = find(plan, node, property);
	/* The same property twice is one edit: the last word counts. */
	if (edit != NULL) {
		edit->refs.count = 0;
		return edit;
	}
	if (plan->first_edit == NULL && plan->edits.count >= FEW_EDITS)
		index_edits(plan);
	edit = sp_vec_push(&plan->arena, &plan->edits);
	if (edit == NULL)
		return NULL;
	*edit = (struct sp_edit){.path = path, .node = node, .property = property};
	if (plan->first_edit != NULL) {
		edit->next = plan->first_edit[node];
		plan->first_edit[node] = plan->edits.count; /* one more than the index */
	}
	return edit;
}

struct sp_edit *sp_edit_new_node(struct sp_plan *plan, const char *path) {
	struct sp_edit *edit = sp_vec_push(&plan->arena, &plan->edits);
	if (edit != NULL)
		*edit = (struct sp_edit){.path = path, .node = SP_NODE_NONE, .creates = true};
	return edit;
}

struct sp_edit *sp_edit_new_property(struct sp_plan *plan, const char *path, const char *property) {
	struct sp_edit *edit = sp_vec_push(&plan->arena, &plan->edits);
	if (edit != NULL)
		*edit = (struct sp_edit){.path = path, .node = SP_NODE_NONE, .property = property};
	return edit;
}

void sp_edit_string(struct sp_plan *plan, struct sp_edit *edit, const char *text) {
	if (edit == NULL)
		return;
	edit->data = sp_arena_copy(&plan->arena, text, strlen(text) + 1);
	edit->len = edit->data != NULL ? (uint32_t)strlen(text) + 1 : 0;
	edit->form = SP_FORM_STRINGS;
}

/* The number of a host node's phandle, given out if it has none: see sp_edit_ref. */
static uint32_t phandle_of(struct sp_plan *plan, sp_node node, uint32_t *new_phandle) {
	const struct sp_tree *tree = plan->host->tree;
	uint32_t phandle = sp_tree_phandle(tree, node), given = plan->given_phandles;
	*new_phandle = 0;
	if (phandle != 0)
		return phandle;
	struct sp_edit *edit = find(plan, node, "phandle");
	if (edit != NULL && edit->refs.count > 0) {
		*new_phandle = edit->refs.data[0].new_phandle;
		return sp_tree_max_phandle(tree) + *new_phandle;
	}
	edit = sp_edit_property(plan, node, "phandle");
	if (edit == NULL)
		return 0;
	struct sp_edit_ref *ref = sp_vec_push(&plan->arena, &edit->refs);
	uint8_t *data = sp_arena_alloc(&plan->arena, 4);
	if (ref == NULL || data == NULL)
		return 0;
	plan->given_phandles++;
	*new_phandle = given + 1;
	*ref = (struct sp_edit_ref){0, given + 1};
	uint32_t number = sp_tree_max_phandle(tree) + given + 1;
	sp_store_be32(data, number);
	edit->data = data;
	edit->len = 4;
	edit->form = SP_FORM_CELLS;
	return number;
}

void sp_edit_cells(struct sp_plan *plan, struct sp_edit *edit, const uint32_t *cells,
	const sp_node *nodes, uint32_t count, uint32_t group) {
	if (edit == NULL)
		return;
	uint32_t index = (uint32_t)(edit - plan->edits.data);
	uint8_t *data = sp_arena_array(&plan->arena, count, 4);
	if (data == NULL)
		return;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t cell = cells[i];
		if (nodes != NULL && nodes[i] != SP_NODE_NONE) {
			uint32_t new_phandle;
			cell = phandle_of(plan, nodes[i], &new_phandle);
			/* Giving out a phandle may have moved the edits. */
			edit = &plan->edits.data[index];
			struct sp_edit_ref *ref = sp_vec_push(&plan->arena, &edit->refs);
			if (ref == NULL)
				return;
			*ref = (struct sp_edit_ref){i * 4, new_phandle};
		}
		sp_store_be32(data + (size_t)i * 4, cell);
	}
	edit = &plan->edits.data[index];
	edit->data = data;
	edit->len = count * 4;
	edit->form = SP_FORM_CELLS;
	edit->group = group;
}
