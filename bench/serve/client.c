/* SPDX-License-Identifier: MIT */
#include "client.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MEMORY (16u << 20) /* of its guest */
#define REGIONS 9u
#define IRQS 5u
#define IRQ_ERR 3u

/* Of the protocol, docs/interop/vfio-user.rst of QEMU. */
enum {
	VERSION = 1,
	DMA_MAP = 2,
	GET_INFO = 4,
	REGION_INFO = 5,
	IRQ_INFO = 7,
	SET_IRQS = 8,
	REGION_READ = 9,
	REGION_WRITE = 10,
};

struct header {
	uint16_t id, command;
	uint32_t size, flags, error;
};

struct message {
	struct header header;
	uint8_t payload[240];
};

void client_fail(const char *name, const char *what) {
	fprintf(stderr, "%s: %s\n", name, what);
	exit(2);
}

double client_now(void) {
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* It waits in poll(), as QEMU does: the kernel wakes a reader that waits in read() a first time
 * when its own request is taken. */
static void get(const struct client *client, void *data, size_t size) {
	struct pollfd readable = {.fd = client->socket, .events = POLLIN};
	size_t done = 0;

	while (done < size) {
		ssize_t got;

		(void)poll(&readable, 1, -1);
		got = read(client->socket, (char *)data + done, size - done);
		if (got <= 0)
			client_fail(client->name, "it hung up");
		done += (size_t)got;
	}
}

static void put(const struct client *client, struct message *message, int fd) {
	union {
		struct cmsghdr header;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec part = {.iov_base = message, .iov_len = message->header.size};
	struct msghdr all = {.msg_iov = &part, .msg_iovlen = 1};

	if (fd >= 0) {
		all.msg_control = &control;
		all.msg_controllen = sizeof(control);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(int));
	}
	if (sendmsg(client->socket, &all, MSG_NOSIGNAL) != (ssize_t)message->header.size)
		client_fail(client->name, "it does not take a message");
}

/* The reply's payload is thrown away. */
static void ask(
	struct client *client, uint16_t command, const void *payload, uint32_t size, int fd) {
	struct message message = {
		.header = {.id = ++client->id, .command = command, .size = CLIENT_HEADER + size}};
	static char rest[65536];
	struct header reply;

	memcpy(message.payload, payload, size);
	put(client, &message, fd);
	get(client, &reply, sizeof(reply));
	if (reply.id != client->id || reply.error || reply.size < CLIENT_HEADER ||
		reply.size - CLIENT_HEADER > sizeof(rest)) {
		snprintf(rest, sizeof(rest), "it refused command %u", command);
		client_fail(client->name, rest);
	}
	if (reply.size > CLIENT_HEADER)
		get(client, rest, reply.size - CLIENT_HEADER);
}

void client_open(struct client *client, const char *name, const char *path) {
	/* Version 0.1 of libvfio-user, which takes no older one, is 0.0 with other words. */
	static const char version[] = "\0\0\0\0{\"capabilities\":{\"max_msg_fds\":8}}";
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	*client = (struct client){.name = name};
	if (strlen(path) >= sizeof(address.sun_path))
		client_fail(name, "its path is too long");
	strcpy(address.sun_path, path);
	client->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->socket < 0 ||
		connect(client->socket, (struct sockaddr *)&address, sizeof(address)) < 0)
		client_fail(name, "it cannot be connected to");
	ask(client, VERSION, version, sizeof(version), -1);
}

void client_attach(struct client *client) {
	const struct {
		uint32_t argsz, flags;
		uint64_t offset, address, size;
	} map = {32, 3 /* read, write */, 0, 0, MEMORY};
	uint32_t irqs[5] = {20, 0x24 /* eventfds, trigger */, IRQ_ERR, 0, 1};
	uint32_t info[8] = {16};
	int memory = memfd_create("memory", MFD_CLOEXEC), event = eventfd(0, EFD_CLOEXEC);

	if (memory < 0 || event < 0 || ftruncate(memory, MEMORY) < 0)
		client_fail(client->name, "there is no memory for its guest");
	ask(client, DMA_MAP, &map, sizeof(map), memory);
	ask(client, GET_INFO, info, 16, -1);
	info[0] = 32;
	for (info[2] = 0; info[2] < REGIONS; info[2]++)
		ask(client, REGION_INFO, info, 32, -1);
	info[0] = 16;
	for (info[2] = 0; info[2] < IRQS; info[2]++)
		ask(client, IRQ_INFO, info, 16, -1);
	ask(client, SET_IRQS, irqs, sizeof(irqs), event);
	close(memory);
	close(event);
}

void client_sizes(const struct place *place, uint32_t *request, uint32_t *reply) {
	*request = CLIENT_ACCESS + (place->write ? place->size : 0);
	*reply = CLIENT_ACCESS + (place->write ? 0 : place->size);
}

void client_access(struct client *client, const struct place *place, bool echo) {
	struct message request = {.header = {.id = ++client->id,
					  .command = place->write ? REGION_WRITE : REGION_READ}};
	struct message reply;
	uint32_t size;

	client_sizes(place, &request.header.size, &size);
	memcpy(request.payload, &place->offset, 8);
	memcpy(request.payload + 8, &place->region, 4);
	memcpy(request.payload + 12, &place->size, 4);
	if (write(client->socket, &request, request.header.size) != (ssize_t)request.header.size)
		client_fail(client->name, "it does not take a message");
	get(client, &reply, size);
	if (!echo && (reply.header.id != client->id || reply.header.error))
		client_fail(client->name, "it answered an access wrongly");
}
