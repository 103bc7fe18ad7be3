/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <libfdt.h>

#include "fdt/address.h"

#define CONTROL "/memory-controller"
#define PCI "/pcie@f0000000"

static int setup(void **state) {
	*state = load_fixture("address");
	return 0;
}

static int teardown(void **state) {
	sp_tree_destroy(*state);
	return 0;
}

static struct sp_reg reg_of(const struct sp_tree *tree, const char *path, uint32_t index) {
	struct sp_reg reg;

	sp_reg_get(tree, fixture_node(tree, path), index, &reg);
	return reg;
}

static void check_ok(const struct sp_tree *tree, const char *path, uint32_t index,
	uint64_t bus_address, uint64_t address, uint64_t size) {
	struct sp_reg reg = reg_of(tree, path, index);

	if (reg.state != SP_ADDRESS_OK || reg.bus != SP_NODE_NONE ||
		reg.bus_address != bus_address || reg.address != address || reg.size != size)
		fail_msg("%s %u: state %d, %#llx at %#llx+%#llx", path, index, (int)reg.state,
			(unsigned long long)reg.bus_address, (unsigned long long)reg.address,
			(unsigned long long)reg.size);
}

static void check_not(const struct sp_tree *tree, const char *path, uint32_t index,
	enum sp_address_state state, const char *bus) {
	struct sp_reg reg = reg_of(tree, path, index);

	if (reg.state != state || reg.bus != fixture_node(tree, bus))
		fail_msg("%s %u: state %d at %s", path, index, (int)reg.state,
			reg.bus == SP_NODE_NONE ? "nothing" : sp_tree_path(tree, reg.bus));
}

static void test_counts(void **state) {
	static const struct {
		const char *path;
		uint32_t count;
		bool whole;
	} cases[] = {
		{"/", 0, true},
		{"/soc", 0, true},
		{"/memory@80000000", 2, true},
		{"/cut@0", 0, false},
		{"/half@0", 0, false},
		{"/empty@0", 0, true},
		{"/soc/outside@3000", 2, true},
		{"/soc/i2c@100/chip@50", 1, true},
		{PCI "/io@1", 1, true},
		{CONTROL "/flash@3,1000", 1, true},
		{"/soc/wide@400/child@0", 1, true},
	};
	struct sp_tree *tree = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool whole = !cases[i].whole;
		uint32_t count = sp_reg_count(tree, fixture_node(tree, cases[i].path), &whole);

		if (count != cases[i].count || whole != cases[i].whole)
			fail_msg("%s: %u, %d", cases[i].path, count, whole);
	}
}

static void test_root_bus(void **state) {
	struct sp_tree *tree = *state;

	check_ok(tree, "/memory@80000000", 0, 0x80000000, 0x80000000, 0x100000000);
	check_ok(tree, "/memory@80000000", 1, 0x900000000, 0x900000000, 0x1000);
	check_ok(tree, "/to-the-end@ffffffff", 0, 0xfffffffffffff000, 0xfffffffffffff000, 0x1000);
	check_not(tree, "/wraps@ffffffff", 0, SP_ADDRESS_OVERFLOWS, "/");
	check_not(tree, "/cut@0", 0, SP_ADDRESS_BAD_CELLS, "/");
	check_not(tree, "/half@0", 0, SP_ADDRESS_BAD_CELLS, "/");
	check_not(tree, "/memory@80000000", 2, SP_ADDRESS_BAD_CELLS, "/");
	check_not(tree, "/memory@80000000", UINT32_MAX, SP_ADDRESS_BAD_CELLS, "/");
	assert_int_equal(reg_of(tree, "/", 0).state, SP_ADDRESS_BAD_CELLS);
	assert_int_equal(reg_of(tree, "/soc", 0).state, SP_ADDRESS_BAD_CELLS);
}

static void test_not_mapped(void **state) {
	struct sp_tree *tree = *state;

	check_not(tree, "/cpus/cpu@1", 0, SP_ADDRESS_NOT_MAPPED, "/cpus");
	check_not(tree, "/soc/i2c@100/chip@50", 0, SP_ADDRESS_NOT_MAPPED, "/soc/i2c@100");
	assert_int_equal(reg_of(tree, "/soc/i2c@100/chip@50", 0).bus_address, 0x50);
	check_not(tree, "/soc/unmapped@200/partition@0", 0, SP_ADDRESS_NOT_MAPPED,
		"/soc/unmapped@200");
	check_not(tree, "/soc/unmapped@200/below/deeper@4", 0, SP_ADDRESS_NOT_MAPPED,
		"/soc/unmapped@200");
}

