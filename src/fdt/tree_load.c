/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "fdt/tree_index.h"

bool sp_tree_parse(struct sp_tree **tree, const void *blob, size_t size, struct sp_error *error) {
	void *copy;

	*tree = NULL;
	/* Bytes behind the tree do not matter, however many there are. */
	if (size > SP_TREE_MAX_BYTES + (size_t)1)
		size = SP_TREE_MAX_BYTES + (size_t)1;
	copy = malloc(size ? size : 1);
	if (!copy)
		return sp_error_memory(error);
	if (size)
		memcpy(copy, blob, size);
	return sp_tree_adopt(tree, copy, size, error);
}

bool sp_tree_load(struct sp_tree **tree, const char *path, struct sp_error *error) {
	struct stat status;
	void *blob = NULL;
	size_t size = 0;

	*tree = NULL;
	if (stat(path, &status))
		return sp_error_set(error, SP_ERROR_SYSTEM, "%s: %s", path, strerror(errno));
	if (S_ISDIR(status.st_mode)) {
		if (!sp_tree_flatten_dir(path, &blob, &size, error))
			return false;
	} else {
		char *data;

		if (!sp_file_read(path, SP_TREE_MAX_BYTES, &data, &size, error))
			return false;
		blob = data;
	}
	if (!sp_tree_adopt(tree, blob, size, error))
		return sp_error_prefix(error, path);
	return true;
}
