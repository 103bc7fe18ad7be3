/* SPDX-License-Identifier: MIT */
#include "host/host.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "host/references.h"
#include "host/streams.h"

/* Top-level nodes that describe no devices. */
static bool is_description(const char *name) {
	static const char *const names[] = {"aliases", "chosen", "cpus", "memory",
		"reserved-memory", "__symbols__", "__fixups__", "__local_fixups__", "thermal-zones",
		"opp-table"};
	size_t length = strcspn(name, "@");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0)
			return true;
	}
	return false;
}

static bool add_device(struct sp_host *host, sp_node node, bool under_pci) {
	const struct sp_tree *tree = host->tree;
	uint32_t count;
	const struct sp_prop *props = sp_tree_props(tree, node, &count);
	bool reg = false, interrupts = false, map = false, iommus = false;

	for (uint32_t i = 0; i < count; i++) {
		const char *name = props[i].name;
		if (name[0] == 'r' && strcmp(name, "reg") == 0) {
			reg = true;
		} else if (name[0] == 'i') {
			if (strcmp(name, "interrupts") == 0 ||
				strcmp(name, "interrupts-extended") == 0)
				interrupts = true;
			else if (strcmp(name, "interrupt-map") == 0)
				map = true;
			else if (strcmp(name, "iommus") == 0)
				iommus = true;
		}
	}
	if (!reg && !interrupts && !map && !iommus)
		return true;

	struct sp_device device = {.node = node};
	device.kind = sp_kind_of(tree, node);
	device.reg = host->regs.count;
	if (reg && !under_pci) {
		bool whole = true;
		uint32_t regs = sp_reg_count(tree, node, &whole);
		for (uint32_t i = 0; i < regs; i++) {
			struct sp_reg *slot = sp_vec_push(&host->arena, &host->regs);
			if (slot == NULL)
				return false;
			sp_reg_get(tree, node, i, slot);
		}
		/* A bus without addresses for the CPU: its children's numbers are no registers. */
		if (regs > 0 && host->regs.data[device.reg].state == SP_ADDRESS_NOT_MAPPED)
			host->regs.count = device.reg;
		if (!whole) {
			struct sp_reg *slot = sp_vec_push(&host->arena, &host->regs);
			if (slot == NULL)
				return false;
			*slot = (struct sp_reg){.state = SP_ADDRESS_BAD_CELLS, .bus = node};
		}
	}
	device.reg_count = host->regs.count - device.reg;
	device.irq = host->irqs.count;
	if (interrupts && !sp_irqs_of_node(tree, host->gic, node, &host->arena, &host->irqs))
		return false;
	/* Xen, too, takes the map as the bridge's own only on a PCI host. */
	if (map && device.kind == SP_KIND_PCI_HOST &&
		!sp_irqs_of_map(tree, host->gic, node, &host->arena, &host->irqs))
		return false;
	device.irq_count = host->irqs.count - device.irq;
	if (device.reg_count == 0 && device.irq_count == 0 && !iommus)
		return true;
	device.dma = sp_kind_dma(device.kind);
	if (device.dma != SP_DMA_MASTER && sp_tree_prop(tree, node, "dmas") != NULL)
		device.dma = SP_DMA_NEVER; /* another device does its DMA */
	/* What the CPU does not see does no DMA: the controller of its bus does. */
	if (device.reg_count == 0)
		device.dma = SP_DMA_NEVER;
	/* These hand their memory accesses to the parts that they name. */
	if (sp_tree_prop(tree, node, "renesas,vsps") != NULL)
		device.dma = SP_DMA_NEVER;
	if (device.dma == SP_DMA_PERHAPS && sp_tree_prop(tree, node, "dma-coherent") != NULL)
		device.dma = SP_DMA_MASTER;

	struct sp_device *slot = sp_vec_push(&host->arena, &host->devices);
	if (slot == NULL)
		return false;
	*slot = device;
	host->device_of[node] = host->devices.count - 1;
	return true;
}

