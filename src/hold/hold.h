/* SPDX-License-Identifier: MIT */
#ifndef SP_HOLD_HOLD_H
#define SP_HOLD_HOLD_H

#include "hold/journal.h"

/*
 * The holder: the process that the user starts. It does nothing but to have a worker, a process
 * that shares its table of descriptors and the journal, and to make a new one when that is killed.
 *
 * SIGTERM and SIGINT are passed on to the worker, and the holder ends as the worker does. SIGHUP
 * asks for an upgrade: the program is started anew in the holder's place, with all descriptors and
 * the journal, and goes on.
 */
struct sp_hold_options {
	const char *program; /* for an upgrade */
	char *const *argv; /* likewise */
	const char *carry; /* likewise: what it is told of this one, apart from the journal */
	void (*say)(const char *line); /* what happens, for the log */
	/* The worker. Its result is its status; SP_HOLD_UPGRADE if it ended as SIGHUP asks, or by
	 * itself for an upgrade. */
	int (*worker)(void *data, struct sp_journal *journal);
	void *data;
};

#define SP_HOLD_UPGRADE 120 /* a status */

/* Crashes, for which nobody but the worker itself is to blame, are forgiven up to so many in so
 * many seconds; so are workers that were ended before they were ready, one after another. */
#define SP_HOLD_CRASHES 10u
#define SP_HOLD_SECONDS 60
#define SP_HOLD_UNREADY 256u

/* The journal, new, or that of the program in whose place this one was started, and what that
 * carried over, malloc'ed, which no worker could change; NULL if it is new. NULL: an error. */
struct sp_journal *sp_hold_journal(char **carried, struct sp_error *error);
/* The descriptors that were open from the beginning stay. After they are as they are to be. */
bool sp_hold_keep_open(struct sp_journal *journal, struct sp_error *error);
/* Runs it to its end; gives the status. The process must have one thread. */
int sp_hold_run(struct sp_journal *journal, const struct sp_hold_options *options);
/* For the worker: it is ready. */
void sp_hold_ready(struct sp_journal *journal);

/* `program --check-journal FD` ends with this status if it can go on from there, and with no other
 * program's. */
#define SP_HOLD_CHECK "--check-journal"
#define SP_HOLD_AGREED 121

#endif
