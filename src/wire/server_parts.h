/* SPDX-License-Identifier: MIT */
#ifndef SP_WIRE_SERVER_PARTS_H
#define SP_WIRE_SERVER_PARTS_H

#include <sallyport/pci.h>

#include "wire/dirty.h"
#include "wire/dma.h"
#include "wire/irq.h"
#include "wire/server.h"
#include "wire/stream.h"

/* What the device may have in its hands; and, of a command, what it waits for. */
enum sp_wire_hand {
	SP_WIRE_HAND_NONE,
	SP_WIRE_HAND_ACCESS,
	SP_WIRE_HAND_RESET,
	SP_WIRE_HAND_UNMAP,
	SP_WIRE_HAND_STOP,
	SP_WIRE_HAND_LOST,
	SP_WIRE_HAND_LATE, /* that which is late is back */
	SP_WIRE_HANDS
};

struct sp_wire_notice {
	struct sp_notice notice;
	struct sp_wire_server *server;
	enum sp_wire_hand hand;
};

/*
 * The command that is being done. There is one, as commands are done in the order in which they
 * come; those behind it wait in the connection's buffer.
 */
struct sp_wire_doing {
	bool active;
	enum sp_wire_hand waits; /* for the device */
	struct sp_wire_message message;
	struct sp_wire_body body;
	uint8_t *reply; /* its payload; NULL without one */
	int error;

	bool calling; /* the device is being called: its completion need not go on by itself */

	/* An access, divided into those of one area each. */
	bool write;
	uint32_t region;
	uint64_t offset;
	uint32_t left;
	uint8_t *data;
	uint8_t *into; /* for what the device reads */
	uint32_t next; /* of WRITE_MULTI: the write; of a change of state: the step */
};

/* An eventfd that the client has its kernel signal in place of writes. */
#define SP_WIRE_DOORBELLS 64u
struct sp_wire_doorbell {
	struct sp_watch watch;
	struct sp_wire_server *server;
	uint32_t region;
	const struct sp_area *area;
};

/* VFIO's states of a device that migrates. */
enum sp_wire_mig {
	SP_WIRE_MIG_ERROR,
	SP_WIRE_MIG_STOP,
	SP_WIRE_MIG_RUNNING,
	SP_WIRE_MIG_STOP_COPY,
	SP_WIRE_MIG_RESUMING,
};

struct sp_wire_migration {
	enum sp_wire_mig state;
	bool stopped; /* the device is */
	bool wake; /* it is to go on when its reset is done */
	struct sp_stream_out *out; /* of STOP_COPY */
	struct sp_stream_in *in; /* of RESUMING */
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
	struct sp_wire_connection twin; /* for requests of ours, if the client wants that */
	struct sp_watch twin_watch;
	struct sp_dma dma;
	struct sp_dirty dirty;
	struct sp_irqs irqs;
	struct sp_wire_doorbell doorbells[SP_WIRE_DOORBELLS];
	uint32_t doorbell_count;
	struct sp_wire_migration migration;
	struct sp_wire_capabilities capabilities; /* the client's */
	bool greeted; /* VERSION is done */
	bool spoiled; /* the device could not be reset after its last client: it takes no other */
	struct sp_wire_doing doing;

	/* What the device has. */
	bool held[SP_WIRE_HANDS];
	struct sp_access access;
	uint8_t *
		bounce; /* its data: the connection's own may be needed before the device is done */
	struct sp_wire_notice notices[SP_WIRE_HANDS];
	struct sp_timer limit; /* for the command that waits */
	bool stalled; /* commands wait since: */
	uint64_t stalled_at;
	uint64_t stalled_to; /* commands behind this position came later */
	bool overdue; /* an unmap is */

	/* keep.c */
	struct sp_record *record; /* NULL: none */
	struct sp_drops drops;
	struct sp_state_writer *writer;
	bool touched; /* a command may have changed the device */
	bool slow; /* the device takes its time for commands: replies must not wait for them */
	uint64_t device_changes, irq_changes; /* that are committed */

