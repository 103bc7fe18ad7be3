/* SPDX-License-Identifier: MIT */
#include "plan_options.h"

#include <getopt.h>
#include <stddef.h>
#include <string.h>

#include "functions.h"
#include "host.h"
#include "plan_pci.h"

#define DEFAULT_DIRECTORY "sallyport-plan"

enum {
	OPTION_OUTPUT,
	OPTION_FILE,
	OPTION_TARGET,
	OPTION_XEN_HAS,
	OPTION_FORCE,
	OPTION_KEEP_GOING,
	OPTION_PATCHED_TREE,
	OPTION_NO_GRAPH_SVG,
	OPTION_JSON,
	OPTION_QUIET,
	/* From here on: what describes the one guest, and is at odds with --file. */
	OPTION_NAME,
	OPTION_MODE,
	OPTION_MEMORY,
	OPTION_PCI,
	OPTION_WITH_COMPANIONS,
	OPTION_IOMMUS,
	OPTION_BDF,
	OPTION_CLOCK,
	OPTION_WITHOUT_IOMMU,
	OPTION_STATIC_MEMORY,
	OPTION_HOTPLUG,
	OPTION_MODULE,
	OPTION_KERNEL,
	OPTION_RAMDISK,
	OPTION_CMDLINE,
	/* From here on: what is about PCI functions alone. */
	OPTION_DOM0,
	OPTION_GUEST,
	OPTION_FOR,
	OPTION_WHOLE_SLOT,
	OPTION_AT_BOOT,
	OPTION_ROM,
	OPTION_STUBDOMAIN,
	OPTION_GFX_PASSTHRU,
	OPTION_PERMISSIVE,
	OPTION_RDM,
};
#define FIRST_OF_GUEST OPTION_NAME
#define FIRST_OF_PCI OPTION_DOM0

/* What is about devices of a tree alone. */
#define BIT(option) (UINT64_C(1) << (option))
static const uint64_t OF_TREES = BIT(OPTION_XEN_HAS) | BIT(OPTION_PATCHED_TREE) |
	BIT(OPTION_NO_GRAPH_SVG) | BIT(OPTION_MODE) | BIT(OPTION_PCI) |
	BIT(OPTION_WITH_COMPANIONS) | BIT(OPTION_IOMMUS) | BIT(OPTION_BDF) | BIT(OPTION_CLOCK) |
	BIT(OPTION_WITHOUT_IOMMU) | BIT(OPTION_STATIC_MEMORY) | BIT(OPTION_HOTPLUG) |
	BIT(OPTION_MODULE);

