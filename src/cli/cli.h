/* SPDX-License-Identifier: MIT */
#ifndef SP_CLI_CLI_H
#define SP_CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include <sallyport/error.h>

/* Exit statuses. */
enum cli_status {
	CLI_GOOD = 0,
	CLI_NO = 1, /* it was answered, and the answer is no */
	CLI_BAD = 2, /* bad use, bad input, or the system refused */
};

#define CLI_DEFAULT_HOST "/sys/firmware/fdt"

/* What every verb is given. */
struct cli {
	FILE *out; /* standard output; the verb need not check for errors */
	int out_error; /* the errno of the first failed write, 0 */
	unsigned columns; /* of the terminal; 0 if standard output is none */
	bool colour;
};

/* terminal.c */
bool cli_open(struct cli *cli);
/* Writes out what is left. A reader that went away is nothing to complain about; after any other
 * error the status is CLI_BAD. */
enum cli_status cli_close(struct cli *cli, enum cli_status status);

enum cli_style { CLI_PLAIN, CLI_RED, CLI_YELLOW, CLI_BLUE, CLI_GREEN, CLI_BOLD };
/* Begins and, with CLI_PLAIN, ends a colour; nothing where there are none. */
void cli_style(struct cli *cli, enum cli_style style);
/* Text from outside: control characters are written as \xNN. */
void cli_text(FILE *out, const char *text);
/* The columns that it takes then. */
unsigned cli_width(const char *text);
/* Writes it, and counts its columns. */
void cli_put(struct cli *cli, unsigned *column, const char *text);
/*
 * Words wrapped at the terminal's width, with a newline. The first line has `column` columns
 * already; it is filled up to `indent`, with which the others begin.
 */
void cli_wrap(struct cli *cli, unsigned column, unsigned indent, const char *text);

/* "sallyport: …" and, on a line of its own, what to do about it (NULL: nothing). */
void cli_complain(const char *remedy, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The same for an error of the library, after "PREFIX: " where prefix is not NULL. CLI_BAD. */
enum cli_status cli_fail(const struct sp_error *error, const char *prefix, const char *remedy);

struct cli_verb {
	const char *name;
	const char *summary;
	enum cli_status (*run)(struct cli *cli, int argc, char **argv); /* NULL: a program */
	const char *remedy; /* where that is missing */
};

enum cli_status cli_list(struct cli *cli, int argc, char **argv);
enum cli_status cli_plan(struct cli *cli, int argc, char **argv);
enum cli_status cli_check(struct cli *cli, int argc, char **argv);
enum cli_status cli_snapshot(struct cli *cli, int argc, char **argv);
enum cli_status cli_doctor(struct cli *cli, int argc, char **argv);
enum cli_status cli_explain(struct cli *cli, int argc, char **argv);

/*
 * exec.c: becomes the executable behind a verb that is not built in. Returns only if it cannot:
 * with *found false if there is none of that name.
 */
enum cli_status cli_exec(const char *verb, char **argv, bool *found);

#endif
