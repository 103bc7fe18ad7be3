/* SPDX-License-Identifier: MIT */
#ifndef SP_SERVE_ENDPOINT_H
#define SP_SERVE_ENDPOINT_H

#include "serve/listen.h"
#include "wire/server.h"

/* A device with the socket at which its clients come, one after another. */
struct sp_endpoint;

/* The device and the listener become the endpoint's, but not after an error; the name, which stays
 * there, and the loop are borrowed. `log`, unless NULL, is told in one line what happens to
 * clients. */
bool sp_endpoint_create(struct sp_endpoint **endpoint, const char *name, struct sp_device *device,
	const struct sp_listener *listener, struct sp_loop *loop,
	void (*log)(const char *name, const char *what), struct sp_error *error);
/* Sends the client away and takes no others. sp_endpoint_idle() tells when that is done. */
void sp_endpoint_close(struct sp_endpoint *endpoint);
bool sp_endpoint_idle(const struct sp_endpoint *endpoint);
void sp_endpoint_destroy(struct sp_endpoint *endpoint); /* accepts NULL; it must be idle */
struct sp_wire_server *sp_endpoint_server(struct sp_endpoint *endpoint);
void sp_endpoint_state(const struct sp_endpoint *endpoint, struct sp_wire_state *state);

#endif
