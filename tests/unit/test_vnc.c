/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "show/rfb.h"
#include "vnc_scene.h"

static const int32_t SIMPLE[] = {0};
static const int32_t USUAL[] = {0, SP_RFB_LAST_RECT, -223, -239};

/* Until it has all. */
static void see_rest(struct client *client) {
	uint32_t missing = 1;

	for (uint32_t updates = 0; missing && updates < 200; updates++) {
		assert_true(client_update(client));
		missing = client_differs(client);
		if (missing)
			client_request(client, true);
	}
	assert_int_equal(missing, 0);
}

static void see_all(struct client *client) {
	client_request(client, false);
	see_rest(client);
}

/* Until it is told what came of its wish for a size. */
static void see_size(struct client *client) {
	uint32_t updates = 0;

	client->size_reason = 0;
	do {
		client_request(client, true);
		assert_true(client_update(client));
	} while (!client->size_reason && ++updates < 20);
	assert_int_equal(client->size_reason, 1);
}

static void test_versions(void **state) {
	static const char *const versions[] = {
		"RFB 003.003\n", "RFB 003.007\n", "RFB 003.008\n", "RFB 003.005\n"};
	struct scene scene;

	(void)state;
	scene_open(&scene, NULL);
	for (size_t i = 0; i < 4; i++) {
		struct client client;

		client_connect(&client, &scene);
		assert_true(client_greet(&client, versions[i], NULL));
		assert_int_equal(client.width, 640);
		assert_int_equal(client.height, 480);
		assert_int_equal(scene_state(&scene).viewers, 1);
		client_close(&client);
		assert_int_equal(scene_state(&scene).viewers, 0);
	}
	assert_string_equal(scene.log, "a viewer is gone: it closed its window");
	scene_close(&scene);
}

static void test_password(void **state) {
	static const char *const versions[] = {"RFB 003.003\n", "RFB 003.007\n", "RFB 003.008\n"};
	const struct sp_vnc_options options = {.listener = -1, .password = "secret"};
	struct scene scene, open;
	struct client client, other;
	uint8_t security[2], bytes[64];

	(void)state;
	scene_open(&scene, &options);
	scene_open(&open, NULL);
	for (size_t i = 0; i < 3; i++) {
		client_connect(&client, &scene);
		assert_true(client_greet(&client, versions[i], "secret"));
		client_close(&client);
		client_connect(&client, &scene);
		assert_false(client_greet(&client, versions[i], "Secret"));
		assert_true(client_gone(&client));
		client_close(&client);
	}
	assert_int_equal(scene_state(&scene).refused, 3);
	assert_int_equal(scene_state(&scene).viewers_ever, 6);

	/* A screen that is open to all, in the same program, does not open this one. */
	client_connect(&client, &scene);
	assert_true(client_get(&client, bytes, 12));
	client_send(&client, "RFB 003.008\n", 12);
	assert_true(client_get(&client, security, 2));
	client_open(&other, &open);
	client_send(&client, "\1\1", 2);
	assert_true(client_gone(&client));
	assert_int_equal(scene_state(&scene).viewers, 0);
	client_close(&other);
	client_close(&client);

	/* The challenge is not its own answer. */
	client_connect(&client, &scene);
	assert_true(client_get(&client, bytes, 12));
	client_send(&client, "RFB 003.008\n", 12);
	assert_true(client_get(&client, security, 2));
	client_send(&client, "\2", 1);
	assert_true(client_get(&client, bytes, 16));
	client_send(&client, bytes, 16);
	assert_true(client_get(&client, bytes, 4));
	assert_int_equal(sp_load_be32(bytes), 1);
	assert_true(client_gone(&client));
	client_close(&client);

	/* The fifth in a row makes all wait, even those who know it. */
	client_connect(&client, &scene);
	assert_false(client_greet(&client, "RFB 003.008\n", "guess"));
	client_close(&client);
	client_connect(&client, &scene);
	assert_false(client_greet(&client, "RFB 003.008\n", "guess"));
	client_close(&client);
	client_connect(&client, &scene);
	assert_false(client_greet(&client, "RFB 003.008\n", "guess"));
	client_close(&client);
	client_connect(&client, &scene);
	assert_false(client_greet(&client, "RFB 003.008\n", "secret"));
	client_close(&client);
	scene_close(&open);
	scene_close(&scene);
}

