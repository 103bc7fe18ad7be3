/* SPDX-License-Identifier: MIT */
/* All that clients, guests and viewers do to a VM's devices, in any order: nothing is used after
 * its end, and nothing is left. The steps are the same in each run; SALLYPORT_SEED gives others. */
#include "../wire/guest.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../wire/scene.h"
#include "base/bytes.h"

#define AT 0x100000u
#define ROUNDS 150
#define STEPS 400
#define VIEWERS 3
#define EVENTS 4
#define GREETING "{\"capabilities\":{\"max_msg_fds\":16}}"

struct life {
	struct guest *guest;
	uint64_t random;
	int viewers[VIEWERS];
	int events[EVENTS];
	uint32_t express[GUEST_DEVICES]; /* where the capability of PCI Express is */
	uint64_t counts[32]; /* how often each step was done */
	uint64_t ranges; /* of memory, that were there when all left */
};

static uint32_t pick(struct life *life, uint32_t below) {
	life->random = life->random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(life->random >> 33) % below;
}

/* What the server sent so far is thrown away; a client that it sent away hangs up. */
static void drain(struct life *life, uint32_t device) {
	struct client *client = &life->guest->devices[device].client;
	static uint8_t bytes[65536];
	ssize_t got;

	if (client->socket < 0)
		return;
	client_idle(client);
	do
		got = recv(client->socket, bytes, sizeof(bytes), MSG_DONTWAIT);
	while (got > 0);
	if (got == 0)
		client_hang_up(client);
}

static void send_one(struct life *life, uint32_t device, uint16_t command,
	const struct sp_wire_body *body, const void *data, uint32_t size, const int *fds,
	uint32_t fd_count) {
	/* Some more of it come before any is done. */
	uint32_t times = 1 + !pick(life, 8) * pick(life, 20);

	for (uint32_t i = 0; i < times; i++)
		client_command(&life->guest->devices[device].client, command,
			pick(life, 3) ? SP_WIRE_NO_REPLY : 0, body, data, size, fds, fd_count);
}

static void poke(struct life *life, uint32_t device, uint32_t region, uint64_t offset,
	uint32_t size, uint64_t value) {
	const struct sp_wire_body body = {.index = region, .offset = offset, .count = size};
	uint8_t bytes[8];

	sp_store_le32(bytes, (uint32_t)value);
	sp_store_le32(bytes + 4, (uint32_t)(value >> 32));
	client_command(&life->guest->devices[device].client, SP_WIRE_REGION_WRITE, SP_WIRE_NO_REPLY,
		&body, bytes, size, NULL, 0);
}

static void do_map(struct life *life, uint32_t device) {
	struct guest *guest = life->guest;
	uint32_t page = pick(life, 16);
	struct sp_wire_body body = {.argsz = 32,
		.flags = 1 + pick(life, 3),
		.address = AT + page * 0x10000u,
		.offset = page * 0x10000u,
		.size = (pick(life, 4) ? 0x10000u : 0x20000u)};
	int display = guest->devices[GUEST_DISPLAY].made.device->info->regions[0].file;
	int file = pick(life, 4) ? guest->file : display;

	send_one(life, device, SP_WIRE_DMA_MAP, &body, NULL, 0, &file, pick(life, 4) != 0);
}

static void do_unmap(struct life *life, uint32_t device) {
	struct sp_wire_body body = {.argsz = 24,
		.address = AT + pick(life, 16) * 0x10000u,
		.size = 0x10000u * (1 + pick(life, 16))};

	if (!pick(life, 4))
		body = (struct sp_wire_body){.argsz = 24, .flags = SP_WIRE_UNMAP_ALL};
	send_one(life, device, SP_WIRE_DMA_UNMAP, &body, NULL, 0, NULL, 0);
}

