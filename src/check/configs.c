/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "check/check.h"

/* No physical address has more bits; pages beyond are nobody's. */
#define ADDRESS_END (UINT64_C(1) << 52)

/* NAME in the folder of the configuration. */
static char *beside(struct sp_check *check, const char *config, const char *name) {
	return sp_arena_printf(
		&check->arena, "%.*s%s", (int)(sp_base_name(config) - config), config, name);
}

/* As xl finds it, from where the command is run; else beside the configuration: paths on dom0's
 * disk are not those of the machine that checks. */
static void read_tree(struct sp_check *check, struct sp_check_guest *guest) {
	const struct sp_xl_path *wanted = &guest->xl->device_tree;
	const char *paths[3] = {wanted->path, beside(check, guest->file, wanted->path),
		beside(check, guest->file, sp_base_name(wanted->path))};
	struct sp_error error = {0}, first = {0};
	char *data = NULL;
	size_t size = 0;

	for (unsigned i = 0; i < 3 && data == NULL; i++) {
		if (paths[i] == NULL || (i == 1 && wanted->path[0] == '/'))
			continue;
		if (check->reader.read_tree(
			    check->reader.context, paths[i], &data, &size, &error)) {
			guest->tree_file = paths[i];
			break;
		}
		check->arena.failed |= error.kind == SP_ERROR_MEMORY;
		if (i == 0)
			first = error;
		data = NULL;
	}
	if (guest->tree_file == NULL) {
		sp_check_add(check, guest, SP_CODE_CFG_TREE_MISSING,
			sp_check_at_line(guest, wanted->line),
			"device_tree cannot be read: %s; xl fails with \"failed to read the "
			"partial device file\"",
			first.message);
		return;
	}
	sp_check_take_tree(check, guest, guest->tree_file, data, size, size);
}

static void take_iomem(struct sp_check *check, struct sp_check_guest *guest) {
	const struct sp_xl_guest *xl = guest->xl;

	for (uint32_t i = 0; i < xl->iomem.count; i++) {
		const struct sp_xl_iomem *entry = &xl->iomem.data[i];
		const uint64_t end = ADDRESS_END >> SP_PAGE_SHIFT;
		if (entry->count == 0 || entry->count > end || entry->host > end - entry->count ||
			entry->guest > end - entry->count) {
			sp_check_add(check, guest, SP_CODE_MAP_UNKNOWN,
				sp_check_at_line(guest, entry->line),
				entry->count == 0
					? "no page at all is asked for, which Xen refuses (-22)"
					: "the pages are beyond any physical address; xl fails "
					  "with \"failed give domain access to iomem range\"");
			continue;
		}
		struct sp_check_map *map = sp_vec_push(&check->arena, &guest->maps);
		if (map != NULL)
			*map = (struct sp_check_map){.host = entry->host << SP_PAGE_SHIFT,
				.size = entry->count << SP_PAGE_SHIFT,
				.guest = entry->guest << SP_PAGE_SHIFT,
				.line = entry->line,
				.at = SP_NODE_NONE};
	}
}

static void take_others(struct sp_check *check, struct sp_check_guest *guest) {
	const struct sp_xl_guest *xl = guest->xl;

	for (uint32_t i = 0; i < xl->irqs.count; i++) {
		struct sp_check_irq *irq = sp_vec_push(&check->arena, &guest->irqs);
		if (irq != NULL)
			*irq = (struct sp_check_irq){
				xl->irqs.data[i].number, xl->irqs.data[i].line, SP_NODE_NONE};
	}
	for (uint32_t i = 0; i < xl->dtdev.count; i++) {
		const struct sp_xl_path *path = &xl->dtdev.data[i];
		struct sp_check_dev *dev = sp_vec_push(&check->arena, &guest->devs);
		if (dev != NULL)
			*dev = (struct sp_check_dev){.path = path->path,
				.node = sp_check_find(check, path->path),
				.line = path->line,
				.at = SP_NODE_NONE};
	}
}

/* The line and the sentence of "FILE:LINE: sentence"; false for what is about no line. */
static bool part_message(
	const char *message, const char *file, uint32_t *line, const char **sentence) {
	size_t length = strlen(file);
	char *end;

	if (strncmp(message, file, length) != 0 || message[length] != ':')
		return false;
	*line = (uint32_t)strtoul(message + length + 1, &end, 10);
	*sentence = end + 2;
	return *line != 0 && strncmp(end, ": ", 2) == 0;
}

