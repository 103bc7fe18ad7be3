/* SPDX-License-Identifier: MIT */
#include "serve/list.h"

#include "base/json.h"
#include "serve/options.h"

#define INDENT 2u
#define COLUMN 22u /* where what an option means begins */

static void print_text(struct cli *cli, const struct sp_model *model) {
	unsigned column = 0;

	cli_style(cli, CLI_BOLD);
	cli_put(cli, &column, model->name);
	cli_style(cli, CLI_PLAIN);
	cli_put(cli, &column, model->experimental ? ", experimental: " : ": ");
	cli_wrap(cli, column, INDENT, model->summary);
	for (unsigned i = 0; i < SP_SETTING_COUNT; i++) {
		const struct sp_setting_info *info = sp_setting_info(i);

		if (!(model->settings & 1u << i))
			continue;
		fprintf(cli->out, "%*s", (int)INDENT, "");
		column = INDENT;
		cli_put(cli, &column, info->name);
		cli_put(cli, &column, "=");
		cli_put(cli, &column, info->value);
		if (column >= COLUMN)
			cli_put(cli, &column, " ");
		cli_wrap(cli, column, COLUMN, info->help);
	}
}

static void put_model(struct sp_json *json, const struct sp_model *model) {
	sp_json_object(json, NULL);
	sp_json_string(json, "model", model->name);
	sp_json_string(json, "summary", model->summary);
	sp_json_bool(json, "screen", model->screen);
	sp_json_bool(json, "experimental", model->experimental);
	sp_json_array(json, "options");
	for (unsigned i = 0; i < SP_SETTING_COUNT; i++) {
		const struct sp_setting_info *info = sp_setting_info(i);

		if (!(model->settings & 1u << i))
			continue;
		sp_json_object(json, NULL);
		sp_json_flat(json);
		sp_json_string(json, "name", info->name);
		sp_json_string(json, "value", info->value);
		sp_json_string(json, "help", info->help);
		sp_json_end_object(json);
	}
	sp_json_end_array(json);
	sp_json_end_object(json);
}

enum cli_status serve_list(struct cli *cli, bool json) {
	struct sp_buf text = {0};
	struct sp_json writer = {.out = &text};
	const struct sp_model *models;
	enum cli_status status = CLI_GOOD;
	uint32_t count;

	models = sp_models(&count);
	if (!json) {
		for (uint32_t i = 0; i < count; i++)
			print_text(cli, &models[i]);
		return status;
	}
	sp_json_array(&writer, NULL);
	for (uint32_t i = 0; i < count; i++)
		put_model(&writer, &models[i]);
	sp_json_end_array(&writer);
	sp_buf_char(&text, '\n');
	if (text.failed) {
		cli_complain(NULL, "out of memory");
		status = CLI_BAD;
	} else {
		fwrite(text.data, 1, text.size, cli->out);
	}
	sp_buf_release(&text);
	return status;
}
