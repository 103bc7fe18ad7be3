/* SPDX-License-Identifier: MIT */
#include "traced.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OPTIONS \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | \
		PTRACE_O_EXITKILL)
#define SYSCALL_STOP (SIGTRAP | 0x80)
#define PATIENCE_MS 10000

static void pause_ms(long ms) {
	nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

bool traced_start(struct traced *traced, char *const argv[], const char *log) {
	int gate[2];
	char byte = 0;
	pid_t child;

	*traced = (struct traced){0};
	if (pipe2(gate, O_CLOEXEC) < 0)
		return false;
	child = fork();
	if (child == 0) {
		int file = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

		if (file >= 0)
			dup2(file, STDERR_FILENO);
		if (read(gate[0], &byte, 1) == 1)
			execv(argv[0], argv);
		_exit(127);
	}
	close(gate[0]);
	traced->program = traced->target = child;
	if (child > 0 && ptrace(PTRACE_SEIZE, child, 0, OPTIONS) == 0 &&
		write(gate[1], &byte, 1) == 1) {
		close(gate[1]);
		return true;
	}
	close(gate[1]);
	return false;
}

static void handle(struct traced *traced, pid_t who, int status) {
	int event = status >> 16, number;

	if (!WIFSTOPPED(status)) {
		if (who == traced->target) {
			traced->status = status;
			traced->gone = true;
		}
		return;
	}
	number = WSTOPSIG(status);
	if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK ||
		event == PTRACE_EVENT_CLONE) {
		unsigned long child;

		if (ptrace(PTRACE_GETEVENTMSG, who, 0, &child) == 0) {
			traced->target = (pid_t)child;
			traced->gone = false;
		}
	}
	/* What is no event is a signal of the process's own. */
	ptrace(PTRACE_CONT, who, 0, event || number == SYSCALL_STOP ? 0 : number);
}

void traced_pump(struct traced *traced) {
	int status;
	pid_t who;

	while ((who = waitpid(-1, &status, __WALL | WNOHANG)) > 0)
		handle(traced, who, status);
}

/* Waits for the target's next stop; the others go on. */
static bool wait_target(struct traced *traced, int *status) {
	for (int waited = 0; waited < PATIENCE_MS * 10; waited++) {
		pid_t who = waitpid(-1, status, __WALL | WNOHANG);

		if (who < 0)
			return false;
		if (who == 0) {
			nanosleep(&(struct timespec){0, waited < 50 ? 2000 : 100000}, NULL);
			continue;
		}
		if (who == traced->target) {
			if (WIFSTOPPED(*status))
				return true;
			handle(traced, who, *status);
			return false;
		}
		handle(traced, who, *status);
	}
	return false;
}

static bool get(struct traced *traced, struct user_regs_struct *registers) {
	return ptrace(PTRACE_GETREGS, traced->target, 0, registers) == 0;
}

bool traced_stop(struct traced *traced) {
	/* It may be busy with its beginning. */
	for (int i = 0; i < 1000; i++) {
		int status;

		traced_pump(traced);
		if (ptrace(PTRACE_INTERRUPT, traced->target, 0, 0) < 0 ||
			!wait_target(traced, &status) || !get(traced, &traced->saved))
			return false;
		/* In a system call, behind whose instruction it goes on. */
		if ((long)traced->saved.orig_rax >= 0) {
			traced->instruction = (unsigned long)traced->saved.rip - 2;
			/* Below the red zone. */
			traced->scratch = ((unsigned long)traced->saved.rsp - 8192) & ~15ul;
			return true;
		}
		if (ptrace(PTRACE_CONT, traced->target, 0, 0) < 0)
			return false;
		pause_ms(2);
	}
	return false;
}

static bool restore(struct traced *traced) {
	return ptrace(PTRACE_SETREGS, traced->target, 0, &traced->saved) == 0;
}

bool traced_continue(struct traced *traced) {
	return restore(traced) && ptrace(PTRACE_CONT, traced->target, 0, 0) == 0;
}

void traced_end(struct traced *traced) {
	if (traced->target > 0 && !traced->gone)
		kill(traced->target, SIGKILL);
	if (traced->program > 0)
		kill(traced->program, SIGKILL);
	for (int i = 0; i < 500 && waitpid(-1, NULL, __WALL | WNOHANG) >= 0; i++)
		pause_ms(1);
}

