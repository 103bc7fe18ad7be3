/* SPDX-License-Identifier: MIT */
#ifndef SP_XL_CONFIG_H
#define SP_XL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sallyport/error.h>

/*
 * The language of xl's configuration files, as Xen's libxlutil reads it, without what the settings
 * mean: NAME = VALUE, where VALUE is an atom or a list of values.
 */
struct sp_xl_config;

enum sp_xl_kind { SP_XL_ATOM, SP_XL_LIST };

struct sp_xl_value {
	enum sp_xl_kind kind;
	uint32_t line; /* counted from 1, where the value begins */
	bool quoted; /* the atom was written in quotes */
	const char *text; /* of an atom, escapes undone; NULL for a list */
	const struct sp_xl_value *items; /* of a list */
	uint32_t count;
};

struct sp_xl_setting {
	const char *name;
	uint32_t line; /* of the last assignment or addition */
	bool added; /* the last was "+=", after which xl takes the value for no number */
	struct sp_xl_value value;
};

/* What is read of a file, and how deep its lists may be nested, where xl allows some thousands. */
#define SP_XL_MAX_BYTES ((size_t)1 << 20)
#define SP_XL_MAX_DEPTH 64u

/*
 * Reads `size` bytes; `name` is what errors call them. A file that xl would not read is
 * SP_ERROR_INPUT with "NAME:LINE: …". The bytes need not outlive the call.
 */
bool sp_xl_config_parse(struct sp_xl_config **config, const char *text, size_t size,
	const char *name, struct sp_error *error);
bool sp_xl_config_load(struct sp_xl_config **config, const char *path, struct sp_error *error);
void sp_xl_config_destroy(struct sp_xl_config *config); /* accepts NULL */

const char *sp_xl_config_name(const struct sp_xl_config *config);

/* All settings that are in force, in the order of the file: those that xl would find by name. */
const struct sp_xl_setting *sp_xl_config_settings(
	const struct sp_xl_config *config, uint32_t *count);

/* What xl finds by this name; NULL if it is not set. */
const struct sp_xl_setting *sp_xl_config_find(const struct sp_xl_config *config, const char *name);

#endif
