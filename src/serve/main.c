/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/options.h"
#include "gpu/bochs.h"
#include "serve/endpoint.h"
#include "serve/loop.h"

/* How long a device may take to let go of its guest's memory at the end, in microseconds. */
#define END_LIMIT 2000000u

#define INHERITED 3

enum { OPTION_SOCKET, OPTION_DEVICE, OPTION_VERBOSE };

static const struct cli_option OPTIONS[] = {
	[OPTION_SOCKET] = {'s', "socket", "PATH",
		"Listen at this Unix socket, which only the same user may connect to. Without it, "
		"systemd hands one in."},
	[OPTION_DEVICE] = {'d', "device", "MODEL", "What to serve: bochs."},
	[OPTION_VERBOSE] = {'v', "verbose", NULL,
		"Say on standard error when clients come and go."},
};

static const struct cli_usage SERVE = {
	.verb = "serve",
	.arguments = "[OPTION]…",
	.about = "Serves a device to a virtual machine by vfio-user, until it is ended with "
		 "SIGTERM. One client is served at a time, and the next one after it.",
	.example = "sallyport serve --socket /run/vm1/display --device bochs",
	.options = OPTIONS,
	.count = sizeof(OPTIONS) / sizeof(OPTIONS[0]),
};

struct serve {
	const char *socket, *model;
	bool verbose;
	struct sp_loop *loop;
	struct sp_endpoint *endpoint;
	struct sp_budget *budget;
	struct sp_watch signals;
	bool stopped;
};

static void log_line(const char *model, const char *what) {
	dprintf(STDERR_FILENO, "sallyport: %s: %s\n", model, what);
}

/* What one guest's devices may use of the host together. Its memory is not counted: it is its own.
 */
static const struct sp_budget_limits LIMITS = {
	.limits =
		{
			[SP_RESOURCE_BYTES] = UINT64_C(1) << 30,
			[SP_RESOURCE_PINS] = 1u << 16,
			[SP_RESOURCE_CONTEXTS] = 256,
			[SP_RESOURCE_FENCES] = 1u << 16,
			[SP_RESOURCE_FILES] = 256,
		},
};

static bool make_device(struct serve *serve, struct sp_device **device, struct sp_error *error) {
	struct sp_bochs_options options = {.memory = -1};

	if (!serve->model || strcmp(serve->model, "bochs") != 0)
		return sp_error_set(error, SP_ERROR_USE,
			"%s: there is no such device; there is bochs",
			serve->model ? serve->model : "--device");
	*device = sp_bochs_create(&options, serve->budget, error);
	return *device != NULL;
}

static bool make_listener(
	struct serve *serve, struct sp_listener *listener, struct sp_error *error) {
	int inherited = sp_listen_count();

	if (serve->socket)
		return sp_listen(listener, serve->socket, error);
	if (inherited != 1)
		return sp_error_set(error, SP_ERROR_USE,
			"--socket is needed, as systemd handed in %d sockets and not one",
			inherited);
	return sp_listen_inherited(listener, INHERITED, error);
}

static void signalled(struct sp_watch *watch, short events) {
	struct serve *serve = (struct serve *)((char *)watch - offsetof(struct serve, signals));
	struct signalfd_siginfo info;

	(void)events;
	if (read(watch->file, &info, sizeof(info)) == sizeof(info))
		serve->stopped = true;
}

static bool take_signals(struct serve *serve, struct sp_error *error) {
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	serve->signals = (struct sp_watch){.file = -1, .events = POLLIN, .ready = signalled};
	if (sigprocmask(SIG_BLOCK, &set, NULL) == 0)
		serve->signals.file = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (serve->signals.file < 0 || serve->loop->ops->watch(serve->loop, &serve->signals))
		return sp_error_set(error, SP_ERROR_SYSTEM, "signalfd: %s", strerror(errno));
	return true;
}

static bool set_up(struct serve *serve, struct sp_error *error) {
	struct sp_device *device = NULL;
	struct sp_listener listener;

	serve->budget = sp_budget_create(&LIMITS);
	if (!serve->budget)
		return sp_error_memory(error);
	if (!sp_loop_create(&serve->loop, error) || !take_signals(serve, error) ||
		!make_device(serve, &device, error))
		return false;
	if (!make_listener(serve, &listener, error)) {
		sp_device_destroy(device);
		return false;
	}
	if (!sp_endpoint_create(&serve->endpoint, device, &listener, serve->loop,
		    serve->verbose ? log_line : NULL, error)) {
		sp_listen_end(&listener);
		sp_device_destroy(device);
		return false;
	}
	return true;
}

static bool run(struct serve *serve, struct sp_error *error) {
	int failure = 0;

	while (!serve->stopped && !failure)
		failure = sp_loop_step(serve->loop, -1);
	return !failure || sp_error_set(error, SP_ERROR_SYSTEM, "epoll: %s", strerror(failure));
}

/* A device that does not let go is left to the end of the process. */
static void tear_down(struct serve *serve) {
	uint64_t limit;

	if (serve->endpoint) {
		limit = serve->loop->ops->now(serve->loop) + END_LIMIT;
		sp_endpoint_close(serve->endpoint);
		while (!sp_endpoint_idle(serve->endpoint) &&
			serve->loop->ops->now(serve->loop) < limit)
			(void)sp_loop_step(serve->loop, 50);
		if (!sp_endpoint_idle(serve->endpoint))
			return;
		sp_endpoint_destroy(serve->endpoint);
	}
	if (serve->loop && serve->signals.file > 0)
		close(serve->signals.file);
	sp_loop_destroy(serve->loop);
	sp_budget_destroy(serve->budget);
}

static enum cli_status serve_verb(struct cli *cli, int argc, char **argv) {
	struct serve serve = {0};
	struct sp_error error;
	enum cli_status status = CLI_GOOD;
	int option;

	optind = 0;
	while ((option = cli_next_option(cli, &SERVE, argc, argv, &status)) >= 0) {
		if (option == OPTION_SOCKET)
			serve.socket = optarg;
		if (option == OPTION_DEVICE)
			serve.model = optarg;
		serve.verbose |= option == OPTION_VERBOSE;
	}
	if (option == CLI_OPTION_STOP)
		return status;
	if (optind < argc)
		return cli_misuse(&SERVE, "nothing is expected after the options");
	if (set_up(&serve, &error)) {
		sp_notify("READY=1");
		if (!run(&serve, &error))
			status = cli_fail(&error, NULL, NULL);
		sp_notify("STOPPING=1");
	} else {
		status = cli_fail(&error, NULL, NULL);
	}
	tear_down(&serve);
	return status;
}

int main(int argc, char **argv) {
	struct cli cli;

	if (!cli_open(&cli))
		return CLI_BAD;
	return (int)cli_close(&cli, serve_verb(&cli, argc, argv));
}
