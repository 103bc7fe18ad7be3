/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "fdt/tree_index.h"

#define FIRST_SIZE ((size_t)256 << 10)

struct flatten {
	void *fdt;
	size_t size;
	struct sp_buf path; /* of the entry at hand, for messages */
	struct sp_buf value; /* of the property at hand */
	struct sp_error *error;
};

struct entry {
	const char *name;
	bool is_dir;
};

struct entries {
	struct entry *data;
	uint32_t count, capacity;
};

static bool fail_system(struct flatten *flatten) {
	int reason = errno;

	if (flatten->path.failed)
		return sp_error_memory(flatten->error);
	return sp_error_set(
		flatten->error, SP_ERROR_SYSTEM, "%s: %s", flatten->path.data, strerror(reason));
}

static bool fail_input(struct flatten *flatten, const char *what) {
	if (flatten->path.failed)
		return sp_error_memory(flatten->error);
	return sp_error_set(flatten->error, SP_ERROR_INPUT, "%s: %s", flatten->path.data, what);
}

static void path_push(struct flatten *flatten, const char *name) {
	sp_buf_char(&flatten->path, '/');
	sp_buf_str(&flatten->path, name);
}

static void path_cut(struct flatten *flatten, size_t size) {
	if (flatten->path.failed)
		return;
	flatten->path.size = size;
	flatten->path.data[size] = '\0';
}

/*
 * Judges what an fdt_sw function returned. *again is set if it lacked room, which was made, so that
 * the call is to be repeated.
 */
static bool made_room(struct flatten *flatten, int result, bool *again) {
	void *grown;

	*again = false;
	if (!result)
		return true;
	if (result != -FDT_ERR_NOSPACE)
		return fail_input(flatten, fdt_strerror(result));
	if (flatten->size >= SP_TREE_MAX_BYTES)
		return fail_input(flatten, "the tree is too large");
	grown = malloc(flatten->size * 2);
	if (!grown)
		return sp_error_memory(flatten->error);
	result = fdt_resize(flatten->fdt, grown, (int)(flatten->size * 2));
	if (result) {
		free(grown);
		return fail_input(flatten, fdt_strerror(result));
	}
	free(flatten->fdt);
	flatten->fdt = grown;
	flatten->size *= 2;
	*again = true;
	return true;
}

/* Repeats `call` until there is room; returns false from the function around it on failure. */
#define WRITE(flatten, call) \
	do { \
		bool again_; \
		do { \
			if (!made_room((flatten), (call), &again_)) \
				return false; \
		} while (again_); \
	} while (0)

static bool read_value(struct flatten *flatten, int file) {
	char part[4096];
	ssize_t got;

	flatten->value.size = 0;
	for (;;) {
		got = read(file, part, sizeof(part));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail_system(flatten);
		if (!got)
			return true;
		if ((size_t)got > SP_TREE_MAX_BYTES - flatten->value.size)
			return fail_input(flatten, "the tree is too large");
		sp_buf_put(&flatten->value, part, (size_t)got);
		if (flatten->value.failed)
			return sp_error_memory(flatten->error);
	}
}

static bool write_prop(struct flatten *flatten, int dir, const char *name) {
	int file = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	bool good;

	if (file < 0)
		return fail_system(flatten);
	good = read_value(flatten, file);
	close(file);
	if (!good)
		return false;
	WRITE(flatten,
		fdt_property(flatten->fdt, name, flatten->value.data, (int)flatten->value.size));
	return true;
}

static int compare_entries(const void *a, const void *b) {
	const struct entry *left = a, *right = b;

	if (left->is_dir != right->is_dir)
		return left->is_dir ? 1 : -1;
	return strcmp(left->name, right->name);
}

