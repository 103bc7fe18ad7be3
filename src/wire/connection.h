/* SPDX-License-Identifier: MIT */
#ifndef SP_WIRE_CONNECTION_H
#define SP_WIRE_CONNECTION_H

#include "wire/record.h"

/*
 * The bytes and descriptors of one client. All buffers are made once and serve each client in turn;
 * nothing is allocated for a message. It never blocks.
 *
 * Descriptors belong to the message that has the last byte of the read with which they came: reads
 * end behind what they were sent with (unix(7)), so that this is right for all who send each
 * message by calls of its own.
 */
struct sp_wire_counters {
	uint64_t clients;
	uint64_t messages[SP_WIRE_COMMANDS]; /* from clients; 0: unknown commands */
	uint64_t requests[SP_WIRE_COMMANDS]; /* to clients */
	uint64_t errors; /* replies that told one */
	uint64_t bytes_in, bytes_out;
	uint64_t traps; /* accesses and doorbells that were told to the device */
	uint64_t interrupts; /* that were signalled */
	uint64_t strays; /* replies that nobody waited for */
	uint64_t late; /* commands that were answered before the device was done with them */
	uint64_t files; /* descriptors that were received */
	uint64_t allocations; /* of memory */
};

#define SP_WIRE_FDS_WAITING 64u
#define SP_WIRE_FDS_SENDING 64u

struct sp_wire_message {
	struct sp_wire_header header;
	uint8_t *payload;
	uint32_t size; /* of the payload */
};

/* Positions in the stream of bytes, which is never as long as 2^64. */
struct sp_wire_connection {
	int socket; /* -1: none */
	struct sp_wire_counters *counters;
	bool held; /* the caller still needs the first message and its room: nothing is moved */
	bool closed; /* the client sends no more */
	int broken; /* what cannot be taken apart any more: an errno */

	uint8_t *in;
	uint64_t base; /* the position of in[0] */
	uint64_t head; /* of the first message that was not taken */
	uint64_t framed; /* of the first that is not complete */
	uint64_t scanned; /* replies before this were given out */
	uint64_t end; /* behind what was received */
	/* With a record the buffers are in it, and nothing before the last commit is gone. */
	struct sp_record *record; /* NULL: none */
	struct sp_drops *drops; /* descriptors that are not needed any more; NULL: close them */
	uint64_t committed; /* of the first message that was not done then */
	uint64_t out_base; /* the position of out[0] */

	struct {
		uint64_t message;
		int fd;
	} fds[SP_WIRE_FDS_WAITING];
	uint32_t fd_count;
	uint64_t fds_lost; /* 1 + the position of a message that had too many; 0: none */

	uint8_t *out;
	uint32_t out_head, out_tail;
	uint32_t out_ready; /* what is before that may be sent */
	uint32_t out_rest; /* bytes left of the message of which a part was sent */
	struct {
		uint32_t at; /* of the message that takes it, perhaps with others */
		int fd;
	} sending[SP_WIRE_FDS_SENDING];
	uint32_t sending_count;
};

/* False: no memory. */
bool sp_wire_connection_init(
	struct sp_wire_connection *connection, struct sp_wire_counters *counters);
void sp_wire_connection_release(struct sp_wire_connection *connection);
/* Its buffers are the record's from now on. Before the first client. */
void sp_wire_connection_keep(
	struct sp_wire_connection *connection, struct sp_record *record, struct sp_drops *drops);
/* All that was done is committed: it may be overwritten, and be sent. */
void sp_wire_connection_committed(struct sp_wire_connection *connection);
/* Goes on where another process ended, after its last commit. False: that is no possible state. */
bool sp_wire_reopen(struct sp_wire_connection *connection, const struct sp_record_state *state);
void sp_wire_connection_save(
	const struct sp_wire_connection *connection, struct sp_record_state *state);

/* Takes over the socket, which is non-blocking. */
void sp_wire_open(struct sp_wire_connection *connection, int socket);
/* Closes it, and all descriptors that nobody took. */
void sp_wire_close(struct sp_wire_connection *connection);

/* Reads once. False if nothing can be read now, or ever. */
bool sp_wire_receive(struct sp_wire_connection *connection);
/* False while there is no room for more, or nothing more is to be read. */
bool sp_wire_wants(const struct sp_wire_connection *connection);

/* The first message that is a command; it stays the first until it is taken. */
bool sp_wire_first(struct sp_wire_connection *connection, struct sp_wire_message *message);
/* There is one. */
bool sp_wire_pending(const struct sp_wire_connection *connection);
/* Of a connection that is broken: the header that broke it. */
struct sp_wire_header sp_wire_bad(const struct sp_wire_connection *connection);
/* The descriptors of the first message, of which `max` are the caller's from now on, and all others
 * are closed. More than `max` and SP_WIRE_FDS_MAX: EINVAL, and none is given. */
int sp_wire_take_fds(
	struct sp_wire_connection *connection, int *fds, uint32_t max, uint32_t *count);
void sp_wire_take(struct sp_wire_connection *connection);
/* The next reply, once, even if it stands behind commands. */
bool sp_wire_next_reply(struct sp_wire_connection *connection, struct sp_wire_message *message);

/* Room for a message of so many bytes with its header, which stays until it is sent; NULL if there
 * is none before others are sent. Only one at a time. */
uint8_t *sp_wire_room(struct sp_wire_connection *connection, uint32_t size);
/* Puts it into the queue. Up to SP_WIRE_FDS_MAX descriptors are dup()ed. False: there is none left
 * for that. */
bool sp_wire_send(
	struct sp_wire_connection *connection, uint32_t size, const int *fds, uint32_t fd_count);
/* Sends what it can. False if the client is gone. */
bool sp_wire_flush(struct sp_wire_connection *connection);
bool sp_wire_sending(const struct sp_wire_connection *connection);

/* For connection_keep.c. */
/* Finds the ends of messages; gives where the one begins that has the last byte. */
uint64_t sp_wire_frame(struct sp_wire_connection *connection);
/* They wait for their message. */
void sp_wire_keep_fds(
	struct sp_wire_connection *connection, const int *fds, uint32_t count, uint64_t message);

#endif
