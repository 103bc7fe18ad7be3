/* SPDX-License-Identifier: MIT */
/* Whatever was in the host's memory before, a guest, its client and its viewers see the same bytes:
 * the heap and the stack are filled with one thing and then with another, and all that can be read
 * is compared. And what one guest left is not there for the next. */
#include "../wire/fake_device.h"
#include "../wire/guest.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "fake_bus.h"
#include "gpu/bochs.h"
#include "show/png.h"

#define RW (SP_WIRE_MAP_READ | SP_WIRE_MAP_WRITE)

/* Everything that was seen, one after the other. */
struct seen {
	struct sp_buf bytes;
	uint8_t poison;
};

/* What is below this on the stack is what the next call finds there. */
__attribute__((noinline)) static void paint_stack(uint8_t poison) {
	volatile uint8_t stack[96 * 1024];

	for (size_t i = 0; i < sizeof(stack); i++)
		stack[i] = poison;
}

static void see(struct seen *seen, const void *bytes, size_t size) {
	sp_buf_put(&seen->bytes, bytes, size);
	assert_false(seen->bytes.failed);
}

static int ask(struct seen *seen, struct guest *guest, uint32_t device, uint16_t command,
	const struct sp_wire_body *body, const void *data, uint32_t size) {
	struct client *client = &guest->devices[device].client;
	int error;

	paint_stack(seen->poison);
	error = guest_call(guest, device, command, body, data, size, NULL, 0);
	assert_int_not_equal(error, -1);
	see(seen, &client->header, sizeof(client->header));
	see(seen, client->payload, client->size);
	return error;
}

static void see_info(struct seen *seen, struct guest *guest, uint32_t device) {
	struct sp_wire_body body = {.argsz = 16};

	ask(seen, guest, device, SP_WIRE_GET_INFO, &body, NULL, 0);
	for (uint32_t i = 0; i <= SP_WIRE_IRQS; i++) {
		body = (struct sp_wire_body){.argsz = 16, .index = i};
		ask(seen, guest, device, SP_WIRE_IRQ_INFO, &body, NULL, 0);
	}
	for (uint32_t i = 0; i <= SP_REGION_COUNT; i++)
		for (uint32_t argsz = 32; argsz <= 4096; argsz *= 128) {
			body = (struct sp_wire_body){.argsz = argsz, .index = i};
			ask(seen, guest, device, SP_WIRE_REGION_INFO, &body, NULL, 0);
			ask(seen, guest, device, SP_WIRE_REGION_IO_FDS, &body, NULL, 0);
		}
}

static void see_regions(struct seen *seen, struct guest *guest, uint32_t device) {
	const struct sp_region *regions = guest->devices[device].made.device->info->regions;

	for (uint32_t i = 0; i < SP_REGION_COUNT; i++)
		for (uint64_t at = 0; at < regions[i].size; at += 0x1000) {
			uint64_t left = regions[i].size - at;
			struct sp_wire_body body = {
				.index = i, .offset = at, .count = left < 0x1000 ? left : 0x1000};

			/* Most of a display's memory by its file, below. */
			if (at < 0x10000)
				assert_int_equal(ask(seen, guest, device, SP_WIRE_REGION_READ,
							 &body, NULL, 0),
					0);
		}
}

static void see_migration(struct seen *seen, struct guest *guest, uint32_t device) {
	struct client *client = &guest->devices[device].client;
	struct sp_wire_body body = {.argsz = 4096};
	uint32_t states[] = {1, 3, 1, 2};

	for (uint32_t i = 0; i < 10; i++) {
		body.flags = SP_WIRE_FEATURE_GET | SP_WIRE_FEATURE_PROBE | i;
		ask(seen, guest, device, SP_WIRE_FEATURE, &body, NULL, 0);
		body.flags = SP_WIRE_FEATURE_GET | i;
		if (i < 3)
			ask(seen, guest, device, SP_WIRE_FEATURE, &body, NULL, 0);
	}
	for (size_t i = 0; i < 4; i++) {
		struct sp_wire_body read = {.argsz = 65552, .count = 65536};
		uint32_t data[2] = {states[i], 0};

		body.flags = SP_WIRE_FEATURE_SET | SP_WIRE_MIG_STATE;
		ask(seen, guest, device, SP_WIRE_FEATURE, &body, data, 8);
		if (states[i] != 3)
			continue;
		do
			assert_int_equal(
				ask(seen, guest, device, SP_WIRE_MIG_READ, &read, NULL, 0), 0);
		while (client->size > 8);
	}
}

