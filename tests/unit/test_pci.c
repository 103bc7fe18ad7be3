/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "pci/address.h"
#include "pci/config.h"

#define LIST_BIT 0x10u

static uint8_t space[SP_PCI_CONFIG_MAX + 16];

static void put16(uint32_t at, uint32_t value) {
	space[at] = (uint8_t)value;
	space[at + 1] = (uint8_t)(value >> 8);
}

static void put32(uint32_t at, uint32_t value) {
	put16(at, value);
	put16(at + 2, value >> 16);
}

/* A function with IDs and nothing else. */
static int setup(void **state) {
	(void)state;
	memset(space, 0, sizeof(space));
	put32(0x00, 0x744c1002);
	put32(0x08, 0x030000c8);
	return 0;
}

/* A capability that another one, or the header, points to. */
static void put_cap(uint32_t from, uint32_t at, uint8_t id) {
	space[from == 0x34 ? from : from + 1] = (uint8_t)at;
	put16(0x06, LIST_BIT);
	space[at] = id;
	space[at + 1] = 0;
}

/* PCI Express, so that there are extended capabilities. */
static void put_express(uint32_t type) {
	put_cap(0x34, 0x40, 0x10);
	put16(0x42, type << 4 | 2);
}

static void put_extended(uint32_t at, uint32_t id, uint32_t next) {
	put32(at, next << 20 | 1u << 16 | id);
}

static struct sp_pci_config read_size(size_t size) {
	struct sp_pci_config config;
	struct sp_error error;

	if (!sp_pci_config_read(&config, space, size, &error))
		fail_msg("%s", error.message);
	assert_int_equal(config.known, size < 4096 ? size : 4096);
	return config;
}

static struct sp_pci_config read_all(void) {
	return read_size(SP_PCI_CONFIG_MAX);
}

static void check_bdf(const char *text, sp_bdf expected) {
	sp_bdf bdf = 0x12345678;

	if (!sp_bdf_parse(text, &bdf) || bdf != expected)
		fail_msg("%s is read as %08x", text, bdf);
}

static void check_no_bdf(const char *text) {
	sp_bdf bdf = 0x12345678;

	if (sp_bdf_parse(text, &bdf) || bdf != 0x12345678)
		fail_msg("\"%s\" is read as %08x", text, bdf);
}

static void bdf_is_read(void **state) {
	static const char *const WRONG[] = {"", ":", ".", "03:00", "03:00.", "03:00.8", "03:00.00",
		"03:20.0", "3:00.0", "03:0.0", "003:00.0", "03:00.0 ", " 03:00.0", "03:00.0x",
		"000:03:00.0", "00000:03:00.0", "10000:03:00.0", ":03:00.0", "0000:3:00.0",
		"0000:003:00.0", "0000:03:000.0", "0000:03:00:0", "0000.03.00.0", "0000:03-00.0",
		"0000:03:0g.0", "0x00:03:00.0", "-001:03:00.0", "+3:00.0", "ffff:ff:1f.7",
		"0000:0000:03:00.0", "0000:0300:00.0"};

	(void)state;
	check_bdf("0000:03:00.0", SP_BDF(0, 3, 0, 0));
	check_bdf("03:00.0", SP_BDF(0, 3, 0, 0));
	check_bdf("aB:1f.7", SP_BDF(0, 0xab, 0x1f, 7));
	check_bdf("ffff:ff:1f.6", SP_BDF(0xffff, 0xff, 0x1f, 6));
	check_bdf("1234:56:0e.5", SP_BDF(0x1234, 0x56, 0xe, 5));
	for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++)
		check_no_bdf(WRONG[i]);
}

