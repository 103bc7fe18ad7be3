/* SPDX-License-Identifier: MIT */
#include "xl/write.h"

/* The lexer takes all bytes but newlines as they are, and of its escapes only those by a letter
 * work. */
void sp_xl_put_string(struct sp_buf *out, const char *text) {
	sp_buf_char(out, '"');
	for (const char *c = text; *c; c++) {
		if (*c == '"' || *c == '\\')
			sp_buf_char(out, '\\');
		if (*c == '\n')
			sp_buf_put(out, "\\n", 2);
		else
			sp_buf_char(out, *c);
	}
	sp_buf_char(out, '"');
}

void sp_xl_put_assignment(struct sp_buf *out, const char *name, const char *value) {
	sp_buf_str(out, name);
	sp_buf_str(out, " = ");
	sp_xl_put_string(out, value);
	sp_buf_char(out, '\n');
}

void sp_xl_put_number(struct sp_buf *out, const char *name, uint32_t value) {
	sp_buf_printf(out, "%s = %u\n", name, value);
}

void sp_xl_put_own(struct sp_buf *out, const char *name, const char *value, const char *example) {
	if (!value)
		sp_buf_str(out, "# ");
	sp_xl_put_assignment(out, name, value ? value : example);
}