static void see_rest(struct seen *seen, struct guest *guest, uint32_t device) {
	struct sp_wire_body map = {.argsz = 32, .flags = RW, .size = 0x1000};
	struct sp_wire_body unmap = {.argsz = 24, .size = 0x1000}, none = {0};
	struct sp_wire_body write = {.index = SP_REGION_CONFIG, .offset = 0x3c, .count = 1};
	struct sp_wire_body bad = {.index = 99, .count = 4};
	uint8_t multi[24] = {0};

	ask(seen, guest, device, SP_WIRE_DMA_MAP, &map, NULL, 0);
	ask(seen, guest, device, SP_WIRE_DMA_UNMAP, &unmap, NULL, 0);
	ask(seen, guest, device, SP_WIRE_REGION_WRITE, &write, "\5", 1);
	ask(seen, guest, device, SP_WIRE_REGION_READ, &bad, NULL, 0);
	multi[8] = SP_REGION_CONFIG;
	multi[0] = 0x3c;
	multi[12] = 1;
	write = (struct sp_wire_body){.size = 1};
	ask(seen, guest, device, SP_WIRE_WRITE_MULTI, &write, multi, 24);
	ask(seen, guest, device, 77, &none, NULL, 0);
	ask(seen, guest, device, SP_WIRE_RESET, &none, NULL, 0);
}

/* What a viewer gets of a screen that is one tile. */
static void see_screen(struct seen *seen, struct guest *guest) {
	static const uint8_t hello[] = "RFB 003.008\n\1\1\2\0\0\2\0\0\0\0\xff\xff\xff\x21"
				       "\3\0\0\0\0\0\0\x40\0\x40";
	uint64_t end = guest->loop->ops->now(guest->loop) + 1000000;
	uint8_t bytes[4096];
	size_t had = seen->bytes.size;
	int pair[2];

	if (!guest->vnc)
		return;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	paint_stack(seen->poison);
	assert_true(sp_vnc_open(guest->vnc, pair[1]));
	assert_int_equal(write(pair[0], hello, sizeof(hello) - 1), sizeof(hello) - 1);
	while (seen->bytes.size < had + 64 * 64 * 4 && guest->loop->ops->now(guest->loop) < end) {
		ssize_t got = recv(pair[0], bytes, sizeof(bytes), MSG_DONTWAIT);

		if (got > 0)
			see(seen, bytes, (size_t)got);
		paint_stack(seen->poison);
		(void)sp_loop_step(guest->loop, 1);
	}
	/* The greeting, the screen's name, a picture. */
	assert_in_range(seen->bytes.size - had, 64 * 64 * 4, 64 * 64 * 4 + 256);
	close(pair[0]);
	for (int i = 0; i < 8; i++)
		(void)sp_loop_step(guest->loop, 0);
}

static void see_events(struct seen *seen, struct guest *guest, uint32_t device) {
	const struct guest_ring rings[2] = {{0, 0x1000, 0x2000}, {0x4000, 0x5000, 0x6000}};

	assert_int_equal(guest_map(guest, device, 0, GUEST_MEMORY, guest->file, 0, RW), 0);
	memset(guest->memory, 0, GUEST_MEMORY);
	for (uint32_t i = 0; i < 8; i++) {
		guest_desc(guest, 16 * i, 0x20000 + i * 64, 64, 2);
		sp_store_le16(guest->memory + 0x1004 + i * 2, (uint16_t)i);
	}
	sp_store_le16(guest->memory + 0x1002, 8);
	guest_start(guest, device, 16, rings, false);
	guest_kick(guest, device, 0);
	paint_stack(seen->poison);
	guest_type(guest, device, 30);
	guest_idle(guest);
	assert_in_range(sp_load_le16(guest->memory + 0x2002), 1, 8);
	see(seen, guest->memory, 0x21000);
}

