/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/build.h"

#define FOUR_GIB (UINT64_C(4) << 30)
#define EFI_VARIABLE "/sys/firmware/efi/efivars/SecureBoot-"

static const char *config_text(const struct sp_machine *machine) {
	static const char *const prefixes[] = {
		"/boot/config-", "/lib/modules/", "/usr/lib/modules/"};
	const char *release = machine->kernel.release;
	const char *text = NULL;

	if (release) {
		text = sp_files_text(&machine->files, "/boot/config-%s", release);
		if (!text)
			text = sp_files_text(&machine->files, "/lib/modules/%s/config", release);
		return text ? text
			    : sp_files_text(&machine->files, "/usr/lib/modules/%s/config", release);
	}
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]) && !text; i++) {
		uint32_t first;

		if (sp_files_range(&machine->files, prefixes[i], &first) == 1)
			text = sp_files_text(
				&machine->files, "%s", machine->files.records.data[first].name);
	}
	return text;
}

char sp_machine_config(const struct sp_machine *machine, const char *option) {
	const char *line = config_text(machine);
	size_t length = strlen(option);

	if (!line)
		return '?';
	while (line && *line) {
		if (strncmp(line, option, length) == 0 && line[length] == '=')
			return line[length + 1] == 'm' ? 'm' : line[length + 1] == 'n' ? 'n' : 'y';
		line = strchr(line, '\n');
		if (line)
			line++;
	}
	return 'n';
}

/* "  00100000-7fffffff : System RAM" */
static void read_windows(struct sp_machine *machine) {
	const char *line = sp_files_text(&machine->files, "/proc/iomem");

	for (; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		bool nested = line[0] == ' ';
		char *end;
		uint64_t first = strtoull(line, &end, 16), last;
		struct sp_window *window;
		bool ram;

		if (*end != '-')
			continue;
		last = strtoull(end + 1, &end, 16);
		/* One who is not root sees zeros. */
		if (strncmp(end, " : ", 3) || last <= first)
			continue;
		ram = strncmp(end + 3, "System RAM", 10) == 0;
		if (nested || (!ram && strncmp(end + 3, "PCI Bus", 7)))
			continue;
		window = sp_vec_push(&machine->arena, &machine->windows);
		if (!window)
			return;
		*window = (struct sp_window){.first = first, .last = last, .ram = ram};
		if (!ram)
			continue;
		machine->ram += last - first + 1;
		if (first < FOUR_GIB)
			machine->ram_below_4g += (last < FOUR_GIB ? last + 1 : FOUR_GIB) - first;
	}
}

static void read_memory(struct sp_machine *machine) {
	const char *text = sp_files_text(&machine->files, "/proc/meminfo");
	unsigned long long kib;

	read_windows(machine);
	if (!machine->ram && text && sscanf(text, "MemTotal: %llu kB", &kib) == 1 &&
		kib < UINT64_MAX >> 10)
		machine->ram = (uint64_t)kib << 10;
}

static void read_cpu(struct sp_machine *machine) {
	const char *text = sp_files_text(&machine->files, "/proc/cpuinfo");
	const char *vendor = text ? strstr(text, "vendor_id") : NULL;
	const char *colon = vendor ? strchr(vendor, ':') : NULL;

	if (!colon)
		return;
	colon += 1 + strspn(colon + 1, " \t");
	machine->cpu = sp_arena_strndup(&machine->arena, colon, strcspn(colon, " \t\n"));
}

static void read_vfio(struct sp_machine *machine) {
	const char *value = sp_files_text(
		&machine->files, "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts");

	if (value)
		machine->kernel.unsafe_interrupts = *value == 'Y' ? SP_YES : SP_NO;
}

static void read_firmware(struct sp_machine *machine) {
	const char *list = sp_files_text(&machine->files, "list /sys/firmware");
	uint32_t first;

	if (list)
		machine->kernel.efi = build_has_word(list, "efi") ? SP_YES : SP_NO;
	if (machine->kernel.efi == SP_NO)
		machine->kernel.secure_boot = SP_NO;
	if (sp_files_range(&machine->files, EFI_VARIABLE, &first)) {
		const struct sp_record *record = &machine->files.records.data[first];

		/* Four bytes of attributes stand before the value. */
		if (record->kind == SP_RECORD_BYTES && record->size >= 5)
			machine->kernel.secure_boot = record->data[4] ? SP_YES : SP_NO;
	}
}

/* "Linux version 6.12.94+deb13-amd64 (…" */
static const char *version_release(struct sp_machine *machine) {
	static const char mark[] = "Linux version ";
	const char *text = sp_files_text(&machine->files, "/proc/version");

	if (!text || strncmp(text, mark, sizeof(mark) - 1))
		return NULL;
	text += sizeof(mark) - 1;
	return sp_arena_strndup(&machine->arena, text, strcspn(text, " \n"));
}

void build_kernel(struct sp_machine *machine) {
	struct sp_kernel_facts *kernel = &machine->kernel;

	kernel->release = sp_files_text(&machine->files, "/proc/sys/kernel/osrelease");
	if (!kernel->release)
		kernel->release = version_release(machine);
	if (kernel->release &&
		sscanf(kernel->release, "%9u.%9u", &kernel->major, &kernel->minor) != 2)
		kernel->major = kernel->minor = 0;
	kernel->command_line = sp_files_text(&machine->files, "/proc/cmdline");
	kernel->has_config = config_text(machine) != NULL;
	read_memory(machine);
	read_cpu(machine);
	read_firmware(machine);
	read_vfio(machine);
}
