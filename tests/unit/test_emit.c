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

#include "base/file.h"
#include "emit/emit.h"

/* Plans made by hand, so that each artefact is tested apart from planning. */

enum { GPU_MAX_PHANDLE = 3 };

struct fixture {
	struct sp_arena arena;
	struct sp_tree *tree;
	struct sp_host host;
	struct sp_request request;
	struct sp_request_guest guests[3];
	struct sp_plan plan;
};

static void add_cells(struct sp_build *build, struct sp_build_node *node, const char *name,
	const uint32_t *cells, uint32_t count) {
	assert_non_null(sp_build_cells(build, node, name, cells, count, 0));
}

#define CELLS(build, node, name, ...) \
	add_cells(build, node, name, (const uint32_t[]){__VA_ARGS__}, \
		sizeof((const uint32_t[]){__VA_ARGS__}) / 4)

static struct sp_tree *make_host_tree(struct sp_arena *arena) {
	struct sp_build build;
	struct sp_build_node *root, *soc, *node;
	struct sp_buf blob = {0};
	struct sp_error error;
	struct sp_tree *tree = NULL;

	assert_true(sp_build_init(&build, arena));
	root = build.root;
	sp_build_string(&build, root, "model", "Test \"board\" $A");
	sp_build_bytes(&build, root, "compatible", "test,board\0test,soc", 20);
	CELLS(&build, root, "#address-cells", 2);
	CELLS(&build, root, "#size-cells", 2);
	sp_build_node(&build, root, "chosen");
	soc = sp_build_node(&build, root, "soc");
	sp_build_empty(&build, soc, "ranges");
	node = sp_build_node(&build, soc, "gic@8000000");
	CELLS(&build, node, "phandle", 1);
	node = sp_build_node(&build, soc, "iommu@9000000");
	CELLS(&build, node, "phandle", 2);
	node = sp_build_node(&build, soc, "clock");
	CELLS(&build, node, "phandle", GPU_MAX_PHANDLE);
	sp_build_node(&build, soc, "regulator");
	node = sp_build_node(&build, soc, "gpu@fd000000");
	sp_build_string(&build, node, "compatible", "test,gpu");
	sp_build_string(&build, node, "status", "okay");
	sp_build_node(&build, node, "core");
	node = sp_build_node(&build, soc, "ethernet@fff51000");
	sp_build_string(&build, node, "compatible", "test,net");
	assert_true(sp_build_flatten(&build, false, &blob, &error));
	if (!sp_tree_parse(&tree, blob.data, blob.size, &error))
		fail_msg("%s", error.message);
	sp_buf_release(&blob);
	return tree;
}

static sp_node node_at(const struct fixture *fixture, const char *path) {
	sp_node node = sp_tree_find(fixture->tree, path);

	assert_int_not_equal(node, SP_NODE_NONE);
	return node;
}

#define PUSH(fixture, vec, ...) \
	do { \
		void *pushed_ = sp_vec_push(&(fixture)->arena, vec); \
		assert_non_null(pushed_); \
		(vec)->data[(vec)->count - 1] = __VA_ARGS__; \
	} while (0)

static struct sp_edit *add_edit(struct fixture *fixture, const char *path, const char *property,
	const void *data, uint32_t len, enum sp_build_form form) {
	struct sp_edit *edit = sp_vec_push(&fixture->arena, &fixture->plan.edits);

	assert_non_null(edit);
	*edit = (struct sp_edit){
		.path = path,
		.node = sp_tree_find(fixture->tree, path),
		.creates = !property,
		.property = property,
		.data = len ? sp_arena_copy(&fixture->arena, data, len) : NULL,
		.len = len,
		.form = form,
	};
	return edit;
}

static struct sp_edit *add_cells_edit(struct fixture *fixture, const char *path,
	const char *property, const uint32_t *cells, uint32_t count) {
	uint8_t bytes[64];

	assert_true(count * 4 <= sizeof(bytes));
	for (uint32_t i = 0; i < count * 4; i++)
		bytes[i] = (uint8_t)(cells[i / 4] >> (24 - 8 * (i % 4)));
	return add_edit(fixture, path, property, bytes, count * 4, SP_FORM_CELLS);
}

static void add_ref(
	struct fixture *fixture, struct sp_edit *edit, uint32_t offset, uint32_t new_phandle) {
	PUSH(fixture, &edit->refs, (struct sp_edit_ref){offset, new_phandle});
}

/* New and old nodes, new and old phandles, each form of a value. */
static void add_edits(struct fixture *fixture) {
	struct sp_edit *edit;

	edit = add_edit(fixture, "/soc/gpu@fd000000", "xen,passthrough", NULL, 0, SP_FORM_EMPTY);
	edit->why = "given to a guest; */ is no end";
	add_edit(fixture, "/soc/gpu@fd000000", "status", "disabled", 9, SP_FORM_STRINGS);
	add_edit(fixture, "/soc/gpu@fd000000/core", "xen,passthrough", NULL, 0, SP_FORM_EMPTY);
	edit = add_edit(fixture, "/sallyport-holder-0", NULL, NULL, 0, SP_FORM_EMPTY);
	edit->why = "keeps the device's clock on";
	add_edit(fixture, "/sallyport-holder-0", "compatible", "a,first\0b,second", 17,
		SP_FORM_STRINGS);
	/* A reference to a phandle that is only given out further down. */
	edit = add_cells_edit(fixture, "/sallyport-holder-0", "refs",
		(const uint32_t[]){3, 7, GPU_MAX_PHANDLE + 1, GPU_MAX_PHANDLE + 2}, 4);
	add_ref(fixture, edit, 0, 0);
	add_ref(fixture, edit, 8, 1);
	add_ref(fixture, edit, 12, 2);
	edit = add_cells_edit(
		fixture, "/soc/regulator", "phandle", (const uint32_t[]){GPU_MAX_PHANDLE + 1}, 1);
	add_ref(fixture, edit, 0, 1);
	edit = add_cells_edit(fixture, "/sallyport-holder-0", "phandle",
		(const uint32_t[]){GPU_MAX_PHANDLE + 2}, 1);
	add_ref(fixture, edit, 0, 2);
	add_edit(fixture, "/sallyport-holder-0/inner", NULL, NULL, 0, SP_FORM_EMPTY);
	add_cells_edit(
		fixture, "/sallyport-holder-0/inner", "#size-cells", (const uint32_t[]){0}, 1);
	add_edit(fixture, "/sallyport-holder-0/inner", "bytes", "\x01\xff\x10", 3, SP_FORM_BYTES);
	add_edit(fixture, "/sallyport-holder-0/inner", "text", "say \"$x\" \\ now", 15,
		SP_FORM_STRINGS);
	add_edit(fixture, "/sallyport-holder-0/inner", "list", "one\0\0two", 9, SP_FORM_STRINGS);
	add_edit(fixture, "/sallyport-proxy-0", NULL, NULL, 0, SP_FORM_EMPTY);
	edit = add_cells_edit(
		fixture, "/sallyport-proxy-0", "iommus", (const uint32_t[]){2, 16}, 2);
	add_ref(fixture, edit, 0, 0);
}

