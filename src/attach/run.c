/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attach/run.h"

bool run_fail(const struct run *run, struct sp_attach_failure *failure,
	const struct sp_attach_step *step, int error) {
	if (!step || pci_is(step))
		memcpy(failure->said, run->xen->said, sizeof(failure->said));
	return sp_attach_fail(failure, step, error);
}

int run_ask_domain(const struct run *run, bool *dying) {
	struct sp_xen_domain info = {0};
	int error = run->xen->ops->domain(run->xen, run->domain, &info);

	*dying = error == ESRCH || info.dying;
	return error == ESRCH ? 0 : error;
}

/*
 * Xen takes a dying guest's nodes back by itself, and is not to be asked for it a second time, nor
 * for what somebody else got since. So the guest is looked at last: what lives has what it had.
 */
static int take_node(const struct run *run, const char *path) {
	int error = run->xen->ops->assigned(run->xen, path);
	bool dying;

	if (error != EBUSY)
		return error;
	error = run_ask_domain(run, &dying);
	if (error || dying)
		return error;
	return run->xen->ops->deassign(run->xen, run->domain, path);
}

/* The step's call, or the call that takes back what it did. */
static int call(const struct run *run, const struct sp_attach_step *step, bool give, bool force) {
	const struct sp_xen_ops *ops = run->xen->ops;

	switch (step->kind) {
	case SP_ATTACH_ASSIGN:
		return give ? ops->assign(run->xen, run->domain, step->path)
			    : take_node(run, step->path);
	case SP_ATTACH_PERMIT:
		return ops->permit(run->xen, run->domain, step->host, step->count, give);
	case SP_ATTACH_MAP:
		return ops->map(run->xen, run->domain, step->guest, step->host, step->count, give);
	case SP_ATTACH_TAKE:
	case SP_ATTACH_ADD:
		return give ? pci_give(run, step) : pci_take(run, step, force);
	default:
		return give ? ops->bind(run->xen, run->domain, step->irq) : EBUSY;
	}
}

/* libxl's calls are many steps each, and it does not take back the first when a later one fails. */
static void mend(const struct run *run, struct sp_attach_step *step) {
	int error = step->error;

	if (pci_is(step) && error != SP_XEN_AT_WORK)
		error = pci_mend(run, step);
	else if (!pci_is(step))
		return;
	if (!error)
		return;
	step->state = SP_ATTACH_STUCK;
	step->error = error;
}

/*
 * The record never says of a thing that was not given that it was: deassigning a node that is not
 * the guest's can bring Xen down. So it is written after a thing is given, and removed before it is
 * taken.
 */
static bool give(
	const struct run *run, struct sp_attach_step *step, struct sp_attach_failure *failure) {
	bool dying = false;

	step->state = SP_ATTACH_FAILED;
	step->error = call(run, step, true, false);
	if (step->error) {
		/* What Xen says of a dying guest's step tells nothing. */
		run_ask_domain(run, &dying);
		run_fail(run, failure, step, dying ? ECANCELED : step->error);
		mend(run, step);
		return false;
	}
	step->state = SP_ATTACH_DONE;
	if (!step->record)
		return true;
	step->error = run->xen->ops->record(run->xen, run->domain, step->record);
	if (!step->error)
		return true;
	failure->record = true;
	sp_attach_fail(failure, step, step->error);
	step->error = call(run, step, false, true);
	step->state = step->error ? SP_ATTACH_STUCK : SP_ATTACH_FAILED;
	if (!step->error)
		step->error = failure->error;
	return false;
}

/* Whether the record has gone with its guest, and what it told of is still to be done. */
static bool outlives(const struct run *run, const struct sp_attach_step *step, int error) {
	bool dying = false;

	return step->kind == SP_ATTACH_TAKE && error == ENOENT && !run_ask_domain(run, &dying) &&
		dying;
}

/*
 * Sets *record where xenstore failed, not Xen. A guest that is being ended has no record any more:
 * ENOENT, and Xen takes back what it has; but pciback keeps what it has.
 */
static int take(
	const struct run *run, const struct sp_attach_step *step, bool force, bool *record) {
	const struct sp_xen_ops *ops = run->xen->ops;
	int error = step->record ? ops->forget(run->xen, run->domain, step->record) : 0;

	if (outlives(run, step, error))
		error = 0;
	*record = error != 0;
	if (error)
		return error;
	error = call(run, step, false, force);
	if (error && step->record)
		ops->record(run->xen, run->domain, step->record);
	return error;
}

/*
 * Pages that could not be unmapped keep the right to them, without which they never could be. The
 * mapping is the step after the right. A function that is the guest's does not go back to its
 * driver. The error is that of the other step; 0: it is not held.
 */
static int held_by(
	const struct run *run, const struct sp_attach_step *step, enum sp_attach_state state) {
	const struct sp_attach_step *other = step->kind == SP_ATTACH_PERMIT ? step + 1
		: step->kind == SP_ATTACH_TAKE ? &run->attach->steps.data[step->mate]
					       : NULL;

	return other && other->state == state ? other->error : 0;
}

static void undo(const struct run *run, uint32_t count) {
	for (uint32_t i = count; i > 0; i--) {
		struct sp_attach_step *step = &run->attach->steps.data[i - 1];
		bool record;

		if (step->state != SP_ATTACH_DONE)
			continue;
		if (step->kind == SP_ATTACH_BIND) {
			step->state = SP_ATTACH_STAYS;
			continue;
		}
		step->error = held_by(run, step, SP_ATTACH_STUCK);
		if (!step->error)
			step->error = take(run, step, true, &record);
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
		bool record = false;

		if (step->state != SP_ATTACH_PLANNED || step->kind == SP_ATTACH_BIND)
			continue;
		xen->said[0] = '\0';
		step->error = held_by(&run, step, SP_ATTACH_FAILED);
		if (!step->error)
			step->error = take(&run, step, attach->force, &record);
		step->state = step->error ? SP_ATTACH_FAILED : SP_ATTACH_DONE;
		if (step->error && !failure->step) {
			failure->record = record;
			run_fail(&run, failure, step, step->error);
		}
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
static bool look_at(const struct run *run, struct sp_attach_step *step, bool attaching, bool *there,
	struct sp_attach_failure *failure) {
	int error;

	if (pci_is(step))
		return pci_look(run, step, attaching, there, failure);
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
	good = pci_resolve(&run, attaching, failure);
	for (uint32_t i = 0; i < attach->steps.count && good; i++) {
		struct sp_attach_step *step = &attach->steps.data[i];
		bool there = false;

		good = look_at(&run, step, attaching, &there, failure);
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

bool sp_detach_rest(struct sp_attach *attach, struct sp_xen *xen, uint32_t domain,
	struct sp_attach_failure *failure) {
	struct run run = {.attach = attach, .xen = xen, .domain = domain};

	*failure = (struct sp_attach_failure){0};
	for (uint32_t i = attach->steps.count; i > 0; i--) {
		struct sp_attach_step *step = &attach->steps.data[i - 1];

		if (step->state != SP_ATTACH_PLANNED || step->kind != SP_ATTACH_TAKE)
			continue;
		step->error = pci_take(&run, step, false);
		step->state = step->error ? SP_ATTACH_FAILED : SP_ATTACH_DONE;
		if (step->error && !failure->step)
			run_fail(&run, failure, step, step->error);
	}
	return failure->step == NULL;
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
	error = xen->ops->end(xen, domain, milliseconds);
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
