/* SPDX-License-Identifier: MIT */
#include "host/streams.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/iommu_drivers.h"
#include "plan/proxies.h"
#include "plan/steps.h"
#include "plan/survey.h"

/* Far more than any driver takes for one master, and than any function of a bridge needs. */
#define MAX_STREAMS 256u

/* Stream IDs of one IOMMU that are compared with a master's: more than any IOMMU tells apart. */
#define MAX_STEPS 4096u

/* The streams of one master while they are gathered. */
struct master {
	sp_node node;
	uint32_t count;
	struct sp_stream streams[MAX_STREAMS];
};

static const char *path_of(const struct sp_plan *plan, sp_node node) {
	return sp_tree_path(plan->host->tree, node);
}

static bool same_stream(const struct sp_stream *a, const struct sp_stream *b) {
	return a->iommu == b->iommu && a->count == b->count &&
		memcmp(a->args, b->args, a->count * sizeof(a->args[0])) == 0;
}

static void gather(struct sp_plan *plan, struct sp_plan_guest *guest, struct master *master,
	const struct sp_stream *stream) {
	for (uint32_t i = 0; i < master->count; i++) {
		if (same_stream(&master->streams[i], stream))
			return;
	}
	if (master->count == MAX_STREAMS) {
		sp_finding_add(plan, guest, SP_CODE_IOMMU_MALFORMED, master->node,
			"it has more than %u stream IDs", MAX_STREAMS);
		return;
	}
	master->streams[master->count++] = *stream;
}

static void gather_from_tree(
	struct sp_plan *plan, struct sp_plan_guest *guest, struct master *master) {
	const struct sp_host *host = plan->host;
	const struct sp_device *device = sp_host_device(host, master->node);
	if (device == NULL)
		return;
	if (device->stream_trouble != NULL)
		sp_finding_add(plan, guest, SP_CODE_IOMMU_MALFORMED, master->node, "%s",
			device->stream_trouble);
	if (device->legacy_masters && sp_tree_prop(host->tree, master->node, "iommus") != NULL)
		sp_finding_add(plan, guest, SP_CODE_IOMMU_MIXED, master->node,
			"an IOMMU names it in mmu-masters and it has iommus too; Xen ignores the "
			"latter");
	for (uint32_t i = 0; i < device->stream_count; i++) {
		const struct sp_stream *stream = &host->streams.data[device->stream + i];
		if (stream->origin == SP_ORIGIN_MAP)
			continue;
		if (device->legacy_masters && stream->origin != SP_ORIGIN_MMU_MASTERS)
			continue;
		gather(plan, guest, master, stream);
	}
}

/* Names in a request that belong to a device or one of its descendants. */
static bool names_node(const struct sp_plan *plan, const struct sp_plan_guest *guest,
	const char *name, sp_node *node, struct sp_error *error) {
	*node = sp_host_find(plan->host, name, error);
	if (*node == SP_NODE_NONE)
		return false;
	if (sp_guest_device_of(plan, guest, *node) == NULL)
		return sp_error_set(error, SP_ERROR_USE, "%s: guest %s is not given this device",
			name, guest->request->name);
	return true;
}

static bool gather_from_user(struct sp_plan *plan, struct sp_plan_guest *guest,
	struct master *master, bool *told, struct sp_error *error) {
	const struct sp_request_guest *request = guest->request;
	for (uint32_t i = 0; i < request->stream_count; i++) {
		const struct sp_request_stream *wish = &request->streams[i];
		sp_node node;
		if (!names_node(plan, guest, wish->device, &node, error))
			return false;
		if (node != master->node)
			continue;
		sp_node iommu = sp_host_find_iommu(plan->host, wish->controller, error);
		if (iommu == SP_NODE_NONE)
			return false;
		uint32_t cells = sp_tree_u32(plan->host->tree, iommu, "#iommu-cells", 1);
		struct sp_stream stream = {.iommu = iommu,
			.count = cells == 2 ? 2 : 1,
			.args = {wish->id, wish->mask},
			.origin = SP_ORIGIN_USER};
		if (wish->has_mask && cells < 2)
			return sp_error_set(error, SP_ERROR_USE,
				"%s: its specifiers have %u cell%s, so that no mask can be given",
				wish->controller, cells, cells == 1 ? "" : "s");
		gather(plan, guest, master, &stream);
		*told = true;
	}
	return true;
}

