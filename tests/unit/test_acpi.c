/* SPDX-License-Identifier: MIT */
/*
 * Without arguments: tables that are made here, right and wrong. With DMAR IVRS: those that iasl
 * compiled from tests/fixtures/acpi; empty files mean that it could not, and the status is 77.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acpi/acpi.h"
#include "base/buf.h"
#include "base/file.h"

#define TABLE_LIMIT (1u << 20)
#define BDF(bus, device, function) ((sp_bdf)((bus) << 8 | (device) << 3 | (function)))

static struct sp_buf table;
static struct sp_arena arena;

static int teardown(void **state) {
	(void)state;
	sp_buf_release(&table);
	table = (struct sp_buf){0};
	sp_arena_release(&arena);
	return 0;
}

static void put(uint64_t value, unsigned size) {
	for (; size; size--, value >>= 8)
		sp_buf_char(&table, (char)value);
}

static void set(size_t at, uint64_t value, unsigned size) {
	for (; size; size--, value >>= 8)
		table.data[at++] = (char)value;
}

static void put_header(const char *signature) {
	teardown(NULL);
	sp_buf_str(&table, signature);
	put(0, 4);
	put(1, 2);
	sp_buf_str(&table, "SALLY TEST    ");
	put(0, 12);
	assert_int_equal(table.size, 36);
}

/* Length and checksum. */
static void finish(void) {
	uint8_t sum = 0;

	assert_false(table.failed);
	set(4, table.size, 4);
	set(9, 0, 1);
	for (size_t i = 0; i < table.size; i++)
		sum = (uint8_t)(sum + (uint8_t)table.data[i]);
	set(9, (uint8_t)-sum, 1);
}

static const uint8_t *bytes(void) {
	return (const uint8_t *)table.data;
}

static struct sp_dmar dmar_of(void) {
	struct sp_error error;
	struct sp_dmar dmar;

	if (!sp_dmar_read(&dmar, &arena, bytes(), table.size, &error))
		fail_msg("%s", error.message);
	return dmar;
}

static struct sp_ivrs ivrs_of(void) {
	struct sp_error error;
	struct sp_ivrs ivrs;

	if (!sp_ivrs_read(&ivrs, &arena, bytes(), table.size, &error))
		fail_msg("%s", error.message);
	return ivrs;
}

static struct sp_vfct vfct_of(void) {
	struct sp_error error;
	struct sp_vfct vfct;

	if (!sp_vfct_read(&vfct, &arena, bytes(), table.size, &error))
		fail_msg("%s", error.message);
	return vfct;
}

/* Each is refused with a message that holds both texts, and leaves nothing behind. */
static void check_error(
	bool read, const struct sp_error *error, const char *where, const char *what) {
	if (read)
		fail_msg("it was read, without a word about %s", what);
	assert_int_equal(error->kind, SP_ERROR_INPUT);
	if (!strstr(error->message, where) || !strstr(error->message, what))
		fail_msg("\"%s\" lacks \"%s\" or \"%s\"", error->message, where, what);
}

static void no_dmar(const char *where, const char *what) {
	struct sp_error error = {0};
	struct sp_dmar dmar;

	check_error(sp_dmar_read(&dmar, &arena, bytes(), table.size, &error), &error, where, what);
	assert_true(!dmar.units && !dmar.unit_count && !dmar.rmrrs && !dmar.rmrr_count);
}

static void no_ivrs(const char *where, const char *what) {
	struct sp_error error = {0};
	struct sp_ivrs ivrs;

	check_error(sp_ivrs_read(&ivrs, &arena, bytes(), table.size, &error), &error, where, what);
	assert_true(!ivrs.units && !ivrs.unit_count && !ivrs.memories && !ivrs.memory_count);
}

static void no_vfct(const char *where, const char *what) {
	struct sp_error error = {0};
	struct sp_vfct vfct;

	check_error(sp_vfct_read(&vfct, &arena, bytes(), table.size, &error), &error, where, what);
	assert_true(!vfct.images && !vfct.count);
}

static void no_table(size_t size, const char *where, const char *what) {
	struct sp_error error = {0};

	check_error(sp_acpi_check(bytes(), size, "DMAR", &error), &error, where, what);
}

static void put_dmar(void) {
	put_header("DMAR");
	put(0x26, 1);
	put(0, 1);
	put(0, 10);
}

static void put_structure(unsigned type, unsigned length, unsigned flags, unsigned segment) {
	put(type, 2);
	put(length, 2);
	put(flags, 2);
	put(segment, 2);
}