static bool add_devices(struct sp_host *host) {
	const struct sp_tree *tree = host->tree;
	uint32_t count = sp_tree_count(tree);
	sp_node pci_end = 0;

	host->device_of = sp_arena_array(&host->arena, count, sizeof(*host->device_of));
	if (host->device_of == NULL)
		return false;
	for (sp_node node = 0; node < count; node++)
		host->device_of[node] = UINT32_MAX;
	for (sp_node node = 1; node < count;) {
		if (sp_tree_parent(tree, node) == SP_NODE_ROOT &&
			is_description(sp_tree_name(tree, node))) {
			node = sp_tree_end(tree, node);
			continue;
		}
		if (!add_device(host, node, node < pci_end))
			return false;
		if (node >= pci_end && sp_is_pci_bus(tree, node))
			pci_end = sp_tree_end(tree, node);
		node++;
	}
	return true;
}

/* In any order at first: see add_memory. */
static bool add_interval(
	struct sp_host *host, struct sp_intervals *set, uint64_t address, uint64_t size) {
	if (size > UINT64_MAX - address)
		return true;
	struct sp_interval *slot = sp_vec_push(&host->arena, set);
	if (slot == NULL)
		return false;
	*slot = (struct sp_interval){address, address + size};
	return true;
}

static bool add_memory_of(struct sp_host *host, sp_node node, struct sp_intervals *set) {
	bool whole;
	uint32_t regs = sp_reg_count(host->tree, node, &whole);
	for (uint32_t i = 0; i < regs; i++) {
		struct sp_reg reg;
		sp_reg_get(host->tree, node, i, &reg);
		if (reg.state == SP_ADDRESS_OK && !add_interval(host, set, reg.address, reg.size))
			return false;
	}
	return true;
}

static uint64_t be64(const uint8_t *at) {
	uint64_t value = 0;
	for (unsigned i = 0; i < 8; i++)
		value = value << 8 | at[i];
	return value;
}

/* The header's memory reservation block (Devicetree Specification 5.3). */
static bool add_reservations(struct sp_host *host) {
	uint32_t size;
	const uint8_t *blob = sp_tree_blob(host->tree, &size);
	uint32_t at = sp_load_be32(blob + 16);
	for (; at <= size && size - at >= 16; at += 16) {
		uint64_t address = be64(blob + at), length = be64(blob + at + 8);
		if (address == 0 && length == 0)
			break;
		if (!add_interval(host, &host->reserved, address, length))
			return false;
	}
	return true;
}

static bool add_memory(struct sp_host *host) {
	const struct sp_tree *tree = host->tree;
	for (sp_node node = sp_tree_first_child(tree, SP_NODE_ROOT); node != SP_NODE_NONE;
		node = sp_tree_next_sibling(tree, node)) {
		const char *name = sp_tree_name(tree, node);
		if (strcmp(name, "reserved-memory") == 0) {
			for (sp_node child = sp_tree_first_child(tree, node); child != SP_NODE_NONE;
				child = sp_tree_next_sibling(tree, child)) {
				if (!add_memory_of(host, child, &host->reserved))
					return false;
			}
		} else if (strncmp(name, "memory", 6) == 0 && (name[6] == '\0' || name[6] == '@')) {
			if (!add_memory_of(host, node, &host->memory))
				return false;
		}
	}
	if (!add_reservations(host))
		return false;
	sp_intervals_sort(&host->memory);
	sp_intervals_sort(&host->reserved);
	return true;
}

static int compare_u64(uint64_t a, uint64_t b) {
	return a < b ? -1 : a > b;
}

static int compare_pages(const void *left, const void *right) {
	const struct sp_page_owner *a = left, *b = right;
	int order = compare_u64(a->start, b->start);
	if (order == 0)
		order = compare_u64(a->device, b->device);
	return order != 0 ? order : compare_u64(a->end, b->end);
}

static int compare_irqs(const void *left, const void *right) {
	const struct sp_irq_owner *a = left, *b = right;
	int order = compare_u64(a->number, b->number);
	if (order == 0)
		order = compare_u64(a->device, b->device);
	return order != 0 ? order : compare_u64(a->type, b->type);
}

