/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/parts.h"

/* The kernel's headers may be older than the kernel. The numbers are the same on all machines. */
#define CREATE_RULESET 444
#define RESTRICT_SELF 446
#define ASK_VERSION 1u

struct ruleset {
	uint64_t files, network, scopes;
};

/* All that a version of the kernel's interface can forbid. */
static const struct {
	size_t size;
	struct ruleset all;
} VERSIONS[] = {
	{offsetof(struct ruleset, network), {(1u << 13) - 1, 0, 0}},
	{offsetof(struct ruleset, network), {(1u << 14) - 1, 0, 0}}, /* files move */
	{offsetof(struct ruleset, network), {(1u << 15) - 1, 0, 0}}, /* files are cut short */
	{offsetof(struct ruleset, scopes), {(1u << 15) - 1, 3, 0}}, /* TCP: bind, connect */
	{offsetof(struct ruleset, scopes), {(1u << 16) - 1, 3, 0}}, /* ioctl() of devices */
	{sizeof(struct ruleset), {(1u << 16) - 1, 3, 3}}, /* abstract sockets, signals */
};
#define LAST ((int)(sizeof(VERSIONS) / sizeof(VERSIONS[0])))

/* Nothing is excepted from what is forbidden. */
static bool restrict_to_nothing(int version) {
	int ruleset = (int)syscall(
		CREATE_RULESET, &VERSIONS[version - 1].all, VERSIONS[version - 1].size, 0);
	bool restricted;

	if (ruleset < 0)
		return false;
	restricted = syscall(RESTRICT_SELF, ruleset, 0) == 0;
	close(ruleset);
	return restricted;
}

bool sp_landlock_enter(int *version, struct sp_error *error) {
	long known = syscall(CREATE_RULESET, NULL, 0, ASK_VERSION);

	*version = 0;
	if (known <= 0)
		return true;
	*version = known < LAST ? (int)known : LAST;
	return restrict_to_nothing(*version) ||
		sp_error_set(error, SP_ERROR_SYSTEM, "landlock: %s", strerror(errno));
}