static bool load(struct traced *traced, long number, const uint64_t arguments[6], bool i386) {
	struct user_regs_struct registers = traced->saved;

	registers.rip = traced->instruction;
	registers.orig_rax = (unsigned long long)-1;
	registers.rax = (unsigned long long)number;
	if (i386) {
		registers.rbx = arguments[0];
		registers.rcx = arguments[1];
		registers.rdx = arguments[2];
		registers.rsi = arguments[3];
		registers.rdi = arguments[4];
		registers.rbp = arguments[5];
	} else {
		registers.rdi = arguments[0];
		registers.rsi = arguments[1];
		registers.rdx = arguments[2];
		registers.r10 = arguments[3];
		registers.r8 = arguments[4];
		registers.r9 = arguments[5];
	}
	return ptrace(PTRACE_SETREGS, traced->target, 0, &registers) == 0;
}

/* Up to behind the call. False: it is gone, or something else stopped it. */
static enum verdict step(struct traced *traced, long *result) {
	struct user_regs_struct registers;
	int status;

	for (int i = 0; i < 2; i++) {
		if (ptrace(PTRACE_SYSCALL, traced->target, 0, 0) < 0 ||
			!wait_target(traced, &status))
			return traced->gone ? VERDICT_KILLED : VERDICT_LOST;
		if (WSTOPSIG(status) == SIGSYS)
			return VERDICT_DENIED;
		if (WSTOPSIG(status) != SYSCALL_STOP)
			return VERDICT_LOST;
	}
	if (!get(traced, &registers))
		return VERDICT_LOST;
	*result = (long)registers.rax;
	/* The signal comes before the next instruction; else there is a trap behind it. */
	if (ptrace(PTRACE_SINGLESTEP, traced->target, 0, 0) < 0 || !wait_target(traced, &status))
		return traced->gone ? VERDICT_KILLED : VERDICT_LOST;
	if (WSTOPSIG(status) == SIGSYS)
		return VERDICT_DENIED;
	if (WSTOPSIG(status) != SIGTRAP)
		return VERDICT_LOST;
	return *result == -EACCES ? VERDICT_REFUSED : VERDICT_ALLOWED;
}

enum verdict traced_call(
	struct traced *traced, long number, const uint64_t arguments[6], long *result) {
	enum verdict verdict;

	*result = 0;
	if (!load(traced, number, arguments, false))
		return VERDICT_LOST;
	verdict = step(traced, result);
	if (verdict != VERDICT_KILLED && verdict != VERDICT_LOST && !restore(traced))
		return VERDICT_LOST;
	return verdict;
}

static bool poke(struct traced *traced, unsigned short code) {
	long word;

	errno = 0;
	word = ptrace(PTRACE_PEEKTEXT, traced->target, traced->instruction, 0);
	return !errno &&
		ptrace(PTRACE_POKETEXT, traced->target, traced->instruction,
			(word & ~0xffffl) | code) == 0;
}

enum verdict traced_call_i386(
	struct traced *traced, long number, const uint64_t arguments[6], long *result) {
	enum verdict verdict;

	*result = 0;
	if (!poke(traced, 0x80cd) || !load(traced, number, arguments, true))
		return VERDICT_LOST;
	verdict = step(traced, result);
	if (verdict == VERDICT_KILLED || verdict == VERDICT_LOST)
		return verdict;
	return restore(traced) && poke(traced, 0x050f) ? verdict : VERDICT_LOST;
}

bool traced_let_die(struct traced *traced, long number, const uint64_t arguments[6]) {
	if (!load(traced, number, arguments, false) ||
		ptrace(PTRACE_CONT, traced->target, 0, 0) < 0)
		return false;
	for (int waited = 0; waited < PATIENCE_MS && !traced->gone; waited++) {
		pid_t target = traced->target;
		int status;
		pid_t who = waitpid(target, &status, __WALL | WNOHANG);

		if (who == target)
			handle(traced, who, status);
		pause_ms(1);
	}
	return traced->gone;
}

bool traced_write(struct traced *traced, unsigned long at, const void *bytes, unsigned long size) {
	for (unsigned long i = 0; i < size; i += sizeof(long)) {
		long word = 0;

		memcpy(&word, (const char *)bytes + i,
			size - i < sizeof(word) ? size - i : sizeof(word));
		if (ptrace(PTRACE_POKEDATA, traced->target, at + i, word) < 0)
			return false;
	}
	return true;
}
