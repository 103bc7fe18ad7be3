/* SPDX-License-Identifier: MIT */
#ifndef SP_WIRE_STREAM_PARTS_H
#define SP_WIRE_STREAM_PARTS_H

#include "base/bytes.h"
#include "wire/stream.h"

/* What both directions of the stream have to know. */
#define SP_STREAM_MAGIC 8u /* bytes; as in state.c */
#define SP_STREAM_HEAD 12u /* of a chunk */
#define SP_STREAM_PAGE_HEAD 16u /* region, 0, offset */
#define SP_STREAM_PAGES (64u << 10) /* bytes of memory in a chunk */
#define SP_STREAM_STATE_MAX (16u << 20) /* of any other chunk */

#define SP_STREAM_SAME SP_STATE_TAG('S', 'A', 'M', 'E')
#define SP_STREAM_DEVICE SP_STATE_TAG('D', 'E', 'V', 'I')
#define SP_STREAM_IRQS SP_STATE_TAG('I', 'R', 'Q', 'S')
#define SP_STREAM_PAGE SP_STATE_TAG('P', 'A', 'G', 'E')
#define SP_STREAM_END SP_STATE_TAG('E', 'N', 'D', ' ')

/* FNV-1a of 64 bits. It finds damage; a state that was made to deceive is the reader's matter. */
#define SP_STREAM_SUM UINT64_C(0xcbf29ce484222325)
static inline uint64_t sp_stream_sum(uint64_t sum, const uint8_t *data, size_t size) {
	for (size_t i = 0; i < size; i++)
		sum = (sum ^ data[i]) * UINT64_C(0x100000001b3);
	return sum;
}

static inline void sp_stream_put64(uint8_t *bytes, uint64_t value) {
	sp_store_le32(bytes, (uint32_t)value);
	sp_store_le32(bytes + 4, (uint32_t)(value >> 32));
}

/* A place in the memory of a device's regions. */
struct sp_stream_place {
	uint32_t region, area;
	uint64_t offset; /* in the area */
};
/* The area of memory that the place is in, going on to the next one at an end; NULL: no more. */
const struct sp_area *sp_stream_area(
	const struct sp_device_info *info, struct sp_stream_place *place);

#endif
