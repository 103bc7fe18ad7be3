/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "plan/steps.h"

struct sp_check_place sp_check_at_line(const struct sp_check_guest *guest, uint32_t line) {
	return (struct sp_check_place){.file = guest->file, .line = line};
}

struct sp_check_place sp_check_at_tree(const struct sp_check_guest *guest, sp_node node) {
	return (struct sp_check_place){.file = guest->tree_file,
		.tree = node != SP_NODE_NONE ? guest->tree : NULL,
		.node = node};
}

struct sp_check_place sp_check_on_host(
	const struct sp_check *check, struct sp_check_place place, sp_node host) {
	/* Else it would be taken for a node of that file. */
	if (place.line == 0)
		place.file = NULL;
	place.tree = check->host->tree;
	place.node = host;
	return place;
}

struct sp_check_place sp_check_at(const struct sp_check *check, const struct sp_check_guest *guest,
	sp_node host, uint32_t line, sp_node at) {
	struct sp_check_place place = {0};

	if (line != 0)
		place = sp_check_at_line(guest, line);
	else if (at != SP_NODE_NONE)
		place = sp_check_at_tree(guest, at);
	return host != SP_NODE_NONE ? sp_check_on_host(check, place, host) : place;
}

bool sp_check_tells(
	const struct sp_check *check, const struct sp_check_guest *guest, enum sp_code code) {
	return check->told[guest - check->guests.data][code] < SP_CHECK_MAX_TOLD;
}

void sp_check_add(struct sp_check *check, const struct sp_check_guest *guest, enum sp_code code,
	struct sp_check_place place, const char *format, ...) {
	const struct sp_finding_info *info = sp_finding_info(code);
	enum sp_severity severity = info->severity[guest->mode];
	size_t index = (size_t)(guest - check->guests.data);
	char message[480];
	va_list args;

	if (severity == SP_SEVERITY_NONE || check->told[index][code]++ >= SP_CHECK_MAX_TOLD)
		return;
	check->last[index][code] = check->findings.count;
	struct sp_finding *finding = sp_vec_push(&check->arena, &check->findings);
	if (finding == NULL)
		return;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	*finding = (struct sp_finding){.code = code,
		.severity = severity,
		.guest = guest->name,
		.path = place.path != NULL || place.tree == NULL
			? place.path
			: sp_tree_path(place.tree, place.node),
		.message = sp_arena_strdup(&check->arena, message),
		.remedy = info->remedy,
		.file = place.file,
		.line = place.line};
	if (finding->message == NULL)
		finding->message = info->title;
}

sp_node sp_check_find_exact(const struct sp_tree *tree, const char *path) {
	sp_node node = SP_NODE_ROOT;

	if (path[0] != '/')
		return SP_NODE_NONE;
	for (const char *at = path + 1; *at != '\0' && node != SP_NODE_NONE;) {
		char name[256];
		size_t length = strcspn(at, "/");
		if (length == 0 || length >= sizeof(name))
			return SP_NODE_NONE;
		memcpy(name, at, length);
		name[length] = '\0';
		node = sp_tree_child(tree, node, name);
		at += length;
		if (*at == '/' && *++at == '\0')
			return SP_NODE_NONE;
	}
	return node;
}

/* Names of one case are the same; so is the rest of a longer path. */
static int compare_names(const char *a, const char *b) {
	for (; *a != '\0' && *a != '/' && tolower((unsigned char)*a) == tolower((unsigned char)*b);
		a++)
		b++;
	int left = *a == '/' ? 0 : tolower((unsigned char)*a);
	int right = *b == '/' ? 0 : tolower((unsigned char)*b);
	return left - right;
}

static int compare_nodes(const void *left, const void *right, void *context) {
	const struct sp_tree *tree = context;
	sp_node a = *(const sp_node *)left, b = *(const sp_node *)right;
	sp_node above_a = sp_tree_parent(tree, a), above_b = sp_tree_parent(tree, b);

	if (above_a != above_b)
		return above_a < above_b ? -1 : 1;
	int order = compare_names(sp_tree_name(tree, a), sp_tree_name(tree, b));
	return order != 0 ? order : a < b ? -1 : a > b;
}

static bool sort_names(struct sp_check *check) {
	const struct sp_tree *tree = check->host->tree;
	uint32_t count = sp_tree_count(tree);

	check->by_name = sp_arena_array(&check->arena, count, sizeof(*check->by_name));
	if (check->by_name == NULL)
		return false;
	for (sp_node node = 0; node < count; node++)
		check->by_name[node] = node;
	qsort_r(check->by_name, count, sizeof(*check->by_name), compare_nodes,
		(void *)(uintptr_t)tree);
	return true;
}

/* The first child of that name, which ends at a slash. */
static sp_node child_in_any_case(const struct sp_check *check, sp_node parent, const char *name) {
	const struct sp_tree *tree = check->host->tree;
	uint32_t low = 0, high = sp_tree_count(tree);

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		sp_node node = check->by_name[middle], above = sp_tree_parent(tree, node);
		/* The root's parent is SP_NODE_NONE, and comes last. */
		if (above < parent ||
			(above == parent && compare_names(sp_tree_name(tree, node), name) < 0))
			low = middle + 1;
		else
			high = middle;
	}
	if (low == sp_tree_count(tree))
		return SP_NODE_NONE;
	sp_node found = check->by_name[low];
	return sp_tree_parent(tree, found) == parent &&
			compare_names(sp_tree_name(tree, found), name) == 0
		? found
		: SP_NODE_NONE;
}

sp_node sp_check_find(struct sp_check *check, const char *path) {
	sp_node node = sp_check_find_exact(check->host->tree, path);

	if (node != SP_NODE_NONE || path[0] != '/' ||
		(check->by_name == NULL && !sort_names(check)))
		return node;
	node = SP_NODE_ROOT;
	for (const char *at = path; at != NULL && node != SP_NODE_NONE; at = strchr(at + 1, '/'))
		node = at[1] != '\0' && at[1] != '/' ? child_in_any_case(check, node, at + 1)
						     : SP_NODE_NONE;
	return node;
}

const struct sp_check_device *sp_check_device_of(
	const struct sp_check *check, const struct sp_check_guest *guest, sp_node node) {
	for (uint32_t i = 0; i < guest->devices.count; i++) {
		const struct sp_check_device *device = &guest->devices.data[i];
		if (sp_tree_is_within(check->host->tree, node, device->node))
			return device;
	}
	return NULL;
}

bool sp_check_is_dom0s(const struct sp_check *check, sp_node node) {
	enum sp_target target = check->target;
	return check->has_dom0 &&
		sp_tree_prop(check->host->tree, node, "xen,passthrough") == NULL &&
		sp_xen_skips(check->host, node, target) == NULL &&
		sp_xen_keeps(check->host, node, target) == NULL;
}

bool sp_check_is_live(const struct sp_check_guest *guest, sp_node node) {
	return sp_tree_enabled(guest->tree, node);
}

sp_node sp_check_passthrough(const struct sp_check_guest *guest) {
	return guest->tree != NULL ? sp_tree_child(guest->tree, SP_NODE_ROOT, "passthrough")
				   : SP_NODE_NONE;
}
