/* SPDX-License-Identifier: MIT */
#include "host.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sallyport/suggest.h>

#define PCI_DEVICES "/sys/bus/pci/devices"
#define HEAD_SIZE 4096 /* bytes that tell what a file is */

static void complain(const struct sp_error *error, const char *path, const char *remedy) {
	/* Errors of the file system name the file already. */
	bool named = strncmp(error->message, path, strlen(path)) == 0;

	cli_fail(error, named ? NULL : path, remedy);
}

/* Any directory can be read as a tree; that of a host says at its root what the host is. */
static bool check_root(const struct sp_tree *tree, struct sp_error *error) {
	static const char *const names[] = {"compatible", "model", "#address-cells"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (sp_tree_prop(tree, SP_NODE_ROOT, names[i]))
			return true;
	}
	return sp_error_set(error, SP_ERROR_INPUT,
		"no host's tree: its root has neither compatible nor model nor #address-cells");
}

bool cli_host_load(struct cli_host *host, const char *path) {
	struct sp_error error = {0};
	const char *remedy = NULL;

	if (!sp_tree_load(&host->tree, path, &error) || !check_root(host->tree, &error)) {
		if (error.kind == SP_ERROR_INPUT)
			remedy = "A .dtb is wanted, or a directory such as /proc/device-tree.";
		else if (strcmp(path, CLI_DEFAULT_HOST) == 0)
			remedy = "Name the host's tree: a .dtb, or a copy of /proc/device-tree.";
		complain(&error, path, remedy);
		cli_host_release(host);
		return false;
	}
	if (!sp_host_create(&host->host, host->tree, path, &error)) {
		complain(&error, path, NULL);
		cli_host_release(host);
		return false;
	}
	return true;
}

void cli_host_release(struct cli_host *host) {
	sp_host_destroy(host->host);
	sp_tree_destroy(host->tree);
	host->host = NULL;
	host->tree = NULL;
}

bool cli_is_machine(const char *path) {
	struct stat status;
	char head[HEAD_SIZE];
	ssize_t size = -1;
	int file;

	if (!path)
		return access(CLI_DEFAULT_HOST, F_OK) && access(PCI_DEVICES, F_OK) == 0;
	file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (file < 0)
		return false;
	/* What is read of a pipe would be missing later. */
	if (fstat(file, &status) == 0 && S_ISREG(status.st_mode))
		size = read(file, head, sizeof(head));
	close(file);
	return size > 0 && sp_machine_recognise(head, (size_t)size);
}

bool cli_machine_load(struct sp_machine **machine, const char *path) {
	struct sp_error error = {0};

	if (path ? sp_machine_load(machine, path, &error) : sp_machine_read(machine, NULL, &error))
		return true;
	complain(&error, path ? path : "this machine",
		error.kind == SP_ERROR_INPUT && path
			? "What `sallyport snapshot` or `lspci -vvxxxx` wrote is wanted."
			: NULL);
	return false;
}

bool cli_read_target(const struct cli_usage *usage, const char *text, enum sp_target *target) {
	const char *names[SP_TARGET_COUNT];
	const char *suggestion;

	if (sp_target_parse(text, target))
		return true;
	for (size_t i = 0; i < SP_TARGET_COUNT; i++)
		names[i] = sp_target_name((enum sp_target)i);
	suggestion = sp_suggest(text, names, SP_TARGET_COUNT);
	if (suggestion)
		cli_misuse(usage, "unknown target \"%s\"; did you mean %s?", text, suggestion);
	else
		cli_misuse(usage, "unknown target \"%s\"; they are %s to %s", text, names[0],
			names[SP_TARGET_COUNT - 1]);
	return false;
}

bool cli_read_mode(const struct cli_usage *usage, const char *text, enum sp_mode *mode) {
	if (sp_mode_parse(text, mode))
		return true;
	cli_misuse(usage, "unknown mode \"%s\"; it is xl or dom0less", text);
	return false;
}
