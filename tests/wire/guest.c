/* SPDX-License-Identifier: MIT */
#include "guest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"

static void store_le64(uint8_t *bytes, uint64_t value) {
	sp_store_le32(bytes, (uint32_t)value);
	sp_store_le32(bytes + 4, (uint32_t)(value >> 32));
}

static const char *const MODELS[GUEST_DEVICES] = {
	"bochs", "virtio-keyboard", "virtio-tablet", "edu"};

static void gone(void *data, const char *why, bool fault) {
	struct guest_device *device = data;

	(void)why;
	device->gone++;
	device->faults += fault;
}

static const struct sp_wire_events EVENTS = {.gone = gone};

static void make_device(struct guest *guest, uint32_t index) {
	struct guest_device *device = &guest->devices[index];
	struct sp_device_request request = {0};
	struct sp_error error;

	request.model = sp_model_find(MODELS[index], &error);
	assert_non_null(request.model);
	request.packed = true;
	if (index == GUEST_DISPLAY)
		request.memory = GUEST_DISPLAY_MEMORY;
	if (!sp_model_create(&device->made, &request, -1, guest->budget, &error))
		fail_msg("%s", error.message);
	device->made.device->loop = guest->loop;
	assert_ptr_equal(device->made.device->budget, guest->budget);
	if (!sp_wire_server_create(
		    &device->server, device->made.device, guest->loop, &EVENTS, device, &error))
		fail_msg("%s", error.message);
	/* With WIRE_KEEP in the environment, all is kept in a record, and nothing else is
	 * different. */
	if (getenv("WIRE_KEEP")) {
		device->record = mmap(NULL, sizeof(*device->record), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		assert_true(device->record != MAP_FAILED);
		sp_record_init(device->record);
		assert_true(sp_wire_server_keep(device->server, device->record, false, &error));
	}
	device->model = MODELS[index];
	device->client.socket = -1;
}

struct guest *guest_create(const struct sp_budget_limits *limits) {
	struct guest *guest = calloc(1, sizeof(*guest));
	struct sp_budget_limits none = {0};
	struct sp_vnc_options options = {.listener = -1};
	struct sp_input *inputs[2];
	struct sp_error error;

	assert_non_null(guest);
	for (int i = 0; i < SP_RESOURCE_COUNT; i++)
		none.limits[i] = UINT64_MAX;
	guest->budget = sp_budget_create(limits ? limits : &none);
	assert_non_null(guest->budget);
	assert_true(sp_loop_create(&guest->loop, &error));
	guest->file = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(guest->file, GUEST_MEMORY), 0);
	guest->memory =
		mmap(NULL, GUEST_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, guest->file, 0);
	assert_true(guest->memory != MAP_FAILED);
	for (uint32_t i = 0; i < GUEST_DEVICES; i++)
		make_device(guest, i);
	inputs[0] = guest->devices[GUEST_KEYBOARD].made.input;
	inputs[1] = guest->devices[GUEST_TABLET].made.input;
	if (!sp_vnc_create(&guest->vnc, &options, guest->devices[GUEST_DISPLAY].made.scanout,
		    inputs, 2, guest->loop, &error))
		guest->vnc = NULL;
	return guest;
}

uint64_t guest_used(const struct guest *guest, enum sp_resource resource) {
	return sp_budget_used(guest->budget, resource);
}

void guest_destroy(struct guest *guest) {
	for (uint32_t i = 0; i < GUEST_DEVICES; i++)
		guest_hang_up(guest, i);
	sp_vnc_destroy(guest->vnc);
	for (uint32_t i = 0; i < GUEST_DEVICES; i++) {
		struct guest_device *device = &guest->devices[i];
		struct sp_wire_state state;

		/* What was sent before the end is done first. */
		for (int j = 0; j < 10000 && !sp_wire_server_idle(device->server); j++)
			(void)sp_loop_step(guest->loop, 0);
		assert_true(sp_wire_server_idle(device->server));
		sp_wire_server_state(device->server, &state);
		assert_int_equal(state.ranges + state.files + state.pins, 0);
		assert_true(state.mapped == 0);
		sp_wire_server_destroy(device->server);
		if (device->record)
			munmap(device->record, sizeof(*device->record));
		sp_device_destroy(device->made.device);
		sp_made_release(&device->made);
	}
	for (int i = 0; i < SP_RESOURCE_COUNT; i++)
		assert_int_equal(guest_used(guest, (enum sp_resource)i), 0);
	sp_budget_destroy(guest->budget);
	munmap(guest->memory, GUEST_MEMORY);
	close(guest->file);
	sp_loop_destroy(guest->loop);
	free(guest);
}

