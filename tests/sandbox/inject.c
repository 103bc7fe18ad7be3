/* SPDX-License-Identifier: MIT */
/*
 * Puts system calls into the program that serves, while it serves a client, and sees which of them
 * the sandbox lets through. All numbers are tried, and compared with a list:
 *
 *	inject PROGRAM LIST          compares
 *	inject PROGRAM LIST --write  writes what is found, with the names that LIST has
 *
 * It needs no privileges. As root, more is there to be given up, and it is seen that it is.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probes.h"
#include "sandbox/parts.h"
#include "scene.h"

#define REPEAT(x) \
	{ x, x, x, x, x, x }

static const char *verdict_name(enum verdict verdict) {
	static const char *const names[] = {
		[VERDICT_ALLOWED] = "allowed",
		[VERDICT_REFUSED] = "refused",
		[VERDICT_DENIED] = "denied",
		[VERDICT_KILLED] = "killed",
		[VERDICT_LOST] = "lost",
	};

	return names[verdict];
}

/* Those that would end the process, or leave it nowhere, if they were made. */
static bool is_fatal(long number) {
	return number == SYS_exit || number == SYS_exit_group || number == SYS_rt_sigreturn;
}

/* Those that the kernel takes only from a page of its own, before any filter: uretprobe, uprobe. */
static bool is_probe(long number) {
	return number == 335 || number == 336;
}

static bool has_row(const struct sp_call *calls, const char *name, bool *conditions) {
	bool found = false;

	*conditions = false;
	for (; calls->name; calls++) {
		if (strcmp(calls->name, name))
			continue;
		found = true;
		*conditions |= calls->conditions[0].mask != 0;
	}
	return found;
}

/* By the program's own table: what the list has to be like. */
static const char *by_table(const char *name) {
	bool conditions;

	if (has_row(sp_calls_allowed(), name, &conditions))
		return conditions ? "conditions" : "allowed";
	return has_row(sp_calls_refused(), name, &conditions) ? "refused" : "denied";
}

static void try_number(struct scene *scene, long number, const char **found) {
	static const uint64_t wild[6] = REPEAT(NOBODY), zeros[6] = {0};
	const char *table = by_table(scene->rows[number].name);
	enum verdict first, second;
	long result;

	*found = "lost";
	scene->tried++;
	if (is_fatal(number)) {
		*found = table;
		return;
	}
	if (is_probe(number)) {
		*found = "denied";
		return;
	}
	first = traced_call(&scene->traced, number, wild, &result);
	/* Zeros are harmless to what is not allowed with all arguments. */
	second = first == VERDICT_ALLOWED || first == VERDICT_REFUSED
		? first
		: traced_call(&scene->traced, number, zeros, &result);
	if (first != second)
		*found = "conditions";
	else if (first == VERDICT_DENIED && strcmp(table, "conditions") == 0)
		*found = table;
	else
		*found = verdict_name(first);
}

static void read_list(struct scene *scene, const char *path) {
	FILE *file = fopen(path, "re");
	char line[256];
	unsigned number;
	struct row row;

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%u %31s %31s %31s", &number, row.name, row.verdict, row.group) ==
				4 &&
			number < CALLS)
			scene->rows[number] = row;
	}
	if (file)
		fclose(file);
	else
		scene_fail(scene, "the list cannot be read");
}

/* Every number, listed or not. */
static void sweep(struct scene *scene, bool write) {
	for (long number = 0; number < CALLS; number++) {
		struct row *row = &scene->rows[number];
		const char *found;
		char line[160];

		try_number(scene, number, &found);
		if (write && row->name[0])
			printf("%ld %s %s %s\n", number, row->name, found, row->group);
		if (write || strcmp(found, row->name[0] ? row->verdict : "denied") == 0)
			continue;
		snprintf(line, sizeof(line), "%ld (%s) is %s, and not %s", number, row->name, found,
			row->name[0] ? row->verdict : "denied");
		scene_fail(scene, line);
	}
}

/* What the program's table has, but the list does not, for this machine. */
static void compare_tables(struct scene *scene) {
	for (long number = 0; number < CALLS; number++) {
		struct row *row = &scene->rows[number];

		if (row->name[0])
			scene_expect(
				scene, strcmp(row->verdict, by_table(row->name)) == 0, row->name);
	}
}

