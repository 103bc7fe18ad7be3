/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "host/host.h"

/*
 * What names tell about a device. Node names are generic by the Devicetree Specification (2.2.2),
 * so they come first; compatible strings settle what a name leaves open. The first row that fits
 * wins.
 */
enum where { NODE_IS, NODE_STARTS, NODE_ENDS, COMPATIBLE_HAS, COMPATIBLE_ENDS, HAS_PROPERTY };

static const struct kind_row {
	enum where where;
	const char *text;
	enum sp_kind kind;
} kind_rows[] = {
	{HAS_PROPERTY, "#iommu-cells", SP_KIND_IOMMU},
	{HAS_PROPERTY, "mmu-masters", SP_KIND_IOMMU},
	{HAS_PROPERTY, "gpio-controller", SP_KIND_GPIO},
	{NODE_IS, "iommu", SP_KIND_IOMMU},
	{NODE_IS, "smmu", SP_KIND_IOMMU},
	{NODE_IS, "gmu", SP_KIND_OTHER},
	{COMPATIBLE_HAS, "mali-dp", SP_KIND_DISPLAY},
	{NODE_IS, "gpu", SP_KIND_GPU},
	{NODE_STARTS, "gpu-", SP_KIND_GPU},
	{NODE_IS, "gsx", SP_KIND_GPU},
	{NODE_IS, "mali", SP_KIND_GPU},
	{NODE_IS, "v3d", SP_KIND_GPU},
	{COMPATIBLE_HAS, "arm,mali-", SP_KIND_GPU},
	{COMPATIBLE_HAS, "qcom,adreno-", SP_KIND_GPU},
	{COMPATIBLE_HAS, "vivante,gc", SP_KIND_GPU},
	{COMPATIBLE_HAS, "img,powervr", SP_KIND_GPU},
	{COMPATIBLE_ENDS, "-v3d", SP_KIND_GPU},
	{COMPATIBLE_ENDS, ",gk20a", SP_KIND_GPU},
	{COMPATIBLE_ENDS, ",gm20b", SP_KIND_GPU},
	{COMPATIBLE_ENDS, ",gp10b", SP_KIND_GPU},
	{COMPATIBLE_ENDS, ",gv11b", SP_KIND_GPU},
	{COMPATIBLE_ENDS, ",ga10b", SP_KIND_GPU},
	{NODE_STARTS, "display-controller", SP_KIND_DISPLAY},
	{NODE_STARTS, "display-subsystem", SP_KIND_DISPLAY},
	{NODE_IS, "display", SP_KIND_DISPLAY},
	{NODE_IS, "dpu", SP_KIND_DISPLAY},
	{NODE_IS, "vop", SP_KIND_DISPLAY},
	{NODE_STARTS, "lcd-controller", SP_KIND_DISPLAY},
	{NODE_IS, "lcdif", SP_KIND_DISPLAY},
	{NODE_IS, "dss", SP_KIND_DISPLAY},
	{NODE_IS, "dc", SP_KIND_DISPLAY},
	{NODE_STARTS, "pcie", SP_KIND_PCI_HOST},
	{NODE_IS, "pci", SP_KIND_PCI_HOST},
	{NODE_IS, "usb-phy", SP_KIND_PHY},
	{NODE_IS, "ethernet-phy", SP_KIND_PHY},
	{NODE_IS, "phy", SP_KIND_PHY},
	{NODE_ENDS, "-phy", SP_KIND_PHY},
	{NODE_STARTS, "ethernet", SP_KIND_NETWORK},
	{NODE_IS, "can", SP_KIND_NETWORK},
	{NODE_IS, "wifi", SP_KIND_NETWORK},
	{NODE_STARTS, "mmc", SP_KIND_STORAGE},
	{NODE_STARTS, "sdhci", SP_KIND_STORAGE},
	{NODE_STARTS, "sata", SP_KIND_STORAGE},
	{NODE_STARTS, "ahci", SP_KIND_STORAGE},
	{NODE_STARTS, "ufs", SP_KIND_STORAGE},
	{NODE_STARTS, "nand", SP_KIND_STORAGE},
	{NODE_STARTS, "usb", SP_KIND_USB},
	{NODE_STARTS, "video-", SP_KIND_VIDEO},
	{NODE_IS, "vsp", SP_KIND_VIDEO},
	{NODE_IS, "fcp", SP_KIND_VIDEO},
	{NODE_IS, "isp", SP_KIND_VIDEO},
	{NODE_IS, "vpu", SP_KIND_VIDEO},
	{NODE_STARTS, "jpeg", SP_KIND_VIDEO},
	{NODE_IS, "csi", SP_KIND_VIDEO},
	{NODE_STARTS, "dma", SP_KIND_DMA},
	{NODE_IS, "crypto", SP_KIND_DMA},
	{NODE_STARTS, "serial", SP_KIND_SERIAL},
	{NODE_IS, "uart", SP_KIND_SERIAL},
	{COMPATIBLE_HAS, "arm,pl011", SP_KIND_SERIAL},
	{NODE_IS, "gpio", SP_KIND_GPIO},
	{NODE_IS, "i2c", SP_KIND_I2C},
	{NODE_IS, "i3c", SP_KIND_I2C},
	{NODE_IS, "spi", SP_KIND_SPI},
	{NODE_IS, "rtc", SP_KIND_RTC},
	{COMPATIBLE_HAS, "arm,pl031", SP_KIND_RTC},
	{NODE_STARTS, "timer", SP_KIND_TIMER},
	{NODE_IS, "watchdog", SP_KIND_SIMPLE},
	{NODE_IS, "pwm", SP_KIND_SIMPLE},
	{NODE_IS, "adc", SP_KIND_SIMPLE},
	{NODE_IS, "rng", SP_KIND_SIMPLE},
	{NODE_STARTS, "thermal", SP_KIND_SIMPLE},
	{NODE_STARTS, "temperature", SP_KIND_SIMPLE},
	{NODE_IS, "counter", SP_KIND_SIMPLE},
	{NODE_IS, "keypad", SP_KIND_SIMPLE},
	{HAS_PROPERTY, "#clock-cells", SP_KIND_PLUMBING},
	{HAS_PROPERTY, "#reset-cells", SP_KIND_PLUMBING},
	{HAS_PROPERTY, "#power-domain-cells", SP_KIND_PLUMBING},
	{HAS_PROPERTY, "#interconnect-cells", SP_KIND_PLUMBING},
	{HAS_PROPERTY, "#hwlock-cells", SP_KIND_PLUMBING},
	{HAS_PROPERTY, "#mbox-cells", SP_KIND_PLUMBING},
	{NODE_IS, "clock-controller", SP_KIND_PLUMBING},
	{NODE_IS, "reset-controller", SP_KIND_PLUMBING},
	{NODE_IS, "power-controller", SP_KIND_PLUMBING},
	{NODE_IS, "system-controller", SP_KIND_PLUMBING},
	{NODE_IS, "pinctrl", SP_KIND_PLUMBING},
	{NODE_STARTS, "syscon", SP_KIND_PLUMBING},
	{NODE_IS, "efuse", SP_KIND_PLUMBING},
	{NODE_STARTS, "memory-controller", SP_KIND_PLUMBING},
	{COMPATIBLE_ENDS, "syscon", SP_KIND_PLUMBING},
	{HAS_PROPERTY, "#phy-cells", SP_KIND_PHY},
	{HAS_PROPERTY, "#dma-cells", SP_KIND_DMA},
	{HAS_PROPERTY, "interrupt-controller", SP_KIND_INTERRUPT_CONTROLLER},
};

