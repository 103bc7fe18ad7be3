/* SPDX-License-Identifier: MIT */
#include "show/png.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static void put(png_structp png, png_bytep data, size_t size) {
	sp_buf_put(png_get_io_ptr(png), data, size);
}

static void flush(png_structp png) {
	(void)png;
}

static void fail(png_structp png, png_const_charp message) {
	(void)message;
	png_longjmp(png, 1);
}

static void ignore(png_structp png, png_const_charp message) {
	(void)png;
	(void)message;
}

/* Each pixel is read once. */
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

/* libpng comes back here from any of its calls that fails, so that nothing else is freed in it. */
static bool write_lines(png_structp png, png_infop info, const struct sp_picture *picture,
	const uint8_t *memory, uint8_t *line) {
	if (setjmp(png_jmpbuf(png)))
		return false;
	png_set_IHDR(png, info, picture->width, picture->height, 8, PNG_COLOR_TYPE_RGB,
		PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	/* A desktop repeats the line above; more effort gains little. */
	png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_FILTER_UP);
	png_set_compression_level(png, 3);
	png_write_info(png, info);
	for (uint32_t y = 0; y < picture->height; y++) {
		read_line(picture, memory + (size_t)y * picture->stride, line);
		png_write_row(png, line);
	}
	png_write_end(png, info);
	return true;
}

bool sp_png_write(const struct sp_picture *picture, const uint8_t *memory, struct sp_buf *out) {
	png_structp png;
	png_infop info;
	uint8_t *line;
	bool written;

	if (!sp_picture_fits(picture, NULL))
		return false;
	png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, fail, ignore);
	info = png ? png_create_info_struct(png) : NULL;
	line = malloc((size_t)picture->width * 3);
	written = info && line;
	if (written) {
		png_set_write_fn(png, out, put, flush);
		written = write_lines(png, info, picture, memory, line);
	}
	/* All that can fail is memory. */
	out->failed |= !written;
	png_destroy_write_struct(&png, &info);
	free(line);
	return !out->failed;
}
