/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <sallyport/machine.h>

#include "machine/collect.h"
#include "pci/config.h"

#define DEVICES "/sys/bus/pci/devices"
#define GROUPS "/sys/kernel/iommu_groups"

/* Of each function. */
static const char *const TEXTS[] = {"boot_vga", "class", "device", "dma_mask_bits", "enable", "irq",
	"numa_node", "power_state", "reset_method", "resource", "resource0_resize",
	"resource1_resize", "resource2_resize", "resource3_resize", "resource4_resize",
	"resource5_resize", "sriov_numvfs", "sriov_offset", "sriov_stride", "sriov_totalvfs",
	"subsystem_device", "subsystem_vendor", "vendor"};
static const char *const LINKS[] = {"driver", "iommu_group", "physfn"};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A ROM is looked at from outside: to read it, it would have to be switched on. */
static void collect_rom(struct collector *collector, const char *name) {
	char full[PATH_MAX], size[24];
	struct stat status;
	int length = snprintf(full, sizeof(full), "%s" DEVICES "/%s/rom", collector->root, name);

	if (length < 0 || (size_t)length >= sizeof(full) || stat(full, &status))
		return;
	snprintf(size, sizeof(size), "%llu", (unsigned long long)status.st_size);
	collect_call(collector, collect_path(collector, "size " DEVICES "/%s/rom", name), size);
}

static void collect_function(struct collector *collector, const char *name) {
	collect_link(collector, collect_path(collector, DEVICES "/%s", name));
	collect_bytes(
		collector, collect_path(collector, DEVICES "/%s/config", name), SP_PCI_CONFIG_MAX);
	for (size_t i = 0; i < COUNT(TEXTS); i++)
		collect_text(collector, collect_path(collector, DEVICES "/%s/%s", name, TEXTS[i]));
	for (size_t i = 0; i < COUNT(LINKS); i++)
		collect_link(collector, collect_path(collector, DEVICES "/%s/%s", name, LINKS[i]));
	collect_rom(collector, name);
}

static void collect_groups(struct collector *collector) {
	struct names groups;

	if (!collect_list(collector, GROUPS, &groups))
		return;
	for (uint32_t i = 0; i < groups.count; i++) {
		collect_text(collector, collect_path(collector, GROUPS "/%s/type", groups.data[i]));
		collect_text(collector,
			collect_path(collector, GROUPS "/%s/reserved_regions", groups.data[i]));
	}
}

void collect_functions(struct collector *collector, struct names *functions) {
	struct names drivers;
	sp_bdf bdf;
	uint32_t kept = 0;

	if (collect_names(collector, DEVICES, functions)) {
		for (uint32_t i = 0; i < functions->count; i++) {
			if (!sp_bdf_parse(functions->data[i], &bdf))
				continue;
			functions->data[kept++] = functions->data[i];
			collect_function(collector, functions->data[i]);
		}
		functions->count = kept;
	}
	collect_list(collector, "/sys/bus/pci/drivers", &drivers);
	collect_groups(collector);
}
