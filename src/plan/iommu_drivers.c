/* SPDX-License-Identifier: MIT */
#include "plan/iommu_drivers.h"

#include <string.h>
#include <strings.h>

static const struct sp_driver_info DRIVERS[SP_DRIVER_COUNT] = {
#define SP_DRIVER( \
	id, name, kconfig, by_default, expert, min_cells, max_cells, max_ids, max_id, citation) \
	[SP_DRIVER_##id] = {name, kconfig, by_default, expert, min_cells, max_cells, max_ids, \
		max_id, citation},
#include "plan/iommu_drivers.def"
};

static const struct sp_iommu_driver IOMMUS[] = {
#define SP_IOMMU(compatible, driver, since, needs_es3, citation) \
	{compatible, SP_DRIVER_##driver, SP_TARGET_XEN_##since, needs_es3, citation},
#include "plan/iommu_drivers.def"
};

#define IOMMU_COUNT (sizeof(IOMMUS) / sizeof(IOMMUS[0]))

const struct sp_iommu_driver *sp_iommu_driver_of(const struct sp_tree *tree, sp_node iommu,
	enum sp_target target, const char **matched_compatible) {
	const struct sp_prop *prop = sp_tree_prop(tree, iommu, "compatible");
	const char *string = NULL, *end = NULL;

	if (!prop)
		return NULL;
	string = (const char *)prop->data;
	end = string + prop->len;
	while (string < end) {
		const char *nul = memchr(string, '\0', (size_t)(end - string));

		if (!nul)
			break;
		for (size_t i = 0; i < IOMMU_COUNT; i++) {
			if (target < IOMMUS[i].since ||
				strcasecmp(string, IOMMUS[i].compatible) != 0)
				continue;
			if (matched_compatible)
				*matched_compatible = string;
			return &IOMMUS[i];
		}
		string = nul + 1;
	}
	return NULL;
}

const struct sp_driver_info *sp_driver_info(enum sp_driver driver) {
	return &DRIVERS[driver];
}

const struct sp_iommu_driver *sp_iommu_drivers(uint32_t *count) {
	*count = IOMMU_COUNT;
	return IOMMUS;
}
