/* SPDX-License-Identifier: MIT */
#include "host/streams.h"

#include <inttypes.h>
#include <stdlib.h>

#include "plan/steps.h"

/* Pairs of stream IDs that are looked at: more than any real plan has. */
#define MAX_STEPS 65536u

/* Something that one guest has, for comparing it with what the others have. */
struct claim {
	uint64_t start, end; /* frames, interrupt numbers or stream IDs */
	uint64_t space; /* compared first: the IOMMU of a stream ID */
	uint32_t id, mask; /* of a stream ID: what `start` and `end` enclose */
	uint32_t guest;
	sp_node node;
};

struct claims {
	struct claim *data;
	uint32_t count, capacity;
};

static int compare_claims(const void *left, const void *right) {
	const struct claim *a = left, *b = right;
	if (a->space != b->space)
		return a->space < b->space ? -1 : 1;
	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return a->guest < b->guest ? -1 : a->guest > b->guest;
}

static void claim(struct sp_plan *plan, struct claims *claims, uint32_t guest, sp_node node,
	uint64_t space, uint64_t start, uint64_t end) {
	struct claim *slot = sp_vec_push(&plan->arena, claims);
	if (slot != NULL)
		*slot = (struct claim){
			.start = start, .end = end, .space = space, .guest = guest, .node = node};
}

static void claim_stream(struct sp_plan *plan, struct claims *claims, uint32_t guest,
	const struct sp_guest_stream *stream) {
	struct claim *slot = sp_vec_push(&plan->arena, claims);
	uint32_t id, mask;
	if (slot == NULL)
		return;
	sp_stream_id(plan->host, &stream->stream, &id, &mask);
	*slot = (struct claim){.start = id & ~mask,
		.end = (uint64_t)(id | mask) + 1,
		.space = stream->stream.iommu,
		.id = id,
		.mask = mask,
		.guest = guest,
		.node = stream->node};
}

static void tell(struct sp_plan *plan, enum sp_code code, const char *what, const struct claim *at,
	const struct claim *other) {
	sp_finding_add(plan, &plan->guests.data[at->guest], code, at->node,
		"%s 0x%" PRIx64 " is given to guest %s too, with %s", what, at->start,
		plan->guests.data[other->guest].request->name,
		sp_tree_path(plan->host->tree, other->node));
}

/* Reports each claim that reaches into one of another guest before it. */
static void compare(
	struct sp_plan *plan, struct claims *claims, enum sp_code code, const char *what) {
	if (claims->count == 0)
		return;
	qsort(claims->data, claims->count, sizeof(*claims->data), compare_claims);
	struct claim farthest = claims->data[0];
	for (uint32_t i = 1; i < claims->count; i++) {
		const struct claim *at = &claims->data[i];
		bool overlaps = at->space == farthest.space && at->start < farthest.end;
		if (overlaps && at->guest != farthest.guest)
			tell(plan, code, what, at, &farthest);
		if (!overlaps || at->end > farthest.end)
			farthest = *at;
	}
}

/* A mask may leave out some of what lies between its lowest and its highest ID. */
static void compare_streams(struct sp_plan *plan, struct claims *claims) {
	uint32_t steps = 0;
	if (claims->count == 0)
		return;
	qsort(claims->data, claims->count, sizeof(*claims->data), compare_claims);
	for (uint32_t i = 0; i < claims->count; i++) {
		const struct claim *at = &claims->data[i];
		for (uint32_t j = i + 1; j < claims->count && steps++ < MAX_STEPS; j++) {
			const struct claim *next = &claims->data[j];
			if (next->space != at->space || next->start >= at->end)
				break;
			if (next->guest == at->guest ||
				((next->id ^ at->id) & ~(next->mask | at->mask)) != 0)
				continue;
			tell(plan, SP_CODE_IOMMU_TWO_GUESTS, "stream ID", next, at);
			break;
		}
	}
}

void sp_find_conflicts(struct sp_plan *plan) {
	const struct sp_tree *tree = plan->host->tree;
	struct claims devices = {0}, pages = {0}, irqs = {0}, streams = {0};

	if (plan->guests.count < 2)
		return;
	for (uint32_t g = 0; g < plan->guests.count; g++) {
		const struct sp_plan_guest *guest = &plan->guests.data[g];
		for (uint32_t i = 0; i < guest->devices.count; i++) {
			sp_node node = guest->devices.data[i].node;
			claim(plan, &devices, g, node, 0, node, sp_tree_end(tree, node));
		}
		for (uint32_t i = 0; i < guest->mappings.count; i++) {
			const struct sp_mapping *mapping = &guest->mappings.data[i];
			claim(plan, &pages, g, mapping->node, 0, mapping->host >> SP_PAGE_SHIFT,
				(mapping->host + mapping->size) >> SP_PAGE_SHIFT);
		}
		for (uint32_t i = 0; i < guest->irqs.count; i++) {
			const struct sp_guest_irq *irq = &guest->irqs.data[i];
			claim(plan, &irqs, g, irq->node, 0, irq->number, irq->number + UINT64_C(1));
		}
		for (uint32_t i = 0; i < guest->streams.count; i++) {
			claim_stream(plan, &streams, g, &guest->streams.data[i]);
		}
	}
	compare(plan, &devices, SP_CODE_GUESTS_DEVICE, "node");
	compare(plan, &pages, SP_CODE_PAGE_TWO_GUESTS, "page");
	compare(plan, &irqs, SP_CODE_IRQ_TWO_GUESTS, "interrupt");
	compare_streams(plan, &streams);
}