static const struct cli_option OPTIONS[] = {
	[OPTION_OUTPUT] = {'o', "output", "DIR",
		"The directory to write, " DEFAULT_DIRECTORY " unless it is named."},
	[OPTION_FILE] = {'f', "file", "FILE",
		"Plan the guests that this file describes; see sallyport-plan.conf(5)."},
	[OPTION_TARGET] = {'t', "target", "RELEASE",
		"The Xen to plan for: xen-4.17 to xen-4.22; for PCI functions also kvm."},
	[OPTION_XEN_HAS] = {0, "xen-has", "FEATURE",
		"Something that this Xen has beyond its release: multi-iommu-masters."},
	[OPTION_FORCE] = {0, "force", NULL, "Write into a directory that exists."},
	[OPTION_KEEP_GOING] = {'k', "keep-going", NULL,
		"Write all files although the plan has errors."},
	[OPTION_PATCHED_TREE] = {0, "patched-tree", NULL,
		"Write the host's whole tree with the changes in it, too."},
	[OPTION_NO_GRAPH_SVG] = {0, "no-graph-svg", NULL, "Do not run dot for graph.svg."},
	[OPTION_JSON] = {'j', "json", NULL, "Print plan.json instead of the summary."},
	[OPTION_QUIET] = {'q', "quiet", NULL, "Print nothing."},
	[OPTION_NAME] = {'n', "name", "NAME",
		"What the guest is called, " SP_GUEST_NAME_DEFAULT " unless it is named."},
	[OPTION_MODE] = {'m', "mode", "MODE",
		"Who builds the guest: xl, or Xen itself at boot (dom0less)."},
	[OPTION_MEMORY] = {0, "memory", "SIZE", "The guest's memory in MiB, or such as 2G."},
	[OPTION_PCI] = {0, "pci", NULL, "The guest will have a virtual PCI bus."},
	[OPTION_WITH_COMPANIONS] = {'w', "with-companions", NULL,
		"Give along what the devices cannot be used without."},
	[OPTION_IOMMUS] = {0, "iommus", "DEVICE=CONTROLLER:ID[-LAST][/MASK][,…]",
		"Stream IDs that the tree lacks, on your word."},
	[OPTION_BDF] = {0, "bdf", "[DEVICE=]BUS:DEV.FN",
		"A function behind a PCI host bridge that the guest will use."},
	[OPTION_CLOCK] = {0, "clock", "NAME=HZ",
		"The rate of a clock that the tree does not tell. NAME is one of clock-names, or "
		"PATH:NAME, or PATH:INDEX."},
	[OPTION_WITHOUT_IOMMU] = {0, "without-iommu", NULL,
		"A guest that Xen makes at boot with memory at the host's own addresses, so that "
		"the device needs no IOMMU. It can then read and write all of the host's memory."},
	[OPTION_STATIC_MEMORY] = {0, "static-memory", "ADDRESS",
		"Where that memory lies in the host; chosen unless it is given."},
	[OPTION_HOTPLUG] = {0, "hotplug", NULL,
		"Reserve when the guest is made what attaching the devices later needs."},
	[OPTION_MODULE] = {0, "module", "KIND=ADDRESS+SIZE",
		"Where the boot loader puts a dom0less guest's kernel, ramdisk or tree."},
	[OPTION_KERNEL] = {0, "kernel", "FILE",
		"The guest's kernel, as dom0 finds it: passed on into the guest's configuration."},
	[OPTION_RAMDISK] = {0, "ramdisk", "FILE", "The guest's ramdisk, likewise."},
	[OPTION_CMDLINE] = {0, "cmdline", "TEXT", "The command line of the guest's kernel."},
	[OPTION_DOM0] = {'d', "dom0", "KIND",
		"PCI: the kind of dom0, pv or pvh; what the machine runs unless it is given."},
	[OPTION_GUEST] = {'g', "guest", "KIND", "PCI: the kind of guest: hvm, pv or pvh."},
	[OPTION_FOR] = {0, "for", "SYSTEM",
		"PCI: write the commands of qubes or xcp-ng instead of xl's configuration."},
	[OPTION_WHOLE_SLOT] = {0, "whole-slot", NULL,
		"PCI: give along the other functions of the slots."},
	[OPTION_AT_BOOT] = {0, "at-boot", NULL,
		"PCI: keep the functions from the host's drivers from the boot on, too."},
	[OPTION_ROM] = {0, "rom", "FILE", "PCI: the ROM image for the first GPU; for kvm."},
	[OPTION_STUBDOMAIN] = {0, "stubdomain", NULL,
		"PCI: run the device model in a domain of its own."},
	[OPTION_GFX_PASSTHRU] = {0, "gfx-passthru", NULL,
		"PCI: the processor's Intel GPU becomes the guest's first display."},
	[OPTION_PERMISSIVE] = {0, "permissive", NULL,
		"PCI: let the guest write any register of the configuration space."},
	[OPTION_RDM] = {0, "rdm", "POLICY",
		"PCI: what firmware reserved for a device must be kept free in the guest (strict), "
		"or may clash (relaxed)."},
};

