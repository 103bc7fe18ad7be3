/* SPDX-License-Identifier: MIT */
#include "findings.h"

#define RTC "/soc/rtc@9010000"
#define GPU "/soc/bus@b000000/gpu@b000000"
#define HIDDEN "/soc/hidden@40000000"
#define LARGE "/soc/large@4000000000"
#define FAR "/soc/far@fffffff000"
#define MIB(n) ((uint64_t)(n) << 20)

static const struct finding_case CASES[] = {
	{SP_CODE_PLACE_MOVED, "NN-", HIDDEN, "0x40000000", {.tree = "places", .devices = {HIDDEN}},
		{.changes = {{HIDDEN, "reg", "0 0x3ffff000 0 0x1000"}}}},
	{SP_CODE_PLACE_NO_HOLE, "EE-", LARGE, "0x4000000000",
		{.tree = "places", .devices = {LARGE}, .pci = true}, {.tree = "places"}},
	{SP_CODE_PLACE_NO_HOLE, "EE-", LARGE, "0x4000000000",
		{.tree = "places", .devices = {LARGE}, .changes = {{LARGE, "reg", "0x40 0 1 1"}}},
		{.changes = {{LARGE, "reg", "0x40 0 1 0"}}}},
	{SP_CODE_PLACE_OVERLAP, "--E", RTC, "0x9010000",
		{.tree = "places", .devices = {RTC}, .memory = 16, .static_memory = MIB(144)},
		{.static_memory = MIB(160)}},
	{SP_CODE_PLACE_LIMIT, "--E", FAR, "0xfffffff000",
		{.tree = "places",
			.devices = {FAR},
			.changes = {{FAR, "reg", "0xff 0xfffff000 0 0x1001"}}},
		{.tree = "places"}},
	{SP_CODE_PLACE_DMA_LIMIT, "WWW", GPU, "/soc/bus@b000000",
		{.tree = "places",
			.devices = {GPU},
			.changes = {{"/soc/bus@b000000", "dma-ranges", "0 0 0 0 0 0x5fffffff"}}},
		{.tree = "places"}},
	/* The second bank is above 8 GiB. */
	{SP_CODE_PLACE_DMA_LIMIT, "WW-", GPU, "0x200001000",
		{.tree = "places",
			.devices = {GPU},
			.memory = 3073,
			.changes = {{"/soc/bus@b000000", "dma-ranges", "0 0 0 0 2 0x1000"}}},
		{.memory = 3072,
			.changes = {{"/soc/bus@b000000", "dma-ranges", "0 0 0 0 2 0x1000"}}}},
	/* 496 tables of 2 MiB and one of 1 GiB, of 496 that fit. */
	{SP_CODE_PLACE_TABLES, "NNN", NULL, "497 tables",
		{.tree = "places", .devices = {LARGE}, .changes = {{LARGE, "reg", "0x40 0 0 0x3e000000"}}},
		{.changes = {{LARGE, "reg", "0x40 0 0 0x3de00000"}}}},
	{SP_CODE_TREE_TOO_LARGE, "E--", NULL, "1048576",
		{.tree = "places",
			.devices = {RTC},
			.changes = {{RTC, "vendor,table", "*1048576"}}},
		{.changes = {{RTC, "vendor,table", "*1040000"}}}},
	{SP_CODE_TREE_TOO_LARGE, "-E-", NULL, "2097152",
		{.tree = "places",
			.devices = {RTC},
			.mode = "dom0less",
			.changes = {{RTC, "vendor,table", "*2094000"}}},
		{.changes = {{RTC, "vendor,table", "*2090000"}}}},
	{SP_CODE_TREE_TOO_LARGE, "-EE", NULL, "4096",
		{.tree = "places",
			.devices = {RTC},
			.target = "xen-4.17",
			.changes = {{RTC, "vendor,table", "*4096"}}},
		{.target = "xen-4.18", .changes = {{RTC, "vendor,table", "*4096"}}}},
	{SP_CODE_GUEST_VPCI, "WWW", NULL, "xen-4.20",
		{.tree = "places", .devices = {RTC}, .pci = true}, {.tree = "places"}},
	/* 1 GiB is all that the board has. */
	{SP_CODE_STATIC_MEMORY, "--E", NULL, "1025 MiB",
		{.tree = "places", .devices = {RTC}, .memory = 1025}, {.memory = 1024}},
	{SP_CODE_STATIC_MEMORY, "--E", NULL, "--static-memory",
		{.tree = "places",
			.devices = {RTC},
			.changes = {{"/memory@80000000", "reg", NULL}}},
		{.tree = "places"}},
	/* One that the user chose. */
	{SP_CODE_STATIC_UNSEEN, "--W", NULL, "0xb0000000",
		{.tree = "places", .devices = {RTC}, .static_memory = MIB(2816)},
		{.static_memory = MIB(2560)}},
	/* The last address is the highest of 40 bits. */
	{SP_CODE_STATIC_MEMORY, "--E", NULL, "40 bits",
		{.tree = "places", .devices = {RTC}, .static_memory = MIB((1 << 20) - 511)},
		{.static_memory = MIB((1 << 20) - 512)}},
	{SP_CODE_STATIC_MEMORY, "--E", NULL, "40 bits",
		{.tree = "places", .devices = {RTC}, .static_memory = UINT64_MAX - 0xfffff},
		{.static_memory = MIB(2560)}},
	{SP_CODE_STATIC_MEMORY, "--E", NULL, "0x90000000",
		{.tree = "dependencies", .devices = {RTC}, .static_memory = MIB(2304)},
		{.static_memory = MIB(2320)}},
	{SP_CODE_STATIC_BUILD, "--W", NULL, "CONFIG_STATIC_MEMORY",
		{.tree = "places", .devices = {RTC}}, {.mode = "dom0less"}},
	{SP_CODE_HOTPLUG_VERSION, "E--", NULL, "xen-4.18",
		{.tree = "places", .devices = {RTC}, .hotplug = true, .target = "xen-4.18"},
		{.hotplug = true, .target = "xen-4.19"}},
	{SP_CODE_HOTPLUG_RESERVED, "N--", NULL, "does not have them yet",
		{.tree = "places", .devices = {RTC}, .hotplug = true}, {.tree = "places"}},
	{SP_CODE_HOTPLUG_BOOT, "-EE", NULL, "at boot",
		{.tree = "places", .devices = {RTC}, .hotplug = true}, {.tree = "places"}},
	{SP_CODE_GUESTS_DEVICE, "EEE", RTC, RTC,
		{.tree = "places", .devices = {RTC}, .others = {RTC}}, {.others = {GPU}}},
	/* A part of a device is the device's. */
	{SP_CODE_GUESTS_DEVICE, "EEE", "/soc/parent@a050000/child@a051000", "/soc/parent@a050000",
		{.tree = "resources",
			.devices = {"/soc/parent@a050000"},
			.others = {"/soc/parent@a050000/child@a051000"}},
		{.others = {RTC}}},
};

const struct finding_table GUEST_FINDINGS = {CASES, sizeof(CASES) / sizeof(CASES[0])};
