/* SPDX-License-Identifier: MIT */
#include "host.h"
#include "plan_options.h"
#include "plan_pci.h"
#include "print.h"

/* Errors and warnings in full; of notes only their number, for the report has them. */
static void print_summary(struct cli *cli, const struct sp_plan *plan,
	const struct sp_request *request, const char *directory) {
	enum sp_verdict verdict = sp_plan_verdict(plan);
	uint32_t count;
	const struct sp_finding *findings = sp_plan_findings(plan, &count);

	cli_print_findings(cli, findings, count, request->guest_count > 1);
	cli_print_verdict(cli, findings, count, verdict);
	cli_print_files(cli, directory, verdict != SP_VERDICT_NO || request->keep_going);
}

static bool print_json(struct cli *cli, const struct sp_plan *plan, struct sp_error *error) {
	char *data = NULL;
	size_t size;

	if (!sp_plan_emit(plan, SP_ARTEFACT_JSON, 0, &data, &size, error))
		return false;
	cli_print_data(cli, data, size);
	return true;
}

static enum cli_status write_plan(struct cli *cli, const struct cli_plan_options *options,
	const struct sp_host *host, const struct sp_request *request, struct sp_error *error) {
	struct sp_plan *plan = NULL;
	enum cli_status status = CLI_BAD;

	if (!sp_plan_create(&plan, host, request, error)) {
		cli_fail(error, NULL,
			error->kind == SP_ERROR_USE
				? "`sallyport list --all` shows the host's devices."
				: NULL);
	} else if (!sp_plan_write(plan, options->directory, &options->write, error)) {
		cli_fail(error, NULL,
			error->kind == SP_ERROR_USE
				? "Name another directory with -o, or allow this one with --force."
				: NULL);
	} else if (options->json && !print_json(cli, plan, error)) {
		cli_fail(error, NULL, NULL);
	} else {
		if (!options->json && !options->quiet)
			print_summary(cli, plan, request, options->directory);
		status = sp_plan_verdict(plan) == SP_VERDICT_NO ? CLI_NO : CLI_GOOD;
	}
	sp_plan_destroy(plan);
	return status;
}

/* The file's guests, with what the command line says about the host and the plan as a whole. */
static struct sp_request merge(
	const struct cli_plan_options *options, const struct sp_plan_file *file) {
	struct sp_request request = options->request;
	const struct sp_request *described;

	if (!file)
		return request;
	described = sp_plan_file_request(file);
	if (!options->target_named)
		request.target = described->target;
	request.multi_iommu_masters |= described->multi_iommu_masters;
	request.guests = described->guests;
	request.guest_count = described->guest_count;
	return request;
}

enum cli_status cli_plan(struct cli *cli, int argc, char **argv) {
	struct cli_plan_options options;
	struct sp_plan_file *file = NULL;
	struct sp_error error = {0};
	struct cli_host host = {0};
	struct sp_request request;
	enum cli_status status;
	const char *path;

	if (!cli_plan_options(cli, &options, argc, argv, &status))
		return status;
	if (options.is_pci)
		return cli_plan_pci(cli, &options);
	if (options.plan_file && !sp_plan_file_load(&file, options.plan_file, &error))
		return cli_fail(&error, NULL, "The format is described in sallyport-plan.conf(5).");
	path = options.host;
	if (!path && file)
		path = sp_plan_file_host(file);
	if (!path)
		path = CLI_DEFAULT_HOST;
	status = CLI_BAD;
	if (cli_host_load(&host, path)) {
		request = merge(&options, file);
		status = write_plan(cli, &options, host.host, &request, &error);
	}
	cli_host_release(&host);
	sp_plan_file_destroy(file);
	return status;
}
