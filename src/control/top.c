/* SPDX-License-Identifier: MIT */
#include "control/control.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#define INTERVAL_LEAST 100 /* milliseconds */
#define INTERVAL_MOST 3600000

enum { OPTION_INTERVAL, OPTION_COUNT, OPTION_JSON };

static const struct cli_option OPTIONS[] = {
	[OPTION_INTERVAL] = {'i', "interval", "SECONDS",
		"How often it is looked anew; 2 if not given, 0.1 at least."},
	[OPTION_COUNT] = {'n', "count", "NUMBER", "End after so many tables."},
	[OPTION_JSON] = {'j', "json", NULL, "Print an object a line, in place of each table."},
};

static const struct cli_usage USAGE = {
	.verb = "top",
	.arguments = "[OPTION]…",
	.about = "Shows what the virtual machines that are served do, in figures a second. On a "
		 "terminal the table is drawn anew, and q ends it; else one table follows another.",
	.example = "sallyport top",
	.options = OPTIONS,
	.count = sizeof(OPTIONS) / sizeof(OPTIONS[0]),
};

/* What a column counts: a member of a device, or of an object in it, or the sum of one. */
static const struct rate {
	const char *title, *key, *object, *member;
} RATES[] = {
	{"MSG/s", "messages", NULL, NULL},
	{"TRAPS/s", "traps", NULL, "traps"},
	{"IRQ/s", "interrupts", NULL, "interrupts"},
	{"FLIPS/s", "flips", "screen", "flips"},
	{"IN/s", "bytes_in", NULL, "bytes_in"},
	{"OUT/s", "bytes_out", NULL, "bytes_out"},
};
#define RATE_COUNT (sizeof(RATES) / sizeof(RATES[0]))
#define FIRST_BYTES 4 /* those from here on are sizes */

enum { VM, DEVICE, CLIENT, FIRST_RATE, MAPPED = FIRST_RATE + RATE_COUNT, PRIVATE, COLUMNS };

static const struct control_column TITLES[COLUMNS] = {
	[VM] = {"VM", false},
	[DEVICE] = {"DEVICE", false},
	[CLIENT] = {"CLIENT", false},
	[FIRST_RATE] = {"MSG/s", true},
	[FIRST_RATE + 1] = {"TRAPS/s", true},
	[FIRST_RATE + 2] = {"IRQ/s", true},
	[FIRST_RATE + 3] = {"FLIPS/s", true},
	[FIRST_RATE + 4] = {"IN/s", true},
	[FIRST_RATE + 5] = {"OUT/s", true},
	[MAPPED] = {"MAPPED", true},
	[PRIVATE] = {"PRIVATE", true},
};

struct top {
	struct cli *cli;
	int interval; /* milliseconds */
	uint64_t count; /* 0: no end */
	bool json;
	bool live; /* on a terminal */
	bool stopped;
	int signals;
	struct termios before;
	struct control_vms last;
};

static uint64_t count(const json_t *device, const struct rate *rate) {
	const json_t *object = rate->object ? json_object_get(device, rate->object) : device;

	return rate->member ? control_number(object, rate->member) : control_sum(device, rate->key);
}

/* The same process a while before; NULL if there was none. */
static const json_t *before(const struct top *top, const struct control_vm *vm) {
	for (size_t i = 0; i < top->last.count; i++) {
		const struct control_vm *last = &top->last.vms[i];

		if (last->state && strcmp(last->directory, vm->directory) == 0 &&
			control_number(last->state, "pid") == control_number(vm->state, "pid"))
			return last->state;
	}
	return NULL;
}

/* A second's worth; false if nothing is known of before. */
static bool a_second(const json_t *then, const json_t *now, size_t device, const struct rate *rate,
	uint64_t *value) {
	uint64_t elapsed = control_number(now, "now") - control_number(then, "now"), from, to;

	if (!then || !elapsed || control_number(now, "now") < control_number(then, "now"))
		return false;
	from = count(json_array_get(json_object_get(then, "devices"), device), rate);
	to = count(json_array_get(json_object_get(now, "devices"), device), rate);
	*value = to > from ? (uint64_t)((double)(to - from) * 1e6 / (double)elapsed + 0.5) : 0;
	return true;
}

