/* SPDX-License-Identifier: MIT */
#include "check/check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "fdt/tree_paths.h"

/* A dom0 kernel among the boot modules: is_dom0less_mode() in xen/arch/arm/dom0less-build.c. Boot
 * loaders add it, so that none is only believed where there are domains with kernels. */
static bool has_dom0(const struct sp_tree *tree) {
	sp_node chosen = sp_tree_child(tree, SP_NODE_ROOT, "chosen");
	bool domains = false;

	if (chosen == SP_NODE_NONE)
		return true;
	for (sp_node node = chosen + 1; node < sp_tree_end(tree, chosen); node++) {
		if (!sp_tree_compatible(tree, node, "multiboot,kernel") &&
			!sp_tree_compatible(tree, node, "xen,linux-zimage"))
			continue;
		sp_node parent = sp_tree_parent(tree, node);
		if (!sp_tree_compatible(tree, parent, "xen,domain"))
			return true;
		domains = true;
	}
	return !domains;
}

/* The host's first, then each guest's, worst first, then as found. */
static uint32_t class_of(const struct sp_check *check, const struct sp_finding *finding) {
	uint32_t rank = 0;
	for (uint32_t i = 0; finding->guest != NULL && i < check->guests.count; i++) {
		if (check->guests.data[i].name == finding->guest)
			rank = i + 1;
	}
	return rank * (SP_SEVERITY_ERROR + 1) + (uint32_t)(SP_SEVERITY_ERROR - finding->severity);
}

static void sort_findings(struct sp_check *check) {
	uint32_t classes = (check->guests.count + 1) * (SP_SEVERITY_ERROR + 1), at = 0;
	uint32_t count = check->findings.count;
	struct sp_finding *sorted = sp_arena_array(&check->arena, count, sizeof(*sorted));
	uint32_t *next = sp_arena_array(&check->arena, classes + 1u, sizeof(*next));

	if (sorted == NULL || next == NULL)
		return;
	for (uint32_t i = 0; i < count; i++)
		next[class_of(check, &check->findings.data[i])]++;
	for (uint32_t i = 0; i <= classes; i++) {
		uint32_t here = next[i];
		next[i] = at;
		at += here;
	}
	for (uint32_t i = 0; i < count; i++)
		sorted[next[class_of(check, &check->findings.data[i])]++] = check->findings.data[i];
	check->findings.data = sorted;
	check->findings.capacity = count;
}

static void tell_rest(struct sp_check *check) {
	for (uint32_t g = 0; g < check->guests.count; g++) {
		for (uint32_t code = 0; code < SP_CODE_COUNT; code++) {
			uint32_t rest = check->told[g][code];
			if (rest <= SP_CHECK_MAX_TOLD)
				continue;
			struct sp_finding *last = &check->findings.data[check->last[g][code]];
			rest -= SP_CHECK_MAX_TOLD;
			char *message = sp_arena_printf(
				&check->arena, "%s; and %u more of this code", last->message, rest);
			if (message != NULL)
				last->message = message;
		}
	}
}

static void judge(struct sp_check *check) {
	for (uint32_t i = 0; i < check->findings.count; i++) {
		enum sp_severity severity = check->findings.data[i].severity;
		if (severity == SP_SEVERITY_ERROR)
			check->verdict = SP_VERDICT_NO;
		else if (severity == SP_SEVERITY_WARN && check->verdict == SP_VERDICT_OK)
			check->verdict = SP_VERDICT_WARN;
	}
}

static bool run(struct sp_check *check, struct sp_error *error) {
	if (!sp_check_read_configs(check, error) || !sp_check_read_domains(check, error))
		return false;
	if (check->guests.count == 0)
		return sp_error_set(error, SP_ERROR_USE,
			"there is nothing to check: name a configuration, or a host's tree whose "
			"/chosen has nodes that are compatible with xen,domain");
	sp_check_find_windows(check);
	sp_check_find_known(check);
	for (uint32_t i = 0; i < check->guests.count; i++) {
		struct sp_check_guest *guest = &check->guests.data[i];
		sp_check_settings(check, guest);
		if (!sp_check_find_devices(check, guest, error))
			return false;
	}
	if (!sp_check_plan(check, error))
		return false;
	for (uint32_t i = 0; i < check->guests.count; i++) {
		struct sp_check_guest *guest = &check->guests.data[i];
		sp_check_devs(check, guest);
		sp_check_maps(check, guest);
		sp_check_tables(check, guest);
		sp_check_irqs(check, guest);
		sp_check_tree(check, guest);
		sp_check_described(check, guest);
		sp_check_astray(check, guest);
	}
	sp_check_maps_of_all(check);
	sp_check_irqs_of_all(check);
	sp_check_devs_of_all(check);
	tell_rest(check);
	sort_findings(check);
	judge(check);
	return true;
}

bool sp_check_create_reading(struct sp_check **out, const struct sp_host *host,
	const struct sp_check_options *options, const struct sp_check_reader *reader,
	struct sp_error *error) {
	*out = NULL;
	struct sp_check *check = calloc(1, sizeof(*check));
	if (check == NULL)
		return sp_error_memory(error);
	check->host = host;
	check->options = options;
	check->target = options->target;
	check->reader = *reader;
	check->has_dom0 = has_dom0(host->tree);
	uint32_t lost = sp_tree_paths_lost(host->tree);
	bool good = run(check, error);
	/* What is missing may be missing for want of memory. */
	for (uint32_t i = 0; i < check->guests.count; i++) {
		const struct sp_tree *tree = check->guests.data[i].tree;
		check->arena.failed |= tree != NULL && sp_tree_paths_lost(tree) != 0;
	}
	if (check->arena.failed || sp_tree_paths_lost(host->tree) != lost)
		good = sp_error_memory(error);
	check->options = NULL;
	if (!good) {
		sp_check_destroy(check);
		return false;
	}
	*out = check;
	return true;
}

/* A partial tree is no larger than a tree may be; configurations are much smaller. */
static bool read_file(
	void *context, const char *path, char **data, size_t *size, struct sp_error *error) {
	(void)context;
	return sp_file_read(path, SP_TREE_MAX_BYTES, data, size, error);
}

static bool read_tree(
	void *context, const char *path, char **data, size_t *size, struct sp_error *error) {
	struct stat status;

	if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
		return sp_error_set(error, SP_ERROR_SYSTEM, "%s: this is no regular file", path);
	return read_file(context, path, data, size, error);
}

bool sp_check_create(struct sp_check **check, const struct sp_host *host,
	const struct sp_check_options *options, struct sp_error *error) {
	const struct sp_check_reader reader = {.read = read_file, .read_tree = read_tree};
	return sp_check_create_reading(check, host, options, &reader, error);
}

void sp_check_destroy(struct sp_check *check) {
	if (check == NULL)
		return;
	for (uint32_t i = 0; i < check->guests.count; i++) {
		sp_xl_guest_destroy(check->guests.data[i].xl);
		sp_tree_destroy(check->guests.data[i].tree);
	}
	sp_plan_destroy(check->plan);
	sp_arena_release(&check->arena);
	free(check);
}

enum sp_verdict sp_check_verdict(const struct sp_check *check) {
	return check->verdict;
}

const struct sp_finding *sp_check_findings(const struct sp_check *check, uint32_t *count) {
	*count = check->findings.count;
	return check->findings.data;
}
