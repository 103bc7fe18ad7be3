/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "machine/files.h"
#include "machine/snapshot.h"

/* One line at a time; a record is read with the lines that belong to it. */
struct reader {
	struct sp_files *files;
	struct sp_error *error;
	const char *next, *end;
	bool crlf; /* lines end so, as the first one does */
	const char *line; /* the current one, without its end */
	size_t size;
	uint32_t number;
	size_t room; /* bytes that may yet be made, so that sizes are no trap */
};

static bool next_line(struct reader *reader) {
	const char *end;

	if (reader->next == reader->end)
		return false;
	end = memchr(reader->next, '\n', (size_t)(reader->end - reader->next));
	reader->line = reader->next;
	reader->next = end ? end + 1 : reader->end;
	reader->size = (size_t)((end ? end : reader->end) - reader->line);
	if (reader->crlf && reader->size && reader->line[reader->size - 1] == '\r')
		reader->size--;
	reader->number++;
	return true;
}

/* The next line of this record: one that begins with a tab, which is taken off. */
static bool next_part(struct reader *reader, uint32_t *blank) {
	struct reader ahead = *reader;

	*blank = 0;
	while (next_line(&ahead)) {
		if (ahead.size && ahead.line[0] == '\t') {
			*reader = ahead;
			reader->line++;
			reader->size--;
			return true;
		}
		if (ahead.size && ahead.line[0] != '#')
			return false;
		if (!ahead.size)
			++*blank;
	}
	return false;
}

static bool fail(struct reader *reader, const char *what) {
	return sp_error_set(reader->error, SP_ERROR_INPUT, "line %u: %s", reader->number, what);
}

static bool take(struct reader *reader, size_t size) {
	if (size > reader->room)
		return fail(reader, "more bytes than the 16 MiB that a snapshot may have");
	reader->room -= size;
	return true;
}

static bool add(struct reader *reader, enum sp_record_kind kind, const char *name, const char *data,
	size_t size) {
	uint32_t count = reader->files->records.count;

	if (count == SP_FILES_RECORDS)
		return fail(reader, "more records than any machine has");
	if (!sp_files_add(reader->files, kind, name, data, size))
		return sp_error_memory(reader->error);
	return reader->files->records.count > count ||
		fail(reader, "the name is too long, or has characters that no name has");
}

/* Editors take the tab from lines that are empty otherwise: inside a text these belong to it. */
static bool read_text(struct reader *reader, enum sp_record_kind kind, const char *name) {
	struct sp_buf text = {0};
	uint32_t blank;
	bool good, first = true;

	while (next_part(reader, &blank)) {
		if (!first)
			sp_buf_fill(&text, '\n', (size_t)blank + 1);
		sp_buf_put(&text, reader->line, reader->size);
		first = false;
	}
	good = text.failed ? sp_error_memory(reader->error)
			   : add(reader, kind, name, text.data ? text.data : "", text.size);
	sp_buf_release(&text);
	return good;
}

