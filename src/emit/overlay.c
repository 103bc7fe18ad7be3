/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "emit/emit.h"
#include "emit/text.h"

/* A node of the host's tree as the overlay has it, found again by its path. */
struct place {
	const char *path;
	struct sp_build_node *node;
};

struct overlay {
	const struct sp_plan *plan;
	struct sp_build build;
	struct place *places; /* open addressing; as many as edits, and their parents, need */
	uint32_t mask;
	struct sp_build_node **numbered; /* by the number of a phandle that is given out, from 1 */
	uint32_t numbered_count;
	uint32_t fragments;
};

static uint32_t hash_bytes(const char *text, size_t size) {
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ (unsigned char)text[i]) * 16777619u;
	return hash ^ hash >> 15;
}

static struct place *find_place(const struct overlay *overlay, const char *path, size_t size) {
	uint32_t slot = hash_bytes(path, size) & overlay->mask;

	while (overlay->places[slot].path &&
		(strncmp(overlay->places[slot].path, path, size) != 0 ||
			overlay->places[slot].path[size]))
		slot = (slot + 1) & overlay->mask;
	return &overlay->places[slot];
}

/* What the edits say about an existing node goes into its fragment. */
static struct sp_build_node *add_fragment(struct overlay *overlay, const char *path) {
	struct sp_arena *arena = overlay->build.arena;
	char *name = sp_arena_printf(arena, "fragment@%x", overlay->fragments);
	struct sp_build_node *fragment, *node;

	if (!name)
		return NULL;
	fragment = sp_build_node(&overlay->build, overlay->build.root, name);
	if (!fragment)
		return NULL;
	sp_build_string(&overlay->build, fragment, "target-path", path);
	node = sp_build_node(&overlay->build, fragment, "__overlay__");
	if (node)
		node->label = sp_arena_printf(arena, "node_%u", overlay->fragments);
	overlay->fragments++;
	return node;
}

/* The overlay's node for the first `size` characters of the path, NULL if no memory is left. */
static struct sp_build_node *existing(struct overlay *overlay, const char *path, size_t size) {
	struct place *place = find_place(overlay, path, size);

	if (!place->path) {
		const char *copy = sp_arena_strndup(overlay->build.arena, path, size);

		if (!copy)
			return NULL;
		place->path = copy;
		place->node = add_fragment(overlay, copy);
	}
	return place->node;
}

static struct sp_build_node *create(struct overlay *overlay, const char *path) {
	const char *name = strrchr(path, '/') + 1;
	size_t parent_size = name - path > 1 ? (size_t)(name - path) - 1 : 1;
	struct sp_build_node *parent = existing(overlay, path, parent_size);
	struct place *place = find_place(overlay, path, strlen(path));

	if (!parent)
		return NULL;
	if (!place->path) {
		place->path = path;
		place->node = sp_build_node(&overlay->build, parent, name);
	}
	return place->node;
}

static struct sp_build_prop *add_property(
	struct overlay *overlay, struct sp_build_node *node, const struct sp_edit *edit) {
	struct sp_build_prop *prop;
	uint32_t number;

	if (strcmp(edit->property, "phandle") == 0 && edit->refs.count &&
		edit->refs.data[0].new_phandle) {
		number = edit->refs.data[0].new_phandle;
		if (number < overlay->numbered_count)
			overlay->numbered[number] = node;
		return sp_build_cells(&overlay->build, node, "phandle", &number, 1, 0);
	}
	prop = sp_build_bytes(&overlay->build, node, edit->property, edit->data, edit->len);
	if (prop && (edit->form == SP_FORM_BYTES || (edit->form == SP_FORM_CELLS && edit->len)))
		prop->form = edit->form;
	if (prop)
		prop->group = edit->group;
	return prop;
}

static bool apply_edit(struct overlay *overlay, const struct sp_edit *edit) {
	struct sp_build_node *node;
	struct sp_build_prop *prop;

	if (edit->creates) {
		node = create(overlay, edit->path);
		if (node)
			node->comment = edit->why;
		return node;
	}
	node = existing(overlay, edit->path, strlen(edit->path));
	if (!node)
		return false;
	prop = add_property(overlay, node, edit);
	if (!prop)
		return false;
	prop->comment = edit->why;
	return true;
}

