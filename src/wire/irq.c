/* SPDX-License-Identifier: MIT */
#include "wire/irq.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "wire/eventfd.h"

#define DATA_FLAGS (SP_WIRE_SET_NONE | SP_WIRE_SET_BOOL | SP_WIRE_SET_EVENTFD)
#define ACTION_FLAGS (SP_WIRE_SET_MASK | SP_WIRE_SET_UNMASK | SP_WIRE_SET_TRIGGER)

static void unmasked(struct sp_watch *watch, short events);

bool sp_irqs_init(struct sp_irqs *irqs, const uint32_t *counts, struct sp_loop *loop,
	struct sp_wire_counters *counters) {
	memset(irqs, 0, sizeof(*irqs));
	irqs->unmask = -1;
	irqs->loop = loop;
	irqs->counters = counters;
	irqs->watch.ready = unmasked;
	for (uint32_t i = 0; i < SP_WIRE_IRQS; i++) {
		if (!counts[i])
			continue;
		irqs->vectors[i] = calloc(counts[i], sizeof(*irqs->vectors[i]));
		if (!irqs->vectors[i]) {
			sp_irqs_release(irqs);
			return false;
		}
		counters->allocations++;
		irqs->counts[i] = counts[i];
		for (uint32_t j = 0; j < counts[i]; j++)
			irqs->vectors[i][j].trigger = -1;
	}
	return true;
}

void sp_irqs_release(struct sp_irqs *irqs) {
	sp_irqs_clear(irqs);
	for (uint32_t i = 0; i < SP_WIRE_IRQS; i++) {
		free(irqs->vectors[i]);
		irqs->vectors[i] = NULL;
		irqs->counts[i] = 0;
	}
}

static void assign(struct sp_irqs *irqs, uint32_t index, uint32_t number, int fd) {
	struct sp_irq *irq = &irqs->vectors[index][number];

	irqs->changes++;
	if (irq->trigger >= 0) {
		sp_drop(irqs->drops, irq->trigger);
		irqs->assigned[index]--;
	}
	irq->trigger = fd;
	if (fd >= 0)
		irqs->assigned[index]++;
	/* As with the kernel's VFIO, an interrupt begins unmasked. */
	irq->masked = irq->pending = false;
}

static void set_unmask(struct sp_irqs *irqs, int fd) {
	irqs->changes++;
	if (irqs->unmask >= 0) {
		irqs->loop->ops->unwatch(irqs->loop, &irqs->watch);
		sp_drop(irqs->drops, irqs->unmask);
	}
	irqs->unmask = fd;
}

static void clear_kind(struct sp_irqs *irqs, uint32_t index) {
	for (uint32_t i = 0; i < irqs->counts[index]; i++)
		assign(irqs, index, i, -1);
	if (index == SP_WIRE_INTX)
		set_unmask(irqs, -1);
}

void sp_irqs_clear(struct sp_irqs *irqs) {
	for (uint32_t i = 0; i < SP_WIRE_IRQS; i++)
		clear_kind(irqs, i);
}

static void signal_it(struct sp_irqs *irqs, const struct sp_irq *irq) {
	if (irq->trigger >= 0 && sp_eventfd_signal(irq->trigger))
		irqs->counters->interrupts++;
}

/* INTx masks itself, until the client has seen to it. */
static void show_level(struct sp_irqs *irqs) {
	struct sp_irq *irq = irqs->vectors[SP_WIRE_INTX];

	if (!irq || !irqs->level || irq->masked || irq->trigger < 0)
		return;
	irqs->changes++;
	irq->masked = true;
	signal_it(irqs, irq);
}

void sp_irqs_set_level(struct sp_irqs *irqs, bool level) {
	irqs->changes += irqs->level != level;
	irqs->level = level;
	show_level(irqs);
}

static void trigger(struct sp_irqs *irqs, struct sp_irq *irq) {
	irqs->changes += irq->masked && !irq->pending;
	if (irq->masked)
		irq->pending = true;
	else
		signal_it(irqs, irq);
}

