/* SPDX-License-Identifier: MIT */
#ifndef SALLYPORT_TARGET_H
#define SALLYPORT_TARGET_H

#include <stdbool.h>

/* The Xen that is planned for. */

enum sp_target {
	SP_TARGET_XEN_4_17,
	SP_TARGET_XEN_4_18,
	SP_TARGET_XEN_4_19,
	SP_TARGET_XEN_4_20,
	SP_TARGET_XEN_4_21,
	SP_TARGET_XEN_4_22,
	SP_TARGET_COUNT
};
#define SP_TARGET_DEFAULT SP_TARGET_XEN_4_20

const char *sp_target_name(enum sp_target target); /* "xen-4.20" */
/* False for an unknown name. */
bool sp_target_parse(const char *name, enum sp_target *target);

#endif
