/* SPDX-License-Identifier: MIT */
#include "wire/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE (64u << 10)
/* Room for a copy of a message that is not complete behind one that is being done. */
#define IN_SIZE SP_RECORD_IN
#define OUT_SIZE SP_RECORD_OUT
/* The kernel keeps so many bytes together. QEMU takes a header that comes in two pieces for an
 * error, so that no more is sent at once but for a single message. */
#define BATCH_SIZE (16u << 10)
/* A message may have that many, and one more read may be under way. */
#define FDS_ENOUGH (SP_WIRE_FDS_WAITING - SP_WIRE_FDS_MAX)

bool sp_wire_connection_init(
	struct sp_wire_connection *connection, struct sp_wire_counters *counters) {
	memset(connection, 0, sizeof(*connection));
	connection->socket = -1;
	connection->counters = counters;
	connection->in = malloc(IN_SIZE);
	connection->out = malloc(OUT_SIZE);
	counters->allocations += 2;
	if (connection->in && connection->out)
		return true;
	sp_wire_connection_release(connection);
	return false;
}

void sp_wire_connection_release(struct sp_wire_connection *connection) {
	if (connection->in && connection->socket >= 0)
		sp_wire_close(connection);
	if (!connection->record) {
		free(connection->in);
		free(connection->out);
	}
	connection->in = connection->out = NULL;
}

void sp_wire_connection_keep(
	struct sp_wire_connection *connection, struct sp_record *record, struct sp_drops *drops) {
	free(connection->in);
	free(connection->out);
	connection->in = record->in;
	connection->out = record->out;
	connection->record = record;
	connection->drops = drops;
}

void sp_wire_open(struct sp_wire_connection *connection, int socket) {
	connection->socket = socket;
	connection->held = connection->closed = false;
	connection->broken = 0;
	connection->base = connection->head = connection->framed = 0;
	connection->scanned = connection->end = 0;
	connection->fds_lost = 0;
	connection->out_head = connection->out_tail = connection->out_rest = 0;
	connection->out_ready = 0;
	connection->committed = connection->out_base = 0;
	if (connection->record)
		sp_record_begin(connection->record);
}

void sp_wire_close(struct sp_wire_connection *connection) {
	/* Even if it is still open for a while. */
	if (connection->record)
		(void)shutdown(connection->socket, SHUT_RDWR);
	sp_drop(connection->drops, connection->socket);
	connection->socket = -1;
	for (uint32_t i = 0; i < connection->fd_count; i++)
		sp_drop(connection->drops, connection->fds[i].fd);
	for (uint32_t i = 0; i < connection->sending_count; i++)
		sp_drop(connection->drops, connection->sending[i].fd);
	connection->fd_count = connection->sending_count = 0;
	connection->closed = true;
}

static uint8_t *at(const struct sp_wire_connection *connection, uint64_t position) {
	return connection->in + (position - connection->base);
}

/* What is still missing of the message that is not complete, as far as that is known. */
static uint64_t missing(const struct sp_wire_connection *connection) {
	uint64_t have = connection->end - connection->framed;

	if (have < SP_WIRE_HEADER)
		return SP_WIRE_HEADER - have;
	return sp_wire_get_header(at(connection, connection->framed)).size - have;
}

/* The first byte that somebody may still look at. */
static uint64_t needed(const struct sp_wire_connection *connection) {
	return connection->record ? connection->committed : connection->head;
}

/* With a record, both places must be whole until the next call tells which one counts. */
static bool movable(const struct sp_wire_connection *connection) {
	uint64_t first = needed(connection);

	if (connection->held || first == connection->base)
		return false;
	return !connection->record || first - connection->base >= connection->end - first;
}

/* Moves the rest to the front. A byte is moved at most once for each message that was taken, and a
 * message that is longer than the read that ended it was paid for by its own length. */
