/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <libfdt.h>
#include <string.h>

#include "findings.h"

/* Room for the properties that a test adds to a tree. */
#define SLACK (3u << 20)

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static void rename_all(char *blob, size_t size, const char *from, const char *to) {
	size_t length = strlen(from);
	bool found = false;

	assert_int_equal(strlen(to), length);
	for (char *at; (at = memmem(blob, size, from, length)) != NULL; found = true)
		memcpy(at, to, length);
	if (!found)
		fail_msg("the fixture has no name %s", from);
}

static void set_cells(char *blob, int node, const char *name, const char *numbers) {
	fdt32_t cells[64];
	size_t count = 0;
	char *end;

	for (const char *at = numbers; *at; at = end) {
		assert_true(count < LENGTH(cells));
		cells[count++] = cpu_to_fdt32((uint32_t)strtoul(at, &end, 0));
		assert_true(end != at);
	}
	assert_int_equal(fdt_setprop(blob, node, name, cells, (int)(count * sizeof(cells[0]))), 0);
}

static void apply(char *blob, size_t size, const struct change *change) {
	int node;

	if (!change->node) {
		rename_all(blob, size, change->property, change->value);
		return;
	}
	node = fdt_path_offset(blob, change->node);
	if (node < 0)
		fail_msg("the fixture has no %s", change->node);
	if (!change->value) {
		if (fdt_delprop(blob, node, change->property) != 0)
			fail_msg("%s has no %s", change->node, change->property);
	} else if (change->value[0] == '"') {
		const char *text = change->value + 1;

		assert_int_equal(
			fdt_setprop(blob, node, change->property, text, (int)strlen(text) + 1), 0);
	} else if (change->value[0] == '*') {
		int length = atoi(change->value + 1);
		void *bytes;

		assert_int_equal(
			fdt_setprop_placeholder(blob, node, change->property, length, &bytes), 0);
		memset(bytes, 0, (size_t)length);
	} else {
		set_cells(blob, node, change->property, change->value);
	}
}

struct sp_tree *load_changed(const char *name, const struct change *changes, size_t count) {
	struct sp_tree *original = load_fixture(name), *tree = NULL;
	struct sp_error error;
	uint32_t size;
	const void *blob = sp_tree_blob(original, &size);
	char *copy = malloc(size + SLACK);

	assert_non_null(copy);
	assert_int_equal(fdt_open_into(blob, copy, (int)(size + SLACK)), 0);
	for (size_t i = 0; i < count && changes[i].property; i++)
		apply(copy, size + SLACK, &changes[i]);
	assert_int_equal(fdt_pack(copy), 0);
	if (!sp_tree_parse(&tree, copy, fdt_totalsize(copy), &error))
		fail_msg("%s: %s", name, error.message);
	free(copy);
	sp_tree_destroy(original);
	return tree;
}
