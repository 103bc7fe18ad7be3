/* SPDX-License-Identifier: MIT */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * A client of vfio-user that does no more than it is measured with. What fails ends the program
 * with 2.
 */
struct client {
	const char *name; /* for what is said of it */
	int socket;
	uint16_t id;
};

/* A part of a region. */
struct place {
	uint32_t region, size; /* up to 8 bytes */
	uint64_t offset;
	bool write;
};

#define CLIENT_HEADER 16u
#define CLIENT_ACCESS 32u /* of an access's request, without what is written */

void client_fail(const char *name, const char *what) __attribute__((noreturn));
/* Connects, and agrees on a version. */
void client_open(struct client *client, const char *name, const char *path);
/* What QEMU asks of a device before its guest starts: memory, infos, an interrupt. */
void client_attach(struct client *client);
/* One round trip. An echo is no server: its answer is not looked at. */
void client_access(struct client *client, const struct place *place, bool echo);
/* What such a round trip has of bytes. */
void client_sizes(const struct place *place, uint32_t *request, uint32_t *reply);

double client_now(void); /* nanoseconds */

#endif
