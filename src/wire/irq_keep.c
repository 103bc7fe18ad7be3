/* SPDX-License-Identifier: MIT */
#include <poll.h>

#include "wire/eventfd.h"
#include "wire/irq.h"

void sp_irqs_keep(const struct sp_irqs *irqs, struct sp_record_irqs *kept) {
	uint32_t at = 0;

	kept->unmask = irqs->unmask;
	kept->level = irqs->level;
	for (uint32_t i = 0; i < SP_WIRE_IRQS; i++) {
		kept->counts[i] = irqs->counts[i];
		for (uint32_t j = 0; j < irqs->counts[i] && at < SP_RECORD_IRQS; j++, at++)
			kept->vectors[at] = (struct sp_record_irq){
				.trigger = irqs->vectors[i][j].trigger,
				.masked = irqs->vectors[i][j].masked,
				.pending = irqs->vectors[i][j].pending,
			};
	}
	for (; at < SP_RECORD_IRQS && kept->vectors[at].trigger >= 0; at++)
		kept->vectors[at].trigger = -1;
}

bool sp_irqs_restore(struct sp_irqs *irqs, const struct sp_record_irqs *kept) {
	uint32_t at = 0;

	for (uint32_t i = 0; i < SP_WIRE_IRQS; i++) {
		if (kept->counts[i] != irqs->counts[i])
			return false;
	}
	for (uint32_t i = 0; i < SP_WIRE_IRQS; i++) {
		irqs->assigned[i] = 0;
		for (uint32_t j = 0; j < irqs->counts[i] && at < SP_RECORD_IRQS; j++, at++) {
			struct sp_irq *irq = &irqs->vectors[i][j];

			irq->trigger = kept->vectors[at].trigger;
			irq->masked = kept->vectors[at].masked;
			irq->pending = kept->vectors[at].pending;
			irqs->assigned[i] += irq->trigger >= 0;
		}
	}
	irqs->level = kept->level;
	if (kept->unmask < 0)
		return true;
	irqs->watch.file = kept->unmask;
	irqs->watch.events = POLLIN;
	if (irqs->loop->ops->watch(irqs->loop, &irqs->watch))
		return false;
	irqs->unmask = kept->unmask;
	return true;
}

void sp_irqs_repeat(struct sp_irqs *irqs) {
	for (uint32_t i = SP_WIRE_MSI; i <= SP_WIRE_MSIX; i++) {
		for (uint32_t j = 0; j < irqs->counts[i]; j++) {
			if (irqs->vectors[i][j].trigger >= 0 && !irqs->vectors[i][j].masked)
				(void)sp_eventfd_signal(irqs->vectors[i][j].trigger);
		}
	}
	/* A line that is up, and has masked itself, may not have been signalled. */
	if (irqs->counts[SP_WIRE_INTX] && irqs->level &&
		irqs->vectors[SP_WIRE_INTX]->trigger >= 0) {
		irqs->vectors[SP_WIRE_INTX]->masked = true;
		irqs->changes++;
		(void)sp_eventfd_signal(irqs->vectors[SP_WIRE_INTX]->trigger);
	}
}
