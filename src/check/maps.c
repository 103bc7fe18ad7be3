/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "plan/rules.h"
#include "plan/steps.h"

/* The GIC of a guest of version 2 ends here; GUEST_GICC_SIZE in xen/include/public/arch-arm.h. */
#define GICV2_END UINT64_C(0x03004000)

static struct sp_check_place at_map(
	const struct sp_check_guest *guest, const struct sp_check_map *map) {
	return map->line != 0 ? sp_check_at_line(guest, map->line)
			      : sp_check_at_tree(guest, map->at);
}

/* Whose registers are in the pages besides those of what the guest is given. */
struct company {
	uint32_t neighbours;
	sp_node first;
	uint64_t page;
};

/* What the host's nodes are to one guest, found out once for each. */
enum { STANDING_OPEN, STANDING_NONE, STANDING_KEPT, STANDING_COMPANY };

struct pass {
	struct sp_check *check;
	const struct sp_check_guest *guest;
	uint8_t *standing; /* by node of the host */
};

static bool is_company(
	const struct sp_check *check, const struct sp_check_guest *guest, sp_node node) {
	const struct sp_tree *tree = check->host->tree;

	if (!sp_tree_enabled(tree, node) || !sp_check_is_dom0s(check, node))
		return false;
	for (uint32_t i = 0; i < guest->devices.count; i++) {
		sp_node given = guest->devices.data[i].node;
		/* A parent's registers may cover its child's. */
		if (sp_tree_is_within(tree, node, given) || sp_tree_is_within(tree, given, node))
			return false;
	}
	return true;
}

static unsigned standing_of(const struct pass *pass, sp_node node) {
	const struct sp_check *check = pass->check;
	uint8_t *standing = &pass->standing[node];

	if (*standing != STANDING_OPEN)
		return *standing;
	if (sp_tree_enabled(check->host->tree, node) &&
		sp_xen_keeps(check->host, node, check->target) != NULL)
		*standing = STANDING_KEPT;
	else
		*standing = is_company(check, pass->guest, node) ? STANDING_COMPANY : STANDING_NONE;
	return *standing;
}

/* Pages that a node of the host's tree describes. */
void sp_check_find_known(struct sp_check *check) {
	const struct sp_host *host = check->host;
	/* paddr_to_pfn_aligned() of an end that is a page's first byte. */
	bool more = sp_rule_value(SP_RULE_EXTRA_PAGE_XL, check->target) != 0;

	for (uint32_t i = 0; i < host->page_owners.count; i++) {
		const struct sp_page_owner *owner = &host->page_owners.data[i];
		struct sp_interval *slot = sp_vec_push(&check->arena, &check->known);
		if (slot != NULL)
			*slot = (struct sp_interval){owner->start, owner->end + more};
	}
	for (uint32_t i = 0; i < check->windows.count; i++) {
		const struct sp_check_window *window = &check->windows.data[i];
		struct sp_interval *slot = sp_vec_push(&check->arena, &check->known);
		if (slot != NULL)
			*slot = (struct sp_interval){window->start >> SP_PAGE_SHIFT,
				((window->start + (window->size - 1)) >> SP_PAGE_SHIFT) + 1};
	}
	sp_intervals_sort(&check->known);
}

