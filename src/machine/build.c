/* SPDX-License-Identifier: MIT */
#include "machine/build.h"

#include <stdlib.h>
#include <string.h>

const char *build_text(const struct sp_machine *machine, sp_bdf bdf, const char *name) {
	char address[SP_BDF_SIZE];

	sp_bdf_format(address, bdf);
	return sp_files_text(&machine->files, BUILD_DEVICES "%s/%s", address, name);
}

sp_bdf build_path_bdf(const char *path, bool before) {
	sp_bdf last = SP_BDF_NONE, previous = SP_BDF_NONE, bdf;

	while (*path) {
		size_t size = strcspn(path, "/");
		char part[SP_BDF_SIZE];

		if (size < sizeof(part)) {
			memcpy(part, path, size);
			part[size] = '\0';
			if (sp_bdf_parse(part, &bdf)) {
				previous = last;
				last = bdf;
			}
		}
		path += size + (path[size] == '/');
	}
	return before ? previous : last;
}

bool build_has_word(const char *text, const char *word) {
	size_t length = strlen(word);

	while (text && *text) {
		size_t size;

		text += strspn(text, " \t\n");
		size = strcspn(text, " \t\n");
		if (size == length && memcmp(text, word, size) == 0)
			return true;
		text += size;
	}
	return false;
}

bool build_number(const char *text, uint64_t *value) {
	char *end;

	if (!text || *text < '0' || *text > '9')
		return false;
	*value = strtoull(text, &end, text[1] == 'x' ? 16 : 10);
	return end[strspn(end, " \t\n")] == '\0';
}

bool sp_machine_build(struct sp_machine *machine, struct sp_error *error) {
	build_kernel(machine);
	build_xen(machine);
	if (!build_functions(machine, error))
		return false;
	build_links(machine);
	build_users(machine);
	build_tables(machine);
	build_reserved(machine);
	build_missing(machine);
	return machine->arena.failed ? sp_error_memory(error) : true;
}
