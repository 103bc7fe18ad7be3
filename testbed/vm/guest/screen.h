/* SPDX-License-Identifier: MIT */
#ifndef SCREEN_H
#define SCREEN_H

#include <stdbool.h>
#include <stdint.h>

/* The one screen of a card, as a plain picture of 32 bits a pixel. */
struct screen {
	int card;
	uint32_t crtc, connector;
	uint32_t fb, handle, width, height, pitch; /* what is shown */
	uint8_t *pixels;
	uint64_t size;
};

/* All return NULL, or what went wrong. */
const char *screen_open(struct screen *screen, const char *path);
/* Makes a picture of that size, has `draw` fill it, and then shows it in place of the last one. */
const char *screen_show(struct screen *screen, uint32_t width, uint32_t height,
	void (*draw)(struct screen *screen, const char *argument), const char *argument);
void screen_close(struct screen *screen);

static inline uint32_t *screen_line(struct screen *screen, uint32_t y) {
	return (uint32_t *)(void *)(screen->pixels + (uint64_t)y * screen->pitch);
}

/* Draws windows and text. */
void desk_draw(struct screen *screen, const char *text);

#endif
