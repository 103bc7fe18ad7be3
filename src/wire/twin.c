/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire/server_parts.h"

/*
 * A second socket for requests of ours and their replies, which the client gets with the reply to
 * its version. Its buffers are made for the first client that wants one.
 */
static void watch(struct sp_wire_server *server) {
	short events = (short)(POLLIN | (sp_wire_sending(&server->twin) ? POLLOUT : 0));

	if (events == server->twin_watch.events)
		return;
	server->loop->ops->unwatch(server->loop, &server->twin_watch);
	server->twin_watch.events = events;
	if (server->loop->ops->watch(server->loop, &server->twin_watch))
		sp_wire_end(server, "it cannot be waited for", false);
}

static void ready(struct sp_watch *watched, short events) {
	struct sp_wire_server *server = (struct sp_wire_server *)((char *)watched -
		offsetof(struct sp_wire_server, twin_watch));
	struct sp_wire_message message;

	if (events & (POLLIN | POLLHUP | POLLERR))
		(void)sp_wire_receive(&server->twin);
	while (server->stage == SERVING && sp_wire_next_reply(&server->twin, &message))
		sp_wire_answered(server, &message);
	if (server->stage != SERVING)
		return;
	if (server->twin.broken || sp_wire_first(&server->twin, &message))
		sp_wire_end(server, "it sent a command where only replies go", true);
	else if (server->twin.closed)
		sp_wire_end(server, "it closed its second socket", true);
	sp_wire_pump(server);
}

int sp_wire_twin_open(struct sp_wire_server *server, int *fd) {
	int pair[2];

	if (!server->twin.in && !sp_wire_connection_init(&server->twin, &server->counters))
		return ENOMEM;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		return errno;
	server->twin_watch = (struct sp_watch){.file = pair[0], .events = POLLIN, .ready = ready};
	if (server->loop->ops->watch(server->loop, &server->twin_watch)) {
		close(pair[0]);
		close(pair[1]);
		return EMFILE;
	}
	sp_wire_open(&server->twin, pair[0]);
	*fd = pair[1];
	return 0;
}

void sp_wire_twin_close(struct sp_wire_server *server) {
	if (!sp_wire_twin_there(server))
		return;
	server->loop->ops->unwatch(server->loop, &server->twin_watch);
	sp_wire_close(&server->twin);
}

bool sp_wire_twin_flush(struct sp_wire_server *server) {
	if (!sp_wire_twin_there(server))
		return true;
	if (!sp_wire_flush(&server->twin))
		return false;
	watch(server);
	return true;
}
