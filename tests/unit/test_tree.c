/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sallyport/tree.h>

#include "base/buf.h"

/*
 * A tree written by hand, so that it can be wrong in any place. Property names go into the strings
 * block each time they are used.
 */
struct draft {
	struct sp_buf structure, strings;
	uint32_t version;
};

static void pad(struct sp_buf *buf) {
	while (buf->size % 4)
		sp_buf_char(buf, '\0');
}

static void begin(struct draft *draft, const char *name) {
	sp_buf_be32(&draft->structure, FDT_BEGIN_NODE);
	sp_buf_put(&draft->structure, name, strlen(name) + 1);
	pad(&draft->structure);
}

static void end(struct draft *draft) {
	sp_buf_be32(&draft->structure, FDT_END_NODE);
}

static void bytes(struct draft *draft, const char *name, const void *data, uint32_t len) {
	sp_buf_be32(&draft->structure, FDT_PROP);
	sp_buf_be32(&draft->structure, len);
	sp_buf_be32(&draft->structure, (uint32_t)draft->strings.size);
	sp_buf_put(&draft->structure, data, len);
	pad(&draft->structure);
	sp_buf_put(&draft->strings, name, strlen(name) + 1);
}

static void text(struct draft *draft, const char *name, const char *value) {
	bytes(draft, name, value, (uint32_t)strlen(value) + 1);
}

static void cell(struct draft *draft, const char *name, uint32_t value) {
	fdt32_t big = cpu_to_fdt32(value);

	bytes(draft, name, &big, sizeof(big));
}

/* Header, no reservations, structure, strings. Releases the draft's parts. */
static struct sp_buf finish(struct draft *draft) {
	uint32_t version = draft->version ? draft->version : 17;
	uint32_t structure = FDT_V17_SIZE + 16;
	uint32_t strings = structure + (uint32_t)draft->structure.size;
	struct sp_buf blob = {0};

	sp_buf_be32(&blob, FDT_MAGIC);
	sp_buf_be32(&blob, strings + (uint32_t)draft->strings.size);
	sp_buf_be32(&blob, structure);
	sp_buf_be32(&blob, strings);
	sp_buf_be32(&blob, FDT_V17_SIZE);
	sp_buf_be32(&blob, version);
	sp_buf_be32(&blob, version < 16 ? version : 16);
	sp_buf_be32(&blob, 0);
	sp_buf_be32(&blob, (uint32_t)draft->strings.size);
	sp_buf_be32(&blob, (uint32_t)draft->structure.size);
	sp_buf_fill(&blob, '\0', 16);
	sp_buf_put(&blob, draft->structure.data, draft->structure.size);
	sp_buf_put(&blob, draft->strings.data, draft->strings.size);
	assert_false(blob.failed);
	sp_buf_release(&draft->structure);
	sp_buf_release(&draft->strings);
	return blob;
}

static struct sp_buf finish_whole(struct draft *draft) {
	sp_buf_be32(&draft->structure, FDT_END);
	return finish(draft);
}

static struct sp_tree *parse(const struct sp_buf *blob) {
	struct sp_tree *tree;
	struct sp_error error;

	if (!sp_tree_parse(&tree, blob->data, blob->size, &error))
		fail_msg("%s", error.message);
	return tree;
}

/* Expects the draft, which lacks its end tag, to be refused with a message that has `part`. */
static void refuse_blob(struct sp_buf blob, const char *part) {
	struct sp_tree *tree;
	struct sp_error error = {0};

	assert_false(sp_tree_parse(&tree, blob.data, blob.size, &error));
	assert_null(tree);
	assert_int_equal(error.kind, SP_ERROR_INPUT);
	if (!strstr(error.message, part))
		fail_msg("\"%s\" lacks \"%s\"", error.message, part);
	sp_buf_release(&blob);
}

static void refuse(struct draft *draft, const char *part) {
	refuse_blob(finish_whole(draft), part);
}

/*
 * / { compatible; aliases { gpu0 gpu1 bad loop }; soc { gpu@1000 { port { } } mem@0 mem@1
 * plain plain@5 off { inner } } }
 */
