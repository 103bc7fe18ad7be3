/* SPDX-License-Identifier: MIT */
#include "hold/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define LIMIT_MOST (1 << 20)

struct sp_files {
	int *fds;
	bool *known;
	unsigned count, capacity;
};

static bool add(struct sp_files *files, int fd) {
	if (files->count == files->capacity) {
		unsigned capacity = files->capacity ? files->capacity * 2 : 64;
		int *fds = realloc(files->fds, capacity * sizeof(*fds));
		bool *known;

		if (fds)
			files->fds = fds;
		known = realloc(files->known, capacity * sizeof(*known));
		if (known)
			files->known = known;
		if (!fds || !known)
			return false;
		files->capacity = capacity;
	}
	files->fds[files->count] = fd;
	files->known[files->count++] = false;
	return true;
}

static int compare(const void *a, const void *b) {
	return *(const int *)a - *(const int *)b;
}

static bool list_folder(struct sp_files *files, DIR *folder) {
	struct dirent *entry;
	bool good = true;

	while (good && (entry = readdir(folder))) {
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] != '.' && fd > 2 && fd != dirfd(folder))
			good = add(files, fd);
	}
	return good;
}

/* Where /proc is not to be had, as after a change of the user. */
static bool list_all(struct sp_files *files) {
	struct rlimit limit = {.rlim_cur = LIMIT_MOST};
	bool good = true;

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	for (int fd = 3; good && (rlim_t)fd < limit.rlim_cur && fd < LIMIT_MOST; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			good = add(files, fd);
	}
	return good;
}

struct sp_files *sp_files_list(struct sp_error *error) {
	struct sp_files *files = calloc(1, sizeof(*files));
	DIR *folder = opendir("/proc/self/fd");
	bool good = files && (folder ? list_folder(files, folder) : list_all(files));

	if (folder)
		closedir(folder);
	if (!good) {
		sp_error_memory(error);
		sp_files_destroy(files);
		return NULL;
	}
	if (files->count)
		qsort(files->fds, files->count, sizeof(*files->fds), compare);
	return files;
}

void sp_files_destroy(struct sp_files *files) {
	if (!files)
		return;
	free(files->fds);
	free(files->known);
	free(files);
}

void sp_files_know(void *data, int fd) {
	struct sp_files *files = data;
	int *found = files->count
		? bsearch(&fd, files->fds, files->count, sizeof(*files->fds), compare)
		: NULL;

	if (found)
		files->known[found - files->fds] = true;
}

unsigned sp_files_close_others(
	struct sp_files *files, bool (*take)(void *data, int fd), void *data) {
	unsigned closed = 0;

	for (unsigned i = 0; i < files->count; i++) {
		if (files->known[i] || (take && take(data, files->fds[i])))
			continue;
		close(files->fds[i]);
		closed++;
	}
	return closed;
}

void sp_files_inherit(const struct sp_files *files, bool inherit) {
	for (unsigned i = 0; i < files->count; i++)
		(void)fcntl(files->fds[i], F_SETFD, inherit ? 0 : FD_CLOEXEC);
}
