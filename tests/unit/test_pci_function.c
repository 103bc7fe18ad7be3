/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake_bus.h"
#include "pci/config.h"

#define MESSAGE_AT 0xfee00000u

/* A device that is nothing but its PCI function. */
struct plain {
	struct sp_device device;
	struct sp_device_info info;
	struct sp_pci *pci;
	uint32_t accesses, resets, masters;
	struct sp_notice *slow; /* the resets that are not done yet */
	bool wait;
};

static void plain_destroy(struct sp_device *device) {
	sp_pci_destroy(((struct plain *)device)->pci);
}

static void plain_access(struct sp_device *device, struct sp_access *access) {
	struct plain *plain = (struct plain *)device;

	if (sp_pci_access(plain->pci, access))
		return;
	plain->accesses++;
	memset(access->data, 0x77, access->write ? 0 : access->size);
	sp_access_done(access, 0);
}

static void plain_reset(struct sp_device *device, enum sp_reset kind, struct sp_notice *notice) {
	struct plain *plain = (struct plain *)device;

	(void)kind;
	plain->resets++;
	sp_device_set_level(device, false);
	sp_pci_reset(plain->pci);
	if (plain->wait) {
		notice->next = plain->slow;
		plain->slow = notice;
	} else {
		sp_notice_done(notice, 0);
	}
}

static void plain_master(struct sp_device *device, bool on) {
	(void)on;
	((struct plain *)device)->masters++;
}

static const struct sp_device_ops ops = {
	.destroy = plain_destroy,
	.access = plain_access,
	.reset = plain_reset,
	.master = plain_master,
};

static const uint8_t rom[5000] = {0x55, 0xaa, 9, [4999] = 0x42};
static const uint8_t vendor_data[] = "Sallyport's own";
static const struct sp_pci_desc rich = {
	.vendor = 0x1234,
	.device = 0x4321,
	.subvendor = 0x1234,
	.subdevice = 0x5678,
	.class = 0x038000,
	.revision = 3,
	.bars[0] = {.size = 8ull << 30, .flags = SP_PCI_BAR_WIDE | SP_PCI_BAR_PREFETCH},
	.bars[2] = {.size = 65536},
	.bars[3] = {.size = 32, .flags = SP_PCI_BAR_IO},
	.bars[4] = {.size = 1u << 20, .flags = SP_PCI_BAR_WIDE},
	.rom = rom,
	.rom_size = sizeof(rom),
	.pin = 2,
	.express = SP_PCI_LEGACY_ENDPOINT,
	.msi = 8,
	.msix = 70,
	.msix_bar = 2,
	.msix_table = 0x1000,
	.msix_pba = 0x2000,
	.vendor_data = vendor_data,
	.vendor_size = sizeof(vendor_data),
	.serial = 0x0123456789abcdef,
};

static void begin(struct fake_bus *fake, struct plain *plain, const struct sp_pci_desc *desc) {
	struct sp_error error = {0};

	*plain = (struct plain){.device = {.ops = &ops, .info = &plain->info}};
	plain->pci = sp_pci_create(desc, &plain->device, &error);
	if (!plain->pci)
		fail_msg("%s", error.message);
	plain->info = (struct sp_device_info){
		.model = "plain",
		.regions = sp_pci_regions(plain->pci),
		.region_count = SP_REGION_COUNT,
		.vectors = 100,
		.level = true,
		.pci = plain->pci,
	};
	fake_bus_init(fake, &plain->device, 0, 0);
}

static uint64_t config(struct fake_bus *fake, uint64_t offset, uint32_t size) {
	return fake_read(fake, SP_REGION_CONFIG, offset, size);
}

static void configure(struct fake_bus *fake, uint64_t offset, uint32_t size, uint64_t value) {
	fake_write(fake, SP_REGION_CONFIG, offset, size, value);
}

/* Where a capability is. */
static uint32_t cap(struct fake_bus *fake, uint8_t id) {
	uint32_t at = (uint32_t)config(fake, 0x34, 1);

	for (int i = 0; at && i < 48; i++) {
		if (config(fake, at, 1) == id)
			return at;
		at = (uint32_t)config(fake, at + 1, 1);
	}
	fail_msg("no capability 0x%02x", id);
	return 0;
}