static struct sp_buf sample(void) {
	struct draft draft = {0};

	begin(&draft, "");
	bytes(&draft, "compatible", "acme,board\0acme,soc", 20);
	begin(&draft, "aliases");
	text(&draft, "gpu0", "/soc/gpu@1000");
	text(&draft, "loop", "loop");
	text(&draft, "gone", "/nowhere");
	bytes(&draft, "open", "/soc", 4);
	end(&draft);
	begin(&draft, "soc");
	cell(&draft, "#address-cells", 2);
	bytes(&draft, "empty", NULL, 0);
	begin(&draft, "gpu@1000");
	bytes(&draft, "compatible", "acme,gpu-2\0acme,gpu", 20);
	bytes(&draft, "reg", "\0\0\0\1\x23\x45\x67\x89\xff\xff\xff\xff\7\7", 14);
	cell(&draft, "phandle", 7);
	cell(&draft, "linux,phandle", 7);
	text(&draft, "status", "okay");
	begin(&draft, "port");
	end(&draft);
	end(&draft);
	sp_buf_be32(&draft.structure, FDT_NOP);
	begin(&draft, "mem@0");
	cell(&draft, "phandle", 0xfffffffe);
	text(&draft, "status", "ok");
	end(&draft);
	begin(&draft, "mem@1");
	bytes(&draft, "status", "okay", 4);
	end(&draft);
	begin(&draft, "plain");
	end(&draft);
	begin(&draft, "plain@5");
	end(&draft);
	begin(&draft, "off");
	text(&draft, "status", "disabled");
	begin(&draft, "inner");
	text(&draft, "status", "okay");
	end(&draft);
	end(&draft);
	end(&draft);
	end(&draft);
	return finish_whole(&draft);
}

static void nodes_are_linked(void **state) {
	struct sp_buf blob = sample();
	struct sp_tree *tree = parse(&blob);
	sp_node soc = sp_tree_find(tree, "/soc"), gpu = sp_tree_first_child(tree, soc);

	(void)state;
	assert_int_equal(sp_tree_count(tree), 11);
	assert_string_equal(sp_tree_name(tree, SP_NODE_ROOT), "");
	assert_string_equal(sp_tree_path(tree, SP_NODE_ROOT), "/");
	assert_int_equal(sp_tree_parent(tree, SP_NODE_ROOT), SP_NODE_NONE);
	assert_int_equal(sp_tree_next_sibling(tree, SP_NODE_ROOT), SP_NODE_NONE);
	assert_int_equal(sp_tree_end(tree, SP_NODE_ROOT), 11);
	assert_string_equal(sp_tree_name(tree, gpu), "gpu@1000");
	assert_string_equal(sp_tree_path(tree, gpu), "/soc/gpu@1000");
	assert_ptr_equal(sp_tree_path(tree, gpu), sp_tree_path(tree, gpu));
	assert_int_equal(sp_tree_parent(tree, gpu), soc);
	assert_int_equal(sp_tree_end(tree, gpu), gpu + 2);
	assert_string_equal(sp_tree_path(tree, gpu + 1), "/soc/gpu@1000/port");
	assert_int_equal(sp_tree_first_child(tree, gpu + 1), SP_NODE_NONE);
	assert_int_equal(sp_tree_next_sibling(tree, gpu + 1), SP_NODE_NONE);
	assert_string_equal(sp_tree_name(tree, sp_tree_next_sibling(tree, gpu)), "mem@0");
	assert_true(sp_tree_is_within(tree, gpu, soc));
	assert_true(sp_tree_is_within(tree, gpu, gpu));
	assert_false(sp_tree_is_within(tree, soc, gpu));
	assert_false(sp_tree_is_within(tree, gpu + 2, gpu));
	assert_int_equal(sp_tree_child(tree, soc, "gpu@1000"), gpu);
	assert_int_equal(sp_tree_child(tree, soc, "gpu"), SP_NODE_NONE);
	assert_int_equal(sp_tree_child(tree, soc, "port"), SP_NODE_NONE);
	sp_tree_destroy(tree);
	sp_tree_destroy(NULL);
	sp_buf_release(&blob);
}

