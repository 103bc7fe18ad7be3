/* SPDX-License-Identifier: MIT */
/* Accesses of every width at every place of every region of every model, through the wire. */
#include "../wire/guest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int begin(void **state) {
	struct guest *guest = guest_create(NULL);

	for (uint32_t i = 0; i < GUEST_DEVICES; i++)
		guest_connect(guest, i);
	*state = guest;
	return 0;
}

static int end(void **state) {
	guest_destroy(*state);
	return 0;
}

static const struct sp_region *region_of(
	const struct guest *guest, uint32_t device, uint32_t region) {
	return &guest->devices[device].made.device->info->regions[region];
}

static int raw(struct guest *guest, uint32_t device, uint64_t region, uint64_t offset,
	uint64_t count, bool write) {
	static const uint8_t data[64];
	struct sp_wire_body body = {.index = region, .offset = offset, .count = count};

	return guest_call(guest, device, write ? SP_WIRE_REGION_WRITE : SP_WIRE_REGION_READ, &body,
		data, write ? (uint32_t)(count < 64 ? count : 64) : 0, NULL, 0);
}

/* What is not wholly in a region is refused, wherever sums would wrap, and nothing is done of it.
 */
static void test_ends(void **state) {
	static const uint64_t counts[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 4095, 4096,
		4097, SP_ACCESS_MAX, SP_ACCESS_MAX + 1, 0x7fffffff, 0x80000000, 0xfffffff0,
		0xffffffff};
	struct guest *guest = *state;

	for (uint32_t device = 0; device < GUEST_DEVICES; device++)
		for (uint32_t region = 0; region < 12; region++) {
			uint64_t size = region < SP_REGION_COUNT
				? region_of(guest, device, region)->size
				: 0;
			const uint64_t offsets[] = {0, 1, size - 17, size - 8, size - 7, size - 3,
				size - 1, size, size + 1, size * 2, 1ull << 32, INT64_MAX,
				1ull << 63, UINT64_MAX - 16, UINT64_MAX - 3, UINT64_MAX};

			for (size_t o = 0; o < sizeof(offsets) / sizeof(offsets[0]); o++)
				for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
					bool good = counts[c] && counts[c] <= SP_ACCESS_MAX &&
						sp_within(offsets[o], counts[c], size);
					int error = raw(guest, device, region, offsets[o],
						counts[c], false);

					assert_int_equal(!error, good);
					if (good)
						assert_int_equal(guest->devices[device].client.size,
							16 + counts[c]);
					if (!good)
						assert_int_not_equal(
							raw(guest, device, region, offsets[o],
								counts[c], true),
							0);
				}
		}
	for (uint64_t index = SP_REGION_COUNT; index; index *= 2)
		assert_int_equal(
			raw(guest, GUEST_EDU, index & UINT32_MAX ? index : 9, 0, 4, false), EINVAL);
	for (uint32_t device = 0; device < GUEST_DEVICES; device++) {
		assert_int_equal(guest->devices[device].gone, 0);
		assert_int_not_equal(guest_get(guest, device, SP_REGION_CONFIG, 0, 4), UINT32_MAX);
	}
}

static uint64_t least(uint64_t a, uint64_t b) {
	return a < b ? a : b;
}

/* Of a virtio device: where in the configuration space the window on its BAR is (4.1.4.9), which is
 * one for accesses of its own size. */
static bool in_window(
	const struct guest *guest, uint32_t device, uint32_t region, uint64_t at, uint32_t width) {
	uint32_t window = guest->devices[device].window;

	return window && region == SP_REGION_CONFIG && at < window + 20 && at + width > window + 16;
}

/* A wide read is the reads of its bytes, at each offset of what is trapped and at the seams. */
static void test_widths(void **state) {
	struct guest *guest = *state;
	static uint8_t bytes[0x2000], wide[32];

	for (uint32_t device = 0; device < GUEST_DEVICES; device++)
		for (uint32_t region = 0; region < SP_REGION_COUNT; region++) {
			uint64_t size =
				least(region_of(guest, device, region)->size, sizeof(bytes));
			/* Large blocks are the same everywhere: some of each page. */
			uint64_t step = region == SP_REGION_CONFIG ? 1 : 13;

			for (uint64_t at = 0; at < size; at++)
				bytes[at] = (uint8_t)guest_get(guest, device, region, at, 1);
			for (uint64_t at = 0; at < size; at += at % 0x1000 < 64 ? 1 : step)
				for (uint32_t width = 1; width <= 17 && at + width <= size;
					width++) {
					if (in_window(guest, device, region, at, width))
						continue;
					memset(wide, 0xa5, sizeof(wide));
					assert_int_equal(guest_access(guest, device, region, at,
								 wide, width, false),
						0);
					if (memcmp(wide, bytes + at, width) != 0)
						fail_msg("%s, region %u, 0x%llx, width %u",
							guest->devices[device].model, region,
							(unsigned long long)at, width);
				}
		}
}

