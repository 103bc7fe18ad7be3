/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fdt/build.h"

struct fixture {
	struct sp_arena arena;
	struct sp_build build;
	struct sp_error error;
	char dir[64];
};

static int setup(void **state) {
	struct fixture *fix = calloc(1, sizeof(*fix));

	if (!fix)
		return -1;
	strcpy(fix->dir, "/tmp/test_build.XXXXXX");
	if (!mkdtemp(fix->dir) || !sp_build_init(&fix->build, &fix->arena)) {
		free(fix);
		return -1;
	}
	*state = fix;
	return 0;
}

static int teardown(void **state) {
	static const char *const files[] = {"t.dts", "t.dtb", "c.dtb", "a.dts", "b.dts", "base.dts",
		"base.dtb", "merged-a.dtb", "merged-b.dtb"};
	struct fixture *fix = *state;
	char path[128];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", fix->dir, files[i]);
		unlink(path);
	}
	rmdir(fix->dir);
	sp_arena_release(&fix->arena);
	free(fix);
	return 0;
}

static bool have(const char *tool) {
	char command[64];

	snprintf(command, sizeof(command), "command -v %s >/dev/null 2>&1", tool);
	return system(command) == 0;
}

#define NEED(tool) \
	do { \
		if (!have(tool)) { \
			print_message("SKIPPED: %s is not installed\n", tool); \
			skip(); \
		} \
	} while (0)

static void run(const struct fixture *fix, const char *command) {
	char line[512];

	snprintf(line, sizeof(line), "cd %s && %s", fix->dir, command);
	if (system(line) != 0)
		fail_msg("failed: %s", line);
}

