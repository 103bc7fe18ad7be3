/* SPDX-License-Identifier: MIT */
#include "client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define STEPS 200

void client_idle(struct client *client) {
	for (int i = 0; i < 8; i++)
		(void)sp_loop_step(client->loop, 0);
}

bool client_connect(struct client *client, struct sp_loop *loop, struct sp_wire_server *server) {
	int pair[2];

	memset(client, 0, offsetof(struct client, payload));
	client->fd_count = 0;
	client->loop = loop;
	client->server = server;
	client->socket = -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		return false;
	if (!sp_wire_server_open(server, pair[1])) {
		close(pair[0]);
		close(pair[1]);
		return false;
	}
	client->socket = pair[0];
	return true;
}

void client_close_fds(struct client *client) {
	while (client->fd_count)
		close(client->fds[--client->fd_count]);
}

void client_hang_up(struct client *client) {
	client_close_fds(client);
	if (client->socket >= 0)
		close(client->socket);
	client->socket = -1;
	client_idle(client);
}

void client_send(
	struct client *client, const void *bytes, size_t size, const int *fds, uint32_t fd_count) {
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(200 * sizeof(int))];
	} control;
	struct iovec part = {(void *)(uintptr_t)bytes, size};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (fd_count) {
		struct cmsghdr *header;

		memset(&control, 0, sizeof(control));
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(header), fds, fd_count * sizeof(int));
	}
	for (int i = 0; i < STEPS && part.iov_len; i++) {
		ssize_t sent = sendmsg(client->socket, &message, MSG_NOSIGNAL);

		if (sent < 0 && errno != EAGAIN)
			return;
		if (sent > 0) {
			part.iov_base = (uint8_t *)part.iov_base + sent;
			part.iov_len -= (size_t)sent;
			message.msg_control = NULL;
			message.msg_controllen = 0;
		}
		if (part.iov_len)
			(void)sp_loop_step(client->loop, 0);
	}
}

void client_command(struct client *client, uint16_t command, uint32_t flags,
	const struct sp_wire_body *body, const void *data, uint32_t data_size, const int *fds,
	uint32_t fd_count) {
	static uint8_t message[SP_WIRE_MESSAGE_MAX];
	struct sp_wire_header header = {.id = ++client->id, .command = command, .flags = flags};
	uint32_t size = SP_WIRE_HEADER;

	size += sp_wire_encode(command, body, message + size);
	if (data_size)
		memcpy(message + size, data, data_size);
	size += data_size;
	header.size = size;
	sp_wire_put_header(message, &header);
	client_send(client, message, size, fds, fd_count);
}

static void take_fds(struct client *client, struct msghdr *message) {
	struct cmsghdr *header = CMSG_FIRSTHDR(message);

	if (!header)
		return;
	client->fd_count = (uint32_t)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	memcpy(client->fds, CMSG_DATA(header), client->fd_count * sizeof(int));
}

static bool receive_bytes(struct client *client, uint8_t *bytes, uint32_t size) {
	uint32_t have = 0;

	for (int i = 0; have < size; i++) {
		union {
			struct cmsghdr align;
			uint8_t bytes[CMSG_SPACE(SP_WIRE_FDS_MAX * sizeof(int))];
		} control;
		struct iovec part = {bytes + have, size - have};
		struct msghdr message = {.msg_iov = &part,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof(control)};
		ssize_t count;

		(void)sp_loop_step(client->loop, 0);
		count = recvmsg(client->socket, &message, MSG_CMSG_CLOEXEC);
		if (count == 0 || (count < 0 && (errno != EAGAIN || i > STEPS)))
			return false;
		if (count > 0) {
			/* QEMU wants headers whole. */
			if (size == SP_WIRE_HEADER && count < (ssize_t)size)
				return false;
			take_fds(client, &message);
			have += (uint32_t)count;
			i = 0;
		}
	}
	return true;
}

bool client_receive(struct client *client) {
	uint8_t header[SP_WIRE_HEADER];

	client_close_fds(client);
	if (!receive_bytes(client, header, sizeof(header)))
		return false;
	client->header = sp_wire_get_header(header);
	if (client->header.size < sizeof(header) || client->header.size > SP_WIRE_MESSAGE_MAX)
		return false;
	client->size = client->header.size - SP_WIRE_HEADER;
	return receive_bytes(client, client->payload, client->size);
}

static int reply(struct client *client) {
	if (!client_receive(client) || client->header.id != client->id ||
		(client->header.flags & SP_WIRE_TYPE) != SP_WIRE_REPLY)
		return -1;
	if (!(client->header.flags & SP_WIRE_ERROR))
		return 0;
	/* Nothing but the header. */
	return client->size || !client->header.error ? -1 : (int)client->header.error;
}

int client_call_fds(struct client *client, uint16_t command, const struct sp_wire_body *body,
	const int *fds, uint32_t fd_count) {
	client_command(client, command, 0, body, NULL, 0, fds, fd_count);
	return reply(client);
}

int client_call(struct client *client, uint16_t command, const struct sp_wire_body *body) {
	return client_call_fds(client, command, body, NULL, 0);
}

int client_call_data(struct client *client, uint16_t command, const struct sp_wire_body *body,
	const void *data, uint32_t size) {
	client_command(client, command, 0, body, data, size, NULL, 0);
	return reply(client);
}

int client_greet(struct client *client, const char *json) {
	struct sp_wire_body body = {0};

	return client_call_data(
		client, SP_WIRE_VERSION, &body, json, json ? (uint32_t)strlen(json) + 1 : 0);
}

int client_map(struct client *client, uint64_t address, uint64_t size, int fd, uint64_t offset) {
	struct sp_wire_body body = {.argsz = 32,
		.flags = SP_WIRE_MAP_READ | SP_WIRE_MAP_WRITE,
		.address = address,
		.size = size,
		.offset = offset};

	return client_call_fds(client, SP_WIRE_DMA_MAP, &body, &fd, fd >= 0 ? 1 : 0);
}

int client_unmap(struct client *client, uint64_t address, uint64_t size) {
	struct sp_wire_body body = {.argsz = 24, .address = address, .size = size};

	return client_call(client, SP_WIRE_DMA_UNMAP, &body);
}

int client_read(struct client *client, uint32_t region, uint64_t offset, uint32_t count) {
	struct sp_wire_body body = {.index = region, .offset = offset, .count = count};

	return client_call(client, SP_WIRE_REGION_READ, &body);
}

int client_write(
	struct client *client, uint32_t region, uint64_t offset, const void *data, uint32_t count) {
	struct sp_wire_body body = {.index = region, .offset = offset, .count = count};

	return client_call_data(client, SP_WIRE_REGION_WRITE, &body, data, count);
}
