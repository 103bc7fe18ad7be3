/* SPDX-License-Identifier: MIT */
#include "serve/shot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool sp_shot_begin(struct sp_shot *shot, const struct sp_scanout *scanout, struct sp_error *error) {
	const struct sp_picture *picture = &scanout->picture;
	int file;

	*shot = (struct sp_shot){0};
	if (picture->file < 0 || !sp_picture_fits(picture, NULL))
		return sp_error_set(error, SP_ERROR_INPUT, "nothing is shown");
	/* The device may close its own at any time. */
	file = fcntl(picture->file, F_DUPFD_CLOEXEC, 0);
	if (file < 0)
		return sp_error_set(error, SP_ERROR_SYSTEM, "%s", strerror(errno));
	shot->piece = malloc(SP_SHOT_PIECE);
	if (!shot->piece) {
		close(file);
		return sp_error_memory(error);
	}
	shot->scanout = scanout;
	shot->picture = *picture;
	shot->picture.file = file;
	shot->generation = scanout->generation;
	shot->line = picture->width * sp_picture_pixel(picture->format);
	return true;
}

uint64_t sp_shot_size(const struct sp_shot *shot) {
	return (uint64_t)shot->line * shot->picture.height;
}

/* By reading, so that nothing that happens to the file is more than an error. */
static void read_line(const struct sp_shot *shot, uint32_t y, uint8_t *bytes) {
	uint64_t offset = shot->picture.offset + (uint64_t)y * shot->picture.stride;
	ssize_t size = pread(shot->picture.file, bytes, shot->line, (off_t)offset);
	uint32_t got = size > 0 ? (uint32_t)size : 0;

	memset(bytes + got, 0, shot->line - got);
}

uint32_t sp_shot_next(struct sp_shot *shot) {
	uint32_t size = 0;

	while (shot->next < shot->picture.height && size + shot->line <= SP_SHOT_PIECE) {
		read_line(shot, shot->next++, shot->piece + size);
		size += shot->line;
	}
	return size;
}

bool sp_shot_changed(const struct sp_shot *shot) {
	return shot->scanout->generation != shot->generation;
}

void sp_shot_end(struct sp_shot *shot) {
	if (shot->scanout)
		close(shot->picture.file);
	free(shot->piece);
	*shot = (struct sp_shot){0};
}
