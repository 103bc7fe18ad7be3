/* SPDX-License-Identifier: MIT */
#include "failing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct failing failing[FAILING_KIND_COUNT] = {{.fail_at = -1}, {.fail_at = -1}};
long failing_live;
unsigned failing_short;
bool failing_interrupt;

void failing_arm(enum failing_kind kind, long fail_at, bool go_on, int reason) {
	failing[kind] = (struct failing){.fail_at = fail_at, .go_on = go_on, .reason = reason};
}

void failing_disarm(void) {
	for (int i = 0; i < FAILING_KIND_COUNT; i++)
		failing[i].fail_at = -1;
}

static bool fails(enum failing_kind kind) {
	struct failing *state = &failing[kind];
	long call = state->calls++;

	if (state->fail_at < 0 || call < state->fail_at || (call > state->fail_at && !state->go_on))
		return false;
	state->failed++;
	errno = kind == FAILING_MEMORY ? ENOMEM : state->reason;
	return true;
}

/* The linker is told to lead calls of NAME to __wrap_NAME. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *block);

void *__wrap_malloc(size_t size) {
	void *block = fails(FAILING_MEMORY) ? NULL : __real_malloc(size);

	failing_live += block != NULL;
	return block;
}

void *__wrap_calloc(size_t count, size_t size) {
	void *block = fails(FAILING_MEMORY) ? NULL : __real_calloc(count, size);

	failing_live += block != NULL;
	return block;
}

void *__wrap_realloc(void *old, size_t size) {
	bool fresh = !old;
	void *block = fails(FAILING_MEMORY) ? NULL : __real_realloc(old, size);

	failing_live += fresh && block;
	return block;
}

void __wrap_free(void *block) {
	failing_live -= block != NULL;
	__real_free(block);
}

void failing_free(void *block) {
	__real_free(block);
}

#define WRAP(result, name, failure, parameters, arguments) \
	result __real_##name parameters; \
	result __wrap_##name parameters; \
	result __wrap_##name parameters { \
		return fails(FAILING_FILE) ? failure : __real_##name arguments; \
	}

/* The third argument of the variadic ones is the mode of what is created. */
#define WRAP_OPEN(name) \
	int __real_##name(const char *path, int flags, ...); \
	int __wrap_##name(const char *path, int flags, ...); \
	int __wrap_##name(const char *path, int flags, ...) { \
		return fails(FAILING_FILE) ? -1 : __real_##name(path, flags); \
	}
#define WRAP_OPENAT(name) \
	int __real_##name(int dir, const char *path, int flags, ...); \
	int __wrap_##name(int dir, const char *path, int flags, ...); \
	int __wrap_##name(int dir, const char *path, int flags, ...) { \
		mode_t mode = 0; \
		va_list args; \
		if (flags & O_CREAT) { \
			va_start(args, flags); \
			mode = va_arg(args, mode_t); \
			va_end(args); \
		} \
		return fails(FAILING_FILE) ? -1 : __real_##name(dir, path, flags, mode); \
	}

WRAP_OPEN(open)
WRAP_OPEN(open64)
WRAP_OPENAT(openat)
WRAP_OPENAT(openat64)
WRAP(DIR *, fdopendir, NULL, (int file), (file))
WRAP(int, mkdirat, -1, (int dir, const char *path, mode_t mode), (dir, path, mode))
WRAP(int, renameat, -1, (int dir, const char *from, int to_dir, const char *to),
	(dir, from, to_dir, to))
WRAP(int, renameat2, -1, (int dir, const char *from, int to_dir, const char *to, unsigned flags),
	(dir, from, to_dir, to, flags))
WRAP(ssize_t, read, -1, (int file, void *data, size_t size), (file, data, size))
WRAP(ssize_t, getrandom, -1, (void *data, size_t size, unsigned flags), (data, size, flags))

ssize_t __real_write(int file, const void *data, size_t size);
ssize_t __wrap_write(int file, const void *data, size_t size);

ssize_t __wrap_write(int file, const void *data, size_t size) {
	static bool odd;

	if (failing_interrupt && (odd = !odd)) {
		errno = EINTR;
		return -1;
	}
	if (fails(FAILING_FILE))
		return -1;
	return __real_write(
		file, data, failing_short && size > failing_short ? failing_short : size);
}
