/* SPDX-License-Identifier: MIT */
#include "virtio_echo.h"

#include <stdlib.h>
#include <string.h>

static void done(struct echo *echo, struct sp_virtio_chain *chain) {
	uint32_t size = chain->in_size < chain->out_size ? chain->in_size : chain->out_size;

	sp_virtio_chain_done(&echo->virtio, chain, chain->in, size);
}

static void take_chain(struct sp_virtio *virtio, struct sp_virtio_chain *chain) {
	struct echo *echo = (struct echo *)virtio;

	echo->chains++;
	if (!echo->hold) {
		done(echo, chain);
		return;
	}
	chain->next = NULL;
	if (echo->held)
		echo->held_end->next = chain;
	else
		echo->held = chain;
	echo->held_end = chain;
}

void echo_finish(struct echo *echo, uint32_t count, bool last_first) {
	while (echo->held && count--) {
		struct sp_virtio_chain **place = &echo->held, *before = NULL, *chain;

		while (last_first && (*place)->next) {
			before = *place;
			place = &(*place)->next;
		}
		chain = *place;
		*place = chain->next;
		if (chain == echo->held_end)
			echo->held_end = before;
		done(echo, chain);
	}
}

static void config_read(struct sp_virtio *virtio, uint32_t offset, uint8_t *data, uint32_t size) {
	memcpy(data, ((struct echo *)virtio)->config + offset, size);
}

static void config_write(
	struct sp_virtio *virtio, uint32_t offset, const uint8_t *data, uint32_t size) {
	memcpy(((struct echo *)virtio)->config + offset, data, size);
}

static bool accept_features(struct sp_virtio *virtio, uint64_t features) {
	(void)features;
	return !((struct echo *)virtio)->refuse;
}

static void driver(struct sp_virtio *virtio) {
	((struct echo *)virtio)->starts++;
}

static void reset(struct sp_virtio *virtio, enum sp_reset kind, struct sp_notice *notice) {
	struct echo *echo = (struct echo *)virtio;

	echo->held = NULL;
	echo->resets++;
	if (echo->slow_reset && kind != SP_RESET_LOST)
		echo->waiting = notice;
	else
		sp_notice_done(notice, 0);
}

static void queue_reset(struct sp_virtio *virtio, uint32_t queue) {
	struct echo *echo = (struct echo *)virtio;
	struct sp_virtio_chain *list = echo->held;

	echo->queue_resets++;
	if (echo->keep)
		return;
	echo->held = NULL;
	while (list) {
		struct sp_virtio_chain *chain = list;

		list = chain->next;
		if (chain->queue == queue)
			done(echo, chain);
		else
			take_chain(virtio, chain);
	}
}

static void destroy(struct sp_virtio *virtio) {
	*((struct echo *)virtio)->gone = true;
}

static const struct sp_virtio_ops ops = {
	.destroy = destroy,
	.chain = take_chain,
	.config_read = config_read,
	.config_write = config_write,
	.accept = accept_features,
	.driver = driver,
	.reset = reset,
	.queue_reset = queue_reset,
};

static const struct sp_virtio_queue queues[] = {
	{.size = ECHO_ENTRIES, .in_max = ECHO_IN_MAX},
	{.size = ECHO_ENTRIES, .in_max = ECHO_IN_MAX},
};
static const struct sp_virtio_info info = {
	.model = "echo",
	.id = 42,
	.class = 0xff0000,
	.features = 1,
	.queues = queues,
	.queue_count = 2,
	.config_size = 8,
};

void echo_init(struct echo *echo, struct sp_budget *budget) {
	static bool nobody;

	*echo = (struct echo){.virtio = {.ops = &ops, .info = &info, .budget = budget}};
	echo->gone = &nobody;
}
