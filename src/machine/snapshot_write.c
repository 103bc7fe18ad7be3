/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "machine/files.h"
#include "machine/snapshot.h"

#define ROW 16u /* bytes on a line */

static const char *const KINDS[] = {
	[SP_RECORD_TEXT] = "file ",
	[SP_RECORD_BYTES] = "bytes ",
	[SP_RECORD_LINK] = "link ",
	[SP_RECORD_COMMAND] = "command ",
	[SP_RECORD_CALL] = "call ",
	[SP_RECORD_DENIED] = "denied ",
};

/* A text of no bytes has no line; any other has one more than it has newlines. */
static void put_text(struct sp_buf *out, const char *text, size_t size) {
	while (size) {
		const char *end = memchr(text, '\n', size);
		size_t length = end ? (size_t)(end - text) : size;

		sp_buf_char(out, '\t');
		sp_buf_put(out, text, length);
		sp_buf_char(out, '\n');
		if (!end)
			return;
		text += length + 1;
		size -= length + 1;
		if (!size)
			sp_buf_str(out, "\t\n");
	}
}

static bool is_zero(const unsigned char *bytes, size_t size) {
	for (size_t i = 0; i < size; i++) {
		if (bytes[i])
			return false;
	}
	return true;
}

static void put_byte(struct sp_buf *out, unsigned char byte) {
	sp_buf_char(out, "0123456789abcdef"[byte >> 4]);
	sp_buf_char(out, "0123456789abcdef"[byte & 15]);
}

/* Rows of zeros are left out. */
static void put_bytes(struct sp_buf *out, const unsigned char *bytes, size_t size) {
	for (size_t at = 0; at < size; at += ROW) {
		size_t length = size - at < ROW ? size - at : ROW;

		if (is_zero(bytes + at, length))
			continue;
		sp_buf_char(out, '\t');
		for (size_t digit = 0x1000; digit > 1 && digit > at; digit /= 16)
			sp_buf_char(out, '0');
		sp_buf_hex(out, at);
		sp_buf_char(out, ':');
		for (size_t i = 0; i < length; i++) {
			sp_buf_char(out, ' ');
			put_byte(out, bytes[at + i]);
		}
		sp_buf_char(out, '\n');
	}
}

static void put_line(struct sp_buf *out, const char *mark, const char *text, size_t size) {
	sp_buf_str(out, mark);
	sp_buf_put(out, text, size);
	sp_buf_char(out, '\n');
}

static void put_record(struct sp_buf *out, const struct sp_record *record) {
	sp_buf_str(out, KINDS[record->kind]);
	sp_buf_str(out, record->name);
	switch (record->kind) {
	case SP_RECORD_TEXT:
	case SP_RECORD_COMMAND:
		sp_buf_char(out, '\n');
		put_text(out, record->data, record->size);
		break;
	case SP_RECORD_BYTES:
		sp_buf_str(out, SNAPSHOT_SIZE);
		sp_buf_dec(out, record->size);
		sp_buf_char(out, '\n');
		put_bytes(out, (const unsigned char *)record->data, record->size);
		break;
	case SP_RECORD_LINK:
		put_line(out, SNAPSHOT_TARGET, record->data, record->size);
		break;
	case SP_RECORD_CALL:
		put_line(out, SNAPSHOT_VALUE, record->data, record->size);
		break;
	case SP_RECORD_DENIED:
		sp_buf_char(out, '\n');
		break;
	}
}

void sp_files_write(const struct sp_files *files, struct sp_buf *out) {
	sp_buf_str(out, SNAPSHOT_FIRST SNAPSHOT_VERSION "\n");
	for (uint32_t i = 0; i < files->records.count; i++)
		put_record(out, &files->records.data[i]);
}
