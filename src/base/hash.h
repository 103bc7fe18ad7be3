/* SPDX-License-Identifier: MIT */
#ifndef SP_BASE_HASH_H
#define SP_BASE_HASH_H

#include <stdint.h>

/* FNV-1a, for tables of names. */
static inline uint32_t sp_hash_str(const char *text) {
	uint32_t hash = 2166136261u;

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 16777619u;
	/* Tables take the low bits, which the last bytes alone would settle. */
	return hash ^ hash >> 15;
}

#endif