static void bdf_is_written(void **state) {
	char text[SP_BDF_SIZE];

	(void)state;
	sp_bdf_format(text, SP_BDF(0, 3, 0, 0));
	assert_string_equal(text, "0000:03:00.0");
	sp_bdf_format(text, SP_BDF(0xabcd, 0xef, 0x1f, 7));
	assert_string_equal(text, "abcd:ef:1f.7");
	sp_bdf_format(text, SP_BDF_NONE);
	assert_string_equal(text, "ffff:ff:1f.7");
	assert_int_equal(sp_bdf_segment(0xabcdeffe), 0xabcd);
	assert_int_equal(sp_bdf_bus(0xabcdeffe), 0xef);
	assert_int_equal(sp_bdf_device(0xabcdeffe), 0x1f);
	assert_int_equal(sp_bdf_function(0xabcdeffe), 6);
	assert_int_equal(sp_bdf_slot(0xabcdeffe), sp_bdf_slot(0xabcdeff8));
	for (uint32_t bdf = 0; bdf < 0x20000; bdf += 7) {
		sp_bdf_format(text, bdf);
		check_bdf(text, bdf);
	}
}

static void header_is_read(void **state) {
	struct sp_pci_config config;

	(void)state;
	put16(0x04, 0x0407);
	put16(0x06, 0x2000);
	space[0x0e] = 0x80;
	put32(0x2c, 0x0e3b1da2);
	space[0x3c] = 11;
	space[0x3d] = 2;
	config = read_size(64);
	assert_int_equal(config.vendor, 0x1002);
	assert_int_equal(config.device, 0x744c);
	assert_false(config.ids_absent);
	assert_int_equal(config.subvendor, 0x1da2);
	assert_int_equal(config.subdevice, 0x0e3b);
	assert_int_equal(config.class, 0x030000);
	assert_int_equal(config.revision, 0xc8);
	assert_int_equal(config.command, 0x0407);
	assert_int_equal(config.status, 0x2000);
	assert_int_equal(config.header, SP_PCI_HEADER_NORMAL);
	assert_true(config.multifunction);
	assert_int_equal(config.pin, 2);
	assert_int_equal(config.line, 11);
	assert_false(config.broken);
	assert_int_equal(config.pcie, SP_PCIE_NONE);
	/* Without the bit in the status there is no list, and this is known. */
	assert_true(config.has_caps);
	assert_false(config.has_extended);
}

static void short_space_is_refused(void **state) {
	struct sp_pci_config config;
	struct sp_error error;

	(void)state;
	for (size_t size = 0; size < SP_PCI_CONFIG_MIN; size++) {
		error = (struct sp_error){0};
		assert_false(sp_pci_config_read(&config, space, size, &error));
		assert_int_equal(error.kind, SP_ERROR_INPUT);
		assert_non_null(strstr(error.message, "cut short"));
	}
}

static void silence_is_refused(void **state) {
	struct sp_pci_config config;
	struct sp_error error = {0};

	(void)state;
	memset(space, 0xff, sizeof(space));
	assert_false(sp_pci_config_read(&config, space, SP_PCI_CONFIG_MAX, &error));
	assert_int_equal(error.kind, SP_ERROR_INPUT);
	assert_non_null(strstr(error.message, "fallen off the bus"));
}

static void virtual_function_is_read(void **state) {
	struct sp_pci_config config;

	(void)state;
	put32(0x00, 0xffffffff);
	put32(0x08, 0x02000001);
	put_express(0);
	put32(0x44, 1u << 28);
	put_cap(0x40, 0xa0, 0x11);
	put16(0xa2, 2);
	config = read_all();
	assert_true(config.ids_absent);
	assert_int_equal(config.vendor, 0xffff);
	assert_int_equal(config.class, 0x020000);
	assert_true(config.flr && config.has_msix && config.has_caps && config.has_extended);
	assert_int_equal(config.pin, 0);
	assert_false(config.broken);
}

