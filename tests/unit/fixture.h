/* SPDX-License-Identifier: MIT */
#ifndef SP_UNIT_FIXTURE_H
#define SP_UNIT_FIXTURE_H

/* Includes what cmocka needs before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include <sallyport/tree.h>

/*
 * Loads NAME.dtb, which was compiled from tests/fixtures/unit/NAME.dts, from the folder of compiled
 * fixtures: $SP_FIXTURES, else the one that the build named.
 */
static inline struct sp_tree *load_fixture(const char *name) {
	const char *dir = getenv("SP_FIXTURES");
	struct sp_tree *tree = NULL;
	struct sp_error error;
	char path[4096];

#ifdef SP_FIXTURE_DIR
	if (!dir)
		dir = SP_FIXTURE_DIR;
#endif
	if (!dir)
		fail_msg("SP_FIXTURES is not set");
	snprintf(path, sizeof(path), "%s/%s.dtb", dir, name);
	if (!sp_tree_load(&tree, path, &error))
		fail_msg("%s", error.message);
	return tree;
}

/* A node that the test relies on. */
static inline sp_node fixture_node(const struct sp_tree *tree, const char *path) {
	sp_node node = sp_tree_find(tree, path);

	if (node == SP_NODE_NONE)
		fail_msg("the fixture has no %s", path);
	return node;
}

#endif