static void save(const struct fixture *fix, const char *name, const void *data, size_t size) {
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", fix->dir, name);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

static void flatten(struct fixture *fix, bool local_fixups, struct sp_buf *blob) {
	if (!sp_build_flatten(&fix->build, local_fixups, blob, &fix->error))
		fail_msg("%s", fix->error.message);
	assert_int_equal(fdt_check_full(blob->data, blob->size), 0);
	assert_int_equal(fdt_totalsize(blob->data), blob->size);
}

static void source(struct fixture *fix, const char *heading, bool plugin, struct sp_buf *text) {
	if (!sp_build_source(&fix->build, heading, plugin, text, &fix->error))
		fail_msg("%s", fix->error.message);
}

static void assert_lines_fit(const struct sp_buf *text) {
	size_t column = 0;

	for (size_t i = 0; i < text->size; i++) {
		column = text->data[i] == '\n' ? 0 : column + (text->data[i] == '\t' ? 8 : 1);
		assert_true(column <= 100);
	}
}

/* dtc makes of the source what the flattened writer makes of the tree, to the last property. */
static void compare_forms(struct fixture *fix, bool plugin) {
	struct sp_buf blob = {0}, text = {0};

	NEED("dtc");
	flatten(fix, plugin, &blob);
	source(fix, "made by a test", plugin, &text);
	save(fix, "t.dtb", blob.data, blob.size);
	save(fix, "t.dts", text.data, text.size);
	sp_buf_release(&blob);
	sp_buf_release(&text);
	run(fix, "dtc -q -I dts -O dtb -o c.dtb t.dts");
	run(fix, "dtc -q -I dtb -O dts -o a.dts t.dtb");
	run(fix, "dtc -q -I dtb -O dts -o b.dts c.dtb");
	run(fix, "cmp a.dts b.dts");
}

static void test_empty_tree(void **state) {
	struct fixture *fix = *state;
	struct sp_buf text = {0};

	source(fix, NULL, false, &text);
	assert_string_equal(text.data, "/dts-v1/;\n\n/ {\n};\n");
	sp_buf_release(&text);
	compare_forms(fix, false);
}

static void test_source_text(void **state) {
	struct fixture *fix = *state;
	struct sp_build_node *soc, *gpu, *clock;
	struct sp_build_prop *prop;
	struct sp_buf text = {0};

	soc = sp_build_node(&fix->build, fix->build.root, "soc");
	soc->comment = "first\n\nlast */ line";
	sp_build_empty(&fix->build, soc, "ranges");
	gpu = sp_build_node(&fix->build, soc, "gpu@5000000");
	sp_build_string(&fix->build, gpu, "compatible", "arm,mali");
	sp_build_cells(&fix->build, gpu, "reg", (uint32_t[]){0, 0x5000000, 9, 10}, 4, 2);
	prop = sp_build_cells(&fix->build, gpu, "clocks", (uint32_t[]){0, 3, 0, 4}, 4, 2);
	prop->comment = "*/ { evil; }; \x1b[2J";
	clock = sp_build_node(&fix->build, soc, "1clock");
	assert_true(sp_build_refer(&fix->build, prop, 8, clock));
	assert_true(sp_build_refer(&fix->build, prop, 0, clock));
	sp_build_bytes(&fix->build, clock, "mac", "\x01\x02\x03", 3);
	sp_build_number(&fix->build, 1);
	source(fix, "heading", false, &text);
	assert_string_equal(text.data,
		"/* heading */\n"
		"\n"
		"/dts-v1/;\n"
		"\n"
		"/ {\n"
		"\t/*\n"
		"\t * first\n"
		"\t *\n"
		"\t * last * / line\n"
		"\t */\n"
		"\tsoc {\n"
		"\t\tranges;\n"
		"\n"
		"\t\tgpu@5000000 {\n"
		"\t\t\tcompatible = \"arm,mali\";\n"
		"\t\t\treg = <0 0x5000000>, <9 0xa>;\n"
		"\t\t\t/* * / { evil; }; ?[2J */\n"
		"\t\t\tclocks = <&node_1clock 3>, <&node_1clock 4>;\n"
		"\t\t};\n"
		"\n"
		"\t\tnode_1clock: 1clock {\n"
		"\t\t\tmac = [01 02 03];\n"
		"\t\t\tphandle = <1>;\n"
		"\t\t};\n"
		"\t};\n"
		"};\n");
	sp_buf_release(&text);
	compare_forms(fix, false);
}

/* What dtc guesses of bytes whose type it does not know. */
static void test_guesses(void **state) {
	static const struct {
		const char *data;
		uint32_t len;
		enum sp_build_form form;
	} cases[] = {
		{"", 0, SP_FORM_EMPTY},
		{"okay", 5, SP_FORM_STRINGS},
		{"ab\0cd", 6, SP_FORM_STRINGS},
		{"a\tb\n", 5, SP_FORM_STRINGS},
		{"abc", 3, SP_FORM_BYTES},
		{"abcd", 4, SP_FORM_CELLS},
		{"abc\0", 4, SP_FORM_STRINGS},
		{"ab\0", 4, SP_FORM_STRINGS},
		{"a\0\0", 4, SP_FORM_CELLS},
		{"\0\0\0", 4, SP_FORM_CELLS},
		{"", 1, SP_FORM_BYTES},
		{"\x01g\0", 3, SP_FORM_BYTES},
		{"\xc3\xa9y\0", 4, SP_FORM_CELLS},
	};
	struct fixture *fix = *state;
	struct sp_build_prop *prop;
	char name[16];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(name, sizeof(name), "p%zu", i);
		prop = sp_build_bytes(
			&fix->build, fix->build.root, name, cases[i].data, cases[i].len);
		assert_non_null(prop);
		assert_int_equal(prop->form, cases[i].form);
	}
	compare_forms(fix, false);
}

/* Whatever form is asked for, the source has the bytes. */
static void test_any_bytes(void **state) {
	static const enum sp_build_form forms[] = {
		SP_FORM_EMPTY, SP_FORM_STRINGS, SP_FORM_CELLS, SP_FORM_BYTES};
	struct fixture *fix = *state;
	struct sp_build_prop *prop;
	uint32_t seed = 1;
	uint8_t data[301];
	char name[16];

	for (uint32_t i = 0; i < 200; i++) {
		uint32_t len = i < 20 ? i : seed % sizeof(data);

		for (uint32_t j = 0; j < len; j++) {
			seed = seed * 1664525 + 1013904223;
			data[j] = (uint8_t)(seed >> 24);
			if (i % 4 == 1)
				data[j] = (uint8_t) "\"\\\x01"
						    "1aF/*\x7f\xff'\n"[data[j] % 13];
		}
		if (len && i & 8)
			data[len - 1] = 0;
		snprintf(name, sizeof(name), "p%u", i);
		prop = sp_build_bytes(&fix->build, fix->build.root, name, data, len);
		assert_non_null(prop);
		prop->form = forms[i % 4];
		prop->group = i / 4 % 5;
	}
	compare_forms(fix, false);
}

