/* SPDX-License-Identifier: MIT */
#ifndef SP_ATTACH_ATTACH_H
#define SP_ATTACH_ATTACH_H

#include "base/arena.h"
#include "base/buf.h"
#include "xen/xen.h"
#include "xl/guest.h"

/* Devices are given to a guest that runs, in steps of one call each, and taken from it again. */

enum sp_attach_kind {
	SP_ATTACH_ASSIGN, /* the IOMMU translates a node's DMA */
	SP_ATTACH_PERMIT, /* the guest may have pages, without which they cannot be mapped */
	SP_ATTACH_MAP,
	SP_ATTACH_TAKE, /* a function of PCI from its driver, for pciback */
	SP_ATTACH_ADD, /* a function of PCI to the guest */
	SP_ATTACH_BIND, /* an interrupt; last, since there is no way back */
	SP_ATTACH_KIND_COUNT
};

enum sp_attach_state {
	SP_ATTACH_PLANNED,
	SP_ATTACH_NOTHING, /* there is nothing to do: it is there already, or not there */
	SP_ATTACH_DONE,
	SP_ATTACH_FAILED,
	SP_ATTACH_UNDONE, /* after another step had failed */
	SP_ATTACH_STAYS, /* an interrupt that was bound before another step failed */
	SP_ATTACH_STUCK, /* undoing it failed; see `error` */
	SP_ATTACH_STATE_COUNT
};

struct sp_attach_step {
	enum sp_attach_kind kind;
	enum sp_attach_state state;
	int error; /* of errno.h */
	uint32_t line; /* of the file */
	const char *path;
	uint64_t host, guest, count; /* frames of 4 KiB */
	uint32_t irq;
	struct sp_xen_pci pci;
	const char *driver; /* of a take: where it goes back to; "": it had none */
	uint32_t mate; /* index: the add of a take, and the other way round */
	const char *record; /* NULL: Xen itself can be asked whether it was done */
};

/* What went wrong. `step` is NULL where no step is at fault. */
struct sp_attach_failure {
	const struct sp_attach_step *step;
	int error; /* of errno.h */
	bool record; /* xenstore failed, not Xen */
	char said[SP_XEN_SAID_SIZE]; /* libxl's own words; "": it said nothing */
	const char *words; /* a clause: what the number means there; never NULL */
	const char *remedy; /* a sentence */
	const char *code; /* of a finding that explains it; NULL: there is none */
};

/* What is asked for: a function of PCI, or all functions of a slot. */
struct sp_attach_function {
	struct sp_xen_pci pci;
	bool all; /* what the slot has is not known before Xen is looked at */
	uint32_t line; /* of the file */
};

struct sp_attach {
	struct sp_arena arena;
	const char *file; /* NULL: functions were named instead */
	bool force; /* take functions from a guest that does not let go of them */
	bool resolved; /* the steps for `functions` are there */
	SP_VEC(struct sp_attach_function) functions;
	SP_VEC(struct sp_attach_step) steps;
};

#define SP_ATTACH_MAX 1024u /* entries of each list in a file */
#define SP_ATTACH_FUNCTIONS 256u

/*
 * The steps for what the file lists in dtdev, iomem, irqs and pci; what else it has is not looked
 * at. What xl would not take as it stands is SP_ERROR_INPUT here. Those for pci are made when Xen
 * is looked at first.
 */
bool sp_attach_create(
	struct sp_attach **attach, const struct sp_xl_guest *file, struct sp_error *error);
/* The same for functions in the words of xl's pci: "03:00.0@5,permissive=1", "03:00.*". */
bool sp_attach_create_functions(struct sp_attach **attach, const char *const *texts, uint32_t count,
	struct sp_error *error);
/* Whether the text begins with the address of a function, as no file's name is likely to. */
bool sp_attach_is_function(const char *text);
void sp_attach_destroy(struct sp_attach *attach); /* accepts NULL */

/* Whether there are steps that are still to be done. */
bool sp_attach_pending(const struct sp_attach *attach);
/* The first step that binds an interrupt which is not there yet, or, for detaching, which is. */
const struct sp_attach_step *sp_attach_pending_irq(const struct sp_attach *attach);

/*
 * Finds out what is there already, and what would be refused; changes nothing. All that Xen can be
 * asked beforehand is asked here, since a bound interrupt cannot be taken back.
 */
bool sp_attach_look(struct sp_attach *attach, struct sp_xen *xen, uint32_t domain,
	struct sp_attach_failure *failure);
/*
 * Does the steps that are PLANNED. If one fails those before it are undone in reverse order, all
 * but interrupts, which stay; one that cannot be undone does not keep others from being undone.
 */
bool sp_attach_run(struct sp_attach *attach, struct sp_xen *xen, uint32_t domain,
	struct sp_attach_failure *failure);

/* The same for taking away: steps are PLANNED of which the record says that they were done. */
bool sp_detach_look(struct sp_attach *attach, struct sp_xen *xen, uint32_t domain,
	struct sp_attach_failure *failure);
/*
 * In reverse order. One that fails does not keep others from being done. Binds are left alone, and
 * a function goes back to its driver only if the record says that it was taken from there.
 */
bool sp_detach_run(struct sp_attach *attach, struct sp_xen *xen, uint32_t domain,
	struct sp_attach_failure *failure);

/* Ends the guest and waits until Xen has let go of it, at most so long. */
bool sp_detach_end(struct sp_xen *xen, uint32_t domain, unsigned milliseconds,
	struct sp_attach_failure *failure);

/* Gives back to their drivers what was taken from them for a guest that has gone. */
bool sp_detach_rest(struct sp_attach *attach, struct sp_xen *xen, uint32_t domain,
	struct sp_attach_failure *failure);

/* words.c: "map 4 KiB at 0xfff51000 to the guest's 0x10000000" */
void sp_attach_describe(struct sp_buf *out, const struct sp_attach_step *step);
const char *sp_attach_kind_name(enum sp_attach_kind kind); /* "assign", "permit", "map", … */
const char *sp_attach_state_name(enum sp_attach_state state); /* "planned", "nothing", … */
/* Fills in the words for an error, by what `said` has, too; `step` may be NULL. Returns false. */
bool sp_attach_fail(
	struct sp_attach_failure *failure, const struct sp_attach_step *step, int error);

#endif