static void check_find(const struct sp_tree *tree, const char *path, const char *found) {
	sp_node node = sp_tree_find(tree, path);

	if (!found) {
		assert_int_equal(node, SP_NODE_NONE);
		return;
	}
	if (node == SP_NODE_NONE)
		fail_msg("%s is not found", path);
	assert_string_equal(sp_tree_path(tree, node), found);
}

static void nodes_are_found(void **state) {
	struct sp_buf blob = sample();
	struct sp_tree *tree = parse(&blob);

	(void)state;
	check_find(tree, "/", "/");
	check_find(tree, "/soc/gpu@1000", "/soc/gpu@1000");
	check_find(tree, "//soc//gpu/port/", "/soc/gpu@1000/port");
	check_find(tree, "/soc/gpu@2000", NULL);
	check_find(tree, "/soc/gp", NULL);
	check_find(tree, "/soc/mem", NULL);
	check_find(tree, "/soc/mem@1", "/soc/mem@1");
	check_find(tree, "/soc/plain", "/soc/plain");
	check_find(tree, "/soc/off/none", NULL);
	check_find(tree, "gpu0", "/soc/gpu@1000");
	check_find(tree, "gpu0/port", "/soc/gpu@1000/port");
	check_find(tree, "gpu0/none", NULL);
	check_find(tree, "loop", NULL);
	check_find(tree, "gone", NULL);
	check_find(tree, "gone/x", NULL);
	check_find(tree, "open", NULL);
	check_find(tree, "soc", NULL);
	check_find(tree, "", NULL);
	sp_tree_destroy(tree);
	sp_buf_release(&blob);
}

static void phandles_are_found(void **state) {
	struct sp_buf blob = sample();
	struct sp_tree *tree = parse(&blob);

	(void)state;
	assert_int_equal(sp_tree_by_phandle(tree, 7), sp_tree_find(tree, "gpu0"));
	assert_int_equal(sp_tree_by_phandle(tree, 0xfffffffe), sp_tree_find(tree, "/soc/mem@0"));
	assert_int_equal(sp_tree_by_phandle(tree, 0), SP_NODE_NONE);
	assert_int_equal(sp_tree_by_phandle(tree, 8), SP_NODE_NONE);
	assert_int_equal(sp_tree_phandle(tree, sp_tree_find(tree, "gpu0")), 7);
	assert_int_equal(sp_tree_phandle(tree, SP_NODE_ROOT), 0);
	assert_int_equal(sp_tree_max_phandle(tree), 0xfffffffe);
	sp_tree_destroy(tree);
	sp_buf_release(&blob);
}

static void properties_are_read(void **state) {
	struct sp_buf blob = sample();
	struct sp_tree *tree = parse(&blob);
	sp_node soc = sp_tree_find(tree, "/soc"), gpu = sp_tree_find(tree, "gpu0");
	const struct sp_prop *reg = sp_tree_prop(tree, gpu, "reg"), *props;
	uint32_t count;

	(void)state;
	props = sp_tree_props(tree, gpu, &count);
	assert_int_equal(count, 5);
	assert_string_equal(props[0].name, "compatible");
	assert_string_equal(props[4].name, "status");
	assert_ptr_equal(reg, &props[1]);
	assert_null(sp_tree_prop(tree, soc, "reg"));
	assert_null(sp_tree_prop(tree, gpu, "nothing"));
	assert_null(sp_tree_prop(tree, gpu + 1, "reg"));
	sp_tree_props(tree, gpu + 1, &count);
	assert_int_equal(count, 0);
	assert_int_equal(sp_prop_cells(reg), 3);
	assert_int_equal(sp_prop_cell(reg, 1), 0x23456789);
	assert_int_equal(sp_prop_cell(reg, 3), 0);
	assert_int_equal(sp_prop_cell(reg, UINT32_MAX), 0);
	assert_true(sp_prop_number(reg, 0, 2) == UINT64_C(0x123456789));
	assert_true(sp_prop_number(reg, 2, 1) == 0xffffffff);
	assert_true(sp_prop_number(reg, 2, 0) == 0);
	assert_int_equal(sp_tree_u32(tree, soc, "#address-cells", 9), 2);
	assert_int_equal(sp_tree_u32(tree, soc, "#size-cells", 9), 9);
	assert_int_equal(sp_tree_u32(tree, gpu, "reg", 9), 9);
	assert_int_equal(sp_tree_u32(tree, soc, "empty", 9), 9);
	assert_string_equal(sp_prop_string(&props[0], 1), "acme,gpu");
	assert_null(sp_prop_string(&props[0], 2));
	assert_null(sp_prop_string(sp_tree_prop(tree, sp_tree_find(tree, "/aliases"), "open"), 0));
	assert_true(sp_tree_compatible(tree, gpu, "acme,gpu"));
	assert_true(sp_tree_compatible(tree, gpu, "acme,gpu-2"));
	assert_false(sp_tree_compatible(tree, gpu, "acme,gp"));
	assert_false(sp_tree_compatible(tree, gpu, ""));
	assert_false(sp_tree_compatible(tree, soc, "acme,gpu"));
	sp_tree_destroy(tree);
	sp_buf_release(&blob);
}

