/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "attach/run.h"
#include "pci/address.h"

/* How often a guest is asked to let go of a function, which libxl waits 10 seconds for, and how
 * long it is left alone after that. */
#define TRIES 3u
#define PAUSE 5000u
/* How often it is looked whether a guest that dies has gone, and how long is waited before. */
#define LOOKS 120u
#define LOOK_AGAIN 500u

static const struct sp_xen_pci_ops *ops_of(const struct run *run) {
	run->xen->said[0] = '\0';
	return run->xen->ops->pci;
}

struct flat {
	SP_VEC(struct sp_attach_function) functions;
};

/* What dom0 does not see of a slot is missed when its function 0 is looked for. */
static int flatten(const struct run *run, struct flat *flat) {
	struct sp_arena *arena = &run->attach->arena;

	for (uint32_t i = 0; i < run->attach->functions.count; i++) {
		const struct sp_attach_function *entry = &run->attach->functions.data[i];
		uint8_t there = (uint8_t)(1u << sp_bdf_function(entry->pci.bdf));
		int error = entry->all ? ops_of(run)->slot(run->xen, entry->pci.bdf, &there) : 0;

		if (error == ENODEV)
			there = 1;
		else if (error)
			return error;
		for (uint32_t f = 0; f < 8; f++) {
			struct sp_attach_function *function =
				there >> f & 1 ? sp_vec_push(arena, &flat->functions) : NULL;

			if (!function)
				continue;
			*function = *entry;
			function->pci.bdf = (entry->pci.bdf & ~7u) | f;
		}
	}
	return arena->failed ? ENOMEM : 0;
}

/*
 * The functions of a slot stand together, where its first is, and the highest comes first, as libxl
 * has it: a guest may look for a device when its function 0 appears.
 */
static bool sort(struct sp_arena *arena, struct flat *flat) {
	uint32_t count = flat->functions.count;
	bool *placed = sp_arena_array(arena, count, sizeof(*placed));
	struct flat sorted = {0};

	for (uint32_t i = 0; placed && i < count; i++) {
		uint32_t slot = sp_bdf_slot(flat->functions.data[i].pci.bdf);

		for (uint32_t f = 8; !placed[i] && f-- > 0;) {
			for (uint32_t j = i; j < count; j++) {
				struct sp_attach_function *next = NULL;

				if (flat->functions.data[j].pci.bdf == (slot << 3 | f))
					next = sp_vec_push(arena, &sorted.functions);
				if (!next)
					continue;
				*next = flat->functions.data[j];
				placed[j] = true;
			}
		}
	}
	*flat = sorted;
	return !arena->failed;
}

static void add_steps(struct sp_attach *attach, const struct flat *flat, enum sp_attach_kind kind) {
	uint32_t count = flat->functions.count;

	for (uint32_t i = 0; i < count; i++) {
		struct sp_attach_step *step = sp_vec_push(&attach->arena, &attach->steps);

		if (!step)
			return;
		step->kind = kind;
		step->line = flat->functions.data[i].line;
		step->pci = flat->functions.data[i].pci;
		step->driver = "";
		step->mate = attach->steps.count - 1 + (kind == SP_ATTACH_TAKE ? count : 0 - count);
	}
}

/* Interrupts stay last. */
static void insert_steps(struct sp_attach *attach, const struct flat *flat) {
	struct sp_attach old = *attach;
	uint32_t first = 0;

	while (first < old.steps.count && old.steps.data[first].kind != SP_ATTACH_BIND)
		first++;
	memset(&attach->steps, 0, sizeof(attach->steps));
	for (uint32_t i = 0; i <= old.steps.count; i++) {
		struct sp_attach_step *step;

		if (i == first) {
			add_steps(attach, flat, SP_ATTACH_TAKE);
			add_steps(attach, flat, SP_ATTACH_ADD);
		}
		step = i < old.steps.count ? sp_vec_push(&attach->arena, &attach->steps) : NULL;
		if (step)
			*step = old.steps.data[i];
	}
	if (attach->arena.failed)
		memcpy(&attach->steps, &old.steps, sizeof(attach->steps));
}

