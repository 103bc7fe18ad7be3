/* SPDX-License-Identifier: MIT */
#ifndef SP_UNIT_FAILING_H
#define SP_UNIT_FAILING_H

#include <stdbool.h>

/* Calls of the library that can be made to fail: see failing.c and meson.build. */
enum failing_kind {
	FAILING_MEMORY, /* malloc, calloc, realloc */
	FAILING_FILE, /* what reads and writes files and directories */
	FAILING_KIND_COUNT
};

struct failing {
	long fail_at; /* this call of that kind fails, counted from 0; -1: none does */
	bool go_on; /* and so do all after it */
	int reason; /* the errno of calls for files */
	long calls; /* so far */
	long failed; /* how many were made to fail */
};

extern struct failing failing[FAILING_KIND_COUNT];

/* Blocks that the library has allocated and not freed. */
extern long failing_live;

/* At most so many bytes are written by one call of write(); 0: as many as asked for. */
extern unsigned failing_short;
/* Every other call of write() is interrupted by a signal. */
extern bool failing_interrupt;

void failing_arm(enum failing_kind kind, long fail_at, bool go_on, int reason);
void failing_disarm(void);

/* Frees what the C library allocated, and which failing_live therefore does not count. */
void failing_free(void *block);

#endif
