/* SPDX-License-Identifier: MIT */
#include <getopt.h>

#include <sallyport/finding.h>
#include <sallyport/request.h>

#include "options.h"

enum { OPTION_JSON, OPTION_MARKDOWN };

static const struct cli_option OPTIONS[] = {
	[OPTION_JSON] = {'j', "json", NULL, "Print an array of objects."},
	[OPTION_MARKDOWN] = {0, "markdown", NULL, "Print a page, as docs/findings.md is."},
};

static const struct cli_usage USAGE = {
	.verb = "explain",
	.arguments = "[OPTION]… [CODE]…",
	.about = "Says what a finding means, what to do about it, and how that is known. Without a "
		 "code it lists them all. A code's \"SP-\" may be left out.",
	.example = "sallyport explain SP-IRQ-SHARED",
	.options = OPTIONS,
	.count = sizeof(OPTIONS) / sizeof(OPTIONS[0]),
};

static const char *proof(enum sp_proof how) {
	switch (how) {
	case SP_PROOF_RUN:
		return "seen on a running Xen";
	case SP_PROOF_READ:
		return "read in the source, not run";
	default:
		return "follows from the tree alone";
	}
}

static const char *column_name(int column) {
	return column == SP_COLUMN_PCI ? "pci" : sp_mode_name((enum sp_mode)column);
}

static bool is_of_pci(const struct sp_finding_info *info) {
	return info->severity[SP_COLUMN_PCI] != SP_SEVERITY_NONE;
}

/* "xl: error, dom0less: error, direct: warning", or "pci: error" */
static void print_severities(FILE *out, const struct sp_finding_info *info) {
	int first = is_of_pci(info) ? SP_COLUMN_PCI : 0;
	int end = is_of_pci(info) ? SP_COLUMN_COUNT : SP_MODE_COUNT;

	for (int column = first; column < end; column++)
		fprintf(out, "%s%s: %s", column > first ? ", " : "", column_name(column),
			sp_severity_name(info->severity[column]));
}

static void print_text(struct cli *cli, const struct sp_finding_info *info) {
	cli_style(cli, CLI_BOLD);
	fprintf(cli->out, "%s: %s\n", info->code, info->title);
	cli_style(cli, CLI_PLAIN);
	fputs("  ", cli->out);
	print_severities(cli->out, info);
	fputs("\n\n", cli->out);
	cli_wrap(cli, 0, 0, info->meaning);
	putc('\n', cli->out);
	cli_wrap(cli, 0, 0, info->remedy);
	fprintf(cli->out, "\nSource (%s):\n", proof(info->proof));
	cli_wrap(cli, 0, 2, info->source);
}

static void print_json_string(FILE *out, const char *key, const char *value, const char *end) {
	fprintf(out, "    \"%s\": \"", key);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			putc('\\', out);
		if (*value == '\n')
			fputs("\\n", out);
		else
			putc(*value, out);
	}
	fprintf(out, "\"%s\n", end);
}

static void print_json(struct cli *cli, const struct sp_finding_info *info) {
	static const char *const PROOFS[] = {
		[SP_PROOF_RUN] = "run",
		[SP_PROOF_READ] = "read",
		[SP_PROOF_TREE] = "tree",
	};

	fputs("  {\n", cli->out);
	print_json_string(cli->out, "code", info->code, ",");
	fputs("    \"severity\": {", cli->out);
	for (int column = 0; column < SP_COLUMN_COUNT; column++)
		fprintf(cli->out, "%s\"%s\": \"%s\"", column ? ", " : "", column_name(column),
			sp_severity_name(info->severity[column]));
	fputs("},\n", cli->out);
	print_json_string(cli->out, "title", info->title, ",");
	print_json_string(cli->out, "meaning", info->meaning, ",");
	print_json_string(cli->out, "remedy", info->remedy, ",");
	print_json_string(cli->out, "proof", PROOFS[info->proof], ",");
	print_json_string(cli->out, "source", info->source, "");
	fputs("  }", cli->out);
}

