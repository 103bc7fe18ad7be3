/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"

/* Registers in the guest's tree that lead to those of another device than the node is like. */

/* What a node of the host with registers calls itself. */
struct alike {
	const char *compatible;
	sp_node node;
};

struct search {
	struct sp_check *check;
	const struct sp_check_guest *guest;
	SP_VEC(struct alike) alike; /* by compatible, then by node */
};

/* Names that many different devices have. */
static bool is_vague(const char *compatible) {
	static const char *const vague[] = {
		"arm,primecell", "syscon", "simple-mfd", "simple-bus", "simple-pm-bus"};

	for (size_t i = 0; i < sizeof(vague) / sizeof(vague[0]); i++) {
		if (strcmp(compatible, vague[i]) == 0)
			return true;
	}
	return false;
}

/* The next of a node's names that tell something; NULL. */
static const char *next_name(const struct sp_prop *prop, uint32_t *at) {
	while (prop != NULL && *at < prop->len) {
		const char *name = (const char *)prop->data + *at;
		size_t room = prop->len - *at, length = strnlen(name, room);
		if (length == room)
			return NULL;
		*at += (uint32_t)length + 1;
		if (length > 0 && !is_vague(name))
			return name;
	}
	return NULL;
}

static int compare_alike(const void *left, const void *right) {
	const struct alike *a = left, *b = right;
	int order = strcmp(a->compatible, b->compatible);
	return order != 0 ? order : a->node < b->node ? -1 : a->node > b->node;
}

static bool is_block(const struct sp_reg *reg) {
	return reg->state == SP_ADDRESS_OK && reg->size > 0;
}

static void find_alike(struct search *search) {
	const struct sp_host *host = search->check->host;

	for (uint32_t d = 0; d < host->devices.count; d++) {
		const struct sp_device *device = &host->devices.data[d];
		const struct sp_prop *prop = sp_tree_prop(host->tree, device->node, "compatible");
		bool block = false;
		uint32_t at = 0;
		for (uint32_t r = 0; r < device->reg_count && !block; r++)
			block = is_block(&host->regs.data[device->reg + r]);
		for (const char *name; block && (name = next_name(prop, &at)) != NULL;) {
			struct alike *slot = sp_vec_push(&search->check->arena, &search->alike);
			if (slot != NULL)
				*slot = (struct alike){name, device->node};
		}
	}
	if (search->alike.count > 0)
		qsort(search->alike.data, search->alike.count, sizeof(*search->alike.data),
			compare_alike);
}

/* The first node of the host that has one of the names; SP_NODE_NONE. */
static sp_node like(const struct search *search, const struct sp_prop *names) {
	uint32_t at = 0;

	for (const char *name; (name = next_name(names, &at)) != NULL;) {
		uint32_t low = 0, high = search->alike.count;
		while (low < high) {
			uint32_t middle = low + (high - low) / 2;
			if (strcmp(search->alike.data[middle].compatible, name) >= 0)
				high = middle;
			else
				low = middle + 1;
		}
		if (low < search->alike.count &&
			strcmp(search->alike.data[low].compatible, name) == 0)
			return search->alike.data[low].node;
	}
	return SP_NODE_NONE;
}

static bool is_like(const struct sp_tree *tree, sp_node node, const struct sp_prop *names) {
	uint32_t at = 0;

	for (const char *name; (name = next_name(names, &at)) != NULL;) {
		if (sp_tree_compatible(tree, node, name))
			return true;
	}
	return false;
}

/* It begins where the block does, or is a part of it. */
static bool fits(const struct sp_reg *block, uint64_t address, uint64_t size) {
	if (!is_block(block) || address - block->address >= block->size)
		return false;
	return address == block->address || size <= block->size - (address - block->address);
}

/* What many share, or lies in a PCI window, nobody can tell. */
static bool is_at_home(
	const struct search *search, const struct sp_prop *names, uint64_t address, uint64_t size) {
	const struct sp_check *check = search->check;
	const struct sp_host *host = check->host;
	uint64_t page = address >> SP_PAGE_SHIFT;
	uint32_t steps = 0;

	for (uint32_t i = 0; i < check->windows.count; i++) {
		if (address - check->windows.data[i].start < check->windows.data[i].size)
			return true;
	}
	for (uint32_t i = sp_host_pages_from(host, page);
		i < host->page_owners.count && host->page_owners.data[i].start <= page; i++) {
		const struct sp_page_owner *owner = &host->page_owners.data[i];
		const struct sp_device *device = &host->devices.data[owner->device];
		if (steps++ == SP_CHECK_MAX_STEPS)
			return true;
		if (owner->end <= page || !is_like(host->tree, device->node, names))
			continue;
		for (uint32_t r = 0; r < device->reg_count; r++) {
			if (fits(&host->regs.data[device->reg + r], address, size))
				return true;
		}
	}
	return false;
}

static void take_node(const struct search *search, sp_node node) {
	struct sp_check *check = search->check;
	const struct sp_check_guest *guest = search->guest;
	const struct sp_prop *names = sp_tree_prop(guest->tree, node, "compatible");
	sp_node meant = like(search, names);
	bool whole;
	uint32_t count = meant != SP_NODE_NONE ? sp_reg_count(guest->tree, node, &whole) : 0;

	for (uint32_t i = 0; i < count && i < SP_CHECK_MAX_STEPS; i++) {
		struct sp_reg reg;
		sp_reg_get(guest->tree, node, i, &reg);
		uint64_t host =
			is_block(&reg) ? sp_check_host_address(guest, reg.address) : UINT64_MAX;
		uint64_t page = host >> SP_PAGE_SHIFT;
		/* That there is nothing, or nothing known, is told. */
		if (host == UINT64_MAX || !sp_intervals_contain(&check->known, page, page + 1) ||
			is_at_home(search, names, host, reg.size))
			continue;
		sp_check_add(check, guest, SP_CODE_MAP_ASTRAY, sp_check_at_tree(guest, node),
			"its register block %u leads to 0x%" PRIx64
			" of the host, where neither %s nor another of its kind has registers",
			i, host, sp_tree_path(check->host->tree, meant));
		return;
	}
}

void sp_check_astray(struct sp_check *check, struct sp_check_guest *guest) {
	struct search search = {.check = check, .guest = guest};
	sp_node top = sp_check_passthrough(guest);

	if (top == SP_NODE_NONE || guest->maps.count == 0)
		return;
	find_alike(&search);
	for (sp_node node = top + 1; node < sp_tree_end(guest->tree, top); node++) {
		if (sp_check_is_live(guest, node))
			take_node(&search, node);
	}
}
