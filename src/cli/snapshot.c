/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sallyport/machine.h>

#include "host.h"

enum { OPTION_OUTPUT, OPTION_FORCE, OPTION_QUIET };

static const struct cli_option OPTIONS[] = {
	[OPTION_OUTPUT] = {'o', "output", "FILE", "The file to write; - is standard output."},
	[OPTION_FORCE] = {0, "force", NULL, "Overwrite a file that exists."},
	[OPTION_QUIET] = {'q', "quiet", NULL, "Do not say what could not be read."},
};

static const struct cli_usage USAGE = {
	.verb = "snapshot",
	.arguments = "-o FILE [DUMP]",
	.about = "Writes down what this machine tells of its PCI devices, its kernel and its Xen, "
		 "so that it can be planned for elsewhere. Serial numbers, MAC addresses, UUIDs "
		 "and the host's name are left out. DUMP is the output of `lspci -vvxxxx` from "
		 "another machine, which is made into a snapshot then, or a snapshot, from which "
		 "these are taken out. What only root may read is missing for others.",
	.example = "sudo sallyport snapshot -o host.snapshot",
	.options = OPTIONS,
	.count = sizeof(OPTIONS) / sizeof(OPTIONS[0]),
};

static bool write_all(int file, const char *data, size_t size) {
	while (size) {
		ssize_t done = write(file, data, size);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return false;
		data += done;
		size -= (size_t)done;
	}
	return true;
}

/* A file that was made for this is not left behind half written. */
static enum cli_status write_file(const char *path, bool force, const char *data, size_t size) {
	int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (force ? O_TRUNC : O_EXCL), 0666);
	int reason = errno;

	if (file < 0) {
		cli_complain(reason == EEXIST ? "--force overwrites it." : NULL, "%s: %s", path,
			reason == EEXIST ? "it exists" : strerror(reason));
		return CLI_BAD;
	}
	errno = 0;
	if (write_all(file, data, size) && close(file) == 0)
		return CLI_GOOD;
	cli_complain(NULL, "%s: %s", path, strerror(errno));
	if (!force)
		unlink(path);
	return CLI_BAD;
}

static void tell_missing(const struct sp_machine *machine) {
	const char *missing;

	for (uint32_t i = 0; (missing = sp_machine_missing(machine, i)); i++) {
		fputs(i ? "  " : "Not in it:\n  ", stderr);
		cli_text(stderr, missing);
		fputc('\n', stderr);
	}
	if (sp_machine_missing(machine, 0) && geteuid() &&
		sp_machine_source(machine) == SP_MACHINE_LIVE)
		fputs("Run it as root to have more.\n", stderr);
}

static enum cli_status snapshot(
	struct cli *cli, const struct sp_machine *machine, const char *output, bool force) {
	struct sp_error error = {0};
	enum cli_status status = CLI_GOOD;
	char *data;
	size_t size;

	if (!sp_machine_write(machine, &data, &size, &error))
		return cli_fail(&error, NULL, NULL);
	if (strcmp(output, "-") == 0)
		fwrite(data, 1, size, cli->out);
	else
		status = write_file(output, force, data, size);
	free(data);
	return status;
}

enum cli_status cli_snapshot(struct cli *cli, int argc, char **argv) {
	const char *output = NULL, *path;
	bool force = false, quiet = false;
	struct sp_machine *machine;
	enum cli_status status;
	int option;

	optind = 0;
	while ((option = cli_next_option(cli, &USAGE, argc, argv, &status)) != CLI_OPTION_END) {
		switch (option) {
		case OPTION_OUTPUT:
			output = optarg;
			break;
		case OPTION_FORCE:
			force = true;
			break;
		case OPTION_QUIET:
			quiet = true;
			break;
		default:
			return status;
		}
	}
	if (argc - optind > 1)
		return cli_misuse(
			&USAGE, "one DUMP is wanted, and \"%s\" is a second one", argv[optind + 1]);
	if (!output || !*output)
		return cli_misuse(&USAGE, "-o FILE is wanted; -o - is standard output");
	path = optind < argc ? argv[optind] : NULL;
	if (!cli_machine_load(&machine, path))
		return CLI_BAD;
	status = snapshot(cli, machine, output, force);
	if (status == CLI_GOOD && !quiet)
		tell_missing(machine);
	sp_machine_destroy(machine);
	return status;
}
