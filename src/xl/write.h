/* SPDX-License-Identifier: MIT */
#ifndef SP_XL_WRITE_H
#define SP_XL_WRITE_H

#include "base/buf.h"

/* Writes xl's configuration language. */

/* In double quotes, such that Xen's lexer and config.h read the same bytes back. */
void sp_xl_put_string(struct sp_buf *out, const char *text);

/* A line NAME = VALUE, the value a string or a number. */
void sp_xl_put_assignment(struct sp_buf *out, const char *name, const char *value);
void sp_xl_put_number(struct sp_buf *out, const char *name, uint32_t value);

/* What the user told; for NULL a comment with an example. */
void sp_xl_put_own(struct sp_buf *out, const char *name, const char *value, const char *example);

#endif