static void test_ranges(void **state) {
	struct sp_tree *tree = *state;

	check_ok(tree, "/soc/inside@10", 0, 0x10, 0x100000010, 0x20);
	check_ok(tree, "/soc/whole@0", 0, 0x0, 0x100000000, 0x1000);
	check_ok(tree, "/soc/point@2000", 0, 0x2000, 0x200000000, 0x0);
	check_ok(tree, "/soc/silent/child@30", 0, 0x30, 0x100000030, 0x8);
	check_not(tree, "/soc/outside@3000", 0, SP_ADDRESS_NO_RANGE, "/soc");
	check_ok(tree, "/soc/outside@3000", 1, 0x20, 0x100000020, 0x10);
	check_ok(tree, CONTROL "/flash@3,1000", 0, 0x300001000, 0x50001000, 0x100);
	check_not(tree, CONTROL "/flash@1,0", 0, SP_ADDRESS_NO_RANGE, CONTROL);
}

static void test_straddling(void **state) {
	struct sp_tree *tree = *state;

	check_ok(tree, "/soc/across@800", 0, 0x800, 0x100000800, 0x1000);
	check_not(tree, "/soc/gap@1800", 0, SP_ADDRESS_STRADDLES, "/soc");
	check_not(tree, "/soc/past@2800", 0, SP_ADDRESS_STRADDLES, "/soc");
	check_ok(tree, "/shuffled/block@0", 0, 0x0, 0xa0000, 0x3000);
	check_ok(tree, "/shuffled/fork@1000", 0, 0x1000, 0xb0000, 0x800);
	check_not(tree, "/backwards/block@0", 0, SP_ADDRESS_STRADDLES, "/backwards");
	check_not(tree, "/backwards/block@100000000", 0, SP_ADDRESS_STRADDLES, "/backwards");
}

static void test_each_level(void **state) {
	struct sp_tree *tree = *state;

	check_ok(tree, "/soc/inner/nested@10", 0, 0x10, 0x100001810, 0x10);
	/* Whole on the inner bus, but not on the outer one. */
	check_not(tree, "/soc/inner/upper@500", 0, SP_ADDRESS_STRADDLES, "/soc");
}

static void test_bad_cells(void **state) {
	struct sp_tree *tree = *state;

	check_not(tree, "/soc/broken@300/child@0", 0, SP_ADDRESS_BAD_CELLS, "/soc/broken@300");
	check_not(tree, "/soc/wide@400/child@0", 0, SP_ADDRESS_BAD_CELLS, "/soc/wide@400");
	assert_int_equal(reg_of(tree, "/soc/wide@400/child@0", 0).bus_address, 0x8);
	assert_int_equal(reg_of(tree, "/soc/wide@400/child@0", 0).size, 0x4);
}

static void test_overflows(void **state) {
	struct sp_tree *tree = *state;

	check_not(tree, "/narrow/broad/high@100000000", 0, SP_ADDRESS_OVERFLOWS, "/narrow/broad");
	check_not(tree, "/narrow/offset/beyond@1800", 0, SP_ADDRESS_OVERFLOWS, "/narrow/offset");
	check_not(tree, "/wrapping/start@1800", 0, SP_ADDRESS_OVERFLOWS, "/wrapping");
	check_not(tree, "/wrapping/end@800", 0, SP_ADDRESS_OVERFLOWS, "/");
}

static void test_three_cells(void **state) {
	struct sp_tree *tree = *state;

	check_ok(tree, "/tagged/portal@1,100", 0, 0x100, 0x818000100, 0x10);
	check_not(tree, "/tagged/portal@2,0", 0, SP_ADDRESS_NO_RANGE, "/tagged");
}