static void add_area(struct fixture *fixture, struct sp_plan_guest *guest, const char *name,
	uint64_t start, uint64_t size, enum sp_area_kind kind) {
	PUSH(fixture, &guest->layout.areas, (struct sp_area){name, start, size, kind});
}

static void build_guest_tree(struct fixture *fixture, struct sp_plan_guest *guest) {
	struct sp_build_node *gic, *passthrough, *gpu, *clock;
	struct sp_build_prop *clocks;

	assert_true(sp_build_init(&guest->tree, &fixture->arena));
	CELLS(&guest->tree, guest->tree.root, "#address-cells", 2);
	CELLS(&guest->tree, guest->tree.root, "#size-cells", 2);
	gic = sp_build_node(&guest->tree, guest->tree.root, "gic");
	CELLS(&guest->tree, gic, "#interrupt-cells", 3);
	CELLS(&guest->tree, gic, "#address-cells", 0);
	sp_build_empty(&guest->tree, gic, "interrupt-controller");
	gic->phandle = 65000;
	passthrough = sp_build_node(&guest->tree, guest->tree.root, "passthrough");
	sp_build_empty(&guest->tree, passthrough, "ranges");
	CELLS(&guest->tree, passthrough, "#address-cells", 2);
	CELLS(&guest->tree, passthrough, "#size-cells", 2);
	clock = sp_build_node(&guest->tree, passthrough, "clock-0");
	sp_build_string(&guest->tree, clock, "compatible", "fixed-clock");
	CELLS(&guest->tree, clock, "#clock-cells", 0);
	CELLS(&guest->tree, clock, "clock-frequency", 600000000);
	gpu = sp_build_node(&guest->tree, passthrough, "gpu@fd000000");
	sp_build_string(&guest->tree, gpu, "compatible", "test,gpu");
	CELLS(&guest->tree, gpu, "reg", 0, 0xfd000000, 0, 0x40000);
	clocks = sp_build_cells(&guest->tree, gpu, "clocks", (const uint32_t[]){0}, 1, 0);
	assert_true(sp_build_refer(&guest->tree, clocks, 0, clock));
	sp_build_number(&guest->tree, 1);
}

static struct sp_plan_guest *add_guest(
	struct fixture *fixture, const char *name, enum sp_mode mode) {
	uint32_t index = fixture->plan.guests.count;
	struct sp_plan_guest *guest = sp_vec_push(&fixture->arena, &fixture->plan.guests);

	assert_non_null(guest);
	fixture->guests[index] =
		(struct sp_request_guest){.name = name, .mode = mode, .memory = 512};
	fixture->request.guest_count = index + 1;
	guest->request = &fixture->guests[index];
	guest->layout.limit = UINT64_C(1) << 40;
	add_area(fixture, guest, "GICv3 distributor", 0x3001000, 0x10000, SP_AREA_XEN);
	add_area(fixture, guest, "RAM bank 0", 0x40000000, 0x20000000, SP_AREA_RAM);
	add_area(fixture, guest, "extended region", 0x60000000, 0x10000000, SP_AREA_EXTENDED);
	build_guest_tree(fixture, guest);
	return guest;
}

static void fill_gpu_guest(struct fixture *fixture, struct sp_plan_guest *guest) {
	sp_node gpu = node_at(fixture, "/soc/gpu@fd000000");
	sp_node iommu = node_at(fixture, "/soc/iommu@9000000");

	PUSH(fixture, &guest->devices,
		(struct sp_guest_device){.node = gpu,
			.because = SP_NODE_NONE,
			.path = "/soc/gpu@fd000000",
			.guest_path = "/passthrough/gpu@fd000000"});
	PUSH(fixture, &guest->mappings,
		(struct sp_mapping){0xfff51000, 0x1000, 0x10000000, gpu, "PCI window", true});
	PUSH(fixture, &guest->mappings,
		(struct sp_mapping){0xfd000000, 0x40000, 0xfd000000, gpu, "registers", false});
	PUSH(fixture, &guest->regs,
		(struct sp_guest_reg){gpu, 0, false, 0xfd000000, 0x3ffff, 0xfd000000});
	PUSH(fixture, &guest->irqs, (struct sp_guest_irq){.number = 151, .type = 4, .node = gpu});
	PUSH(fixture, &guest->streams,
		(struct sp_guest_stream){
			gpu, {iommu, 2, {8, 0x401}, SP_ORIGIN_IOMMUS}, "/soc/gpu@fd000000"});
	PUSH(fixture, &guest->streams,
		(struct sp_guest_stream){
			gpu, {iommu, 1, {16}, SP_ORIGIN_USER}, "/sallyport-proxy-0"});
	PUSH(fixture, &guest->dtdev, "/soc/gpu@fd000000");
	PUSH(fixture, &guest->dtdev, "/sallyport-proxy-0");
	PUSH(fixture, &guest->dependencies,
		(struct sp_dependency){.node = gpu,
			.property = "clocks",
			.provider = node_at(fixture, "/soc/clock"),
			.action = SP_ACTION_STUB,
			.detail = "a \"fixed\" clock of 600000000 Hz"});
	PUSH(fixture, &guest->dependencies,
		(struct sp_dependency){.node = node_at(fixture, "/soc/gpu@fd000000/core"),
			.property = "memory-region",
			.provider = SP_NODE_NONE,
			.action = SP_ACTION_DROP});
	guest->nr_spis = 128;
}

