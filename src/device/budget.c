/* SPDX-License-Identifier: MIT */
#include <sallyport/budget.h>

#include <stdlib.h>

#define SECOND 1000000u /* microseconds */
#define DEBT_MAX (3600ull * SECOND) /* microseconds */

struct counter {
	uint64_t limit, used, peak, refused;
};

struct sp_budget {
	struct counter counters[SP_RESOURCE_COUNT];
	uint32_t time; /* microseconds in each second */
	uint64_t spent_at; /* when `saved` was true */
	/* Microseconds times SECOND, so that a short while saves something, too. Below 0: debt. */
	int64_t saved;
};

struct sp_budget *sp_budget_create(const struct sp_budget_limits *limits) {
	struct sp_budget *budget = calloc(1, sizeof(*budget));

	if (!budget)
		return NULL;
	for (int i = 0; i < SP_RESOURCE_COUNT; i++)
		budget->counters[i].limit = limits->limits[i];
	budget->time = limits->time;
	budget->saved = (int64_t)budget->time * SECOND;
	return budget;
}

void sp_budget_destroy(struct sp_budget *budget) {
	free(budget);
}

bool sp_budget_charge(struct sp_budget *budget, enum sp_resource resource, uint64_t amount) {
	struct counter *counter;

	if (!budget)
		return true;
	counter = &budget->counters[resource];
	if (counter->used > counter->limit || amount > counter->limit - counter->used) {
		counter->refused++;
		return false;
	}
	counter->used += amount;
	if (counter->used > counter->peak)
		counter->peak = counter->used;
	return true;
}

void sp_budget_release(struct sp_budget *budget, enum sp_resource resource, uint64_t amount) {
	struct counter *counter;

	if (!budget)
		return;
	counter = &budget->counters[resource];
	/* More than was charged is a mistake, but it must not become room for more. */
	counter->used -= amount < counter->used ? amount : counter->used;
}

uint64_t sp_budget_used(const struct sp_budget *budget, enum sp_resource resource) {
	return budget ? budget->counters[resource].used : 0;
}

uint64_t sp_budget_peak(const struct sp_budget *budget, enum sp_resource resource) {
	return budget ? budget->counters[resource].peak : 0;
}

uint64_t sp_budget_refused(const struct sp_budget *budget, enum sp_resource resource) {
	return budget ? budget->counters[resource].refused : 0;
}

/* What was saved since the last time. */
static void save_up(struct sp_budget *budget, uint64_t now) {
	int64_t full = (int64_t)budget->time * SECOND;
	uint64_t missing = (uint64_t)(full - budget->saved);
	uint64_t elapsed = now > budget->spent_at ? now - budget->spent_at : 0;

	if (elapsed > missing / budget->time)
		budget->saved = full;
	else
		budget->saved += (int64_t)(elapsed * budget->time);
	if (now > budget->spent_at)
		budget->spent_at = now;
}

uint64_t sp_budget_spend(struct sp_budget *budget, uint64_t now, uint64_t microseconds) {
	int64_t least = -(int64_t)(DEBT_MAX * SECOND);

	if (!budget || !budget->time)
		return 0;
	save_up(budget, now);
	if (microseconds > DEBT_MAX)
		microseconds = DEBT_MAX;
	budget->saved -= (int64_t)(microseconds * SECOND);
	if (budget->saved < least)
		budget->saved = least;
	if (budget->saved >= 0)
		return 0;
	return ((uint64_t)-budget->saved + budget->time - 1) / budget->time;
}

const char *sp_resource_name(enum sp_resource resource) {
	static const char *const names[SP_RESOURCE_COUNT] = {
		[SP_RESOURCE_BYTES] = "bytes",
		[SP_RESOURCE_PINS] = "pins",
		[SP_RESOURCE_CONTEXTS] = "contexts",
		[SP_RESOURCE_FENCES] = "fences",
		[SP_RESOURCE_FILES] = "files",
	};

	return names[resource];
}
