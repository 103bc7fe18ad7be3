/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "machine/build.h"
#include "pci/address.h"

/* Lines of the file `resource`. */
#define ROM_LINE 6u
#define VF_LINE 7u
#define RESOURCE_LINES (VF_LINE + SP_PCI_BARS)
#define RESOURCE_IO 0x100u
#define RESOURCE_PREFETCH 0x2000u
#define RESOURCE_WIDE 0x100000u
#define RESOURCE_UNSET 0x20000000u

struct resource {
	uint64_t start, size, flags;
};

static uint64_t read_id(const struct sp_machine *machine, sp_bdf bdf, const char *name) {
	const char *text = build_text(machine, bdf, name);

	return text ? strtoull(text, NULL, 16) : 0;
}

static int32_t read_int(
	const struct sp_machine *machine, sp_bdf bdf, const char *name, int32_t none) {
	uint64_t value;

	return build_number(build_text(machine, bdf, name), &value) && value <= INT32_MAX
		? (int32_t)value
		: none;
}

/* A virtual function's own IDs read as all ones, and the kernel knows better. */
static void read_config(struct sp_machine *machine, struct sp_function *function) {
	uint8_t bytes[SP_PCI_CONFIG_MAX];
	uint64_t vendor = read_id(machine, function->bdf, "vendor");
	uint64_t device = read_id(machine, function->bdf, "device");
	char name[SP_FILES_NAME] = BUILD_DEVICES;
	const struct sp_record *record;
	struct sp_error error;
	size_t size;

	sp_bdf_format(name + strlen(name), function->bdf);
	strcat(name, "/config");
	record = sp_files_get(&machine->files, name);
	size = record && record->kind == SP_RECORD_BYTES ? record->size : 0;
	if (size > sizeof(bytes))
		size = sizeof(bytes);
	if (size)
		memcpy(bytes, record->data, size);
	if (size >= SP_PCI_CONFIG_MIN && memcmp(bytes, "\xff\xff\xff\xff", 4) == 0 && vendor &&
		memcmp(bytes + 4, "\xff\xff\xff\xff", 4) != 0) {
		bytes[0] = (uint8_t)vendor;
		bytes[1] = (uint8_t)(vendor >> 8);
		bytes[2] = (uint8_t)device;
		bytes[3] = (uint8_t)(device >> 8);
	}
	if (size && sp_pci_config_read(&function->config, bytes, size, &error))
		return;
	/* It is in the machine, and that is all that is known of its registers. */
	function->config = (struct sp_pci_config){
		.vendor = (uint16_t)vendor,
		.device = (uint16_t)device,
		.subvendor = (uint16_t)read_id(machine, function->bdf, "subsystem_vendor"),
		.subdevice = (uint16_t)read_id(machine, function->bdf, "subsystem_device"),
		.class = (uint32_t)read_id(machine, function->bdf, "class") & 0xffffff,
		.pcie = SP_PCIE_NONE,
	};
}

