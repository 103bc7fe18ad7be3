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
	if (a->guest != b->guest)
		return a->guest < b->guest ? -1 : 1;
	if (a->node != b->node)
		return a->node < b->node ? -1 : 1;
	if (a->end != b->end)
		return a->end < b->end ? -1 : 1;
	return a->mask < b->mask ? -1 : a->mask > b->mask;
}

static void claim(struct sp_plan *plan, struct claims *claims, uint32_t guest, sp_node node,
	uint64_t start, uint64_t end) {
	struct claim *slot = sp_vec_push(&plan->arena, claims);
	if (slot != NULL)
		*slot = (struct claim){.start = start, .end = end, .guest = guest, .node = node};
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

static void tell(struct sp_plan *plan, enum sp_code code, const struct claim *at,
	const struct claim *other) {
	const struct sp_plan_guest *guest = &plan->guests.data[at->guest];
	const char *name = plan->guests.data[other->guest].request->name;
	const char *path = sp_tree_path(plan->host->tree, other->node);

	if (code == SP_CODE_GUESTS_DEVICE)
		sp_finding_add(
			plan, guest, code, at->node, "%s is given to guest %s too", path, name);
	else if (code == SP_CODE_IRQ_TWO_GUESTS)
		sp_finding_add(plan, guest, code, at->node,
			"interrupt %" PRIu64 " is given to guest %s too, with %s", at->start, name,
			path);
	else
		sp_finding_add(plan, guest, code, at->node,
			"%s 0x%" PRIx64 " is given to guest %s too, with %s",
			code == SP_CODE_PAGE_TWO_GUESTS ? "frame" : "stream ID", at->start, name,
			path);
}

/*
 * Reports each claim that reaches into those of other guests before it. Of the latter it is enough
 * to keep the two that reach farthest, of two guests.
 */
static void compare(struct sp_plan *plan, struct claims *claims, enum sp_code code) {
	const struct claim *first = NULL, *second = NULL;

	if (claims->count == 0)
		return;
	qsort(claims->data, claims->count, sizeof(*claims->data), compare_claims);
	for (uint32_t i = 0; i < claims->count; i++) {
		const struct claim *at = &claims->data[i];
		if (first != NULL && at->start < first->end && at->guest != first->guest)
			tell(plan, code, at, first);
		if (second != NULL && at->start < second->end && at->guest != second->guest)
			tell(plan, code, at, second);
		if (first == NULL || at->end > first->end) {
			if (first != NULL && first->guest != at->guest)
				second = first;
			first = at;
		} else if (at->guest != first->guest && (second == NULL || at->end > second->end)) {
			second = at;
		}
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
			tell(plan, SP_CODE_IOMMU_TWO_GUESTS, next, at);
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
			claim(plan, &devices, g, node, node, sp_tree_end(tree, node));
		}
		for (uint32_t i = 0; i < guest->mappings.count; i++) {
			const struct sp_mapping *mapping = &guest->mappings.data[i];
			claim(plan, &pages, g, mapping->node, mapping->host >> SP_PAGE_SHIFT,
				(mapping->host + mapping->size) >> SP_PAGE_SHIFT);
		}
		for (uint32_t i = 0; i < guest->irqs.count; i++) {
			const struct sp_guest_irq *irq = &guest->irqs.data[i];
			claim(plan, &irqs, g, irq->node, irq->number, irq->number + UINT64_C(1));
		}
		for (uint32_t i = 0; i < guest->streams.count; i++) {
			claim_stream(plan, &streams, g, &guest->streams.data[i]);
		}
	}
	compare(plan, &devices, SP_CODE_GUESTS_DEVICE);
	compare(plan, &pages, SP_CODE_PAGE_TWO_GUESTS);
	compare(plan, &irqs, SP_CODE_IRQ_TWO_GUESTS);
	compare_streams(plan, &streams);
}
