/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../wire/client.h"
#include "../wire/fake_device.h"
#include "check.h"
#include "input.h"
#include "wire/server_parts.h"

/*
 * A client that sends what the input says, in pieces and with descriptors of several kinds, to a
 * device that takes its time and uses its bus. Each step is a byte that says what, one that says
 * how much, and what it needs.
 */
enum step {
	STEP_BYTES, /* as they are */
	STEP_COMMAND, /* with a header that is right */
	STEP_SLOW,
	STEP_FINISH,
	STEP_RAISE,
	STEP_PIN,
	STEP_TRANSFER,
	STEP_AGAIN, /* hang up and come again */
	STEP_LATE, /* the time of a command that waits is over */
	STEP_RING, /* one of the doorbells that were handed out */
	STEPS
};

struct fuzz {
	struct input input;
	struct sp_loop *loop;
	struct fake_device *device;
	struct sp_wire_server *server;
	struct client client;
	struct sp_dma_pin pin;
	struct sp_dma_part parts[2];
	struct sp_transfer transfer;
	bool transferring;
	uint8_t data[64];
};

static int make_fd(unsigned kind) {
	int pipes[2], fd;

	switch (kind % 5) {
	case 0:
		return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	case 1:
		if (pipe(pipes) < 0)
			return -1;
		close(pipes[0]);
		return pipes[1];
	case 2:
		fd = memfd_create("sealable", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		break;
	default:
		fd = memfd_create("plain", MFD_CLOEXEC);
		break;
	}
	CHECK(ftruncate(fd, kind % 5 == 4 ? 0x1000 : 0x100000) == 0);
	return fd;
}

static void send_it(struct fuzz *fuzz, const uint8_t *bytes, size_t size) {
	uint8_t how = (uint8_t)take(&fuzz->input, 1);
	int fds[20];
	uint32_t count = how & 0xf;

	if (how & 0x80)
		count += 4;
	for (uint32_t i = 0; i < count; i++)
		fds[i] = make_fd(how >> 4 & 7);
	client_send(&fuzz->client, bytes, size, fds, count);
	for (uint32_t i = 0; i < count; i++)
		close(fds[i]);
	client_idle(&fuzz->client);
}

static void send_bytes(struct fuzz *fuzz, uint8_t size) {
	const uint8_t *bytes = fuzz->input.data;

	if (size > fuzz->input.size)
		size = (uint8_t)fuzz->input.size;
	fuzz->input.data += size;
	fuzz->input.size -= size;
	if (size)
		send_it(fuzz, bytes, size);
}

static void send_command(struct fuzz *fuzz, uint8_t size) {
	uint8_t bytes[16 + 255];
	struct sp_wire_header header = {.id = 1};

	header.command = (uint16_t)take(&fuzz->input, 1) % 20;
	header.flags = (uint32_t)take(&fuzz->input, 1) & 0x31;
	header.size = 16u + size;
	sp_wire_put_header(bytes, &header);
	for (uint32_t i = 0; i < size; i++)
		bytes[16 + i] = (uint8_t)take(&fuzz->input, 1);
	send_it(fuzz, bytes, header.size);
}

static void try_pin(struct fuzz *fuzz, uint8_t how) {
	struct sp_bus *bus = fuzz->device->base.bus;

	if (fuzz->device->pin)
		return;
	fuzz->pin = (struct sp_dma_pin){.parts = fuzz->parts, .part_max = 2};
	fuzz->pin.address = take(&fuzz->input, 8);
	fuzz->pin.size = take(&fuzz->input, 2);
	fuzz->pin.access = (enum sp_dma_access)(how & 3);
	if (bus->ops->pin(bus, &fuzz->pin))
		return;
	fuzz->device->pin = &fuzz->pin;
	/* The ends of what was promised. */
	for (uint32_t i = 0; i < fuzz->pin.part_count; i++) {
		volatile uint8_t *part = fuzz->parts[i].data;

		(void)part[0];
		(void)part[fuzz->parts[i].size - 1];
		if (fuzz->pin.access & SP_DMA_WRITE)
			part[fuzz->parts[i].size - 1] = how;
	}
}

static void transferred(struct sp_transfer *transfer, int error) {
	struct fuzz *fuzz = (struct fuzz *)((char *)transfer - offsetof(struct fuzz, transfer));

	(void)error;
	fuzz->transferring = false;
}

static void try_transfer(struct fuzz *fuzz, uint8_t how) {
	struct sp_bus *bus = fuzz->device->base.bus;

	if (fuzz->transferring)
		return;
	fuzz->transferring = true;
	fuzz->transfer = (struct sp_transfer){.data = fuzz->data, .done = transferred};
	fuzz->transfer.write = how & 1;
	fuzz->transfer.size = 1 + (how >> 1 & 0x3f) % sizeof(fuzz->data);
	fuzz->transfer.address = take(&fuzz->input, 8);
	bus->ops->transfer(bus, &fuzz->transfer);
	client_idle(&fuzz->client);
}

static void come(struct fuzz *fuzz) {
	client_hang_up(&fuzz->client);
	fake_finish(fuzz->device);
	client_idle(&fuzz->client);
	CHECK(sp_wire_server_idle(fuzz->server));
	CHECK(!fuzz->transferring);
	CHECK(client_connect(&fuzz->client, fuzz->loop, fuzz->server));
}

static const char *const GREETINGS[] = {NULL, "{}",
	"{\"capabilities\":{\"twin_socket\":{\"supported\":true},\"max_msg_fds\":9}}",
	"{\"capabilities\":{\"max_msg_fds\":16,\"write_multiple\":true}}"};

static void ring(struct fuzz *fuzz, uint8_t how) {
	uint64_t count = 1;

	if (how >= fuzz->server->doorbell_count)
		return;
	(void)!write(fuzz->server->doorbells[how].watch.file, &count, sizeof(count));
	client_idle(&fuzz->client);
}

static void step(struct fuzz *fuzz) {
	uint8_t what = (uint8_t)take(&fuzz->input, 1), how = (uint8_t)take(&fuzz->input, 1);
	uint8_t drain[4096];

	switch ((enum step)(what % STEPS)) {
	case STEP_BYTES:
		send_bytes(fuzz, how);
		break;
	case STEP_COMMAND:
		send_command(fuzz, how);
		break;
	case STEP_SLOW:
		fuzz->device->slow = how & 1;
		break;
	case STEP_FINISH:
		fake_finish(fuzz->device);
		break;
	case STEP_RAISE:
		sp_device_raise(&fuzz->device->base, how);
		sp_device_set_level(&fuzz->device->base, how & 1);
		break;
	case STEP_PIN:
		try_pin(fuzz, how);
		break;
	case STEP_TRANSFER:
		try_transfer(fuzz, how);
		break;
	case STEP_AGAIN:
		come(fuzz);
		(void)client_greet(&fuzz->client, GREETINGS[how % 4]);
		client_close_fds(&fuzz->client);
		break;
	case STEP_LATE:
		if (fuzz->server->limit.armed)
			fuzz->loop->ops->arm(fuzz->loop, &fuzz->server->limit, 0);
		client_idle(&fuzz->client);
		break;
	default:
		ring(fuzz, how);
		break;
	}
	/* Mostly, it listens. */
	while (!(what & 0x80) && read(fuzz->client.socket, drain, sizeof(drain)) > 0)
		;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct fuzz fuzz;
	struct sp_error error;
	struct sp_wire_state state;

	memset(&fuzz, 0, sizeof(fuzz));
	fuzz.input = (struct input){data, size > 4096 ? 4096 : size};
	fuzz.device = fake_create();
	/* One of two kinds of device. */
	fuzz.device->info.state = size && data[size - 1] & 1;
	CHECK(sp_loop_create(&fuzz.loop, &error));
	CHECK(sp_wire_server_create(
		&fuzz.server, &fuzz.device->base, fuzz.loop, NULL, NULL, &error));
	fuzz.client.socket = -1;
	fuzz.client.loop = fuzz.loop;
	come(&fuzz);
	(void)client_greet(&fuzz.client, "{}");
	while (fuzz.input.size)
		step(&fuzz);
	client_hang_up(&fuzz.client);
	fake_finish(fuzz.device);
	client_idle(&fuzz.client);
	sp_wire_server_state(fuzz.server, &state);
	CHECK(sp_wire_server_idle(fuzz.server));
	CHECK(!state.ranges && !state.files && !state.pins);
	sp_wire_server_destroy(fuzz.server);
	sp_loop_destroy(fuzz.loop);
	fake_destroy(fuzz.device);
	return 0;
}
