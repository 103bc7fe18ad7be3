/* SPDX-License-Identifier: MIT */
#ifndef SP_WIRE_IRQ_H
#define SP_WIRE_IRQ_H

#include <sallyport/device.h>

#include "wire/connection.h"

/*
 * The interrupts as the client has set them up: an eventfd for each, which is signalled when the
 * device raises it.
 */
struct sp_irq {
	int trigger; /* eventfd; -1: none */
	bool masked;
	bool pending; /* raised while it was masked */
};

struct sp_irqs {
	struct sp_irq *vectors[SP_WIRE_IRQS];
	uint32_t counts[SP_WIRE_IRQS];
	uint32_t assigned[SP_WIRE_IRQS]; /* how many have a trigger */
	bool level; /* of INTx, as the device says */
	int unmask; /* eventfd by which the client ends the mask of INTx; -1: none */
	struct sp_watch watch; /* on it */
	struct sp_loop *loop;
	struct sp_wire_counters *counters;
	uint64_t changes; /* of all that is here */
	struct sp_drops *drops; /* for descriptors; NULL: they are closed */
};

/* `counts` of each kind. False: no memory. */
bool sp_irqs_init(struct sp_irqs *irqs, const uint32_t *counts, struct sp_loop *loop,
	struct sp_wire_counters *counters);
void sp_irqs_release(struct sp_irqs *irqs);
/* As without a client. */
void sp_irqs_clear(struct sp_irqs *irqs);

uint32_t sp_irqs_flags(const struct sp_irqs *irqs, uint32_t index);
/* SET_IRQS. The descriptors become the table's in any case. errno. */
int sp_irqs_set(
	struct sp_irqs *irqs, const struct sp_wire_body *body, const int *fds, uint32_t fd_count);

/* Of interrupts that are masked by messages: a kind, a number and flags for each. All else the
 * client sets up by itself. Gives its size. */
#define SP_IRQS_STATE_MAX (4u * SP_IRQS_STATE_ENTRIES)
#define SP_IRQS_STATE_ENTRIES (1u + SP_VECTORS_MAX)
uint32_t sp_irqs_save(const struct sp_irqs *irqs, uint8_t *bytes);
/* False: it is not that of such a device, and nothing happens. */
bool sp_irqs_load(struct sp_irqs *irqs, const uint8_t *bytes, uint32_t size);

/* irq_keep.c: into a record, and out of it; false: that is no possible state. */
void sp_irqs_keep(const struct sp_irqs *irqs, struct sp_record_irqs *kept);
bool sp_irqs_restore(struct sp_irqs *irqs, const struct sp_record_irqs *kept);
/* Signals whatever may have been raised when nobody took note of it: one too many does no harm. */
void sp_irqs_repeat(struct sp_irqs *irqs);

void sp_irqs_raise(struct sp_irqs *irqs, uint32_t vector);
void sp_irqs_set_level(struct sp_irqs *irqs, bool level);
/* ERR or REQ. */
void sp_irqs_notify(struct sp_irqs *irqs, uint32_t index);

#endif