/* An answer to the request that the client has just received. */
static void answer(struct guest *guest, struct client *client) {
	struct sp_wire_header header = client->header;
	struct sp_wire_body body = {0};
	static uint8_t reply[SP_WIRE_MESSAGE_MAX];
	bool read = header.command == SP_WIRE_DMA_READ;
	uint32_t size = SP_WIRE_HEADER + 16;

	assert_int_equal(sp_wire_decode(header.command, client->payload, client->size, &body), 0);
	if (guest->answer == GUEST_IS_SILENT)
		return;
	header.flags = SP_WIRE_REPLY;
	header.error = 0;
	memcpy(reply + SP_WIRE_HEADER, client->payload, 16);
	if (guest->answer == GUEST_REFUSES) {
		header.flags |= SP_WIRE_ERROR;
		header.error = EFAULT;
		size = SP_WIRE_HEADER;
	} else if (read) {
		for (uint64_t i = 0; i < body.count; i++)
			reply[size + i] = guest->memory[(body.address + i) % GUEST_MEMORY];
		size += (uint32_t)body.count;
	} else {
		for (uint64_t i = 0; i < body.count; i++)
			guest->memory[(body.address + i) % GUEST_MEMORY] = client->payload[16 + i];
	}
	if (guest->answer == GUEST_ANSWERS_SHORT)
		size--;
	header.size = size;
	sp_wire_put_header(reply, &header);
	client_send(client, reply, size, NULL, 0);
}

static bool request(const struct client *client) {
	return (client->header.flags & SP_WIRE_TYPE) == SP_WIRE_COMMAND;
}

int guest_call(struct guest *guest, uint32_t device, uint16_t command,
	const struct sp_wire_body *body, const void *data, uint32_t size, const int *fds,
	uint32_t fd_count) {
	struct client *client = &guest->devices[device].client;
	uint16_t id;

	client_command(client, command, 0, body, data, size, fds, fd_count);
	id = client->id;
	for (int i = 0; i < 1000; i++) {
		if (!client_receive(client))
			return -1;
		if (!request(client)) {
			assert_int_equal(client->header.id, id);
			assert_int_equal(client->header.command, command);
			assert_int_equal(client->header.flags & SP_WIRE_TYPE, SP_WIRE_REPLY);
			return client->header.flags & SP_WIRE_ERROR ? (int)client->header.error : 0;
		}
		if (guest->asked)
			guest->asked(guest, device);
		answer(guest, client);
	}
	return -1;
}