static uint32_t space(struct fake_bus *fake, uint8_t *bytes) {
	uint32_t size = (uint32_t)fake->device->info->regions[SP_REGION_CONFIG].size;

	assert_int_equal(fake_access(fake, SP_REGION_CONFIG, 0, bytes, size, false), 0);
	return size;
}

static void test_golden(void **state) {
	uint8_t bytes[SP_PCI_CONFIG_MAX];
	struct sp_pci_config read;
	struct sp_error error = {0};
	struct fake_bus fake;
	struct plain plain;
	uint32_t vendor;

	(void)state;
	begin(&fake, &plain, &rich);
	assert_int_equal(space(&fake, bytes), 4096);
	assert_true(sp_pci_config_read(&read, bytes, 4096, &error));
	assert_false(read.broken);
	assert_int_equal(read.vendor, 0x1234);
	assert_int_equal(read.device, 0x4321);
	assert_int_equal(read.subvendor, 0x1234);
	assert_int_equal(read.subdevice, 0x5678);
	assert_int_equal(read.class, 0x038000);
	assert_int_equal(read.revision, 3);
	assert_int_equal(read.header, SP_PCI_HEADER_NORMAL);
	assert_false(read.multifunction);
	assert_int_equal(read.command, 0);
	assert_int_equal(read.status, 0x0010);
	assert_true(read.bars[0].wide && read.bars[0].prefetch && !read.bars[0].io);
	assert_true(read.bars[3].io);
	assert_true(read.bars[4].wide && !read.bars[4].prefetch);
	assert_int_equal(read.pin, 2);
	assert_true(read.has_caps && read.has_extended);
	assert_true(read.has_msi && read.msi_wide && read.msi_maskable && !read.msi_on);
	assert_int_equal(read.msi_vectors, 8);
	assert_true(read.has_msix && !read.msix.on);
	assert_int_equal(read.msix.vectors, 70);
	assert_int_equal(read.msix.table_bar, 2);
	assert_int_equal(read.msix.table_offset, 0x1000);
	assert_int_equal(read.msix.pba_bar, 2);
	assert_int_equal(read.msix.pba_offset, 0x2000);
	assert_int_equal(read.pcie, SP_PCIE_LEGACY_ENDPOINT);
	assert_true(read.flr && read.has_pm && !read.pm_reset);
	assert_true(read.has_serial);
	assert_int_equal(read.serial_at, 0x100);
	assert_int_equal(config(&fake, 0x104, 4), 0x89abcdef);
	assert_int_equal(config(&fake, 0x108, 4), 0x01234567);
	vendor = cap(&fake, 0x09);
	assert_int_equal(bytes[vendor + 2], 3 + sizeof(vendor_data));
	assert_memory_equal(bytes + vendor + 3, vendor_data, sizeof(vendor_data));
	fake_bus_release(&fake);
}

static void test_vendors(void **state) {
	static const uint8_t first[] = {1, 2, 3, 4, 5, 6}, second[13] = {9};
	static const uint8_t mask[13] = {[1] = 0xff, [5] = 0x0f, [12] = 0x80};
	const struct sp_pci_vendor vendors[] = {
		{.data = first, .size = sizeof(first)},
		{.data = second, .mask = mask, .size = sizeof(second)},
	};
	struct sp_pci_desc desc = {.vendor = 0x1234,
		.device = 0x11e8,
		.class = 0xff0000,
		.vendor_data = vendor_data,
		.vendor_size = sizeof(vendor_data),
		.vendors = vendors,
		.vendor_count = 2};
	struct sp_error error = {0};
	struct fake_bus fake;
	struct plain plain;
	uint32_t at;

	(void)state;
	begin(&fake, &plain, &desc);
	at = cap(&fake, 0x09);
	assert_int_equal(config(&fake, at + 2, 1), 3 + sizeof(vendor_data));
	at = (uint32_t)config(&fake, at + 1, 1);
	assert_int_equal(at, sp_pci_vendor_at(plain.pci, 0));
	assert_int_equal(config(&fake, at + 2, 8), UINT64_C(0x0006050403020109));
	configure(&fake, at + 3, 4, 0xffffffff);
	assert_int_equal(config(&fake, at + 3, 4), 0x04030201);
	at = (uint32_t)config(&fake, at + 1, 1);
	assert_int_equal(at, sp_pci_vendor_at(plain.pci, 1));
	assert_int_equal(config(&fake, at + 1, 1), 0);
	for (uint32_t i = 0; i < 16; i += 4)
		configure(&fake, at + i, 4, 0xffffffff);
	assert_int_equal(config(&fake, at, 4), 0x09100009);
	assert_int_equal(config(&fake, at + 4, 4), 0x000000ff);
	assert_int_equal(config(&fake, at + 8, 4), 0x0000000f);
	assert_int_equal(config(&fake, at + 12, 4), 0x80000000);
	fake_bus_release(&fake);
	desc.vendor_count = SP_PCI_VENDORS_MAX + 1;
	assert_null(sp_pci_create(&desc, &plain.device, &error));
	assert_int_equal(error.kind, SP_ERROR_USE);
}

