/* SPDX-License-Identifier: MIT */
/* What Sallyport finds in a configuration by each name: xl-dump FILE NAME... */
#include "dump.h"

#include "xl/config.h"

static void put_value(const struct sp_xl_value *value) {
	if (value->kind == SP_XL_ATOM) {
		put_text(value->text);
		return;
	}
	putchar('[');
	for (uint32_t i = 0; i < value->count; i++) {
		if (value->items[i].kind == SP_XL_ATOM)
			printf("%u:", value->items[i].line);
		put_value(&value->items[i]);
		putchar(',');
	}
	putchar(']');
}

int main(int argc, char **argv) {
	struct sp_xl_config *config;
	struct sp_error error = {0};

	if (argc < 2)
		return 2;
	if (!sp_xl_config_load(&config, argv[1], &error)) {
		fprintf(stderr, "%s\n", error.message);
		return error.kind == SP_ERROR_INPUT ? 1 : 2;
	}
	for (int i = 2; i < argc; i++) {
		const struct sp_xl_setting *setting = sp_xl_config_find(config, argv[i]);

		if (!setting)
			continue;
		printf("%u %s ", setting->line, setting->name);
		/* libxlutil tells of an addition only where it is asked for a number. */
		if (setting->added && setting->value.kind == SP_XL_ATOM)
			putchar('+');
		put_value(&setting->value);
		putchar('\n');
	}
	sp_xl_config_destroy(config);
	return 0;
}
