/* SPDX-License-Identifier: MIT */
#ifndef SP_CLI_OPTIONS_H
#define SP_CLI_OPTIONS_H

#include <stddef.h>

#include "cli.h"

/* A verb's options are a table, from which they are read and its help is printed. */
struct cli_option {
	char letter; /* 0: none */
	const char *name;
	const char *value; /* what the help calls its value, NULL if it takes none */
	const char *help;
};

struct cli_usage {
	const char *verb;
	const char *arguments; /* "HOST DEVICE…" */
	const char *about; /* a paragraph for the help */
	const char *example; /* a command line, or several lines of them */
	const struct cli_option *options;
	size_t count; /* at most CLI_MAX_OPTIONS */
};

#define CLI_MAX_OPTIONS 40

enum {
	CLI_OPTION_END = -1, /* optind is the first argument that is none */
	CLI_OPTION_STOP = -2, /* told what to do: the verb ends with *status */
};

/*
 * The number in the table of the next option, whose value is then optarg. `--help` is understood
 * by itself. Call it with optind 0 at first.
 */
int cli_next_option(struct cli *cli, const struct cli_usage *usage, int argc, char **argv,
	enum cli_status *status);

void cli_help(struct cli *cli, const struct cli_usage *usage);

/* Complains with a hint to the verb's help. CLI_BAD. */
enum cli_status cli_misuse(const struct cli_usage *usage, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
