/* SPDX-License-Identifier: MIT */
#ifndef SP_UNIT_FAILING_CALLS_H
#define SP_UNIT_FAILING_CALLS_H

#include <stdbool.h>

/*
 * Calls of the C library that a server makes, each of which can be made to fail while the loop does
 * a step or takes a client: what the test itself calls goes through. See failing_calls.c and
 * meson.build.
 */
enum failing_call {
	CALL_MEMORY, /* malloc, calloc, realloc */
	CALL_MMAP,
	CALL_RECVMSG,
	CALL_SENDMSG,
	CALL_RECV,
	CALL_SEND,
	CALL_EPOLL_CTL,
	CALL_STATUS,
	CALL_FCNTL,
	CALL_SOCKETPAIR,
	CALL_EVENTFD,
	CALL_PREAD,
	CALL_PWRITE,
	CALL_FALLOCATE,
	CALL_POLL,
	CALL_READ,
	CALL_WRITE,
	CALL_COUNT
};

struct failing_calls {
	bool on; /* the server is at work */
	long at; /* this one of its kind fails, counted from 0; -1: none does */
	bool go_on; /* and so do all after it */
	enum failing_call kind;
	int reason; /* errno */
	long calls[CALL_COUNT]; /* so far */
	long failed;
	long live; /* blocks that were allocated and not freed */
};
extern struct failing_calls failing_calls;

#endif
