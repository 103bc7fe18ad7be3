/* SPDX-License-Identifier: MIT */
#include "fdt/tree_index.h"

#include <libfdt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#define MAX_NAME 255
#define FIRST_NAMES 512 /* a power of two */
#define MULTIPLIER UINT64_C(0x9e3779b97f4a7c15)

/* The names that the walk itself looks at have fixed places in the table of names. */
enum { NAME_PHANDLE, NAME_LINUX_PHANDLE, NAME_STATUS, NAME_FIXED };

/* Which name lies at an offset of the strings block. */
struct name_offset {
	uint32_t offset;
	uint32_t name; /* one more than its index; 0: a free slot */
};

struct walk {
	struct sp_tree *tree;
	const uint8_t *strings;
	uint32_t strings_size, reservations_end;
	uint32_t start, at, end; /* offsets of the structure block in the blob */
	struct name_offset *offsets;
	uint32_t offset_count;
	sp_node node;
	uint32_t depth; /* nodes that are open */
	bool closed_child; /* a property may not follow any more */
	struct sp_error *error;
};

uint32_t sp_tree_hash(uint64_t seed, const char *text, size_t length) {
	uint64_t hash = seed ^ length * MULTIPLIER, word = 0;
	uint32_t low, high;

	for (; length > 8; text += 8, length -= 8) {
		memcpy(&word, text, 8);
		hash = (hash ^ word) * MULTIPLIER;
		hash ^= hash >> 32;
	}
	if (length >= 4) {
		memcpy(&low, text, 4);
		memcpy(&high, text + length - 4, 4);
		word = (uint64_t)high << 32 | low;
	} else if (length) {
		word = (uint64_t)(uint8_t)text[0] << 16 | (uint64_t)(uint8_t)text[length / 2] << 8 |
			(uint8_t)text[length - 1];
	}
	hash = (hash ^ word) * MULTIPLIER;
	return (uint32_t)(hash ^ hash >> 32);
}

uint32_t sp_tree_hash_number(uint64_t seed, uint32_t number) {
	uint64_t hash = (seed ^ number) * MULTIPLIER;

	return (uint32_t)(hash >> 32 ^ hash);
}

/* By the address of the name, of which the tree has one copy. */
uint32_t sp_tree_hash_prop(uint64_t seed, sp_node node, const char *name) {
	return sp_tree_hash_number(seed + node * MULTIPLIER, (uint32_t)(uintptr_t)name);
}

uint32_t sp_tree_hash_child(uint64_t seed, sp_node parent, const char *name, size_t length) {
	return sp_tree_hash((seed ^ parent) * MULTIPLIER, name, length);
}

uint32_t sp_tree_name_find(
	const struct sp_tree *tree, const char *text, size_t length, uint32_t hash) {
	for (uint32_t slot = hash & tree->names_mask; tree->names_by_text[slot];
		slot = (slot + 1) & tree->names_mask) {
		uint32_t index = tree->names_by_text[slot] - 1;
		const struct tree_name *name = &tree->names[index];

		if (name->hash == hash && name->length == length &&
			!memcmp(name->text, text, length))
			return index;
	}
	return UINT32_MAX;
}

sp_node sp_tree_child_find(
	const struct sp_tree *tree, sp_node parent, const char *name, size_t length) {
	uint32_t hash = sp_tree_hash_child(tree->seed, parent, name, length);

	for (uint32_t slot = hash & tree->children_mask; tree->children[slot];
		slot = (slot + 1) & tree->children_mask) {
		sp_node child = tree->children[slot] - 1;
		const struct tree_node *node = &tree->nodes[child];

		if (node->hash == hash && node->parent == parent &&
			!strncmp(node->name, name, length) && !node->name[length])
			return child;
	}
	return SP_NODE_NONE;
}

size_t sp_tree_path_write(const struct sp_tree *tree, sp_node node, char *text, size_t room) {
	size_t length = 0, left;

	for (sp_node up = node; up != SP_NODE_ROOT; up = tree->nodes[up].parent)
		length += strlen(tree->nodes[up].name) + 1;
	if (!length)
		length = 1;
	left = length < room ? length : room - 1;
	text[left] = '\0';
	if (node == SP_NODE_ROOT && left)
		text[--left] = '/';
	for (sp_node up = node; up != SP_NODE_ROOT && left; up = tree->nodes[up].parent) {
		const char *name = tree->nodes[up].name;
		size_t whole = strlen(name), part = whole < left ? whole : left;

		left -= part;
		memcpy(text + left, name + whole - part, part);
		if (left)
			text[--left] = '/';
	}
	return length;
}

