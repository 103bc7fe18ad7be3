/* SPDX-License-Identifier: MIT */
#ifndef SP_CLI_PLAN_OPTIONS_H
#define SP_CLI_PLAN_OPTIONS_H

#include <sallyport/assign.h>
#include <sallyport/plan.h>

#include "options.h"

#define CLI_MAX_BDFS 64u
#define CLI_MAX_CLOCKS 64u
#define CLI_MAX_FUNCTIONS 64u
#define CLI_PCI_MEMORY 2048u /* MiB of a guest with PCI functions, unless it is told */

/* What is said about PCI functions alone. */
struct cli_plan_pci {
	bool dom0_named, guest_named, rdm_named;
	enum sp_dom0 dom0;
	enum sp_guest_kind guest;
	enum sp_toolstack toolstack;
	bool whole_slot, at_boot, stubdomain, gfx_passthru, permissive, relaxed_rdm;
	const char *rom;
};

/* What the command line of `plan` says. */
struct cli_plan_options {
	const char *host; /* NULL: not named */
	const char *plan_file; /* NULL: the guest is the one described here */
	const char *directory;
	bool json, quiet, without_iommu;
	struct sp_write_options write;

	/* PCI functions of a machine; `live`: of this one, and `host` is the first function. */
	bool is_pci, live;
	struct cli_plan_pci pci;
	bool kvm; /* --target kvm */
	bool memory_named;

	/* The request, which points into this struct and into argv. */
	struct sp_request request;
	bool target_named;
	struct sp_request_guest guest;
	struct sp_request_stream streams[SP_MAX_STREAMS];
	struct sp_request_bdf bdfs[CLI_MAX_BDFS];
	struct sp_request_clock clocks[CLI_MAX_CLOCKS];
};

/* False if there is nothing more to do: the verb ends with *status. argv is modified. */
bool cli_plan_options(struct cli *cli, struct cli_plan_options *options, int argc, char **argv,
	enum cli_status *status);

#endif