static void make_room(struct sp_wire_connection *connection) {
	uint64_t first = needed(connection);
	size_t used = connection->end - first;

	if (!movable(connection))
		return;
	if (used && connection->base + IN_SIZE - connection->end >= READ_SIZE + missing(connection))
		return;
	memmove(connection->in, at(connection, first), used);
	connection->base = first;
}

bool sp_wire_wants(const struct sp_wire_connection *connection) {
	return !connection->closed && !connection->broken && connection->fd_count < FDS_ENOUGH &&
		(connection->base + IN_SIZE > connection->end || movable(connection));
}

void sp_wire_keep_fds(
	struct sp_wire_connection *connection, const int *fds, uint32_t count, uint64_t message) {
	for (uint32_t i = 0; i < count; i++) {
		uint32_t slot = connection->fd_count;

		connection->counters->files++;
		if (slot == SP_WIRE_FDS_WAITING) {
			sp_drop(connection->drops, fds[i]);
			connection->fds_lost = 1 + message;
			continue;
		}
		connection->fds[slot].message = message;
		connection->fds[slot].fd = fds[i];
		connection->fd_count++;
	}
}

uint64_t sp_wire_frame(struct sp_wire_connection *connection) {
	uint64_t last = connection->framed;

	while (!connection->broken && connection->end - connection->framed >= SP_WIRE_HEADER) {
		struct sp_wire_header header =
			sp_wire_get_header(at(connection, connection->framed));

		last = connection->framed;
		if (header.size < SP_WIRE_HEADER || header.size > SP_WIRE_MESSAGE_MAX ||
			(header.flags & SP_WIRE_TYPE) > SP_WIRE_REPLY)
			connection->broken = EPROTO;
		else if (connection->end - connection->framed < header.size)
			break;
		else
			connection->framed += header.size;
	}
	return connection->framed < connection->end ? connection->framed : last;
}

bool sp_wire_receive(struct sp_wire_connection *connection) {
	/* Room for more than is allowed: they are then taken and closed, and the message that
	 * brought them gets an error. What is beyond that the kernel closes. */
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(2 * SP_WIRE_FDS_MAX * sizeof(int))];
	} control;
	struct iovec part;
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	uint64_t owner, room;
	ssize_t count;

	if (!sp_wire_wants(connection))
		return false;
	make_room(connection);
	room = connection->base + IN_SIZE - connection->end;
	part.iov_base = at(connection, connection->end);
	part.iov_len = missing(connection) > READ_SIZE ? missing(connection) : READ_SIZE;
	if (part.iov_len > room)
		part.iov_len = room;
	do
		count = connection->record
			? sp_record_receive(connection->record, connection->socket, &message,
				  connection->end, connection->base)
			: recvmsg(connection->socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (count < 0 && errno == EINTR);
	if (count <= 0) {
		connection->closed = count == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
		return false;
	}
	connection->counters->bytes_in += (uint64_t)count;
	connection->end += (uint64_t)count;
	owner = sp_wire_frame(connection);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
		int fds[2 * SP_WIRE_FDS_MAX];
		uint32_t fd_count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		fd_count = (uint32_t)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(c), fd_count * sizeof(int));
		if (connection->record)
			sp_record_own(connection->record, fds, fd_count, owner);
		sp_wire_keep_fds(connection, fds, fd_count, owner);
	}
	if (message.msg_flags & MSG_CTRUNC)
		connection->fds_lost = 1 + owner;
	return true;
}

static bool is_reply(const struct sp_wire_header *header) {
	return (header->flags & SP_WIRE_TYPE) == SP_WIRE_REPLY;
}

static void get(const struct sp_wire_connection *connection, uint64_t position,
	struct sp_wire_message *message) {
	message->header = sp_wire_get_header(at(connection, position));
	message->payload = at(connection, position) + SP_WIRE_HEADER;
	message->size = message->header.size - SP_WIRE_HEADER;
}

