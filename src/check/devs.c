/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>

#include "check/check.h"
#include "host/streams.h"
#include "plan/steps.h"

/* Comparisons of stream IDs for one guest: more than any real one needs. */
#define MAX_COMPARISONS (1u << 20)

struct named {
	const struct sp_check_dev *dev;
	uint32_t guest;
};

static int compare_named(const void *left, const void *right) {
	const struct named *a = left, *b = right;
	if (a->dev->node != b->dev->node)
		return a->dev->node < b->dev->node ? -1 : 1;
	if (a->guest != b->guest)
		return a->guest < b->guest ? -1 : 1;
	return a->dev < b->dev ? -1 : a->dev > b->dev;
}

static struct sp_check_place at_dev(const struct sp_check *check,
	const struct sp_check_guest *guest, const struct sp_check_dev *dev) {
	return sp_check_at(check, guest, dev->node, dev->line, dev->at);
}

/* Those that are the same node's come one after the other. */
static struct named *sort_named(struct sp_check *check, uint32_t *count) {
	SP_VEC(struct named) named = {0};

	for (uint32_t g = 0; g < check->guests.count; g++) {
		const struct sp_check_guest *guest = &check->guests.data[g];
		for (uint32_t i = 0; i < guest->devs.count; i++) {
			struct named *slot = guest->devs.data[i].node != SP_NODE_NONE
				? sp_vec_push(&check->arena, &named)
				: NULL;
			if (slot != NULL)
				*slot = (struct named){&guest->devs.data[i], g};
		}
	}
	if (named.count > 0)
		qsort(named.data, named.count, sizeof(*named.data), compare_named);
	*count = named.count;
	return named.data;
}

static void check_unknown(struct sp_check *check, const struct sp_check_guest *guest,
	const struct sp_check_dev *dev) {
	const struct sp_tree *tree = check->host->tree;
	sp_node meant = dev->path[0] != '\0' ? sp_tree_find(tree, dev->path) : SP_NODE_NONE;

	sp_check_add(check, guest,
		guest->xl != NULL ? SP_CODE_CFG_DTDEV_UNKNOWN : SP_CODE_DOMAIN_PATH,
		at_dev(check, guest, dev), "\"%s\" is no node's whole path in the host's tree%s%s",
		dev->path, meant != SP_NODE_NONE ? "; it is perhaps " : "",
		meant != SP_NODE_NONE ? sp_tree_path(tree, meant) : "");
}

/* Stream IDs that Xen reads of the node itself; its distinct IOMMUs, two being enough. */
static uint32_t count_streams(const struct sp_host *host, sp_node node, uint32_t *iommus) {
	const struct sp_device *device = sp_host_device(host, node);
	sp_node first = SP_NODE_NONE;
	uint32_t count = 0;

	*iommus = 0;
	for (uint32_t i = 0; device != NULL && i < device->stream_count; i++) {
		const struct sp_stream *stream = &host->streams.data[device->stream + i];
		if (stream->origin == SP_ORIGIN_MAP)
			continue;
		count++;
		if (*iommus == 0) {
			first = stream->iommu;
			*iommus = 1;
		} else if (stream->iommu != first) {
			*iommus = 2;
		}
	}
	return count;
}

static void check_protection(struct sp_check *check, const struct sp_check_guest *guest,
	const struct sp_check_dev *dev) {
	uint32_t iommus, streams = count_streams(check->host, dev->node, &iommus);

	if (streams == 0 && !dev->forced)
		sp_check_add(check, guest, SP_CODE_IOMMU_UNPROTECTED, at_dev(check, guest, dev),
			"it has no iommus in the host's tree, and Xen refuses to assign it (-22)");
	if (iommus > 1 && !check->options->multi_iommu_masters)
		sp_check_add(check, guest, SP_CODE_IOMMU_UNSPLIT, at_dev(check, guest, dev),
			"its iommus name several IOMMUs, and Xen takes a node of one (-22)");
}

