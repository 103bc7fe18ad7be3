/* SPDX-License-Identifier: MIT */
#include <sallyport/state.h>

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"

/* "SPSTATE" and the version of this form; then chunks: tag, version, 0, size, bytes. */
static const uint8_t magic[8] = {'S', 'P', 'S', 'T', 'A', 'T', 'E', 1};
#define HEAD_SIZE 12u
#define NO_CHUNK SIZE_MAX

struct sp_state_writer {
	struct sp_buf buf;
	size_t chunk; /* where the head of the open one is */
};

struct sp_state_reader {
	const uint8_t *data;
	size_t size;
	size_t at, end; /* in the chunk that was found */
	uint32_t tag;
	bool beyond;
};

static void store(uint8_t *bytes, uint64_t value, size_t size) {
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(value >> 8 * i);
}

struct sp_state_writer *sp_state_writer_create(void) {
	struct sp_state_writer *writer = calloc(1, sizeof(*writer));

	if (!writer)
		return NULL;
	writer->chunk = NO_CHUNK;
	sp_buf_put(&writer->buf, magic, sizeof(magic));
	return writer;
}

void sp_state_writer_destroy(struct sp_state_writer *writer) {
	if (!writer)
		return;
	sp_buf_release(&writer->buf);
	free(writer);
}

void sp_state_writer_clear(struct sp_state_writer *writer) {
	if (writer->buf.failed)
		sp_buf_release(&writer->buf);
	writer->buf.size = 0;
	writer->chunk = NO_CHUNK;
	sp_buf_put(&writer->buf, magic, sizeof(magic));
}

void sp_state_begin(struct sp_state_writer *writer, uint32_t tag, uint16_t version) {
	uint8_t head[HEAD_SIZE] = {0};

	if (writer->chunk != NO_CHUNK)
		writer->buf.failed = true;
	writer->chunk = writer->buf.size;
	store(head, tag, 4);
	store(head + 4, version, 2);
	sp_buf_put(&writer->buf, head, sizeof(head));
}

void sp_state_end(struct sp_state_writer *writer) {
	size_t chunk = writer->chunk, size;

	writer->chunk = NO_CHUNK;
	if (writer->buf.failed || chunk == NO_CHUNK) {
		writer->buf.failed = true;
		return;
	}
	size = writer->buf.size - chunk - HEAD_SIZE;
	if (size > UINT32_MAX)
		writer->buf.failed = true;
	else
		store((uint8_t *)writer->buf.data + chunk + 8, size, 4);
}

void sp_state_put_bytes(struct sp_state_writer *writer, const void *data, size_t size) {
	if (writer->chunk == NO_CHUNK)
		writer->buf.failed = true;
	sp_buf_put(&writer->buf, data, size);
}

static void put(struct sp_state_writer *writer, uint64_t value, size_t size) {
	uint8_t bytes[8];

	store(bytes, value, size);
	sp_state_put_bytes(writer, bytes, size);
}

void sp_state_put_u8(struct sp_state_writer *writer, uint8_t value) {
	put(writer, value, 1);
}

void sp_state_put_u16(struct sp_state_writer *writer, uint16_t value) {
	put(writer, value, 2);
}

void sp_state_put_u32(struct sp_state_writer *writer, uint32_t value) {
	put(writer, value, 4);
}

void sp_state_put_u64(struct sp_state_writer *writer, uint64_t value) {
	put(writer, value, 8);
}

const uint8_t *sp_state_data(
	const struct sp_state_writer *writer, size_t *size, struct sp_error *error) {
	if (writer->buf.failed || writer->chunk != NO_CHUNK) {
		sp_error_memory(error);
		return NULL;
	}
	*size = writer->buf.size;
	return (const uint8_t *)writer->buf.data;
}

/* Whether there is a whole chunk at `at`. */
static bool whole(const struct sp_state_reader *reader, size_t at) {
	size_t left = reader->size - at;

	return left >= HEAD_SIZE && !sp_load_le16(reader->data + at + 6) &&
		sp_load_le32(reader->data + at + 8) <= left - HEAD_SIZE;
}

