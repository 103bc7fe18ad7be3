/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <sallyport/registers.h>

enum { RO, PLAIN, W1C, MIXED, BYTE, SCRUB, TRAP, PASS, LAST, COUNT };

struct scene {
	uint64_t values[COUNT];
	uint64_t trap, behind;
	uint32_t reads, writes, passes, pass_writes;
	uint32_t written, index;
	uint64_t before, now;
};

static uint64_t trap_read(void *device, uint32_t index) {
	struct scene *s = device;

	assert_int_equal(index, TRAP);
	s->reads++;
	return s->trap;
}

static void trap_write(void *device, uint32_t index, uint64_t value) {
	struct scene *s = device;

	assert_int_equal(index, TRAP);
	s->writes++;
	s->trap = value;
}

static uint64_t pass(void *device, uint32_t index, bool write, uint64_t value) {
	struct scene *s = device;

	assert_int_equal(index, PASS);
	s->passes++;
	if (write) {
		s->pass_writes++;
		s->behind = value;
	}
	return s->behind;
}

static void written(void *device, uint32_t index, uint64_t before, uint64_t now) {
	struct scene *s = device;

	s->written++;
	s->index = index;
	s->before = before;
	s->now = now;
	assert_true(s->values[index] == now);
}

static const struct sp_register registers[COUNT] = {
	[RO] = {.offset = 0, .width = 4, .reset = 0x11223344, .written = written},
	[PLAIN] = {.offset = 4,
		.width = 4,
		.reset = 0xa0000005,
		.mask = 0x0ffffff0,
		.written = written},
	[W1C] = {.offset = 8, .width = 2, .reset = 0xff0f, .clear = 0xff00},
	[MIXED] = {.offset = 10,
		.width = 2,
		.reset = 0x8018,
		.mask = 0x0003,
		.clear = 0x8000,
		.written = written},
	[BYTE] = {.offset = 13, .width = 1, .mask = 0xff},
	[SCRUB] = {.offset = 16,
		.width = 8,
		.kind = SP_REGISTER_SCRUB,
		.reset = 0x0123456789abcdef,
		.mask = UINT64_MAX},
	[TRAP] = {.offset = 24, .width = 4, .kind = SP_REGISTER_TRAP},
	[PASS] = {.offset = 28,
		.width = 4,
		.kind = SP_REGISTER_PASS,
		.reset = 0x55aa0000,
		.mask = 0x0000ffff},
	[LAST] = {.offset = 40, .width = 8, .reset = 1, .mask = UINT64_MAX},
};
static const struct sp_register_table table = {
	.registers = registers,
	.count = COUNT,
	.size = 48,
	.read = trap_read,
	.write = trap_write,
	.pass = pass,
	.filler = 0xff,
};

static struct scene scene(void) {
	struct scene s = {.trap = 0xcafe0000, .behind = 0xdeadbeef};

	sp_registers_reset(&table, s.values);
	return s;
}

static uint64_t get(struct scene *s, uint64_t offset, uint32_t size) {
	uint8_t bytes[8];
	uint64_t value = 0;

	memset(bytes, 0xa5, sizeof(bytes));
	sp_registers_read(&table, s->values, s, offset, bytes, size);
	for (uint32_t i = 0; i < size; i++)
		value |= (uint64_t)bytes[i] << 8 * i;
	return value;
}