/* What xl cannot parse it refuses, as it does a value; the other guests are checked. */
static bool parse_config(const char *path, const char *data, size_t size,
	struct sp_xl_config **config, struct sp_error *trouble, struct sp_error *error) {
	uint32_t line;
	const char *sentence;

	if (sp_xl_config_parse(config, data, size, path, trouble))
		return true;
	if (trouble->kind != SP_ERROR_INPUT ||
		!part_message(trouble->message, path, &line, &sentence)) {
		*error = *trouble;
		return false;
	}
	return sp_xl_config_parse(config, "", 0, path, error);
}

static void check_names(struct sp_check *check, const struct sp_check_guest *guest) {
	const struct sp_xl_guest *xl = guest->xl;

	if (xl->name == NULL && !xl->name_refused)
		sp_check_add(check, guest, SP_CODE_CFG_NAME_MISSING, sp_check_at_line(guest, 0),
			"it has no name, and xl's command line must give one");
	for (uint32_t i = 0; xl->name != NULL && i + 1 < check->guests.count; i++) {
		const struct sp_check_guest *other = &check->guests.data[i];
		if (other->xl->name == NULL || strcmp(other->xl->name, xl->name) != 0)
			continue;
		sp_check_add(check, guest, SP_CODE_CFG_NAME_TWICE,
			sp_check_at_line(guest, xl->name_line), "%s has a guest of this name, too",
			other->file);
		return;
	}
}

/* A guest without a tree drives what it is given only if it knows of it otherwise. */
static void check_tree_named(struct sp_check *check, const struct sp_check_guest *guest) {
	const struct sp_xl_guest *xl = guest->xl;
	uint32_t line = xl->iomem.count > 0 ? xl->iomem.data[0].line
		: xl->irqs.count > 0        ? xl->irqs.data[0].line
		: xl->dtdev.count > 0       ? xl->dtdev.data[0].line
					    : 0;

	if (line != 0)
		sp_check_add(check, guest, SP_CODE_CFG_NO_TREE, sp_check_at_line(guest, line),
			"devices are given, and there is no device_tree that tells the guest of "
			"them");
}

static bool read_config(struct sp_check *check, const char *path, struct sp_error *error) {
	struct sp_error trouble = {0};
	struct sp_xl_config *config = NULL;
	struct sp_xl_guest *xl = NULL;
	char *data = NULL;
	size_t size = 0;
	bool good = check->reader.read(check->reader.context, path, &data, &size, error) &&
		parse_config(path, data, size, &config, &trouble, error) &&
		sp_xl_guest_create(&xl, config, error);
	uint32_t line;
	const char *sentence;

	free(data);
	sp_xl_config_destroy(config);
	if (!good)
		return false;
	struct sp_check_guest *guest = sp_vec_push(&check->arena, &check->guests);
	if (guest == NULL) {
		sp_xl_guest_destroy(xl);
		return sp_error_memory(error);
	}
	*guest = (struct sp_check_guest){.name = xl->name != NULL ? xl->name : sp_base_name(path),
		.file = path,
		.mode = SP_MODE_XL,
		.domain = SP_NODE_NONE,
		.xl = xl,
		.memory = xl->memory > xl->maxmem ? xl->memory : xl->maxmem,
		.cpus = xl->cpus,
		.pool = xl->pool,
		.vuart = xl->vuart_line != 0,
		.gic_phandle = SP_GUEST_PHANDLE_GIC};
	if (trouble.kind != SP_ERROR_NONE) {
		part_message(trouble.message, path, &line, &sentence);
		sp_check_add(check, guest, SP_CODE_CFG_REFUSED, sp_check_at_line(guest, line),
			"%s; nothing more is said of this guest", sentence);
		return true;
	}
	check_names(check, guest);
	take_iomem(check, guest);
	take_others(check, guest);
	if (xl->device_tree.path != NULL)
		read_tree(check, guest);
	else
		check_tree_named(check, guest);
	return true;
}

bool sp_check_read_configs(struct sp_check *check, struct sp_error *error) {
	const struct sp_check_options *options = check->options;

	if (options->config_count > SP_CHECK_MAX_GUESTS)
		return sp_error_set(error, SP_ERROR_USE,
			"more than %u guests are too many to be "
			"checked together",
			SP_CHECK_MAX_GUESTS);
	for (uint32_t i = 0; i < options->config_count; i++) {
		if (!read_config(check, options->configs[i], error))
			return false;
	}
	check->has_dom0 |= options->config_count > 0;
	return true;
}
