/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "plan/rules.h"

/* What xen,reg is when its node's parent counts no cells: DT_ROOT_NODE_*_CELLS_DEFAULT. */
#define DEFAULT_ADDRESS_CELLS 2u
#define DEFAULT_SIZE_CELLS 1u

static uint64_t memory_of(const struct sp_tree *tree, sp_node domain) {
	const struct sp_prop *prop = sp_tree_prop(tree, domain, "memory");
	uint32_t cells = prop != NULL ? sp_prop_cells(prop) : 0;
	/* KiB */
	return cells == 0 ? 0 : sp_prop_number(prop, 0, cells > 1 ? 2 : 1) >> 10;
}

/* In the cells of /chosen: assign_static_memory_11() in xen/arch/arm/static-memory.c. */
static uint64_t static_memory_of(const struct sp_tree *tree, sp_node domain) {
	const struct sp_prop *prop = sp_tree_prop(tree, domain, "xen,static-mem");
	uint32_t cells = sp_tree_u32(tree, sp_tree_parent(tree, domain), "#address-cells", 2);
	return prop != NULL && cells <= 2 ? sp_prop_number(prop, 0, cells) : 0;
}

static sp_node tree_module(const struct sp_tree *tree, sp_node domain) {
	for (sp_node node = sp_tree_first_child(tree, domain); node != SP_NODE_NONE;
		node = sp_tree_next_sibling(tree, node)) {
		if (sp_tree_compatible(tree, node, "multiboot,device-tree"))
			return node;
	}
	return SP_NODE_NONE;
}

/* What Xen reads of the module; SIZE_MAX if its reg does not say. */
static size_t module_size(const struct sp_tree *tree, sp_node module) {
	const struct sp_prop *reg = sp_tree_prop(tree, module, "reg");
	uint32_t address = sp_address_cells(tree, module), size = sp_size_cells(tree, module);

	if (reg == NULL || address > 2 || size > 2 || sp_prop_cells(reg) < address + size)
		return SIZE_MAX;
	return (size_t)sp_prop_number(reg, address, size);
}

static void add_map(struct sp_check *check, struct sp_check_guest *guest, sp_node node,
	uint64_t host, uint64_t size, uint64_t at) {
	const uint64_t limit = UINT64_C(1) << 52;

	if (((host | size | at) & (SP_PAGE_SIZE - 1)) != 0) {
		sp_check_add(check, guest, SP_CODE_DOMAIN_UNALIGNED, sp_check_at_tree(guest, node),
			"xen,reg has 0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64
			", which are not all multiples of 4 KiB (-22)",
			host, size, at);
		/* Told once; the rest is judged as if it were rounded. */
		size += host & (SP_PAGE_SIZE - 1);
		size = (size + (SP_PAGE_SIZE - 1)) & ~(SP_PAGE_SIZE - 1);
		host &= ~(SP_PAGE_SIZE - 1);
		at &= ~(SP_PAGE_SIZE - 1);
	}
	if (size == 0 || size > limit || host > limit - size || at > limit - size) {
		sp_check_add(check, guest, SP_CODE_MAP_UNKNOWN, sp_check_at_tree(guest, node),
			"xen,reg has 0x%" PRIx64 " bytes at 0x%" PRIx64
			", which no physical address has",
			size, host);
		return;
	}
	struct sp_check_map *map = sp_vec_push(&check->arena, &guest->maps);
	if (map != NULL)
		*map = (struct sp_check_map){host, size, at, 0, node};
}