/* The references are set when all nodes that they may lead to are there. */
static bool refer(struct overlay *overlay, const struct sp_edit *edit) {
	struct sp_build_node *node;
	struct sp_build_prop *prop;

	if (edit->creates || !edit->refs.count || strcmp(edit->property, "phandle") == 0)
		return true;
	node = existing(overlay, edit->path, strlen(edit->path));
	prop = node ? sp_build_prop(node, edit->property) : NULL;
	for (uint32_t i = 0; prop && i < edit->refs.count; i++) {
		uint32_t number = edit->refs.data[i].new_phandle;

		if (number && number < overlay->numbered_count && overlay->numbered[number] &&
			!sp_build_refer(&overlay->build, prop, edit->refs.data[i].offset,
				overlay->numbered[number]))
			return false;
	}
	return prop;
}

static bool init_overlay(
	struct overlay *overlay, const struct sp_plan *plan, struct sp_arena *arena) {
	uint32_t size = 16, highest = 0;

	/* An edit adds two places at most: of its node and of the node's parent. */
	while (size / 4 < plan->edits.count)
		size *= 2;
	for (uint32_t i = 0; i < plan->edits.count; i++) {
		const struct sp_edit *edit = &plan->edits.data[i];

		if (edit->property && strcmp(edit->property, "phandle") == 0)
			highest++;
	}
	overlay->plan = plan;
	overlay->mask = size - 1;
	overlay->places = sp_arena_array(arena, size, sizeof(*overlay->places));
	overlay->numbered_count = highest + 1;
	overlay->numbered = sp_arena_array(arena, highest + 1, sizeof(struct sp_build_node *));
	return overlay->places && overlay->numbered && sp_build_init(&overlay->build, arena);
}

/* The root stays NULL where no overlay applies: there are no edits, or one would be misread. */
static bool build_overlay(struct overlay *overlay, const struct sp_plan *plan,
	struct sp_arena *arena, struct sp_error *error) {
	sp_node other;
	bool built;

	if (!plan->edits.count)
		return true;
	if (!sp_emit_check_edits(plan, error))
		return false;
	if (sp_emit_misleading(plan, &other) != SP_NODE_NONE)
		return true;
	built = init_overlay(overlay, plan, arena);
	for (uint32_t i = 0; built && i < plan->edits.count; i++)
		built = apply_edit(overlay, &plan->edits.data[i]);
	for (uint32_t i = 0; built && i < plan->edits.count; i++)
		built = refer(overlay, &plan->edits.data[i]);
	if (built)
		sp_build_number(&overlay->build, 1);
	return built || sp_error_memory(error);
}

bool sp_emit_overlay(const struct sp_plan *plan, struct sp_buf *out, struct sp_error *error) {
	struct overlay overlay = {0};
	struct sp_arena arena = {0};
	bool written;

	written = build_overlay(&overlay, plan, &arena, error);
	if (written && overlay.build.root)
		written = sp_build_flatten(&overlay.build, true, out, error);
	sp_arena_release(&arena);
	return written;
}

static const char explanation[] =
	"\n\nhost-overlay.dtbo is this, compiled. The host's own phandles stand as numbers, so\n"
	"it fits this one tree, and dtc may warn that it cannot follow them. Apply it before\n"
	"Xen reads the tree, with one of\n"
	"    fdtoverlay -i host.dtb -o host-patched.dtb host-overlay.dtbo\n"
	"    fdt apply ADDRESS              (U-Boot; uboot.cmd does without overlays)";

bool sp_emit_overlay_source(
	const struct sp_plan *plan, struct sp_buf *out, struct sp_error *error) {
	struct overlay overlay = {0};
	struct sp_arena arena = {0};
	struct sp_buf heading = {0};
	bool written;

	written = build_overlay(&overlay, plan, &arena, error);
	if (written && overlay.build.root) {
		sp_text_heading(&heading, plan, "Changes of the host's device tree: overlay", NULL);
		sp_buf_str(&heading, explanation);
		written = heading.failed
			? sp_error_memory(error)
			: sp_build_source(&overlay.build, heading.data, true, out, error);
	}
	sp_buf_release(&heading);
	sp_arena_release(&arena);
	return written;
}