static const struct cli_usage USAGE = {
	.verb = "plan",
	.arguments = "[OPTION]… HOST DEVICE…\n       sallyport plan [OPTION]… --file FILE [HOST]\n"
		     "       sallyport plan [OPTION]… [SNAPSHOT] FUNCTION…",
	.about = "Works out how a guest is given devices of a host, and writes the files for it. "
		 "HOST is a .dtb or an unflattened tree such as /proc/device-tree. DEVICE is a "
		 "node's path, an alias, or a compatible string that one node has. FUNCTION is the "
		 "address of a PCI function, or of a slot as 03:00, of this machine or of the one "
		 "that a snapshot or the output of `lspci -vvxxxx` tells of.",
	.example = "sallyport plan board.dtb gpu -w -o gpu-plan\n"
		   "  sallyport plan --file guests.conf\n"
		   "  sallyport plan 0000:03:00.0 0000:03:00.1 --memory 8G",
	.options = OPTIONS,
	.count = sizeof(OPTIONS) / sizeof(OPTIONS[0]),
};

static bool too_many(const char *name, struct sp_error *error) {
	return sp_error_set(error, SP_ERROR_USE, "--%s is given too often", name);
}

/* Options whose value has an error of its own. */
static bool read_value(
	struct cli_plan_options *options, int option, char *value, struct sp_error *error) {
	struct sp_request_guest *guest = &options->guest;
	uint32_t count;

	switch (option) {
	case OPTION_XEN_HAS:
		return sp_request_parse_feature(value, &options->request, error);
	case OPTION_NAME:
		guest->name = value;
		return sp_request_check_name(value, error);
	case OPTION_MEMORY:
		options->memory_named = true;
		return sp_request_parse_memory(value, &guest->memory, error);
	case OPTION_STATIC_MEMORY:
		return sp_request_parse_address(value, &guest->static_memory, error);
	case OPTION_MODULE:
		return sp_request_parse_module(value, guest, error);
	case OPTION_IOMMUS:
		if (!sp_request_parse_streams(value, options->streams + guest->stream_count,
			    SP_MAX_STREAMS - guest->stream_count, &count, error))
			return false;
		guest->stream_count += count;
		return true;
	case OPTION_BDF:
		return guest->bdf_count < CLI_MAX_BDFS
			? sp_request_parse_bdf(value, &options->bdfs[guest->bdf_count++], error)
			: too_many("bdf", error);
	default:
		return guest->clock_count < CLI_MAX_CLOCKS
			? sp_request_parse_clock(
				  value, &options->clocks[guest->clock_count++], error)
			: too_many("clock", error);
	}
}

/* A word that must be one of a few. */
static bool read_word(int option, const char *value, bool known, const char *words) {
	if (!known)
		cli_misuse(
			&USAGE, "--%s: \"%s\" is none of %s", OPTIONS[option].name, value, words);
	return known;
}

static bool read_pci(struct cli_plan_pci *pci, int option, const char *value) {
	switch (option) {
	case OPTION_DOM0:
		pci->dom0_named = true;
		return read_word(option, value, sp_dom0_parse(value, &pci->dom0), "pv, pvh");
	case OPTION_GUEST:
		pci->guest_named = true;
		return read_word(
			option, value, sp_guest_kind_parse(value, &pci->guest), "hvm, pv, pvh");
	case OPTION_FOR:
		return read_word(
			option, value, sp_toolstack_parse(value, &pci->toolstack), "qubes, xcp-ng");
	default: /* rdm */
		pci->rdm_named = true;
		pci->relaxed_rdm = strcmp(value, "relaxed") == 0;
		return read_word(option, value, pci->relaxed_rdm || strcmp(value, "strict") == 0,
			"strict, relaxed");
	}
}

