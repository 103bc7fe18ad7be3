/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "host/host.h"

/* By path, by alias, or by label where the tree keeps its labels. */
static sp_node find_name(const struct sp_tree *tree, const char *name) {
	sp_node node = sp_tree_find(tree, name);
	sp_node symbols = sp_tree_child(tree, SP_NODE_ROOT, "__symbols__");
	if (node != SP_NODE_NONE || name[0] == '/' || symbols == SP_NODE_NONE)
		return node;
	const char *path = sp_prop_string(sp_tree_prop(tree, symbols, name), 0);
	return path != NULL ? sp_tree_find(tree, path) : SP_NODE_NONE;
}

static sp_node find_compatible(
	const struct sp_host *host, const char *name, struct sp_error *error) {
	sp_node found = SP_NODE_NONE;
	for (uint32_t d = 0; d < host->devices.count; d++) {
		sp_node node = host->devices.data[d].node;
		if (!sp_tree_compatible(host->tree, node, name))
			continue;
		if (found != SP_NODE_NONE) {
			sp_error_set(error, SP_ERROR_USE,
				"%s: several devices are compatible with it, among them %s and %s; "
				"name one by its path",
				name, sp_tree_path(host->tree, found),
				sp_tree_path(host->tree, node));
			return SP_NODE_NONE;
		}
		found = node;
	}
	if (found == SP_NODE_NONE)
		sp_error_set(error, SP_ERROR_USE,
			"%s: no device has this alias, label or compatible", name);
	return found;
}

/* The deepest part of a path that exists, for the message. */
static sp_node nearest(const struct sp_tree *tree, const char *path) {
	char part[512];
	size_t length = strlen(path);
	if (length >= sizeof(part))
		return SP_NODE_ROOT;
	memcpy(part, path, length + 1);
	for (char *slash; (slash = strrchr(part, '/')) != NULL && slash != part;) {
		*slash = '\0';
		sp_node node = sp_tree_find(tree, part);
		if (node != SP_NODE_NONE)
			return node;
	}
	return SP_NODE_ROOT;
}

static sp_node find_path(const struct sp_host *host, const char *path, struct sp_error *error) {
	sp_node node = sp_tree_find(host->tree, path);
	if (node == SP_NODE_NONE)
		sp_error_set(error, SP_ERROR_USE,
			"%s: no such node (%s exists); `sallyport list --all` shows the paths",
			path, sp_tree_path(host->tree, nearest(host->tree, path)));
	return node;
}

sp_node sp_host_find(const struct sp_host *host, const char *name, struct sp_error *error) {
	sp_node node;
	if (name[0] == '/') {
		node = find_path(host, name, error);
	} else {
		node = find_name(host->tree, name);
		if (node == SP_NODE_NONE)
			node = find_compatible(host, name, error);
	}
	if (node == SP_NODE_ROOT) {
		sp_error_set(
			error, SP_ERROR_USE, "%s: this is the whole machine, not a device", name);
		return SP_NODE_NONE;
	}
	return node;
}

sp_node sp_host_find_iommu(const struct sp_host *host, const char *name, struct sp_error *error) {
	sp_node node = find_name(host->tree, name);
	if (node == SP_NODE_NONE) {
		sp_error_set(error, SP_ERROR_USE,
			"%s: no such IOMMU; give its path, its alias or, where the tree has "
			"__symbols__, its label",
			name);
	} else if (sp_tree_prop(host->tree, node, "#iommu-cells") == NULL &&
		sp_tree_prop(host->tree, node, "mmu-masters") == NULL) {
		sp_error_set(error, SP_ERROR_USE, "%s: is no IOMMU (it has no #iommu-cells)", name);
		node = SP_NODE_NONE;
	}
	return node;
}
