/* SPDX-License-Identifier: MIT */
#include <getopt.h>
#include <stdlib.h>

#include "host.h"

enum { OPTION_TARGET, OPTION_MODE, OPTION_ALL, OPTION_COMPATIBLE, OPTION_JSON };

static const struct cli_option OPTIONS[] = {
	[OPTION_TARGET] = {'t', "target", "RELEASE", "The Xen to plan for: xen-4.17 to xen-4.22."},
	[OPTION_MODE] = {'m', "mode", "MODE", "How the guest is built: xl or dom0less."},
	[OPTION_ALL] = {'a', "all", NULL,
		"Every device, not only GPUs and displays; every PCI function but bridges."},
	[OPTION_COMPATIBLE] = {'c', "compatible", "GLOB",
		"Every device with a compatible string that matches, such as 'arm,mali-*'."},
	[OPTION_JSON] = {'j', "json", NULL, "Print an array of objects instead of a table."},
};

static const struct cli_usage USAGE = {
	.verb = "list",
	.arguments = "[OPTION]… [HOST]",
	.about = "Lists the devices that a host could give away. HOST is a .dtb or an unflattened "
		 "tree such as /proc/device-tree, and each device is told with what it has and "
		 "whether it can be given; or it is what `sallyport snapshot` or `lspci -vvxxxx` "
		 "wrote, and GPUs are told with all functions of their slots. Unless it is named "
		 "it is " CLI_DEFAULT_HOST ", or else this machine with its PCI devices.",
	.example = "sallyport list --all board.dtb",
	.options = OPTIONS,
	.count = sizeof(OPTIONS) / sizeof(OPTIONS[0]),
};

static bool print(struct cli *cli, const struct sp_host *host,
	const struct sp_list_options *options, bool json, struct sp_error *error) {
	struct sp_list *list = NULL;
	char *data = NULL;
	size_t size;
	bool good = sp_list_create(&list, host, options, error) &&
		(json ? sp_list_json(list, &data, &size, error)
		      : sp_list_table(list, &data, &size, error));

	if (good && !json && sp_list_count(list) == 0)
		fputs(options->all || options->compatible
				? "No such device.\n"
				: "No GPU and no display; --all lists every device.\n",
			cli->out);
	else if (good)
		fwrite(data, 1, size, cli->out);
	free(data);
	sp_list_destroy(list);
	return good;
}

static enum cli_status list_machine(
	struct cli *cli, const char *path, const struct sp_list_options *list, bool json) {
	const struct sp_machine_list_options options = {
		.all = list->all,
		.columns = list->columns,
		.colour = list->colour,
	};
	struct sp_error error = {0};
	struct sp_machine *machine;
	char *data = NULL;
	size_t size;
	bool good;

	if (!cli_machine_load(&machine, path))
		return CLI_BAD;
	good = json ? sp_machine_json(machine, &options, &data, &size, &error)
		    : sp_machine_table(machine, &options, &data, &size, &error);
	if (good && size)
		fwrite(data, 1, size, cli->out);
	else if (good)
		fputs(options.all ? "No PCI function but bridges.\n"
				  : "No GPU; --all lists every PCI function.\n",
			cli->out);
	free(data);
	sp_machine_destroy(machine);
	return good ? CLI_GOOD : cli_fail(&error, path, NULL);
}

enum cli_status cli_list(struct cli *cli, int argc, char **argv) {
	struct sp_list_options options = {
		.target = SP_TARGET_DEFAULT,
		.mode = SP_MODE_XL,
		.columns = cli->columns,
		.colour = cli->colour,
	};
	struct sp_error error = {0};
	struct cli_host host = {0};
	enum cli_status status;
	const char *path, *tree_option = NULL;
	bool json = false;
	int option;

	optind = 0;
	while ((option = cli_next_option(cli, &USAGE, argc, argv, &status)) != CLI_OPTION_END) {
		if (option == OPTION_TARGET || option == OPTION_MODE || option == OPTION_COMPATIBLE)
			tree_option = OPTIONS[option].name;
		switch (option) {
		case OPTION_TARGET:
			if (!cli_read_target(&USAGE, optarg, &options.target))
				return CLI_BAD;
			break;
		case OPTION_MODE:
			if (!cli_read_mode(&USAGE, optarg, &options.mode))
				return CLI_BAD;
			break;
		case OPTION_ALL:
			options.all = true;
			break;
		case OPTION_COMPATIBLE:
			options.compatible = optarg;
			break;
		case OPTION_JSON:
			json = true;
			break;
		default:
			return status;
		}
	}
	if (argc - optind > 1)
		return cli_misuse(
			&USAGE, "one HOST is wanted, and \"%s\" is a second one", argv[optind + 1]);
	path = optind < argc ? argv[optind] : NULL;
	if (cli_is_machine(path)) {
		if (tree_option)
			return cli_misuse(&USAGE,
				"--%s is for a host with a device tree, and %s has none",
				tree_option, path ? path : "this machine");
		return list_machine(cli, path, &options, json);
	}
	path = path ? path : CLI_DEFAULT_HOST;
	if (!cli_host_load(&host, path))
		return CLI_BAD;
	status = print(cli, host.host, &options, json, &error) ? CLI_GOOD
							       : cli_fail(&error, path, NULL);
	cli_host_release(&host);
	return status;
}