/* The functions behind a host bridge. */
static bool gather_functions(struct sp_plan *plan, struct sp_plan_guest *guest,
	struct master *master, bool *told, struct sp_error *error) {
	const struct sp_request_guest *request = guest->request;
	const struct sp_device *device = sp_host_device(plan->host, master->node);
	bool named = false;

	if (device == NULL || device->kind != SP_KIND_PCI_HOST)
		return true;
	for (uint32_t i = 0; i < request->bdf_count; i++) {
		const struct sp_request_bdf *wish = &request->bdfs[i];
		sp_node node = master->node;
		if (wish->device != NULL && !names_node(plan, guest, wish->device, &node, error))
			return false;
		if (node != master->node)
			continue;
		named = true;
		struct sp_stream stream;
		if (!sp_host_map_function(plan->host, master->node, wish->bdf, &stream)) {
			sp_finding_add(plan, guest, SP_CODE_PCI_FUNCTIONS, master->node,
				"its iommu-map tells no stream ID for function %02x:%02x.%x",
				wish->bdf >> 8, wish->bdf >> 3 & 31, wish->bdf & 7);
			continue;
		}
		*told = true;
		gather(plan, guest, master, &stream);
	}
	if (device->iommu_map && !named && master->count == 0)
		sp_finding_add(plan, guest, SP_CODE_PCI_FUNCTIONS, master->node,
			"the stream IDs of what is plugged in follow from its functions, which the "
			"tree does not tell");
	return true;
}

static bool is_told(
	const struct sp_plan *plan, const struct sp_plan_guest *guest, enum sp_code code) {
	for (uint32_t i = 0; i < plan->findings.count; i++) {
		if (plan->findings.data[i].code == code &&
			plan->findings.data[i].guest == guest->request->name)
			return true;
	}
	return false;
}

/* Whether the tree has the register that tells the product; looked for once. */
static bool has_product(struct sp_plan *plan) {
	const struct sp_tree *tree = plan->host->tree;
	struct sp_survey *survey = plan->survey;

	for (sp_node node = 0; !survey->product_known && node < sp_tree_count(tree); node++) {
		if (sp_tree_compatible(tree, node, "renesas,prr"))
			survey->product_known = survey->product = true;
	}
	survey->product_known = true;
	return survey->product;
}

/* The user names this very IOMMU for the master. */
static bool is_wished(const struct master *master, sp_node iommu) {
	for (uint32_t i = 0; i < master->count; i++) {
		if (master->streams[i].iommu == iommu &&
			master->streams[i].origin == SP_ORIGIN_USER)
			return true;
	}
	return false;
}

static void enable(struct sp_plan *plan, struct sp_plan_guest *guest, sp_node iommu) {
	uint32_t before = plan->edits.count;
	struct sp_edit *edit = sp_edit_property(plan, iommu, "status");
	/* Several masters have one IOMMU, and several IPMMUs one main IPMMU. */
	if (plan->edits.count == before)
		return;
	sp_finding_add(plan, guest, SP_CODE_IOMMU_ENABLED, iommu,
		"the host's tree disables it; the overlay enables it");
	sp_edit_string(plan, edit, "okay");
	if (edit != NULL)
		edit->why = "Xen uses only IOMMUs that are enabled";
}

/* An IPMMU has a root whose page tables it shares; a root needs the product register to be told
 * the silicon's revision: ipmmu_probe() in xen/drivers/passthrough/arm/ipmmu-vmsa.c. */
