/* SPDX-License-Identifier: MIT */
#include "machine/collect.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_LIMIT ((size_t)64 << 10) /* of a file of /sys */
#define CHUNK ((size_t)4 << 10)
#define NAMES_LIMIT 65536u

bool collect_failed(const struct collector *collector) {
	return collector->failed || collector->files->arena->failed;
}

static bool make_path(const struct collector *collector, char *out, const char *path) {
	int length = snprintf(out, PATH_MAX, "%s%s", collector->root, path);

	return length > 0 && length < PATH_MAX;
}

const char *collect_path(struct collector *collector, const char *format, ...) {
	char path[PATH_MAX];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	if (length < 0 || (size_t)length >= sizeof(path))
		return NULL;
	return sp_arena_strdup(collector->files->arena, path);
}

static void deny(struct collector *collector, const char *path, int error) {
	if (error == EACCES || error == EPERM)
		sp_files_add(collector->files, SP_RECORD_DENIED, path, "", 0);
}

/* 0, or an errno. */
static int read_all(int file, size_t limit, struct sp_buf *out) {
	char chunk[CHUNK];

	while (out->size < limit && !out->failed) {
		size_t wanted = limit - out->size < CHUNK ? limit - out->size : CHUNK;
		ssize_t got = read(file, chunk, wanted);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno;
		if (!got)
			return 0;
		sp_buf_put(out, chunk, (size_t)got);
	}
	return 0;
}

bool collect_read(struct collector *collector, const char *path, size_t limit, struct sp_buf *out) {
	char full[PATH_MAX];
	int file, error;

	if (!path || !make_path(collector, full, path))
		return false;
	file = open(full, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (file < 0) {
		deny(collector, path, errno);
		return false;
	}
	error = read_all(file, limit, out);
	close(file);
	if (error)
		deny(collector, path, error);
	if (out->failed)
		collector->failed = true;
	return !error && !out->failed;
}

void collect_add(struct collector *collector, enum sp_record_kind kind, const char *name,
	const struct sp_buf *text) {
	size_t size = text->size;

	if (text->failed) {
		collector->failed = true;
		return;
	}
	if (size && text->data[size - 1] == '\n')
		size--;
	sp_files_add(collector->files, kind, name, size ? text->data : "", size);
}

bool collect_text(struct collector *collector, const char *path) {
	struct sp_buf text = {0};
	bool good = collect_read(collector, path, TEXT_LIMIT, &text);

	if (good)
		collect_add(collector, SP_RECORD_TEXT, path, &text);
	sp_buf_release(&text);
	return good;
}

bool collect_bytes(struct collector *collector, const char *path, size_t limit) {
	struct sp_buf bytes = {0};
	bool good = collect_read(collector, path, limit, &bytes);

	if (good)
		sp_files_add(collector->files, SP_RECORD_BYTES, path, bytes.data ? bytes.data : "",
			bytes.size);
	sp_buf_release(&bytes);
	return good;
}

const char *collect_target(struct collector *collector, const char *path) {
	char full[PATH_MAX], target[PATH_MAX];
	ssize_t size;

	if (!path || !make_path(collector, full, path))
		return NULL;
	size = readlink(full, target, sizeof(target));
	if (size <= 0 || (size_t)size >= sizeof(target))
		return NULL;
	return sp_arena_strndup(collector->files->arena, target, (size_t)size);
}

bool collect_link(struct collector *collector, const char *path) {
	const char *target = collect_target(collector, path);

	return target &&
		sp_files_add(collector->files, SP_RECORD_LINK, path, target, strlen(target));
}

void collect_call(struct collector *collector, const char *name, const char *value) {
	if (name)
		sp_files_add(collector->files, SP_RECORD_CALL, name, value, strcspn(value, "\n"));
}

bool collect_exists(struct collector *collector, const char *path) {
	char full[PATH_MAX];

	return path && make_path(collector, full, path) && access(full, F_OK) == 0;
}

static int by_name(const void *a, const void *b) {
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool collect_names(struct collector *collector, const char *path, struct names *names) {
	char full[PATH_MAX];
	struct dirent *entry;
	DIR *folder;

	*names = (struct names){0};
	if (!path || !make_path(collector, full, path))
		return false;
	folder = opendir(full);
	if (!folder) {
		deny(collector, path, errno);
		return false;
	}
	while ((entry = readdir(folder)) && names->count < NAMES_LIMIT) {
		const char **name;

		if (entry->d_name[0] == '.')
			continue;
		name = sp_vec_push(collector->files->arena, names);
		if (!name)
			break;
		*name = sp_arena_strdup(collector->files->arena, entry->d_name);
		if (!*name) {
			names->count--;
			break;
		}
	}
	closedir(folder);
	if (names->count)
		qsort(names->data, names->count, sizeof(*names->data), by_name);
	return true;
}

bool collect_list(struct collector *collector, const char *path, struct names *names) {
	struct sp_buf text = {0};

	if (!collect_names(collector, path, names))
		return false;
	for (uint32_t i = 0; i < names->count; i++) {
		if (i)
			sp_buf_char(&text, ' ');
		sp_buf_str(&text, names->data[i]);
	}
	if (text.failed)
		collector->failed = true;
	else
		collect_call(collector, collect_path(collector, "list %s", path),
			text.data ? text.data : "");
	sp_buf_release(&text);
	return true;
}

bool sp_files_collect(struct sp_files *files, const char *root, struct sp_error *error) {
	struct collector collector = {.files = files, .root = root ? root : ""};
	struct names functions;

	collect_functions(&collector, &functions);
	collect_users(&collector);
	collect_tables(&collector);
	collect_kernel(&collector);
	collect_xen(&collector, &functions);
	collect_device_names(&collector, &functions);
	if (collect_failed(&collector))
		return sp_error_memory(error);
	sp_files_sort(files);
	return true;
}