static void see_all(struct seen *seen, uint8_t poison) {
	struct guest *guest;

	*seen = (struct seen){.poison = poison};
	(void)mallopt(M_PERTURB, poison);
	/* What is freed now is what is allocated then. */
	for (size_t size = 16; size < 4096; size += 16) {
		void *block = malloc(size);

		assert_non_null(block);
		memset(block, poison, size);
		free(block);
	}
	paint_stack(poison);
	guest = guest_create(NULL);
	for (uint32_t device = 0; device < GUEST_DEVICES; device++) {
		struct client *client = &guest->devices[device].client;

		paint_stack(poison);
		guest_connect(guest, device);
		see(seen, client->payload, client->size);
		see_info(seen, guest, device);
		see_regions(seen, guest, device);
		see_migration(seen, guest, device);
		if (device == GUEST_DISPLAY) {
			guest_mode(guest, 64, 64);
			see_screen(seen, guest);
		}
		if (device == GUEST_KEYBOARD || device == GUEST_TABLET)
			see_events(seen, guest, device);
		see_rest(seen, guest, device);
		see_regions(seen, guest, device);
	}
	guest_destroy(guest);
	(void)mallopt(M_PERTURB, 0);
}

static void test_same(void **state) {
	struct seen one, other;

	(void)state;
	see_all(&one, 0x5a);
	see_all(&other, 0xa5);
	assert_true(one.bytes.size > 300000);
	assert_int_equal(one.bytes.size, other.bytes.size);
	for (size_t i = 0; i < one.bytes.size; i++)
		if (one.bytes.data[i] != other.bytes.data[i])
			fail_msg("byte %zu of %zu", i, one.bytes.size);
	sp_buf_release(&one.bytes);
	sp_buf_release(&other.bytes);
}

/* Beyond an image that is no power of two there is nothing of the host. */
static void test_rom(void **state) {
	static const uint32_t sizes[] = {512, 513, 1000, 2049, 4097, 70000};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t *image = malloc(sizes[i]), *bytes;
		struct sp_bochs_options options = {.memory = -1, .rom = image};
		struct sp_error error = {0};
		struct sp_device *device;
		struct fake_bus fake;
		uint64_t size;

		assert_non_null(image);
		memset(image, 0x77, sizes[i]);
		options.rom_size = sizes[i];
		device = sp_bochs_create(&options, NULL, &error);
		assert_non_null(device);
		fake_bus_init(&fake, device, 0, 0);
		size = device->info->regions[SP_REGION_ROM].size;
		assert_true(size >= sizes[i] && (size & (size - 1)) == 0);
		bytes = malloc(size);
		assert_non_null(bytes);
		assert_int_equal(
			fake_access(&fake, SP_REGION_ROM, 0, bytes, (uint32_t)size, false), 0);
		for (uint64_t at = 0; at < size; at++)
			if (at < sizes[i])
				assert_int_equal(bytes[at], 0x77);
			else
				assert_true(bytes[at] == 0xff || bytes[at] == 0);
		free(bytes);
		fake_bus_release(&fake);
		free(image);
	}
}

