/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "machine/build.h"

#define HYPERVISOR "/sys/hypervisor/"

/* "virt_caps              : pv hvm hvm_directio": the value of a line of `xl info`. The arena's. */
static const char *info_value(struct sp_machine *machine, const char *key) {
	const char *line = sp_files_text(&machine->files, "xl info");
	size_t length = strlen(key);

	for (; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		const char *value = line + length;

		if (strncmp(line, key, length) || !strchr(" \t:", *value))
			continue;
		value += strspn(value, " \t");
		if (*value++ != ':')
			continue;
		value += strspn(value, " \t");
		return sp_arena_strndup(&machine->arena, value, strcspn(value, "\r\n"));
	}
	return NULL;
}

static enum sp_known known(bool yes) {
	return yes ? SP_YES : SP_NO;
}

/* "THING enabled", "THING disabled" in Xen's log; the last one counts. */
static enum sp_known log_says(const struct sp_machine *machine, const char *thing) {
	enum sp_known answer = SP_UNKNOWN;
	const char *at = machine->xen.log;
	size_t length = strlen(thing);

	while (at && (at = strstr(at, thing))) {
		at += length;
		if (strncmp(at, " enabled", 8) == 0)
			answer = SP_YES;
		else if (strncmp(at, " disabled", 9) == 0)
			answer = SP_NO;
	}
	return answer;
}

static void read_version(struct sp_machine *machine) {
	struct sp_xen_facts *xen = &machine->xen;
	const char *extra = sp_files_text(&machine->files, HYPERVISOR "version/extra");
	const char *major = sp_files_text(&machine->files, HYPERVISOR "version/major");
	const char *minor = sp_files_text(&machine->files, HYPERVISOR "version/minor");
	uint64_t numbers[2];

	xen->version = info_value(machine, "xen_version");
	if (build_number(major, &numbers[0]) && build_number(minor, &numbers[1]) &&
		numbers[0] < 1000 && numbers[1] < 1000) {
		xen->release_known = true;
		xen->major = (uint32_t)numbers[0];
		xen->minor = (uint32_t)numbers[1];
	} else if (xen->version) {
		xen->release_known = sscanf(xen->version, "%4u.%4u", &xen->major, &xen->minor) == 2;
	}
	if (!xen->version && xen->release_known)
		xen->version = sp_arena_printf(
			&machine->arena, "%u.%u%.64s", xen->major, xen->minor, extra ? extra : "");
}

/* "(XEN) Command line: placeholder iommu=verbose" */
static const char *log_command_line(struct sp_machine *machine) {
	static const char mark[] = "(XEN) Command line: ";
	const char *found = machine->xen.log ? strstr(machine->xen.log, mark) : NULL;

	if (!found)
		return NULL;
	found += sizeof(mark) - 1;
	return sp_arena_strndup(&machine->arena, found, strcspn(found, "\r\n"));
}

static void read_abilities(struct sp_machine *machine) {
	struct sp_xen_facts *xen = &machine->xen;
	const char *caps = info_value(machine, "virt_caps");
	const char *ats;
	size_t size;

	xen->iommu = log_says(machine, "I/O virtualisation");
	xen->interrupt_remapping = log_says(machine, "Interrupt remapping");
	if (caps) {
		xen->hvm = known(build_has_word(caps, "hvm"));
		xen->pv = known(build_has_word(caps, "pv"));
		xen->hap = known(build_has_word(caps, "hap"));
		xen->hvm_directio = known(build_has_word(caps, "hvm_directio"));
		/* They stand for an IOMMU that is on, with HVM and with PV. */
		if (!xen->iommu)
			xen->iommu = known(
				xen->hvm_directio == SP_YES || build_has_word(caps, "pv_directio"));
	}
	if (!xen->command_line)
		return;
	ats = sp_command_line_word(xen->command_line, "ats", &size);
	xen->ats = known(ats && !(size == 1 && *ats == '0') &&
		!(size == 2 && !memcmp(ats, "no", 2)) && !(size == 3 && !memcmp(ats, "off", 3)) &&
		!(size == 5 && !memcmp(ats, "false", 5)));
}

/* "QEMU emulator version 10.0.2 (Debian …)" of any of the paths that were tried. */
static void read_qemu(struct sp_machine *machine) {
	static const char mark[] = "emulator version ";

	for (uint32_t i = 0; i < machine->files.records.count; i++) {
		const struct sp_record *record = &machine->files.records.data[i];
		const char *found =
			record->kind == SP_RECORD_COMMAND && strstr(record->name, "qemu-system-")
			? strstr(record->data, mark)
			: NULL;

		if (!found)
			continue;
		found += sizeof(mark) - 1;
		machine->xen.qemu =
			sp_arena_strndup(&machine->arena, found, strcspn(found, " \r\n"));
		return;
	}
}

static enum sp_dom0_kind dom0_kind(struct sp_machine *machine) {
	const char *type = sp_files_text(&machine->files, HYPERVISOR "type");
	const char *guest = sp_files_text(&machine->files, HYPERVISOR "guest_type");
	const char *caps = sp_files_text(&machine->files, "/proc/xen/capabilities");
	const char *first = sp_files_text(&machine->files, HYPERVISOR "start_flags/initdomain");
	const char *value;
	size_t size;

	if (!type || strcmp(type, "xen") != 0)
		return type || machine->kernel.release ? SP_DOM0_NONE : SP_DOM0_UNKNOWN;
	if (first ? first[0] != '1' : caps && !strstr(caps, "control_d"))
		return SP_DOM0_IS_GUEST;
	if (!first && !caps && !sp_files_get(&machine->files, "xl info"))
		return SP_DOM0_UNKNOWN;
	if (guest && strcmp(guest, "PV") == 0)
		return SP_DOM0_IS_PV;
	if (guest && strcmp(guest, "PVH") == 0)
		return SP_DOM0_IS_PVH;
	if (guest || !machine->xen.command_line)
		return SP_DOM0_UNKNOWN;
	value = sp_command_line_word(machine->xen.command_line, "dom0", &size);
	return value && size >= 3 && memmem(value, size, "pvh", 3) ? SP_DOM0_IS_PVH : SP_DOM0_IS_PV;
}

void build_xen(struct sp_machine *machine) {
	struct sp_xen_facts *xen = &machine->xen;
	const char *free_memory = info_value(machine, "free_memory");
	uint64_t mib;

	xen->log = sp_files_text(&machine->files, "xl dmesg");
	xen->command_line = info_value(machine, "xen_commandline");
	if (!xen->command_line)
		xen->command_line = log_command_line(machine);
	read_version(machine);
	read_abilities(machine);
	read_qemu(machine);
	if (build_number(free_memory, &mib) && mib <= UINT32_MAX) {
		xen->free_known = true;
		xen->free_mib = (uint32_t)mib;
	}
	xen->dom0 = dom0_kind(machine);
}
