/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <sallyport/state.h>

#define ONE SP_STATE_TAG('O', 'N', 'E', ' ')
#define TWO SP_STATE_TAG('T', 'W', 'O', ' ')

static struct sp_state_writer *sample(void) {
	struct sp_state_writer *writer = sp_state_writer_create();

	assert_non_null(writer);
	sp_state_begin(writer, ONE, 1);
	sp_state_put_u8(writer, 0x12);
	sp_state_put_u16(writer, 0x3456);
	sp_state_put_u32(writer, 0x789abcde);
	sp_state_put_u64(writer, 0xf0e1d2c3b4a59687);
	sp_state_end(writer);
	sp_state_begin(writer, SP_STATE_TAG('n', 'e', 'w', 1), 9);
	sp_state_end(writer);
	sp_state_begin(writer, TWO, 3);
	sp_state_put_bytes(writer, "hello", 5);
	sp_state_end(writer);
	return writer;
}

/* Exactly sized, so that a read beyond the end is seen. */
static uint8_t *copy(const struct sp_state_writer *writer, size_t *size) {
	struct sp_error error = {0};
	const uint8_t *data = sp_state_data(writer, size, &error);
	uint8_t *bytes;

	assert_non_null(data);
	bytes = malloc(*size);
	assert_non_null(bytes);
	return memcpy(bytes, data, *size);
}

static bool read_sample(const uint8_t *data, size_t size, struct sp_error *error) {
	struct sp_state_reader *reader = sp_state_reader_create(data, size, error);
	const uint8_t *bytes;
	uint32_t sum = 0;
	uint16_t version;
	bool good;

	if (!reader)
		return false;
	/* In any order. */
	good = sp_state_find(reader, TWO, 3, &version, error);
	if (good) {
		bytes = sp_state_get_bytes(reader, 5);
		good = sp_state_check(reader, error);
		if (good)
			for (int i = 0; i < 5; i++)
				sum += bytes[i];
	}
	good = good && sp_state_find(reader, ONE, 1, &version, error);
	if (good) {
		sp_state_get_u8(reader);
		sp_state_get_u16(reader);
		sp_state_get_u32(reader);
		sp_state_get_u64(reader);
		good = sp_state_check(reader, error);
	}
	sp_state_reader_destroy(reader);
	return good && sum;
}

static void test_round(void **state) {
	struct sp_state_writer *writer = sample();
	struct sp_state_reader *reader;
	struct sp_error error = {0};
	uint16_t version = 0;
	size_t size;
	uint8_t *data = copy(writer, &size);

	(void)state;
	assert_true(read_sample(data, size, &error));
	reader = sp_state_reader_create(data, size, &error);
	assert_non_null(reader);
	assert_true(sp_state_find(reader, ONE, 2, &version, &error));
	assert_int_equal(version, 1);
	assert_int_equal(sp_state_get_u8(reader), 0x12);
	assert_int_equal(sp_state_get_u16(reader), 0x3456);
	assert_int_equal(sp_state_get_u32(reader), 0x789abcde);
	assert_false(sp_state_check(reader, &error));
	assert_string_equal(error.message, "the state's part \"ONE \" is too long");
	assert_true(sp_state_get_u64(reader) == 0xf0e1d2c3b4a59687);
	assert_true(sp_state_check(reader, &error));
	/* Beyond the end there are only zeros, also for what would have fitted. */
	assert_int_equal(sp_state_get_u8(reader), 0);
	assert_false(sp_state_check(reader, &error));
	assert_string_equal(error.message, "the state's part \"ONE \" is too short");
	assert_int_equal(error.kind, SP_ERROR_INPUT);
	assert_true(sp_state_find(reader, TWO, 3, &version, &error));
	assert_null(sp_state_get_bytes(reader, 6));
	assert_null(sp_state_get_bytes(reader, 1));
	assert_null(sp_state_get_bytes(reader, SIZE_MAX));
	assert_int_equal(sp_state_get_u8(reader), 0);
	/* Nothing wraps. */
	for (size_t more = 0; more < 16; more++) {
		assert_true(sp_state_find(reader, TWO, 3, &version, &error));
		assert_null(sp_state_get_bytes(reader, SIZE_MAX - more));
		assert_false(sp_state_check(reader, &error));
	}
	/* Each search begins anew. */
	assert_true(sp_state_find(reader, TWO, 3, &version, &error));
	assert_memory_equal(sp_state_get_bytes(reader, 5), "hello", 5);
	assert_true(sp_state_check(reader, &error));
	sp_state_reader_destroy(reader);
	free(data);
	sp_state_writer_destroy(writer);
}

