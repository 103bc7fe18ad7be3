/* SPDX-License-Identifier: MIT */
#ifndef SP_TESTS_XL_DUMP_H
#define SP_TESTS_XL_DUMP_H

#include <stdio.h>

/* What both programs print alike: see compare.py. */
static inline void put_text(const char *text) {
	putchar('"');
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < ' ' || c > '~' || c == '"' || c == '\\')
			printf("\\x%02x", c);
		else
			putchar(c);
	}
	putchar('"');
}

#endif