/* A path for a message: its end if it is long. */
struct path_text {
	char text[180];
};

static const char *path_of(const struct sp_tree *tree, sp_node node, struct path_text *path) {
	if (sp_tree_path_write(tree, node, path->text, sizeof(path->text)) >= sizeof(path->text))
		memcpy(path->text, "...", 3);
	return path->text;
}

/* Names go into paths, messages and sources: printable ASCII without spaces and slashes. */
static bool is_clean(const char *name, size_t length) {
	bool clean = true;

	for (size_t i = 0; i < length; i++)
		clean &= (name[i] > ' ') & (name[i] < 0x7f) & (name[i] != '/');
	return clean;
}

static bool broken(const struct walk *walk, uint32_t at, const char *what) {
	return sp_error_set(walk->error, SP_ERROR_INPUT, "offset 0x%x: %s", at, what);
}

/* Something about a property of the open node. */
static bool bad_prop(const struct walk *walk, uint32_t at, const char *what) {
	struct path_text path;

	return sp_error_set(walk->error, SP_ERROR_INPUT, "%s: property at offset 0x%x %s",
		path_of(walk->tree, walk->node, &path), at, what);
}

/* Doubles the tables of names; they are at most half full. */
static bool grow_names(struct walk *walk) {
	struct sp_tree *tree = walk->tree;
	uint32_t old = walk->offsets ? tree->names_mask + 1 : 0;
	uint32_t capacity = old ? old * 2 : FIRST_NAMES, mask = capacity - 1;
	struct name_offset *offsets = calloc(capacity, sizeof(*offsets));
	uint32_t *by_text = calloc(capacity, sizeof(*by_text));
	struct tree_name *names = realloc(tree->names, capacity / 2 * sizeof(*names));

	if (names)
		tree->names = names;
	if (!offsets || !by_text || !names) {
		free(offsets);
		free(by_text);
		return sp_error_memory(walk->error);
	}
	for (uint32_t i = 0; i < old; i++) {
		uint32_t slot;

		if (!walk->offsets[i].name)
			continue;
		slot = sp_tree_hash_number(tree->seed, walk->offsets[i].offset) & mask;
		while (offsets[slot].name)
			slot = (slot + 1) & mask;
		offsets[slot] = walk->offsets[i];
	}
	for (uint32_t i = 0; i < tree->name_count; i++) {
		uint32_t slot = tree->names[i].hash & mask;

		while (by_text[slot])
			slot = (slot + 1) & mask;
		by_text[slot] = i + 1;
	}
	free(walk->offsets);
	free(tree->names_by_text);
	walk->offsets = offsets;
	tree->names_by_text = by_text;
	tree->names_mask = mask;
	return true;
}

static uint32_t add_name(struct sp_tree *tree, const char *text, size_t length, uint32_t hash) {
	uint32_t slot = hash & tree->names_mask, index = tree->name_count++;

	while (tree->names_by_text[slot])
		slot = (slot + 1) & tree->names_mask;
	tree->names_by_text[slot] = index + 1;
	tree->names[index] = (struct tree_name){text, (uint32_t)length, hash, SP_NODE_NONE};
	return index;
}

static void add_fixed_names(struct sp_tree *tree) {
	static const char *const fixed[NAME_FIXED] = {"phandle", "linux,phandle", "status"};

	for (uint32_t i = 0; i < NAME_FIXED; i++) {
		size_t length = strlen(fixed[i]);

		add_name(tree, fixed[i], length, sp_tree_hash(tree->seed, fixed[i], length));
	}
}