/* What a directory holds: files first, each kind by name. Links and special files are left out. */
static bool list(
	struct flatten *flatten, DIR *stream, struct sp_arena *arena, struct entries *entries) {
	struct dirent *found;

	while (errno = 0, (found = readdir(stream))) {
		unsigned char type = found->d_type;
		struct entry *entry;

		if (!strcmp(found->d_name, ".") || !strcmp(found->d_name, ".."))
			continue;
		if (type == DT_UNKNOWN) {
			struct stat status;

			if (fstatat(dirfd(stream), found->d_name, &status, AT_SYMLINK_NOFOLLOW))
				return fail_system(flatten);
			type = S_ISDIR(status.st_mode) ? DT_DIR : DT_REG;
			if (type == DT_REG && !S_ISREG(status.st_mode))
				continue;
		}
		/* Open Firmware's `name` repeats the node's name. */
		if ((type != DT_DIR && type != DT_REG) ||
			(type == DT_REG && !strcmp(found->d_name, "name")))
			continue;
		entry = sp_vec_push(arena, entries);
		if (!entry)
			return sp_error_memory(flatten->error);
		entry->name = sp_arena_strdup(arena, found->d_name);
		if (!entry->name)
			return sp_error_memory(flatten->error);
		entry->is_dir = type == DT_DIR;
	}
	if (errno)
		return fail_system(flatten);
	if (entries->count)
		qsort(entries->data, entries->count, sizeof(*entries->data), compare_entries);
	return true;
}

static bool write_node(struct flatten *flatten, int dir, const char *name, unsigned depth);

static bool write_entries(
	struct flatten *flatten, int dir, const struct entries *entries, unsigned depth) {
	size_t path_size = flatten->path.size;

	for (uint32_t i = 0; i < entries->count; i++) {
		const struct entry *entry = &entries->data[i];

		path_push(flatten, entry->name);
		if (entry->is_dir) {
			int child = openat(
				dir, entry->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

			if (child < 0)
				return fail_system(flatten);
			if (!write_node(flatten, child, entry->name, depth + 1))
				return false;
		} else if (!write_prop(flatten, dir, entry->name)) {
			return false;
		}
		path_cut(flatten, path_size);
	}
	return true;
}

/* Closes `dir`. */
static bool write_node(struct flatten *flatten, int dir, const char *name, unsigned depth) {
	struct sp_arena arena = {0};
	struct entries entries = {0};
	DIR *stream = fdopendir(dir);
	bool good;

	if (!stream) {
		fail_system(flatten);
		close(dir);
		return false;
	}
	if (depth == SP_TREE_MAX_DEPTH)
		good = fail_input(flatten, "directories are nested too deep");
	else
		good = list(flatten, stream, &arena, &entries);
	if (good) {
		bool again;

		do {
			good = made_room(flatten, fdt_begin_node(flatten->fdt, name), &again);
		} while (again);
	}
	if (good)
		good = write_entries(flatten, dir, &entries, depth);
	closedir(stream);
	sp_arena_release(&arena);
	if (!good)
		return false;
	WRITE(flatten, fdt_end_node(flatten->fdt));
	return true;
}

static bool write_tree(struct flatten *flatten, const char *path) {
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result;

	sp_buf_str(&flatten->path, path);
	if (dir < 0)
		return fail_system(flatten);
	flatten->size = FIRST_SIZE;
	flatten->fdt = malloc(flatten->size);
	if (!flatten->fdt) {
		close(dir);
		return sp_error_memory(flatten->error);
	}
	result = fdt_create(flatten->fdt, (int)flatten->size);
	if (!result)
		result = fdt_finish_reservemap(flatten->fdt);
	if (result) {
		close(dir);
		return fail_input(flatten, fdt_strerror(result));
	}
	if (!write_node(flatten, dir, "", 0))
		return false;
	WRITE(flatten, fdt_finish(flatten->fdt));
	return true;
}

bool sp_tree_flatten_dir(const char *path, void **blob, size_t *size, struct sp_error *error) {
	struct flatten flatten = {.error = error};
	bool good = write_tree(&flatten, path);

	sp_buf_release(&flatten.path);
	sp_buf_release(&flatten.value);
	if (good) {
		*blob = flatten.fdt;
		*size = fdt_totalsize(flatten.fdt);
	} else {
		free(flatten.fdt);
	}
	return good;
}
