/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attach/attach.h"

struct run {
	struct sp_attach *attach;
	struct sp_xen *xen;
	uint32_t domain;
	char *records;
};

/* Xen takes a dying guest's nodes back by itself, and is not to be asked for it a second time. */
static int take_node(const struct run *run, const char *path) {
	int error = run->xen->ops->assigned(run->xen, path);

	return error == EBUSY ? run->xen->ops->deassign(run->xen, run->domain, path) : error;
}

/* The step's call, or the call that takes back what it did. */
static int call(const struct run *run, const struct sp_attach_step *step, bool give) {
	const struct sp_xen_ops *ops = run->xen->ops;

	switch (step->kind) {
	case SP_ATTACH_ASSIGN:
		return give ? ops->assign(run->xen, run->domain, step->path)
			    : take_node(run, step->path);
	case SP_ATTACH_PERMIT:
		return ops->permit(run->xen, run->domain, step->host, step->count, give);
	case SP_ATTACH_MAP:
		return ops->map(run->xen, run->domain, step->guest, step->host, step->count, give);
	default:
		return give ? ops->bind(run->xen, run->domain, step->irq) : EBUSY;
	}
}

/*
 * The record never says of a thing that was not given that it was: deassigning a node that is not
 * the guest's can bring Xen down. So it is written after a thing is given, and removed before it is
 * taken.
 */
static bool give(
	const struct run *run, struct sp_attach_step *step, struct sp_attach_failure *failure) {
	int error = call(run, step, true), undone;

	if (error) {
		step->state = SP_ATTACH_FAILED;
		step->error = error;
		return sp_attach_fail(failure, step, error);
	}
	step->state = SP_ATTACH_DONE;
	if (!step->record)
		return true;
	error = run->xen->ops->record(run->xen, run->domain, step->record);
	if (!error)
		return true;
	undone = call(run, step, false);
	step->state = undone ? SP_ATTACH_STUCK : SP_ATTACH_FAILED;
	step->error = undone ? undone : error;
	failure->record = true;
	return sp_attach_fail(failure, step, error);
}

/* A guest that is being ended has no record any more, and Xen takes back what it has: ENOENT. */
static int take(const struct run *run, const struct sp_attach_step *step) {
	const struct sp_xen_ops *ops = run->xen->ops;
	int error;

	if (step->record) {
		error = ops->forget(run->xen, run->domain, step->record);
		if (error)
			return error;
	}
	error = call(run, step, false);
	if (error && step->record)
		ops->record(run->xen, run->domain, step->record);
	return error;
}

/* Pages that could not be unmapped keep the right to them, without which they never could be. The
 * mapping is the step after the right. */
static bool is_held(const struct sp_attach_step *step, enum sp_attach_state mapping) {
	return step->kind == SP_ATTACH_PERMIT && step[1].state == mapping;
}

static void undo(const struct run *run, uint32_t count) {
	for (uint32_t i = count; i > 0; i--) {
		struct sp_attach_step *step = &run->attach->steps.data[i - 1];

		if (step->state != SP_ATTACH_DONE)
			continue;
		if (step->kind == SP_ATTACH_BIND) {
			step->state = SP_ATTACH_STAYS;
			continue;
		}
		step->error = is_held(step, SP_ATTACH_STUCK) ? step[1].error : take(run, step);
		step->state = step->error ? SP_ATTACH_STUCK : SP_ATTACH_UNDONE;
	}
}

bool sp_attach_run(struct sp_attach *attach, struct sp_xen *xen, uint32_t domain,
	struct sp_attach_failure *failure) {
	struct run run = {.attach = attach, .xen = xen, .domain = domain};

	*failure = (struct sp_attach_failure){0};
	for (uint32_t i = 0; i < attach->steps.count; i++) {
		struct sp_attach_step *step = &attach->steps.data[i];

		if (step->state != SP_ATTACH_PLANNED || give(&run, step, failure))
			continue;
		undo(&run, i);
		return false;
	}
	return true;
}