static void bars_are_read(void **state) {
	struct sp_pci_config config;

	(void)state;
	put32(0x10, 0xf000000c); /* 64 bits, prefetchable */
	put32(0x14, 0x0000007f);
	put32(0x18, 0xfe800000);
	put32(0x1c, 0x0000e001); /* ports */
	put32(0x20, 0x00000004); /* 64 bits, not placed */
	put32(0x30, 0xfe7c0000);
	config = read_size(64);
	assert_true(config.bars[0].present && config.bars[0].wide && config.bars[0].prefetch);
	assert_false(config.bars[0].io);
	assert_true(config.bars[0].address == UINT64_C(0x7ff0000000));
	assert_true(config.bars[0].size == 0);
	assert_false(config.bars[1].present);
	assert_true(config.bars[2].present && !config.bars[2].wide && !config.bars[2].prefetch);
	assert_true(config.bars[2].address == 0xfe800000);
	assert_true(config.bars[3].present && config.bars[3].io);
	assert_true(config.bars[3].address == 0xe000);
	assert_true(config.bars[4].present && config.bars[4].wide);
	assert_true(config.bars[4].address == 0 && !config.bars[4].prefetch);
	assert_false(config.bars[5].present);
	assert_true(config.rom.present);
	assert_true(config.rom.address == 0xfe7c0000);
	assert_false(config.broken);

	put32(0x20, 0xfe800008); /* 32 bits, prefetchable */
	put32(0x18, 0xfffffff2); /* below 1 MiB */
	put32(0x1c, 0xffffffff);
	put32(0x30, 0xffffffff);
	config = read_size(64);
	assert_true(config.bars[2].present && config.bars[2].address == 0xfffffff0);
	assert_false(config.bars[3].present);
	assert_true(config.bars[4].prefetch && !config.bars[4].wide);
	assert_false(config.rom.present);
	assert_false(config.broken);

	put32(0x30, 0x7fe); /* reserved bits alone are no ROM */
	assert_false(read_size(64).rom.present);
	put32(0x30, 0x1);
	assert_true(read_size(64).rom.present);
}

static void broken_bars_are_noticed(void **state) {
	struct sp_pci_config config;

	(void)state;
	put32(0x24, 0xfe800004); /* 64 bits in the last register */
	put32(0x28, 0x11111111);
	config = read_size(64);
	assert_true(config.broken);
	assert_true(config.bars[5].present && config.bars[5].address == 0xfe800000);

	put32(0x24, 0);
	put32(0x10, 0xfe800006);
	assert_true(read_size(64).broken);
	put32(0x10, 0);
	space[0x3d] = 5;
	config = read_size(64);
	assert_true(config.broken);
	assert_int_equal(config.pin, 0);
}

static void bridge_is_read(void **state) {
	struct sp_pci_config config;

	(void)state;
	space[0x0e] = 0x01;
	put32(0x10, 0xfe000004);
	put32(0x14, 0x1);
	put32(0x18, 0x00050302);
	put32(0x20, 0xfe90fe80); /* windows are no BARs */
	put32(0x2c, 0x12345678);
	put32(0x30, 0xfffff000);
	put32(0x38, 0xfea00001);
	space[0x3d] = 1;
	put_cap(0x34, 0x50, 0x0d);
	put32(0x54, 0x08501043);
	config = read_size(256);
	assert_int_equal(config.header, SP_PCI_HEADER_BRIDGE);
	assert_int_equal(config.primary, 2);
	assert_int_equal(config.secondary, 3);
	assert_int_equal(config.subordinate, 5);
	assert_true(config.bars[0].address == UINT64_C(0x1fe000000));
	for (unsigned i = 1; i < SP_PCI_BARS; i++)
		assert_false(config.bars[i].present);
	assert_true(config.rom.address == 0xfea00000);
	assert_int_equal(config.subvendor, 0x1043);
	assert_int_equal(config.subdevice, 0x0850);
	assert_int_equal(config.pin, 1);
	assert_false(config.broken);

	put32(0x14, 0x4); /* a bridge has two */
	put32(0x10, 0);
	assert_true(read_size(256).broken);
}

