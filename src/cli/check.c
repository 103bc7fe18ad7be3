/* SPDX-License-Identifier: MIT */
#include <getopt.h>
#include <stdlib.h>

#include <sallyport/check.h>

#include "host.h"
#include "print.h"

#define MAX_BDFS 64u
#define MAX_TREES 64u

enum {
	OPTION_TARGET,
	OPTION_IOMMUS,
	OPTION_BDF,
	OPTION_GUEST_TREE,
	OPTION_XEN_HAS,
	OPTION_JSON,
	OPTION_QUIET,
};

static const struct cli_option OPTIONS[] = {
	[OPTION_TARGET] = {'t', "target", "RELEASE", "The Xen to check for: xen-4.17 to xen-4.22."},
	[OPTION_IOMMUS] = {0, "iommus", "DEVICE=CONTROLLER:ID[-LAST][/MASK][,…]",
		"Stream IDs that a device needs and the tree does not tell."},
	[OPTION_BDF] = {0, "bdf", "[DEVICE=]BUS:DEV.FN",
		"A function behind a PCI host bridge that the guest will use."},
	[OPTION_GUEST_TREE] = {'g', "guest-tree", "NODE=FILE",
		"The partial tree of a guest that Xen makes at boot; NODE is the name of its node "
		"under /chosen."},
	[OPTION_XEN_HAS] = {0, "xen-has", "FEATURE",
		"Something that this Xen has beyond its release: multi-iommu-masters."},
	[OPTION_JSON] = {'j', "json", NULL, "Print an object instead of text."},
	[OPTION_QUIET] = {'q', "quiet", NULL, "Print nothing; the exit status tells."},
};

static const struct cli_usage USAGE = {
	.verb = "check",
	.arguments = "[OPTION]… HOST [CFG]…",
	.about = "Foretells what Xen and xl make of guests that are described already: xl "
		 "configurations with the partial trees that they name, and guests that Xen makes "
		 "at boot. HOST is the tree that Xen boots with. All guests are judged together; "
		 "name those that run at the same time.",
	.example = "sallyport check host-patched.dtb guest.cfg",
	.options = OPTIONS,
	.count = sizeof(OPTIONS) / sizeof(OPTIONS[0]),
};

/* What the command line says. */
struct request {
	struct sp_check_options options;
	struct sp_request_stream streams[SP_MAX_STREAMS];
	struct sp_request_bdf bdfs[MAX_BDFS];
	const char *trees[MAX_TREES];
	bool json, quiet;
};

static bool too_many(const char *name, struct sp_error *error) {
	return sp_error_set(error, SP_ERROR_USE, "--%s is given too often", name);
}

/* Options whose value has an error of its own. */
static bool read_value(struct request *request, int option, char *value, struct sp_error *error) {
	struct sp_check_options *options = &request->options;
	struct sp_request features = {0};
	uint32_t count;

	switch (option) {
	case OPTION_IOMMUS:
		if (!sp_request_parse_streams(value, request->streams + options->stream_count,
			    SP_MAX_STREAMS - options->stream_count, &count, error))
			return false;
		options->stream_count += count;
		return true;
	case OPTION_BDF:
		return options->bdf_count < MAX_BDFS
			? sp_request_parse_bdf(value, &request->bdfs[options->bdf_count++], error)
			: too_many("bdf", error);
	case OPTION_XEN_HAS:
		if (!sp_request_parse_feature(value, &features, error))
			return false;
		options->multi_iommu_masters |= features.multi_iommu_masters;
		return true;
	default:
		if (options->tree_count == MAX_TREES)
			return too_many("guest-tree", error);
		request->trees[options->tree_count++] = value;
		return true;
	}
}

static bool read_option(struct request *request, int option) {
	struct sp_error error = {0};

	switch (option) {
	case OPTION_TARGET:
		return cli_read_target(&USAGE, optarg, &request->options.target);
	case OPTION_JSON:
		request->json = true;
		return true;
	case OPTION_QUIET:
		request->quiet = true;
		return true;
	default:
		if (read_value(request, option, optarg, &error))
			return true;
		cli_misuse(&USAGE, "--%s: %s", OPTIONS[option].name, error.message);
		return false;
	}
}

static bool print_json(struct cli *cli, const struct sp_check *check, struct sp_error *error) {
	char *data = NULL;
	size_t size;

	if (!sp_check_json(check, &data, &size, error))
		return false;
	cli_print_data(cli, data, size);
	return true;
}

static void print_text(struct cli *cli, const struct sp_check *check, bool name_guests) {
	uint32_t count;
	const struct sp_finding *findings = sp_check_findings(check, &count);

	cli_print_findings(cli, findings, count, name_guests);
	cli_print_verdict(cli, findings, count, sp_check_verdict(check));
}

static enum cli_status run(
	struct cli *cli, const struct request *request, const struct sp_host *host) {
	struct sp_check *check = NULL;
	struct sp_error error = {0};
	enum cli_status status;

	if (!sp_check_create(&check, host, &request->options, &error))
		return cli_fail(&error, NULL,
			error.kind == SP_ERROR_USE ? "See `sallyport check --help`." : NULL);
	status = sp_check_verdict(check) == SP_VERDICT_NO ? CLI_NO : CLI_GOOD;
	if (request->json && !print_json(cli, check, &error))
		status = cli_fail(&error, NULL, NULL);
	else if (!request->json && !request->quiet)
		print_text(cli, check,
			request->options.config_count + request->options.tree_count > 1);
	sp_check_destroy(check);
	return status;
}

enum cli_status cli_check(struct cli *cli, int argc, char **argv) {
	struct request *request = calloc(1, sizeof(*request));
	enum cli_status status = CLI_BAD;
	struct cli_host host = {0};
	int option;

	if (!request) {
		cli_complain(NULL, "out of memory");
		return CLI_BAD;
	}
	request->options = (struct sp_check_options){.target = SP_TARGET_DEFAULT,
		.streams = request->streams,
		.bdfs = request->bdfs,
		.trees = request->trees};
	optind = 0;
	while ((option = cli_next_option(cli, &USAGE, argc, argv, &status)) >= 0) {
		status = CLI_BAD;
		if (!read_option(request, option))
			goto out;
	}
	if (option == CLI_OPTION_STOP)
		goto out;
	status = CLI_BAD;
	if (optind == argc) {
		cli_misuse(&USAGE, "name the host's tree, and the configurations to check");
		goto out;
	}
	request->options.configs = (const char *const *)(argv + optind + 1);
	request->options.config_count = (uint32_t)(argc - optind - 1);
	if (cli_host_load(&host, argv[optind]))
		status = run(cli, request, host.host);
out:
	cli_host_release(&host);
	free(request);
	return status;
}