static void look_around(
	const struct pass *pass, const struct sp_check_map *map, struct company *company) {
	struct sp_check *check = pass->check;
	const struct sp_check_guest *guest = pass->guest;
	const struct sp_host *host = check->host;
	uint64_t start = map->host >> SP_PAGE_SHIFT;
	uint64_t end = (map->host + map->size) >> SP_PAGE_SHIFT;
	uint32_t steps = 0;
	sp_node kept = SP_NODE_NONE;

	for (uint32_t i = sp_host_pages_from(host, start); i < host->page_owners.count &&
		host->page_owners.data[i].start < end && steps++ < SP_CHECK_MAX_STEPS;
		i++) {
		const struct sp_page_owner *owner = &host->page_owners.data[i];
		sp_node node = host->devices.data[owner->device].node;
		if (owner->end <= start)
			continue;
		unsigned standing = standing_of(pass, node);
		uint64_t page = owner->start > start ? owner->start : start;
		if (standing == STANDING_KEPT && node != kept) {
			kept = node;
			struct sp_check_place place =
				sp_check_on_host(check, at_map(guest, map), node);
			sp_check_add(check, guest, SP_CODE_PAGE_XEN, place,
				"its page 0x%" PRIx64 " is given away, and Xen keeps it: %s", page,
				sp_xen_keeps(host, node, check->target));
		} else if (standing == STANDING_COMPANY) {
			if (company->neighbours++ == 0) {
				company->first = node;
				company->page = page;
			}
		}
	}
}

/* The first number from `start` on that is not in the set, whose intervals do not meet. */
static uint64_t first_outside(const struct sp_intervals *set, uint64_t start) {
	uint32_t low = 0, high = set->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (set->data[middle].end > start)
			high = middle;
		else
			low = middle + 1;
	}
	return low < set->count && set->data[low].start <= start ? set->data[low].end : start;
}

static void check_host_side(const struct pass *pass, const struct sp_check_map *map) {
	struct sp_check *check = pass->check;
	const struct sp_check_guest *guest = pass->guest;
	const struct sp_host *host = check->host;
	struct company company = {.first = SP_NODE_NONE};
	uint64_t end = map->host + map->size;
	bool memory = sp_intervals_touch(&host->memory, map->host, end);

	if (memory || sp_intervals_touch(&host->reserved, map->host, end)) {
		sp_check_add(check, guest, SP_CODE_MAP_MEMORY, at_map(guest, map),
			"0x%" PRIx64 " bytes from 0x%" PRIx64 " reach into the host's %s",
			map->size, map->host, memory ? "memory" : "reserved memory");
		return;
	}
	look_around(pass, map, &company);
	if (company.neighbours > 0) {
		char more[40] = "";
		if (company.neighbours > 1)
			snprintf(more, sizeof(more), " and %u more blocks", company.neighbours - 1);
		sp_check_add(check, guest, SP_CODE_PAGE_SHARED, at_map(guest, map),
			"page 0x%" PRIx64 " also holds registers of %s%s, which the guest could "
			"then use",
			company.page, sp_tree_path(host->tree, company.first), more);
	}
	uint64_t page = first_outside(&check->known, map->host >> SP_PAGE_SHIFT);
	if (page < end >> SP_PAGE_SHIFT)
		sp_check_add(check, guest, SP_CODE_MAP_UNKNOWN, at_map(guest, map),
			"no node of the host's tree describes page 0x%" PRIx64 "%s", page,
			guest->mode == SP_MODE_XL ? ", so that dom0 has no permission to pass it on"
						  : "");
}

/* True if this guest really has what the layout keeps free for any. */
static bool is_there(const struct sp_check *check, const struct sp_check_guest *guest,
	const struct sp_check_map *map, const struct sp_area *area) {
	bool xl = guest->mode == SP_MODE_XL;
	bool enhanced =
		!xl && sp_tree_prop(check->host->tree, guest->domain, "xen,enhanced") != NULL;

	if (area->kind == SP_AREA_EXTENDED)
		return (xl || enhanced) &&
			sp_rule_value(SP_RULE_EXTENDED_AVOID_IOMEM, check->target) == 0;
	if (area->kind == SP_AREA_RAM)
		return true;
	if (strcmp(area->name, "virtio-mmio") == 0)
		return xl && guest->xl->virtio_line != 0;
	if (strcmp(area->name, "PL011") == 0)
		return guest->vuart;
	if (strcmp(area->name, "ACPI tables") == 0)
		return false;
	if (strcmp(area->name, "grant table") == 0 || strcmp(area->name, "magic pages") == 0)
		return xl || enhanced;
	return guest->mode == SP_MODE_DIRECT || check->host->gic_version != 2 ||
		map->guest < GICV2_END || strcmp(area->name, "GIC") != 0;
}

