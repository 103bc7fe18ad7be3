/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>

#include "plan/steps.h"

#define MIB(n) ((uint64_t)(n) << 20)
#define GIB(n) ((uint64_t)(n) << 30)

/*
 * A guest's physical addresses: xen/include/public/arch-arm.h, GUEST_*_BASE and _SIZE, the same in
 * every release from 4.17 to 4.22. Both GICs are kept free, so that a plan does not depend on the
 * host's.
 */
#define RAM0_BASE UINT64_C(0x40000000)
#define RAM0_SIZE GIB(3)
#define RAM1_BASE UINT64_C(0x200000000)
#define RAM1_SIZE UINT64_C(0xfe00000000)

/* The IPMMU's page tables, the smallest of Xen's IOMMUs', end here: p2m_restrict_ipa_bits(40). */
#define IPA_LIMIT (UINT64_C(1) << 40)

static const struct fixed_area {
	const char *name;
	uint64_t start, size;
	bool pci; /* only with a virtual PCI bus */
} fixed_areas[] = {
	{"virtio-mmio", 0x02000000, 0x00100000, false},
	{"GIC", 0x03001000, 0x0101f000, false},
	{"PCI configuration space", 0x10000000, 0x10000000, true},
	{"ACPI tables", 0x20000000, 0x02000000, false},
	{"PL011", 0x22000000, 0x00001000, false},
	{"PCI memory window", 0x23000000, 0x10000000, true},
	{"grant table", 0x38000000, 0x01000000, false},
	{"magic pages", 0x39000000, 0x01000000, false},
	{"PCI prefetchable window", UINT64_C(0x100000000), UINT64_C(0x100000000), true},
};

static void add_area(struct sp_plan *plan, struct sp_layout *layout, const char *name,
	uint64_t start, uint64_t size, enum sp_area_kind kind) {
	if (size == 0)
		return;
	struct sp_area *area = sp_vec_push(&plan->arena, &layout->areas);
	if (area != NULL)
		*area = (struct sp_area){name, start, size, kind};
}

static int compare_areas(const void *left, const void *right) {
	const struct sp_area *a = left, *b = right;
	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	if (a->size != b->size)
		return a->size < b->size ? -1 : 1;
	return (int)a->kind - (int)b->kind;
}

static void add_banks(struct sp_plan *plan, struct sp_layout *layout, uint64_t memory) {
	uint64_t low = memory < RAM0_SIZE ? memory : RAM0_SIZE, high = memory - low;
	if (high > RAM1_SIZE)
		high = RAM1_SIZE;
	add_area(plan, layout, "RAM bank 0", RAM0_BASE, low, SP_AREA_RAM);
	add_area(plan, layout, "extended region 0", RAM0_BASE + low, RAM0_SIZE - low,
		SP_AREA_EXTENDED);
	add_area(plan, layout, "RAM bank 1", RAM1_BASE, high, SP_AREA_RAM);
	add_area(plan, layout, "extended region 1", RAM1_BASE + high, RAM1_SIZE - high,
		SP_AREA_EXTENDED);
}

static bool is_addressable(uint64_t start, uint64_t size) {
	return size <= IPA_LIMIT && start <= IPA_LIMIT - size;
}

/* Where a guest's memory is; 0 if it has no place of its own. */
static uint64_t static_start(const struct sp_plan_guest *guest) {
	/* What a later guest asks for is known before it is laid out. */
	uint64_t start =
		guest->static_memory != 0 ? guest->static_memory : guest->request->static_memory;
	return guest->request->mode == SP_MODE_DIRECT &&
			is_addressable(start, MIB(guest->request->memory))
		? start
		: 0;
}

/* The host's memory without what is reserved and what the other direct-mapped guests have. */
static struct sp_intervals free_memory(struct sp_plan *plan, const struct sp_plan_guest *guest) {
	const struct sp_host *host = plan->host;
	struct sp_intervals free = {0};

	sp_intervals_subtract(&plan->arena, &free, &host->memory, &host->reserved);
	for (uint32_t g = 0; g < plan->guests.count; g++) {
		uint64_t start = static_start(&plan->guests.data[g]);
		if (start != 0 && &plan->guests.data[g] != guest)
			sp_intervals_remove(&plan->arena, &free, start,
				start + MIB(plan->guests.data[g].request->memory));
	}
	return free;
}

