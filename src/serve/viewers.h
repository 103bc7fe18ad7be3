/* SPDX-License-Identifier: MIT */
#ifndef SP_SERVE_VIEWERS_H
#define SP_SERVE_VIEWERS_H

#include "serve/vm.h"
#include "show/vnc.h"

/* Viewers of a VM's first screen, by VNC: what they type goes to the VM's inputs. */
struct sp_viewers;

/*
 * The listener becomes its own, but not after an error; VM and loop are borrowed. SP_ERROR_USE: no
 * device has a screen, or viewers may not come by this socket. `log` as for an endpoint.
 */
bool sp_viewers_create(struct sp_viewers **viewers, const struct sp_serve_request *request,
	const struct sp_listener *listener, struct sp_vm *vm, struct sp_loop *loop,
	void (*log)(const char *name, const char *what), struct sp_error *error);
/* Sends them away. Accepts NULL. Before the VM ends. */
void sp_viewers_destroy(struct sp_viewers *viewers);
void sp_viewers_state(const struct sp_viewers *viewers, struct sp_vnc_state *state);

#endif
