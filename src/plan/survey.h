/* SPDX-License-Identifier: MIT */
#ifndef SP_PLAN_SURVEY_H
#define SP_PLAN_SURVEY_H

#include "base/arena.h"
#include "host/host.h"
#include "plan/iommu_drivers.h"

struct sp_indices {
	uint32_t *data;
	uint32_t count, capacity;
};

/*
 * What the checks of the host as a whole look for in all of its devices. It depends on the host and
 * the target only, so that the many plans of a list share one. A zeroed struct with an arena is
 * empty; sp_check_host() fills in what it needs.
 */
struct sp_survey {
	struct sp_arena *arena;
	bool types_known, lost_known, high_known, undriven_known[SP_DRIVER_COUNT];
	/* Interrupts with two trigger types: how many, and the first one's two owners. */
	uint32_t type_conflicts;
	const struct sp_irq_owner *first_type, *other_type;
	bool product, product_known; /* a renesas,prr node */
	enum sp_driver usual; /* the driver that works where no guest needs another */
	bool usual_known;
	/* By index, in the order of the tree; each once. */
	struct sp_indices lost; /* devices with registers in no window */
	struct sp_indices undriven[SP_DRIVER_COUNT]; /* devices behind IOMMUs of other drivers */
	struct sp_indices high; /* in irq_owners: interrupts that dom0 cannot have */
};

#endif