static void other_headers_are_read(void **state) {
	struct sp_pci_config config;

	(void)state;
	space[0x0e] = 0x02;
	put32(0x10, 0xfe000000);
	put32(0x18, 0x00060504);
	space[0x14] = 0x80;
	put16(0x06, LIST_BIT);
	space[0x80] = 0x01;
	space[0x34] = 0x40; /* the I/O window of the socket */
	space[0x40] = 0x05;
	config = read_size(256);
	assert_int_equal(config.header, SP_PCI_HEADER_CARDBUS);
	assert_int_equal(config.secondary, 5);
	assert_true(config.bars[0].present);
	assert_true(config.has_pm);
	assert_false(config.has_msi);
	assert_false(config.rom.present);

	for (unsigned type = 3; type < 0x80; type++) {
		space[0x0e] = (uint8_t)type;
		config = read_size(256);
		assert_int_equal(config.header, SP_PCI_HEADER_UNKNOWN);
		assert_true(config.broken);
		assert_false(config.has_caps || config.bars[0].present);
		assert_int_equal(config.vendor, 0x1002);
	}
}

static void caps_are_read(void **state) {
	struct sp_pci_config config;

	(void)state;
	put_cap(0x34, 0x48, 0x01);
	put16(0x4c, 0x0003);
	put_cap(0x48, 0x64, 0x10);
	put16(0x66, 0x0012);
	put32(0x68, 1u << 28);
	put_cap(0x64, 0xa0, 0x05);
	put16(0xa2, 0x018b);
	put_cap(0xa0, 0xc0, 0x11);
	put16(0xc2, 0x801f);
	put32(0xc4, 0x00002003);
	put32(0xc8, 0x00003805);
	put_cap(0xc0, 0xd0, 0x03);
	put_cap(0xd0, 0xd8, 0x09); /* a vendor's own */
	config = read_size(256);
	assert_true(config.has_caps);
	assert_false(config.broken || config.has_extended);
	assert_true(config.has_pm && config.pm_reset);
	assert_int_equal(config.power, 3);
	assert_int_equal(config.pcie, SP_PCIE_LEGACY_ENDPOINT);
	assert_true(config.flr);
	assert_true(config.has_msi && config.msi_on && config.msi_wide && config.msi_maskable);
	assert_int_equal(config.msi_vectors, 32);
	assert_true(config.has_msix && config.msix.on);
	assert_int_equal(config.msix.vectors, 32);
	assert_int_equal(config.msix.table_bar, 3);
	assert_int_equal(config.msix.table_offset, 0x2000);
	assert_int_equal(config.msix.pba_bar, 5);
	assert_int_equal(config.msix.pba_offset, 0x3800);
	assert_int_equal(config.vpd_at, 0xd0);
}

static void power_is_read(void **state) {
	struct sp_pci_config config;

	(void)state;
	assert_false(read_size(256).pm_reset);
	put_cap(0x34, 0x40, 0x01);
	put16(0x44, 0x0008); /* No_Soft_Reset */
	config = read_size(256);
	assert_true(config.has_pm && !config.pm_reset);
	assert_int_equal(config.power, 0);
}

static void msi_is_read(void **state) {
	struct sp_pci_config config;

	(void)state;
	put_cap(0x34, 0x40, 0x05);
	for (unsigned log = 0; log < 8; log++) {
		put16(0x42, log << 1);
		config = read_size(256);
		assert_int_equal(config.msi_vectors, log <= 5 ? 1u << log : 32);
		assert_int_equal(config.broken, log > 5);
		assert_false(config.msi_on || config.msi_wide || config.msi_maskable);
	}
	/* Each form has its own length. */
	for (unsigned form = 0; form < 4; form++) {
		static const uint32_t SIZES[] = {10, 14, 20, 24};
		uint32_t last = (256 - SIZES[form]) & ~3u;

		setup(NULL);
		put_cap(0x34, last, 0x05);
		put16(last + 2, form << 7);
		config = read_size(256);
		assert_true(config.has_msi && !config.broken);
		setup(NULL);
		put_cap(0x34, last + 4, 0x05);
		put16(last + 6, form << 7);
		config = read_size(256);
		assert_true(!config.has_msi && config.broken && config.has_caps);
	}
}

static void reset_is_read(void **state) {
	(void)state;
	put_cap(0x34, 0x40, 0x13);
	space[0x42] = 6;
	for (unsigned bits = 0; bits < 4; bits++) {
		space[0x43] = (uint8_t)bits;
		assert_int_equal(read_size(256).flr, bits == 3);
	}
	/* Only bit 28 of PCI Express. */
	setup(NULL);
	put_express(0);
	put32(0x44, ~(1u << 28));
	assert_false(read_size(256).flr);
	put32(0x44, 1u << 28);
	assert_true(read_size(256).flr);
}