static void add_finding(struct fixture *fixture, enum sp_code code, enum sp_severity severity,
	const char *guest, const char *message) {
	PUSH(fixture, &fixture->plan.findings,
		(struct sp_finding){code, severity, guest, "/soc/gpu@fd000000", message,
			"Do this and that until it is right, however long it takes you to get it "
			"right.",
			NULL, 0});
}

static int setup(void **state) {
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	fixture->tree = make_host_tree(&fixture->arena);
	fixture->host.tree = fixture->tree;
	fixture->host.name = "boards/board.dtb";
	fixture->host.model = "Test \"board\" $A";
	fixture->host.gic = node_at(fixture, "/soc/gic@8000000");
	fixture->host.gic_version = 3;
	fixture->request.target = SP_TARGET_XEN_4_20;
	fixture->request.guests = fixture->guests;
	fixture->plan.host = &fixture->host;
	fixture->plan.request = &fixture->request;
	fixture->plan.built = true;
	add_edits(fixture);
	fill_gpu_guest(fixture, add_guest(fixture, "gpu", SP_MODE_XL));
	PUSH(fixture, &fixture->plan.holders,
		(struct sp_holder){"/sallyport-holder-0", node_at(fixture, "/soc/gpu@fd000000"),
			"clock core"});
	PUSH(fixture, &fixture->plan.dom0_arguments, "clk_ignore_unused");
	PUSH(fixture, &fixture->plan.xen_options, "CONFIG_ARM_SMMU_V3");
	add_finding(fixture, SP_CODE_REG_SUBPAGE, SP_SEVERITY_NOTE, "gpu", "a note");
	add_finding(fixture, SP_CODE_PAGE_SHARED, SP_SEVERITY_WARN, NULL, "a warning");
	fixture->plan.verdict = SP_VERDICT_WARN;
	*state = fixture;
	return 0;
}

static int teardown(void **state) {
	struct fixture *fixture = *state;

	sp_tree_destroy(fixture->tree);
	sp_arena_release(&fixture->arena);
	free(fixture);
	return 0;
}

/* One artefact, freed by the caller. */
static char *emit_sized(
	struct fixture *fixture, enum sp_artefact artefact, uint32_t guest, size_t *size) {
	struct sp_error error;
	char *data;

	if (!sp_plan_emit(&fixture->plan, artefact, guest, &data, size, &error))
		fail_msg("%s: %s", sp_artefact_name(artefact), error.message);
	return data;
}

static char *emit(struct fixture *fixture, enum sp_artefact artefact, uint32_t guest) {
	size_t size;
	char *data = emit_sized(fixture, artefact, guest, &size);

	assert_non_null(data);
	assert_int_equal(data[size], '\0');
	return data;
}

static void has(const char *text, const char *part) {
	if (!strstr(text, part))
		fail_msg("no \"%s\" in:\n%s", part, text);
}

static void lacks(const char *text, const char *part) {
	if (strstr(text, part))
		fail_msg("\"%s\" in:\n%s", part, text);
}

/* Structure and values of a tree, in its own order. */
static char *dump(const void *blob) {
	struct sp_buf out = {0};
	int depth = 0;

	assert_int_equal(fdt_check_header(blob), 0);
	for (int node = 0; node >= 0; node = fdt_next_node(blob, node, &depth)) {
		int prop;

		sp_buf_printf(&out, "%d %s\n", depth, fdt_get_name(blob, node, NULL));
		fdt_for_each_property_offset(prop, blob, node) {
			const char *name;
			int len;
			const uint8_t *data = fdt_getprop_by_offset(blob, prop, &name, &len);

			sp_buf_printf(&out, "\t%s", name);
			for (int i = 0; i < len; i++)
				sp_buf_printf(&out, " %02x", data[i]);
			sp_buf_char(&out, '\n');
		}
	}
	assert_false(out.failed);
	return out.data;
}

static void same_trees(const void *a, const void *b) {
	char *first = dump(a), *second = dump(b);

	assert_string_equal(first, second);
	free(first);
	free(second);
}

static void *roomy_copy(const struct fixture *fixture, size_t room) {
	uint32_t size;
	const void *blob = sp_tree_blob(fixture->tree, &size);
	void *copy = malloc(size + room);

	assert_non_null(copy);
	assert_int_equal(fdt_open_into(blob, copy, (int)(size + room)), 0);
	return copy;
}

/* Compiles source with dtc, which must find nothing to say unless warnings are allowed. */
static char *compile(const char *source, const char *options) {
	char dir[] = "/tmp/sp-emit-XXXXXX", command[512], path[64];
	struct sp_error error;
	char *blob = NULL;
	size_t size;
	FILE *file;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a.dts", dir);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(source, file);
	fclose(file);
	snprintf(command, sizeof(command),
		"dtc %s -I dts -O dtb -o %s/a.dtb %s/a.dts 2> %s/log && test ! -s %s/log", options,
		dir, dir, dir, dir);
	if (system(command) != 0) {
		snprintf(command, sizeof(command), "cat %s/log", dir);
		if (system(command) != 0)
			print_message("no log\n");
		fail_msg("dtc does not like:\n%s", source);
	}
	snprintf(path, sizeof(path), "%s/a.dtb", dir);
	assert_true(sp_file_read(path, 1 << 20, &blob, &size, &error));
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
	return blob;
}

static bool have_dtc(void) {
	return system("dtc --version > /dev/null 2>&1") == 0;
}

