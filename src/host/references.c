/* SPDX-License-Identifier: MIT */
#include "host/references.h"

#include <stdlib.h>
#include <string.h>

#include "fdt/cells.h"
#include "host/streams.h"

#define SP_REFERENCE(name, lead, cells, fixed, form, kind) \
	{name, lead, cells, fixed, SP_REFERENCE_FORM_##form, SP_REFERENCE_##kind},
#define SP_REFERENCE_PATTERN(...)
static const struct sp_reference_rule exact[] = {
#include "host/references.def"
};
#undef SP_REFERENCE
#undef SP_REFERENCE_PATTERN

#define SP_REFERENCE(...)
#define SP_REFERENCE_PATTERN(name, lead, cells, fixed, form, kind) \
	{name, lead, cells, fixed, SP_REFERENCE_FORM_##form, SP_REFERENCE_##kind},
static const struct sp_reference_rule patterns[] = {
#include "host/references.def"
};
#undef SP_REFERENCE
#undef SP_REFERENCE_PATTERN

#define EXACT_COUNT (sizeof(exact) / sizeof(exact[0]))
#define PATTERN_COUNT (sizeof(patterns) / sizeof(patterns[0]))

/* pinctrl-0, pinctrl-1, …, but not pinctrl-names. */
static bool is_pin_state(const char *property) {
	return strncmp(property, "pinctrl-", 8) == 0 && property[8] >= '0' && property[8] <= '9';
}

static bool fits(const char *pattern, const char *property, size_t length) {
	size_t want = strlen(pattern) - 1;
	if (length <= want)
		return false;
	if (pattern[0] == '*')
		return memcmp(property + length - want, pattern + 1, want) == 0;
	return memcmp(property, pattern, want) == 0;
}

const struct sp_reference_rule *sp_reference_rule(const char *property) {
	static const struct sp_reference_rule pin_state = {
		"pinctrl-*", 0, NULL, 0, SP_REFERENCE_FORM_LIST, SP_REFERENCE_PINS};
	size_t low = 0, high = EXACT_COUNT;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(property, exact[middle].name);
		if (order == 0)
			return &exact[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	size_t length = strlen(property);
	if (property[0] == '#' || (length > 6 && strcmp(property + length - 6, "-names") == 0))
		return NULL;
	if (is_pin_state(property))
		return &pin_state;
	/* Counts, though they look like lists of GPIOs. */
	if (strcmp(property, "nr-gpios") == 0 || strcmp(property, "snps,nr-gpios") == 0)
		return NULL;
	for (size_t i = 0; i < PATTERN_COUNT; i++) {
		if (fits(patterns[i].name, property, length))
			return &patterns[i];
	}
	return NULL;
}

const struct sp_reference_rule *sp_reference_rule_at(uint32_t index) {
	if (index < EXACT_COUNT)
		return &exact[index];
	index -= (uint32_t)EXACT_COUNT;
	return index < PATTERN_COUNT ? &patterns[index] : NULL;
}

bool sp_use_next(const struct sp_tree *tree, const struct sp_prop *prop,
	const struct sp_reference_rule *rule, uint32_t *cell, struct sp_use *use, bool *broken) {
	uint32_t cells = sp_prop_cells(prop);
	*broken = false;
	/* The phandles of an interrupt-map stand within its rows, which the interrupts' walk reads.
	 */
	if (rule->kind == SP_REFERENCE_INTERRUPT && rule->form == SP_REFERENCE_FORM_REST)
		return false;
	bool is_map = rule->kind == SP_REFERENCE_IOMMU && rule->lead > 0;
	if (is_map && *cell == 0)
		use->row = sp_iommu_map_row(tree, prop);
	if (*cell >= cells || (*cell > 0 && rule->form != SP_REFERENCE_FORM_LIST))
		return false;
	if (prop->len % 4 != 0 || cells - *cell <= rule->lead) {
		*broken = true;
		return false;
	}
	use->first = *cell;
	use->cell = *cell + rule->lead;
	use->phandle = sp_prop_cell(prop, use->cell);
	use->provider = SP_NODE_NONE;
	use->next = use->cell + 1;
	if (use->phandle != 0 && use->phandle != UINT32_MAX) {
		use->provider = sp_tree_by_phandle(tree, use->phandle);
		uint32_t after = rule->fixed;
		if (is_map) {
			after = use->row - rule->lead - 1;
		} else if (use->provider != SP_NODE_NONE && rule->cells != NULL) {
			uint32_t counted = sp_tree_u32(tree, use->provider, rule->cells, 0);
			if (counted > SP_MAX_ARGS) {
				*broken = true;
				return false;
			}
			after += counted;
		}
		if (cells - use->next < after) {
			*broken = true;
			return false;
		}
		use->next += after;
	}
	/* Of a dangling phandle nobody knows how many cells follow. */
	if (rule->form == SP_REFERENCE_FORM_REST ||
		(use->provider == SP_NODE_NONE && use->phandle != 0 && use->phandle != UINT32_MAX &&
			rule->cells != NULL))
		use->next = cells;
	*cell = use->next;
	return true;
}

/* Whether what refers in this way stops working when its provider is given away. */
static bool depends(const struct sp_reference_rule *rule) {
	/* An IOMMU works without the masters that it lists. */
	if (strcmp(rule->name, "mmu-masters") == 0)
		return false;
	switch (rule->kind) {
	case SP_REFERENCE_THERMAL:
	case SP_REFERENCE_GRAPH:
	case SP_REFERENCE_GRAPH_OTHER:
	case SP_REFERENCE_OPP:
	case SP_REFERENCE_DATA:
	case SP_REFERENCE_CPU:
	case SP_REFERENCE_ASSIGNED:
		return false;
	default:
		return true;
	}
}

/*
 * Rules by the address of the name: a tree has one copy of each property name, and the same few
 * dozen names come again and again.
 */
#define CACHE_SIZE 1024u

struct rule_cache {
	const char *name[CACHE_SIZE];
	const struct sp_reference_rule *rule[CACHE_SIZE];
};

static const struct sp_reference_rule *cached_rule(struct rule_cache *cache, const char *name) {
	uintptr_t address = (uintptr_t)name;
	size_t slot = (address ^ address >> 8) % CACHE_SIZE;
	if (cache->name[slot] != name) {
		cache->name[slot] = name;
		cache->rule[slot] = sp_reference_rule(name);
	}
	return cache->rule[slot];
}

static bool add_users(struct sp_host *host, sp_node user, const struct sp_prop *prop,
	const struct sp_reference_rule *rule) {
	struct sp_use use;
	uint32_t cell = 0;
	bool broken;

	while (sp_use_next(host->tree, prop, rule, &cell, &use, &broken)) {
		if (use.provider == SP_NODE_NONE)
			continue;
		struct sp_user *slot = sp_vec_push(&host->arena, &host->users);
		if (slot == NULL)
			return false;
		*slot = (struct sp_user){user, prop->name, host->first_user[use.provider]};
		host->first_user[use.provider] = host->users.count; /* one more than the index */
	}
	return true;
}

bool sp_host_add_users(struct sp_host *host) {
	const struct sp_tree *tree = host->tree;
	uint32_t nodes = sp_tree_count(tree);
	struct rule_cache cache = {0};

	host->first_user = sp_arena_array(&host->arena, nodes, sizeof(*host->first_user));
	if (host->first_user == NULL)
		return false;
	for (sp_node node = 0; node < nodes; node++) {
		uint32_t count;
		const struct sp_prop *props = sp_tree_props(tree, node, &count);
		if (!sp_tree_enabled(tree, node))
			continue;
		for (uint32_t i = 0; i < count; i++) {
			const struct sp_reference_rule *rule = cached_rule(&cache, props[i].name);
			if (rule != NULL && depends(rule) &&
				!add_users(host, node, &props[i], rule))
				return false;
		}
	}
	return true;
}

const struct sp_user *sp_host_user(
	const struct sp_host *host, sp_node node, const struct sp_user *previous) {
	uint32_t next = previous == NULL ? host->first_user[node] : previous->next;
	return next == 0 ? NULL : &host->users.data[next - 1];
}
