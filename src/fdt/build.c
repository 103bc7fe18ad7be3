/* SPDX-License-Identifier: MIT */
#include "fdt/build.h"

#include <string.h>

#include "base/bytes.h"
#include "base/hash.h"

/* A guest tree's references to Xen's own nodes are numbers that nothing in the tree needs to own.
 */
static const uint32_t reserved_phandles[] = {
	0, UINT32_MAX, SP_GUEST_PHANDLE_GIC, SP_GUEST_PHANDLE_IOMMU};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static bool is_alphanumeric(char c) {
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static struct sp_build_node *new_node(struct sp_arena *arena, const char *name) {
	struct sp_build_node *node = sp_arena_alloc(arena, sizeof(*node));

	if (!node)
		return NULL;
	node->name = sp_arena_strdup(arena, name);
	node->origin = SP_NODE_NONE;
	return node->name ? node : NULL;
}

bool sp_build_init(struct sp_build *build, struct sp_arena *arena) {
	build->arena = arena;
	build->root = new_node(arena, "");
	return build->root;
}

bool sp_build_name_valid(const char *name, bool node) {
	const char *at = NULL, *c;

	if (!node && (sp_same_name(name, "name") || sp_same_name(name, "linux,phandle")))
		return false;
	for (c = name; *c; c++) {
		if (is_alphanumeric(*c))
			continue;
		if (node && *c == '@' && !at)
			at = c;
		else if (!strchr(node ? ",._+-" : ",._+-?#", *c))
			return false;
	}
	return *name && (!at || (at != name && at[1]));
}

struct sp_build_node *sp_build_node(
	struct sp_build *build, struct sp_build_node *parent, const char *name) {
	struct sp_build_node *node;

	if (!parent)
		return NULL;
	node = new_node(build->arena, name);
	if (!node)
		return NULL;
	node->parent = parent;
	if (parent->last_child)
		parent->last_child->next = node;
	else
		parent->children = node;
	parent->last_child = node;
	return node;
}

void sp_build_move(struct sp_build_node *node, struct sp_build_node *parent) {
	struct sp_build_node *before = NULL;
	for (struct sp_build_node *at = node->parent->children; at != node; at = at->next)
		before = at;
	if (before == NULL)
		node->parent->children = node->next;
	else
		before->next = node->next;
	if (node->parent->last_child == node)
		node->parent->last_child = before;
	node->next = NULL;
	node->parent = parent;
	if (parent->last_child == NULL)
		parent->children = node;
	else
		parent->last_child->next = node;
	parent->last_child = node;
}

struct sp_build_node *sp_build_child(const struct sp_build_node *parent, const char *name) {
	struct sp_build_node *child = parent ? parent->children : NULL;

	while (child && !sp_same_name(child->name, name))
		child = child->next;
	return child;
}

/* A node with more properties than these finds them by a table; few do, but some are made to. */
#define FEW_PROPS 48

/* Open addressing, at most half full. */
struct sp_build_names {
	struct sp_build_prop **slots;
	uint32_t mask;
};

static struct sp_build_prop **names_slot(const struct sp_build_names *names, const char *name) {
	uint32_t slot = sp_hash_str(name) & names->mask;

	while (names->slots[slot] && !sp_same_name(names->slots[slot]->name, name))
		slot = (slot + 1) & names->mask;
	return &names->slots[slot];
}

static void names_fill(struct sp_build_node *node) {
	struct sp_build_names *names = node->names;

	memset(names->slots, 0, ((size_t)names->mask + 1) * sizeof(names->slots[0]));
	for (struct sp_build_prop *prop = node->props; prop; prop = prop->next)
		*names_slot(names, prop->name) = prop;
}

/* Makes the table anew with room for twice the properties. False if no memory is left. */
static bool names_make(struct sp_arena *arena, struct sp_build_node *node) {
	struct sp_build_names *names = sp_arena_alloc(arena, sizeof(*names));
	uint32_t size = 4 * FEW_PROPS;

	while (size / 4 < node->prop_count)
		size *= 2;
	if (!names)
		return false;
	names->mask = size - 1;
	names->slots = sp_arena_array(arena, size, sizeof(struct sp_build_prop *));
	if (!names->slots)
		return false;
	node->names = names;
	names_fill(node);
	return true;
}

/* Counts the property that was appended last. False if no memory is left. */
static bool note_name(struct sp_arena *arena, struct sp_build_node *node) {
	node->prop_count++;
	if (node->prop_count <= FEW_PROPS)
		return true;
	if (!node->names || node->prop_count > node->names->mask / 2)
		return names_make(arena, node);
	*names_slot(node->names, node->last_prop->name) = node->last_prop;
	return true;
}

struct sp_build_prop *sp_build_prop(const struct sp_build_node *node, const char *name) {
	struct sp_build_prop *prop = node ? node->props : NULL;

	if (node && node->names)
		return *names_slot(node->names, name);
	while (prop && !sp_same_name(prop->name, name))
		prop = prop->next;
	return prop;
}

/* A property with room for len bytes, in its old place if the node has it already. */
static struct sp_build_prop *place(
	struct sp_build *build, struct sp_build_node *node, const char *name, uint32_t len) {
	struct sp_build_prop *prop, *next;
	uint8_t *data = NULL;
	bool fresh;

	if (!node)
		return NULL;
	if (len) {
		data = sp_arena_alloc(build->arena, len);
		if (!data)
			return NULL;
	}
	prop = sp_build_prop(node, name);
	fresh = !prop;
	if (prop) {
		name = prop->name;
		next = prop->next;
	} else {
		prop = sp_arena_alloc(build->arena, sizeof(*prop));
		name = sp_arena_strdup(build->arena, name);
		if (!prop || !name)
			return NULL;
		next = NULL;
		if (node->last_prop)
			node->last_prop->next = prop;
		else
			node->props = prop;
		node->last_prop = prop;
	}
	*prop = (struct sp_build_prop){.name = name, .data = data, .len = len, .next = next};
	if (fresh && !note_name(build->arena, node))
		return NULL;
	return prop;
}

static void note_phandle(struct sp_build_node *node, const struct sp_build_prop *prop) {
	if (prop->len == 4 && sp_same_name(prop->name, "phandle"))
		node->phandle = sp_load_be32(prop->data);
}

/* The rule of dtc when it turns a flattened tree into source. */
static enum sp_build_form guess_form(const uint8_t *data, uint32_t len) {
	uint32_t nuls = 0;
	bool text = true;

	if (!len)
		return SP_FORM_EMPTY;
	for (uint32_t i = 0; i < len && text; i++) {
		if (!data[i])
			nuls++;
		else
			text = (data[i] >= 0x20 && data[i] < 0x7f) ||
				(data[i] >= '\a' && data[i] <= '\r');
	}
	if (text && !data[len - 1] && nuls <= len - nuls)
		return SP_FORM_STRINGS;
	return len % 4 ? SP_FORM_BYTES : SP_FORM_CELLS;
}

struct sp_build_prop *sp_build_bytes(struct sp_build *build, struct sp_build_node *node,
	const char *name, const void *data, uint32_t len) {
	struct sp_build_prop *prop = place(build, node, name, len);

	if (!prop)
		return NULL;
	if (len)
		memcpy(prop->data, data, len);
	prop->form = guess_form(prop->data, len);
	note_phandle(node, prop);
	return prop;
}

struct sp_build_prop *sp_build_empty(
	struct sp_build *build, struct sp_build_node *node, const char *name) {
	return place(build, node, name, 0);
}

struct sp_build_prop *sp_build_string(
	struct sp_build *build, struct sp_build_node *node, const char *name, const char *value) {
	size_t size = strlen(value) + 1;
	struct sp_build_prop *prop;

	if (size > SP_TREE_MAX_BYTES) {
		build->arena->failed = true;
		return NULL;
	}
	prop = place(build, node, name, (uint32_t)size);
	if (!prop)
		return NULL;
	memcpy(prop->data, value, size);
	prop->form = SP_FORM_STRINGS;
	return prop;
}

struct sp_build_prop *sp_build_cells(struct sp_build *build, struct sp_build_node *node,
	const char *name, const uint32_t *cells, uint32_t count, uint32_t group) {
	struct sp_build_prop *prop;

	if (count > SP_TREE_MAX_BYTES / 4) {
		build->arena->failed = true;
		return NULL;
	}
	prop = place(build, node, name, count * 4);
	if (!prop)
		return NULL;
	for (uint32_t i = 0; i < count; i++)
		sp_store_be32(prop->data + (size_t)4 * i, cells[i]);
	prop->form = count ? SP_FORM_CELLS : SP_FORM_EMPTY;
	prop->group = group;
	note_phandle(node, prop);
	return prop;
}

bool sp_build_refer(struct sp_build *build, struct sp_build_prop *prop, uint32_t offset,
	struct sp_build_node *target) {
	struct sp_build_ref *ref, **link;

	if (!prop || !target || offset % 4 || prop->len < 4 || offset > prop->len - 4)
		return false;
	link = &prop->refs;
	if (prop->last_ref && prop->last_ref->offset < offset)
		link = &prop->last_ref->next;
	while (*link && (*link)->offset < offset)
		link = &(*link)->next;
	if (*link && (*link)->offset == offset) {
		(*link)->target = target;
		return true;
	}
	ref = sp_arena_alloc(build->arena, sizeof(*ref));
	if (!ref)
		return false;
	*ref = (struct sp_build_ref){.offset = offset, .target = target, .next = *link};
	*link = ref;
	if (!ref->next)
		prop->last_ref = ref;
	prop->form = SP_FORM_CELLS;
	return true;
}

void sp_build_remove(struct sp_build_node *node, const char *name) {
	struct sp_build_prop *before = NULL, *prop = node ? node->props : NULL;

	while (prop && !sp_same_name(prop->name, name)) {
		before = prop;
		prop = prop->next;
	}
	if (!prop)
		return;
	if (before)
		before->next = prop->next;
	else
		node->props = prop->next;
	if (!prop->next)
		node->last_prop = before;
	node->prop_count--;
	if (node->names)
		names_fill(node);
	if (sp_same_name(name, "phandle"))
		node->phandle = 0;
}

void sp_build_path(const struct sp_build_node *node, struct sp_buf *path) {
	if (node->parent && node->parent->parent)
		sp_build_path(node->parent, path);
	sp_buf_char(path, '/');
	sp_buf_str(path, node->name);
}

/* The order of the tree. NULL after the last node. */
static struct sp_build_node *following(struct sp_build_node *node) {
	if (node->children)
		return node->children;
	while (node && !node->next)
		node = node->parent;
	return node ? node->next : NULL;
}

/* The labels in use. Beside a label stands the last suffix tried after it, so that many nodes of
 * one name do not each try all suffixes. */
struct labels {
	const char **slots;
	uint32_t *suffixes;
	uint32_t mask;
};

static bool labels_init(struct labels *labels, struct sp_arena *arena, uint32_t nodes) {
	uint32_t size = 16;

	while (size / 2 < nodes && size < UINT32_C(1) << 31)
		size *= 2;
	labels->mask = size - 1;
	labels->slots = sp_arena_array(arena, size, sizeof(*labels->slots));
	labels->suffixes = sp_arena_array(arena, size, sizeof(*labels->suffixes));
	return labels->slots && labels->suffixes;
}

/* Where the label is, or the free slot where it would be. */
static uint32_t labels_slot(const struct labels *labels, const char *label) {
	uint32_t slot = sp_hash_str(label) & labels->mask;

	while (labels->slots[slot] && !sp_same_name(labels->slots[slot], label))
		slot = (slot + 1) & labels->mask;
	return slot;
}

/* NULL if no memory is left. */
static const char *make_label(struct labels *labels, struct sp_arena *arena, const char *name) {
	bool digit = name[0] >= '0' && name[0] <= '9';
	char *base = sp_arena_printf(arena, "%s%s", digit ? "node_" : "", name);
	const char *label = base;
	uint32_t first, slot;

	if (!base)
		return NULL;
	for (char *c = base; *c; c++) {
		if (!is_alphanumeric(*c))
			*c = '_';
	}
	first = slot = labels_slot(labels, label);
	while (labels->slots[slot]) {
		label = sp_arena_printf(arena, "%s_%u", base, ++labels->suffixes[first] + 1);
		if (!label)
			return NULL;
		slot = labels_slot(labels, label);
	}
	labels->slots[slot] = label;
	return label;
}

/* Stand for the phandle and the label that a target is to be given. */
#define PHANDLE_WANTED UINT32_MAX
static const char label_wanted[] = "";

/* Marks what a property's references want of their targets. */
static void mark_targets(const struct sp_build_prop *prop) {
	for (const struct sp_build_ref *ref = prop->refs; ref; ref = ref->next) {
		if (!ref->target->phandle)
			ref->target->phandle = PHANDLE_WANTED;
		/* The grammar of the source has no place for a label on the root. */
		if (!ref->target->label && ref->target->parent)
			ref->target->label = label_wanted;
	}
}

static void write_references(const struct sp_build_prop *prop) {
	for (const struct sp_build_ref *ref = prop->refs; ref; ref = ref->next)
		sp_store_be32(prop->data + ref->offset, ref->target->phandle);
}

void sp_build_number(struct sp_build *build, uint32_t first) {
	struct sp_build_node *node;
	struct labels labels;
	uint32_t nodes = 0, candidates, candidate = 0;
	bool *taken; /* by offset from first, modulo 2^32 */

	for (node = build->root; node; node = following(node))
		nodes++;
	if (nodes > UINT32_MAX / 2 - COUNT_OF(reserved_phandles)) {
		build->arena->failed = true;
		return;
	}
	/* With as many nodes to number as there are numbers to be skipped, this is the furthest. */
	candidates = 2 * nodes + (uint32_t)COUNT_OF(reserved_phandles);
	taken = sp_arena_array(build->arena, candidates, sizeof(*taken));
	if (!taken || !labels_init(&labels, build->arena, nodes))
		return;

	for (size_t i = 0; i < COUNT_OF(reserved_phandles); i++) {
		if (reserved_phandles[i] - first < candidates)
			taken[reserved_phandles[i] - first] = true;
	}
	for (node = build->root; node; node = following(node)) {
		if (node->phandle && node->phandle - first < candidates)
			taken[node->phandle - first] = true;
		if (node->label && node->label != label_wanted)
			labels.slots[labels_slot(&labels, node->label)] = node->label;
		for (const struct sp_build_prop *prop = node->props; prop; prop = prop->next)
			mark_targets(prop);
	}
	for (node = build->root; node; node = following(node)) {
		if (node->phandle == PHANDLE_WANTED) {
			while (taken[candidate])
				candidate++;
			node->phandle = first + candidate++;
		}
		if (node->label == label_wanted)
			node->label = make_label(&labels, build->arena, node->name);
	}
	for (node = build->root; node; node = following(node)) {
		for (const struct sp_build_prop *prop = node->props; prop; prop = prop->next)
			write_references(prop);
	}
}
