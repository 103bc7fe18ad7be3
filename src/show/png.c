/* SPDX-License-Identifier: MIT */
#include "show/png.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

/*
 * Lines as differences to the line above, in which runs of the same byte, mostly zeros, become
 * references to the byte before (RFC 1951, section 3.2.6: fixed codes). A desktop is mostly that.
 */
#define RUN_LEAST 3u
#define RUN_MOST 258u
#define ADLER 65521u
#define ADLER_BYTES 5552u /* that can be added before a sum of 32 bits is full */

struct deflate {
	struct sp_buf *out;
	uint64_t bits;
	uint32_t bit_count;
	uint32_t run; /* how often `last` came again */
	int last; /* the byte before; -1: there is none */
	uint32_t a, b; /* Adler-32 */
	uint8_t bytes[4096];
	uint32_t byte_count;
};

static void flush(struct deflate *d) {
	sp_buf_put(d->out, d->bytes, d->byte_count);
	d->byte_count = 0;
}

/* The lowest bit first. */
static void put_bits(struct deflate *d, uint32_t value, uint32_t count) {
	d->bits |= (uint64_t)value << d->bit_count;
	d->bit_count += count;
	while (d->bit_count >= 8) {
		if (d->byte_count == sizeof(d->bytes))
			flush(d);
		d->bytes[d->byte_count++] = (uint8_t)d->bits;
		d->bits >>= 8;
		d->bit_count -= 8;
	}
}

/* A code, whose highest bit comes first. */
static void put_code(struct deflate *d, uint32_t code, uint32_t count) {
	uint32_t turned = 0;

	for (uint32_t i = 0; i < count; i++)
		turned |= (code >> i & 1) << (count - 1 - i);
	put_bits(d, turned, count);
}

static void put_symbol(struct deflate *d, uint32_t symbol) {
	if (symbol < 144)
		put_code(d, 0x30 + symbol, 8);
	else if (symbol < 256)
		put_code(d, 0x190 + symbol - 144, 9);
	else if (symbol < 280)
		put_code(d, symbol - 256, 7);
	else
		put_code(d, 0xc0 + symbol - 280, 8);
}

static void put_run(struct deflate *d, uint32_t length) {
	uint32_t extra = 0, from = length - RUN_LEAST;

	if (length == RUN_MOST) {
		put_symbol(d, 285);
	} else {
		/* From 11 on each four codes have one more bit. */
		while (from >> extra >= 8)
			extra++;
		put_symbol(d, 257 + 4 * extra + (from >> extra));
		put_bits(d, from & ((1u << extra) - 1), extra);
	}
	put_code(d, 0, 5); /* the byte before */
}

static void end_run(struct deflate *d) {
	if (d->run >= RUN_LEAST)
		put_run(d, d->run);
	else
		for (uint32_t i = 0; i < d->run; i++)
			put_symbol(d, (uint32_t)d->last);
	d->run = 0;
}

static void put_byte(struct deflate *d, uint8_t byte) {
	if (byte == d->last) {
		if (++d->run == RUN_MOST)
			end_run(d);
		return;
	}
	end_run(d);
	put_symbol(d, byte);
	d->last = byte;
}

static void add_sums(struct deflate *d, const uint8_t *bytes, size_t size) {
	while (size) {
		size_t some = size < ADLER_BYTES ? size : ADLER_BYTES;

		for (size_t i = 0; i < some; i++) {
			d->a += bytes[i];
			d->b += d->a;
		}
		d->a %= ADLER;
		d->b %= ADLER;
		bytes += some;
		size -= some;
	}
}

static void read_line(const struct sp_picture *picture, const uint8_t *from, uint8_t *rgb) {
	uint32_t pixel = sp_picture_pixel(picture->format);

	for (uint32_t x = 0; x < picture->width; x++, from += pixel, rgb += 3) {
		uint32_t value;

		switch (picture->format) {
		case SP_FORMAT_RGB565:
			value = sp_load_le16(from);
			rgb[0] = (uint8_t)((value >> 11) * 255 / 31);
			rgb[1] = (uint8_t)((value >> 5 & 63) * 255 / 63);
			rgb[2] = (uint8_t)((value & 31) * 255 / 31);
			break;
		case SP_FORMAT_BGRX8888:
			memcpy(rgb, from + 1, 3);
			break;
		default:
			rgb[0] = from[2];
			rgb[1] = from[1];
			rgb[2] = from[0];
		}
	}
}

static uint32_t crc32(const uint8_t *bytes, size_t size) {
	uint32_t table[256], crc = UINT32_MAX;

	for (uint32_t i = 0; i < 256; i++) {
		table[i] = i;
		for (int bit = 0; bit < 8; bit++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320u : 0);
	}
	for (size_t i = 0; i < size; i++)
		crc = table[(crc ^ bytes[i]) & 0xff] ^ crc >> 8;
	return ~crc;
}

/* A chunk's head; where it begins. */
static size_t begin_chunk(struct sp_buf *out, const char *name) {
	size_t at = out->size;

	sp_buf_be32(out, 0);
	sp_buf_put(out, name, 4);
	return at;
}

static void end_chunk(struct sp_buf *out, size_t at) {
	uint8_t *chunk = (uint8_t *)out->data + at;

	if (out->failed)
		return;
	sp_store_be32(chunk, (uint32_t)(out->size - at - 8));
	sp_buf_be32(out, crc32(chunk + 4, out->size - at - 4));
}

static void put_lines(const struct sp_picture *picture, const uint8_t *memory, uint8_t *lines,
	struct deflate *d) {
	size_t size = (size_t)picture->width * 3;
	uint8_t *now = lines, *above = lines + size, *filtered = above + size, *other;

	/* `above` is black at first. */
	for (uint32_t y = 0; y < picture->height && !d->out->failed; y++) {
		read_line(picture, memory + (size_t)y * picture->stride, now);
		filtered[0] = 2; /* "Up" */
		for (size_t i = 0; i < size; i++)
			filtered[1 + i] = (uint8_t)(now[i] - above[i]);
		add_sums(d, filtered, size + 1);
		for (size_t i = 0; i < size + 1; i++)
			put_byte(d, filtered[i]);
		other = now;
		now = above;
		above = other;
	}
}

bool sp_png_write(const struct sp_picture *picture, const uint8_t *memory, struct sp_buf *out) {
	static const uint8_t magic[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
	static const uint8_t rest[] = {8, 2, 0, 0, 0}; /* 8 bits, RGB, nothing interlaced */
	struct deflate d = {.out = out, .last = -1, .a = 1};
	uint8_t *lines;
	size_t chunk;

	if (!sp_picture_fits(picture, NULL))
		return false;
	lines = calloc((size_t)picture->width * 9 + 1, 1);
	if (!lines) {
		out->failed = true;
		return false;
	}
	sp_buf_put(out, magic, sizeof(magic));
	chunk = begin_chunk(out, "IHDR");
	sp_buf_be32(out, picture->width);
	sp_buf_be32(out, picture->height);
	sp_buf_put(out, rest, sizeof(rest));
	end_chunk(out, chunk);

	chunk = begin_chunk(out, "IDAT");
	sp_buf_put(out, "\x78\x01", 2);
	put_bits(&d, 3, 3); /* the last block, fixed codes */
	put_lines(picture, memory, lines, &d);
	end_run(&d);
	put_symbol(&d, 256);
	put_bits(&d, 0, 7); /* to the end of a byte */
	flush(&d);
	sp_buf_be32(out, d.b << 16 | d.a);
	end_chunk(out, chunk);
	end_chunk(out, begin_chunk(out, "IEND"));
	free(lines);
	return !out->failed;
}
