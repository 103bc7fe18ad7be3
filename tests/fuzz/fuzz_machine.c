/* SPDX-License-Identifier: MIT */
/* Snapshots and lspci's output: what is read of them, listed, and written again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "machine/machine.h"
#include "mutate.h"

#define NARROW 23

/* Lines of a table are plain, and none is wider than it may be. */
static void check_table(const char *data, size_t size, unsigned columns) {
	unsigned column = 0;

	for (size_t i = 0; i < size; i++) {
		CHECK(data[i] == '\n' || (data[i] >= ' ' && data[i] <= '~'));
		column = data[i] == '\n' ? 0 : column + 1;
		CHECK(!columns || column <= columns);
	}
	CHECK(!column);
}

static void check_lists(const struct sp_machine *machine) {
	struct sp_error error = {0};
	char *data;
	size_t size;

	for (unsigned columns = 0; columns <= NARROW; columns += NARROW) {
		const struct sp_machine_list_options options = {.all = true, .columns = columns};

		CHECK(sp_machine_table(machine, &options, &data, &size, &error));
		check_table(data, size, columns);
		free(data);
		CHECK(sp_machine_json(machine, &options, &data, &size, &error));
		CHECK(size >= 3 && data[0] == '[' && data[size - 2] == ']');
		free(data);
	}
}

/* Bridges lead upwards and end; slots are what they are; claims are few. */
static void check_functions(const struct sp_machine *machine) {
	for (uint32_t i = 0; i < machine->function_count; i++) {
		const struct sp_function *function = &machine->functions[i];
		const struct sp_function *above = function;
		uint32_t count, steps = 0;

		CHECK(!i || function->bdf > function[-1].bdf);
		CHECK(sp_machine_find(machine, function->bdf) == function);
		CHECK(sp_machine_slot(machine, function, &count) <= function);
		CHECK(count >= 1 && count <= 8);
		while ((above = above->bridge))
			CHECK(++steps <= 256);
		CHECK(!function->physical || !function->physical->physical);
		CHECK(function->rmrrs.count <= 64 && function->unity.count <= 64);
		CHECK(function->has_users == (function->user != NULL));
	}
}

/* What is written is read as the same again, and nothing is left to be taken out of it. */
static void check_again(const struct sp_machine *machine) {
	struct sp_error error = {0};
	struct sp_machine *again;
	char *data, *twice;
	size_t size, twice_size;

	CHECK(sp_machine_write(machine, &data, &size, &error));
	CHECK(sp_machine_recognise(data, size));
	if (size <= SP_FILES_LIMIT) {
		CHECK(sp_machine_parse(&again, data, size, "again", &error));
		CHECK(again->function_count == machine->function_count);
		CHECK(sp_machine_write(again, &twice, &twice_size, &error));
		CHECK(size == twice_size && !memcmp(data, twice, size));
		free(twice);
		sp_machine_destroy(again);
	}
	free(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct sp_error error = {0};
	struct sp_machine *machine;

	if (!sp_machine_parse(&machine, (const char *)data, size, "x", &error)) {
		CHECK(!machine && error.kind == SP_ERROR_INPUT);
		CHECK(!strncmp(error.message, "x: ", 3));
		return 0;
	}
	check_functions(machine);
	check_lists(machine);
	check_again(machine);
	sp_machine_destroy(machine);
	return 0;
}
