/* SPDX-License-Identifier: MIT */
#ifndef SP_WIRE_SERVER_H
#define SP_WIRE_SERVER_H

#include <sallyport/device.h>
#include <sallyport/loop.h>

#include "wire/connection.h"

/*
 * A device for clients of vfio-user, one at a time. It lives longer than they do: when one goes, by
 * itself or since it broke the rules, the device is reset with SP_RESET_LOST, and the next one is
 * served as the first.
 */
struct sp_wire_server;

struct sp_wire_events {
	/* The client is gone and the next one may come; `why` in a few words, and whether it broke
	 * the rules. */
	void (*gone)(void *data, const char *why, bool fault);
};

/* The device and the loop are borrowed. SP_ERROR_USE: it has no regions of a PCI function, or ones
 * that are not valid. */
bool sp_wire_server_create(struct sp_wire_server **server, struct sp_device *device,
	struct sp_loop *loop, const struct sp_wire_events *events, void *data,
	struct sp_error *error);
/* Accepts NULL. It must be idle. */
void sp_wire_server_destroy(struct sp_wire_server *server);

/*
 * All that must outlive this process is kept in the record, shared memory that is aligned to pages
 * and was made by sp_record_init(), from now on. If it is another process's, which is no more, its
 * client is served on as if nothing had happened: the device, which is as it was created, gets its
 * state, and descriptors must have the numbers that they had. `crashed`: that process ended by a
 * fault of its own; a client whose message ended it twice is sent away. Before the first client;
 * false with SP_ERROR_MEMORY.
 */
bool sp_wire_server_keep(struct sp_wire_server *server, struct sp_record *record, bool crashed,
	struct sp_error *error);
/* Keeps what changed by itself. After each step of the loop. */
void sp_wire_server_commit(struct sp_wire_server *server);
/* Each descriptor that the record needs. */
void sp_wire_record_files(
	const struct sp_record *record, void (*file)(void *data, int fd), void *data);

/* Takes over a connected stream socket. False, and the socket is still the caller's, if there is a
 * client already, or the loop refuses the socket. */
bool sp_wire_server_open(struct sp_wire_server *server, int socket);
/* Ends the client, if there is one; events->gone() follows, perhaps at once. */
void sp_wire_server_close(struct sp_wire_server *server);
bool sp_wire_server_idle(const struct sp_wire_server *server);

/* Asks the client to have the guest let go of the device (REQ). */
void sp_wire_server_request(struct sp_wire_server *server);

struct sp_wire_state {
	bool client; /* there is one */
	uint32_t ranges, ranges_peak; /* of guest memory */
	uint32_t files, pins;
	bool late; /* the device is not done with what was answered in its place, or with a client
		    * that is gone */
	uint64_t mapped; /* bytes of guest memory that are mapped here */
	struct sp_wire_counters counters;
};
void sp_wire_server_state(const struct sp_wire_server *server, struct sp_wire_state *state);

/* Time after which a command is answered though the device is not done with it, in microseconds:
 * less than the five seconds that QEMU waits. */
#define SP_WIRE_LIMIT 4000000u
/* Time that a client has for a request of ours, in microseconds. */
#define SP_WIRE_PATIENCE 5000000u

#endif
