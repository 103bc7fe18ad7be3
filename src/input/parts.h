/* SPDX-License-Identifier: MIT */
#ifndef SP_INPUT_PARTS_H
#define SP_INPUT_PARTS_H

#include "input/input.h"

/* The inside of input devices, for src/input alone. */

#define SP_INPUT_KEYS 768u /* KEY_MAX + 1 */
#define SP_INPUT_EVENTS 512u /* that wait */
#define SP_INPUT_FRAME 32u /* of one frame, with its end */

/* Codes of a type that the device has, from the first to the last. */
struct sp_input_range {
	uint16_t type, first, last;
};

struct sp_input_model {
	struct sp_virtio_info info;
	const char *name; /* as the guest shows it */
	uint16_t product;
	const struct sp_input_range *ranges;
	uint32_t range_count;
	bool absolute; /* X and Y, 0 to SP_POINTER_RANGE */
};

struct sp_input_event {
	uint16_t type, code;
	uint32_t value;
};

struct sp_input_device {
	struct sp_virtio virtio; /* first, so that the one is the other */
	struct sp_input sink;
	const struct sp_input_model *model;
	bool stopped;
	uint8_t select, subsel;

	struct sp_virtio_chain *chains, *chains_end; /* that the driver gave for events */

	struct sp_input_event events[SP_INPUT_EVENTS];
	uint32_t first, count;
	uint32_t open; /* of the last frame, which has not ended */

	uint8_t held[SP_INPUT_KEYS / 8]; /* by what the guest was told */
	uint8_t released[SP_INPUT_KEYS / 8]; /* in frames that were forgotten */
	uint32_t release_count;
	bool release_end; /* of the frame of those */
};

struct sp_virtio *sp_input_create(const struct sp_input_model *model, const struct sp_input *sink,
	struct sp_budget *budget, struct sp_error *error);
extern const struct sp_virtio_queue sp_input_queues[2];

/* events.c: what waits. */
void sp_input_push(struct sp_input *sink, uint16_t type, uint16_t code, uint32_t value);
void sp_input_frame(struct sp_input *sink);
void sp_input_deliver(struct sp_input_device *device);
void sp_input_forget(struct sp_input_device *device); /* all */
void sp_input_events_save(const struct sp_input_device *device, struct sp_state_writer *writer);
bool sp_input_events_load(struct sp_input_device *device, struct sp_state_reader *reader);

static inline struct sp_input_device *sp_input_of(struct sp_input *sink) {
	return (struct sp_input_device *)((char *)sink - offsetof(struct sp_input_device, sink));
}

#endif
