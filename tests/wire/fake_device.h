/* SPDX-License-Identifier: MIT */
#ifndef FAKE_DEVICE_H
#define FAKE_DEVICE_H

#include <sallyport/device.h>

/*
 * A device with an area of each kind, which can be told to take its time.
 *
 *	BAR 0	0x0000 trapped	0x1000 mapped (2 pages)	0x3000 doorbell 7, 4 bytes
 *		0x4000 read-only	0x5000 trapped, to 0x10000
 *	BAR 2	4 pages, all mapped
 *	BAR 4	20 doorbells, 100 to 119, of 2 bytes in 256
 *	CONFIG	256 bytes, trapped
 */
struct fake_device {
	struct sp_device base;
	struct sp_device_info info;
	struct sp_region regions[SP_REGION_COUNT];
	uint8_t registers[0x10000]; /* behind the trapped areas of BAR 0, and at 0 the CONFIG's */
	int file;

	bool slow; /* keeps accesses and notices until fake_finish() */
	struct sp_access *access;
	struct sp_notice *notice;
	struct sp_notice *lost_notice; /* and that of SP_RESET_LOST */
	struct sp_notice *stop_notice; /* and that of stop(), during which resets come */
	struct sp_dma_pin *pin; /* is released when its memory goes */

	bool unloadable; /* load() fails */
	bool unclean; /* resets fail */
	enum sp_reset reset; /* the last one */
	unsigned accesses, doorbells, resets, lost, unmaps, stops, resumes;
	uint64_t rung; /* by the last doorbell */
	uint64_t unmapped, unmapped_size;
};

struct fake_device *fake_create(void);
void fake_destroy(struct fake_device *fake); /* accepts NULL */
/* Ends what it keeps, and is quick from now on. */
void fake_finish(struct fake_device *fake);

#endif
