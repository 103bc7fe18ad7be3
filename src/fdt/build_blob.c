/* SPDX-License-Identifier: MIT */
#include "fdt/build.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/hash.h"

/* The flattened format, version 17: Devicetree Specification 0.4, chapter 5. */
#define FDT_MAGIC 0xd00dfeedu
enum {
	FDT_VERSION = 17,
	FDT_LAST_COMPATIBLE = 16,
	FDT_BEGIN_NODE = 1,
	FDT_END_NODE = 2,
	FDT_PROP = 3,
	FDT_END = 9,
	HEADER_SIZE = 40,
	RESERVE_ENTRY_SIZE = 16,
};

struct writer {
	struct sp_buf *out;
	struct sp_buf strings;
	/* The strings' offsets plus one, 0 for a free slot. Small trees stay within `few`. */
	uint32_t *slots;
	uint32_t mask, used;
	uint32_t few[256];
	bool failed;
};

static uint32_t free_slot(const struct writer *writer, const char *name) {
	uint32_t slot = sp_hash_str(name) & writer->mask;

	while (writer->slots[slot])
		slot = (slot + 1) & writer->mask;
	return slot;
}

static bool grow_slots(struct writer *writer) {
	uint32_t *old = writer->slots, old_mask = writer->mask;
	uint32_t *slots = calloc((size_t)(old_mask + 1) * 2, sizeof(*slots));

	if (!slots)
		return false;
	writer->slots = slots;
	writer->mask = old_mask * 2 + 1;
	for (uint32_t i = 0; i <= old_mask; i++) {
		if (old[i])
			slots[free_slot(writer, writer->strings.data + old[i] - 1)] = old[i];
	}
	if (old != writer->few)
		free(old);
	return true;
}

/* The offset of a property's name among the strings, where it is added if it is new. */
static uint32_t string_offset(struct writer *writer, const char *name) {
	size_t offset = writer->strings.size;
	uint32_t slot;

	for (slot = sp_hash_str(name) & writer->mask; writer->slots[slot];
		slot = (slot + 1) & writer->mask) {
		if (sp_same_name(writer->strings.data + writer->slots[slot] - 1, name))
			return writer->slots[slot] - 1;
	}
	if (writer->used > writer->mask / 2) {
		if (!grow_slots(writer)) {
			writer->failed = true;
			return 0;
		}
		slot = free_slot(writer, name);
	}
	sp_buf_put(&writer->strings, name, strlen(name) + 1);
	if (writer->strings.failed || offset >= SP_TREE_MAX_BYTES) {
		writer->failed = true;
		return 0;
	}
	writer->slots[slot] = (uint32_t)offset + 1;
	writer->used++;
	return (uint32_t)offset;
}

static void write_begin(struct writer *writer, const char *name) {
	size_t size = strlen(name) + 1;

	sp_buf_be32(writer->out, FDT_BEGIN_NODE);
	sp_buf_put(writer->out, name, size);
	sp_buf_fill(writer->out, 0, (4 - size % 4) % 4);
}

static void write_prop_head(struct writer *writer, const char *name, uint32_t len) {
	uint8_t head[12];

	sp_store_be32(head, FDT_PROP);
	sp_store_be32(head + 4, len);
	sp_store_be32(head + 8, string_offset(writer, name));
	sp_buf_put(writer->out, head, sizeof(head));
}

static void write_phandle(struct writer *writer, const struct sp_build_node *node) {
	if (!node->phandle)
		return;
	write_prop_head(writer, "phandle", 4);
	sp_buf_be32(writer->out, node->phandle);
}

static void write_props(struct writer *writer, const struct sp_build_node *node) {
	bool with_phandle = false;

	for (const struct sp_build_prop *prop = node->props; prop; prop = prop->next) {
		if (sp_same_name(prop->name, "phandle")) {
			with_phandle = true;
			write_phandle(writer, node);
			continue;
		}
		write_prop_head(writer, prop->name, prop->len);
		if (prop->len)
			sp_buf_put(writer->out, prop->data, prop->len);
		sp_buf_fill(writer->out, 0, (4 - prop->len % 4) % 4);
	}
	if (!with_phandle)
		write_phandle(writer, node);
}