static void test_formats(void **state) {
	static const struct {
		uint32_t width, height, stride, offset, format;
	} pictures[] = {
		{640, 480, 2560, 0, SP_FORMAT_XRGB8888},
		{801, 303, 3204 + 12, 4096 * 3 + 4, SP_FORMAT_XRGB8888},
		{333, 222, 333 * 4 + 1, 7, SP_FORMAT_ARGB8888},
		{65, 64, 260, 123, SP_FORMAT_BGRX8888},
		{1023, 129, 2048, 2, SP_FORMAT_RGB565},
		{64, 64, 129, 1, SP_FORMAT_RGB565},
		{1, 1, 4, 0, SP_FORMAT_XRGB8888},
		{1920, 1080, 7680, 0, SP_FORMAT_XRGB8888},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pictures) / sizeof(pictures[0]); i++) {
		for (uint32_t usual = 0; usual < 2; usual++) {
			struct client client;
			struct scene scene;

			scene_open(&scene, NULL);
			scene_show(&scene, pictures[i].width, pictures[i].height,
				pictures[i].stride, pictures[i].offset, pictures[i].format);
			client_open(&client, &scene);
			assert_int_equal(client.width, pictures[i].width);
			client_encodings(&client, usual ? USUAL : SIMPLE, usual ? 4 : 1);
			client_request(&client, false);
			assert_true(client_update(&client));
			/* With a last rectangle all of it is one update. */
			if (usual)
				assert_int_equal(client_differs(&client), 0);
			else
				see_all(&client);
			client_close(&client);
			scene_close(&scene);
		}
	}
}

/* Another picture of another format while a viewer looks. */
static void test_resize(void **state) {
	static const int32_t extended[] = {0, SP_RFB_LAST_RECT, -308};
	struct client client, second, fixed;
	struct scene scene;

	(void)state;
	scene_open(&scene, NULL);
	scene_show(&scene, 640, 480, 2560, 0, SP_FORMAT_XRGB8888);
	client_open(&client, &scene);
	client_encodings(&client, USUAL, 4);
	see_all(&client);
	client_open(&second, &scene);
	client_encodings(&second, extended, 3);
	client_request(&second, false);
	assert_true(client_update(&second));
	assert_int_equal(second.sizes, 1);
	client_open(&fixed, &scene);
	client_encodings(&fixed, SIMPLE, 1);
	see_all(&fixed);

	client_request(&client, true);
	client_request(&second, true);
	client_request(&fixed, true);
	scene_show(&scene, 800, 600, 1602, 64, SP_FORMAT_RGB565);
	assert_true(client_update(&client));
	assert_int_equal(client.sizes, 1);
	assert_int_equal(client.rectangles, 1);
	assert_int_equal(client.width, 800);
	assert_int_equal(client.height, 600);
	see_all(&client);
	while (second.width != 800)
		assert_true(client_update(&second));
	see_all(&second);
	assert_true(client_gone(&fixed));
	client_close(&fixed);

	/* Nothing is black, and keeps the size. */
	client_request(&client, true);
	sp_scanout_blank(&scene.scanout);
	see_rest(&client);
	assert_int_equal(client.width, 800);
	/* The same size at another place. */
	client_request(&client, true);
	scene_show(&scene, 800, 600, 1604, 4096, SP_FORMAT_RGB565);
	see_rest(&client);
	assert_int_equal(client.sizes, 0);
	client_close(&client);
	client_close(&second);
	scene_close(&scene);
}

static void test_wish(void **state) {
	static const int32_t extended[] = {0, SP_RFB_LAST_RECT, -308};
	uint8_t wish[24] = {SP_RFB_SET_DESKTOP_SIZE, 0, 4, 0, 3, 0, 1};
	struct client client;
	struct scene scene;

	(void)state;
	scene_open(&scene, NULL);
	scene_show(&scene, 640, 480, 2560, 0, SP_FORMAT_XRGB8888);
	client_open(&client, &scene);
	client_encodings(&client, extended, 3);
	client_send(&client, wish, sizeof(wish));
	scene_run(&scene, 2);
	assert_int_equal(scene.wish_width, 1024);
	assert_int_equal(scene.wish_height, 768);
	/* It is the guest's to follow. */
	scene_show(&scene, 1024, 768, 4096, 0, SP_FORMAT_XRGB8888);
	see_size(&client);
	assert_int_equal(client.width, 1024);
	assert_int_equal(client.size_result, 0);
	see_all(&client);
	/* Nobody to wish at, and no size. */
	wish[2] = 0xff;
	client_send(&client, wish, sizeof(wish));
	see_size(&client);
	assert_int_equal(client.size_result, 3);
	assert_int_equal(scene.wish_width, 1024);
	scene.scanout.resize = NULL;
	wish[2] = 4;
	client_send(&client, wish, sizeof(wish));
	see_size(&client);
	assert_int_equal(client.size_result, 1);
	client_close(&client);
	scene_close(&scene);
}

