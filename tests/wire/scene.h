/* SPDX-License-Identifier: MIT */
#ifndef WIRE_SCENE_H
#define WIRE_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client.h"
#include "fake_device.h"

/* A loop, a device, its server and a client that has greeted it. */
struct scene {
	struct sp_loop *loop;
	struct fake_device *device;
	struct sp_wire_server *server;
	struct client client;
	struct sp_record *record; /* NULL: none */
	unsigned gone, faults;
};

int scene_begin(void **state); /* without a greeting */
int scene_greet(void **state);
int scene_end(void **state);
/* Descriptors that are open. */
unsigned scene_files(void);
struct sp_wire_state scene_state(const struct scene *scene);

#endif
