/* SPDX-License-Identifier: MIT */
#include <linux/input-event-codes.h>
#include <string.h>

#include "base/bytes.h"
#include "input/parts.h"

#define EVENT_SIZE 8u

static bool bit(const uint8_t *bits, uint32_t at) {
	return bits[at / 8] >> at % 8 & 1;
}

static void set_bit(uint8_t *bits, uint32_t at, bool on) {
	uint8_t mask = (uint8_t)(1u << at % 8);

	bits[at / 8] = (uint8_t)(on ? bits[at / 8] | mask : bits[at / 8] & ~mask);
}

/* The oldest frame, or what is left of it. */
static void forget_frame(struct sp_input_device *device) {
	struct sp_input_event event;

	do {
		event = device->events[device->first];
		device->first = (device->first + 1) % SP_INPUT_EVENTS;
		device->count--;
		if (event.type != EV_KEY)
			continue;
		if (event.value || !bit(device->held, event.code) ||
			bit(device->released, event.code))
			continue;
		set_bit(device->released, event.code, true);
		device->release_count++;
	} while (event.type != EV_SYN && device->count);
	if (device->open > device->count)
		device->open = device->count;
}

static void push(struct sp_input_device *device, uint16_t type, uint16_t code, uint32_t value) {
	if (device->count == SP_INPUT_EVENTS)
		forget_frame(device);
	device->events[(device->first + device->count++) % SP_INPUT_EVENTS] =
		(struct sp_input_event){type, code, value};
}

static void end_frame(struct sp_input_device *device) {
	if (!device->open)
		return;
	push(device, EV_SYN, SYN_REPORT, 0);
	device->open = 0;
}

void sp_input_push(struct sp_input *sink, uint16_t type, uint16_t code, uint32_t value) {
	struct sp_input_device *device = sp_input_of(sink);

	if (!sp_virtio_running(&device->virtio))
		return;
	if (device->open == SP_INPUT_FRAME - 1)
		end_frame(device);
	push(device, type, code, value);
	device->open++;
}

void sp_input_frame(struct sp_input *sink) {
	end_frame(sp_input_of(sink));
	sp_virtio_changed(&sp_input_of(sink)->virtio);
	sp_input_deliver(sp_input_of(sink));
}

/* A key's release that was forgotten, then their end. False: none is left. */
static bool take_release(struct sp_input_device *device, struct sp_input_event *event) {
	for (uint32_t i = 0; device->release_count && i < SP_INPUT_KEYS; i++) {
		if (!bit(device->released, i))
			continue;
		set_bit(device->released, i, false);
		device->release_count--;
		device->release_end = true;
		*event = (struct sp_input_event){EV_KEY, (uint16_t)i, 0};
		return true;
	}
	if (!device->release_end)
		return false;
	device->release_end = false;
	*event = (struct sp_input_event){EV_SYN, SYN_REPORT, 0};
	return true;
}

static bool take_event(struct sp_input_device *device, struct sp_input_event *event) {
	if (take_release(device, event))
		return true;
	if (device->count == device->open)
		return false;
	*event = device->events[device->first];
	device->first = (device->first + 1) % SP_INPUT_EVENTS;
	device->count--;
	return true;
}

void sp_input_deliver(struct sp_input_device *device) {
	struct sp_input_event event;
	uint8_t bytes[EVENT_SIZE];

	while (device->chains && !device->stopped && take_event(device, &event)) {
		struct sp_virtio_chain *chain = device->chains;

		/* What the guest knows already: a key that a viewer repeats, or that was pressed
		 * before there was a driver. The guest repeats keys by itself. */
		if (event.type == EV_KEY) {
			if (bit(device->held, event.code) == (event.value != 0))
				continue;
			set_bit(device->held, event.code, event.value != 0);
		}
		if (chain->out_size < EVENT_SIZE) {
			sp_virtio_break(&device->virtio);
			return;
		}
		device->chains = chain->next;
		sp_store_le16(bytes, event.type);
		sp_store_le16(bytes + 2, event.code);
		sp_store_le32(bytes + 4, event.value);
		sp_virtio_chain_done(&device->virtio, chain, bytes, sizeof(bytes));
	}
}

void sp_input_forget(struct sp_input_device *device) {
	device->first = device->count = device->open = 0;
	memset(device->held, 0, sizeof(device->held));
	memset(device->released, 0, sizeof(device->released));
	device->release_count = 0;
	device->release_end = false;
}

void sp_input_events_save(const struct sp_input_device *device, struct sp_state_writer *writer) {
	sp_state_put_bytes(writer, device->held, sizeof(device->held));
	sp_state_put_bytes(writer, device->released, sizeof(device->released));
	sp_state_put_u8(writer, device->release_end);
	sp_state_put_u32(writer, device->open);
	sp_state_put_u32(writer, device->count);
	for (uint32_t i = 0; i < device->count; i++) {
		const struct sp_input_event *event =
			&device->events[(device->first + i) % SP_INPUT_EVENTS];

		sp_state_put_u16(writer, event->type);
		sp_state_put_u16(writer, event->code);
		sp_state_put_u32(writer, event->value);
	}
}

bool sp_input_events_load(struct sp_input_device *device, struct sp_state_reader *reader) {
	const uint8_t *held = sp_state_get_bytes(reader, sizeof(device->held));
	const uint8_t *released = sp_state_get_bytes(reader, sizeof(device->released));
	uint32_t count, open;

	device->release_end = sp_state_get_u8(reader) & 1;
	open = sp_state_get_u32(reader);
	count = sp_state_get_u32(reader);
	if (!held || !released || count > SP_INPUT_EVENTS || open > count || open >= SP_INPUT_FRAME)
		return false;
	memcpy(device->held, held, sizeof(device->held));
	memcpy(device->released, released, sizeof(device->released));
	for (uint32_t i = 0; i < SP_INPUT_KEYS; i++)
		device->release_count += bit(device->released, i);
	device->open = open;
	for (; device->count < count; device->count++) {
		struct sp_input_event *event = &device->events[device->count];

		event->type = sp_state_get_u16(reader);
		event->code = sp_state_get_u16(reader);
		event->value = sp_state_get_u32(reader);
		if (event->type == EV_KEY && event->code >= SP_INPUT_KEYS)
			return false;
	}
	return true;
}