static void test_wrapping(void **state) {
	struct fixture *fix = *state;
	struct sp_build_node *node = sp_build_node(&fix->build, fix->build.root, "node");
	struct sp_buf text = {0};
	uint32_t cells[64];
	char strings[400];

	for (uint32_t i = 0; i < 64; i++)
		cells[i] = i * 0x2345679;
	for (size_t i = 0; i < sizeof(strings); i++)
		strings[i] = i % 23 == 22 || i == sizeof(strings) - 1 ? '\0' : 'q';
	sp_build_cells(&fix->build, node, "one-group", cells, 64, 0);
	sp_build_cells(&fix->build, node, "small-groups", cells, 64, 5);
	sp_build_cells(&fix->build, node, "large-groups", cells, 64, 30);
	sp_build_bytes(&fix->build, node, "strings", strings, sizeof(strings));
	sp_build_bytes(&fix->build, node, "bytes", cells, sizeof(cells))->form = SP_FORM_BYTES;
	source(fix, NULL, false, &text);
	assert_lines_fit(&text);
	/* Groups that fit into a line are not torn, and no line ends in a space. */
	assert_non_null(strstr(text.data, ",\n\t\t\t<"));
	assert_null(strstr(text.data, " \n"));
	assert_null(strstr(text.data, "\t "));
	sp_buf_release(&text);
	compare_forms(fix, false);
}

static void test_properties(void **state) {
	struct fixture *fix = *state;
	struct sp_build_node *root = fix->build.root;
	struct sp_build_prop *prop;
	const char *order = "";

	sp_build_string(&fix->build, root, "a", "1");
	prop = sp_build_cells(&fix->build, root, "b", (uint32_t[]){1, 2}, 2, 1);
	prop->comment = "gone";
	assert_true(sp_build_refer(&fix->build, prop, 4, root));
	sp_build_empty(&fix->build, root, "c");
	assert_ptr_equal(sp_build_bytes(&fix->build, root, "b", "x", 2), prop);
	assert_int_equal(prop->len, 2);
	assert_int_equal(prop->form, SP_FORM_STRINGS);
	assert_null(prop->refs);
	assert_null(prop->last_ref);
	assert_null(prop->comment);
	for (prop = root->props; prop; prop = prop->next)
		order = sp_arena_printf(&fix->arena, "%s%s", order, prop->name);
	assert_string_equal(order, "abc");
	assert_string_equal(root->last_prop->name, "c");

	sp_build_remove(root, "c");
	assert_string_equal(root->last_prop->name, "b");
	sp_build_remove(root, "a");
	sp_build_remove(root, "absent");
	assert_string_equal(root->props->name, "b");
	sp_build_remove(root, "b");
	assert_null(root->props);
	assert_null(root->last_prop);
	sp_build_empty(&fix->build, root, "d");
	assert_non_null(sp_build_prop(root, "d"));
	assert_null(sp_build_prop(root, "b"));

	/* A replaced value may be made from the old one. */
	prop = sp_build_bytes(&fix->build, root, "e", "xyz", 4);
	sp_build_bytes(&fix->build, root, "e", prop->data + 1, 3);
	assert_string_equal((const char *)sp_build_prop(root, "e")->data, "yz");

	/* A failed node passes its NULL on. */
	assert_null(sp_build_node(&fix->build, NULL, "x"));
	assert_null(sp_build_empty(&fix->build, NULL, "x"));
	assert_null(sp_build_child(NULL, "x"));
	assert_false(sp_build_refer(&fix->build, NULL, 0, root));
}

static void test_nodes(void **state) {
	struct fixture *fix = *state;
	struct sp_build_node *a = sp_build_node(&fix->build, fix->build.root, "a");
	struct sp_build_node *b = sp_build_node(&fix->build, a, "b@1");
	struct sp_buf path = {0};

	assert_int_equal(b->origin, SP_NODE_NONE);
	assert_ptr_equal(b->parent, a);
	assert_ptr_equal(sp_build_child(a, "b@1"), b);
	assert_null(sp_build_child(a, "b"));
	sp_build_path(b, &path);
	sp_buf_char(&path, ' ');
	sp_build_path(fix->build.root, &path);
	assert_string_equal(path.data, "/a/b@1 /");
	sp_buf_release(&path);
}

