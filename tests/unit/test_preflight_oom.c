/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <errno.h>
#include <string.h>

#include "failing.h"
#include "preflight_scene.h"

/* Each allocation fails in turn: all answers are there, or an error; nothing leaks. */

static bool judge(const struct scene *scene, char **data, size_t *size, struct sp_error *error) {
	struct sp_preflight *preflight = NULL;
	bool good = sp_preflight_create(&preflight, scene->machine, &scene->situation, scene->given,
			    scene->given_count, error) &&
		sp_preflight_json(preflight, data, size, error);

	sp_preflight_destroy(preflight);
	return good;
}

static void every_allocation_fails(void **state) {
	struct sp_error error;
	size_t size, whole_size;
	char *data, *whole;
	struct scene scene;
	long calls;

	(void)state;
	scene_make(&scene, "pvh");
	scene_change(&scene,
		"give=gpu give=audio give=nvme give=disk disk.user=mounted gpu.rebar=9 "
		"gpu.bar.size=0x10000000");
	sp_preflight_destroy(scene_judge(&scene));
	failing_arm(FAILING_MEMORY, -1, false, ENOMEM);
	assert_true(judge(&scene, &whole, &whole_size, &error));
	calls = failing[FAILING_MEMORY].calls;
	failing_disarm();
	assert_true(calls > 20);
	for (long n = 0; n < calls; n++) {
		long live = failing_live;
		bool good;

		data = NULL;
		failing_arm(FAILING_MEMORY, n, n % 2, ENOMEM);
		good = judge(&scene, &data, &size, &error);
		failing_disarm();
		if (good) {
			assert_int_equal(size, whole_size);
			assert_memory_equal(data, whole, size);
			free(data);
		} else {
			assert_int_equal(error.kind, SP_ERROR_MEMORY);
			assert_null(data);
		}
		assert_int_equal(failing_live, live);
	}
	free(whole);
	scene_release(&scene);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
