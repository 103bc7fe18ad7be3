/* SPDX-License-Identifier: MIT */
#ifndef SP_UNIT_MACHINE_ROOT_H
#define SP_UNIT_MACHINE_ROOT_H

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "machine/machine.h"

/*
 * Makes folders of what a machine was asked, so that it can be asked again: files, links and bytes
 * of a snapshot below a new directory. A device is a folder there, and no link to one.
 */

static inline void root_folders(char *path) {
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
}

static inline void root_put(const char *root, const struct sp_record *record) {
	char path[PATH_MAX];
	FILE *file;

	if (record->name[0] != '/')
		return;
	snprintf(path, sizeof(path), "%s%s", root, record->name);
	root_folders(path);
	if (record->kind == SP_RECORD_LINK) {
		char target[2 * PATH_MAX];

		if (symlink(record->data, path))
			abort();
		/* Other files lie behind it. */
		snprintf(target, sizeof(target), "%.*s/%s/", (int)(strrchr(path, '/') - path), path,
			record->data);
		root_folders(target);
		return;
	}
	if (record->kind != SP_RECORD_TEXT && record->kind != SP_RECORD_BYTES)
		return;
	file = fopen(path, "w");
	if (!file)
		abort();
	fwrite(record->data, 1, record->size, file);
	if (record->kind == SP_RECORD_TEXT)
		fputc('\n', file);
	fclose(file);
}

static inline bool root_is_device(const struct sp_record *record) {
	static const char devices[] = "/sys/bus/pci/devices/";

	return strncmp(record->name, devices, sizeof(devices) - 1) == 0 &&
		!strchr(record->name + sizeof(devices) - 1, '/');
}

static inline void root_make(const char *root, const struct sp_files *files) {
	for (uint32_t i = 0; i < files->records.count; i++) {
		if (!root_is_device(&files->records.data[i]))
			root_put(root, &files->records.data[i]);
	}
}

static inline int root_remove_one(
	const char *path, const struct stat *status, int type, struct FTW *place) {
	(void)status;
	(void)type;
	(void)place;
	return remove(path);
}

static inline void root_remove(const char *root) {
	nftw(root, root_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