/* A guest with its own kind of passthrough, and none for PCI. */
static bool check_kind(const struct run *run, struct sp_attach_failure *failure) {
	enum sp_xen_kind kind = SP_XEN_PV;
	int error = ops_of(run)->kind(run->xen, run->domain, &kind);

	if (!error && kind != SP_XEN_PVH)
		return true;
	if (!error)
		snprintf(run->xen->said, sizeof(run->xen->said), "it is a PVH guest");
	return run_fail(run, failure, NULL, error ? error : EOPNOTSUPP);
}

bool pci_resolve(const struct run *run, bool attaching, struct sp_attach_failure *failure) {
	struct sp_attach *attach = run->attach;
	struct flat flat = {0};
	int error;

	if (!attach->functions.count)
		return true;
	if (!run->xen->ops->pci)
		return run_fail(run, failure, NULL, EOPNOTSUPP);
	if (attaching && !check_kind(run, failure))
		return false;
	if (attach->resolved)
		return true;
	error = flatten(run, &flat);
	if (!error && !sort(&attach->arena, &flat))
		error = ENOMEM;
	if (!error) {
		insert_steps(attach, &flat);
		error = attach->arena.failed ? ENOMEM : 0;
	}
	attach->resolved = !error;
	return !error || run_fail(run, failure, NULL, error);
}

/* "taken 0000:03:00.0 e1000e" */
#define TAKEN "taken %s %s"

/* NULL if there is no such line; "" if no driver had it. Both are the arena's. */
static const char *recorded_driver(const struct run *run, const char *address) {
	char start[32];
	size_t size = (size_t)snprintf(start, sizeof(start), TAKEN, address, "");

	for (const char *at = run->records; *at; at += strcspn(at, "\n"), at += *at == '\n') {
		if (strncmp(at, start, size) == 0)
			return sp_arena_strndup(
				&run->attach->arena, at + size, strcspn(at + size, "\n"));
	}
	return NULL;
}

static void remember(const struct run *run, struct sp_attach_step *step, const char *driver) {
	char address[SP_BDF_SIZE];

	sp_bdf_format(address, step->pci.bdf);
	step->driver = sp_arena_strdup(&run->attach->arena, driver);
	step->record = sp_arena_printf(&run->attach->arena, TAKEN, address, driver);
}

static int judge(const struct run *run, const struct sp_attach_step *step,
	const struct sp_xen_function *function) {
	char *said = run->xen->said;

	if (function->owner != SP_XEN_NOBODY) {
		snprintf(said, SP_XEN_SAID_SIZE, "domain %u has it", function->owner);
		return EBUSY;
	}
	if (function->stale)
		return EUCLEAN;
	if (step->kind == SP_ATTACH_TAKE && function->bridge) {
		snprintf(said, SP_XEN_SAID_SIZE, "it is a bridge");
		return EINVAL;
	}
	if (step->kind == SP_ATTACH_TAKE && function->deadly) {
		snprintf(said, SP_XEN_SAID_SIZE, "it is a virtual function of a PVH dom0");
		return EINVAL;
	}
	return 0;
}

static bool look_attaching(const struct run *run, struct sp_attach_step *step, bool *there,
	struct sp_attach_failure *failure) {
	struct sp_xen_function function;
	int error = ops_of(run)->look(run->xen, step->pci.bdf, &function);

	if (!error && function.owner == run->domain) {
		*there = true;
		return true;
	}
	if (!error)
		error = judge(run, step, &function);
	if (error)
		return run_fail(run, failure, step, error);
	*there = step->kind == SP_ATTACH_TAKE && function.assignable;
	if (step->kind == SP_ATTACH_TAKE && !*there)
		remember(run, step, function.driver);
	return !run->attach->arena.failed || run_fail(run, failure, step, ENOMEM);
}