static int hex_digit(char c) {
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* "0040: 01 50 …": the offset, and where the bytes begin. */
static bool read_offset(struct reader *reader, size_t *offset, size_t *at) {
	size_t value = 0, i = 0;
	int digit;

	for (; i < reader->size && (digit = hex_digit(reader->line[i])) >= 0; i++) {
		value = value * 16 + (size_t)digit;
		if (value > SP_FILES_LIMIT)
			return fail(reader, "the offset is beyond all that is read");
	}
	if (!i || i == reader->size || reader->line[i] != ':')
		return fail(reader, "an offset in hexadecimal and a colon are wanted");
	*offset = value;
	*at = i + 1;
	return true;
}

/* Puts the bytes of a row behind `offset`; `bytes` NULL only counts them. */
static bool read_row(struct reader *reader, size_t at, char *bytes, size_t *count) {
	*count = 0;
	for (;;) {
		int high, low;

		while (at < reader->size && (reader->line[at] == ' ' || reader->line[at] == '\t'))
			at++;
		if (at == reader->size)
			return true;
		high = hex_digit(reader->line[at]);
		low = at + 1 < reader->size ? hex_digit(reader->line[at + 1]) : -1;
		if (high < 0 || low < 0)
			return fail(reader, "bytes of two hexadecimal digits are wanted");
		if (bytes)
			bytes[*count] = (char)(high * 16 + low);
		++*count;
		at += 2;
	}
}

/* Goes through the rows: *size is where the furthest ends. */
static bool read_rows(struct reader *reader, char *bytes, bool sized, size_t *size) {
	size_t limit = *size, offset = 0, at = 0, count;
	uint32_t blank;

	*size = 0;
	while (next_part(reader, &blank)) {
		if (!read_offset(reader, &offset, &at) ||
			!read_row(reader, at, bytes ? bytes + offset : NULL, &count))
			return false;
		if (sized && (offset > limit || count > limit - offset))
			return fail(reader, "the bytes go beyond the size that their file has");
		if (offset + count > *size)
			*size = offset + count;
	}
	return true;
}

/* Twice over the rows: the first time to see that they are right and where they end. */
static bool read_bytes(struct reader *reader, const char *name, bool sized, size_t size) {
	struct reader again = *reader;
	size_t end = size;
	char *bytes;
	bool good;

	if (!read_rows(reader, NULL, sized, &end))
		return false;
	if (!sized)
		size = end;
	if (!take(reader, size))
		return false;
	bytes = calloc(1, size + 1);
	if (!bytes)
		return sp_error_memory(reader->error);
	end = size;
	good = read_rows(&again, bytes, sized, &end) &&
		add(reader, SP_RECORD_BYTES, name, bytes, size);
	free(bytes);
	return good;
}

/* A number at the end of a line. */
static bool read_size(struct reader *reader, const char *text, size_t *size) {
	unsigned long long value;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return fail(reader, "the size must be a number");
	value = strtoull(text, &end, text[1] == 'x' ? 16 : 10);
	if (value > SP_FILES_LIMIT || *end)
		return fail(reader, "the size must be a number of at most 16 MiB");
	*size = (size_t)value;
	return true;
}

/* Cuts the text at the mark; what follows it. NULL if it is not there. */
static char *cut(char *text, const char *mark) {
	char *found = strstr(text, mark);

	if (!found)
		return NULL;
	*found = '\0';
	return found + strlen(mark);
}

static bool read_rest(struct reader *reader, enum sp_record_kind kind, char *name) {
	size_t size = 0;
	char *rest;

	switch (kind) {
	case SP_RECORD_TEXT:
	case SP_RECORD_COMMAND:
		return read_text(reader, kind, name);
	case SP_RECORD_BYTES:
		rest = cut(name, SNAPSHOT_SIZE);
		return (!rest || read_size(reader, rest, &size)) &&
			read_bytes(reader, name, rest, size);
	case SP_RECORD_LINK:
		rest = cut(name, SNAPSHOT_TARGET);
		return rest ? add(reader, kind, name, rest, strlen(rest))
			    : fail(reader, "\"link PATH" SNAPSHOT_TARGET "TARGET\" is wanted");
	case SP_RECORD_CALL:
		rest = cut(name, SNAPSHOT_VALUE);
		return rest ? add(reader, kind, name, rest, strlen(rest))
			    : fail(reader, "\"call NAME" SNAPSHOT_VALUE "VALUE\" is wanted");
	case SP_RECORD_DENIED:
		return add(reader, kind, name, "", 0);
	}
	return false;
}

static bool is_plain(const char *text, size_t size) {
	for (size_t i = 0; i < size; i++) {
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return false;
	}
	return true;
}

static bool read_record(struct reader *reader) {
	static const char *const names[] = {
		[SP_RECORD_TEXT] = "file",
		[SP_RECORD_BYTES] = "bytes",
		[SP_RECORD_LINK] = "link",
		[SP_RECORD_COMMAND] = "command",
		[SP_RECORD_CALL] = "call",
		[SP_RECORD_DENIED] = "denied",
	};
	const char *space = memchr(reader->line, ' ', reader->size);
	size_t length = space ? (size_t)(space - reader->line) : reader->size;
	char text[2 * SP_FILES_NAME];

	if (reader->line[0] == '\t')
		return fail(reader, "a line that begins with a tab belongs to no record");
	if (!is_plain(reader->line, reader->size))
		return fail(reader, "a record's line may have no control characters");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t size = reader->size - length - 1;

		if (strlen(names[i]) != length || memcmp(names[i], reader->line, length))
			continue;
		if (length == reader->size || !size || reader->line[length + 1] == ' ')
			return fail(reader, "the record has no name");
		if (size >= sizeof(text))
			return fail(reader, "the line is too long");
		memcpy(text, reader->line + length + 1, size);
		text[size] = '\0';
		return read_rest(reader, (enum sp_record_kind)i, text);
	}
	return fail(reader, "a record begins with file, bytes, link, command, call or denied");
}

/* The first line says what the file is. */
static bool read_first(struct reader *reader) {
	static const char first[] = SNAPSHOT_FIRST SNAPSHOT_VERSION;
	size_t prefix = sizeof(SNAPSHOT_FIRST) - 1;

	reader->crlf = true;
	if (!next_line(reader) || reader->size < prefix ||
		memcmp(reader->line, SNAPSHOT_FIRST, prefix))
		return sp_error_set(reader->error, SP_ERROR_INPUT,
			"line 1: \"%s\" is wanted at the beginning of a snapshot", first);
	reader->crlf = reader->line + reader->size + 1 < reader->next;
	if (reader->size != sizeof(first) - 1 || memcmp(reader->line, first, sizeof(first) - 1))
		return fail(reader,
			"a snapshot of another version; this reads version " SNAPSHOT_VERSION);
	return true;
}

bool sp_files_parse(struct sp_files *files, const char *data, size_t size, struct sp_error *error) {
	struct reader reader = {
		.files = files,
		.error = error,
		.next = data,
		.end = data + size,
		.room = SP_FILES_LIMIT,
	};

	if (size > SP_FILES_LIMIT)
		return sp_error_set(error, SP_ERROR_INPUT, "a snapshot has at most 16 MiB");
	if (!read_first(&reader))
		return false;
	while (next_line(&reader)) {
		if (!reader.size || reader.line[0] == '#')
			continue;
		if (!read_record(&reader))
			return false;
	}
	sp_files_sort(files);
	return files->arena->failed ? sp_error_memory(error) : true;
}