static void test_conventional(void **state) {
	const struct sp_pci_desc desc = {
		.vendor = 0x1234, .device = 0x11e8, .class = 0xff0000, .bars[0].size = 4096};
	uint8_t bytes[SP_PCI_CONFIG_MAX];
	struct sp_pci_config read;
	struct sp_error error = {0};
	struct fake_bus fake;
	struct plain plain;

	(void)state;
	begin(&fake, &plain, &desc);
	assert_int_equal(space(&fake, bytes), 256);
	assert_true(sp_pci_config_read(&read, bytes, 256, &error));
	assert_false(read.broken || read.has_msi || read.has_msix || read.has_pm);
	assert_int_equal(read.pcie, SP_PCIE_NONE);
	assert_int_equal(read.status, 0);
	/* Without a pin there is no INTx to disable; without memory's bit no memory. */
	configure(&fake, 4, 2, 0xffff);
	assert_int_equal(config(&fake, 4, 2), 0x0146);
	fake_bus_release(&fake);
}

static void put_lspci(FILE *out, const uint8_t *bytes, uint32_t size) {
	fprintf(out, "00:02.0 Display controller: test\n");
	for (uint32_t i = 0; i < size; i++) {
		if (i % 16 == 0)
			fprintf(out, "%02x:", i);
		fprintf(out, " %02x%s", bytes[i], i % 16 == 15 ? "\n" : "");
	}
}

/* What lspci makes of it; its path is the program's argument. */
static const char *lspci;

static void test_lspci(void **state) {
	static const char *const wanted[] = {
		"Region 0: Memory at <unassigned> (64-bit, prefetchable)",
		"Region 2: Memory at fe000000 (32-bit, non-prefetchable)",
		"Region 3: I/O ports at <unassigned>",
		"Region 4: Memory at <unassigned> (64-bit, non-prefetchable)",
		"Interrupt: pin B",
		"Power Management version 3",
		"NoSoftRst+",
		"MSI: Enable- Count=1/8 Maskable+ 64bit+",
		"MSI-X: Enable- Count=70 Masked-",
		"Vector table: BAR=2 offset=00001000",
		"PBA: BAR=2 offset=00002000",
		"Express (v2) Legacy Endpoint, MSI 00",
		"FLReset+",
		"Speed 2.5GT/s, Width x1",
		"Vendor Specific Information: Len=13",
		"Device Serial Number 01-23-45-67-89-ab-cd-ef",
	};
	char path[] = "/tmp/sp-space-XXXXXX", command[512], text[16384] = {0};
	uint8_t bytes[SP_PCI_CONFIG_MAX];
	struct fake_bus fake;
	struct plain plain;
	FILE *file;

	(void)state;
	begin(&fake, &plain, &rich);
	configure(&fake, 0x18, 4, 0xfe000000);
	space(&fake, bytes);
	file = fdopen(mkstemp(path), "w");
	assert_non_null(file);
	put_lspci(file, bytes, 4096);
	fclose(file);
	snprintf(command, sizeof(command), "%s -F %s -vv 2>&1", lspci, path);
	file = popen(command, "r");
	assert_non_null(file);
	assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
	assert_int_equal(pclose(file), 0);
	unlink(path);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!strstr(text, wanted[i]))
			fail_msg("lspci does not say \"%s\"", wanted[i]);
	assert_null(strstr(text, "nknown"));
	assert_null(strstr(text, "<chain"));
	fake_bus_release(&fake);
}