static bool look_detaching(const struct run *run, struct sp_attach_step *step, bool *there,
	struct sp_attach_failure *failure) {
	struct sp_xen_function function;
	char address[SP_BDF_SIZE];
	int error;

	if (step->kind == SP_ATTACH_TAKE) {
		const char *driver;

		sp_bdf_format(address, step->pci.bdf);
		driver = recorded_driver(run, address);
		*there = driver != NULL;
		if (driver)
			remember(run, step, driver);
		return !run->attach->arena.failed || run_fail(run, failure, step, ENOMEM);
	}
	error = ops_of(run)->look(run->xen, step->pci.bdf, &function);
	*there = !error && function.owner == run->domain;
	return !error || run_fail(run, failure, step, error);
}

bool pci_look(const struct run *run, struct sp_attach_step *step, bool attaching, bool *there,
	struct sp_attach_failure *failure) {
	return attaching ? look_attaching(run, step, there, failure)
			 : look_detaching(run, step, there, failure);
}

int pci_give(const struct run *run, const struct sp_attach_step *step) {
	if (step->kind == SP_ATTACH_TAKE)
		return ops_of(run)->take(run->xen, step->pci.bdf);
	return ops_of(run)->add(run->xen, run->domain, &step->pci);
}

/* What a dying guest has is free when it has gone, whoever ends it. */
static int await_gone(const struct run *run) {
	struct sp_xen_domain info;
	int error = 0;

	for (unsigned i = 0; i < LOOKS && !error; i++) {
		error = run->xen->ops->domain(run->xen, run->domain, &info);
		if (!error)
			error = run->xen->ops->await(run->xen, LOOK_AGAIN);
	}
	return error == ESRCH ? 0 : error ? error : ETIMEDOUT;
}

static int settle(const struct run *run) {
	bool dying;
	int error = run_ask_domain(run, &dying);

	return !error && dying ? await_gone(run) : error;
}

/* Who has the function by now keeps it: another guest, or a driver. */
static int give_back(const struct run *run, const struct sp_attach_step *step) {
	struct sp_xen_function function;
	int error = settle(run);

	if (!error)
		error = ops_of(run)->look(run->xen, step->pci.bdf, &function);
	if (error)
		return error;
	if (function.owner == run->domain)
		return EBUSY;
	if (function.owner != SP_XEN_NOBODY || !function.assignable)
		return 0;
	return ops_of(run)->restore(run->xen, step->pci.bdf, step->driver, true);
}

/* What is not an answer of the guest's does not become better by asking again. */
static bool may_yet(int error) {
	return error == ETIMEDOUT || error == EREMOTEIO || error == EAGAIN;
}

static int remove_function(const struct run *run, const struct sp_attach_step *step, bool force) {
	struct sp_xen_function function;
	int error = ops_of(run)->look(run->xen, step->pci.bdf, &function);

	for (unsigned i = 0; !error && i < TRIES; i++) {
		if (function.owner != run->domain)
			return 0;
		error = ops_of(run)->remove(run->xen, run->domain, step->pci.bdf, false);
		if (!error || i + 1 == TRIES || !may_yet(error))
			break;
		error = run->xen->ops->await(run->xen, PAUSE);
		if (!error)
			error = ops_of(run)->look(run->xen, step->pci.bdf, &function);
	}
	if (error && error != SP_XEN_AT_WORK && force)
		error = ops_of(run)->remove(run->xen, run->domain, step->pci.bdf, true);
	return error;
}

int pci_take(const struct run *run, const struct sp_attach_step *step, bool force) {
	bool dying;
	int error;

	if (step->kind == SP_ATTACH_TAKE)
		return give_back(run, step);
	error = run_ask_domain(run, &dying);
	if (!error && !dying)
		error = remove_function(run, step, force);
	if (error)
		return run_ask_domain(run, &dying) || !dying ? error : await_gone(run);
	return dying ? await_gone(run) : 0;
}

int pci_mend(const struct run *run, const struct sp_attach_step *step) {
	struct sp_xen_function function;
	int error = settle(run);

	if (!error && step->kind == SP_ATTACH_TAKE)
		return ops_of(run)->restore(run->xen, step->pci.bdf, step->driver, false);
	if (!error)
		error = ops_of(run)->look(run->xen, step->pci.bdf, &function);
	if (error || (function.owner != run->domain && function.owner != SP_XEN_NOBODY))
		return error;
	return ops_of(run)->remove(run->xen, run->domain, step->pci.bdf, true);
}