/* The offsets of the references in the node's properties. */
static void write_reference_offsets(struct writer *writer, const struct sp_build_node *node) {
	for (const struct sp_build_prop *prop = node->props; prop; prop = prop->next) {
		uint32_t count = 0;

		for (const struct sp_build_ref *ref = prop->refs; ref; ref = ref->next)
			count++;
		if (!count)
			continue;
		write_prop_head(writer, prop->name, count * 4);
		for (const struct sp_build_ref *ref = prop->refs; ref; ref = ref->next)
			sp_buf_be32(writer->out, ref->offset);
	}
}

static bool has_references(const struct sp_build_node *node) {
	for (const struct sp_build_prop *prop = node->props; prop; prop = prop->next) {
		if (prop->refs)
			return true;
	}
	return false;
}

/* Opens the fixup nodes from below `open`, an ancestor of the node or NULL, down to the node's. */
static void open_fixups(
	struct writer *writer, const struct sp_build_node *open, const struct sp_build_node *node) {
	if (node == open)
		return;
	if (node->parent)
		open_fixups(writer, open, node->parent);
	write_begin(writer, node->parent ? node->name : "__local_fixups__");
}

/* Only nodes with references, and their ancestors, have a counterpart among the fixups. */
static void write_local_fixups(struct writer *writer, const struct sp_build_node *root) {
	const struct sp_build_node *node = root, *open = NULL;

	while (node) {
		if (has_references(node)) {
			open_fixups(writer, open, node);
			open = node;
			write_reference_offsets(writer, node);
		}
		if (node->children) {
			node = node->children;
			continue;
		}
		while (node) {
			if (node == open) {
				sp_buf_be32(writer->out, FDT_END_NODE);
				open = node->parent;
			}
			if (node->next) {
				node = node->next;
				break;
			}
			node = node->parent;
		}
	}
}

static void write_structure(
	struct writer *writer, const struct sp_build_node *root, bool local_fixups) {
	const struct sp_build_node *node = root;

	while (node) {
		write_begin(writer, node->name);
		write_props(writer, node);
		if (node->children) {
			node = node->children;
			continue;
		}
		while (node) {
			if (node == root && local_fixups)
				write_local_fixups(writer, root);
			sp_buf_be32(writer->out, FDT_END_NODE);
			if (node->next) {
				node = node->next;
				break;
			}
			node = node->parent;
		}
	}
	sp_buf_be32(writer->out, FDT_END);
}

bool sp_build_flatten(const struct sp_build *build, bool local_fixups, struct sp_buf *out,
	struct sp_error *error) {
	struct writer writer = {.out = out};
	size_t start = out->size, structure_size, strings_size, total;
	bool failed;

	if (build->arena->failed || !build->root)
		return sp_error_memory(error);
	writer.slots = writer.few;
	writer.mask = sizeof(writer.few) / sizeof(writer.few[0]) - 1;
	sp_buf_fill(out, 0, HEADER_SIZE + RESERVE_ENTRY_SIZE);
	write_structure(&writer, build->root, local_fixups);
	structure_size = out->size - start - HEADER_SIZE - RESERVE_ENTRY_SIZE;
	strings_size = writer.strings.size;
	if (strings_size)
		sp_buf_put(out, writer.strings.data, strings_size);
	failed = writer.failed || writer.strings.failed || out->failed;
	sp_buf_release(&writer.strings);
	if (writer.slots != writer.few)
		free(writer.slots);
	if (failed)
		return sp_error_memory(error);

	total = out->size - start;
	if (total > SP_TREE_MAX_BYTES)
		return sp_error_set(error, SP_ERROR_INPUT,
			"the flattened tree would be larger than %u bytes", SP_TREE_MAX_BYTES);
	const uint32_t header[] = {
		FDT_MAGIC,
		(uint32_t)total,
		HEADER_SIZE + RESERVE_ENTRY_SIZE,
		(uint32_t)(HEADER_SIZE + RESERVE_ENTRY_SIZE + structure_size),
		HEADER_SIZE,
		FDT_VERSION,
		FDT_LAST_COMPATIBLE,
		0, /* the processor that boots */
		(uint32_t)strings_size,
		(uint32_t)structure_size,
	};
	for (size_t i = 0; i < sizeof(header) / sizeof(header[0]); i++)
		sp_store_be32((uint8_t *)out->data + start + 4 * i, header[i]);
	return true;
}
