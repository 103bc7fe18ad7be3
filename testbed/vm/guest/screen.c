/* SPDX-License-Identifier: MIT */
#include "screen.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kms.h"

#define MANY 16

const char *screen_open(struct screen *screen, const char *path) {
	uint32_t crtcs[MANY], connectors[MANY];
	struct kms_resources resources = {
		.crtcs = (uintptr_t)crtcs,
		.connectors = (uintptr_t)connectors,
		.crtc_count = MANY,
		.connector_count = MANY,
	};

	*screen = (struct screen){.card = open(path, O_RDWR | O_CLOEXEC)};
	if (screen->card < 0)
		return "open";
	ioctl(screen->card, KMS_SET_MASTER);
	if (ioctl(screen->card, KMS_GET_RESOURCES, &resources) || !resources.crtc_count ||
		!resources.connector_count)
		return "resources";
	screen->crtc = crtcs[0];
	screen->connector = connectors[0];
	return NULL;
}

static void let_go(struct screen *screen) {
	if (screen->pixels)
		munmap(screen->pixels, screen->size);
	if (screen->fb)
		ioctl(screen->card, KMS_REMOVE_FB, &screen->fb);
	if (screen->handle)
		ioctl(screen->card, KMS_DESTROY, &screen->handle);
	screen->pixels = NULL;
	screen->fb = screen->handle = 0;
}

/* Times of a screen that nobody sees; only the size matters. */
static struct kms_mode make_mode(uint32_t width, uint32_t height) {
	struct kms_mode mode = {
		.hdisplay = (uint16_t)width,
		.hsync_start = (uint16_t)(width + 16),
		.hsync_end = (uint16_t)(width + 32),
		.htotal = (uint16_t)(width + 64),
		.vdisplay = (uint16_t)height,
		.vsync_start = (uint16_t)(height + 4),
		.vsync_end = (uint16_t)(height + 8),
		.vtotal = (uint16_t)(height + 16),
		.vrefresh = 60,
	};

	mode.clock = (uint32_t)((uint64_t)mode.htotal * mode.vtotal * 60 / 1000);
	snprintf(mode.name, sizeof(mode.name), "%ux%u", width, height);
	return mode;
}

const char *screen_show(struct screen *screen, uint32_t width, uint32_t height,
	void (*draw)(struct screen *screen, const char *argument), const char *argument) {
	struct screen next = {
		.card = screen->card,
		.crtc = screen->crtc,
		.connector = screen->connector,
		.width = width,
		.height = height,
	};
	struct kms_create create = {.width = width, .height = height, .bpp = 32};
	struct kms_fb fb = {.width = width, .height = height, .bpp = 32, .depth = 24};
	struct kms_map map = {0};
	struct kms_dirty dirty = {0};
	struct kms_crtc crtc = {
		.connectors = (uintptr_t)&next.connector,
		.connector_count = 1,
		.crtc = screen->crtc,
		.mode_valid = 1,
		.mode = make_mode(width, height),
	};
	const char *wrong = "dumb buffer";
	void *pixels;

	if (ioctl(next.card, KMS_CREATE, &create))
		return wrong;
	next.handle = fb.handle = map.handle = create.handle;
	next.pitch = fb.pitch = create.pitch;
	next.size = create.size;
	wrong = "frame buffer";
	if (ioctl(next.card, KMS_ADD_FB, &fb))
		goto fail;
	next.fb = crtc.fb = dirty.fb = fb.fb;
	wrong = "mapping";
	if (ioctl(next.card, KMS_MAP, &map))
		goto fail;
	pixels = mmap(
		NULL, next.size, PROT_READ | PROT_WRITE, MAP_SHARED, next.card, (off_t)map.offset);
	if (pixels == MAP_FAILED)
		goto fail;
	next.pixels = pixels;
	draw(&next, argument);
	wrong = "mode";
	if (ioctl(next.card, KMS_SET_CRTC, &crtc))
		goto fail;
	ioctl(next.card, KMS_DIRTY, &dirty);
	let_go(screen);
	*screen = next;
	return NULL;
fail:
	let_go(&next);
	return wrong;
}

void screen_close(struct screen *screen) {
	if (screen->card >= 0) {
		let_go(screen);
		close(screen->card);
	}
	screen->card = -1;
}
