/* SPDX-License-Identifier: MIT */
#include "vnc_scene.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <rfb/rfb.h>

#include "base/bytes.h"
#include "show/rfb.h"

static struct scene *of_input(struct sp_input *input) {
	return (struct scene *)((char *)input - offsetof(struct scene, input));
}

static void note(struct sp_input *input, const char *format, ...) {
	struct scene *scene = of_input(input);
	size_t length = strlen(scene->typed);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(scene->typed + length, sizeof(scene->typed) - length, format, arguments);
	va_end(arguments);
}

static void note_key(struct sp_input *input, uint16_t code, bool pressed) {
	note(input, "%c%u ", pressed ? '+' : '-', code);
}

static void note_point(struct sp_input *input, uint32_t screen, uint32_t x, uint32_t y) {
	note(input, "@%u:%u,%u ", screen, x, y);
}

static void note_wheel(struct sp_input *input, int32_t vertical, int32_t horizontal) {
	note(input, "w%d,%d ", vertical, horizontal);
}

static void note_frame(struct sp_input *input) {
	note(input, ". ");
}

static bool wish(struct sp_scanout *scanout, uint32_t width, uint32_t height) {
	struct scene *scene = (struct scene *)((char *)scanout - offsetof(struct scene, scanout));

	scene->wish_width = width;
	scene->wish_height = height;
	return true;
}

static void note_log(void *data, const char *what) {
	struct scene *scene = data;

	snprintf(scene->log, sizeof(scene->log), "%s", what);
}

void scene_open(struct scene *scene, const struct sp_vnc_options *options) {
	struct sp_vnc_options own = {.listener = -1};
	struct sp_input *inputs[] = {&scene->input};
	struct sp_error error;

	*scene = (struct scene){0};
	if (options)
		own = *options;
	own.log = note_log;
	own.data = scene;
	scene->input = (struct sp_input){.key = note_key,
		.point = note_point,
		.button = note_key,
		.wheel = note_wheel,
		.frame = note_frame};
	assert_true(sp_loop_create(&scene->loop, &error));
	sp_scanout_init(&scene->scanout);
	scene->scanout.resize = wish;
	scene->file = memfd_create("screen", MFD_CLOEXEC);
	assert_true(scene->file >= 0);
	assert_int_equal(ftruncate(scene->file, SCENE_MEMORY), 0);
	scene->memory =
		mmap(NULL, SCENE_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, scene->file, 0);
	assert_true(scene->memory != MAP_FAILED);
	if (!sp_vnc_create(&scene->vnc, &own, &scene->scanout, inputs, 1, scene->loop, &error))
		fail_msg("%s", error.message);
}

void scene_close(struct scene *scene) {
	sp_vnc_destroy(scene->vnc);
	assert_null(scene->scanout.listeners);
	sp_loop_destroy(scene->loop);
	munmap(scene->memory, SCENE_MEMORY);
	close(scene->file);
}

void scene_show(struct scene *scene, uint32_t width, uint32_t height, uint32_t stride,
	uint32_t offset, uint32_t format) {
	struct sp_picture picture = {
		.file = scene->file,
		.file_size = SCENE_MEMORY,
		.offset = offset,
		.width = width,
		.height = height,
		.stride = stride,
		.format = format,
	};
	uint32_t seed = width * 2654435761u + format;

	assert_true(sp_picture_fits(&picture, NULL));
	for (uint32_t at = 0; at < stride * height && offset + at < SCENE_MEMORY; at++) {
		seed = seed * 1664525u + 1013904223u;
		scene->memory[offset + at] = (uint8_t)(seed >> 24);
	}
	sp_scanout_show(&scene->scanout, &picture);
}

