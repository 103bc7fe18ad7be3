/* SPDX-License-Identifier: MIT */
#ifndef SP_HOST_STREAMS_H
#define SP_HOST_STREAMS_H

#include "host/host.h"

/* Fills in every device's stream IDs and the owners of each. False: no memory. */
bool sp_host_add_streams(struct sp_host *host);

/*
 * Cells of one row of an iommu-map: a requester ID, a phandle, a stream ID and a length. The ID has
 * as many cells as the IOMMU's specifiers in newer trees and one in older ones.
 */
uint32_t sp_iommu_map_row(const struct sp_tree *tree, const struct sp_prop *map);

/*
 * What a PCI function is called at its host bridge's IOMMU, by the bridge's iommu-map
 * (Linux's bindings, pci/pci-iommu.txt). False if the map does not name the function.
 */
bool sp_host_map_function(
	const struct sp_host *host, sp_node bridge, uint16_t bdf, struct sp_stream *stream);

/* The stream ID and the mask (bits that do not count) of a stream with one or two cells. */
void sp_stream_id(
	const struct sp_host *host, const struct sp_stream *stream, uint32_t *id, uint32_t *mask);

#endif
