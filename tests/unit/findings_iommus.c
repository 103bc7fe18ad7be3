/* SPDX-License-Identifier: MIT */
#include "findings.h"

#define GPU "/soc/gpu@b000000"
#define CODEC "/soc/codec@b001000"
#define MANY "/soc/many@b006000"
#define SEVERAL "/soc/several@b004000"
#define BRIDGE "/soc/pcie@b000000"

/* Sixteen stream IDs, as many as the SMMU's driver takes. */
#define SIXTEEN \
	"0x10 0x100 0x10 0x101 0x10 0x102 0x10 0x103 0x10 0x104 0x10 0x105 0x10 0x106 0x10 0x107 " \
	"0x10 0x108 0x10 0x109 0x10 0x10a 0x10 0x10b 0x10 0x10c 0x10 0x10d 0x10 0x10e 0x10 0x10f"

/* A bridge's windows with a memory window of another place and size than in the tree. */
#define WINDOWS(child, size) \
	"0x01000000 0 0 0 0x0c000000 0 0x10000 0x02000000 " child " 0x10 0x10000000 " size

static const struct finding_case CASES[] = {
	{SP_CODE_HOST_UNDRIVEN_MASTER, "WWW", CODEC, "/soc/iommu@a040000",
		{.tree = "iommus", .devices = {GPU}, .changes = {{CODEC, "iommus", "0x14 0x20"}}},
		{.tree = "iommus"}},
	/* It is at work whether or not the guest's device is behind it. */
	{SP_CODE_HOST_UNDRIVEN_MASTER, "WWW", CODEC, "/soc/iommu@a040000",
		{.tree = "iommus",
			.devices = {"/soc/rtc@9010000"},
			.changes = {{CODEC, "iommus", "0x14 0x20"}}},
		{.devices = {"/soc/rtc@9010000", CODEC},
			.changes = {{CODEC, "iommus", "0x14 0x20"}}}},
	{SP_CODE_IOMMU_NONE, "EEW", GPU, "no IOMMU",
		{.tree = "iommus", .devices = {GPU}, .changes = {{GPU, "iommus", NULL}}},
		{.tree = "iommus"}},
	{SP_CODE_IOMMU_PERHAPS, "WWW", "/soc/unknown@b008000", "no IOMMU",
		{.tree = "iommus", .devices = {"/soc/unknown@b008000"}},
		{.changes = {{"/soc/unknown@b008000", "iommus", "0x10 0x70"}}}},
	/* A clock is known to do no DMA. */
	{SP_CODE_IOMMU_PERHAPS, "WWW", "/soc/unknown@b008000", "DMA",
		{.tree = "iommus", .devices = {"/soc/unknown@b008000"}},
		{.devices = {"/soc/rtc@9010000"}}},
	{SP_CODE_IOMMU_DISABLED, "EEW", GPU, "/soc/iommu@9020000",
		{.tree = "iommus",
			.devices = {GPU},
			.changes = {{"/soc/iommu@9020000", "status", "\"disabled"}}},
		{.tree = "iommus"}},
	{SP_CODE_IOMMU_ENABLED, "NN-", "/soc/iommu@a001000", "overlay enables it",
		{.tree = "ipmmus", .devices = {GPU}},
		{.changes = {{"/soc/iommu@a001000", "status", "\"okay"}}}},
	{SP_CODE_IOMMU_NO_DRIVER, "EEW", CODEC, "/soc/iommu@a002000",
		{.tree = "ipmmus", .devices = {CODEC}, .target = "xen-4.19"},
		{.target = "xen-4.20"}},
	{SP_CODE_IOMMU_BUILD, "WW-", "/soc/iommu@9040000", "CONFIG_ARM_SMMU_V3",
		{.tree = "iommus", .devices = {GPU}, .changes = {{GPU, "iommus", "0x11 0x10"}}},
		{.tree = "iommus"}},
	{SP_CODE_IOMMU_SEVERAL, "NN-", SEVERAL, "2 IOMMUs",
		{.tree = "iommus", .devices = {SEVERAL}},
		{.changes = {{SEVERAL, "iommus", "0x10 0x40 0x10 0x41"}}}},
	{SP_CODE_IOMMU_CELLS, "EEN", GPU, "/soc/iommu@a020000",
		{.tree = "iommus", .devices = {GPU}, .changes = {{GPU, "iommus", "0x13 0x10 0"}}},
		{.changes = {{GPU, "iommus", "0x12 0x10 0"}}}},
	{SP_CODE_IOMMU_IDS, "EEN", MANY, "17 stream IDs",
		{.tree = "iommus", .devices = {MANY}},
		{.changes = {{MANY, "iommus", SIXTEEN}}}},
	/* The same one again takes no room. */
	{SP_CODE_IOMMU_IDS, "EEN", MANY, "/soc/iommu@9020000",
		{.tree = "iommus", .devices = {MANY}},
		{.changes = {{MANY, "iommus", SIXTEEN " 0x10 0x100"}}}},
	{SP_CODE_IOMMU_RANGE, "EEN", GPU, "0x8000",
		{.tree = "iommus", .devices = {GPU}, .changes = {{GPU, "iommus", "0x10 0x8000"}}},
		{.changes = {{GPU, "iommus", "0x10 0x7fff"}}}},
	{SP_CODE_IOMMU_RANGE, "EEN", CODEC, "0x40",
		{.tree = "ipmmus", .devices = {CODEC}, .changes = {{CODEC, "iommus", "0x14 64"}}},
		{.tree = "ipmmus"}},
	{SP_CODE_IOMMU_USER, "WWN", "/soc/unknown@b008000", "command line",
		{.tree = "iommus",
			.devices = {"/soc/unknown@b008000"},
			.streams = "/soc/unknown@b008000=/soc/iommu@9020000:0x70"},
		{.changes = {{"/soc/unknown@b008000", "iommus", "0x10 0x70"}}}},
	{SP_CODE_IOMMU_REVISION, "WW-", "/soc/iommu@a001000", "ES3.0",
		{.tree = "ipmmus", .devices = {GPU}},
		{.changes = {{"/soc/iommu@a001000", "compatible", "\"renesas,ipmmu-r8a77965"}}}},
	{SP_CODE_IOMMU_NO_PRODUCT, "EE-", "/soc/iommu@a002000", "renesas,prr",
		{.tree = "ipmmus",
			.devices = {CODEC},
			.changes = {{"/chipid@fff00044", "compatible", "\"renesas,chipid"}}},
		{.tree = "ipmmus"}},
	{SP_CODE_IOMMU_MIXED, "EEN", "/soc/old@b005000", "mmu-masters",
		{.tree = "iommus", .devices = {"/soc/old@b005000"}},
		{.changes = {{"/soc/old@b005000", "iommus", NULL}}}},
	{SP_CODE_IOMMU_MALFORMED, "EEW", GPU, "does not exist",
		{.tree = "iommus", .devices = {GPU}, .changes = {{GPU, "iommus", "0xdead 0x10"}}},
		{.tree = "iommus"}},
	{SP_CODE_IOMMU_MALFORMED, "EEW", GPU, "cut short",
		{.tree = "iommus", .devices = {GPU}, .changes = {{GPU, "iommus", "0x12 0x10"}}},
		{.changes = {{GPU, "iommus", "0x12 0x10 0"}}}},
	{SP_CODE_IOMMU_SHARED, "EEN", CODEC, "/soc/twin@b002000",
		{.tree = "iommus", .devices = {CODEC}},
		{.changes = {{"/soc/twin@b002000", "iommus", "0x10 0x21"}}}},
	/* Masks cover the bits that are set in them. */
	{SP_CODE_IOMMU_SHARED, "EEN", "/soc/masked@b007000", GPU,
		{.tree = "iommus",
			.devices = {"/soc/masked@b007000"},
			.changes = {{GPU, "iommus", "0x12 0x27f 0"}}},
		{.changes = {{GPU, "iommus", "0x12 0x280 0"}}}},
	{SP_CODE_IOMMU_TWO_GUESTS, "EE-", "/soc/twin@b002000", CODEC,
		{.tree = "iommus", .devices = {CODEC}, .others = {"/soc/twin@b002000"}},
		{.others = {"/soc/apart@b003000"}}},
	{SP_CODE_IOMMU_EXPOSED, "--W", "/soc/unknown@b008000", "every guest's",
		{.tree = "iommus", .devices = {"/soc/unknown@b008000"}},
		{.devices = {"/soc/rtc@9010000"}}},
	{SP_CODE_IOMMU_LEFT_ON, "--N", GPU, "/soc/iommu@9020000",
		{.tree = "iommus", .devices = {GPU}},
		{.changes = {{GPU, "iommus", NULL}}}},
	{SP_CODE_PCI_FUNCTIONS, "EEW", BRIDGE, "functions",
		{.tree = "pci", .devices = {BRIDGE}},
		{.bdf = "0:1.0"}},
	{SP_CODE_PCI_FUNCTIONS, "EEW", BRIDGE, "01:00.0",
		{.tree = "pci", .devices = {BRIDGE}, .bdf = "1:0.0"},
		{.bdf = "0:1f.7"}},
	{SP_CODE_PCI_MSI, "NNN", BRIDGE, "/soc/msi-controller@a000000",
		{.tree = "pci", .devices = {BRIDGE}},
		{.changes = {{BRIDGE, "msi-map", NULL}}}},
	{SP_CODE_PCI_WINDOW_RAM, "EE-", BRIDGE, "0x5ffff000",
		{.tree = "pci",
			.devices = {BRIDGE},
			.changes = {{BRIDGE, "ranges", WINDOWS("0 0x5ffff000", "0 0x1000")}}},
		{.changes = {{BRIDGE, "ranges", WINDOWS("0 0x60000000", "0 0x1000")}}}},
	{SP_CODE_PCI_WINDOW_DROPPED, "WW-", BRIDGE, "0x1010000000",
		{.tree = "pci",
			.devices = {BRIDGE},
			.changes = {{BRIDGE, "ranges", WINDOWS("0x10 0", "1 0x1000")}}},
		{.changes = {{BRIDGE, "ranges", WINDOWS("0x10 0", "1 0")}}}},
};

const struct finding_table IOMMU_FINDINGS = {CASES, sizeof(CASES) / sizeof(CASES[0])};
