/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <string.h>

#include "control/control.h"

/* One program stands behind several verbs, which its name tells apart. */
static const struct {
	const char *name;
	enum cli_status (*run)(struct cli *cli, int argc, char **argv);
} VERBS[] = {
	{"ps", control_ps},
	{"top", control_top},
	{"screenshot", control_screenshot},
	{"control", control_act},
};

int main(int argc, char **argv) {
	const char *slash = argc ? strrchr(argv[0], '/') : NULL;
	const char *name = slash ? slash + 1 : argc ? argv[0] : "";
	struct cli cli;

	/* A reader that goes away is noticed by the write that fails. */
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(VERBS) / sizeof(VERBS[0]); i++) {
		if (strcmp(VERBS[i].name, name) != 0)
			continue;
		if (!cli_open(&cli))
			return CLI_BAD;
		return (int)cli_close(&cli, VERBS[i].run(&cli, argc, argv));
	}
	cli_complain("Run it as `sallyport ps` and so on.", "%s: it is no verb", name);
	return CLI_BAD;
}