static void check_guest_side(struct sp_check *check, const struct sp_check_guest *guest,
	const struct sp_check_map *map) {
	static const enum sp_code codes[] = {
		[SP_AREA_XEN] = SP_CODE_MAP_AREA,
		[SP_AREA_RAM] = SP_CODE_MAP_RAM,
		[SP_AREA_EXTENDED] = SP_CODE_MAP_EXTENDED,
	};
	if (guest->planned == NULL)
		return;
	const struct sp_layout *layout = &guest->planned->layout;
	for (uint32_t i = 0; i < layout->areas.count; i++) {
		const struct sp_area *area = &layout->areas.data[i];
		if (area->start >= map->guest + map->size ||
			map->guest >= area->start + area->size ||
			!is_there(check, guest, map, area))
			continue;
		sp_check_add(check, guest, codes[area->kind], at_map(guest, map),
			"guest addresses 0x%" PRIx64 " to 0x%" PRIx64 " are in the guest's %s",
			map->guest, map->guest + (map->size - 1), area->name);
		return;
	}
}

static int compare_hosts(const void *left, const void *right) {
	const struct sp_check_map *const *a = left, *const *b = right;
	if ((*a)->host != (*b)->host)
		return (*a)->host < (*b)->host ? -1 : 1;
	return *a < *b ? -1 : *a > *b;
}

/* They are in the order of guest addresses. */
static void find_clashes(struct sp_check *check, const struct sp_check_guest *guest) {
	const struct sp_check_map *last = NULL;

	for (uint32_t i = 0; i < guest->maps.count; i++) {
		const struct sp_check_map *map = &guest->maps.data[i];
		if (last != NULL && map->guest < last->guest + last->size) {
			bool same = map->host - map->guest == last->host - last->guest;
			/* Nodes made at boot that share a page each say so. */
			if (!same || map->line != 0)
				sp_check_add(check, guest,
					same ? SP_CODE_MAP_TWICE : SP_CODE_MAP_CLASH,
					at_map(guest, map),
					same ? "page 0x%" PRIx64 " is given twice"
					     : "guest page 0x%" PRIx64
					       " is to lead to two pages of the host",
					(same ? map->host : map->guest) >> SP_PAGE_SHIFT);
		}
		if (last == NULL || map->guest + map->size > last->guest + last->size)
			last = map;
	}
}

static void find_twice(struct sp_check *check, const struct sp_check_guest *guest) {
	uint32_t count = guest->maps.count;
	const struct sp_check_map **maps =
		sp_arena_array(&check->arena, count, sizeof(struct sp_check_map *));
	const struct sp_check_map *last = NULL;

	if (maps == NULL || count == 0)
		return;
	for (uint32_t i = 0; i < count; i++)
		maps[i] = &guest->maps.data[i];
	qsort(maps, count, sizeof(struct sp_check_map *), compare_hosts);
	for (uint32_t i = 0; i < count; i++) {
		const struct sp_check_map *map = maps[i];
		if (last != NULL && map->host < last->host + last->size &&
			map->host - map->guest != last->host - last->guest)
			sp_check_add(check, guest, SP_CODE_MAP_TWICE, at_map(guest, map),
				"page 0x%" PRIx64 " is given twice, at 0x%" PRIx64
				" and at 0x%" PRIx64,
				map->host >> SP_PAGE_SHIFT, last->guest + (map->host - last->host),
				map->guest);
		if (last == NULL || map->host + map->size > last->host + last->size)
			last = map;
	}
}

