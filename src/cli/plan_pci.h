/* SPDX-License-Identifier: MIT */
#ifndef SP_CLI_PLAN_PCI_H
#define SP_CLI_PLAN_PCI_H

#include "plan_options.h"

/* The plan for PCI functions of a machine. */
enum cli_status cli_plan_pci(struct cli *cli, const struct cli_plan_options *options);

/*
 * True if a positional argument says that PCI functions are meant: the address of one or of a
 * slot, where there is no file of that name, or a file that is a snapshot or lspci's output. *live:
 * the former. `device` is the argument behind it, NULL if there is none.
 */
bool cli_plan_is_pci(const char *host, const char *device, bool *live);

#endif
