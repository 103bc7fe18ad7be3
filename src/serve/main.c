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
#include "hold/hold.h"
#include "sandbox/sandbox.h"
#include "serve/control.h"
#include "serve/list.h"
#include "serve/loop.h"
#include "serve/viewers.h"

/* How long devices may take to let go of their guest's memory at the end, in microseconds. */
#define END_LIMIT 2000000u

enum {
	OPTION_VM,
	OPTION_DEVICE,
	OPTION_DIRECTORY,
	OPTION_SOCKET,
	OPTION_VNC,
	OPTION_VNC_PASSWORD_FILE,
	OPTION_IRQ,
	OPTION_LIST_DEVICES,
	OPTION_JSON,
	OPTION_VERBOSE,
	OPTION_USER,
	OPTION_NO_SANDBOX,
	OPTION_NO_HOLDER,
	OPTION_CHECK_JOURNAL,
};

static const struct cli_option OPTIONS[] = {
	[OPTION_VM] = {'n', "vm", "NAME", "The virtual machine's name."},
	[OPTION_DEVICE] = {'d', "device", "MODEL[,OPTION=VALUE…]",
		"A device to serve; may be given several times. See --list-devices."},
	[OPTION_DIRECTORY] = {0, "directory", "DIR",
		"Where the sockets are made, in place of sallyport/NAME in $XDG_RUNTIME_DIR, or "
		"/run/sallyport/NAME for root. Only its owner can use them."},
	[OPTION_SOCKET] = {'s', "socket", "PATH", "The socket of one device, without a directory."},
	[OPTION_VNC] = {0, "vnc", "PATH|ADDRESS:PORT|none",
		"Where viewers of the screen come; DIR/vnc if not given."},
	[OPTION_VNC_PASSWORD_FILE] = {0, "vnc-password-file", "FILE",
		"Its first line is the password for viewers. An address other than this "
		"machine's needs one."},
	[OPTION_IRQ] = {0, "irq", "intx|auto",
		"intx: all devices do without MSI and MSI-X. It is for QEMU 11.1.3, which ends "
		"when a function with MSI-X is unplugged."},
	[OPTION_LIST_DEVICES] = {0, "list-devices", NULL, "Print what can be served."},
	[OPTION_JSON] = {'j', "json", NULL, "Print that as JSON."},
	[OPTION_VERBOSE] = {'v', "verbose", NULL,
		"Say on standard error when clients come and go."},
	[OPTION_USER] = {0, "user", "NAME",
		"Become that user once the sockets are made. For root, who otherwise stays root, "
		"with no capability."},
	[OPTION_NO_SANDBOX] = {0, "no-sandbox", NULL,
		"Keep all rights, for debuggers. What a guest takes over has them, too."},
	[OPTION_NO_HOLDER] = {0, "no-holder", NULL,
		"Serve from this process itself, for debuggers: its end is the devices' end."},
	[OPTION_CHECK_JOURNAL] = {0, "check-journal", "FD",
		"Say whether this program can go on from there; for upgrades."},
};

static const struct cli_usage SERVE = {
	.verb = "serve",
	.arguments = "--vm NAME --device MODEL[,OPTION=VALUE…]…",
	.about = "Serves devices to a virtual machine by vfio-user, until it is ended with "
		 "SIGTERM. Each device has a socket, which the machine's QEMU connects to. One "
		 "client is served at a time, and the next one after it.",
	.example = "sallyport serve --vm desktop --device bochs,mode=1920x1080",
	.options = OPTIONS,
	.count = sizeof(OPTIONS) / sizeof(OPTIONS[0]),
};

struct serve {
	struct sp_serve_request request;
	bool list, json;
	struct sp_loop *loop;
	struct sp_sockets sockets;
	struct sp_vm *vm;
	struct sp_viewers *viewers; /* NULL: nobody can look */
	struct sp_control *control; /* NULL: none */
	struct sp_watch signals;
	bool stopped;
	bool no_holder, no_sandbox;
	const char *user; /* NULL: as it is */
	struct sp_sandbox sandbox;
	int notices; /* to systemd; -1: none */
	int check; /* a journal's descriptor; -1: none */
	struct sp_journal *journal; /* NULL without a holder */
	struct sp_held *held; /* likewise */
	bool upgrade; /* another program is to go on */
};