static void test_damage(void **state) {
	struct sp_vnc_state before, after;
	struct client client;
	struct scene scene;

	(void)state;
	scene_open(&scene, NULL);
	scene_show(&scene, 1000, 500, 4000, 0, SP_FORMAT_XRGB8888);
	client_open(&client, &scene);
	client_encodings(&client, USUAL, 4);
	see_all(&client);
	client_request(&client, true);
	scene_run(&scene, 80);
	before = scene_state(&scene);
	scene_run(&scene, 80);
	after = scene_state(&scene);
	assert_true(after.passes > before.passes);
	assert_int_equal(after.tiles_changed, before.tiles_changed);
	assert_int_equal(after.bytes, before.bytes);

	/* One pixel: its tile, which is at the right edge and lower than high. */
	scene.memory[499 * 4000 + 999 * 4] ^= 0xff;
	assert_true(client_update(&client));
	assert_int_equal(client.rectangles, 1);
	assert_int_equal(client.bounds.x, 960);
	assert_int_equal(client.bounds.y, 448);
	assert_int_equal(client.bounds.width, 40);
	assert_int_equal(client.bounds.height, 52);
	assert_int_equal(client_differs(&client), 0);
	assert_int_equal(scene_state(&scene).tiles_changed, after.tiles_changed + 1);
	client_close(&client);
	scene_close(&scene);
}

static void test_tells(void **state) {
	const struct sp_rectangle part = {10, 10, 60, 1}, wide = {0, 0, UINT32_MAX, UINT32_MAX};
	struct sp_vnc_state before;
	struct client client;
	struct scene scene;

	(void)state;
	scene_open(&scene, NULL);
	scene.scanout.tells = true;
	scene_show(&scene, 640, 480, 2560, 0, SP_FORMAT_XRGB8888);
	client_open(&client, &scene);
	client_encodings(&client, USUAL, 4);
	see_all(&client);
	client_request(&client, true);
	scene_run(&scene, 10);
	before = scene_state(&scene);
	/* What is not told is not looked for. */
	scene.memory[0] ^= 0xff;
	scene_run(&scene, 100);
	assert_int_equal(scene_state(&scene).passes, before.passes);
	sp_scanout_damage(&scene.scanout, &part);
	assert_true(client_update(&client));
	assert_int_equal(client.tiles_area, 64 * 64);
	assert_int_equal(scene_state(&scene).tiles_compared, before.tiles_compared + 2);
	assert_int_equal(client_differs(&client), 0);
	scene.memory[639 * 4] ^= 0xff;
	client_request(&client, true);
	sp_scanout_damage(&scene.scanout, &wide);
	assert_true(client_update(&client));
	assert_int_equal(client_differs(&client), 0);
	client_close(&client);
	scene_close(&scene);
}

static void test_idle(void **state) {
	struct sp_vnc_state none = {0}, now;
	struct client client;
	struct scene scene;

	(void)state;
	scene_open(&scene, NULL);
	scene_show(&scene, 640, 480, 2560, 0, SP_FORMAT_XRGB8888);
	scene_run(&scene, 100);
	now = scene_state(&scene);
	assert_memory_equal(&now, &none, sizeof(none));
	/* One who has not come in costs nothing either. */
	client_connect(&client, &scene);
	scene_run(&scene, 50);
	assert_int_equal(scene_state(&scene).memory, 0);
	assert_true(client_greet(&client, "RFB 003.008\n", NULL));
	client_encodings(&client, USUAL, 4);
	assert_int_equal(scene_state(&scene).memory, 640 * 480 * 4);
	see_all(&client);
	/* One who does not ask is not looked for. */
	now = scene_state(&scene);
	scene.memory[0] ^= 1;
	scene_run(&scene, 100);
	assert_int_equal(scene_state(&scene).passes, now.passes);
	client_request(&client, true);
	assert_true(client_update(&client));
	client_request(&client, true);
	scene_run(&scene, 50);
	client_close(&client);
	now = scene_state(&scene);
	assert_int_equal(now.memory, 0);
	scene_run(&scene, 100);
	assert_int_equal(scene_state(&scene).passes, now.passes);
	scene_close(&scene);
}

