/* SPDX-License-Identifier: MIT */
/* What Xen's own libxlutil finds in a configuration by each name: xl-oracle FILE NAME... */
#include "dump.h"

#include <libxlutil.h>
#include <stdlib.h>
#include <string.h>

/* libxlutil tells lines only in its warnings, which are provoked by asking for the wrong kind. */
struct oracle {
	XLU_Config *config;
	FILE *report;
	char *said;
	size_t said_size;
};

static void forget(struct oracle *oracle) {
	fflush(oracle->report);
	rewind(oracle->report);
}

/* What was said since; it begins with the line. */
static const char *said(struct oracle *oracle) {
	fflush(oracle->report);
	return oracle->said && !strncmp(oracle->said, "x:", 2) ? oracle->said + 2 : "0";
}

static void put_list(struct oracle *oracle, const XLU_ConfigList *list) {
	XLU_ConfigValue *item;

	putchar('[');
	for (int i = 0; (item = xlu_cfg_get_listitem2(list, i)); i++) {
		XLU_ConfigList *inner;
		char *text;

		forget(oracle);
		if (!xlu_cfg_value_get_list(oracle->config, item, &inner, 0)) {
			put_list(oracle, inner);
		} else {
			printf("%ld:", strtol(said(oracle), NULL, 10));
			if (!xlu_cfg_value_get_string(oracle->config, item, &text, 1))
				put_text(text);
		}
		putchar(',');
	}
	putchar(']');
}

static void put_setting(struct oracle *oracle, const char *name) {
	XLU_ConfigList *list;
	const char *text;
	long number;

	forget(oracle);
	if (!xlu_cfg_get_list(oracle->config, name, &list, NULL, 0)) {
		forget(oracle);
		xlu_cfg_get_string(oracle->config, name, &text, 0);
		printf("%ld %s ", strtol(said(oracle), NULL, 10), name);
		put_list(oracle, list);
	} else if (!xlu_cfg_get_string(oracle->config, name, &text, 0)) {
		printf("%ld %s ", strtol(said(oracle), NULL, 10), name);
		forget(oracle);
		if (xlu_cfg_get_long(oracle->config, name, &number, 0) &&
			strstr(said(oracle), "can't use +="))
			putchar('+');
		put_text(text);
	} else {
		return;
	}
	putchar('\n');
}

int main(int argc, char **argv) {
	static char data[1 << 20];
	struct oracle oracle = {0};
	FILE *file = argc > 1 ? fopen(argv[1], "rb") : NULL;
	size_t size = file ? fread(data, 1, sizeof(data), file) : 0;

	oracle.report = open_memstream(&oracle.said, &oracle.said_size);
	oracle.config = oracle.report ? xlu_cfg_init(oracle.report, "x") : NULL;
	if (!file || ferror(file) || !oracle.config)
		return 2;
	fclose(file);
	if (xlu_cfg_readdata(oracle.config, data, (int)size)) {
		fflush(oracle.report);
		fputs(oracle.said, stderr);
		return 1;
	}
	for (int i = 2; i < argc; i++)
		put_setting(&oracle, argv[i]);
	return 0;
}