static uint64_t place(struct scene *scene, uint64_t argument) {
	switch (argument) {
	case AT_TEXT:
		return scene->traced.scratch;
	case AT_ROOM:
		return scene->traced.scratch + 1024;
	case ITSELF:
		return (uint64_t)scene->traced.target;
	case HOLDER:
		return (uint64_t)scene->traced.program;
	}
	return argument;
}

static enum verdict try_probe(struct scene *scene, const struct probe *probe, long *result) {
	char memory[2048] = "";
	uint64_t arguments[6];

	if (probe->text)
		strcpy(memory, probe->text);
	for (int i = 0; i < 6; i++)
		arguments[i] = place(scene, probe->arguments[i]);
	/* The filter does not look at what an argument points to. */
	if (!traced_write(&scene->traced, scene->traced.scratch, memory, sizeof(memory)) &&
		geteuid() == 0)
		return VERDICT_LOST;
	return traced_call(&scene->traced, probe->number, arguments, result);
}

static void try_probes(struct scene *scene) {
	const char *group = "";

	for (unsigned i = 0; i < PROBE_COUNT; i++) {
		const struct probe *probe = &PROBES[i];
		enum verdict verdict;
		char line[160];
		long result;

		/* That one ends it; it has a turn of its own. */
		if (probe->expected == VERDICT_KILLED)
			continue;
		verdict = try_probe(scene, probe, &result);
		if (strcmp(group, probe->group))
			printf("%s\n", probe->group);
		group = probe->group;
		printf("  %-9s%s\n", verdict_name(verdict), probe->what);
		snprintf(line, sizeof(line), "%s: %s is %s, and not %s", probe->group, probe->what,
			verdict_name(verdict), verdict_name(probe->expected));
		scene_expect(scene, verdict == probe->expected, line);
		if (verdict == VERDICT_KILLED || verdict == VERDICT_LOST)
			return;
	}
}

/* The client is served on after all that. */
static void still_serves(struct scene *scene) {
	char reply[4096];
	ssize_t got = -1;

	scene_expect(scene, traced_continue(&scene->traced), "it goes on");
	/* A second VERSION is an error, which is answered. */
	scene_greet(scene);
	for (int i = 0; i < 5000 && got < 0; i++) {
		traced_pump(&scene->traced);
		nanosleep(&(struct timespec){0, 1000000}, NULL);
		got = recv(scene->client, reply, sizeof(reply), MSG_DONTWAIT);
	}
	scene_expect(scene, got >= 0 && !scene->traced.gone, "the client is served on");
}

static void all_calls(struct scene *scene, bool write) {
	if (!scene_begin(scene, "--no-holder", NULL, NULL))
		return;
	sweep(scene, write);
	if (!write) {
		try_probes(scene);
		still_serves(scene);
	}
	scene_end(scene);
}

static void standing(struct scene *scene, char *option) {
	bool root = geteuid() == 0;

	if (!scene_begin(scene, option, NULL, NULL))
		return;
	scene_expect(scene, scene_status_has(scene, "NoNewPrivs:\t1\n"), "no_new_privs");
	scene_expect(scene, scene_status_has(scene, "Seccomp:\t2\n"), "a filter of system calls");
	scene_expect(
		scene, scene_status_has(scene, "CapEff:\t0000000000000000\n"), "no capability");
	scene_expect(
		scene, scene_status_has(scene, "CapPrm:\t0000000000000000\n"), "none to be had");
	if (root)
		scene_expect(scene, scene_status_has(scene, "CapBnd:\t0000000000000000\n"),
			"nor by a program");
	scene_expect(scene, scene_log_has(scene, "as root") == root, "that it stays root is said");
	scene_end(scene);
}

static void other_user(struct scene *scene) {
	if (geteuid() != 0) {
		printf("SKIPPED: --user, since it needs root\n");
		return;
	}
	if (!scene_begin(scene, "--user", "nobody", NULL))
		return;
	scene_expect(scene, scene_status_has(scene, "Uid:\t65534\t65534\t65534\t65534\n"),
		"the user's number");
	scene_expect(
		scene, scene_status_has(scene, "CapEff:\t0000000000000000\n"), "no capability");
	scene_expect(
		scene, scene_status_has(scene, "CapBnd:\t0000000000000000\n"), "nor by a program");
	scene_expect(
		scene, scene_status_has(scene, "Groups:\t65534 \n"), "the user's groups alone");
	scene_end(scene);
}

