/* SPDX-License-Identifier: MIT */
#ifndef SP_SERVE_SHOT_H
#define SP_SERVE_SHOT_H

#include <sallyport/error.h>
#include <sallyport/scanout.h>

/*
 * A screen's pixels, a piece at a time, so that a large one holds up nobody: lines without what is
 * between them. The guest draws meanwhile, so that it may be of more than one moment.
 */
#define SP_SHOT_PIECE 65536u /* bytes: one line of the widest picture */

struct sp_shot {
	const struct sp_scanout *scanout; /* NULL: there is none going on */
	struct sp_picture picture; /* with a descriptor of its own */
	uint64_t generation;
	uint32_t line; /* bytes */
	uint32_t next; /* the line that comes next */
	uint8_t *piece;
};

/* SP_ERROR_INPUT: nothing is shown. */
bool sp_shot_begin(struct sp_shot *shot, const struct sp_scanout *scanout, struct sp_error *error);
uint64_t sp_shot_size(const struct sp_shot *shot);
/* The bytes that are in `piece` then; 0: it is done. */
uint32_t sp_shot_next(struct sp_shot *shot);
/* The screen has begun to show something else since. */
bool sp_shot_changed(const struct sp_shot *shot);
void sp_shot_end(struct sp_shot *shot); /* also of none */

#endif
