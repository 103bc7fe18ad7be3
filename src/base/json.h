/* SPDX-License-Identifier: MIT */
#ifndef SP_BASE_JSON_H
#define SP_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/*
 * Writes JSON (RFC 8259), indented by two spaces. Inside an object give each value its key; inside
 * an array and at the top the key is NULL. Bytes that are not UTF-8 are written as U+FFFD.
 * sp_json_flat() makes the innermost open array or object, and what is in it, go on one line; it is
 * called before anything is put in. No newline follows the outermost value.
 */
#define SP_JSON_MAX_DEPTH 32

struct sp_json {
	struct sp_buf *out;
	unsigned depth;
	uint32_t filled; /* bit per depth: something was written already */
	uint32_t flat; /* bit per depth: on one line */
};

void sp_json_object(struct sp_json *json, const char *key);
void sp_json_array(struct sp_json *json, const char *key);
void sp_json_flat(struct sp_json *json);
void sp_json_end_object(struct sp_json *json);
void sp_json_end_array(struct sp_json *json);
void sp_json_string(struct sp_json *json, const char *key, const char *value); /* NULL: null */
void sp_json_number(struct sp_json *json, const char *key, uint64_t value);
void sp_json_hex(struct sp_json *json, const char *key, uint64_t value); /* the string "0x…" */
void sp_json_bool(struct sp_json *json, const char *key, bool value);
void sp_json_null(struct sp_json *json, const char *key);

#endif
