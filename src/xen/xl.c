/* SPDX-License-Identifier: MIT */
#include "xen/xl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NAP 20u /* milliseconds */

extern char **environ;

struct start {
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
};

static void release(struct start *start) {
	posix_spawn_file_actions_destroy(&start->files);
	posix_spawnattr_destroy(&start->attributes);
}

/* Standard output may be JSON, and a closed pipe is to end xl as it ends others. */
static int prepare(struct start *start) {
	sigset_t pipe_only;
	int error = posix_spawn_file_actions_init(&start->files);

	if (error)
		return error;
	error = posix_spawnattr_init(&start->attributes);
	if (error) {
		posix_spawn_file_actions_destroy(&start->files);
		return error;
	}
	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	error = posix_spawn_file_actions_addopen(
		&start->files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (!error)
		error = posix_spawn_file_actions_adddup2(
			&start->files, STDERR_FILENO, STDOUT_FILENO);
	if (!error)
		error = posix_spawnattr_setsigdefault(&start->attributes, &pipe_only);
	if (!error)
		error = posix_spawnattr_setflags(&start->attributes, POSIX_SPAWN_SETSIGDEF);
	if (error)
		release(start);
	return error;
}

static int spawn(
	pid_t *child, const struct start *start, char **arguments, const char *const *folders) {
	int error = posix_spawnp(
		child, arguments[0], &start->files, &start->attributes, arguments, environ);

	for (; (error == ENOENT || error == EACCES) && *folders; folders++) {
		char path[128];

		if (snprintf(path, sizeof(path), "%s/xl", *folders) < (int)sizeof(path))
			error = posix_spawn(
				child, path, &start->files, &start->attributes, arguments, environ);
	}
	return error == EACCES ? ENOENT : error;
}

/* xl is left at work where time is up: stopping it halfway would leave more behind. */
static int await_end(pid_t child, unsigned milliseconds) {
	int status;
	pid_t ended;

	while ((ended = waitpid(child, &status, WNOHANG)) == 0 && milliseconds > 0) {
		unsigned nap = milliseconds < NAP ? milliseconds : NAP;

		nanosleep(&(struct timespec){.tv_nsec = nap * 1000000L}, NULL);
		milliseconds -= nap;
	}
	if (ended == 0)
		return ETIMEDOUT;
	/* Where SIGCHLD is ignored nobody tells how it ended; that the guest goes is awaited
	 * anyhow. */
	if (ended < 0)
		return errno == ECHILD ? 0 : errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : EIO;
}

int xl_destroy(uint32_t id, const char *const *folders, unsigned milliseconds) {
	char number[16];
	char *arguments[] = {(char[]){"xl"}, (char[]){"destroy"}, number, NULL};
	struct start start;
	pid_t child;
	int error = prepare(&start);

	if (error)
		return error;
	snprintf(number, sizeof(number), "%" PRIu32, id);
	error = spawn(&child, &start, arguments, folders);
	release(&start);
	return error ? error : await_end(child, milliseconds);
}