/* At most so many a second, and fewer when nothing happens. */
static void test_rate(void **state) {
	const struct sp_vnc_options options = {.listener = -1, .rate = 50};
	struct client client;
	struct scene scene;
	uint64_t before, begun, passes, periods;

	(void)state;
	scene_open(&scene, &options);
	scene_show(&scene, 64, 64, 256, 0, SP_FORMAT_XRGB8888);
	client_open(&client, &scene);
	client_encodings(&client, USUAL, 4);
	see_all(&client);
	before = scene_state(&scene).passes;
	begun = scene.loop->ops->now(scene.loop);
	for (uint32_t i = 0; i < 200; i++) {
		scene.memory[0]++;
		client_request(&client, i % 2);
		scene_run(&scene, 1);
		(void)recv(client.socket, (char[65536]){0}, 65536, MSG_DONTWAIT);
	}
	periods = (scene.loop->ops->now(scene.loop) - begun) / 20000;
	passes = scene_state(&scene).passes - before;
	assert_in_range(passes, 3, periods + 2);
	client_close(&client);
	scene_close(&scene);
}

static void test_cursor(void **state) {
	struct sp_cursor cursor = {.picture = {.file_size = SCENE_MEMORY,
					   .offset = SCENE_MEMORY - 64 * 64 * 4,
					   .width = 16,
					   .height = 20,
					   .stride = 256,
					   .format = SP_FORMAT_ARGB8888},
		.x = 100,
		.y = 50,
		.hot_x = 3,
		.hot_y = 4};
	static const uint32_t formats[] = {
		SP_FORMAT_XRGB8888, SP_FORMAT_BGRX8888, SP_FORMAT_RGB565};
	struct client client, plain;
	struct scene scene;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		uint8_t *pixels;

		scene_open(&scene, NULL);
		scene_show(&scene, 640, 480, 2560, 0, formats[i]);
		client_open(&client, &scene);
		client_encodings(&client, USUAL, 4);
		client_open(&plain, &scene);
		client_encodings(&plain, SIMPLE, 1);
		see_all(&client);
		see_all(&plain);
		/* The guest has none. */
		assert_int_equal(client.cursors, 0);
		pixels = scene.memory + cursor.picture.offset;
		memset(pixels, 0, 256 * 20);
		memcpy(pixels, "\x00\xff\x00\xff", 4); /* green */
		memcpy(pixels + 8, "\x00\x00\xff\x80", 4);
		cursor.picture.file = scene.file;
		cursor.hot_x = 3;
		client_request(&client, true);
		client_request(&plain, true);
		sp_scanout_set_cursor(&scene.scanout, &cursor);
		assert_true(client_update(&client));
		assert_int_equal(client.cursors, 1);
		assert_int_equal(client.tiles_area, 0);
		assert_int_equal(client.cursor.x, 3);
		assert_int_equal(client.cursor.y, 4);
		assert_int_equal(client.cursor.width, 16);
		assert_int_equal(client.cursor.height, 20);
		assert_int_equal(client.cursor_first, 0x00ff00);
		assert_int_equal(client.cursor_mask, 0xa0);
		/* Drawn for who cannot. */
		assert_true(client_update(&plain));
		assert_int_equal(client_differs(&plain), 2);
		assert_int_equal(plain.pixels[(50 - 4) * 640 + 100 - 3], 0x00ff00);
		/* It moves: what it was drawn over is there again. */
		cursor.x = 300;
		client_request(&plain, true);
		sp_scanout_set_cursor(&scene.scanout, &cursor);
		assert_true(client_update(&plain));
		assert_int_equal(client_differs(&plain), 2);
		assert_int_equal(plain.pixels[(50 - 4) * 640 + 300 - 3], 0x00ff00);
		cursor.x = 100;
		/* None, and one that is too large. */
		cursor.picture.file = -1;
		client_request(&client, true);
		client_request(&plain, true);
		sp_scanout_set_cursor(&scene.scanout, &cursor);
		assert_true(client_update(&plain));
		assert_int_equal(client_differs(&plain), 0);
		assert_true(client_update(&client));
		while (client.cursor.width) {
			client_request(&client, true);
			assert_true(client_update(&client));
		}
		client_close(&client);
		client_close(&plain);
		scene_close(&scene);
	}
}