/* The highest place, below 4 GiB if there is one: devices with 32 address bits reach it there. */
static uint64_t choose_static_memory(
	struct sp_plan *plan, const struct sp_plan_guest *guest, uint64_t size) {
	const struct sp_intervals free = free_memory(plan, guest);
	uint64_t best = 0;

	for (uint32_t i = 0; i < free.count; i++) {
		uint64_t start = free.data[i].start, end = free.data[i].end;
		if (end > GIB(4) && start < GIB(4) && GIB(4) - start >= size)
			end = GIB(4);
		if (end > IPA_LIMIT)
			end = IPA_LIMIT;
		if (end < start || end - start < size)
			continue;
		uint64_t at = (end - size) & ~(MIB(2) - 1);
		if (at >= start && (best == 0 || end <= GIB(4)))
			best = at;
	}
	return best;
}

/* A place that the user chose. */
static void check_static_memory(
	struct sp_plan *plan, const struct sp_plan_guest *guest, uint64_t size) {
	const struct sp_host *host = plan->host;
	uint64_t start = guest->request->static_memory, end = start + size;

	if (sp_intervals_touch(&host->reserved, start, end))
		sp_finding_add(plan, guest, SP_CODE_STATIC_MEMORY, SP_NODE_NONE,
			"the %" PRIu32 " MiB from 0x%" PRIx64 " hold memory that is reserved",
			guest->request->memory, start);
	for (uint32_t g = 0; g < plan->guests.count; g++) {
		const struct sp_plan_guest *other = &plan->guests.data[g];
		uint64_t at = static_start(other);
		if (other == guest || at == 0 || at >= end ||
			at + MIB(other->request->memory) <= start)
			continue;
		sp_finding_add(plan, guest, SP_CODE_STATIC_MEMORY, SP_NODE_NONE,
			"guest %s has a part of the %" PRIu32 " MiB from 0x%" PRIx64,
			other->request->name, guest->request->memory, start);
		break;
	}
	if (!sp_intervals_contain(&host->memory, start, end))
		sp_finding_add(plan, guest, SP_CODE_STATIC_UNSEEN, SP_NODE_NONE,
			"the %" PRIu32 " MiB from 0x%" PRIx64
			" are not all in the memory that the tree tells",
			guest->request->memory, start);
}

static void lay_out_direct(struct sp_plan *plan, struct sp_plan_guest *guest) {
	const struct sp_host *host = plan->host;
	uint64_t size = MIB(guest->request->memory);

	guest->static_memory = guest->request->static_memory != 0
		? static_start(guest)
		: choose_static_memory(plan, guest, size);
	if (guest->static_memory == 0 && guest->request->static_memory != 0)
		sp_finding_add(plan, guest, SP_CODE_STATIC_MEMORY, SP_NODE_NONE,
			"the %" PRIu32 " MiB from 0x%" PRIx64
			" go beyond 40 bits, the highest address of a guest",
			guest->request->memory, guest->request->static_memory);
	else if (guest->static_memory == 0)
		sp_finding_add(plan, guest, SP_CODE_STATIC_MEMORY, SP_NODE_NONE,
			host->memory.count == 0
				? "the tree does not tell where the host's memory is, so that no "
				  "place for %" PRIu32
				  " MiB can be chosen; say it with --static-memory ADDRESS"
				: "the host's memory has no free stretch of %" PRIu32
				  " MiB; say one with --static-memory ADDRESS, or ask for less "
				  "memory",
			guest->request->memory);
	else
		add_area(plan, &guest->layout, "static memory", guest->static_memory, size,
			SP_AREA_RAM);
	if (guest->static_memory != 0 && guest->request->static_memory != 0)
		check_static_memory(plan, guest, size);
	const struct sp_device *gic =
		host->gic != SP_NODE_NONE ? sp_host_device(host, host->gic) : NULL;
	for (uint32_t i = 0; gic != NULL && i < gic->reg_count; i++) {
		const struct sp_reg *reg = &host->regs.data[gic->reg + i];
		if (reg->state == SP_ADDRESS_OK)
			add_area(plan, &guest->layout, "GIC", reg->address, reg->size, SP_AREA_XEN);
	}
}

void sp_layout_create(struct sp_plan *plan, struct sp_plan_guest *guest) {
	struct sp_layout *layout = &guest->layout;

	layout->limit = IPA_LIMIT;
	if (guest->request->mode == SP_MODE_DIRECT) {
		lay_out_direct(plan, guest);
	} else {
		for (size_t i = 0; i < sizeof(fixed_areas) / sizeof(fixed_areas[0]); i++) {
			const struct fixed_area *area = &fixed_areas[i];
			if (!area->pci || guest->request->pci)
				add_area(plan, layout, area->name, area->start, area->size,
					SP_AREA_XEN);
		}
		add_banks(plan, layout, MIB(guest->request->memory));
	}
	if (layout->areas.count > 0)
		qsort(layout->areas.data, layout->areas.count, sizeof(*layout->areas.data),
			compare_areas);
}
