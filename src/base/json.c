/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <stddef.h>
#include <string.h>

/* 0 beyond the depth that is kept account of. */
static uint32_t bit(unsigned depth) {
	return depth < SP_JSON_MAX_DEPTH ? UINT32_C(1) << depth : 0;
}

/* The length of the UTF-8 character at `text` (RFC 3629), 0 if there is none. */
static size_t utf8_length(const unsigned char *text) {
	unsigned char low = 0x80, high = 0xbf;
	size_t length;

	if (text[0] < 0x80)
		return 1;
	if (text[0] < 0xc2 || text[0] > 0xf4)
		return 0;
	length = text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
	if (text[0] == 0xe0) /* the second byte rules out overlong forms, surrogates and the rest */
		low = 0xa0;
	else if (text[0] == 0xed)
		high = 0x9f;
	else if (text[0] == 0xf0)
		low = 0x90;
	else if (text[0] == 0xf4)
		high = 0x8f;
	if (text[1] < low || text[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++) {
		if (text[i] < 0x80 || text[i] > 0xbf)
			return 0;
	}
	return length;
}

static void put_control(struct sp_buf *out, unsigned char c) {
	static const char shorts[] = "\b\t\n\f\r", letters[] = "btnfr";
	const char *known = c ? strchr(shorts, c) : NULL;

	if (known) {
		sp_buf_char(out, '\\');
		sp_buf_char(out, letters[known - shorts]);
		return;
	}
	sp_buf_str(out, c < 16 ? "\\u000" : "\\u00");
	sp_buf_hex(out, c);
}

static void put_string(struct sp_buf *out, const char *value) {
	const unsigned char *text = (const unsigned char *)value, *plain = text;

	sp_buf_char(out, '"');
	while (*text) {
		size_t length = utf8_length(text);

		if (length && *text >= 0x20 && *text != '"' && *text != '\\') {
			text += length;
			continue;
		}
		sp_buf_put(out, plain, (size_t)(text - plain));
		if (!length) {
			sp_buf_str(out, "\xef\xbf\xbd");
		} else if (*text < 0x20) {
			put_control(out, *text);
		} else {
			sp_buf_char(out, '\\');
			sp_buf_char(out, (char)*text);
		}
		plain = ++text;
	}
	sp_buf_put(out, plain, (size_t)(text - plain));
	sp_buf_char(out, '"');
}

static bool is_flat(const struct sp_json *json) {
	return json->flat & bit(json->depth);
}

static void new_line(struct sp_json *json) {
	sp_buf_char(json->out, '\n');
	sp_buf_fill(json->out, ' ', (size_t)json->depth * 2);
}

/* What stands before a value: a comma, its place and its key. */
static void begin(struct sp_json *json, const char *key) {
	bool filled = json->filled & bit(json->depth);

	json->filled |= bit(json->depth);
	if (json->depth) {
		if (filled)
			sp_buf_char(json->out, ',');
		if (!is_flat(json))
			new_line(json);
		else if (filled)
			sp_buf_char(json->out, ' ');
	}
	if (key) {
		put_string(json->out, key);
		sp_buf_str(json->out, ": ");
	}
}

static void open_container(struct sp_json *json, const char *key, char bracket) {
	bool flat;

	begin(json, key);
	sp_buf_char(json->out, bracket);
	flat = is_flat(json);
	json->depth++;
	json->filled &= ~bit(json->depth);
	json->flat &= ~bit(json->depth);
	if (flat)
		json->flat |= bit(json->depth);
}

static void close_container(struct sp_json *json, char bracket) {
	bool filled = json->filled & bit(json->depth), flat = is_flat(json);

	if (json->depth)
		json->depth--;
	if (filled && !flat)
		new_line(json);
	sp_buf_char(json->out, bracket);
}

void sp_json_object(struct sp_json *json, const char *key) {
	open_container(json, key, '{');
}

void sp_json_array(struct sp_json *json, const char *key) {
	open_container(json, key, '[');
}

void sp_json_flat(struct sp_json *json) {
	json->flat |= bit(json->depth);
}

void sp_json_end_object(struct sp_json *json) {
	close_container(json, '}');
}

void sp_json_end_array(struct sp_json *json) {
	close_container(json, ']');
}

void sp_json_string(struct sp_json *json, const char *key, const char *value) {
	begin(json, key);
	if (value)
		put_string(json->out, value);
	else
		sp_buf_str(json->out, "null");
}

void sp_json_number(struct sp_json *json, const char *key, uint64_t value) {
	begin(json, key);
	sp_buf_dec(json->out, value);
}

void sp_json_hex(struct sp_json *json, const char *key, uint64_t value) {
	begin(json, key);
	sp_buf_str(json->out, "\"0x");
	sp_buf_hex(json->out, value);
	sp_buf_char(json->out, '"');
}

void sp_json_bool(struct sp_json *json, const char *key, bool value) {
	begin(json, key);
	sp_buf_str(json->out, value ? "true" : "false");
}

void sp_json_null(struct sp_json *json, const char *key) {
	begin(json, key);
	sp_buf_str(json->out, "null");
}
