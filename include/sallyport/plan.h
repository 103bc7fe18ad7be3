/* SPDX-License-Identifier: MIT */
#ifndef SALLYPORT_PLAN_H
#define SALLYPORT_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sallyport/error.h>
#include <sallyport/finding.h>
#include <sallyport/request.h>
#include <sallyport/tree.h>

/* What the machine has, read once from its tree. */
struct sp_host;

/*
 * Reads a host from `tree`, which must outlive it. A tree that Xen handed to dom0 or to a guest is
 * refused with SP_ERROR_INPUT. `name` is what messages and reports call the tree; it is copied.
 */
bool sp_host_create(struct sp_host **host, const struct sp_tree *tree, const char *name,
	struct sp_error *error);
void sp_host_destroy(struct sp_host *host); /* accepts NULL */

/* What must happen. A pure function of (host, request): the same bytes for the same input. */
struct sp_plan;

/*
 * Plans. That a device cannot be given away is not an error here but a finding of the plan; errors
 * are requests that cannot be understood (SP_ERROR_USE: no such device, an ambiguous name) and
 * SP_ERROR_MEMORY. The host and the request must outlive the plan.
 */
bool sp_plan_create(struct sp_plan **plan, const struct sp_host *host,
	const struct sp_request *request, struct sp_error *error);
void sp_plan_destroy(struct sp_plan *plan); /* accepts NULL */

enum sp_verdict sp_plan_verdict(const struct sp_plan *plan);

/* Sorted: the host's first, then each guest's; by severity, worst first, then as found. */
const struct sp_finding *sp_plan_findings(const struct sp_plan *plan, uint32_t *count);

/* Each artefact as text or bytes. */
enum sp_artefact {
	/* one for each guest */
	SP_ARTEFACT_GUEST_SOURCE, /* guest.dts */
	SP_ARTEFACT_GUEST_TREE, /* guest.dtb */
	SP_ARTEFACT_XL, /* guest.cfg */
	SP_ARTEFACT_ATTACH, /* attach.cfg, for sallyport attach */
	SP_ARTEFACT_DOM0LESS_SOURCE, /* dom0less.dts */
	SP_ARTEFACT_DOM0LESS, /* dom0less.dtbo */
	SP_ARTEFACT_MAP, /* map.svg */
	SP_ARTEFACT_GRAPH, /* graph.dot */
	/* one for the host */
	SP_ARTEFACT_OVERLAY_SOURCE, /* host-overlay.dts */
	SP_ARTEFACT_OVERLAY, /* host-overlay.dtbo */
	SP_ARTEFACT_PATCHED_TREE, /* host-patched.dtb */
	SP_ARTEFACT_UBOOT, /* uboot.cmd */
	SP_ARTEFACT_IMAGEBUILDER, /* imagebuilder.cfg */
	SP_ARTEFACT_BOOTARGS, /* bootargs.txt */
	SP_ARTEFACT_JSON, /* plan.json */
	SP_ARTEFACT_REPORT, /* report.txt */
	SP_ARTEFACT_COUNT
};

/* The file name, as above. */
const char *sp_artefact_name(enum sp_artefact artefact);

/*
 * Makes one artefact into *data (malloc'ed; NUL-terminated beyond `size`). `guest` counts from 0
 * and is ignored for the host's. An artefact that does not apply (guest.cfg of a dom0less guest)
 * gives true and *data NULL.
 */
bool sp_plan_emit(const struct sp_plan *plan, enum sp_artefact artefact, uint32_t guest,
	char **data, size_t *size, struct sp_error *error);

struct sp_write_options {
	bool force; /* write into an existing directory */
	bool patched_tree; /* host-patched.dtb too */
	bool graph_svg; /* graph.svg too, if dot can be run */
};

/*
 * Writes all artefacts that apply into the new directory `path`: the host's at its top, and the
 * guests' there too, or, if there are several guests, each guest's in a folder of its name. A plan
 * with errors has only report.txt and plan.json, unless the request keeps going. Appears whole or
 * not at all.
 */
bool sp_plan_write(const struct sp_plan *plan, const char *path,
	const struct sp_write_options *options, struct sp_error *error);

/* A table of the devices that could be given away, each assessed on its own. */
struct sp_list_options {
	enum sp_target target;
	enum sp_mode mode;
	bool all; /* every device, not only GPUs and displays */
	const char *compatible; /* a glob over compatible strings, NULL for none */
	unsigned columns; /* terminal width for the table; 0: do not cut */
	bool colour;
};
struct sp_list;
bool sp_list_create(struct sp_list **list, const struct sp_host *host,
	const struct sp_list_options *options, struct sp_error *error);
void sp_list_destroy(struct sp_list *list); /* accepts NULL */
uint32_t sp_list_count(const struct sp_list *list);
/* *data is malloc'ed. */
bool sp_list_table(const struct sp_list *list, char **data, size_t *size, struct sp_error *error);
bool sp_list_json(const struct sp_list *list, char **data, size_t *size, struct sp_error *error);

#endif
