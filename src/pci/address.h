/* SPDX-License-Identifier: MIT */
#ifndef SP_PCI_ADDRESS_H
#define SP_PCI_ADDRESS_H

#include <sallyport/machine.h>

#include "base/json.h"

/* Pieces of a function's address; sp_bdf itself is public. */

#define SP_BDF(segment, bus, device, function) \
	((sp_bdf)((uint32_t)(segment) << 16 | (uint32_t)(bus) << 8 | (uint32_t)(device) << 3 | \
		(uint32_t)(function)))

static inline uint32_t sp_bdf_segment(sp_bdf bdf) {
	return bdf >> 16;
}
static inline uint32_t sp_bdf_bus(sp_bdf bdf) {
	return bdf >> 8 & 0xff;
}
static inline uint32_t sp_bdf_device(sp_bdf bdf) {
	return bdf >> 3 & 0x1f;
}
static inline uint32_t sp_bdf_function(sp_bdf bdf) {
	return bdf & 7;
}
/* The same for all functions of one slot. */
static inline uint32_t sp_bdf_slot(sp_bdf bdf) {
	return bdf >> 3;
}

/* The address as a string; null for SP_BDF_NONE. */
void sp_bdf_json(struct sp_json *json, const char *key, sp_bdf bdf);

#endif
