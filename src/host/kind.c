/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "host/host.h"

/*
 * What names tell about a device. In each table the first row that fits wins; the tables are asked
 * in this order, since node names are generic by the Devicetree Specification (2.2.2) and cheap to
 * compare.
 */
enum where { NODE_IS, NODE_STARTS, NODE_ENDS, COMPATIBLE_STARTS, COMPATIBLE_ENDS, HAS_PROPERTY };

struct kind_row {
	enum where where;
	const char *text;
	size_t length;
	enum sp_kind kind;
};

/* What a node provides settles what it is, whatever it is called. */
static const struct kind_row strong_properties[] = {
	{HAS_PROPERTY, "#iommu-cells", sizeof("#iommu-cells") - 1, SP_KIND_IOMMU},
	{HAS_PROPERTY, "mmu-masters", sizeof("mmu-masters") - 1, SP_KIND_IOMMU},
	{HAS_PROPERTY, "gpio-controller", sizeof("gpio-controller") - 1, SP_KIND_GPIO},
};

/* Displays whose compatible strings look like a GPU's come before it. */
static const struct kind_row names[] = {
	{NODE_IS, "iommu", sizeof("iommu") - 1, SP_KIND_IOMMU},
	{NODE_IS, "smmu", sizeof("smmu") - 1, SP_KIND_IOMMU},
	{NODE_IS, "gmu", sizeof("gmu") - 1, SP_KIND_OTHER},
	{NODE_IS, "gpu", sizeof("gpu") - 1, SP_KIND_GPU},
	{NODE_STARTS, "gpu-", sizeof("gpu-") - 1, SP_KIND_GPU},
	{NODE_IS, "gsx", sizeof("gsx") - 1, SP_KIND_GPU},
	{NODE_IS, "mali", sizeof("mali") - 1, SP_KIND_GPU},
	{NODE_IS, "v3d", sizeof("v3d") - 1, SP_KIND_GPU},
	{NODE_STARTS, "display-controller", sizeof("display-controller") - 1, SP_KIND_DISPLAY},
	{NODE_STARTS, "display-subsystem", sizeof("display-subsystem") - 1, SP_KIND_DISPLAY},
	{NODE_IS, "display", sizeof("display") - 1, SP_KIND_DISPLAY},
	{NODE_IS, "dpu", sizeof("dpu") - 1, SP_KIND_DISPLAY},
	{NODE_IS, "vop", sizeof("vop") - 1, SP_KIND_DISPLAY},
	{NODE_STARTS, "lcd-controller", sizeof("lcd-controller") - 1, SP_KIND_DISPLAY},
	{NODE_IS, "lcdif", sizeof("lcdif") - 1, SP_KIND_DISPLAY},
	{NODE_IS, "dss", sizeof("dss") - 1, SP_KIND_DISPLAY},
	{NODE_IS, "dc", sizeof("dc") - 1, SP_KIND_DISPLAY},
	{NODE_IS, "pcie-ep", sizeof("pcie-ep") - 1, SP_KIND_DMA},
	{NODE_IS, "usb-phy", sizeof("usb-phy") - 1, SP_KIND_PHY},
	{NODE_IS, "ethernet-phy", sizeof("ethernet-phy") - 1, SP_KIND_PHY},
	{NODE_IS, "phy", sizeof("phy") - 1, SP_KIND_PHY},
	{NODE_ENDS, "-phy", sizeof("-phy") - 1, SP_KIND_PHY},
	{NODE_STARTS, "ethernet", sizeof("ethernet") - 1, SP_KIND_NETWORK},
	{NODE_IS, "can", sizeof("can") - 1, SP_KIND_NETWORK},
	{NODE_IS, "wifi", sizeof("wifi") - 1, SP_KIND_NETWORK},
	{NODE_STARTS, "mmc", sizeof("mmc") - 1, SP_KIND_STORAGE},
	{NODE_STARTS, "sdhci", sizeof("sdhci") - 1, SP_KIND_STORAGE},
	{NODE_STARTS, "sata", sizeof("sata") - 1, SP_KIND_STORAGE},
	{NODE_STARTS, "ahci", sizeof("ahci") - 1, SP_KIND_STORAGE},
	{NODE_STARTS, "ufs", sizeof("ufs") - 1, SP_KIND_STORAGE},
	{NODE_STARTS, "nand", sizeof("nand") - 1, SP_KIND_STORAGE},
	{NODE_STARTS, "usb", sizeof("usb") - 1, SP_KIND_USB},
	{NODE_STARTS, "video-", sizeof("video-") - 1, SP_KIND_VIDEO},
	{NODE_IS, "vsp", sizeof("vsp") - 1, SP_KIND_VIDEO},
	{NODE_IS, "fcp", sizeof("fcp") - 1, SP_KIND_VIDEO},
	{NODE_IS, "isp", sizeof("isp") - 1, SP_KIND_VIDEO},
	{NODE_IS, "vpu", sizeof("vpu") - 1, SP_KIND_VIDEO},
	{NODE_STARTS, "jpeg", sizeof("jpeg") - 1, SP_KIND_VIDEO},
	{NODE_IS, "csi", sizeof("csi") - 1, SP_KIND_VIDEO},
	{NODE_STARTS, "dma", sizeof("dma") - 1, SP_KIND_DMA},
	{NODE_IS, "crypto", sizeof("crypto") - 1, SP_KIND_DMA},
	{NODE_STARTS, "serial", sizeof("serial") - 1, SP_KIND_SERIAL},
	{NODE_IS, "uart", sizeof("uart") - 1, SP_KIND_SERIAL},
	{NODE_IS, "gpio", sizeof("gpio") - 1, SP_KIND_GPIO},
	{NODE_IS, "i2c", sizeof("i2c") - 1, SP_KIND_I2C},
	{NODE_IS, "i3c", sizeof("i3c") - 1, SP_KIND_I2C},
	{NODE_IS, "spi", sizeof("spi") - 1, SP_KIND_SPI},
	{NODE_IS, "rtc", sizeof("rtc") - 1, SP_KIND_RTC},
	{NODE_STARTS, "timer", sizeof("timer") - 1, SP_KIND_TIMER},
	{NODE_IS, "watchdog", sizeof("watchdog") - 1, SP_KIND_SIMPLE},
	{NODE_IS, "pwm", sizeof("pwm") - 1, SP_KIND_SIMPLE},
	{NODE_IS, "adc", sizeof("adc") - 1, SP_KIND_SIMPLE},
	{NODE_IS, "rng", sizeof("rng") - 1, SP_KIND_SIMPLE},
	{NODE_STARTS, "thermal", sizeof("thermal") - 1, SP_KIND_SIMPLE},
	{NODE_STARTS, "temperature", sizeof("temperature") - 1, SP_KIND_SIMPLE},
	{NODE_IS, "counter", sizeof("counter") - 1, SP_KIND_SIMPLE},
	{NODE_IS, "keypad", sizeof("keypad") - 1, SP_KIND_SIMPLE},
	{NODE_IS, "clock-controller", sizeof("clock-controller") - 1, SP_KIND_PLUMBING},
	{NODE_IS, "reset-controller", sizeof("reset-controller") - 1, SP_KIND_PLUMBING},
	{NODE_IS, "power-controller", sizeof("power-controller") - 1, SP_KIND_PLUMBING},
	{NODE_IS, "system-controller", sizeof("system-controller") - 1, SP_KIND_PLUMBING},
	{NODE_IS, "pinctrl", sizeof("pinctrl") - 1, SP_KIND_PLUMBING},
	{NODE_STARTS, "syscon", sizeof("syscon") - 1, SP_KIND_PLUMBING},
	{NODE_IS, "efuse", sizeof("efuse") - 1, SP_KIND_PLUMBING},
	{NODE_STARTS, "memory-controller", sizeof("memory-controller") - 1, SP_KIND_PLUMBING},
};