/* Options that say nothing that could be wrong, and where it goes. */
enum keep { KEEP_NOT, KEEP_TEXT, KEEP_TRUE, KEEP_FALSE };
static const struct kept {
	enum keep keep;
	size_t at;
} KEPT[sizeof(OPTIONS) / sizeof(OPTIONS[0])] = {
#define AT(member) offsetof(struct cli_plan_options, member)
	[OPTION_OUTPUT] = {KEEP_TEXT, AT(directory)},
	[OPTION_FILE] = {KEEP_TEXT, AT(plan_file)},
	[OPTION_FORCE] = {KEEP_TRUE, AT(write.force)},
	[OPTION_KEEP_GOING] = {KEEP_TRUE, AT(request.keep_going)},
	[OPTION_PATCHED_TREE] = {KEEP_TRUE, AT(write.patched_tree)},
	[OPTION_NO_GRAPH_SVG] = {KEEP_FALSE, AT(write.graph_svg)},
	[OPTION_JSON] = {KEEP_TRUE, AT(json)},
	[OPTION_QUIET] = {KEEP_TRUE, AT(quiet)},
	[OPTION_PCI] = {KEEP_TRUE, AT(guest.pci)},
	[OPTION_WITH_COMPANIONS] = {KEEP_TRUE, AT(guest.companions)},
	[OPTION_WITHOUT_IOMMU] = {KEEP_TRUE, AT(without_iommu)},
	[OPTION_HOTPLUG] = {KEEP_TRUE, AT(guest.hotplug)},
	[OPTION_KERNEL] = {KEEP_TEXT, AT(guest.kernel)},
	[OPTION_RAMDISK] = {KEEP_TEXT, AT(guest.ramdisk)},
	[OPTION_CMDLINE] = {KEEP_TEXT, AT(guest.command_line)},
	[OPTION_WHOLE_SLOT] = {KEEP_TRUE, AT(pci.whole_slot)},
	[OPTION_AT_BOOT] = {KEEP_TRUE, AT(pci.at_boot)},
	[OPTION_ROM] = {KEEP_TEXT, AT(pci.rom)},
	[OPTION_STUBDOMAIN] = {KEEP_TRUE, AT(pci.stubdomain)},
	[OPTION_GFX_PASSTHRU] = {KEEP_TRUE, AT(pci.gfx_passthru)},
	[OPTION_PERMISSIVE] = {KEEP_TRUE, AT(pci.permissive)},
};
#undef AT

static bool keep(struct cli_plan_options *options, const struct kept *kept, const char *value) {
	char *at = (char *)options + kept->at;

	switch (kept->keep) {
	case KEEP_TEXT:
		*(const char **)at = value;
		return true;
	case KEEP_TRUE:
	case KEEP_FALSE:
		*(bool *)at = kept->keep == KEEP_TRUE;
		return true;
	default:
		return false;
	}
}

static bool read_option(struct cli_plan_options *options, int option) {
	struct sp_error error = {0};

	if (keep(options, &KEPT[option], optarg))
		return true;
	if (option >= FIRST_OF_PCI)
		return read_pci(&options->pci, option, optarg);
	switch (option) {
	case OPTION_TARGET:
		options->kvm = strcmp(optarg, "kvm") == 0;
		options->target_named = !options->kvm;
		return options->kvm || cli_read_target(&USAGE, optarg, &options->request.target);
	case OPTION_MODE:
		return cli_read_mode(&USAGE, optarg, &options->guest.mode);
	default:
		if (read_value(options, option, optarg, &error))
			return true;
		cli_misuse(&USAGE, "--%s: %s", OPTIONS[option].name, error.message);
		return false;
	}
}

/* A plan file: what describes its guests is in it. */
static bool check_file(const struct cli_plan_options *options, uint64_t seen) {
	for (int i = FIRST_OF_GUEST; i < (int)USAGE.count; i++) {
		if (!(seen & BIT(i)))
			continue;
		if (i >= FIRST_OF_PCI)
			cli_misuse(&USAGE,
				"--%s is about PCI functions, and plan files know none; name them "
				"here, without --file",
				OPTIONS[i].name);
		else
			cli_misuse(&USAGE, "--%s is about one guest; write it into %s",
				OPTIONS[i].name, options->plan_file);
		return false;
	}
	if (options->guest.device_count)
		cli_misuse(&USAGE, "with --file, devices are named in %s, not here",
			options->plan_file);
	return !options->guest.device_count;
}

