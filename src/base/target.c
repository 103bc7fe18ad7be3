/* SPDX-License-Identifier: MIT */
#include <sallyport/target.h>

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const char *const TARGETS[SP_TARGET_COUNT] = {
	[SP_TARGET_XEN_4_17] = "xen-4.17",
	[SP_TARGET_XEN_4_18] = "xen-4.18",
	[SP_TARGET_XEN_4_19] = "xen-4.19",
	[SP_TARGET_XEN_4_20] = "xen-4.20",
	[SP_TARGET_XEN_4_21] = "xen-4.21",
	[SP_TARGET_XEN_4_22] = "xen-4.22",
};

/* SP_TARGET_COUNT if there is none. */
static size_t find(const char *name) {
	size_t i = 0;

	while (i < SP_TARGET_COUNT && strcmp(TARGETS[i], name) != 0)
		i++;
	return i;
}

const char *sp_target_name(enum sp_target target) {
	return (unsigned)target < SP_TARGET_COUNT ? TARGETS[target] : "?";
}

bool sp_target_parse(const char *name, enum sp_target *target) {
	char full[16];
	size_t i = find(name);

	/* "4.20" can mean nothing else. */
	if (i == SP_TARGET_COUNT && strlen(name) < 8) {
		snprintf(full, sizeof(full), "xen-%s", name);
		i = find(full);
	}
	if (i == SP_TARGET_COUNT)
		return false;
	*target = (enum sp_target)i;
	return true;
}