static void status_is_read(void **state) {
	struct sp_buf blob = sample();
	struct sp_tree *tree = parse(&blob);

	(void)state;
	assert_true(sp_tree_enabled(tree, SP_NODE_ROOT));
	assert_true(sp_tree_enabled(tree, sp_tree_find(tree, "gpu0/port")));
	assert_true(sp_tree_available(tree, sp_tree_find(tree, "/soc/mem@0")));
	assert_false(sp_tree_available(tree, sp_tree_find(tree, "/soc/mem@1")));
	assert_false(sp_tree_available(tree, sp_tree_find(tree, "/soc/off")));
	assert_false(sp_tree_enabled(tree, sp_tree_find(tree, "/soc/off")));
	assert_true(sp_tree_available(tree, sp_tree_find(tree, "/soc/off/inner")));
	assert_false(sp_tree_enabled(tree, sp_tree_find(tree, "/soc/off/inner")));
	sp_tree_destroy(tree);
	sp_buf_release(&blob);
}

static void bytes_behind_the_tree_are_ignored(void **state) {
	struct sp_buf blob = sample();
	uint32_t size;
	size_t whole = blob.size;
	struct sp_tree *tree;

	(void)state;
	sp_buf_fill(&blob, 'x', 1000);
	tree = parse(&blob);
	assert_memory_equal(sp_tree_blob(tree, &size), blob.data, whole);
	assert_int_equal(size, whole);
	sp_tree_destroy(tree);
	sp_buf_release(&blob);
}

static void version_16_has_no_structure_size(void **state) {
	struct draft draft = {.version = 16};
	struct sp_buf blob;
	struct sp_tree *tree;

	(void)state;
	begin(&draft, "");
	cell(&draft, "a", 1);
	end(&draft);
	blob = finish_whole(&draft);
	memset(blob.data + 36, 0xff, 4);
	tree = parse(&blob);
	assert_int_equal(sp_tree_u32(tree, SP_NODE_ROOT, "a", 0), 1);
	sp_tree_destroy(tree);
	sp_buf_release(&blob);
}

static void set_word(struct sp_buf *blob, uint32_t offset, uint32_t value) {
	fdt32_t big = cpu_to_fdt32(value);

	memcpy(blob->data + offset, &big, sizeof(big));
}