/* Options that are not about this kind of host. */
static bool check_kind(const struct cli_plan_options *options, uint64_t seen) {
	for (int i = 0; i < (int)USAGE.count; i++) {
		if (!(seen & BIT(i)))
			continue;
		if (options->is_pci && OF_TREES & BIT(i)) {
			cli_misuse(&USAGE,
				"--%s is for hosts with a device tree, and these are PCI "
				"functions; leave it out",
				OPTIONS[i].name);
			return false;
		}
		if (!options->is_pci && i >= FIRST_OF_PCI) {
			cli_misuse(&USAGE,
				"--%s is for PCI functions, and %s is no snapshot of a machine "
				"with PCI; leave it out",
				OPTIONS[i].name, options->host);
			return false;
		}
	}
	return true;
}

static bool check_pci(const struct cli_plan_options *options) {
	if (options->plan_file) {
		cli_misuse(&USAGE, "with --file, the host is a device tree; %s is none",
			options->host);
		return false;
	}
	if (options->kvm && options->pci.dom0_named) {
		cli_misuse(
			&USAGE, "--dom0 is for Xen, and the target is kvm; leave one of them out");
		return false;
	}
	if (options->live || options->guest.device_count)
		return true;
	cli_misuse(&USAGE, "name at least one function, such as 0000:03:00.0");
	return false;
}

/* What the options say together. `seen` has a bit for each that was given. */
static bool check(struct cli_plan_options *options, uint64_t seen) {
	struct sp_request_guest *guest = &options->guest;

	options->is_pci = options->host &&
		cli_plan_is_pci(options->host, guest->device_count ? guest->devices[0] : NULL,
			&options->live);
	if (options->is_pci)
		return check_pci(options) && check_kind(options, seen);
	if (options->kvm) {
		cli_misuse(&USAGE, "--target kvm is for PCI functions; name one, or a snapshot");
		return false;
	}
	if (options->plan_file)
		return check_file(options, seen);
	if (options->host && cli_is_like_function(options->host)) {
		cli_misuse(&USAGE,
			"\"%s\" is not the address of a PCI function, such as 0000:03:00.0",
			options->host);
		return false;
	}
	if (!options->host || !guest->device_count) {
		cli_misuse(&USAGE, "%s",
			options->host ? "name at least one device, as `sallyport list` shows them"
				      : "name the host's tree and at least one device");
		return false;
	}
	if (!check_kind(options, seen))
		return false;
	if (options->without_iommu) {
		if (seen & BIT(OPTION_MODE) && guest->mode == SP_MODE_XL) {
			cli_misuse(&USAGE,
				"--without-iommu needs a guest that Xen makes at boot; "
				"give --mode dom0less");
			return false;
		}
		guest->mode = SP_MODE_DIRECT;
	}
	return true;
}

bool cli_plan_options(struct cli *cli, struct cli_plan_options *options, int argc, char **argv,
	enum cli_status *status) {
	struct sp_request_guest *guest = &options->guest;
	uint64_t seen = 0;
	int option;

	*options = (struct cli_plan_options){
		.directory = DEFAULT_DIRECTORY,
		.write.graph_svg = true,
		.request = {.target = SP_TARGET_DEFAULT, .guests = guest, .guest_count = 1},
		.guest =
			{
				.name = SP_GUEST_NAME_DEFAULT,
				.memory = SP_GUEST_MEMORY_DEFAULT,
				.streams = options->streams,
				.bdfs = options->bdfs,
				.clocks = options->clocks,
			},
	};
	optind = 0;
	while ((option = cli_next_option(cli, &USAGE, argc, argv, status)) >= 0) {
		seen |= BIT(option);
		*status = CLI_BAD;
		if (!read_option(options, option))
			return false;
	}
	if (option == CLI_OPTION_STOP)
		return false;
	*status = CLI_BAD;
	if (optind < argc)
		options->host = argv[optind++];
	guest->devices = (const char *const *)(argv + optind);
	guest->device_count = (uint32_t)(argc - optind);
	return check(options, seen);
}