static void put_scope(unsigned type, unsigned length, unsigned id, unsigned bus) {
	put(type, 1);
	put(length, 1);
	put(0, 2);
	put(id, 1);
	put(bus, 1);
}

static void header_is_checked(void **state) {
	struct sp_error error;

	(void)state;
	put_dmar();
	finish();
	assert_true(sp_acpi_check(bytes(), table.size, "DMAR", &error));
	for (size_t size = 0; size < 36; size++)
		no_table(size, "DMAR", "cut short");
	for (size_t size = 36; size < table.size; size++)
		no_table(size, "offset 0x4", "length");
	set(8, 9, 1);
	no_table(table.size, "offset 0x9", "checksum is wrong by 0x08");
	set(4, 35, 4);
	no_table(table.size, "offset 0x4", "length is 35");
	set(4, UINT32_MAX, 4);
	no_table(table.size, "offset 0x4", "length is 4294967295");
	set(0, 'd', 1);
	no_table(table.size, "offset 0x0", "signature");
	put_header("IVRS");
	finish();
	no_table(table.size, "offset 0x0", "signature");
	no_dmar("DMAR", "signature");
}

static void hidden_table_is_taken(void **state) {
	struct sp_error error;

	(void)state;
	put_dmar();
	finish();
	memcpy(table.data, "RMAD", 4); /* the sum is the same */
	assert_true(sp_acpi_check(bytes(), table.size, "DMAR", &error));
	assert_int_equal(dmar_of().width, 39);
	memcpy(table.data, "XMAR", 4);
	finish();
	assert_true(sp_acpi_check(bytes(), table.size, "DMAR", &error));
	memcpy(table.data, "RAMD", 4);
	no_table(table.size, "offset 0x0", "signature");
}

static void bytes_behind_are_let_be(void **state) {
	(void)state;
	put_dmar();
	finish();
	put(0xdeadbeef, 4);
	assert_int_equal(dmar_of().unit_count, 0);
}

static void dmar_is_read(void **state) {
	struct sp_dmar dmar;

	(void)state;
	put_dmar();
	set(36, 0x3f, 1);
	for (unsigned flags = 0; flags < 8; flags++) {
		set(37, flags, 1);
		finish();
		dmar = dmar_of();
		assert_int_equal(dmar.width, 64);
		assert_int_equal(dmar.interrupt_remapping, flags & 1);
		assert_int_equal(dmar.x2apic_opt_out, flags >> 1 & 1);
		assert_int_equal(dmar.dma_opt_in, flags >> 2 & 1);
		assert_false(dmar.has_atsr || dmar.has_satc);
	}
	set(36, 0x40, 1);
	finish();
	no_dmar("offset 0x24", "65 bits");
}

static void dmar_structures_are_read(void **state) {
	struct sp_dmar dmar;
	const struct sp_acpi_scope *scope;

	(void)state;
	put_dmar();
	put_structure(0, 16 + 12 + 8, 0, 0x1234);
	put(UINT64_C(0xfedcba9876543000), 8);
	put_scope(2, 12, 0, 0x80);
	put(0x031f, 2); /* device 1f, function 3 */
	put(0x0001, 2);
	put(0x0702, 2);
	put_scope(3, 8, 9, 0xf0);
	put(0x001f, 2);
	put_structure(0, 16, 1, 0);
	put(0xfed91000, 8);
	put_structure(1, 24 + 8, 0, 7);
	put(0x1000, 8);
	put(0x1fff, 8);
	put_scope(1, 8, 0, 0);
	put(0x0014, 2);
	put_structure(1, 24, 0, 0); /* of nobody */
	put(0, 8);
	put(UINT64_MAX, 8);
	put_structure(2, 8, 1, 0);
	put_structure(3, 20, 0, 0); /* RHSA, ANDD and one of the future */
	put(0, 12);
	put_structure(4, 10, 0, 0);
	put(0, 2);
	put_structure(0x99, 8, 0xffff, 0xffff);
	put(99, 2);
	put(4, 2);
	put_structure(5, 8, 0, 0);
	finish();
	dmar = dmar_of();
	assert_int_equal(dmar.unit_count, 2);
	assert_true(dmar.units[0].address == UINT64_C(0xfedcba9876543000));
	assert_int_equal(dmar.units[0].segment, 0x1234);
	assert_false(dmar.units[0].all);
	assert_int_equal(dmar.units[0].scopes.count, 2);
	scope = dmar.units[0].scopes.data;
	assert_int_equal(scope[0].type, 2);
	assert_int_equal(scope[0].start, 0x12340000 | BDF(0x80, 0x1f, 3));
	assert_int_equal(scope[0].hops, 2);
	assert_memory_equal(scope[0].path, "\x01\x00\x02\x07", 4);
	assert_int_equal(scope[1].type, 3);
	assert_int_equal(scope[1].enumeration, 9);
	assert_int_equal(scope[1].start, 0x12340000 | BDF(0xf0, 0x1f, 0));
	assert_int_equal(scope[1].hops, 0);
	assert_true(dmar.units[1].all);
	assert_int_equal(dmar.units[1].scopes.count, 0);
	assert_int_equal(dmar.rmrr_count, 2);
	assert_int_equal(dmar.rmrrs[0].segment, 7);
	assert_true(dmar.rmrrs[0].base == 0x1000 && dmar.rmrrs[0].limit == 0x1fff);
	assert_int_equal(dmar.rmrrs[0].scopes.count, 1);
	assert_int_equal(dmar.rmrrs[0].scopes.data[0].start, 0x70000 | BDF(0, 0x14, 0));
	assert_true(dmar.rmrrs[1].limit == UINT64_MAX);
	assert_true(dmar.has_atsr && dmar.has_satc);
}

