/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_bus.h"
#include "gpu/bochs.h"
#include "pci/config.h"

#define MIB (1ull << 20)
#define NO_MEMORY \
	{ .memory = -1 }

enum { ID, XRES, YRES, BPP, ENABLE, BANK, VIRT_WIDTH, VIRT_HEIGHT, X_OFFSET, Y_OFFSET, MEMORY };

static void begin(struct fake_bus *fake, const struct sp_bochs_options *options) {
	static const struct sp_bochs_options usual = NO_MEMORY;
	struct sp_error error = {0};
	struct sp_device *device = sp_bochs_create(options ? options : &usual, NULL, &error);

	if (!device)
		fail_msg("%s", error.message);
	fake_bus_init(fake, device, 0, 0);
}

static uint32_t traps;

static void dispi(struct fake_bus *fake, uint32_t index, uint32_t value) {
	traps++;
	fake_write(fake, SP_REGION_BAR2, 0x500 + 2 * index, 2, value);
}

static uint32_t dispi_read(struct fake_bus *fake, uint32_t index) {
	return (uint32_t)fake_read(fake, SP_REGION_BAR2, 0x500 + 2 * index, 2);
}

/* What Linux's bochs.ko does, in its order: to set a mode, and to show a place in it. */
static void set_mode(struct fake_bus *fake, uint32_t width, uint32_t height, uint64_t memory) {
	fake_read(fake, SP_REGION_BAR2, 0x41a, 1);
	fake_write(fake, SP_REGION_BAR2, 0x400, 1, 0x20);
	dispi(fake, ENABLE, 0);
	dispi(fake, BPP, 32);
	dispi(fake, XRES, width);
	dispi(fake, YRES, height);
	dispi(fake, BANK, 0);
	dispi(fake, VIRT_WIDTH, width);
	dispi(fake, VIRT_HEIGHT, (uint32_t)(memory / (width * 4)));
	dispi(fake, X_OFFSET, 0);
	dispi(fake, Y_OFFSET, 0);
	dispi(fake, ENABLE, 0x41);
}

static void set_base(struct fake_bus *fake, uint32_t stride, uint64_t offset) {
	dispi(fake, VIRT_WIDTH, stride / 4);
	dispi(fake, X_OFFSET, (uint32_t)(offset % stride) / 4);
	dispi(fake, Y_OFFSET, (uint32_t)(offset / stride));
	traps++;
	fake_write(fake, SP_REGION_BAR2, 0x604, 4, 0x1e1e1e1e);
}

static void test_function(void **state) {
	struct sp_bochs_options options = {.memory = -1, .memory_size = 256 * MIB, .vga = true};
	uint8_t bytes[SP_PCI_CONFIG_MAX];
	struct sp_pci_config config;
	struct sp_error error = {0};
	struct fake_bus fake;

	(void)state;
	begin(&fake, NULL);
	fake_access(&fake, SP_REGION_CONFIG, 0, bytes, sizeof(bytes), false);
	assert_true(sp_pci_config_read(&config, bytes, sizeof(bytes), &error));
	assert_int_equal(config.vendor, 0x1234);
	assert_int_equal(config.device, 0x1111);
	assert_int_equal(config.class, 0x038000);
	assert_true(config.revision >= 2);
	assert_int_equal(config.pcie, SP_PCIE_ENDPOINT);
	assert_true(config.bars[0].prefetch && !config.bars[0].wide);
	assert_false(config.has_msi || config.has_msix || config.pin);
	assert_int_equal(fake.device->info->regions[SP_REGION_BAR0].size, 16 * MIB);
	assert_int_equal(fake.device->info->regions[SP_REGION_BAR2].size, 4096);
	fake_bus_release(&fake);
	begin(&fake, &options);
	assert_int_equal(fake_read(&fake, SP_REGION_CONFIG, 8, 4), 0x03000002);
	fake_write(&fake, SP_REGION_CONFIG, 0x10, 4, 0xffffffff);
	assert_int_equal(fake_read(&fake, SP_REGION_CONFIG, 0x10, 4), 0xf0000008);
	assert_int_equal(dispi_read(&fake, MEMORY), 4096);
	fake_bus_release(&fake);
}

