/* SPDX-License-Identifier: MIT */
#include "control/control.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include <sallyport/suggest.h>

enum { OPTION_DEVICE };

static const struct cli_option OPTIONS[] = {
	[OPTION_DEVICE] = {'d', "device", "NAME", "Which device, if it has several."},
};

static const struct cli_usage USAGE = {
	.verb = "control",
	.arguments = "[OPTION]… VM state|reset|resize WIDTHxHEIGHT|quit|upgrade",
	.about =
		"Tells the process that serves a virtual machine to do something: `state` prints "
		"all that it counts, as JSON; `reset` puts a device into the state after power-on, "
		"which the guest's driver is not told; `resize` makes a size the one that the "
		"screen likes best, which the guest learns when it next asks; `quit` ends the "
		"process; `upgrade` has the program that is installed now go on in its place. VM is a name, or the path of a directory given to `sallyport serve`.",
	.example = "sallyport control desktop resize 1920x1080",
	.options = OPTIONS,
	.count = sizeof(OPTIONS) / sizeof(OPTIONS[0]),
};

static const struct action {
	const char *name;
	bool device; /* it is about one */
	bool size;
	bool print;
} ACTIONS[] = {
	{"state", false, false, true},
	{"reset", true, false, false},
	{"resize", true, true, false},
	{"quit", false, false, false},
	{"upgrade", false, false, false},
};
#define ACTION_COUNT (sizeof(ACTIONS) / sizeof(ACTIONS[0]))

static const struct action *find(const char *name) {
	const char *names[ACTION_COUNT];
	const char *suggestion;

	for (size_t i = 0; i < ACTION_COUNT; i++) {
		names[i] = ACTIONS[i].name;
		if (strcmp(names[i], name) == 0)
			return &ACTIONS[i];
	}
	suggestion = sp_suggest(name, names, ACTION_COUNT);
	if (suggestion)
		cli_misuse(&USAGE, "unknown action \"%s\"; did you mean %s?", name, suggestion);
	else
		cli_misuse(&USAGE, "unknown action \"%s\"", name);
	return NULL;
}

static bool read_size(const char *text, unsigned *width, unsigned *height) {
	char end;

	return text[0] >= '0' && text[0] <= '9' && strlen(text) < 12 &&
		sscanf(text, "%ux%u%c", width, height, &end) == 2;
}

/* NULL if no memory was left, or after a complaint. */
static json_t *make_request(const struct action *action, const char *device, char **words) {
	json_t *request = json_pack("{s:s}", "do", action->name);
	unsigned width, height;

	if (device)
		json_object_set_new(request, "device", json_string(device));
	if (!action->size)
		return request;
	if (!read_size(words[2], &width, &height)) {
		cli_misuse(&USAGE, "%s: a size is WIDTHxHEIGHT, such as 1920x1080", words[2]);
		json_decref(request);
		return NULL;
	}
	json_object_set_new(request, "width", json_integer(width));
	json_object_set_new(request, "height", json_integer(height));
	return request;
}

static json_t *ask(const char *vm, json_t *request, struct sp_error *error) {
	char *directory = control_find(vm, error);
	struct control_talk talk;
	json_t *answer = NULL;
	int failure;

	if (!directory) {
		json_decref(request);
		return NULL;
	}
	if (control_open(&talk, directory, &failure)) {
		answer = control_ask(&talk, request, error);
		control_close(&talk);
		if (!answer)
			sp_error_prefix(error, vm);
	} else {
		control_refused(directory, failure, error);
		json_decref(request);
	}
	free(directory);
	return answer;
}

static enum cli_status act(
	struct cli *cli, const struct action *action, const char *vm, json_t *request) {
	struct sp_error error;
	json_t *answer = ask(vm, request, &error);
	char *text;

	if (!answer)
		return cli_fail(&error, NULL, control_remedy(&error));
	text = action->print ? json_dumps(answer, JSON_INDENT(2)) : NULL;
	if (text)
		fprintf(cli->out, "%s\n", text);
	free(text);
	json_decref(answer);
	return CLI_GOOD;
}

enum cli_status control_act(struct cli *cli, int argc, char **argv) {
	enum cli_status status = CLI_BAD;
	const struct action *action;
	const char *device = NULL;
	json_t *request;
	int option;

	optind = 0;
	while ((option = cli_next_option(cli, &USAGE, argc, argv, &status)) >= 0) {
		if (option == OPTION_DEVICE)
			device = optarg;
	}
	if (option == CLI_OPTION_STOP)
		return status;
	if (argc - optind < 2)
		return cli_misuse(&USAGE, "name a VM, and what is to be done");
	action = find(argv[optind + 1]);
	if (!action)
		return CLI_BAD;
	if (argc - optind != (action->size ? 3 : 2))
		return cli_misuse(&USAGE,
			action->size ? "%s: a size is needed, and nothing else"
				     : "%s: nothing is expected after it",
			action->name);
	if (device && !action->device)
		return cli_misuse(&USAGE, "%s: it is not about one device", action->name);
	request = make_request(action, device, argv + optind);
	return request ? act(cli, action, argv[optind], request) : CLI_BAD;
}