static void overlay_gives_the_patched_tree(void **state) {
	struct fixture *fixture = *state;
	char *overlay = emit(fixture, SP_ARTEFACT_OVERLAY, 0);
	char *patched = emit(fixture, SP_ARTEFACT_PATCHED_TREE, 0);
	void *host = roomy_copy(fixture, 8192);
	int node, len;

	assert_int_equal(fdt_overlay_apply(host, overlay), 0);
	same_trees(host, patched);
	node = fdt_path_offset(patched, "/sallyport-holder-0");
	assert_true(node > 0);
	assert_int_equal(fdt_get_phandle(patched, node), GPU_MAX_PHANDLE + 2);
	assert_memory_equal(
		fdt_getprop(patched, node, "refs", &len), "\0\0\0\3\0\0\0\7\0\0\0\4\0\0\0\5", 16);
	free(host);
	free(patched);
	free(overlay);
}

static void overlay_source_compiles_to_the_overlay(void **state) {
	struct fixture *fixture = *state;
	char *source = emit(fixture, SP_ARTEFACT_OVERLAY_SOURCE, 0);
	char *overlay = emit(fixture, SP_ARTEFACT_OVERLAY, 0);

	has(source, "given to a guest; * / is no end");
	has(source, "target-path = \"/soc/gpu@fd000000\";");
	if (have_dtc()) {
		/* The host's own phandles are numbers that no node of the overlay has. */
		char *compiled = compile(source, "-Wno-iommus_property -Wno-phandle_references");

		same_trees(compiled, overlay);
		free(compiled);
	}
	free(source);
	free(overlay);
}

static void no_edits_no_overlay(void **state) {
	struct fixture *fixture = *state;
	static const enum sp_artefact artefacts[] = {SP_ARTEFACT_OVERLAY_SOURCE,
		SP_ARTEFACT_OVERLAY, SP_ARTEFACT_PATCHED_TREE, SP_ARTEFACT_UBOOT};
	size_t size;

	fixture->plan.edits.count = 0;
	for (size_t i = 0; i < sizeof(artefacts) / sizeof(artefacts[0]); i++)
		assert_null(emit_sized(fixture, artefacts[i], 0, &size));
}

/* What U-Boot's shell makes of a line: words, of which those in quotes are whole. */
static int split_words(char *line, char *words[16]) {
	int count = 0;

	while (*line) {
		char *to;

		while (*line == ' ')
			line++;
		if (!*line)
			break;
		assert_true(count < 16);
		assert_true(*line != '#');
		words[count++] = to = line;
		if (*line == '"') {
			words[count - 1] = ++line;
			line += strcspn(line, "\"");
			assert_int_equal(*line, '"');
			*line++ = '\0';
			assert_true(!*line || *line == ' ');
		} else {
			line += strcspn(line, " ");
			assert_null(memchr(to, '"', (size_t)(line - to)));
			if (*line)
				*line++ = '\0';
		}
		assert_null(strpbrk(words[count - 1], "$\\;&|'"));
	}
	return count;
}

/* fdt_parse_prop() of U-Boot's cmd/fdt.c. */
static int parse_value(char *const *words, int count, uint8_t *data) {
	int len = 0;
	char *at = count ? words[0] + 1 : NULL;

	if (!count)
		return 0;
	if (words[0][0] != '<' && words[0][0] != '[') {
		for (int i = 0; i < count; i++) {
			memcpy(data + len, words[i], strlen(words[i]) + 1);
			len += (int)strlen(words[i]) + 1;
		}
		return len;
	}
	assert_int_equal(count, 1);
	while (*at != '>' && *at != ']') {
		bool cells = words[0][0] == '<';
		char *end;
		unsigned long value = strtoul(at, &end, cells ? 0 : 16);

		assert_ptr_not_equal(end, at);
		for (int shift = cells ? 24 : 0; shift >= 0; shift -= 8)
			data[len++] = (uint8_t)(value >> shift);
		at = end;
		while (*at == ' ')
			at++;
	}
	return len;
}

