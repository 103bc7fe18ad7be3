/* SPDX-License-Identifier: MIT */
/* xl's configurations: the language, what is found in it, and what it means. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "check.h"
#include "mutate.h"
#include "xl/guest.h"

static void put_value(struct sp_buf *out, const struct sp_xl_value *value) {
	if (value->kind == SP_XL_LIST) {
		sp_buf_char(out, '[');
		for (uint32_t i = 0; i < value->count; i++) {
			put_value(out, &value->items[i]);
			sp_buf_char(out, ',');
		}
		sp_buf_char(out, ']');
		return;
	}
	sp_buf_char(out, '"');
	for (const char *c = value->text; *c; c++) {
		if (*c == '"' || *c == '\\')
			sp_buf_char(out, '\\');
		if (*c == '\n')
			sp_buf_str(out, "\\n");
		else
			sp_buf_char(out, *c);
	}
	sp_buf_char(out, '"');
}

static void put_settings(struct sp_buf *out, const struct sp_xl_config *config) {
	uint32_t count;
	const struct sp_xl_setting *settings = sp_xl_config_settings(config, &count);

	for (uint32_t i = 0; i < count; i++) {
		CHECK(sp_xl_config_find(config, settings[i].name) == &settings[i]);
		CHECK(settings[i].line && settings[i].line == settings[i].value.line);
		CHECK(!i || settings[i].line >= settings[i - 1].line);
		sp_buf_str(out, settings[i].name);
		sp_buf_char(out, '=');
		put_value(out, &settings[i].value);
		sp_buf_char(out, '\n');
	}
	CHECK(!out->failed);
}

/* What is read and written is read as the same again. */
static void check_again(const struct sp_xl_config *config) {
	struct sp_error error = {0};
	struct sp_buf once = {0}, twice = {0};
	struct sp_xl_config *again;

	put_settings(&once, config);
	if (once.size && once.size <= SP_XL_MAX_BYTES) {
		CHECK(sp_xl_config_parse(&again, once.data, once.size, "again", &error));
		put_settings(&twice, again);
		CHECK(once.size == twice.size && !memcmp(once.data, twice.data, once.size));
		sp_xl_config_destroy(again);
	}
	sp_buf_release(&once);
	sp_buf_release(&twice);
}

static void check_guest(const struct sp_xl_guest *guest) {
	for (uint32_t i = 0; i < guest->troubles.count; i++) {
		const struct sp_xl_trouble *trouble = &guest->troubles.data[i];

		CHECK(trouble->line && trouble->setting[0] && trouble->message[0]);
		for (const char *c = trouble->message; *c; c++)
			CHECK(*c >= ' ' && *c <= '~');
	}
	for (uint32_t i = 0; i < guest->iomem.count; i++)
		CHECK(guest->iomem.data[i].line);
	for (uint32_t i = 0; i < guest->irqs.count; i++)
		CHECK(guest->irqs.data[i].line && guest->irqs.data[i].number < UINT32_MAX);
	for (uint32_t i = 0; i < guest->dtdev.count; i++)
		CHECK(guest->dtdev.data[i].line && guest->dtdev.data[i].path);
	CHECK(!guest->device_tree.path == !guest->device_tree.line);
	CHECK(!guest->pci.path == !guest->pci.line);
	CHECK(guest->memory <= UINT64_MAX >> 20 && guest->maxmem <= UINT64_MAX >> 20);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct sp_error error = {0};
	struct sp_xl_config *config;
	struct sp_xl_guest *guest;

	if (!sp_xl_config_parse(&config, (const char *)data, size, "x.cfg", &error)) {
		CHECK(!config && error.kind == SP_ERROR_INPUT);
		CHECK(!strncmp(error.message, "x.cfg:", 6));
		return 0;
	}
	check_again(config);
	CHECK(sp_xl_guest_create(&guest, config, &error));
	sp_xl_config_destroy(config);
	check_guest(guest);
	sp_xl_guest_destroy(guest);
	return 0;
}
