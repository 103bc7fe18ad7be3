/* SPDX-License-Identifier: MIT */
#ifndef SP_CLI_HOST_H
#define SP_CLI_HOST_H

#include <sallyport/machine.h>
#include <sallyport/plan.h>

#include "options.h"

/* A host with the tree it was read from. A zeroed struct is empty. */
struct cli_host {
	struct sp_tree *tree;
	struct sp_host *host;
};

/* Complains and returns false. */
bool cli_host_load(struct cli_host *host, const char *path);
void cli_host_release(struct cli_host *host);

/*
 * True if HOST is a machine with PCI: the file is a snapshot or lspci's output. With NULL, where
 * none is named, true if this machine has PCI devices and no device tree.
 */
bool cli_is_machine(const char *path);
/* That file, or with NULL this machine. Complains and returns false. */
bool cli_machine_load(struct sp_machine **machine, const char *path);

/* Values that both verbs take. They complain and return false. */
bool cli_read_target(const struct cli_usage *usage, const char *text, enum sp_target *target);
bool cli_read_mode(const struct cli_usage *usage, const char *text, enum sp_mode *mode);

#endif
