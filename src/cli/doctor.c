/* SPDX-License-Identifier: MIT */
#include <getopt.h>
#include <string.h>

#include <sallyport/preflight.h>

#include "functions.h"
#include "options.h"
#include "print.h"

#define MAX_FUNCTIONS 256u
#define SLOT_FUNCTIONS 8u

enum {
	OPTION_TARGET,
	OPTION_DOM0,
	OPTION_GUEST,
	OPTION_STUBDOMAIN,
	OPTION_GFX_PASSTHRU,
	OPTION_PERMISSIVE,
	OPTION_RDM,
	OPTION_JSON,
	OPTION_QUIET,
};

static const struct cli_option OPTIONS[] = {
	[OPTION_TARGET] = {'t', "target", "TARGET",
		"What the function is to be given with: xen-4.17 to xen-4.22, or kvm. Without it, what "
		"the machine runs."},
	[OPTION_DOM0] = {'d', "dom0", "KIND", "Xen's dom0: pv or pvh."},
	[OPTION_GUEST] = {'g', "guest", "KIND", "The guest: hvm, pv or pvh."},
	[OPTION_STUBDOMAIN] = {0, "stubdomain", NULL,
		"The device model runs in a domain of its own."},
	[OPTION_GFX_PASSTHRU] = {0, "gfx-passthru", NULL,
		"An Intel GPU becomes the guest's own first display."},
	[OPTION_PERMISSIVE] = {0, "permissive", NULL,
		"The guest may write any register of the configuration space."},
	[OPTION_RDM] = {0, "rdm", "POLICY",
		"Memory that the firmware reserves may not be shared (strict), or may (relaxed)."},
	[OPTION_JSON] = {'j', "json", NULL, "Print an object instead of text."},
	[OPTION_QUIET] = {'q', "quiet", NULL, "Print nothing; the exit status tells."},
};

static const struct cli_usage USAGE = {
	.verb = "doctor",
	.arguments = "[OPTION]… [HOST] [DEVICE]…",
	.about =
		"Goes through what giving PCI functions to a guest depends on, in the order in which "
		"it would fail, and says what to do about it. HOST is a snapshot or the output of "
		"lspci -vvxxxx; without it, this machine is examined. DEVICE is a function, as "
		"0000:03:00.0 or 03:00.0, or a slot with all its functions, as 03:00; without one, "
		"each GPU is examined with its slot, as if it alone were given.",
	.example = "sallyport doctor --target xen-4.20 --dom0 pvh 03:00",
	.options = OPTIONS,
	.count = sizeof(OPTIONS) / sizeof(OPTIONS[0]),
};

/* What the command line says. */
struct request {
	const char *target, *dom0, *guest, *rdm, *host;
	bool stubdomain, gfx_passthru, permissive, json, quiet;
	char **devices;
	int device_count;
};

/* What is judged. */
struct patient {
	struct sp_machine *machine;
	struct sp_situation situation;
	sp_bdf functions[MAX_FUNCTIONS];
	uint32_t count;
};

static void read_option(struct request *request, int option) {
	switch (option) {
	case OPTION_TARGET:
		request->target = optarg;
		break;
	case OPTION_DOM0:
		request->dom0 = optarg;
		break;
	case OPTION_GUEST:
		request->guest = optarg;
		break;
	case OPTION_STUBDOMAIN:
		request->stubdomain = true;
		break;
	case OPTION_GFX_PASSTHRU:
		request->gfx_passthru = true;
		break;
	case OPTION_PERMISSIVE:
		request->permissive = true;
		break;
	case OPTION_RDM:
		request->rdm = optarg;
		break;
	case OPTION_JSON:
		request->json = true;
		break;
	default:
		request->quiet = true;
		break;
	}
}

/* The first argument is the host unless it is a device. */
static void read_arguments(struct request *request, int argc, char **argv) {
	sp_bdf function;
	bool slot;

	request->devices = argv + optind;
	request->device_count = argc - optind;
	if (optind == argc || cli_read_function(argv[optind], &function, &slot))
		return;
	request->host = argv[optind];
	request->devices++;
	request->device_count--;
}

static bool read_target(const char *text, struct sp_situation *situation) {
	situation->hypervisor = strcmp(text, "kvm") == 0 ? SP_HYPERVISOR_KVM : SP_HYPERVISOR_XEN;
	if (situation->hypervisor == SP_HYPERVISOR_KVM || sp_target_parse(text, &situation->target))
		return true;
	cli_misuse(&USAGE, "--target: \"%s\" is none of xen-4.17 to xen-4.22 and kvm", text);
	return false;
}