/* Runs the commands as U-Boot does. */
static void run_uboot(char *script, void *fdt, size_t room) {
	char *save, *words[16];
	bool resized = false;

	for (char *line = strtok_r(script, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		uint8_t data[1024];
		int count, node;

		if (line[0] == '#')
			continue;
		count = split_words(line, words);
		assert_true(count >= 3);
		assert_string_equal(words[0], "fdt");
		if (!strcmp(words[1], "resize")) {
			assert_true(strtoul(words[2], NULL, 16) <= room);
			fdt_set_totalsize(
				fdt, (uint32_t)(fdt_totalsize(fdt) + strtoul(words[2], NULL, 16)));
			resized = true;
			continue;
		}
		assert_true(resized);
		node = fdt_path_offset(fdt, words[2]);
		assert_true(node >= 0);
		if (!strcmp(words[1], "mknode")) {
			assert_int_equal(count, 4);
			assert_true(fdt_add_subnode(fdt, node, words[3]) > 0);
		} else {
			assert_string_equal(words[1], "set");
			assert_true(count >= 4);
			assert_int_equal(fdt_setprop(fdt, node, words[3], data,
						 parse_value(words + 4, count - 4, data)),
				0);
		}
	}
}

static void uboot_commands_give_the_patched_tree(void **state) {
	struct fixture *fixture = *state;
	char *script = emit(fixture, SP_ARTEFACT_UBOOT, 0);
	char *patched = emit(fixture, SP_ARTEFACT_PATCHED_TREE, 0);
	void *host = roomy_copy(fixture, 0x4000);

	has(script, "fdt set /soc/gpu@fd000000 status \"disabled\"\n");
	has(script, "fdt mknode / sallyport-holder-0\n");
	has(script, "fdt set /sallyport-proxy-0 iommus \"<0x2 0x10>\"\n");
	has(script, " \"#size-cells\" \"<0x0>\"\n");
	has(script, " bytes \"[01 ff 10]\"\n");
	fdt_pack(host);
	run_uboot(script, host, 0x4000);
	same_trees(host, patched);
	free(host);
	free(patched);
	free(script);
}

static void uboot_applies_what_commands_cannot_say(void **state) {
	struct fixture *fixture = *state;
	static const uint8_t large[1028] = {1};
	char *script;

	add_edit(fixture, "/soc/clock", "large", large, 1024, SP_FORM_CELLS);
	script = emit(fixture, SP_ARTEFACT_UBOOT, 0);
	has(script, "fdt set /soc/clock large \"<0x1000000 0x0 ");
	free(script);
	add_edit(fixture, "/soc/clock", "larger", large, 1028, SP_FORM_CELLS);
	script = emit(fixture, SP_ARTEFACT_UBOOT, 0);
	has(script, "property larger of 1028 bytes");
	has(script, "\nfdt apply ${fdtoverlay_addr_r}\n");
	lacks(script, "fdt set /");
	free(script);
	fixture->plan.edits.count -= 2;
	add_edit(fixture, "/soc/gpu@fd000000;reset", NULL, NULL, 0, SP_FORM_EMPTY);
	script = emit(fixture, SP_ARTEFACT_UBOOT, 0);
	has(script, "characters");
	lacks(script, "fdt mknode");
	free(script);
}

/* An old value that does not fit U-Boot's buffer is emptied first. */
static void uboot_empties_a_large_value(void **state) {
	struct fixture *fixture = *state;
	struct sp_build build;
	struct sp_buf blob = {0};
	struct sp_error error;
	static const uint8_t large[1100] = {1};
	struct sp_build_node *node;
	char *script;

	assert_true(sp_build_init(&build, &fixture->arena));
	node = sp_build_node(&build, build.root, "big");
	sp_build_bytes(&build, node, "value", large, sizeof(large));
	assert_true(sp_build_flatten(&build, false, &blob, &error));
	sp_tree_destroy(fixture->tree);
	assert_true(sp_tree_parse(&fixture->tree, blob.data, blob.size, &error));
	fixture->host.tree = fixture->tree;
	sp_buf_release(&blob);
	fixture->plan.edits.count = 0;
	add_cells_edit(fixture, "/big", "value", (const uint32_t[]){1}, 1);
	script = emit(fixture, SP_ARTEFACT_UBOOT, 0);
	has(script, "\nfdt set /big value\nfdt set /big value \"<0x1>\"\n");
	free(script);
}

static void xl_configuration(void **state) {
	struct fixture *fixture = *state;
	char *text = emit(fixture, SP_ARTEFACT_XL, 0);
	size_t size;

	has(text, "\nname = \"gpu\"\nmemory = 512\n");
	has(text, "\n# kernel = \"/boot/vmlinuz-guest\"\n");
	lacks(text, "shadow_memory");
	has(text, "\ndevice_tree = \"guest.dtb\"\n");
	has(text, "\t\"/soc/gpu@fd000000\",\n");
	has(text,
		"\t# carries stream IDs of /soc/gpu@fd000000, behind /soc/iommu@9000000\n"
		"\t\"/sallyport-proxy-0\",\n");
	has(text, "\t\"fd000,40\",\n");
	has(text, "\t\"fff51,1@10000\",\n");
	has(text, "\t151, # SPI 119, level high: /soc/gpu@fd000000\n");
	has(text, "\nnr_spis = 128\n");
	lacks(text, "\npassthrough");
	free(text);

	fixture->plan.guests.data[0].nr_spis = 0;
	fixture->guests[0].hotplug = true;
	fixture->plan.guests.data[0].dtdev.data[0] = "/a\"b\\c\nd";
	text = emit(fixture, SP_ARTEFACT_XL, 0);
	lacks(text, "nr_spis");
	lacks(text, "dtdev");
	lacks(text, "iomem");
	lacks(text, "irqs");
	has(text, "`sallyport attach gpu attach.cfg`");
	has(text, "\npassthrough = \"enabled\"\n");
	free(text);
	text = emit(fixture, SP_ARTEFACT_ATTACH, 0);
	has(text, "\n# For the running guest, in dom0: sallyport attach gpu attach.cfg\n");
	has(text, "\ndtdev = [\n");
	has(text, "\n\t\"/a\\\"b\\\\c\\nd\",\n");
	has(text, "\n\t\"fff51,1@10000\",\n");
	has(text, "\nirqs = [\n\t151, # SPI 119, level high: ");
	lacks(text, "passthrough");
	free(text);
	fixture->guests[0].hotplug = false;
	text = emit(fixture, SP_ARTEFACT_XL, 0);
	has(text, "\n\t\"/a\\\"b\\\\c\\nd\",\n");
	free(text);
	assert_null(emit_sized(fixture, SP_ARTEFACT_ATTACH, 0, &size));

	fixture->guests[0].mode = SP_MODE_DOM0LESS;
	fixture->guests[0].hotplug = true;
	assert_null(emit_sized(fixture, SP_ARTEFACT_XL, 0, &size));
	assert_null(emit_sized(fixture, SP_ARTEFACT_ATTACH, 0, &size));
}

static uint64_t number_at(const void *fdt, int node, const char *name, int cell) {
	int len;
	const fdt32_t *cells = fdt_getprop(fdt, node, name, &len);

	assert_non_null(cells);
	assert_true(len >= (cell + 2) * 4);
	return (uint64_t)fdt32_to_cpu(cells[cell]) << 32 | fdt32_to_cpu(cells[cell + 1]);
}

static void dom0less_overlay(void **state) {
	struct fixture *fixture = *state;
	char *source, *overlay;
	void *host, *compiled;
	size_t size, blob_size;
	int domain, module;

	assert_null(emit_sized(fixture, SP_ARTEFACT_DOM0LESS, 0, &size));
	fixture->guests[0].mode = SP_MODE_DOM0LESS;
	source = emit(fixture, SP_ARTEFACT_DOM0LESS_SOURCE, 0);
	has(source, "the kernel and guest.dtb");
	free(source);
	fixture->guests[0].modules[SP_MODULE_KERNEL] =
		(struct sp_request_module){true, 0x148000000, 0x1800000};
	fixture->guests[0].modules[SP_MODULE_TREE] =
		(struct sp_request_module){true, 0x4a000000, 0};
	source = emit(fixture, SP_ARTEFACT_DOM0LESS_SOURCE, 0);
	lacks(source, "Wanting");
	lacks(source, "direct-map");
	lacks(source, "xen,domain-p2m-mem-mb");
	has(source, "Its command line goes into a property bootargs here.");
	free(source);
	fixture->guests[0].command_line = "console=ttyAMA0 quiet";
	fixture->plan.guests.data[0].table_memory = 9;
	source = emit(fixture, SP_ARTEFACT_DOM0LESS_SOURCE, 0);
	has(source, "\t\tbootargs = \"console=ttyAMA0 quiet\";\n");
	lacks(source, "Its command line");
	if (!have_dtc()) {
		free(source);
		skip();
	}
	/* What is compiled already does the same. */
	overlay = compile(source, "");
	host = roomy_copy(fixture, 8192);
	assert_int_equal(fdt_overlay_apply(host, overlay), 0);
	free(overlay);
	overlay = emit_sized(fixture, SP_ARTEFACT_DOM0LESS, 0, &size);
	compiled = roomy_copy(fixture, 8192);
	assert_int_equal(fdt_overlay_apply(compiled, overlay), 0);
	assert_int_equal(fdt_pack(host), 0);
	assert_int_equal(fdt_pack(compiled), 0);
	assert_memory_equal(compiled, host, fdt_totalsize(host));
	free(compiled);
	domain = fdt_path_offset(host, "/chosen/domU-gpu");
	assert_true(domain > 0);
	assert_int_equal(fdt_node_check_compatible(host, domain, "xen,domain"), 0);
	assert_int_equal(number_at(host, domain, "memory", 0), 512 * 1024);
	assert_non_null(fdt_getprop(host, domain, "vpl011", NULL));
	assert_int_equal(fdt32_to_cpu(*(const fdt32_t *)fdt_getprop(
				 host, domain, "xen,domain-p2m-mem-mb", NULL)),
		9);
	assert_string_equal(fdt_getprop(host, domain, "passthrough", NULL), "enabled");
	module = fdt_path_offset(host, "/chosen/domU-gpu/module@148000000");
	assert_int_equal(fdt_node_check_compatible(host, module, "multiboot,kernel"), 0);
	assert_int_equal(fdt_node_check_compatible(host, module, "multiboot,module"), 0);
	assert_int_equal(number_at(host, module, "reg", 0), 0x148000000);
	assert_int_equal(number_at(host, module, "reg", 2), 0x1800000);
	module = fdt_path_offset(host, "/chosen/domU-gpu/module@4a000000");
	assert_int_equal(fdt_node_check_compatible(host, module, "multiboot,device-tree"), 0);
	free(emit_sized(fixture, SP_ARTEFACT_GUEST_TREE, 0, &blob_size));
	assert_int_equal(number_at(host, module, "reg", 2), blob_size);
	free(host);
	free(overlay);
	free(source);
}

static void dom0less_of_a_direct_mapped_guest(void **state) {
	struct fixture *fixture = *state;
	struct sp_plan_guest *guest = &fixture->plan.guests.data[0];
	char *source;

	fixture->guests[0].mode = SP_MODE_DIRECT;
	guest->static_memory = 0x60000000;
	guest->irqs.data[0].number = 32;
	source = emit(fixture, SP_ARTEFACT_DOM0LESS_SOURCE, 0);
	has(source, "\tdirect-map;\n");
	has(source, "xen,static-mem = <0 0x60000000 0 0x20000000>;");
	has(source, "\tvpl011;\n");
	lacks(source, "passthrough = ");
	if (have_dtc())
		free(compile(source, "-Wno-avoid_unnecessary_addr_size"));
	free(source);
	/* A mapped guest's virtual UART has SPI 0, which is a device's here. */
	guest->static_memory = 0;
	fixture->guests[0].mode = SP_MODE_DOM0LESS;
	source = emit(fixture, SP_ARTEFACT_DOM0LESS_SOURCE, 0);
	lacks(source, "vpl011");
	free(source);
	/* The property came with 4.19. */
	fixture->request.target = SP_TARGET_XEN_4_18;
	source = emit(fixture, SP_ARTEFACT_DOM0LESS_SOURCE, 0);
	lacks(source, "passthrough = ");
	free(source);
}

static void guest_source_compiles_to_the_guest_tree(void **state) {
	struct fixture *fixture = *state;
	char *source = emit(fixture, SP_ARTEFACT_GUEST_SOURCE, 0);
	char *tree = emit(fixture, SP_ARTEFACT_GUEST_TREE, 0);

	has(source, "Partial device tree of guest \"gpu\"\n");
	has(source, "for xen-4.20 (xl)\n");
	has(source, "Host: Test \"board\" $A, board.dtb\n");
	if (have_dtc()) {
		char *compiled = compile(source, "");

		same_trees(compiled, tree);
		free(compiled);
	}
	free(source);
	free(tree);
}

static void imagebuilder_configuration(void **state) {
	struct fixture *fixture = *state;
	char *text = emit(fixture, SP_ARTEFACT_IMAGEBUILDER, 0);
	struct sp_plan_guest *guest;

	has(text, "\nNUM_DT_OVERLAY=1\nDT_OVERLAY[0]=\"host-overlay.dtbo\"\n");
	has(text, "\nDOM0_CMD=\"console=hvc0 earlycon=xen earlyprintk=xen clk_ignore_unused\"\n");
	has(text, "\nNUM_DOMUS=0\n");
	lacks(text, "\nXEN_CMD");
	lacks(text, "\nDOMU_");
	free(text);

	add_guest(fixture, "net", SP_MODE_DOM0LESS);
	guest = add_guest(fixture, "direct", SP_MODE_DIRECT);
	guest->static_memory = 0x60000000;
	guest->nr_spis = 64;
	PUSH(fixture, &fixture->plan.guests.data[1].irqs, (struct sp_guest_irq){.number = 32});
	PUSH(fixture, &fixture->plan.xen_arguments, "a=`$b\"");
	text = emit(fixture, SP_ARTEFACT_IMAGEBUILDER, 0);
	has(text, " a=\\`\\$b\\\"\"\n");
	has(text, "\nNUM_DOMUS=2\n");
	has(text, "\nDOMU_PASSTHROUGH_DTB[0]=\"net/guest.dtb\"\n");
	has(text, "\nDOMU_VPL011[0]=0\n");
	has(text, "\nDOMU_PASSTHROUGH_DTB[1]=\"direct/guest.dtb\"\n");
	has(text,
		"\nDOMU_STATIC_MEM[1]=\"0x60000000 0x20000000\"\nDOMU_DIRECT_MAP[1]=1\n"
		"DOMU_NR_SPIS[1]=64\n");
	lacks(text, "DOMU_VPL011[1]");
	free(text);
}

static void arguments(void **state) {
	struct fixture *fixture = *state;
	char *text = emit(fixture, SP_ARTEFACT_BOOTARGS, 0);
	char *save;

	has(text, "\nclk_ignore_unused\n");
	has(text, "#   CONFIG_ARM_SMMU_V3=y\n");
	has(text, "# Xen (xen,xen-bootargs in /chosen): nothing to add\n");
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		assert_true(line[0] == '#' || !strcmp(line, "clk_ignore_unused"));
	free(text);
}

static void graph(void **state) {
	struct fixture *fixture = *state;
	char *text = emit(fixture, SP_ARTEFACT_GRAPH, 0);

	has(text, "a \\\"fixed\\\" clock");
	has(text, "rankdir=LR");
	has(text, "SPI 119, level high (IRQ 151)\\l");
	has(text, "label=\"0x8:0x401\"");
	has(text, "label=\"/sallyport-proxy-0\\nstands for");
	has(text, "label=\"/sallyport-holder-0\\nin dom0, holds clock core\"");
	has(text, "label=\"clocks[0]\\n");
	has(text, "color=\"#b26a00\"");
	has(text, "<font color=\"#757575\">drop</font>");
	lacks(text, ">refuse<");
	free(text);
}

/* All rows, texts and boxes of the map lie one below the other. */
static void map(void **state) {
	struct fixture *fixture = *state;
	char *text = emit(fixture, SP_ARTEFACT_MAP, 0);
	unsigned last_end = 0, rows = 0, height = 0;

	assert_int_equal(sscanf(strstr(text, "height="), "height=\"%u\"", &height), 1);
	for (const char *at = text; (at = strstr(at, "<rect class=")); at++) {
		unsigned x, y, width, row_height;

		assert_int_equal(
			sscanf(strstr(at, " x="), " x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\"",
				&x, &y, &width, &row_height),
			4);
		if (width < 100)
			continue;
		assert_true(y > last_end);
		last_end = y + row_height;
		rows++;
	}
	/* 3 areas, 2 mappings, and the holes before and between them and up to the limit. */
	assert_int_equal(rows, 3 + 2 + 5);
	assert_true(last_end < height);
	has(text, ">0x3001000<");
	has(text, ">0x3010fff<");
	has(text, "in the host at 0xfff51000");
	has(text, ">48 MiB<"); /* 0x3001000, the first hole */
	has(text, ">1020 GiB<"); /* the last one */
	lacks(text, "script");
	free(text);
	fixture->plan.guests.data[0].layout.areas.data[0].name = "a<b>&\"c\"\x01";
	text = emit(fixture, SP_ARTEFACT_MAP, 0);
	has(text, "a&lt;b&gt;&amp;&quot;c&quot;?");
	free(text);
}

static void report(void **state) {
	struct fixture *fixture = *state;
	char *text = emit(fixture, SP_ARTEFACT_REPORT, 0);
	char *save;

	has(text, "Test \"board\" $A");
	has(text, "0 errors, 1 warning, 1 note\n");
	has(text, "Guest gpu: xl, 512 MiB, verdict ok\n");
	has(text, "    0x10000000    0xfff51000    4 KiB       /soc/gpu@fd000000, PCI window\n");
	has(text, "    0xfd000000    the same      256 KiB     /soc/gpu@fd000000\n");
	has(text, "/soc/gpu@fd000000 at /soc/iommu@9000000: 0x8:0x401\n");
	has(text, ": 0x10, carried by /sallyport-proxy-0\n");
	has(text, "/soc/gpu@fd000000/core memory-region[0] -> (nothing)\n");
	assert_true(strstr(text, "a warning") < strstr(text, "a note"));
	has(text, "      -> Do this");
	has(text, "xl create guest.cfg");
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		assert_true(strlen(line) <= 100);
		for (const char *c = line; *c; c++)
			assert_true(*c >= ' ' && *c < 0x7f);
	}
	free(text);
}

