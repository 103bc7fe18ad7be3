/* SPDX-License-Identifier: MIT */
#ifndef SP_SANDBOX_PARTS_H
#define SP_SANDBOX_PARTS_H

#include <stdint.h>

#include "sandbox/sandbox.h"

/* *version: 0 if the kernel has none. */
bool sp_landlock_enter(int *version, struct sp_error *error);

/* *entered: false if the build or the kernel lacks it. */
bool sp_filter_enter(bool *entered, struct sp_error *error);

/* The bits `mask` of an argument are `value`. */
struct sp_call_condition {
	unsigned argument;
	uint64_t mask, value;
};
#define SP_CALL_CONDITIONS 3
#define SP_CALL_OWN_PROCESS UINT64_MAX /* as a value: the process's number */

/* Several rows with one name: one of them has to hold. */
struct sp_call {
	const char *name;
	struct sp_call_condition conditions[SP_CALL_CONDITIONS]; /* up to one without a mask */
	const char *why;
};

/* Those that are done. Both end with a row that has no name. */
const struct sp_call *sp_calls_allowed(void);
/* Those that fail with EACCES. All others end the process. */
const struct sp_call *sp_calls_refused(void);

/* The last words of a process that made another call. `name` tells what it is called, or gives
 * NULL. To be called before the filter is there. */
bool sp_dying_prepare(const char *(*name)(int number, char *space), struct sp_error *error);
#define SP_DYING_NAME 24u

#endif