static void first_of_a_kind_counts(void **state) {
	struct sp_pci_config config;

	(void)state;
	put_cap(0x34, 0x40, 0x11);
	put16(0x42, 0x7ff);
	put_cap(0x40, 0x60, 0x11);
	put16(0x62, 15);
	config = read_size(256);
	assert_int_equal(config.msix.vectors, 2048);
	assert_false(config.msix.on);
	assert_false(config.broken);
}

static void pointers_are_aligned(void **state) {
	(void)state;
	put_cap(0x34, 0x40, 0x09);
	space[0x34] = 0x43;
	put_cap(0x40, 0x60, 0x03);
	space[0x41] = 0x61;
	assert_int_equal(read_size(256).vpd_at, 0x60);
	space[0x41] = 0x03; /* no more than reserved bits: the end */
	assert_false(read_size(256).broken);
}

static void loops_end(void **state) {
	struct sp_pci_config config;

	(void)state;
	put_cap(0x34, 0x40, 0x03);
	space[0x41] = 0x40;
	config = read_size(256);
	assert_true(config.broken && config.has_caps);
	assert_int_equal(config.vpd_at, 0x40);
	put_cap(0x40, 0x60, 0x01);
	space[0x61] = 0x40;
	config = read_size(256);
	assert_true(config.broken && config.has_pm && config.vpd_at == 0x40);
	/* The longest list of all is none. */
	for (uint32_t at = 0x40; at < 0x100; at += 4) {
		space[at] = 0x09;
		space[at + 1] = (uint8_t)(at + 4);
	}
	assert_false(read_size(256).broken);
}

static void stray_pointers_are_noticed(void **state) {
	struct sp_pci_config config;

	(void)state;
	put16(0x06, LIST_BIT);
	for (unsigned pointer = 4; pointer < 0x40; pointer += 4) {
		space[0x34] = (uint8_t)pointer;
		config = read_size(256);
		assert_true(config.broken && config.has_caps && !config.has_extended);
	}
	space[0x34] = 0xfc; /* 12 bytes do not fit */
	space[0xfc] = 0x11;
	config = read_all();
	assert_true(config.broken && !config.has_msix);
	space[0xfc] = 0xff; /* nobody answers */
	assert_true(read_all().broken);
	space[0x34] = 0;
	assert_false(read_all().broken);
}

static void what_is_not_known_is_left_out(void **state) {
	struct sp_pci_config config;

	(void)state;
	put_cap(0x34, 0x50, 0x01);
	put_cap(0x50, 0xc0, 0x10);
	put_extended(0x100, 0x03, 0x200);
	put_extended(0x200, 0x0d, 0);
	config = read_size(64);
	assert_false(config.has_caps || config.has_pm || config.broken);
	for (size_t size = 64; size < 0xcc; size++) {
		config = read_size(size);
		assert_false(config.has_caps || config.broken || config.has_extended);
		assert_int_equal(config.has_pm, size >= 0x58);
	}
	for (size_t size = 0xcc; size < 0x208; size++) {
		config = read_size(size);
		assert_true(config.has_caps && config.has_pm);
		assert_int_equal(config.pcie, SP_PCIE_ENDPOINT);
		assert_false(config.has_extended || config.broken || config.has_acs);
		assert_int_equal(config.has_serial, size >= 0x10c);
	}
	config = read_size(0x208);
	assert_true(config.has_extended && config.has_acs);
	/* What is beyond 4096 is not looked at. */
	config = read_size(4096 + 16);
	assert_true(config.has_extended && config.has_acs);
}