static void check_ipmmu(struct sp_plan *plan, struct sp_plan_guest *guest, sp_node iommu,
	const struct sp_iommu_driver *driver) {
	const struct sp_tree *tree = plan->host->tree;
	const struct sp_prop *main = sp_tree_prop(tree, iommu, "renesas,ipmmu-main");
	sp_node root = main != NULL ? sp_tree_by_phandle(tree, sp_prop_cell(main, 0)) : iommu;
	sp_node chain[2] = {iommu, root};

	for (unsigned i = 0; i < (root == iommu || root == SP_NODE_NONE ? 1u : 2u); i++) {
		if (!sp_tree_available(tree, chain[i]))
			enable(plan, guest, chain[i]);
	}
	if (!has_product(plan))
		sp_finding_add(plan, guest, SP_CODE_IOMMU_NO_PRODUCT, iommu,
			"the tree has no renesas,prr node, by which Xen reads the silicon's "
			"revision");
	/* One chip: what is said of one of its IPMMUs holds for the others. */
	if (driver->needs_es3 && !is_told(plan, guest, SP_CODE_IOMMU_REVISION))
		sp_finding_add(plan, guest, SP_CODE_IOMMU_REVISION, iommu,
			"Xen uses %s only on silicon of ES3.0 or later, which no tree can prove",
			driver->compatible);
}

/* Xen sets the IOMMU up before dom0, and with it whoever switches clocks and domains, runs. */
static void check_power(struct sp_plan *plan, struct sp_plan_guest *guest, sp_node iommu) {
	const struct sp_tree *tree = plan->host->tree;
	bool clocks = sp_tree_prop(tree, iommu, "clocks") != NULL;
	bool domains = sp_tree_prop(tree, iommu, "power-domains") != NULL;

	if (!clocks && !domains)
		return;
	for (uint32_t i = 0; i < plan->findings.count; i++) {
		if (plan->findings.data[i].code == SP_CODE_IOMMU_POWER &&
			plan->findings.data[i].guest == guest->request->name &&
			plan->findings.data[i].path == path_of(plan, iommu))
			return;
	}
	sp_finding_add(plan, guest, SP_CODE_IOMMU_POWER, iommu,
		"its %s%s%s must be on before Xen starts", clocks ? "clocks" : "",
		clocks && domains ? " and " : "", domains ? "power domain" : "");
}

static void check_build(
	struct sp_plan *plan, struct sp_plan_guest *guest, sp_node iommu, enum sp_driver driver) {
	const struct sp_driver_info *info = sp_driver_info(driver);
	if (info->by_default || (guest->build_told & UINT32_C(1) << driver) != 0)
		return;
	guest->build_told |= UINT32_C(1) << driver;
	sp_plan_needs_option(plan, info->kconfig);
	if (info->expert)
		sp_plan_needs_option(plan, "CONFIG_EXPERT");
	sp_finding_add(plan, guest, SP_CODE_IOMMU_BUILD, iommu,
		"Xen's %s driver is not in a default build; it needs %s%s", info->name,
		info->kconfig, info->expert ? " (with CONFIG_EXPERT)" : "");
}

static void check_sharers(struct sp_plan *plan, struct sp_plan_guest *guest,
	const struct master *master, const struct sp_stream *stream) {
	const struct sp_host *host = plan->host;
	uint32_t id, mask, low = 0, high = host->stream_owners.count;

	sp_stream_id(host, stream, &id, &mask);
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (host->stream_owners.data[middle].iommu >= stream->iommu)
			high = middle;
		else
			low = middle + 1;
	}
	for (uint32_t steps = 0; low < host->stream_owners.count &&
		host->stream_owners.data[low].iommu == stream->iommu;
		low++) {
		const struct sp_stream_owner *owner = &host->stream_owners.data[low];
		if (steps++ == MAX_STEPS) {
			sp_finding_add(plan, guest, SP_CODE_IOMMU_SHARED, master->node,
				"more than %u stream IDs are described at %s, and not all were "
				"compared with its 0x%x",
				MAX_STEPS, path_of(plan, stream->iommu), id);
			return;
		}
		sp_node other = host->devices.data[owner->device].node;
		if (((owner->id ^ id) & ~(owner->mask | mask)) != 0 || other == master->node ||
			sp_plan_owner(plan, other) != NULL || !sp_tree_enabled(host->tree, other))
			continue;
		sp_finding_add(plan, guest, SP_CODE_IOMMU_SHARED, master->node,
			"stream ID 0x%x of %s is also that of %s, which stays with the host", id,
			path_of(plan, stream->iommu), path_of(plan, other));
		return;
	}
}