bool sp_wire_first(struct sp_wire_connection *connection, struct sp_wire_message *message) {
	while (connection->head < connection->framed) {
		get(connection, connection->head, message);
		if (!is_reply(&message->header))
			return true;
		/* It waits for sp_wire_next_reply(). */
		if (connection->scanned <= connection->head)
			return false;
		sp_wire_take(connection);
	}
	return false;
}

bool sp_wire_pending(const struct sp_wire_connection *connection) {
	return connection->head < connection->framed;
}

struct sp_wire_header sp_wire_bad(const struct sp_wire_connection *connection) {
	return sp_wire_get_header(at(connection, connection->framed));
}

int sp_wire_take_fds(
	struct sp_wire_connection *connection, int *fds, uint32_t max, uint32_t *count) {
	bool lost = connection->fds_lost == 1 + connection->head;
	uint32_t mine = 0;

	*count = 0;
	while (mine < connection->fd_count && connection->fds[mine].message <= connection->head)
		mine++;
	lost |= mine > max;
	for (uint32_t i = 0; i < mine; i++) {
		if (lost)
			sp_drop(connection->drops, connection->fds[i].fd);
		else
			fds[(*count)++] = connection->fds[i].fd;
	}
	connection->fd_count -= mine;
	memmove(connection->fds, connection->fds + mine,
		connection->fd_count * sizeof(connection->fds[0]));
	return lost ? EINVAL : 0;
}

void sp_wire_take(struct sp_wire_connection *connection) {
	int none;
	uint32_t count;

	(void)sp_wire_take_fds(connection, &none, 0, &count);
	connection->head += sp_wire_get_header(at(connection, connection->head)).size;
	if (connection->scanned < connection->head)
		connection->scanned = connection->head;
	if (connection->head == connection->end && !connection->held && !connection->record)
		connection->base = connection->head;
}

bool sp_wire_next_reply(struct sp_wire_connection *connection, struct sp_wire_message *message) {
	while (connection->scanned < connection->framed) {
		get(connection, connection->scanned, message);
		connection->scanned += message->header.size;
		if (is_reply(&message->header))
			return true;
	}
	return false;
}

uint8_t *sp_wire_room(struct sp_wire_connection *connection, uint32_t size) {
	if (connection->sending_count > SP_WIRE_FDS_SENDING - SP_WIRE_FDS_MAX || size > OUT_SIZE)
		return NULL;
	if (connection->out_head == connection->out_tail && !connection->held) {
		connection->out_base += connection->out_tail;
		connection->out_head = connection->out_tail = connection->out_ready = 0;
	}
	if (size > OUT_SIZE - connection->out_tail) {
		uint32_t used = connection->out_tail - connection->out_head;

		/* At most half of it is moved for each half of it that was sent. A record tells
		 * where it lies. */
		if (connection->record || connection->out_head < OUT_SIZE / 2 ||
			size > OUT_SIZE - used)
			return NULL;
		memmove(connection->out, connection->out + connection->out_head, used);
		for (uint32_t i = 0; i < connection->sending_count; i++)
			connection->sending[i].at -= connection->out_head;
		connection->out_base += connection->out_head;
		connection->out_head = 0;
		connection->out_tail = connection->out_ready = used;
	}
	return connection->out + connection->out_tail;
}

bool sp_wire_send(
	struct sp_wire_connection *connection, uint32_t size, const int *fds, uint32_t fd_count) {
	for (uint32_t i = 0; i < fd_count; i++) {
		uint32_t slot = connection->sending_count;

		connection->sending[slot].at = connection->out_tail;
		connection->sending[slot].fd = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
		if (connection->sending[slot].fd < 0) {
			while (i--)
				close(connection->sending[--connection->sending_count].fd);
			return false;
		}
		connection->sending_count++;
	}
	connection->out_tail += size;
	if (!connection->record)
		connection->out_ready = connection->out_tail;
	return true;
}

