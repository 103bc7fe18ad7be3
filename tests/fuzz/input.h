/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

/* What is left of an input. */
struct input {
	const uint8_t *data;
	size_t size;
};

/* The next number, the lowest byte first; zeros beyond the end. */
static inline uint64_t take(struct input *in, uint32_t bytes) {
	uint64_t value = 0;

	for (uint32_t i = 0; i < bytes && in->size; i++, in->size--)
		value |= (uint64_t)*in->data++ << 8 * i;
	return value;
}

#endif