static void set(struct scene *s, uint64_t offset, uint32_t size, uint64_t value) {
	uint8_t bytes[8];

	for (uint32_t i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(value >> 8 * i);
	sp_registers_write(&table, s->values, s, offset, bytes, size);
}

static void test_kept(void **state) {
	struct scene s = scene();

	(void)state;
	set(&s, 0, 4, 0xffffffff);
	assert_int_equal(get(&s, 0, 4), 0x11223344);
	assert_int_equal(s.written, 1);
	set(&s, 4, 4, 0x12345678);
	assert_int_equal(get(&s, 4, 4), 0xa2345675);
	assert_int_equal(s.index, PLAIN);
	assert_int_equal(s.before, 0xa0000005);
	assert_int_equal(s.now, 0xa2345675);
	/* A byte in the middle. */
	set(&s, 6, 1, 0xee);
	assert_int_equal(get(&s, 4, 4), 0xa2ee5675);
	set(&s, 8, 2, 0x0f0f);
	assert_int_equal(get(&s, 8, 2), 0xf00f);
	/* Ones in the lower byte clear nothing of the upper. */
	set(&s, 8, 1, 0xff);
	assert_int_equal(get(&s, 8, 2), 0xf00f);
	set(&s, 9, 1, 0x10);
	assert_int_equal(get(&s, 8, 2), 0xe00f);
	set(&s, 10, 2, 0x0001);
	assert_int_equal(get(&s, 10, 2), 0x8019);
	set(&s, 10, 2, 0x8002);
	assert_int_equal(get(&s, 10, 2), 0x001a);
	set(&s, 16, 8, 0);
	assert_true(get(&s, 16, 8) == 0x0123456789abcdef);
}

static void test_trap(void **state) {
	struct scene s = scene();

	(void)state;
	assert_int_equal(get(&s, 24, 4), 0xcafe0000);
	assert_int_equal(get(&s, 26, 1), 0xfe);
	assert_int_equal(s.reads, 2);
	set(&s, 24, 4, 0x01020304);
	assert_int_equal(s.reads, 2);
	assert_int_equal(s.trap, 0x01020304);
	/* What is not written is as it was read. */
	set(&s, 25, 2, 0xaabb);
	assert_int_equal(s.reads, 3);
	assert_int_equal(s.trap, 0x01aabb04);
	assert_int_equal(s.writes, 2);
}

static void test_pass(void **state) {
	struct scene s = scene();

	(void)state;
	assert_int_equal(get(&s, 28, 4), 0x55aabeef);
	set(&s, 28, 4, 0x11112222);
	assert_int_equal(s.behind, 0xdead2222);
	set(&s, 29, 1, 0x99);
	assert_int_equal(s.behind, 0xdead9922);
	/* What is outside of the mask does not get there at all. */
	s.pass_writes = 0;
	set(&s, 30, 2, 0x7777);
	assert_int_equal(s.pass_writes, 0);
	assert_int_equal(s.behind, 0xdead9922);
}

static void test_straddling(void **state) {
	struct scene s = scene();
	uint8_t bytes[64], expected[48];

	(void)state;
	assert_true(get(&s, 2, 8) == 0xff0fa00000051122);
	/* One before a register, in none. */
	assert_int_equal(get(&s, 12, 2), 0x00ff);
	assert_int_equal(get(&s, 32, 8) & 0xffffffff, 0xffffffff);
	set(&s, 12, 4, 0x99887766);
	assert_int_equal(get(&s, 12, 4), 0xffff77ff);
	/* Across three registers, each once. */
	s = scene();
	set(&s, 7, 4, 0xffffff0f);
	assert_int_equal(get(&s, 4, 4), 0xaf000005);
	assert_int_equal(get(&s, 8, 2), 0x000f);
	assert_int_equal(get(&s, 10, 2), 0x801b);
	assert_int_equal(s.written, 2);
	/* The whole block and more, in one and byte by byte. */
	s = scene();
	memset(bytes, 0xa5, sizeof(bytes));
	sp_registers_read(&table, s.values, &s, 0, bytes, sizeof(bytes));
	assert_int_equal(s.reads, 1);
	for (uint32_t i = 0; i < 48; i++)
		expected[i] = (uint8_t)get(&s, i, 1);
	assert_memory_equal(bytes, expected, 48);
	for (uint32_t i = 48; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], 0xff);
}

static void test_beyond(void **state) {
	struct scene s = scene(), before = s;
	static const uint64_t offsets[] = {
		48, 49, UINT32_MAX, 1ull << 32, (1ull << 32) + 4, UINT64_MAX - 3, UINT64_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		assert_true(get(&s, offsets[i], 8) == UINT64_MAX);
		set(&s, offsets[i], 8, 0);
	}
	assert_memory_equal(&s, &before, sizeof(s));
	/* The last byte inside. */
	assert_int_equal(get(&s, 47, 4), 0xffffff00);
	set(&s, 47, 4, 0xddccbbaa);
	assert_true(s.values[LAST] == 0xaa00000000000001);
}

/* A model that knows bytes only, beside the table. */
static void test_model(void **state) {
	struct scene s = scene();
	uint8_t plain[48], mask[48] = {0}, clear[48] = {0}, bytes[16], expected[16];
	uint64_t random = 1;

	(void)state;
	for (uint32_t i = 0; i < 48; i++)
		plain[i] = (uint8_t)get(&s, i, 1);
	for (uint32_t r = 0; r < COUNT; r++)
		for (uint32_t i = 0; i < registers[r].width; i++) {
			uint64_t bits = registers[r].kind == SP_REGISTER_TRAP ? UINT64_MAX
				: registers[r].kind == SP_REGISTER_SCRUB      ? 0
									      : registers[r].mask;

			mask[registers[r].offset + i] = (uint8_t)(bits >> 8 * i);
			clear[registers[r].offset + i] = (uint8_t)(registers[r].clear >> 8 * i);
		}
	for (int step = 0; step < 200000; step++) {
		uint32_t offset, size;

		random = random * 6364136223846793005u + 1442695040888963407u;
		offset = (uint32_t)(random >> 33) % 50;
		size = 1 + (uint32_t)(random >> 45) % 16;
		for (uint32_t i = 0; i < size; i++)
			bytes[i] = (uint8_t)((random >> (i + 8)) * 29);
		if (random >> 63) {
			sp_registers_write(&table, s.values, &s, offset, bytes, size);
			for (uint32_t i = 0; i < size && offset + i < 48; i++) {
				uint8_t *p = &plain[offset + i], m = mask[offset + i];

				*p = (uint8_t)((*p & ~m) | (bytes[i] & m));
				*p &= (uint8_t) ~(clear[offset + i] & bytes[i]);
			}
			continue;
		}
		memset(expected, 0xff, sizeof(expected));
		for (uint32_t i = 0; i < size && offset + i < 48; i++)
			expected[i] = plain[offset + i];
		sp_registers_read(&table, s.values, &s, offset, bytes, size);
		assert_memory_equal(bytes, expected, size);
	}
}

