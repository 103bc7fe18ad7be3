/* SPDX-License-Identifier: MIT */
#include "wire/protocol.h"

#include <errno.h>
#include <string.h>

#define DEPTH 8u

/* Reads what there is without keeping it, and remembers where the known names have values. */
struct reader {
	const uint8_t *at, *end;
	struct sp_wire_capabilities *capabilities;
	bool bad;
};

/* Where in the text a value stands; names elsewhere mean nothing. */
enum place { PLACE_TOP, PLACE_CAPABILITIES, PLACE_TWIN, PLACE_ELSEWHERE };

enum value_kind { VALUE_OBJECT, VALUE_NUMBER, VALUE_BOOL };

static const struct name {
	enum place place;
	const char *text;
	enum value_kind kind;
	enum place inside; /* of an object */
	uint8_t member; /* of the others */
	uint8_t told; /* the bit of a number */
} NAMES[] = {
	{PLACE_TOP, "capabilities", VALUE_OBJECT, PLACE_CAPABILITIES, 0, 0},
	{PLACE_CAPABILITIES, "max_msg_fds", VALUE_NUMBER, PLACE_ELSEWHERE,
		offsetof(struct sp_wire_capabilities, max_msg_fds), SP_WIRE_TOLD_FDS},
	{PLACE_CAPABILITIES, "max_data_xfer_size", VALUE_NUMBER, PLACE_ELSEWHERE,
		offsetof(struct sp_wire_capabilities, max_data_xfer_size), SP_WIRE_TOLD_SIZE},
	{PLACE_CAPABILITIES, "max_dma_maps", VALUE_NUMBER, PLACE_ELSEWHERE,
		offsetof(struct sp_wire_capabilities, max_dma_maps), SP_WIRE_TOLD_MAPS},
	{PLACE_CAPABILITIES, "pgsizes", VALUE_NUMBER, PLACE_ELSEWHERE,
		offsetof(struct sp_wire_capabilities, pgsizes), SP_WIRE_TOLD_PAGES},
	{PLACE_CAPABILITIES, "write_multiple", VALUE_BOOL, PLACE_ELSEWHERE,
		offsetof(struct sp_wire_capabilities, write_multiple), 0},
	{PLACE_CAPABILITIES, "twin_socket", VALUE_OBJECT, PLACE_TWIN, 0, 0},
	{PLACE_TWIN, "supported", VALUE_BOOL, PLACE_ELSEWHERE,
		offsetof(struct sp_wire_capabilities, twin_socket), 0},
};

static uint8_t peek(struct reader *reader) {
	while (reader->at < reader->end &&
		(*reader->at == ' ' || *reader->at == '\t' || *reader->at == '\n' ||
			*reader->at == '\r'))
		reader->at++;
	return reader->at < reader->end ? *reader->at : 0;
}

static bool take(struct reader *reader, char c) {
	if (peek(reader) != (uint8_t)c)
		return false;
	reader->at++;
	return true;
}

static void demand(struct reader *reader, char c) {
	if (!take(reader, c))
		reader->bad = true;
}

static bool word(struct reader *reader, const char *text) {
	size_t length = strlen(text);

	if ((size_t)(reader->end - reader->at) < length || memcmp(reader->at, text, length) != 0)
		return false;
	reader->at += length;
	return true;
}

static bool is_digit(uint8_t c) {
	return c >= '0' && c <= '9';
}

/* The known names have no escapes, so that one with any is none of them. */
static void string(struct reader *reader, const uint8_t **text, size_t *size) {
	demand(reader, '"');
	*text = reader->at;
	while (!reader->bad && reader->at < reader->end && *reader->at != '"') {
		if (*reader->at < 0x20)
			reader->bad = true;
		if (*reader->at == '\\')
			reader->at++;
		reader->at++;
	}
	if (reader->at >= reader->end) {
		reader->at = reader->end;
		reader->bad = true;
		return;
	}
	*size = (size_t)(reader->at - *text);
	reader->at++;
}

