/* SPDX-License-Identifier: MIT */
#ifndef SALLYPORT_LOOP_H
#define SALLYPORT_LOOP_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What a device, a transport or a viewer may wait for, since none of them may block: a time, or a
 * file that becomes ready. The program's one loop calls back from the thread of all other calls.
 */
struct sp_loop;

struct sp_timer {
	void (*expired)(struct sp_timer *timer); /* once for each arm() */
	/* The loop's own. */
	uint64_t at;
	struct sp_timer *next;
	bool armed;
};

struct sp_watch {
	int file;
	short events; /* POLLIN, POLLOUT */
	void (*ready)(struct sp_watch *watch, short events); /* as long as it is ready */
	struct sp_watch *next; /* the loop's own */
};

struct sp_loop_ops {
	uint64_t (*now)(struct sp_loop *loop); /* microseconds, by a clock that never goes back */
	/* At `at` or soon after it; in place of the time that was set before. */
	void (*arm)(struct sp_loop *loop, struct sp_timer *timer, uint64_t at);
	void (*disarm)(struct sp_loop *loop, struct sp_timer *timer); /* also if it is not armed */
	int (*watch)(struct sp_loop *loop, struct sp_watch *watch); /* errno */
	/* No call after this, even if it is ready now. */
	void (*unwatch)(struct sp_loop *loop, struct sp_watch *watch);
};

/* The first member of each loop's own struct. */
struct sp_loop {
	const struct sp_loop_ops *ops;
};

#endif
