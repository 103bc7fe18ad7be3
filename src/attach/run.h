/* SPDX-License-Identifier: MIT */
#ifndef SP_ATTACH_RUN_H
#define SP_ATTACH_RUN_H

#include "attach/attach.h"

/* Of src/attach alone. */

struct run {
	struct sp_attach *attach;
	struct sp_xen *xen;
	uint32_t domain;
	char *records;
};

/* run.c. One that has gone counts as dying. */
int run_ask_domain(const struct run *run, bool *dying);
/* With what libxl said, where it is about PCI. Returns false. */
bool run_fail(const struct run *run, struct sp_attach_failure *failure,
	const struct sp_attach_step *step, int error);

/* functions.c: the entries of the file's pci, checked. */
bool functions_read(
	struct sp_attach *attach, const struct sp_xl_guest *file, struct sp_error *error);

/* pci.c */
static inline bool pci_is(const struct sp_attach_step *step) {
	return step->kind == SP_ATTACH_TAKE || step->kind == SP_ATTACH_ADD;
}
/* Makes the steps for functions. */
bool pci_resolve(const struct run *run, bool attaching, struct sp_attach_failure *failure);
/* Sets *there, and of a take where the function goes back to. */
bool pci_look(const struct run *run, struct sp_attach_step *step, bool attaching, bool *there,
	struct sp_attach_failure *failure);
int pci_give(const struct run *run, const struct sp_attach_step *step);
/* With force the guest is not waited for in the end. */
int pci_take(const struct run *run, const struct sp_attach_step *step, bool force);
/* Takes back what a call that failed has done in part. */
int pci_mend(const struct run *run, const struct sp_attach_step *step);

#endif