static bool has_given_irq(const struct sp_check *check, const struct sp_check_guest *guest,
	const struct sp_device *device) {
	for (uint32_t i = 0; i < device->irq_count; i++) {
		const struct sp_irq *irq = &check->host->irqs.data[device->irq + i];
		if (irq->kind == SP_IRQ_SPI && sp_check_has_irq(guest, irq->number))
			return true;
	}
	return false;
}

static bool has_given_reg(const struct sp_check *check, const struct sp_check_guest *guest,
	const struct sp_device *device) {
	for (uint32_t i = 0; i < device->reg_count; i++) {
		const struct sp_reg *reg = &check->host->regs.data[device->reg + i];
		if (reg->state == SP_ADDRESS_OK && reg->size > 0 &&
			sp_intervals_touch(
				&guest->given, reg->address, reg->address + (reg->size - 1) + 1))
			return true;
	}
	return false;
}

/* What dom0 is given, too. */
static void check_marks(struct sp_check *check, const struct sp_check_guest *guest,
	const struct sp_check_device *given) {
	const struct sp_tree *tree = check->host->tree;

	for (sp_node node = given->node; node < sp_tree_end(tree, given->node); node++) {
		const struct sp_device *device = sp_host_device(check->host, node);
		bool assigned = node == given->node && given->assigned;
		if (device == NULL || !sp_check_is_dom0s(check, node))
			continue;
		bool irq = has_given_irq(check, guest, device);
		/* Nobody drives a disabled node, but its interrupts and streams are dom0's. */
		bool reg = sp_tree_enabled(tree, node) && has_given_reg(check, guest, device);
		if (!irq && !reg && !assigned)
			continue;
		sp_check_add(check, guest, SP_CODE_DEVICE_UNMARKED,
			sp_check_at(check, guest, node, given->line, given->at),
			"it has no xen,passthrough in the host's tree, so that dom0 is given it%s",
			irq || assigned ? "; Xen refuses its interrupts and its streams (-16)"
					: " as well");
	}
}

static bool carries(const struct sp_host *host, const struct sp_check_device *device,
	const struct sp_stream *wanted, uint32_t *steps) {
	const struct sp_device *known = sp_host_device(host, device->node);
	uint32_t id, mask, other_id, other_mask;

	sp_stream_id(host, wanted, &id, &mask);
	for (uint32_t i = 0; known != NULL && i < known->stream_count; i++) {
		const struct sp_stream *stream = &host->streams.data[known->stream + i];
		if ((*steps)++ >= MAX_COMPARISONS)
			return true;
		if (stream->origin == SP_ORIGIN_MAP || stream->iommu != wanted->iommu)
			continue;
		sp_stream_id(host, stream, &other_id, &other_mask);
		if (((other_id ^ id) & ~other_mask) == 0 && (mask & ~other_mask) == 0)
			return true;
	}
	return false;
}

static bool is_covered(const struct sp_check *check, const struct sp_check_guest *guest,
	const struct sp_stream *stream, uint32_t *steps) {
	for (uint32_t i = 0; i < guest->devices.count; i++) {
		if (guest->devices.data[i].assigned &&
			carries(check->host, &guest->devices.data[i], stream, steps))
			return true;
	}
	return false;
}

static void tell_uncovered(struct sp_check *check, const struct sp_check_guest *guest,
	sp_node master, uint32_t missing, uint32_t known, const struct sp_stream *first) {
	const struct sp_check_device *device = sp_check_device_of(check, guest, master);
	const char *where = guest->xl != NULL ? "dtdev" : "xen,path";
	uint32_t id, mask;

	if (missing == 0 || device == NULL || device->holder)
		return;
	struct sp_check_place place = sp_check_at(check, guest, master, device->line, device->at);
	sp_stream_id(check->host, first, &id, &mask);
	if (missing < known || device->assigned)
		sp_check_add(check, guest, SP_CODE_IOMMU_ID_MISSING, place,
			"stream ID 0x%x of %s is in the iommus of no node that %s names "
			"(%u of %u are): its DMA is blocked without a message",
			id, sp_tree_path(check->host->tree, first->iommu), where, known - missing,
			known);
	else
		sp_check_add(check, guest, SP_CODE_IOMMU_UNLISTED, place,
			"its registers are given and %s does not name it: the guest is made, and "
			"its DMA is blocked",
			where);
}

