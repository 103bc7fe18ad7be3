/* SPDX-License-Identifier: MIT */
#ifndef SP_SERVE_REPORT_H
#define SP_SERVE_REPORT_H

#include "base/json.h"
#include "serve/viewers.h"

/* How a VM fares, in figures. */
struct sp_report {
	struct sp_vm *vm;
	const struct sp_viewers *viewers; /* NULL: none */
	struct sp_loop *loop;
	uint64_t began; /* by the loop's clock */
	int statm; /* /proc/self/statm; -1: it could not be opened */
};

/* All are borrowed. */
void sp_report_open(struct sp_report *report, struct sp_vm *vm, const struct sp_viewers *viewers,
	struct sp_loop *loop);
void sp_report_close(struct sp_report *report);
/* Members of the object that is open. */
void sp_report_write(const struct sp_report *report, struct sp_json *json);

#endif