static void broken_dmar_is_refused(void **state) {
	(void)state;
	put_header("DMAR");
	put(0, 11);
	finish();
	no_dmar("offset 0x4", "fixed part");

	put_dmar();
	put_structure(0, 16, 0, 0);
	put(0, 8);
	for (unsigned length = 0; length < 16; length++) {
		set(50, length, 2);
		finish();
		no_dmar("offset 0x30", length < 4 ? "the structure has" : "the DRHD has");
	}
	set(50, 17, 2);
	finish();
	no_dmar("offset 0x30", "17 bytes has 16 bytes of room");
	set(50, 0xffff, 2);
	finish();
	no_dmar("offset 0x30", "room");
	set(50, 16, 2);
	put(0, 3); /* a rest that is no structure */
	finish();
	no_dmar("offset 0x40", "3 bytes, and 4 is the least");

	put_dmar();
	put_structure(1, 24, 0, 0);
	put(0x2000, 8);
	put(0x1fff, 8);
	finish();
	no_dmar("offset 0x30", "ends before it begins");
	set(50, 23, 2);
	finish();
	no_dmar("offset 0x30", "the RMRR has 23 bytes");
	for (unsigned type = 2; type <= 5; type += 3) {
		put_dmar();
		put_structure(type, 7, 0, 0);
		finish();
		no_dmar("offset 0x30", type == 2 ? "the ATSR has 7" : "the SATC has 7");
	}
}

static void broken_scopes_are_refused(void **state) {
	(void)state;
	put_dmar();
	put_structure(0, 16 + 8, 0, 0);
	put(0, 8);
	put_scope(1, 8, 0, 0);
	put(0x0002, 2);
	put_structure(2, 8, 0, 0); /* there is room in the table, not in the structure */
	for (unsigned length = 0; length < 8; length++) {
		set(65, length, 1);
		finish();
		no_dmar("offset 0x40", "and 8 is the least");
	}
	set(65, 10, 1);
	finish();
	no_dmar("offset 0x40", "10 bytes has 8 bytes of room");
	set(65, 255, 1);
	finish();
	no_dmar("offset 0x40", "room");
	set(65, 8, 1);
	set(70, 0x20, 1);
	finish();
	no_dmar("offset 0x40", "device 0x20");
	set(70, 0x1f, 1);
	set(71, 8, 1);
	finish();
	no_dmar("offset 0x40", "function 0x08");
	set(71, 7, 1);
	finish();
	assert_int_equal(dmar_of().units[0].scopes.data[0].start, BDF(0, 0x1f, 7));

	put_dmar();
	put_structure(1, 24 + 9, 0, 0);
	put(0, 16);
	put_scope(1, 9, 0, 0);
	put(0, 3);
	finish();
	no_dmar("offset 0x48", "within a pair");
	set(0x49, 8, 1);
	finish();
	no_dmar("offset 0x50", "1 bytes, and 8 is the least");
	put_dmar();
	put_structure(1, 24 + 10, 0, 0);
	put(0, 16);
	put_scope(1, 10, 0, 0);
	put(0, 3);
	put(9, 1); /* the second pair's function */
	finish();
	no_dmar("offset 0x48", "function 0x09");
}

