/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"
#include "dom0/dom0.h"
#include "plan/rules.h"

/* How long a guest may take to end, in milliseconds. */
#define END_LIMIT 60000u

/* The Xen whose libraries this program was built with, "4.20". */
#define BUILT_FOR SP_XEN_RELEASE

enum { OPTION_DRY_RUN, OPTION_JSON, OPTION_QUIET, OPTION_END_GUEST, OPTION_FORCE };

static const struct cli_option OPTIONS[] = {
	[OPTION_DRY_RUN] = {'n', "dry-run", NULL,
		"Print what would be done. Xen is asked what is there, and nothing is changed."},
	[OPTION_JSON] = {'j', "json", NULL, "Print an object instead of text."},
	[OPTION_QUIET] = {'q', "quiet", NULL, "Print nothing unless it fails."},
	[OPTION_END_GUEST] = {0, "end-guest", NULL,
		"End the guest, as `xl destroy` does, and wait until Xen has taken everything "
		"back."},
	[OPTION_FORCE] = {'f', "force", NULL,
		"Take PCI functions from a guest that does not let go of them in time."},
};

static const struct cli_usage ATTACH = {
	.verb = "attach",
	.arguments = "[OPTION]… DOMAIN FILE|FUNCTION…",
	.about = "Gives a running guest the devices that FILE lists in dtdev, iomem, irqs and pci, "
		 "such as the attach.cfg of a plan with --hotplug, or PCI functions by their "
		 "addresses, as 0000:03:00.0, which are taken from their drivers first. DOMAIN is "
		 "the guest's name or number. If a step fails, those before it are undone. This "
		 "program is for Xen " BUILT_FOR ".",
	.example = "sallyport attach net attach.cfg",
	.options = OPTIONS,
	.count = OPTION_END_GUEST,
};

static const struct cli_usage DETACH = {
	.verb = "detach",
	.arguments = "[OPTION]… DOMAIN FILE|FUNCTION…",
	.about = "Takes from a running guest what `sallyport attach` gave it by the same FILE or "
		 "FUNCTIONs, and gives PCI functions back to their drivers. A device tree's device "
		 "with interrupts can be had back only with --end-guest, since Xen takes no "
		 "interrupt from a guest that lives. This program is for Xen " BUILT_FOR ".",
	.example = "sallyport detach --end-guest net attach.cfg",
	.options = OPTIONS,
	.count = sizeof(OPTIONS) / sizeof(OPTIONS[0]),
};

static bool name_targets(struct dom0 *dom0, char **arguments, int count) {
	if (count < 2)
		return false;
	dom0->guest = arguments[0];
	if (count == 2 && !sp_attach_is_function(arguments[1])) {
		dom0->file = arguments[1];
		return true;
	}
	dom0->functions = (const char *const *)arguments + 1;
	dom0->function_count = (uint32_t)count - 1;
	for (uint32_t i = 0; i < dom0->function_count; i++) {
		if (!sp_attach_is_function(dom0->functions[i]))
			return false;
	}
	return true;
}

static bool read_options(struct dom0 *dom0, const struct cli_usage *usage, int argc, char **argv,
	enum cli_status *status) {
	int option;

	optind = 0;
	while ((option = cli_next_option(dom0->cli, usage, argc, argv, status)) >= 0) {
		dom0->dry_run |= option == OPTION_DRY_RUN;
		dom0->json |= option == OPTION_JSON;
		dom0->quiet |= option == OPTION_QUIET;
		dom0->end_guest |= option == OPTION_END_GUEST;
		dom0->force |= option == OPTION_FORCE;
	}
	if (option == CLI_OPTION_STOP)
		return false;
	if (!name_targets(dom0, argv + optind, argc - optind)) {
		*status = cli_misuse(usage,
			"name the guest and a file, or the guest and PCI functions, and nothing else");
		return false;
	}
	return true;
}