/* The name at an offset that the walk has not met yet. */
static bool new_name(struct walk *walk, uint32_t offset, uint32_t at, uint32_t *index) {
	struct sp_tree *tree = walk->tree;
	const char *text = (const char *)walk->strings + offset, *nul;
	uint32_t hash, slot, left;
	size_t length;

	if (offset >= walk->strings_size)
		return bad_prop(walk, at, "has its name outside of the strings block");
	left = walk->strings_size - offset;
	nul = memchr(text, '\0', left <= MAX_NAME ? left : MAX_NAME + 1);
	if (!nul)
		return bad_prop(walk, at, "has a name that is too long or not terminated");
	length = (size_t)(nul - text);
	if (!length)
		return bad_prop(walk, at, "has no name");
	if (!is_clean(text, length))
		return bad_prop(walk, at, "has a name with a character that names cannot have");
	if (walk->offset_count + NAME_FIXED >= (tree->names_mask + 1) / 2 && !grow_names(walk))
		return false;
	hash = sp_tree_hash(tree->seed, text, length);
	*index = sp_tree_name_find(tree, text, length, hash);
	if (*index == UINT32_MAX)
		*index = add_name(tree, text, length, hash);
	slot = sp_tree_hash_number(tree->seed, offset) & tree->names_mask;
	while (walk->offsets[slot].name)
		slot = (slot + 1) & tree->names_mask;
	walk->offsets[slot] = (struct name_offset){offset, *index + 1};
	walk->offset_count++;
	return true;
}

static bool find_name(struct walk *walk, uint32_t offset, uint32_t at, uint32_t *index) {
	uint32_t mask = walk->tree->names_mask;

	for (uint32_t slot = sp_tree_hash_number(walk->tree->seed, offset) & mask;
		walk->offsets[slot].name; slot = (slot + 1) & mask) {
		if (walk->offsets[slot].offset == offset) {
			*index = walk->offsets[slot].name - 1;
			return true;
		}
	}
	return new_name(walk, offset, at, index);
}

static bool take_phandle(struct walk *walk, const struct sp_prop *prop, uint32_t at) {
	struct sp_tree *tree = walk->tree;
	struct tree_node *node = &tree->nodes[walk->node];
	struct path_text path;
	uint32_t phandle;

	if (prop->len != 4)
		return sp_error_set(walk->error, SP_ERROR_INPUT, "%s: %s is %u bytes long, not 4",
			path_of(tree, walk->node, &path), prop->name, prop->len);
	phandle = sp_load_be32(prop->data);
	if (!phandle || phandle == UINT32_MAX)
		return sp_error_set(walk->error, SP_ERROR_INPUT, "%s: %s cannot be 0x%x",
			path_of(tree, walk->node, &path), prop->name, phandle);
	if (node->phandle && node->phandle != phandle)
		return bad_prop(walk, at, "contradicts the node's other phandle");
	if (!node->phandle)
		tree->phandle_count++;
	node->phandle = phandle;
	if (phandle > tree->max_phandle)
		tree->max_phandle = phandle;
	return true;
}

static void take_status(struct walk *walk, const struct sp_prop *prop) {
	const char *status = sp_prop_string(prop, 0);

	if (!status || (strcmp(status, "okay") && strcmp(status, "ok")))
		walk->tree->nodes[walk->node].flags |= NODE_UNAVAILABLE | NODE_DISABLED;
}

static bool take_prop(struct walk *walk, uint32_t at) {
	struct sp_tree *tree = walk->tree;
	struct path_text path;
	struct sp_prop *prop;
	uint32_t left, len, index = 0;

	if (!walk->depth)
		return broken(walk, at, "property outside of any node");
	if (walk->closed_child)
		return bad_prop(walk, at, "follows a subnode");
	if (walk->end - walk->at < 8)
		return bad_prop(walk, at, "is cut short");
	len = sp_load_be32(tree->blob + walk->at);
	if (!find_name(walk, sp_load_be32(tree->blob + walk->at + 4), at, &index))
		return false;
	walk->at += 8;
	left = walk->end - walk->at;
	if (len > left || ((len + 3) & ~3u) > left)
		return bad_prop(walk, at, "is longer than what is left of the structure block");
	if (tree->names[index].last_node == walk->node)
		return sp_error_set(walk->error, SP_ERROR_INPUT, "%s: there are two properties %s",
			path_of(tree, walk->node, &path), tree->names[index].text);
	tree->names[index].last_node = walk->node;
	prop = &tree->props[tree->prop_count++];
	*prop = (struct sp_prop){tree->names[index].text, tree->blob + walk->at, len};
	walk->at += (len + 3) & ~3u;
	if (index == NAME_PHANDLE || index == NAME_LINUX_PHANDLE)
		return take_phandle(walk, prop, at);
	if (index == NAME_STATUS)
		take_status(walk, prop);
	return true;
}

