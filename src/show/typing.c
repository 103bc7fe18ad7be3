/* SPDX-License-Identifier: MIT */
#include "show/typing.h"

#include <linux/input-event-codes.h>

static void pass_key(struct sp_typing *typing, uint16_t code, bool pressed) {
	typing->keys->key(typing->keys, code, pressed);
	typing->keys->frame(typing->keys);
	typing->passed_on++;
}

void sp_typing_key(
	struct sp_typing *typing, struct sp_typist *typist, uint16_t code, bool pressed) {
	uint8_t bit = (uint8_t)(1u << code % 8);

	/* A key that repeats is pressed once; guests repeat by themselves. */
	if (!typing->keys || code >= SP_TYPING_KEYS || !!(typist->held[code / 8] & bit) == pressed)
		return;
	typist->held[code / 8] ^= bit;
	if (pressed ? !typing->held[code]++ : !--typing->held[code])
		pass_key(typing, code, pressed);
}

/* RFB's buttons: left, middle, right, four directions of wheels, back. */
static const struct {
	uint8_t bit;
	uint16_t code;
} BUTTONS[SP_TYPING_BUTTONS] = {
	{0, BTN_LEFT},
	{1, BTN_MIDDLE},
	{2, BTN_RIGHT},
	{7, BTN_SIDE},
};

static bool press(struct sp_typing *typing, struct sp_typist *typist, uint8_t buttons) {
	uint8_t turned = typist->buttons ^ buttons;
	bool any = false;

	typist->buttons = buttons;
	for (uint32_t i = 0; i < SP_TYPING_BUTTONS; i++) {
		bool pressed = buttons >> BUTTONS[i].bit & 1;

		if (!(turned >> BUTTONS[i].bit & 1))
			continue;
		if (pressed ? !typing->pressed[i]++ : !--typing->pressed[i]) {
			typing->pointer->button(typing->pointer, BUTTONS[i].code, pressed);
			any = true;
		}
	}
	return any;
}

static bool turn(struct sp_typing *typing, uint8_t begun) {
	int32_t vertical = (begun >> 3 & 1) - (begun >> 4 & 1);
	int32_t horizontal = (begun >> 6 & 1) - (begun >> 5 & 1);

	if (vertical || horizontal)
		typing->pointer->wheel(typing->pointer, vertical, horizontal);
	return vertical || horizontal;
}

static uint32_t scale(uint32_t at, uint32_t size) {
	if (size < 2)
		return 0;
	if (at > size - 1)
		at = size - 1;
	return (uint32_t)(((uint64_t)at * SP_POINTER_RANGE + (size - 1) / 2) / (size - 1));
}

void sp_typing_point(struct sp_typing *typing, struct sp_typist *typist, uint8_t buttons,
	uint32_t x, uint32_t y, uint32_t width, uint32_t height) {
	uint8_t begun = buttons & (uint8_t)~typist->buttons;
	bool any = false;

	if (!typing->pointer)
		return;
	x = scale(x, width);
	y = scale(y, height);
	if (x != typing->x || y != typing->y) {
		typing->x = x;
		typing->y = y;
		typing->pointer->point(typing->pointer, 0, x, y);
		any = true;
	}
	any |= press(typing, typist, buttons);
	any |= turn(typing, begun);
	if (any)
		typing->pointer->frame(typing->pointer);
}

void sp_typing_leave(struct sp_typing *typing, struct sp_typist *typist) {
	for (uint16_t code = 0; code < SP_TYPING_KEYS; code++)
		sp_typing_key(typing, typist, code, false);
	if (typing->pointer && press(typing, typist, 0))
		typing->pointer->frame(typing->pointer);
}