static bool load(struct sp_attach **attach, const struct dom0 *dom0, struct sp_error *error) {
	struct sp_xl_config *config = NULL;
	struct sp_xl_guest *guest = NULL;
	bool loaded;

	if (!dom0->file)
		return sp_attach_create_functions(
			attach, dom0->functions, dom0->function_count, error);
	loaded = sp_xl_config_load(&config, dom0->file, error) &&
		sp_xl_guest_create(&guest, config, error) && sp_attach_create(attach, guest, error);

	sp_xl_guest_destroy(guest);
	sp_xl_config_destroy(config);
	return loaded;
}

/* The libraries talk to the Xen that they belong to, and to no other. */
static bool check_release(struct sp_xen *xen) {
	uint32_t major, minor;
	char running[32];

	if (xen->ops->release(xen, &major, &minor)) {
		cli_complain("Run it as root in dom0.", "Xen does not tell its release");
		return false;
	}
	snprintf(running, sizeof(running), "%" PRIu32 ".%" PRIu32, major, minor);
	if (strcmp(running, BUILT_FOR) == 0)
		return true;
	cli_complain("Build Sallyport with the libraries of the Xen that runs.",
		"this program is for Xen " BUILT_FOR ", and Xen %s runs", running);
	return false;
}

/* As xl does, a number is a domain's number. */
static int find_guest(struct dom0 *dom0, struct sp_xen *xen) {
	char *end;
	unsigned long number = strtoul(dom0->guest, &end, 10);

	if (dom0->guest[0] >= '0' && dom0->guest[0] <= '9' && !*end && number < UINT16_MAX) {
		dom0->id = (uint32_t)number;
		return 0;
	}
	return xen->ops->find(xen, dom0->guest, &dom0->id);
}

static bool check_guest(struct dom0 *dom0, struct sp_xen *xen) {
	struct sp_xen_domain info;
	int error = find_guest(dom0, xen);
	bool good = false;

	if (!error)
		error = xen->ops->domain(xen, dom0->id, &info);
	if (error == ESRCH)
		cli_complain("`xl list` shows those that there are.", "there is no guest %s",
			dom0->guest);
	else if (error)
		cli_complain("Run it as root in dom0.", "guest %s: Xen does not tell: %s",
			dom0->guest, strerror(error));
	else if (dom0->id == 0)
		cli_complain("Name a guest.", "domain 0 is no guest");
	else if (info.dying)
		cli_complain(dom0->detach ? "What it had is Xen's again when it has gone."
					  : "Start it again first.",
			"guest %s is ending", dom0->guest);
	else if (info.shut_down && !dom0->detach)
		cli_complain("Start it again first.", "guest %s has shut down", dom0->guest);
	else
		good = true;
	/* A guest without a name is called what it was given as. */
	if (good)
		xen->ops->name(xen, dom0->id, &dom0->name);
	return good;
}

static enum cli_status refused(const struct dom0 *dom0, struct dom0_result *result,
	enum sp_code code, const char *message) {
	const struct sp_finding_info *info = sp_finding_info(code);

	result->outcome = DOM0_REFUSED;
	result->finding = (struct sp_finding){
		.code = code,
		.severity = info->severity[SP_MODE_XL],
		.guest = dom0->name ? dom0->name : dom0->guest,
		.message = message,
		.remedy = info->remedy,
	};
	return dom0_print(dom0, result);
}

/* Releases after those that are known do not go back. */
static bool late_interrupts(void) {
	enum sp_target target;

	return !sp_target_parse("xen-" BUILT_FOR, &target) ||
		sp_rule_value(SP_RULE_LATE_ATTACH, target) != 0;
}

static enum cli_status attach_all(
	const struct dom0 *dom0, struct sp_xen *xen, struct sp_attach *attach) {
	struct dom0_result result = {.outcome = DOM0_FAILED, .attach = attach};

	if (!sp_attach_look(attach, xen, dom0->id, &result.failure))
		return dom0_print(dom0, &result);
	if (sp_attach_pending_irq(attach) && !late_interrupts())
		return refused(dom0, &result, SP_CODE_HOTPLUG_VERSION,
			"Xen " BUILT_FOR " gives interrupts only to guests that do not run yet");
	if (!sp_attach_pending(attach))
		result.outcome = DOM0_NOTHING;
	else if (dom0->dry_run)
		result.outcome = DOM0_PLANNED;
	else if (sp_attach_run(attach, xen, dom0->id, &result.failure))
		result.outcome = DOM0_DONE;
	return dom0_print(dom0, &result);
}

