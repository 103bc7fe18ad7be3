/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/parts.h"

#define CALLS 512

/* A signal's handler has nothing but this to find its data by. It is set once, to what is then made
 * read-only. */
static const char (*names)[SP_DYING_NAME];

static char *put(char *end, const char *text) {
	size_t size = strlen(text);

	memcpy(end, text, size);
	return end + size;
}

static char *put_number(char *end, unsigned number) {
	char digits[12], *at = digits + sizeof(digits) - 1;

	*at = '\0';
	do {
		*--at = (char)('0' + number % 10);
	} while (number /= 10);
	return put(end, at);
}

/*
 * The filter sends this signal in place of the call. The kernel has forgotten the handler by the
 * time it runs, and holds the signal back meanwhile, so that a second call that is forbidden ends
 * the process whatever the first one's maker does.
 */
static void last_words(int number, siginfo_t *info, void *context) {
	struct pollfd log = {.fd = STDERR_FILENO, .events = POLLOUT};
	char line[160], *end = line;
	unsigned call = (unsigned)info->si_syscall;

	(void)number;
	(void)context;
	end = put(end, "sallyport: the sandbox ends this process: it made the system call ");
	end = put_number(end, call);
	if (call < CALLS && names[call][0]) {
		end = put(end, " (");
		end = put(end, names[call]);
		end = put(end, ")");
	}
	end = put(end, ", which it may not\n");
	if (poll(&log, 1, 0) == 1)
		(void)!write(STDERR_FILENO, line, (size_t)(end - line));
	syscall(SYS_ptrace, -1L, 0L, 0L, 0L);
	_exit(1);
}

bool sp_dying_prepare(const char *(*name)(int number, char *space), struct sp_error *error) {
	struct sigaction action = {
		.sa_sigaction = last_words, .sa_flags = SA_SIGINFO | (int)SA_RESETHAND};
	size_t size = CALLS * SP_DYING_NAME;
	char(*made)[SP_DYING_NAME] =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (made == MAP_FAILED)
		return sp_error_memory(error);
	for (int i = 0; i < CALLS; i++) {
		if (!name(i, made[i]))
			made[i][0] = '\0';
	}
	names = (const char(*)[SP_DYING_NAME])made;
	if (mprotect(made, size, PROT_READ) < 0 || sigaction(SIGSYS, &action, NULL) < 0)
		return sp_error_set(error, SP_ERROR_SYSTEM, "SIGSYS: %s", strerror(errno));
	return true;
}