static void extended_are_read(void **state) {
	struct sp_pci_config config;

	(void)state;
	put_express(4);
	put_extended(0x100, 0x01, 0x148); /* AER */
	put_extended(0x148, 0x03, 0x154);
	put_extended(0x154, 0x0d, 0x160);
	put32(0x158, 0x001d005f);
	put_extended(0x160, 0x0e, 0x170);
	put_extended(0x170, 0x0f, 0x180);
	put_extended(0x180, 0x1b, 0x003); /* reserved bits alone: the end */
	config = read_all();
	assert_int_equal(config.pcie, SP_PCIE_ROOT_PORT);
	assert_true(config.has_extended && !config.broken);
	assert_true(config.has_serial);
	assert_int_equal(config.serial_at, 0x148);
	assert_true(config.has_acs);
	assert_int_equal(config.acs.able, 0x5f);
	assert_int_equal(config.acs.on, SP_ACS_SV | SP_ACS_RR | SP_ACS_CR | SP_ACS_UF);
	assert_true(config.has_ari && config.has_ats && config.has_pasid);
	assert_false(config.has_sriov);
	assert_int_equal(config.rebar_count, 0);

	/* A conventional function has none. */
	put16(0x06, 0);
	config = read_all();
	assert_false(config.has_extended || config.has_acs || config.broken);
}

static void empty_extended_are_read(void **state) {
	struct sp_pci_config config;

	(void)state;
	put_express(0);
	config = read_all();
	assert_true(config.has_extended && !config.broken);
	put32(0x100, 0xffffffff);
	config = read_all();
	assert_true(config.has_extended && !config.broken);
}

static void extended_loops_end(void **state) {
	struct sp_pci_config config;

	(void)state;
	put_express(0);
	put_extended(0x100, 0x03, 0x100);
	config = read_all();
	assert_true(config.broken && config.has_serial && config.has_extended);
	put_extended(0x100, 0x03, 0x200);
	put_extended(0x200, 0x0d, 0x100);
	config = read_all();
	assert_true(config.broken && config.has_acs);
	for (unsigned pointer = 4; pointer < 0x100; pointer += 4) {
		put_extended(0x200, 0x0d, pointer);
		assert_true(read_all().broken);
	}
	put_extended(0x200, 0x0d, 0xffc);
	put_extended(0xffc, 0x0e, 0); /* 8 bytes do not fit */
	config = read_all();
	assert_true(config.broken && !config.has_ari);
	put_extended(0xffc, 0x99, 0);
	assert_false(read_all().broken);
	for (uint32_t at = 0x100; at < 0x1000; at += 4)
		put_extended(at, 0x0b, at + 4 < 0x1000 ? at + 4 : 0);
	assert_false(read_all().broken);
}

static void put_sriov(void) {
	put_express(0);
	put_extended(0x100, 0x10, 0);
	put16(0x108, 0x0019);
	put16(0x10c, 8);
	put16(0x10e, 8);
	put16(0x110, 7);
	put16(0x114, 0x180);
	put16(0x116, 2);
	put16(0x11a, 0x10ca);
	put32(0x124, 0xe000000c);
	put32(0x128, 0x1);
	put32(0x130, 0xfe200000);
	put32(0x138, 0xfe400004); /* 64 bits in the last register */
}

static void sriov_is_read(void **state) {
	struct sp_pci_config config;

	(void)state;
	put_sriov();
	config = read_all();
	assert_true(config.has_sriov && config.sriov.on);
	assert_int_equal(config.sriov.initial, 8);
	assert_int_equal(config.sriov.total, 8);
	assert_int_equal(config.sriov.enabled, 7);
	assert_int_equal(config.sriov.offset, 0x180);
	assert_int_equal(config.sriov.stride, 2);
	assert_int_equal(config.sriov.device, 0x10ca);
	assert_true(config.sriov.bars[0].address == UINT64_C(0x1e0000000));
	assert_true(config.sriov.bars[0].wide && config.sriov.bars[0].prefetch);
	assert_false(config.sriov.bars[1].present);
	assert_true(config.sriov.bars[3].present && !config.sriov.bars[3].wide);
	assert_true(config.broken);
	put32(0x138, 0);
	assert_false(read_all().broken);

	put16(0x108, 0); /* switched off: the number does not count */
	config = read_all();
	assert_true(!config.sriov.on && config.sriov.enabled == 0 && !config.broken);
}

