/* SPDX-License-Identifier: MIT */
#include "serve/endpoint.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct sp_endpoint {
	const char *name;
	struct sp_device *device;
	struct sp_listener listener;
	struct sp_loop *loop;
	struct sp_wire_server *server;
	struct sp_watch watch;
	bool watched;
	void (*log)(const char *name, const char *what);
};

static void tell(struct sp_endpoint *endpoint, const char *what) {
	if (endpoint->log)
		endpoint->log(endpoint->name, what);
}

static void gone(void *data, const char *why, bool fault) {
	char line[128];

	snprintf(line, sizeof(line), "%s: %s", fault ? "a client was ended" : "the client is gone",
		why);
	tell(data, line);
}

static const struct sp_wire_events EVENTS = {.gone = gone};

static void ready(struct sp_watch *watch, short events) {
	struct sp_endpoint *endpoint =
		(struct sp_endpoint *)((char *)watch - offsetof(struct sp_endpoint, watch));
	int socket = sp_listen_accept(&endpoint->listener);

	(void)events;
	if (socket < 0)
		return;
	if (sp_wire_server_open(endpoint->server, socket)) {
		tell(endpoint, "a client came");
		return;
	}
	/* One that waited for the other to go would wait for ever, for all it knows. */
	tell(endpoint, "a client was refused: there is one already");
	close(socket);
}

bool sp_endpoint_create(struct sp_endpoint **created, const char *name, struct sp_device *device,
	const struct sp_listener *listener, struct sp_loop *loop,
	void (*log)(const char *name, const char *what), struct sp_error *error) {
	struct sp_endpoint *endpoint = calloc(1, sizeof(*endpoint));

	if (!endpoint)
		return sp_error_memory(error);
	endpoint->name = name;
	endpoint->device = device;
	endpoint->loop = loop;
	endpoint->log = log;
	device->loop = loop;
	endpoint->watch.file = listener->socket;
	endpoint->watch.events = POLLIN;
	endpoint->watch.ready = ready;
	if (!sp_wire_server_create(&endpoint->server, device, loop, &EVENTS, endpoint, error)) {
		free(endpoint);
		return false;
	}
	if (loop->ops->watch(loop, &endpoint->watch)) {
		sp_wire_server_destroy(endpoint->server);
		free(endpoint);
		return sp_error_set(error, SP_ERROR_SYSTEM, "the socket cannot be waited for");
	}
	endpoint->watched = true;
	endpoint->listener = *listener;
	*created = endpoint;
	return true;
}

void sp_endpoint_close(struct sp_endpoint *endpoint) {
	if (endpoint->watched) {
		endpoint->loop->ops->unwatch(endpoint->loop, &endpoint->watch);
		sp_listen_end(&endpoint->listener);
		endpoint->watched = false;
	}
	sp_wire_server_close(endpoint->server);
}

bool sp_endpoint_idle(const struct sp_endpoint *endpoint) {
	return sp_wire_server_idle(endpoint->server);
}

void sp_endpoint_destroy(struct sp_endpoint *endpoint) {
	if (!endpoint)
		return;
	sp_endpoint_close(endpoint);
	sp_wire_server_destroy(endpoint->server);
	sp_device_destroy(endpoint->device);
	free(endpoint);
}

struct sp_wire_server *sp_endpoint_server(struct sp_endpoint *endpoint) {
	return endpoint->server;
}

void sp_endpoint_state(const struct sp_endpoint *endpoint, struct sp_wire_state *state) {
	sp_wire_server_state(endpoint->server, state);
}
