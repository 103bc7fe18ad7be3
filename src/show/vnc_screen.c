/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rfb/rfb.h>

#include "show/vnc_parts.h"

#define BLANK_WIDTH 640u /* of a screen that has never shown anything */
#define BLANK_HEIGHT 480u
#define CURSOR_MAX 64u /* pixels of width and height; a part of an update has room for that */
#define LOOK_BYTES (8u << 20) /* of a picture that are looked at at once */

void sp_screen_unmap(struct sp_vnc *vnc) {
	if (vnc->map)
		munmap(vnc->map, vnc->map_size);
	vnc->map = NULL;
	vnc->memory = NULL;
}

/* The lines of a picture; NULL: there is none. The file cannot shrink, so that reading cannot
 * fail. */
static uint8_t *map_picture(
	const struct sp_picture *picture, size_t *size, const uint8_t **memory) {
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), bytes, begin;
	uint8_t *map;

	if (!sp_picture_fits(picture, &bytes))
		return NULL;
	begin = picture->offset / page * page;
	*size = (size_t)(picture->offset - begin + bytes);
	map = mmap(NULL, *size, PROT_READ, MAP_SHARED, picture->file, (off_t)begin);
	if (map == MAP_FAILED)
		return NULL;
	*memory = map + (picture->offset - begin);
	return map;
}

/* Where the colours lie in a pixel, as a little-endian number. */
static void set_format(rfbPixelFormat *format, uint32_t fourcc) {
	bool small = fourcc == SP_FORMAT_RGB565;
	uint8_t lowest = fourcc == SP_FORMAT_BGRX8888 ? 8 : 0;

	*format = (rfbPixelFormat){
		.bitsPerPixel = small ? 16 : 32,
		.depth = small ? 16 : 24,
		.trueColour = 1,
		.redMax = small ? 31 : 255,
		.greenMax = small ? 63 : 255,
		.blueMax = small ? 31 : 255,
		.redShift = small ? 11 : 16,
		.greenShift = small ? 5 : 8,
	};
	if (lowest) {
		format->redShift = 8;
		format->greenShift = 16;
		format->blueShift = 24;
	}
}

static void set_screen(struct sp_vnc *vnc) {
	const struct sp_tiles *tiles = &vnc->tiles;
	rfbScreenInfoPtr screen = vnc->screen;

	rfbNewFramebuffer(screen, (char *)tiles->copy, (int)tiles->width, (int)tiles->height,
		tiles->pixel == 2 ? 5 : 8, 3, (int)tiles->pixel);
	set_format(&screen->serverFormat, tiles->format);
	screen->depth = screen->serverFormat.depth;
	for (struct sp_viewer *viewer = vnc->viewers; viewer; viewer = viewer->next) {
		if (viewer->client)
			screen->setTranslateFunction(viewer->client);
	}
	vnc->state.memory = (uint64_t)tiles->width * tiles->height * tiles->pixel;
	vnc->state.width = tiles->width;
	vnc->state.height = tiles->height;
}

/* A viewer of another shape begins anew. */
static void renew_viewers(struct sp_vnc *vnc) {
	for (struct sp_viewer *viewer = vnc->viewers; viewer; viewer = viewer->next) {
		if (!viewer->client)
			continue;
		sp_viewer_close_update(viewer);
		if (sp_tile_set_make(&viewer->dirty, sp_tiles_count(&vnc->tiles)))
			sp_tile_set_add_all(&viewer->dirty);
		else
			sp_viewer_end(viewer, "no memory is left");
	}
}

static void follow_picture(struct sp_vnc *vnc) {
	const struct sp_picture *picture = &vnc->scanout->picture;
	struct sp_tiles *tiles = &vnc->tiles;
	uint32_t width = tiles->width, height = tiles->height, format = tiles->format;

	sp_screen_unmap(vnc);
	vnc->map = map_picture(picture, &vnc->map_size, &vnc->memory);
	if (vnc->map) {
		vnc->stride = picture->stride;
		width = picture->width;
		height = picture->height;
		format = picture->format;
	}
	vnc->stale = false;
	vnc->pass = 0;
	if (width == tiles->width && height == tiles->height && format == tiles->format) {
		sp_tile_set_add_all(&vnc->told);
		return;
	}
	if (!sp_tiles_make(tiles, width, height, format) ||
		!sp_tile_set_make(&vnc->told, sp_tiles_count(tiles))) {
		sp_screen_unmap(vnc);
		for (struct sp_viewer *viewer = vnc->viewers; viewer; viewer = viewer->next)
			sp_viewer_end(viewer, "no memory is left");
		return;
	}
	sp_tile_set_add_all(&vnc->told);
	set_screen(vnc);
	renew_viewers(vnc);
	/* Its pixels are of the screen's format. */
	vnc->new_cursor = vnc->any_cursor;
}

