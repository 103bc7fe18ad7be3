/* SPDX-License-Identifier: MIT */
#include "host/references.h"

#include <stdlib.h>
#include <string.h>

#include "fdt/cells.h"

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
static bool
is_pin_state(const char *property) {
	return strncmp(property, "pinctrl-", 8) == 0 && property[8] >= '0' && property[8] <= '9';
}

static bool
fits(const char *pattern, const char *property, size_t length) {
	size_t want = strlen(pattern) - 1;
	if (length <= want)
		return false;
	if (pattern[0] == '*')
		return memcmp(property + length - want, pattern + 1, want) == 0;
	return memcmp(property, pattern, want) == 0;
}

const struct sp_reference_rule *
sp_reference_rule(const char *property) {
	static const struct sp_reference_rule pin_state = {"pinctrl-*", 0, NULL, 0,
		SP_REFERENCE_FORM_LIST, SP_REFERENCE_PINS};
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

const struct sp_reference_rule *
sp_reference_rule_at(uint32_t index) {
	if (index < EXACT_COUNT)
		return &exact[index];
	index -= (uint32_t)EXACT_COUNT;
	return index < PATTERN_COUNT ? &patterns[index] : NULL;
}

bool
sp_use_next(const struct sp_tree *tree, const struct sp_prop *prop,
	const struct sp_reference_rule *rule, uint32_t *cell, struct sp_use *use, bool *broken) {
	uint32_t cells = sp_prop_cells(prop);
	*broken = false;
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
		if (use->provider != SP_NODE_NONE && rule->cells != NULL) {
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
static bool
depends(enum sp_reference_kind kind) {
	switch (kind) {
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

/* The node that holds a property's bytes: nodes and properties lie in the order of the blob. */
static sp_node
node_at(const struct sp_tree *tree, const uint8_t *at, const struct sp_prop **found) {
	uint32_t low = 0, high = sp_tree_count(tree);
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		/* Names precede properties, so they order even the nodes that have none. */
		const uint8_t *name = (const uint8_t *)sp_tree_name(tree, middle);
		if (name <= at)
			low = middle;
		else
			high = middle;
	}
	uint32_t count;
	const struct sp_prop *props = sp_tree_props(tree, low, &count);
	for (uint32_t i = 0; i < count; i++) {
		if (at >= props[i].data && at < props[i].data + props[i].len) {
			*found = &props[i];
			return low;
		}
	}
	return SP_NODE_NONE;
}

static bool
refers(const struct sp_tree *tree, const struct sp_prop *prop, uint32_t phandle) {
	const struct sp_reference_rule *rule = sp_reference_rule(prop->name);
	if (rule == NULL || !depends(rule->kind))
		return false;
	struct sp_use use;
	uint32_t cell = 0;
	bool broken;
	while (sp_use_next(tree, prop, rule, &cell, &use, &broken)) {
		if (use.phandle == phandle)
			return true;
	}
	return false;
}

sp_node
sp_host_user(const struct sp_host *host, sp_node node, uint32_t *count, const char **property) {
	const struct sp_tree *tree = host->tree;
	uint32_t size, phandle = sp_tree_phandle(tree, node);
	const uint8_t *blob = sp_tree_blob(tree, &size);
	sp_node first = SP_NODE_NONE, last = SP_NODE_NONE;

	*count = 0;
	if (phandle == 0)
		return SP_NODE_NONE;
	uint8_t cell[4] = {(uint8_t)(phandle >> 24), (uint8_t)(phandle >> 16),
		(uint8_t)(phandle >> 8), (uint8_t)phandle};
	const uint8_t *end = blob + size;
	const uint8_t *at = blob;
	while ((at = memmem(at, (size_t)(end - at), cell, sizeof(cell))) != NULL) {
		const struct sp_prop *prop = NULL;
		sp_node user = node_at(tree, at, &prop);
		if (user == SP_NODE_NONE) {
			at++;
			continue;
		}
		at = prop->data + prop->len; /* each property is read once, however often it hits */
		if (user == last || sp_tree_is_within(tree, user, node) ||
			!sp_tree_enabled(tree, user) || !refers(tree, prop, phandle))
			continue;
		last = user;
		if ((*count)++ == 0) {
			first = user;
			*property = prop->name;
		}
	}
	return first;
}