static void broken_sriov_is_noticed(void **state) {
	struct sp_pci_config config;

	(void)state;
	put_sriov();
	put32(0x138, 0);
	put16(0x110, 9);
	config = read_all();
	assert_true(config.broken && config.sriov.enabled == 8);
	put16(0x110, 7);
	put16(0x116, 0);
	config = read_all();
	assert_true(config.broken && config.sriov.enabled == 0);
	put16(0x110, 1); /* one needs no stride */
	config = read_all();
	assert_true(!config.broken && config.sriov.enabled == 1);
	put16(0x114, 0);
	config = read_all();
	assert_true(config.broken && config.sriov.enabled == 0);
}

static void rebar_is_read(void **state) {
	struct sp_pci_config config;

	(void)state;
	put_express(0);
	put_extended(0x200, 0x15, 0);
	put_extended(0x100, 0x01, 0x200);
	put32(0x204, 0x0003ff00); /* 16 MiB to 8 GiB */
	put32(0x208, 0x00010840); /* BAR 0 of two, 256 MiB, and 256 TiB is supported */
	put32(0x20c, 0x000000e0);
	put32(0x210, 0x80000102);
	config = read_all();
	assert_false(config.broken);
	assert_int_equal(config.rebar_count, 2);
	assert_int_equal(config.rebar[0].bar, 0);
	assert_int_equal(config.rebar[0].current, 8);
	assert_true(config.rebar[0].sizes == (UINT64_C(0x3ff0) | UINT64_C(1) << 28));
	assert_int_equal(config.rebar[1].bar, 2);
	assert_int_equal(config.rebar[1].current, 1);
	assert_true(config.rebar[1].sizes == (UINT64_C(0xe) | UINT64_C(1) << 43));
}

static void broken_rebar_is_noticed(void **state) {
	struct sp_pci_config config;

	(void)state;
	put_express(0);
	put_extended(0x100, 0x15, 0);
	put32(0x108, 0x00000000); /* none */
	config = read_all();
	assert_true(config.broken && config.rebar_count == 0);
	put32(0x108, 0x000000e0); /* seven */
	for (uint32_t i = 1; i < 7; i++)
		put32(0x108 + 8 * i, i);
	config = read_all();
	assert_true(config.broken && config.rebar_count == 6);
	put32(0x108, 0x00000026); /* BAR 6 */
	config = read_all();
	assert_true(config.broken && config.rebar_count == 0);
	put32(0x108, 0x00000040); /* BAR 0 twice */
	put32(0x110, 0x00000000);
	config = read_all();
	assert_true(config.broken && config.rebar_count == 1);
	put32(0x108, 44u << 8 | 0x20); /* 2^64 bytes */
	config = read_all();
	assert_true(config.broken && config.rebar_count == 0);
	put32(0x108, 43u << 8 | 0x20);
	config = read_all();
	assert_true(!config.broken && config.rebar[0].current == 43);

	setup(NULL);
	put_express(0);
	put_extended(0x100, 0x01, 0xfec);
	put_extended(0xfec, 0x15, 0);
	put32(0xff4, 0x00000040);
	put32(0xffc, 0x00000001);
	config = read_all();
	assert_true(!config.broken && config.rebar_count == 2);
	put32(0xff4, 0x00000060);
	config = read_all();
	assert_true(config.broken && config.rebar_count == 0);
	config = read_size(0xff8); /* the second one is not known */
	put32(0xff4, 0x00000040);
	config = read_size(0xff8);
	assert_true(!config.broken && !config.has_extended && config.rebar_count == 0);
}

