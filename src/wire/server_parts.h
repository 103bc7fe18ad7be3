/* SPDX-License-Identifier: MIT */
#ifndef SP_WIRE_SERVER_PARTS_H
#define SP_WIRE_SERVER_PARTS_H

#include <sallyport/pci.h>

#include "wire/dma.h"
#include "wire/irq.h"
#include "wire/server.h"

/*
 * The command that is being done. There is one, as commands are done in the order in which they
 * come; those behind it wait in the connection's buffer.
 */
struct sp_wire_doing {
	bool active;
	bool waiting; /* for the device */
	bool noticing; /* and that for a notice, not for an access */
	struct sp_wire_message message;
	struct sp_wire_body body;
	uint8_t *reply; /* its payload; NULL without one */
	int error;

	/* An access, divided into those of one area each. */
	struct sp_access access;
	bool calling; /* the device is being called: its completion need not go on by itself */
	bool write;
	uint32_t region;
	uint64_t offset;
	uint32_t left;
	uint8_t *data;
	uint32_t next; /* of WRITE_MULTI */

	/* A reset or an unmap. */
	struct sp_notice notice;
};

struct sp_wire_server {
	struct sp_bus bus;
	struct sp_device *device;
	struct sp_loop *loop;
	const struct sp_wire_events *events;
	void *data;

	struct sp_wire_counters counters;
	struct sp_wire_connection connection;
	struct sp_watch watch;
	struct sp_dma dma;
	struct sp_irqs irqs;
	struct sp_wire_capabilities capabilities; /* the client's */
	bool greeted; /* VERSION is done */
	struct sp_wire_doing doing;

	bool pumping;
	struct sp_timer again; /* there is more to do, after others had their turn */
	const char *ending; /* why the client is to end; NULL: it is not */
	bool fault;
	enum { IDLE, SERVING, WAITING, LOSING } stage; /* LOSING: the device lets go of the guest */
	struct sp_notice lost;

	/* Copies that go through the client, the first of which is asked for. */
	struct sp_transfer *transfers, **transfers_end;
	bool asked;
	uint16_t id; /* of the last request */
	uint64_t moved; /* bytes of the first one that are done */
	uint32_t asked_size;
	struct sp_timer patience;
};

/* server.c */
/* Ends the client as soon as no command is within the device's hands. */
void sp_wire_end(struct sp_wire_server *server, const char *why, bool fault);
/* Goes on after the device did something, if that was not within a call of ours. */
void sp_wire_pump(struct sp_wire_server *server);
/* The device did what the command waited for. */
void sp_wire_done(struct sp_wire_server *server, int error);

/* commands.c */
/* What the reply to a command takes at most, with its header. */
uint32_t sp_wire_reply_room(uint16_t command, const struct sp_wire_body *body);
/* The first part of a command, after which it goes on. */
void sp_wire_start(struct sp_wire_server *server, const int *fds, uint32_t fd_count);
/* Goes on with a command that the device does not have, and replies when it is done. */
void sp_wire_go_on(struct sp_wire_server *server);

/* info.c: the command's body becomes the reply's. Gives its size with what is appended to it in
 * doing->reply; *fd is borrowed. */
int sp_wire_do_version(struct sp_wire_server *server, uint32_t *size);
int sp_wire_do_info(struct sp_wire_server *server);
int sp_wire_do_region_info(struct sp_wire_server *server, uint32_t *size, int *fd);
int sp_wire_do_irq_info(struct sp_wire_server *server);
/* The longest reply to one of these. */
#define SP_WIRE_INFO_MAX (64u << 10)

/* access.c: true if it is done or has failed (doing->error), false if the device has it. */
bool sp_wire_do_access(struct sp_wire_server *server);
bool sp_wire_do_multi(struct sp_wire_server *server);
/* Is [offset, offset + count) of the region there, and may it be accessed so? errno */
int sp_wire_check_access(struct sp_wire_server *server, uint64_t region, uint64_t offset,
	uint64_t count, bool write);

/* transfer.c */
extern const struct sp_bus_ops sp_wire_bus_ops;
void sp_wire_transfers_init(struct sp_wire_server *server);
/* Asks the client for the first, if it is not busy with a command. */
void sp_wire_ask(struct sp_wire_server *server);
void sp_wire_answered(struct sp_wire_server *server, const struct sp_wire_message *message);
/* Ends those within [address, last], since the memory goes. */
void sp_wire_cancel(struct sp_wire_server *server, uint64_t address, uint64_t last);

#endif