static void test_sizing(void **state) {
	struct fake_bus fake;
	struct plain plain;

	(void)state;
	begin(&fake, &plain, &rich);
	for (uint32_t at = 0x10; at < 0x28; at += 4)
		configure(&fake, at, 4, 0xffffffff);
	configure(&fake, 0x30, 4, 0xfffff800);
	assert_int_equal(config(&fake, 0x10, 4), 0x0000000c);
	assert_int_equal(config(&fake, 0x14, 4), 0xfffffffe);
	assert_int_equal(config(&fake, 0x18, 4), 0xffff0000);
	assert_int_equal(config(&fake, 0x1c, 4), 0xffffffe1);
	assert_int_equal(config(&fake, 0x20, 4), 0xfff00004);
	assert_int_equal(config(&fake, 0x24, 4), 0xffffffff);
	assert_int_equal(config(&fake, 0x30, 4), 0xffffe000);
	assert_int_equal(fake.bar_calls, 0);
	/* Byte by byte it is the same. */
	for (uint32_t i = 0; i < 4; i++)
		configure(&fake, 0x18 + i, 1, 0x12345678 >> 8 * i & 0xff);
	assert_int_equal(config(&fake, 0x18, 4), 0x12340000);
	fake_bus_release(&fake);
}

static void test_bars(void **state) {
	struct fake_bus fake;
	struct plain plain;

	(void)state;
	begin(&fake, &plain, &rich);
	configure(&fake, 0x10, 8, 0x3800000000);
	configure(&fake, 0x18, 4, 0xfe000000);
	configure(&fake, 0x1c, 4, 0xc000);
	assert_int_equal(fake.bar_calls, 0);
	configure(&fake, 4, 2, 0x0002);
	assert_int_equal(fake.bar_calls, 2);
	assert_true(fake.bars[0].on && fake.bars[0].address == 0x3800000000);
	assert_true(fake.bars[2].on && fake.bars[2].address == 0xfe000000);
	assert_false(fake.bars[3].on || fake.bars[4].on || fake.bars[SP_REGION_ROM].on);
	configure(&fake, 4, 1, 0x03);
	assert_true(fake.bars[3].on && fake.bars[3].address == 0xc000);
	/* Moved, and sized while it is decoded. */
	configure(&fake, 0x18, 4, 0xfd000000);
	assert_true(fake.bars[2].on && fake.bars[2].address == 0xfd000000);
	configure(&fake, 0x18, 4, 0xffffffff);
	assert_false(fake.bars[2].on);
	configure(&fake, 0x10, 4, 0xffffffff);
	configure(&fake, 0x14, 4, 0xffffffff);
	assert_false(fake.bars[0].on);
	configure(&fake, 0x30, 4, 0xfc000001);
	assert_true(fake.bars[SP_REGION_ROM].on && fake.bars[SP_REGION_ROM].address == 0xfc000000);
	configure(&fake, 0x30, 4, 0xfc000000);
	assert_false(fake.bars[SP_REGION_ROM].on);
	/* Nothing is decoded in D3hot, and D1 is not there. */
	configure(&fake, 0x18, 4, 0xfd000000);
	configure(&fake, cap(&fake, 1) + 4, 2, 1);
	assert_int_equal(config(&fake, cap(&fake, 1) + 4, 2), 8);
	assert_true(fake.bars[2].on);
	configure(&fake, cap(&fake, 1) + 4, 2, 3);
	assert_false(fake.bars[2].on);
	configure(&fake, cap(&fake, 1) + 4, 2, 0);
	assert_true(fake.bars[2].on);
	fake_bus_release(&fake);
	assert_int_equal(plain.masters, 0);
}

static void test_rom(void **state) {
	uint8_t bytes[8192];
	struct fake_bus fake;
	struct plain plain;

	(void)state;
	begin(&fake, &plain, &rich);
	assert_int_equal(plain.info.regions[SP_REGION_ROM].size, 8192);
	fake_access(&fake, SP_REGION_ROM, 0, bytes, sizeof(bytes), false);
	assert_memory_equal(bytes, rom, sizeof(rom));
	for (size_t i = sizeof(rom); i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], 0xff);
	fake_write(&fake, SP_REGION_ROM, 0, 4, 0);
	assert_int_equal(fake_read(&fake, SP_REGION_ROM, 0, 2), 0xaa55);
	assert_int_equal(fake_read(&fake, SP_REGION_ROM, 4999, 3), 0xffff42);
	assert_int_equal(plain.accesses, 0);
	fake_bus_release(&fake);
}