static void log_line(const char *name, const char *what) {
	dprintf(STDERR_FILENO, "sallyport: %s: %s\n", name, what);
}

static void signalled(struct sp_watch *watch, short events) {
	struct serve *serve = (struct serve *)((char *)watch - offsetof(struct serve, signals));
	struct signalfd_siginfo info;

	(void)events;
	if (read(watch->file, &info, sizeof(info)) != sizeof(info))
		return;
	serve->upgrade = info.ssi_signo == SIGHUP;
	serve->stopped = true;
}

static bool take_signals(struct serve *serve, struct sp_error *error) {
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (serve->journal)
		sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == 0)
		serve->signals.file = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (serve->signals.file < 0 || serve->loop->ops->watch(serve->loop, &serve->signals))
		return sp_error_set(error, SP_ERROR_SYSTEM, "signalfd: %s", strerror(errno));
	return true;
}

/* As SIGTERM or SIGHUP would. */
static bool end(void *data, bool upgrade) {
	struct serve *serve = data;

	if (upgrade && !serve->journal)
		return false;
	serve->upgrade = upgrade;
	serve->stopped = true;
	return true;
}

static bool open_viewers(struct serve *serve, struct sp_error *error) {
	struct sp_listener listener;

	if (!sp_sockets_take(&serve->sockets, "vnc", &listener))
		return true;
	if (sp_viewers_create(&serve->viewers, &serve->request, &listener, serve->vm, serve->loop,
		    serve->request.verbose ? log_line : NULL, error))
		return true;
	sp_listen_end(&listener);
	return false;
}

static bool open_control(struct serve *serve, struct sp_error *error) {
	struct sp_listener listener;

	if (!sp_sockets_take(&serve->sockets, "control", &listener))
		return true;
	if (sp_control_create(&serve->control, &listener, serve->vm, serve->viewers, serve->loop,
		    end, serve, error))
		return true;
	sp_listen_end(&listener);
	return false;
}

static void say(const char *line) {
	dprintf(STDERR_FILENO, "sallyport: %s\n", line);
}

/* All that is opened by a name is open. */
static bool confine(struct serve *serve, struct sp_error *error) {
	if (serve->no_sandbox) {
		say("WARNING: there is no sandbox: a guest that takes this process over has all "
		    "rights of its user");
		return true;
	}
	if (!sp_sandbox_enter(&serve->sandbox, say, error))
		return false;
	sp_vm_confine(serve->vm, &serve->sandbox);
	return true;
}

static void close_notices(struct serve *serve) {
	if (serve->notices >= 0)
		close(serve->notices);
	serve->notices = -1;
}

static bool set_up(struct serve *serve, struct sp_error *error) {
	const struct sp_serve_request *request = &serve->request;

	/* A client that goes away is noticed by the write that fails. */
	signal(SIGPIPE, SIG_IGN);
	if (serve->journal &&
		!sp_held_create(&serve->held, serve->journal, request, &serve->sockets, error))
		return false;
	if (!serve->journal || !sp_journal_shared(serve->journal)->ready)
		serve->notices = sp_notify_open();
	return sp_loop_create(&serve->loop, error) && take_signals(serve, error) &&
		sp_vm_make(&serve->vm, request, serve->held, serve->loop, error) &&
		open_viewers(serve, error) && open_control(serve, error) && confine(serve, error) &&
		sp_vm_open(serve->vm, &serve->sockets, serve->held,
			request->verbose ? log_line : NULL, error);
}

static bool run(struct serve *serve, struct sp_error *error) {
	int failure = 0;

	while (!serve->stopped && !failure) {
		failure = sp_loop_step(serve->loop, -1);
		sp_vm_commit(serve->vm);
	}
	return !failure || sp_error_set(error, SP_ERROR_SYSTEM, "epoll: %s", strerror(failure));
}