/* Who else has a stream ID: what dom0 is given, for guests are compared by the plan. */
static void check_sharers(struct sp_check *check, const struct sp_check_guest *guest,
	const struct sp_guest_stream *stream, uint32_t *steps) {
	const struct sp_host *host = check->host;
	uint32_t id, mask, low = 0, high = host->stream_owners.count;

	sp_stream_id(host, &stream->stream, &id, &mask);
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (host->stream_owners.data[middle].iommu >= stream->stream.iommu)
			high = middle;
		else
			low = middle + 1;
	}
	for (; low < host->stream_owners.count && (*steps)++ < MAX_COMPARISONS; low++) {
		const struct sp_stream_owner *owner = &host->stream_owners.data[low];
		sp_node other = host->devices.data[owner->device].node;
		if (owner->iommu != stream->stream.iommu)
			return;
		if (((owner->id ^ id) & ~(owner->mask | mask)) != 0 ||
			sp_check_device_of(check, guest, other) != NULL ||
			!sp_tree_enabled(host->tree, other) || !sp_check_is_dom0s(check, other))
			continue;
		const struct sp_check_device *device =
			sp_check_device_of(check, guest, stream->node);
		sp_check_add(check, guest, SP_CODE_IOMMU_SHARED,
			sp_check_at(check, guest, stream->node, device != NULL ? device->line : 0,
				device != NULL ? device->at : SP_NODE_NONE),
			"stream ID 0x%x of %s is also that of %s, which stays with the host", id,
			sp_tree_path(host->tree, owner->iommu), sp_tree_path(host->tree, other));
		return;
	}
}

static void check_streams(struct sp_check *check, const struct sp_check_guest *guest) {
	const struct sp_stream *first = NULL;
	uint32_t missing = 0, known = 0, steps = 0, shared = 0;

	/* Those of one master follow each other. */
	for (uint32_t i = 0; guest->planned != NULL && i < guest->planned->streams.count; i++) {
		const struct sp_guest_stream *stream = &guest->planned->streams.data[i];
		known++;
		check_sharers(check, guest, stream, &shared);
		if (!is_covered(check, guest, &stream->stream, &steps) && missing++ == 0)
			first = &stream->stream;
		if (i + 1 < guest->planned->streams.count && stream[1].node == stream->node)
			continue;
		tell_uncovered(check, guest, stream->node, missing, known, first);
		missing = known = 0;
	}
}

void sp_check_devs(struct sp_check *check, struct sp_check_guest *guest) {
	for (uint32_t i = 0; i < guest->devs.count; i++) {
		const struct sp_check_dev *dev = &guest->devs.data[i];
		if (dev->node == SP_NODE_NONE)
			check_unknown(check, guest, dev);
		else
			check_protection(check, guest, dev);
	}
	for (uint32_t i = 0; i < guest->devices.count; i++)
		check_marks(check, guest, &guest->devices.data[i]);
	check_streams(check, guest);
}

void sp_check_devs_of_all(struct sp_check *check) {
	uint32_t count;
	const struct named *named = sort_named(check, &count);

	for (uint32_t i = 1; i < count; i++) {
		const struct named *at = &named[i], *before = &named[i - 1];
		const struct sp_check_guest *guest = &check->guests.data[at->guest];
		if (at->dev->node != before->dev->node)
			continue;
		struct sp_check_place place = at_dev(check, guest, at->dev);
		if (at->guest == before->guest)
			sp_check_add(check, guest, SP_CODE_CFG_DTDEV_TWICE, place,
				"it is named twice, and the second time it is assigned already "
				"(-16)");
		else
			sp_check_add(check, guest, SP_CODE_GUESTS_DEVICE, place,
				"it is given to guest %s too",
				check->guests.data[before->guest].name);
	}
}