static void take_reg(struct sp_check *check, struct sp_check_guest *guest, sp_node node,
	const struct sp_prop *prop) {
	const struct sp_tree *tree = guest->tree;
	sp_node parent = sp_tree_parent(tree, node);
	bool top = parent == SP_NODE_ROOT;
	uint32_t address = top ? DEFAULT_ADDRESS_CELLS
			       : sp_tree_u32(tree, parent, "#address-cells", DEFAULT_ADDRESS_CELLS);
	uint32_t size = top ? DEFAULT_SIZE_CELLS
			    : sp_tree_u32(tree, parent, "#size-cells", DEFAULT_SIZE_CELLS);

	if (address < 1 || address > 2 || size < 1 || size > 2) {
		sp_check_add(check, guest, SP_CODE_DOMAIN_CELLS, sp_check_at_tree(guest, node),
			"xen,reg is read with #address-cells %u and #size-cells %u of the node "
			"above; both must be 1 or 2",
			address, size);
		return;
	}
	uint32_t row = 2 * address + size, rows = sp_prop_cells(prop) / row;
	/* None at all is for a node that has only interrupts. */
	if (rows * row != sp_prop_cells(prop))
		sp_check_add(check, guest, SP_CODE_DOMAIN_CELLS, sp_check_at_tree(guest, node),
			"xen,reg has %u cells, no multiple of %u (host address, size, guest "
			"address); Xen leaves the rest out without a word",
			sp_prop_cells(prop), row);
	for (uint32_t i = 0; i < rows; i++) {
		uint32_t cell = i * row;
		add_map(check, guest, node, sp_prop_number(prop, cell, address),
			sp_prop_number(prop, cell + address, size),
			sp_prop_number(prop, cell + address + size, address));
	}
}

/* Xen routes the interrupts of the host's node itself, not of those below it. */
static void take_irqs(
	struct sp_check *check, struct sp_check_guest *guest, sp_node host, sp_node at) {
	const struct sp_device *device = sp_host_device(check->host, host);

	for (uint32_t i = 0; device != NULL && i < device->irq_count; i++) {
		const struct sp_irq *found = &check->host->irqs.data[device->irq + i];
		if (found->kind != SP_IRQ_SPI || found->from_map)
			continue;
		struct sp_check_irq *irq = sp_vec_push(&check->arena, &guest->irqs);
		if (irq != NULL)
			*irq = (struct sp_check_irq){found->number, 0, at};
	}
}

static void take_node(struct sp_check *check, struct sp_check_guest *guest, sp_node node) {
	const struct sp_tree *tree = guest->tree;
	const struct sp_prop *reg = sp_tree_prop(tree, node, "xen,reg");
	const struct sp_prop *path = sp_tree_prop(tree, node, "xen,path");
	bool force = sp_tree_prop(tree, node, "xen,force-assign-without-iommu") != NULL;

	if (reg == NULL && path == NULL)
		return;
	if (reg == NULL || (path == NULL && !force))
		sp_check_add(check, guest, SP_CODE_DOMAIN_HALF, sp_check_at_tree(guest, node),
			"it has %s and no %s: Xen stops with \"xen,reg or xen,path missing\" (-22)",
			reg != NULL ? "xen,reg" : "xen,path", reg != NULL ? "xen,path" : "xen,reg");
	if (reg != NULL)
		take_reg(check, guest, node, reg);
	const char *name = path != NULL ? sp_prop_string(path, 0) : NULL;
	if (path == NULL || reg == NULL)
		return;
	sp_node host = name != NULL ? sp_check_find(check, name) : SP_NODE_NONE;
	struct sp_check_dev *dev = sp_vec_push(&check->arena, &guest->devs);
	if (dev != NULL)
		*dev = (struct sp_check_dev){name != NULL ? name : "", host, 0, node, force};
	if (host != SP_NODE_NONE)
		take_irqs(check, guest, host, node);
}

static void take_nodes(struct sp_check *check, struct sp_check_guest *guest) {
	sp_node top = sp_check_passthrough(guest), gic;

	if (guest->tree == NULL)
		return;
	gic = sp_tree_child(guest->tree, SP_NODE_ROOT, "gic");
	if (gic != SP_NODE_NONE && sp_tree_phandle(guest->tree, gic) != 0)
		guest->gic_phandle = sp_tree_phandle(guest->tree, gic);
	for (sp_node node = top; top != SP_NODE_NONE && node < sp_tree_end(guest->tree, top);
		node++)
		take_node(check, guest, node);
}

/* The file that the options give for the domain; NULL. */
static const char *file_for(const struct sp_check_options *options, const char *name) {
	size_t length = strlen(name);
	for (uint32_t i = 0; i < options->tree_count; i++) {
		if (strncmp(options->trees[i], name, length) == 0 &&
			options->trees[i][length] == '=')
			return options->trees[i] + length + 1;
	}
	return NULL;
}

