/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <sallyport/machine.h>

#include "machine/collect.h"

#define HYPERVISOR "/sys/hypervisor"
#define PRIVCMD "/dev/xen/privcmd"
#define LOG_LIMIT ((size_t)4 << 20)
#define LINE_LIMIT ((size_t)4 << 10)

/* The kernel's call for the GSI of a function that pciback holds: xen/privcmd.h of Linux 6.12. */
struct privcmd_gsi {
	uint32_t sbdf;
	uint32_t gsi;
};
#define PRIVCMD_GET_GSI _IOC(_IOC_NONE, 'P', 10, sizeof(struct privcmd_gsi))

static const char *errno_name(int error, char *other, size_t size) {
	switch (error) {
	case EACCES:
		return "EACCES";
	case EINVAL:
		return "EINVAL";
	case ENODEV:
		return "ENODEV";
	case ENOENT:
		return "ENOENT";
	case ENOSYS:
		return "ENOSYS";
	case ENOTTY:
		return "ENOTTY";
	case EOPNOTSUPP:
		return "EOPNOTSUPP";
	case EPERM:
		return "EPERM";
	}
	snprintf(other, size, "E%d", error);
	return other;
}

static void ask_gsi(struct collector *collector, int file, const char *name, sp_bdf bdf) {
	struct privcmd_gsi call = {.sbdf = bdf};
	char value[24], other[16];
	const char *answer = value;

	if (ioctl(file, PRIVCMD_GET_GSI, &call) == 0)
		snprintf(value, sizeof(value), "%u", call.gsi);
	else
		answer = errno_name(errno, other, sizeof(other));
	collect_call(collector, collect_path(collector, "gsi %s", name), answer);
}

static void collect_gsis(struct collector *collector, const struct names *functions) {
	int file = open(PRIVCMD, O_RDWR | O_CLOEXEC);
	sp_bdf bdf;

	if (file < 0) {
		if (errno == EACCES || errno == EPERM)
			sp_files_add(collector->files, SP_RECORD_DENIED, PRIVCMD, "", 0);
		return;
	}
	for (uint32_t i = 0; i < functions->count; i++) {
		if (sp_bdf_parse(functions->data[i], &bdf))
			ask_gsi(collector, file, functions->data[i], bdf);
	}
	close(file);
}

static void collect_xl(struct collector *collector, const char *release, const char *verb) {
	const char *paths[] = {"/usr/sbin/xl", "/usr/local/sbin/xl",
		collect_path(collector, "/usr/lib/xen-%s/bin/xl", release), "xl"};
	const char *name = collect_path(collector, "xl %s", verb);
	struct sp_buf out = {0};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const char *arguments[] = {paths[i], verb, NULL};

		if (!paths[i] || (paths[i][0] == '/' && access(paths[i], X_OK)))
			continue;
		if (collect_run(arguments, LOG_LIMIT, &out))
			collect_add(collector, SP_RECORD_COMMAND, name, &out);
		else
			sp_files_add(collector->files, SP_RECORD_DENIED, name, "", 0);
		break;
	}
	sp_buf_release(&out);
}

/* The device model: xl's, else the system's. */
static void collect_qemu(struct collector *collector, const char *release) {
	const char *paths[] = {"/usr/libexec/xen-qemu-system-i386",
		collect_path(collector, "/usr/lib/xen-%s/bin/qemu-system-i386", release),
		"/usr/lib/xen/bin/qemu-system-i386", "/usr/local/lib/xen/bin/qemu-system-i386",
		"/usr/libexec/xen/bin/qemu-system-i386", "/usr/bin/qemu-system-i386",
		"/usr/bin/qemu-system-x86_64"};
	struct sp_buf out = {0};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const char *arguments[] = {paths[i], "--version", NULL};
		const char *name;

		if (!paths[i] || access(paths[i], X_OK))
			continue;
		name = collect_path(collector, "%s --version", paths[i]);
		if (name && collect_run(arguments, LINE_LIMIT, &out))
			collect_add(collector, SP_RECORD_COMMAND, name, &out);
		break;
	}
	sp_buf_release(&out);
}

static void collect_folder(struct collector *collector, const char *folder) {
	struct names names;

	if (!collect_names(collector, folder, &names))
		return;
	for (uint32_t i = 0; i < names.count; i++)
		collect_text(collector, collect_path(collector, "%s/%s", folder, names.data[i]));
}

static const char *last_word(struct collector *collector, const char *path) {
	struct sp_buf text = {0};
	const char *word = NULL;

	if (collect_read(collector, path, 64, &text) && text.data)
		word = collect_path(collector, "%.*s", (int)strcspn(text.data, "\n"), text.data);
	sp_buf_release(&text);
	return word;
}

void collect_xen(struct collector *collector, const struct names *functions) {
	const char *type = last_word(collector, HYPERVISOR "/type");
	const char *major = last_word(collector, HYPERVISOR "/version/major");
	const char *minor = last_word(collector, HYPERVISOR "/version/minor");
	const char *release = major && minor ? collect_path(collector, "%s.%s", major, minor) : "";

	collect_text(collector, HYPERVISOR "/type");
	collect_text(collector, HYPERVISOR "/guest_type");
	collect_folder(collector, HYPERVISOR "/version");
	/* Beside these there is a build ID, which is no text. */
	collect_text(collector, HYPERVISOR "/properties/capabilities");
	collect_text(collector, HYPERVISOR "/properties/features");
	collect_folder(collector, HYPERVISOR "/start_flags");
	if (collector->root[0] || !release)
		return;
	if (type && strcmp(type, "xen") == 0) {
		collect_xl(collector, release, "info");
		collect_xl(collector, release, "dmesg");
		collect_gsis(collector, functions);
	}
	collect_qemu(collector, release);
}