static void json(void **state) {
	struct fixture *fixture = *state;
	char *text = emit(fixture, SP_ARTEFACT_JSON, 0);

	has(text, "\"schema\": \"sallyport-plan\"");
	has(text, "\"model\": \"Test \\\"board\\\" $A\"");
	has(text, "\"compatible\": [\"test,board\", \"test,soc\"]");
	has(text, "\"verdict\": \"warn\"");
	has(text, "\"files_complete\": true");
	has(text,
		"{\"start\": 1048401, \"count\": 1, \"guest\": 65536, \"for\": "
		"\"/soc/gpu@fd000000\"}");
	has(text, "{\"irq\": 151, \"spi\": 119, \"type\": 4, \"for\": \"/soc/gpu@fd000000\"}");
	has(text, "\"specifier\": [8, 1025], \"origin\": \"iommus\"");
	has(text, "\"limit\": \"0x10000000000\"");
	has(text, "\"provider\": null, \"action\": \"drop\", \"detail\": null");
	has(text, "\"new_node\": true, \"property\": null");
	has(text, "\"property\": \"status\", \"value\": \"64697361626c656400\"");
	has(text, "\"static_memory\": null");
	free(text);
}

static void an_unbuilt_plan_has_no_trees(void **state) {
	struct fixture *fixture = *state;
	static const enum sp_artefact artefacts[] = {SP_ARTEFACT_GUEST_SOURCE,
		SP_ARTEFACT_GUEST_TREE, SP_ARTEFACT_DOM0LESS_SOURCE, SP_ARTEFACT_DOM0LESS};
	struct sp_error error;
	char *data;
	size_t size;

	fixture->plan.guests.data[0].tree.root = NULL;
	for (size_t i = 0; i < sizeof(artefacts) / sizeof(artefacts[0]); i++)
		assert_null(emit_sized(fixture, artefacts[i], 0, &size));
	data = emit(fixture, SP_ARTEFACT_XL, 0);
	lacks(data, "\ndevice_tree");
	free(data);
	assert_false(sp_plan_emit(&fixture->plan, SP_ARTEFACT_XL, 1, &data, &size, &error));
	assert_int_equal(error.kind, SP_ERROR_USE);
}

