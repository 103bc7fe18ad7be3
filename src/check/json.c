/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <stdlib.h>

#include <sallyport/version.h>

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

static void put_finding(struct sp_json *json, const struct sp_finding *finding) {
	sp_json_object(json, NULL);
	sp_json_string(json, "code", sp_finding_info(finding->code)->code);
	sp_json_string(json, "severity", sp_severity_name(finding->severity));
	sp_json_string(json, "guest", finding->guest);
	sp_json_string(json, "file", finding->file);
	if (finding->line != 0)
		sp_json_number(json, "line", finding->line);
	else
		sp_json_null(json, "line");
	sp_json_string(json, "path", finding->path);
	sp_json_string(json, "message", finding->message);
	sp_json_string(json, "remedy", finding->remedy);
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
	sp_json_array(&json, "findings");
	for (uint32_t i = 0; i < check->findings.count; i++)
		put_finding(&json, &check->findings.data[i]);
	sp_json_end_array(&json);
	sp_json_end_object(&json);
	sp_buf_char(&out, '\n');
	if (out.failed) {
		sp_buf_release(&out);
		return sp_error_memory(error);
	}
	*data = out.data;
	*size = out.size;
	return true;
}
