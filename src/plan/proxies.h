/* SPDX-License-Identifier: MIT */
#ifndef SP_PLAN_PROXIES_H
#define SP_PLAN_PROXIES_H

#include "plan/plan.h"

/*
 * Xen takes a master of one IOMMU only (iommu_fwspec_init() in every release), and asks no more of
 * a node that it assigns than an `iommus` property. So a device behind several keeps the stream
 * IDs of the first one, and a bare node, a proxy, holds those of each further one.
 *
 * sp_plan_proxies() adds the edits for that, and for stream IDs that the host's tree lacks.
 * iommus[] are those that Xen drives, in the order of the master's own list.
 */
void sp_plan_proxies(struct sp_plan *plan, sp_node master, const struct sp_stream *streams,
	uint32_t stream_count, const sp_node *iommus, uint32_t iommu_count);

/* The host path of the proxy for one of the master's IOMMUs. */
const char *sp_proxy_path(struct sp_plan *plan, sp_node master, sp_node iommu);

#endif