static void put_ivrs(void) {
	put_header("IVRS");
	put(0x00203043, 4);
	put(0, 8);
}

/* Returns where the block begins; end_block() gives it its length. */
static size_t put_unit(unsigned type, unsigned device, unsigned segment) {
	size_t at = table.size;

	put(type, 1);
	put(0, 3);
	put(device, 2);
	put(0x40, 2);
	put(UINT64_C(0x1fd400000), 8);
	put(segment, 2);
	put(0, 6);
	if (type != 0x10)
		put(0, 16);
	return at;
}

static void end_block(size_t at) {
	set(at + 2, table.size - at, 2);
	finish();
}

static void put_entry(unsigned type, unsigned device, unsigned settings) {
	put(type, 1);
	put(device, 2);
	put(settings, 1);
}

static void check_range(const struct sp_ivrs_range *range, sp_bdf first, sp_bdf last, sp_bdf alias,
	unsigned settings) {
	assert_int_equal(range->first, first);
	assert_int_equal(range->last, last);
	assert_int_equal(range->alias, alias);
	assert_int_equal(range->settings, settings);
	assert_int_equal(range->special, 0);
}

static void ivrs_is_read(void **state) {
	struct sp_ivrs ivrs;
	const struct sp_ivrs_unit *unit;
	size_t at;

	(void)state;
	put_ivrs();
	at = put_unit(0x40, 0x0002, 0x0001);
	put_entry(0x00, 0xaaaa, 0xaa); /* padding */
	put_entry(0x01, 0, 0x01); /* all */
	put_entry(0x40, 0xaaaa, 0xaa);
	put(UINT32_MAX, 4);
	put_entry(0x02, 0x0010, 0x02); /* one */
	put_entry(0x03, 0x0018, 0x03); /* a range */
	put_entry(0x04, 0x00ff, 0xff);
	put_entry(0x42, 0x0100, 0x04); /* alias */
	put(0x00022200, 4);
	put_entry(0x43, 0x0300, 0x05); /* a range with one */
	put(0x00033300, 4);
	put_entry(0x00, 0, 0);
	put_entry(0x04, 0x03ff, 0);
	put_entry(0x46, 0x0400, 0x06); /* extended */
	put(0x80000000, 4);
	put_entry(0x47, 0x0500, 0x07);
	put(0x80000000, 4);
	put_entry(0x04, 0x0500, 0);
	put_entry(0x48, 0, 0xd7); /* IOAPIC, HPET, and neither */
	put(0x0100a021, 4);
	put_entry(0x48, 0, 0x00);
	put(0x0200a100, 4);
	put_entry(0x48, 0, 0x00);
	put(0x0000a200, 4);
	put_entry(0xf0, 0x00a5, 0x40); /* a device with a name */
	sp_buf_str(&table, "AMDI0020");
	put(0, 8);
	put(2, 1);
	put(9, 1);
	sp_buf_str(&table, "\\_SB.FUR0");
	put_entry(0x80, 0, 0); /* reserved ones: 16 and 32 bytes */
	put(0, 12);
	put_entry(0xc5, 0, 0);
	put(0, 28);
	put_entry(0x05, 0x0777, 0);
	end_block(at);
	ivrs = ivrs_of();
	assert_int_equal(ivrs.info, 0x00203043);
	assert_int_equal(ivrs.unit_count, 1);
	unit = &ivrs.units[0];
	assert_int_equal(unit->type, 0x40);
	assert_true(unit->address == UINT64_C(0x1fd400000));
	assert_int_equal(unit->segment, 1);
	assert_int_equal(unit->function, 0x10002);
	assert_int_equal(unit->range_count, 10);
	check_range(&unit->ranges[0], 0x10000, 0x1ffff, SP_BDF_NONE, 1);
	check_range(&unit->ranges[1], 0x10010, 0x10010, SP_BDF_NONE, 2);
	check_range(&unit->ranges[2], 0x10018, 0x100ff, SP_BDF_NONE, 3);
	check_range(&unit->ranges[3], 0x10100, 0x10100, 0x10222, 4);
	check_range(&unit->ranges[4], 0x10300, 0x103ff, 0x10333, 5);
	check_range(&unit->ranges[5], 0x10400, 0x10400, SP_BDF_NONE, 6);
	check_range(&unit->ranges[6], 0x10500, 0x10500, SP_BDF_NONE, 7);
	assert_int_equal(unit->ranges[7].special, SP_IVRS_IOAPIC);
	assert_int_equal(unit->ranges[7].handle, 0x21);
	assert_int_equal(unit->ranges[7].first, 0x100a0);
	assert_int_equal(unit->ranges[7].settings, 0xd7);
	assert_int_equal(unit->ranges[8].special, SP_IVRS_HPET);
	assert_int_equal(unit->ranges[8].first, 0x100a1);
	assert_int_equal(unit->ranges[9].special, SP_IVRS_NAMED);
	assert_int_equal(unit->ranges[9].first, 0x100a5);
	assert_int_equal(unit->ranges[9].settings, 0x40);
}

