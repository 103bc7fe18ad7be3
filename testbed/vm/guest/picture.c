/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "screen.h"
#include "sha256.h"

/*
 * Shows pictures, and keeps showing the last one: a card forgets the picture of a program that
 *ends. Each line of its input gets one of output.
 *
 *	open CARD		close
 *	random WIDTH HEIGHT SEED	a picture that SEED determines
 *	desk WIDTH HEIGHT TEXT	windows, with lines of text that | divides
 *
 * "shown WIDTH HEIGHT SUM" has the SHA-256 of the visible pixels, three bytes each: red, green,
 *blue.
 */
static void draw_random(struct screen *screen, const char *seed) {
	uint32_t x = (uint32_t)strtoul(seed, NULL, 0);

	for (uint32_t y = 0; y < screen->height; y++) {
		uint32_t *line = screen_line(screen, y);

		for (uint32_t i = 0; i < screen->width; i++) {
			x = x * 1664525u + 1013904223u;
			line[i] = x >> 8;
		}
	}
}

/* Of what is in the memory that is shown, not of what was meant to be there. */
static void sum(struct screen *screen, char hex[65]) {
	static uint8_t bytes[3 * 16384];
	struct sha256 sha;

	sha256_begin(&sha);
	for (uint32_t y = 0; y < screen->height; y++) {
		const uint32_t *line = screen_line(screen, y);

		for (uint32_t x = 0; x < screen->width; x++) {
			bytes[3 * x] = (uint8_t)(line[x] >> 16);
			bytes[3 * x + 1] = (uint8_t)(line[x] >> 8);
			bytes[3 * x + 2] = (uint8_t)line[x];
		}
		sha256_add(&sha, bytes, 3 * (size_t)screen->width);
	}
	sha256_end(&sha, hex);
}

static const char *show(struct screen *screen, char *words) {
	unsigned width, height;
	char what[16], hex[65];
	int rest = 0;
	const char *wrong;

	if (sscanf(words, "%15s %u %u %n", what, &width, &height, &rest) != 3 || !rest ||
		width > 16384)
		return "words";
	wrong = screen_show(screen, width, height,
		strcmp(what, "desk") == 0 ? desk_draw : draw_random, words + rest);
	if (wrong)
		return wrong;
	sum(screen, hex);
	printf("shown %u %u %s\n", width, height, hex);
	return NULL;
}

int main(void) {
	struct screen screen = {.card = -1};
	char line[1024];

	setlinebuf(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		const char *wrong = NULL;

		line[strcspn(line, "\n")] = '\0';
		errno = 0;
		if (strncmp(line, "open ", 5) == 0) {
			screen_close(&screen);
			wrong = screen_open(&screen, line + 5);
			if (!wrong)
				printf("opened\n");
		} else if (strcmp(line, "close") == 0) {
			screen_close(&screen);
			printf("closed\n");
		} else {
			wrong = show(&screen, line);
		}
		if (wrong)
			printf("failed %s: %s\n", wrong, strerror(errno));
	}
	return 0;
}
