/* SPDX-License-Identifier: MIT */
#include "assign/report.h"

#include <stdio.h>

#include <sallyport/version.h>

#include "assign/emit.h"
#include "base/findings.h"
#include "base/text.h"

static void write_heading(struct sp_buf *out, const struct sp_assign *assign) {
	static const char title[] = "PCI passthrough, planned by sallyport " SALLYPORT_VERSION;
	const struct sp_assign_request *request = assign->request;

	sp_buf_str(out, title);
	sp_buf_char(out, '\n');
	sp_buf_fill(out, '=', sizeof(title) - 1);
	sp_buf_str(out, "\nMachine   ");
	sp_text_plain(out, assign->machine->name);
	sp_buf_str(out, "\nTarget    ");
	assign_put_target(out, assign);
	if (assign->request->situation.now)
		sp_buf_str(out, ", as it runs");
	sp_buf_str(out, "\nGuest     ");
	sp_text_plain(out, request->name);
	sp_buf_printf(out, ", %u MiB", request->memory);
	sp_buf_char(out, '\n');
	sp_findings_summary(out, assign->verdict, assign->findings.data, assign->findings.count);
}

static void write_findings(struct sp_buf *out, const struct sp_assign *assign) {
	struct sp_buf line = {0};

	if (!assign->findings.count)
		return;
	sp_text_section(out, "Findings");
	for (uint32_t i = 0; i < assign->findings.count; i++) {
		const struct sp_finding *finding = &assign->findings.data[i];

		line.size = 0;
		sp_buf_str(&line, sp_severity_name(finding->severity));
		sp_buf_char(&line, ' ');
		sp_buf_str(&line, sp_finding_info(finding->code)->code);
		if (finding->path) {
			sp_buf_char(&line, ' ');
			sp_text_plain(&line, finding->path);
		}
		sp_buf_str(&line, ": ");
		sp_text_plain(&line, finding->message);
		if (!line.failed)
			sp_text_wrap(out, "    ", "        ", line.data);
		line.size = 0;
		sp_text_plain(&line, finding->remedy ? finding->remedy : "");
		if (!line.failed && line.size)
			sp_text_wrap(out, "      -> ", "         ", line.data);
	}
	out->failed |= line.failed;
	sp_buf_release(&line);
}

/* What was asked on the way, in the order in which things fail. */
static void write_preflight(struct sp_buf *out, const struct sp_assign *assign) {
	struct sp_buf line = {0};
	uint32_t count;
	const struct sp_answer *answers = sp_preflight_answers(assign->preflight, &count);

	sp_text_section(out, "Preflight");
	for (uint32_t i = 0; i < count; i++) {
		const struct sp_answer *answer = &answers[i];
		char first[48], address[SP_BDF_SIZE];

		sp_bdf_format(address, answer->function);
		line.size = 0;
		if (answer->function != SP_BDF_NONE) {
			sp_buf_str(&line, address);
			sp_buf_str(&line, ": ");
		}
		sp_text_plain(&line, answer->message);
		snprintf(first, sizeof(first), "    %-8s%-14s", sp_result_name(answer->result),
			sp_question_info(answer->question)->name);
		if (!line.failed)
			sp_text_wrap(out, first, "                          ", line.data);
		line.size = 0;
		sp_text_plain(&line, answer->remedy ? answer->remedy : "");
		if (answer->result == SP_RESULT_UNKNOWN && !line.failed && line.size)
			sp_text_wrap(out, "                       -> ",
				"                          ", line.data);
	}
	out->failed |= line.failed;
	sp_buf_release(&line);
}

void assign_emit_report(const struct sp_assign *assign, struct sp_buf *out) {
	write_heading(out, assign);
	write_findings(out, assign);
	report_functions(out, assign);
	report_lspci(out, assign);
	report_host(out, assign);
	report_steps(out, assign);
	write_preflight(out, assign);
}