static void add_device(struct control_table *table, const struct control_vm *vm, const json_t *then,
	size_t index) {
	const json_t *device = json_array_get(json_object_get(vm->state, "devices"), index);
	char(*row)[CONTROL_CELL] = control_row(table);
	uint64_t value;

	if (!row)
		return;
	snprintf(row[VM], CONTROL_CELL, "%s", vm->name);
	snprintf(row[DEVICE], CONTROL_CELL, "%s", control_string(device, "name"));
	snprintf(row[CLIENT], CONTROL_CELL, "%s",
		json_is_true(json_object_get(device, "client")) ? "yes" : "no");
	for (size_t i = 0; i < RATE_COUNT; i++) {
		if (!a_second(then, vm->state, index, &RATES[i], &value))
			snprintf(row[FIRST_RATE + i], CONTROL_CELL, "-");
		else if (i >= FIRST_BYTES)
			control_size(row[FIRST_RATE + i], value);
		else
			snprintf(row[FIRST_RATE + i], CONTROL_CELL, "%" PRIu64, value);
	}
	control_size(row[MAPPED], control_number(device, "mapped"));
	/* It is the process's, which all devices are in. */
	if (!index)
		control_size(row[PRIVATE], control_number(vm->state, "private"));
}

static bool print_table(const struct top *top, const struct control_vms *vms) {
	struct control_table table = {.columns = TITLES, .column_count = COLUMNS};
	struct winsize window = {0};
	bool good;

	for (size_t i = 0; i < vms->count; i++) {
		const struct control_vm *vm = &vms->vms[i];
		const json_t *devices = json_object_get(vm->state, "devices");
		const json_t *then = vm->state ? before(top, vm) : NULL;

		for (size_t j = 0; j < json_array_size(devices); j++)
			add_device(&table, vm, then, j);
	}
	good = !table.failed;
	if (!top->live) {
		if (good)
			control_print(top->cli, &table, 0, 0);
	} else if (good) {
		/* It may have another size by now. */
		if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) < 0 || !window.ws_col)
			window = (struct winsize){.ws_col = 80, .ws_row = 24};
		fputs("\033[H\033[J", top->cli->out);
		/* The last line stays empty: a newline there would move all up. */
		control_print(top->cli, &table, window.ws_col,
			window.ws_row > 1 ? window.ws_row - 1u : 1);
	}
	control_table_release(&table);
	return good;
}

