/* SPDX-License-Identifier: MIT */
#include "show/tiles.h"

#include <stdlib.h>
#include <string.h>

bool sp_tiles_make(struct sp_tiles *tiles, uint32_t width, uint32_t height, uint32_t format) {
	uint32_t pixel = sp_picture_pixel(format);
	uint8_t *copy = calloc((size_t)width * height, pixel);

	if (!copy)
		return false;
	free(tiles->copy);
	*tiles = (struct sp_tiles){
		.copy = copy,
		.width = width,
		.height = height,
		.format = format,
		.pixel = pixel,
		.columns = (width + SP_TILE - 1) / SP_TILE,
		.rows = (height + SP_TILE - 1) / SP_TILE,
	};
	return true;
}

void sp_tiles_release(struct sp_tiles *tiles) {
	free(tiles->copy);
	*tiles = (struct sp_tiles){0};
}

uint32_t sp_tiles_count(const struct sp_tiles *tiles) {
	return tiles->columns * tiles->rows;
}

struct sp_rectangle sp_tiles_place(const struct sp_tiles *tiles, uint32_t tile) {
	struct sp_rectangle place = {
		.x = tile % tiles->columns * SP_TILE,
		.y = tile / tiles->columns * SP_TILE,
		.width = SP_TILE,
		.height = SP_TILE,
	};

	if (place.width > tiles->width - place.x)
		place.width = tiles->width - place.x;
	if (place.height > tiles->height - place.y)
		place.height = tiles->height - place.y;
	return place;
}

/* The guest may write between comparing and copying. What is copied then is newer, and that is
 * all. */
bool sp_tiles_look(struct sp_tiles *tiles, const uint8_t *memory, uint32_t stride, uint32_t tile) {
	static const uint8_t black[SP_TILE * 4];
	struct sp_rectangle place = sp_tiles_place(tiles, tile);
	size_t size = (size_t)place.width * tiles->pixel,
	       line = (size_t)tiles->width * tiles->pixel;
	uint8_t *to = tiles->copy + place.y * line + (size_t)place.x * tiles->pixel;
	const uint8_t *from = black;
	bool changed = false;

	if (memory)
		from = memory + (size_t)place.y * stride + (size_t)place.x * tiles->pixel;
	for (uint32_t y = 0; y < place.height; y++) {
		if (memcmp(to, from, size) != 0) {
			memcpy(to, from, size);
			changed = true;
		}
		to += line;
		from += memory ? stride : 0;
	}
	return changed;
}

bool sp_tile_set_make(struct sp_tile_set *set, uint32_t size) {
	uint64_t *bits = calloc((size_t)size / 64 + 1, sizeof(*bits));

	if (!bits)
		return false;
	free(set->bits);
	*set = (struct sp_tile_set){.bits = bits, .size = size};
	return true;
}

void sp_tile_set_release(struct sp_tile_set *set) {
	free(set->bits);
	*set = (struct sp_tile_set){0};
}

void sp_tile_set_add(struct sp_tile_set *set, uint32_t tile) {
	uint64_t bit = 1ull << tile % 64;

	if (tile >= set->size || set->bits[tile / 64] & bit)
		return;
	set->bits[tile / 64] |= bit;
	set->count++;
}

void sp_tile_set_add_all(struct sp_tile_set *set) {
	for (uint32_t tile = 0; tile < set->size; tile++)
		sp_tile_set_add(set, tile);
}

void sp_tile_set_add_part(
	struct sp_tile_set *set, const struct sp_tiles *tiles, const struct sp_rectangle *part) {
	uint64_t right = (uint64_t)part->x + part->width, low = (uint64_t)part->y + part->height;

	if (!part->width || !part->height)
		return;
	for (uint32_t row = part->y / SP_TILE; row < tiles->rows && row * SP_TILE < low; row++) {
		uint32_t column = part->x / SP_TILE;

		for (; column < tiles->columns && column * SP_TILE < right; column++)
			sp_tile_set_add(set, row * tiles->columns + column);
	}
}

uint32_t sp_tile_set_find(const struct sp_tile_set *set, uint32_t from) {
	if (!set->count || from >= set->size)
		return UINT32_MAX;
	for (uint32_t word = from / 64; word <= set->size / 64; word++) {
		uint64_t bits = set->bits[word];

		if (word == from / 64)
			bits &= ~0ull << from % 64;
		if (bits)
			return word * 64 + (uint32_t)__builtin_ctzll(bits);
	}
	return UINT32_MAX;
}

uint32_t sp_tile_set_take(struct sp_tile_set *set, uint32_t from) {
	uint32_t tile = sp_tile_set_find(set, from);

	if (tile == UINT32_MAX)
		return tile;
	set->bits[tile / 64] &= ~(1ull << tile % 64);
	set->count--;
	return tile;
}