static void test_typing(void **state) {
	struct client client, second;
	struct scene scene;

	(void)state;
	scene_open(&scene, NULL);
	scene_show(&scene, 640, 480, 2560, 0, SP_FORMAT_XRGB8888);
	client_open(&client, &scene);
	client_key(&client, 0xffe1, true);
	client_key(&client, 'A', true);
	client_key(&client, 'A', true);
	client_key(&client, 'A', false);
	client_key(&client, 0xffe1, false);
	client_key(&client, 0xffe1, false);
	client_key(&client, 0x12345678, true);
	scene_run(&scene, 2);
	assert_string_equal(scene.typed, "+42 . +30 . -30 . -42 . ");
	assert_int_equal(scene_state(&scene).keys, 4);
	assert_int_equal(scene_state(&scene).keys_unknown, 1);

	scene.typed[0] = '\0';
	client_point(&client, 0, 0, 0);
	client_point(&client, 0, 639, 479);
	client_point(&client, 1, 639, 479);
	client_point(&client, 1, 65535, 65535);
	client_point(&client, 7, 639, 479);
	client_point(&client, 0x88, 639, 479);
	client_point(&client, 0x08, 639, 479);
	client_point(&client, 0x10, 639, 479);
	client_point(&client, 0x20, 639, 479);
	client_point(&client, 0x40, 320, 0);
	scene_run(&scene, 2);
	assert_string_equal(scene.typed,
		"@0:0,0 . @0:32767,32767 . +272 . +274 +273 . -272 -274 -273 +275 w1,0 . -275 . "
		"w-1,0 . w0,-1 . @0:16409,0 w0,1 . ");

	/* Two hold a key: it is up when both have gone, and so is a button. */
	scene.typed[0] = '\0';
	client_open(&second, &scene);
	client_key(&client, 'x', true);
	client_key(&second, 'X', true);
	client_key(&second, 0xffe9, true);
	client_point(&second, 1, 320, 0);
	client_key(&client, 'x', false);
	scene_run(&scene, 2);
	assert_string_equal(scene.typed, "+45 . +56 . +272 . ");
	scene.typed[0] = '\0';
	client_close(&second);
	assert_string_equal(scene.typed, "-45 . -56 . -272 . ");
	/* And when the server goes. */
	client_key(&client, 'y', true);
	scene_run(&scene, 2);
	scene.typed[0] = '\0';
	sp_vnc_destroy(scene.vnc);
	assert_string_equal(scene.typed, "-21 . ");
	scene.vnc = NULL;
	client.scene = &scene;
	client_close(&client);
	scene_close(&scene);
}

static void test_extended_keys(void **state) {
	static const int32_t encodings[] = {0, SP_RFB_EXTENDED_KEYS};
	/* The letter that a German keyboard has where the US one has Y; and right control. */
	static const uint8_t keys[] = {255, 0, 0, 1, 0, 0, 0, 'z', 0, 0, 0, 0x15, 255, 0, 0, 0, 0,
		0, 0, 'z', 0, 0, 0, 0x15, 255, 0, 0, 1, 0, 0, 0xff, 0xe4, 0, 0, 0, 0x9d, 255, 0, 0,
		1, 0, 0, 0, 'q', 0, 0, 0, 0};
	struct client client;
	struct scene scene;

	(void)state;
	scene_open(&scene, NULL);
	client_open(&client, &scene);
	client_encodings(&client, encodings, 2);
	assert_true(client_update(&client));
	assert_int_equal(client.extended_keys, 1);
	client_send(&client, keys, sizeof(keys));
	scene_run(&scene, 2);
	assert_string_equal(scene.typed, "+21 . -21 . +97 . +16 . ");
	client_close(&client);
	scene_close(&scene);
}

