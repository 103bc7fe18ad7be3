/* SPDX-License-Identifier: MIT */
#include "../wire/scene.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void test_version(void **state) {
	struct scene *scene = *state;

	/* What was not proposed is not told. */
	assert_int_equal(client_greet(&scene->client, "{\"capabilities\":{}}"), 0);
	assert_string_equal((char *)scene->client.payload + 4, "{\"capabilities\":{}}");
	client_hang_up(&scene->client);
	assert_true(client_connect(&scene->client, scene->loop, scene->server));
	assert_int_equal(client_greet(&scene->client,
				 "{\"capabilities\":{\"pgsizes\":4096,\"max_dma_maps\":1,"
				 "\"max_msg_fds\":1,\"max_data_xfer_size\":9,"
				 "\"write_multiple\":true,\"migration\":{\"pgsize\":4096}}}"),
		0);
	assert_string_equal((char *)scene->client.payload + 4,
		"{\"capabilities\":{\"max_msg_fds\":16,\"max_data_xfer_size\":1048576,"
		"\"max_dma_maps\":65535,\"pgsizes\":4096,\"write_multiple\":true}}");
	assert_int_equal(client_greet(&scene->client, "{}"), EINVAL);
}

static void test_info(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	struct sp_wire_body body = {.argsz = 16}, got;

	assert_int_equal(client_call(client, SP_WIRE_GET_INFO, &body), 0);
	assert_int_equal(sp_wire_decode(SP_WIRE_GET_INFO, client->payload, client->size, &got), 0);
	assert_true(got.argsz == 16 && got.flags == 3 && got.start == 9 && got.count == 5);
	body.argsz = 15;
	assert_int_equal(client_call(client, SP_WIRE_GET_INFO, &body), EINVAL);

	body = (struct sp_wire_body){.argsz = 32, .index = SP_REGION_BAR0};
	assert_int_equal(client_call(client, SP_WIRE_REGION_INFO, &body), 0);
	assert_int_equal(client->size, 32);
	assert_int_equal(client->fd_count, 1);
	sp_wire_decode(SP_WIRE_REGION_INFO, client->payload, 32, &got);
	assert_true(got.argsz == 64 && got.size == 0x10000 && got.start == 0);
	assert_true(got.flags ==
		(SP_WIRE_REGION_READABLE | SP_WIRE_REGION_WRITABLE | SP_WIRE_REGION_MMAP));
	body.argsz = 64;
	assert_int_equal(client_call(client, SP_WIRE_REGION_INFO, &body), 0);
	assert_int_equal(client->size, 64);
	assert_int_equal(client->fd_count, 1);
	sp_wire_decode(SP_WIRE_REGION_INFO, client->payload, 64, &got);
	assert_true((got.flags & SP_WIRE_REGION_CAPS) && got.start == 32 && got.argsz == 64);
	{
		static const uint64_t AREA[] = {0x1000, 0x2000};
		static const uint32_t CAP[] = {1 | 1 << 16, 0, 1, 0};

		assert_memory_equal(client->payload + 32, CAP, 16);
		assert_memory_equal(client->payload + 48, AREA, 16);
	}
	/* Wholly mapped, and its file's offset. */
	body = (struct sp_wire_body){.argsz = 32, .index = SP_REGION_BAR2};
	assert_int_equal(client_call(client, SP_WIRE_REGION_INFO, &body), 0);
	sp_wire_decode(SP_WIRE_REGION_INFO, client->payload, 32, &got);
	assert_true(got.argsz == 32 && got.offset == 0x10000 && !(got.flags & SP_WIRE_REGION_CAPS));
	body.index = SP_REGION_BAR1;
	assert_int_equal(client_call(client, SP_WIRE_REGION_INFO, &body), 0);
	assert_int_equal(client->fd_count, 0);
	body.index = 9;
	assert_int_equal(client_call(client, SP_WIRE_REGION_INFO, &body), EINVAL);
	body.index = UINT32_MAX;
	assert_int_equal(client_call(client, SP_WIRE_REGION_INFO, &body), EINVAL);

	body = (struct sp_wire_body){.argsz = 16, .index = SP_WIRE_MSIX};
	assert_int_equal(client_call(client, SP_WIRE_IRQ_INFO, &body), 0);
	sp_wire_decode(SP_WIRE_IRQ_INFO, client->payload, 16, &got);
	assert_int_equal(got.count, 64);
	body.index = 5;
	assert_int_equal(client_call(client, SP_WIRE_IRQ_INFO, &body), EINVAL);
	body = (struct sp_wire_body){.argsz = 16};
	assert_int_equal(client_call(client, SP_WIRE_REGION_IO_FDS, &body), 0);
	body = (struct sp_wire_body){.argsz = 16};
	assert_int_equal(client_call(client, SP_WIRE_FEATURE, &body), ENOTSUP);
	assert_int_equal(client_call(client, 14, &body), ENOTSUP);
	assert_int_equal(client_call(client, 999, &body), ENOTSUP);
	assert_int_equal(client_call(client, SP_WIRE_DMA_READ, &body), EINVAL);
}

