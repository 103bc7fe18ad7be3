/* SPDX-License-Identifier: MIT */
#ifndef SP_BASE_HASH_H
#define SP_BASE_HASH_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* FNV-1a, for tables of names. */
static inline uint32_t sp_hash_str(const char *text) {
	uint32_t hash = 2166136261u;

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 16777619u;
	/* Tables take the low bits; the high ones are mixed better. */
	return hash ^ hash >> 15;
}

/* Most names differ in their first character, which saves the call. */
static inline bool sp_same_name(const char *a, const char *b) {
	return *a == *b && !strcmp(a, b);
}

#endif