static void test_refused(void **state) {
	struct sp_state_writer *writer = sample();
	struct sp_state_reader *reader;
	struct sp_error error = {0};
	uint16_t version;
	size_t size;
	uint8_t *data;

	(void)state;
	sp_state_begin(writer, ONE, 1);
	sp_state_end(writer);
	data = copy(writer, &size);
	reader = sp_state_reader_create(data, size, &error);
	assert_non_null(reader);
	assert_false(sp_state_find(reader, ONE, 1, &version, &error));
	assert_string_equal(error.message, "the state's part \"ONE \" is there twice");
	assert_false(sp_state_find(reader, SP_STATE_TAG('n', 'o', 'n', 'e'), 1, &version, &error));
	assert_string_equal(error.message, "the state's part \"none\" is missing");
	assert_false(sp_state_find(reader, TWO, 2, &version, &error));
	assert_string_equal(error.message, "the state's part \"TWO \" is of a newer release");
	assert_false(sp_state_find(reader, SP_STATE_TAG('n', 'e', 'w', 1), 8, &version, &error));
	assert_string_equal(error.message, "the state's part \"new?\" is of a newer release");
	/* Nothing is read from what was refused. */
	assert_int_equal(sp_state_get_u8(reader), 0);
	sp_state_reader_destroy(reader);
	free(data);
	sp_state_writer_destroy(writer);
}

/* Every cut and every changed byte is refused or read within its bounds. */
static void test_hostile(void **state) {
	struct sp_state_writer *writer = sample();
	struct sp_error error = {0};
	size_t size;
	uint8_t *data = copy(writer, &size);

	(void)state;
	for (size_t cut = 0; cut < size; cut++) {
		uint8_t *part = malloc(cut ? cut : 1);

		assert_non_null(part);
		memcpy(part, data, cut);
		assert_false(read_sample(part, cut, &error));
		assert_int_equal(error.kind, SP_ERROR_INPUT);
		free(part);
	}
	for (size_t at = 0; at < size; at++)
		for (uint32_t bit = 0; bit < 8; bit++) {
			data[at] ^= (uint8_t)(1u << bit);
			if (read_sample(data, size, &error))
				assert_true(at >= 8);
			data[at] ^= (uint8_t)(1u << bit);
		}
	assert_true(read_sample(data, size, &error));
	free(data);
	sp_state_writer_destroy(writer);
}

static void test_misuse(void **state) {
	struct sp_error error = {0};
	size_t size;

	(void)state;
	for (int how = 0; how < 4; how++) {
		struct sp_state_writer *writer = sample();

		switch (how) {
		case 0: /* left open */
			sp_state_begin(writer, ONE, 1);
			break;
		case 1: /* nested */
			sp_state_begin(writer, ONE, 1);
			sp_state_begin(writer, TWO, 1);
			sp_state_end(writer);
			break;
		case 2: /* in none */
			sp_state_put_u8(writer, 1);
			break;
		case 3:
			sp_state_end(writer);
			break;
		}
		assert_null(sp_state_data(writer, &size, &error));
		sp_state_writer_destroy(writer);
	}
	sp_state_writer_destroy(NULL);
	sp_state_reader_destroy(NULL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_misuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
