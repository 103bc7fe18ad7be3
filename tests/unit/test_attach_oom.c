/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attach/attach.h"
#include "failing.h"
#include "fake_xen.h"

/* Attaching with each allocation failing in turn: all is given or nothing is, and all is freed. */

static const char HOST[] =
	"release 4.20\ndomain 3 net\nnode /soc/a\npages 9000 20\nirq 40\nirq 41\n"
	"function 0000:03:00.0\ndriver 0000:03:00.0 e1000e\nfunction 0000:03:00.1\n";
static const char FILE_TEXT[] = "dtdev = [ \"/soc/a\" ]\n"
				"iomem = [ \"9000,1\", \"9010,2@10\" ]\nirqs = [ 40, 41 ]\n"
				"pci = [ \"03:00.*\" ]\n";

static bool attach_all(struct sp_xen *xen, struct sp_error *error) {
	struct sp_attach_failure failure = {0};
	struct sp_xl_config *config = NULL;
	struct sp_xl_guest *guest = NULL;
	struct sp_attach *attach = NULL;
	bool done = sp_xl_config_parse(&config, FILE_TEXT, sizeof(FILE_TEXT) - 1, "a.cfg", error) &&
		sp_xl_guest_create(&guest, config, error) &&
		sp_attach_create(&attach, guest, error);

	if (done &&
		!(sp_attach_look(attach, xen, 3, &failure) &&
			sp_attach_run(attach, xen, 3, &failure))) {
		assert_int_equal(failure.error, ENOMEM);
		done = sp_error_memory(error);
	}
	sp_attach_destroy(attach);
	sp_xl_guest_destroy(guest);
	sp_xl_config_destroy(config);
	return done;
}

/* The same for functions that are named, there and back. */
static bool give_and_take(struct sp_xen *xen, struct sp_error *error) {
	static const char *const NAMED[] = {"03:00.0", "03:00.1,permissive=1"};
	struct sp_attach_failure failure = {0};
	struct sp_attach *attach = NULL;
	bool done = sp_attach_create_functions(&attach, NAMED, 2, error);

	if (done &&
		!(sp_attach_look(attach, xen, 3, &failure) &&
			sp_attach_run(attach, xen, 3, &failure) &&
			sp_detach_look(attach, xen, 3, &failure) &&
			sp_detach_run(attach, xen, 3, &failure))) {
		assert_int_equal(failure.error, ENOMEM);
		done = sp_error_memory(error);
	}
	sp_attach_destroy(attach);
	return done;
}

/* What is left after a detach that failed is taken by another. */
static void each_allocation_of_a_detach_fails(void **state) {
	bool done = false;
	long n = 0;

	(void)state;
	for (; !done; n++) {
		struct sp_xen *xen = fake_create(HOST);
		char *before = fake_state(xen), *after;
		struct sp_error error = {0};
		long live = failing_live;

		failing_arm(FAILING_MEMORY, n, false, 0);
		done = give_and_take(xen, &error);
		failing_disarm();
		assert_int_equal(failing_live, live);
		assert_true(give_and_take(xen, &error));
		after = fake_state(xen);
		assert_string_equal(after, before);
		free(after);
		free(before);
		sp_xen_close(xen);
	}
	assert_true(n > 3);
}

static void each_allocation_fails(void **state) {
	bool done = false;

	(void)state;
	for (int go_on = 0; go_on < 2; go_on++) {
		long n = 0;

		for (done = false; !done; n++) {
			struct sp_xen *xen = fake_create(HOST);
			char *before = fake_state(xen), *after;
			struct sp_error error = {0};
			long live = failing_live;

			failing_arm(FAILING_MEMORY, n, go_on, 0);
			done = attach_all(xen, &error);
			failing_disarm();
			assert_int_equal(failing_live, live);
			after = fake_state(xen);
			if (done) {
				assert_string_not_equal(after, before);
			} else {
				assert_int_equal(error.kind, SP_ERROR_MEMORY);
				assert_string_equal(after, before);
			}
			free(after);
			free(before);
			sp_xen_close(xen);
		}
		assert_true(n > 5);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_allocation_fails),
		cmocka_unit_test(each_allocation_of_a_detach_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
