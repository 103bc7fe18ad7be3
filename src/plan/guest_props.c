/* SPDX-License-Identifier: MIT */
#include "plan/guest_tree.h"

#include <stdio.h>
#include <string.h>

/* Properties that mean something to the host only, or to what the guest does not get. */
static bool is_host_only(const char *name) {
	static const char *const names[] = {"phandle", "linux,phandle", "status", "name",
		"assigned-clock-rates", "assigned-clock-rates-u64", "assigned-clock-sscs",
		"iommu-map", "iommu-map-mask", "mmu-masters", "#stream-id-cells", "msi-map-mask",
		"power-domain-names", "opp-supported-hw", "opp-peak-kBps", "opp-avg-kBps",
		"pinctrl-names", "wakeup-source", "dma-channel-mask"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return strncmp(name, "xen,", 4) == 0;
}

/* A list and the names of its entries. */
static const struct name_pair {
	const char *names, *list;
} name_pairs[] = {
	{"clock-names", "clocks"},
	{"reset-names", "resets"},
	{"phy-names", "phys"},
	{"interconnect-names", "interconnects"},
	{"dma-names", "dmas"},
	{"mbox-names", "mboxes"},
	{"nvmem-cell-names", "nvmem-cells"},
	{"memory-region-names", "memory-region"},
	{"io-channel-names", "io-channels"},
	{"hwlock-names", "hwlocks"},
	{"iommu-names", "iommus"},
	{"pwm-names", "pwms"},
	{"interrupt-names", "interrupts"},
	{"interrupt-names", "interrupts-extended"},
	{"reg-names", "reg"},
	{"power-domain-names", "power-domains"},
	{"qcom,smem-state-names", "qcom,smem-states"},
	{"mux-control-names", "mux-controls"},
	{"sound-dai-names", "sound-dai"},
	{"gpio-line-names", "gpio-controller"},
	{"interrupt-parent", "interrupts"},
};

/* Takes out the names of lists that were left out. */
static void drop_lone_names(struct sp_build_node *copy) {
	for (size_t i = 0; i < sizeof(name_pairs) / sizeof(name_pairs[0]); i++) {
		const char *names = name_pairs[i].names;
		bool kept = false;
		for (size_t j = 0; j < sizeof(name_pairs) / sizeof(name_pairs[0]) && !kept; j++)
			kept = strcmp(name_pairs[j].names, names) == 0 &&
				sp_build_prop(copy, name_pairs[j].list) != NULL;
		if (!kept)
			sp_build_remove(copy, names);
	}
}

/* One fixed clock for each clock of the host's that stays there. */
static struct sp_build_node *stub_clock(
	struct sp_copier *copier, const struct sp_dependency *dependency) {
	char name[32];
	uint32_t rate = (uint32_t)dependency->rate, none = 0;

	snprintf(name, sizeof(name), "clock-%u", copier->stubs++);
	struct sp_build_node *stub = sp_build_node(copier->build, copier->passthrough, name);
	if (stub == NULL)
		return NULL;
	sp_build_string(copier->build, stub, "compatible", "fixed-clock");
	sp_build_cells(copier->build, stub, "#clock-cells", &none, 1, 0);
	sp_build_cells(copier->build, stub, "clock-frequency", &rate, 1, 0);
	stub->comment = sp_arena_printf(&copier->plan->arena, "%s of the host%s",
		sp_tree_path(copier->plan->host->tree, dependency->provider),
		rate == 0 ? "; its rate is not known" : "");
	return stub;
}

/* What takes the place of one reference. NULL: nothing does. *stub tells a stand-in, which has no
 * cells. */
static struct sp_build_node *target_of(struct sp_copier *copier,
	const struct sp_dependency *dependency, sp_node provider, bool *stub) {
	*stub = false;
	if (dependency == NULL)
		return provider != SP_NODE_NONE ? copier->copy_of[provider] : NULL;
	switch (dependency->action) {
	case SP_ACTION_STUB:
		*stub = true;
		return stub_clock(copier, dependency);
	case SP_ACTION_GIVE:
	case SP_ACTION_COPY:
		return copier->copy_of[provider];
	default:
		return NULL;
	}
}

static void copy_references(struct sp_copier *copier, sp_node node, const struct sp_prop *prop,
	const struct sp_reference_rule *rule, bool data) {
	const struct sp_tree *tree = copier->plan->host->tree;
	const struct sp_plan_guest *guest = copier->guest;
	struct sp_arena *arena = &copier->plan->arena;
	uint32_t room = sp_prop_cells(prop), count = 0, cell = 0, kept = 0;
	uint32_t *cells = sp_arena_array(arena, room, sizeof(*cells));
	struct sp_build_node **targets =
		sp_arena_array(arena, room, sizeof(struct sp_build_node *));
	struct sp_use use;
	bool broken;

	while (sp_use_next(tree, prop, rule, &cell, &use, &broken)) {
		const struct sp_dependency *dependency = NULL;
		if (!data && copier->dependency < guest->dependencies.count) {
			const struct sp_dependency *next =
				&guest->dependencies.data[copier->dependency];
			if (next->node == node && next->property == prop->name) {
				dependency = next;
				copier->dependency++;
			}
		}
		if (cells == NULL || targets == NULL)
			continue;
		bool stub;
		struct sp_build_node *target = target_of(copier, dependency, use.provider, &stub);
		for (uint32_t i = use.first; target != NULL && i < use.cell; i++)
			cells[count++] = sp_prop_cell(prop, i);
		/* What is left out leaves a hole, so that the others keep their positions. */
		targets[count] = target;
		cells[count++] = 0;
		if (target == NULL)
			continue;
		kept++;
		for (uint32_t i = use.cell + 1; !stub && i < use.next; i++)
			cells[count++] = sp_prop_cell(prop, i);
	}
	if (kept == 0)
		return;
	struct sp_build_prop *copy =
		sp_build_cells(copier->build, copier->copy_of[node], prop->name, cells, count, 0);
	for (uint32_t i = 0; copy != NULL && i < count; i++) {
		if (targets[i] != NULL)
			sp_build_refer(copier->build, copy, i * 4, targets[i]);
	}
}

void sp_copy_properties(struct sp_copier *copier, sp_node node, bool data) {
	const struct sp_tree *tree = copier->plan->host->tree;
	struct sp_build_node *copy = copier->copy_of[node];
	bool hog = sp_tree_prop(tree, node, "gpio-hog") != NULL;
	uint32_t count, first = data ? 0 : copier->first_dependency[node];
	const struct sp_prop *props = sp_tree_props(tree, node, &count);

	copier->dependency = first != 0 ? first - 1 : copier->guest->dependencies.count;
	for (uint32_t i = 0; i < count; i++) {
		const struct sp_prop *prop = &props[i];
		const struct sp_reference_rule *rule = sp_reference_rule(prop->name);
		bool skip = is_host_only(prop->name) || sp_is_address_property(prop->name);
		if (!skip && !sp_build_name_valid(prop->name, false)) {
			skip = true;
			sp_finding_add(copier->plan, copier->guest, SP_CODE_DEP_NAME, node,
				"no device-tree source can hold its property %s; it is left out",
				prop->name);
		}
		if (rule != NULL && prop->len > 0 && !(hog && rule->kind == SP_REFERENCE_GPIO)) {
			/* Rewritten elsewhere; their dependencies are passed over here. */
			bool elsewhere = skip || rule->kind == SP_REFERENCE_INTERRUPT ||
				rule->kind == SP_REFERENCE_IOMMU;
			if (!elsewhere) {
				copy_references(copier, node, prop, rule, data);
				continue;
			}
			while (!data && copier->dependency < copier->guest->dependencies.count &&
				copier->guest->dependencies.data[copier->dependency].node == node &&
				copier->guest->dependencies.data[copier->dependency].property ==
					prop->name)
				copier->dependency++;
			continue;
		}
		if (!skip)
			sp_build_bytes(copier->build, copy, prop->name, prop->data, prop->len);
	}
	drop_lone_names(copy);
}

/* Pages of one block as xen,reg wants them: host address, size, guest address. */
static void put_pages(uint32_t *cells, uint32_t *count, const struct sp_guest_reg *reg) {
	uint64_t mask = SP_PAGE_SIZE - 1;
	uint64_t last = (reg->host + (reg->size - 1)) | mask;
	sp_put_cells(cells, count, reg->host & ~mask);
	sp_put_cells(cells, count, last - (reg->host & ~mask) + 1);
	sp_put_cells(cells, count, reg->guest & ~mask);
}

static void add_proxies(struct sp_copier *copier, const char *path, sp_node node) {
	const struct sp_plan_guest *guest = copier->guest;
	const char *last = path;
	for (uint32_t i = 0; i < guest->streams.count; i++) {
		const struct sp_guest_stream *stream = &guest->streams.data[i];
		if (stream->node != node || stream->holder == path || stream->holder == last)
			continue;
		last = stream->holder;
		struct sp_build_node *proxy = sp_build_node(
			copier->build, copier->passthrough, strrchr(stream->holder, '/') + 1);
		sp_build_empty(copier->build, proxy, "xen,reg");
		sp_build_string(copier->build, proxy, "xen,path", stream->holder);
	}
}

/* Xen reads xen,reg, empty or not, by the counts of the bus, and knows those of 1 and 2 only. */
static bool takes_xen_reg(const struct sp_build_node *bus) {
	static const char *const names[] = {"#address-cells", "#size-cells"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct sp_build_prop *prop = sp_build_prop(bus, names[i]);
		if (prop != NULL &&
			(prop->len != 4 || prop->data[0] != 0 || prop->data[1] != 0 ||
				prop->data[2] != 0 || prop->data[3] < 1 || prop->data[3] > 2))
			return false;
	}
	return true;
}

/* A node on a bus without addresses has its interrupts and stream IDs told by one that is not. */
static struct sp_build_node *xen_holder(struct sp_copier *copier, struct sp_build_node *copy) {
	if (takes_xen_reg(copy->parent))
		return copy;
	const char *name = sp_arena_printf(
		&copier->plan->arena, "%.*s-of-host", (int)strcspn(copy->name, "@"), copy->name);
	return name != NULL ? sp_build_node(copier->build, copier->passthrough, name) : NULL;
}

static bool has_spi(const struct sp_host *host, const struct sp_device *device) {
	for (uint32_t i = 0; device != NULL && i < device->irq_count; i++) {
		if (host->irqs.data[device->irq + i].kind == SP_IRQ_SPI)
			return true;
	}
	return false;
}

void sp_copy_xen_properties(struct sp_copier *copier, sp_node node) {
	const struct sp_plan_guest *guest = copier->guest;
	struct sp_build_node *copy = copier->copy_of[node];
	const char *path = sp_tree_path(copier->plan->host->tree, node);
	const struct sp_device *known = sp_host_device(copier->plan->host, node);
	const struct sp_guest_reg *end, *reg = sp_copier_regs(copier, node, &end);
	size_t blocks = reg != NULL ? (size_t)(end - reg) : 0;
	uint32_t *cells = sp_arena_array(&copier->plan->arena, blocks + 1, 6 * sizeof(*cells));
	uint32_t count = 0;
	bool streams = false;

	for (; cells != NULL && reg != end; reg++)
		put_pages(cells, &count, reg);
	for (uint32_t i = 0; i < guest->streams.count; i++)
		streams = streams || guest->streams.data[i].node == node;
	if (count == 0 && !streams && !has_spi(copier->plan->host, known))
		return;
	if (count == 0)
		copy = xen_holder(copier, copy);
	if (count == 0)
		sp_build_empty(copier->build, copy, "xen,reg");
	else
		sp_build_cells(copier->build, copy, "xen,reg", cells, count, 6);
	sp_build_string(copier->build, copy, "xen,path", path);
	if (!streams)
		sp_build_empty(copier->build, copy, "xen,force-assign-without-iommu");
	add_proxies(copier, path, node);
}