/* False for a number that is no natural one; it is read to its end in any case. */
static bool number(struct reader *reader, uint32_t *value) {
	bool natural = !take(reader, '-');
	uint64_t sum = 0;

	if (!is_digit(peek(reader)))
		reader->bad = true;
	while (reader->at < reader->end && is_digit(*reader->at)) {
		if (sum <= UINT32_MAX)
			sum = sum * 10 + (uint64_t)(*reader->at - '0');
		reader->at++;
	}
	while (reader->at < reader->end &&
		(is_digit(*reader->at) || strchr(".eE+-", *reader->at))) {
		/* strchr() finds the NUL, too. */
		if (!*reader->at)
			break;
		natural = false;
		reader->at++;
	}
	*value = sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
	return natural;
}

static const struct name *find(enum place place, const uint8_t *text, size_t size) {
	for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
		if (NAMES[i].place == place && strlen(NAMES[i].text) == size &&
			memcmp(NAMES[i].text, text, size) == 0)
			return &NAMES[i];
	}
	return NULL;
}

static void value(struct reader *reader, const struct name *name, unsigned depth);

static void object(struct reader *reader, enum place place, unsigned depth) {
	demand(reader, '{');
	if (take(reader, '}'))
		return;
	do {
		const uint8_t *text = NULL;
		size_t size = 0;

		string(reader, &text, &size);
		demand(reader, ':');
		if (!reader->bad)
			value(reader, find(place, text, size), depth);
	} while (!reader->bad && take(reader, ','));
	demand(reader, '}');
}

static void array(struct reader *reader, unsigned depth) {
	demand(reader, '[');
	if (take(reader, ']'))
		return;
	do
		value(reader, NULL, depth);
	while (!reader->bad && take(reader, ','));
	demand(reader, ']');
}

static void *member(struct reader *reader, const struct name *name) {
	return (uint8_t *)reader->capabilities + name->member;
}

static void value(struct reader *reader, const struct name *name, unsigned depth) {
	const uint8_t *text;
	size_t size;
	uint32_t count;
	uint8_t first = peek(reader);
	bool on;

	if (depth == DEPTH || (name && name->kind == VALUE_OBJECT && first != '{') ||
		(name && name->kind == VALUE_NUMBER && !is_digit(first))) {
		reader->bad = true;
	} else if (first == '{') {
		if (name && name->kind != VALUE_OBJECT)
			reader->bad = true;
		object(reader, name ? name->inside : PLACE_ELSEWHERE, depth + 1);
	} else if (name && name->kind == VALUE_NUMBER) {
		if (!number(reader, &count))
			reader->bad = true;
		memcpy(member(reader, name), &count, sizeof(count));
		reader->capabilities->told |= name->told;
	} else if ((on = word(reader, "true")) || word(reader, "false")) {
		if (name)
			memcpy(member(reader, name), &on, sizeof(on));
	} else if (name) {
		reader->bad = true;
	} else if (first == '[') {
		array(reader, depth + 1);
	} else if (first == '"') {
		string(reader, &text, &size);
	} else if (!word(reader, "null")) {
		(void)number(reader, &count);
	}
}

int sp_wire_get_capabilities(
	const uint8_t *text, uint32_t size, struct sp_wire_capabilities *capabilities) {
	struct reader reader = {text, NULL, capabilities, false};

	*capabilities = (struct sp_wire_capabilities){
		.max_msg_fds = 1,
		.max_data_xfer_size = SP_WIRE_DATA_MAX,
	};
	if (!size)
		return 0;
	reader.end = memchr(text, '\0', size);
	if (!reader.end)
		return EINVAL;
	/* Some clients end what they do not say with a NUL alone. */
	if (reader.end == text)
		return 0;
	object(&reader, PLACE_TOP, 0);
	if (peek(&reader) || reader.at != reader.end)
		reader.bad = true;
	if (capabilities->max_data_xfer_size > SP_WIRE_DATA_MAX)
		capabilities->max_data_xfer_size = SP_WIRE_DATA_MAX;
	return reader.bad || !capabilities->max_data_xfer_size ? EINVAL : 0;
}
