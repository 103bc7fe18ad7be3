/* SPDX-License-Identifier: MIT */
#ifndef SP_DOM0_DOM0_H
#define SP_DOM0_DOM0_H

#include <sallyport/finding.h>

#include "attach/attach.h"
#include "cli/cli.h"

/* One program stands behind two verbs, which its name tells apart. */
struct dom0 {
	struct cli *cli;
	const char *verb;
	bool detach;
	bool dry_run, json, quiet, end_guest, force;
	const char *guest; /* as it was given */
	const char *file; /* NULL: functions were named instead */
	const char *const *functions;
	uint32_t function_count;
	uint32_t id;
	char *name; /* NULL: it has none, or it was not asked for yet */
};

/* What came out, for print.c. */
enum dom0_outcome {
	DOM0_PLANNED, /* --dry-run */
	DOM0_DONE,
	DOM0_NOTHING, /* all of it is attached already, or none of it is attached */
	DOM0_FAILED,
	DOM0_REFUSED, /* see the finding */
	DOM0_ENDED, /* with the guest */
};

struct dom0_result {
	enum dom0_outcome outcome;
	const struct sp_attach *attach;
	struct sp_attach_failure failure;
	struct sp_finding finding; /* for DOM0_REFUSED */
};

/*
 * lock.c: keeps others from changing things at the same time; complains if somebody does for too
 * long. *lock is for dom0_unlock in any case. The file stays where it is.
 */
bool dom0_lock(const struct dom0 *dom0, const char *path, int *lock);
void dom0_unlock(int lock);

/* print.c: prints the result, and gives the exit status for it. */
enum cli_status dom0_print(const struct dom0 *dom0, const struct dom0_result *result);

#endif
