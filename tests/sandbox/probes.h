/* SPDX-License-Identifier: MIT */
#ifndef SP_TESTS_SANDBOX_PROBES_H
#define SP_TESTS_SANDBOX_PROBES_H

#include <stdint.h>

#include "traced.h"

/* What somebody who has taken over the process would try. */
struct probe {
	const char *group;
	const char *what;
	long number;
	enum verdict expected;
	uint64_t arguments[6];
	const char *text; /* put where AT_TEXT points to; NULL: zeros */
};

/* Places in the target, that are known when it is there. */
#define AT_TEXT UINT64_C(0xffff000000000001)
#define AT_ROOM UINT64_C(0xffff000000000002) /* zeros, and room for an answer */
#define ITSELF UINT64_C(0xffff000000000003) /* the target's number */
#define HOLDER UINT64_C(0xffff000000000004) /* the program's that was started */
#define NOBODY UINT64_C(0xffffffffffffffff)

extern const struct probe PROBES[];
extern const unsigned PROBE_COUNT;

#endif
