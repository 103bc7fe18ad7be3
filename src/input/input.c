/* SPDX-License-Identifier: MIT */
#include "input/input.h"

#include <linux/input-event-codes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "input/parts.h"

#define TAG SP_STATE_TAG('I', 'N', 'P', 'T')

/* The configuration (5.8.4): what is asked for, and the answer. */
#define SIZE_AT 2u
#define ANSWER_AT 8u
#define ANSWER_SIZE 128u
#define CONFIG_SIZE (ANSWER_AT + ANSWER_SIZE)
enum {
	ASK_NAME = 0x01,
	ASK_IDS = 0x03,
	ASK_BITS = 0x11,
	ASK_ABSOLUTE = 0x12,
};

#define BUS_VIRTUAL 6u /* as in <linux/input.h> */
#define VENDOR 0x1af4u
#define VERSION 1u

enum { EVENTS, STATUS };
const struct sp_virtio_queue sp_input_queues[2] = {
	[EVENTS] = {.size = 64, .in_max = 0},
	[STATUS] = {.size = 64, .in_max = 64},
};

static struct sp_input_device *device_of(struct sp_virtio *virtio) {
	return (struct sp_input_device *)virtio;
}

/* Bytes, up to the last that has a bit. */
static uint8_t answer_bits(const struct sp_input_model *model, uint8_t type, uint8_t *answer) {
	uint32_t size = 0;

	for (uint32_t i = 0; i < model->range_count; i++) {
		const struct sp_input_range *range = &model->ranges[i];

		for (uint32_t j = range->first; range->type == type && j <= range->last; j++) {
			answer[j / 8] |= (uint8_t)(1u << j % 8);
			if (size < j / 8 + 1)
				size = j / 8 + 1;
		}
	}
	return (uint8_t)size;
}

static uint8_t answer_size(const struct sp_input_device *device, uint8_t *answer) {
	const struct sp_input_model *model = device->model;

	switch (device->select) {
	case ASK_NAME:
		if (device->subsel)
			return 0;
		memcpy(answer, model->name, strlen(model->name));
		return (uint8_t)strlen(model->name);
	case ASK_IDS:
		if (device->subsel)
			return 0;
		sp_store_le16(answer, BUS_VIRTUAL);
		sp_store_le16(answer + 2, VENDOR);
		sp_store_le16(answer + 4, model->product);
		sp_store_le16(answer + 6, VERSION);
		return 8;
	case ASK_BITS:
		return answer_bits(model, device->subsel, answer);
	case ASK_ABSOLUTE:
		if (!model->absolute || (device->subsel != ABS_X && device->subsel != ABS_Y))
			return 0;
		sp_store_le32(answer + 4, SP_POINTER_RANGE);
		return 20;
	}
	return 0;
}

static void config_read(struct sp_virtio *virtio, uint32_t offset, uint8_t *data, uint32_t size) {
	const struct sp_input_device *device = device_of(virtio);
	uint8_t bytes[CONFIG_SIZE] = {device->select, device->subsel};

	bytes[SIZE_AT] = answer_size(device, bytes + ANSWER_AT);
	memcpy(data, bytes + offset, size);
}

static void config_write(
	struct sp_virtio *virtio, uint32_t offset, const uint8_t *data, uint32_t size) {
	struct sp_input_device *device = device_of(virtio);

	for (uint32_t i = 0; i < size && offset + i < 2; i++)
		*(offset + i ? &device->subsel : &device->select) = data[i];
}

/* The lights of a keyboard; all else that a guest may tell is of no use here. */
static void take_status(struct sp_input_device *device, const struct sp_virtio_chain *chain) {
	for (uint32_t at = 0; chain->in_size - at >= 8; at += 8) {
		uint16_t code = sp_load_le16(chain->in + at + 2);

		if (sp_load_le16(chain->in + at) != EV_LED || code > LED_SCROLLL)
			continue;
		device->sink.lights &= ~(1u << code);
		if (sp_load_le32(chain->in + at + 4))
			device->sink.lights |= 1u << code;
	}
}

