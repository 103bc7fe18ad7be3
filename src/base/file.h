/* SPDX-License-Identifier: MIT */
#ifndef SP_BASE_FILE_H
#define SP_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include <sallyport/error.h>

struct stat;

/*
 * Reads a whole file of at most `limit` bytes into *data (malloc'ed, the caller frees it, with one
 * NUL byte behind it that is not counted). Works on files that report no size, such as those of
 * /sys and pipes.
 */
bool sp_file_read(
	const char *path, size_t limit, char **data, size_t *size, struct sp_error *error);

/* As fstat(2), which some C libraries make a question about a path of. A process that may not ask
 * about paths may call this. */
int sp_file_status(int file, struct stat *status);

/*
 * A directory that appears whole or not at all.
 *
 * sp_outdir_create() makes a hidden directory beside `path`; files are written into it;
 * sp_outdir_commit() renames it to `path`. With `force`, an existing directory is kept and the
 * files are renamed into it one by one; what else lies in it stays, except the names passed to
 * sp_outdir_stale(), which are removed. Without `force` an existing path is SP_ERROR_USE.
 * sp_outdir_destroy() accepts NULL and removes what was not committed.
 */
struct sp_outdir;

bool sp_outdir_create(struct sp_outdir **dir, const char *path, bool force, struct sp_error *error);
/* `name` may hold one '/', whose folder is made. */
bool sp_outdir_write(struct sp_outdir *dir, const char *name, const void *data, size_t size,
	struct sp_error *error);
bool sp_outdir_stale(struct sp_outdir *dir, const char *name, struct sp_error *error);
/* Where a file of that name lies before the commit; owned by the directory. For helpers such as
 * dot. */
const char *sp_outdir_staging(const struct sp_outdir *dir);
bool sp_outdir_commit(struct sp_outdir *dir, struct sp_error *error);
void sp_outdir_destroy(struct sp_outdir *dir);

#endif
