/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <png.h>

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "show/png.h"

/* The pixels of a PNG, three bytes each; the caller's. */
static uint8_t *decode(const struct sp_buf *buf, uint32_t width, uint32_t height) {
	png_image image = {.version = PNG_IMAGE_VERSION};
	uint8_t *rgb;

	assert_true(png_image_begin_read_from_memory(&image, buf->data, buf->size));
	assert_int_equal(image.width, width);
	assert_int_equal(image.height, height);
	assert_int_equal(image.format, PNG_FORMAT_RGB);
	rgb = malloc(PNG_IMAGE_SIZE(image));
	assert_non_null(rgb);
	assert_true(png_image_finish_read(&image, NULL, rgb, 0, NULL));
	assert_int_equal(image.warning_or_error, 0);
	/* Nothing comes behind it. */
	assert_memory_equal(buf->data + buf->size - 8, "IEND\xae\x42\x60\x82", 8);
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
