/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <seccomp.h>

#include "sandbox/parts.h"

static const char *name_of(int number, char *space) {
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);

	if (!name)
		return NULL;
	strncpy(space, name, SP_DYING_NAME - 1);
	space[SP_DYING_NAME - 1] = '\0';
	free(name);
	return space;
}

static int add(scmp_filter_ctx filter, const struct sp_call *call, uint32_t action) {
	struct scmp_arg_cmp compare[SP_CALL_CONDITIONS];
	int number = seccomp_syscall_resolve_name(call->name);
	unsigned count = 0;

	/* Not a call of this machine. */
	if (number < 0)
		return 0;
	while (count < SP_CALL_CONDITIONS && call->conditions[count].mask) {
		const struct sp_call_condition *condition = &call->conditions[count];
		uint64_t value = condition->value == SP_CALL_OWN_PROCESS ? (uint64_t)getpid()
									 : condition->value;

		compare[count++] = (struct scmp_arg_cmp){
			condition->argument, SCMP_CMP_MASKED_EQ, condition->mask, value};
	}
	return seccomp_rule_add_array(filter, action, number, count, compare);
}

static int add_all(scmp_filter_ctx filter, const struct sp_call *calls, uint32_t action) {
	int failure = 0;

	for (; calls->name && !failure; calls++)
		failure = add(filter, calls, action);
	return failure;
}

static int load(scmp_filter_ctx filter) {
	/* Calls by the numbers of another machine, such as those of i386: nobody can be told. */
	int failure = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	/* A search by halves, not one row after the other. Older libraries know only the latter. */
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!failure)
		failure = add_all(filter, sp_calls_allowed(), SCMP_ACT_ALLOW);
	if (!failure)
		failure = add_all(filter, sp_calls_refused(), SCMP_ACT_ERRNO(EACCES));
	return failure ? failure : seccomp_load(filter);
}

bool sp_filter_enter(bool *entered, struct sp_error *error) {
	const uint32_t needed = SECCOMP_RET_TRAP;
	scmp_filter_ctx filter;
	int failure;

	*entered = false;
	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &needed) < 0)
		return true;
	if (!sp_dying_prepare(name_of, error))
		return false;
	filter = seccomp_init(SCMP_ACT_TRAP);
	if (!filter)
		return sp_error_memory(error);
	failure = load(filter);
	seccomp_release(filter);
	*entered = !failure;
	return !failure || sp_error_set(error, SP_ERROR_SYSTEM, "seccomp: %s", strerror(-failure));
}