static bool add_owners(struct sp_host *host) {
	for (uint32_t d = 0; d < host->devices.count; d++) {
		const struct sp_device *device = &host->devices.data[d];
		for (uint32_t i = 0; i < device->reg_count; i++) {
			const struct sp_reg *reg = &host->regs.data[device->reg + i];
			if (reg->state != SP_ADDRESS_OK || reg->size == 0)
				continue;
			struct sp_page_owner *owner = sp_vec_push(&host->arena, &host->page_owners);
			if (owner == NULL)
				return false;
			owner->start = reg->address >> SP_PAGE_SHIFT;
			owner->end = ((reg->address + (reg->size - 1)) >> SP_PAGE_SHIFT) + 1;
			owner->device = d;
		}
		for (uint32_t i = 0; i < device->irq_count; i++) {
			const struct sp_irq *irq = &host->irqs.data[device->irq + i];
			if (irq->kind > SP_IRQ_EPPI)
				continue;
			struct sp_irq_owner *owner = sp_vec_push(&host->arena, &host->irq_owners);
			if (owner == NULL)
				return false;
			*owner = (struct sp_irq_owner){irq->number, irq->type, d};
		}
	}
	if (host->page_owners.count > 0)
		qsort(host->page_owners.data, host->page_owners.count,
			sizeof(*host->page_owners.data), compare_pages);
	if (host->irq_owners.count > 0)
		qsort(host->irq_owners.data, host->irq_owners.count, sizeof(*host->irq_owners.data),
			compare_irqs);
	uint64_t highest = 0;
	for (uint32_t i = 0; i < host->page_owners.count; i++) {
		struct sp_page_owner *owner = &host->page_owners.data[i];
		if (owner->end > highest)
			highest = owner->end;
		owner->highest_end = highest;
	}
	return true;
}

static sp_node find_console(const struct sp_tree *tree) {
	sp_node chosen = sp_tree_child(tree, SP_NODE_ROOT, "chosen");
	if (chosen == SP_NODE_NONE)
		return SP_NODE_NONE;
	const struct sp_prop *prop = sp_tree_prop(tree, chosen, "stdout-path");
	if (prop == NULL)
		prop = sp_tree_prop(tree, chosen, "linux,stdout-path");
	const char *text = prop != NULL ? sp_prop_string(prop, 0) : NULL;
	if (text == NULL)
		return SP_NODE_NONE;
	char path[256];
	size_t length = strcspn(text, ":"); /* what follows are the line's settings */
	if (length >= sizeof(path))
		return SP_NODE_NONE;
	memcpy(path, text, length);
	path[length] = '\0';
	return sp_tree_find(tree, path);
}

static const char *find_model(struct sp_host *host) {
	const struct sp_prop *prop = sp_tree_prop(host->tree, SP_NODE_ROOT, "model");
	const char *model = prop != NULL ? sp_prop_string(prop, 0) : NULL;
	return model != NULL ? model : "";
}

bool sp_host_create(struct sp_host **out, const struct sp_tree *tree, const char *name,
	struct sp_error *error) {
	*out = NULL;
	sp_node hypervisor = sp_tree_child(tree, SP_NODE_ROOT, "hypervisor");
	if (hypervisor != SP_NODE_NONE && sp_tree_compatible(tree, hypervisor, "xen,xen"))
		return sp_error_set(error, SP_ERROR_INPUT,
			"/hypervisor: this is the tree that Xen made for one of its domains, "
			"without the IOMMUs and devices that a plan needs; give the board's own "
			".dtb, the one that the boot loader hands to Xen");

	struct sp_host *host = calloc(1, sizeof(*host));
	if (host == NULL)
		return sp_error_memory(error);
	host->tree = tree;
	host->name = sp_arena_strdup(&host->arena, name);
	host->model = find_model(host);
	host->gic = sp_gic_find(tree, &host->gic_version);
	host->console = find_console(tree);
	if (host->name == NULL || !add_memory(host) || !add_devices(host) ||
		!sp_host_add_streams(host) || !add_owners(host) || !sp_host_add_users(host) ||
		host->arena.failed) {
		sp_host_destroy(host);
		return sp_error_memory(error);
	}
	*out = host;
	return true;
}

void sp_host_destroy(struct sp_host *host) {
	if (host == NULL)
		return;
	sp_arena_release(&host->arena);
	free(host);
}

const struct sp_device *sp_host_device(const struct sp_host *host, sp_node node) {
	if (node >= sp_tree_count(host->tree) || host->device_of[node] == UINT32_MAX)
		return NULL;
	return &host->devices.data[host->device_of[node]];
}

uint32_t sp_host_pages_from(const struct sp_host *host, uint64_t start) {
	uint32_t low = 0, high = host->page_owners.count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (host->page_owners.data[middle].highest_end > start)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

uint32_t sp_host_irqs_from(const struct sp_host *host, uint32_t number) {
	uint32_t low = 0, high = host->irq_owners.count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (host->irq_owners.data[middle].number >= number)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}
