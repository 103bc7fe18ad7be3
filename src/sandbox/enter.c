/* SPDX-License-Identifier: MIT */
#include "sandbox/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/parts.h"

/* Sanitizers read files, and start a tracer at the end; what counts lines writes files at the end.
 * Both are for tests alone. */
#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer) || defined(SP_COVERAGE)
static const bool INSTRUMENTED = true;
#else
static const bool INSTRUMENTED = false;
#endif

static bool system_error(struct sp_error *error, const char *what) {
	return sp_error_set(error, SP_ERROR_SYSTEM, "%s: %s", what, strerror(errno));
}

/* What a program could get by being started. It takes a capability, without which there is nothing
 * to be got. */
static void drop_bounds(void) {
	for (unsigned long i = 0; prctl(PR_CAPBSET_DROP, i, 0, 0, 0) == 0; i++)
		;
}

bool sp_sandbox_become(const char *user, struct sp_error *error) {
	struct passwd *entry;

	errno = 0;
	entry = getpwnam(user);
	if (!entry)
		return errno && errno != ENOENT && errno != ESRCH
			? system_error(error, user)
			: sp_error_set(error, SP_ERROR_USE, "%s: there is no such user", user);
	if (geteuid() == entry->pw_uid && entry->pw_uid != 0)
		return true;
	if (geteuid() != 0)
		return sp_error_set(error, SP_ERROR_USE, "only root can become %s", user);
	drop_bounds();
	/* With the last one go all capabilities. */
	if (initgroups(user, entry->pw_gid) < 0 ||
		setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid) < 0 ||
		setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid) < 0)
		return system_error(error, user);
	return true;
}

static bool drop_capabilities(struct sp_error *error) {
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

	drop_bounds();
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &header, none) == 0 || system_error(error, "capset");
}

bool sp_sandbox_hold(struct sp_error *error) {
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return system_error(error, "no_new_privs");
	return drop_capabilities(error);
}

static bool set_limits(struct sp_error *error) {
	static const struct {
		__rlimit_resource_t resource;
		const char *name;
	} limits[] = {
		/* An image of the process would have the guest's memory in it. */
		{RLIMIT_CORE, "RLIMIT_CORE"},
		{RLIMIT_NPROC, "RLIMIT_NPROC"},
		{RLIMIT_MSGQUEUE, "RLIMIT_MSGQUEUE"},
		{RLIMIT_RTPRIO, "RLIMIT_RTPRIO"},
	};
	const struct rlimit none = {0, 0};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		if (setrlimit(limits[i].resource, &none) < 0)
			return system_error(error, limits[i].name);
	}
	return true;
}

static void warn(const struct sp_sandbox *sandbox, bool root, void (*say)(const char *line)) {
	if (!sandbox->seccomp)
		say("WARNING: there is no seccomp, in the kernel or in this program: it can make "
		    "any system call");
	if (!sandbox->landlock)
		say("WARNING: the kernel has no Landlock: files are kept from it by seccomp alone");
	if (root)
		say("WARNING: it goes on as root, although with no capability: give --user");
}

bool sp_sandbox_enter(
	struct sp_sandbox *sandbox, void (*say)(const char *line), struct sp_error *error) {
	struct sp_sandbox made = {.entered = true};
	bool root = geteuid() == 0;

	if (INSTRUMENTED) {
		say("WARNING: a program with sanitizers or counters has no sandbox");
		*sandbox = (struct sp_sandbox){0};
		return true;
	}
	/* Neither other processes of the user's nor images of it show the guest's memory. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return system_error(error, "dumpable");
	if (!sp_sandbox_hold(error) || !set_limits(error) ||
		!sp_landlock_enter(&made.landlock, error) || !sp_filter_enter(&made.seccomp, error))
		return sp_error_prefix(error, "sandbox");
	*sandbox = made;
	warn(sandbox, root, say);
	return true;
}
