/* SPDX-License-Identifier: MIT */
#include "functions.h"

#include <stdio.h>
#include <string.h>

bool cli_read_function(const char *text, sp_bdf *function, bool *slot) {
	size_t length = strlen(text);
	char full[SP_BDF_SIZE + 2];

	*slot = false;
	if (sp_bdf_parse(text, function))
		return true;
	if (length >= SP_BDF_SIZE)
		return false;
	if (length > 2 && strcmp(text + length - 2, ".*") == 0)
		length -= 2;
	snprintf(full, sizeof(full), "%.*s.0", (int)length, text);
	*slot = true;
	return sp_bdf_parse(full, function);
}

bool cli_is_like_function(const char *text) {
	return strchr(text, ':') && strspn(text, "0123456789abcdefABCDEF:.*") == strlen(text);
}