static json_t *rates_of(const json_t *then, const struct control_vm *vm, size_t index) {
	const json_t *device = json_array_get(json_object_get(vm->state, "devices"), index);
	json_t *object = json_pack("{s:O?, s:O?, s:O?}", "name", json_object_get(device, "name"),
		"client", json_object_get(device, "client"), "mapped",
		json_object_get(device, "mapped"));
	uint64_t value;

	for (size_t i = 0; object && i < RATE_COUNT; i++) {
		json_t *rate = a_second(then, vm->state, index, &RATES[i], &value)
			? json_integer((json_int_t)value)
			: json_null();

		if (json_object_set_new(object, RATES[i].key, rate)) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

static json_t *vm_of(const struct top *top, const struct control_vm *vm) {
	const json_t *devices = json_object_get(vm->state, "devices");
	json_t *array = json_array(), *object;

	for (size_t i = 0; i < json_array_size(devices); i++) {
		if (json_array_append_new(array, rates_of(before(top, vm), vm, i))) {
			json_decref(array);
			return NULL;
		}
	}
	object = json_pack("{s:s, s:O?, s:o}", "name", vm->name, "private",
		json_object_get(vm->state, "private"), "devices", array);
	return object;
}

static bool print_json(const struct top *top, const struct control_vms *vms) {
	json_t *array = json_array(), *root;
	char *text;

	for (size_t i = 0; i < vms->count; i++) {
		if (vms->vms[i].state && json_array_append_new(array, vm_of(top, &vms->vms[i]))) {
			json_decref(array);
			return false;
		}
	}
	root = json_pack("{s:o}", "vms", array);
	text = json_dumps(root, JSON_COMPACT);
	json_decref(root);
	if (!text)
		return false;
	fprintf(top->cli->out, "%s\n", text);
	free(text);
	return true;
}

/* Waits for the next time; a key or a signal may end it. */
static void rest(struct top *top) {
	struct pollfd files[] = {
		{.fd = top->signals, .events = POLLIN},
		{.fd = top->live ? STDIN_FILENO : -1, .events = POLLIN},
	};
	char key;

	if (poll(files, 2, top->interval) <= 0)
		return;
	top->stopped |= files[0].revents != 0;
	if (files[1].revents &&
		(read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q' || key == 3))
		top->stopped = true;
}

static bool run(struct top *top, struct sp_error *error) {
	for (uint64_t i = 0; !top->stopped; i++) {
		struct control_vms vms;
		bool good;

		if (!control_list(&vms, error))
			return false;
		good = top->json ? print_json(top, &vms) : print_table(top, &vms);
		control_release(&top->last);
		top->last = vms;
		if (!good)
			return sp_error_memory(error);
		/* A reader that went away is noticed here. */
		if (fflush(top->cli->out) || top->cli->out_error ||
			(top->count && i + 1 == top->count))
			return true;
		rest(top);
	}
	return true;
}

/* Keys come one by one, and none is shown. */
static void take_terminal(struct top *top) {
	struct termios terms;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	top->signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (!top->live || tcgetattr(STDIN_FILENO, &top->before) < 0) {
		top->live = false;
		return;
	}
	terms = top->before;
	terms.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	terms.c_cc[VMIN] = 1;
	terms.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSANOW, &terms);
	/* Another screen, so that what was there comes back, and no cursor. */
	fputs("\033[?1049h\033[?25l", top->cli->out);
}

static void give_terminal_back(struct top *top) {
	if (top->live) {
		fputs("\033[?25h\033[?1049l", top->cli->out);
		fflush(top->cli->out);
		tcsetattr(STDIN_FILENO, TCSANOW, &top->before);
	}
	if (top->signals >= 0)
		close(top->signals);
}

static bool read_interval(struct top *top, const char *text) {
	char *end;
	double seconds = strtod(text, &end);

	if (!*text || *end || !(seconds * 1000 >= INTERVAL_LEAST) || seconds * 1000 > INTERVAL_MOST)
		return false;
	top->interval = (int)(seconds * 1000);
	return true;
}

static bool read_count(struct top *top, const char *text) {
	char *end;

	errno = 0;
	top->count = strtoull(text, &end, 10);
	return *text >= '1' && *text <= '9' && !*end && !errno;
}

enum cli_status control_top(struct cli *cli, int argc, char **argv) {
	struct top top = {.cli = cli, .interval = 2000, .signals = -1};
	enum cli_status status = CLI_GOOD;
	struct sp_error error;
	int option;

	optind = 0;
	while ((option = cli_next_option(cli, &USAGE, argc, argv, &status)) >= 0) {
		if (option == OPTION_INTERVAL && !read_interval(&top, optarg))
			return cli_misuse(
				&USAGE, "--interval %s: it is 0.1 to 3600 seconds", optarg);
		if (option == OPTION_COUNT && !read_count(&top, optarg))
			return cli_misuse(&USAGE, "--count %s: it is a number from 1", optarg);
		top.json |= option == OPTION_JSON;
	}
	if (option == CLI_OPTION_STOP)
		return status;
	if (optind < argc)
		return cli_misuse(&USAGE, "nothing is expected after the options");
	/* In the background the terminal is another's: to take it would stop us. */
	top.live = cli->columns && !top.json && tcgetpgrp(STDIN_FILENO) == getpgrp();
	take_terminal(&top);
	if (!run(&top, &error))
		status = CLI_BAD;
	give_terminal_back(&top);
	control_release(&top.last);
	return status == CLI_GOOD ? status : cli_fail(&error, NULL, NULL);
}
