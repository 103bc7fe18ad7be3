/* SPDX-License-Identifier: MIT */
#ifndef SP_GPU_EDID_H
#define SP_GPU_EDID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a screen says about itself: EDID 1.4 with one block of CTA-861. */
#define SP_EDID_SIZE 256u

struct sp_edid {
	uint32_t width, height; /* pixels that it likes best: 64 to 4095 */
	uint32_t max_width, max_height; /* 0: as above */
	uint64_t max_pixels; /* for which there is memory; 0: no limit */
	const char *name; /* up to 13 letters */
	uint32_t serial;
};

/* False if width or height are out of bounds. */
bool sp_edid_make(const struct sp_edid *edid, uint8_t bytes[SP_EDID_SIZE]);

#endif
