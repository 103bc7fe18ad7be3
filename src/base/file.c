/* SPDX-License-Identifier: MIT */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FIRST_SIZE ((size_t)16 << 10)

static bool fail(struct sp_error *error, const char *path) {
	return sp_error_set(error, SP_ERROR_SYSTEM, "%s: %s", path, strerror(errno));
}

static bool too_large(struct sp_error *error, const char *path, size_t limit) {
	return sp_error_set(
		error, SP_ERROR_INPUT, "%s: larger than the %zu bytes that are read", path, limit);
}

/* Reads to the end. `capacity` is the size expected; one byte more tells that there is no more. */
static bool read_all(int file, const char *path, size_t limit, size_t capacity, char **data,
	size_t *size, struct sp_error *error) {
	size_t used = 0;
	char *bytes = malloc(capacity + 1);

	while (bytes) {
		ssize_t got = read(file, bytes + used, capacity + 1 - used);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			fail(error, path);
			free(bytes);
			return false;
		}
		used += (size_t)got;
		if (used > limit) {
			free(bytes);
			return too_large(error, path, limit);
		}
		if (!got) {
			bytes[used] = '\0';
			*data = bytes;
			*size = used;
			return true;
		}
		if (used > capacity) {
			char *grown;

			capacity = capacity < limit / 2 ? capacity * 2 : limit;
			grown = realloc(bytes, capacity + 1);
			if (!grown)
				free(bytes);
			bytes = grown;
		}
	}
	return sp_error_memory(error);
}

bool sp_file_read(
	const char *path, size_t limit, char **data, size_t *size, struct sp_error *error) {
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat status;
	size_t capacity = FIRST_SIZE;
	bool good;

	if (limit > SIZE_MAX / 4)
		limit = SIZE_MAX / 4;
	if (file < 0)
		return fail(error, path);
	if (fstat(file, &status)) {
		good = fail(error, path);
	} else if (S_ISDIR(status.st_mode)) {
		errno = EISDIR;
		good = fail(error, path);
	} else if (S_ISREG(status.st_mode) && (uint64_t)status.st_size > limit) {
		good = too_large(error, path, limit);
	} else {
		if (S_ISREG(status.st_mode) && status.st_size > 0)
			capacity = (size_t)status.st_size;
		if (capacity > limit)
			capacity = limit;
		good = read_all(file, path, limit, capacity, data, size, error);
	}
	close(file);
	return good;
}

int sp_file_status(int file, struct stat *status) {
	return (int)syscall(SYS_fstat, file, status);
}