void sp_irqs_raise(struct sp_irqs *irqs, uint32_t vector) {
	if (irqs->assigned[SP_WIRE_MSIX]) {
		if (vector < irqs->counts[SP_WIRE_MSIX])
			trigger(irqs, &irqs->vectors[SP_WIRE_MSIX][vector]);
	} else if (irqs->assigned[SP_WIRE_MSI]) {
		/* The guest may grant fewer than there are. */
		trigger(irqs, &irqs->vectors[SP_WIRE_MSI][vector % irqs->assigned[SP_WIRE_MSI]]);
	}
}

void sp_irqs_notify(struct sp_irqs *irqs, uint32_t index) {
	if (irqs->counts[index])
		signal_it(irqs, irqs->vectors[index]);
}

static void mask(struct sp_irqs *irqs, struct sp_irq *irq) {
	irqs->changes++;
	irq->masked = true;
}

static void unmask(struct sp_irqs *irqs, uint32_t index, struct sp_irq *irq) {
	bool pending = irq->pending;

	irqs->changes++;
	irq->masked = irq->pending = false;
	if (index == SP_WIRE_INTX)
		show_level(irqs);
	else if (pending)
		signal_it(irqs, irq);
}

static void unmasked(struct sp_watch *watch, short events) {
	struct sp_irqs *irqs = (struct sp_irqs *)((char *)watch - offsetof(struct sp_irqs, watch));

	(void)events;
	/* What polled as ready gives its counter, but for a client that reads it, too. */
	if (sp_eventfd_take(irqs->unmask))
		unmask(irqs, SP_WIRE_INTX, irqs->vectors[SP_WIRE_INTX]);
	else
		set_unmask(irqs, -1);
}

uint32_t sp_irqs_flags(const struct sp_irqs *irqs, uint32_t index) {
	if (!irqs->counts[index])
		return 0;
	switch (index) {
	case SP_WIRE_INTX:
		return SP_WIRE_IRQ_EVENTFD | SP_WIRE_IRQ_MASKABLE | SP_WIRE_IRQ_AUTOMASKED;
	case SP_WIRE_MSI:
	case SP_WIRE_MSIX:
		return SP_WIRE_IRQ_EVENTFD | SP_WIRE_IRQ_MASKABLE;
	default:
		return SP_WIRE_IRQ_EVENTFD;
	}
}

static int set_eventfds(
	struct sp_irqs *irqs, const struct sp_wire_body *body, int *fds, uint32_t fd_count) {
	uint32_t index = (uint32_t)body->index;

	if (fd_count && fd_count != body->count)
		return EINVAL;
	for (uint32_t i = 0; i < fd_count; i++) {
		if (!sp_eventfd_is(fds[i]))
			return EINVAL;
	}
	if (body->flags & SP_WIRE_SET_TRIGGER) {
		for (uint32_t i = 0; i < body->count; i++) {
			assign(irqs, index, (uint32_t)body->start + i, fd_count ? fds[i] : -1);
			if (fd_count)
				fds[i] = -1;
		}
		/* The line may be up already. */
		if (index == SP_WIRE_INTX)
			show_level(irqs);
		return 0;
	}
	/* As the kernel has it, and QEMU with KVM: the client signals that INTx is to be unmasked.
	 */
	if (!(body->flags & SP_WIRE_SET_UNMASK) || index != SP_WIRE_INTX)
		return ENOTSUP;
	set_unmask(irqs, -1);
	if (!fd_count)
		return 0;
	irqs->watch.file = fds[0];
	irqs->watch.events = POLLIN;
	if (irqs->loop->ops->watch(irqs->loop, &irqs->watch))
		return EINVAL;
	irqs->unmask = fds[0];
	fds[0] = -1;
	return 0;
}

static int set_others(struct sp_irqs *irqs, const struct sp_wire_body *body) {
	uint32_t index = (uint32_t)body->index;

	for (uint32_t i = 0; i < body->count; i++) {
		struct sp_irq *irq = &irqs->vectors[index][body->start + i];

		if ((body->flags & SP_WIRE_SET_BOOL) && !body->data[i])
			continue;
		if (body->flags & SP_WIRE_SET_MASK)
			mask(irqs, irq);
		else if (body->flags & SP_WIRE_SET_UNMASK)
			unmask(irqs, index, irq);
		else
			trigger(irqs, irq);
	}
	return 0;
}

