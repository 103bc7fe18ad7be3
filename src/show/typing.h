/* SPDX-License-Identifier: MIT */
#ifndef SP_SHOW_TYPING_H
#define SP_SHOW_TYPING_H

#include <sallyport/input.h>

/*
 * What several viewers type at one guest. A key is pressed as long as one of them presses it, and
 * those that a viewer presses are released when it leaves.
 */
#define SP_TYPING_KEYS 256u /* all codes of the table are below */
#define SP_TYPING_BUTTONS 4u

struct sp_typing {
	struct sp_input *keys, *pointer; /* NULL: there is none */
	uint8_t held[SP_TYPING_KEYS]; /* by how many */
	uint8_t pressed[SP_TYPING_BUTTONS]; /* by how many */
	uint32_t x, y; /* told last */
	uint64_t passed_on; /* keys */
};

struct sp_typist {
	uint8_t held[SP_TYPING_KEYS / 8];
	uint8_t buttons; /* RFB's mask */
};

void sp_typing_key(struct sp_typing *typing, struct sp_typist *typist, uint16_t code, bool pressed);
/* A pointer at a pixel of a screen of this size, and RFB's mask of buttons. */
void sp_typing_point(struct sp_typing *typing, struct sp_typist *typist, uint8_t buttons,
	uint32_t x, uint32_t y, uint32_t width, uint32_t height);
void sp_typing_leave(struct sp_typing *typing, struct sp_typist *typist);

#endif