static const struct kind_row compatibles[] = {
	{COMPATIBLE_STARTS, "arm,mali-dp", sizeof("arm,mali-dp") - 1, SP_KIND_DISPLAY},
	{COMPATIBLE_STARTS, "arm,mali-", sizeof("arm,mali-") - 1, SP_KIND_GPU},
	{COMPATIBLE_STARTS, "qcom,adreno-", sizeof("qcom,adreno-") - 1, SP_KIND_GPU},
	{COMPATIBLE_STARTS, "vivante,gc", sizeof("vivante,gc") - 1, SP_KIND_GPU},
	{COMPATIBLE_STARTS, "img,powervr", sizeof("img,powervr") - 1, SP_KIND_GPU},
	{COMPATIBLE_ENDS, "-v3d", sizeof("-v3d") - 1, SP_KIND_GPU},
	{COMPATIBLE_ENDS, ",gk20a", sizeof(",gk20a") - 1, SP_KIND_GPU},
	{COMPATIBLE_ENDS, ",gm20b", sizeof(",gm20b") - 1, SP_KIND_GPU},
	{COMPATIBLE_ENDS, ",gp10b", sizeof(",gp10b") - 1, SP_KIND_GPU},
	{COMPATIBLE_ENDS, ",gv11b", sizeof(",gv11b") - 1, SP_KIND_GPU},
	{COMPATIBLE_ENDS, ",ga10b", sizeof(",ga10b") - 1, SP_KIND_GPU},
	{COMPATIBLE_STARTS, "arm,pl011", sizeof("arm,pl011") - 1, SP_KIND_SERIAL},
	{COMPATIBLE_STARTS, "arm,pl031", sizeof("arm,pl031") - 1, SP_KIND_RTC},
	{COMPATIBLE_ENDS, "syscon", sizeof("syscon") - 1, SP_KIND_PLUMBING},
};