/* What lies between the lines of a picture is not in its image. */
static void test_png(void **state) {
	static uint8_t memory[2][64 * 4096];
	const struct sp_picture picture = {.file_size = sizeof(memory[0]),
		.width = 65,
		.height = 64,
		.stride = 4096,
		.format = SP_FORMAT_XRGB8888};
	struct sp_buf images[2] = {0};

	(void)state;
	memset(memory[0], 0x11, sizeof(memory[0]));
	memset(memory[1], 0xee, sizeof(memory[1]));
	for (uint32_t i = 0; i < 2; i++) {
		for (uint32_t y = 0; y < 64; y++)
			for (uint32_t x = 0; x < 65; x++)
				for (uint32_t c = 0; c < 3; c++)
					memory[i][y * 4096 + x * 4 + c] = (uint8_t)(x * y + c);
		paint_stack(i ? 0x5a : 0xa5);
		assert_true(sp_png_write(&picture, memory[i], &images[i]));
	}
	assert_int_equal(images[0].size, images[1].size);
	assert_memory_equal(images[0].data, images[1].data, images[0].size);
	sp_buf_release(&images[0]);
	sp_buf_release(&images[1]);
}

/* All that a guest can write: all over its devices. */
static void write_all(struct guest *guest) {
	const struct guest_ring rings[2] = {{0, 0x1000, 0x2000}, {0x4000, 0x5000, 0x6000}};
	static uint8_t noise[0x10000];

	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)(i * 7 + 3);
	for (uint32_t at = 0; at < GUEST_DISPLAY_MEMORY; at += sizeof(noise))
		assert_int_equal(guest_access(guest, GUEST_DISPLAY, SP_REGION_BAR0, at, noise,
					 sizeof(noise), true),
			0);
	guest_mode(guest, 640, 480);
	for (uint32_t device = GUEST_KEYBOARD; device < GUEST_DEVICES; device++) {
		(void)guest_map(guest, device, 0, GUEST_MEMORY, guest->file, 0, RW);
		for (uint32_t at = 0; at < 256; at += 4)
			(void)guest_access(guest, device, SP_REGION_BAR0, at, noise + at, 4, true);
		(void)guest_access(guest, device, SP_REGION_CONFIG, 0, noise, 256, true);
	}
	/* The teaching device's buffer, by its own DMA. */
	memset(guest->memory, 0x99, GUEST_MEMORY);
	guest_put(guest, GUEST_EDU, SP_REGION_CONFIG, 4, 2, 6);
	guest_put(guest, GUEST_EDU, SP_REGION_BAR0, 0x80, 8, 0x1000);
	guest_put(guest, GUEST_EDU, SP_REGION_BAR0, 0x88, 8, 0x40000);
	guest_put(guest, GUEST_EDU, SP_REGION_BAR0, 0x90, 8, 4096);
	guest_put(guest, GUEST_EDU, SP_REGION_BAR0, 0x98, 8, 1);
	guest_idle(guest);
	/* Typed, with a driver that has no room for it. */
	memset(guest->memory, 0, GUEST_MEMORY);
	guest_start(guest, GUEST_KEYBOARD, 16, rings, false);
	guest_start(guest, GUEST_TABLET, 16, rings, false);
	for (uint16_t i = 0; i < 40; i++) {
		guest_type(guest, GUEST_KEYBOARD, i);
		guest_type(guest, GUEST_TABLET, i);
	}
}

/* A device that says that it is done, and has filled in nothing. */
static void forget(struct sp_device *device, struct sp_access *access) {
	(void)device;
	sp_access_done(access, 0);
}

static void test_forgetful(void **state) {
	struct fake_device *fake = fake_create();
	struct guest *guest = guest_create(NULL);
	struct client *client = &guest->devices[GUEST_EDU].client;
	struct sp_wire_server *server;
	struct sp_device_ops ops;
	struct sp_error error;
	uint8_t ones[4096];

	(void)state;
	assert_non_null(fake);
	memset(ones, 0xff, sizeof(ones));
	ops = *fake->base.ops;
	ops.access = forget;
	fake->base.ops = &ops;
	assert_true(sp_wire_server_create(&server, &fake->base, guest->loop, NULL, NULL, &error));
	for (uint32_t round = 0; round < 2; round++) {
		assert_true(client_connect(client, guest->loop, server));
		assert_int_equal(client_greet(client, NULL), 0);
		for (uint32_t size = 1; size <= sizeof(ones); size *= 2) {
			assert_int_equal(client_read(client, SP_REGION_BAR0, 0, size), 0);
			assert_memory_equal(client->payload + 16, ones, size);
			/* What the next one would find in the buffers. */
			memset(ones, 0x33, sizeof(ones));
			assert_int_equal(client_write(client, SP_REGION_BAR0, 0, ones, 4096), 0);
			assert_int_equal(client_write(client, SP_REGION_BAR2, 0, ones, 4096), 0);
			assert_int_equal(client_read(client, SP_REGION_BAR2, 0, 4096), 0);
			memset(ones, 0xff, sizeof(ones));
		}
		client_hang_up(client);
	}
	sp_wire_server_destroy(server);
	fake_destroy(fake);
	guest_destroy(guest);
}

