/* SPDX-License-Identifier: MIT */
#include "assign_machine.h"

#include "failing.h"

/*
 * A plan and its artefacts in which the n-th allocation fails, for each n: an error, or the same
 * bytes; and nothing leaks.
 */

struct run {
	struct assign_machine made;
	size_t size;
	uint64_t hash;
};

static bool emit_all(struct run *run, const struct sp_assign *assign, struct sp_error *error) {
	for (int i = 0; i < SP_ASSIGN_ARTEFACT_COUNT; i++) {
		char *data;
		size_t size;

		if (!sp_assign_emit(assign, (enum sp_assign_artefact)i, &data, &size, error))
			return false;
		run->size += size;
		for (size_t k = 0; k < size; k++)
			run->hash = (run->hash ^ (unsigned char)data[k]) * UINT64_C(0x100000001b3);
		free(data);
	}
	return true;
}

static bool plan(struct run *run, struct sp_error *error) {
	struct sp_assign *assign;
	bool good = sp_assign_create(&assign, &run->made.machine, &run->made.request, error) &&
		emit_all(run, assign, error);

	sp_assign_destroy(assign);
	return good;
}

static void check(struct run *run) {
	struct sp_error error = {0};
	uint64_t hash;
	size_t size;
	long calls;

	failing_arm(FAILING_MEMORY, -1, false, 0);
	run->size = run->hash = 0;
	assert_true(plan(run, &error));
	calls = failing[FAILING_MEMORY].calls;
	failing_disarm();
	size = run->size;
	hash = run->hash;
	assert_true(calls > 20);
	for (long n = 0; n < calls; n++) {
		for (int go_on = 0; go_on < 2; go_on++) {
			long live = failing_live;
			bool good;

			error = (struct sp_error){0};
			run->size = run->hash = 0;
			failing_arm(FAILING_MEMORY, n, go_on, 0);
			good = plan(run, &error);
			failing_disarm();
			assert_int_equal(failing_live, live);
			if (good) {
				assert_int_equal(run->size, size);
				assert_true(run->hash == hash);
			} else {
				assert_int_equal(error.kind, SP_ERROR_MEMORY);
			}
		}
	}
}

static void test_memory(void **state) {
	(void)state;
	for (int kind = 0; kind < 4; kind++) {
		struct run run = {0};

		make_machine(&run.made);
		want(&run.made, SOUND);
		want(&run.made, VIRTUAL);
		run.made.request.at_boot = true;
		run.made.request.toolstack = kind ? (enum sp_toolstack)(kind - 1) : SP_TOOLSTACK_XL;
		if (!kind)
			run.made.request.situation.hypervisor = SP_HYPERVISOR_KVM;
		check(&run);
		release_machine(&run.made);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_memory)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
