/* SPDX-License-Identifier: MIT */
#include <linux/input-event-codes.h>

#include "input/parts.h"

static const struct sp_input_range ranges[] = {
	{EV_KEY, KEY_ESC, KEY_MICMUTE},
	{EV_LED, LED_NUML, LED_SCROLLL},
	/* The guest repeats keys by itself. */
	{EV_REP, REP_DELAY, REP_PERIOD},
};

static const struct sp_input_model model = {
	.info =
		{
			.model = "virtio-keyboard",
			.id = 18,
			.class = 0x090000,
			.queues = sp_input_queues,
			.queue_count = 2,
			.config_size = 136,
		},
	.name = "Sallyport keyboard",
	.product = 1,
	.ranges = ranges,
	.range_count = sizeof(ranges) / sizeof(ranges[0]),
};

static void key(struct sp_input *sink, uint16_t code, bool pressed) {
	if (code >= KEY_ESC && code <= KEY_MICMUTE)
		sp_input_push(sink, EV_KEY, code, pressed);
}

struct sp_virtio *sp_virtio_keyboard_create(struct sp_budget *budget, struct sp_error *error) {
	const struct sp_input sink = {.key = key};

	return sp_input_create(&model, &sink, budget, error);
}
