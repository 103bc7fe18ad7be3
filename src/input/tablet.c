/* SPDX-License-Identifier: MIT */
#include <linux/input-event-codes.h>

#include "input/parts.h"

static const struct sp_input_range ranges[] = {
	{EV_KEY, BTN_LEFT, BTN_EXTRA},
	{EV_REL, REL_HWHEEL, REL_HWHEEL},
	{EV_REL, REL_WHEEL, REL_WHEEL},
	{EV_ABS, ABS_X, ABS_Y},
};

static const struct sp_input_model model = {
	.info =
		{
			.model = "virtio-tablet",
			.id = 18,
			.class = 0x098000,
			.queues = sp_input_queues,
			.queue_count = 2,
			.config_size = 136,
		},
	.name = "Sallyport tablet",
	.product = 2,
	.ranges = ranges,
	.range_count = sizeof(ranges) / sizeof(ranges[0]),
	.absolute = true,
};

static uint32_t within(uint32_t place) {
	return place < SP_POINTER_RANGE ? place : SP_POINTER_RANGE;
}

/* A guest has one plane for all of its screens, and here there is one screen. */
static void point(struct sp_input *sink, uint32_t screen, uint32_t x, uint32_t y) {
	(void)screen;
	sp_input_push(sink, EV_ABS, ABS_X, within(x));
	sp_input_push(sink, EV_ABS, ABS_Y, within(y));
}

static void button(struct sp_input *sink, uint16_t code, bool pressed) {
	if (code >= BTN_LEFT && code <= BTN_EXTRA)
		sp_input_push(sink, EV_KEY, code, pressed);
}

static void wheel(struct sp_input *sink, int32_t vertical, int32_t horizontal) {
	if (vertical)
		sp_input_push(sink, EV_REL, REL_WHEEL, (uint32_t)vertical);
	if (horizontal)
		sp_input_push(sink, EV_REL, REL_HWHEEL, (uint32_t)horizontal);
}

struct sp_virtio *sp_virtio_tablet_create(struct sp_budget *budget, struct sp_error *error) {
	const struct sp_input sink = {.point = point, .button = button, .wheel = wheel};

	return sp_input_create(&model, &sink, budget, error);
}