static void test_references_out_of_range(void **state) {
	struct fixture *fix = *state;
	struct sp_build_node *root = fix->build.root;
	struct sp_build_prop *prop = sp_build_bytes(&fix->build, root, "p", "1234567", 7);
	struct sp_build_prop *empty = sp_build_empty(&fix->build, root, "e");

	assert_false(sp_build_refer(&fix->build, prop, 4, root));
	assert_false(sp_build_refer(&fix->build, prop, 2, root));
	assert_false(sp_build_refer(&fix->build, prop, UINT32_MAX - 3, root));
	assert_false(sp_build_refer(&fix->build, empty, 0, root));
	assert_true(sp_build_refer(&fix->build, prop, 0, root));
	assert_false(fix->arena.failed);
	sp_build_number(&fix->build, 1);
	assert_memory_equal(prop->data,
		"\0\0\0\x01"
		"567",
		7);
	compare_forms(fix, true);
}

static void test_numbering(void **state) {
	struct fixture *fix = *state;
	struct sp_build *build = &fix->build;
	struct sp_build_prop *prop;
	struct sp_build_node *n[8];
	char name[16];

	for (uint32_t i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "n@%u", i);
		n[i] = sp_build_node(build, build->root, name);
	}
	n[2]->label = "n_0";
	n[3]->phandle = 65002;
	n[6]->phandle = 64999;
	prop = sp_build_cells(build, n[7], "refs", (uint32_t[6]){0}, 6, 0);
	/* The order of the tree, not that of the references. */
	assert_true(sp_build_refer(build, prop, 0, n[5]));
	assert_true(sp_build_refer(build, prop, 4, n[0]));
	assert_true(sp_build_refer(build, prop, 8, n[3]));
	assert_true(sp_build_refer(build, prop, 16, n[5]));
	assert_true(sp_build_refer(build, prop, 12, n[1]));
	assert_true(sp_build_refer(build, prop, 20, build->root));
	assert_true(sp_build_refer(build, prop, 12, n[7]));
	sp_build_number(build, 64997);
	assert_int_equal(build->root->phandle, 64997);
	assert_null(build->root->label);
	assert_int_equal(n[0]->phandle, 64998);
	assert_string_equal(n[0]->label, "n_0_2");
	assert_int_equal(n[1]->phandle, 0);
	assert_null(n[1]->label);
	assert_int_equal(n[2]->phandle, 0);
	assert_int_equal(n[3]->phandle, 65002);
	assert_string_equal(n[3]->label, "n_3");
	assert_int_equal(n[5]->phandle, 65003);
	assert_int_equal(n[6]->phandle, 64999);
	assert_null(n[6]->label);
	assert_int_equal(n[7]->phandle, 65004);
	assert_memory_equal(prop->data,
		"\0\0\xfd\xeb\0\0\xfd\xe6\0\0\xfd\xea\0\0\xfd\xec\0\0\xfd\xeb\0\0\xfd\xe5", 24);

	/* Another call leaves what is there. */
	assert_true(sp_build_refer(build, prop, 12, n[1]));
	sp_build_number(build, 64997);
	assert_int_equal(n[1]->phandle, 65005);
	assert_int_equal(n[5]->phandle, 65003);
	compare_forms(fix, false);
	compare_forms(fix, true);
}

static void test_numbering_wraps(void **state) {
	struct fixture *fix = *state;
	struct sp_build_prop *prop;
	struct sp_build_node *n[4];

	prop = sp_build_cells(&fix->build, fix->build.root, "refs", (uint32_t[4]){0}, 4, 0);
	for (uint32_t i = 0; i < 4; i++) {
		n[i] = sp_build_node(
			&fix->build, fix->build.root, (const char *[]){"a", "b", "c", "d"}[i]);
		assert_true(sp_build_refer(&fix->build, prop, i * 4, n[i]));
	}
	n[3]->phandle = 1;
	sp_build_number(&fix->build, UINT32_MAX - 1);
	assert_int_equal(n[0]->phandle, UINT32_MAX - 1);
	assert_int_equal(n[1]->phandle, 2);
	assert_int_equal(n[2]->phandle, 3);
}

