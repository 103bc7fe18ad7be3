/* SPDX-License-Identifier: MIT */
#ifndef SP_PLAN_IOMMU_DRIVERS_H
#define SP_PLAN_IOMMU_DRIVERS_H

#include <stdbool.h>
#include <stdint.h>

#include <sallyport/request.h>
#include <sallyport/tree.h>

/* Xen's IOMMU drivers on Arm. Only one of them can be at work in a running Xen. */
enum sp_driver {
#define SP_DRIVER(id, ...) SP_DRIVER_##id,
#include "plan/iommu_drivers.def"
	SP_DRIVER_COUNT
};

struct sp_driver_info {
	const char *name; /* for the user: "SMMUv1/v2" */
	const char *kconfig; /* "CONFIG_ARM_SMMU" */
	bool by_default; /* a default build has it */
	bool expert; /* it can be chosen only with CONFIG_EXPERT */
	uint32_t min_cells, max_cells; /* of a specifier, as Xen reads it whole */
	uint32_t max_ids; /* stream IDs of one master, 0: as many as it likes */
	uint32_t max_id; /* the highest stream ID (and mask) */
	const char *citation;
};

/* One compatible string that a driver takes. */
struct sp_iommu_driver {
	const char *compatible;
	enum sp_driver driver;
	enum sp_target since; /* the first release that has it */
	bool needs_es3; /* Xen refuses silicon before ES3.0 */
	const char *citation; /* of each release that has it */
};

/*
 * The row by which `target` drives the IOMMU `iommu`, NULL if that release has no driver for any
 * of its compatible strings; `status` is not looked at. With `matched_compatible` not NULL, the
 * tree's own spelling of the string goes there (Xen compares without regard to case); it is left
 * alone if there is no row.
 */
const struct sp_iommu_driver *sp_iommu_driver_of(const struct sp_tree *tree, sp_node iommu,
	enum sp_target target, const char **matched_compatible);

const struct sp_driver_info *sp_driver_info(enum sp_driver driver);

/* All rows, for documents and tests. */
const struct sp_iommu_driver *sp_iommu_drivers(uint32_t *count);

#endif
