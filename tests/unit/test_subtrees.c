/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <libfdt.h>
#include <string.h>

#include <sallyport/plan.h>

#include "plan/plan.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Some devices of the fixture in one guest, and the guest's tree read back. */
struct bench {
	struct sp_tree *tree, *guest;
	struct sp_host *host;
	struct sp_plan *plan;
	struct sp_request request;
	struct sp_request_guest wish;
};

static void make_from(
	struct bench *bench, struct sp_tree *tree, const char *const *devices, uint32_t count) {
	struct sp_error error;
	char *blob;
	size_t size;

	bench->tree = tree;
	bench->wish = (struct sp_request_guest){.name = "guest",
		.memory = 512,
		.companions = count > 1,
		.devices = devices,
		.device_count = count};
	bench->request = (struct sp_request){.target = SP_TARGET_DEFAULT,
		.keep_going = true,
		.guests = &bench->wish,
		.guest_count = 1};
	assert_true(sp_host_create(&bench->host, bench->tree, "subtrees", &error));
	assert_true(sp_plan_create(&bench->plan, bench->host, &bench->request, &error));
	assert_true(sp_plan_emit(bench->plan, SP_ARTEFACT_GUEST_TREE, 0, &blob, &size, &error));
	assert_true(sp_tree_parse(&bench->guest, blob, size, &error));
	free(blob);
}

static void make(struct bench *bench, const char *const *device) {
	make_from(bench, load_fixture("subtrees"), device, 1);
}

static void unmake(struct bench *bench) {
	sp_plan_destroy(bench->plan);
	sp_host_destroy(bench->host);
	sp_tree_destroy(bench->guest);
	sp_tree_destroy(bench->tree);
}

/* How often a finding was made about the node; `says` is in the last one's message. */
static unsigned count_of(
	const struct bench *bench, enum sp_code code, const char *path, const char *says) {
	uint32_t count;
	const struct sp_finding *findings = sp_plan_findings(bench->plan, &count);
	unsigned found = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (findings[i].code != code || findings[i].path == NULL ||
			strcmp(findings[i].path, path) != 0)
			continue;
		found++;
		if (strstr(findings[i].message, says) == NULL)
			fail_msg("%s does not say %s", findings[i].message, says);
	}
	return found;
}

static void has_strings(const struct sp_tree *tree, const char *path, const char *name,
	const char *bytes, size_t size) {
	const struct sp_prop *prop = sp_tree_prop(tree, fixture_node(tree, path), name);
	assert_non_null(prop);
	assert_int_equal(prop->len, size);
	assert_memory_equal(prop->data, bytes, size);
}

static void has_cells(const struct sp_tree *tree, const char *path, const char *name,
	const uint32_t *cells, uint32_t count) {
	const struct sp_prop *prop = sp_tree_prop(tree, fixture_node(tree, path), name);
	assert_non_null(prop);
	assert_int_equal(prop->len, count * 4);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(sp_prop_cell(prop, i), cells[i]);
}

static void contains_what_xen_has(void **state) {
	const char *device = "/wrap@a000000";
	struct bench bench;
	(void)state;
	make(&bench, &device);
	assert_int_equal(count_of(&bench, SP_CODE_DEVICE_CONSOLE, "/wrap@a000000/serial@9000000",
				 "stdout-path"),
		1);
	assert_int_equal(
		count_of(&bench, SP_CODE_DEVICE_XEN, "/wrap@a000000/smmu@b000000", "IOMMU"), 1);
	/* One of each kind is enough. */
	assert_int_equal(count_of(&bench, SP_CODE_DEVICE_XEN, "/wrap@a000000/smmu@b100000", ""), 0);
	assert_int_equal(count_of(&bench, SP_CODE_DEVICE_SKIPPED, "/wrap@a000000/pmu", "pmuv3"), 1);
	assert_int_equal(sp_plan_verdict(bench.plan), SP_VERDICT_NO);
	unmake(&bench);
}

static void names_go_with_their_entries(void **state) {
	static const char regs[] = "data\0more", irqs[] = "first\0second", all[] = "control\0data";
	static const char mixed[] = "first\0local";
	const char *gaps = "/gaps@d000000", *whole = "/whole@d010000", *both = "/mixed@d020000";
	struct bench bench;
	(void)state;
	make(&bench, &gaps);
	has_strings(bench.guest, "/passthrough/gaps@d001000", "reg-names", regs, sizeof(regs));
	has_strings(
		bench.guest, "/passthrough/gaps@d001000", "interrupt-names", irqs, sizeof(irqs));
	unmake(&bench);

	make(&bench, &whole);
	has_strings(bench.guest, "/passthrough/whole@d010000", "reg-names", all, sizeof(all));
	has_strings(
		bench.guest, "/passthrough/whole@d010000", "interrupt-names", irqs, sizeof(irqs));
	unmake(&bench);

	make(&bench, &both);
	has_strings(
		bench.guest, "/passthrough/mixed@d020000", "interrupt-names", mixed, sizeof(mixed));
	unmake(&bench);
}

