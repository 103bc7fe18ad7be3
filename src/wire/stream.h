/* SPDX-License-Identifier: MIT */
#ifndef SP_WIRE_STREAM_H
#define SP_WIRE_STREAM_H

#include <sallyport/device.h>

/*
 * The whole state of a device as a stream of chunks, in the form of <sallyport/state.h>:
 *
 *	"SAME"	model and sizes of regions, by which the two devices are compared; the first
 *	"DEVI"	what the device says itself
 *	"IRQS"	what its transport says
 *	"PAGE"	pages of a region's memory: region, 0, offset, up to 64 KiB; those of the same
 *		region and then those of higher offsets follow, and pages of zeros are left out
 *	"END "	a checksum of all before it; the last
 *
 * It is made and taken in pieces of any size, since the memory of a region may be large.
 */
struct sp_stream_out;
struct sp_stream_in;

/* Takes a copy of all but the memory. `irqs` is the transport's. NULL: no memory or no budget, or
 * the device refuses. The device must be stopped until destroy. */
struct sp_stream_out *sp_stream_out_create(
	struct sp_device *device, const uint8_t *irqs, uint32_t irqs_size, uint64_t *allocations);
void sp_stream_out_destroy(struct sp_stream_out *out); /* accepts NULL */
/* Less than `size` at the end. False: the memory cannot be read. */
bool sp_stream_read(struct sp_stream_out *out, uint8_t *data, uint32_t size, uint32_t *done);

/* Memory is written as it comes; all else by finish(). NULL: no memory. */
struct sp_stream_in *sp_stream_in_create(struct sp_device *device, uint64_t *allocations);
void sp_stream_in_destroy(struct sp_stream_in *in); /* accepts NULL */
/* EINVAL: it is not the state of such a device, now and ever; ENOMEM, EDQUOT, EIO. */
int sp_stream_write(struct sp_stream_in *in, const uint8_t *data, uint32_t size);
/* Loads the device, which was reset. EINVAL if something is missing or wrong. `irqs` is the
 * stream's, and NULL if there was no such chunk. */
int sp_stream_finish(struct sp_stream_in *in, const uint8_t **irqs, uint32_t *irqs_size);

#endif
