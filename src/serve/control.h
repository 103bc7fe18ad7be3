/* SPDX-License-Identifier: MIT */
#ifndef SP_SERVE_CONTROL_H
#define SP_SERVE_CONTROL_H

#include "serve/listen.h"
#include "serve/viewers.h"

/*
 * The control socket: requests in lines (request.h), each answered before the next one is looked
 * at. Whoever reads no answers waits alone.
 */
struct sp_control;

#define SP_CONTROL_CLIENTS 16u

/* The listener becomes its own, but not after an error; VM, viewers (NULL: none) and loop are
 * borrowed. `end` is called when a client asks for the end, or for another program to go on, and
 * must not do it at once; false: it cannot be. */
bool sp_control_create(struct sp_control **control, const struct sp_listener *listener,
	struct sp_vm *vm, const struct sp_viewers *viewers, struct sp_loop *loop,
	bool (*end)(void *data, bool upgrade), void *data, struct sp_error *error);
/* Sends all clients away and takes no others. */
void sp_control_close(struct sp_control *control);
/* No device has a request of ours any more. */
bool sp_control_idle(const struct sp_control *control);
void sp_control_destroy(struct sp_control *control); /* accepts NULL; it must be idle */

#endif
