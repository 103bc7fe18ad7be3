/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sallyport/scanout.h>

struct viewer {
	struct sp_scanout_listener listener;
	uint32_t changes[4], damages;
	struct sp_rectangle part;
	struct sp_scanout *leave; /* at the next call */
	struct viewer *other; /* who has to leave then */
};

static void changed(struct sp_scanout_listener *listener, const struct sp_scanout *scanout,
	enum sp_scanout_change change) {
	struct viewer *viewer = (struct viewer *)listener;

	(void)scanout;
	viewer->changes[change]++;
	if (viewer->leave)
		sp_scanout_forget(
			viewer->leave, viewer->other ? &viewer->other->listener : listener);
}

static void damaged(struct sp_scanout_listener *listener, const struct sp_scanout *scanout,
	const struct sp_rectangle *part) {
	struct viewer *viewer = (struct viewer *)listener;

	(void)scanout;
	viewer->damages++;
	viewer->part = *part;
}

static const struct sp_picture good = {
	.file = 0,
	.file_size = 640 * 480 * 4,
	.width = 640,
	.height = 480,
	.stride = 640 * 4,
	.format = SP_FORMAT_XRGB8888,
};

/* Each field at its bounds, and where sums in 32 bits would wrap. */
static void test_geometry(void **state) {
	static const uint32_t extremes[] = {0, 1, 639, 640, 641, 16384, 16385, 0x10000, 0x40000000,
		0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
	static const uint64_t wide[] = {0, 1, 2560, 640 * 480 * 4, 1ull << 32, (1ull << 32) - 1,
		INT64_MAX, UINT64_MAX - 2559, UINT64_MAX};
	struct sp_picture picture = good;
	uint64_t bytes = 0;

	(void)state;
	assert_true(sp_picture_fits(&picture, &bytes));
	assert_int_equal(bytes, 640 * 480 * 4);
	for (size_t w = 0; w < 13; w++)
		for (size_t h = 0; h < 13; h++)
			for (size_t s = 0; s < 13; s++)
				for (size_t o = 0; o < 9; o++) {
					unsigned __int128 end;

					picture.width = extremes[w];
					picture.height = extremes[h];
					picture.stride = extremes[s];
					picture.offset = wide[o];
					end = (unsigned __int128)wide[o] +
						(unsigned __int128)extremes[s] *
							(extremes[h] - 1ull) +
						extremes[w] * 4ull;
					assert_int_equal(sp_picture_fits(&picture, &bytes),
						extremes[w] && extremes[w] <= 16384 &&
							extremes[h] && extremes[h] <= 16384 &&
							extremes[s] >= extremes[w] * 4ull &&
							end <= picture.file_size);
				}
	picture = good;
	picture.format = SP_FOURCC('N', 'V', '1', '2');
	assert_false(sp_picture_fits(&picture, NULL));
	picture.format = SP_FORMAT_RGB565;
	assert_true(sp_picture_fits(&picture, NULL));
	picture.file = -1;
	assert_false(sp_picture_fits(&picture, NULL));
	/* The last line need not have all of its stride. */
	picture = good;
	picture.stride = 4096;
	picture.file_size = 4096 * 479 + 2560;
	assert_true(sp_picture_fits(&picture, NULL));
	picture.file_size--;
	assert_false(sp_picture_fits(&picture, NULL));
}

static void test_changes(void **state) {
	struct viewer viewer = {.listener = {.changed = changed, .damaged = damaged}};
	struct sp_picture picture = good;
	struct sp_scanout scanout;

	(void)state;
	sp_scanout_init(&scanout);
	sp_scanout_listen(&scanout, &viewer.listener);
	sp_scanout_blank(&scanout);
	assert_int_equal(scanout.generation, 0);
	sp_scanout_show(&scanout, &picture);
	assert_int_equal(viewer.changes[SP_SCANOUT_RESIZED], 1);
	sp_scanout_show(&scanout, &picture);
	assert_int_equal(scanout.generation, 1);
	picture.file_size *= 2;
	picture.offset = 640 * 480 * 4;
	sp_scanout_show(&scanout, &picture);
	assert_int_equal(viewer.changes[SP_SCANOUT_FLIPPED], 1);
	picture.height = 240;
	sp_scanout_show(&scanout, &picture);
	assert_int_equal(viewer.changes[SP_SCANOUT_RESIZED], 2);
	/* What does not fit is nothing. */
	picture.offset = picture.file_size;
	sp_scanout_show(&scanout, &picture);
	assert_int_equal(viewer.changes[SP_SCANOUT_BLANKED], 1);
	assert_int_equal(scanout.picture.file, -1);
	sp_scanout_show(&scanout, &picture);
	assert_int_equal(scanout.generation, 4);
	sp_scanout_forget(&scanout, &viewer.listener);
	sp_scanout_forget(&scanout, &viewer.listener);
	picture = good;
	sp_scanout_show(&scanout, &picture);
	assert_int_equal(viewer.changes[SP_SCANOUT_RESIZED], 2);
}

static void test_damage(void **state) {
	struct viewer viewer = {.listener = {.changed = changed, .damaged = damaged}};
	struct viewer blind = {.listener.changed = changed};
	struct sp_rectangle part = {630, 470, UINT32_MAX, UINT32_MAX};
	struct sp_scanout scanout;

	(void)state;
	sp_scanout_init(&scanout);
	sp_scanout_listen(&scanout, &viewer.listener);
	sp_scanout_listen(&scanout, &blind.listener);
	sp_scanout_damage(&scanout, &part);
	assert_int_equal(viewer.damages, 0);
	sp_scanout_show(&scanout, &good);
	sp_scanout_damage(&scanout, &part);
	assert_int_equal(viewer.damages, 1);
	assert_int_equal(viewer.part.width, 10);
	assert_int_equal(viewer.part.height, 10);
	part.x = 640;
	sp_scanout_damage(&scanout, &part);
	part = (struct sp_rectangle){0, 0, 0, 1};
	sp_scanout_damage(&scanout, &part);
	assert_int_equal(viewer.damages, 1);
}

static void test_leaving(void **state) {
	struct viewer viewers[3] = {0};
	struct sp_scanout scanout;

	(void)state;
	sp_scanout_init(&scanout);
	for (int i = 0; i < 3; i++) {
		viewers[i].listener.changed = changed;
		viewers[i].leave = &scanout;
		sp_scanout_listen(&scanout, &viewers[i].listener);
	}
	viewers[1].leave = NULL;
	sp_scanout_show(&scanout, &good);
	sp_scanout_blank(&scanout);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(viewers[i].changes[SP_SCANOUT_RESIZED], 1);
		assert_int_equal(viewers[i].changes[SP_SCANOUT_BLANKED], i == 1);
	}
}