static void print_markdown_head(FILE *out) {
	fputs("<!-- Made by `sallyport explain --markdown`; edit include/sallyport/findings.def "
	      "or\n     include/sallyport/pci_findings.def instead. -->\n"
	      "# Findings\n\n"
	      "A finding is one thing that Sallyport knows about a device, a guest or the host. "
	      "Its severity depends\n"
	      "on how the guest is built: by `xl`, by Xen at boot (`dom0less`), or at boot with "
	      "memory at the host's\n"
	      "own addresses (`direct`, for `--without-iommu`). `pci` stands for functions of a "
	      "machine with PCI, which\n"
	      "`sallyport doctor` examines. `none` says that it does not arise there. An error makes "
	      "the verdict `no`,\n"
	      "and a warning makes it `warn`.\n\n"
	      "| code | xl | dom0less | direct | pci | |\n"
	      "|---|---|---|---|---|---|\n",
		out);
	for (int i = 0; i < SP_CODE_COUNT; i++) {
		const struct sp_finding_info *info = sp_finding_info((enum sp_code)i);

		fprintf(out, "| [%s](#", info->code);
		for (const char *p = info->code; *p; p++)
			putc(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p, out);
		fprintf(out, ") | %s | %s | %s | %s | %s |\n",
			sp_severity_name(info->severity[SP_MODE_XL]),
			sp_severity_name(info->severity[SP_MODE_DOM0LESS]),
			sp_severity_name(info->severity[SP_MODE_DIRECT]),
			sp_severity_name(info->severity[SP_COLUMN_PCI]), info->title);
	}
}

/* '<' and '*' are letters here, and as they are inside backquotes. */
static void print_markdown_text(FILE *out, const char *text) {
	bool code = false;

	for (; *text; text++) {
		if (*text == '`')
			code = !code;
		if (!code && (*text == '<' || *text == '*'))
			putc('\\', out);
		putc(*text, out);
	}
}

static void print_markdown(struct cli *cli, const struct sp_finding_info *info) {
	fprintf(cli->out, "\n## %s\n\n**%s.** ", info->code, info->title);
	print_markdown_text(cli->out, info->meaning);
	fputs("\n\n", cli->out);
	print_markdown_text(cli->out, info->remedy);
	fprintf(cli->out, "\n\nSource (%s): ", proof(info->proof));
	print_markdown_text(cli->out, info->source);
	putc('\n', cli->out);
}

static void print_row(struct cli *cli, const struct sp_finding_info *info) {
	fprintf(cli->out, "%-25s  %-8s %-8s %-8s %-8s  %s\n", info->code,
		sp_severity_name(info->severity[SP_MODE_XL]),
		sp_severity_name(info->severity[SP_MODE_DOM0LESS]),
		sp_severity_name(info->severity[SP_MODE_DIRECT]),
		sp_severity_name(info->severity[SP_COLUMN_PCI]), info->title);
}

typedef void print_function(struct cli *cli, const struct sp_finding_info *info);

static void print_all(struct cli *cli, print_function *print, const char *between) {
	for (int i = 0; i < SP_CODE_COUNT; i++) {
		fputs(i ? between : "", cli->out);
		print(cli, sp_finding_info((enum sp_code)i));
	}
}

/* Complains about the first code that there is not. */
static bool check(char **codes) {
	const char *suggestion;

	while (*codes && sp_finding_lookup(*codes))
		codes++;
	if (!*codes)
		return true;
	suggestion = sp_finding_suggest(*codes);
	cli_complain("`sallyport explain` lists the codes.", "unknown finding \"%s\"%s%s%s", *codes,
		suggestion ? "; did you mean " : "", suggestion ? suggestion : "",
		suggestion ? "?" : "");
	return false;
}

static void print_named(struct cli *cli, print_function *print, const char *between, char **codes) {
	for (char **code = codes; *code; code++) {
		fputs(code != codes ? between : "", cli->out);
		print(cli, sp_finding_lookup(*code));
	}
}

enum cli_status cli_explain(struct cli *cli, int argc, char **argv) {
	print_function *print = NULL;
	const char *between = "\n";
	enum cli_status status;
	int option;

	optind = 0;
	while ((option = cli_next_option(cli, &USAGE, argc, argv, &status)) >= 0)
		print = option == OPTION_JSON ? print_json : print_markdown;
	if (option == CLI_OPTION_STOP)
		return status;
	if (!check(argv + optind))
		return CLI_BAD;
	if (!print)
		print = optind < argc ? print_text : print_row;
	if (print == print_json) {
		fputs("[\n", cli->out);
		between = ",\n";
	} else if (print == print_markdown && optind == argc) {
		print_markdown_head(cli->out);
	}
	if (print == print_markdown || print == print_row)
		between = "";
	if (optind < argc)
		print_named(cli, print, between, argv + optind);
	else
		print_all(cli, print, between);
	if (print == print_json)
		fputs("\n]\n", cli->out);
	return CLI_GOOD;
}
