/* SPDX-License-Identifier: MIT */
#ifndef SP_BASE_BUF_H
#define SP_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sallyport/error.h>

/*
 * Text or bytes that grow. A zeroed struct is an empty buffer. `failed` stays true once memory ran
 * out, and writes are then ignored: write all, ask once.
 */
struct sp_buf {
	char *data; /* NUL-terminated whenever it is not NULL */
	size_t size;
	size_t capacity;
	bool failed;
};

void sp_buf_release(struct sp_buf *buf);
void sp_buf_put(struct sp_buf *buf, const void *bytes, size_t size);
void sp_buf_str(struct sp_buf *buf, const char *text);
void sp_buf_char(struct sp_buf *buf, char c);
void sp_buf_fill(struct sp_buf *buf, char c, size_t count);
void sp_buf_hex(struct sp_buf *buf, uint64_t value); /* lower case, no prefix, no leading zeros */
void sp_buf_dec(struct sp_buf *buf, uint64_t value);
void sp_buf_be32(struct sp_buf *buf, uint32_t value);
void sp_buf_printf(struct sp_buf *buf, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Hands the bytes over, to be freed: *data is not NULL even if there are none. */
bool sp_buf_finish(struct sp_buf *buf, char **data, size_t *size, struct sp_error *error);

#endif