static bool read_words(const struct request *request, struct sp_situation *situation) {
	if (request->target && !read_target(request->target, situation))
		return false;
	if (request->dom0 || request->guest) {
		if (request->target && situation->hypervisor == SP_HYPERVISOR_KVM) {
			cli_misuse(&USAGE, "--%s is for Xen", request->dom0 ? "dom0" : "guest");
			return false;
		}
		situation->hypervisor = SP_HYPERVISOR_XEN;
	}
	if (request->dom0 && !sp_dom0_parse(request->dom0, &situation->dom0)) {
		cli_misuse(&USAGE, "--dom0: \"%s\" is neither pv nor pvh", request->dom0);
		return false;
	}
	if (request->guest && !sp_guest_kind_parse(request->guest, &situation->guest)) {
		cli_misuse(&USAGE, "--guest: \"%s\" is none of hvm, pv and pvh", request->guest);
		return false;
	}
	if (request->rdm && strcmp(request->rdm, "strict") != 0 &&
		strcmp(request->rdm, "relaxed") != 0) {
		cli_misuse(&USAGE, "--rdm: \"%s\" is neither strict nor relaxed", request->rdm);
		return false;
	}
	return true;
}

/* What was asked for, over what the machine runs. Other than that, it is planned for. */
static bool read_situation(const struct request *request, struct patient *patient) {
	struct sp_situation *situation = &patient->situation, was;

	sp_situation_read(situation, patient->machine);
	was = *situation;
	if (!read_words(request, situation))
		return false;
	situation->now = was.now && was.hypervisor == situation->hypervisor &&
		was.target == situation->target && was.dom0 == situation->dom0;
	situation->apart = request->device_count == 0;
	situation->stubdomain = request->stubdomain;
	situation->gfx_passthru = request->gfx_passthru;
	situation->permissive = request->permissive;
	situation->relaxed_rdm = request->rdm && strcmp(request->rdm, "relaxed") == 0;
	return true;
}

static bool add_device(struct patient *patient, const char *text) {
	uint32_t before = patient->count;
	sp_bdf function;
	bool slot;

	if (!cli_read_function(text, &function, &slot)) {
		cli_misuse(&USAGE, "\"%s\" is no address of a function; one is 0000:03:00.0", text);
		return false;
	}
	for (uint32_t i = 0; i < (slot ? SLOT_FUNCTIONS : 1); i++) {
		if (!sp_machine_has(patient->machine, function + i))
			continue;
		if (patient->count == MAX_FUNCTIONS) {
			cli_misuse(&USAGE, "more than %u functions are named", MAX_FUNCTIONS);
			return false;
		}
		patient->functions[patient->count++] = function + i;
	}
	if (patient->count != before)
		return true;
	cli_complain("`sallyport list --all` shows what there is.", "%s: %s has no such function",
		text, sp_machine_name(patient->machine));
	return false;
}

static bool read_functions(const struct request *request, struct patient *patient) {
	for (int i = 0; i < request->device_count; i++)
		if (!add_device(patient, request->devices[i]))
			return false;
	if (request->device_count == 0)
		patient->count =
			sp_preflight_gpus(patient->machine, patient->functions, MAX_FUNCTIONS);
	if (patient->count > MAX_FUNCTIONS)
		patient->count = MAX_FUNCTIONS;
	return true;
}

/* "WARN slot 0000:03:00.0: …" */
static void print_answer(struct cli *cli, const struct sp_answer *answer) {
	static const enum cli_style STYLES[] = {
		[SP_RESULT_PASS] = CLI_GREEN,
		[SP_RESULT_UNKNOWN] = CLI_BLUE,
		[SP_RESULT_WARN] = CLI_YELLOW,
		[SP_RESULT_FAIL] = CLI_RED,
	};
	char name[SP_BDF_SIZE];
	unsigned column = 0;

	cli_style(cli, STYLES[answer->result]);
	cli_put(cli, &column, sp_result_name(answer->result));
	cli_style(cli, CLI_PLAIN);
	cli_put(cli, &column, " ");
	cli_put(cli, &column, sp_question_info(answer->question)->name);
	if (answer->function != SP_BDF_NONE) {
		sp_bdf_format(name, answer->function);
		cli_put(cli, &column, " ");
		cli_put(cli, &column, name);
	}
	cli_put(cli, &column, ": ");
	cli_wrap(cli, column, 4, answer->message);
}

