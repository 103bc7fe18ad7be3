/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <getopt.h>
#include <stdarg.h>
#include <string.h>

#include <sallyport/suggest.h>

/* getopt_long() returns these for long options, so that they differ from letters. */
#define FIRST_LONG 256
#define HELP (FIRST_LONG + CLI_MAX_OPTIONS)

enum cli_status cli_misuse(const struct cli_usage *usage, const char *format, ...) {
	char message[768], remedy[64];
	va_list args;

	va_start(args, format);
	if (vsnprintf(message, sizeof(message), format, args) < 0)
		message[0] = '\0';
	va_end(args);
	snprintf(remedy, sizeof(remedy), "See `sallyport %s --help`.", usage->verb);
	cli_complain(remedy, "%s: %s", usage->verb, message);
	return CLI_BAD;
}

static void unknown_long(const struct cli_usage *usage, const char *given) {
	const char *names[CLI_MAX_OPTIONS + 1];
	size_t length = strcspn(given, "="), count = 0, matches = 0;
	char name[SP_SUGGEST_MAX + 1];
	const char *suggestion = NULL;

	for (size_t i = 0; i < usage->count; i++) {
		names[count++] = usage->options[i].name;
		matches += strncmp(given, usage->options[i].name, length) == 0;
	}
	names[count++] = "help";
	if (length < sizeof(name)) {
		memcpy(name, given, length);
		name[length] = '\0';
		suggestion = sp_suggest(name, names, count);
	}
	if (matches > 1)
		cli_misuse(usage, "option --%.*s could be any of %zu; write it out", (int)length,
			given, matches);
	else if (suggestion)
		cli_misuse(usage, "unknown option --%.*s; did you mean --%s?", (int)length, given,
			suggestion);
	else
		cli_misuse(usage, "unknown option --%.*s", (int)length, given);
}

static const struct cli_option *find(const struct cli_usage *usage, int code) {
	for (size_t i = 0; i < usage->count; i++)
		if (code == FIRST_LONG + (int)i || code == usage->options[i].letter)
			return &usage->options[i];
	return NULL;
}

static void complain(const struct cli_usage *usage, int result, const char *given) {
	const struct cli_option *option = optopt ? find(usage, optopt) : NULL;

	if (option && result == ':')
		cli_misuse(usage, "option --%s needs a value: %s", option->name, option->value);
	else if (option || optopt == HELP)
		cli_misuse(usage, "option --%s takes no value", option ? option->name : "help");
	else if (optopt)
		cli_misuse(usage, "unknown option -%c", optopt);
	else
		unknown_long(usage, given + strspn(given, "-"));
}

int cli_next_option(struct cli *cli, const struct cli_usage *usage, int argc, char **argv,
	enum cli_status *status) {
	struct option longs[CLI_MAX_OPTIONS + 2] = {{0}};
	char letters[2 * CLI_MAX_OPTIONS + 3] = ":h";
	const struct cli_option *option;
	size_t used = strlen(letters), i;
	int result;

	for (i = 0; i < usage->count; i++) {
		option = &usage->options[i];
		longs[i] = (struct option){option->name,
			option->value ? required_argument : no_argument, NULL, FIRST_LONG + (int)i};
		if (option->letter) {
			letters[used++] = option->letter;
			if (option->value)
				letters[used++] = ':';
		}
	}
	longs[i] = (struct option){"help", no_argument, NULL, HELP};
	letters[used] = '\0';

	opterr = 0;
	result = getopt_long(argc, argv, letters, longs, NULL);
	if (result == -1)
		return CLI_OPTION_END;
	if (result == HELP || result == 'h') {
		cli_help(cli, usage);
		*status = CLI_GOOD;
		return CLI_OPTION_STOP;
	}
	option = result == '?' || result == ':' ? NULL : find(usage, result);
	if (!option) {
		complain(usage, result, argv[optind - 1]);
		*status = CLI_BAD;
		return CLI_OPTION_STOP;
	}
	return (int)(option - usage->options);
}

static void help_option(struct cli *cli, const struct cli_option *option) {
	if (option->letter)
		fprintf(cli->out, "  -%c, --%s", option->letter, option->name);
	else
		fprintf(cli->out, "  --%s", option->name);
	fprintf(cli->out, "%s%s\n", option->value ? " " : "", option->value ? option->value : "");
	cli_wrap(cli, 0, 8, option->help);
}

void cli_help(struct cli *cli, const struct cli_usage *usage) {
	static const struct cli_option HELP_OPTION = {'h', "help", NULL, "Print this."};

	fprintf(cli->out, "usage: sallyport %s %s\n\n", usage->verb, usage->arguments);
	cli_wrap(cli, 0, 0, usage->about);
	putc('\n', cli->out);
	for (size_t i = 0; i < usage->count; i++)
		help_option(cli, &usage->options[i]);
	help_option(cli, &HELP_OPTION);
	fprintf(cli->out, "\nFor example:\n  %s\n", usage->example);
}