static const struct kind_info {
	const char *name;
	enum sp_dma dma;
} kind_infos[SP_KIND_COUNT] = {
	[SP_KIND_OTHER] = {"other", SP_DMA_PERHAPS},
	[SP_KIND_GPU] = {"gpu", SP_DMA_MASTER},
	[SP_KIND_DISPLAY] = {"display", SP_DMA_MASTER},
	[SP_KIND_PCI_HOST] = {"pci", SP_DMA_MASTER},
	[SP_KIND_NETWORK] = {"network", SP_DMA_MASTER},
	[SP_KIND_STORAGE] = {"storage", SP_DMA_MASTER},
	[SP_KIND_USB] = {"usb", SP_DMA_MASTER},
	[SP_KIND_VIDEO] = {"video", SP_DMA_MASTER},
	[SP_KIND_DMA] = {"dma", SP_DMA_MASTER},
	[SP_KIND_SERIAL] = {"serial", SP_DMA_NEVER},
	[SP_KIND_GPIO] = {"gpio", SP_DMA_NEVER},
	[SP_KIND_I2C] = {"i2c", SP_DMA_NEVER},
	[SP_KIND_SPI] = {"spi", SP_DMA_PERHAPS},
	[SP_KIND_RTC] = {"rtc", SP_DMA_NEVER},
	[SP_KIND_TIMER] = {"timer", SP_DMA_NEVER},
	[SP_KIND_PHY] = {"phy", SP_DMA_NEVER},
	[SP_KIND_SIMPLE] = {"simple", SP_DMA_NEVER},
	[SP_KIND_PLUMBING] = {"plumbing", SP_DMA_NEVER},
	[SP_KIND_IOMMU] = {"iommu", SP_DMA_NEVER},
	[SP_KIND_INTERRUPT_CONTROLLER] = {"interrupts", SP_DMA_NEVER},
	[SP_KIND_BUS] = {"bus", SP_DMA_NEVER},
};