static void test_explicit_phandles(void **state) {
	struct fixture *fix = *state;
	struct sp_build_node *a = sp_build_node(&fix->build, fix->build.root, "a");
	struct sp_build_node *b = sp_build_node(&fix->build, fix->build.root, "b");
	struct sp_buf blob = {0};
	const char *name;
	int offset;

	sp_build_cells(&fix->build, a, "phandle", (uint32_t[]){65000}, 1, 0);
	assert_int_equal(a->phandle, 65000);
	sp_build_empty(&fix->build, a, "after");
	/* One that is none is left out. */
	sp_build_bytes(&fix->build, b, "phandle", "\0\0", 2);
	sp_build_empty(&fix->build, b, "z");
	flatten(fix, false, &blob);
	offset = fdt_first_property_offset(blob.data, fdt_path_offset(blob.data, "/a"));
	assert_non_null(fdt_getprop_by_offset(blob.data, offset, &name, NULL));
	assert_string_equal(name, "phandle");
	assert_null(fdt_getprop(blob.data, fdt_path_offset(blob.data, "/b"), "phandle", NULL));
	sp_buf_release(&blob);
	compare_forms(fix, false);
	sp_build_remove(a, "phandle");
	assert_int_equal(a->phandle, 0);
}

static void test_many_nodes(void **state) {
	enum { COUNT = 3000 };
	struct fixture *fix = *state;
	struct sp_build_prop *prop;
	struct sp_buf blob = {0};
	char name[32];

	prop = sp_build_cells(&fix->build, fix->build.root, "all", NULL, 0, 0);
	prop = sp_build_cells(&fix->build, fix->build.root, "all", (uint32_t[COUNT]){0}, COUNT, 0);
	for (uint32_t i = 0; i < COUNT; i++) {
		struct sp_build_node *bus, *node;

		snprintf(name, sizeof(name), "bus@%x", i);
		bus = sp_build_node(&fix->build, fix->build.root, name);
		node = sp_build_node(&fix->build, bus, "device");
		snprintf(name, sizeof(name), "vendor,p%u", i);
		sp_build_cells(&fix->build, node, name, &i, 1, 0);
		assert_true(sp_build_refer(&fix->build, prop, i * 4, node));
	}
	sp_build_number(&fix->build, 1);
	assert_int_equal(fix->build.root->last_child->children->phandle, COUNT);
	assert_string_equal(fix->build.root->last_child->children->label, "device_3000");
	flatten(fix, false, &blob);
	assert_true(fdt_path_offset(blob.data, "/bus@bb7/device") > 0);
	assert_non_null(fdt_getprop(
		blob.data, fdt_path_offset(blob.data, "/bus@bb7/device"), "vendor,p2999", NULL));
	/* Names are shared: each is there once. */
	assert_true(fdt_size_dt_strings(blob.data) < COUNT * sizeof("vendor,p1234") + 64);
	sp_buf_release(&blob);
	compare_forms(fix, true);
}

static void test_deep_tree(void **state) {
	struct fixture *fix = *state;
	struct sp_build_node *node = fix->build.root, *target;
	struct sp_build_prop *prop = NULL;
	struct sp_buf text = {0};

	target = sp_build_node(&fix->build, node, "target");
	for (int i = 0; i < SP_TREE_MAX_DEPTH + 4; i++) {
		node = sp_build_node(&fix->build, node, "level");
		prop = sp_build_cells(&fix->build, node, "p", (uint32_t[]){1, 0, 3}, 3, 2);
	}
	assert_true(sp_build_refer(&fix->build, prop, 4, target));
	sp_build_number(&fix->build, 1);
	compare_forms(fix, true);
	sp_buf_release(&text);
}

