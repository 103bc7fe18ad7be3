/* SPDX-License-Identifier: MIT */
#include "base/findings.h"

void sp_findings_json(
	struct sp_json *json, const struct sp_finding *findings, uint32_t count, bool files) {
	sp_json_array(json, "findings");
	for (uint32_t i = 0; i < count; i++) {
		const struct sp_finding *finding = &findings[i];

		sp_json_object(json, NULL);
		sp_json_string(json, "code", sp_finding_info(finding->code)->code);
		sp_json_string(json, "severity", sp_severity_name(finding->severity));
		sp_json_string(json, "guest", finding->guest);
		if (files) {
			sp_json_string(json, "file", finding->file);
			if (finding->line)
				sp_json_number(json, "line", finding->line);
			else
				sp_json_null(json, "line");
		}
		sp_json_string(json, "path", finding->path);
		sp_json_string(json, "message", finding->message);
		sp_json_string(json, "remedy", finding->remedy);
		sp_json_end_object(json);
	}
	sp_json_end_array(json);
}

static void put_count(struct sp_buf *out, uint32_t count, const char *noun) {
	sp_buf_printf(out, "%u %s%s", count, noun, count == 1 ? "" : "s");
}

void sp_findings_summary(struct sp_buf *out, enum sp_verdict verdict,
	const struct sp_finding *findings, uint32_t count) {
	static const char *const words[] = {
		[SP_VERDICT_OK] = "ok: nothing speaks against it",
		[SP_VERDICT_WARN] = "warn: it can work; read the warnings",
		[SP_VERDICT_NO] = "no: it will be refused, or not work",
	};
	uint32_t counts[SP_SEVERITY_ERROR + 1] = {0};

	for (uint32_t i = 0; i < count; i++)
		counts[findings[i].severity]++;
	sp_buf_str(out, "Verdict   ");
	sp_buf_str(out, words[verdict]);
	sp_buf_str(out, "\nFindings  ");
	put_count(out, counts[SP_SEVERITY_ERROR], "error");
	sp_buf_str(out, ", ");
	put_count(out, counts[SP_SEVERITY_WARN], "warning");
	sp_buf_str(out, ", ");
	put_count(out, counts[SP_SEVERITY_NOTE], "note");
	sp_buf_char(out, '\n');
}
