/* SPDX-License-Identifier: MIT */
#ifndef SP_XEN_PCI_H
#define SP_XEN_PCI_H

/* The interface as it was in Xen 4.14, which later releases keep. */
#define LIBXL_API_VERSION 0x041400

#include <libxl.h>
#include <sys/types.h>

#include "xen/xen.h"

/*
 * libxl is called in a child, each time anew: it ends the process when memory runs out, and what it
 * asks of a driver may never come back. A child whose time is up is left at work, and keeps the
 * lock of the program for as long.
 */
struct libxl {
	pid_t at_work; /* 0: no child is */
	unsigned limit; /* milliseconds; libxl itself waits for a minute at most */
};

/* An errno number; `number` is sent back to the caller. */
typedef int (*libxl_work)(libxl_ctx *ctx, const void *argument, uint32_t *number);

/* child.c: also fills in what libxl said, if it fails. */
int libxl_run(struct libxl *libxl, struct sp_xen *xen, libxl_work work, const void *argument,
	uint32_t *number);
int libxl_errno(int rc);

/*
 * log.c: keeps the line that tells most of those that libxl and libxenctrl write, which is the last
 * error that does not only say that something before it failed.
 */
struct log {
	xentoollog_logger logger; /* the first, so that the one is the other */
	char said[SP_XEN_SAID_SIZE];
};
void log_init(struct log *log);

/* sysfs.c: `root` stands before each path; "" but in tests. */
int sysfs_slot(const char *root, sp_bdf bdf, uint8_t *functions);
int sysfs_look(const char *root, sp_bdf bdf, struct sp_xen_function *function);
/* From whatever driver has it to this one, without libxl. */
int sysfs_rebind(const char *root, sp_bdf bdf, const char *driver);

/* ctrl.c. EBUSY: Xen has assigned it to some guest, or does not know it. */
int xen_pci_assigned(struct sp_xen *xen, sp_bdf bdf);

/* pci.c */
extern const struct sp_xen_pci_ops XEN_PCI_OPS;
/* Where the operations find their state; ctrl.c has one behind each struct sp_xen. */
struct xen_pci {
	struct libxl libxl;
	const char *sysfs;
};
struct xen_pci *xen_pci_of(struct sp_xen *xen);
#define XEN_PCI_INIT \
	{ .libxl = {.limit = 90000}, .sysfs = "" }

#endif