static void test_view_only(void **state) {
	const struct sp_vnc_options options = {.listener = -1, .view_only = true};
	struct client client;
	struct scene scene;

	(void)state;
	scene_open(&scene, &options);
	client_open(&client, &scene);
	client_key(&client, 'a', true);
	client_point(&client, 1, 5, 5);
	client_close(&client);
	assert_string_equal(scene.typed, "");
	scene_close(&scene);
}

/* One who asks and does not read: the loop goes on, and others see. */
static void test_slow(void **state) {
	uint64_t worst = 0, start, before, took;
	struct client slow, quick;
	struct scene scene;
	uint32_t updates = 0;

	(void)state;
	scene_open(&scene, NULL);
	scene_show(&scene, 1920, 1080, 7680, 0, SP_FORMAT_XRGB8888);
	client_open(&slow, &scene);
	client_encodings(&slow, USUAL, 4);
	client_open(&quick, &scene);
	client_encodings(&quick, USUAL, 4);
	for (uint32_t i = 0; i < 20; i++)
		client_request(&slow, false);
	start = scene.loop->ops->now(scene.loop);
	for (before = start; before - start < 300000;) {
		before = scene.loop->ops->now(scene.loop);
		assert_int_equal(sp_loop_step(scene.loop, 0), 0);
		took = scene.loop->ops->now(scene.loop) - before;
		worst = took > worst ? took : worst;
	}
	see_all(&quick);
	for (uint32_t i = 0; i < 5; i++) {
		scene.memory[i * 4]++;
		client_request(&quick, true);
		updates += client_update(&quick) && !client_differs(&quick);
	}
	assert_int_equal(updates, 5);
	assert_true(scene_state(&scene).bytes > 100000);
	/* libvncserver waits for five seconds, if it waits. */
	if (getenv("V"))
		printf("%u us\n", (unsigned)worst);
	assert_true(worst < 1000000);
	/* It reads at last, and has it all. */
	see_all(&slow);
	client_close(&slow);
	client_close(&quick);
	scene_close(&scene);
}

static void test_many(void **state) {
	const struct sp_vnc_options options = {.listener = -1, .viewers = 3};
	struct client clients[3], more;
	struct scene scene;

	(void)state;
	scene_open(&scene, &options);
	scene_show(&scene, 640, 480, 2560, 0, SP_FORMAT_XRGB8888);
	for (size_t i = 0; i < 3; i++) {
		if (i == 1)
			client_connect(&clients[i], &scene);
		else
			client_open(&clients[i], &scene);
	}
	/* The one who says nothing makes room for one who may. */
	client_open(&more, &scene);
	assert_true(client_gone(&clients[1]));
	client_close(&clients[1]);
	client_connect(&clients[1], &scene);
	assert_true(client_gone(&clients[1]));
	assert_int_equal(scene_state(&scene).refused, 1);
	assert_int_equal(scene_state(&scene).viewers, 3);
	client_encodings(&more, USUAL, 4);
	client_encodings(&clients[0], SIMPLE, 1);
	client_encodings(&clients[2], USUAL, 4);
	see_all(&more);
	see_all(&clients[0]);
	see_all(&clients[2]);
	for (size_t i = 0; i < 3; i++)
		client_close(&clients[i]);
	client_close(&more);
	scene_close(&scene);
}

