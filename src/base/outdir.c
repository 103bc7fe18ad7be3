/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define SUFFIX_LENGTH 6
#define ATTEMPTS 100

struct names {
	const char **data;
	uint32_t count, capacity;
};

struct sp_outdir {
	struct sp_arena arena;
	const char *path; /* as it was given, for messages */
	const char *base; /* the last part of the path */
	const char *hidden; /* the hidden directory's name beside it */
	const char *staging; /* and its path */
	const char *folder; /* the folder made last, NULL for none */
	struct names made_folders, made_files; /* in the hidden directory */
	struct names stale;
	int parent_dir, dir;
	bool force;
	bool made; /* the hidden directory is there */
};

static bool fail(struct sp_error *error, const char *path) {
	return sp_error_set(error, SP_ERROR_SYSTEM, "%s: %s", path, strerror(errno));
}

static bool fail_in(struct sp_error *error, const char *path, const char *name) {
	return sp_error_set(error, SP_ERROR_SYSTEM, "%s/%s: %s", path, name, strerror(errno));
}

static bool fail_exists(struct sp_error *error, const char *path) {
	return sp_error_set(error, SP_ERROR_USE, "%s: already exists", path);
}

static bool push_name(struct sp_arena *arena, struct names *names, const char *name) {
	const char *copy = sp_arena_strdup(arena, name);
	const char **slot = copy ? sp_vec_push(arena, names) : NULL;

	if (!slot)
		return false;
	*slot = copy;
	return true;
}

static bool has_name(const struct names *names, const char *name) {
	for (uint32_t i = 0; i < names->count; i++) {
		if (!strcmp(names->data[i], name))
			return true;
	}
	return false;
}

/* What lies in the directory `at`/`name` (`at` itself if `name` is "."). */
static bool list(int at, const char *name, struct sp_arena *arena, struct names *names) {
	int dir = openat(at, name, DIR_FLAGS | O_NOFOLLOW);
	DIR *stream = dir < 0 ? NULL : fdopendir(dir);
	struct dirent *entry;
	bool good = true;
	int reason;

	if (!stream) {
		reason = errno;
		if (dir >= 0)
			close(dir);
		errno = reason;
		return false;
	}
	while (good && (errno = 0, entry = readdir(stream))) {
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			good = push_name(arena, names, entry->d_name);
	}
	reason = good ? errno : ENOMEM;
	closedir(stream);
	errno = reason;
	return good && !reason;
}

/* Removes the hidden directory, which holds files and folders of files. */
static void discard(struct sp_outdir *dir) {
	struct sp_arena arena = {0};
	struct names names = {0};

	if (!dir->made)
		return;
	dir->made = false;
	/* What is known to be there goes even if there is no memory, or no way, to list it. */
	for (uint32_t i = 0; i < dir->made_files.count; i++)
		unlinkat(dir->dir, dir->made_files.data[i], 0);
	for (uint32_t i = 0; i < dir->made_folders.count; i++)
		unlinkat(dir->dir, dir->made_folders.data[i], AT_REMOVEDIR);
	if (!unlinkat(dir->parent_dir, dir->hidden, AT_REMOVEDIR))
		return;
	list(dir->dir, ".", &arena, &names);
	for (uint32_t i = 0; i < names.count; i++) {
		struct names inner = {0};

		if (!unlinkat(dir->dir, names.data[i], 0))
			continue;
		list(dir->dir, names.data[i], &arena, &inner);
		for (uint32_t j = 0; j < inner.count; j++) {
			const char *file =
				sp_arena_printf(&arena, "%s/%s", names.data[i], inner.data[j]);

			if (file)
				unlinkat(dir->dir, file, 0);
		}
		unlinkat(dir->dir, names.data[i], AT_REMOVEDIR);
	}
	sp_arena_release(&arena);
	unlinkat(dir->parent_dir, dir->hidden, AT_REMOVEDIR);
}

/* Opens the directory that is to hold the new one and keeps the last part of the path. */
static bool open_parent(
	struct sp_outdir *dir, const char *path, const char **parent, struct sp_error *error) {
	size_t length = strlen(path), start;

	while (length > 1 && path[length - 1] == '/')
		length--;
	for (start = length; start && path[start - 1] != '/';)
		start--;
	dir->path = sp_arena_strndup(&dir->arena, path, length);
	dir->base = sp_arena_strndup(&dir->arena, path + start, length - start);
	*parent = start ? sp_arena_strndup(&dir->arena, path, start) : "";
	if (!dir->path || !dir->base || !*parent)
		return sp_error_memory(error);
	if (!*dir->base)
		return sp_error_set(
			error, SP_ERROR_USE, "\"%s\" cannot be made as a directory", path);
	dir->parent_dir = open(start ? *parent : ".", DIR_FLAGS);
	return dir->parent_dir >= 0 || fail(error, start ? *parent : ".");
}