static size_t next_chunk(const struct sp_state_reader *reader, size_t at) {
	return at + HEAD_SIZE + sp_load_le32(reader->data + at + 8);
}

struct sp_state_reader *sp_state_reader_create(
	const uint8_t *data, size_t size, struct sp_error *error) {
	struct sp_state_reader *reader;

	if (size < sizeof(magic) || memcmp(data, magic, sizeof(magic)) != 0) {
		sp_error_set(error, SP_ERROR_INPUT, "this is no state of a device that is known");
		return NULL;
	}
	reader = calloc(1, sizeof(*reader));
	if (!reader) {
		sp_error_memory(error);
		return NULL;
	}
	reader->data = data;
	reader->size = size;
	for (size_t at = sizeof(magic); at < size; at = next_chunk(reader, at)) {
		if (whole(reader, at))
			continue;
		sp_error_set(error, SP_ERROR_INPUT, "the state is cut or damaged at byte %zu", at);
		free(reader);
		return NULL;
	}
	return reader;
}

void sp_state_reader_destroy(struct sp_state_reader *reader) {
	free(reader);
}

static bool complain(uint32_t tag, const char *what, struct sp_error *error) {
	char name[5] = {0};

	for (int i = 0; i < 4; i++) {
		name[i] = (char)(tag >> 8 * i & 0xff);
		if (name[i] < ' ' || name[i] > '~')
			name[i] = '?';
	}
	return sp_error_set(error, SP_ERROR_INPUT, "the state's part \"%s\" %s", name, what);
}

bool sp_state_find(struct sp_state_reader *reader, uint32_t tag, uint16_t newest, uint16_t *version,
	struct sp_error *error) {
	size_t found = 0;

	reader->tag = tag;
	reader->at = reader->end = 0;
	reader->beyond = false;
	for (size_t at = sizeof(magic); at < reader->size; at = next_chunk(reader, at)) {
		if (sp_load_le32(reader->data + at) != tag)
			continue;
		if (found)
			return complain(tag, "is there twice", error);
		found = at;
	}
	if (!found)
		return complain(tag, "is missing", error);
	*version = sp_load_le16(reader->data + found + 4);
	if (*version > newest)
		return complain(tag, "is of a newer release", error);
	reader->at = found + HEAD_SIZE;
	reader->end = next_chunk(reader, found);
	return true;
}

const uint8_t *sp_state_get_bytes(struct sp_state_reader *reader, size_t size) {
	const uint8_t *bytes = reader->data + reader->at;

	if (reader->beyond || size > reader->end - reader->at) {
		reader->beyond = true;
		return NULL;
	}
	reader->at += size;
	return bytes;
}

uint8_t sp_state_get_u8(struct sp_state_reader *reader) {
	const uint8_t *bytes = sp_state_get_bytes(reader, 1);

	return bytes ? *bytes : 0;
}

uint16_t sp_state_get_u16(struct sp_state_reader *reader) {
	const uint8_t *bytes = sp_state_get_bytes(reader, 2);

	return bytes ? sp_load_le16(bytes) : 0;
}

uint32_t sp_state_get_u32(struct sp_state_reader *reader) {
	const uint8_t *bytes = sp_state_get_bytes(reader, 4);

	return bytes ? sp_load_le32(bytes) : 0;
}

uint64_t sp_state_get_u64(struct sp_state_reader *reader) {
	const uint8_t *bytes = sp_state_get_bytes(reader, 8);

	return bytes ? sp_load_le64(bytes) : 0;
}

bool sp_state_check(struct sp_state_reader *reader, struct sp_error *error) {
	if (reader->beyond)
		return complain(reader->tag, "is too short", error);
	if (reader->at != reader->end)
		return complain(reader->tag, "is too long", error);
	return true;
}