/* Of several answers in a row with the same remedy, the last one tells it. */
static bool tells_remedy(const struct sp_answer *answer, const struct sp_answer *next) {
	return answer->remedy &&
		(!next || next->question != answer->question || !next->remedy ||
			strcmp(next->remedy, answer->remedy) != 0);
}

static void print_remedy(struct cli *cli, const struct sp_answer *answer) {
	const struct sp_finding_info *info = sp_finding_info(answer->code);
	unsigned column = 7;

	fputs("    -> ", cli->out);
	if (info) {
		cli_put(cli, &column, info->code);
		cli_put(cli, &column, ": ");
	}
	cli_wrap(cli, column, 7, answer->remedy);
}

static void print_head(struct cli *cli, const struct patient *patient) {
	const struct sp_situation *situation = &patient->situation;

	cli_style(cli, CLI_BOLD);
	cli_text(cli->out, sp_machine_name(patient->machine));
	if (situation->hypervisor == SP_HYPERVISOR_KVM)
		fputs(", kvm", cli->out);
	else
		fprintf(cli->out, ", %s, dom0 %s, guest %s", sp_target_name(situation->target),
			sp_dom0_name(situation->dom0), sp_guest_kind_name(situation->guest));
	fputs(situation->now ? "" : ", as planned", cli->out);
	fputs(situation->apart && patient->count ? ", each slot on its own\n" : "\n", cli->out);
	cli_style(cli, CLI_PLAIN);
}

static void print_text(
	struct cli *cli, const struct patient *patient, const struct sp_preflight *preflight) {
	unsigned counts[SP_RESULT_FAIL + 1] = {0};
	const struct sp_answer *answers;
	uint32_t count;

	answers = sp_preflight_answers(preflight, &count);
	print_head(cli, patient);
	for (uint32_t i = 0; i < count; i++) {
		print_answer(cli, &answers[i]);
		counts[answers[i].result]++;
		if (tells_remedy(&answers[i], i + 1 < count ? &answers[i + 1] : NULL))
			print_remedy(cli, &answers[i]);
	}
	cli_style(cli, CLI_BOLD);
	fprintf(cli->out, "verdict: %s", sp_verdict_name(sp_preflight_verdict(preflight)));
	cli_style(cli, CLI_PLAIN);
	fprintf(cli->out, " (%u FAIL, %u WARN, %u UNKNOWN, %u PASS)\n", counts[SP_RESULT_FAIL],
		counts[SP_RESULT_WARN], counts[SP_RESULT_UNKNOWN], counts[SP_RESULT_PASS]);
}

static bool print_json(
	struct cli *cli, const struct sp_preflight *preflight, struct sp_error *error) {
	char *data = NULL;
	size_t size;

	if (!sp_preflight_json(preflight, &data, &size, error))
		return false;
	cli_print_data(cli, data, size);
	return true;
}

static enum cli_status examine(
	struct cli *cli, const struct request *request, const struct patient *patient) {
	struct sp_preflight *preflight = NULL;
	struct sp_error error = {0};
	enum cli_status status;

	if (!sp_preflight_create(&preflight, patient->machine, &patient->situation,
		    patient->functions, patient->count, &error))
		return cli_fail(&error, NULL, NULL);
	status = sp_preflight_verdict(preflight) == SP_VERDICT_NO ? CLI_NO : CLI_GOOD;
	if (request->json && !print_json(cli, preflight, &error))
		status = cli_fail(&error, NULL, NULL);
	else if (!request->json && !request->quiet)
		print_text(cli, patient, preflight);
	sp_preflight_destroy(preflight);
	return status;
}

enum cli_status cli_doctor(struct cli *cli, int argc, char **argv) {
	struct request request = {0};
	struct patient patient = {0};
	enum cli_status status;
	struct sp_error error;
	int option;
	bool read;

	optind = 0;
	while ((option = cli_next_option(cli, &USAGE, argc, argv, &status)) >= 0)
		read_option(&request, option);
	if (option == CLI_OPTION_STOP)
		return status;
	read_arguments(&request, argc, argv);
	read = request.host ? sp_machine_load(&patient.machine, request.host, &error)
			    : sp_machine_read(&patient.machine, NULL, &error);
	if (!read)
		return cli_fail(&error, NULL,
			"HOST is a snapshot (`sallyport snapshot`) or the output of lspci -vvxxxx.");
	status = CLI_BAD;
	if (read_situation(&request, &patient) && read_functions(&request, &patient))
		status = examine(cli, &request, &patient);
	sp_machine_destroy(patient.machine);
	return status;
}