/* What is wrong with one specifier for Xen's driver. */
static void check_stream(struct sp_plan *plan, struct sp_plan_guest *guest,
	const struct master *master, const struct sp_stream *stream,
	const struct sp_driver_info *info) {
	if (stream->count < info->min_cells || stream->count > info->max_cells) {
		sp_finding_add(plan, guest, SP_CODE_IOMMU_CELLS, master->node,
			"its stream IDs at %s have %u cells; Xen's %s driver reads %u%s",
			path_of(plan, stream->iommu), stream->count, info->name, info->min_cells,
			info->max_cells > info->min_cells ? " or 2" : "");
		return;
	}
	uint32_t id, mask;
	sp_stream_id(plan->host, stream, &id, &mask);
	if (id > info->max_id || (stream->count > 1 && mask > info->max_id))
		sp_finding_add(plan, guest, SP_CODE_IOMMU_RANGE, master->node,
			"stream ID 0x%x (mask 0x%x) is beyond 0x%x, the last that Xen's %s driver "
			"takes",
			id, mask, info->max_id, info->name);
	check_sharers(plan, guest, master, stream);
}

static bool has_wishes(const struct master *master) {
	for (uint32_t i = 0; i < master->count; i++) {
		if (master->streams[i].origin == SP_ORIGIN_USER)
			return true;
	}
	return false;
}

/* Judges one of the master's IOMMUs. Returns false if Xen does not drive it. */
static bool check_iommu(struct sp_plan *plan, struct sp_plan_guest *guest,
	const struct master *master, sp_node iommu) {
	const struct sp_tree *tree = plan->host->tree;
	const struct sp_iommu_driver *driver =
		sp_iommu_driver_of(tree, iommu, plan->request->target, NULL);
	if (driver == NULL) {
		const char *compatible = sp_prop_string(sp_tree_prop(tree, iommu, "compatible"), 0);
		sp_finding_add(plan, guest, SP_CODE_IOMMU_NO_DRIVER, master->node,
			"%s has no driver for its IOMMU %s (%s)",
			sp_target_name(plan->request->target), path_of(plan, iommu),
			compatible != NULL ? compatible : "it has no compatible");
		return false;
	}
	const struct sp_driver_info *info = sp_driver_info(driver->driver);
	bool direct = guest->request->mode == SP_MODE_DIRECT;
	if (driver->driver == SP_DRIVER_IPMMU && (!direct || sp_tree_enabled(tree, iommu)))
		check_ipmmu(plan, guest, iommu, driver);
	else if (!sp_tree_available(tree, iommu) && is_wished(master, iommu) &&
		driver->driver == SP_DRIVER_SMMU && !direct)
		/* It lets the streams pass that nobody has set up: other masters do not suffer. */
		enable(plan, guest, iommu);
	else if (!sp_tree_enabled(tree, iommu))
		sp_finding_add(plan, guest, SP_CODE_IOMMU_DISABLED, master->node,
			"its IOMMU %s is disabled in the host's tree, so that Xen does not "
			"protect it",
			path_of(plan, iommu));
	if (direct && !sp_tree_enabled(tree, iommu))
		return false; /* as good as none: nothing of it is in the way */
	check_build(plan, guest, iommu, driver->driver);
	check_power(plan, guest, iommu);
	uint32_t ids = 0;
	for (uint32_t i = 0; i < master->count; i++) {
		if (master->streams[i].iommu != iommu)
			continue;
		ids++;
		check_stream(plan, guest, master, &master->streams[i], info);
	}
	if (info->max_ids != 0 && ids > info->max_ids)
		sp_finding_add(plan, guest, SP_CODE_IOMMU_IDS, master->node,
			"it has %u stream IDs at %s; Xen's %s driver has room for %u", ids,
			path_of(plan, iommu), info->name, info->max_ids);
	return true;
}