static void types_are_kept(void **state) {
	(void)state;
	for (int type = 0; type < 16; type++) {
		put_express((uint32_t)type);
		assert_int_equal(read_all().pcie, type);
		assert_non_null(sp_pcie_type_name((enum sp_pcie_type)type));
	}
	assert_string_equal(sp_pcie_type_name(SP_PCIE_NONE), "conventional PCI");
	assert_string_equal(sp_pcie_type_name(SP_PCIE_DOWNSTREAM), "downstream port");
	assert_string_equal(sp_pcie_type_name(SP_PCIE_EVENT_COLLECTOR), "event collector");
	assert_non_null(strstr(sp_pcie_type_name((enum sp_pcie_type)2), "reserved"));
	assert_non_null(strstr(sp_pcie_type_name((enum sp_pcie_type)15), "reserved"));
}

static void classes_have_names(void **state) {
	(void)state;
	assert_string_equal(sp_pci_class_name(0x030000), "VGA compatible controller");
	assert_string_equal(sp_pci_class_name(0x030200), "3D controller");
	assert_string_equal(sp_pci_class_name(0x038000), "Display controller");
	assert_string_equal(sp_pci_class_name(0x0c0330), "USB controller");
	assert_string_equal(sp_pci_class_name(0x010802), "Non-Volatile memory controller");
	assert_string_equal(sp_pci_class_name(0x040300), "Audio device");
	assert_string_equal(sp_pci_class_name(0x060400), "PCI bridge");
	assert_string_equal(sp_pci_class_name(0x020000), "Ethernet controller");
	assert_string_equal(sp_pci_class_name(0x0c8000), "Serial bus controller");
	assert_string_equal(sp_pci_class_name(0x000000), "Unclassified device");
	assert_string_equal(sp_pci_class_name(0xff0000), "Unassigned class");
	assert_null(sp_pci_class_name(0x140000));
	assert_null(sp_pci_class_name(0x3f0000));
	for (uint32_t base = 0; base <= 0x13; base++)
		for (uint32_t sub = 0; sub < 0x100; sub++)
			assert_non_null(sp_pci_class_name(base << 16 | sub << 8));

	assert_true(sp_pci_class_is_gpu(0x030000) && sp_pci_class_is_gpu(0x038000));
	assert_true(sp_pci_class_is_gpu(0x120000) && sp_pci_class_is_gpu(0x000100));
	assert_false(sp_pci_class_is_gpu(0x000000) || sp_pci_class_is_gpu(0x040300));
	assert_false(sp_pci_class_is_gpu(0x020000) || sp_pci_class_is_gpu(0x0b4000));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bdf_is_read),
		cmocka_unit_test(bdf_is_written),
		cmocka_unit_test_setup(header_is_read, setup),
		cmocka_unit_test_setup(short_space_is_refused, setup),
		cmocka_unit_test_setup(silence_is_refused, setup),
		cmocka_unit_test_setup(virtual_function_is_read, setup),
		cmocka_unit_test_setup(bars_are_read, setup),
		cmocka_unit_test_setup(broken_bars_are_noticed, setup),
		cmocka_unit_test_setup(bridge_is_read, setup),
		cmocka_unit_test_setup(other_headers_are_read, setup),
		cmocka_unit_test_setup(caps_are_read, setup),
		cmocka_unit_test_setup(power_is_read, setup),
		cmocka_unit_test_setup(msi_is_read, setup),
		cmocka_unit_test_setup(reset_is_read, setup),
		cmocka_unit_test_setup(first_of_a_kind_counts, setup),
		cmocka_unit_test_setup(pointers_are_aligned, setup),
		cmocka_unit_test_setup(loops_end, setup),
		cmocka_unit_test_setup(stray_pointers_are_noticed, setup),
		cmocka_unit_test_setup(what_is_not_known_is_left_out, setup),
		cmocka_unit_test_setup(extended_are_read, setup),
		cmocka_unit_test_setup(empty_extended_are_read, setup),
		cmocka_unit_test_setup(extended_loops_end, setup),
		cmocka_unit_test_setup(sriov_is_read, setup),
		cmocka_unit_test_setup(broken_sriov_is_noticed, setup),
		cmocka_unit_test_setup(rebar_is_read, setup),
		cmocka_unit_test_setup(broken_rebar_is_noticed, setup),
		cmocka_unit_test_setup(types_are_kept, setup),
		cmocka_unit_test_setup(classes_have_names, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