static void test_intx(void **state) {
	struct fake_bus fake;
	struct plain plain;

	(void)state;
	begin(&fake, &plain, &rich);
	sp_device_raise(&plain.device, 0);
	assert_int_equal(fake.message_count, 0);
	sp_device_set_level(&plain.device, true);
	assert_true(fake.line);
	assert_int_equal(config(&fake, 6, 2) & 8, 8);
	/* Disabled: others do not see it, but the status tells. */
	configure(&fake, 4, 2, 0x0400);
	assert_false(fake.line);
	assert_int_equal(config(&fake, 6, 2) & 8, 8);
	configure(&fake, 4, 2, 0);
	assert_true(fake.line);
	/* The status cannot be written. */
	configure(&fake, 6, 2, 0xffff);
	assert_int_equal(config(&fake, 6, 2), 0x0018);
	/* MSI in its place. */
	configure(&fake, cap(&fake, 5) + 2, 2, 1);
	assert_false(fake.line);
	assert_int_equal(sp_pci_mode(plain.pci), SP_PCI_MSI);
	configure(&fake, cap(&fake, 5) + 2, 2, 0);
	assert_true(fake.line);
	sp_device_set_level(&plain.device, false);
	assert_false(fake.line);
	assert_int_equal(config(&fake, 6, 2), 0x0010);
	fake_bus_release(&fake);
}

static void test_msi(void **state) {
	struct fake_bus fake;
	struct plain plain;
	uint32_t at;

	(void)state;
	begin(&fake, &plain, &rich);
	at = cap(&fake, 5);
	configure(&fake, at + 4, 4, MESSAGE_AT | 3);
	configure(&fake, at + 8, 4, 1);
	configure(&fake, at + 12, 2, 0x4127);
	configure(&fake, at + 2, 2, 1 | 2 << 4); /* four of eight */
	sp_device_raise(&plain.device, 1);
	assert_int_equal(fake.message_count, 0); /* no master yet: kept */
	assert_int_equal(config(&fake, at + 20, 4), 1u << 1);
	configure(&fake, 4, 2, 4);
	assert_int_equal(plain.masters, 1);
	assert_int_equal(fake.message_count, 1);
	assert_int_equal(fake.messages[0].address, 0x100000000 | MESSAGE_AT);
	assert_int_equal(fake.messages[0].value, 0x4125);
	assert_int_equal(config(&fake, at + 20, 4), 0);
	/* 6 is 2 of four. */
	sp_device_raise(&plain.device, 6);
	assert_int_equal(fake.messages[1].value, 0x4126);
	/* Masked, pending, not masked. */
	configure(&fake, at + 16, 4, 0xffffffff);
	assert_int_equal(config(&fake, at + 16, 4), 0xff);
	sp_device_raise(&plain.device, 3);
	sp_device_raise(&plain.device, 3);
	assert_int_equal(fake.message_count, 2);
	assert_int_equal(config(&fake, at + 20, 4), 1u << 3);
	configure(&fake, at + 16, 1, 0xf7);
	assert_int_equal(fake.message_count, 3);
	assert_int_equal(fake.messages[2].value, 0x4127);
	/* More than there are: all there are. */
	configure(&fake, at + 2, 2, 1 | 7 << 4);
	configure(&fake, at + 16, 4, 0);
	sp_device_raise(&plain.device, 99);
	assert_int_equal(fake.messages[3].value, 0x4123);
	assert_true(fake.vector_calls >= 5);
	configure(&fake, at + 2, 2, 0);
	sp_device_raise(&plain.device, 0);
	assert_int_equal(fake.message_count, 4);
	fake_bus_release(&fake);
}

static void put_entry(struct fake_bus *fake, uint32_t i, uint32_t control) {
	fake_write(fake, SP_REGION_BAR2, 0x1000 + 16 * i, 8, MESSAGE_AT + 0x100000000u * i);
	fake_write(fake, SP_REGION_BAR2, 0x1008 + 16 * i, 8, (uint64_t)control << 32 | (i + 1));
}

