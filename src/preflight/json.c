/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <sallyport/version.h>

#include "pci/address.h"
#include "preflight/preflight.h"

/* docs/doctor.md describes the members. */
#define SCHEMA_VERSION 1u

static void put_situation(struct sp_json *json, const struct sp_situation *situation) {
	bool xen = situation->hypervisor == SP_HYPERVISOR_XEN;

	sp_json_object(json, "situation");
	sp_json_string(json, "target", xen ? sp_target_name(situation->target) : "kvm");
	sp_json_string(json, "dom0", xen ? sp_dom0_name(situation->dom0) : NULL);
	sp_json_string(json, "guest", sp_guest_kind_name(situation->guest));
	sp_json_bool(json, "now", situation->now);
	sp_json_bool(json, "stubdomain", situation->stubdomain);
	sp_json_bool(json, "gfx_passthru", situation->gfx_passthru);
	sp_json_bool(json, "permissive", situation->permissive);
	sp_json_bool(json, "relaxed_rdm", situation->relaxed_rdm);
	sp_json_bool(json, "apart", situation->apart);
	sp_json_end_object(json);
}

static void put_answer(struct sp_json *json, const struct sp_answer *answer) {
	const struct sp_finding_info *info = sp_finding_info(answer->code);

	sp_json_object(json, NULL);
	sp_json_string(json, "question", sp_question_info(answer->question)->name);
	sp_json_string(json, "result", sp_result_name(answer->result));
	sp_bdf_json(json, "function", answer->function);
	sp_json_string(json, "code", info ? info->code : NULL);
	sp_json_string(json, "message", answer->message);
	sp_json_string(json, "remedy", answer->remedy);
	sp_json_end_object(json);
}

bool sp_preflight_json(
	const struct sp_preflight *preflight, char **data, size_t *size, struct sp_error *error) {
	struct sp_buf out = {0};
	struct sp_json json = {.out = &out};

	*data = NULL;
	sp_json_object(&json, NULL);
	sp_json_string(&json, "schema", "sallyport-doctor");
	sp_json_number(&json, "version", SCHEMA_VERSION);
	sp_json_string(&json, "generator", "sallyport " SALLYPORT_VERSION);
	sp_json_string(&json, "machine", preflight->machine->name);
	put_situation(&json, &preflight->situation);
	sp_json_string(&json, "verdict", sp_verdict_name(sp_preflight_verdict(preflight)));
	sp_json_array(&json, "functions");
	for (uint32_t i = 0; i < preflight->function_count; i++)
		sp_bdf_json(&json, NULL, preflight->functions[i]->bdf);
	sp_json_end_array(&json);
	sp_json_array(&json, "answers");
	for (uint32_t i = 0; i < preflight->answers.count; i++)
		put_answer(&json, &preflight->answers.data[i]);
	sp_json_end_array(&json);
	sp_json_end_object(&json);
	sp_buf_char(&out, '\n');
	return sp_buf_finish(&out, data, size, error);
}
