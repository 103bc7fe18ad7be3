/* SPDX-License-Identifier: MIT */
#include "preflight/words.h"

#include <stddef.h>
#include <string.h>

struct piece {
	const char *text;
	size_t length;
};

static bool is(struct piece piece, const char *text) {
	return strlen(text) == piece.length && strncmp(piece.text, text, piece.length) == 0;
}

/* The value of the next "WORD=VALUE" or "WORD" from *line on, which moves behind it. */
static bool next_value(const char **line, const char *word, struct piece *value) {
	value->text = sp_command_line_next(line, word, &value->length);
	return value->text != NULL;
}

static bool next_item(struct piece *list, struct piece *item) {
	const char *comma;

	if (list->length == 0)
		return false;
	comma = memchr(list->text, ',', list->length);
	item->text = list->text;
	item->length = comma ? (size_t)(comma - list->text) : list->length;
	list->text += item->length + (comma ? 1 : 0);
	list->length -= item->length + (comma ? 1 : 0);
	return true;
}

/* Xen's parse_bool(). */
static enum sp_known read_bool(struct piece value) {
	static const char *const YES[] = {"1", "on", "yes", "true", "enable"};
	static const char *const NO[] = {"0", "off", "no", "false", "disable"};

	for (size_t i = 0; i < sizeof(YES) / sizeof(YES[0]); i++) {
		if (is(value, YES[i]))
			return SP_YES;
		if (is(value, NO[i]))
			return SP_NO;
	}
	return SP_UNKNOWN;
}

/* Xen's parse_boolean(): "NAME", "no-NAME" or "NAME=VALUE". */
static enum sp_known read_switch(struct piece item, const char *name) {
	size_t length = strlen(name);

	if (is(item, name))
		return SP_YES;
	if (item.length == length + 3 && strncmp(item.text, "no-", 3) == 0 &&
		strncmp(item.text + 3, name, length) == 0)
		return SP_NO;
	if (item.length > length && strncmp(item.text, name, length) == 0 &&
		item.text[length] == '=')
		return read_bool((struct piece){item.text + length + 1, item.length - length - 1});
	return SP_UNKNOWN;
}

enum sp_known sp_words_switch(const char *line, const char *word, const char *name) {
	enum sp_known answer = SP_UNKNOWN, here;
	struct piece list, item;

	while (next_value(&line, word, &list)) {
		while (next_item(&list, &item)) {
			here = name ? read_switch(item, name) : read_bool(item);
			answer = here == SP_UNKNOWN ? answer : here;
		}
	}
	return answer;
}

bool sp_words_has(const char *line, const char *word, const char *name) {
	struct piece list, item;

	while (next_value(&line, word, &list))
		while (next_item(&list, &item))
			if (is(item, name))
				return true;
	return false;
}

bool sp_words_find(const char *line, const char *word) {
	struct piece value;

	return next_value(&line, word, &value);
}
