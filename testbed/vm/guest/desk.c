/* SPDX-License-Identifier: MIT */
#include "screen.h"

#include <fcntl.h>
#include <linux/kd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The console's own letters: 32 bytes each, of which the first GLYPH_HEIGHT are lines. */
#define GLYPHS 512u
#define GLYPH_SPACE 32u

struct font {
	uint8_t bits[GLYPHS * GLYPH_SPACE];
	uint32_t width, height; /* 0: there is none */
};

static void take_font(struct font *font) {
	struct console_font_op op = {
		.op = KD_FONT_OP_GET,
		.width = 8,
		.height = GLYPH_SPACE,
		.charcount = GLYPHS,
		.data = font->bits,
	};
	int console = open("/dev/tty1", O_RDONLY | O_CLOEXEC);

	if (console >= 0 && ioctl(console, KDFONTOP, &op) == 0 && op.width == 8) {
		font->width = 8;
		font->height = op.height;
	}
	if (console >= 0)
		close(console);
}

static void fill(struct screen *screen, uint32_t x, uint32_t y, uint32_t width, uint32_t height,
	uint32_t colour) {
	for (uint32_t j = y; j < y + height && j < screen->height; j++)
		for (uint32_t i = x; i < x + width && i < screen->width; i++)
			screen_line(screen, j)[i] = colour;
}

static uint32_t mix(uint32_t a, uint32_t b, uint32_t part, uint32_t whole) {
	uint32_t colour = 0;

	for (unsigned shift = 0; shift < 24; shift += 8) {
		uint32_t from = a >> shift & 0xff, to = b >> shift & 0xff;

		colour |= ((from * (whole - part) + to * part) / whole) << shift;
	}
	return colour;
}

static void darken(struct screen *screen, uint32_t x, uint32_t y, uint32_t width, uint32_t height) {
	for (uint32_t j = y; j < y + height && j < screen->height; j++)
		for (uint32_t i = x; i < x + width && i < screen->width; i++)
			screen_line(screen, j)[i] = mix(screen_line(screen, j)[i], 0, 2, 5);
}

static void letters(struct screen *screen, const struct font *font, uint32_t x, uint32_t y,
	uint32_t scale, uint32_t colour, const char *text, size_t length) {
	for (size_t n = 0; n < length; n++) {
		const uint8_t *glyph = font->bits + (uint8_t)text[n] * GLYPH_SPACE;

		for (uint32_t j = 0; j < font->height; j++)
			for (uint32_t i = 0; i < font->width; i++)
				if (glyph[j] & 0x80 >> i)
					fill(screen, x + i * scale, y + j * scale, scale, scale,
						colour);
		x += font->width * scale;
	}
}

static void window(struct screen *screen, const struct font *font, uint32_t x, uint32_t y,
	uint32_t width, uint32_t height, const char *title) {
	uint32_t bar = font->height + 12;

	darken(screen, x + 10, y + 12, width, height);
	fill(screen, x, y, width, height, 0xf3f5f8);
	for (uint32_t j = 0; j < bar; j++)
		fill(screen, x, y + j, width, 1, mix(0x3a6ea8, 0x234a78, j, bar));
	for (uint32_t i = 0; i < 3; i++)
		fill(screen, x + width - 22 * (i + 1), y + bar / 2 - 6, 12, 12,
			(const uint32_t[]){0xe06c5c, 0xe8c05a, 0x7fb86a}[i]);
	letters(screen, font, x + 10, y + 6, 1, 0xffffff, title, strlen(title));
}

static void bars(struct screen *screen, uint32_t x, uint32_t y, uint32_t width, uint32_t height) {
	static const uint32_t colours[] = {
		0xffffff, 0xffff00, 0x00ffff, 0x00ff00, 0xff00ff, 0xff0000, 0x0000ff, 0x101010};
	uint32_t one = width / 8;

	for (uint32_t i = 0; i < 8; i++)
		fill(screen, x + i * one, y, one, height * 2 / 3, colours[i]);
	for (uint32_t i = 0; i < 8 * one; i++)
		fill(screen, x + i, y + height * 2 / 3, 1, height - height * 2 / 3,
			mix(0, 0xffffff, i, 8 * one));
}

void desk_draw(struct screen *screen, const char *text) {
	static struct font font;
	uint32_t width = screen->width, height = screen->height, y;

	take_font(&font);
	for (uint32_t j = 0; j < height; j++)
		for (uint32_t i = 0; i < width; i++)
			screen_line(screen, j)[i] = mix(mix(0x16324f, 0x4b86b4, j, height),
				0xadcbe3, i * j / width, 2 * height);
	for (uint32_t hill = 0; hill < 3; hill++)
		for (uint32_t i = 0; i < width; i++) {
			uint32_t wide = width / (2 + hill), at = (i + hill * wide / 3) % wide;
			uint32_t bow = 4 * at * (wide - at) / wide * (height / 10) / wide;
			uint32_t top = height * 7 / 10 + hill * height / 12 - bow;

			fill(screen, i, top, 1, height - top,
				(const uint32_t[]){0x2f5d62, 0x24484c, 0x1a3336}[hill]);
		}
	window(screen, &font, width / 14, height / 10, width * 11 / 20, height / 2,
		"A guest's screen");
	y = height / 10 + font.height + 12 + 24;
	for (bool first = true; *text; first = false) {
		size_t length = strcspn(text, "|");
		uint32_t scale = first ? 3 : 1;

		letters(screen, &font, width / 14 + 28, y, scale, first ? 0x234a78 : 0x222b36, text,
			length);
		y += font.height * scale + (first ? 18 : 6);
		text += length + (text[length] == '|');
	}
	window(screen, &font, width * 11 / 20, height * 9 / 20, width * 2 / 5, height * 2 / 5,
		"Colours");
	bars(screen, width * 11 / 20 + 24, height * 9 / 20 + font.height + 36, width * 2 / 5 - 48,
		height * 2 / 5 - font.height - 60);
	darken(screen, 0, height - font.height - 20, width, font.height + 20);
	letters(screen, &font, 16, height - font.height - 10, 1, 0xffffff, "Sallyport", 9);
}
