/* SPDX-License-Identifier: MIT */
#include "hold/hold.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hold/files.h"

#define VARIABLE "SALLYPORT_JOURNAL" /* descriptor and process */
#define CARRIED "SALLYPORT_CARRIED"
/* How long a worker may take to end before an upgrade. */
#define END_SECONDS 3
#define NOT_STARTED 127 /* as a shell has it */

struct hold {
	struct sp_journal *journal;
	const struct sp_hold_options *options;
	sigset_t signals;
	pid_t worker;
	bool upgrade, stop; /* are wanted */
	time_t crashes[SP_HOLD_CRASHES]; /* the last ones, in turn */
	unsigned crash_count, unready;
	uint32_t ready; /* before this worker */
};

static void say(struct hold *hold, const char *line) {
	if (hold->options->say)
		hold->options->say(line);
}

struct sp_journal *sp_hold_journal(char **carried, struct sp_error *error) {
	const char *text = getenv(VARIABLE);
	int fd = -1, pid = 0;
	struct sp_journal *journal;
	struct sp_files *files;

	if (text && sscanf(text, "%d:%d", &fd, &pid) != 2)
		pid = 0;
	unsetenv(VARIABLE);
	*carried = NULL;
	if (pid != (int)getpid())
		return sp_journal_create(error);
	text = getenv(CARRIED);
	*carried = strdup(text ? text : "");
	unsetenv(CARRIED);
	if (!*carried) {
		sp_error_memory(error);
		return NULL;
	}
	journal = sp_journal_open(fd, error);
	files = journal ? sp_files_list(error) : NULL;
	if (!files) {
		sp_journal_destroy(journal);
		return NULL;
	}
	sp_files_inherit(files, false);
	sp_files_destroy(files);
	sp_journal_shared(journal)->upgrades++;
	return journal;
}

struct keeping {
	struct sp_journal *journal;
	bool full;
};

static bool keep(void *data, int fd) {
	struct keeping *keeping = data;
	char name[32];

	snprintf(name, sizeof(name), "open:%d", fd);
	if (!sp_journal_keep(keeping->journal, name, fd))
		keeping->full = true;
	return true;
}

bool sp_hold_keep_open(struct sp_journal *journal, struct sp_error *error) {
	struct keeping keeping = {journal, false};
	struct sp_files *files;

	/* They are there already, beside others. */
	if (sp_journal_shared(journal)->upgrades)
		return true;
	files = sp_files_list(error);
	if (!files)
		return false;
	sp_journal_files(journal, sp_files_know, files);
	(void)sp_files_close_others(files, keep, &keeping);
	sp_files_destroy(files);
	return !keeping.full ||
		sp_error_set(error, SP_ERROR_SYSTEM, "there are too many open files to be kept");
}

void sp_hold_ready(struct sp_journal *journal) {
	sp_journal_shared(journal)->ready++;
}

/* The child, which has all memory as it was before any worker. */
static void work(struct hold *hold, pid_t holder) {
	/* Nobody would go on after it, and the next holder's sockets are not to be removed by it.
	 */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != holder)
		_exit(1);
	/* The others wait until the worker looks for them. */
	sigemptyset(&hold->signals);
	sigaddset(&hold->signals, SIGCHLD);
	sigprocmask(SIG_UNBLOCK, &hold->signals, NULL);
	exit(hold->options->worker(hold->options->data, hold->journal));
}

/* fork(2) but for the table of descriptors, which both have. */
static bool start(struct hold *hold) {
	pid_t holder = getpid();
	long child;

	hold->ready = sp_journal_shared(hold->journal)->ready;
	fflush(NULL);
	child = syscall(SYS_clone, SIGCHLD | CLONE_FILES, NULL, NULL, NULL, NULL);
	if (child == 0)
		work(hold, holder);
	hold->worker = (pid_t)child;
	return child > 0;
}

