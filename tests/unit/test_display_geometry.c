/* SPDX-License-Identifier: MIT */
/* The registers of a mode at their ends, in all combinations and orders: what is shown is looked at
 * through a mapping that has no byte more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake_bus.h"
#include "gpu/bochs.h"

#define MEMORY (4ull << 20)
#define ROOM (MEMORY + 2 * SP_PAGE)

enum { ID, XRES, YRES, BPP, ENABLE, BANK, VIRT_WIDTH, VIRT_HEIGHT, X_OFFSET, Y_OFFSET };

/*
 * The file's end is at the end of a page, and behind it nothing is mapped: a reader beyond it dies.
 */
struct eye {
	uint8_t *room; /* the file at its start */
	uint64_t pictures;
	uint32_t sum; /* that the compiler cannot leave out */
};

static void eye_open(struct eye *eye, int file) {
	*eye = (struct eye){0};
	eye->room = mmap(NULL, ROOM, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(eye->room != MAP_FAILED);
	assert_true(
		mmap(eye->room, MEMORY, PROT_READ, MAP_SHARED | MAP_FIXED, file, 0) == eye->room);
}

static void eye_close(struct eye *eye) {
	munmap(eye->room, ROOM);
}

/* All of a small picture, of others the ends of each line. */
static void look(struct eye *eye, const struct sp_picture *picture) {
	uint64_t line = (uint64_t)picture->width * sp_picture_pixel(picture->format);
	uint64_t step;

	if (picture->file < 0)
		return;
	assert_true(picture->file_size == MEMORY && line && picture->height);
	step = line * picture->height <= 0x4000 || line == 1 ? 1 : line - 1;
	for (uint64_t y = 0; y < picture->height; y++)
		for (uint64_t x = 0; x < line; x += step)
			eye->sum += ((volatile uint8_t *)
					     eye->room)[picture->offset + y * picture->stride + x];
	eye->pictures++;
}

static void begin(struct fake_bus *fake) {
	const struct sp_bochs_options options = {.memory = -1, .memory_size = MEMORY};
	struct sp_error error = {0};
	struct sp_device *device = sp_bochs_create(&options, NULL, &error);

	assert_non_null(device);
	fake_bus_init(fake, device, 0, 0);
}

static void dispi(struct fake_bus *fake, uint32_t index, uint32_t value) {
	fake_write(fake, SP_REGION_BAR2, 0x500 + 2 * index, 2, value);
}

/* Each of seven registers at each of its values, with all others. */
static void test_all(void **state) {
	static const struct {
		uint32_t index, count;
		uint16_t values[9];
	} axes[] = {
		{BPP, 8, {32, 16, 0, 1, 8, 15, 24, 0xffff}},
		{XRES, 7, {64, 0, 1, 1024, 0x4000, 0x8000, 0xffff}},
		{YRES, 7, {64, 0, 1, 1023, 1024, 0x8000, 0xffff}},
		{VIRT_WIDTH, 7, {0, 1, 64, 1024, 0x4000, 0x8000, 0xffff}},
		{VIRT_HEIGHT, 3, {0, 1, 0xffff}},
		{X_OFFSET, 5, {0, 1, 960, 0x8000, 0xffff}},
		{Y_OFFSET, 6, {0, 1, 1023, 1024, 0x8000, 0xffff}},
	};
	enum { AXES = sizeof(axes) / sizeof(axes[0]) };
	uint32_t at[AXES] = {0}, digit = 0;
	const struct sp_picture *picture;
	struct fake_bus fake;
	struct eye eye;

	(void)state;
	begin(&fake);
	eye_open(&eye, fake.device->info->regions[SP_REGION_BAR0].file);
	picture = &sp_bochs_scanout(fake.device)->picture;
	for (uint32_t i = 0; i < AXES; i++)
		dispi(&fake, axes[i].index, axes[i].values[0]);
	dispi(&fake, ENABLE, 0x41);
	assert_true(picture->file >= 0);
	while (digit < AXES) {
		look(&eye, picture);
		digit = 0;
		while (digit < AXES && ++at[digit] == axes[digit].count) {
			at[digit] = 0;
			dispi(&fake, axes[digit].index, axes[digit].values[0]);
			digit++;
		}
		if (digit < AXES)
			dispi(&fake, axes[digit].index, axes[digit].values[at[digit]]);
	}
	assert_true(eye.pictures > 1000);
	eye_close(&eye);
	fake_bus_release(&fake);
}

/* Whatever the order in which a mode is written, the picture is the same, and none on the way is
 * too large. */
static void test_orders(void **state) {
	static const struct {
		uint16_t width, height, line, x, y;
		bool shown;
	} modes[] = {
		{1024, 1024, 1024, 0, 0, true}, /* all of the memory */
		{1024, 1023, 1024, 0, 1, true}, /* its end */
		{1024, 1023, 1024, 1, 1, false}, /* a pixel beyond */
		{1024, 1024, 1025, 0, 0, false},
		{64, 0x3fff, 64, 0, 1, true},
	};
	const uint32_t indices[] = {XRES, YRES, VIRT_WIDTH, X_OFFSET, Y_OFFSET, ENABLE};
	const struct sp_picture *picture;
	struct fake_notice notice;
	struct fake_bus fake;
	struct eye eye;

	(void)state;
	begin(&fake);
	eye_open(&eye, fake.device->info->regions[SP_REGION_BAR0].file);
	picture = &sp_bochs_scanout(fake.device)->picture;
	for (size_t m = 0; m < sizeof(modes) / sizeof(modes[0]); m++)
		for (uint32_t order = 0; order < 720; order++) {
			const uint16_t values[] = {modes[m].width, modes[m].height, modes[m].line,
				modes[m].x, modes[m].y, 0x41};
			uint32_t left[6] = {0, 1, 2, 3, 4, 5}, rest = order;

			fake_reset(&fake, SP_RESET_FUNCTION, &notice);
			dispi(&fake, BPP, 32);
			for (uint32_t n = 6; n; n--) {
				uint32_t chosen = rest % n, which = left[chosen];

				rest /= n;
				left[chosen] = left[n - 1];
				dispi(&fake, indices[which], values[which]);
				look(&eye, picture);
			}
			assert_int_equal(picture->file >= 0, modes[m].shown);
			if (!modes[m].shown)
				continue;
			assert_int_equal(picture->width, modes[m].width);
			assert_int_equal(picture->height, modes[m].height);
			assert_int_equal(picture->stride, modes[m].line * 4u);
			assert_true(picture->offset ==
				modes[m].y * (uint64_t)picture->stride + modes[m].x * 4u);
		}
	eye_close(&eye);
	fake_bus_release(&fake);
}

/* Writes of any width anywhere over the registers. */
static void test_any_write(void **state) {
	static const uint64_t values[] = {0, 1, 32, 64, 0x0020004000400041, 0x4000400040004000,
		0x7fff7fff7fff7fff, 0x8000800080008000, UINT64_MAX};
	const struct sp_picture *picture;
	struct fake_bus fake;
	uint32_t seed = 1;
	struct eye eye;

	(void)state;
	begin(&fake);
	eye_open(&eye, fake.device->info->regions[SP_REGION_BAR0].file);
	picture = &sp_bochs_scanout(fake.device)->picture;
	for (uint32_t i = 0; i < 300000; i++) {
		uint64_t value;
		uint32_t at, size;

		seed = seed * 1664525 + 1013904223;
		value = values[(seed >> 8) % 9];
		size = 1 + (seed >> 16) % 8;
		seed = seed * 1664525 + 1013904223;
		/* Mostly as a driver would do it, so that there are pictures. */
		at = seed >> 8 & 7 ? 2 * ((seed >> 12) % 10) : (seed >> 12) % 24;
		if (seed >> 20 & 3)
			size = 2;
		if (size == 2 && at == 2 * BPP)
			value = seed >> 24 & 1 ? 32 : 16;
		if (size == 2 && at == 2 * ENABLE && seed >> 24 & 7)
			value = 0x41;
		fake_write(&fake, SP_REGION_BAR2, 0x500 + at, size, value);
		if (i % 1000 == 0)
			fake_write(&fake, SP_REGION_BAR2, 0x604, 4,
				i % 2000 ? 0xbebebebe : 0x1e1e1e1e);
		look(&eye, picture);
	}
	assert_true(eye.pictures > 1000);
	eye_close(&eye);
	fake_bus_release(&fake);
}

/* The one place for such sums, in each format and for files of each size, against 128 bits; and who
 * trusts it reads nothing that is not there. */
static void test_fits(void **state) {
	static const uint32_t formats[] = {SP_FORMAT_XRGB8888, SP_FORMAT_ARGB8888,
		SP_FORMAT_BGRX8888, SP_FORMAT_RGB565, 0, UINT32_MAX};
	static const uint32_t sides[] = {0, 1, 2, 1023, 1024, 1025, SP_PICTURE_MAX,
		SP_PICTURE_MAX + 1, 0x40000001, 0x80000000, UINT32_MAX};
	static const uint32_t strides[] = {
		0, 1, 2, 3, 4, 2047, 4096, 4097, 65536, 0x40000000, 0x80000004, UINT32_MAX};
	static const uint64_t places[] = {0, 1, 3, 4096, MEMORY - 4096, MEMORY - 4, MEMORY - 1,
		MEMORY, 1ull << 32, UINT64_MAX - 4095, UINT64_MAX};
	static const uint64_t files[] = {0, 1, 4, 4095, 4096, MEMORY - 1, MEMORY};
	int file = memfd_create("picture", MFD_CLOEXEC);
	uint64_t fitting = 0;
	struct eye eye;

	(void)state;
	assert_int_equal(ftruncate(file, MEMORY), 0);
	eye_open(&eye, file);
	for (size_t i = 0; i < 6ull * 11 * 11 * 12 * 11 * 7; i++) {
		const struct sp_picture picture = {
			.file = file,
			.format = formats[i % 6],
			.width = sides[i / 6 % 11],
			.height = sides[i / 66 % 11],
			.stride = strides[i / 726 % 12],
			.offset = places[i / 8712 % 11],
			.file_size = files[i / 95832],
		};
		uint64_t pixel = i % 6 == 3 ? 2 : i % 6 < 3 ? 4 : 0, bytes = 77;
		unsigned __int128 all = picture.height
			? (unsigned __int128)picture.stride * (picture.height - 1) +
				picture.width * (unsigned __int128)pixel
			: 0;
		bool good = pixel && picture.width && picture.height &&
			picture.width <= SP_PICTURE_MAX && picture.height <= SP_PICTURE_MAX &&
			picture.stride >= picture.width * pixel &&
			picture.offset + all <= picture.file_size;

		assert_int_equal(sp_picture_fits(&picture, &bytes), good);
		if (!good)
			continue;
		assert_true(bytes == all);
		fitting++;
		eye.sum += eye.room[picture.offset] + eye.room[picture.offset + bytes - 1];
	}
	assert_true(fitting > 100);
	eye_close(&eye);
	close(file);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_orders),
		cmocka_unit_test(test_any_write),
		cmocka_unit_test(test_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
