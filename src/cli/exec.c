/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Overrides the folder that was configured, as for a build that is not installed. */
#define FOLDER_VARIABLE "SALLYPORT_LIBEXEC"
/* Names the Xen that runs, "4.20", where the kernel does not tell it. */
#define XEN_VARIABLE "SALLYPORT_XEN"

#define XEN_VERSION "/sys/hypervisor/version/"
#define XEN_PREFIX "xen-"
#define RELEASE_SIZE 16

static const char *folder(void) {
	const char *named = getenv(FOLDER_VARIABLE);

	return named && *named ? named : SP_LIBEXECDIR;
}

/* Only such names are looked for, so that no verb leads out of the folder. */
static bool is_name(const char *verb) {
	return *verb && *verb != '-' &&
		verb[strspn(verb, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

/* "4.20" */
static bool is_release(const char *text) {
	size_t major = strspn(text, "0123456789");
	size_t minor = text[major] == '.' ? strspn(text + major + 1, "0123456789") : 0;

	return major && minor && !text[major + 1 + minor] && strlen(text) < RELEASE_SIZE;
}

static bool read_number(const char *path, char *number, size_t size) {
	int file = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = file < 0 ? -1 : read(file, number, size - 1);

	if (file >= 0)
		close(file);
	number[got > 0 ? got : 0] = '\0';
	number[strspn(number, "0123456789")] = '\0';
	return *number;
}

/* Of the Xen below this system. */
static bool running_release(char *release) {
	const char *named = getenv(XEN_VARIABLE);
	char major[8], minor[8];

	if (named && *named) {
		snprintf(release, RELEASE_SIZE, "%s", named);
		return is_release(named);
	}
	if (!read_number(XEN_VERSION "major", major, sizeof(major)) ||
		!read_number(XEN_VERSION "minor", minor, sizeof(minor)))
		return false;
	snprintf(release, RELEASE_SIZE, "%s.%s", major, minor);
	return true;
}

/* False if there is no such file; returns only if it cannot be run. */
static bool try(const char *release, const char *verb, char **argv) {
	char path[PATH_MAX];
	int length = snprintf(path, sizeof(path), "%s/%s%s%s%s", folder(),
		release ? XEN_PREFIX : "", release ? release : "", release ? "/" : "", verb);

	if (length < 0 || (size_t)length >= sizeof(path))
		return false;
	execv(path, argv);
	if (errno == ENOENT || errno == ENOTDIR)
		return false;
	cli_complain("It is the program behind this verb; see that it can be run.", "%s: %s", path,
		strerror(errno));
	return true;
}

static int is_release_folder(const struct dirent *entry) {
	size_t prefix = sizeof(XEN_PREFIX) - 1;

	return strncmp(entry->d_name, XEN_PREFIX, prefix) == 0 &&
		is_release(entry->d_name + prefix);
}

/* The releases that the verb is there for, "4.19, 4.20". False if there are none. */
static bool find_others(const char *verb, char *list, size_t size, char *last) {
	struct dirent **entries;
	int count = scandir(folder(), &entries, is_release_folder, versionsort);
	size_t used = 0;

	*list = '\0';
	for (int i = 0; i < count; i++) {
		const char *release = entries[i]->d_name + sizeof(XEN_PREFIX) - 1;
		char path[PATH_MAX];
		int length = snprintf(
			path, sizeof(path), "%s/%s/%s", folder(), entries[i]->d_name, verb);

		if (length > 0 && (size_t)length < sizeof(path) && access(path, F_OK) == 0 &&
			used + strlen(release) + 3 < size) {
			used += (size_t)snprintf(
				list + used, size - used, "%s%s", used ? ", " : "", release);
			snprintf(last, RELEASE_SIZE, "%s", release);
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return *list;
}

static bool wants_help(char **argv) {
	return argv[0] && argv[1] && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
}

enum cli_status cli_exec(const char *verb, char **argv, bool *found) {
	char release[RELEASE_SIZE] = "", last[RELEASE_SIZE], others[256];
	bool on_xen;

	*found = true;
	if (!is_name(verb)) {
		*found = false;
		return CLI_BAD;
	}
	on_xen = running_release(release);
	if (try(NULL, verb, argv) || (on_xen && try(release, verb, argv)))
		return CLI_BAD;
	*found = find_others(verb, others, sizeof(others), last);
	if (!*found || (wants_help(argv) && try(last, verb, argv)))
		return CLI_BAD;
	if (on_xen)
		cli_complain("Build Sallyport with the libraries of the Xen that runs.",
			"%s: it is here for Xen %s, and Xen %s runs", verb, others, release);
	else
		cli_complain("Run it in dom0. " XEN_VARIABLE " names the Xen where the kernel does "
			     "not.",
			"%s: it is here for Xen %s, and this system does not run on Xen", verb,
			others);
	return CLI_BAD;
}
