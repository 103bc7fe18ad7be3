/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "show/png.h"

/* A reader of what is written, after RFC 1951: one block with fixed codes. */
struct inflate {
	const uint8_t *data;
	size_t size, bit;
};

static uint32_t bits(struct inflate *in, uint32_t count) {
	uint32_t value = 0;

	for (uint32_t i = 0; i < count; i++, in->bit++) {
		assert_true(in->bit / 8 < in->size);
		value |= (uint32_t)(in->data[in->bit / 8] >> in->bit % 8 & 1) << i;
	}
	return value;
}

static uint32_t code(struct inflate *in, uint32_t before, uint32_t count) {
	for (uint32_t i = 0; i < count; i++)
		before = before << 1 | bits(in, 1);
	return before;
}

static uint32_t symbol(struct inflate *in) {
	uint32_t value = code(in, 0, 7);

	if (value <= 0x17)
		return 256 + value;
	value = code(in, value, 1);
	if (value >= 0x30 && value <= 0xbf)
		return value - 0x30;
	if (value >= 0xc0 && value <= 0xc7)
		return 280 + value - 0xc0;
	value = code(in, value, 1);
	assert_in_range(value, 0x190, 0x1ff);
	return 144 + value - 0x190;
}

static size_t inflate(const uint8_t *data, size_t size, uint8_t *out, size_t room) {
	static const uint16_t bases[] = {3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31,
		35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
	static const uint8_t extras[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3,
		4, 4, 4, 4, 5, 5, 5, 5, 0};
	struct inflate in = {data, size, 0};
	size_t at = 0;

	assert_int_equal(bits(&in, 3), 3);
	for (;;) {
		uint32_t value = symbol(&in), length;

		if (value == 256)
			break;
		if (value < 256) {
			assert_true(at < room);
			out[at++] = (uint8_t)value;
			continue;
		}
		assert_true(value <= 285);
		length = bases[value - 257] + bits(&in, extras[value - 257]);
		assert_int_equal(code(&in, 0, 5), 0);
		assert_true(at && length <= room - at);
		for (; length; length--, at++)
			out[at] = out[at - 1];
	}
	assert_int_equal((in.bit + 7) / 8, size);
	return at;
}

static uint32_t crc(const uint8_t *bytes, size_t size) {
	uint32_t sum = UINT32_MAX;

	for (size_t i = 0; i < size; i++) {
		sum ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			sum = sum >> 1 ^ (sum & 1 ? 0xedb88320u : 0);
	}
	return ~sum;
}

static uint32_t adler(const uint8_t *bytes, size_t size) {
	uint32_t a = 1, b = 0;

	for (size_t i = 0; i < size; i++) {
		a = (a + bytes[i]) % 65521;
		b = (b + a) % 65521;
	}
	return b << 16 | a;
}

/* The next chunk, whose checksum and name are right. */
static const uint8_t *chunk(
	const uint8_t **at, const uint8_t *end, const char *name, size_t *size) {
	const uint8_t *data = *at + 8;

	assert_true(end - *at >= 12);
	*size = sp_load_be32(*at);
	assert_true(*size <= (size_t)(end - *at) - 12);
	assert_memory_equal(*at + 4, name, 4);
	assert_int_equal(sp_load_be32(data + *size), crc(*at + 4, *size + 4));
	*at = data + *size + 4;
	return data;
}

/* The pixels of a PNG, three bytes each; the caller's. */
static uint8_t *decode(const struct sp_buf *buf, uint32_t width, uint32_t height) {
	const uint8_t *at = (const uint8_t *)buf->data, *end = at + buf->size, *data;
	size_t size, line = width * 3u, raw_size = (line + 1) * height;
	uint8_t *raw = malloc(raw_size), *rgb = malloc(line * height);

	assert_true(raw && rgb);
	assert_memory_equal(at, "\x89PNG\r\n\x1a\n", 8);
	at += 8;
	data = chunk(&at, end, "IHDR", &size);
	assert_int_equal(size, 13);
	assert_int_equal(sp_load_be32(data), width);
	assert_int_equal(sp_load_be32(data + 4), height);
	assert_memory_equal(data + 8, "\x08\x02\0\0\0", 5);
	data = chunk(&at, end, "IDAT", &size);
	assert_true(size > 6);
	assert_int_equal((data[0] << 8 | data[1]) % 31, 0);
	assert_int_equal(inflate(data + 2, size - 6, raw, raw_size), raw_size);
	assert_int_equal(sp_load_be32(data + size - 4), adler(raw, raw_size));
	chunk(&at, end, "IEND", &size);
	assert_int_equal(size, 0);
	assert_ptr_equal(at, end);
	for (uint32_t y = 0; y < height; y++) {
		assert_int_equal(raw[y * (line + 1)], 2);
		for (size_t i = 0; i < line; i++)
			rgb[y * line + i] = (uint8_t)(raw[y * (line + 1) + 1 + i] +
				(y ? rgb[(y - 1) * line + i] : 0));
	}
	free(raw);
	return rgb;
}

/* Noise, flat areas of many lengths, or both. */
static uint8_t pattern(int kind, size_t i) {
	switch (kind) {
	case 0:
		return 0;
	case 1:
		return (uint8_t)((i * 2654435761u) >> 13);
	case 2:
		return (uint8_t)(i * i / 9000);
	default:
		return i % 1100 < 400 ? (uint8_t)((i * 2654435761u) >> 13) : 0x90;
	}
}

static void test_round(void **state) {
	static const uint32_t widths[] = {1, 2, 85, 86, 87, 640};
	static const uint32_t formats[] = {
		SP_FORMAT_XRGB8888, SP_FORMAT_BGRX8888, SP_FORMAT_RGB565};

	(void)state;
	for (int kind = 0; kind < 4; kind++)
		for (size_t w = 0; w < 6; w++)
			for (size_t f = 0; f < 3; f++) {
				uint32_t pixel = sp_picture_pixel(formats[f]);
				struct sp_picture picture = {.file = 0,
					.width = widths[w],
					.height = 7,
					.stride = widths[w] * pixel + 12,
					.format = formats[f]};
				size_t size = picture.stride * 6 + widths[w] * pixel;
				uint8_t *memory = malloc(size), *rgb;
				struct sp_buf buf = {0};

				assert_non_null(memory);
				picture.file_size = size;
				for (size_t i = 0; i < size; i++)
					memory[i] = pattern(kind, i);
				assert_true(sp_png_write(&picture, memory, &buf));
				rgb = decode(&buf, picture.width, 7);
				for (uint32_t i = 0; i < picture.width * 7; i++) {
					const uint8_t *from = memory +
						i / picture.width * picture.stride +
						i % picture.width * pixel;
					uint32_t v = sp_load_le16(from);
					uint8_t want[3];

					if (f == 0) {
						want[0] = from[2];
						want[1] = from[1];
						want[2] = from[0];
					} else if (f == 1) {
						memcpy(want, from + 1, 3);
					} else {
						want[0] = (uint8_t)((v >> 11) * 255 / 31);
						want[1] = (uint8_t)((v >> 5 & 63) * 255 / 63);
						want[2] = (uint8_t)((v & 31) * 255 / 31);
					}
					assert_memory_equal(rgb + i * 3, want, 3);
				}
				free(rgb);
				free(memory);
				sp_buf_release(&buf);
			}
}

/* A desktop of one colour is small. */
static void test_size(void **state) {
	struct sp_picture picture = {.file = 0,
		.file_size = 1920 * 1080 * 4,
		.width = 1920,
		.height = 1080,
		.stride = 1920 * 4,
		.format = SP_FORMAT_XRGB8888};
	uint8_t *memory = calloc(1, picture.file_size);
	struct sp_buf buf = {0};

	(void)state;
	assert_non_null(memory);
	memset(memory, 0x35, picture.file_size);
	assert_true(sp_png_write(&picture, memory, &buf));
	assert_true(buf.size < 50000);
	sp_buf_release(&buf);
	picture.width = 1921;
	assert_false(sp_png_write(&picture, memory, &buf));
	assert_int_equal(buf.size, 0);
	picture.width = 0;
	assert_false(sp_png_write(&picture, memory, &buf));
	free(memory);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round),
		cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
