/* SPDX-License-Identifier: MIT */
#include "assign_machine.h"

#define GIB(n) ((uint64_t)(n) << 30)

struct bar {
	uint64_t size;
	bool wide;
	enum sp_place place;
};

/* What hvmloader does with the BARs of one function, the emulated devices being there. */
static void check(
	uint32_t memory, uint32_t mib, bool fits, const struct bar *bars, uint32_t count) {
	struct sp_function function = {.config.header = SP_PCI_HEADER_NORMAL};
	const struct sp_function *functions[] = {&function};
	struct sp_arena arena = {0};
	struct sp_hole hole;

	for (uint32_t i = 0; i < count; i++)
		set_bar(&function, (int)i, 0, bars[i].size, bars[i].wide);
	sp_hole_plan(&hole, &arena, functions, 1, memory);
	assert_int_equal(hole.mib, mib);
	assert_int_equal(hole.fits, fits);
	for (uint32_t i = 0; i < hole.bars.count; i++) {
		const struct sp_placed *placed = &hole.bars.data[i];

		assert_true(!i || placed[-1].size >= placed->size);
		if (placed->function)
			assert_int_equal(placed->place, bars[placed->bar].place);
	}
	assert_false(arena.failed);
	sp_arena_release(&arena);
}

#define CHECK(memory, mib, fits, ...) \
	check(memory, mib, fits, (const struct bar[]){__VA_ARGS__}, \
		sizeof((const struct bar[]){__VA_ARGS__}) / sizeof(struct bar))

static void test_default(void **state) {
	(void)state;
	CHECK(8192, 0, true, {MIB(16), false, SP_PLACE_LOW});
	/* 128 MiB stays; what is too much goes up, the largest first. */
	CHECK(8192, 0, true, {MIB(128), true, SP_PLACE_LOW}, {MIB(16), false, SP_PLACE_LOW});
	CHECK(8192, 0, true, {MIB(256), true, SP_PLACE_HIGH}, {MIB(32), true, SP_PLACE_LOW},
		{MIB(16), false, SP_PLACE_LOW});
	/* Above 1 GiB a BAR goes up in any case. */
	CHECK(8192, 0, true, {GIB(16), true, SP_PLACE_HIGH}, {MIB(64), true, SP_PLACE_LOW});
	CHECK(8192, 0, true, {GIB(1), true, SP_PLACE_HIGH});
}

/* The hole grows by itself where the guest has no memory. */
static void test_small_guest(void **state) {
	(void)state;
	CHECK(1024, 0, true, {MIB(256), false, SP_PLACE_LOW});
	CHECK(3584, 0, true, {MIB(256), false, SP_PLACE_LOW});
	CHECK(3584 + 17, 512, true, {MIB(256), false, SP_PLACE_LOW});
	CHECK(1024, 0, true, {MIB(256), true, SP_PLACE_LOW});
}

static void test_larger(void **state) {
	(void)state;
	CHECK(8192, 0, true, {MIB(128), false, SP_PLACE_LOW});
	CHECK(8192, 512, true, {MIB(256), false, SP_PLACE_LOW});
	CHECK(8192, 1024, true, {MIB(512), false, SP_PLACE_LOW});
	CHECK(8192, 2048, true, {GIB(1), false, SP_PLACE_LOW});
	CHECK(8192, 2048, true, {MIB(512), false, SP_PLACE_LOW}, {MIB(512), false, SP_PLACE_LOW});
	/* With room for both, what need not go up does not. */
	CHECK(8192, 1024, true, {MIB(512), false, SP_PLACE_LOW}, {MIB(128), true, SP_PLACE_LOW});
}

static void test_never(void **state) {
	(void)state;
	CHECK(8192, 0, false, {GIB(2), false, SP_PLACE_NOWHERE}, {GIB(2), false, SP_PLACE_NOWHERE});
	CHECK(512, 0, false, {GIB(2), false, SP_PLACE_NOWHERE}, {MIB(64), false, SP_PLACE_LOW});
}

/* Sizes that no device has. */
static void test_hostile(void **state) {
	struct sp_function functions[2] = {0};
	const struct sp_function *given[] = {&functions[0], &functions[1]};
	struct sp_arena arena = {0};
	struct sp_hole hole;

	(void)state;
	set_bar(&functions[0], 0, 0, UINT64_MAX, true);
	set_bar(&functions[0], 1, 0, UINT64_C(1) << 63, false);
	set_bar(&functions[0], 2, 0, UINT64_C(1) << 63, true);
	set_bar(&functions[0], 3, 0, 3, false);
	set_bar(&functions[1], 0, 0, UINT64_C(1) << 63, false);
	set_bar(&functions[1], 1, 0, 0, true);
	functions[1].config.bars[2] = (struct sp_bar){.present = true, .io = true, .size = 256};
	sp_hole_plan(&hole, &arena, given, 2, UINT32_MAX);
	assert_true(hole.unknown);
	assert_false(hole.fits);
	assert_int_equal(hole.mib, 0);
	sp_arena_release(&arena);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default),
		cmocka_unit_test(test_small_guest),
		cmocka_unit_test(test_larger),
		cmocka_unit_test(test_never),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
