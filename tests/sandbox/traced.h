/* SPDX-License-Identifier: MIT */
#ifndef SP_TESTS_SANDBOX_TRACED_H
#define SP_TESTS_SANDBOX_TRACED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

/*
 * A program that is started, and those it starts, of which the last one that lives is the one into
 * which system calls are put. All of it works without privileges, and with a process that has made
 * itself undumpable, since it is traced from the beginning.
 */
struct traced {
	pid_t program, target;
	struct user_regs_struct saved;
	unsigned long instruction; /* "syscall" in the target */
	unsigned long scratch; /* memory of the target's, to be written to */
	int status; /* of the target, once it is gone */
	bool gone;
};

bool traced_start(struct traced *traced, char *const argv[], const char *log);
/* Lets all go on that wait for the tracer. To be called again and again. */
void traced_pump(struct traced *traced);
/* Between these two the target does nothing by itself. */
bool traced_stop(struct traced *traced);
bool traced_continue(struct traced *traced);
void traced_end(struct traced *traced);

enum verdict {
	VERDICT_ALLOWED, /* it was made; *result is what it gave */
	VERDICT_REFUSED, /* it failed with EACCES, and the arguments are not to blame */
	VERDICT_DENIED, /* SIGSYS, which the target does not get to see */
	VERDICT_KILLED, /* the target is gone */
	VERDICT_LOST, /* the test does not know */
};

enum verdict traced_call(
	struct traced *traced, long number, const uint64_t arguments[6], long *result);
/* The same by "int $0x80", of i386. */
enum verdict traced_call_i386(
	struct traced *traced, long number, const uint64_t arguments[6], long *result);
/* Makes the call, and lets the target have what comes of it. */
bool traced_let_die(struct traced *traced, long number, const uint64_t arguments[6]);
/* Puts bytes at `scratch`. Into a process that shows its memory to nobody only root can. */
bool traced_write(struct traced *traced, unsigned long at, const void *bytes, unsigned long size);

#endif