static void headers_are_checked(void **state) {
	static const struct {
		uint32_t offset, value;
		const char *part;
	} cases[] = {
		{0, 0xd00dfeee, "not a flattened device tree"},
		{4, 0x7fffffff, "cut short"},
		{4, 39, "bad header"},
		{8, 58, "cannot begin there"},
		{8, 0xfffffff0, "bad header"},
		{12, 0xfffffff0, "bad header"},
		{16, 0xfffffff0, "bad header"},
		{16, 56, "no end"},
		{20, 15, "version 15"},
		{24, 18, "bad header"},
		{32, 0x7fffffff, "bad header"},
		{36, 0x7fffffff, "bad header"},
		{36, 8, "structure block ends"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct sp_buf blob = sample();

		set_word(&blob, cases[i].offset, cases[i].value);
		refuse_blob(blob, cases[i].part);
	}
}

/* A reservation block that lies in a property's value, which is all zeros. */
static void blocks_do_not_overlap(void **state) {
	static const uint8_t zeros[32];
	char blob[512];
	struct sp_tree *tree;
	struct sp_error error = {0};

	(void)state;
	assert_int_equal(fdt_create(blob, sizeof(blob)), 0);
	assert_int_equal(fdt_finish_reservemap(blob), 0);
	assert_int_equal(fdt_begin_node(blob, ""), 0);
	assert_int_equal(fdt_property(blob, "zeros", zeros, sizeof(zeros)), 0);
	assert_int_equal(fdt_end_node(blob), 0);
	assert_int_equal(fdt_finish(blob), 0);
	assert_true(sp_tree_parse(&tree, blob, fdt_totalsize(blob), &error));
	sp_tree_destroy(tree);

	uint32_t value = (fdt_off_dt_struct(blob) + 20 + 7) & ~7u;
	fdt_set_off_mem_rsvmap(blob, value);
	assert_false(sp_tree_parse(&tree, blob, fdt_totalsize(blob), &error));
	assert_int_equal(error.kind, SP_ERROR_INPUT);
	assert_non_null(strstr(error.message, "overlaps the memory reservation block"));
}

static void structure_is_checked(void **state) {
	struct draft draft = {0};

	(void)state;
	refuse(&draft, "no root");
	draft = (struct draft){0};
	begin(&draft, "");
	refuse(&draft, "inside a node");
	draft = (struct draft){0};
	begin(&draft, "");
	end(&draft);
	refuse_blob(finish(&draft), "without an end tag");
	draft = (struct draft){0};
	begin(&draft, "");
	end(&draft);
	end(&draft);
	refuse(&draft, "outside of any node");
	draft = (struct draft){0};
	begin(&draft, "");
	end(&draft);
	begin(&draft, "");
	end(&draft);
	refuse(&draft, "offset 0x44: second root");
	draft = (struct draft){0};
	cell(&draft, "a", 1);
	refuse(&draft, "outside of any node");
	draft = (struct draft){0};
	begin(&draft, "");
	sp_buf_be32(&draft.structure, 5);
	refuse(&draft, "offset 0x40: unknown tag 0x5");
	draft = (struct draft){0};
	begin(&draft, "");
	begin(&draft, "a");
	end(&draft);
	cell(&draft, "late", 1);
	end(&draft);
	refuse(&draft, "follows a subnode");
	draft = (struct draft){0};
	begin(&draft, "");
	sp_buf_be32(&draft.structure, FDT_PROP);
	sp_buf_be32(&draft.structure, 0xfffffffe);
	sp_buf_be32(&draft.structure, 0);
	sp_buf_str(&draft.strings, "a");
	sp_buf_char(&draft.strings, '\0');
	refuse(&draft, "longer than what is left");
}

static void names_are_checked(void **state) {
	static const char *const bad[] = {"a/b", "a b", "a\n", "\x7f", "a\xc3\xa9"};
	struct draft draft;
	char long_name[300];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		draft = (struct draft){0};
		begin(&draft, "");
		begin(&draft, bad[i]);
		end(&draft);
		end(&draft);
		refuse(&draft, "character");
		draft = (struct draft){0};
		begin(&draft, "");
		cell(&draft, bad[i], 1);
		end(&draft);
		refuse(&draft, "character");
	}
	memset(long_name, 'a', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	draft = (struct draft){0};
	begin(&draft, "");
	begin(&draft, long_name);
	end(&draft);
	end(&draft);
	refuse(&draft, "too long");
	draft = (struct draft){0};
	begin(&draft, "");
	cell(&draft, long_name, 1);
	end(&draft);
	refuse(&draft, "too long");
	draft = (struct draft){0};
	begin(&draft, "");
	begin(&draft, "");
	end(&draft);
	end(&draft);
	refuse(&draft, "without a name");
	draft = (struct draft){0};
	begin(&draft, "root");
	end(&draft);
	refuse(&draft, "root node has a name");
	draft = (struct draft){0};
	begin(&draft, "");
	cell(&draft, "", 1);
	end(&draft);
	refuse(&draft, "no name");
	draft = (struct draft){0};
	begin(&draft, "");
	cell(&draft, "a", 1);
	end(&draft);
	draft.strings.size--;
	refuse(&draft, "not terminated");
	draft = (struct draft){0};
	begin(&draft, "");
	cell(&draft, "a", 1);
	end(&draft);
	draft.strings.size = 0;
	refuse(&draft, "outside of the strings block");
}

static void duplicates_are_refused(void **state) {
	struct draft draft = {0};

	(void)state;
	begin(&draft, "");
	begin(&draft, "soc");
	begin(&draft, "a@1");
	end(&draft);
	begin(&draft, "b");
	end(&draft);
	begin(&draft, "a@1");
	end(&draft);
	end(&draft);
	end(&draft);
	refuse(&draft, "/soc/a@1: there are two nodes");
	draft = (struct draft){0};
	begin(&draft, "");
	begin(&draft, "soc");
	cell(&draft, "reg", 1); /* each use has its own place in the strings block */
	cell(&draft, "ranges", 1);
	cell(&draft, "reg", 1);
	end(&draft);
	end(&draft);
	refuse(&draft, "/soc: there are two properties reg");
	draft = (struct draft){0};
	begin(&draft, "");
	begin(&draft, "a");
	cell(&draft, "phandle", 0x12);
	end(&draft);
	begin(&draft, "b");
	cell(&draft, "linux,phandle", 0x12);
	end(&draft);
	end(&draft);
	refuse(&draft, "/a and /b have the same phandle 0x12");
}

static void phandles_are_checked(void **state) {
	struct draft draft = {0};

	(void)state;
	begin(&draft, "");
	cell(&draft, "phandle", 0);
	end(&draft);
	refuse(&draft, "/: phandle cannot be 0x0");
	draft = (struct draft){0};
	begin(&draft, "");
	cell(&draft, "linux,phandle", UINT32_MAX);
	end(&draft);
	refuse(&draft, "linux,phandle cannot be 0xffffffff");
	draft = (struct draft){0};
	begin(&draft, "");
	text(&draft, "phandle", "12345");
	end(&draft);
	refuse(&draft, "phandle is 6 bytes long");
	draft = (struct draft){0};
	begin(&draft, "");
	cell(&draft, "phandle", 1);
	cell(&draft, "linux,phandle", 2);
	end(&draft);
	refuse(&draft, "contradicts");
}

static struct sp_buf nest(int depth) {
	struct draft draft = {0};

	for (int i = 0; i < depth; i++)
		begin(&draft, i ? "n" : "");
	for (int i = 0; i < depth; i++)
		end(&draft);
	return finish_whole(&draft);
}

static void depth_is_bounded(void **state) {
	struct sp_buf blob = nest(SP_TREE_MAX_DEPTH);
	struct sp_tree *tree = parse(&blob);

	(void)state;
	assert_int_equal(sp_tree_count(tree), SP_TREE_MAX_DEPTH);
	assert_int_equal(
		strlen(sp_tree_path(tree, SP_TREE_MAX_DEPTH - 1)), 2 * (SP_TREE_MAX_DEPTH - 1));
	sp_tree_destroy(tree);
	sp_buf_release(&blob);
	refuse_blob(nest(SP_TREE_MAX_DEPTH + 1), "deeper");
}

/* Many names, phandles and siblings, so that the tables grow. */
static void large_trees_are_indexed(void **state) {
	struct draft draft = {0};
	struct sp_buf blob;
	struct sp_tree *tree;
	char name[16];

	(void)state;
	begin(&draft, "");
	for (uint32_t i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "n@%u", i);
		begin(&draft, name);
		snprintf(name, sizeof(name), "p%u", i);
		cell(&draft, name, i);
		cell(&draft, "phandle", i * 4096 + 1);
		end(&draft);
	}
	end(&draft);
	blob = finish_whole(&draft);
	tree = parse(&blob);
	assert_int_equal(sp_tree_count(tree), 5001);
	for (uint32_t i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "/n@%u", i);
		assert_int_equal(sp_tree_find(tree, name), i + 1);
		assert_string_equal(sp_tree_path(tree, i + 1), name);
		assert_int_equal(sp_tree_by_phandle(tree, i * 4096 + 1), i + 1);
		snprintf(name, sizeof(name), "p%u", i);
		assert_int_equal(sp_tree_u32(tree, i + 1, name, UINT32_MAX), i);
		assert_null(sp_tree_prop(tree, SP_NODE_ROOT, name));
	}
	sp_tree_destroy(tree);
	sp_buf_release(&blob);
}

