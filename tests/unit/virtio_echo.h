/* SPDX-License-Identifier: MIT */
#ifndef SP_UNIT_VIRTIO_ECHO_H
#define SP_UNIT_VIRTIO_ECHO_H

#include <sallyport/virtio.h>

/* A virtio device that gives back what it is given, at once or when the test says so. */
#define ECHO_IN_MAX 65536u
#define ECHO_ENTRIES 256u

struct echo {
	struct sp_virtio virtio;
	bool hold; /* chains wait for echo_finish() */
	struct sp_virtio_chain *held, *held_end;
	uint32_t chains, resets, queue_resets, starts;
	bool slow_reset;
	bool keep; /* chains, at a reset of their queue */
	struct sp_notice *waiting; /* of a slow reset */
	uint8_t config[8];
	bool refuse; /* the features */
	bool *gone; /* set at the end */
};

void echo_init(struct echo *echo, struct sp_budget *budget);
/* Up to `count` of those that wait. */
void echo_finish(struct echo *echo, uint32_t count, bool last_first);

#endif