static void do_irqs(struct life *life, uint32_t device) {
	struct sp_wire_body body = {.argsz = 20,
		.flags = (1u << pick(life, 3)) | (8u << pick(life, 3)),
		.index = pick(life, 6),
		.start = pick(life, 3),
		.count = pick(life, EVENTS + 1)};
	uint32_t fds;

	if (pick(life, 2))
		body = (struct sp_wire_body){.argsz = 20,
			.flags = SP_WIRE_SET_EVENTFD | SP_WIRE_SET_TRIGGER,
			.index = life->guest->devices[device].notify ? SP_WIRE_MSIX : SP_WIRE_MSI,
			.count = life->guest->devices[device].notify ? 3 : 1};
	fds = body.flags & SP_WIRE_SET_EVENTFD ? (uint32_t)body.count : 0;

	send_one(life, device, SP_WIRE_SET_IRQS, &body, "\1\0\1\1",
		body.flags & SP_WIRE_SET_BOOL ? (uint32_t)body.count : 0, life->events, fds);
}

static void do_start(struct life *life, uint32_t device) {
	struct guest *guest = life->guest;
	const struct guest_device *it = &guest->devices[device];
	uint8_t *memory = guest->memory;
	uint32_t packed = pick(life, 2);

	struct sp_wire_body all = {.argsz = 24, .flags = SP_WIRE_UNMAP_ALL};
	struct sp_wire_body map = {.argsz = 32, .flags = 3, .address = AT, .size = GUEST_MEMORY};

	if (!it->notify)
		return;
	/* With memory to work in, by a descriptor or not. */
	if (pick(life, 2)) {
		client_command(&life->guest->devices[device].client, SP_WIRE_DMA_UNMAP,
			SP_WIRE_NO_REPLY, &all, NULL, 0, NULL, 0);
		client_command(&life->guest->devices[device].client, SP_WIRE_DMA_MAP,
			SP_WIRE_NO_REPLY, &map, NULL, 0, &guest->file, pick(life, 3) != 0);
	}
	memset(memory, 0, 0x8000);
	for (uint32_t queue = 0; queue < 2; queue++)
		for (uint32_t i = 0; i < 8; i++) {
			uint32_t at = queue * 0x4000 + i * 16;

			guest_desc(guest, at, AT + 0x20000 + i * 64, 8,
				packed          ? 0x820000
					: queue ? 0
						: 2);
			sp_store_le16(memory + queue * 0x4000 + 0x1000 + 4 + i * 2, (uint16_t)i);
			sp_store_le16(memory + queue * 0x4000 + 0x1000 + 2, 8);
		}
	poke(life, device, SP_REGION_CONFIG, 4, 2, 6);
	poke(life, device, SP_REGION_BAR0, it->common + 0x14, 1, 0);
	poke(life, device, SP_REGION_BAR0, it->common + 0x14, 1, 3);
	poke(life, device, SP_REGION_BAR0, it->common + 8, 4, 1);
	poke(life, device, SP_REGION_BAR0, it->common + 12, 4, packed ? 7 : 3);
	poke(life, device, SP_REGION_BAR0, it->common + 0x14, 1, 11);
	for (uint32_t queue = 0; queue < 2; queue++) {
		poke(life, device, SP_REGION_BAR0, it->common + 0x16, 2, queue);
		poke(life, device, SP_REGION_BAR0, it->common + 0x18, 2, 16);
		for (uint32_t i = 0; i < 3; i++)
			poke(life, device, SP_REGION_BAR0, it->common + 0x20 + 8 * i, 8,
				AT + queue * 0x4000 + i * 0x1000);
		poke(life, device, SP_REGION_BAR0, it->common + 0x1a, 2, queue + 1);
		poke(life, device, SP_REGION_BAR0, it->common + 0x1c, 2, 1);
	}
	poke(life, device, SP_REGION_BAR0, it->common + 0x14, 1, 15);
}

static void do_migrate(struct life *life, uint32_t device) {
	struct sp_wire_body body = {
		.argsz = 4096, .flags = SP_WIRE_FEATURE_SET | SP_WIRE_MIG_STATE};
	struct sp_wire_body read = {.argsz = 65552, .count = 1 + pick(life, 65536)};
	uint32_t data[2] = {pick(life, 5), 0};

	send_one(life, device, SP_WIRE_FEATURE, &body, data, 8, NULL, 0);
	if (pick(life, 2))
		send_one(life, device, SP_WIRE_MIG_READ, &read, NULL, 0, NULL, 0);
	if (!pick(life, 4)) {
		read.count = 8;
		send_one(life, device, SP_WIRE_MIG_WRITE, &read, "SPSTATE\1", 8, NULL, 0);
	}
}

