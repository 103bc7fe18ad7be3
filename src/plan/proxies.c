/* SPDX-License-Identifier: MIT */
#include "plan/proxies.h"

#include <string.h>

#include "plan/steps.h"

static const struct sp_proxy *find(const struct sp_plan *plan, sp_node master, sp_node iommu) {
	for (uint32_t i = 0; i < plan->proxies.count; i++) {
		const struct sp_proxy *proxy = &plan->proxies.data[i];
		if (proxy->master == master && proxy->iommu == iommu)
			return proxy;
	}
	return NULL;
}

/* Masters on different buses may have one name, and the host's tree was perhaps made by a plan. */
static bool is_taken(const struct sp_plan *plan, const char *path) {
	if (sp_tree_child(plan->host->tree, SP_NODE_ROOT, path + 1) != SP_NODE_NONE)
		return true;
	for (uint32_t i = 0; i < plan->proxies.count; i++) {
		if (strcmp(plan->proxies.data[i].path, path) == 0)
			return true;
	}
	return false;
}

/* "sallyport" keeps the name apart from those of the host's nodes. */
const char *sp_proxy_path(struct sp_plan *plan, sp_node master, sp_node iommu) {
	const struct sp_tree *tree = plan->host->tree;
	const char *name = sp_tree_name(tree, master), *other = sp_tree_name(tree, iommu);
	int length = (int)strcspn(name, "@");
	const char *address = strchr(name, '@'), *unit = strchr(other, '@');
	const struct sp_proxy *known = find(plan, master, iommu);
	if (known != NULL)
		return known->path;
	char *path = sp_arena_printf(&plan->arena, "/sallyport-proxy-%.*s%s%s-%.*s%s%s", length,
		name, address != NULL ? "-" : "", address != NULL ? address + 1 : "",
		(int)strcspn(other, "@"), other, unit != NULL ? "-" : "",
		unit != NULL ? unit + 1 : "");
	/* No proxy before it has a number as high, so that the first one is mostly free. */
	const char *plain = path;
	for (uint32_t number = plan->proxies.count; path != NULL && is_taken(plan, path); number++)
		path = sp_arena_printf(&plan->arena, "%s-%u", plain, number);
	struct sp_proxy *proxy = path != NULL ? sp_vec_push(&plan->arena, &plan->proxies) : NULL;
	if (proxy == NULL)
		return "/sallyport-proxy"; /* told by the arena */
	*proxy = (struct sp_proxy){master, iommu, path};
	return path;
}

/* `iommus` with the streams of these IOMMUs. */
static void edit_iommus(struct sp_plan *plan, struct sp_edit *edit, const struct sp_stream *streams,
	uint32_t stream_count, const sp_node *iommus, uint32_t iommu_count, const char *why) {
	if (edit == NULL)
		return;
	uint32_t index = (uint32_t)(edit - plan->edits.data);
	size_t room = (size_t)stream_count * 5;
	uint32_t *cells = sp_arena_array(&plan->arena, room, sizeof(*cells));
	sp_node *nodes = sp_arena_array(&plan->arena, room, sizeof(*nodes));
	uint32_t count = 0, group = 0;
	if (cells == NULL || nodes == NULL)
		return;
	for (uint32_t i = 0; i < stream_count; i++) {
		const struct sp_stream *stream = &streams[i];
		bool wanted = false;
		for (uint32_t j = 0; j < iommu_count && !wanted; j++)
			wanted = stream->iommu == iommus[j];
		if (!wanted)
			continue;
		nodes[count] = stream->iommu;
		cells[count++] = 0;
		for (uint32_t j = 0; j < stream->count; j++) {
			nodes[count] = SP_NODE_NONE;
			cells[count++] = stream->args[j];
		}
		group = stream->count + 1;
	}
	edit->why = why;
	sp_edit_cells(plan, &plan->edits.data[index], cells, nodes, count, group);
}

void sp_plan_proxies(struct sp_plan *plan, sp_node master, const struct sp_stream *streams,
	uint32_t stream_count, const sp_node *iommus, uint32_t iommu_count) {
	bool split = iommu_count > 1 && !plan->request->multi_iommu_masters;
	bool stated = true; /* the host's tree says the same already */
	for (uint32_t i = 0; i < stream_count; i++)
		stated = stated &&
			(streams[i].origin == SP_ORIGIN_IOMMUS ||
				streams[i].origin == SP_ORIGIN_MMU_MASTERS);
	if (!plan->built || (stated && !split))
		return;
	edit_iommus(plan, sp_edit_property(plan, master, "iommus"), streams, stream_count, iommus,
		split ? 1 : iommu_count,
		split ? "Xen takes a master of one IOMMU" : "stream IDs that the tree lacks");
	for (uint32_t i = 1; split && i < iommu_count; i++) {
		if (find(plan, master, iommus[i]) != NULL)
			continue; /* another guest is given the device, too */
		const char *path = sp_proxy_path(plan, master, iommus[i]);
		struct sp_edit *edit = sp_edit_new_node(plan, path);
		if (edit != NULL)
			edit->why = "holds the stream IDs of a further IOMMU";
		sp_edit_new_property(plan, path, "xen,passthrough");
		edit_iommus(plan, sp_edit_new_property(plan, path, "iommus"), streams, stream_count,
			&iommus[i], 1, NULL);
	}
}
