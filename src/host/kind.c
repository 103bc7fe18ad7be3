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

#define ROW(where, text, kind) \
	{ where, text, sizeof(text) - 1, SP_KIND_##kind }

/* What a node provides settles what it is, whatever it is called. */
static const struct kind_row strong_properties[] = {
	ROW(HAS_PROPERTY, "#iommu-cells", IOMMU),
	ROW(HAS_PROPERTY, "mmu-masters", IOMMU),
	ROW(HAS_PROPERTY, "gpio-controller", GPIO),
};

/* Displays whose compatible strings look like a GPU's come before it. */
static const struct kind_row names[] = {
	ROW(NODE_IS, "iommu", IOMMU),
	ROW(NODE_IS, "smmu", IOMMU),
	ROW(NODE_IS, "gmu", OTHER),
	ROW(NODE_IS, "gpu", GPU),
	ROW(NODE_STARTS, "gpu-", GPU),
	ROW(NODE_IS, "gsx", GPU),
	ROW(NODE_IS, "mali", GPU),
	ROW(NODE_IS, "v3d", GPU),
	ROW(NODE_STARTS, "display-controller", DISPLAY),
	ROW(NODE_STARTS, "display-subsystem", DISPLAY),
	ROW(NODE_IS, "display", DISPLAY),
	ROW(NODE_IS, "dpu", DISPLAY),
	ROW(NODE_IS, "vop", DISPLAY),
	ROW(NODE_STARTS, "lcd-controller", DISPLAY),
	ROW(NODE_IS, "lcdif", DISPLAY),
	ROW(NODE_IS, "dss", DISPLAY),
	ROW(NODE_IS, "dc", DISPLAY),
	ROW(NODE_IS, "pcie-ep", DMA),
	ROW(NODE_IS, "usb-phy", PHY),
	ROW(NODE_IS, "ethernet-phy", PHY),
	ROW(NODE_IS, "phy", PHY),
	ROW(NODE_ENDS, "-phy", PHY),
	ROW(NODE_STARTS, "ethernet", NETWORK),
	ROW(NODE_IS, "can", NETWORK),
	ROW(NODE_IS, "wifi", NETWORK),
	ROW(NODE_STARTS, "mmc", STORAGE),
	ROW(NODE_STARTS, "sdhci", STORAGE),
	ROW(NODE_STARTS, "sata", STORAGE),
	ROW(NODE_STARTS, "ahci", STORAGE),
	ROW(NODE_STARTS, "ufs", STORAGE),
	ROW(NODE_STARTS, "nand", STORAGE),
	ROW(NODE_STARTS, "usb", USB),
	ROW(NODE_STARTS, "video-", VIDEO),
	ROW(NODE_IS, "vsp", VIDEO),
	ROW(NODE_IS, "fcp", VIDEO),
	ROW(NODE_IS, "isp", VIDEO),
	ROW(NODE_IS, "vpu", VIDEO),
	ROW(NODE_STARTS, "jpeg", VIDEO),
	ROW(NODE_IS, "csi", VIDEO),
	ROW(NODE_STARTS, "dma", DMA),
	ROW(NODE_IS, "crypto", DMA),
	ROW(NODE_STARTS, "serial", SERIAL),
	ROW(NODE_IS, "uart", SERIAL),
	ROW(NODE_IS, "gpio", GPIO),
	ROW(NODE_IS, "i2c", I2C),
	ROW(NODE_IS, "i3c", I2C),
	ROW(NODE_IS, "spi", SPI),
	ROW(NODE_IS, "rtc", RTC),
	ROW(NODE_STARTS, "timer", TIMER),
	ROW(NODE_IS, "watchdog", SIMPLE),
	ROW(NODE_IS, "pwm", SIMPLE),
	ROW(NODE_IS, "adc", SIMPLE),
	ROW(NODE_IS, "rng", SIMPLE),
	ROW(NODE_STARTS, "thermal", SIMPLE),
	ROW(NODE_STARTS, "temperature", SIMPLE),
	ROW(NODE_IS, "counter", SIMPLE),
	ROW(NODE_IS, "keypad", SIMPLE),
	ROW(NODE_IS, "clock-controller", PLUMBING),
	ROW(NODE_IS, "reset-controller", PLUMBING),
	ROW(NODE_IS, "power-controller", PLUMBING),
	ROW(NODE_IS, "system-controller", PLUMBING),
	ROW(NODE_IS, "pinctrl", PLUMBING),
	ROW(NODE_STARTS, "syscon", PLUMBING),
	ROW(NODE_IS, "efuse", PLUMBING),
	ROW(NODE_STARTS, "memory-controller", PLUMBING),
};

static const struct kind_row compatibles[] = {
	ROW(COMPATIBLE_STARTS, "arm,mali-dp", DISPLAY),
	ROW(COMPATIBLE_STARTS, "arm,mali-", GPU),
	ROW(COMPATIBLE_STARTS, "qcom,adreno-", GPU),
	ROW(COMPATIBLE_STARTS, "vivante,gc", GPU),
	ROW(COMPATIBLE_STARTS, "img,powervr", GPU),
	ROW(COMPATIBLE_ENDS, "-v3d", GPU),
	ROW(COMPATIBLE_ENDS, ",gk20a", GPU),
	ROW(COMPATIBLE_ENDS, ",gm20b", GPU),
	ROW(COMPATIBLE_ENDS, ",gp10b", GPU),
	ROW(COMPATIBLE_ENDS, ",gv11b", GPU),
	ROW(COMPATIBLE_ENDS, ",ga10b", GPU),
	ROW(COMPATIBLE_STARTS, "arm,pl011", SERIAL),
	ROW(COMPATIBLE_STARTS, "arm,pl031", RTC),
	ROW(COMPATIBLE_ENDS, "syscon", PLUMBING),
};

static const struct kind_row weak_properties[] = {
	ROW(HAS_PROPERTY, "#clock-cells", PLUMBING),
	ROW(HAS_PROPERTY, "#reset-cells", PLUMBING),
	ROW(HAS_PROPERTY, "#power-domain-cells", PLUMBING),
	ROW(HAS_PROPERTY, "#interconnect-cells", PLUMBING),
	ROW(HAS_PROPERTY, "#hwlock-cells", PLUMBING),
	ROW(HAS_PROPERTY, "#mbox-cells", PLUMBING),
	ROW(HAS_PROPERTY, "#phy-cells", PHY),
	ROW(HAS_PROPERTY, "#dma-cells", DMA),
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
