/* SPDX-License-Identifier: MIT */
#include "plan_pci.h"

#include <string.h>
#include <sys/stat.h>

#include "functions.h"
#include "host.h"
#include "print.h"

bool cli_plan_is_pci(const char *host, const char *device, bool *live) {
	struct stat status;
	sp_bdf function;
	bool slot, there = stat(host, &status) == 0;

	*live = !there && cli_read_function(host, &function, &slot);
	if (*live)
		return true;
	/* A pipe can be read once only, and what is wanted of it tells what it is. */
	if (there && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
		return device && cli_read_function(device, &function, &slot);
	return cli_is_machine(host);
}

#define SLOT_FUNCTIONS 8u

struct functions {
	sp_bdf data[CLI_MAX_FUNCTIONS + 1];
	uint32_t count;
};

static enum cli_status show_functions(
	const struct cli_plan_options *options, const struct sp_error *error) {
	char remedy[256];

	if (options->live)
		snprintf(remedy, sizeof(remedy),
			"`sallyport list --all` shows the functions of this machine.");
	else
		snprintf(remedy, sizeof(remedy), "`sallyport list --all %.160s` shows them.",
			options->host);
	return cli_fail(error, NULL, remedy);
}

static bool read_function(struct functions *functions, const struct sp_machine *machine,
	const char *text, struct sp_error *error) {
	uint32_t before = functions->count;
	sp_bdf function;
	bool slot;

	if (!cli_read_function(text, &function, &slot))
		return sp_error_set(error, SP_ERROR_USE,
			"\"%.80s\" is not the address of a PCI function, such as 0000:03:00.0",
			text);
	for (uint32_t i = 0; i < (slot ? SLOT_FUNCTIONS : 1); i++) {
		if (slot && !sp_machine_has(machine, function + i))
			continue;
		if (functions->count == CLI_MAX_FUNCTIONS)
			return sp_error_set(error, SP_ERROR_USE, "more than %u functions are named",
				CLI_MAX_FUNCTIONS);
		functions->data[functions->count++] = function + i;
	}
	/* A slot without any: the library says so of its function 0. */
	if (functions->count == before)
		functions->data[functions->count++] = function;
	return true;
}

static bool read_functions(const struct cli_plan_options *options, struct functions *functions,
	const struct sp_machine *machine, struct sp_error *error) {
	if (options->live && !read_function(functions, machine, options->host, error))
		return false;
	for (uint32_t i = 0; i < options->guest.device_count; i++) {
		if (!read_function(functions, machine, options->guest.devices[i], error))
			return false;
	}
	return true;
}

/* What only a plan for Xen has. */
static bool means_xen(const struct cli_plan_pci *pci) {
	return pci->dom0_named || pci->toolstack != SP_TOOLSTACK_XL || pci->stubdomain ||
		pci->permissive || pci->rdm_named ||
		(pci->guest_named && pci->guest != SP_GUEST_HVM);
}

/* What the machine runs, but for what the command line says. */
static void choose_situation(struct sp_situation *situation, const struct cli_plan_options *options,
	const struct sp_machine *machine) {
	const struct cli_plan_pci *pci = &options->pci;
	struct sp_situation found;

	sp_situation_read(&found, machine);
	*situation = found;
	if (options->kvm) {
		situation->hypervisor = SP_HYPERVISOR_KVM;
	} else if (options->target_named) {
		situation->hypervisor = SP_HYPERVISOR_XEN;
		situation->target = options->request.target;
	} else if (found.hypervisor == SP_HYPERVISOR_KVM && means_xen(pci)) {
		situation->hypervisor = SP_HYPERVISOR_XEN;
		situation->target = SP_TARGET_DEFAULT;
	}
	if (pci->dom0_named)
		situation->dom0 = pci->dom0;
	else if (found.hypervisor != SP_HYPERVISOR_XEN)
		situation->dom0 = SP_DOM0_PV;
	situation->guest = pci->guest_named ? pci->guest : SP_GUEST_HVM;
	situation->now = found.now && situation->hypervisor == found.hypervisor;
	if (situation->now && situation->hypervisor == SP_HYPERVISOR_XEN)
		situation->now = situation->target == found.target && situation->dom0 == found.dom0;
	situation->stubdomain = pci->stubdomain;
	situation->gfx_passthru = pci->gfx_passthru;
	situation->permissive = pci->permissive;
	situation->relaxed_rdm = pci->relaxed_rdm;
}

static void print_assumed(struct cli *cli, const struct cli_plan_options *options,
	const struct sp_situation *situation) {
	const char *as = situation->now ? " (as the machine runs)" : "";
	const char *separator = "";
	bool xen = situation->hypervisor == SP_HYPERVISOR_XEN;

	if ((options->target_named || options->kvm) && (!xen || options->pci.dom0_named) &&
		(!xen || options->pci.guest_named))
		return;
	fputs("assumed: ", cli->out);
	if (!options->target_named && !options->kvm) {
		fprintf(cli->out, "--target %s%s", xen ? sp_target_name(situation->target) : "kvm",
			as);
		separator = ", ";
	}
	if (xen && !options->pci.dom0_named) {
		fprintf(cli->out, "%s--dom0 %s%s", separator, sp_dom0_name(situation->dom0), as);
		separator = ", ";
	}
	if (xen && !options->pci.guest_named)
		fprintf(cli->out, "%s--guest %s", separator, sp_guest_kind_name(situation->guest));
	fputc('\n', cli->out);
}

/* They make the verdict warn without a warning. */
static void print_unknown(struct cli *cli, const struct sp_assign *assign) {
	uint32_t count, unknown = 0;
	const struct sp_answer *answers = sp_preflight_answers(sp_assign_preflight(assign), &count);

	for (uint32_t i = 0; i < count; i++)
		unknown += answers[i].result == SP_RESULT_UNKNOWN;
	if (unknown)
		fprintf(cli->out,
			"not known: %u answer%s of the preflight; report.txt says how to find out\n",
			unknown, unknown == 1 ? "" : "s");
}

static void print_summary(struct cli *cli, const struct cli_plan_options *options,
	const struct sp_assign *assign, const struct sp_assign_request *request) {
	enum sp_verdict verdict = sp_assign_verdict(assign);
	uint32_t count;
	const struct sp_finding *findings = sp_assign_findings(assign, &count);

	cli_print_findings(cli, findings, count, false);
	cli_print_verdict(cli, findings, count, verdict);
	print_unknown(cli, assign);
	print_assumed(cli, options, &request->situation);
	cli_print_files(cli, options->directory, verdict != SP_VERDICT_NO || request->keep_going);
}

static bool print_json(struct cli *cli, const struct sp_assign *assign, struct sp_error *error) {
	char *data = NULL;
	size_t size;

	if (!sp_assign_emit(assign, SP_ASSIGN_JSON, &data, &size, error))
		return false;
	cli_print_data(cli, data, size);
	return true;
}

static enum cli_status write_plan(struct cli *cli, const struct cli_plan_options *options,
	const struct sp_assign *assign, const struct sp_assign_request *request) {
	struct sp_error error = {0};

	if (!sp_assign_write(assign, options->directory, options->write.force, &error))
		return cli_fail(&error, NULL,
			error.kind == SP_ERROR_USE
				? "Name another directory with -o, or allow this one with --force."
				: NULL);
	if (options->json) {
		if (!print_json(cli, assign, &error))
			return cli_fail(&error, NULL, NULL);
	} else if (!options->quiet) {
		print_summary(cli, options, assign, request);
	}
	return sp_assign_verdict(assign) == SP_VERDICT_NO ? CLI_NO : CLI_GOOD;
}

/* What was asked for is not there; other misuse has nothing to do with the list. */
static bool lacks_function(const struct sp_machine *machine, const struct functions *functions) {
	for (uint32_t i = 0; i < functions->count; i++) {
		if (!sp_machine_has(machine, functions->data[i]))
			return true;
	}
	return false;
}

static enum cli_status plan(
	struct cli *cli, const struct cli_plan_options *options, const struct sp_machine *machine) {
	struct functions functions = {0};
	const struct sp_request_guest *guest = &options->guest;
	struct sp_assign_request request = {
		.toolstack = options->pci.toolstack,
		.name = guest->name,
		.memory = options->memory_named ? guest->memory : CLI_PCI_MEMORY,
		.kernel = guest->kernel,
		.ramdisk = guest->ramdisk,
		.command_line = guest->command_line,
		.functions = functions.data,
		.whole_slot = options->pci.whole_slot,
		.at_boot = options->pci.at_boot,
		.rom = options->pci.rom,
		.keep_going = options->request.keep_going,
	};
	struct sp_assign *assign;
	struct sp_error error = {0};
	enum cli_status status;

	if (!read_functions(options, &functions, machine, &error))
		return show_functions(options, &error);
	request.function_count = functions.count;
	choose_situation(&request.situation, options, machine);
	if (!sp_assign_create(&assign, machine, &request, &error))
		return lacks_function(machine, &functions) ? show_functions(options, &error)
							   : cli_fail(&error, NULL, NULL);
	status = write_plan(cli, options, assign, &request);
	sp_assign_destroy(assign);
	return status;
}

enum cli_status cli_plan_pci(struct cli *cli, const struct cli_plan_options *options) {
	struct sp_machine *machine;
	struct sp_error error = {0};
	enum cli_status status;

	if (options->live ? !sp_machine_read(&machine, NULL, &error)
			  : !sp_machine_load(&machine, options->host, &error))
		return cli_fail(&error, NULL,
			error.kind == SP_ERROR_INPUT
				? "`sallyport snapshot -o FILE` writes a snapshot of a machine."
				: NULL);
	status = plan(cli, options, machine);
	sp_machine_destroy(machine);
	return status;
}
