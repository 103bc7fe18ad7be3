/* SPDX-License-Identifier: MIT */
#ifndef SP_ASSIGN_REPORT_H
#define SP_ASSIGN_REPORT_H

#include "assign/assign.h"
#include "base/buf.h"

/* Parts of report.txt. */

/* expect.c: what comes of each function, in the guest and in the host. */
void report_functions(struct sp_buf *out, const struct sp_assign *assign);
/* The lines of lspci in the guest. */
void report_lspci(struct sp_buf *out, const struct sp_assign *assign);
void report_host(struct sp_buf *out, const struct sp_assign *assign);

/* steps.c: what is to be done, in its order. */
void report_steps(struct sp_buf *out, const struct sp_assign *assign);

#endif