static void test_valid(void **state) {
	static const struct sp_register bad[] = {
		{.offset = 0, .width = 3},
		{.offset = 2, .width = 4},
		{.offset = 48, .width = 1},
		{.offset = 0xfffffff8, .width = 8},
		{.offset = 0, .width = 2, .mask = 0x10000},
		{.offset = 0, .width = 1, .reset = 0x100},
		{.offset = 0, .width = 4, .mask = 3, .clear = 2},
		{.offset = 0, .width = 4, .kind = SP_REGISTER_TRAP},
		{.offset = 0, .width = 4, .kind = SP_REGISTER_PASS},
		{.offset = 0, .width = 4, .kind = (enum sp_register_kind)9},
	};
	static const struct sp_register overlap[] = {
		{.offset = 0, .width = 8}, {.offset = 4, .width = 4}};
	static const struct sp_register unsorted[] = {
		{.offset = 8, .width = 4}, {.offset = 4, .width = 4}};
	struct sp_register_table other = {.count = 1, .size = 48};

	(void)state;
	assert_true(sp_registers_valid(&table));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		other.registers = &bad[i];
		assert_false(sp_registers_valid(&other));
	}
	other.registers = registers;
	assert_true(sp_registers_valid(&other));
	other.filler = 1;
	assert_false(sp_registers_valid(&other));
	other = (struct sp_register_table){.registers = overlap, .count = 2, .size = 48};
	assert_false(sp_registers_valid(&other));
	other.registers = unsorted;
	assert_false(sp_registers_valid(&other));
	assert_int_equal(sp_registers_index(&table, 13), BYTE);
	assert_int_equal(sp_registers_index(&table, 14), UINT32_MAX);
	assert_int_equal(sp_registers_index(&table, 5), UINT32_MAX);
	assert_int_equal(sp_registers_index(&table, UINT64_MAX), UINT32_MAX);
}

static void test_state(void **state) {
	const uint32_t tag = SP_STATE_TAG('R', 'E', 'G', 'S');
	struct sp_state_writer *writer = sp_state_writer_create();
	struct sp_state_reader *reader;
	struct sp_register_table grown = table, old = table;
	struct sp_error error = {0};
	struct scene s = scene(), t = scene();
	uint64_t forged[COUNT];
	const uint8_t *data;
	uint16_t version;
	size_t size;

	(void)state;
	old.count = LAST;
	set(&s, 4, 4, 0x12345678);
	set(&s, 10, 2, 0x8002);
	memcpy(forged, s.values, sizeof(forged));
	forged[RO] = 0xbad;
	forged[PLAIN] |= 0xf0000000;
	sp_state_begin(writer, tag, 1);
	sp_registers_save(&old, forged, writer);
	sp_state_end(writer);
	data = sp_state_data(writer, &size, &error);
	assert_non_null(data);
	reader = sp_state_reader_create(data, size, &error);
	assert_non_null(reader);
	/* Into a newer table: what it has more is as after a reset. */
	assert_true(sp_state_find(reader, tag, 1, &version, &error));
	sp_registers_load(&grown, t.values, reader);
	assert_true(sp_state_check(reader, &error));
	assert_memory_equal(t.values, s.values, sizeof(t.values));
	assert_int_equal(t.written, 0);
	/* Into an older one: refused. */
	old.count = PASS;
	assert_true(sp_state_find(reader, tag, 1, &version, &error));
	sp_registers_load(&old, t.values, reader);
	assert_false(sp_state_check(reader, &error));
	sp_state_reader_destroy(reader);
	sp_state_writer_destroy(writer);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_trap),
		cmocka_unit_test(test_pass),
		cmocka_unit_test(test_straddling),
		cmocka_unit_test(test_beyond),
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
