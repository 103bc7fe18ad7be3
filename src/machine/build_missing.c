/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "machine/build.h"

/* What is denied is told by its kind, not file by file. */
static const struct {
	const char *prefix, *says;
} KINDS[] = {
	{"/boot/config-", "the kernel's configuration may not be read"},
	{"/dev/xen/privcmd", "/dev/xen/privcmd may not be opened: GSIs are not known"},
	{"/proc/", "some of /proc may not be read"},
	{"/sys/bus/", "some of /sys/bus/pci may not be read"},
	{"/sys/firmware/acpi/", "firmware's tables may not be read: RMRRs are not known"},
	{"/sys/firmware/efi/", "firmware's variables may not be read"},
	{"/sys/kernel/", "some of /sys/kernel may not be read"},
	{"xl dmesg", "`xl dmesg` fails: Xen's log is not known"},
	{"xl info", "`xl info` fails: Xen's abilities are not known"},
};

static bool any_denied(const struct sp_machine *machine, const char *prefix) {
	uint32_t first, count = sp_files_range(&machine->files, prefix, &first);

	for (uint32_t i = first; i < first + count; i++) {
		if (machine->files.records.data[i].kind == SP_RECORD_DENIED)
			return true;
	}
	return false;
}

static void tell(struct sp_machine *machine, const char *text) {
	const char **slot = sp_vec_push(&machine->arena, &machine->missing);

	if (slot)
		*slot = text;
}

void build_missing(struct sp_machine *machine) {
	uint32_t cut = 0;
	bool zeros = machine->ram && !machine->windows.count;

	for (uint32_t i = 0; i < machine->function_count; i++)
		cut += machine->functions[i].config.known < SP_PCI_CONFIG_PCI;
	if (cut) {
		const char *text = sp_arena_printf(&machine->arena,
			"the configuration of %u of %u functions is cut short: their capabilities "
			"are not known",
			cut, machine->function_count);

		if (text)
			tell(machine, text);
	}
	for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
		if (any_denied(machine, KINDS[i].prefix))
			tell(machine, KINDS[i].says);
	}
	if (zeros && sp_files_text(&machine->files, "/proc/iomem"))
		tell(machine, "/proc/iomem hides its addresses");
	if (!machine->kernel.has_config && sp_files_text(&machine->files, "exists /proc/config.gz"))
		tell(machine,
			"the kernel's configuration is in /proc/config.gz alone, which is not "
			"unpacked: put `zcat /proc/config.gz` into /boot/config-RELEASE");
}

const char *sp_machine_missing(const struct sp_machine *machine, uint32_t index) {
	return index < machine->missing.count ? machine->missing.data[index] : NULL;
}