static bool idle(const struct serve *serve) {
	return sp_vm_idle(serve->vm) && (!serve->control || sp_control_idle(serve->control));
}

/* Devices that do not let go are left to the end of the process. */
static bool let_go(struct serve *serve) {
	uint64_t limit;

	if (!serve->vm)
		return true;
	limit = serve->loop->ops->now(serve->loop) + END_LIMIT;
	if (serve->control)
		sp_control_close(serve->control);
	sp_viewers_destroy(serve->viewers);
	serve->viewers = NULL;
	sp_vm_close(serve->vm);
	while (!idle(serve) && serve->loop->ops->now(serve->loop) < limit)
		(void)sp_loop_step(serve->loop, 50);
	if (!idle(serve))
		return false;
	sp_control_destroy(serve->control);
	sp_vm_destroy(serve->vm);
	return true;
}

static void tear_down(struct serve *serve) {
	bool gone = let_go(serve);

	sp_sockets_close(&serve->sockets);
	if (!gone)
		return;
	if (serve->signals.file >= 0)
		close(serve->signals.file);
	close_notices(serve);
	sp_loop_destroy(serve->loop);
	sp_serve_request_release(&serve->request);
}

static bool read_option(struct serve *serve, int option, struct sp_error *error) {
	struct sp_serve_request *request = &serve->request;

	switch (option) {
	case OPTION_VM:
		request->vm = optarg;
		return true;
	case OPTION_DEVICE:
		return sp_serve_add_device(request, optarg, error);
	case OPTION_DIRECTORY:
		request->directory = optarg;
		return true;
	case OPTION_SOCKET:
		request->socket = optarg;
		return true;
	case OPTION_VNC:
		return sp_serve_set_vnc(request, optarg, error);
	case OPTION_VNC_PASSWORD_FILE:
		request->vnc_password_file = optarg;
		return true;
	case OPTION_USER:
		serve->user = optarg;
		return true;
	case OPTION_IRQ:
		return sp_serve_set_irq(&request->intx, optarg, error) ||
			sp_error_prefix(error, "--irq");
	}
	if (option == OPTION_CHECK_JOURNAL)
		serve->check = atoi(optarg);
	serve->no_sandbox |= option == OPTION_NO_SANDBOX;
	serve->no_holder |= option == OPTION_NO_HOLDER;
	serve->list |= option == OPTION_LIST_DEVICES;
	serve->json |= option == OPTION_JSON;
	request->verbose |= option == OPTION_VERBOSE;
	return true;
}

/* False: it ends with *status. */
static bool read_options(
	struct cli *cli, struct serve *serve, int argc, char **argv, enum cli_status *status) {
	struct sp_error error;
	int option;

	optind = 0;
	while ((option = cli_next_option(cli, &SERVE, argc, argv, status)) >= 0) {
		if (!read_option(serve, option, &error)) {
			*status = cli_misuse(&SERVE, "%s", error.message);
			return false;
		}
	}
	if (option == CLI_OPTION_STOP)
		return false;
	if (optind < argc)
		*status = cli_misuse(&SERVE, "nothing is expected after the options");
	else if (serve->check >= 0)
		*status = sp_held_check(serve->check, &error) ? (enum cli_status)SP_HOLD_AGREED
							      : cli_fail(&error, NULL, NULL);
	else if (serve->list)
		*status = serve_list(cli, serve->json);
	else if (serve->json)
		*status = cli_misuse(&SERVE, "--json goes with --list-devices");
	else if (!sp_serve_finish(&serve->request, &error))
		*status = cli_misuse(&SERVE, "%s", error.message);
	else
		return true;
	return false;
}

static enum cli_status serve_devices(struct serve *serve) {
	enum cli_status status = CLI_GOOD;
	struct sp_error error;