/* The process ends by SIGSYS, and says why. */
static void death(struct scene *scene, long number, const char *said, bool blocked) {
	static const uint64_t all[6] = {0};
	uint64_t block[6] = {SIG_BLOCK, 0, 0, 8};
	uint64_t mask = NOBODY;
	long result = -1;

	if (blocked && geteuid() != 0) {
		printf("SKIPPED: signals held back, since the mask is put in by root alone\n");
		return;
	}
	if (!scene_begin(scene, "--no-holder", NULL, NULL))
		return;
	block[1] = scene->traced.scratch;
	/* With all signals held back it does not get to say it. */
	if (blocked) {
		scene_expect(scene,
			traced_write(&scene->traced, scene->traced.scratch, &mask, sizeof(mask)) &&
				traced_call(&scene->traced, SYS_rt_sigprocmask, block, &result) ==
					VERDICT_ALLOWED &&
				result == 0,
			"signals are held back");
	}
	scene_expect(scene, traced_let_die(&scene->traced, number, all), said);
	scene_expect(scene,
		WIFSIGNALED(scene->traced.status) && WTERMSIG(scene->traced.status) == SIGSYS,
		said);
	scene_expect(scene, scene_log_has(scene, said) == !blocked, said);
	scene_end(scene);
}

static void foreign(struct scene *scene) {
	static const uint64_t none[6] = {0};
	long result;

	if (geteuid() != 0) {
		printf("SKIPPED: calls of i386, since their instruction is put in by root alone\n");
	} else if (scene_begin(scene, "--no-holder", NULL, NULL)) {
		/* Number 20 is i386's getpid(), and writev() here. */
		scene_expect(scene,
			traced_call_i386(&scene->traced, 20, none, &result) == VERDICT_KILLED &&
				WTERMSIG(scene->traced.status) == SIGSYS,
			"i386's getpid()");
		scene_end(scene);
	}
	if (scene_begin(scene, "--no-holder", NULL, NULL)) {
		scene_expect(scene,
			traced_call(&scene->traced, 0x40000000l + SYS_getpid, none, &result) ==
					VERDICT_KILLED &&
				WTERMSIG(scene->traced.status) == SIGSYS,
			"x32's getpid()");
		scene_end(scene);
	}
}

/* abort() is what it looks like. */
static void aborted(struct scene *scene) {
	uint64_t arguments[6] = {0, 0, SIGABRT};

	if (!scene_begin(scene, "--no-holder", NULL, NULL))
		return;
	arguments[0] = arguments[1] = (uint64_t)scene->traced.target;
	scene_expect(scene,
		traced_let_die(&scene->traced, SYS_tgkill, arguments) &&
			WIFSIGNALED(scene->traced.status) &&
			WTERMSIG(scene->traced.status) == SIGABRT,
		"abort()");
	scene_end(scene);
}

/* A worker that dies so is followed by another one, which serves the same client. */
static void held(struct scene *scene) {
	static const uint64_t none[6] = {0};
	pid_t first;

	if (!scene_begin(scene, NULL, NULL, NULL))
		return;
	first = scene->traced.target;
	if (first == scene->traced.program) {
		scene_fail(scene, "there is no holder");
		scene_end(scene);
		return;
	}
	scene_expect(scene, scene_status_has(scene, "Seccomp:\t2\n"), "the worker has a filter");
	scene_expect(scene, traced_let_die(&scene->traced, SYS_execve, none), "the worker ends");
	for (int i = 0; i < 5000 && scene->traced.target == first; i++) {
		traced_pump(&scene->traced);
		nanosleep(&(struct timespec){0, 1000000}, NULL);
	}
	scene_expect(scene, scene->traced.target != first && !scene->traced.gone, "another worker");
	scene_expect(scene, scene_log_has(scene, "execve"), "which call it was is said");
	for (int i = 0; i < 2000 && !scene_status_has(scene, "Seccomp:\t2\n"); i++) {
		traced_pump(&scene->traced);
		nanosleep(&(struct timespec){0, 1000000}, NULL);
	}
	if (traced_stop(&scene->traced))
		still_serves(scene);
	else
		scene_fail(scene, "the other worker waits for nothing");
	scene_end(scene);
}