static void test_access(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	uint8_t bytes[0x10000], before[4];
	uint32_t value = 0x11223344;

	/* Over all areas at once: trapped, mapped, doorbell's page, read-only, trapped. */
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + (i >> 8));
	memcpy(before, "keep", 4);
	assert_int_equal(pwrite(scene->device->file, before, 4, 0x4000), 4);
	assert_int_equal(client_write(client, 0, 0, bytes, sizeof(bytes)), 0);
	assert_int_equal(client->size, 16);
	assert_int_equal(scene->device->accesses, 4);
	assert_int_equal(client_read(client, 0, 0, sizeof(bytes)), 0);
	assert_int_equal(client->size, 16 + sizeof(bytes));
	assert_memory_equal(client->payload + 16, bytes, 0x4000);
	/* The write to read-only memory was told, and changed nothing by itself. */
	assert_memory_equal(client->payload + 16 + 0x4000, before, 4);
	assert_memory_equal(client->payload + 16 + 0x5000, bytes + 0x5000, 0xb000);

	assert_int_equal(client_write(client, 0, 0x3000, &value, 4), 0);
	assert_int_equal(scene->device->doorbells, 1);
	assert_true(scene->device->rung == (UINT64_C(7) << 32 | value));
	assert_int_equal(client_write(client, 0, 0x3000, &value, 2), 0);
	assert_int_equal(scene->device->doorbells, 1);

	assert_int_equal(client_read(client, 0, 0x10000, 1), EINVAL);
	assert_int_equal(client_read(client, 0, 0xffff, 2), EINVAL);
	assert_int_equal(client_read(client, 0, UINT64_MAX, 2), EINVAL);
	assert_int_equal(client_read(client, 0, 0, 0), EINVAL);
	assert_int_equal(client_read(client, 0, 0, UINT32_MAX), EINVAL);
	assert_int_equal(client_read(client, 1, 0, 1), EINVAL);
	assert_int_equal(client_read(client, 9, 0, 1), EINVAL);
	for (uint32_t width = 1; width <= 9; width++)
		assert_int_equal(client_read(client, 7, 3, width), 0);
}

static void test_write_multi(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	struct sp_wire_body body = {.size = 3};
	struct {
		uint64_t offset;
		uint32_t region, count;
		uint8_t data[8];
	} writes[3] = {{0, 0, 4, "abcd"}, {4, 0, 8, "efghijkl"}, {0x1000, 0, 1, "m"}};

	assert_int_equal(
		client_call_data(client, SP_WIRE_WRITE_MULTI, &body, writes, sizeof(writes)), 0);
	assert_int_equal(client->size, 8);
	assert_memory_equal(scene->device->registers, "abcdefghijkl", 12);
	assert_int_equal(scene->device->accesses, 2);
	body.size = 4;
	assert_int_equal(
		client_call_data(client, SP_WIRE_WRITE_MULTI, &body, writes, sizeof(writes)),
		EINVAL);
	body.size = UINT64_MAX;
	assert_int_equal(
		client_call_data(client, SP_WIRE_WRITE_MULTI, &body, writes, sizeof(writes)),
		EINVAL);
	body.size = 3;
	writes[1].count = 9;
	assert_int_equal(
		client_call_data(client, SP_WIRE_WRITE_MULTI, &body, writes, sizeof(writes)),
		EINVAL);
}

