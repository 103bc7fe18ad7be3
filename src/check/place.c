/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "check/check.h"
#include "plan/steps.h"

struct sp_check_place sp_check_at_line(const struct sp_check_guest *guest, uint32_t line) {
	return (struct sp_check_place){.file = guest->file, .line = line};
}

struct sp_check_place sp_check_at_tree(const struct sp_check_guest *guest, sp_node node) {
	return (struct sp_check_place){.file = guest->tree_file,
		.path = guest->tree != NULL && node != SP_NODE_NONE
			? sp_tree_path(guest->tree, node)
			: NULL};
}

struct sp_check_place sp_check_on_host(
	const struct sp_check *check, struct sp_check_place place, sp_node host) {
	/* Else it would be taken for a node of that file. */
	if (place.line == 0)
		place.file = NULL;
	place.path = sp_tree_path(check->host->tree, host);
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

void sp_check_add(struct sp_check *check, const struct sp_check_guest *guest, enum sp_code code,
	struct sp_check_place place, const char *format, ...) {
	const struct sp_finding_info *info = sp_finding_info(code);
	enum sp_severity severity = info->severity[guest->mode];
	char message[480];
	va_list args;

	if (severity == SP_SEVERITY_NONE)
		return;
	struct sp_finding *finding = sp_vec_push(&check->arena, &check->findings);
	if (finding == NULL)
		return;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	*finding = (struct sp_finding){.code = code,
		.severity = severity,
		.guest = guest->name,
		.path = place.path,
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
		at += *at == '/';
	}
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
