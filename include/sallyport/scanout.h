/* SPDX-License-Identifier: MIT */
#ifndef SALLYPORT_SCANOUT_H
#define SALLYPORT_SCANOUT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What a screen shows, between the device that fills it and the viewers that look at it: a part of
 * a file, which viewers map by themselves. Neither knows the other, nor how many there are.
 */

/* As DRM numbers them: four letters. */
#define SP_FOURCC(a, b, c, d) \
	((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
#define SP_FORMAT_XRGB8888 SP_FOURCC('X', 'R', '2', '4') /* bytes: B G R X */
#define SP_FORMAT_ARGB8888 SP_FOURCC('A', 'R', '2', '4') /* bytes: B G R A; for cursors */
#define SP_FORMAT_BGRX8888 SP_FOURCC('B', 'X', '2', '4') /* bytes: X R G B */
#define SP_FORMAT_RGB565 SP_FOURCC('R', 'G', '1', '6') /* little-endian */

#define SP_PICTURE_MAX 16384u /* pixels of width or height */

struct sp_picture {
	int file; /* the device's, and it cannot shrink; -1: nothing is shown */
	uint64_t file_size; /* bytes */
	uint64_t offset; /* bytes */
	uint32_t width, height; /* pixels */
	uint32_t stride; /* bytes from line to line */
	uint32_t format;
};

/* Bytes of a pixel; 0: an unknown format. */
uint32_t sp_picture_pixel(uint32_t format);
/*
 * True if a picture is one, and all of it lies within its file: the one place where such sums are
 * done. *bytes, unless NULL: from `offset` to the end of its last line.
 */
bool sp_picture_fits(const struct sp_picture *picture, uint64_t *bytes);

struct sp_rectangle {
	uint32_t x, y, width, height;
};

struct sp_cursor {
	struct sp_picture picture; /* file -1: none */
	int32_t x, y; /* where its hot spot is */
	uint32_t hot_x, hot_y;
};

enum sp_scanout_change {
	SP_SCANOUT_RESIZED, /* another size or format, or something after nothing */
	SP_SCANOUT_FLIPPED, /* another place */
	SP_SCANOUT_BLANKED, /* nothing is shown */
	SP_SCANOUT_CURSOR,
};

struct sp_scanout;

/* A viewer's. What it has mapped of a file that is no longer shown, it lets go before changed()
 * returns, as the device may then close the file. */
struct sp_scanout_listener {
	void (*changed)(struct sp_scanout_listener *listener, const struct sp_scanout *scanout,
		enum sp_scanout_change change);
	/* The device says what it has drawn. NULL: the viewer looks by itself, as it must where
	 * scanout->tells is false. */
	void (*damaged)(struct sp_scanout_listener *listener, const struct sp_scanout *scanout,
		const struct sp_rectangle *part);
	struct sp_scanout_listener *next; /* the scan-out's own */
};

/* A device's, one for each screen. */
struct sp_scanout {
	struct sp_picture picture;
	struct sp_cursor cursor;
	uint64_t generation; /* grows with each change of `picture` */
	bool tells; /* the device calls sp_scanout_damage() */
	/* The screen's size as a viewer would like it; the guest decides. False: it cannot have
	 * it. NULL: fixed. */
	bool (*resize)(struct sp_scanout *scanout, uint32_t width, uint32_t height);
	struct sp_scanout_listener *listeners;
	struct sp_scanout_listener *calling; /* the next one, while they are called */
};

/* For devices. A picture that does not fit into its file is shown as nothing. No change, no
 * call. */
void sp_scanout_init(struct sp_scanout *scanout);
void sp_scanout_show(struct sp_scanout *scanout, const struct sp_picture *picture);
void sp_scanout_blank(struct sp_scanout *scanout);
void sp_scanout_set_cursor(struct sp_scanout *scanout, const struct sp_cursor *cursor);
void sp_scanout_damage(struct sp_scanout *scanout, const struct sp_rectangle *part);

/* For viewers. A listener may take itself away while it is called. */
void sp_scanout_listen(struct sp_scanout *scanout, struct sp_scanout_listener *listener);
void sp_scanout_forget(struct sp_scanout *scanout, struct sp_scanout_listener *listener);

#endif
