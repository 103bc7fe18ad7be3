/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Overrides the folder that was configured, as for a build that is not installed. */
#define FOLDER_VARIABLE "SALLYPORT_LIBEXEC"

static const char *folder(void) {
	const char *named = getenv(FOLDER_VARIABLE);

	return named && *named ? named : SP_LIBEXECDIR;
}

/* Only such names are looked for, so that no verb leads out of the folder. */
static bool is_name(const char *verb) {
	return *verb && *verb != '-' &&
		verb[strspn(verb, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

enum cli_status cli_exec(const char *verb, char **argv, bool *found) {
	char path[PATH_MAX];
	int length;

	*found = false;
	if (!is_name(verb))
		return CLI_BAD;
	length = snprintf(path, sizeof(path), "%s/%s", folder(), verb);
	if (length < 0 || (size_t)length >= sizeof(path))
		return CLI_BAD;
	execv(path, argv);
	if (errno == ENOENT || errno == ENOTDIR)
		return CLI_BAD;
	*found = true;
	cli_complain("It is the program behind this verb; see that it can be run.", "%s: %s", path,
		strerror(errno));
	return CLI_BAD;
}
