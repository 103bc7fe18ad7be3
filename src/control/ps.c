/* SPDX-License-Identifier: MIT */
#include "control/control.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>

enum { OPTION_JSON, OPTION_QUIET };

static const struct cli_option OPTIONS[] = {
	[OPTION_JSON] = {'j', "json", NULL, "Print an array of objects, with all that is counted."},
	[OPTION_QUIET] = {'q', "quiet", NULL, "Print only the names of the VMs that are served."},
};

static const struct cli_usage USAGE = {
	.verb = "ps",
	.arguments = "[OPTION]…",
	.about = "Lists the virtual machines that `sallyport serve` serves for this user and, as "
		 "far as this user may see them, for the system: their devices, and how much these "
		 "have done. A directory that an ended process left behind is stale.",
	.example = "sallyport ps",
	.options = OPTIONS,
	.count = sizeof(OPTIONS) / sizeof(OPTIONS[0]),
};

enum { VM, DEVICE, MODEL, CLIENT, SCREEN, MAPPED, MESSAGES, TRAPS, INTERRUPTS, FLIPS, COLUMNS };

static const struct control_column TITLES[COLUMNS] = {
	[VM] = {"VM", false},
	[DEVICE] = {"DEVICE", false},
	[MODEL] = {"MODEL", false},
	[CLIENT] = {"CLIENT", false},
	[SCREEN] = {"SCREEN", false},
	[MAPPED] = {"MAPPED", true},
	[MESSAGES] = {"MESSAGES", true},
	[TRAPS] = {"TRAPS", true},
	[INTERRUPTS] = {"INTERRUPTS", true},
	[FLIPS] = {"FLIPS", true},
};

static void put_screen(char cell[CONTROL_CELL], const json_t *screen) {
	uint64_t width = control_number(screen, "width");

	if (!screen)
		snprintf(cell, CONTROL_CELL, "-");
	else if (!width)
		snprintf(cell, CONTROL_CELL, "off");
	else
		snprintf(cell, CONTROL_CELL, "%" PRIu64 "x%" PRIu64, width,
			control_number(screen, "height"));
}

static void put_count(char cell[CONTROL_CELL], uint64_t count) {
	snprintf(cell, CONTROL_CELL, "%" PRIu64, count);
}

static void add_device(
	struct control_table *table, const struct control_vm *vm, const json_t *device) {
	const json_t *screen = json_object_get(device, "screen");
	char(*row)[CONTROL_CELL] = control_row(table);

	if (!row)
		return;
	snprintf(row[VM], CONTROL_CELL, "%s", vm->name);
	snprintf(row[DEVICE], CONTROL_CELL, "%s", control_string(device, "name"));
	snprintf(row[MODEL], CONTROL_CELL, "%s", control_string(device, "model"));
	snprintf(row[CLIENT], CONTROL_CELL, "%s",
		json_is_true(json_object_get(device, "client")) ? "yes" : "no");
	put_screen(row[SCREEN], screen);
	control_size(row[MAPPED], control_number(device, "mapped"));
	put_count(row[MESSAGES], control_sum(device, "messages"));
	put_count(row[TRAPS], control_number(device, "traps"));
	put_count(row[INTERRUPTS], control_number(device, "interrupts"));
	if (screen)
		put_count(row[FLIPS], control_number(screen, "flips"));
}

static bool print_table(struct cli *cli, const struct control_vms *vms) {
	struct control_table table = {.columns = TITLES, .column_count = COLUMNS};
	bool good;

	for (size_t i = 0; i < vms->count; i++) {
		const struct control_vm *vm = &vms->vms[i];
		const json_t *devices = json_object_get(vm->state, "devices");
		char(*row)[CONTROL_CELL];

		for (size_t j = 0; j < json_array_size(devices); j++)
			add_device(&table, vm, json_array_get(devices, j));
		if (vm->state || !(row = control_row(&table)))
			continue;
		snprintf(row[VM], CONTROL_CELL, "%s", vm->name);
		snprintf(row[DEVICE], CONTROL_CELL, "(%s)", control_condition_name(vm->condition));
	}
	good = !table.failed;
	if (good && table.count)
		control_print(cli, &table, cli->columns, 0);
	else if (good)
		fputs("nothing is served\n", cli->out);
	control_table_release(&table);
	return good;
}

static bool print_json(struct cli *cli, struct control_vms *vms) {
	json_t *array = json_array();
	char *text;

	for (size_t i = 0; i < vms->count; i++) {
		struct control_vm *vm = &vms->vms[i];
		json_t *object = json_pack("{s:s, s:s, s:s, s:O?}", "name", vm->name, "directory",
			vm->directory, "condition",
			vm->state ? "runs" : control_condition_name(vm->condition), "state",
			vm->state);

		if (!object || json_array_append_new(array, object)) {
			json_decref(array);
			return false;
		}
	}
	text = json_dumps(array, JSON_INDENT(2));
	json_decref(array);
	if (!text)
		return false;
	fprintf(cli->out, "%s\n", text);
	free(text);
	return true;
}

static bool print_names(struct cli *cli, const struct control_vms *vms) {
	for (size_t i = 0; i < vms->count; i++) {
		if (!vms->vms[i].state)
			continue;
		cli_text(cli->out, vms->vms[i].name);
		putc('\n', cli->out);
	}
	return true;
}

enum cli_status control_ps(struct cli *cli, int argc, char **argv) {
	bool json = false, quiet = false, good;
	enum cli_status status = CLI_GOOD;
	struct control_vms vms;
	struct sp_error error;
	int option;

	optind = 0;
	while ((option = cli_next_option(cli, &USAGE, argc, argv, &status)) >= 0) {
		json |= option == OPTION_JSON;
		quiet |= option == OPTION_QUIET;
	}
	if (option == CLI_OPTION_STOP)
		return status;
	if (optind < argc)
		return cli_misuse(&USAGE, "nothing is expected after the options");
	if (!control_list(&vms, &error))
		return cli_fail(&error, NULL, NULL);
	good = json     ? print_json(cli, &vms)
		: quiet ? print_names(cli, &vms)
			: print_table(cli, &vms);
	control_release(&vms);
	if (!good) {
		cli_complain(NULL, "out of memory");
		return CLI_BAD;
	}
	return status;
}