static void test_msix(void **state) {
	struct fake_bus fake;
	struct plain plain;
	uint32_t at;

	(void)state;
	begin(&fake, &plain, &rich);
	at = cap(&fake, 0x11);
	assert_int_equal(fake_read(&fake, SP_REGION_BAR2, 0x100c + 16 * 69, 4), 1);
	put_entry(&fake, 0, 0);
	put_entry(&fake, 69, 0);
	configure(&fake, 4, 2, 4);
	sp_device_raise(&plain.device, 69);
	assert_int_equal(fake.message_count, 0); /* off: lost */
	configure(&fake, at + 2, 2, 0xc000);
	sp_device_raise(&plain.device, 69);
	sp_device_raise(&plain.device, 0);
	sp_device_raise(&plain.device, 1);
	sp_device_raise(&plain.device, 70); /* beyond */
	assert_int_equal(fake.message_count, 0);
	assert_true(fake_read(&fake, SP_REGION_BAR2, 0x2000, 8) == 3);
	assert_true(fake_read(&fake, SP_REGION_BAR2, 0x2008, 8) == 1u << 5);
	configure(&fake, at + 2, 2, 0x8000);
	assert_int_equal(fake.message_count, 2);
	assert_int_equal(fake.messages[0].value, 1);
	assert_int_equal(fake.messages[0].address, MESSAGE_AT);
	assert_int_equal(fake.messages[1].value, 70);
	assert_true(fake.messages[1].address == MESSAGE_AT + 69 * 0x100000000u);
	assert_true(fake_read(&fake, SP_REGION_BAR2, 0x2000, 8) == 2);
	put_entry(&fake, 1, 0);
	assert_int_equal(fake.message_count, 3);
	/* One that is alone in its byte of pending bits. */
	sp_device_raise(&plain.device, 9);
	put_entry(&fake, 9, 0);
	assert_int_equal(fake.message_count, 4);
	/* Reserved bits stay 0, and pending bits cannot be written. */
	put_entry(&fake, 5, 0xfffffffe);
	assert_int_equal(fake_read(&fake, SP_REGION_BAR2, 0x105c, 4), 0);
	fake_write(&fake, SP_REGION_BAR2, 0x1050, 4, 0xffffffff);
	assert_int_equal(fake_read(&fake, SP_REGION_BAR2, 0x1050, 4), 0xfffffffc);
	fake_write(&fake, SP_REGION_BAR2, 0x2000, 8, UINT64_MAX);
	assert_int_equal(fake_read(&fake, SP_REGION_BAR2, 0x2000, 8), 0);
	/* What begins before the table or ends after it has ones there. */
	assert_int_equal(fake_read(&fake, SP_REGION_BAR2, 0x0fff, 2), 0x00ff);
	assert_int_equal(fake_read(&fake, SP_REGION_BAR2, 0x200f, 2), 0xff00);
	assert_int_equal(plain.accesses, 0);
	assert_int_equal(fake_read(&fake, SP_REGION_BAR2, 0x2010, 2), 0x7777);
	assert_int_equal(fake_read(&fake, SP_REGION_BAR0, 0x1000, 2), 0x7777);
	assert_int_equal(plain.accesses, 2);
	fake_bus_release(&fake);
}

static void test_reset(void **state) {
	uint8_t before[SP_PCI_CONFIG_MAX], after[SP_PCI_CONFIG_MAX];
	struct fake_bus fake;
	struct plain plain;
	uint32_t at;

	(void)state;
	begin(&fake, &plain, &rich);
	space(&fake, before);
	at = cap(&fake, 0x10) + 8;
	configure(&fake, 0x18, 4, 0xfe000000);
	configure(&fake, 4, 2, 0x0007);
	sp_device_set_level(&plain.device, true);
	put_entry(&fake, 3, 0);
	assert_true(fake.line && fake.master && fake.bars[2].on);
	/* The guest asks for it, and it takes a while, in which it asks again. */
	plain.wait = true;
	configure(&fake, at, 2, 0x8000);
	assert_int_equal(plain.resets, 1);
	assert_false(fake.line || fake.master || fake.bars[2].on);
	configure(&fake, at + 1, 1, 0x80);
	assert_int_equal(plain.resets, 1);
	assert_int_equal(config(&fake, at, 2) & 0x8000, 0);
	plain.wait = false;
	sp_notice_done(plain.slow, 0);
	configure(&fake, at, 2, 0x8000);
	assert_int_equal(plain.resets, 2);
	space(&fake, after);
	assert_memory_equal(before, after, sizeof(before));
	assert_int_equal(fake_read(&fake, SP_REGION_BAR2, 0x103c, 4), 1);
	assert_int_equal(fake_read(&fake, SP_REGION_BAR2, 0x1030, 8), 0);
	fake_bus_release(&fake);
}

