/* SPDX-License-Identifier: MIT */
#ifndef SP_SERVE_LIST_H
#define SP_SERVE_LIST_H

#include "cli/cli.h"

/* What can be served, and with which options. */
enum cli_status serve_list(struct cli *cli, bool json);

#endif
