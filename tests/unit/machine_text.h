/* SPDX-License-Identifier: MIT */
#ifndef SP_UNIT_MACHINE_TEXT_H
#define SP_UNIT_MACHINE_TEXT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/machine.h"

/* Machines from texts and from the files of tests/fixtures. */

static inline struct sp_machine *machine_parse(const char *text) {
	struct sp_error error = {0};
	struct sp_machine *machine;

	if (!sp_machine_parse(&machine, text, strlen(text), "test", &error))
		fail_msg("%s", error.message);
	return machine;
}

/* The text behind the first line of a snapshot. */
#define SNAPSHOT(text) machine_parse("sallyport snapshot 1\n" text)

static inline const char *machine_fixture(char path[512], const char *name) {
	const char *folder = getenv("SP_SOURCE_FIXTURES");

	snprintf(path, 512, "%s/%s", folder ? folder : "tests/fixtures", name);
	return path;
}

static inline struct sp_machine *machine_load(const char *name) {
	struct sp_error error = {0};
	struct sp_machine *machine;
	char path[512];

	if (!sp_machine_load(&machine, machine_fixture(path, name), &error))
		fail_msg("%s", error.message);
	return machine;
}

static inline const struct sp_function *machine_function(
	const struct sp_machine *machine, const char *address) {
	const struct sp_function *function;
	sp_bdf bdf;

	assert_true(sp_bdf_parse(address, &bdf));
	function = sp_machine_find(machine, bdf);
	if (!function)
		fail_msg("there is no %s", address);
	return function;
}

#endif