static void test_pci(void **state) {
	struct sp_tree *tree = *state;

	check_not(tree, PCI "/config@0", 0, SP_ADDRESS_NOT_MAPPED, PCI);
	check_ok(tree, PCI "/io@1", 0, 0x1000, 0xe8001000, 0x100);
	check_ok(tree, PCI "/memory@2", 0, 0x50000000, 0x50000000, 0x1000);
	check_ok(tree, PCI "/high@3", 0, 0x800001000, 0x800001000, 0x1000);
	check_not(tree, PCI "/wrong@4", 0, SP_ADDRESS_NO_RANGE, PCI);
	/* The space goes through the bridge's empty ranges. */
	check_ok(tree, PCI "/bridge@5/card@0", 0, 0x40000000, 0x40000000, 0x100);
	check_ok(tree, "/pcie@f1000000/card@0", 0, 0x10, 0xc0000010, 0x10);

	assert_true(sp_is_pci_bus(tree, fixture_node(tree, PCI)));
	assert_true(sp_is_pci_bus(tree, fixture_node(tree, PCI "/bridge@5")));
	assert_true(sp_is_pci_bus(tree, fixture_node(tree, "/pcie@f1000000")));
	assert_false(sp_is_pci_bus(tree, fixture_node(tree, "/tagged")));
	assert_false(sp_is_pci_bus(tree, SP_NODE_ROOT));
}

static void test_translate(void **state) {
	struct sp_tree *tree = *state;
	struct sp_reg reg;

	sp_address_translate(tree, fixture_node(tree, "/soc"), 0, 0x1008, 8, &reg);
	assert_int_equal(reg.state, SP_ADDRESS_OK);
	assert_int_equal(reg.address, 0x100001008);
	assert_int_equal(reg.bus_address, 0x1008);
	assert_int_equal(reg.size, 8);

	sp_address_translate(tree, SP_NODE_ROOT, 0, 0x1234, 1, &reg);
	assert_int_equal(reg.state, SP_ADDRESS_OK);
	assert_int_equal(reg.address, 0x1234);
	sp_address_translate(tree, SP_NODE_ROOT, 0, UINT64_MAX, 1, &reg);
	assert_int_equal(reg.state, SP_ADDRESS_OK);
	sp_address_translate(tree, SP_NODE_ROOT, 0, UINT64_MAX, 2, &reg);
	assert_int_equal(reg.state, SP_ADDRESS_OVERFLOWS);

	sp_address_translate(tree, fixture_node(tree, PCI), 0x02000000, 0x800000000, 4, &reg);
	assert_int_equal(reg.state, SP_ADDRESS_OK);
	sp_address_translate(tree, fixture_node(tree, PCI), 0x01000000, 0x800000000, 4, &reg);
	assert_int_equal(reg.state, SP_ADDRESS_NO_RANGE);
}

static void check_windows(const struct sp_tree *tree, const char *path, const char *name,
	enum sp_windows_state state, uint32_t expected) {
	uint32_t count = 77;

	assert_int_equal(sp_window_count(tree, fixture_node(tree, path), name, &count), state);
	assert_int_equal(count, expected);
}

static void test_window_counts(void **state) {
	struct sp_tree *tree = *state;

	check_windows(tree, "/", "ranges", SP_WINDOWS_MISSING, 0);
	check_windows(tree, "/soc", "ranges", SP_WINDOWS_LIST, 3);
	check_windows(tree, "/soc", "dma-ranges", SP_WINDOWS_MISSING, 0);
	check_windows(tree, "/soc/unmapped@200/below", "ranges", SP_WINDOWS_IDENTITY, 0);
	check_windows(tree, "/soc/broken@300", "ranges", SP_WINDOWS_BAD, 0);
	check_windows(tree, PCI, "ranges", SP_WINDOWS_LIST, 3);
	check_windows(tree, PCI, "dma-ranges", SP_WINDOWS_LIST, 1);
}