static void test_state(void **state) {
	struct sp_state_writer *writer = sp_state_writer_create();
	uint8_t before[SP_PCI_CONFIG_MAX], after[SP_PCI_CONFIG_MAX];
	struct sp_state_reader *reader;
	struct sp_pci_desc fewer = rich;
	struct sp_error error = {0};
	struct fake_bus fake, other;
	struct plain plain, copy;
	const uint8_t *data;
	size_t size;

	(void)state;
	begin(&fake, &plain, &rich);
	configure(&fake, 0x18, 4, 0xfe000000);
	configure(&fake, 4, 2, 0x0407);
	put_entry(&fake, 2, 0);
	configure(&fake, cap(&fake, 0x11) + 2, 2, 0xc000);
	sp_device_raise(&plain.device, 2);
	sp_device_set_level(&plain.device, true);
	sp_pci_save(plain.pci, writer);
	space(&fake, before);
	data = sp_state_data(writer, &size, &error);
	assert_non_null(data);
	reader = sp_state_reader_create(data, size, &error);

	begin(&other, &copy, &rich);
	assert_true(sp_pci_load(copy.pci, reader, &error));
	space(&other, after);
	assert_memory_equal(before, after, sizeof(before));
	assert_true(other.master && other.bars[2].on);
	assert_int_equal(other.message_count, 0);
	configure(&other, cap(&other, 0x11) + 2, 2, 0x8000);
	assert_int_equal(other.message_count, 1);
	assert_int_equal(other.messages[0].value, 3);
	configure(&other, cap(&other, 0x11) + 2, 2, 0);
	configure(&other, 4, 2, 7);
	assert_true(other.line);
	fake_bus_release(&other);

	fewer.msix = 1;
	begin(&other, &copy, &fewer);
	assert_false(sp_pci_load(copy.pci, reader, &error));
	fake_bus_release(&other);
	sp_state_reader_destroy(reader);
	sp_state_writer_destroy(writer);
	fake_bus_release(&fake);
}

