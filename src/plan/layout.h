/* SPDX-License-Identifier: MIT */
#ifndef SP_PLAN_LAYOUT_H
#define SP_PLAN_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

/* What occupies a guest's physical addresses. */
enum sp_area_kind { SP_AREA_XEN, SP_AREA_RAM, SP_AREA_EXTENDED };

struct sp_area {
	const char *name;
	uint64_t start, size; /* bytes */
	enum sp_area_kind kind;
};

struct sp_layout {
	SP_VEC(struct sp_area) areas; /* by address, disjoint */
	uint64_t limit; /* one past the last usable address */
};

#endif