/* One sends another away who would have been called next. */
static void test_sent_away(void **state) {
	struct viewer viewers[3] = {0};
	struct sp_scanout scanout;

	(void)state;
	sp_scanout_init(&scanout);
	for (int i = 2; i >= 0; i--) {
		viewers[i].listener.changed = changed;
		sp_scanout_listen(&scanout, &viewers[i].listener);
	}
	viewers[0].leave = &scanout;
	viewers[0].other = &viewers[1];
	sp_scanout_show(&scanout, &good);
	assert_int_equal(viewers[0].changes[SP_SCANOUT_RESIZED], 1);
	assert_int_equal(viewers[1].changes[SP_SCANOUT_RESIZED], 0);
	assert_int_equal(viewers[2].changes[SP_SCANOUT_RESIZED], 1);
}

static void test_cursor(void **state) {
	struct viewer viewer = {.listener.changed = changed};
	struct sp_cursor cursor = {.picture = good, .x = -3, .y = 5};
	struct sp_scanout scanout;

	(void)state;
	sp_scanout_init(&scanout);
	sp_scanout_listen(&scanout, &viewer.listener);
	sp_scanout_set_cursor(&scanout, &cursor);
	assert_int_equal(viewer.changes[SP_SCANOUT_CURSOR], 1);
	assert_int_equal(scanout.cursor.picture.file, 0);
	cursor.picture.width = UINT32_MAX;
	sp_scanout_set_cursor(&scanout, &cursor);
	assert_int_equal(scanout.cursor.picture.file, -1);
	assert_int_equal(scanout.cursor.x, -3);
	assert_int_equal(scanout.generation, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_geometry),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_leaving),
		cmocka_unit_test(test_sent_away),
		cmocka_unit_test(test_cursor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