	bool pumping;
	struct sp_timer again; /* there is more to do, after others had their turn */
	const char *ending; /* why the client is to end; NULL: it is not */
	bool fault;
	enum { IDLE, SERVING, WAITING, LOSING } stage; /* LOSING: the device lets go of the guest */

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
/* Goes on with the end of a client, after the device gave something back. */
void sp_wire_let_go(struct sp_wire_server *server);

/* hands.c */
void sp_wire_hands_init(struct sp_wire_server *server);
/* Around a call by which the device gets what the command is to wait for. */
void sp_wire_give(struct sp_wire_server *server, enum sp_wire_hand hand);
bool sp_wire_given(struct sp_wire_server *server); /* true: it is back already */
struct sp_notice *sp_wire_notice(struct sp_wire_server *server, enum sp_wire_hand hand);
/* The command waits until nothing is late any more; false: nothing is. */
bool sp_wire_park(struct sp_wire_server *server);
/* The device is done with it. */
void sp_wire_back(struct sp_wire_server *server, enum sp_wire_hand hand, int error);
bool sp_wire_hands_empty(const struct sp_wire_server *server);
/* Resets the device for the command. True: it is done. */
bool sp_wire_do_reset(struct sp_wire_server *server, enum sp_reset kind);

/* keep.c: what was done counts from now on, unless a command is being done. Nothing without a
 * record. */
void sp_wire_commit(struct sp_wire_server *server);

/* commands.c */
/* What the reply to a command takes at most, with its header. */
uint32_t sp_wire_reply_room(uint16_t command, const struct sp_wire_body *body);
/* The first part of a command, after which it goes on. */
void sp_wire_start(struct sp_wire_server *server, const int *fds, uint32_t fd_count);
/* Goes on with a command that the device does not have, and replies when it is done. */
void sp_wire_go_on(struct sp_wire_server *server);

/* info.c: the command's body becomes the reply's. Gives its size with what is appended to it in
 * doing->reply; *fd is borrowed. */
int sp_wire_do_version(struct sp_wire_server *server, uint32_t *size, int *fd);
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

/* doorbell.c: the reply to REGION_IO_FDS, and its descriptors, which are borrowed. */
int sp_wire_do_io_fds(struct sp_wire_server *server, uint32_t *size, int *fds, uint32_t *fd_count);
void sp_wire_doorbells_clear(struct sp_wire_server *server);

/* twin.c: a socket for requests of ours. */
int sp_wire_twin_open(struct sp_wire_server *server, int *fd); /* *fd: for the client. errno */
void sp_wire_twin_close(struct sp_wire_server *server);
bool sp_wire_twin_flush(struct sp_wire_server *server); /* false: it is broken */
static inline bool sp_wire_twin_there(const struct sp_wire_server *server) {
	return server->twin.in && server->twin.socket >= 0;
}

/* feature.c: true if it is done or has failed, false if it waits for the device. */
bool sp_wire_do_feature(struct sp_wire_server *server, uint32_t *size);

/* migrate.c */
bool sp_wire_migrate(struct sp_wire_server *server, uint64_t target);
int sp_wire_do_mig_read(struct sp_wire_server *server, uint32_t *size);
int sp_wire_do_mig_write(struct sp_wire_server *server);
/* Before a reset by the client, and at its end. */
void sp_wire_migration_reset(struct sp_wire_server *server);
/* The device gave something back, for which a command has waited or not. */
void sp_wire_migration_back(struct sp_wire_server *server, enum sp_wire_hand hand, bool wanted);

/* transfer.c */
extern const struct sp_bus_ops sp_wire_bus_ops;
void sp_wire_transfers_init(struct sp_wire_server *server);
/* Asks the client for the first, if it is not busy with a command. */
void sp_wire_ask(struct sp_wire_server *server);
void sp_wire_answered(struct sp_wire_server *server, const struct sp_wire_message *message);
/* Ends those within [address, last], since the memory goes. */
void sp_wire_cancel(struct sp_wire_server *server, uint64_t address, uint64_t last);

#endif
