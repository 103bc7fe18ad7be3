/* SPDX-License-Identifier: MIT */
/*
 * In a guest: how fast the pictures of two displays are filled and flipped, in turns.
 *
 *	speed fill|flip|read|shown FIRST SECOND ROUNDS TIMES
 *
 * FIRST and SECOND are PCI functions of bochs-display's kind, as folders of sysfs; for `shown` they
 *are cards. A round fills or flips each of them TIMES times. Prints for each round the nanoseconds
 *of one, of the first and of the second display, and at last how many were done with each.
 *
 *	fill	writes a picture of 1920x1080 with a value of its own
 *	flip	shows the other of two pictures, by the writes of Linux's driver, and waits for the
 *last one read	reads a register shown	as `flip`, but by the kernel's driver
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "kms.h"

#define WIDTH 1920u
#define HEIGHT 1080u
#define ROUNDS_MAX 1000u

/* Registers of DISPI, in BAR 2. */
enum {
	XRES = 0x502,
	YRES = 0x504,
	BPP = 0x506,
	ENABLE = 0x508,
	VIRTUAL_WIDTH = 0x50c,
	X_OFFSET = 0x510,
	Y_OFFSET = 0x512,
	PIXEL_ORDER = 0x604,
	ORDER_LITTLE = 0x1e1e1e1e,
};

struct display {
	uint32_t *pixels;
	volatile uint8_t *registers;
	uint32_t filled; /* the last value */
	bool second; /* that picture is shown */

	/* Of a card. */
	int card;
	uint32_t fbs[2];
	struct kms_crtc crtc;
	uint32_t connector;
};

static void fail(const char *what) {
	perror(what);
	exit(1);
}

