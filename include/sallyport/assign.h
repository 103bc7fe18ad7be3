/* SPDX-License-Identifier: MIT */
#ifndef SALLYPORT_ASSIGN_H
#define SALLYPORT_ASSIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sallyport/error.h>
#include <sallyport/finding.h>
#include <sallyport/machine.h>
#include <sallyport/preflight.h>

/* What must happen so that a guest gets PCI functions. */

/* For whom commands are printed who does not write configurations by hand. */
enum sp_toolstack { SP_TOOLSTACK_XL, SP_TOOLSTACK_QUBES, SP_TOOLSTACK_XCP_NG };
bool sp_toolstack_parse(const char *text, enum sp_toolstack *toolstack); /* "qubes", "xcp-ng" */

struct sp_assign_request {
	struct sp_situation situation;
	enum sp_toolstack toolstack;
	const char *name; /* the guest's; sp_request_check_name() has passed it */
	uint32_t memory; /* MiB */
	const char *kernel, *ramdisk, *command_line; /* the guest's own, as in sp_request_guest */
	const sp_bdf *functions; /* in the order in which the guest shall see them */
	uint32_t function_count;
	bool whole_slot; /* give along the other functions of their slots */
	bool at_boot; /* take them from their drivers at boot, too, not only at run time */
	const char *rom; /* a ROM file for the first GPU; NULL: the device's own */
	bool keep_going; /* write all files in spite of errors */
};

struct sp_assign;

/* As sp_plan_create(): that it will not work is a finding, and errors are requests that cannot be
 * understood. A pure function of its arguments, which must outlive the result. */
bool sp_assign_create(struct sp_assign **assign, const struct sp_machine *machine,
	const struct sp_assign_request *request, struct sp_error *error);
void sp_assign_destroy(struct sp_assign *assign); /* accepts NULL */

enum sp_verdict sp_assign_verdict(const struct sp_assign *assign);
/* The preflight's warnings and failures and the plan's own; `path` is the function's address.
 * Worst first. */
const struct sp_finding *sp_assign_findings(const struct sp_assign *assign, uint32_t *count);
/* What was asked on the way. Belongs to `assign`. */
const struct sp_preflight *sp_assign_preflight(const struct sp_assign *assign);

enum sp_assign_artefact {
	SP_ASSIGN_XL, /* guest.cfg: xl's configuration */
	SP_ASSIGN_TAKE, /* take.sh: takes the functions from their drivers, now */
	SP_ASSIGN_GIVE_BACK, /* give-back.sh: the way back */
	SP_ASSIGN_MODPROBE, /* modprobe.conf: at boot */
	SP_ASSIGN_BOOTARGS, /* bootargs.txt: Xen's and the kernel's command lines */
	SP_ASSIGN_QEMU, /* qemu.args: one argument a line */
	SP_ASSIGN_LIBVIRT, /* hostdev.xml */
	SP_ASSIGN_COMMANDS, /* commands.sh: qvm-pci, or xe */
	SP_ASSIGN_JSON, /* plan.json */
	SP_ASSIGN_REPORT, /* report.txt */
	SP_ASSIGN_ARTEFACT_COUNT
};
const char *sp_assign_artefact_name(enum sp_assign_artefact artefact); /* the file's name */
/* One artefact into *data (malloc'ed, NUL-terminated beyond `size`); true and *data NULL for one
 * that does not apply. */
bool sp_assign_emit(const struct sp_assign *assign, enum sp_assign_artefact artefact, char **data,
	size_t *size, struct sp_error *error);
/* All that apply into the new directory `path`, which appears whole or not at all. A plan with
 * errors has only report.txt and plan.json, unless the request keeps going. */
bool sp_assign_write(
	const struct sp_assign *assign, const char *path, bool force, struct sp_error *error);

#endif
