/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "machine/machine.h"

#define BLANKS " \t\n"

const char *sp_command_line_next(const char **line, const char *word, size_t *size) {
	size_t length = strlen(word);

	while (*line && **line) {
		const char *at = *line + strspn(*line, BLANKS);
		bool quoted = false;
		size_t end = 0;

		for (; at[end] && (quoted || !strchr(BLANKS, at[end])); end++)
			quoted ^= at[end] == '"';
		*line = at + end;
		if (end >= length && strncmp(at, word, length) == 0 &&
			(end == length || at[length] == '=')) {
			bool valued = end > length;

			*size = end - length - valued;
			return at + length + valued;
		}
	}
	return NULL;
}

const char *sp_command_line_word(const char *line, const char *word, size_t *size) {
	const char *found = NULL, *value;
	size_t length = 0;

	*size = 0;
	while ((value = sp_command_line_next(&line, word, &length))) {
		found = value;
		*size = length;
	}
	return found;
}