bool sp_detach_run(struct sp_attach *attach, struct sp_xen *xen, uint32_t domain,
	struct sp_attach_failure *failure) {
	struct run run = {.attach = attach, .xen = xen, .domain = domain};

	*failure = (struct sp_attach_failure){0};
	for (uint32_t i = attach->steps.count; i > 0; i--) {
		struct sp_attach_step *step = &attach->steps.data[i - 1];

		if (step->state != SP_ATTACH_PLANNED || step->kind == SP_ATTACH_BIND)
			continue;
		step->error = is_held(step, SP_ATTACH_FAILED) ? step[1].error : take(&run, step);
		step->state = step->error ? SP_ATTACH_FAILED : SP_ATTACH_DONE;
		if (step->error && !failure->step)
			sp_attach_fail(failure, step, step->error);
	}
	return failure->step == NULL;
}

static bool in_record(const char *records, const char *line) {
	size_t size = strlen(line);

	for (const char *at = records; *at; at += strcspn(at, "\n"), at += *at == '\n') {
		if (strncmp(at, line, size) == 0 && at[size] == '\n')
			return true;
	}
	return false;
}

/* Whether the pages, or the guest's addresses for them, are part of what the guest has otherwise.
 */
static bool collides(const char *records, const struct sp_attach_step *step) {
	for (const char *at = records; *at; at += strcspn(at, "\n"), at += *at == '\n') {
		uint64_t host, count, guest;

		if (sscanf(at, "iomem %" SCNx64 ",%" SCNx64 "@%" SCNx64, &host, &count, &guest) ==
				3 &&
			((step->host < host + count && host < step->host + step->count) ||
				(step->guest < guest + count && guest < step->guest + step->count)))
			return true;
	}
	return false;
}

/* What is there: in the record, or, for interrupts, in Xen. */
static bool look_at(const struct run *run, const struct sp_attach_step *step, bool *there,
	struct sp_attach_failure *failure) {
	int error;

	if (step->record) {
		*there = in_record(run->records, step->record);
		return true;
	}
	error = run->xen->ops->bound(run->xen, run->domain, step->irq);
	*there = error == EBUSY;
	return !error || *there || sp_attach_fail(failure, step, error);
}

static bool look(struct sp_attach *attach, struct sp_xen *xen, uint32_t domain, bool attaching,
	struct sp_attach_failure *failure) {
	struct run run = {.attach = attach, .xen = xen, .domain = domain};
	int error;
	bool good = true;

	*failure = (struct sp_attach_failure){0};
	error = xen->ops->records(xen, domain, &run.records);
	if (error) {
		failure->record = true;
		return sp_attach_fail(failure, NULL, error);
	}
	for (uint32_t i = 0; i < attach->steps.count && good; i++) {
		struct sp_attach_step *step = &attach->steps.data[i];
		bool there = false;

		good = look_at(&run, step, &there, failure);
		step->state = good && there == attaching ? SP_ATTACH_NOTHING : SP_ATTACH_PLANNED;
		if (good && attaching && !there && step->kind == SP_ATTACH_MAP &&
			collides(run.records, step))
			good = sp_attach_fail(failure, step, EEXIST);
	}
	free(run.records);
	return good;
}

bool sp_attach_look(struct sp_attach *attach, struct sp_xen *xen, uint32_t domain,
	struct sp_attach_failure *failure) {
	return look(attach, xen, domain, true, failure);
}

bool sp_detach_look(struct sp_attach *attach, struct sp_xen *xen, uint32_t domain,
	struct sp_attach_failure *failure) {
	return look(attach, xen, domain, false, failure);
}

static uint64_t now(void) {
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

/* What a guest has goes back to Xen before it is gone, but its interrupts a moment after that. */
#define SETTLE 100u
#define LOOK_AGAIN 500u

bool sp_detach_end(struct sp_xen *xen, uint32_t domain, unsigned milliseconds,
	struct sp_attach_failure *failure) {
	uint64_t end = now() + milliseconds;
	struct sp_xen_domain info;
	int error;

	*failure = (struct sp_attach_failure){0};
	error = xen->ops->end(xen, domain);
	while (!error && (error = xen->ops->domain(xen, domain, &info)) == 0) {
		uint64_t left = now() < end ? end - now() : 0;

		error = left ? xen->ops->await(xen, left < LOOK_AGAIN ? (unsigned)left : LOOK_AGAIN)
			     : ETIMEDOUT;
	}
	if (error != ESRCH)
		return sp_attach_fail(failure, NULL, error);
	nanosleep(&(struct timespec){.tv_nsec = SETTLE * 1000000L}, NULL);
	return true;
}