static void do_bytes(struct life *life, uint32_t device) {
	uint8_t bytes[64];

	for (uint32_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)pick(life, pick(life, 2) ? 256 : 3);
	client_send(&life->guest->devices[device].client, bytes, 1 + pick(life, 63), life->events,
		pick(life, EVENTS));
}

static void do_random_writes(struct life *life, uint32_t device) {
	static const uint32_t sizes[SP_REGION_COUNT] = {
		[SP_REGION_BAR0] = 0x8000, [SP_REGION_BAR2] = 0x1000, [SP_REGION_CONFIG] = 0x1000};

	for (uint32_t i = 0; i < 8; i++) {
		uint32_t region = pick(life, SP_REGION_COUNT), size = 1 + pick(life, 8);

		if (sizes[region])
			poke(life, device, region, pick(life, pick(life, 2) ? sizes[region] : 256),
				size, (uint64_t)pick(life, 1u << 31) << pick(life, 33));
	}
}

static void viewer_open(struct life *life, uint32_t number) {
	/* The greeting, no password, shared, two encodings, and the first picture. */
	static const uint8_t hello[] = "RFB 003.008\n\1\1"
				       "\2\0\0\2\0\0\0\0\xff\xff\xff\x21"
				       "\3\0\0\0\0\0\xff\xff\xff\xff";
	int pair[2];

	if (!life->guest->vnc || life->viewers[number] >= 0)
		return;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	life->viewers[number] = pair[0];
	(void)sp_vnc_open(life->guest->vnc, pair[1]);
	(void)!write(pair[0], hello, sizeof(hello) - 1);
}

static void viewer_close(struct life *life, uint32_t number) {
	if (life->viewers[number] >= 0)
		close(life->viewers[number]);
	life->viewers[number] = -1;
}