/* That the test can fail: without the sandbox, all of these come through. */
static void without(struct scene *scene) {
	static const struct probe sample[] = {
		{"", "getppid", SYS_getppid, VERDICT_ALLOWED, {0}, NULL},
		{"", "a file", SYS_open, VERDICT_ALLOWED, {AT_TEXT}, "/etc/passwd"},
		{"", "a socket", SYS_socket, VERDICT_ALLOWED, {AF_INET, SOCK_STREAM}, NULL},
		{"", "code", SYS_mmap, VERDICT_ALLOWED, {0, 4096, 7, 0x22, NOBODY}, NULL},
		{"", "a program", SYS_memfd_create, VERDICT_ALLOWED, {AT_TEXT}, "code"},
		{"", "a signal", SYS_kill, VERDICT_ALLOWED, {HOLDER, 0}, NULL},
		{"", "a pipe", SYS_pipe2, VERDICT_ALLOWED, {AT_ROOM}, NULL},
	};

	if (!scene_begin(scene, "--no-holder", "--no-sandbox", NULL))
		return;
	scene_expect(scene, scene_log_has(scene, "WARNING"), "that there is no sandbox is said");
	scene_expect(scene, scene_status_has(scene, "Seccomp:\t0\n"), "there is no filter");
	for (unsigned i = 0; i < sizeof(sample) / sizeof(sample[0]); i++) {
		long result = -1;

		scene_expect(scene,
			try_probe(scene, &sample[i], &result) == VERDICT_ALLOWED && result >= 0,
			sample[i].what);
	}
	scene_end(scene);
}

static void count(const struct scene *scene) {
	unsigned denied = 0, refused = 0, conditions = 0, allowed = 0;

	for (unsigned i = 0; i < CALLS; i++) {
		const char *verdict = scene->rows[i].verdict;

		denied += strcmp(verdict, "denied") == 0;
		refused += strcmp(verdict, "refused") == 0;
		conditions += strcmp(verdict, "conditions") == 0;
		allowed += strcmp(verdict, "allowed") == 0;
	}
	printf("Of %u system calls %u end the process, %u are refused, %u are allowed with "
	       "certain arguments, and %u are allowed.\n",
		denied + refused + conditions + allowed, denied, refused, conditions, allowed);
}

int main(int argc, char **argv) {
	static struct scene scene;
	bool write = argc == 4 && strcmp(argv[3], "--write") == 0;

	if (argc < 3) {
		fprintf(stderr, "inject PROGRAM LIST [--write]\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	scene.program = argv[1];
	strcpy(scene.folder, "/tmp/sandbox-XXXXXX");
	if (!mkdtemp(scene.folder))
		return 2;
	snprintf(scene.log, sizeof(scene.log), "%s/log", scene.folder);
	snprintf(scene.device, sizeof(scene.device), "%s/bochs.sock", scene.folder);
	snprintf(scene.control, sizeof(scene.control), "%s/control", scene.folder);
	read_list(&scene, argv[2]);
	all_calls(&scene, write);
	if (!write) {
		compare_tables(&scene);
		standing(&scene, "--no-holder");
		standing(&scene, NULL);
		other_user(&scene);
		death(&scene, SYS_execve, "system call 59 (execve)", false);
		death(&scene, SYS_getppid, "getppid", true);
		foreign(&scene);
		aborted(&scene);
		held(&scene);
		without(&scene);
		count(&scene);
		printf("%u of %u failed\n", scene.bad, scene.tried);
	}
	for (int i = 0; i < 4; i++) {
		static const char *const left[] = {"log", "bochs.sock", "control", "vnc"};
		char path[160];

		snprintf(path, sizeof(path), "%s/%s", scene.folder, left[i]);
		unlink(path);
	}
	rmdir(scene.folder);
	return scene.bad ? 1 : 0;
}
