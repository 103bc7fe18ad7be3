/* SPDX-License-Identifier: MIT */
#include "../wire/scene.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * What QEMU does behind a virtual IOMMU: hundreds of maps of single pages, each with a descriptor
 * of its own, and unmaps of more than was ever mapped.
 */
#define MAPS 2000u
#define PAGE UINT64_C(0x1000)

static unsigned mappings(void) {
	FILE *file = fopen("/proc/self/maps", "r");
	unsigned lines = 0;
	int c;

	assert_non_null(file);
	while ((c = getc(file)) != EOF)
		lines += c == '\n';
	fclose(file);
	return lines;
}

/* The same file by another open file, not only by another descriptor. */
static int open_again(int fd) {
	char path[32];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDWR | O_CLOEXEC);
	assert_true(again >= 0);
	return again;
}

static void map_pages(struct client *client, int fd) {
	for (uint64_t i = 0; i < MAPS; i++) {
		int again = open_again(fd);

		/* From both ends, and not in the file's order. */
		assert_int_equal(client_map(client, (i % 2 ? i : 2 * MAPS - i) * PAGE, PAGE, again,
					 i * 7 % MAPS * PAGE),
			0);
		close(again);
	}
}

static void test_descriptors(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	struct sp_bus *bus = scene->device->base.bus;
	int fd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	unsigned files, lines;

	assert_int_equal(ftruncate(fd, (off_t)(MAPS * PAGE)), 0);
	files = scene_files();
	lines = mappings();
	map_pages(client, fd);
	/* Every page is used. */
	for (uint64_t i = 1; i < MAPS; i += 2) {
		struct sp_dma_part part;
		struct sp_dma_pin pin = {.address = i * PAGE,
			.size = PAGE,
			.access = SP_DMA_READ | SP_DMA_WRITE,
			.parts = &part,
			.part_max = 1};

		assert_int_equal(bus->ops->pin(bus, &pin), 0);
		assert_true(part.file_offset == i * 7 % MAPS * PAGE);
		memset(part.data, (int)i, PAGE);
		bus->ops->unpin(bus, &pin);
	}
	assert_int_equal(scene_state(scene).ranges, MAPS);
	assert_int_equal(scene_state(scene).files, 1);
	assert_true(scene_state(scene).mapped == MAPS * PAGE);
	assert_int_equal(scene_files(), files + 1);
	/* One of the file, and what the allocator may need. */
	assert_in_range(mappings(), lines, lines + 64);
	for (uint64_t i = 0; i < MAPS; i++)
		assert_int_equal(client_unmap(client, (i % 2 ? i : 2 * MAPS - i) * PAGE, PAGE), 0);
	assert_int_equal(scene_state(scene).ranges, 0);
	assert_int_equal(scene_files(), files);
	close(fd);
}

static void test_odd_unmaps(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	int fd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	static const struct {
		uint64_t address, size;
		int error;
		uint32_t left; /* of three */
	} UNMAPS[] = {
		/* The two by which QEMU clears an address space around its interrupt window. */
		{0xfef00000, 0xffffffff01100000, 0, 2},
		{0, 0xfee00000, 0, 1},
		{0x1000, 0x1000, 0, 2},
		{0, 0x1000, 0, 3},
		{0x20000, 0x10000, 0, 3},
		{0x1800, 0x10000, EINVAL, 3},
		{0x2000, 0xe800, EINVAL, 3},
		{1, 0xffffffffffffffff, 0, 0},
		{2, 0xffffffffffffffff, EINVAL, 3},
		{0xffffffffffffffff, 1, 0, 3},
		{0xffffffffffffffff, 2, EINVAL, 3},
		{0, 0xffffffffffffffff, 0, 0},
	};

	assert_int_equal(ftruncate(fd, 0x10000), 0);
	for (size_t i = 0; i < sizeof(UNMAPS) / sizeof(UNMAPS[0]); i++) {
		assert_int_equal(client_map(client, 0x1000, 0x1000, fd, 0), 0);
		assert_int_equal(client_map(client, 0x10000, 0x1000, fd, 0x1000), 0);
		assert_int_equal(client_map(client, UINT64_C(1) << 32, 0x1000, fd, 0x2000), 0);
		assert_int_equal(
			client_unmap(client, UNMAPS[i].address, UNMAPS[i].size), UNMAPS[i].error);
		assert_int_equal(scene_state(scene).ranges, UNMAPS[i].left);
		assert_int_equal(client_unmap(client, 0, UINT64_MAX), 0);
	}
	close(fd);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_descriptors, scene_greet, scene_end),
		cmocka_unit_test_setup_teardown(test_odd_unmaps, scene_greet, scene_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
