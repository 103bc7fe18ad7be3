/* SPDX-License-Identifier: MIT */
#include "gpu/edid.h"

#include <string.h>

/*
 * VESA Enhanced EDID 1.4, CTA-861 for the extension, and CVT 1.2 for reduced blanking, which all
 * sizes of a screen without electrons use.
 */
#define BLOCK 128u
#define DETAILED 54u /* offset of the first of four descriptors of 18 bytes */
#define DPI 96u

/* Modes at 60 Hz beside the preferred one: where EDID has a place for them. */
static const struct mode {
	uint16_t width, height;
	uint8_t established; /* 0: none; else bit + 1 of bytes 35 (bits 0 to 7) and 36 (8 to 15) */
	uint8_t vic; /* CTA-861 video code; 0: none */
} modes[] = {
	{640, 480, 6, 1},
	{800, 600, 1, 0},
	{1024, 768, 12, 0},
	{1280, 720, 0, 4},
	{1280, 800, 0, 0},
	{1280, 1024, 0, 0},
	{1440, 900, 0, 0},
	{1600, 900, 0, 0},
	{1600, 1200, 0, 0},
	{1680, 1050, 0, 0},
	{1920, 1080, 0, 16},
	{1920, 1200, 0, 0},
	{2560, 1080, 0, 90},
	{3840, 2160, 0, 97},
};

static void put16(uint8_t *bytes, uint32_t value) {
	bytes[0] = (uint8_t)value;
	bytes[1] = (uint8_t)(value >> 8);
}

/* The two bytes of a standard timing; false if it cannot be one. */
static bool standard(const struct mode *mode, uint8_t *bytes) {
	static const uint8_t aspects[][2] = {{16, 10}, {4, 3}, {5, 4}, {16, 9}};

	for (uint32_t i = 0; i < 4; i++) {
		if (mode->width * aspects[i][1] != mode->height * aspects[i][0])
			continue;
		if (mode->width % 8 || mode->width < 256 || mode->width > 2288)
			return false;
		bytes[0] = (uint8_t)(mode->width / 8 - 31);
		bytes[1] = (uint8_t)(i << 6); /* 60 Hz */
		return true;
	}
	return false;
}

static bool possible(const struct sp_edid *edid, const struct mode *mode) {
	uint64_t pixels = (uint64_t)mode->width * mode->height;

	return (!edid->max_width || mode->width <= edid->max_width) &&
		(!edid->max_height || mode->height <= edid->max_height) &&
		(!edid->max_pixels || pixels <= edid->max_pixels);
}

static void put_modes(const struct sp_edid *edid, uint8_t *bytes) {
	uint8_t *next = bytes + 38, *video = bytes + BLOCK + 4;
	uint32_t codes = 0;

	memset(next, 0x01, 16); /* eight unused standard timings */
	for (uint32_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		const struct mode *mode = &modes[i];

		if (!possible(edid, mode))
			continue;
		if (mode->established)
			bytes[35 + (mode->established - 1) / 8] |=
				(uint8_t)(1u << (mode->established - 1) % 8);
		else if (next < bytes + 54 && standard(mode, next))
			next += 2;
		if (mode->vic)
			video[1 + codes++] = mode->vic;
	}
	if (codes)
		video[0] = (uint8_t)(0x40 | codes);
	/* Where descriptors would begin: after the one data block. */
	bytes[BLOCK + 2] = (uint8_t)(4 + (codes ? 1 + codes : 0));
}

/* Lines of sync, which tell the aspect. */
static uint32_t sync_lines(uint32_t width, uint32_t height) {
	if (width * 3 == height * 4)
		return 4;
	if (width * 9 == height * 16)
		return 5;
	if (width * 10 == height * 16)
		return 6;
	if (width * 4 == height * 5 || width * 9 == height * 15)
		return 7;
	return 10;
}