static void same_regions(struct guest *guest, struct guest *fresh) {
	static uint8_t one[0x10000], other[0x10000];

	for (uint32_t device = 0; device < GUEST_DEVICES; device++) {
		const struct sp_region *regions = guest->devices[device].made.device->info->regions;

		for (uint32_t region = 0; region < SP_REGION_COUNT; region++)
			for (uint64_t at = 0; at < regions[region].size; at += sizeof(one)) {
				uint64_t left = regions[region].size - at;
				uint32_t size = left < sizeof(one) ? (uint32_t)left : sizeof(one);

				assert_int_equal(
					guest_access(guest, device, region, at, one, size, false),
					0);
				assert_int_equal(
					guest_access(fresh, device, region, at, other, size, false),
					0);
				if (memcmp(one, other, size) != 0)
					fail_msg("%s, region %u, from 0x%llx",
						guest->devices[device].model, region,
						(unsigned long long)at);
			}
	}
}

/* No key that was typed for another guest is told. */
static void nothing_typed(struct guest *guest, uint32_t device) {
	const struct guest_ring rings[2] = {{0, 0x1000, 0x2000}, {0x4000, 0x5000, 0x6000}};

	assert_int_equal(guest_map(guest, device, 0, GUEST_MEMORY, guest->file, 0, RW), 0);
	memset(guest->memory, 0, GUEST_MEMORY);
	guest_desc(guest, 0, 0x20000, 64, 2);
	sp_store_le16(guest->memory + 0x1002, 8);
	guest_start(guest, device, 16, rings, false);
	guest_kick(guest, device, 0);
	guest_idle(guest);
	assert_int_equal(sp_load_le16(guest->memory + 0x2002), 0);
}

static void test_next_guest(void **state) {
	struct guest *guest = guest_create(NULL), *fresh = guest_create(NULL);
	uint8_t bytes[16];

	(void)state;
	for (uint32_t i = 0; i < GUEST_DEVICES; i++) {
		guest_connect(guest, i);
		guest_connect(fresh, i);
	}
	/* A reset of the machine, and then the end of the client. */
	for (uint32_t round = 0; round < 2; round++) {
		write_all(guest);
		assert_int_equal(guest_access(guest, GUEST_DISPLAY, SP_REGION_BAR0,
					 GUEST_DISPLAY_MEMORY - 16, bytes, 16, false),
			0);
		assert_int_not_equal(bytes[15], 0);
		for (uint32_t i = 0; i < GUEST_DEVICES; i++) {
			if (round == 0)
				assert_int_equal(guest_reset(guest, i), 0);
			guest_hang_up(guest, i);
			guest_connect(guest, i);
		}
		same_regions(guest, fresh);
		nothing_typed(guest, GUEST_KEYBOARD);
		nothing_typed(guest, GUEST_TABLET);
		for (uint32_t i = 0; i < GUEST_DEVICES; i++)
			assert_int_equal(guest_reset(guest, i), 0);
	}
	/* A reset alone is enough. */
	write_all(guest);
	for (uint32_t i = 0; i < GUEST_DEVICES; i++)
		assert_int_equal(guest_reset(guest, i), 0);
	same_regions(guest, fresh);
	guest_destroy(guest);
	guest_destroy(fresh);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_rom),
		cmocka_unit_test(test_png),
		cmocka_unit_test(test_forgetful),
		cmocka_unit_test(test_next_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