/* The master's IOMMUs, each once, in the order of its list. */
static uint32_t distinct_iommus(const struct master *master, sp_node *iommus) {
	uint32_t count = 0;
	for (uint32_t i = 0; i < master->count; i++) {
		bool known = false;
		for (uint32_t j = 0; j < count && !known; j++)
			known = iommus[j] == master->streams[i].iommu;
		if (!known)
			iommus[count++] = master->streams[i].iommu;
	}
	return count;
}

static void add_holder(struct sp_plan *plan, struct sp_plan_guest *guest,
	const struct master *master, const sp_node *iommus, uint32_t count, const char *path) {
	for (uint32_t i = 0; i < master->count; i++) {
		for (uint32_t j = 0; j < count; j++) {
			if (master->streams[i].iommu != iommus[j])
				continue;
			struct sp_guest_stream *slot = sp_vec_push(&plan->arena, &guest->streams);
			if (slot != NULL)
				*slot = (struct sp_guest_stream){
					master->node, master->streams[i], path};
		}
	}
	const char **slot = sp_vec_push(&plan->arena, &guest->dtdev);
	if (slot != NULL)
		*slot = path;
}

static void plan_master(
	struct sp_plan *plan, struct sp_plan_guest *guest, struct master *master, bool told) {
	sp_node iommus[MAX_STREAMS];
	uint32_t count = distinct_iommus(master, iommus), driven = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (check_iommu(plan, guest, master, iommus[i]))
			iommus[driven++] = iommus[i];
	}
	if (told)
		sp_finding_add(plan, guest, SP_CODE_IOMMU_USER, master->node,
			"%s; the tree cannot confirm them",
			has_wishes(master) ? "its stream IDs are as the command line tells them"
					   : "its functions are as the command line tells them");
	if (driven > 0)
		sp_finding_add(plan, guest, SP_CODE_IOMMU_LEFT_ON, master->node,
			"Xen puts it behind %s all the same", path_of(plan, iommus[0]));
	if (driven == 0 && guest->request->mode == SP_MODE_DIRECT && plan->built) {
		/* Whatever else it is told, Xen fails at an IOMMU that its driver does not know. */
		struct sp_edit *edit = sp_edit_property(plan, master->node, "iommus");
		if (edit != NULL)
			edit->why = "Xen drives no such IOMMU, and would refuse the device";
	}
	if (driven == 0)
		return;
	if (driven > 1)
		sp_finding_add(plan, guest, SP_CODE_IOMMU_SEVERAL, master->node,
			"it is behind %u IOMMUs, and Xen takes a node of one; %s", driven,
			plan->request->multi_iommu_masters
				? "this Xen is said to take it as it is"
				: "each further one gets a proxy node, which dtdev lists too");
	sp_plan_proxies(plan, master->node, master->streams, master->count, iommus, driven);
	const char *path = path_of(plan, master->node);
	if (plan->request->multi_iommu_masters) {
		add_holder(plan, guest, master, iommus, driven, path);
		return;
	}
	for (uint32_t i = 0; i < driven; i++)
		add_holder(plan, guest, master, &iommus[i], 1,
			i == 0 ? path : sp_proxy_path(plan, master->node, iommus[i]));
}

static void explain_exposure(
	struct sp_plan *plan, struct sp_plan_guest *guest, const struct sp_guest_device *device) {
	if (device->dma == SP_DMA_NEVER)
		return;
	sp_finding_add(plan, guest, SP_CODE_IOMMU_EXPOSED, device->node,
		"with no IOMMU in its way, whoever programs it can read and write all of the "
		"host's memory: Xen's, dom0's and every guest's");
}

/*
 * A device whose memory accesses all leave through another one, under that one's stream IDs
 * (Linux's bindings, media/renesas,fcp.yaml). True if nothing is left to be said of its own.
 */