/* Parses a copy of just that size, so that a sanitizer sees each byte read too far. */
static void try_parse(const char *data, size_t size) {
	char *copy = malloc(size ? size : 1);
	struct sp_tree *tree;
	struct sp_error error = {0};

	assert_non_null(copy);
	memcpy(copy, data, size);
	if (sp_tree_parse(&tree, copy, size, &error)) {
		for (sp_node node = 0; node < sp_tree_count(tree); node++)
			assert_int_equal(sp_tree_find(tree, sp_tree_path(tree, node)), node);
		sp_tree_destroy(tree);
	} else {
		assert_int_equal(error.kind, SP_ERROR_INPUT);
		assert_true(error.message[0]);
	}
	free(copy);
}

static void any_damage_is_survived(void **state) {
	static const unsigned char values[] = {0, 1, 2, 3, 4, 9, '/', 0x7f, 0x80, 0xff};
	struct sp_buf blob = sample();

	(void)state;
	for (size_t size = 0; size < blob.size; size++) {
		struct sp_buf cut = {0};

		try_parse(blob.data, size);
		if (size < FDT_V17_SIZE)
			continue;
		sp_buf_put(&cut, blob.data, size);
		set_word(&cut, 4, (uint32_t)size);
		try_parse(cut.data, size);
		sp_buf_release(&cut);
	}
	for (size_t i = 0; i < blob.size; i++) {
		char good = blob.data[i];

		for (size_t j = 0; j < sizeof(values); j++) {
			blob.data[i] = (char)values[j];
			try_parse(blob.data, blob.size);
		}
		blob.data[i] = good;
	}
	sp_buf_release(&blob);
}