/* A bridge with an address translation of its own decodes the host's addresses. */
static void check_moved_windows(struct sp_check *check, const struct sp_check_guest *guest) {
	const struct sp_tree *tree = check->host->tree;

	for (uint32_t i = 0; guest->planned != NULL && i < guest->planned->regs.count; i++) {
		const struct sp_guest_reg *reg = &guest->planned->regs.data[i];
		if (!reg->window || sp_tree_compatible(tree, reg->node, "pci-host-ecam-generic") ||
			sp_tree_compatible(tree, reg->node, "pci-host-cam-generic"))
			continue;
		for (uint32_t m = 0; m < guest->maps.count && m < SP_CHECK_MAX_STEPS; m++) {
			const struct sp_check_map *map = &guest->maps.data[m];
			if (map->host == map->guest || map->host >= reg->host + reg->size ||
				reg->host >= map->host + map->size)
				continue;
			struct sp_check_place place =
				sp_check_on_host(check, at_map(guest, map), reg->node);
			sp_check_add(check, guest, SP_CODE_PCI_WINDOW_MOVED, place,
				"its PCI window at 0x%" PRIx64 " appears at 0x%" PRIx64
				" in the guest, and its driver programs the bridge with that",
				map->host, map->guest);
			return;
		}
	}
}

void sp_check_maps(struct sp_check *check, struct sp_check_guest *guest) {
	struct pass pass = {.check = check,
		.guest = guest,
		.standing = sp_arena_alloc(&check->arena, sp_tree_count(check->host->tree))};

	if (pass.standing == NULL)
		return;
	for (uint32_t i = 0; i < guest->maps.count; i++) {
		check_host_side(&pass, &guest->maps.data[i]);
		check_guest_side(check, guest, &guest->maps.data[i]);
	}
	find_clashes(check, guest);
	find_twice(check, guest);
	check_moved_windows(check, guest);
}

struct claim {
	const struct sp_check_map *map;
	uint32_t guest;
};

static int compare_claims(const void *left, const void *right) {
	const struct claim *a = left, *b = right;
	if (a->map->host != b->map->host)
		return a->map->host < b->map->host ? -1 : 1;
	return a->guest < b->guest ? -1 : a->guest > b->guest;
}

static void tell(struct sp_check *check, const struct claim *at, const struct claim *other) {
	const struct sp_check_guest *guest = &check->guests.data[at->guest];
	const struct sp_check_guest *owner = &check->guests.data[other->guest];
	char line[24] = "";

	if (other->map->line != 0)
		snprintf(line, sizeof(line), ":%u", other->map->line);
	sp_check_add(check, guest, SP_CODE_PAGE_TWO_GUESTS, at_map(guest, at->map),
		"page 0x%" PRIx64 " is given to guest %s too (%s%s)",
		at->map->host >> SP_PAGE_SHIFT, owner->name,
		other->map->line != 0 || owner->tree_file == NULL ? owner->file : owner->tree_file,
		line);
}

void sp_check_maps_of_all(struct sp_check *check) {
	SP_VEC(struct claim) claims = {0};
	const struct claim *first = NULL, *second = NULL; /* that reach farthest, of two guests */

	for (uint32_t g = 0; g < check->guests.count; g++) {
		for (uint32_t i = 0; i < check->guests.data[g].maps.count; i++) {
			struct claim *slot = sp_vec_push(&check->arena, &claims);
			if (slot != NULL)
				*slot = (struct claim){&check->guests.data[g].maps.data[i], g};
		}
	}
	if (claims.count > 0)
		qsort(claims.data, claims.count, sizeof(*claims.data), compare_claims);
	for (uint32_t i = 0; i < claims.count; i++) {
		const struct claim *at = &claims.data[i];
		uint64_t start = at->map->host, end = start + at->map->size;
		if (first != NULL && at->guest != first->guest &&
			start < first->map->host + first->map->size)
			tell(check, at, first);
		else if (second != NULL && at->guest != second->guest &&
			start < second->map->host + second->map->size)
			tell(check, at, second);
		if (first == NULL || end > first->map->host + first->map->size) {
			if (first != NULL && first->guest != at->guest)
				second = first;
			first = at;
		} else if (at->guest != first->guest &&
			(second == NULL || end > second->map->host + second->map->size)) {
			second = at;
		}
	}
}