/* One pixel of a cursor in the format of the screen. */
static void put_pixel(uint8_t *to, const uint8_t *bgra, uint32_t format) {
	uint32_t value;

	switch (format) {
	case SP_FORMAT_RGB565:
		value = (uint32_t)(bgra[2] >> 3) << 11 | (uint32_t)(bgra[1] >> 2) << 5 |
			bgra[0] >> 3;
		to[0] = (uint8_t)value;
		to[1] = (uint8_t)(value >> 8);
		break;
	case SP_FORMAT_BGRX8888:
		to[0] = 0;
		to[1] = bgra[2];
		to[2] = bgra[1];
		to[3] = bgra[0];
		break;
	default:
		memcpy(to, bgra, 3);
		to[3] = 0;
	}
}

static void read_cursor(
	rfbCursorPtr to, const struct sp_picture *picture, const uint8_t *memory, uint32_t format) {
	uint32_t pixel = sp_picture_pixel(format), line = (picture->width + 7) / 8;

	for (uint32_t y = 0; y < picture->height; y++) {
		for (uint32_t x = 0; x < picture->width; x++) {
			uint8_t bgra[4];

			memcpy(bgra, memory + (size_t)y * picture->stride + (size_t)x * 4, 4);
			put_pixel(to->richSource + ((size_t)y * picture->width + x) * pixel, bgra,
				format);
			/* RFB's cursors are there or not. */
			if (picture->format != SP_FORMAT_ARGB8888 || bgra[3] >= 128)
				to->mask[y * line + x / 8] |= (uint8_t)(0x80 >> x % 8);
		}
	}
}

/* NULL: none can be shown. */
static rfbCursorPtr make_cursor(struct sp_vnc *vnc) {
	const struct sp_cursor *cursor = &vnc->scanout->cursor;
	const struct sp_picture *picture = &cursor->picture;
	uint32_t pixel = vnc->tiles.pixel;
	const uint8_t *memory;
	rfbCursorPtr made;
	uint8_t *map;
	size_t size;

	if (picture->file < 0 || picture->width > CURSOR_MAX || picture->height > CURSOR_MAX ||
		sp_picture_pixel(picture->format) != 4)
		return NULL;
	map = map_picture(picture, &size, &memory);
	if (!map)
		return NULL;
	made = calloc(1, sizeof(*made));
	if (made) {
		made->cleanup = made->cleanupMask = made->cleanupRichSource = TRUE;
		made->width = (unsigned short)picture->width;
		made->height = (unsigned short)picture->height;
		made->xhot = (unsigned short)(cursor->hot_x < picture->width ? cursor->hot_x : 0);
		made->yhot = (unsigned short)(cursor->hot_y < picture->height ? cursor->hot_y : 0);
		made->mask = calloc((size_t)(picture->width + 7) / 8, picture->height);
		made->richSource = calloc((size_t)picture->width * picture->height, pixel);
	}
	if (made && made->mask && made->richSource) {
		read_cursor(made, picture, memory, vnc->tiles.format);
	} else {
		rfbFreeCursor(made);
		made = NULL;
	}
	munmap(map, size);
	return made;
}

static int within(int32_t at, uint32_t size) {
	if (at < 0)
		return 0;
	return (uint32_t)at < size ? at : (int)size - 1;
}

/* For viewers that cannot show a cursor it is drawn into their picture, and what it was and is
 * drawn over is sent again. */
