/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include "fdt/cells.h"

static int setup(void **state) {
	*state = load_fixture("cells");
	return 0;
}

static int teardown(void **state) {
	sp_tree_destroy(*state);
	return 0;
}

static const struct sp_prop *list_of(const struct sp_tree *tree, const char *name) {
	const struct sp_prop *prop = sp_tree_prop(tree, fixture_node(tree, "/user"), name);

	assert_non_null(prop);
	return prop;
}

static void test_walks_the_list(void **state) {
	struct sp_tree *tree = *state;
	const struct sp_prop *clocks = list_of(tree, "clocks");
	struct sp_reference ref;
	uint32_t cell = 0;

	assert_int_equal(
		sp_reference_next(tree, clocks, "#clock-cells", 0, &cell, &ref), SP_WALK_MORE);
	assert_int_equal(ref.provider, fixture_node(tree, "/clock"));
	assert_int_equal(ref.phandle, sp_tree_phandle(tree, ref.provider));
	assert_int_equal(ref.count, 2);
	assert_int_equal(ref.args[0], 1);
	assert_int_equal(ref.args[1], 2);
	assert_int_equal(cell, 3);

	assert_int_equal(
		sp_reference_next(tree, clocks, "#clock-cells", 0, &cell, &ref), SP_WALK_MORE);
	assert_int_equal(ref.phandle, 0);
	assert_int_equal(ref.provider, SP_NODE_NONE);
	assert_int_equal(ref.count, 0);

	assert_int_equal(
		sp_reference_next(tree, clocks, "#clock-cells", 0, &cell, &ref), SP_WALK_MORE);
	assert_int_equal(ref.provider, fixture_node(tree, "/fixed"));
	assert_int_equal(ref.count, 0);

	assert_int_equal(
		sp_reference_next(tree, clocks, "#clock-cells", 0, &cell, &ref), SP_WALK_MORE);
	assert_int_equal(ref.args[1], 4);
	assert_int_equal(cell, 8);

	for (int i = 0; i < 2; i++)
		assert_int_equal(sp_reference_next(tree, clocks, "#clock-cells", 0, &cell, &ref),
			SP_WALK_END);
}

static void test_fixed_cells(void **state) {
	struct sp_tree *tree = *state;
	const struct sp_prop *pairs = list_of(tree, "pairs");
	struct sp_reference ref;
	uint32_t cell = 0;

	assert_int_equal(sp_reference_next(tree, pairs, NULL, 1, &cell, &ref), SP_WALK_MORE);
	assert_int_equal(ref.provider, fixture_node(tree, "/plain"));
	assert_int_equal(ref.args[0], 7);
	assert_int_equal(sp_reference_next(tree, pairs, NULL, 1, &cell, &ref), SP_WALK_MORE);
	assert_int_equal(ref.provider, fixture_node(tree, "/clock"));
	assert_int_equal(ref.count, 1);
	assert_int_equal(ref.args[0], 8);
	assert_int_equal(sp_reference_next(tree, pairs, NULL, 1, &cell, &ref), SP_WALK_CUT_SHORT);
	assert_int_equal(cell, 4);
}

/* How the list ends, and how many references come before. */
static void check_end(
	const struct sp_tree *tree, const char *name, uint32_t before, enum sp_walk expected) {
	const struct sp_prop *prop = list_of(tree, name);
	struct sp_reference ref;
	uint32_t cell = 0;

	for (uint32_t i = 0; i < before; i++)
		assert_int_equal(sp_reference_next(tree, prop, "#clock-cells", 0, &cell, &ref),
			SP_WALK_MORE);
	assert_int_equal(sp_reference_next(tree, prop, "#clock-cells", 0, &cell, &ref), expected);
	assert_int_equal(ref.count, 0);
}

static void test_ends(void **state) {
	struct sp_tree *tree = *state;

	check_end(tree, "empty", 0, SP_WALK_END);
	check_end(tree, "dangling", 1, SP_WALK_DANGLING);
	check_end(tree, "uncounted", 0, SP_WALK_NO_CELLS);
	check_end(tree, "cut", 1, SP_WALK_CUT_SHORT);
	check_end(tree, "odd", 1, SP_WALK_CUT_SHORT);
	check_end(tree, "long", 0, SP_WALK_CUT_SHORT);
	check_end(tree, "endless", 0, SP_WALK_CUT_SHORT);
}

static void test_names_what_dangles(void **state) {
	struct sp_tree *tree = *state;
	const struct sp_prop *prop = list_of(tree, "dangling");
	struct sp_reference ref;
	uint32_t cell = 1;

	assert_int_equal(
		sp_reference_next(tree, prop, "#clock-cells", 0, &cell, &ref), SP_WALK_DANGLING);
	assert_int_equal(ref.phandle, 0xdead);
	assert_int_equal(ref.provider, SP_NODE_NONE);
	assert_int_equal(cell, 1);
}

static void test_address_and_size_cells(void **state) {
	struct sp_tree *tree = *state;
	sp_node bus = fixture_node(tree, "/bus"), silent = fixture_node(tree, "/bus/silent");
	sp_node leaf = fixture_node(tree, "/bus/silent/leaf");

	/* The root says nothing. */
	assert_int_equal(sp_address_cells(tree, SP_NODE_ROOT), 2);
	assert_int_equal(sp_size_cells(tree, SP_NODE_ROOT), 1);
	assert_int_equal(sp_address_cells(tree, bus), 2);
	assert_int_equal(sp_size_cells(tree, bus), 1);
	assert_int_equal(sp_bus_address_cells(tree, bus), 1);
	assert_int_equal(sp_bus_size_cells(tree, bus), 0);
	/* Neither does /bus/silent, so that the bus above it counts. */
	assert_int_equal(sp_bus_address_cells(tree, silent), 1);
	assert_int_equal(sp_address_cells(tree, leaf), 1);
	assert_int_equal(sp_size_cells(tree, leaf), 0);

	/* Here it does, and stands for its own bus. */
	tree = load_fixture("address");
	assert_int_equal(sp_size_cells(tree, SP_NODE_ROOT), 2);
	sp_tree_destroy(tree);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walks_the_list),
		cmocka_unit_test(test_fixed_cells),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_names_what_dangles),
		cmocka_unit_test(test_address_and_size_cells),
	};

	return cmocka_run_group_tests_name("cells", tests, setup, teardown);
}