static void test_windows(void **state) {
	struct sp_tree *tree = *state;
	sp_node pci = fixture_node(tree, PCI);
	struct sp_window window;

	sp_window_get(tree, pci, "ranges", 2, &window);
	assert_int_equal(window.space, 0x43000000);
	assert_int_equal(window.child, 0x800000000);
	assert_int_equal(window.size, 0x100000000);
	assert_int_equal(window.parent.state, SP_ADDRESS_OK);
	assert_int_equal(window.parent.address, 0x800000000);
	assert_int_equal(window.parent.size, 0x100000000);

	sp_window_get(tree, pci, "dma-ranges", 0, &window);
	assert_int_equal(window.space, 0x42000000);
	assert_int_equal(window.child, 0x80000000);
	assert_int_equal(window.parent.address, 0x0);
	assert_int_equal(window.parent.size, 0x80000000);

	/* Through the outer bus. */
	sp_window_get(tree, fixture_node(tree, "/soc/inner"), "ranges", 0, &window);
	assert_int_equal(window.space, 0);
	assert_int_equal(window.child, 0);
	assert_int_equal(window.parent.bus_address, 0x1800);
	assert_int_equal(window.parent.address, 0x100001800);
	sp_window_get(tree, fixture_node(tree, "/soc/inner"), "ranges", 1, &window);
	assert_int_equal(window.parent.state, SP_ADDRESS_STRADDLES);

	sp_window_get(tree, pci, "ranges", 3, &window);
	assert_int_equal(window.parent.state, SP_ADDRESS_BAD_CELLS);
	assert_int_equal(window.size, 0);
}

/* /bus with `entries` windows of 4 KiB, and a block of `pages` of them at the last but one. */
static struct sp_tree *long_ranges(uint32_t entries, uint32_t pages) {
	int size = 4096 + (int)entries * 12;
	fdt32_t *ranges = calloc(entries, 12), reg[2];
	void *blob = malloc((size_t)size);
	struct sp_tree *tree = NULL;
	struct sp_error error;

	assert_non_null(blob);
	assert_non_null(ranges);
	for (uint32_t i = 0; i < entries; i++) {
		ranges[3 * i] = cpu_to_fdt32(i * 0x1000);
		ranges[3 * i + 1] = cpu_to_fdt32(0x40000000 + i * 0x1000);
		ranges[3 * i + 2] = cpu_to_fdt32(0x1000);
	}
	reg[0] = cpu_to_fdt32((entries - pages) * 0x1000);
	reg[1] = cpu_to_fdt32(pages * 0x1000);
	assert_int_equal(fdt_create(blob, size), 0);
	assert_int_equal(fdt_finish_reservemap(blob), 0);
	assert_int_equal(fdt_begin_node(blob, ""), 0);
	assert_int_equal(fdt_property_u32(blob, "#address-cells", 1), 0);
	assert_int_equal(fdt_property_u32(blob, "#size-cells", 1), 0);
	assert_int_equal(fdt_begin_node(blob, "bus"), 0);
	assert_int_equal(fdt_property(blob, "ranges", ranges, (int)entries * 12), 0);
	assert_int_equal(fdt_begin_node(blob, "block"), 0);
	assert_int_equal(fdt_property(blob, "reg", reg, sizeof(reg)), 0);
	assert_int_equal(fdt_end_node(blob), 0);
	assert_int_equal(fdt_end_node(blob), 0);
	assert_int_equal(fdt_end_node(blob), 0);
	assert_int_equal(fdt_finish(blob), 0);
	if (!sp_tree_parse(&tree, blob, fdt_totalsize(blob), &error))
		fail_msg("%s", error.message);
	free(ranges);
	free(blob);
	return tree;
}

static void test_long_ranges(void **state) {
	struct sp_tree *tree = long_ranges(512, 500);

	(void)state;
	check_ok(tree, "/bus/block", 0, 0xc000, 0x4000c000, 500 * 0x1000);
	sp_tree_destroy(tree);

	/* Too many to be looked through for each block. */
	tree = long_ranges(100000, 1);
	check_not(tree, "/bus/block", 0, SP_ADDRESS_BAD_CELLS, "/bus");
	check_windows(tree, "/bus", "ranges", SP_WINDOWS_LIST, 100000);
	sp_tree_destroy(tree);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_root_bus),
		cmocka_unit_test(test_not_mapped),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_straddling),
		cmocka_unit_test(test_each_level),
		cmocka_unit_test(test_bad_cells),
		cmocka_unit_test(test_overflows),
		cmocka_unit_test(test_three_cells),
		cmocka_unit_test(test_pci),
		cmocka_unit_test(test_translate),
		cmocka_unit_test(test_window_counts),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_long_ranges),
	};

	return cmocka_run_group_tests_name("address", tests, setup, teardown);
}