static bool read_domain(struct sp_check *check, sp_node domain, struct sp_error *error) {
	const struct sp_tree *tree = check->host->tree;
	const char *name = sp_tree_name(tree, domain), *file = file_for(check->options, name);
	sp_node module = tree_module(tree, domain);
	char *data = NULL;
	size_t size = 0;

	if (check->guests.count >= SP_CHECK_MAX_GUESTS)
		return sp_error_set(error, SP_ERROR_USE,
			"more than %u guests are too many to be checked together",
			SP_CHECK_MAX_GUESTS);
	struct sp_check_guest *guest = sp_vec_push(&check->arena, &check->guests);
	if (guest == NULL)
		return sp_error_memory(error);
	*guest = (struct sp_check_guest){.name = name,
		.file = check->host->name,
		.mode = sp_tree_prop(tree, domain, "direct-map") != NULL ? SP_MODE_DIRECT
									 : SP_MODE_DOM0LESS,
		.domain = domain,
		.memory = memory_of(tree, domain),
		.static_memory = static_memory_of(tree, domain),
		.cpus = sp_tree_u32(tree, domain, "cpus", 1),
		.pool = sp_tree_u32(tree, domain, "xen,domain-p2m-mem-mb", 0),
		.vuart = sp_tree_prop(tree, domain, "vpl011") != NULL,
		/* Unless the guest's tree has a node /gic with one of its own. */
		.gic_phandle = SP_GUEST_PHANDLE_GIC};
	if (file == NULL && module != SP_NODE_NONE)
		sp_check_add(check, guest, SP_CODE_DOMAIN_UNSEEN,
			sp_check_at(check, guest, module, 0, SP_NODE_NONE),
			"what the guest is given is in this module's tree; name it with "
			"--guest-tree %s=FILE",
			name);
	if (file == NULL)
		return true;
	if (module == SP_NODE_NONE)
		sp_check_add(check, guest, SP_CODE_DOMAIN_NO_MODULE,
			sp_check_at(check, guest, domain, 0, SP_NODE_NONE),
			"no module of it is compatible with multiboot,device-tree: unless the boot "
			"loader adds one, Xen does not see %s",
			file);
	if (!check->reader.read_tree(check->reader.context, file, &data, &size, error))
		return false;
	guest->tree_file = file;
	sp_check_take_tree(check, guest, file, data, size,
		module != SP_NODE_NONE ? module_size(tree, module) : SIZE_MAX);
	take_nodes(check, guest);
	return true;
}

static bool is_domain(const struct sp_check *check, const char *name, size_t length) {
	for (uint32_t i = 0; i < check->guests.count; i++) {
		const struct sp_check_guest *guest = &check->guests.data[i];
		if (guest->domain != SP_NODE_NONE && strncmp(guest->name, name, length) == 0 &&
			guest->name[length] == '\0')
			return true;
	}
	return false;
}

bool sp_check_read_domains(struct sp_check *check, struct sp_error *error) {
	const struct sp_tree *tree = check->host->tree;
	const struct sp_check_options *options = check->options;
	sp_node chosen = sp_tree_child(tree, SP_NODE_ROOT, "chosen");

	if (chosen != SP_NODE_NONE) {
		for (sp_node node = sp_tree_first_child(tree, chosen); node != SP_NODE_NONE;
			node = sp_tree_next_sibling(tree, node)) {
			if (sp_tree_compatible(tree, node, "xen,domain") &&
				!read_domain(check, node, error))
				return false;
		}
	}
	for (uint32_t i = 0; i < options->tree_count; i++) {
		size_t length = strcspn(options->trees[i], "=");
		if (options->trees[i][length] == '\0')
			return sp_error_set(error, SP_ERROR_USE,
				"%s: NODE=FILE is wanted, as in domU1=guest.dtb",
				options->trees[i]);
		if (!is_domain(check, options->trees[i], length))
			return sp_error_set(error, SP_ERROR_USE,
				"%.*s: /chosen of the host's tree has no such domain", (int)length,
				options->trees[i]);
	}
	return true;
}