static uint32_t read_resources(const char *text, struct resource *resources) {
	uint32_t count = 0;

	for (; text && *text && count < RESOURCE_LINES; count++) {
		struct resource *resource = &resources[count];
		uint64_t last;
		char *end;

		resource->start = strtoull(text, &end, 16);
		last = strtoull(end, &end, 16);
		resource->flags = strtoull(end, &end, 16);
		resource->size = resource->flags && last >= resource->start && last
			? last - resource->start + 1
			: 0;
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return count;
}

/* The kernel knows the sizes, and of a virtual function the addresses, too. */
static void place(struct sp_bar *bar, const struct resource *resource) {
	if (!resource->size)
		return;
	bar->size = resource->size;
	if (bar->present)
		return;
	*bar = (struct sp_bar){
		.present = true,
		.address = resource->flags & RESOURCE_UNSET ? 0 : resource->start,
		.size = resource->size,
		.io = resource->flags & RESOURCE_IO,
		.wide = resource->flags & RESOURCE_WIDE,
		.prefetch = resource->flags & RESOURCE_PREFETCH,
	};
}

/* The kernel's folder of it was read, so that a file that is not there tells something: this one is
 * in each, and nothing but a kernel tells of it. */
static bool was_asked(const struct sp_machine *machine, const struct sp_function *function) {
	return build_text(machine, function->bdf, "dma_mask_bits");
}

static void read_sizes(struct sp_machine *machine, struct sp_function *function) {
	struct resource resources[RESOURCE_LINES] = {0};
	const char *text = build_text(machine, function->bdf, "resource");
	uint32_t count = read_resources(text, resources);
	int32_t total =
		read_int(machine, function->bdf, "sriov_totalvfs", function->config.sriov.total);
	char address[SP_BDF_SIZE];
	uint64_t size;

	for (uint32_t i = 0; i < SP_PCI_BARS && i < count; i++)
		place(&function->config.bars[i], &resources[i]);
	if (count > ROM_LINE)
		place(&function->config.rom, &resources[ROM_LINE]);
	for (uint32_t i = 0; i < SP_PCI_BARS && total > 0; i++)
		function->vf_sizes[i] = resources[VF_LINE + i].size / (uint64_t)total;
	for (uint32_t i = 0; i < SP_PCI_BARS; i++) {
		if (function->vf_sizes[i])
			function->config.sriov.bars[i].size = function->vf_sizes[i];
	}
	sp_bdf_format(address, function->bdf);
	if (build_number(sp_files_text(&machine->files, "size " BUILD_DEVICES "%s/rom", address),
		    &size) &&
		size) {
		function->rom_readable = SP_YES;
		function->config.rom.present = true;
		if (!function->config.rom.size)
			function->config.rom.size = size;
	} else if (was_asked(machine, function)) {
		function->rom_readable = SP_NO;
	}
}

/* Where the capability is beyond what this user may read, the kernel tells of it. */
static void read_rebar(struct sp_machine *machine, struct sp_function *function) {
	struct sp_pci_config *config = &function->config;

	for (uint8_t i = 0; i < SP_PCI_BARS && !config->has_extended; i++) {
		char name[] = "resource0_resize";
		struct sp_rebar *rebar = &config->rebar[config->rebar_count];
		uint64_t size = config->bars[i].size;
		const char *text;

		name[8] = (char)('0' + i);
		text = build_text(machine, function->bdf, name);
		if (!text)
			continue;
		*rebar = (struct sp_rebar){.bar = i, .sizes = strtoull(text, NULL, 16)};
		while (size >> 21 && rebar->current < 63) {
			size >>= 1;
			rebar->current++;
		}
		config->rebar_count++;
	}
}

/* Those who hold a function for a guest are pciback, vfio-pci, and the latter's relatives. */
static bool holds(const char *driver) {
	return !strcmp(driver, "pciback") || !strcmp(driver, "xen-pciback") ||
		!strcmp(driver, "vfio-pci") || strstr(driver, "vfio_pci") ||
		strstr(driver, "vfio-pci");
}

static void read_driver(struct sp_machine *machine, struct sp_function *function) {
	char address[SP_BDF_SIZE];

	sp_bdf_format(address, function->bdf);
	function->driver = sp_base_name(build_text(machine, function->bdf, "driver"));
	if (function->driver && *function->driver)
		function->assignable = holds(function->driver) ? SP_YES : SP_NO;
	else if (sp_files_text(&machine->files, BUILD_DEVICES "%s", address))
		function->assignable = SP_NO;
	if (function->driver && !*function->driver)
		function->driver = NULL;
}

/* Since Linux 5.15 the file is there if there is any method. */
static void read_resets(struct sp_machine *machine, struct sp_function *function) {
	const struct sp_kernel_facts *kernel = &machine->kernel;
	const char *text = build_text(machine, function->bdf, "reset_method");

	function->resets_known = text ||
		(was_asked(machine, function) &&
			(kernel->major > 5 || (kernel->major == 5 && kernel->minor >= 15)));
	while (text && function->reset_count < SP_RESETS_MAX) {
		size_t size;
		char *method;

		text += strspn(text, " \t\n");
		size = strcspn(text, " \t\n");
		if (!size)
			break;
		method = sp_arena_strndup(&machine->arena, text, size);
		if (!method)
			break;
		function->resets[function->reset_count++] = method;
		text += size;
	}
}

static void read_gsi(struct sp_machine *machine, struct sp_function *function) {
	char address[SP_BDF_SIZE];
	const char *text;
	uint64_t gsi;

	sp_bdf_format(address, function->bdf);
	text = sp_files_text(&machine->files, "gsi %s", address);
	if (build_number(text, &gsi) && gsi <= INT32_MAX) {
		function->gsi = (int32_t)gsi;
		machine->kernel.gsi_call = SP_YES;
	} else if (text) {
		function->gsi_error = text;
		if (!strcmp(text, "ENOTTY") || !strcmp(text, "ENOSYS"))
			machine->kernel.gsi_call = SP_NO;
		else if (!machine->kernel.gsi_call)
			machine->kernel.gsi_call = SP_YES;
	}
}

static void read_function(struct sp_machine *machine, struct sp_function *function) {
	const char *group = sp_base_name(build_text(machine, function->bdf, "iommu_group"));
	const char *boot = build_text(machine, function->bdf, "boot_vga");
	char address[SP_BDF_SIZE];
	uint64_t number;

	read_config(machine, function);
	read_sizes(machine, function);
	read_rebar(machine, function);
	read_driver(machine, function);
	read_resets(machine, function);
	read_gsi(machine, function);
	sp_bdf_format(address, function->bdf);
	function->name = sp_files_text(&machine->files, "name %s", address);
	function->boot_display = boot && boot[0] == '1';
	function->irq = read_int(machine, function->bdf, "irq", -1);
	function->numa = read_int(machine, function->bdf, "numa_node", -1);
	function->dma_bits = (uint32_t)read_int(machine, function->bdf, "dma_mask_bits", 0);
	if (build_number(group, &number) && number <= INT32_MAX) {
		function->group = (int32_t)number;
		machine->groups_known = true;
	}
}

/* The address that a record's name begins with; SP_BDF_NONE if it is none. */
static sp_bdf record_bdf(const struct sp_record *record) {
	const char *text = record->name + strlen(BUILD_DEVICES);
	size_t size = strcspn(text, "/");
	char address[SP_BDF_SIZE], same[SP_BDF_SIZE];
	sp_bdf bdf;

	if (size >= sizeof(address))
		return SP_BDF_NONE;
	memcpy(address, text, size);
	address[size] = '\0';
	if (!sp_bdf_parse(address, &bdf))
		return SP_BDF_NONE;
	/* Records are looked for by this name alone. */
	sp_bdf_format(same, bdf);
	return strcmp(address, same) == 0 ? bdf : SP_BDF_NONE;
}

/* All functions of a slot are marked if one of them is a GPU. */
static void mark_gpus(struct sp_machine *machine) {
	for (uint32_t i = 0, count; i < machine->function_count; i += count) {
		struct sp_function *slot = sp_machine_slot(machine, &machine->functions[i], &count);
		bool gpu = false;

		for (uint32_t f = 0; f < count; f++)
			gpu = gpu || sp_pci_class_is_gpu(slot[f].config.class);
		for (uint32_t f = 0; f < count; f++)
			slot[f].gpu = gpu;
	}
}

static int by_bdf(const void *a, const void *b) {
	const struct sp_function *left = a, *right = b;

	return (left->bdf > right->bdf) - (left->bdf < right->bdf);
}

bool build_functions(struct sp_machine *machine, struct sp_error *error) {
	SP_VEC(struct sp_function) functions = {0};
	sp_bdf last = SP_BDF_NONE;
	uint32_t first, count = sp_files_range(&machine->files, BUILD_DEVICES, &first);

	machine->groups_known =
		sp_files_text(&machine->files, "list /sys/kernel/iommu_groups") != NULL;
	for (uint32_t i = first; i < first + count; i++) {
		const struct sp_record *record = &machine->files.records.data[i];
		sp_bdf bdf = record_bdf(record);
		struct sp_function *function;

		if (bdf == SP_BDF_NONE)
			return sp_error_set(error, SP_ERROR_INPUT,
				"%.200s: no function has this address, which is written as in "
				"0000:03:00.0",
				record->name);
		if (bdf == last)
			continue;
		function = sp_vec_push(&machine->arena, &functions);
		if (!function)
			return sp_error_memory(error);
		*function = (struct sp_function){
			.bdf = last = bdf, .irq = -1, .gsi = -1, .group = -1, .numa = -1};
	}
	if (!functions.count)
		return sp_error_set(error, SP_ERROR_INPUT, "no PCI function is to be found");
	qsort(functions.data, functions.count, sizeof(*functions.data), by_bdf);
	machine->functions = functions.data;
	machine->function_count = functions.count;
	for (uint32_t i = 0; i < functions.count; i++)
		read_function(machine, &functions.data[i]);
	mark_gpus(machine);
	return true;
}