bool sp_wire_sending(const struct sp_wire_connection *connection) {
	return connection->out_head < connection->out_ready;
}

/* The descriptors of the message that begins at `at`, if it is the first one that has any. */
static uint32_t fds_at(const struct sp_wire_connection *connection, uint32_t at) {
	uint32_t count = 0;

	while (count < connection->sending_count && connection->sending[count].at == at)
		count++;
	return count;
}

/* How many bytes go into the next call: whole messages as far as they stay together, or what was
 * left of one. One with descriptors begins a call and is alone in it. */
static uint32_t batch(const struct sp_wire_connection *connection, uint32_t *fd_count) {
	uint32_t end = connection->out_head;

	*fd_count = 0;
	if (connection->out_rest)
		return connection->out_rest;
	while (end < connection->out_ready) {
		uint32_t size = sp_wire_get_header(connection->out + end).size;
		bool first = end == connection->out_head;
		uint32_t fds = fds_at(connection, end);

		if (!first && (fds || end + size - connection->out_head > BATCH_SIZE))
			break;
		end += size;
		*fd_count = fds;
		if (fds)
			break;
	}
	return end - connection->out_head;
}

static void put_fds(struct sp_wire_connection *connection, struct msghdr *message, void *control,
	size_t size, uint32_t count) {
	struct cmsghdr *header;

	memset(control, 0, size);
	message->msg_control = control;
	message->msg_controllen = CMSG_SPACE(count * sizeof(int));
	header = CMSG_FIRSTHDR(message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(count * sizeof(int));
	for (uint32_t i = 0; i < count; i++)
		memcpy(CMSG_DATA(header) + i * sizeof(int), &connection->sending[i].fd,
			sizeof(int));
}

static void forget_fds(struct sp_wire_connection *connection, uint32_t count) {
	for (uint32_t i = 0; i < count; i++)
		close(connection->sending[i].fd);
	connection->sending_count -= count;
	memmove(connection->sending, connection->sending + count,
		connection->sending_count * sizeof(connection->sending[0]));
}

/* What is left of the last message after `sent` bytes of a call. */
static void advance(struct sp_wire_connection *connection, uint32_t sent, uint32_t wanted) {
	uint32_t end = connection->out_head + sent;

	if (connection->out_rest || sent == wanted) {
		connection->out_rest = wanted - sent;
	} else {
		uint32_t start = connection->out_head;

		while (start < end)
			start += sp_wire_get_header(connection->out + start).size;
		connection->out_rest = start - end;
	}
	connection->out_head = end;
	connection->counters->bytes_out += sent;
}

bool sp_wire_flush(struct sp_wire_connection *connection) {
	while (sp_wire_sending(connection)) {
		union {
			struct cmsghdr align;
			uint8_t bytes[CMSG_SPACE(SP_WIRE_FDS_MAX * sizeof(int))];
		} control;
		struct iovec part = {.iov_base = connection->out + connection->out_head};
		struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
		uint32_t fd_count;
		ssize_t sent;

		part.iov_len = batch(connection, &fd_count);
		if (fd_count)
			put_fds(connection, &message, &control, sizeof(control), fd_count);
		do
			sent = connection->record
				? sp_record_send(connection->record, connection->socket, &message,
					  connection->out_base + connection->out_head)
				: sendmsg(connection->socket, &message,
					  MSG_DONTWAIT | MSG_NOSIGNAL);
		while (sent < 0 && errno == EINTR);
		if (sent < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK;
		forget_fds(connection, fd_count);
		advance(connection, (uint32_t)sent, (uint32_t)part.iov_len);
	}
	return true;
}

void sp_wire_connection_committed(struct sp_wire_connection *connection) {
	connection->committed = connection->head;
	connection->out_ready = connection->out_tail;
	/* Nothing in the buffer is needed any more. */
	if (connection->head == connection->end && !connection->held)
		connection->base = connection->head;
}