/* Each change makes a description impossible. */
static void test_impossible(void **state) {
	static const struct sp_area mapped[] = {
		{.size = 0x1000, .kind = SP_AREA_TRAPPED},
		{.offset = 0x1000, .size = 0xf000, .kind = SP_AREA_MAPPED},
	};
	struct sp_error error;

	(void)state;
	for (int how = 0;; how++) {
		struct sp_pci_desc desc = rich;
		struct sp_pci *pci;

		switch (how) {
		case 0:
			desc.bars[1].size = 4096;
			break; /* the upper half of 0 */
		case 1:
			desc.bars[2].size = 0x10001;
			break;
		case 2:
			desc.bars[2].size = 8;
			break;
		case 3:
			desc.bars[2].size = 1ull << 32;
			break;
		case 4:
			desc.bars[3].size = 512;
			break;
		case 5:
			desc.bars[3].flags |= SP_PCI_BAR_WIDE;
			break;
		case 6:
			desc.bars[5] = (struct sp_pci_bar){.size = 16, .flags = SP_PCI_BAR_WIDE};
			break;
		case 7:
			desc.bars[2].flags = 8;
			break;
		case 8:
			desc.class = 0x1000000;
			break;
		case 9:
			desc.pin = 5;
			break;
		case 10:
			desc.msi = 3;
			break;
		case 11:
			desc.msi = 64;
			break;
		case 12:
			desc.msix = 2049;
			break;
		case 13:
			desc.msix_bar = 6;
			break;
		case 14:
			desc.msix_bar = 3;
			break;
		case 15:
			desc.msix_bar = 5;
			break;
		case 16:
			desc.msix_table = 0xfc00;
			break;
		case 17:
			desc.msix_table = 0x1004;
			break;
		case 18:
			desc.msix_pba = 0x1000;
			break;
		case 19:
			desc.msix_pba = 0x1458;
			break;
		case 20:
			desc.msix_pba = 0xfffffff8;
			break;
		case 21:
			desc.rom = NULL;
			break;
		case 22:
			desc.rom_size = 0;
			break;
		case 23:
			desc.rom_size = (16u << 20) + 1;
			break;
		case 24:
			desc.express = SP_PCI_CONVENTIONAL;
			break; /* with a serial number */
		case 25:
			desc.vendor_data = NULL;
			break;
		case 26:
			desc.vendor_size = 200;
			break;
		case 27:
			/* The table in memory that the guest writes itself. */
			desc.bars[2].areas = mapped;
			desc.bars[2].area_count = 2;
			desc.bars[2].file = 0;
			break;
		case 28:
			/* No file; too short. */
			desc.msix = 0;
			desc.bars[2].areas = mapped;
			desc.bars[2].area_count = 2;
			desc.bars[2].file = -1;
			break;
		case 29:
			desc.bars[2].areas = mapped;
			desc.bars[2].area_count = 1;
			break;
		default:
			return;
		}
		memset(&error, 0, sizeof(error));
		pci = sp_pci_create(&desc, NULL, &error);
		if (pci)
			fail_msg("change %d is taken", how);
		assert_int_equal(error.kind, SP_ERROR_USE);
	}
}

static void test_regions(void **state) {
	struct sp_area areas[3] = {
		{.offset = 0, .size = 0x1000, .kind = SP_AREA_TRAPPED},
		{.offset = 0x1000, .size = 0x2000, .kind = SP_AREA_MAPPED, .file_offset = 0x5000},
		{.offset = 0x3000, .size = 0x1000, .kind = SP_AREA_DOORBELL, .width = 4},
	};
	struct sp_region region = {.size = 0x4000, .areas = areas, .area_count = 3, .file = 0};
	const struct sp_region none = {.file = -1};

	(void)state;
	assert_true(sp_region_valid(&region));
	assert_true(sp_region_valid(&none));
	assert_null(sp_region_area(&none, 0));
	assert_ptr_equal(sp_region_area(&region, 0), &areas[0]);
	assert_ptr_equal(sp_region_area(&region, 0xfff), &areas[0]);
	assert_ptr_equal(sp_region_area(&region, 0x1000), &areas[1]);
	assert_ptr_equal(sp_region_area(&region, 0x3fff), &areas[2]);
	assert_null(sp_region_area(&region, 0x4000));
	assert_null(sp_region_area(&region, UINT64_MAX));
	assert_true(sp_within(0, 4, 4) && sp_within(4, 0, 4));
	assert_false(sp_within(1, 4, 4) || sp_within(UINT64_MAX, 2, 4));
	assert_false(sp_within(4, UINT64_MAX, 8));
	areas[1].file_offset = 0x5001;
	assert_false(sp_region_valid(&region));
	areas[1].file_offset = 0x5000;
	areas[2].width = 3;
	assert_false(sp_region_valid(&region));
	areas[2].width = 4;
	areas[2].size = UINT64_MAX;
	assert_false(sp_region_valid(&region));
	areas[2].size = 0x800;
	assert_false(sp_region_valid(&region));
	areas[2].size = 0x1000;
	areas[2].offset = 0x2000;
	assert_false(sp_region_valid(&region));
}

int main(int argc, char **argv) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_vendors),
		cmocka_unit_test(test_conventional),
		cmocka_unit_test(test_sizing),
		cmocka_unit_test(test_bars),
		cmocka_unit_test(test_rom),
		cmocka_unit_test(test_intx),
		cmocka_unit_test(test_msi),
		cmocka_unit_test(test_msix),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_impossible),
		cmocka_unit_test(test_regions),
	};

	const struct CMUnitTest by_lspci[] = {cmocka_unit_test(test_lspci)};

	if (argc > 1) {
		lspci = argv[1];
		return cmocka_run_group_tests(by_lspci, NULL, NULL);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