static void transferred(struct sp_transfer *transfer, int error) {
	transfer->size = (uint64_t)error + 1000;
}

static void test_dma_messages(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	struct sp_bus *bus = scene->device->base.bus;
	uint8_t data[8] = "01234567", reply[16 + 16 + 8];
	struct sp_transfer transfer = {
		.address = 0x1004, .size = 8, .data = data, .done = transferred};
	struct sp_wire_header header;
	struct sp_wire_body body;

	assert_int_equal(client_map(client, 0x1000, 0x1000, -1, 0), 0);
	bus->ops->transfer(bus, &transfer);
	assert_int_equal(transfer.size, 8);
	assert_true(client_receive(client));
	assert_int_equal(client->header.command, SP_WIRE_DMA_READ);
	assert_int_equal(client->header.flags, SP_WIRE_COMMAND);
	sp_wire_decode(SP_WIRE_DMA_READ, client->payload, client->size, &body);
	assert_true(body.address == 0x1004 && body.count == 8);
	/* A reply that nobody waits for, then the right one, behind a command. */
	header = client->header;
	header.flags = SP_WIRE_REPLY;
	header.size = sizeof(reply);
	header.id ^= 1;
	sp_wire_put_header(reply, &header);
	memcpy(reply + 16, client->payload, 16);
	memcpy(reply + 32, "abcdefgh", 8);
	client_send(client, reply, sizeof(reply), NULL, 0);
	assert_int_equal(client_read(client, 7, 0, 4), 0);
	assert_int_equal(transfer.size, 8);
	header.id ^= 1;
	sp_wire_put_header(reply, &header);
	client_send(client, reply, sizeof(reply), NULL, 0);
	client_idle(client);
	assert_int_equal(transfer.size, 1000);
	assert_memory_equal(data, "abcdefgh", 8);
	assert_int_equal(scene_state(scene).counters.strays, 1);
	/* A write, and an error of the client's. */
	transfer.write = true;
	transfer.size = 8;
	bus->ops->transfer(bus, &transfer);
	assert_true(client_receive(client));
	assert_int_equal(client->header.command, SP_WIRE_DMA_WRITE);
	assert_memory_equal(client->payload + 16, "abcdefgh", 8);
	header = client->header;
	header.flags = SP_WIRE_REPLY | SP_WIRE_ERROR;
	header.size = 16;
	header.error = ENODEV;
	sp_wire_put_header(reply, &header);
	client_send(client, reply, 16, NULL, 0);
	client_idle(client);
	assert_int_equal(transfer.size, 1000 + ENODEV);
	/* Not the guest's memory; memory that goes while it is asked for. */
	transfer.size = 8;
	transfer.address = 0x1ffc;
	bus->ops->transfer(bus, &transfer);
	assert_int_equal(transfer.size, 1000 + EFAULT);
	transfer.size = 8;
	transfer.address = 0x1000;
	bus->ops->transfer(bus, &transfer);
	assert_true(client_receive(client));
	assert_int_equal(client_unmap(client, 0x1000, 0x1000), 0);
	assert_int_equal(transfer.size, 1000 + ECANCELED);
}

/* QEMU answers nothing while it waits for us. */
static void test_dma_waits(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	struct sp_bus *bus = scene->device->base.bus;
	uint8_t data[8];
	struct sp_transfer transfer = {
		.address = 0x1000, .size = 8, .data = data, .done = transferred};
	struct sp_wire_body body = {.index = 7, .count = 4};

	assert_int_equal(client_map(client, 0x1000, 0x1000, -1, 0), 0);
	scene->device->slow = true;
	client_command(client, SP_WIRE_REGION_READ, 0, &body, NULL, 0, NULL, 0);
	client_idle(client);
	assert_non_null(scene->device->access);
	bus->ops->transfer(bus, &transfer);
	client_idle(client);
	fake_finish(scene->device);
	/* The answer comes first, then the question. */
	assert_true(client_receive(client));
	assert_int_equal(client->header.command, SP_WIRE_REGION_READ);
	assert_true(client_receive(client));
	assert_int_equal(client->header.command, SP_WIRE_DMA_READ);
	/* Nobody answers it any more. */
	client_hang_up(client);
	assert_int_equal(transfer.size, 1000 + ECANCELED);
}

