/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sallyport/budget.h>

#define SECOND 1000000u

static struct sp_budget *make(uint64_t limit, uint32_t time) {
	struct sp_budget_limits limits = {.time = time};
	struct sp_budget *budget;

	for (int i = 0; i < SP_RESOURCE_COUNT; i++)
		limits.limits[i] = limit;
	budget = sp_budget_create(&limits);
	assert_non_null(budget);
	return budget;
}

static void test_limit(void **state) {
	struct sp_budget *budget = make(10, 0);

	(void)state;
	assert_true(sp_budget_charge(budget, SP_RESOURCE_PINS, 0));
	assert_true(sp_budget_charge(budget, SP_RESOURCE_PINS, 7));
	assert_false(sp_budget_charge(budget, SP_RESOURCE_PINS, 4));
	assert_int_equal(sp_budget_used(budget, SP_RESOURCE_PINS), 7);
	assert_true(sp_budget_charge(budget, SP_RESOURCE_PINS, 3));
	assert_false(sp_budget_charge(budget, SP_RESOURCE_PINS, 1));
	assert_int_equal(sp_budget_refused(budget, SP_RESOURCE_PINS), 2);
	/* The others are their own. */
	assert_true(sp_budget_charge(budget, SP_RESOURCE_BYTES, 10));
	assert_int_equal(sp_budget_refused(budget, SP_RESOURCE_BYTES), 0);
	sp_budget_release(budget, SP_RESOURCE_PINS, 10);
	assert_int_equal(sp_budget_used(budget, SP_RESOURCE_PINS), 0);
	assert_int_equal(sp_budget_peak(budget, SP_RESOURCE_PINS), 10);
	sp_budget_destroy(budget);
}

static void test_wrap(void **state) {
	struct sp_budget *budget = make(10, 0), *endless = make(UINT64_MAX, 0);

	(void)state;
	assert_true(sp_budget_charge(budget, SP_RESOURCE_BYTES, 5));
	for (uint64_t more = UINT64_MAX; more > UINT64_MAX - 6; more--)
		assert_false(sp_budget_charge(budget, SP_RESOURCE_BYTES, more));
	assert_int_equal(sp_budget_used(budget, SP_RESOURCE_BYTES), 5);
	assert_true(sp_budget_charge(endless, SP_RESOURCE_BYTES, UINT64_MAX));
	assert_false(sp_budget_charge(endless, SP_RESOURCE_BYTES, 1));
	/* Too much given back does not become room. */
	sp_budget_release(budget, SP_RESOURCE_BYTES, UINT64_MAX);
	assert_int_equal(sp_budget_used(budget, SP_RESOURCE_BYTES), 0);
	assert_false(sp_budget_charge(budget, SP_RESOURCE_BYTES, 11));
	assert_true(sp_budget_charge(budget, SP_RESOURCE_BYTES, 10));
	sp_budget_destroy(endless);
	sp_budget_destroy(budget);
}

static void test_none(void **state) {
	(void)state;
	assert_true(sp_budget_charge(NULL, SP_RESOURCE_FILES, UINT64_MAX));
	sp_budget_release(NULL, SP_RESOURCE_FILES, 1);
	assert_int_equal(sp_budget_used(NULL, SP_RESOURCE_FILES), 0);
	assert_int_equal(sp_budget_peak(NULL, SP_RESOURCE_FILES), 0);
	assert_int_equal(sp_budget_refused(NULL, SP_RESOURCE_FILES), 0);
	assert_int_equal(sp_budget_spend(NULL, 0, UINT64_MAX), 0);
	sp_budget_destroy(NULL);
	for (int i = 0; i < SP_RESOURCE_COUNT; i++)
		assert_non_null(sp_resource_name((enum sp_resource)i));
}

static void test_time(void **state) {
	/* A tenth of a processor. */
	struct sp_budget *budget = make(0, SECOND / 10);
	uint64_t now = 5 * SECOND;

	(void)state;
	/* What a second saves, at once. */
	assert_int_equal(sp_budget_spend(budget, now, SECOND / 10), 0);
	/* 1 us more takes 10 us to earn. */
	assert_int_equal(sp_budget_spend(budget, now, 1), 10);
	assert_int_equal(sp_budget_spend(budget, now + 4, 0), 6);
	/* A clock that goes back earns nothing. */
	assert_int_equal(sp_budget_spend(budget, now, 0), 6);
	assert_int_equal(sp_budget_spend(budget, now + 10, 0), 0);
	/* Many short whiles earn as much as a long one. */
	now += 10;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(sp_budget_spend(budget, ++now, 0), 0);
	assert_int_equal(sp_budget_spend(budget, now, 100), 0);
	assert_int_equal(sp_budget_spend(budget, now, 1), 10);
	/* No more than a second's is saved up. */
	now += 3600ull * SECOND;
	assert_int_equal(sp_budget_spend(budget, now, SECOND / 10), 0);
	assert_int_equal(sp_budget_spend(budget, now, SECOND), 10 * SECOND);
	sp_budget_destroy(budget);
}

static void test_time_bounds(void **state) {
	struct sp_budget *tight = make(0, 1), *wide = make(0, UINT32_MAX), *free = make(0, 0);
	uint64_t wait;

	(void)state;
	assert_int_equal(sp_budget_spend(free, 1, UINT64_MAX), 0);
	for (int i = 0; i < 8; i++) {
		wait = sp_budget_spend(tight, 1, UINT64_MAX);
		assert_true(wait && wait <= 3601ull * SECOND * SECOND);
		wait = sp_budget_spend(wide, UINT64_MAX, UINT64_MAX);
		assert_true(wait <= 3600ull * SECOND);
	}
	assert_int_equal(sp_budget_spend(tight, UINT64_MAX, 0), 0);
	sp_budget_destroy(free);
	sp_budget_destroy(wide);
	sp_budget_destroy(tight);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_time_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
