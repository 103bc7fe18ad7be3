/* SPDX-License-Identifier: MIT */
#ifndef SP_SHOW_RFB_H
#define SP_SHOW_RFB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What viewers send (RFC 6143, section 7.5, and the extensions of the RFB community's list), as far
 * as it is taken. Anything else ends the viewer, as its length is not known.
 */
#define SP_RFB_ENCODINGS_MAX 256u /* that a viewer may name */
#define SP_RFB_SCREENS_MAX 16u /* that a viewer may wish for */
#define SP_RFB_TEXT_MAX (1u << 20) /* bytes of a clipboard, which nobody reads */
#define SP_RFB_MESSAGE_MAX (4 + 4 * SP_RFB_ENCODINGS_MAX) /* bytes without such a text */

enum sp_rfb_message {
	SP_RFB_SET_PIXEL_FORMAT = 0,
	SP_RFB_SET_ENCODINGS = 2,
	SP_RFB_REQUEST = 3,
	SP_RFB_KEY = 4,
	SP_RFB_POINTER = 5,
	SP_RFB_CUT_TEXT = 6,
	SP_RFB_SET_DESKTOP_SIZE = 251,
	SP_RFB_QEMU = 255,
};

#define SP_RFB_LAST_RECT (-224)
#define SP_RFB_EXTENDED_KEYS (-258)

/*
 * Bytes of the message that begins here, but of a text only what comes before it, whose length is
 * *text; 0: it takes more bytes to know; -1: it is none that is taken.
 */
int32_t sp_rfb_size(const uint8_t *bytes, size_t size, uint32_t *text);

/* Whether a SetPixelFormat is one of true colours, in which none lies over another. */
bool sp_rfb_pixel_format(const uint8_t *message);
/* Leaves those encodings in a SetEncodings that the encoder is asked for; the size that is left. */
size_t sp_rfb_keep_encodings(uint8_t *message);
bool sp_rfb_has_encoding(const uint8_t *message, int32_t encoding);

static inline uint16_t sp_rfb_u16(const uint8_t *bytes) {
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

#endif
