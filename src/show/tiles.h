/* SPDX-License-Identifier: MIT */
#ifndef SP_SHOW_TILES_H
#define SP_SHOW_TILES_H

#include <sallyport/scanout.h>

/*
 * A copy of a picture, in which what has changed is found by comparison, square by square. Viewers
 * are given the copy: the guest may write to the picture itself at any time.
 */
#define SP_TILE 64u /* pixels of width and height */

struct sp_tiles {
	uint8_t *copy; /* lines without gaps */
	uint32_t width, height, format;
	uint32_t pixel; /* bytes */
	uint32_t columns, rows;
};

/* Black, of the size and format of a picture; false: no memory was left, and it is as before. */
bool sp_tiles_make(struct sp_tiles *tiles, uint32_t width, uint32_t height, uint32_t format);
void sp_tiles_release(struct sp_tiles *tiles);
uint32_t sp_tiles_count(const struct sp_tiles *tiles);
/* A tile's place; those at the right and lower edges may be smaller. */
struct sp_rectangle sp_tiles_place(const struct sp_tiles *tiles, uint32_t tile);
/*
 * Brings one tile up to date: whether it had changed. `memory` is the first line of a picture of
 * the same size and format, whose lines are `stride` bytes apart; NULL: black.
 */
bool sp_tiles_look(struct sp_tiles *tiles, const uint8_t *memory, uint32_t stride, uint32_t tile);

/* A set of tiles. */
struct sp_tile_set {
	uint64_t *bits;
	uint32_t size; /* tiles */
	uint32_t count; /* of those in it */
};

bool sp_tile_set_make(struct sp_tile_set *set, uint32_t size); /* empty; false: no memory */
void sp_tile_set_release(struct sp_tile_set *set);
void sp_tile_set_add(struct sp_tile_set *set, uint32_t tile);
void sp_tile_set_add_all(struct sp_tile_set *set);
/* Those that a rectangle touches. */
void sp_tile_set_add_part(
	struct sp_tile_set *set, const struct sp_tiles *tiles, const struct sp_rectangle *part);
/* The first one from `from` on; UINT32_MAX: there is none. */
uint32_t sp_tile_set_find(const struct sp_tile_set *set, uint32_t from);
uint32_t sp_tile_set_take(struct sp_tile_set *set, uint32_t from); /* and it is out then */

#endif
