/* SPDX-License-Identifier: MIT */
#include "show/rfb.h"

#include <string.h>

#include "base/bytes.h"

static int32_t size_of_encodings(const uint8_t *bytes, size_t size) {
	uint32_t count;

	if (size < 4)
		return 0;
	count = sp_rfb_u16(bytes + 2);
	return count > SP_RFB_ENCODINGS_MAX ? -1 : (int32_t)(4 + 4 * count);
}

/* A negative length is an extended clipboard's. */
static int32_t size_of_text(const uint8_t *bytes, size_t size, uint32_t *text) {
	uint32_t length;

	if (size < 8)
		return 0;
	length = sp_load_be32(bytes + 4);
	if (length >> 31)
		length = 0 - length;
	if (length > SP_RFB_TEXT_MAX)
		return -1;
	*text = length;
	return 8;
}

static int32_t size_of_desktop(const uint8_t *bytes, size_t size) {
	if (size < 8)
		return 0;
	return bytes[6] > SP_RFB_SCREENS_MAX ? -1 : 8 + 16 * bytes[6];
}

int32_t sp_rfb_size(const uint8_t *bytes, size_t size, uint32_t *text) {
	*text = 0;
	if (!size)
		return 0;
	switch (bytes[0]) {
	case SP_RFB_SET_PIXEL_FORMAT:
		return 20;
	case SP_RFB_SET_ENCODINGS:
		return size_of_encodings(bytes, size);
	case SP_RFB_REQUEST:
		return 10;
	case SP_RFB_KEY:
		return 8;
	case SP_RFB_POINTER:
		return 6;
	case SP_RFB_CUT_TEXT:
		return size_of_text(bytes, size, text);
	case SP_RFB_SET_DESKTOP_SIZE:
		return size_of_desktop(bytes, size);
	case SP_RFB_QEMU:
		if (size < 2)
			return 0;
		return bytes[1] == 0 ? 12 : -1; /* an extended key event */
	}
	return -1;
}

/* Bits of a colour, all of them below the pixel's size; 0: it is none. */
static uint32_t colour_bits(uint32_t max, uint32_t shift, uint32_t size) {
	uint32_t bits = 0;

	while (bits < 16 && max >> bits & 1)
		bits++;
	if (!bits || max != (1u << bits) - 1 || shift + bits > size)
		return 0;
	return ((1u << bits) - 1) << shift;
}

bool sp_rfb_pixel_format(const uint8_t *message) {
	const uint8_t *format = message + 4;
	uint32_t size = format[0], depth = format[1];
	uint32_t red, green, blue;

	if ((size != 8 && size != 16 && size != 32) || depth > size || !format[3])
		return false;
	red = colour_bits(sp_rfb_u16(format + 4), format[10], size);
	green = colour_bits(sp_rfb_u16(format + 6), format[11], size);
	blue = colour_bits(sp_rfb_u16(format + 8), format[12], size);
	return red && green && blue && !(red & green) && !(red & blue) && !(green & blue);
}

/* The others are extensions that are of no use here, or old and large. */
static bool keep(int32_t encoding) {
	switch (encoding) {
	case 0: /* raw */
	case 5: /* Hextile */
	case 6: /* zlib */
	case 7: /* Tight */
	case 16: /* ZRLE */
	case -223: /* DesktopSize */
	case SP_RFB_LAST_RECT:
	case -239: /* Cursor */
	case -308: /* ExtendedDesktopSize */
		return true;
	}
	return (encoding >= -32 && encoding <= -23) || /* quality of JPEG */
		(encoding >= -256 && encoding <= -247); /* degree of compression */
}

size_t sp_rfb_keep_encodings(uint8_t *message) {
	uint32_t count = sp_rfb_u16(message + 2), kept = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (keep((int32_t)sp_load_be32(message + 4 + 4 * i)))
			memmove(message + 4 + 4 * kept++, message + 4 + 4 * i, 4);
	}
	message[2] = (uint8_t)(kept >> 8);
	message[3] = (uint8_t)kept;
	return 4 + 4 * (size_t)kept;
}

bool sp_rfb_has_encoding(const uint8_t *message, int32_t encoding) {
	uint32_t count = sp_rfb_u16(message + 2);

	for (uint32_t i = 0; i < count; i++) {
		if ((int32_t)sp_load_be32(message + 4 + 4 * i) == encoding)
			return true;
	}
	return false;
}
