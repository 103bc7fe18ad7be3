/* SPDX-License-Identifier: MIT */
#ifndef SP_TESTS_VNC_SCENE_H
#define SP_TESTS_VNC_SCENE_H

#include <stddef.h>

#include "serve/loop.h"
#include "show/vnc.h"

/* A screen in a file, an input that writes down what comes, and a small viewer of RFB. */
#define SCENE_MEMORY (16u << 20)

struct scene {
	struct sp_loop *loop;
	struct sp_scanout scanout;
	struct sp_input input;
	struct sp_vnc *vnc;
	int file;
	uint8_t *memory;
	char typed[4096]; /* what came to the input */
	uint32_t wish_width, wish_height;
	char log[256]; /* the last line */
};

/* `options` NULL: no password, the usual limits. */
void scene_open(struct scene *scene, const struct sp_vnc_options *options);
void scene_close(struct scene *scene);
/* Shows a picture whose bytes are all different, as far as bytes can be. */
void scene_show(struct scene *scene, uint32_t width, uint32_t height, uint32_t stride,
	uint32_t offset, uint32_t format);
/* What a pixel of it is as 0xRRGGBB. */
uint32_t scene_pixel(const struct scene *scene, uint32_t x, uint32_t y);
void scene_run(struct scene *scene, uint32_t milliseconds);
struct sp_vnc_state scene_state(const struct scene *scene);

struct client {
	struct scene *scene;
	int socket;
	uint32_t width, height;
	uint32_t *pixels; /* 0xRRGGBB */
	bool last_rectangle; /* it has said that it knows them */
	/* Of the last update. */
	uint32_t rectangles, tiles_area, sizes, cursors, extended_keys;
	struct sp_rectangle bounds;
	uint32_t size_reason, size_result;
	struct sp_rectangle cursor; /* hot spot and size */
	uint32_t cursor_first; /* its first pixel */
	uint8_t cursor_mask;
};

/* Connected, and nothing said. */
void client_connect(struct client *client, struct scene *scene);
/* Connected and greeted, with 32 bits a pixel. */
void client_open(struct client *client, struct scene *scene);
void client_close(struct client *client);
void client_send(struct client *client, const void *bytes, size_t size);
/* False: it came to nothing within two seconds. */
bool client_get(struct client *client, void *bytes, size_t size);
bool client_gone(struct client *client); /* the server has closed it */
bool client_greet(struct client *client, const char *version, const char *password);
void client_encodings(struct client *client, const int32_t *encodings, uint32_t count);
void client_request(struct client *client, bool incremental);
/* One update. */
bool client_update(struct client *client);
void client_key(struct client *client, uint32_t keysym, bool pressed);
void client_point(struct client *client, uint8_t buttons, uint32_t x, uint32_t y);
/* The pixels that are not those of the scene. */
uint32_t client_differs(const struct client *client);

#endif
