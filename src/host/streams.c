/* SPDX-License-Identifier: MIT */
#include "host/streams.h"

#include <stdlib.h>
#include <string.h>

/* One entry of an IOMMU's mmu-masters: Linux's bindings, iommu/arm,smmu.yaml, "deprecated". */
struct legacy {
	sp_node master, iommu;
	uint32_t id;
};

struct legacies {
	struct legacy *data;
	uint32_t count, capacity;
};

static int compare_legacies(const void *left, const void *right) {
	const struct legacy *a = left, *b = right;
	if (a->master != b->master)
		return a->master < b->master ? -1 : 1;
	if (a->iommu != b->iommu)
		return a->iommu < b->iommu ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

static bool read_legacies(struct sp_host *host, struct legacies *all) {
	for (uint32_t d = 0; d < host->devices.count; d++) {
		sp_node iommu = host->devices.data[d].node;
		if (host->devices.data[d].kind != SP_KIND_IOMMU)
			continue;
		const struct sp_prop *prop = sp_tree_prop(host->tree, iommu, "mmu-masters");
		if (prop == NULL)
			continue;
		struct sp_reference reference;
		uint32_t cell = 0;
		while (sp_reference_next(host->tree, prop, "#stream-id-cells", 0, &cell,
			       &reference) == SP_WALK_MORE) {
			for (uint32_t i = 0; i < reference.count; i++) {
				struct legacy *slot = sp_vec_push(&host->arena, all);
				if (slot == NULL)
					return false;
				*slot = (struct legacy){
					reference.provider, iommu, reference.args[i]};
			}
		}
	}
	if (all->count > 0)
		qsort(all->data, all->count, sizeof(*all->data), compare_legacies);
	return true;
}

static const char *walk_trouble(enum sp_walk walk) {
	switch (walk) {
	case SP_WALK_DANGLING:
		return "iommus names a node that does not exist";
	case SP_WALK_NO_CELLS:
		return "its IOMMU has no #iommu-cells";
	case SP_WALK_CUT_SHORT:
		return "iommus is cut short";
	case SP_WALK_MORE:
	case SP_WALK_END:
		break;
	}
	return NULL;
}

static bool add_stream(struct sp_host *host, const struct sp_stream *stream) {
	struct sp_stream *slot = sp_vec_push(&host->arena, &host->streams);
	if (slot == NULL)
		return false;
	*slot = *stream;
	return true;
}

static bool read_iommus(
	struct sp_host *host, struct sp_device *device, const struct sp_prop *prop) {
	struct sp_reference reference;
	uint32_t cell = 0;
	enum sp_walk walk;

	while ((walk = sp_reference_next(host->tree, prop, "#iommu-cells", 0, &cell, &reference)) ==
		SP_WALK_MORE) {
		if (reference.provider == SP_NODE_NONE)
			continue;
		struct sp_stream stream = {.iommu = reference.provider, .count = reference.count};
		if (reference.count > 4) {
			device->stream_trouble = "a stream ID of more than four cells";
			return true;
		}
		memcpy(stream.args, reference.args, reference.count * sizeof(stream.args[0]));
		if (!add_stream(host, &stream))
			return false;
	}
	device->stream_trouble = walk_trouble(walk);
	return true;
}

uint32_t sp_iommu_map_row(const struct sp_tree *tree, const struct sp_prop *map) {
	uint32_t cells = sp_prop_cells(map);
	sp_node iommu = sp_tree_by_phandle(tree, sp_prop_cell(map, 1));
	uint32_t id = iommu != SP_NODE_NONE ? sp_tree_u32(tree, iommu, "#iommu-cells", 1) : 1;
	if (id == 0 || id > 4 || cells % (3 + id) != 0)
		return 4;
	for (uint32_t cell = 0; cell < cells; cell += 3 + id) {
		if (sp_tree_by_phandle(tree, sp_prop_cell(map, cell + 1)) == SP_NODE_NONE)
			return 4;
	}
	return 3 + id;
}

/* Each IOMMU that the map names, once and without an ID. */
static bool read_map(struct sp_host *host, struct sp_device *device, const struct sp_prop *map) {
	device->iommu_map = true;
	uint32_t cells = sp_prop_cells(map), row = sp_iommu_map_row(host->tree, map);
	for (uint32_t cell = 0; cells - cell >= row; cell += row) {
		sp_node iommu = sp_tree_by_phandle(host->tree, sp_prop_cell(map, cell + 1));
		if (iommu == SP_NODE_NONE) {
			device->stream_trouble = "iommu-map names a node that does not exist";
			return true;
		}
		bool known = false;
		for (uint32_t i = device->stream; i < host->streams.count && !known; i++)
			known = host->streams.data[i].iommu == iommu;
		struct sp_stream stream = {.iommu = iommu, .origin = SP_ORIGIN_MAP};
		if (!known && !add_stream(host, &stream))
			return false;
	}
	if (cells % row != 0)
		device->stream_trouble = "iommu-map is cut short";
	return true;
}

static bool read_device(struct sp_host *host, struct sp_device *device,
	const struct legacies *legacies, uint32_t *next) {
	device->stream = host->streams.count;
	const struct sp_prop *iommus = sp_tree_prop(host->tree, device->node, "iommus");
	if (iommus != NULL && !read_iommus(host, device, iommus))
		return false;
	const struct sp_prop *map = sp_tree_prop(host->tree, device->node, "iommu-map");
	if (map != NULL && !read_map(host, device, map))
		return false;
	while (*next < legacies->count && legacies->data[*next].master < device->node)
		(*next)++;
	for (; *next < legacies->count && legacies->data[*next].master == device->node; (*next)++) {
		struct sp_stream stream = {.iommu = legacies->data[*next].iommu,
			.count = 1,
			.args = {legacies->data[*next].id},
			.origin = SP_ORIGIN_MMU_MASTERS};
		device->legacy_masters = true;
		if (!add_stream(host, &stream))
			return false;
	}
	device->stream_count = host->streams.count - device->stream;
	if (device->stream_count > 0 && device->dma != SP_DMA_MASTER)
		device->dma = SP_DMA_MASTER;
	return true;
}

void sp_stream_id(
	const struct sp_host *host, const struct sp_stream *stream, uint32_t *id, uint32_t *mask) {
	*id = stream->count > 0 ? stream->args[0] : 0;
	*mask = stream->count > 1 ? stream->args[1]
				  : sp_tree_u32(host->tree, stream->iommu, "stream-match-mask", 0);
}

static int compare_owners(const void *left, const void *right) {
	const struct sp_stream_owner *a = left, *b = right;
	if (a->iommu != b->iommu)
		return a->iommu < b->iommu ? -1 : 1;
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	if (a->device != b->device)
		return a->device < b->device ? -1 : 1;
	return a->mask < b->mask ? -1 : a->mask > b->mask;
}

bool sp_host_add_streams(struct sp_host *host) {
	struct legacies legacies = {0};
	uint32_t next = 0;

	if (!read_legacies(host, &legacies))
		return false;
	for (uint32_t d = 0; d < host->devices.count; d++) {
		struct sp_device *device = &host->devices.data[d];
		if (!read_device(host, device, &legacies, &next))
			return false;
		for (uint32_t i = 0; i < device->stream_count; i++) {
			const struct sp_stream *stream = &host->streams.data[device->stream + i];
			if (stream->origin == SP_ORIGIN_MAP)
				continue;
			struct sp_stream_owner *owner =
				sp_vec_push(&host->arena, &host->stream_owners);
			if (owner == NULL)
				return false;
			*owner = (struct sp_stream_owner){.iommu = stream->iommu, .device = d};
			sp_stream_id(host, stream, &owner->id, &owner->mask);
		}
	}
	if (host->stream_owners.count > 0)
		qsort(host->stream_owners.data, host->stream_owners.count,
			sizeof(*host->stream_owners.data), compare_owners);
	return true;
}

bool sp_host_map_function(
	const struct sp_host *host, sp_node bridge, uint16_t bdf, struct sp_stream *stream) {
	const struct sp_prop *map = sp_tree_prop(host->tree, bridge, "iommu-map");
	if (map == NULL)
		return false;
	uint32_t masked = bdf & sp_tree_u32(host->tree, bridge, "iommu-map-mask", UINT32_MAX);
	uint32_t cells = sp_prop_cells(map), row = sp_iommu_map_row(host->tree, map);
	for (uint32_t cell = 0; cells - cell >= row; cell += row) {
		uint32_t base = sp_prop_cell(map, cell), length = sp_prop_cell(map, cell + row - 1);
		if (masked < base || masked - base >= length)
			continue;
		*stream = (struct sp_stream){
			.iommu = sp_tree_by_phandle(host->tree, sp_prop_cell(map, cell + 1)),
			.count = row - 3,
			.origin = SP_ORIGIN_MAP,
		};
		for (uint32_t i = 0; i < stream->count; i++)
			stream->args[i] = sp_prop_cell(map, cell + 2 + i);
		stream->args[0] += masked - base;
		if (stream->iommu == SP_NODE_NONE)
			return false;
		/* `iommus` has as many cells as the IOMMU counts; the map tells of no mask. */
		uint32_t counted = sp_tree_u32(host->tree, stream->iommu, "#iommu-cells", 1);
		if (counted > stream->count && counted <= 4)
			stream->count = counted;
		return true;
	}
	return false;
}
