/* SPDX-License-Identifier: MIT */
#ifndef SALLYPORT_CHECK_H
#define SALLYPORT_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sallyport/error.h>
#include <sallyport/finding.h>
#include <sallyport/plan.h>
#include <sallyport/request.h>

/*
 * Judges set-ups that people wrote: xl configuration files with the partial trees that they name,
 * and dom0less guests in the host's tree. The host's tree is the one that Xen boots with.
 */
struct sp_check;

struct sp_check_options {
	enum sp_target target;
	bool multi_iommu_masters; /* as in struct sp_request */
	/* xl configuration files, by path; device_tree is looked up as xl does, and if it is not
	 * found so, beside the configuration. */
	const char *const *configs;
	uint32_t config_count;
	/* Partial trees of dom0less guests: NODE=FILE, where NODE is the name of a domain's node
	 * under /chosen. Such domains are checked in any case. */
	const char *const *trees;
	uint32_t tree_count;
	/* What the host's tree does not tell, as for a plan. */
	const struct sp_request_stream *streams;
	uint32_t stream_count;
	const struct sp_request_bdf *bdfs;
	uint32_t bdf_count;
};

/*
 * A file that cannot be read or is not what it should be at all is an error (SP_ERROR_INPUT,
 * SP_ERROR_SYSTEM…); what Xen or xl would refuse, or take and not do, is a finding. `host` must
 * outlive the check.
 */
bool sp_check_create(struct sp_check **check, const struct sp_host *host,
	const struct sp_check_options *options, struct sp_error *error);
void sp_check_destroy(struct sp_check *check); /* accepts NULL */

enum sp_verdict sp_check_verdict(const struct sp_check *check);

/*
 * Sorted like a plan's. Those that a line of a configuration is at fault for have `file` and
 * `line`; those about a guest's tree have its `file`, and `path` is in it.
 */
const struct sp_finding *sp_check_findings(const struct sp_check *check, uint32_t *count);

/* The findings for machines. *data is malloc'ed. */
bool sp_check_json(const struct sp_check *check, char **data, size_t *size, struct sp_error *error);

#endif
