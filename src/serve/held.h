/* SPDX-License-Identifier: MIT */
#ifndef SP_SERVE_HELD_H
#define SP_SERVE_HELD_H

#include "hold/journal.h"
#include "serve/sockets.h"
#include "wire/server.h"

/*
 * What a VM's devices keep in the journal, by their names: the sockets at which clients come, the
 * files of their memory, and the records of their clients.
 */
struct sp_held;

/* Makes the sockets, or has them from the program in whose place this one was started (`carried`,
 * NULL: there was none). */
bool sp_held_sockets(struct sp_journal *journal, const char *carried, struct sp_sockets *sockets,
	const struct sp_serve_request *request, struct sp_error *error);

/* In a worker, before anything is opened: closes what an earlier one left behind. The journal is
 * borrowed. */
bool sp_held_create(struct sp_held **held, struct sp_journal *journal,
	const struct sp_serve_request *request, const struct sp_sockets *sockets,
	struct sp_error *error);
void sp_held_destroy(struct sp_held *held); /* accepts NULL */

/* The file of a device's memory; -1: there is none yet. The caller's; NULL has none. */
int sp_held_memory(const struct sp_held *held, const char *name);
/* The device was made: its memory is kept. */
bool sp_held_keep_memory(struct sp_held *held, const char *name, const struct sp_device *device,
	struct sp_error *error);
/* Its client is served on, or will be. */
bool sp_held_keep_server(struct sp_held *held, const char *name, struct sp_wire_server *server,
	struct sp_error *error);

/* How often the worker was made anew, and the program. */
void sp_held_count(const struct sp_held *held, uint32_t *restarts, uint32_t *upgrades);

/* Whether the journal is of a form that this program knows. */
bool sp_held_check(int fd, struct sp_error *error);

#endif
