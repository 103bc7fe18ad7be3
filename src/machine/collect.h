/* SPDX-License-Identifier: MIT */
#ifndef SP_MACHINE_COLLECT_H
#define SP_MACHINE_COLLECT_H

#include "machine/files.h"

/* Asks a machine that is there. What cannot be had is left out; only memory may run out. */
struct collector {
	struct sp_files *files;
	const char *root; /* stands before each path: "" for none */
	bool failed; /* memory ran out; collect_failed() asks for all */
};

/* Names in an arena's memory. */
struct names {
	const char **data;
	uint32_t count, capacity;
};

bool collect_failed(const struct collector *collector);

/* "ROOT/PATH", PATH by printf; NULL if it is too long. The arena's. */
const char *collect_path(struct collector *collector, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The file's bytes, at most `limit`, into the empty buffer. False: not to be had; a record tells
 * of it if it is there and this user may not read it. */
bool collect_read(struct collector *collector, const char *path, size_t limit, struct sp_buf *out);
/* One record of the file, as it is. False as above. */
bool collect_text(struct collector *collector, const char *path);
bool collect_bytes(struct collector *collector, const char *path, size_t limit);
bool collect_link(struct collector *collector, const char *path);
/* Where a link points, without a record of it; the arena's. NULL if it is none. */
const char *collect_target(struct collector *collector, const char *path);
void collect_call(struct collector *collector, const char *name, const char *value);
/* The names in a folder, sorted. False if it cannot be read. */
bool collect_names(struct collector *collector, const char *path, struct names *names);
/* The same, with the record "call list PATH". */
bool collect_list(struct collector *collector, const char *path, struct names *names);
bool collect_exists(struct collector *collector, const char *path);

/* Adds a text, without its last newline. */
void collect_add(struct collector *collector, enum sp_record_kind kind, const char *name,
	const struct sp_buf *text);

void collect_functions(struct collector *collector, struct names *functions);
void collect_users(struct collector *collector);
void collect_tables(struct collector *collector);
void collect_kernel(struct collector *collector);
void collect_xen(struct collector *collector, const struct names *functions);
void collect_device_names(struct collector *collector, const struct names *functions);

/*
 * What a program prints on its standard output, at most `limit` bytes of it. arguments[0] is a
 * path, or a name that is looked for in PATH. False if it is not there, takes too long or fails.
 */
bool collect_run(const char *const *arguments, size_t limit, struct sp_buf *out);

#endif
