/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 1024

void sp_buf_release(struct sp_buf *buf) {
	free(buf->data);
	*buf = (struct sp_buf){0};
}

/* Room for `size` more bytes and the NUL; NULL if there is none. */
static char *reserve(struct sp_buf *buf, size_t size) {
	size_t needed, capacity;
	char *data;

	if (buf->failed)
		return NULL;
	if (buf->data && size < buf->capacity - buf->size)
		return buf->data + buf->size;
	if (size > SIZE_MAX / 2 - 1 - buf->size) {
		buf->failed = true;
		return NULL;
	}
	needed = buf->size + size + 1;
	capacity = buf->capacity ? buf->capacity : FIRST_CAPACITY;
	while (capacity < needed)
		capacity *= 2;
	data = realloc(buf->data, capacity);
	if (!data) {
		buf->failed = true;
		return NULL;
	}
	buf->data = data;
	buf->capacity = capacity;
	return data + buf->size;
}

static void advance(struct sp_buf *buf, size_t size) {
	buf->size += size;
	buf->data[buf->size] = '\0';
}

void sp_buf_put(struct sp_buf *buf, const void *bytes, size_t size) {
	char *to = reserve(buf, size);

	if (!to)
		return;
	if (size)
		memcpy(to, bytes, size);
	advance(buf, size);
}

void sp_buf_str(struct sp_buf *buf, const char *text) {
	sp_buf_put(buf, text, strlen(text));
}

void sp_buf_char(struct sp_buf *buf, char c) {
	char *to = reserve(buf, 1);

	if (!to)
		return;
	*to = c;
	advance(buf, 1);
}

void sp_buf_fill(struct sp_buf *buf, char c, size_t count) {
	char *to = reserve(buf, count);

	if (!to)
		return;
	memset(to, c, count);
	advance(buf, count);
}

void sp_buf_hex(struct sp_buf *buf, uint64_t value) {
	char text[16];
	size_t at = sizeof(text);

	do {
		text[--at] = "0123456789abcdef"[value & 15];
		value >>= 4;
	} while (value);
	sp_buf_put(buf, text + at, sizeof(text) - at);
}

void sp_buf_dec(struct sp_buf *buf, uint64_t value) {
	char text[20];
	size_t at = sizeof(text);

	do {
		text[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	sp_buf_put(buf, text + at, sizeof(text) - at);
}

void sp_buf_be32(struct sp_buf *buf, uint32_t value) {
	uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
		(uint8_t)value};

	sp_buf_put(buf, bytes, sizeof(bytes));
}

void sp_buf_printf(struct sp_buf *buf, const char *format, ...) {
	va_list args, again;
	char *to;
	int length;

	va_start(args, format);
	va_copy(again, args);
	length = vsnprintf(NULL, 0, format, args);
	if (length < 0) {
		buf->failed = true;
	} else {
		to = reserve(buf, (size_t)length);
		if (to) {
			vsnprintf(to, (size_t)length + 1, format, again);
			advance(buf, (size_t)length);
		}
	}
	va_end(again);
	va_end(args);
}

bool sp_buf_finish(struct sp_buf *buf, char **data, size_t *size, struct sp_error *error) {
	sp_buf_str(buf, "");
	if (buf->failed) {
		sp_buf_release(buf);
		return sp_error_memory(error);
	}
	*data = buf->data;
	*size = buf->size;
	return true;
}