/* The preferred mode, with CVT's reduced blanking. */
static void put_detailed(const struct sp_edid *edid, uint8_t *d) {
	const uint32_t h_blank = 160, h_front = 48, h_sync = 32, v_front = 3;
	uint32_t width = edid->width, height = edid->height;
	uint32_t v_sync = sync_lines(width, height), rate = 60, v_blank, clock;
	uint32_t mm_width = width * 254 / (DPI * 10), mm_height = height * 254 / (DPI * 10);

	for (;; rate /= 2) {
		/* At least 460 us without picture in each frame. */
		v_blank = height * 460 * rate / (1000000 - 460 * rate) + 1;
		if (v_blank < v_front + v_sync + 6)
			v_blank = v_front + v_sync + 6;
		clock = (uint32_t)((uint64_t)(width + h_blank) * (height + v_blank) * rate / 10000);
		if (clock <= UINT16_MAX)
			break;
	}
	put16(d, clock);
	d[2] = (uint8_t)width;
	d[3] = (uint8_t)h_blank;
	d[4] = (uint8_t)(width >> 8 << 4 | h_blank >> 8);
	d[5] = (uint8_t)height;
	d[6] = (uint8_t)v_blank;
	d[7] = (uint8_t)(height >> 8 << 4 | v_blank >> 8);
	d[8] = (uint8_t)h_front;
	d[9] = (uint8_t)h_sync;
	d[10] = (uint8_t)(v_front << 4 | (v_sync & 15));
	d[12] = (uint8_t)mm_width;
	d[13] = (uint8_t)mm_height;
	d[14] = (uint8_t)((mm_width >> 8 & 15) << 4 | (mm_height >> 8 & 15));
	d[17] = 0x1a; /* digital, separate sync, horizontal positive */
}

/* Frames of 24 to 120 Hz, lines of 15 to 255 kHz, up to 660 MHz. */
static void put_range(uint8_t *d) {
	static const uint8_t range[] = {0, 0, 0, 0xfd, 0, 24, 120, 15, 255, 66, 1, '\n'};

	memset(d, ' ', 18);
	memcpy(d, range, sizeof(range));
}

static void put_name(uint8_t *d, const char *name) {
	size_t length = strlen(name);

	if (length > 13)
		length = 13;
	memset(d, ' ', 18);
	memset(d, 0, 5);
	d[3] = 0xfc;
	memcpy(d + 5, name, length);
	if (length < 13)
		d[5 + length] = '\n';
}

static void put_sum(uint8_t *block) {
	uint32_t sum = 0;

	for (uint32_t i = 0; i < BLOCK - 1; i++)
		sum += block[i];
	block[BLOCK - 1] = (uint8_t)(0x100 - (sum & 0xff));
}

bool sp_edid_make(const struct sp_edid *edid, uint8_t bytes[SP_EDID_SIZE]) {
	static const uint8_t header[] = {0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00};
	/* Chromaticity of sRGB. */
	static const uint8_t colours[] = {
		0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54};
	uint8_t *extension = bytes + BLOCK;

	if (edid->width < 64 || edid->width > 4095 || edid->height < 64 || edid->height > 4095)
		return false;
	memset(bytes, 0, SP_EDID_SIZE);
	memcpy(bytes, header, sizeof(header));
	/* "SPT", the first product. */
	bytes[8] = (uint8_t)(('S' - '@') << 2 | ('P' - '@') >> 3);
	bytes[9] = (uint8_t)(('P' - '@') << 5 | ('T' - '@'));
	put16(bytes + 10, 1);
	put16(bytes + 12, edid->serial);
	put16(bytes + 14, edid->serial >> 16);
	bytes[16] = 0xff; /* a model's year, not a week */
	bytes[17] = 2026 - 1990;
	bytes[18] = 1;
	bytes[19] = 4;
	bytes[20] = 0xa5; /* digital, 8 bits for each colour, DisplayPort */
	bytes[21] = (uint8_t)(edid->width * 254 / (DPI * 100));
	bytes[22] = (uint8_t)(edid->height * 254 / (DPI * 100));
	bytes[23] = 120; /* gamma 2.2 */
	bytes[24] = 0x07; /* RGB alone, sRGB, the first timing is native, any frequency in range */
	memcpy(bytes + 25, colours, sizeof(colours));

	extension[0] = 0x02;
	extension[1] = 0x03;
	put_modes(edid, bytes);
	put_detailed(edid, bytes + DETAILED);
	put_range(bytes + DETAILED + 18);
	put_name(bytes + DETAILED + 36, edid->name ? edid->name : "Sallyport");
	bytes[DETAILED + 54 + 3] = 0x10; /* unused */
	bytes[126] = 1;
	put_sum(bytes);
	put_sum(extension);
	return true;
}
