/* SPDX-License-Identifier: MIT */
#include "machine/machine.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "machine/build.h"
#include "machine/snapshot.h"

static struct sp_machine *create(
	enum sp_machine_source source, const char *name, struct sp_error *error) {
	struct sp_machine *machine = calloc(1, sizeof(*machine));

	if (!machine) {
		sp_error_memory(error);
		return NULL;
	}
	machine->source = source;
	machine->files.arena = &machine->arena;
	machine->name = sp_arena_strdup(&machine->arena, name);
	if (!machine->name) {
		sp_machine_destroy(machine);
		sp_error_memory(error);
		return NULL;
	}
	return machine;
}

static bool finish(
	struct sp_machine **out, struct sp_machine *machine, bool good, struct sp_error *error) {
	if (good && sp_machine_build(machine, error)) {
		*out = machine;
		return true;
	}
	sp_machine_destroy(machine);
	return false;
}

bool sp_machine_read(struct sp_machine **out, const char *root, struct sp_error *error) {
	struct sp_machine *machine =
		create(SP_MACHINE_LIVE, root && *root ? root : "this machine", error);

	*out = NULL;
	if (!machine)
		return false;
	return finish(out, machine, sp_files_collect(&machine->files, root, error), error);
}

static bool is_snapshot(const char *data, size_t size) {
	size_t length = sizeof(SNAPSHOT_FIRST) - 1;

	return size >= length && memcmp(data, SNAPSHOT_FIRST, length) == 0;
}

bool sp_machine_recognise(const char *data, size_t size) {
	return is_snapshot(data, size) || sp_files_is_lspci(data, size);
}

bool sp_machine_parse(struct sp_machine **out, const char *data, size_t size, const char *name,
	struct sp_error *error) {
	bool snapshot = is_snapshot(data, size);
	struct sp_machine *machine =
		create(snapshot ? SP_MACHINE_SNAPSHOT : SP_MACHINE_LSPCI, name, error);
	bool good;

	*out = NULL;
	if (!machine)
		return false;
	if (!snapshot && !sp_files_is_lspci(data, size))
		good = sp_error_set(error, SP_ERROR_INPUT,
			"neither a snapshot nor the output of `lspci -vvxxxx`");
	else if (snapshot)
		good = sp_files_parse(&machine->files, data, size, error);
	else
		good = sp_files_parse_lspci(&machine->files, data, size, error);
	if (finish(out, machine, good, error))
		return true;
	return error->kind == SP_ERROR_INPUT ? sp_error_prefix(error, name) : false;
}

bool sp_machine_load(struct sp_machine **out, const char *path, struct sp_error *error) {
	size_t size;
	char *data;
	bool good;

	*out = NULL;
	if (!sp_file_read(path, SP_FILES_LIMIT, &data, &size, error))
		return false;
	good = sp_machine_parse(out, data, size, path, error);
	free(data);
	return good;
}

void sp_machine_destroy(struct sp_machine *machine) {
	if (!machine)
		return;
	sp_arena_release(&machine->arena);
	free(machine);
}

const char *sp_machine_name(const struct sp_machine *machine) {
	return machine->name;
}

enum sp_machine_source sp_machine_source(const struct sp_machine *machine) {
	return machine->source;
}

bool sp_machine_has(const struct sp_machine *machine, sp_bdf bdf) {
	return sp_machine_find(machine, bdf);
}

/* Nobody is told which machine this is, so the records are changed, not those of the caller. */
static bool write_scrubbed(const struct sp_files *source, struct sp_arena *arena, char **data,
	size_t *size, struct sp_error *error) {
	struct sp_files files = {.arena = arena};
	struct sp_buf out = {0};

	files.records.count = files.records.capacity = source->records.count;
	files.records.data = sp_arena_copy(
		arena, source->records.data, source->records.count * sizeof(*source->records.data));
	if (!files.records.data || !sp_files_scrub(&files) || arena->failed)
		return sp_error_memory(error);
	sp_files_write(&files, &out);
	return sp_buf_finish(&out, data, size, error);
}

bool sp_machine_write(
	const struct sp_machine *machine, char **data, size_t *size, struct sp_error *error) {
	struct sp_arena arena = {0};
	bool good = write_scrubbed(&machine->files, &arena, data, size, error);

	sp_arena_release(&arena);
	return good;
}

bool sp_machine_snapshot(const char *root, char **data, size_t *size, struct sp_error *error) {
	struct sp_arena arena = {0};
	struct sp_files files = {.arena = &arena};
	bool good = sp_files_collect(&files, root, error) &&
		write_scrubbed(&files, &arena, data, size, error);

	sp_arena_release(&arena);
	return good;
}