static bool exists(const char *dir, const char *name) {
	char path[128];
	struct stat status;

	snprintf(path, sizeof(path), "%s/plan/%s", dir, name);
	return stat(path, &status) == 0 && status.st_size > 0;
}

static void write_plan(struct fixture *fixture, const char *dir, bool force) {
	struct sp_write_options options = {.force = force, .patched_tree = true, .graph_svg = true};
	struct sp_error error;
	char path[64];

	snprintf(path, sizeof(path), "%s/plan", dir);
	if (!sp_plan_write(&fixture->plan, path, &options, &error))
		fail_msg("%s", error.message);
}

static void files(void **state) {
	struct fixture *fixture = *state;
	static const char *const host_files[] = {"host-overlay.dts", "host-overlay.dtbo",
		"host-patched.dtb", "uboot.cmd", "imagebuilder.cfg", "bootargs.txt"};
	static const char *const guest_files[] = {
		"guest.dts", "guest.dtb", "guest.cfg", "map.svg", "graph.dot"};
	bool dot = system("dot -V > /dev/null 2>&1") == 0;
	char dir[] = "/tmp/sp-emit-XXXXXX", command[64];

	assert_non_null(mkdtemp(dir));
	write_plan(fixture, dir, false);
	for (size_t i = 0; i < sizeof(host_files) / sizeof(host_files[0]); i++)
		assert_true(exists(dir, host_files[i]));
	for (size_t i = 0; i < sizeof(guest_files) / sizeof(guest_files[0]); i++)
		assert_true(exists(dir, guest_files[i]));
	assert_int_equal(exists(dir, "graph.svg"), dot);
	assert_true(exists(dir, "plan.json"));
	assert_true(exists(dir, "report.txt"));
	assert_false(exists(dir, "dom0less.dts"));
	assert_false(exists(dir, "dom0less.dtbo"));

	/* A second guest: the files move into folders. */
	add_guest(fixture, "net", SP_MODE_DOM0LESS);
	write_plan(fixture, dir, true);
	assert_true(exists(dir, "gpu/guest.cfg"));
	assert_true(exists(dir, "net/dom0less.dts"));
	assert_true(exists(dir, "net/dom0less.dtbo"));
	assert_false(exists(dir, "net/guest.cfg"));
	assert_false(exists(dir, "guest.cfg"));
	assert_false(exists(dir, "graph.svg"));
	assert_true(exists(dir, "host-overlay.dtbo"));

	/* Errors: the report and plan.json alone stay. */
	fixture->plan.guests.count = 1;
	add_finding(fixture, SP_CODE_IRQ_PPI, SP_SEVERITY_ERROR, "gpu", "an error");
	fixture->plan.verdict = SP_VERDICT_NO;
	snprintf(command, sizeof(command), "rm -r %s/plan", dir);
	assert_int_equal(system(command), 0);
	write_plan(fixture, dir, false);
	for (size_t i = 0; i < sizeof(host_files) / sizeof(host_files[0]); i++)
		assert_false(exists(dir, host_files[i]));
	for (size_t i = 0; i < sizeof(guest_files) / sizeof(guest_files[0]); i++)
		assert_false(exists(dir, guest_files[i]));
	assert_true(exists(dir, "plan.json"));
	assert_true(exists(dir, "report.txt"));
	fixture->request.keep_going = true;
	write_plan(fixture, dir, true);
	assert_true(exists(dir, "guest.cfg"));
	fixture->request.keep_going = false;
	write_plan(fixture, dir, true);
	assert_false(exists(dir, "guest.cfg"));
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

static void errors_only_report(void **state) {
	struct fixture *fixture = *state;
	char *text;

	add_finding(fixture, SP_CODE_IRQ_PPI, SP_SEVERITY_ERROR, "gpu", "an error");
	fixture->plan.verdict = SP_VERDICT_NO;
	text = emit(fixture, SP_ARTEFACT_REPORT, 0);
	has(text, "Resolve the errors");
	lacks(text, "xl create");
	assert_true(strstr(text, "an error") < strstr(text, "a warning"));
	free(text);
	text = emit(fixture, SP_ARTEFACT_JSON, 0);
	has(text, "\"files_complete\": false");
	free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(overlay_gives_the_patched_tree),
		TEST(overlay_source_compiles_to_the_overlay),
		TEST(no_edits_no_overlay),
		TEST(uboot_commands_give_the_patched_tree),
		TEST(uboot_applies_what_commands_cannot_say),
		TEST(uboot_empties_a_large_value),
		TEST(xl_configuration),
		TEST(dom0less_overlay),
		TEST(dom0less_of_a_direct_mapped_guest),
		TEST(guest_source_compiles_to_the_guest_tree),
		TEST(imagebuilder_configuration),
		TEST(arguments),
		TEST(graph),
		TEST(map),
		TEST(report),
		TEST(json),
		TEST(an_unbuilt_plan_has_no_trees),
		TEST(files),
		TEST(errors_only_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
