/* SPDX-License-Identifier: MIT */
#include "mutate.h"

#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sallyport/tree.h>

#define ROOM ((size_t)1 << 18)
#define MAX_PLACES 2048

/* Names that the planner looks at. */
static const char *const names[] = {
	"#address-cells",
	"#clock-cells",
	"#interrupt-cells",
	"#iommu-cells",
	"#phy-cells",
	"#power-domain-cells",
	"#reset-cells",
	"#size-cells",
	"#stream-id-cells",
	"alloc-ranges",
	"assigned-clock-rates",
	"assigned-clocks",
	"bus-range",
	"clock-div",
	"clock-frequency",
	"clock-mult",
	"clock-names",
	"clocks",
	"compatible",
	"device_type",
	"dma-coherent",
	"dma-ranges",
	"dmas",
	"gpio-controller",
	"gpio-hog",
	"interconnects",
	"interrupt-controller",
	"interrupt-map",
	"interrupt-map-mask",
	"interrupt-names",
	"interrupt-parent",
	"interrupts",
	"interrupts-extended",
	"iommu-map",
	"iommu-map-mask",
	"iommus",
	"memory-region",
	"mmu-masters",
	"msi-map",
	"no-map",
	"nvmem-cells",
	"operating-points-v2",
	"opp-shared",
	"phandle",
	"phy-names",
	"phys",
	"pinctrl-0",
	"pinctrl-names",
	"power-domains",
	"ranges",
	"reg",
	"reg-names",
	"remote-endpoint",
	"renesas,ipmmu-main",
	"required-opps",
	"resets",
	"status",
	"stdout-path",
	"stream-match-mask",
	"thermal-sensors",
	"vdd-supply",
	"xen,passthrough",
};

static const char *const node_names[] = {
	"a",
	"a@0",
	"a@1",
	"aliases",
	"chosen",
	"clock",
	"endpoint",
	"gpu@5000000",
	"hypervisor",
	"memory@0",
	"opp-table",
	"port@0",
	"ports",
	"reserved-memory",
	"soc",
	"weird~name",
};