static void memory_is_on_the_far_side(void **state) {
	const char *reaches = "/shifted/gpu@7e000000", *misses = "/astray/gpu@7e000000";
	struct bench bench;
	(void)state;
	make(&bench, &reaches);
	assert_int_equal(count_of(&bench, SP_CODE_PLACE_DMA_LIMIT, reaches, ""), 0);
	unmake(&bench);
	make(&bench, &misses);
	assert_int_equal(count_of(&bench, SP_CODE_PLACE_DMA_LIMIT, misses,
				 "/astray do not lead to the guest's memory at 0x40000000"),
		1);
	unmake(&bench);
}

static void buses_in_buses(void **state) {
	static const uint32_t cells[] = {0, 0x80000000, 0, 0x50000000, 0, 0x20000000};
	const char *device = "/outer/inner/gpu@0";
	struct bench bench;
	(void)state;
	make(&bench, &device);
	/* The outer bus passes on less than the inner one, and neither reaches the beginning. */
	has_cells(bench.guest, "/passthrough/bus-0", "dma-ranges", cells, LENGTH(cells));
	assert_int_equal(count_of(&bench, SP_CODE_PLACE_DMA_LIMIT, device, "/outer do not"), 1);
	unmake(&bench);
}

static void many_windows(void **state) {
	const char *device = "/sliced/gpu@0";
	struct bench bench;
	(void)state;
	make(&bench, &device);
	const struct sp_prop *prop = sp_tree_prop(
		bench.guest, fixture_node(bench.guest, "/passthrough/bus-0"), "dma-ranges");
	assert_non_null(prop);
	assert_int_equal(prop->len, 20 * 6 * 4);
	assert_int_equal(count_of(&bench, SP_CODE_PLACE_DMA_LIMIT, device, ""), 0);
	unmake(&bench);
}

/* One device takes the place of another: the list is as long as before, and none is passed over. */
static void companion_that_covers(void **state) {
	static const char *const devices[] = {
		"/soc/cover@c000000/part@c100000", "/soc/one@d100000", "/soc/two@d200000"};
	struct bench bench;
	(void)state;
	make_from(&bench, load_fixture("subtrees"), devices, LENGTH(devices));
	fixture_node(bench.guest, "/passthrough/cover@c000000/part@c100000");
	fixture_node(bench.guest, "/passthrough/phy@d300000");
	unmake(&bench);
}

static void registers_inside_a_window(void **state) {
	const char *device = "/pcie@300000000000";
	struct bench bench;
	(void)state;
	make(&bench, &device);
	assert_int_equal(
		count_of(&bench, SP_CODE_PLACE_NO_HOLE, device, "its registers at 0x300000000000"),
		1);
	assert_int_equal(count_of(&bench, SP_CODE_PCI_WINDOW_DROPPED, device, ""), 0);
	unmake(&bench);
}

static void devices_are_no_data(void **state) {
	const char *device = "/soc/cached@d400000";
	struct bench bench;
	(void)state;
	make(&bench, &device);
	assert_int_equal(sp_tree_find(bench.guest, "/passthrough/soc"), SP_NODE_NONE);
	assert_null(sp_tree_prop(
		bench.guest, fixture_node(bench.guest, "/passthrough/cached@d400000"), "l2-cache"));
	unmake(&bench);
}

/* As many interrupts as a guest can have. */
static void long_lists(void **state) {
	enum { SPIS = 900, SLACK = 1 << 16 };
	const char *device = "/whole@d010000";
	struct sp_tree *original = load_fixture("subtrees"), *tree;
	struct sp_error error;
	struct bench bench;
	fdt32_t cells[SPIS * 3];
	uint32_t size;
	const void *blob = sp_tree_blob(original, &size);
	char *copy = malloc(size + SLACK);
	(void)state;

	assert_non_null(copy);
	for (uint32_t i = 0; i < SPIS; i++) {
		cells[i * 3] = 0;
		cells[i * 3 + 1] = cpu_to_fdt32(i + 20);
		cells[i * 3 + 2] = cpu_to_fdt32(4);
	}
	assert_int_equal(fdt_open_into(blob, copy, (int)size + SLACK), 0);
	assert_int_equal(fdt_setprop(copy, fdt_path_offset(copy, device), "interrupts", cells,
				 sizeof(cells)),
		0);
	assert_true(sp_tree_parse(&tree, copy, fdt_totalsize(copy), &error));
	free(copy);
	sp_tree_destroy(original);
	make_from(&bench, tree, &device, 1);
	const struct sp_prop *list = sp_tree_prop(
		bench.guest, fixture_node(bench.guest, "/passthrough/whole@d010000"), "interrupts");
	assert_non_null(list);
	assert_int_equal(list->len, sizeof(cells));
	assert_memory_equal(list->data, cells, sizeof(cells));
	unmake(&bench);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contains_what_xen_has),
		cmocka_unit_test(names_go_with_their_entries),
		cmocka_unit_test(memory_is_on_the_far_side),
		cmocka_unit_test(buses_in_buses),
		cmocka_unit_test(many_windows),
		cmocka_unit_test(companion_that_covers),
		cmocka_unit_test(registers_inside_a_window),
		cmocka_unit_test(devices_are_no_data),
		cmocka_unit_test(long_lists),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