/* What bochs.ko asks before it binds. */
static void test_probe(void **state) {
	static const uint8_t header[] = {0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0};
	struct fake_bus fake;
	uint32_t sum = 0;

	(void)state;
	begin(&fake, NULL);
	assert_int_equal(dispi_read(&fake, ID) & 0xfff0, 0xb0c0);
	assert_int_equal(dispi_read(&fake, MEMORY) * 65536, 16 * MIB);
	assert_int_equal(fake_read(&fake, SP_REGION_BAR2, 0x600, 4), 8);
	assert_int_equal(fake_read(&fake, SP_REGION_BAR2, 0x604, 4), 0x1e1e1e1e);
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(fake_read(&fake, SP_REGION_BAR2, i, 1), header[i]);
	for (uint32_t i = 128; i < 256; i++)
		sum += (uint32_t)fake_read(&fake, SP_REGION_BAR2, i, 1);
	assert_int_equal(sum & 0xff, 0);
	assert_int_equal(fake_read(&fake, SP_REGION_BAR2, 255, 2) >> 8, 0xff);
	/* It cannot be written, nor can these. */
	fake_write(&fake, SP_REGION_BAR2, 0, 8, 0);
	assert_int_equal(fake_read(&fake, SP_REGION_BAR2, 1, 1), 0xff);
	dispi(&fake, ID, 0);
	dispi(&fake, MEMORY, 1);
	assert_int_equal(dispi_read(&fake, ID), 0xb0c5);
	assert_int_equal(dispi_read(&fake, MEMORY), 256);
	fake_bus_release(&fake);
}

struct viewer {
	struct sp_scanout_listener listener;
	uint32_t changes[4];
};

static void changed(struct sp_scanout_listener *listener, const struct sp_scanout *scanout,
	enum sp_scanout_change change) {
	(void)scanout;
	((struct viewer *)listener)->changes[change]++;
}

static void test_flips(void **state) {
	struct viewer viewer = {.listener.changed = changed};
	struct sp_scanout *scanout;
	struct fake_bus fake;

	(void)state;
	begin(&fake, NULL);
	scanout = sp_bochs_scanout(fake.device);
	sp_scanout_listen(scanout, &viewer.listener);
	set_mode(&fake, 1024, 768, 16 * MIB);
	assert_int_equal(viewer.changes[SP_SCANOUT_RESIZED], 1);
	assert_int_equal(scanout->picture.width, 1024);
	assert_int_equal(scanout->picture.height, 768);
	assert_int_equal(scanout->picture.stride, 4096);
	assert_int_equal(scanout->picture.format, SP_FORMAT_XRGB8888);
	traps = 0;
	for (uint32_t i = 1; i <= 100; i++) {
		set_base(&fake, 4096, (i & 1) * 1024 * 768 * 4);
		assert_int_equal(traps, 4 * i);
		assert_int_equal(viewer.changes[SP_SCANOUT_FLIPPED], i);
		assert_int_equal(scanout->picture.offset, (i & 1) * 1024 * 768 * 4);
	}
	assert_int_equal(viewer.changes[SP_SCANOUT_RESIZED], 1);
	/* A wider line, and another order of bytes. */
	set_base(&fake, 8192, 64 + 8192 * 3);
	assert_int_equal(scanout->picture.stride, 8192);
	assert_int_equal(scanout->picture.offset, 64 + 8192 * 3);
	fake_write(&fake, SP_REGION_BAR2, 0x604, 4, 0xbebebebe);
	assert_int_equal(scanout->picture.format, SP_FORMAT_BGRX8888);
	fake_write(&fake, SP_REGION_BAR2, 0x604, 4, 0x12345678);
	assert_int_equal(fake_read(&fake, SP_REGION_BAR2, 0x604, 4), 0xbebebebe);
	dispi(&fake, BPP, 16);
	assert_int_equal(scanout->picture.format, SP_FORMAT_RGB565);
	assert_int_equal(scanout->picture.stride, 4096);
	/* A line is at least as long as what is seen of it. */
	dispi(&fake, VIRT_WIDTH, 0);
	assert_int_equal(scanout->picture.stride, 2048);
	dispi(&fake, BPP, 24);
	assert_int_equal(scanout->picture.file, -1);
	dispi(&fake, BPP, 32);
	dispi(&fake, ENABLE, 0);
	assert_int_equal(viewer.changes[SP_SCANOUT_BLANKED], 2);
	fake_bus_release(&fake);
}