/* What has come to a client. False: nothing. */
static bool serve(struct guest *guest, uint32_t device) {
	struct client *client = &guest->devices[device].client;
	uint8_t byte;

	if (client->socket < 0 || recv(client->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 1 ||
		!client_receive(client))
		return false;
	if (request(client))
		answer(guest, client);
	return true;
}

void guest_idle(struct guest *guest) {
	bool more = true;

	for (int i = 0; i < 1000 && more; i++) {
		for (int j = 0; j < 4; j++)
			(void)sp_loop_step(guest->loop, 0);
		more = false;
		for (uint32_t device = 0; device < GUEST_DEVICES; device++)
			more |= serve(guest, device);
	}
}

static void find_structures(struct guest *guest, uint32_t device) {
	struct guest_device *it = &guest->devices[device];
	const uint32_t space = SP_REGION_CONFIG;
	uint32_t at = (uint32_t)guest_get(guest, device, space, 0x34, 1);

	for (uint32_t i = 0; at && i < 48; i++) {
		uint32_t offset = (uint32_t)guest_get(guest, device, space, at + 8, 4);
		uint64_t kind = guest_get(guest, device, space, at + 3, 1);

		if (guest_get(guest, device, space, at, 1) == 9 && kind == 1)
			it->common = offset;
		if (guest_get(guest, device, space, at, 1) == 9 && kind == 2) {
			it->notify = offset;
			it->notify_each = (uint32_t)guest_get(guest, device, space, at + 16, 4);
		}
		if (guest_get(guest, device, space, at, 1) == 9 && kind == 4)
			it->config = offset;
		if (guest_get(guest, device, space, at, 1) == 9 && kind == 5)
			it->window = at;
		at = (uint32_t)guest_get(guest, device, space, at + 1, 1);
	}
	assert_true(it->notify && it->config);
}

void guest_connect(struct guest *guest, uint32_t device) {
	struct guest_device *it = &guest->devices[device];

	assert_true(client_connect(&it->client, guest->loop, it->server));
	assert_int_equal(client_greet(&it->client,
				 "{\"capabilities\":{\"max_msg_fds\":8,\"write_multiple\":true}}"),
		0);
	if (!it->notify && (device == GUEST_KEYBOARD || device == GUEST_TABLET))
		find_structures(guest, device);
}

void guest_hang_up(struct guest *guest, uint32_t device) {
	struct client *client = &guest->devices[device].client;

	if (client->socket >= 0)
		client_hang_up(client);
}

int guest_access(struct guest *guest, uint32_t device, uint32_t region, uint64_t offset, void *data,
	uint32_t size, bool write) {
	struct sp_wire_body body = {.index = region, .offset = offset, .count = size};
	struct client *client = &guest->devices[device].client;
	int error = guest_call(guest, device, write ? SP_WIRE_REGION_WRITE : SP_WIRE_REGION_READ,
		&body, data, write ? size : 0, NULL, 0);

	if (!error && !write) {
		assert_int_equal(client->size, 16 + size);
		memcpy(data, client->payload + 16, size);
	}
	return error;
}

uint64_t guest_get(
	struct guest *guest, uint32_t device, uint32_t region, uint64_t offset, uint32_t size) {
	uint8_t bytes[8] = {0};

	assert_int_equal(guest_access(guest, device, region, offset, bytes, size, false), 0);
	return sp_load_le64(bytes);
}

void guest_put(struct guest *guest, uint32_t device, uint32_t region, uint64_t offset,
	uint32_t size, uint64_t value) {
	uint8_t bytes[8];

	store_le64(bytes, value);
	assert_int_equal(guest_access(guest, device, region, offset, bytes, size, true), 0);
}

int guest_map(struct guest *guest, uint32_t device, uint64_t address, uint64_t size, int file,
	uint64_t offset, uint32_t flags) {
	struct sp_wire_body body = {
		.argsz = 32, .flags = flags, .address = address, .size = size, .offset = offset};

	return guest_call(guest, device, SP_WIRE_DMA_MAP, &body, NULL, 0, &file, file >= 0 ? 1 : 0);
}

int guest_unmap(struct guest *guest, uint32_t device, uint64_t address, uint64_t size) {
	struct sp_wire_body body = {.argsz = 24, .address = address, .size = size};

	return guest_call(guest, device, SP_WIRE_DMA_UNMAP, &body, NULL, 0, NULL, 0);
}

int guest_reset(struct guest *guest, uint32_t device) {
	struct sp_wire_body none = {0};

	return guest_call(guest, device, SP_WIRE_RESET, &none, NULL, 0, NULL, 0);
}

void guest_mode(struct guest *guest, uint32_t width, uint32_t height) {
	const uint32_t values[][2] = {
		{4, 0}, {3, 32}, {1, width}, {2, height}, {6, width}, {8, 0}, {9, 0}, {4, 0x41}};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		guest_put(guest, GUEST_DISPLAY, SP_REGION_BAR2, 0x500 + 2 * values[i][0], 2,
			values[i][1]);
}

static void set(
	struct guest *guest, uint32_t device, uint32_t offset, uint32_t size, uint64_t value) {
	guest_put(
		guest, device, SP_REGION_BAR0, guest->devices[device].common + offset, size, value);
}

void guest_start(struct guest *guest, uint32_t device, uint16_t size,
	const struct guest_ring rings[2], bool packed) {
	guest_put(guest, device, SP_REGION_CONFIG, 4, 2, 6);
	set(guest, device, 0x14, 1, 0);
	set(guest, device, 0x14, 1, 3);
	/* VERSION_1, ACCESS_PLATFORM, and RING_PACKED. */
	set(guest, device, 8, 4, 1);
	set(guest, device, 12, 4, packed ? 7 : 3);
	set(guest, device, 0x14, 1, 11);
	for (uint16_t i = 0; i < 2; i++) {
		set(guest, device, 0x16, 2, i);
		set(guest, device, 0x18, 2, size);
		set(guest, device, 0x20, 8, rings[i].desc);
		set(guest, device, 0x28, 8, rings[i].driver);
		set(guest, device, 0x30, 8, rings[i].device);
		set(guest, device, 0x1c, 2, 1);
	}
	set(guest, device, 0x14, 1, 15);
}

void guest_kick(struct guest *guest, uint32_t device, uint16_t queue) {
	const struct guest_device *it = &guest->devices[device];

	guest_put(guest, device, SP_REGION_BAR0, it->notify + it->notify_each * queue, 2, queue);
}

uint8_t guest_status(struct guest *guest, uint32_t device) {
	return (uint8_t)guest_get(
		guest, device, SP_REGION_BAR0, guest->devices[device].common + 0x14, 1);
}

void guest_type(struct guest *guest, uint32_t device, uint16_t code) {
	struct sp_input *input = guest->devices[device].made.input;

	if (input->key) {
		input->key(input, (uint16_t)(1 + code % 100), true);
		input->key(input, (uint16_t)(1 + code % 100), false);
	} else {
		input->point(
			input, 0, code & SP_POINTER_RANGE, (uint32_t)code * 7 & SP_POINTER_RANGE);
	}
	input->frame(input);
}

void guest_desc(struct guest *guest, uint64_t at, uint64_t address, uint32_t size, uint32_t flags) {
	assert_true(sp_within(at, 16, GUEST_MEMORY));
	store_le64(guest->memory + at, address);
	sp_store_le32(guest->memory + at + 8, size);
	sp_store_le32(guest->memory + at + 12, flags);
}
