/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "machine/collect.h"

#define PATIENCE 10000 /* milliseconds */
#define CHUNK 4096

extern char **environ;

static int64_t now(void) {
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static bool start(pid_t *child, const char *const *arguments, int out) {
	posix_spawn_file_actions_t files;
	int error = posix_spawn_file_actions_init(&files);

	if (error)
		return false;
	error = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (!error)
		error = posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
	if (!error)
		error = posix_spawn_file_actions_addopen(
			&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (!error)
		error = posix_spawnp(
			child, arguments[0], &files, NULL, (char *const *)arguments, environ);
	posix_spawn_file_actions_destroy(&files);
	return !error;
}

/* What comes until the end or until time is up. */
static bool read_out(int file, size_t limit, struct sp_buf *out) {
	int64_t deadline = now() + PATIENCE;
	char chunk[CHUNK];

	for (;;) {
		struct pollfd poll_file = {.fd = file, .events = POLLIN};
		int64_t left = deadline - now();
		ssize_t got;

		if (left <= 0 || poll(&poll_file, 1, (int)left) == 0)
			return false;
		got = read(file, chunk, sizeof(chunk));
		if (got < 0 && errno != EINTR)
			return false;
		if (got == 0)
			return !out->failed;
		if (got > 0 && (size_t)got <= limit - out->size)
			sp_buf_put(out, chunk, (size_t)got);
	}
}

bool collect_run(const char *const *arguments, size_t limit, struct sp_buf *out) {
	int ends[2], status = 0;
	pid_t child, ended;
	bool good;

	if (pipe2(ends, O_CLOEXEC))
		return false;
	if (!start(&child, arguments, ends[1])) {
		close(ends[0]);
		close(ends[1]);
		return false;
	}
	close(ends[1]);
	good = read_out(ends[0], limit, out);
	close(ends[0]);
	if (!good)
		kill(child, SIGKILL);
	while ((ended = waitpid(child, &status, 0)) < 0 && errno == EINTR)
		;
	return good && ended == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
