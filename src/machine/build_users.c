/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "machine/build.h"

/* What of the host uses a function. The first that is found is told. */

/* The function, if nobody had been found before. */
static struct sp_function *use(struct sp_machine *machine, const char *path, const char *what) {
	sp_bdf bdf = path ? build_path_bdf(path, false) : SP_BDF_NONE;
	struct sp_function *function = bdf == SP_BDF_NONE ? NULL : sp_machine_find(machine, bdf);

	if (!function || function->has_users || !what)
		return NULL;
	function->has_users = true;
	function->user = what;
	return function;
}

/* The rest of the record's name if it has the prefix and is a link. */
static const char *link_name(const struct sp_record *record, const char *prefix) {
	const char *name = record->name + strlen(prefix);

	return record->kind == SP_RECORD_LINK && !strchr(name, '/') ? name : NULL;
}

static void use_disks(struct sp_machine *machine) {
	static const char prefix[] = "/sys/class/block/";
	uint32_t first, count = sp_files_range(&machine->files, prefix, &first);

	for (uint32_t i = first; i < first + count; i++) {
		const struct sp_record *record = &machine->files.records.data[i];
		const char *name = link_name(record, prefix);
		const char *place =
			name ? sp_files_text(&machine->files, "mounted %s", name) : NULL;

		if (place)
			use(machine, record->data,
				strcmp(place, "swap") == 0 ? "used as swap"
							   : sp_arena_printf(&machine->arena,
								     "mounted at %.64s", place));
	}
}

static void use_networks(struct sp_machine *machine) {
	static const char prefix[] = "/sys/class/net/";
	uint32_t first, count = sp_files_range(&machine->files, prefix, &first);

	for (uint32_t i = first; i < first + count; i++) {
		const struct sp_record *record = &machine->files.records.data[i];
		const char *name = link_name(record, prefix);
		const char *state =
			name ? sp_files_text(&machine->files, "%s/operstate", record->name) : NULL;

		struct sp_function *function;

		if (!state || strcmp(state, "up"))
			continue;
		function = use(machine, record->data,
			sp_arena_printf(&machine->arena, "network %.32s is up", name));
		if (function)
			function->network_user = true;
	}
}

/* True if some virtual console is on a framebuffer. */
static bool console_on_frames(const struct sp_machine *machine) {
	static const char prefix[] = "/sys/class/vtconsole/";
	uint32_t first, count = sp_files_range(&machine->files, prefix, &first);

	for (uint32_t i = first; i < first + count; i++) {
		const struct sp_record *record = &machine->files.records.data[i];
		const char *end = strrchr(record->name, '/');
		const char *bound;

		if (strcmp(end, "/name") || !strstr(record->data, "frame buffer"))
			continue;
		bound = sp_files_text(
			&machine->files, "%.*s/bind", (int)(end - record->name), record->name);
		if (bound && bound[0] == '1')
			return true;
	}
	return false;
}

static void use_console(struct sp_machine *machine) {
	static const char prefix[] = "/sys/class/graphics/";
	uint32_t first, count = sp_files_range(&machine->files, prefix, &first);

	if (!console_on_frames(machine))
		return;
	for (uint32_t i = first; i < first + count; i++) {
		const struct sp_record *record = &machine->files.records.data[i];

		if (link_name(record, prefix))
			use(machine, record->data, "console");
	}
}

static void use_boot_display(struct sp_machine *machine) {
	for (uint32_t i = 0; i < machine->function_count; i++) {
		struct sp_function *function = &machine->functions[i];

		if (!function->boot_display || function->has_users || function->driver)
			continue;
		function->has_users = true;
		function->user = "firmware's framebuffer";
	}
}

/* Framebuffers that firmware left are driven by simpledrm, efifb or vesafb; older kernels do not
 * tell whose they are, and they are those of the boot display. */
static void use_firmware_frames(struct sp_machine *machine) {
	static const char prefix[] = "/sys/bus/platform/devices/";
	uint32_t first, count = sp_files_range(&machine->files, prefix, &first);
	bool nobodys = false;

	for (uint32_t i = first; i < first + count; i++) {
		const struct sp_record *record = &machine->files.records.data[i];

		if (!link_name(record, prefix) ||
			!sp_files_text(&machine->files, "%s/driver", record->name))
			continue;
		if (build_path_bdf(record->data, false) != SP_BDF_NONE)
			use(machine, record->data, "firmware's framebuffer");
		else
			nobodys = true;
	}
	if (nobodys)
		use_boot_display(machine);
}

/* "card0-HDMI-A-1" */
static void use_screens(struct sp_machine *machine) {
	static const char prefix[] = "/sys/class/drm/";
	uint32_t first, count = sp_files_range(&machine->files, prefix, &first);

	for (uint32_t i = first; i < first + count; i++) {
		const struct sp_record *record = &machine->files.records.data[i];
		const char *name = link_name(record, prefix);
		const char *enabled =
			name ? sp_files_text(&machine->files, "%s/enabled", record->name) : NULL;

		name = enabled ? strchr(name, '-') : NULL;
		if (name && strcmp(enabled, "enabled") == 0)
			use(machine, record->data,
				sp_arena_printf(
					&machine->arena, "screen at %.32s is on", name + 1));
	}
}

void build_users(struct sp_machine *machine) {
	use_disks(machine);
	use_console(machine);
	use_firmware_frames(machine);
	use_screens(machine);
	use_networks(machine);
}
