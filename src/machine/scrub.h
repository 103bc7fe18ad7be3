/* SPDX-License-Identifier: MIT */
#ifndef SP_MACHINE_SCRUB_H
#define SP_MACHINE_SCRUB_H

#include <stddef.h>

#include "base/buf.h"

/* In place; what tells one machine from another becomes zeros. */
void scrub_macs(char *text, size_t size);
void scrub_uuids(char *text, size_t size);

/* A kernel's command line: words that matter here are kept, of others the names alone. */
void scrub_command_line(struct sp_buf *out, const char *line, size_t size);

#endif
