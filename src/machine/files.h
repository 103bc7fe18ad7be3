/* SPDX-License-Identifier: MIT */
#ifndef SP_MACHINE_FILES_H
#define SP_MACHINE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sallyport/error.h>

#include "base/arena.h"
#include "base/buf.h"

/*
 * What a machine was asked, and what it answered: files and links by their paths, what commands
 * printed, and what calls gave. A snapshot is the text of this, so that one reader serves the
 * machine itself, snapshots and lspci's output alike.
 */
enum sp_record_kind {
	SP_RECORD_TEXT, /* file PATH: a text without its last newline */
	SP_RECORD_BYTES, /* bytes PATH: a binary file */
	SP_RECORD_LINK, /* link PATH: where a symbolic link points */
	SP_RECORD_COMMAND, /* command NAME: what it printed */
	SP_RECORD_CALL, /* call NAME: a value, or the name of an errno: "gsi 0000:03:00.0" */
	SP_RECORD_DENIED, /* denied PATH: it is there, and this user may not read it */
};

struct sp_record {
	enum sp_record_kind kind;
	const char *name;
	const char *data; /* NUL-terminated beyond `size` */
	size_t size;
	uint32_t order; /* in which it was added */
};

struct sp_files {
	struct sp_arena *arena;
	SP_VEC(struct sp_record) records; /* sorted by name after sp_files_sort() */
};

/* All that is read of a snapshot or of lspci's output. */
#define SP_FILES_LIMIT ((size_t)16 << 20)
#define SP_FILES_RECORDS (1u << 18)
#define SP_FILES_NAME 512u /* bytes that a name may have, with its NUL */

/*
 * What is added twice is kept once, the last, as sp_files_sort() finds. A name is printable and has
 * none of the marks that end it in a snapshot; others are left out. The data of a link and of a
 * call are one line, and become it. False: no memory.
 */
bool sp_files_add(struct sp_files *files, enum sp_record_kind kind, const char *name,
	const void *data, size_t size);
void sp_files_sort(struct sp_files *files);

/* NULL if there is none; NULL for one that was denied, too: ask sp_files_denied(). */
const struct sp_record *sp_files_get(const struct sp_files *files, const char *name);
/* The text of it, NULL if there is none. The name is printf's. */
const char *sp_files_text(const struct sp_files *files, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
bool sp_files_denied(const struct sp_files *files, const char *name);
/* The records whose names begin with `prefix`: *first, and how many follow. */
uint32_t sp_files_range(const struct sp_files *files, const char *prefix, uint32_t *first);

/* The snapshot's text, and back. Errors name the line. */
void sp_files_write(const struct sp_files *files, struct sp_buf *out);
bool sp_files_parse(struct sp_files *files, const char *data, size_t size, struct sp_error *error);

/* Other sources. */
bool sp_files_collect(struct sp_files *files, const char *root, struct sp_error *error);
bool sp_files_parse_lspci(
	struct sp_files *files, const char *data, size_t size, struct sp_error *error);
bool sp_files_is_lspci(const char *data, size_t size); /* begins as its output does */

/* Takes out what tells one machine from another of its kind. */
bool sp_files_scrub(struct sp_files *files);

#endif