static void test_names(void **state) {
	(void)state;
	assert_true(sp_build_name_valid("gpu@fd000000,1", true));
	assert_true(sp_build_name_valid("a.B_c+d-e,9", true));
	assert_true(sp_build_name_valid("9", true));
	assert_false(sp_build_name_valid("", true));
	assert_false(sp_build_name_valid("a@b@c", true));
	assert_false(sp_build_name_valid("@1", true));
	assert_false(sp_build_name_valid("a@", true));
	assert_false(sp_build_name_valid("a b", true));
	assert_false(sp_build_name_valid("a?", true));
	assert_false(sp_build_name_valid("#a", true));
	assert_false(sp_build_name_valid("a/b", true));
	assert_false(sp_build_name_valid("\xc3\xa9", true));
	assert_true(sp_build_name_valid("name", true));
	assert_true(sp_build_name_valid("#address-cells", false));
	assert_true(sp_build_name_valid("vendor,what?", false));
	assert_false(sp_build_name_valid("", false));
	assert_false(sp_build_name_valid("a@1", false));
	assert_false(sp_build_name_valid("a;b", false));
	assert_false(sp_build_name_valid("a\n", false));
	assert_false(sp_build_name_valid("name", false));
	assert_false(sp_build_name_valid("linux,phandle", false));
}

/* Every character that is admitted passes through dtc. */
static void test_odd_names(void **state) {
	static const char *const odd[] = {
		"0", "-", "#", "?", "+a", ".", ",", "_", "0x1", "e:", "U"};
	struct fixture *fix = *state;

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		if (sp_build_name_valid(odd[i], false))
			sp_build_cells(&fix->build, fix->build.root, odd[i], (uint32_t[]){1}, 1, 0);
	}
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		if (sp_build_name_valid(odd[i], true))
			sp_build_node(&fix->build, fix->build.root, odd[i]);
	}
	compare_forms(fix, false);
}

static void test_names_are_refused(void **state) {
	struct fixture *fix = *state;
	struct sp_buf text = {0};
	struct sp_build_node *node = sp_build_node(&fix->build, fix->build.root, "a");

	node->label = "x: y";
	assert_false(sp_build_source(&fix->build, NULL, false, &text, &fix->error));
	assert_int_equal(fix->error.kind, SP_ERROR_INPUT);
	node->label = NULL;
	sp_build_empty(&fix->build, node, "b; };");
	assert_false(sp_build_source(&fix->build, NULL, false, &text, &fix->error));
	assert_non_null(strstr(fix->error.message, "b; };"));
	sp_build_remove(node, "b; };");
	assert_true(sp_build_source(&fix->build, NULL, false, &text, &fix->error));
	sp_build_node(&fix->build, node, "c {");
	assert_false(sp_build_source(&fix->build, NULL, false, &text, &fix->error));
	sp_buf_release(&text);
}

static void test_memory_failure_is_told(void **state) {
	struct fixture *fix = *state;
	struct sp_buf out = {0};

	fix->arena.failed = true;
	assert_false(sp_build_flatten(&fix->build, false, &out, &fix->error));
	assert_int_equal(fix->error.kind, SP_ERROR_MEMORY);
	fix->error.kind = SP_ERROR_NONE;
	assert_false(sp_build_source(&fix->build, NULL, false, &out, &fix->error));
	assert_int_equal(fix->error.kind, SP_ERROR_MEMORY);
	sp_buf_release(&out);
}

/* A blob may follow other bytes, at any alignment. */
static void test_appends(void **state) {
	struct fixture *fix = *state;
	struct sp_buf alone = {0}, behind = {0};

	sp_build_bytes(&fix->build, fix->build.root, "p", "12345", 5);
	flatten(fix, false, &alone);
	sp_buf_char(&behind, 'x');
	assert_true(sp_build_flatten(&fix->build, false, &behind, &fix->error));
	assert_int_equal(behind.size, alone.size + 1);
	assert_memory_equal(behind.data + 1, alone.data, alone.size);
	sp_buf_release(&alone);
	sp_buf_release(&behind);
}