static time_t now(void) {
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

/* The worker died. True: another one may be tried. */
static bool forgive(struct hold *hold, int number) {
	struct sp_journal_shared *shared = sp_journal_shared(hold->journal);
	/* Whoever sends that does it from outside; so does the kernel when memory runs out. */
	bool crashed =
		number != SIGKILL && number != SIGTERM && number != SIGINT && number != SIGHUP;
	time_t *oldest;
	char line[160];

	shared->crashed = crashed;
	shared->restarts++;
	hold->unready = shared->ready == hold->ready ? hold->unready + 1 : 0;
	snprintf(line, sizeof(line), "the worker was ended by signal %d (%s); restart %u", number,
		strsignal(number), shared->restarts);
	say(hold, line);
	if (hold->unready >= SP_HOLD_UNREADY) {
		say(hold, "no worker becomes ready any more: giving up");
		return false;
	}
	if (!crashed)
		return true;
	oldest = &hold->crashes[hold->crash_count % SP_HOLD_CRASHES];
	if (hold->crash_count++ >= SP_HOLD_CRASHES && now() - *oldest < SP_HOLD_SECONDS) {
		snprintf(line, sizeof(line),
			"the worker crashed %u times within %d seconds: giving up",
			SP_HOLD_CRASHES + 1, SP_HOLD_SECONDS);
		say(hold, line);
		return false;
	}
	*oldest = now();
	return true;
}

/* Asks the other program whether it can go on from here; its status. */
static int ask(struct hold *hold) {
	char number[16];
	pid_t child;
	int status;

	snprintf(number, sizeof(number), "%d", sp_journal_fd(hold->journal));
	child = fork();
	if (child == 0) {
		sigprocmask(SIG_UNBLOCK, &hold->signals, NULL);
		(void)fcntl(sp_journal_fd(hold->journal), F_SETFD, 0);
		execl(hold->options->program, hold->options->program, SP_HOLD_CHECK, number,
			(char *)NULL);
		_exit(NOT_STARTED);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return NOT_STARTED;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* Comes back only if it cannot be done. */
static void replace(struct hold *hold) {
	struct sp_error error;
	struct sp_files *files = sp_files_list(&error);
	char text[32];

	if (files) {
		snprintf(text, sizeof(text), "%d:%d", sp_journal_fd(hold->journal), (int)getpid());
		sp_files_inherit(files, true);
		if (setenv(VARIABLE, text, 1) == 0 &&
			setenv(CARRIED, hold->options->carry ? hold->options->carry : "", 1) == 0)
			(void)execv(hold->options->program, hold->options->argv);
		unsetenv(VARIABLE);
		unsetenv(CARRIED);
		sp_files_inherit(files, false);
		sp_files_destroy(files);
	}
	say(hold, "the new program could not be started: going on with this one");
}

static bool may_replace(struct hold *hold) {
	int status = ask(hold);

	if (status == SP_HOLD_AGREED)
		return true;
	say(hold,
		status == NOT_STARTED
			? "the new program cannot be started: no upgrade"
			: "the new program does not take over this one's state: no upgrade");
	return false;
}

static void begin_upgrade(struct hold *hold) {
	if (hold->upgrade || hold->stop || !may_replace(hold))
		return;
	hold->upgrade = true;
	kill(hold->worker, SIGHUP);
}

/* True if the worker has ended. */
static bool reaped(struct hold *hold, int *status) {
	return waitpid(hold->worker, status, WNOHANG) == hold->worker;
}

static void wait_for(struct hold *hold, int *status) {
	while (!reaped(hold, status)) {
		struct timespec limit = {END_SECONDS, 0};
		int number = hold->upgrade ? sigtimedwait(&hold->signals, NULL, &limit)
					   : sigwaitinfo(&hold->signals, NULL);

		if (number == SIGTERM || number == SIGINT) {
			hold->stop = true;
			kill(hold->worker, SIGTERM);
		} else if (number == SIGHUP) {
			begin_upgrade(hold);
		} else if (number < 0 && errno == EAGAIN) {
			/* Nothing is lost by that. */
			kill(hold->worker, SIGKILL);
		}
	}
}

int sp_hold_run(struct sp_journal *journal, const struct sp_hold_options *options) {
	struct hold hold = {.journal = journal, .options = options};
	int status = 0;

	sigemptyset(&hold.signals);
	sigaddset(&hold.signals, SIGTERM);
	sigaddset(&hold.signals, SIGINT);
	sigaddset(&hold.signals, SIGHUP);
	sigaddset(&hold.signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &hold.signals, NULL);
	for (;;) {
		if (!start(&hold)) {
			say(&hold, "no worker could be started");
			return 1;
		}
		wait_for(&hold, &status);
		if (WIFEXITED(status) && WEXITSTATUS(status) != SP_HOLD_UPGRADE) {
			return WEXITSTATUS(status);
		} else if (hold.stop) {
			return WIFEXITED(status) ? 0 : 128 + WTERMSIG(status);
		} else if (hold.upgrade) {
			sp_journal_shared(journal)->crashed = 0;
			replace(&hold);
			hold.upgrade = false;
		} else if (WIFEXITED(status)) {
			sp_journal_shared(journal)->crashed = 0;
			if (may_replace(&hold))
				replace(&hold);
		} else if (!forgive(&hold, WTERMSIG(status))) {
			return 1;
		}
	}
}