static bool
has_compatible(const struct sp_prop *compatible, const char *text, bool at_end) {
	if (compatible == NULL || compatible->len == 0)
		return false;
	size_t length = strlen(text);
	const char *at = (const char *)compatible->data;
	const char *end = at + compatible->len;
	while (at < end) {
		size_t len = strnlen(at, (size_t)(end - at));
		if (len >= length) {
			if (at_end ? memcmp(at + len - length, text, length) == 0
				   : memmem(at, len, text, length) != NULL)
				return true;
		}
		at += len + 1;
	}
	return false;
}

static bool
row_fits(const struct kind_row *row, const struct sp_tree *tree, sp_node node, const char *name,
	size_t length, const struct sp_prop *compatible) {
	size_t want = strlen(row->text);
	switch (row->where) {
	case NODE_IS:
		return length == want && memcmp(name, row->text, want) == 0;
	case NODE_STARTS:
		return length >= want && memcmp(name, row->text, want) == 0;
	case NODE_ENDS:
		return length >= want && memcmp(name + length - want, row->text, want) == 0;
	case COMPATIBLE_HAS:
		return has_compatible(compatible, row->text, false);
	case COMPATIBLE_ENDS:
		return has_compatible(compatible, row->text, true);
	case HAS_PROPERTY:
		return sp_tree_prop(tree, node, row->text) != NULL;
	}
	return false;
}

enum sp_kind
sp_kind_of(const struct sp_tree *tree, sp_node node) {
	const char *name = sp_tree_name(tree, node);
	size_t length = strcspn(name, "@");
	const struct sp_prop *compatible = sp_tree_prop(tree, node, "compatible");

	if (sp_is_pci_bus(tree, node))
		return SP_KIND_PCI_HOST;
	if (sp_tree_prop(tree, node, "interrupt-controller") != NULL &&
		sp_tree_prop(tree, node, "gpio-controller") == NULL)
		return SP_KIND_INTERRUPT_CONTROLLER;
	for (size_t i = 0; i < sizeof(kind_rows) / sizeof(kind_rows[0]); i++) {
		if (row_fits(&kind_rows[i], tree, node, name, length, compatible))
			return kind_rows[i].kind;
	}
	if (sp_tree_prop(tree, node, "ranges") != NULL && sp_tree_prop(tree, node, "reg") == NULL)
		return SP_KIND_BUS;
	return SP_KIND_OTHER;
}

enum sp_dma
sp_kind_dma(enum sp_kind kind) {
	return kind_infos[kind].dma;
}

const char *
sp_kind_name(enum sp_kind kind) {
	return kind_infos[kind].name;
}
