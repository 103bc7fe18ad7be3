/* SPDX-License-Identifier: MIT */
#ifndef WIRE_GUEST_H
#define WIRE_GUEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client.h"
#include "serve/models.h"
#include "show/vnc.h"

/*
 * A guest with one device of each model, as the program has them: one loop, one budget, a socket
 * for each, viewers of the screen. All that they do comes through the wire.
 */
enum { GUEST_DISPLAY, GUEST_KEYBOARD, GUEST_TABLET, GUEST_EDU, GUEST_DEVICES };

#define GUEST_MEMORY 0x100000u
#define GUEST_DISPLAY_MEMORY (4u << 20)

struct guest_device {
	const char *model;
	struct sp_made made;
	struct sp_wire_server *server;
	struct sp_record *record; /* NULL: none */
	struct client client; /* socket -1: none */
	unsigned gone, faults;
	/* Of virtio: bytes in BAR 0. */
	uint32_t common, notify, notify_each, config;
	uint32_t window; /* in the configuration space */
};

/* What becomes of requests for memory that has no descriptor. */
enum guest_answer {
	GUEST_ANSWERS,
	GUEST_REFUSES,
	GUEST_IS_SILENT,
	GUEST_ANSWERS_SHORT,
};

struct guest {
	struct sp_loop *loop;
	struct sp_budget *budget;
	struct guest_device devices[GUEST_DEVICES];
	struct sp_vnc *vnc; /* NULL: built without */
	int file; /* its memory, of which nothing is mapped for a device at first */
	uint8_t *memory;
	enum guest_answer answer;
	/* Called before a request is answered; may be NULL. */
	void (*asked)(struct guest *guest, uint32_t device);
};

/* `limits` NULL: none. */
struct guest *guest_create(const struct sp_budget_limits *limits);
/* All clients go; what they had was given back, and the budget is what it was without them. */
void guest_destroy(struct guest *guest);
/* What the devices themselves have of it. */
uint64_t guest_used(const struct guest *guest, enum sp_resource resource);

/* Connects and greets. */
void guest_connect(struct guest *guest, uint32_t device);
void guest_hang_up(struct guest *guest, uint32_t device);

/* As client_call_…(), but requests from the server are answered meanwhile. -1: no reply came. */
int guest_call(struct guest *guest, uint32_t device, uint16_t command,
	const struct sp_wire_body *body, const void *data, uint32_t size, const int *fds,
	uint32_t fd_count);
int guest_access(struct guest *guest, uint32_t device, uint32_t region, uint64_t offset, void *data,
	uint32_t size, bool write);
uint64_t guest_get(
	struct guest *guest, uint32_t device, uint32_t region, uint64_t offset, uint32_t size);
void guest_put(struct guest *guest, uint32_t device, uint32_t region, uint64_t offset,
	uint32_t size, uint64_t value);
int guest_map(struct guest *guest, uint32_t device, uint64_t address, uint64_t size, int file,
	uint64_t offset, uint32_t flags);
int guest_unmap(struct guest *guest, uint32_t device, uint64_t address, uint64_t size);
int guest_reset(struct guest *guest, uint32_t device);
/* Lets the loop do what is due, and answers what the server asks. */
void guest_idle(struct guest *guest);

/* The screen's mode, by bochs' registers. */
void guest_mode(struct guest *guest, uint32_t width, uint32_t height);

/* A virtio device up to DRIVER_OK: both queues of `size` entries with their parts at these places
 * in the guest's addresses, no indirect tables; packed rings where `packed`. */
struct guest_ring {
	uint64_t desc, driver, device;
};
void guest_start(struct guest *guest, uint32_t device, uint16_t size,
	const struct guest_ring rings[2], bool packed);
void guest_kick(struct guest *guest, uint32_t device, uint16_t queue);
uint8_t guest_status(struct guest *guest, uint32_t device);
/* A key or a move, whichever the device takes. */
void guest_type(struct guest *guest, uint32_t device, uint16_t code);

/* In the guest's memory: a descriptor of a split ring. */
void guest_desc(struct guest *guest, uint64_t at, uint64_t address, uint32_t size, uint32_t flags);

#endif
