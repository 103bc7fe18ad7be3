/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <sallyport/suggest.h>
#include <sallyport/version.h>

#include "cli.h"

#define FOR_XEN "Build Sallyport where the libraries of Xen are (libxen-dev)."
#define FOR_SERVING \
	"It belongs to Sallyport: install all of it with make install, or name the folder where " \
	"the programs are in SALLYPORT_LIBEXEC."

static const struct cli_verb VERBS[] = {
	{"list", "list the devices that a host could give away", cli_list, NULL},
	{"plan", "work out the files that give devices to a guest", cli_plan, NULL},
	{"check", "foretell what Xen makes of guests that are described already", cli_check, NULL},
	{"snapshot", "write down what a machine with PCI devices tells of itself", cli_snapshot,
		NULL},
	{"doctor", "say what stands in the way of giving PCI functions to a guest", cli_doctor,
		NULL},
	{"attach", "give devices to a guest that runs, in dom0", NULL, FOR_XEN},
	{"detach", "take them from it again", NULL, FOR_XEN},
	{"serve", "serve devices to a virtual machine by vfio-user", NULL, FOR_SERVING},
	{"ps", "list the machines and devices that are served", NULL, FOR_SERVING},
	{"top", "show what they do, in figures a second", NULL, FOR_SERVING},
	{"screenshot", "write what a machine's screen shows as a PNG", NULL, FOR_SERVING},
	{"control", "reset a served device, resize its screen, or end it", NULL, FOR_SERVING},
	{"conformance", "try a vfio-user server against its specification", NULL, FOR_SERVING},
	{"explain", "say what a finding means and what to do", cli_explain, NULL},
};
#define VERB_COUNT (sizeof(VERBS) / sizeof(VERBS[0]))

static void usage(FILE *out) {
	fputs("usage: sallyport VERB [ARGUMENT]…\n\n"
	      "Plans how a device of a host is given to a guest of Xen or KVM, and serves devices.\n\n",
		out);
	for (size_t i = 0; i < VERB_COUNT; i++)
		fprintf(out, "  %-11s  %s\n", VERBS[i].name, VERBS[i].summary);
	fputs("\n`sallyport VERB --help` tells a verb's options. Other verbs are programs "
	      "in\n" SP_LIBEXECDIR ".\n\n"
	      "Exit status: 0 good; 1 the answer is no; 2 bad use or input.\n",
		out);
}

static const struct cli_verb *find(const char *name) {
	for (size_t i = 0; i < VERB_COUNT; i++)
		if (strcmp(VERBS[i].name, name) == 0)
			return &VERBS[i];
	return NULL;
}

static enum cli_status unknown(const char *name) {
	const char *names[VERB_COUNT + 1];
	const char *suggestion;

	for (size_t i = 0; i < VERB_COUNT; i++)
		names[i] = VERBS[i].name;
	names[VERB_COUNT] = "help";
	suggestion = sp_suggest(name, names, VERB_COUNT + 1);
	if (suggestion)
		cli_complain("`sallyport --help` lists the verbs.",
			"unknown verb \"%s\"; did you mean %s?", name, suggestion);
	else
		cli_complain("`sallyport --help` lists the verbs.", "unknown verb \"%s\"", name);
	return CLI_BAD;
}

/* Descriptors that are closed would be those of the next files opened. */
static void guard_descriptors(void) {
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) == -1 && errno == EBADF)
			(void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

static enum cli_status missing(const struct cli_verb *verb) {
	cli_complain(verb->remedy, "%s: the program behind it is not installed", verb->name);
	return CLI_BAD;
}

static enum cli_status help(struct cli *cli, int argc, char **argv) {
	const struct cli_verb *verb;
	enum cli_status status;
	char *arguments[3];
	bool found;

	if (argc < 2 || argv[1][0] == '-') {
		usage(cli->out);
		return CLI_GOOD;
	}
	verb = find(argv[1]);
	if (!verb)
		return unknown(argv[1]);
	arguments[0] = argv[1];
	arguments[1] = (char[]){"--help"};
	arguments[2] = NULL;
	if (verb->run)
		return verb->run(cli, 2, arguments);
	status = cli_exec(argv[1], arguments, &found);
	return found ? status : missing(verb);
}

static enum cli_status run(struct cli *cli, int argc, char **argv) {
	const struct cli_verb *verb = find(argv[0]);

	if (verb)
		return verb->run ? verb->run(cli, argc, argv) : missing(verb);
	if (strcmp(argv[0], "help") == 0)
		return help(cli, argc, argv);
	if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0) {
		usage(cli->out);
		return CLI_GOOD;
	}
	if (strcmp(argv[0], "--version") == 0 || strcmp(argv[0], "-V") == 0) {
		fputs("sallyport " SALLYPORT_VERSION "\n", cli->out);
		return CLI_GOOD;
	}
	if (argv[0][0] == '-') {
		cli_complain("`sallyport --help` lists the verbs, which come first.",
			"unknown option %s", argv[0]);
		return CLI_BAD;
	}
	return unknown(argv[0]);
}

int main(int argc, char **argv) {
	const struct cli_verb *verb;
	enum cli_status status;
	struct cli cli;
	bool found;

	guard_descriptors();
	if (argc < 2) {
		usage(stderr);
		return CLI_BAD;
	}
	verb = find(argv[1]);
	if (!verb || !verb->run) {
		status = cli_exec(argv[1], argv + 1, &found);
		if (found)
			return (int)status;
	}
	/* A reader that goes away is noticed by the write that fails. */
	signal(SIGPIPE, SIG_IGN);
	if (!cli_open(&cli)) {
		cli_complain(NULL, "out of memory");
		return CLI_BAD;
	}
	status = run(&cli, argc - 1, argv + 1);
	return (int)cli_close(&cli, status);
}