static void build_overlay(struct fixture *fix) {
	struct sp_build *build = &fix->build;
	struct sp_build_node *fragment, *content, *clock, *gpu, *opp;
	struct sp_build_prop *prop;

	fragment = sp_build_node(build, build->root, "fragment@0");
	sp_build_string(build, fragment, "target-path", "/");
	content = sp_build_node(build, fragment, "__overlay__");
	sp_build_string(build, content, "model", "changed");
	fragment = sp_build_node(build, build->root, "fragment@1");
	sp_build_string(build, fragment, "target-path", "/soc");
	content = sp_build_node(build, fragment, "__overlay__");
	clock = sp_build_node(build, content, "clock");
	sp_build_cells(build, clock, "#clock-cells", (uint32_t[]){1}, 1, 0);
	gpu = sp_build_node(build, content, "gpu@5000000");
	sp_build_cells(build, gpu, "reg", (uint32_t[]){0x5000000, 0x1000}, 2, 2);
	prop = sp_build_cells(build, gpu, "clocks", (uint32_t[]){0, 1, 0, 2}, 4, 2);
	sp_build_refer(build, prop, 0, clock);
	sp_build_refer(build, prop, 8, clock);
	sp_build_string(build, gpu, "status", "okay");
	prop = sp_build_cells(build, gpu, "operating-points-v2", (uint32_t[]){0}, 1, 0);
	opp = sp_build_node(build, gpu, "opp-table");
	sp_build_refer(build, prop, 0, opp);
	prop = sp_build_cells(build, opp, "opp-shared-with", (uint32_t[]){7, 0}, 2, 0);
	sp_build_refer(build, prop, 4, gpu);
	sp_build_number(build, 1);
}

static void test_overlay(void **state) {
	struct fixture *fix = *state;
	struct sp_buf text = {0}, blob = {0};
	int node;

	build_overlay(fix);
	source(fix, NULL, true, &text);
	assert_memory_equal(text.data, "/dts-v1/;\n/plugin/;\n", 20);
	sp_buf_release(&text);
	flatten(fix, true, &blob);
	node = fdt_path_offset(
		blob.data, "/__local_fixups__/fragment@1/__overlay__/gpu@5000000/opp-table");
	assert_true(node > 0);
	assert_memory_equal(fdt_getprop(blob.data, node, "opp-shared-with", NULL), "\0\0\0\x04", 4);
	assert_true(fdt_path_offset(blob.data, "/__local_fixups__/fragment@0") < 0);
	sp_buf_release(&blob);
	compare_forms(fix, true);
}

static void test_overlay_without_references(void **state) {
	struct fixture *fix = *state;
	struct sp_build_node *node = sp_build_node(&fix->build, fix->build.root, "fragment@0");
	struct sp_buf blob = {0};

	sp_build_string(&fix->build, node, "target-path", "/");
	sp_build_node(&fix->build, node, "__overlay__");
	flatten(fix, true, &blob);
	assert_true(fdt_path_offset(blob.data, "/__local_fixups__") < 0);
	sp_buf_release(&blob);
	compare_forms(fix, true);
}

/* fdtoverlay moves the phandles out of the base's way, through our fixups and through dtc's. */
static void test_overlay_applies(void **state) {
	static const char base[] =
		"/dts-v1/;\n/ { model = \"base\"; soc { uart { phandle = <5>; }; }; };\n";
	struct fixture *fix = *state;

	NEED("dtc");
	NEED("fdtoverlay");
	build_overlay(fix);
	compare_forms(fix, true);
	save(fix, "base.dts", base, sizeof(base) - 1);
	run(fix, "dtc -q -I dts -O dtb -o base.dtb base.dts");
	run(fix, "fdtoverlay -i base.dtb -o merged-a.dtb t.dtb");
	run(fix, "fdtoverlay -i base.dtb -o merged-b.dtb c.dtb");
	run(fix, "dtc -q -I dtb -O dts -o a.dts merged-a.dtb");
	run(fix, "dtc -q -I dtb -O dts -o b.dts merged-b.dtb");
	run(fix, "cmp a.dts b.dts");
	run(fix, "grep -q 'clocks = <0x06 0x01 0x06 0x02>' a.dts");
	run(fix, "grep -q 'opp-shared-with = <0x07 0x07>' a.dts");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_empty_tree),
		TEST(test_source_text),
		TEST(test_guesses),
		TEST(test_any_bytes),
		TEST(test_wrapping),
		TEST(test_properties),
		TEST(test_nodes),
		TEST(test_references_out_of_range),
		TEST(test_numbering),
		TEST(test_numbering_wraps),
		TEST(test_explicit_phandles),
		TEST(test_many_nodes),
		TEST(test_deep_tree),
		TEST(test_names),
		TEST(test_odd_names),
		TEST(test_names_are_refused),
		TEST(test_memory_failure_is_told),
		TEST(test_appends),
		TEST(test_overlay),
		TEST(test_overlay_without_references),
		TEST(test_overlay_applies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