static double now(void) {
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void *map(const char *folder, const char *name, size_t size) {
	char path[256];
	void *memory;
	int file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = open(path, O_RDWR | O_CLOEXEC);
	if (file < 0)
		fail(path);
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (memory == MAP_FAILED)
		fail(path);
	close(file);
	return memory;
}

static void put16(struct display *display, unsigned offset, uint16_t value) {
	*(volatile uint16_t *)(display->registers + offset) = value;
}

static uint16_t get16(struct display *display, unsigned offset) {
	return *(volatile uint16_t *)(display->registers + offset);
}

static void open_function(struct display *display, const char *folder) {
	display->pixels = map(folder, "resource0", 2 * WIDTH * HEIGHT * 4);
	display->registers = map(folder, "resource2", 4096);
	put16(display, ENABLE, 0);
	put16(display, XRES, WIDTH);
	put16(display, YRES, HEIGHT);
	put16(display, BPP, 32);
	put16(display, ENABLE, 0x41);
	put16(display, VIRTUAL_WIDTH, WIDTH);
	if (get16(display, XRES) != WIDTH) {
		fprintf(stderr, "%s does not take the mode\n", folder);
		exit(1);
	}
}

static void fill(struct display *display) {
	uint64_t *pixels = (uint64_t *)(void *)display->pixels;
	uint64_t value = ++display->filled * UINT64_C(0x100000001);

	for (uint32_t i = 0; i < WIDTH * HEIGHT / 2; i++)
		pixels[i] = value;
	/* The compiler shall not leave any out. */
	__asm__ volatile("" ::: "memory");
}

/* As bochs_hw_setbase() and bochs_hw_setformat() of drivers/gpu/drm/tiny/bochs.c do. */
static void flip(struct display *display) {
	display->second = !display->second;
	put16(display, VIRTUAL_WIDTH, WIDTH);
	put16(display, X_OFFSET, 0);
	put16(display, Y_OFFSET, display->second ? HEIGHT : 0);
	*(volatile uint32_t *)(display->registers + PIXEL_ORDER) = ORDER_LITTLE;
}

static void read_register(struct display *display) {
	(void)get16(display, Y_OFFSET);
}

/* Writes may be under way when the guest goes on; what is read comes after them. */
static void settle(struct display *display) {
	if (!display->registers)
		return;
	if (get16(display, Y_OFFSET) != (display->second ? HEIGHT : 0)) {
		fprintf(stderr, "speed: a flip was lost\n");
		exit(1);
	}
}

static void make_picture(struct display *display, unsigned which) {
	struct kms_create create = {.width = WIDTH, .height = HEIGHT, .bpp = 32};
	struct kms_fb fb = {.width = WIDTH, .height = HEIGHT, .bpp = 32, .depth = 24};

	if (ioctl(display->card, KMS_CREATE, &create))
		fail("a buffer");
	fb.handle = create.handle;
	fb.pitch = create.pitch;
	if (ioctl(display->card, KMS_ADD_FB, &fb))
		fail("a frame buffer");
	display->fbs[which] = fb.fb;
}

static void show(struct display *display) {
	display->second = !display->second;
	display->crtc.fb = display->fbs[display->second];
	if (ioctl(display->card, KMS_SET_CRTC, &display->crtc))
		fail("a picture");
}

static void open_card(struct display *display, const char *path) {
	uint32_t crtcs[16], connectors[16];
	struct kms_resources resources = {
		.crtcs = (uintptr_t)crtcs,
		.connectors = (uintptr_t)connectors,
		.crtc_count = 16,
		.connector_count = 16,
	};

	display->card = open(path, O_RDWR | O_CLOEXEC);
	if (display->card < 0)
		fail(path);
	ioctl(display->card, KMS_SET_MASTER);
	if (ioctl(display->card, KMS_GET_RESOURCES, &resources) || !resources.crtc_count ||
		!resources.connector_count)
		fail("resources");
	make_picture(display, 0);
	make_picture(display, 1);
	display->connector = connectors[0];
	display->crtc = (struct kms_crtc){
		.connectors = (uintptr_t)&display->connector,
		.connector_count = 1,
		.crtc = crtcs[0],
		.mode_valid = 1,
		.mode = {.clock = 148500,
			.hdisplay = WIDTH,
			.hsync_start = 2008,
			.hsync_end = 2052,
			.htotal = 2200,
			.vdisplay = HEIGHT,
			.vsync_start = 1084,
			.vsync_end = 1089,
			.vtotal = 1125,
			.vrefresh = 60,
			.name = "1920x1080"},
	};
	show(display);
}

static void run(struct display *displays, void (*act)(struct display *display), unsigned rounds,
	unsigned times) {
	static double results[ROUNDS_MAX][2];

	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned turn = 0; turn < 2; turn++) {
			unsigned which = (round + turn) % 2;
			double begin = now();

			for (unsigned i = 0; i < times; i++)
				act(&displays[which]);
			if (act == flip)
				settle(&displays[which]);
			results[round][which] = (now() - begin) / times;
		}
	}
	/* The port, too, costs time. */
	for (unsigned round = 0; round < rounds; round++)
		printf("%.0f %.0f\n", results[round][0], results[round][1]);
	printf("done %u\n", rounds * times);
}

int main(int argc, char **argv) {
	static const struct {
		const char *name;
		void (*open)(struct display *display, const char *path);
		void (*act)(struct display *display);
	} kinds[] = {
		{"fill", open_function, fill},
		{"flip", open_function, flip},
		{"read", open_function, read_register},
		{"shown", open_card, show},
	};
	static struct display displays[2];
	unsigned rounds = argc == 6 ? (unsigned)strtoul(argv[4], NULL, 10) : 0;

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!rounds || rounds > ROUNDS_MAX || strcmp(argv[1], kinds[i].name) != 0)
			continue;
		kinds[i].open(&displays[0], argv[2]);
		kinds[i].open(&displays[1], argv[3]);
		/* Pages that nobody has touched yet, and translations, are made once. */
		kinds[i].act(&displays[0]);
		kinds[i].act(&displays[1]);
		run(displays, kinds[i].act, rounds, (unsigned)strtoul(argv[5], NULL, 10));
		return 0;
	}
	fprintf(stderr, "usage: speed fill|flip|read|shown FIRST SECOND ROUNDS TIMES\n");
	return 2;
}
