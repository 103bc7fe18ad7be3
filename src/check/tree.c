/* SPDX-License-Identifier: MIT */
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "check/check.h"
#include "plan/rules.h"

/* Paths of trees that people write are much shorter. */
#define MAX_PATH 4096u

/*
 * check_partial_fdt() of tools/libs/light/libxl_arm.c, which dom0less has too. What it lets pass is
 * then walked through by libfdt, node by node.
 */
static const char *format_trouble(const char *data, size_t size, size_t room) {
	if (size < FDT_V1_SIZE || sp_load_be32((const uint8_t *)data) != FDT_MAGIC)
		return "Partial FDT is not a valid Flat Device Tree";
	if (size < sizeof(struct fdt_header) || fdt_check_header(data) != 0)
		return "Failed to check the partial FDT";
	if (fdt_totalsize(data) > size || fdt_totalsize(data) > room)
		return "Partial FDT totalsize is too big";
	return NULL;
}

static int compare_numbers(const void *left, const void *right) {
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
	return a < b ? -1 : a > b;
}

static bool is_phandle(const char *name) {
	return strcmp(name, "phandle") == 0 || strcmp(name, "linux,phandle") == 0;
}

/* Tells phandles that two nodes have, and gives the later one a number of its own, so that the rest
 * of the tree can be read. True if there were any. */
static bool part_phandles(struct sp_check *check, const struct sp_check_guest *guest, char *data) {
	SP_VEC(uint64_t) found = {0}; /* the phandle above the node's place */
	uint32_t highest = 0;
	bool parted = false;

	for (int node = fdt_next_node(data, -1, NULL); node >= 0;
		node = fdt_next_node(data, node, NULL)) {
		uint32_t phandle = fdt_get_phandle(data, node);
		uint64_t *slot = phandle != 0 ? sp_vec_push(&check->arena, &found) : NULL;
		if (slot != NULL)
			*slot = (uint64_t)phandle << 32 | (uint32_t)node;
		if (phandle != UINT32_MAX && phandle > highest)
			highest = phandle;
	}
	if (found.count > 0)
		qsort(found.data, found.count, sizeof(*found.data), compare_numbers);
	for (uint32_t i = 1; i < found.count; i++) {
		uint32_t phandle = (uint32_t)(found.data[i] >> 32);
		int node = (int)(uint32_t)found.data[i], prop;
		char path[256] = "";
		if (phandle != (uint32_t)(found.data[i - 1] >> 32))
			continue;
		if (highest >= UINT32_MAX - 1)
			return false;
		highest++;
		/* The search for a path begins at the root each time. */
		if (!parted && fdt_get_path(data, node, path, sizeof(path)) != 0)
			path[0] = '\0';
		if (!parted)
			sp_check_add(check, guest, SP_CODE_PARTIAL_PHANDLE_TWICE,
				(struct sp_check_place){.file = guest->tree_file,
					.path = path[0] != '\0'
						? sp_arena_strdup(&check->arena, path)
						: NULL},
				"its phandle 0x%x is also that of another node", phandle);
		parted = true;
		for (prop = fdt_first_property_offset(data, node); prop >= 0;
			prop = fdt_next_property_offset(data, prop)) {
			const char *name;
			int length;
			char *value = (char *)(uintptr_t)fdt_getprop_by_offset(
				data, prop, &name, &length);
			if (value != NULL && length == 4 && is_phandle(name))
				sp_store_be32((uint8_t *)value, highest);
		}
	}
	return parted;
}

static void check_size(struct sp_check *check, const struct sp_check_guest *guest, uint32_t size) {
	uint32_t whole;

	if (size >= sp_guest_tree_room(guest->mode, check->target, &whole))
		sp_check_add(check, guest, SP_CODE_TREE_TOO_LARGE,
			(struct sp_check_place){.file = guest->tree_file},
			"it has %u bytes, and %s of %s has %u for the whole tree", size,
			guest->mode == SP_MODE_XL ? "libxl" : "Xen", sp_target_name(check->target),
			whole);
}

/* Names so long that their paths could not all be told. */
static uint32_t longest_path(struct sp_check *check, const struct sp_tree *tree) {
	uint32_t count = sp_tree_count(tree);
	uint32_t *lengths = sp_arena_array(&check->arena, count, sizeof(*lengths));
	uint32_t longest = 0;

	for (sp_node node = 1; lengths != NULL && node < count; node++) {
		lengths[node] = lengths[sp_tree_parent(tree, node)] + 1 +
			(uint32_t)strlen(sp_tree_name(tree, node));
		if (lengths[node] > longest)
			longest = lengths[node];
	}
	return longest;
}

void sp_check_take_tree(struct sp_check *check, struct sp_check_guest *guest, const char *name,
	char *data, size_t size, size_t room) {
	struct sp_check_place place = {.file = name};
	struct sp_error error = {0};
	const char *trouble = format_trouble(data, size, room);

	if (trouble == NULL && fdt_check_full(data, size) != 0)
		trouble = "libfdt cannot read it to its end";
	if (trouble != NULL) {
		sp_check_add(check, guest, SP_CODE_PARTIAL_FORMAT, place,
			"it is no flattened device tree that Xen takes: \"%s\"", trouble);
		free(data);
		return;
	}
	check_size(check, guest, fdt_totalsize(data));
	bool read = sp_tree_parse(&guest->tree, data, size, &error);
	if (!read && part_phandles(check, guest, data))
		read = sp_tree_parse(&guest->tree, data, size, &error);
	free(data);
	if (read) {
		uint32_t length = longest_path(check, guest->tree);
		if (length <= MAX_PATH)
			return;
		sp_error_set(&error, SP_ERROR_INPUT, "a node's path has %u bytes, more than %u",
			length, MAX_PATH);
		sp_tree_destroy(guest->tree);
		guest->tree = NULL;
	}
	check->arena.failed |= error.kind == SP_ERROR_MEMORY;
	sp_check_add(check, guest, SP_CODE_PARTIAL_UNREADABLE, place,
		"%s; nothing more is said of this tree", error.message);
}