static bool open_node(struct walk *walk, uint32_t at) {
	struct sp_tree *tree = walk->tree;
	const char *name = (const char *)tree->blob + walk->at, *nul;
	uint32_t left = walk->end - walk->at, padded;
	struct path_text path;
	struct tree_node *node;
	size_t length;

	if (!walk->depth && tree->count)
		return broken(walk, at, "second root node");
	nul = left ? memchr(name, '\0', left <= MAX_NAME ? left : MAX_NAME + 1) : NULL;
	if (!nul)
		return broken(walk, at, "node name is too long or not terminated");
	length = (size_t)(nul - name);
	padded = ((uint32_t)length + 4) & ~3u;
	if (padded > left)
		return broken(walk, at, "node name is cut short");
	if (walk->depth == SP_TREE_MAX_DEPTH)
		return sp_error_set(walk->error, SP_ERROR_INPUT,
			"%s: nodes are nested deeper than %d", path_of(tree, walk->node, &path),
			SP_TREE_MAX_DEPTH);
	if (tree->count ? !length : length)
		return broken(
			walk, at, length ? "the root node has a name" : "node without a name");
	if (!is_clean(name, length))
		return broken(walk, at, "node name with a character that names cannot have");
	node = &tree->nodes[tree->count];
	node->name = name;
	node->parent = walk->depth ? walk->node : SP_NODE_NONE;
	node->end = 0;
	node->first_prop = tree->prop_count;
	node->phandle = 0;
	node->hash = sp_tree_hash_child(tree->seed, node->parent, name, length);
	node->flags = walk->depth ? tree->nodes[walk->node].flags & NODE_DISABLED : 0;
	walk->at += padded;
	walk->node = tree->count++;
	walk->depth++;
	walk->closed_child = false;
	return true;
}

static bool close_node(struct walk *walk, uint32_t at) {
	struct tree_node *node;

	if (!walk->depth)
		return broken(walk, at, "end of a node outside of any node");
	node = &walk->tree->nodes[walk->node];
	node->end = walk->tree->count;
	walk->node = node->parent;
	walk->depth--;
	walk->closed_child = true;
	return true;
}

/* fdt_next_tag() checks each tag against the header anew, which took most of the time here. */
static bool walk_structure(struct walk *walk) {
	struct sp_tree *tree = walk->tree;

	while (walk->end - walk->at >= FDT_TAGSIZE) {
		uint32_t at = walk->at, tag = sp_load_be32(tree->blob + at);
		bool good = true;

		walk->at += FDT_TAGSIZE;
		if (tag == FDT_PROP)
			good = take_prop(walk, at);
		else if (tag == FDT_BEGIN_NODE)
			good = open_node(walk, at);
		else if (tag == FDT_END_NODE)
			good = close_node(walk, at);
		else if (tag == FDT_END) {
			if (walk->depth)
				return broken(walk, at, "the tree ends inside a node");
			if (!tree->count)
				return broken(walk, at, "the tree has no root node");
			tree->nodes[tree->count].first_prop = tree->prop_count;
			return true;
		} else if (tag != FDT_NOP)
			return sp_error_set(walk->error, SP_ERROR_INPUT,
				"offset 0x%x: unknown tag 0x%x", at, tag);
		if (!good)
			return false;
	}
	return broken(walk, walk->at, "the structure block ends without an end tag");
}

/* A mask for a hash table that is to hold `count` numbers. */
static uint32_t table_mask(uint32_t count) {
	uint32_t capacity = 8;

	while (capacity / 2 < count)
		capacity *= 2;
	return capacity - 1;
}

static bool index_children(struct sp_tree *tree, struct sp_error *error) {
	uint32_t mask = table_mask(tree->count - 1);
	struct path_text path;

	tree->children_mask = mask;
	tree->children = calloc((size_t)mask + 1, sizeof(*tree->children));
	if (!tree->children)
		return sp_error_memory(error);
	for (sp_node i = 1; i < tree->count; i++) {
		const struct tree_node *node = &tree->nodes[i];
		uint32_t slot = node->hash & mask;

		for (; tree->children[slot]; slot = (slot + 1) & mask) {
			const struct tree_node *other = &tree->nodes[tree->children[slot] - 1];

			if (other->hash == node->hash && other->parent == node->parent &&
				!strcmp(other->name, node->name))
				return sp_error_set(error, SP_ERROR_INPUT,
					"%s: there are two nodes of this name",
					path_of(tree, i, &path));
		}
		tree->children[slot] = i + 1;
	}
	return true;
}

