/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <sallyport/version.h>

#include "base/findings.h"
#include "check/check.h"

/* docs/check.md describes the members. */
#define SCHEMA_VERSION 1u

static void put_guest(struct sp_json *json, const struct sp_check_guest *guest) {
	sp_json_object(json, NULL);
	sp_json_string(json, "name", guest->name);
	sp_json_string(json, "mode", sp_mode_name(guest->mode));
	sp_json_string(json, "file", guest->file);
	sp_json_string(json, "tree", guest->tree_file);
	sp_json_array(json, "devices");
	for (uint32_t i = 0; i < guest->devices.count; i++) {
		if (!guest->devices.data[i].holder)
			sp_json_string(json, NULL, guest->devices.data[i].path);
	}
	sp_json_end_array(json);
	sp_json_end_object(json);
}

bool sp_check_json(
	const struct sp_check *check, char **data, size_t *size, struct sp_error *error) {
	struct sp_buf out = {0};
	struct sp_json json = {.out = &out};

	sp_json_object(&json, NULL);
	sp_json_string(&json, "schema", "sallyport-check");
	sp_json_number(&json, "version", SCHEMA_VERSION);
	sp_json_string(&json, "generator", "sallyport " SALLYPORT_VERSION);
	sp_json_string(&json, "tree", check->host->name);
	sp_json_string(&json, "target", sp_target_name(check->target));
	sp_json_string(&json, "verdict", sp_verdict_name(check->verdict));
	sp_json_array(&json, "guests");
	for (uint32_t i = 0; i < check->guests.count; i++)
		put_guest(&json, &check->guests.data[i]);
	sp_json_end_array(&json);
	sp_findings_json(&json, check->findings.data, check->findings.count, true);
	sp_json_end_object(&json);
	sp_buf_char(&out, '\n');
	return sp_buf_finish(&out, data, size, error);
}