static void viewer_look(struct life *life, uint32_t number) {
	static const uint8_t more[] = "\3\1\0\0\0\0\xff\xff\xff\xff";
	static uint8_t bytes[65536];
	int viewer = life->viewers[number];
	ssize_t got = 1;

	if (viewer < 0)
		return;
	for (uint32_t i = 0; i < 64 && got > 0; i++) {
		got = recv(viewer, bytes, sizeof(bytes), MSG_DONTWAIT);
		(void)sp_loop_step(life->guest->loop, 0);
	}
	if (got == 0)
		viewer_close(life, number);
	else
		(void)!send(viewer, more, sizeof(more) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void do_mode(struct life *life) {
	static const uint16_t sides[] = {0, 1, 64, 640, 1024, 0xffff};
	const uint32_t values[][2] = {{4, pick(life, 2) * 0x41}, {3, 16u << pick(life, 2)},
		{1, sides[pick(life, 6)]}, {2, sides[pick(life, 6)]}, {6, sides[pick(life, 6)]},
		{8, pick(life, 64)}, {9, pick(life, 512)}, {4, 0x41}};

	for (size_t i = pick(life, 8); i < 8; i++)
		poke(life, GUEST_DISPLAY, SP_REGION_BAR2, 0x500 + 2 * values[i][0], 2,
			values[i][1]);
}

static void step(struct life *life) {
	struct guest *guest = life->guest;
	uint32_t device = pick(life, GUEST_DEVICES), what = pick(life, 21);
	struct client *client = &guest->devices[device].client;
	struct sp_scanout *screen = guest->devices[GUEST_DISPLAY].made.scanout;
	const struct sp_wire_body none = {0};

	life->counts[what]++;
	switch (what) {
	case 0:
		viewer_open(life, pick(life, VIEWERS));
		return;
	case 1:
		viewer_close(life, pick(life, VIEWERS));
		return;
	case 2:
		viewer_look(life, pick(life, VIEWERS));
		return;
	case 3: /* a viewer's wish */
		screen->resize(screen, pick(life, 3000), pick(life, 2000));
		return;
	case 4:
		guest_type(guest, pick(life, 2) ? GUEST_KEYBOARD : GUEST_TABLET,
			(uint16_t)pick(life, 0x8000));
		return;
	case 5: /* the guest's other processors */
		for (uint32_t i = 0; i < 64; i++)
			guest->memory[pick(life, 0x8000)] = (uint8_t)pick(life, 16);
		return;
	}
	if (client->socket < 0) {
		if (!sp_wire_server_idle(guest->devices[device].server))
			return;
		assert_true(client_connect(client, guest->loop, guest->devices[device].server));
		if (pick(life, 8))
			client_command(client, SP_WIRE_VERSION, 0, &none, GREETING,
				sizeof(GREETING), NULL, 0);
	}
	switch (what) {
	case 6:
	case 7:
		do_map(life, device);
		break;
	case 8:
		do_unmap(life, device);
		break;
	case 9:
		do_irqs(life, device);
		break;
	case 10:
	case 11:
		do_start(life, device);
		break;
	case 12: /* a reset of the function, by its configuration space */
		poke(life, device, SP_REGION_CONFIG, life->express[device] + 8u, 2, 0x8000);
		break;
	case 13:
		send_one(life, device, SP_WIRE_RESET, &none, NULL, 0, NULL, 0);
		break;
	case 14:
		if (guest->devices[device].notify)
			poke(life, device, SP_REGION_BAR0,
				guest->devices[device].notify + pick(life, 4) * 4, 2,
				pick(life, 3));
		break;
	case 15:
		do_random_writes(life, device);
		break;
	case 16:
		do_migrate(life, device);
		break;
	case 17:
		if (guest->devices[GUEST_DISPLAY].client.socket >= 0)
			do_mode(life);
		break;
	case 18: /* gone, with what it has just sent */
		if (!pick(life, 5)) {
			client_hang_up(client);
			return;
		}
		break;
	case 19:
		if (!pick(life, 8))
			do_bytes(life, device);
		break;
	case 20: /* a transfer of the teaching device */
		poke(life, device, SP_REGION_BAR0, 0x80, 8, AT + pick(life, 0x20000));
		poke(life, device, SP_REGION_BAR0, 0x88, 8, 0x40000);
		poke(life, device, SP_REGION_BAR0, 0x90, 8, pick(life, 4096));
		poke(life, device, SP_REGION_BAR0, 0x98, 8, pick(life, 8));
		break;
	}
	if (pick(life, 3))
		drain(life, device);
}

static void all_leave(struct life *life) {
	for (uint32_t i = 0; i < GUEST_DEVICES; i++) {
		struct sp_wire_state state;

		sp_wire_server_state(life->guest->devices[i].server, &state);
		life->ranges += state.ranges;
	}
	for (uint32_t i = 0; i < VIEWERS; i++)
		viewer_close(life, i);
	for (uint32_t i = 0; i < GUEST_DEVICES; i++)
		guest_hang_up(life->guest, i);
	for (uint32_t i = 0; i < 50; i++)
		(void)sp_loop_step(life->guest->loop, 0);
}

static void find_express(struct life *life) {
	for (uint32_t device = 0; device < GUEST_DEVICES; device++) {
		uint32_t at;

		guest_connect(life->guest, device);
		at = (uint32_t)guest_get(life->guest, device, SP_REGION_CONFIG, 0x34, 1);
		for (uint32_t i = 0; at && i < 48; i++) {
			if (guest_get(life->guest, device, SP_REGION_CONFIG, at, 1) == 0x10)
				life->express[device] = at;
			at = (uint32_t)guest_get(life->guest, device, SP_REGION_CONFIG, at + 1, 1);
		}
		guest_hang_up(life->guest, device);
	}
}

/* That the steps lead anywhere. */
static void look_back(const struct life *life) {
	static const uint16_t commands[] = {SP_WIRE_DMA_MAP, SP_WIRE_DMA_UNMAP, SP_WIRE_SET_IRQS,
		SP_WIRE_REGION_WRITE, SP_WIRE_RESET, SP_WIRE_FEATURE, SP_WIRE_MIG_READ,
		SP_WIRE_MIG_WRITE};
	uint64_t interrupts = 0, requests = 0;
	struct sp_vnc_state vnc;

	for (uint32_t i = 0; i < GUEST_DEVICES; i++) {
		struct sp_wire_state state;

		sp_wire_server_state(life->guest->devices[i].server, &state);
		for (size_t c = 0; c < sizeof(commands) / sizeof(commands[0]); c++)
			assert_true(
				state.counters.messages[commands[c]] > state.counters.clients / 4);
		interrupts += state.counters.interrupts;
		requests += state.counters.requests[SP_WIRE_DMA_READ] +
			state.counters.requests[SP_WIRE_DMA_WRITE];
	}
	if (interrupts < ROUNDS || requests < ROUNDS || life->ranges < ROUNDS)
		fail_msg("%lu interrupts, %lu requests, %lu ranges", (unsigned long)interrupts,
			(unsigned long)requests, (unsigned long)life->ranges);
	if (life->guest->vnc) {
		sp_vnc_state(life->guest->vnc, &vnc);
		assert_true(vnc.updates && vnc.viewers_ever > ROUNDS && !vnc.viewers);
	}
	for (uint32_t i = 0; i < 21; i++)
		assert_true(life->counts[i] > ROUNDS);
}

static void test_steps(void **state) {
	const char *seed = getenv("SALLYPORT_SEED");
	struct life life = {.random = seed ? strtoull(seed, NULL, 0) : 1};
	uint64_t before[SP_RESOURCE_COUNT];
	unsigned files = 0, gone = 0;
	size_t heap = 0;

	(void)state;
	life.guest = guest_create(NULL);
	for (uint32_t i = 0; i < VIEWERS; i++)
		life.viewers[i] = -1;
	for (uint32_t i = 0; i < EVENTS; i++)
		life.events[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	find_express(&life);
	for (int i = 0; i < SP_RESOURCE_COUNT; i++)
		before[i] = guest_used(life.guest, (enum sp_resource)i);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		for (uint32_t i = 0; i < STEPS; i++)
			step(&life);
		all_leave(&life);
		for (uint32_t i = 0; i < GUEST_DEVICES; i++) {
			struct guest_device *device = &life.guest->devices[i];

			assert_true(sp_wire_server_idle(device->server));
			/* The next one is served as the first. */
			guest_connect(life.guest, i);
			assert_in_range(
				guest_get(life.guest, i, SP_REGION_CONFIG, 0, 2), 1, 0xfffe);
			assert_int_equal(guest_get(life.guest, i, SP_REGION_CONFIG, 4, 2), 0);
			guest_hang_up(life.guest, i);
			gone += device->gone;
			device->gone = 0;
		}
		/* Room for ranges of memory stays for the next client. */
		if (round == 9) {
			files = scene_files();
			heap = mallinfo2().uordblks;
			before[SP_RESOURCE_BYTES] = guest_used(life.guest, SP_RESOURCE_BYTES);
		}
		for (int i = 0; i < SP_RESOURCE_COUNT; i++)
			if (round >= 9 || i != SP_RESOURCE_BYTES)
				assert_int_equal(
					guest_used(life.guest, (enum sp_resource)i), before[i]);
	}
	assert_int_equal(scene_files(), files);
	assert_true(mallinfo2().uordblks <= heap + 65536);
	assert_true(gone > ROUNDS);
	look_back(&life);
	for (uint32_t i = 0; i < EVENTS; i++)
		close(life.events[i]);
	guest_destroy(life.guest);
}

/* The program ends, or the devices are taken away, while viewers and clients are there. */
static void test_end(void **state) {
	struct life life = {.random = 3};

	(void)state;
	for (uint32_t round = 0; round < 30; round++) {
		life.guest = guest_create(NULL);
		for (uint32_t i = 0; i < VIEWERS; i++)
			life.viewers[i] = -1;
		for (uint32_t i = 0; i < EVENTS; i++)
			life.events[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		for (uint32_t i = 0; i < 100; i++)
			step(&life);
		for (uint32_t i = 0; i < GUEST_DEVICES; i++)
			sp_wire_server_close(life.guest->devices[i].server);
		for (uint32_t i = 0; i < EVENTS; i++)
			close(life.events[i]);
		guest_destroy(life.guest);
		for (uint32_t i = 0; i < VIEWERS; i++)
			viewer_close(&life, i);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