static bool one_bit(uint64_t bits) {
	return bits && !(bits & (bits - 1));
}

static int check(const struct sp_irqs *irqs, const struct sp_wire_body *body, uint32_t fd_count) {
	uint64_t data = body->flags & DATA_FLAGS, action = body->flags & ACTION_FLAGS;

	if (body->argsz < sp_wire_fixed(SP_WIRE_SET_IRQS) || body->index >= SP_WIRE_IRQS ||
		body->flags & ~(uint64_t)(DATA_FLAGS | ACTION_FLAGS) || !one_bit(data) ||
		!one_bit(action))
		return EINVAL;
	if (!sp_within(body->start, body->count, irqs->counts[body->index]))
		return EINVAL;
	if (fd_count && data != SP_WIRE_SET_EVENTFD)
		return EINVAL;
	if (data == SP_WIRE_SET_BOOL && body->data_size < body->count)
		return EINVAL;
	if (action != SP_WIRE_SET_TRIGGER && body->index > SP_WIRE_MSIX)
		return EINVAL;
	/* Nothing at all means all of them, and only for switching off. */
	if (!body->count &&
		(body->start || data != SP_WIRE_SET_NONE || action != SP_WIRE_SET_TRIGGER))
		return EINVAL;
	return 0;
}

int sp_irqs_set(
	struct sp_irqs *irqs, const struct sp_wire_body *body, const int *fds, uint32_t fd_count) {
	int mine[SP_WIRE_FDS_MAX], error = check(irqs, body, fd_count);

	for (uint32_t i = 0; i < fd_count; i++)
		mine[i] = fds[i];
	if (error)
		;
	else if (!body->count)
		clear_kind(irqs, (uint32_t)body->index);
	else if (body->flags & SP_WIRE_SET_EVENTFD)
		error = set_eventfds(irqs, body, mine, fd_count);
	else
		error = set_others(irqs, body);
	for (uint32_t i = 0; i < fd_count; i++) {
		if (mine[i] >= 0)
			sp_drop(irqs->drops, mine[i]);
	}
	return error;
}

#define STATE_MASKED 1u
#define STATE_PENDING 2u

/* INTx masks itself, and has its unmasking from the client in any case. */
uint32_t sp_irqs_save(const struct sp_irqs *irqs, uint8_t *bytes) {
	uint32_t size = 0;

	for (uint32_t i = SP_WIRE_MSI; i <= SP_WIRE_MSIX; i++) {
		for (uint32_t j = 0; j < irqs->counts[i] && size < SP_IRQS_STATE_MAX; j++) {
			const struct sp_irq *irq = &irqs->vectors[i][j];

			if (!irq->masked)
				continue;
			bytes[size] = (uint8_t)i;
			bytes[size + 1] =
				(uint8_t)(STATE_MASKED | (irq->pending ? STATE_PENDING : 0));
			sp_store_le16(bytes + size + 2, (uint16_t)j);
			size += 4;
		}
	}
	return size;
}

static struct sp_irq *saved(struct sp_irqs *irqs, const uint8_t *bytes) {
	uint32_t index = bytes[0], number = sp_load_le16(bytes + 2);

	if ((index != SP_WIRE_MSI && index != SP_WIRE_MSIX) || number >= irqs->counts[index] ||
		!(bytes[1] & STATE_MASKED) || bytes[1] & ~(STATE_MASKED | STATE_PENDING))
		return NULL;
	return &irqs->vectors[index][number];
}

bool sp_irqs_load(struct sp_irqs *irqs, const uint8_t *bytes, uint32_t size) {
	for (uint32_t i = 0; i < size; i += 4) {
		if (size - i < 4 || !saved(irqs, bytes + i))
			return false;
	}
	for (uint32_t i = 0; i < size; i += 4) {
		struct sp_irq *irq = saved(irqs, bytes + i);

		irqs->changes++;
		irq->masked = true;
		irq->pending = bytes[i + 1] & STATE_PENDING;
	}
	return true;
}
