/* SPDX-License-Identifier: MIT */
#ifndef SP_CLI_PRINT_H
#define SP_CLI_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sallyport/finding.h>

#include "cli.h"

/* Errors and warnings in full, with what to do about them. Guests are named if asked for. */
void cli_print_findings(
	struct cli *cli, const struct sp_finding *findings, uint32_t count, bool name_guests);

/* "verdict: no (1 error, 2 warnings, 0 notes)" */
void cli_print_verdict(struct cli *cli, const struct sp_finding *findings, uint32_t count,
	enum sp_verdict verdict);

/* Where a plan was written; `all`: not only what tells why it cannot be. */
void cli_print_files(struct cli *cli, const char *directory, bool all);

/* What the library made for printing, which is freed. */
void cli_print_data(struct cli *cli, char *data, size_t size);

#endif