static bool index_wide_nodes(struct sp_tree *tree, struct sp_error *error) {
	uint32_t count = 0;

	for (sp_node i = 0; i < tree->count; i++) {
		uint32_t props = tree->nodes[i + 1].first_prop - tree->nodes[i].first_prop;

		count += props > TREE_FEW_PROPS ? props : 0;
	}
	if (!count)
		return true;
	tree->wide_mask = table_mask(count);
	tree->wide_props = calloc((size_t)tree->wide_mask + 1, sizeof(*tree->wide_props));
	if (!tree->wide_props)
		return sp_error_memory(error);
	for (sp_node i = 0; i < tree->count; i++) {
		uint32_t first = tree->nodes[i].first_prop, end = tree->nodes[i + 1].first_prop;

		for (uint32_t prop = first; end - first > TREE_FEW_PROPS && prop < end; prop++) {
			uint32_t slot = sp_tree_hash_prop(tree->seed, i, tree->props[prop].name) &
				tree->wide_mask;

			while (tree->wide_props[slot])
				slot = (slot + 1) & tree->wide_mask;
			tree->wide_props[slot] = prop + 1;
		}
	}
	return true;
}

static bool index_phandles(struct sp_tree *tree, struct sp_error *error) {
	uint32_t mask = table_mask(tree->phandle_count);
	struct path_text path, other_path;

	tree->phandles_mask = mask;
	tree->by_phandle = calloc((size_t)mask + 1, sizeof(*tree->by_phandle));
	if (!tree->by_phandle)
		return sp_error_memory(error);
	for (sp_node i = 0; i < tree->count; i++) {
		uint32_t phandle = tree->nodes[i].phandle, slot;

		if (!phandle)
			continue;
		slot = sp_tree_hash_number(tree->seed, phandle) & mask;
		for (; tree->by_phandle[slot]; slot = (slot + 1) & mask) {
			sp_node other = tree->by_phandle[slot] - 1;

			if (tree->nodes[other].phandle == phandle)
				return sp_error_set(error, SP_ERROR_INPUT,
					"%s and %s have the same phandle 0x%x",
					path_of(tree, other, &other_path), path_of(tree, i, &path),
					phandle);
		}
		tree->by_phandle[slot] = i + 1;
	}
	return true;
}

static bool check_reservations(struct walk *walk) {
	static const uint8_t zero[sizeof(struct fdt_reserve_entry)];
	const struct sp_tree *tree = walk->tree;
	uint32_t at = fdt_off_mem_rsvmap(tree->blob);

	for (; at <= tree->size && tree->size - at >= sizeof(zero); at += (uint32_t)sizeof(zero)) {
		if (!memcmp(tree->blob + at, zero, sizeof(zero))) {
			walk->reservations_end = at + (uint32_t)sizeof(zero);
			return true;
		}
	}
	return sp_error_set(walk->error, SP_ERROR_INPUT,
		"offset 0x%x: the memory reservation block has no end",
		fdt_off_mem_rsvmap(tree->blob));
}

/*
 * Each byte belongs to one block: a tree of which one block is part of another cannot be changed
 * without changing what it says elsewhere.
 */
static bool check_blocks(const struct walk *walk) {
	const void *blob = walk->tree->blob;
	const struct {
		const char *name;
		uint32_t start, end;
	} blocks[] = {
		{"header", 0, fdt_version(blob) >= 17 ? FDT_V17_SIZE : FDT_V16_SIZE},
		{"memory reservation block", fdt_off_mem_rsvmap(blob), walk->reservations_end},
		{"structure block", walk->start, fdt_version(blob) >= 17 ? walk->end : walk->at},
		{"strings block", fdt_off_dt_strings(blob),
			fdt_off_dt_strings(blob) + walk->strings_size},
	};

	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		for (size_t j = 0; j < i; j++) {
			if (blocks[i].start < blocks[j].end && blocks[j].start < blocks[i].end)
				return sp_error_set(walk->error, SP_ERROR_INPUT,
					"offset 0x%x: the %s overlaps the %s", blocks[i].start,
					blocks[i].name, blocks[j].name);
		}
	}
	return true;
}