/* All that a guest can write, in any width, is gone after a reset. */
static void test_writes(void **state) {
	struct guest *guest = *state;
	static uint8_t before[0x1000], after[0x1000];
	uint32_t seed = 7;

	for (uint32_t device = 0; device < GUEST_DEVICES; device++)
		for (uint32_t region = 0; region < SP_REGION_COUNT; region++) {
			uint64_t size =
				least(region_of(guest, device, region)->size, sizeof(before));

			if (!size)
				continue;
			assert_int_equal(guest_access(guest, device, region, 0, before,
						 (uint32_t)size, false),
				0);
			for (uint32_t i = 0; i < 6000; i++) {
				uint8_t data[17];
				uint32_t width, at;

				for (uint32_t b = 0; b < 17; b++) {
					seed = seed * 1664525 + 1013904223;
					data[b] = (uint8_t)(seed >> 24);
				}
				seed = seed * 1664525 + 1013904223;
				width = 1 + (seed >> 8) % 17;
				seed = seed * 1664525 + 1013904223;
				at = (seed >> 8) % (uint32_t)size;
				if (at + width > size)
					at = (uint32_t)size - width;
				/* A doorbell that takes long, or memory that is not there, may
				 * be an error; a client that is sent away is none. */
				assert_int_not_equal(
					guest_access(guest, device, region, at, data, width, true),
					-1);
			}
			assert_int_equal(guest_reset(guest, device), 0);
			assert_int_equal(guest_access(guest, device, region, 0, after,
						 (uint32_t)size, false),
				0);
			for (uint64_t at = 0; at < size; at++)
				if (before[at] != after[at])
					fail_msg("%s, region %u, 0x%llx: %02x, then %02x",
						guest->devices[device].model, region,
						(unsigned long long)at, before[at], after[at]);
		}
	for (uint32_t device = 0; device < GUEST_DEVICES; device++)
		assert_int_equal(guest->devices[device].gone, 0);
}

/* Kinds and numbers of interrupts at their ends. */
static void test_interrupts(void **state) {
	static const uint32_t edges[] = {
		0, 1, 2, 3, 31, 32, 2047, 2048, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
	struct guest *guest = *state;
	enum { EDGES = sizeof(edges) / sizeof(edges[0]) };

	for (uint32_t device = 0; device < GUEST_DEVICES; device++)
		for (uint32_t index = 0; index < 7; index++) {
			struct sp_wire_body body = {.argsz = 16, .index = index};
			uint32_t there = 0;
			int error = guest_call(
				guest, device, SP_WIRE_IRQ_INFO, &body, NULL, 0, NULL, 0);

			assert_int_equal(!error, index < SP_WIRE_IRQS);
			if (!error)
				memcpy(&there, guest->devices[device].client.payload + 12, 4);
			for (size_t s = 0; s < EDGES; s++)
				for (size_t c = 0; c < EDGES; c++)
					for (uint32_t action = 8; action <= 32; action *= 2) {
						struct sp_wire_body set = {.argsz = 20,
							.flags = SP_WIRE_SET_NONE | action,
							.index = index,
							.start = edges[s],
							.count = edges[c]};

						error = guest_call(guest, device, SP_WIRE_SET_IRQS,
							&set, NULL, 0, NULL, 0);
						if (!sp_within(edges[s], edges[c], there))
							assert_int_not_equal(error, 0);
						assert_int_not_equal(error, -1);
					}
		}
	for (uint32_t device = 0; device < GUEST_DEVICES; device++)
		assert_int_equal(guest->devices[device].gone, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ends, begin, end),
		cmocka_unit_test_setup_teardown(test_widths, begin, end),
		cmocka_unit_test_setup_teardown(test_writes, begin, end),
		cmocka_unit_test_setup_teardown(test_interrupts, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