static void follow_cursor(struct sp_vnc *vnc) {
	rfbScreenInfoPtr screen = vnc->screen;
	const struct sp_cursor *cursor = &vnc->scanout->cursor;
	bool shown = cursor->picture.file >= 0;
	struct sp_rectangle before = vnc->cursor, now = {0};

	vnc->new_cursor = false;
	vnc->any_cursor |= shown;
	rfbSetCursor(screen, shown ? make_cursor(vnc) : NULL);
	screen->cursorX = within(cursor->x, vnc->tiles.width);
	screen->cursorY = within(cursor->y, vnc->tiles.height);
	if (screen->cursor) {
		int x = screen->cursorX - screen->cursor->xhot;
		int y = screen->cursorY - screen->cursor->yhot;

		now.x = x > 0 ? (uint32_t)x : 0;
		now.y = y > 0 ? (uint32_t)y : 0;
		now.width = screen->cursor->width;
		now.height = screen->cursor->height;
	}
	for (struct sp_viewer *viewer = vnc->viewers; viewer; viewer = viewer->next) {
		if (!viewer->client || viewer->client->enableCursorShapeUpdates)
			continue;
		sp_tile_set_add_part(&viewer->dirty, &vnc->tiles, &before);
		sp_tile_set_add_part(&viewer->dirty, &vnc->tiles, &now);
	}
	vnc->cursor = now;
}

void sp_screen_follow(struct sp_vnc *vnc) {
	if (vnc->stale)
		follow_picture(vnc);
	if (vnc->new_cursor)
		follow_cursor(vnc);
}

static void tile_changed(struct sp_vnc *vnc, uint32_t tile) {
	vnc->state.tiles_changed++;
	for (struct sp_viewer *viewer = vnc->viewers; viewer; viewer = viewer->next)
		sp_tile_set_add(&viewer->dirty, tile);
	vnc->quiet = 0;
}

bool sp_screen_is_told(const struct sp_vnc *vnc) {
	return vnc->scanout->tells || !vnc->memory;
}

bool sp_screen_look(struct sp_vnc *vnc) {
	struct sp_tiles *tiles = &vnc->tiles;
	uint32_t most = LOOK_BYTES / (SP_TILE * SP_TILE * tiles->pixel);
	uint32_t count = sp_tiles_count(tiles), tile = vnc->pass;

	for (uint32_t looked = 0; looked < most; looked++, tile++) {
		if (sp_screen_is_told(vnc)) {
			tile = sp_tile_set_take(&vnc->told, tile);
			if (tile == UINT32_MAX)
				tile = count;
		}
		if (tile >= count)
			break;
		vnc->state.tiles_compared++;
		if (sp_tiles_look(tiles, vnc->memory, vnc->stride, tile))
			tile_changed(vnc, tile);
	}
	vnc->pass = tile < count ? tile : 0;
	return !vnc->pass;
}

bool sp_screen_open(struct sp_vnc *vnc) {
	rfbScreenInfoPtr screen;

	/* It would write to standard error. */
	rfbLogEnable(FALSE);
	if (!sp_tiles_make(&vnc->tiles, BLANK_WIDTH, BLANK_HEIGHT, SP_FORMAT_XRGB8888) ||
		!sp_tile_set_make(&vnc->told, sp_tiles_count(&vnc->tiles)))
		goto fail;
	screen = rfbGetScreen(NULL, NULL, BLANK_WIDTH, BLANK_HEIGHT, 8, 3, 4);
	if (!screen)
		goto fail;
	vnc->screen = screen;
	screen->desktopName = vnc->name;
	screen->alwaysShared = TRUE;
	screen->deferUpdateTime = 0;
	screen->maxRectsPerUpdate = 0;
	screen->ignoreSIGPIPE = FALSE;
	screen->permitFileTransfer = FALSE;
	screen->dontConvertRichCursorToXCursor = TRUE;
	screen->maxClientWait = 1;
	rfbSetCursor(screen, NULL);
	set_screen(vnc);
	vnc->stale = true;
	vnc->new_cursor = vnc->any_cursor = vnc->scanout->cursor.picture.file >= 0;
	vnc->quiet = 0;
	sp_screen_follow(vnc);
	/* The first picture is there when the first viewer looks at it. */
	return vnc->tiles.copy != NULL;
fail:
	sp_tiles_release(&vnc->tiles);
	sp_tile_set_release(&vnc->told);
	return false;
}

void sp_screen_close(struct sp_vnc *vnc) {
	if (vnc->screen)
		rfbScreenCleanup(vnc->screen);
	vnc->screen = NULL;
	sp_screen_unmap(vnc);
	sp_tiles_release(&vnc->tiles);
	sp_tile_set_release(&vnc->told);
	vnc->cursor = (struct sp_rectangle){0};
	vnc->pass = 0;
	vnc->state.memory = vnc->state.width = vnc->state.height = 0;
}
