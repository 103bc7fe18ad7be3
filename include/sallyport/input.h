/* SPDX-License-Identifier: MIT */
#ifndef SALLYPORT_INPUT_H
#define SALLYPORT_INPUT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What is typed and pointed at, from the viewers of a guest's screens to the devices that carry it
 * into the guest. Neither knows the other. Codes are those of <linux/input-event-codes.h>.
 *
 * Viewers tell each input what it takes, in the order in which it came, and close each group of
 * what belongs together with frame(). A device that cannot pass it on at once keeps a bounded
 * number of them, and forgets the oldest whole frames beyond that, but never the release of a key
 * that the guest holds for pressed.
 */
#define SP_POINTER_RANGE 0x7fffu /* the right and lower edge of a screen; the others are 0 */

struct sp_input {
	/* KEY_*. NULL: no keys. */
	void (*key)(struct sp_input *input, uint16_t code, bool pressed);
	/* To this place of a screen, 0 to SP_POINTER_RANGE. NULL: no pointer. */
	void (*point)(struct sp_input *input, uint32_t screen, uint32_t x, uint32_t y);
	/* BTN_LEFT, BTN_RIGHT, BTN_MIDDLE, BTN_SIDE, BTN_EXTRA. NULL with point(). */
	void (*button)(struct sp_input *input, uint16_t code, bool pressed);
	/* Steps, away from the user or to the right if positive. NULL with point(). */
	void (*wheel)(struct sp_input *input, int32_t vertical, int32_t horizontal);
	void (*frame)(struct sp_input *input);
	/* Of the keyboard's lights, which the guest switches: bits 1 << LED_NUML and so on. */
	uint32_t lights;
};

#endif