static bool has_front(
	struct sp_plan *plan, struct sp_plan_guest *guest, const struct sp_guest_device *device) {
	const struct sp_tree *tree = plan->host->tree;
	const struct sp_prop *prop = sp_tree_prop(tree, device->node, "renesas,fcp");
	sp_node front =
		prop != NULL ? sp_tree_by_phandle(tree, sp_prop_cell(prop, 0)) : SP_NODE_NONE;

	if (front == SP_NODE_NONE)
		return false;
	if (sp_guest_device_of(plan, guest, front) != NULL)
		return true; /* judged by itself */
	sp_finding_add(plan, guest, SP_CODE_IOMMU_NONE, device->node,
		"its DMA goes through %s, which is not given along (--with-companions does)",
		path_of(plan, front));
	return true;
}

static bool assign_streams(struct sp_plan *plan, struct sp_plan_guest *guest, struct master *master,
	struct sp_error *error) {
	const struct sp_tree *tree = plan->host->tree;

	for (uint32_t d = 0; d < guest->devices.count; d++) {
		const struct sp_guest_device *device = &guest->devices.data[d];
		uint32_t masters = 0, before = guest->streams.count;
		bool mapped = false;
		for (sp_node node = device->node; node < sp_tree_end(tree, device->node);
			node = sp_described_next(tree, node, sp_tree_end(tree, device->node))) {
			bool told = false;
			master->node = node;
			master->count = 0;
			const struct sp_device *known = sp_host_device(plan->host, node);
			mapped = mapped || (known != NULL && known->iommu_map);
			gather_from_tree(plan, guest, master);
			if (!gather_from_user(plan, guest, master, &told, error) ||
				!gather_functions(plan, guest, master, &told, error))
				return false;
			if (master->count == 0)
				continue;
			masters++;
			plan_master(plan, guest, master, told);
		}
		if (guest->streams.count == before)
			explain_exposure(plan, guest, device);
		if (masters > 0 || mapped)
			continue;
		if (has_front(plan, guest, device))
			continue;
		if (device->dma == SP_DMA_MASTER)
			sp_finding_add(plan, guest, SP_CODE_IOMMU_NONE, device->node,
				"it does DMA, and the tree puts it behind no IOMMU");
		else if (device->dma == SP_DMA_PERHAPS)
			sp_finding_add(plan, guest, SP_CODE_IOMMU_PERHAPS, device->node,
				"the tree puts it behind no IOMMU, and nothing tells whether it "
				"does DMA");
	}
	return true;
}

/* A function needs a host bridge that it is behind. */
static bool check_functions(
	const struct sp_plan *plan, const struct sp_plan_guest *guest, struct sp_error *error) {
	const struct sp_request_guest *request = guest->request;
	for (uint32_t i = 0; i < request->bdf_count; i++) {
		const struct sp_request_bdf *wish = &request->bdfs[i];
		bool bridge = false;
		for (uint32_t d = 0; d < guest->devices.count && !bridge; d++) {
			sp_node end = sp_tree_end(plan->host->tree, guest->devices.data[d].node);
			for (sp_node node = guest->devices.data[d].node; node < end && !bridge;
				node++)
				bridge = sp_is_pci_bus(plan->host->tree, node);
		}
		if (!bridge)
			return sp_error_set(error, SP_ERROR_USE,
				"function %02x:%02x.%x: guest %s is given no PCI host bridge",
				wish->bdf >> 8, wish->bdf >> 3 & 31, wish->bdf & 7, request->name);
	}
	return true;
}

bool sp_assign_streams(struct sp_plan *plan, struct sp_plan_guest *guest, struct sp_error *error) {
	/* Too large to be kept as long as the plan, of which a list has many. */
	struct master *master = malloc(sizeof(*master));
	bool good;

	if (master == NULL) {
		plan->arena.failed = true;
		return true;
	}
	good = check_functions(plan, guest, error) && assign_streams(plan, guest, master, error);
	free(master);
	return good;
}