/* An IOMMU, with one entry that tells which block it is. */
static void put_small(unsigned type, unsigned device, unsigned segment, unsigned mark) {
	size_t at = put_unit(type, device, segment);

	put_entry(0x02, mark, 0);
	end_block(at);
}

static void newest_units_are_kept(void **state) {
	static const unsigned KEPT[] = {2, 3, 5, 6, 7, 8};
	struct sp_ivrs ivrs;

	(void)state;
	put_ivrs();
	put_small(0x10, 0x0002, 0, 1);
	put_small(0x11, 0x4002, 0, 2);
	put_small(0x40, 0x0002, 0, 3);
	put_small(0x11, 0x0002, 0, 4);
	put_small(0x10, 0x0002, 1, 5); /* another segment */
	put_small(0x40, 0x0002, 0, 6); /* goes on where 3 ended */
	put_small(0x10, 0x8002, 0, 7);
	put_small(0x11, 0x4002, 0, 8);
	ivrs = ivrs_of();
	assert_int_equal(ivrs.unit_count, sizeof(KEPT) / sizeof(KEPT[0]));
	for (size_t i = 0; i < sizeof(KEPT) / sizeof(KEPT[0]); i++)
		assert_int_equal(ivrs.units[i].ranges[0].first & 0xffff, KEPT[i]);
}

static void put_memory(unsigned type, unsigned flags, unsigned device, unsigned last,
	unsigned segment, uint64_t base, uint64_t length) {
	put(type, 1);
	put(flags, 1);
	put(32, 2);
	put(device, 2);
	put(last, 2);
	put(segment, 2);
	put(0, 6);
	put(base, 8);
	put(length, 8);
	finish();
}

static void check_memory(
	const struct sp_ivrs_memory *memory, unsigned type, sp_bdf first, sp_bdf last) {
	assert_int_equal(memory->type, type);
	assert_int_equal(memory->first, first);
	assert_int_equal(memory->last, last);
}

static void memory_is_read(void **state) {
	struct sp_ivrs ivrs;

	(void)state;
	put_ivrs();
	put_memory(0x20, 0x08, 0xaaaa, 0xbbbb, 0, 0xfee00000, 0x1000);
	put_memory(0x21, 0x07, 0x0300, 0xbbbb, 2, UINT64_C(0x123456789000), 0x2000);
	put_memory(0x22, 0x03, 0x0b00, 0x0b07, 0, UINT64_MAX - 0xfff, 0x1000);
	put_memory(0x23, 0x05, 0x0002, 0, 0, 0, 0);
	put(0x99, 2); /* another block */
	put(4, 2);
	finish();
	ivrs = ivrs_of();
	assert_int_equal(ivrs.unit_count, 0);
	assert_int_equal(ivrs.memory_count, 4);
	check_memory(&ivrs.memories[0], SP_IVMD_ALL, 0, 0xffff);
	assert_int_equal(ivrs.memories[0].flags, 8);
	check_memory(&ivrs.memories[1], SP_IVMD_ONE, 0x20300, 0x20300);
	assert_int_equal(ivrs.memories[1].flags, 7);
	assert_true(ivrs.memories[1].base == UINT64_C(0x123456789000));
	assert_true(ivrs.memories[1].length == 0x2000);
	check_memory(&ivrs.memories[2], SP_IVMD_RANGE, 0x0b00, 0x0b07);
	assert_true(ivrs.memories[2].base == UINT64_MAX - 0xfff);
	check_memory(&ivrs.memories[3], SP_IVMD_IOMMU, 2, 2);
	assert_true(ivrs.memories[3].length == 0);
}