static const char *const strings[] = {
	"arm,gic-400",
	"arm,gic-v3",
	"arm,mali-t860",
	"arm,mmu-500",
	"arm,psci-1.0",
	"arm,smmu-v3",
	"disabled",
	"fixed-clock",
	"fixed-factor-clock",
	"okay",
	"pci",
	"pci-host-ecam-generic",
	"qcom,adreno-smmu",
	"renesas,ipmmu-r8a77961",
	"renesas,prr",
	"simple-bus",
	"syscon",
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static uint32_t next_random(unsigned *state) {
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static uint32_t below(unsigned *state, size_t count) {
	return next_random(state) % (uint32_t)count;
}

struct places {
	int nodes[MAX_PLACES], props[MAX_PLACES];
	unsigned node_count, prop_count;
};

static void find_places(const void *fdt, struct places *places) {
	int node = 0, depth = 0, prop;

	places->node_count = places->prop_count = 0;
	while (node >= 0 && depth >= 0 && places->node_count < MAX_PLACES) {
		places->nodes[places->node_count++] = node;
		fdt_for_each_property_offset(prop, fdt, node) {
			if (places->prop_count < MAX_PLACES)
				places->props[places->prop_count++] = prop;
		}
		node = fdt_next_node(fdt, node, &depth);
	}
}

static uint32_t interesting_cell(const void *fdt, const struct places *places, unsigned *state) {
	static const uint32_t cells[] = {0, 1, 2, 3, 4, 5, 16, 17, 31, 32, 64, 0xfff, 0x1000,
		0x10000, 0x3000000, 0x3001000, 0x38000000, 0x40000000, 0x7fffffff, 0x80000000,
		0xfffff000, 0xfffffffe, 0xffffffff, 65000, 65001, 987, 988, 1019, 1020};

	if (below(state, 3) == 0)
		return fdt_get_phandle(fdt, places->nodes[below(state, places->node_count)]);
	if (below(state, 4) == 0)
		return next_random(state) << below(state, 24);
	return cells[below(state, COUNT_OF(cells))];
}

static void change_value(void *fdt, const struct places *places, unsigned *state) {
	int len = 0, other_len = 0;
	uint8_t *value = (uint8_t *)(uintptr_t)fdt_getprop_by_offset(
		fdt, places->props[below(state, places->prop_count)], NULL, &len);
	const uint8_t *other;

	if (!value || len <= 0)
		return;
	if (len >= 4 && below(state, 4)) {
		fdt32_t cell = cpu_to_fdt32(interesting_cell(fdt, places, state));
		memcpy(value + 4 * below(state, (size_t)len / 4), &cell, 4);
		return;
	}
	if (below(state, 2)) {
		value[below(state, (size_t)len)] = (uint8_t)next_random(state);
		return;
	}
	other = fdt_getprop_by_offset(
		fdt, places->props[below(state, places->prop_count)], NULL, &other_len);
	if (other && other_len > 0)
		memmove(value, other, (size_t)(len < other_len ? len : other_len));
}

static void set_property(void *fdt, const struct places *places, unsigned *state) {
	int node = places->nodes[below(state, places->node_count)];
	const char *name = names[below(state, COUNT_OF(names))];
	uint32_t cells[24];
	uint32_t count = below(state, below(state, 4) ? 5 : COUNT_OF(cells));

	if (below(state, 5) == 0) {
		/* fdt_setprop_string() takes its argument twice. */
		const char *text = strings[below(state, COUNT_OF(strings))];
		fdt_setprop(fdt, node, name, text, (int)strlen(text) + 1);
		return;
	}
	for (uint32_t i = 0; i < count; i++)
		cells[i] = cpu_to_fdt32(interesting_cell(fdt, places, state));
	fdt_setprop(fdt, node, name, cells, (int)(count * 4));
}

/* The value of one property under the name of another, in another node. */
static void copy_property(void *fdt, const struct places *places, unsigned *state) {
	static uint8_t value[4096];
	char name[64];
	const char *from;
	int len = 0;
	const void *data = fdt_getprop_by_offset(
		fdt, places->props[below(state, places->prop_count)], &from, &len);

	if (!data || len < 0 || (size_t)len > sizeof(value))
		return;
	memcpy(value, data, (size_t)len);
	snprintf(name, sizeof(name), "%s", from);
	fdt_setprop(fdt, places->nodes[below(state, places->node_count)], name, value, len);
}

static void change_tree(void *fdt, struct places *places, unsigned *state) {
	find_places(fdt, places);
	if (!places->prop_count)
		return;
	switch (below(state, 12)) {
	case 0:
		fdt_add_subnode(fdt, places->nodes[below(state, places->node_count)],
			node_names[below(state, COUNT_OF(node_names))]);
		break;
	case 1:
		if (places->node_count > 1)
			fdt_del_node(fdt, places->nodes[1 + below(state, places->node_count - 1)]);
		break;
	case 2: {
		int node = places->nodes[below(state, places->node_count)];
		int prop = fdt_first_property_offset(fdt, node);
		for (uint32_t skip = below(state, 8); prop >= 0 && skip; skip--)
			prop = fdt_next_property_offset(fdt, prop);
		const char *name = NULL;
		if (prop >= 0 && fdt_getprop_by_offset(fdt, prop, &name, NULL) && name)
			fdt_delprop(fdt, node, name);
		break;
	}
	case 3:
	case 4:
		copy_property(fdt, places, state);
		break;
	case 5:
	case 6:
		set_property(fdt, places, state);
		break;
	case 7:
		fdt_set_name(fdt, places->nodes[below(state, places->node_count)],
			node_names[below(state, COUNT_OF(node_names))]);
		break;
	default:
		change_value(fdt, places, state);
	}
}

static bool is_tree(const uint8_t *data, size_t size) {
	struct sp_tree *tree = NULL;
	struct sp_error error;
	bool good = sp_tree_parse(&tree, data, size, &error);

	sp_tree_destroy(tree);
	return good;
}

size_t mutate_tree(uint8_t *data, size_t size, size_t capacity, unsigned seed) {
	static struct places places;
	static uint64_t buffer[ROOM / 8];
	unsigned state = seed;
	size_t result;

	/* Of what is ill-formed libfdt's own check can follow a null pointer (1.6.1). */
	if (!is_tree(data, size) || fdt_totalsize(data) > ROOM / 2 ||
		fdt_open_into(data, buffer, (int)ROOM) != 0)
		return 0;
	for (uint32_t times = 1 + below(&state, 4); times; times--)
		change_tree(buffer, &places, &state);
	fdt_pack(buffer);
	result = fdt_totalsize(buffer);
	if (result > capacity)
		return 0;
	memcpy(data, buffer, result);
	return result;
}