static char base[64];
static char joined[4096];

static const char *in_base(const char *name) {
	snprintf(joined, sizeof(joined), "%s/%s", base, name);
	return joined;
}

static int make_base(void **state) {
	(void)state;
	strcpy(base, "/tmp/test_tree.XXXXXX");
	return mkdtemp(base) ? 0 : -1;
}

static int remove_base(void **state) {
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", base);
	return system(command);
}

static void put_file(const char *name, const void *data, size_t size) {
	FILE *file = fopen(in_base(name), "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	fclose(file);
}

static void check_load_fails(const char *path, enum sp_error_kind kind, const char *part) {
	struct sp_tree *tree;
	struct sp_error error = {0};

	assert_false(sp_tree_load(&tree, path, &error));
	assert_null(tree);
	assert_int_equal(error.kind, kind);
	if (!strstr(error.message, part))
		fail_msg("\"%s\" lacks \"%s\"", error.message, part);
}

static void files_are_loaded(void **state) {
	struct sp_buf blob = sample();
	struct sp_tree *tree;
	struct sp_error error;

	(void)state;
	put_file("tree", blob.data, blob.size);
	if (!sp_tree_load(&tree, in_base("tree"), &error))
		fail_msg("%s", error.message);
	assert_int_equal(sp_tree_count(tree), 11);
	sp_tree_destroy(tree);
	put_file("cut", blob.data, 100);
	check_load_fails(in_base("cut"), SP_ERROR_INPUT, "/cut: cut short");
	put_file("empty", "", 0);
	check_load_fails(in_base("empty"), SP_ERROR_INPUT, "/empty: cut short");
	check_load_fails("/no/such", SP_ERROR_SYSTEM, "/no/such: No such file");
	check_load_fails("/dev/zero", SP_ERROR_INPUT, "/dev/zero: ");
	sp_buf_release(&blob);
}

static void directories_are_loaded(void **state) {
	struct sp_tree *tree;
	struct sp_error error;
	const struct sp_prop *props;
	uint32_t count;
	char *value = calloc(1, 300000);

	(void)state;
	assert_non_null(value);
	mkdir(in_base("tree"), 0755);
	mkdir(in_base("tree/soc"), 0755);
	mkdir(in_base("tree/cpus"), 0755);
	mkdir(in_base("tree/soc/gpu@1"), 0755);
	mkdir(in_base("tree/soc/name"), 0755);
	put_file("tree/model", "Board", 6);
	put_file("tree/name", "", 1);
	put_file("tree/compatible", "acme", 5);
	put_file("tree/soc/ranges", "", 0);
	put_file("tree/soc/gpu@1/phandle", "\0\0\0\5", 4);
	put_file("tree/soc/gpu@1/firmware", value, 300000);
	assert_int_equal(symlink("soc", in_base("tree/link")), 0);
	assert_int_equal(symlink("tree", in_base("top")), 0);
	if (!sp_tree_load(&tree, in_base("top"), &error))
		fail_msg("%s", error.message);
	assert_int_equal(sp_tree_count(tree), 5);
	props = sp_tree_props(tree, SP_NODE_ROOT, &count);
	assert_int_equal(count, 2);
	assert_string_equal(props[0].name, "compatible");
	assert_string_equal(props[1].name, "model");
	assert_string_equal(sp_prop_string(&props[1], 0), "Board");
	assert_string_equal(sp_tree_name(tree, 1), "cpus");
	assert_string_equal(sp_tree_path(tree, 3), "/soc/gpu@1");
	assert_string_equal(sp_tree_path(tree, 4), "/soc/name");
	assert_int_equal(sp_tree_by_phandle(tree, 5), 3);
	assert_int_equal(sp_tree_prop(tree, 3, "firmware")->len, 300000);
	assert_int_equal(sp_tree_prop(tree, 2, "ranges")->len, 0);
	sp_tree_destroy(tree);
	free(value);
}

static void directories_are_checked(void **state) {
	size_t length;

	(void)state;
	mkdir(in_base("tree"), 0755);
	put_file("tree/big", "", 0);
	assert_int_equal(truncate(in_base("tree/big"), SP_TREE_MAX_BYTES + 1), 0);
	check_load_fails(in_base("tree"), SP_ERROR_INPUT, "/tree/big: the tree is too large");
	put_file("tree/big", "", 0);
	if (geteuid()) {
		assert_int_equal(chmod(in_base("tree/big"), 0), 0);
		check_load_fails(in_base("tree"), SP_ERROR_SYSTEM, "/tree/big: Permission denied");
		assert_int_equal(chmod(in_base("tree/big"), 0644), 0);
	}
	in_base("tree");
	for (int i = 0; i <= SP_TREE_MAX_DEPTH; i++) {
		length = strlen(joined);
		snprintf(joined + length, sizeof(joined) - length, "/n");
		assert_int_equal(mkdir(joined, 0755), 0);
	}
	check_load_fails(in_base("tree"), SP_ERROR_INPUT, "nested too deep");
}

#define WITH_BASE(test) cmocka_unit_test_setup_teardown(test, make_base, remove_base)

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_are_linked),
		cmocka_unit_test(nodes_are_found),
		cmocka_unit_test(phandles_are_found),
		cmocka_unit_test(properties_are_read),
		cmocka_unit_test(status_is_read),
		cmocka_unit_test(bytes_behind_the_tree_are_ignored),
		cmocka_unit_test(version_16_has_no_structure_size),
		cmocka_unit_test(headers_are_checked),
		cmocka_unit_test(blocks_do_not_overlap),
		cmocka_unit_test(structure_is_checked),
		cmocka_unit_test(names_are_checked),
		cmocka_unit_test(duplicates_are_refused),
		cmocka_unit_test(phandles_are_checked),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(large_trees_are_indexed),
		cmocka_unit_test(any_damage_is_survived),
		WITH_BASE(files_are_loaded),
		WITH_BASE(directories_are_loaded),
		WITH_BASE(directories_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
