/* SPDX-License-Identifier: MIT */
#ifndef SP_FUZZ_MUTATE_H
#define SP_FUZZ_MUTATE_H

#include <stddef.h>
#include <stdint.h>

/* What libFuzzer calls and provides. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t capacity);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed);

/*
 * Changes a flattened tree in a way that leaves it one: a property's value, its name, a node more
 * or less. Returns the new size, 0 if the bytes are no tree or the result does not fit.
 */
size_t mutate_tree(uint8_t *data, size_t size, size_t capacity, unsigned seed);

#endif
