/* SPDX-License-Identifier: MIT */
#ifndef SP_HOLD_FILES_H
#define SP_HOLD_FILES_H

#include <stdbool.h>

#include <sallyport/error.h>

/*
 * The descriptors that are open now, of which some are known. What a process that is no more had
 * open for itself, or had not yet put down, is among the others.
 */
struct sp_files;

struct sp_files *sp_files_list(struct sp_error *error); /* NULL: an error */
void sp_files_destroy(struct sp_files *files); /* accepts NULL */
/* `files` is a struct sp_files. Numbers below 3, and none at all, are always known. */
void sp_files_know(void *files, int fd);
/* Closes the others, unless `take` (NULL: none is) takes one. Gives how many. */
unsigned sp_files_close_others(
	struct sp_files *files, bool (*take)(void *data, int fd), void *data);
/* Whether they stay open in another program. */
void sp_files_inherit(const struct sp_files *files, bool inherit);

#endif
