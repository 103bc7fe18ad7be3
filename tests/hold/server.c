/* SPDX-License-Identifier: MIT */
/*
 * Serves a tally at a socket, from a holder and its workers, as the program `serve` does with its
 * devices.
 *
 *	server SOCKET [--no-holder]
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "hold/hold.h"
#include "serve/loop.h"
#include "serve/vm.h"
#include "tally.h"

static bool make_tally(struct sp_made *made, const struct sp_device_request *request,
	struct sp_budget *budget, struct sp_error *error) {
	(void)request;
	made->device = tally_create(made->memory, budget, error);
	return made->device != NULL;
}

static const struct sp_model TALLY = {.name = "tally", .create = make_tally};

struct server {
	struct sp_serve_request request;
	struct sp_sockets sockets;
	struct sp_watch signals;
	int stopped;
};

static void say(const char *line) {
	if (getenv("TALLY_VERBOSE") || strstr(line, "giving up"))
		dprintf(STDERR_FILENO, "server: %s\n", line);
}

static void log_line(const char *name, const char *what) {
	dprintf(STDERR_FILENO, "server: %s: %s\n", name, what);
}

static void signalled(struct sp_watch *watch, short events) {
	struct server *server = (struct server *)((char *)watch - offsetof(struct server, signals));
	struct signalfd_siginfo info;

	(void)events;
	if (read(watch->file, &info, sizeof(info)) == sizeof(info))
		server->stopped = (int)info.ssi_signo;
}

static int worker(void *data, struct sp_journal *journal) {
	struct server *server = data;
	struct sp_held *held = NULL;
	struct sp_loop *loop;
	struct sp_vm *vm;
	struct sp_error error;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if ((journal &&
		    !sp_held_create(&held, journal, &server->request, &server->sockets, &error)) ||
		!sp_loop_create(&loop, &error) ||
		!sp_vm_create(
			&vm, &server->request, &server->sockets, held, loop, log_line, &error)) {
		fprintf(stderr, "server: %s\n", error.message);
		return 1;
	}
	server->signals = (struct sp_watch){
		.file = signalfd(-1, &set, SFD_CLOEXEC), .events = POLLIN, .ready = signalled};
	loop->ops->watch(loop, &server->signals);
	if (journal)
		sp_hold_ready(journal);
	while (!server->stopped) {
		(void)sp_loop_step(loop, -1);
		sp_vm_commit(vm);
	}
	_exit(server->stopped == SIGHUP ? SP_HOLD_UPGRADE : 0);
}

int main(int argc, char **argv) {
	struct server server = {0};
	struct sp_hold_options options = {.program = "/proc/self/exe",
		.argv = argv,
		.say = say,
		.worker = worker,
		.data = &server};
	struct sp_journal *journal;
	struct sp_error error;
	char *carried, *carry = NULL;
	int status;

	if (argc == 3 && strcmp(argv[1], SP_HOLD_CHECK) == 0)
		return sp_held_check(atoi(argv[2]), &error) && !getenv("TALLY_REFUSE")
			? SP_HOLD_AGREED
			: 1;
	signal(SIGPIPE, SIG_IGN);
	server.request.socket = argv[1];
	server.request.device_count = 1;
	server.request.devices[0].model = &TALLY;
	strcpy(server.request.devices[0].name, "tally");
	if (argc > 2)
		return sp_sockets_open(&server.sockets, &server.request, &error)
			? worker(&server, NULL)
			: 1;
	journal = sp_hold_journal(&carried, &error);
	if (journal && sp_held_sockets(journal, carried, &server.sockets, &server.request, &error))
		carry = sp_sockets_carry(&server.sockets, &error);
	if (!carry || !sp_hold_keep_open(journal, &error)) {
		fprintf(stderr, "server: %s\n", error.message);
		return 1;
	}
	options.carry = carry;
	status = sp_hold_run(journal, &options);
	sp_sockets_close(&server.sockets);
	free(carried);
	free(carry);
	sp_journal_destroy(journal);
	return status;
}