static void broken_ivrs_is_refused(void **state) {
	size_t at;

	(void)state;
	put_header("IVRS");
	put(0, 11);
	finish();
	no_ivrs("offset 0x4", "fixed part");
	for (unsigned kind = 0; kind < 3; kind++) {
		static const unsigned TYPES[] = {0x10, 0x11, 0x40};

		put_ivrs();
		at = put_unit(TYPES[kind], 2, 0);
		end_block(at);
		assert_int_equal(ivrs_of().units[0].range_count, 0);
		for (unsigned length = 0; length < table.size - at; length++) {
			set(at + 2, length, 2);
			finish();
			no_ivrs("offset 0x30", length < 4 ? "the block has" : "the IVHD has");
		}
		set(at + 2, table.size - at + 1, 2);
		finish();
		no_ivrs("offset 0x30", "room");
		set(at + 2, 0xffff, 2);
		finish();
		no_ivrs("offset 0x30", "room");
	}
	for (unsigned rest = 1; rest < 4; rest++) {
		put_ivrs();
		put(0, rest);
		finish();
		no_ivrs("offset 0x30", "and 4 is the least");
	}
}

/* One entry at 0x48, the last of its block, with so many bytes. */
static void put_cut_entry(unsigned type, unsigned size) {
	size_t at;

	put_ivrs();
	at = put_unit(0x10, 2, 0);
	put(type, 1);
	put(0, size - 1);
	end_block(at);
	put_memory(0x20, 1, 0, 0, 0, 0, 0); /* there is room in the table, not in the block */
}

static void broken_entries_are_refused(void **state) {
	size_t at;

	(void)state;
	for (unsigned type = 0; type < 0xf0; type++) {
		unsigned size = 4u << (type >> 6);

		for (unsigned cut = 1; cut < size; cut++) {
			put_cut_entry(type, cut);
			no_ivrs("offset 0x48", "room");
		}
		put_cut_entry(type, size + 1);
		no_ivrs(type == 4 ? "offset 0x48" : "offset 0x", type == 4 ? "not begun" : "");
	}
	for (unsigned type = 0xf0; type < 0x100; type++) {
		for (unsigned cut = 1; cut < 22; cut++) {
			put_cut_entry(type, cut);
			no_ivrs("offset 0x48", "and 22 is the least");
		}
		put_cut_entry(type, 22);
		assert_int_equal(ivrs_of().units[0].range_count, type == 0xf0);
		set(0x48 + 21, 1, 1);
		finish();
		no_ivrs("offset 0x48", "23 bytes has 22 bytes of room");
	}

	put_ivrs();
	at = put_unit(0x11, 2, 0);
	put_entry(0x04, 0x10, 0);
	end_block(at);
	no_ivrs("offset 0x58", "has not begun");
	set(at + 40, 0x03, 1);
	finish();
	no_ivrs("offset 0x30", "does not end");
	put_entry(0x02, 0x18, 0);
	end_block(at);
	no_ivrs("offset 0x5c", "does not end");
	set(at + 44, 0x04, 1);
	finish();
	assert_int_equal(ivrs_of().units[0].ranges[0].last, 0x18);
	set(at + 45, 0x0f, 1);
	finish();
	no_ivrs("offset 0x5c", "before it begins");
}

static void broken_memory_is_refused(void **state) {
	(void)state;
	for (unsigned type = 0x20; type <= 0x23; type++) {
		put_ivrs();
		put_memory(type, 1, 0, 0, 0, 0x1000, 0x1000);
		for (unsigned length = 4; length < 32; length++) {
			set(50, length, 2);
			finish();
			no_ivrs("offset 0x30", "the IVMD has");
		}
		set(50, 32, 2);
		set(48 + 16, UINT64_MAX - 0xffe, 8);
		finish();
		no_ivrs("offset 0x30", "wraps around");
	}
	put_ivrs();
	put_memory(0x22, 1, 0x0101, 0x0100, 0, 0, 0x1000);
	no_ivrs("offset 0x30", "ends before it begins");
}

static void put_vfct(uint32_t images, uint32_t library) {
	put_header("VFCT");
	put(0, 16);
	put(images, 4);
	put(library, 4);
	put(0, 16);
	assert_int_equal(table.size, 76);
}

static void put_image(unsigned bus, unsigned device, unsigned function, uint32_t length) {
	put(bus, 4);
	put(device, 4);
	put(function, 4);
	put(0x744c1002, 4);
	put(0x0e3b1da2, 4);
	put(0, 4);
	put(length, 4);
}

