/* SPDX-License-Identifier: MIT */
#include "wire/connection.h"

void sp_wire_connection_save(
	const struct sp_wire_connection *connection, struct sp_record_state *state) {
	state->socket = connection->socket;
	state->head = connection->head;
	state->fds_lost = connection->fds_lost;
	state->out_base = connection->out_base;
	state->out_end = connection->out_base + connection->out_tail;
	state->sending_count = connection->sending_count;
	for (uint32_t i = 0; i < connection->sending_count; i++) {
		state->sending[i].position = connection->out_base + connection->sending[i].at;
		state->sending[i].fd = connection->sending[i].fd;
	}
}

/* What was not sent yet, from the middle of a message perhaps. */
static bool reopen_out(
	struct sp_wire_connection *connection, const struct sp_record_state *state, uint64_t sent) {
	uint32_t tail = (uint32_t)(state->out_end - state->out_base), at = 0;

	if (state->out_end < state->out_base || state->out_end - state->out_base > SP_RECORD_OUT ||
		sent > state->out_end)
		return false;
	connection->out_base = state->out_end;
	connection->out_head = connection->out_tail = connection->out_rest = 0;
	connection->sending_count = 0;
	/* The buffer may have been used again for what was not committed. */
	if (sent == state->out_end)
		return true;
	if (sent < state->out_base)
		return false;
	connection->out_base = state->out_base;
	connection->out_head = (uint32_t)(sent - state->out_base);
	connection->out_tail = connection->out_ready = tail;
	while (at < connection->out_head) {
		uint32_t size = sp_wire_get_header(connection->out + at).size;

		if (size < SP_WIRE_HEADER || size > tail - at)
			return false;
		at += size;
	}
	connection->out_rest = at - connection->out_head;
	for (uint32_t i = 0; i < state->sending_count && i < SP_RECORD_SENDING; i++) {
		uint32_t slot = connection->sending_count;

		if (state->sending[i].position < sent)
			continue;
		connection->sending[slot].at =
			(uint32_t)(state->sending[i].position - state->out_base);
		connection->sending[slot].fd = state->sending[i].fd;
		connection->sending_count++;
	}
	return true;
}

/* The descriptors of messages that were not done. */
static void reopen_fds(struct sp_wire_connection *connection, uint64_t last_owner) {
	struct sp_record *record = connection->record;
	int fds[2 * SP_WIRE_FDS_MAX];
	uint32_t count = sp_record_unowned(record, fds, 2 * SP_WIRE_FDS_MAX);
	uint64_t from = 0;

	if (count)
		sp_record_own(record, fds, count, last_owner);
	if (record->received_count > SP_RECORD_RECEIVED)
		from = record->received_count - SP_RECORD_RECEIVED;
	connection->fd_count = 0;
	for (; from < record->received_count; from++) {
		const struct sp_record_received *one = &record->received[from % SP_RECORD_RECEIVED];
		int fd = one->fd;

		if (one->message >= connection->head)
			sp_wire_keep_fds(connection, &fd, 1, one->message);
	}
}

bool sp_wire_reopen(struct sp_wire_connection *connection, const struct sp_record_state *state) {
	const struct sp_record_calls *calls = &connection->record->in_calls;
	const struct sp_record_call *last = &calls->calls[calls->now & 1];
	uint64_t owner;

	connection->socket = state->socket;
	connection->held = connection->closed = false;
	connection->broken = 0;
	connection->base = last->base;
	connection->end = sp_record_moved(calls);
	connection->head = connection->framed = connection->scanned = state->head;
	connection->committed = state->head;
	connection->fds_lost = state->fds_lost;
	if (connection->base > connection->head || connection->head > connection->end ||
		connection->end - connection->base > SP_RECORD_IN ||
		!reopen_out(connection, state, sp_record_moved(&connection->record->out_calls)))
		return false;
	owner = sp_wire_frame(connection);
	reopen_fds(connection, owner);
	if (last->message.msg_len && last->message.msg_hdr.msg_flags & MSG_CTRUNC)
		connection->fds_lost = 1 + owner;
	return true;
}