static void test_modes(void **state) {
	struct sp_bochs_options options = {
		.memory = -1, .memory_size = 64 * MIB, .width = 3840, .height = 2160};
	struct sp_scanout *scanout;
	struct fake_bus fake;

	(void)state;
	begin(&fake, &options);
	scanout = sp_bochs_scanout(fake.device);
	set_mode(&fake, 3840, 2160, 64 * MIB);
	assert_int_equal(scanout->picture.width, 3840);
	assert_int_equal(scanout->picture.height, 2160);
	/* The last place where it fits. */
	dispi(&fake, Y_OFFSET, 64 * MIB / (3840 * 4) - 2160);
	assert_true(scanout->picture.file >= 0);
	dispi(&fake, Y_OFFSET, 64 * MIB / (3840 * 4) - 2160 + 1);
	assert_int_equal(scanout->picture.file, -1);
	fake_bus_release(&fake);
}

/* Every register at its bounds: what is shown is always within the memory. */
static void test_hostile(void **state) {
	static const uint16_t values[] = {0, 1, 63, 64, 1024, 4096, 0x7fff, 0x8000, 0xffff};
	const uint32_t last[] = {XRES, YRES, VIRT_WIDTH, X_OFFSET, Y_OFFSET};
	uint32_t at[5] = {0}, shown = 0;
	struct sp_scanout *scanout;
	struct fake_bus fake;

	(void)state;
	begin(&fake, NULL);
	scanout = sp_bochs_scanout(fake.device);
	dispi(&fake, BPP, 32);
	dispi(&fake, ENABLE, 0xffff);
	for (;;) {
		const struct sp_picture *picture = &scanout->picture;
		uint32_t digit = 0;

		if (picture->file >= 0) {
			unsigned __int128 end =
				(unsigned __int128)picture->stride * (picture->height - 1) +
				picture->offset + picture->width * 4ull;

			assert_true(end <= 16 * MIB && picture->width >= 64);
			assert_true(picture->stride >= picture->width * 4);
			assert_true(picture->offset ==
				values[at[3]] * 4ull + (uint64_t)values[at[4]] * picture->stride);
			shown++;
		}
		while (digit < 5 && ++at[digit] == 9) {
			at[digit] = 0;
			dispi(&fake, last[digit++], 0);
		}
		if (digit == 5)
			break;
		dispi(&fake, last[digit], values[at[digit]]);
	}
	assert_true(shown > 100);
	fake_bus_release(&fake);
}

static void test_memory(void **state) {
	uint8_t bytes[4096], zeros[4096] = {0};
	struct fake_notice notice;
	struct fake_bus fake;
	struct stat stat;
	int file;

	(void)state;
	begin(&fake, NULL);
	file = fake.device->info->regions[SP_REGION_BAR0].file;
	assert_int_equal(fstat(file, &stat), 0);
	assert_int_equal(stat.st_size, 16 * MIB);
	/* Nobody can make it shorter under those who map it. */
	assert_int_equal(ftruncate(file, 4096), -1);
	assert_int_equal(ftruncate(file, 32 * MIB), -1);
	/* New memory is zeros, whatever was in ours. */
	assert_int_equal(
		fake_access(&fake, SP_REGION_BAR0, 16 * MIB - 4096, bytes, 4096, false), 0);
	assert_memory_equal(bytes, zeros, 4096);
	fake_write(&fake, SP_REGION_BAR0, 16 * MIB - 8, 8, UINT64_MAX);
	fake_write(&fake, SP_REGION_BAR0, 0, 4, 0x11223344);
	set_mode(&fake, 640, 480, 16 * MIB);
	/* It outlives a reset of the function, but not one of the guest. */
	fake_reset(&fake, SP_RESET_FUNCTION, &notice);
	assert_int_equal(notice.done, 1);
	assert_int_equal(sp_bochs_scanout(fake.device)->picture.file, -1);
	assert_int_equal(dispi_read(&fake, ENABLE), 0);
	assert_int_equal(fake_read(&fake, SP_REGION_BAR0, 0, 4), 0x11223344);
	fake_reset(&fake, SP_RESET_SYSTEM, &notice);
	assert_int_equal(notice.done, 1);
	assert_int_equal(notice.error, 0);
	assert_int_equal(fake_read(&fake, SP_REGION_BAR0, 0, 4), 0);
	assert_int_equal(fake_read(&fake, SP_REGION_BAR0, 16 * MIB - 8, 8), 0);
	fake_write(&fake, SP_REGION_BAR0, 8, 4, 1);
	fake_reset(&fake, SP_RESET_LOST, &notice);
	assert_int_equal(fake_read(&fake, SP_REGION_BAR0, 8, 4), 0);
	fake_bus_release(&fake);
}

