/* SPDX-License-Identifier: MIT */
#include <sallyport/scanout.h>

#include <stddef.h>

uint32_t sp_picture_pixel(uint32_t format) {
	switch (format) {
	case SP_FORMAT_XRGB8888:
	case SP_FORMAT_ARGB8888:
	case SP_FORMAT_BGRX8888:
		return 4;
	case SP_FORMAT_RGB565:
		return 2;
	}
	return 0;
}

bool sp_picture_fits(const struct sp_picture *picture, uint64_t *bytes) {
	uint64_t line, all;

	if (picture->file < 0 || !picture->width || picture->width > SP_PICTURE_MAX ||
		!picture->height || picture->height > SP_PICTURE_MAX)
		return false;
	/* 14 bits times 32 bits: nothing here can wrap. */
	line = (uint64_t)picture->width * sp_picture_pixel(picture->format);
	all = (uint64_t)picture->stride * (picture->height - 1) + line;
	if (!line || picture->stride < line || picture->offset > picture->file_size ||
		all > picture->file_size - picture->offset)
		return false;
	if (bytes)
		*bytes = all;
	return true;
}

void sp_scanout_init(struct sp_scanout *scanout) {
	*scanout = (struct sp_scanout){.picture.file = -1, .cursor.picture.file = -1};
}

static void tell(struct sp_scanout *scanout, enum sp_scanout_change change) {
	struct sp_scanout_listener *listener = scanout->listeners;

	for (; listener; listener = scanout->calling) {
		scanout->calling = listener->next;
		listener->changed(listener, scanout, change);
	}
	scanout->calling = NULL;
}

static bool same_shape(const struct sp_picture *a, const struct sp_picture *b) {
	return a->width == b->width && a->height == b->height && a->format == b->format;
}

static bool same_place(const struct sp_picture *a, const struct sp_picture *b) {
	return a->file == b->file && a->file_size == b->file_size && a->offset == b->offset &&
		a->stride == b->stride;
}

void sp_scanout_blank(struct sp_scanout *scanout) {
	if (scanout->picture.file < 0)
		return;
	scanout->picture = (struct sp_picture){.file = -1};
	scanout->generation++;
	tell(scanout, SP_SCANOUT_BLANKED);
}

void sp_scanout_show(struct sp_scanout *scanout, const struct sp_picture *picture) {
	struct sp_picture before = scanout->picture;

	if (!sp_picture_fits(picture, NULL)) {
		sp_scanout_blank(scanout);
		return;
	}
	if (same_shape(&before, picture) && same_place(&before, picture))
		return;
	scanout->picture = *picture;
	scanout->generation++;
	tell(scanout,
		same_shape(&before, picture) && before.file >= 0 ? SP_SCANOUT_FLIPPED
								 : SP_SCANOUT_RESIZED);
}

void sp_scanout_set_cursor(struct sp_scanout *scanout, const struct sp_cursor *cursor) {
	scanout->cursor = *cursor;
	if (!sp_picture_fits(&cursor->picture, NULL))
		scanout->cursor.picture = (struct sp_picture){.file = -1};
	tell(scanout, SP_SCANOUT_CURSOR);
}

void sp_scanout_damage(struct sp_scanout *scanout, const struct sp_rectangle *part) {
	const struct sp_picture *picture = &scanout->picture;
	struct sp_rectangle clipped = *part;
	struct sp_scanout_listener *listener;

	if (picture->file < 0 || part->x >= picture->width || part->y >= picture->height ||
		!part->width || !part->height)
		return;
	if (clipped.width > picture->width - part->x)
		clipped.width = picture->width - part->x;
	if (clipped.height > picture->height - part->y)
		clipped.height = picture->height - part->y;
	for (listener = scanout->listeners; listener; listener = scanout->calling) {
		scanout->calling = listener->next;
		if (listener->damaged)
			listener->damaged(listener, scanout, &clipped);
	}
	scanout->calling = NULL;
}

void sp_scanout_listen(struct sp_scanout *scanout, struct sp_scanout_listener *listener) {
	listener->next = scanout->listeners;
	scanout->listeners = listener;
}

void sp_scanout_forget(struct sp_scanout *scanout, struct sp_scanout_listener *listener) {
	struct sp_scanout_listener **at = &scanout->listeners;

	while (*at && *at != listener)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = listener->next;
	if (scanout->calling == listener)
		scanout->calling = listener->next;
}