static enum cli_status end_guest(
	const struct dom0 *dom0, struct sp_xen *xen, struct sp_attach *attach) {
	struct dom0_result result = {.outcome = DOM0_FAILED, .attach = attach};

	if (dom0->dry_run)
		result.outcome = DOM0_PLANNED;
	else if (sp_detach_end(xen, dom0->id, END_LIMIT, &result.failure) &&
		sp_detach_rest(attach, xen, dom0->id, &result.failure))
		result.outcome = DOM0_ENDED;
	return dom0_print(dom0, &result);
}

static enum cli_status detach_all(
	const struct dom0 *dom0, struct sp_xen *xen, struct sp_attach *attach) {
	struct dom0_result result = {.outcome = DOM0_FAILED, .attach = attach};
	const struct sp_attach_step *irq;

	attach->force = dom0->force;
	if (!sp_detach_look(attach, xen, dom0->id, &result.failure))
		return dom0_print(dom0, &result);
	if (!sp_attach_pending(attach)) {
		result.outcome = DOM0_NOTHING;
		return dom0_print(dom0, &result);
	}
	if (dom0->end_guest)
		return end_guest(dom0, xen, attach);
	irq = sp_attach_pending_irq(attach);
	if (irq) {
		char message[96];

		snprintf(message, sizeof(message),
			"it has interrupt %" PRIu32 ", which Xen takes from dying guests only",
			irq->irq);
		return refused(dom0, &result, SP_CODE_HOTPLUG_DETACH_IRQ, message);
	}
	if (dom0->dry_run)
		result.outcome = DOM0_PLANNED;
	else if (sp_detach_run(attach, xen, dom0->id, &result.failure))
		result.outcome = DOM0_DONE;
	return dom0_print(dom0, &result);
}

/* What was begun is ended, or undone. */
static void hold_signals(void) {
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static enum cli_status work(struct dom0 *dom0, struct sp_xen *xen, struct sp_attach *attach) {
	enum cli_status status = CLI_BAD;
	int lock = -1;

	if (check_release(xen) && (dom0->dry_run || dom0_lock(dom0, xen->lock, &lock)) &&
		check_guest(dom0, xen)) {
		if (!dom0->end_guest && !dom0->dry_run)
			hold_signals();
		status = dom0->detach ? detach_all(dom0, xen, attach)
				      : attach_all(dom0, xen, attach);
	}
	dom0_unlock(lock);
	return status;
}

static enum cli_status run(struct dom0 *dom0, int argc, char **argv) {
	const struct cli_usage *usage = dom0->detach ? &DETACH : &ATTACH;
	struct sp_attach *attach = NULL;
	struct sp_xen *xen = NULL;
	struct sp_error error = {0};
	enum cli_status status = CLI_BAD;

	dom0->verb = usage->verb;
	if (!read_options(dom0, usage, argc, argv, &status))
		return status;
	if (!load(&attach, dom0, &error))
		cli_fail(&error, NULL,
			error.kind == SP_ERROR_INPUT
				? "FILE is the attach.cfg of `sallyport plan --hotplug`, or has the "
				  "pci of a guest's configuration."
				: NULL);
	else if (!sp_xen_open(&xen, &error))
		cli_fail(&error, NULL, "Run it as root in dom0.");
	else
		status = work(dom0, xen, attach);
	free(dom0->name);
	sp_xen_close(xen);
	sp_attach_destroy(attach);
	return status;
}

int main(int argc, char **argv) {
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	struct cli cli;
	struct dom0 dom0 = {.cli = &cli};

	if (argc > 0)
		dom0.detach = strcmp(slash ? slash + 1 : argv[0], "detach") == 0;
	signal(SIGPIPE, SIG_IGN);
	if (!cli_open(&cli)) {
		cli_complain(NULL, "out of memory");
		return CLI_BAD;
	}
	return (int)cli_close(&cli, run(&dom0, argc, argv));
}
