/* SPDX-License-Identifier: MIT */
#ifndef WIRE_CLIENT_H
#define WIRE_CLIENT_H

#include "serve/loop.h"
#include "wire/server.h"

/* A client of ours over a socket pair; while it waits, the loop runs. */
struct client {
	struct sp_loop *loop;
	struct sp_wire_server *server;
	int socket;
	uint16_t id;
	/* The last message that was received. */
	struct sp_wire_header header;
	uint8_t payload[SP_WIRE_MESSAGE_MAX];
	uint32_t size;
	int fds[SP_WIRE_FDS_MAX];
	uint32_t fd_count;
};

/* Connects and lets the server have the other end. False if it refuses. */
bool client_connect(struct client *client, struct sp_loop *loop, struct sp_wire_server *server);
void client_hang_up(struct client *client); /* and lets the server notice */

/* Lets the loop do what is due. */
void client_idle(struct client *client);

/* Sends bytes with descriptors as they are. */
void client_send(
	struct client *client, const void *bytes, size_t size, const int *fds, uint32_t fd_count);
/* Sends a command. */
void client_command(struct client *client, uint16_t command, uint32_t flags,
	const struct sp_wire_body *body, const void *data, uint32_t data_size, const int *fds,
	uint32_t fd_count);
/* Receives a message. False: none came, or the server hung up. */
bool client_receive(struct client *client);
void client_close_fds(struct client *client);

/* A command and its reply: 0, its error, or -1 if there was no reply. */
int client_call(struct client *client, uint16_t command, const struct sp_wire_body *body);
int client_call_fds(struct client *client, uint16_t command, const struct sp_wire_body *body,
	const int *fds, uint32_t fd_count);
int client_call_data(struct client *client, uint16_t command, const struct sp_wire_body *body,
	const void *data, uint32_t size);

/* The first message of all. */
int client_greet(struct client *client, const char *json);
int client_map(struct client *client, uint64_t address, uint64_t size, int fd, uint64_t offset);
int client_unmap(struct client *client, uint64_t address, uint64_t size);
int client_read(struct client *client, uint32_t region, uint64_t offset, uint32_t count);
int client_write(
	struct client *client, uint32_t region, uint64_t offset, const void *data, uint32_t count);

#endif
