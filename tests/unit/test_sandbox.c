/* SPDX-License-Identifier: MIT */
/* What Landlock alone forbids, and what becomes of a user. Each is tried in a process of its own;
 * all system calls together are tests/sandbox's. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "sandbox/parts.h"

/* Gives what `body` does, in a process that Landlock holds: 0: all was well. */
static int confined(int (*body)(int version)) {
	pid_t child = fork();
	int status = -1;

	if (child == 0) {
		struct sp_error error;
		int version = 0;

		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
			!sp_landlock_enter(&version, &error))
			_exit(99);
		_exit(version ? body(version) : 77);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		print_message("SKIPPED: this kernel has no Landlock\n");
	return WEXITSTATUS(status) == 77 ? 0 : WEXITSTATUS(status);
}

static int files(int version) {
	(void)version;
	if (open("/etc/passwd", O_RDONLY) >= 0 || errno != EACCES)
		return 1;
	if (open("/", O_RDONLY | O_DIRECTORY) >= 0 || errno != EACCES)
		return 2;
	if (open("/tmp/sandbox-made", O_RDWR | O_CREAT, 0600) >= 0 || errno != EACCES)
		return 3;
	if (mkdir("/tmp/sandbox-made", 0700) == 0 || errno != EACCES)
		return 4;
	if (execl("/bin/true", "true", NULL) == 0 || errno != EACCES)
		return 5;
	return 0;
}

static int network(int version) {
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9)};
	int tcp = socket(AF_INET, SOCK_STREAM, 0);

	if (version < 4)
		return 77;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(tcp, (struct sockaddr *)&address, sizeof(address)) == 0 || errno != EACCES)
		return 1;
	if (bind(tcp, (struct sockaddr *)&address, sizeof(address)) == 0 || errno != EACCES)
		return 2;
	return 0;
}

static int others(int version) {
	if (version < 6)
		return 77;
	return kill(getppid(), 0) < 0 && errno == EPERM ? 0 : 1;
}

static void landlock_files(void **state) {
	(void)state;
	assert_int_equal(confined(files), 0);
}

static void landlock_network(void **state) {
	(void)state;
	assert_int_equal(confined(network), 0);
}

static void landlock_signals(void **state) {
	(void)state;
	assert_int_equal(confined(others), 0);
}

/* A row whose condition were left out, or whose argument were none, would allow too much. */
static void rows(void **state) {
	const struct sp_call *const tables[] = {sp_calls_allowed(), sp_calls_refused()};
	unsigned count = 0;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		for (const struct sp_call *call = tables[i]; call->name; call++) {
			count++;
			assert_true(call->why && *call->why);
			for (unsigned k = 0; k < SP_CALL_CONDITIONS; k++) {
				const struct sp_call_condition *condition = &call->conditions[k];

				assert_true(condition->argument < 6);
				if (condition->mask && condition->value != SP_CALL_OWN_PROCESS)
					assert_int_equal(condition->value & ~condition->mask, 0);
			}
		}
		/* One name is not in both. */
		for (const struct sp_call *call = tables[0]; call->name; call++) {
			for (const struct sp_call *other = tables[1]; other->name; other++)
				assert_string_not_equal(call->name, other->name);
		}
	}
	assert_true(count > 50);
}

static void user(void **state) {
	struct sp_error error;

	(void)state;
	assert_false(sp_sandbox_become("no such user", &error));
	assert_int_equal(error.kind, SP_ERROR_USE);
	assert_string_equal(error.message, "no such user: there is no such user");
}

/* It is what fstat(2) says. */
static void status(void **state) {
	struct stat ours, theirs;

	(void)state;
	memset(&ours, 0xa5, sizeof(ours));
	assert_int_equal(sp_file_status(STDERR_FILENO, &ours), 0);
	assert_int_equal(fstat(STDERR_FILENO, &theirs), 0);
	assert_true(ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino);
	assert_true(ours.st_mode == theirs.st_mode && ours.st_size == theirs.st_size);
	assert_int_equal(sp_file_status(-1, &ours), -1);
	assert_int_equal(errno, EBADF);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(landlock_files),
		cmocka_unit_test(landlock_network),
		cmocka_unit_test(landlock_signals),
		cmocka_unit_test(rows),
		cmocka_unit_test(user),
		cmocka_unit_test(status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