static bool check_header(struct walk *walk, size_t size) {
	struct sp_tree *tree = walk->tree;
	const void *blob = tree->blob;
	uint32_t total, version, strings, room;
	int result;

	if (size >= FDT_TAGSIZE && fdt_magic(blob) != FDT_MAGIC)
		return sp_error_set(walk->error, SP_ERROR_INPUT,
			"not a flattened device tree: offset 0 has 0x%08x instead of 0x%08x",
			fdt_magic(blob), (unsigned)FDT_MAGIC);
	if (size < FDT_V16_SIZE)
		return sp_error_set(walk->error, SP_ERROR_INPUT,
			"cut short: %zu bytes are less than a header", size);
	total = fdt_totalsize(blob);
	version = fdt_version(blob);
	if (version < 16)
		return sp_error_set(walk->error, SP_ERROR_INPUT,
			"version %u of the flattened format is too old", version);
	if (total > size)
		return sp_error_set(walk->error, SP_ERROR_INPUT,
			"cut short: %zu of %u bytes are there", size, total);
	if (total > SP_TREE_MAX_BYTES)
		return sp_error_set(walk->error, SP_ERROR_INPUT, "%u bytes, %u can be read", total,
			SP_TREE_MAX_BYTES);
	result = fdt_check_header(blob);
	if (result)
		return sp_error_set(
			walk->error, SP_ERROR_INPUT, "bad header (%s)", fdt_strerror(result));
	tree->size = total;
	walk->start = walk->at = fdt_off_dt_struct(blob);
	strings = fdt_off_dt_strings(blob);
	walk->strings_size = fdt_size_dt_strings(blob);
	if (walk->start > total || walk->start % FDT_TAGSIZE)
		return broken(walk, walk->start, "the structure block cannot begin there");
	room = total - walk->start;
	if (version >= 17 && fdt_size_dt_struct(blob) > room)
		return broken(walk, walk->start, "the structure block is cut short");
	walk->end = version >= 17 ? walk->start + fdt_size_dt_struct(blob) : total;
	if (strings > total || walk->strings_size > total - strings)
		return broken(walk, strings, "the strings block is cut short");
	walk->strings = tree->blob + strings;
	return check_reservations(walk);
}

/* Gives back what the arrays do not need; they were made for the most that could come. */
static void shrink(struct sp_tree *tree) {
	void *nodes = realloc(tree->nodes, ((size_t)tree->count + 1) * sizeof(*tree->nodes));
	void *props = realloc(tree->props, ((size_t)tree->prop_count + 1) * sizeof(*tree->props));

	if (nodes)
		tree->nodes = nodes;
	if (props)
		tree->props = props;
}

static bool index_tree(struct walk *walk, size_t size) {
	struct sp_tree *tree = walk->tree;
	const void *random = (const void *)getauxval(AT_RANDOM);
	size_t nodes, props;

	if (random)
		memcpy(&tree->seed, random, sizeof(tree->seed));
	if (!check_header(walk, size))
		return false;
	/*
	 * The most that can come: a node is two tags, the second of which open nodes may lack, and
	 * its padded name; a property is a tag and two cells. Memory that stays untouched is cheap.
	 */
	props = (walk->end - walk->start) / (3 * FDT_TAGSIZE) + 1;
	nodes = props + SP_TREE_MAX_DEPTH + 1;
	tree->nodes = malloc(nodes * sizeof(*tree->nodes));
	tree->props = malloc(props * sizeof(*tree->props));
	if (!tree->nodes || !tree->props)
		return sp_error_memory(walk->error);
	if (!grow_names(walk))
		return false;
	add_fixed_names(tree);
	if (!walk_structure(walk) || !check_blocks(walk))
		return false;
	shrink(tree);
	return index_children(tree, walk->error) && index_phandles(tree, walk->error) &&
		index_wide_nodes(tree, walk->error);
}

bool sp_tree_adopt(struct sp_tree **tree, void *blob, size_t size, struct sp_error *error) {
	struct walk walk = {.error = error, .tree = calloc(1, sizeof(struct sp_tree))};
	bool good;

	*tree = NULL;
	if (!walk.tree) {
		free(blob);
		return sp_error_memory(error);
	}
	walk.tree->blob = blob;
	good = index_tree(&walk, size);
	free(walk.offsets);
	if (good)
		*tree = walk.tree;
	else
		sp_tree_destroy(walk.tree);
	return good;
}
