/* SPDX-License-Identifier: MIT */
#ifndef SALLYPORT_BUDGET_H
#define SALLYPORT_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What one guest may use of the host, however many devices it has. All that is allocated on a
 * guest's word is charged first, and given back when it is freed.
 */
enum sp_resource {
	SP_RESOURCE_BYTES, /* of memory */
	SP_RESOURCE_PINS, /* ranges of guest memory that are held */
	SP_RESOURCE_CONTEXTS, /* of rendering */
	SP_RESOURCE_FENCES, /* that are not signalled yet */
	SP_RESOURCE_FILES, /* descriptors */
	SP_RESOURCE_COUNT
};

struct sp_budget;

struct sp_budget_limits {
	uint64_t limits[SP_RESOURCE_COUNT]; /* UINT64_MAX: none */
	/* Time in which the host works for the guest: so many microseconds in each second, saved up
	 * for a second at most. 0: no limit. */
	uint32_t time;
};

/* NULL if no memory is left. */
struct sp_budget *sp_budget_create(const struct sp_budget_limits *limits);
/* Accepts NULL. What is still charged is none of its business. */
void sp_budget_destroy(struct sp_budget *budget);

/* False, and nothing charged, if it would go beyond the limit. A NULL budget has no limits. */
bool sp_budget_charge(struct sp_budget *budget, enum sp_resource resource, uint64_t amount);
void sp_budget_release(struct sp_budget *budget, enum sp_resource resource, uint64_t amount);
uint64_t sp_budget_used(const struct sp_budget *budget, enum sp_resource resource);
uint64_t sp_budget_peak(const struct sp_budget *budget, enum sp_resource resource);
/* How often a charge was refused. */
uint64_t sp_budget_refused(const struct sp_budget *budget, enum sp_resource resource);

/* Work of `microseconds` was done, `now` by a clock that never goes back. Gives the microseconds
 * for which the guest's work has to wait; 0 for none. */
uint64_t sp_budget_spend(struct sp_budget *budget, uint64_t now, uint64_t microseconds);

const char *sp_resource_name(enum sp_resource resource); /* "bytes", "pins" … */

#endif
