/* SPDX-License-Identifier: MIT */
#ifndef SP_MACHINE_LETTERS_H
#define SP_MACHINE_LETTERS_H

#include <stdbool.h>
#include <string.h>

/* What texts of machines are made of, whatever the locale. */

static inline bool is_hex(char c) {
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Of a name: what may not stand beside it where it stands by itself. */
static inline bool is_word(char c) {
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		c == '_';
}

static inline bool begins(const char *line, size_t size, const char *with) {
	size_t length = strlen(with);

	return size >= length && memcmp(line, with, length) == 0;
}

#endif