static void vfct_is_read(void **state) {
	struct sp_vfct vfct;

	(void)state;
	put_vfct(80, 0);
	put(0xdeadbeef, 4);
	put_image(3, 0, 0, 5);
	sp_buf_str(&table, "\x55\xaa...");
	put_image(4, 1, 2, 0); /* empty */
	put_image(0xff, 0x1f, 7, 2);
	sp_buf_str(&table, "\x55\xaa");
	put(0, 27); /* fills the table up */
	finish();
	vfct = vfct_of();
	assert_int_equal(vfct.count, 2);
	assert_int_equal(vfct.images[0].function, BDF(3, 0, 0));
	assert_int_equal(vfct.images[0].vendor, 0x1002);
	assert_int_equal(vfct.images[0].device, 0x744c);
	assert_int_equal(vfct.images[0].size, 5);
	assert_int_equal(vfct.images[0].at, 80 + 28);
	assert_memory_equal(table.data + vfct.images[0].at, "\x55\xaa...", 5);
	assert_int_equal(vfct.images[1].function, BDF(0xff, 0x1f, 7));
	assert_memory_equal(table.data + vfct.images[1].at, "\x55\xaa", 2);

	put_vfct(76, 76 + 28 + 1); /* the library is no image */
	put_image(3, 0, 0, 1);
	put(0, 1);
	put(UINT64_MAX, 8);
	finish();
	assert_int_equal(vfct_of().count, 1);
	put_vfct(76, 0);
	finish();
	assert_int_equal(vfct_of().count, 0);
}

static void broken_vfct_is_refused(void **state) {
	(void)state;
	put_header("VFCT");
	put(0, 39);
	finish();
	no_vfct("offset 0x4", "fixed part");
	for (unsigned i = 0; i < 4; i++) {
		static const uint32_t WRONG[] = {0, 75, 77, UINT32_MAX};

		put_vfct(WRONG[i], 0);
		finish();
		no_vfct("offset 0x34", "the images begin at");
	}
	put_vfct(76, 0);
	put_image(3, 0, 0, 1);
	finish();
	no_vfct("offset 0x68", "of 1 bytes has 0 bytes of room");
	set(76 + 24, UINT32_MAX, 4);
	finish();
	no_vfct("offset 0x68", "room");
	set(76 + 24, 0, 4);
	for (unsigned field = 0; field < 3; field++) {
		static const unsigned FIRST[] = {0x100, 0x20, 8};

		set(76 + 4 * field, FIRST[field], 4);
		finish();
		no_vfct("offset 0x4c", "the image is for");
		set(76 + 4 * field, FIRST[field] - 1, 4);
		finish();
		assert_int_equal(vfct_of().count, 0);
	}
	put(1, 27);
	finish();
	no_vfct("offset 0x68", "the image's header has 27 bytes");
}

static const char *dmar_path, *ivrs_path;

static void load(const char *path) {
	struct sp_error error;

	teardown(NULL);
	if (!sp_file_read(path, TABLE_LIMIT, &table.data, &table.size, &error))
		fail_msg("%s", error.message);
}

static void compiled_dmar_is_read(void **state) {
	struct sp_dmar dmar;

	(void)state;
	load(dmar_path);
	dmar = dmar_of();
	assert_int_equal(dmar.width, 39);
	assert_true(dmar.interrupt_remapping && !dmar.x2apic_opt_out && dmar.dma_opt_in);
	assert_int_equal(dmar.unit_count, 2);
	assert_true(dmar.units[0].address == 0xfed90000 && !dmar.units[0].all);
	assert_int_equal(dmar.units[0].scopes.count, 1);
	assert_int_equal(dmar.units[0].scopes.data[0].type, 1);
	assert_int_equal(dmar.units[0].scopes.data[0].start, BDF(0, 2, 0));
	assert_true(dmar.units[1].address == 0xfed91000 && dmar.units[1].all);
	assert_int_equal(dmar.units[1].scopes.count, 3);
	assert_int_equal(dmar.units[1].scopes.data[0].type, 3);
	assert_int_equal(dmar.units[1].scopes.data[0].enumeration, 2);
	assert_int_equal(dmar.units[1].scopes.data[0].start, BDF(0xf0, 0x1f, 0));
	assert_int_equal(dmar.units[1].scopes.data[1].type, 4);
	assert_int_equal(dmar.units[1].scopes.data[2].hops, 1);
	assert_int_equal(dmar.units[1].scopes.data[2].start, BDF(0, 0x1c, 4));
	assert_memory_equal(dmar.units[1].scopes.data[2].path, "\0\0", 2);
	assert_int_equal(dmar.rmrr_count, 2);
	assert_true(dmar.rmrrs[0].base == 0x8a000000 && dmar.rmrrs[0].limit == 0x8a01ffff);
	assert_int_equal(dmar.rmrrs[0].scopes.data[0].start, BDF(0, 0x14, 0));
	assert_true(dmar.rmrrs[1].base == 0x8b800000 && dmar.rmrrs[1].limit == 0x8fffffff);
	assert_int_equal(dmar.rmrrs[1].scopes.data[0].start, BDF(0, 2, 0));
	assert_true(dmar.has_atsr && !dmar.has_satc);
}