static void test_garbage(void **state) {
	static const struct {
		const char *bytes;
		size_t size;
	} bad[] = {
		{"\1\0\0\0", 4}, /* no message */
		{"\7", 1}, /* UltraVNC's files */
		{"\x0b", 1}, /* its chat */
		{"\xfa\0\1\1", 4}, /* xvp: the host's own power */
		{"\xff\1\0\0", 4}, /* QEMU's sound */
		{"\2\0\xff\xff", 4}, /* too many encodings */
		{"\6\0\0\0\x7f\xff\xff\xff", 8}, /* too long a text */
		{"\6\0\0\0\x80\0\0\0", 8}, {"\xfb\0\1\1\1\1\xff\0", 8}, /* too many screens */
		{"\0\0\0\0\x18\x18\0\1\0\xff\0\xff\0\xff\x10\x08\0\0\0\0", 20}, /* 24 bits */
		{"\0\0\0\0\x20\x18\0\0\0\xff\0\xff\0\xff\x10\x08\0\0\0\0", 20}, /* a palette */
		{"\0\0\0\0\x20\x18\0\1\0\xff\0\xff\0\xff\xff\x08\0\0\0\0", 20}, /* a far shift */
		{"\0\0\0\0\x20\x18\0\1\0\0\0\xff\0\xff\x10\x08\0\0\0\0", 20}, /* no red */
		{"\0\0\0\0\x20\x18\0\1\0\xfe\0\xff\0\xff\x10\x08\0\0\0\0", 20},
		{"\0\0\0\0\x10\x20\0\1\0\x1f\0\x3f\0\x1f\x0b\x05\0\0\0\0",
			20}, /* deeper than wide */
	};
	struct client client;
	struct scene scene;
	uint64_t ended = 0;

	(void)state;
	scene_open(&scene, NULL);
	scene_show(&scene, 640, 480, 2560, 0, SP_FORMAT_XRGB8888);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		client_open(&client, &scene);
		client_send(&client, bad[i].bytes, bad[i].size);
		assert_true(client_gone(&client));
		assert_int_equal(scene_state(&scene).ended, ++ended);
		client_close(&client);
	}
	client_connect(&client, &scene);
	client_send(&client, "GET / HTTP/1.1\r\n", 16);
	assert_true(client_gone(&client));
	client_close(&client);
	/* A text of the longest kind, and a message in single bytes, are fine. */
	client_open(&client, &scene);
	client_send(&client, "\6\0\0\0\0\x10\0\0", 8);
	for (uint32_t i = 0; i < (1u << 20) / 4096; i++)
		client_send(&client, (char[4096]){0}, 4096);
	for (uint32_t i = 0; i < 8; i++)
		client_send(&client, &"\4\1\0\0\0\0\0a"[i], 1);
	scene_run(&scene, 2);
	assert_string_equal(scene.typed, "+30 . ");
	client_close(&client);
	scene_close(&scene);
}

/* Every message cut short, followed by the end; and noise. */
static void test_hostile(void **state) {
	static const char greeting[] = "RFB 003.008\n\1\1";
	static const uint8_t talk[] = {0, 0, 0, 0, 16, 16, 0, 1, 0, 31, 0, 63, 0, 31, 11, 5, 0, 0,
		0, 0, 2, 0, 0, 3, 0, 0, 0, 7, 0xff, 0xff, 0xff, 0x20, 0xff, 0xff, 0xff, 0x21, 3, 0,
		0, 0, 0, 0, 255, 255, 255, 255, 4, 1, 0, 0, 0, 0, 0, 'q', 5, 255, 1, 1, 2, 2};
	uint32_t seed = 1;
	struct client client;
	struct scene scene;

	(void)state;
	scene_open(&scene, NULL);
	scene_show(&scene, 200, 200, 800, 0, SP_FORMAT_XRGB8888);
	for (size_t cut = 0; cut <= sizeof(greeting) - 1 + sizeof(talk); cut++) {
		uint8_t all[sizeof(greeting) - 1 + sizeof(talk)];

		memcpy(all, greeting, sizeof(greeting) - 1);
		memcpy(all + sizeof(greeting) - 1, talk, sizeof(talk));
		client_connect(&client, &scene);
		client_send(&client, all, cut);
		if (cut % 16 == 0)
			scene_run(&scene, 40);
		client_close(&client);
		assert_int_equal(scene_state(&scene).viewers, 0);
	}
	for (uint32_t run = 0; run < 300; run++) {
		uint8_t noise[64];

		for (size_t i = 0; i < sizeof(noise); i++) {
			seed = seed * 1664525u + 1013904223u;
			noise[i] = (uint8_t)(seed >> 24);
		}
		/* A beginning that is a message, mostly. */
		noise[0] = (uint8_t) "\0\2\3\4\5\6\xfb\xff"[run % 8];
		client_connect(&client, &scene);
		client_send(&client, greeting, sizeof(greeting) - 1);
		client_send(&client, noise, sizeof(noise));
		client_close(&client);
	}
	assert_int_equal(scene_state(&scene).viewers, 0);
	assert_int_equal(scene_state(&scene).memory, 0);
	scene_close(&scene);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_password),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_resize),
		cmocka_unit_test(test_wish),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_tells),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_cursor),
		cmocka_unit_test(test_typing),
		cmocka_unit_test(test_extended_keys),
		cmocka_unit_test(test_view_only),
		cmocka_unit_test(test_slow),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