static void test_dma_maps(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	struct sp_wire_body all = {.argsz = 24, .flags = SP_WIRE_UNMAP_ALL};
	struct sp_dma_part part;
	struct sp_dma_pin pin = {.address = 0x2000,
		.size = 16,
		.access = SP_DMA_READ | SP_DMA_WRITE,
		.parts = &part,
		.part_max = 1};
	int fd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int two[2] = {fd, fd};
	struct sp_bus *bus = scene->device->base.bus;

	assert_int_equal(ftruncate(fd, 0x10000), 0);
	for (uint64_t i = 0; i < 16; i++)
		assert_int_equal(client_map(client, i << 12, 0x1000, fd, i << 12), 0);
	assert_int_equal(scene_state(scene).files, 1);
	assert_int_equal(scene_state(scene).ranges, 16);
	assert_int_equal(client_map(client, 0, 0x1000, fd, 0), EEXIST);
	{
		struct sp_wire_body body = {
			.argsz = 32, .flags = 3, .address = 0x100000, .size = 0x1000};

		assert_int_equal(client_call_fds(client, SP_WIRE_DMA_MAP, &body, two, 2), EINVAL);
		body.argsz = 31;
		assert_int_equal(client_call(client, SP_WIRE_DMA_MAP, &body), EINVAL);
		body.argsz = 32;
		body.flags = 0;
		assert_int_equal(client_call(client, SP_WIRE_DMA_MAP, &body), EINVAL);
		body.flags = 0x13;
		assert_int_equal(client_call(client, SP_WIRE_DMA_MAP, &body), EINVAL);
	}
	/* The reply waits until the device has let go. */
	assert_int_equal(bus->ops->pin(bus, &pin), 0);
	scene->device->pin = &pin;
	scene->device->slow = true;
	{
		struct sp_wire_body body = {.argsz = 24, .address = 0, .size = 0x4000};

		client_command(client, SP_WIRE_DMA_UNMAP, 0, &body, NULL, 0, NULL, 0);
		client_idle(client);
		assert_int_equal(scene->device->unmaps, 1);
		assert_true(scene->device->unmapped == 0x2000 &&
			scene->device->unmapped_size == 0x1000);
		assert_int_equal(scene_state(scene).ranges, 16);
		fake_finish(scene->device);
		assert_true(client_receive(client));
		assert_int_equal(client->size, 24);
		assert_int_equal(scene_state(scene).ranges, 12);
		assert_int_equal(scene_state(scene).pins, 0);
	}
	assert_int_equal(client_unmap(client, 0x800000, 0x1000), 0);
	assert_int_equal(client_unmap(client, 0x4000, UINT64_C(0) - 0x4000), 0);
	assert_int_equal(scene_state(scene).ranges, 0);
	assert_int_equal(scene_state(scene).files, 0);
	assert_int_equal(client_unmap(client, 0, 0), EINVAL);
	assert_int_equal(client_unmap(client, 0x4000, UINT64_MAX), EINVAL);
	assert_int_equal(client_map(client, 0, 0x1000, fd, 0), 0);
	assert_int_equal(client_call(client, SP_WIRE_DMA_UNMAP, &all), 0);
	assert_int_equal(scene_state(scene).ranges, 0);
	all.size = 1;
	assert_int_equal(client_call(client, SP_WIRE_DMA_UNMAP, &all), EINVAL);
	close(fd);
}

static void test_reset(void **state) {
	struct scene *scene = *state;
	struct sp_wire_body none = {0};

	assert_int_equal(client_call(&scene->client, SP_WIRE_RESET, &none), 0);
	assert_int_equal(scene->device->resets, 1);
	assert_int_equal(scene->device->reset, SP_RESET_SYSTEM);
	assert_int_equal(scene->device->lost, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_version, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(test_info, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_access, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_write_multi, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_dma_messages, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_dma_waits, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_dma_maps, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_reset, scene_greet, scene_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
