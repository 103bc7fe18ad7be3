/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "wire/server_parts.h"

/*
 * What the device has in its hands, and for how long a command waits for it. QEMU gives up a device
 * that does not answer within five seconds, for ever, so that a command is answered before that
 * whether the device is done with it or not. What is still in its hands then is late: others wait
 * until it is back, or are answered in their turn with ETIMEDOUT.
 *
 * The time counts from when the first of the commands that are waiting began to wait, as those
 * behind it may have been sent at the same time.
 */

/* What has been received by now was perhaps sent when the waiting began, and what comes was not;
 * unless there was no room for it. */
static void go_on(struct sp_wire_server *server) {
	const struct sp_wire_connection *connection = &server->connection;

	server->doing.waits = SP_WIRE_HAND_NONE;
	server->stalled_to = sp_wire_wants(connection) ? connection->end : UINT64_MAX;
}

static void overtime(struct sp_timer *timer) {
	struct sp_wire_server *server =
		(struct sp_wire_server *)((char *)timer - offsetof(struct sp_wire_server, limit));
	struct sp_wire_doing *doing = &server->doing;

	if (server->stage != SERVING || !doing->active || !doing->waits)
		return;
	server->counters.late++;
	if (doing->waits == SP_WIRE_HAND_UNMAP) {
		/* The memory would be the guest's again, while the device uses it. */
		server->overdue = true;
		sp_wire_end(server, "the device did not let go of its memory in time", false);
		return;
	}
	go_on(server);
	/* The guest finds out that the reset goes on by accesses that take their time. */
	if (doing->message.header.command != SP_WIRE_RESET)
		doing->error = ETIMEDOUT;
	sp_wire_pump(server);
}

static void wait_for(struct sp_wire_server *server, enum sp_wire_hand hand) {
	uint64_t now = server->loop->ops->now(server->loop);

	if (!server->stalled)
		server->stalled_at = now;
	server->stalled = true;
	server->stalled_to = UINT64_MAX;
	server->doing.waits = hand;
	server->loop->ops->arm(server->loop, &server->limit, server->stalled_at + SP_WIRE_LIMIT);
}

static bool is_late(const struct sp_wire_server *server) {
	return server->held[SP_WIRE_HAND_ACCESS] || server->held[SP_WIRE_HAND_RESET] ||
		server->held[SP_WIRE_HAND_STOP];
}

bool sp_wire_park(struct sp_wire_server *server) {
	if (!is_late(server))
		return false;
	wait_for(server, SP_WIRE_HAND_LATE);
	return true;
}

void sp_wire_give(struct sp_wire_server *server, enum sp_wire_hand hand) {
	server->held[hand] = true;
	server->doing.waits = hand;
	server->doing.calling = true;
}

bool sp_wire_given(struct sp_wire_server *server) {
	server->doing.calling = false;
	if (!server->doing.waits)
		return true;
	wait_for(server, server->doing.waits);
	return false;
}

/* True if the command waits no longer. */
static bool resolve(struct sp_wire_server *server, enum sp_wire_hand hand, int error) {
	struct sp_wire_doing *doing = &server->doing;

	if (!doing->active)
		return false;
	if (doing->waits == SP_WIRE_HAND_LATE)
		return !is_late(server);
	if (doing->waits != hand)
		return false;
	if (error)
		doing->error = error;
	else if (hand == SP_WIRE_HAND_ACCESS && !doing->write)
		memcpy(doing->into, server->bounce, server->access.size);
	return true;
}

void sp_wire_back(struct sp_wire_server *server, enum sp_wire_hand hand, int error) {
	bool resolved;

	server->held[hand] = false;
	sp_wire_migration_back(server, hand, server->doing.waits == hand && !error);
	resolved = resolve(server, hand, error);
	if (resolved) {
		go_on(server);
		server->loop->ops->disarm(server->loop, &server->limit);
	}
	if (server->stage != SERVING)
		sp_wire_let_go(server);
	else if (resolved && !server->doing.calling)
		sp_wire_pump(server);
}

static void noticed(struct sp_notice *notice, int error) {
	struct sp_wire_notice *mine = (struct sp_wire_notice *)notice;

	/* What a client left behind may still be there: nobody else is to see it. */
	if (mine->hand == SP_WIRE_HAND_LOST && error)
		mine->server->spoiled = true;
	/* Unmaps cannot fail, as nobody could do anything about it. */
	sp_wire_back(mine->server, mine->hand, mine->hand == SP_WIRE_HAND_UNMAP ? 0 : error);
}

static void accessed(struct sp_access *access, int error) {
	sp_wire_back(
		(struct sp_wire_server *)((char *)access - offsetof(struct sp_wire_server, access)),
		SP_WIRE_HAND_ACCESS, error);
}

void sp_wire_hands_init(struct sp_wire_server *server) {
	for (uint32_t i = 0; i < SP_WIRE_HANDS; i++) {
		server->notices[i].notice.done = noticed;
		server->notices[i].server = server;
		server->notices[i].hand = (enum sp_wire_hand)i;
	}
	server->access.done = accessed;
	server->limit.expired = overtime;
}

struct sp_notice *sp_wire_notice(struct sp_wire_server *server, enum sp_wire_hand hand) {
	server->notices[hand].notice.next = NULL;
	return &server->notices[hand].notice;
}

bool sp_wire_hands_empty(const struct sp_wire_server *server) {
	for (uint32_t i = 0; i < SP_WIRE_HANDS; i++) {
		if (server->held[i])
			return false;
	}
	return true;
}

bool sp_wire_do_reset(struct sp_wire_server *server, enum sp_reset kind) {
	sp_wire_give(server, SP_WIRE_HAND_RESET);
	server->device->ops->reset(
		server->device, kind, sp_wire_notice(server, SP_WIRE_HAND_RESET));
	/* The device waits for its copies, and the client, which would do them, for the device. */
	sp_wire_cancel(server, 0, UINT64_MAX);
	return sp_wire_given(server);
}