static const struct kind_row weak_properties[] = {
	{HAS_PROPERTY, "#clock-cells", sizeof("#clock-cells") - 1, SP_KIND_PLUMBING},
	{HAS_PROPERTY, "#reset-cells", sizeof("#reset-cells") - 1, SP_KIND_PLUMBING},
	{HAS_PROPERTY, "#power-domain-cells", sizeof("#power-domain-cells") - 1, SP_KIND_PLUMBING},
	{HAS_PROPERTY, "#interconnect-cells", sizeof("#interconnect-cells") - 1, SP_KIND_PLUMBING},
	{HAS_PROPERTY, "#hwlock-cells", sizeof("#hwlock-cells") - 1, SP_KIND_PLUMBING},
	{HAS_PROPERTY, "#mbox-cells", sizeof("#mbox-cells") - 1, SP_KIND_PLUMBING},
	{HAS_PROPERTY, "#phy-cells", sizeof("#phy-cells") - 1, SP_KIND_PHY},
	{HAS_PROPERTY, "#dma-cells", sizeof("#dma-cells") - 1, SP_KIND_DMA},
	{HAS_PROPERTY, "interrupt-controller", sizeof("interrupt-controller") - 1,
		SP_KIND_INTERRUPT_CONTROLLER},
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

static bool fits_text(const struct kind_row *row, const char *text, size_t length) {
	if (length < row->length)
		return false;
	switch (row->where) {
	case NODE_IS:
		return length == row->length && text[0] == row->text[0] &&
			memcmp(text, row->text, length) == 0;
	case NODE_STARTS:
	case COMPATIBLE_STARTS:
		return text[0] == row->text[0] && memcmp(text, row->text, row->length) == 0;
	case NODE_ENDS:
	case COMPATIBLE_ENDS:
		return text[length - 1] == row->text[row->length - 1] &&
			memcmp(text + length - row->length, row->text, row->length) == 0;
	case HAS_PROPERTY:
		break;
	}
	return false;
}

static bool find_text(const struct kind_row *rows, size_t count, const char *text, size_t length,
	enum sp_kind *kind) {
	for (size_t i = 0; i < count; i++) {
		if (fits_text(&rows[i], text, length)) {
			*kind = rows[i].kind;
			return true;
		}
	}
	return false;
}

static bool find_compatible(const struct sp_prop *compatible, enum sp_kind *kind) {
	if (compatible == NULL)
		return false;
	const char *at = (const char *)compatible->data, *end = at + compatible->len;
	while (at < end) {
		size_t length = strnlen(at, (size_t)(end - at));
		if (find_text(compatibles, sizeof(compatibles) / sizeof(compatibles[0]), at, length,
			    kind))
			return true;
		at += length + 1;
	}
	return false;
}

/* The first row of which the node has the property. One look at each property: most have none. */
static bool find_property(const struct kind_row *rows, size_t count, const struct sp_tree *tree,
	sp_node node, enum sp_kind *kind) {
	uint32_t props;
	const struct sp_prop *prop = sp_tree_props(tree, node, &props);
	size_t best = count;
	for (uint32_t i = 0; i < props; i++) {
		for (size_t r = 0; r < best; r++) {
			if (prop[i].name[0] == rows[r].text[0] &&
				prop[i].name[1] == rows[r].text[1] &&
				strcmp(prop[i].name, rows[r].text) == 0)
				best = r;
		}
	}
	if (best == count)
		return false;
	*kind = rows[best].kind;
	return true;
}

enum sp_kind sp_kind_of(const struct sp_tree *tree, sp_node node) {
	const char *name = sp_tree_name(tree, node);
	size_t length = strcspn(name, "@");
	enum sp_kind kind;

	if (sp_is_pci_bus(tree, node))
		return SP_KIND_PCI_HOST;
	if (find_property(strong_properties,
		    sizeof(strong_properties) / sizeof(strong_properties[0]), tree, node, &kind))
		return kind;
	if (sp_tree_prop(tree, node, "interrupt-controller") != NULL)
		return SP_KIND_INTERRUPT_CONTROLLER;
	if (find_text(names, sizeof(names) / sizeof(names[0]), name, length, &kind) ||
		find_compatible(sp_tree_prop(tree, node, "compatible"), &kind) ||
		find_property(weak_properties, sizeof(weak_properties) / sizeof(weak_properties[0]),
			tree, node, &kind))
		return kind;
	if (sp_tree_prop(tree, node, "ranges") != NULL && sp_tree_prop(tree, node, "reg") == NULL)
		return SP_KIND_BUS;
	return SP_KIND_OTHER;
}

enum sp_dma sp_kind_dma(enum sp_kind kind) {
	return kind_infos[kind].dma;
}

const char *sp_kind_name(enum sp_kind kind) {
	return kind_infos[kind].name;
}
