/* SPDX-License-Identifier: MIT */
#ifndef SP_GPU_BOCHS_H
#define SP_GPU_BOCHS_H

#include <sallyport/device.h>
#include <sallyport/scanout.h>

/*
 * A display as QEMU's bochs-display: linear memory in BAR 0, the DISPI registers and an EDID in
 * BAR 2. Linux's bochs.ko and firmware drive it unmodified. It has no interrupts and no DMA.
 */
#define SP_BOCHS_MEMORY_MIN (4ull << 20)
#define SP_BOCHS_MEMORY_MAX (256ull << 20)

struct sp_bochs_options {
	uint64_t memory_size; /* bytes, a power of two in these bounds; 0: 16 MiB */
	int memory; /* a file of that size to use in place of a new one, or -1; then it is ours */
	bool vga; /* class 0300 in place of 0380 */
	bool conventional; /* without PCI Express */
	uint32_t width, height; /* what the screen likes best; 0: 1280 x 800 */
	const uint8_t *rom; /* stays the caller's; NULL: none */
	uint32_t rom_size;
};

/* NULL after an error; `options->memory` is then still the caller's. */
struct sp_device *sp_bochs_create(
	const struct sp_bochs_options *options, struct sp_budget *budget, struct sp_error *error);
struct sp_scanout *sp_bochs_scanout(struct sp_device *device);

#endif