	if (set_up(serve, &error)) {
		sp_notify(serve->notices, "READY=1");
		/* The holder tells of the end. Nobody who takes this process over shall have a
		 * socket that can send to any address. */
		if (serve->journal) {
			sp_hold_ready(serve->journal);
			close_notices(serve);
		}
		if (!run(serve, &error))
			status = cli_fail(&error, NULL, NULL);
		/* Everything stays as it is, for him who goes on. */
		if (serve->upgrade)
			_exit(SP_HOLD_UPGRADE);
		sp_notify(serve->notices, "STOPPING=1");
	} else {
		status = cli_fail(&error, NULL, NULL);
	}
	tear_down(serve);
	return status;
}

static int worker(void *data, struct sp_journal *journal) {
	struct serve *serve = data;

	serve->journal = journal;
	return (int)serve_devices(serve);
}

/* As it was when this process was started: what lies there may be a newer one later. */
static char *own_path(struct sp_error *error) {
	char path[4096], *copy = NULL;
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (length <= 0) {
		sp_error_set(error, SP_ERROR_SYSTEM, "/proc/self/exe: %s", strerror(errno));
		return NULL;
	}
	path[length] = '\0';
	copy = strdup(path);
	if (!copy)
		sp_error_memory(error);
	return copy;
}

/* The holder with its workers, which thus has no more rights than these begin with. */
static bool become(const struct serve *serve, struct sp_error *error) {
	if (serve->user && !sp_sandbox_become(serve->user, error))
		return sp_error_prefix(error, "--user");
	return serve->no_sandbox || sp_sandbox_hold(error);
}

static enum cli_status run_holder(
	struct sp_journal *journal, const struct sp_hold_options *options) {
	enum cli_status status = (enum cli_status)sp_hold_run(journal, options);
	int notices = sp_notify_open();

	sp_notify(notices, "STOPPING=1");
	if (notices >= 0)
		close(notices);
	return status;
}

static enum cli_status hold(struct serve *serve, char **argv) {
	struct sp_error error;
	char *path = own_path(&error), *carried = NULL, *carry = NULL;
	struct sp_journal *journal = path ? sp_hold_journal(&carried, &error) : NULL;
	struct sp_hold_options options = {
		.argv = argv, .say = say, .worker = worker, .data = serve};
	enum cli_status status = CLI_BAD;
	bool good = journal &&
		sp_held_sockets(journal, carried, &serve->sockets, &serve->request, &error);

	if (good)
		carry = sp_sockets_carry(&serve->sockets, &error);
	options.program = path;
	options.carry = carry;
	if (carry && carried)
		say("this program goes on in the earlier one's place");
	if (!carry || !sp_hold_keep_open(journal, &error) || !become(serve, &error))
		status = cli_fail(&error, NULL, NULL);
	else
		status = run_holder(journal, &options);
	sp_sockets_close(&serve->sockets);
	sp_serve_request_release(&serve->request);
	sp_journal_destroy(journal);
	free(carried);
	free(carry);
	free(path);
	return status;
}

static enum cli_status serve_alone(struct serve *serve) {
	struct sp_error error;

	if (sp_sockets_open(&serve->sockets, &serve->request, &error) && become(serve, &error))
		return serve_devices(serve);
	sp_sockets_close(&serve->sockets);
	sp_serve_request_release(&serve->request);
	return cli_fail(&error, NULL, NULL);
}

static enum cli_status serve_verb(struct cli *cli, int argc, char **argv) {
	struct serve serve = {
		.signals = {.file = -1, .events = POLLIN, .ready = signalled},
		.check = -1,
		.notices = -1,
	};
	enum cli_status status = CLI_GOOD;

	if (read_options(cli, &serve, argc, argv, &status))
		return serve.no_holder ? serve_alone(&serve) : hold(&serve, argv);
	sp_serve_request_release(&serve.request);
	return status;
}

int main(int argc, char **argv) {
	struct cli cli;

	if (!cli_open(&cli))
		return CLI_BAD;
	return (int)cli_close(&cli, serve_verb(&cli, argc, argv));
}
