/* SPDX-License-Identifier: MIT */
#ifndef SP_WIRE_RECORD_H
#define SP_WIRE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "wire/protocol.h"

/*
 * What must be known of a client when the process that serves it is killed, in memory that another
 * process takes over with all descriptors under the same numbers.
 *
 * All that commands change is there twice. A copy has the number of the commit since which it
 * counts, and one store of the next number, `committed`, lets all copies that were written for it
 * count at once. What was killed before that store did nothing, and its commands are done again.
 *
 * Bytes that were received or sent cannot be taken back, so that the kernel tells of them itself:
 * recvmmsg(2) and sendmmsg(2) store the length of a message where the caller had it, here, before
 * they return. A process is killed before or after a system call but not in it, and thus the sum of
 * an offset and that length is always what went through the socket. Descriptors that came with it
 * are told in the same way.
 */
#define SP_RECORD_VERSION 1u
#define SP_RECORD_DEVICE_MAX (256u << 10) /* bytes of a device's state */
#define SP_RECORD_IN (2 * SP_WIRE_MESSAGE_MAX + (64u << 10))
#define SP_RECORD_OUT (2 * SP_WIRE_MESSAGE_MAX)
#define SP_RECORD_RECEIVED 256u /* descriptors: those that wait, and as many that were taken */
#define SP_RECORD_SENDING 64u
#define SP_RECORD_IRQS (2048u + 64u)
#define SP_RECORD_RANGES 131072u /* twice as many as there may be at a time */
#define SP_RECORD_COUNTERS 128u
#define SP_RECORD_NONE UINT64_MAX

/* A call that moves bytes. The pointers in it mean nothing to anybody else. */
struct sp_record_call {
	uint64_t position; /* in the stream, of its first byte */
	uint64_t base; /* of what is received: the position of in[0] */
	struct mmsghdr message; /* msg_len, msg_controllen and msg_flags are the kernel's */
	struct iovec part;
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(2 * SP_WIRE_FDS_MAX * sizeof(int))];
	} control;
};

/* Two of them, so that the last one stays as it was until the next one is complete. */
struct sp_record_calls {
	struct sp_record_call calls[2];
	uint32_t now;
};

struct sp_record_received {
	uint64_t message; /* the position of the one that owns it */
	uint64_t call; /* of the call with which it came */
	int32_t fd;
	int32_t spare;
};

struct sp_record_state {
	uint64_t number; /* of the commit */
	int32_t socket; /* -1: no client */
	uint16_t id;
	uint8_t greeted, write_multiple;
	uint8_t migrating, logging;
	uint16_t spare;
	uint32_t reserved;
	uint32_t max_msg_fds, max_data_xfer_size;
	uint64_t head; /* the first message that is not done */
	uint64_t fds_lost;
	uint64_t out_base, out_end; /* positions of out[0], and behind the last reply */
	uint32_t sending_count;
	struct {
		uint64_t position;
		int32_t fd;
		int32_t spare;
	} sending[SP_RECORD_SENDING];
};

struct sp_record_device {
	uint64_t number;
	uint64_t size;
	uint8_t data[SP_RECORD_DEVICE_MAX];
};

struct sp_record_irq {
	int32_t trigger;
	uint8_t masked, pending;
	uint16_t spare;
};

struct sp_record_irqs {
	uint64_t number;
	int32_t unmask;
	uint32_t level;
	uint32_t counts[SP_WIRE_IRQS];
	struct sp_record_irq vectors[SP_RECORD_IRQS]; /* kind after kind */
};

/* A range of the guest's memory: there from the commit `added` on, until the commit `gone`. */
struct sp_record_range {
	uint64_t address, size, file_offset;
	int32_t fd; /* -1: the client's hands */
	uint32_t access; /* and SP_RECORD_AS_FILE */
	uint64_t added, gone; /* 0: never */
};
#define SP_RECORD_AS_FILE 0x100u

struct sp_record {
	/* The first page is kept in memory, so that the kernel's stores cannot fail. */
	uint64_t magic;
	uint32_t version, size_check;
	uint64_t committed;
	uint64_t doing; /* the position of the message that is being done, or SP_RECORD_NONE */
	uint64_t suspect; /* one that was being done when the process crashed */
	uint32_t crashes; /* how many times in a row */
	uint32_t restoring; /* how many times in a row it was begun and not ended */
	struct sp_record_calls in_calls, out_calls;

	uint64_t received_count; /* all in all; the last ones are there */
	/* struct sp_wire_counters, as they were at about the last commit. */
	uint64_t counters[SP_RECORD_COUNTERS];
	uint32_t ranges_used;
	struct sp_record_received received[SP_RECORD_RECEIVED];
	struct sp_record_state states[2];
	struct sp_record_irqs irqs[2];
	struct sp_record_device devices[2];
	struct sp_record_range ranges[SP_RECORD_RANGES];
	_Alignas(4096) uint8_t in[SP_RECORD_IN];
	_Alignas(4096) uint8_t out[SP_RECORD_OUT];
};

/* Of new memory, which is all zeros. */
void sp_record_init(struct sp_record *record);
/* It is one of this program's form. */
bool sp_record_valid(const struct sp_record *record);
/* Keeps the first page in memory, if the process may. */
void sp_record_pin(struct sp_record *record);
/* Takes out what was written for a commit that did not come. */
void sp_record_clean(struct sp_record *record);

/* Of two copies with those numbers, the one that counts; -1: none. */
int sp_record_current(const struct sp_record *record, uint64_t first, uint64_t second);
/* The one to be written for the next commit. */
unsigned sp_record_other(const struct sp_record *record, uint64_t first, uint64_t second);
/* All that was written for the next commit counts from now on. */
void sp_record_commit(struct sp_record *record);

/* As recvmsg(2) and sendmsg(2), without blocking. What is received is told to `message`, whose
 * control data is the call's. */
ssize_t sp_record_receive(struct sp_record *record, int socket, struct msghdr *message,
	uint64_t position, uint64_t base);
ssize_t sp_record_send(
	struct sp_record *record, int socket, const struct msghdr *message, uint64_t position);
/* Before the first bytes of a client. */
void sp_record_begin(struct sp_record *record);
/* How far it got. */
uint64_t sp_record_moved(const struct sp_record_calls *calls);

/* The owner of descriptors that came with the last call is known. */
void sp_record_own(struct sp_record *record, const int *fds, uint32_t count, uint64_t message);
/* The last call brought some, and nobody owns them yet; gives them. */
uint32_t sp_record_unowned(const struct sp_record *record, int *fds, uint32_t max);

/*
 * Descriptors that are needed no more, but may be by him who does it all again: with a record they
 * are closed after the next commit.
 */
struct sp_drops {
	bool later;
	int *fds;
	uint32_t count, capacity;
};
void sp_drop(struct sp_drops *drops, int fd);
void sp_drops_close(struct sp_drops *drops);
void sp_drops_release(struct sp_drops *drops);

#endif
