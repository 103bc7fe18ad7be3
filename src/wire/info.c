/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "wire/server_parts.h"

/* Areas beyond that are not told, and are then accessed by messages. */
#define AREAS_MAX ((SP_WIRE_INFO_MAX - 64u) / SP_WIRE_SPARSE - 1)

/*
 * What the client did not propose may not be told: it takes the specification's defaults for ours
 * then, which are within what we do. Gives the length with the NUL.
 */
static uint32_t put_capabilities(
	const struct sp_wire_capabilities *proposed, bool twin, char *text, size_t size) {
	const struct {
		uint32_t told;
		const char *name;
		uint32_t value;
	} numbers[] = {
		{SP_WIRE_TOLD_FDS, "max_msg_fds", SP_WIRE_FDS_MAX},
		{SP_WIRE_TOLD_SIZE, "max_data_xfer_size", SP_WIRE_DATA_MAX},
		{SP_WIRE_TOLD_MAPS, "max_dma_maps", SP_DMA_RANGES_MAX},
		{SP_WIRE_TOLD_PAGES, "pgsizes", SP_PAGE},
	};
	const char *comma = "";
	int length = snprintf(text, size, "{\"capabilities\":{");

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (!(proposed->told & numbers[i].told))
			continue;
		length += snprintf(text + length, size - (size_t)length, "%s\"%s\":%u", comma,
			numbers[i].name, numbers[i].value);
		comma = ",";
	}
	if (proposed->write_multiple) {
		length += snprintf(
			text + length, size - (size_t)length, "%s\"write_multiple\":true", comma);
		comma = ",";
	}
	if (twin)
		length += snprintf(text + length, size - (size_t)length,
			"%s\"twin_socket\":{\"supported\":true,\"fd_index\":0}", comma);
	length += snprintf(text + length, size - (size_t)length, "}}");
	return (uint32_t)length + 1;
}

int sp_wire_do_version(struct sp_wire_server *server, uint32_t *size, int *fd) {
	struct sp_wire_body *body = &server->doing.body;
	int error;

	if (server->greeted || body->major)
		return EINVAL;
	error = sp_wire_get_capabilities(body->data, body->data_size, &server->capabilities);
	if (error)
		return error;
	server->greeted = true;
	body->minor = 0;
	/* Without one the client is served, too. */
	if (server->capabilities.twin_socket && !server->record && sp_wire_twin_open(server, fd))
		*fd = -1;
	*size += put_capabilities(
		&server->capabilities, *fd >= 0, (char *)server->doing.reply + *size, 512);
	return 0;
}

int sp_wire_do_info(struct sp_wire_server *server) {
	struct sp_wire_body *body = &server->doing.body;

	if (body->argsz < sp_wire_fixed(SP_WIRE_GET_INFO))
		return EINVAL;
	body->argsz = sp_wire_fixed(SP_WIRE_GET_INFO);
	body->flags = SP_WIRE_DEVICE_RESET | SP_WIRE_DEVICE_PCI;
	body->start = server->device->info->region_count;
	body->count = SP_WIRE_IRQS;
	return 0;
}

/*
 * What a client may map of a region: its memory, as far as all of it has the same distance to the
 * region's file. Memory that only the guest may not write cannot be told apart, as the client maps
 * all areas in one way.
 */
struct mapping {
	uint32_t areas;
	uint64_t base; /* in the file */
	bool whole; /* one area that is the region */
};

static bool belongs(const struct sp_area *area, const struct mapping *mapping) {
	return area->kind == SP_AREA_MAPPED && area->file_offset >= area->offset &&
		(!mapping->areas || area->file_offset - area->offset == mapping->base);
}

static struct mapping survey(const struct sp_region *region) {
	struct mapping mapping = {0, 0, false};

	for (uint32_t i = 0; region->file >= 0 && i < region->area_count; i++) {
		const struct sp_area *area = &region->areas[i];

		if (!belongs(area, &mapping) || mapping.areas == AREAS_MAX)
			continue;
		mapping.base = area->file_offset - area->offset;
		mapping.areas++;
		mapping.whole = area->size == region->size;
	}
	return mapping;
}

static void put_areas(
	const struct sp_region *region, const struct mapping *mapping, uint8_t *bytes) {
	struct mapping seen = {0, 0, false};

	sp_wire_put_sparse(bytes, mapping->areas);
	for (uint32_t i = 0; seen.areas < mapping->areas; i++) {
		if (!belongs(&region->areas[i], &seen))
			continue;
		seen.base = mapping->base;
		seen.areas++;
		bytes += SP_WIRE_SPARSE;
		sp_wire_put_area(bytes, region->areas[i].offset, region->areas[i].size);
	}
}

int sp_wire_do_region_info(struct sp_wire_server *server, uint32_t *size, int *fd) {
	struct sp_wire_body *body = &server->doing.body;
	const struct sp_device_info *info = server->device->info;
	const struct sp_region *region;
	struct mapping mapping;
	uint32_t needed = *size;

	if (body->argsz < *size || body->index >= info->region_count)
		return EINVAL;
	region = &info->regions[body->index];
	mapping = survey(region);
	body->size = region->size;
	body->start = body->offset = 0;
	body->flags = (region->readable && region->size ? SP_WIRE_REGION_READABLE : 0u) |
		(region->writable && region->size ? SP_WIRE_REGION_WRITABLE : 0u);
	if (mapping.areas) {
		body->flags |= SP_WIRE_REGION_MMAP;
		body->offset = mapping.base;
		*fd = region->file;
	}
	if (mapping.areas && !mapping.whole) {
		needed += (mapping.areas + 1) * SP_WIRE_SPARSE;
		/* The first time, a client only learns how much there is. */
		if (body->argsz >= needed) {
			body->flags |= SP_WIRE_REGION_CAPS;
			body->start = *size;
			put_areas(region, &mapping, server->doing.reply + *size);
			*size = needed;
		}
	}
	body->argsz = needed;
	return 0;
}

int sp_wire_do_irq_info(struct sp_wire_server *server) {
	struct sp_wire_body *body = &server->doing.body;

	if (body->argsz < sp_wire_fixed(SP_WIRE_IRQ_INFO) || body->index >= SP_WIRE_IRQS)
		return EINVAL;
	body->argsz = sp_wire_fixed(SP_WIRE_IRQ_INFO);
	body->count = server->irqs.counts[body->index];
	body->flags = sp_irqs_flags(&server->irqs, (uint32_t)body->index);
	return 0;
}