static void test_given(void **state) {
	struct sp_bochs_options options = NO_MEMORY;
	struct sp_error error = {0};
	struct fake_bus fake;
	int file = memfd_create("given", MFD_ALLOW_SEALING);

	(void)state;
	options.memory = file;
	assert_null(sp_bochs_create(&options, NULL, &error));
	assert_int_equal(ftruncate(file, 16 * MIB), 0);
	assert_null(sp_bochs_create(&options, NULL, &error)); /* it could shrink */
	assert_int_equal(fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	assert_null(sp_bochs_create(&options, NULL, &error));
	assert_int_equal(fcntl(file, F_ADD_SEALS, F_SEAL_GROW), 0);
	assert_int_equal(pwrite(file, "kept", 4, 100), 4);
	begin(&fake, &options);
	assert_int_equal(fake_read(&fake, SP_REGION_BAR0, 100, 4), 0x7470656b);
	fake_bus_release(&fake);
	assert_int_equal(fcntl(file, F_GETFD), -1);
	options.memory = open("/dev/zero", O_RDWR);
	assert_null(sp_bochs_create(&options, NULL, &error));
	assert_int_equal(error.kind, SP_ERROR_USE);
	assert_int_equal(close(options.memory), 0);
}

static void test_options(void **state) {
	static const struct sp_bochs_options bad[] = {
		{.memory = -1, .memory_size = 1},
		{.memory = -1, .memory_size = 2 * MIB},
		{.memory = -1, .memory_size = 24 * MIB},
		{.memory = -1, .memory_size = 512 * MIB},
		{.memory = -1, .memory_size = UINT64_MAX},
		{.memory = -1, .width = 63},
		{.memory = -1, .width = 3840, .height = 2160},
		{.memory = -1, .width = UINT32_MAX, .height = UINT32_MAX},
		{.memory = -1, .rom_size = 12},
	};
	struct sp_budget_limits limits = {.limits = {16 * MIB, 0, 0, 0, 1}};
	const struct sp_bochs_options usual = NO_MEMORY;
	struct sp_budget *budget = sp_budget_create(&limits);
	struct sp_device *device;
	struct sp_error error = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_null(sp_bochs_create(&bad[i], budget, &error));
		assert_int_equal(error.kind, SP_ERROR_USE);
		assert_int_equal(sp_budget_used(budget, SP_RESOURCE_BYTES), 0);
		assert_int_equal(sp_budget_used(budget, SP_RESOURCE_FILES), 0);
	}
	device = sp_bochs_create(&usual, budget, &error);
	assert_non_null(device);
	assert_null(sp_bochs_create(&usual, budget, &error));
	assert_int_equal(error.kind, SP_ERROR_SYSTEM);
	sp_device_destroy(device);
	assert_int_equal(sp_budget_used(budget, SP_RESOURCE_BYTES), 0);
	assert_int_equal(sp_budget_used(budget, SP_RESOURCE_FILES), 0);
	sp_budget_destroy(budget);
}

static void test_resize(void **state) {
	struct sp_scanout *scanout;
	struct fake_bus fake;

	(void)state;
	begin(&fake, NULL);
	scanout = sp_bochs_scanout(fake.device);
	assert_int_equal(fake_read(&fake, SP_REGION_BAR2, 56, 1), 1280 & 0xff);
	assert_true(scanout->resize(scanout, 1600, 900));
	assert_int_equal(fake_read(&fake, SP_REGION_BAR2, 56, 1), 1600 & 0xff);
	/* Impossible: as before. */
	assert_false(scanout->resize(scanout, 1, 1));
	assert_false(scanout->resize(scanout, 4095, 4095));
	assert_false(scanout->resize(scanout, UINT32_MAX, UINT32_MAX));
	assert_int_equal(fake_read(&fake, SP_REGION_BAR2, 56, 1), 1600 & 0xff);
	fake_bus_release(&fake);
}