uint32_t scene_pixel(const struct scene *scene, uint32_t x, uint32_t y) {
	const struct sp_picture *picture = &scene->scanout.picture;
	const uint8_t *at;
	uint32_t value;

	if (picture->file < 0)
		return 0;
	at = scene->memory + picture->offset + y * picture->stride +
		x * sp_picture_pixel(picture->format);
	switch (picture->format) {
	case SP_FORMAT_RGB565:
		value = sp_load_le16(at);
		/* libvncserver rounds to the nearest. */
		return ((value >> 11) * 255 + 15) / 31 << 16 |
			((value >> 5 & 63) * 255 + 31) / 63 << 8 | ((value & 31) * 255 + 15) / 31;
	case SP_FORMAT_BGRX8888:
		return (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
	default:
		return (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
	}
}

void scene_run(struct scene *scene, uint32_t milliseconds) {
	uint64_t end = scene->loop->ops->now(scene->loop) + milliseconds * 1000ull;

	do
		assert_int_equal(sp_loop_step(scene->loop, 1), 0);
	while (scene->loop->ops->now(scene->loop) < end);
}

struct sp_vnc_state scene_state(const struct scene *scene) {
	struct sp_vnc_state state;

	sp_vnc_state(scene->vnc, &state);
	return state;
}

void client_connect(struct client *client, struct scene *scene) {
	int pair[2];

	*client = (struct client){.scene = scene};
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	client->socket = pair[0];
	(void)sp_vnc_open(scene->vnc, pair[1]);
}

void client_open(struct client *client, struct scene *scene) {
	client_connect(client, scene);
	assert_true(client_greet(client, "RFB 003.008\n", NULL));
}

void client_close(struct client *client) {
	if (client->socket >= 0)
		close(client->socket);
	client->socket = -1;
	free(client->pixels);
	client->pixels = NULL;
	scene_run(client->scene, 2);
}

void client_send(struct client *client, const void *bytes, size_t size) {
	const uint8_t *at = bytes;

	for (uint32_t tries = 0; size && tries < 2000; tries++) {
		ssize_t sent = send(client->socket, at, size, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent > 0) {
			at += sent;
			size -= (size_t)sent;
		} else if (sent < 0 && errno != EAGAIN) {
			return;
		}
		sp_loop_step(client->scene->loop, sent > 0 ? 0 : 1);
	}
}

bool client_get(struct client *client, void *bytes, size_t size) {
	struct sp_loop *loop = client->scene->loop;
	uint64_t end = loop->ops->now(loop) + 2000000;
	uint8_t *at = bytes;

	while (size) {
		ssize_t got = recv(client->socket, at, size, MSG_DONTWAIT);

		if (got > 0) {
			at += got;
			size -= (size_t)got;
			continue;
		}
		if (got == 0 || errno != EAGAIN || loop->ops->now(loop) > end)
			return false;
		sp_loop_step(loop, 1);
	}
	return true;
}

bool client_gone(struct client *client) {
	uint8_t bytes[4096];

	for (uint32_t tries = 0; tries < 200; tries++) {
		ssize_t got = recv(client->socket, bytes, sizeof(bytes), MSG_DONTWAIT);

		if (got == 0 || (got < 0 && errno != EAGAIN))
			return true;
		sp_loop_step(client->scene->loop, 1);
	}
	return false;
}

static bool greet_3_7(struct client *client, const char *password, bool result) {
	uint8_t security[2], answer[4], challenge[16], chosen = password ? 2 : 1;
	char copy[9] = "";

	if (!client_get(client, security, 2) || security[0] != 1 || security[1] != chosen)
		return false;
	client_send(client, &chosen, 1);
	if (password) {
		snprintf(copy, sizeof(copy), "%s", password);
		if (!client_get(client, challenge, 16))
			return false;
		rfbEncryptBytes(challenge, copy);
		client_send(client, challenge, 16);
	} else if (!result) {
		return true;
	}
	return client_get(client, answer, 4) && sp_load_be32(answer) == 0;
}

static bool greet_3_3(struct client *client, const char *password) {
	uint8_t security[4], answer[4], challenge[16];
	char copy[9] = "";

	if (!client_get(client, security, 4) || sp_load_be32(security) != (password ? 2u : 1u))
		return false;
	if (!password)
		return true;
	snprintf(copy, sizeof(copy), "%s", password);
	if (!client_get(client, challenge, 16))
		return false;
	rfbEncryptBytes(challenge, copy);
	client_send(client, challenge, 16);
	return client_get(client, answer, 4) && sp_load_be32(answer) == 0;
}

static void resized(struct client *client, uint32_t width, uint32_t height) {
	client->width = width;
	client->height = height;
	free(client->pixels);
	client->pixels = calloc((size_t)width * height, sizeof(*client->pixels));
	assert_non_null(client->pixels);
}

bool client_greet(struct client *client, const char *version, const char *password) {
	static const uint8_t format[20] = {0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8};
	char greeting[13] = "", name[256] = "";
	uint8_t init[24];
	uint32_t length;

	if (!client_get(client, greeting, 12) || strcmp(greeting, "RFB 003.008\n") != 0)
		return false;
	client_send(client, version, 12);
	if (version[10] < '7' ? !greet_3_3(client, password)
			      : !greet_3_7(client, password, version[10] > '7'))
		return false;
	client_send(client, "\1", 1);
	if (!client_get(client, init, sizeof(init)))
		return false;
	length = sp_load_be32(init + 20);
	assert_in_range(length, 1, 127);
	if (!client_get(client, name, length))
		return false;
	assert_string_equal(name, "Sallyport");
	resized(client, sp_rfb_u16(init), sp_rfb_u16(init + 2));
	client_send(client, format, sizeof(format));
	return true;
}

void client_encodings(struct client *client, const int32_t *encodings, uint32_t count) {
	uint8_t message[4 + 4 * 300] = {SP_RFB_SET_ENCODINGS};

	message[2] = (uint8_t)(count >> 8);
	message[3] = (uint8_t)count;
	for (uint32_t i = 0; i < count; i++) {
		sp_store_be32(message + 4 + 4 * i, (uint32_t)encodings[i]);
		client->last_rectangle |= encodings[i] == SP_RFB_LAST_RECT;
	}
	client_send(client, message, 4 + 4 * count);
}

void client_request(struct client *client, bool incremental) {
	uint8_t message[10] = {SP_RFB_REQUEST, incremental};

	message[6] = (uint8_t)(client->width >> 8);
	message[7] = (uint8_t)client->width;
	message[8] = (uint8_t)(client->height >> 8);
	message[9] = (uint8_t)client->height;
	client_send(client, message, sizeof(message));
}

static uint32_t pixel_of(const uint8_t *bytes) {
	return sp_load_le32(bytes) & 0xffffff;
}

static bool get_raw(struct client *client, const struct sp_rectangle *part) {
	struct sp_rectangle *bounds = &client->bounds;
	static uint8_t line[SP_PICTURE_MAX * 4];

	if (part->x + part->width > client->width || part->y + part->height > client->height)
		return false;
	for (uint32_t y = 0; y < part->height; y++) {
		if (!client_get(client, line, (size_t)part->width * 4))
			return false;
		for (uint32_t x = 0; x < part->width; x++)
			client->pixels[(size_t)(part->y + y) * client->width + part->x + x] =
				pixel_of(line + (size_t)x * 4);
	}
	if (!client->tiles_area)
		*bounds = *part;
	client->tiles_area += part->width * part->height;
	return true;
}

static bool get_cursor(struct client *client, const struct sp_rectangle *part) {
	static uint8_t bytes[64 * 64 * 4 + 64 * 8];
	size_t pixels = (size_t)part->width * part->height * 4;
	size_t mask = (size_t)(part->width + 7) / 8 * part->height;

	client->cursors++;
	client->cursor = *part;
	if (pixels + mask > sizeof(bytes) || !client_get(client, bytes, pixels + mask))
		return false;
	client->cursor_first = pixels ? pixel_of(bytes) : 0;
	client->cursor_mask = pixels ? bytes[pixels] : 0;
	return true;
}

static bool get_rectangle(struct client *client, bool *last) {
	uint8_t head[12], screens[4], screen[16];
	struct sp_rectangle part;

	if (!client_get(client, head, sizeof(head)))
		return false;
	part = (struct sp_rectangle){
		sp_rfb_u16(head), sp_rfb_u16(head + 2), sp_rfb_u16(head + 4), sp_rfb_u16(head + 6)};
	client->rectangles++;
	switch ((int32_t)sp_load_be32(head + 8)) {
	case 0:
		return get_raw(client, &part);
	case SP_RFB_LAST_RECT:
		*last = true;
		client->rectangles--;
		return client->last_rectangle;
	case -223:
		client->sizes++;
		resized(client, part.width, part.height);
		return true;
	case -308:
		client->sizes++;
		client->size_reason = part.x;
		client->size_result = part.y;
		if (part.width != client->width || part.height != client->height)
			resized(client, part.width, part.height);
		return client_get(client, screens, 4) && screens[0] == 1 &&
			client_get(client, screen, 16);
	case -239:
		return get_cursor(client, &part);
	case SP_RFB_EXTENDED_KEYS:
		client->extended_keys++;
		return true;
	}
	return false;
}

bool client_update(struct client *client) {
	uint8_t head[4];
	uint32_t count;
	bool last = false;

	client->rectangles = client->tiles_area = client->sizes = client->cursors = 0;
	client->extended_keys = 0;
	if (!client_get(client, head, sizeof(head)) || head[0] != 0)
		return false;
	count = sp_rfb_u16(head + 2);
	for (uint32_t i = 0; i < count && !last; i++) {
		if (!get_rectangle(client, &last))
			return false;
	}
	return true;
}

void client_key(struct client *client, uint32_t keysym, bool pressed) {
	uint8_t message[8] = {SP_RFB_KEY, pressed};

	sp_store_be32(message + 4, keysym);
	client_send(client, message, sizeof(message));
}

void client_point(struct client *client, uint8_t buttons, uint32_t x, uint32_t y) {
	uint8_t message[6] = {SP_RFB_POINTER, buttons, (uint8_t)(x >> 8), (uint8_t)x,
		(uint8_t)(y >> 8), (uint8_t)y};

	client_send(client, message, sizeof(message));
}

uint32_t client_differs(const struct client *client) {
	uint32_t differ = 0;

	for (uint32_t y = 0; y < client->height; y++) {
		for (uint32_t x = 0; x < client->width; x++)
			differ += client->pixels[(size_t)y * client->width + x] !=
				scene_pixel(client->scene, x, y);
	}
	return differ;
}