static bool check_target(const struct sp_outdir *dir, struct sp_error *error) {
	struct stat status;

	if (fstatat(dir->parent_dir, dir->base, &status, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT || fail(error, dir->path);
	if (!dir->force)
		return fail_exists(error, dir->path);
	if (fstatat(dir->parent_dir, dir->base, &status, 0))
		return fail(error, dir->path);
	if (!S_ISDIR(status.st_mode))
		return sp_error_set(
			error, SP_ERROR_USE, "%s: is there and is no directory", dir->path);
	return true;
}

static bool random_suffix(char *suffix) {
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz012345";
	unsigned char bytes[SUFFIX_LENGTH];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return false;
	for (int i = 0; i < SUFFIX_LENGTH; i++)
		suffix[i] = letters[bytes[i] % 32];
	return true;
}

static bool make_hidden(struct sp_outdir *dir, const char *parent, struct sp_error *error) {
	/* "." and ".." have to be left out of a name, and names have at most 255 bytes. */
	const char *base = dir->base[0] == '.' ? "out" : dir->base;
	char *staging =
		sp_arena_printf(&dir->arena, "%s.%.200s.%*s", parent, base, SUFFIX_LENGTH, "");
	char *suffix;

	if (!staging)
		return sp_error_memory(error);
	suffix = staging + strlen(staging) - SUFFIX_LENGTH;
	dir->staging = staging;
	dir->hidden = staging + strlen(parent);
	for (int i = 0; i < ATTEMPTS && !dir->made; i++) {
		if (!random_suffix(suffix))
			return fail(error, dir->path);
		if (!mkdirat(dir->parent_dir, dir->hidden, 0755))
			dir->made = true;
		else if (errno != EEXIST)
			break;
	}
	if (!dir->made)
		return fail(error, dir->staging);
	dir->dir = openat(dir->parent_dir, dir->hidden, DIR_FLAGS | O_NOFOLLOW);
	if (dir->dir < 0) {
		fail(error, dir->staging);
		unlinkat(dir->parent_dir, dir->hidden, AT_REMOVEDIR);
		dir->made = false;
		return false;
	}
	return true;
}

bool sp_outdir_create(
	struct sp_outdir **made, const char *path, bool force, struct sp_error *error) {
	struct sp_outdir *dir = calloc(1, sizeof(*dir));
	const char *parent;

	*made = NULL;
	if (!dir)
		return sp_error_memory(error);
	dir->parent_dir = dir->dir = -1;
	dir->force = force;
	if (!open_parent(dir, path, &parent, error) || !check_target(dir, error) ||
		!make_hidden(dir, parent, error)) {
		sp_outdir_destroy(dir);
		return false;
	}
	*made = dir;
	return true;
}

/* A file's name, or a folder's and a file's, that stays below the directory. */
static bool check_name(const char *name, struct sp_error *error) {
	const char *slash = strchr(name, '/'), *file = slash ? slash + 1 : name;

	if (!*file || strchr(file, '/') || slash == name || !strcmp(file, ".") ||
		!strcmp(file, "..") || !strncmp(name, "./", 2) || !strncmp(name, "../", 3))
		return sp_error_set(
			error, SP_ERROR_USE, "\"%s\" cannot be the name of an output file", name);
	return true;
}

static bool make_folder(struct sp_outdir *dir, const char *name, struct sp_error *error) {
	const char *slash = strchr(name, '/');
	size_t length;

	if (!slash)
		return true;
	length = (size_t)(slash - name);
	if (dir->folder && !strncmp(dir->folder, name, length) && !dir->folder[length])
		return true;
	dir->folder = sp_arena_strndup(&dir->arena, name, length);
	if (!dir->folder || !push_name(&dir->arena, &dir->made_folders, dir->folder))
		return sp_error_memory(error);
	if (mkdirat(dir->dir, dir->folder, 0755) && errno != EEXIST)
		return fail_in(error, dir->path, dir->folder);
	return true;
}

bool sp_outdir_write(struct sp_outdir *dir, const char *name, const void *data, size_t size,
	struct sp_error *error) {
	const char *bytes = data;
	int file;

	if (!check_name(name, error) || !make_folder(dir, name, error))
		return false;
	if (!push_name(&dir->arena, &dir->made_files, name))
		return sp_error_memory(error);
	file = openat(dir->dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (file < 0)
		return fail_in(error, dir->path, name);
	while (size) {
		ssize_t put = write(file, bytes, size);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0) {
			fail_in(error, dir->path, name);
			close(file);
			return false;
		}
		bytes += put;
		size -= (size_t)put;
	}
	return !close(file) || fail_in(error, dir->path, name);
}

bool sp_outdir_stale(struct sp_outdir *dir, const char *name, struct sp_error *error) {
	if (!check_name(name, error))
		return false;
	return push_name(&dir->arena, &dir->stale, name) || sp_error_memory(error);
}

const char *sp_outdir_staging(const struct sp_outdir *dir) {
	return dir->staging;
}

/* The names of all files in the hidden directory, those in folders with the folder's name. */
static bool list_staged(
	struct sp_outdir *dir, struct names *files, struct names *folders, struct sp_error *error) {
	struct names top = {0};

	if (!list(dir->dir, ".", &dir->arena, &top))
		return fail(error, dir->staging);
	for (uint32_t i = 0; i < top.count; i++) {
		struct names inner = {0};
		struct stat status;

		if (fstatat(dir->dir, top.data[i], &status, AT_SYMLINK_NOFOLLOW))
			return fail_in(error, dir->staging, top.data[i]);
		if (!S_ISDIR(status.st_mode)) {
			if (!push_name(&dir->arena, files, top.data[i]))
				return sp_error_memory(error);
			continue;
		}
		if (!push_name(&dir->arena, folders, top.data[i]))
			return sp_error_memory(error);
		if (!list(dir->dir, top.data[i], &dir->arena, &inner))
			return fail_in(error, dir->staging, top.data[i]);
		for (uint32_t j = 0; j < inner.count; j++) {
			const char *name =
				sp_arena_printf(&dir->arena, "%s/%s", top.data[i], inner.data[j]);

			if (!name || !push_name(&dir->arena, files, name))
				return sp_error_memory(error);
		}
	}
	return true;
}

/* Finds out before anything is changed whether each file can take its place. */
static bool check_places(const struct sp_outdir *dir, int target, const struct names *files,
	const struct names *folders, struct sp_error *error) {
	struct stat status;

	for (uint32_t i = 0; i < folders->count; i++) {
		if (fstatat(target, folders->data[i], &status, 0)) {
			if (errno != ENOENT)
				return fail_in(error, dir->path, folders->data[i]);
		} else if (!S_ISDIR(status.st_mode)) {
			errno = ENOTDIR;
			return fail_in(error, dir->path, folders->data[i]);
		}
	}
	for (uint32_t i = 0; i < files->count; i++) {
		if (fstatat(target, files->data[i], &status, AT_SYMLINK_NOFOLLOW)) {
			if (errno != ENOENT)
				return fail_in(error, dir->path, files->data[i]);
		} else if (S_ISDIR(status.st_mode)) {
			errno = EISDIR;
			return fail_in(error, dir->path, files->data[i]);
		}
	}
	return true;
}

static bool merge_into(struct sp_outdir *dir, int target, struct sp_error *error) {
	struct names files = {0}, folders = {0};

	if (!list_staged(dir, &files, &folders, error) ||
		!check_places(dir, target, &files, &folders, error))
		return false;
	for (uint32_t i = 0; i < folders.count; i++) {
		if (mkdirat(target, folders.data[i], 0755) && errno != EEXIST)
			return fail_in(error, dir->path, folders.data[i]);
	}
	for (uint32_t i = 0; i < files.count; i++) {
		if (renameat(dir->dir, files.data[i], target, files.data[i]))
			return fail_in(error, dir->path, files.data[i]);
	}
	for (uint32_t i = 0; i < dir->stale.count; i++) {
		const char *name = dir->stale.data[i];

		if (!has_name(&files, name) && unlinkat(target, name, 0) && errno != ENOENT &&
			errno != ENOTDIR)
			return fail_in(error, dir->path, name);
	}
	return true;
}

static bool merge(struct sp_outdir *dir, struct sp_error *error) {
	int target = openat(dir->parent_dir, dir->base, DIR_FLAGS);
	bool good;

	if (target < 0)
		return fail(error, dir->path);
	good = merge_into(dir, target, error);
	close(target);
	return good;
}

/* Takes the place of `path`, which must not be there. */
static int rename_whole(const struct sp_outdir *dir) {
	int result = renameat2(
		dir->parent_dir, dir->hidden, dir->parent_dir, dir->base, RENAME_NOREPLACE);
	struct stat status;

	/* Not every file system has RENAME_NOREPLACE. */
	if (!result || (errno != EINVAL && errno != ENOSYS))
		return result;
	if (!fstatat(dir->parent_dir, dir->base, &status, AT_SYMLINK_NOFOLLOW)) {
		errno = EEXIST;
		return -1;
	}
	return renameat(dir->parent_dir, dir->hidden, dir->parent_dir, dir->base);
}

bool sp_outdir_commit(struct sp_outdir *dir, struct sp_error *error) {
	bool good = true;

	if (!rename_whole(dir)) {
		dir->made = false;
		return true;
	}
	if (errno == EBUSY && dir->force)
		errno = EEXIST; /* "." and "..", which are there */
	if (errno != EEXIST)
		good = fail(error, dir->path);
	else if (!dir->force)
		good = fail_exists(error, dir->path);
	else
		good = merge(dir, error);
	discard(dir);
	return good;
}

void sp_outdir_destroy(struct sp_outdir *dir) {
	if (!dir)
		return;
	discard(dir);
	if (dir->dir >= 0)
		close(dir->dir);
	if (dir->parent_dir >= 0)
		close(dir->parent_dir);
	sp_arena_release(&dir->arena);
	free(dir);
}
