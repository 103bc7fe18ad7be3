/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <rfb/rfbclient.h>

#include "vnc_scene.h"

/*
 * libvncclient, which others wrote, as the viewer: each encoding gives the same pixels, and an
 * update in parts is one to it, too. It waits for what it reads, so that it is another process.
 */
struct shared {
	uint32_t width, height, updates;
	uint32_t pixels[1920 * 1080]; /* 0xXXRRGGBB */
};

static struct shared *shared;

/* It paints where the test can see it. */
static rfbBool allocate(rfbClient *client) {
	shared->width = (uint32_t)client->width;
	shared->height = (uint32_t)client->height;
	client->frameBuffer = (uint8_t *)shared->pixels;
	return (size_t)client->width * (size_t)client->height <= sizeof(shared->pixels) / 4;
}

static void finished(rfbClient *client) {
	(void)client;
	__atomic_add_fetch(&shared->updates, 1, __ATOMIC_RELEASE);
}

static void quiet(const char *format, ...) {
	(void)format;
}

static char *give_password(rfbClient *client) {
	(void)client;
	return strdup("secret");
}

static void view(const char *path, const char *encoding) {
	rfbClient *client = rfbGetClient(8, 3, 4);
	char program[] = "viewer", *arguments[] = {program, NULL};
	int count = 1;

	rfbClientLog = rfbClientErr = quiet;
	if (!client)
		_exit(1);
	client->MallocFrameBuffer = allocate;
	client->FinishedFrameBufferUpdate = finished;
	client->GetPassword = give_password;
	client->canHandleNewFBSize = TRUE;
	client->appData.encodingsString = encoding;
	client->appData.compressLevel = 3;
	client->appData.qualityLevel = 10; /* no JPEG, which would lose something */
	client->appData.enableJPEG = FALSE;
	client->appData.useRemoteCursor = TRUE;
	client->format.redShift = 16;
	client->format.greenShift = 8;
	client->format.blueShift = 0;
	free(client->serverHost);
	client->serverHost = strdup(path);
	client->serverPort = 0;
	if (!rfbInitClient(client, &count, arguments))
		_exit(2);
	for (;;) {
		int ready = WaitForMessage(client, 100000);

		if (ready < 0 || (ready && !HandleRFBServerMessage(client)))
			_exit(4);
	}
}

static uint32_t differs(const struct scene *scene) {
	const struct sp_picture *picture = &scene->scanout.picture;
	uint32_t differ = 0;

	if (shared->width != picture->width || shared->height != picture->height)
		return UINT32_MAX;
	for (uint32_t y = 0; y < picture->height; y++) {
		for (uint32_t x = 0; x < picture->width; x++)
			differ += (shared->pixels[y * picture->width + x] & 0xffffff) !=
				scene_pixel(scene, x, y);
	}
	return differ;
}

/* Until the viewer sees what the guest shows. */
static void wait_for(struct scene *scene) {
	uint32_t differ = 1, seen = UINT32_MAX;

	for (uint32_t tries = 0; tries < 4000 && differ; tries++) {
		uint32_t now;

		scene_run(scene, 5);
		now = __atomic_load_n(&shared->updates, __ATOMIC_ACQUIRE);
		if (now != seen)
			differ = differs(scene);
		seen = now;
	}
	if (differ)
		fail_msg("%u pixels of %u x %u differ after %u updates; the server said \"%s\"",
			differ, shared->width, shared->height, seen, scene->log);
}

/* Parts of a desktop: areas of one colour, gradients, and noise. */
static void draw(struct scene *scene, uint32_t seed) {
	const struct sp_picture *picture = &scene->scanout.picture;
	uint32_t pixel = sp_picture_pixel(picture->format);

	for (uint32_t y = 0; y < picture->height; y++) {
		uint8_t *line = scene->memory + picture->offset + y * picture->stride;

		for (uint32_t x = 0; x < picture->width * pixel; x++) {
			uint32_t kind = (x / pixel / 150 + y / 90 + seed) % 4;

			seed = seed * 1664525u + 1013904223u * (kind == 3);
			line[x] = (uint8_t)(kind == 0 ? 0x40
					: kind == 1   ? x / pixel + y
					: kind == 2   ? y / 8 % 2 * 200
						      : seed >> 24);
		}
	}
}

static void look_at(const char *encoding, const char *password) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct sp_vnc_options options = {.password = password};
	char folder[] = "/tmp/sallyport-test-vnc-XXXXXX";
	struct scene scene;
	int listener, status;
	pid_t viewer;

	assert_non_null(mkdtemp(folder));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/vnc", folder);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 8), 0);
	options.listener = listener;
	*shared = (struct shared){0};
	scene_open(&scene, &options);
	scene_show(&scene, 1920, 1080, 7680, 0, SP_FORMAT_XRGB8888);
	draw(&scene, 1);
	viewer = fork();
	if (!viewer) {
		alarm(60);
		view(address.sun_path, encoding);
	}
	wait_for(&scene);
	/* A part of it, all of it, and another size and format. */
	memset(scene.memory + 7680 * 500, 0x55, 7680 * 3);
	wait_for(&scene);
	draw(&scene, 77);
	wait_for(&scene);
	scene_show(&scene, 1021, 333, 1021 * 4, 0, SP_FORMAT_BGRX8888);
	draw(&scene, 3);
	wait_for(&scene);
	sp_scanout_blank(&scene.scanout);
	scene_show(&scene, 800, 600, 3200, 4096, SP_FORMAT_XRGB8888);
	wait_for(&scene);
	assert_int_equal(kill(viewer, SIGKILL), 0);
	assert_int_equal(waitpid(viewer, &status, 0), viewer);
	assert_true(WIFSIGNALED(status));
	scene_run(&scene, 20);
	assert_int_equal(scene_state(&scene).viewers, 0);
	scene_close(&scene);
	close(listener);
	unlink(address.sun_path);
	rmdir(folder);
}

static void test_raw(void **state) {
	(void)state;
	look_at("raw", NULL);
}

static void test_hextile(void **state) {
	(void)state;
	look_at("hextile", NULL);
}

static void test_zlib(void **state) {
	(void)state;
	look_at("zlib", NULL);
}

static void test_zrle(void **state) {
	(void)state;
	look_at("zrle", NULL);
}

static void test_tight(void **state) {
	(void)state;
	look_at("tight", "secret");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_hextile),
		cmocka_unit_test(test_zlib),
		cmocka_unit_test(test_zrle),
		cmocka_unit_test(test_tight),
	};

	shared = mmap(
		NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