static void compiled_ivrs_is_read(void **state) {
	struct sp_ivrs ivrs;
	const struct sp_ivrs_unit *unit;

	(void)state;
	load(ivrs_path);
	ivrs = ivrs_of();
	assert_int_equal(ivrs.info, 0x00203043);
	assert_int_equal(ivrs.unit_count, 1);
	unit = &ivrs.units[0];
	assert_int_equal(unit->type, 0x11);
	assert_true(unit->address == 0xfd400000);
	assert_int_equal(unit->function, BDF(0, 0, 2));
	assert_int_equal(unit->range_count, 5);
	check_range(&unit->ranges[0], 0x0008, 0xfffe, SP_BDF_NONE, 0);
	check_range(&unit->ranges[1], 0xff00, 0xffff, BDF(0, 0x14, 5), 0);
	assert_int_equal(unit->ranges[2].special, SP_IVRS_HPET);
	assert_int_equal(unit->ranges[3].special, SP_IVRS_IOAPIC);
	assert_int_equal(unit->ranges[3].handle, 0x21);
	assert_int_equal(unit->ranges[3].first, BDF(0, 0x14, 0));
	assert_int_equal(unit->ranges[4].handle, 0x22);
	assert_int_equal(unit->ranges[4].first, BDF(0, 0, 1));
	assert_int_equal(ivrs.memory_count, 3);
	check_memory(&ivrs.memories[0], SP_IVMD_ALL, 0, 0xffff);
	check_memory(&ivrs.memories[1], SP_IVMD_ONE, BDF(3, 0, 0), BDF(3, 0, 0));
	assert_int_equal(ivrs.memories[1].flags, 7);
	assert_true(ivrs.memories[1].base == 0x9c000000 && ivrs.memories[1].length == 0x2000000);
	check_memory(&ivrs.memories[2], SP_IVMD_RANGE, BDF(0xb, 0, 0), BDF(0xb, 0, 7));
}

static bool is_empty(const char *path) {
	struct sp_error error;
	char *data = NULL;
	size_t size = 0;
	bool read = sp_file_read(path, TABLE_LIMIT, &data, &size, &error);

	free(data);
	return read && !size;
}

int main(int argc, char **argv) {
	const struct CMUnitTest made[] = {
		cmocka_unit_test_teardown(header_is_checked, teardown),
		cmocka_unit_test_teardown(hidden_table_is_taken, teardown),
		cmocka_unit_test_teardown(bytes_behind_are_let_be, teardown),
		cmocka_unit_test_teardown(dmar_is_read, teardown),
		cmocka_unit_test_teardown(dmar_structures_are_read, teardown),
		cmocka_unit_test_teardown(broken_dmar_is_refused, teardown),
		cmocka_unit_test_teardown(broken_scopes_are_refused, teardown),
		cmocka_unit_test_teardown(ivrs_is_read, teardown),
		cmocka_unit_test_teardown(newest_units_are_kept, teardown),
		cmocka_unit_test_teardown(memory_is_read, teardown),
		cmocka_unit_test_teardown(broken_ivrs_is_refused, teardown),
		cmocka_unit_test_teardown(broken_entries_are_refused, teardown),
		cmocka_unit_test_teardown(broken_memory_is_refused, teardown),
		cmocka_unit_test_teardown(vfct_is_read, teardown),
		cmocka_unit_test_teardown(broken_vfct_is_refused, teardown),
	};
	const struct CMUnitTest compiled[] = {
		cmocka_unit_test_teardown(compiled_dmar_is_read, teardown),
		cmocka_unit_test_teardown(compiled_ivrs_is_read, teardown),
	};

	if (argc < 3)
		return cmocka_run_group_tests(made, NULL, NULL);
	dmar_path = argv[1];
	ivrs_path = argv[2];
	if (is_empty(dmar_path) || is_empty(ivrs_path)) {
		fprintf(stderr, "SKIPPED: this iasl did not compile the tables\n");
		return 77;
	}
	return cmocka_run_group_tests(compiled, NULL, NULL);
}
