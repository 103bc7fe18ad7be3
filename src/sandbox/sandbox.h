/* SPDX-License-Identifier: MIT */
#ifndef SP_SANDBOX_SANDBOX_H
#define SP_SANDBOX_SANDBOX_H

#include <stdbool.h>

#include <sallyport/error.h>

/*
 * What a process that reads a guest's bytes gives up before it reads the first one. Nothing of it
 * can be taken back. docs/sandbox.md tells what is left to somebody who has taken over the process.
 */
struct sp_sandbox {
	bool entered;
	bool seccomp; /* only the system calls of calls.c can be made */
	int landlock; /* the version that the kernel's is used as; 0: it has none */
};

/* Becomes another user, with that one's groups and no capabilities, for good. For root only, and
 * before there is a worker: its signal at the holder's death goes with the change. */
bool sp_sandbox_become(const char *user, struct sp_error *error);

/* For the holder, which reads nothing of a guest's but starts what does: no capabilities, nor any
 * by another program. */
bool sp_sandbox_hold(struct sp_error *error);

/*
 * Enters it. The process must have one thread, and all files open that it needs by name. What the
 * kernel or the build lacks is told by `say`, a line each, and does without; what fails although it
 * should be there is an error, after which the process must not go on.
 */
bool sp_sandbox_enter(
	struct sp_sandbox *sandbox, void (*say)(const char *line), struct sp_error *error);

#endif