static void test_state(void **state) {
	struct sp_bochs_options larger = {.memory = -1, .memory_size = 32 * MIB};
	struct sp_state_writer *writer = sp_state_writer_create();
	struct sp_scanout *scanout, *copied;
	uint8_t before[4096], after[4096];
	struct sp_state_reader *reader;
	struct fake_bus fake, other;
	struct sp_error error = {0};
	const uint8_t *data;
	size_t size;

	(void)state;
	begin(&fake, NULL);
	scanout = sp_bochs_scanout(fake.device);
	scanout->resize(scanout, 1366, 768);
	set_mode(&fake, 800, 600, 16 * MIB);
	set_base(&fake, 3200, 3200 * 600 + 40);
	assert_true(fake.device->ops->save(fake.device, writer, &error));
	data = sp_state_data(writer, &size, &error);
	assert_non_null(data);
	reader = sp_state_reader_create(data, size, &error);
	assert_non_null(reader);
	begin(&other, NULL);
	assert_true(other.device->ops->load(other.device, reader, &error));
	copied = sp_bochs_scanout(other.device);
	assert_int_equal(copied->picture.offset, 3200 * 600 + 40);
	assert_int_equal(copied->picture.width, 800);
	fake_access(&fake, SP_REGION_BAR2, 0, before, 4096, false);
	fake_access(&other, SP_REGION_BAR2, 0, after, 4096, false);
	assert_memory_equal(before, after, 4096);
	fake_bus_release(&other);
	begin(&other, &larger);
	assert_false(other.device->ops->load(other.device, reader, &error));
	fake_bus_release(&other);
	sp_state_reader_destroy(reader);
	sp_state_writer_destroy(writer);
	fake_bus_release(&fake);
}

/* A state with any byte changed is refused, or makes a display that shows what is in its memory. */
static void test_forged(void **state) {
	struct sp_state_writer *writer = sp_state_writer_create();
	struct fake_notice notice;
	struct sp_error error = {0};
	struct fake_bus fake;
	uint8_t forged[4096];
	const uint8_t *data;
	size_t size;

	(void)state;
	begin(&fake, NULL);
	set_mode(&fake, 800, 600, 16 * MIB);
	fake.device->ops->save(fake.device, writer, &error);
	data = sp_state_data(writer, &size, &error);
	assert_non_null(data);
	assert_true(size < sizeof(forged));
	for (size_t at = 0; at < size; at++) {
		struct sp_picture *picture = &sp_bochs_scanout(fake.device)->picture;
		struct sp_state_reader *reader;

		memcpy(forged, data, size);
		forged[at] ^= 0xff;
		reader = sp_state_reader_create(forged, size, &error);
		if (!reader)
			continue;
		fake_reset(&fake, SP_RESET_FUNCTION, &notice);
		(void)fake.device->ops->load(fake.device, reader, &error);
		sp_state_reader_destroy(reader);
		assert_true(picture->file < 0 || sp_picture_fits(picture, NULL));
		assert_int_equal(dispi_read(&fake, ID), 0xb0c5);
		assert_int_equal(dispi_read(&fake, MEMORY), 256);
		assert_int_equal(fake_read(&fake, SP_REGION_CONFIG, 0, 4), 0x11111234);
		/* The bit that asks for a reset always reads as 0. */
		assert_int_equal(fake_read(&fake, SP_REGION_CONFIG, 0x48, 1), 0x10);
		assert_int_equal(fake_read(&fake, SP_REGION_CONFIG, 0x50, 2) & 0x8000, 0);
	}
	sp_state_writer_destroy(writer);
	fake_bus_release(&fake);
}

/* Every byte of every read is written, whatever its size and place. */
/* 0xa5 at 20 is the EDID's own. */
static void test_poison(void **state) {
	static const uint32_t regions[] = {SP_REGION_BAR2, SP_REGION_CONFIG};
	uint8_t once[64], twice[64];
	struct fake_bus fake;

	(void)state;
	begin(&fake, NULL);
	for (size_t r = 0; r < 2; r++)
		for (uint32_t offset = 0; offset < 4096; offset++)
			for (uint32_t size = 1; size <= 9 && offset + size <= 4096; size++) {
				fake_access(&fake, regions[r], offset, once, size, false);
				for (uint32_t i = 0; i < size; i++)
					twice[i] = (uint8_t)fake_read(
						&fake, regions[r], offset + i, 1);
				assert_memory_equal(once, twice, size);
				for (uint32_t i = 0; i < size; i++)
					assert_true(once[i] != FAKE_FILLER ||
						(r == 0 && offset + i == 20));
			}
	fake_bus_release(&fake);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_function),
		cmocka_unit_test(test_probe),
		cmocka_unit_test(test_flips),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_given),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_resize),
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_poison),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