static void take_chain(struct sp_virtio *virtio, struct sp_virtio_chain *chain) {
	struct sp_input_device *device = device_of(virtio);

	if (chain->queue == STATUS) {
		take_status(device, chain);
		sp_virtio_chain_done(virtio, chain, NULL, 0);
		return;
	}
	chain->next = NULL;
	if (device->chains)
		device->chains_end->next = chain;
	else
		device->chains = chain;
	device->chains_end = chain;
	sp_input_deliver(device);
}

static void reset_queue(struct sp_virtio *virtio, uint32_t queue) {
	struct sp_input_device *device = device_of(virtio);

	while (queue == EVENTS && device->chains) {
		struct sp_virtio_chain *chain = device->chains;

		device->chains = chain->next;
		sp_virtio_chain_done(virtio, chain, NULL, 0);
	}
}

static void reset(struct sp_virtio *virtio, enum sp_reset kind, struct sp_notice *notice) {
	struct sp_input_device *device = device_of(virtio);

	(void)kind;
	device->chains = NULL;
	device->select = device->subsel = 0;
	device->sink.lights = 0;
	sp_input_forget(device);
	sp_notice_done(notice, 0);
}

static void stop(struct sp_virtio *virtio, struct sp_notice *notice) {
	device_of(virtio)->stopped = true;
	sp_notice_done(notice, 0);
}

static void resume(struct sp_virtio *virtio) {
	device_of(virtio)->stopped = false;
	sp_input_deliver(device_of(virtio));
}

static bool save(struct sp_virtio *virtio, struct sp_state_writer *writer, struct sp_error *error) {
	const struct sp_input_device *device = device_of(virtio);

	(void)error;
	sp_state_begin(writer, TAG, 1);
	sp_state_put_u16(writer, device->model->product);
	sp_state_put_u8(writer, device->select);
	sp_state_put_u8(writer, device->subsel);
	sp_state_put_u32(writer, device->sink.lights);
	sp_input_events_save(device, writer);
	sp_state_end(writer);
	return true;
}

static bool load(struct sp_virtio *virtio, struct sp_state_reader *reader, struct sp_error *error) {
	struct sp_input_device *device = device_of(virtio);
	uint16_t version;

	if (!sp_state_find(reader, TAG, 1, &version, error))
		return false;
	if (sp_state_get_u16(reader) != device->model->product)
		return sp_error_set(
			error, SP_ERROR_INPUT, "the state is that of another input device");
	device->select = sp_state_get_u8(reader);
	device->subsel = sp_state_get_u8(reader);
	device->sink.lights = sp_state_get_u32(reader) & ((2u << LED_SCROLLL) - 1);
	if (!sp_input_events_load(device, reader))
		return sp_error_set(
			error, SP_ERROR_INPUT, "the state is that of no possible input device");
	return sp_state_check(reader, error);
}

static void destroy(struct sp_virtio *virtio) {
	sp_budget_release(virtio->budget, SP_RESOURCE_BYTES, sizeof(struct sp_input_device));
	free(virtio);
}

static const struct sp_virtio_ops ops = {
	.destroy = destroy,
	.chain = take_chain,
	.config_read = config_read,
	.config_write = config_write,
	.reset = reset,
	.queue_reset = reset_queue,
	.stop = stop,
	.resume = resume,
	.save = save,
	.load = load,
};

struct sp_virtio *sp_input_create(const struct sp_input_model *model, const struct sp_input *sink,
	struct sp_budget *budget, struct sp_error *error) {
	struct sp_input_device *device;

	if (!sp_budget_charge(budget, SP_RESOURCE_BYTES, sizeof(*device))) {
		sp_error_set(error, SP_ERROR_SYSTEM, "%s: more memory than this guest may have",
			model->info.model);
		return NULL;
	}
	device = calloc(1, sizeof(*device));
	if (!device) {
		sp_budget_release(budget, SP_RESOURCE_BYTES, sizeof(*device));
		sp_error_memory(error);
		return NULL;
	}
	device->virtio = (struct sp_virtio){.ops = &ops, .info = &model->info, .budget = budget};
	device->sink = *sink;
	device->sink.frame = sp_input_frame;
	device->model = model;
	return &device->virtio;
}

struct sp_input *sp_virtio_input_sink(struct sp_virtio *device) {
	return &device_of(device)->sink;
}
