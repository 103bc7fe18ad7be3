/* SPDX-License-Identifier: MIT */
#ifndef SP_XEN_CTRL_H
#define SP_XEN_CTRL_H

#include <xenctrl.h>
#include <xenstore.h>

#include "xen/xen.h"
#ifdef SP_XEN_PCI
#include "xen/pci.h"
#endif

/* What lies in xenstore, so that each line need not be looked for there. */
struct ctrl_record {
	unsigned number;
	char *line;
};

struct ctrl {
	struct sp_xen xen; /* the first, so that the one is the other */
	xc_interface *control;
	struct xs_handle *store;
	bool watching;
	/* Of the one guest that was asked for; nobody else changes them under the lock. */
	struct ctrl_record *records;
	size_t count, capacity;
#ifdef SP_XEN_PCI
	struct xen_pci pci;
#endif
};

static inline struct ctrl *ctrl_of(struct sp_xen *xen) {
	return (struct ctrl *)xen;
}

/* store.c */
int ctrl_name(struct sp_xen *xen, uint32_t id, char **name);
int ctrl_records(struct sp_xen *xen, uint32_t id, char **lines);
int ctrl_record(struct sp_xen *xen, uint32_t id, const char *line);
int ctrl_forget(struct sp_xen *xen, uint32_t id, const char *line);
void ctrl_release_records(struct ctrl *ctrl);
int ctrl_await(struct sp_xen *xen, unsigned milliseconds);

#endif
