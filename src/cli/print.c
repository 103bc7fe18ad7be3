/* SPDX-License-Identifier: MIT */
#include "print.h"

#include <stdlib.h>
#include <string.h>

static const enum cli_style STYLES[] = {
	[SP_SEVERITY_NONE] = CLI_PLAIN,
	[SP_SEVERITY_NOTE] = CLI_BLUE,
	[SP_SEVERITY_WARN] = CLI_YELLOW,
	[SP_SEVERITY_ERROR] = CLI_RED,
};

static void put_place(struct cli *cli, unsigned *column, const struct sp_finding *finding) {
	char line[16];

	if (finding->file) {
		cli_put(cli, column, " ");
		cli_put(cli, column, finding->file);
		if (finding->line) {
			snprintf(line, sizeof(line), ":%u", finding->line);
			cli_put(cli, column, line);
		}
	}
	if (finding->path) {
		cli_put(cli, column, " ");
		cli_put(cli, column, finding->path);
	}
}

/* "warning SP-IRQ-SHARED /soc/gpu@0: …", "error SP-CFG-IRQ-TWICE guest.cfg:7: …" */
static void print_finding(struct cli *cli, const struct sp_finding *finding, bool name_guest) {
	unsigned column = 0;

	cli_style(cli, STYLES[finding->severity]);
	cli_put(cli, &column, sp_severity_name(finding->severity));
	cli_style(cli, CLI_PLAIN);
	cli_put(cli, &column, " ");
	cli_put(cli, &column, sp_finding_info(finding->code)->code);
	if (name_guest && finding->guest) {
		cli_put(cli, &column, " [");
		cli_put(cli, &column, finding->guest);
		cli_put(cli, &column, "]");
	}
	put_place(cli, &column, finding);
	cli_put(cli, &column, ": ");
	cli_wrap(cli, column, 4, finding->message);
}

/* Of several findings in a row with the same remedy, the last one tells it. */
static bool tells_remedy(const struct sp_finding *finding, const struct sp_finding *next) {
	if (!finding->remedy || !*finding->remedy)
		return false;
	return !next || next->code != finding->code || !next->remedy ||
		strcmp(next->remedy, finding->remedy) != 0;
}

void cli_print_findings(
	struct cli *cli, const struct sp_finding *findings, uint32_t count, bool name_guests) {
	for (uint32_t i = 0; i < count; i++) {
		if (findings[i].severity < SP_SEVERITY_WARN)
			continue;
		print_finding(cli, &findings[i], name_guests);
		if (tells_remedy(&findings[i], i + 1 < count ? &findings[i + 1] : NULL)) {
			fputs("    -> ", cli->out);
			cli_wrap(cli, 7, 7, findings[i].remedy);
		}
	}
}

static const char *plural(unsigned count) {
	return count == 1 ? "" : "s";
}

void cli_print_verdict(struct cli *cli, const struct sp_finding *findings, uint32_t count,
	enum sp_verdict verdict) {
	unsigned counts[SP_SEVERITY_ERROR + 1] = {0};

	for (uint32_t i = 0; i < count; i++)
		counts[findings[i].severity]++;
	cli_style(cli, CLI_BOLD);
	fprintf(cli->out, "verdict: %s", sp_verdict_name(verdict));
	cli_style(cli, CLI_PLAIN);
	fprintf(cli->out, " (%u error%s, %u warning%s, %u note%s)\n", counts[SP_SEVERITY_ERROR],
		plural(counts[SP_SEVERITY_ERROR]), counts[SP_SEVERITY_WARN],
		plural(counts[SP_SEVERITY_WARN]), counts[SP_SEVERITY_NOTE],
		plural(counts[SP_SEVERITY_NOTE]));
}

void cli_print_files(struct cli *cli, const char *directory, bool all) {
	if (!all)
		fputs("only report.txt and plan.json were written; --keep-going writes the rest\n",
			cli->out);
	fputs("files: ", cli->out);
	cli_text(cli->out, directory);
	fputs("/ (report.txt says it all)\n", cli->out);
}

void cli_print_data(struct cli *cli, char *data, size_t size) {
	if (data)
		fwrite(data, 1, size, cli->out);
	free(data);
}
