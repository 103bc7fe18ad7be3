/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "wire/dma.h"

#define RW (SP_DMA_READ | SP_DMA_WRITE)

static struct sp_dma dma;
static uint64_t allocations;

static int begin(void **state) {
	(void)state;
	sp_dma_init(&dma, NULL, &allocations);
	return 0;
}

static int end(void **state) {
	(void)state;
	sp_dma_clear(&dma);
	assert_int_equal(dma.count, 0);
	assert_int_equal(dma.file_count, 0);
	assert_int_equal(dma.mapped, 0);
	assert_int_equal(dma.pins, 0);
	sp_dma_release(&dma);
	return 0;
}

static int memory(uint64_t size, unsigned flags) {
	int fd = memfd_create("guest", MFD_CLOEXEC | flags);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static int map(uint64_t address, uint64_t size, int fd, uint64_t offset) {
	return sp_dma_map(&dma, address, size, RW, fd, offset, false);
}

static int unmap(uint64_t address, uint64_t last, bool *pinned) {
	struct sp_dma_span span;
	int error = sp_dma_unmap_begin(&dma, address, last, &span);

	*pinned = !span.empty;
	if (!error)
		sp_dma_unmap_end(&dma, address, last);
	return error;
}

static void test_ranges(void **state) {
	bool pinned;

	(void)state;
	assert_int_equal(map(0x1000, 0x1000, -1, 0), 0);
	assert_int_equal(map(0x3000, 0x1000, -1, 0), 0);
	/* Between them, and at both ends of what there is. */
	assert_int_equal(map(0x2000, 0x1000, -1, 0), 0);
	assert_int_equal(map(0, 0x1000, -1, 0), 0);
	assert_int_equal(map(UINT64_MAX, 1, -1, 0), 0);
	assert_int_equal(dma.count, 5);
	assert_int_equal(map(0x3fff, 1, -1, 0), EEXIST);
	assert_int_equal(map(0, UINT64_MAX, -1, 0), EEXIST);
	assert_int_equal(map(0x800, 0x1000, -1, 0), EEXIST);
	assert_int_equal(map(0x5000, 0, -1, 0), EINVAL);
	assert_int_equal(map(0x5000, UINT64_MAX, -1, 0), EINVAL);
	assert_int_equal(map(UINT64_MAX, 2, -1, 0), EINVAL);
	assert_non_null(sp_dma_find(&dma, 0x1fff));
	assert_int_equal(sp_dma_find(&dma, 0x1fff)->address, 0x1000);
	assert_null(sp_dma_find(&dma, 0x4000));
	assert_non_null(sp_dma_find(&dma, UINT64_MAX));
	/* A part of one is refused, and nothing is gone then. */
	assert_int_equal(unmap(0x1000, 0x27ff, &pinned), EINVAL);
	assert_int_equal(unmap(0x1800, 0x2fff, &pinned), EINVAL);
	assert_int_equal(dma.count, 5);
	/* What was never mapped, and sizes far too large. */
	assert_int_equal(unmap(0x10000, 0x1ffff, &pinned), 0);
	assert_int_equal(unmap(0x3000, UINT64_MAX - 1, &pinned), 0);
	assert_int_equal(dma.count, 4);
	assert_int_equal(unmap(0, UINT64_MAX, &pinned), 0);
	assert_int_equal(dma.count, 0);
}

/* In an order that is bad for a sorted array, and up to the limit. */
static void test_many(void **state) {
	bool pinned;

	(void)state;
	for (uint64_t i = SP_DMA_RANGES_MAX; i > 0; i--)
		assert_int_equal(map(i << 12, 0x1000, -1, 0), 0);
	assert_int_equal(map(UINT64_C(1) << 40, 0x1000, -1, 0), ENOSPC);
	for (uint64_t i = 1; i <= SP_DMA_RANGES_MAX; i++)
		assert_int_equal(sp_dma_find(&dma, (i << 12) + 5)->address, i << 12);
	assert_int_equal(unmap(0, UINT64_MAX, &pinned), 0);
	/* Without anything new. */
	allocations = 0;
	assert_int_equal(map(0, 0x1000, -1, 0), 0);
	assert_int_equal(allocations, 0);
}

static void test_files(void **state) {
	int fd = memory(0x10000, MFD_ALLOW_SEALING);
	bool pinned;

	(void)state;
	/* A file is one, however often it comes. */
	for (uint64_t i = 0; i < 16; i++)
		assert_int_equal(map(i << 12, 0x1000, dup(fd), i << 12), 0);
	assert_int_equal(dma.file_count, 1);
	assert_int_equal(dma.mapped, 0);
	assert_int_equal(map(0x100000, 0x1000, dup(fd), 0x10000), EINVAL);
	assert_int_equal(map(0x100000, 0x1000, dup(fd), UINT64_MAX), EINVAL);
	assert_int_equal(map(0x100000, 0x20000, dup(fd), 0), EINVAL);
	/* Another file is another one, as is one that may only be read. */
	assert_int_equal(map(0x100000, 0x1000, memory(0x1000, 0), 0), 0);
	assert_int_equal(dma.file_count, 2);
	assert_int_equal(unmap(0x100000, 0x100fff, &pinned), 0);
	assert_int_equal(dma.file_count, 1);
	close(fd);
}

/* What is no memory is refused before it is touched. */
static void test_no_files(void **state) {
	int pipes[2];
	char path[64];
	int sealed = memory(0x1000, MFD_ALLOW_SEALING);

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(map(0, 0x1000, pipes[0], 0), EINVAL);
	assert_int_equal(map(0, 0x1000, pipes[1], 0), EINVAL);
	assert_int_equal(map(0, 0x1000, open("/dev/zero", O_RDWR | O_CLOEXEC), 0), EINVAL);
	assert_int_equal(map(0, 0x1000, open("/", O_RDONLY | O_CLOEXEC), 0), EINVAL);
	assert_int_equal(map(0, 0x1000, open("/etc/passwd", O_PATH | O_CLOEXEC), 0), EINVAL);
	/* Opened for reading, it cannot be written. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", sealed);
	assert_int_equal(map(0, 0x1000, open(path, O_RDONLY | O_CLOEXEC), 0), EINVAL);
	assert_int_equal(sp_dma_map(&dma, 0, 0x1000, SP_DMA_READ, open(path, O_RDONLY | O_CLOEXEC),
				 0, false),
		0);
	close(sealed);
}

static int pin(struct sp_dma_pin *wanted, uint64_t address, uint64_t size,
	struct sp_dma_part *parts, uint32_t max, unsigned access) {
	*wanted = (struct sp_dma_pin){.address = address,
		.size = size,
		.access = (enum sp_dma_access)access,
		.parts = parts,
		.part_max = max};
	return sp_dma_pin(&dma, wanted);
}

static void test_pins(void **state) {
	int fd = memory(0x10000, MFD_ALLOW_SEALING);
	struct sp_dma_pin one, two;
	struct sp_dma_part parts[2], others[2];
	struct sp_dma_span span;

	(void)state;
	assert_int_equal(map(0x1000, 0x1000, dup(fd), 0x5000), 0);
	assert_int_equal(map(0x2000, 0x1000, dup(fd), 0x2000), 0);
	assert_int_equal(sp_dma_map(&dma, 0x3000, 0x1000, SP_DMA_READ, dup(fd), 0x3000, false), 0);
	assert_int_equal(map(0x4000, 0x1000, -1, 0), 0);
	assert_int_equal(pin(&one, 0x1ffc, 8, parts, 2, RW), 0);
	assert_int_equal(one.part_count, 2);
	assert_int_equal(parts[0].size, 4);
	assert_int_equal(parts[0].file_offset, 0x5ffc);
	assert_int_equal(parts[1].file_offset, 0x2000);
	memcpy(parts[1].data, "sees", 4);
	{
		char text[4];

		assert_int_equal(pread(fd, text, 4, 0x2000), 4);
		assert_memory_equal(text, "sees", 4);
	}
	assert_int_equal(pin(&two, 0x1ffc, 8, others, 1, RW), E2BIG);
	assert_int_equal(pin(&two, 0x2ffc, 8, others, 2, SP_DMA_WRITE), EFAULT);
	assert_int_equal(pin(&two, 0x4000, 8, others, 2, SP_DMA_READ), ENOTSUP);
	assert_int_equal(pin(&two, 0x4ffc, 8, others, 2, SP_DMA_READ), ENOTSUP);
	assert_int_equal(pin(&two, 0x5000, 8, others, 2, SP_DMA_READ), EFAULT);
	assert_int_equal(pin(&two, UINT64_MAX, 8, others, 2, SP_DMA_READ), EFAULT);
	assert_int_equal(pin(&two, 0x1000, 0, others, 2, SP_DMA_READ), EFAULT);
	assert_int_equal(dma.pins, 1);
	/* While it goes nothing new is pinned, and it outlives its range. */
	assert_int_equal(sp_dma_unmap_begin(&dma, 0x1000, 0x1fff, &span), 0);
	assert_false(span.empty);
	assert_true(span.first == 0x1000 && span.last == 0x1fff);
	assert_int_equal(pin(&two, 0x1000, 8, others, 2, SP_DMA_READ), EFAULT);
	sp_dma_clear(&dma);
	memcpy(parts[0].data, "live", 4);
	assert_int_equal(dma.file_count, 1);
	sp_dma_unpin(&dma, &one);
	assert_int_equal(dma.file_count, 0);
	close(fd);
}

/* A file that can be made shorter is never mapped. */
static void test_truncated(void **state) {
	int fd = memory(0x2000, 0), sealable = memory(0x2000, MFD_ALLOW_SEALING);
	struct sp_dma_pin wanted;
	struct sp_dma_part part;
	uint8_t bytes[16] = "0123456789abcde", got[16];

	(void)state;
	assert_int_equal(map(0, 0x2000, dup(fd), 0), 0);
	assert_int_equal(map(0x10000, 0x2000, dup(sealable), 0), 0);
	assert_int_equal(pin(&wanted, 0, 16, &part, 1, RW), ENOTSUP);
	assert_int_equal(dma.mapped, 0);
	assert_int_equal(sp_dma_copy(&dma, sp_dma_find(&dma, 0), 0x1800, bytes, 16, true), 0);
	assert_int_equal(sp_dma_copy(&dma, sp_dma_find(&dma, 0), 0x1800, got, 16, false), 0);
	assert_memory_equal(bytes, got, 16);
	assert_int_equal(ftruncate(fd, 0x1000), 0);
	assert_int_equal(sp_dma_copy(&dma, sp_dma_find(&dma, 0), 0x1800, got, 16, false), EFAULT);
	/* The other one was sealed by us. */
	assert_int_equal(ftruncate(sealable, 0), -1);
	assert_int_equal(pin(&wanted, 0x10000, 16, &part, 1, RW), 0);
	sp_dma_unpin(&dma, &wanted);
	close(fd);
	close(sealable);
}

static void test_budget(void **state) {
	struct sp_budget_limits limits = {.limits = {1 << 20, 1, 0, 0, 1}};
	struct sp_budget *budget = sp_budget_create(&limits);
	struct sp_dma_pin one, two;
	struct sp_dma_part parts[2];
	int fd = memory(0x1000, MFD_ALLOW_SEALING);

	(void)state;
	assert_non_null(budget);
	dma.budget = budget;
	assert_int_equal(map(0, 0x1000, fd, 0), 0);
	assert_int_equal(map(0x1000, 0x1000, memory(0x1000, 0), 0), EDQUOT);
	assert_int_equal(pin(&one, 0, 8, parts, 1, RW), 0);
	assert_int_equal(pin(&two, 0, 8, parts + 1, 1, RW), EDQUOT);
	sp_dma_unpin(&dma, &one);
	sp_dma_clear(&dma);
	sp_dma_release(&dma);
	for (int i = 0; i < SP_RESOURCE_COUNT; i++)
		assert_int_equal(sp_budget_used(budget, (enum sp_resource)i), 0);
	dma.budget = NULL;
	sp_budget_destroy(budget);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ranges, begin, end),
		cmocka_unit_test_setup_teardown(test_many, begin, end),
		cmocka_unit_test_setup_teardown(test_files, begin, end),
		cmocka_unit_test_setup_teardown(test_no_files, begin, end),
		cmocka_unit_test_setup_teardown(test_pins, begin, end),
		cmocka_unit_test_setup_teardown(test_truncated, begin, end),
		cmocka_unit_test_setup_teardown(test_budget, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
