/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "check/check.h"
#include "plan/companions.h"
#include "plan/create.h"
#include "plan/steps.h"

static bool is_about_streams(enum sp_code code) {
	return code >= SP_CODE_IOMMU_NONE && code <= SP_CODE_PCI_FUNCTIONS;
}

static struct sp_check_guest *guest_of(struct sp_check *check, const char *name) {
	for (uint32_t i = 0; name != NULL && i < check->guests.count; i++) {
		if (check->guests.data[i].name == name)
			return &check->guests.data[i];
	}
	return NULL;
}

static const struct sp_check_device *device_at(
	const struct sp_check *check, const struct sp_check_guest *guest, const char *path) {
	if (path == NULL)
		return NULL;
	for (uint32_t i = 0; i < guest->devices.count; i++) {
		if (guest->devices.data[i].path == path)
			return &guest->devices.data[i];
	}
	sp_node node = sp_check_find_exact(check->host->tree, path);
	return node != SP_NODE_NONE ? sp_check_device_of(check, guest, node) : NULL;
}

static bool has_holder(const struct sp_check_guest *guest) {
	for (uint32_t i = 0; i < guest->devices.count; i++) {
		if (guest->devices.data[i].holder)
			return true;
	}
	return false;
}

static bool is_another_guests(
	struct sp_check *check, const struct sp_check_guest *guest, const char *path) {
	for (uint32_t i = 0; i < check->guests.count; i++) {
		const struct sp_check_guest *other = &check->guests.data[i];
		if (other != guest && device_at(check, other, path) != NULL)
			return true;
	}
	return false;
}

/* All its controllers are among what the guest is given: a bus of them was given as a whole. */
static bool has_controllers(
	const struct sp_check *check, const struct sp_check_guest *guest, sp_node node) {
	const struct sp_device *device = sp_host_device(check->host, node);
	bool any = false;

	for (uint32_t i = 0; device != NULL && i < device->irq_count; i++) {
		const struct sp_irq *irq = &check->host->irqs.data[device->irq + i];
		if (irq->kind != SP_IRQ_OTHER)
			continue;
		any = true;
		if (irq->controller == SP_NODE_NONE ||
			sp_check_device_of(check, guest, irq->controller) == NULL)
			return false;
	}
	return any;
}

/* A node around the device, without registers that could be given, of which the guest is told. */
static bool has_wrapper(const struct sp_check *check, const struct sp_check_guest *guest,
	sp_node node, const char *message) {
	const struct sp_tree *tree = check->host->tree;
	sp_node wrapper = sp_wrapper_of(check->host, node), top = sp_check_passthrough(guest);
	const struct sp_device *device =
		wrapper != SP_NODE_NONE ? sp_host_device(check->host, wrapper) : NULL;

	if (wrapper == SP_NODE_NONE || top == SP_NODE_NONE ||
		(device != NULL && device->reg_count > 0) ||
		strstr(message, sp_tree_path(tree, wrapper)) == NULL)
		return false;
	const char *kind = sp_prop_string(sp_tree_prop(tree, wrapper, "compatible"), 0);
	for (sp_node at = top; kind != NULL && at < sp_tree_end(guest->tree, top); at++) {
		if (sp_tree_compatible(guest->tree, at, kind))
			return true;
	}
	return false;
}

/* Used by the nodes that a plan adds to hold it for the guest, and by no others. */
static bool has_only_holders(
	const struct sp_check *check, const struct sp_check_guest *guest, sp_node node) {
	static const char holder[] = "sallyport-holder-";
	const struct sp_tree *tree = check->host->tree;

	for (const struct sp_user *user = sp_host_user(check->host, node, NULL); user != NULL;
		user = sp_host_user(check->host, node, user)) {
		if (sp_check_device_of(check, guest, user->node) == NULL &&
			strncmp(sp_tree_name(tree, user->node), holder, sizeof(holder) - 1) != 0)
			return false;
	}
	return true;
}

static bool is_met(const struct sp_check *check, const struct sp_check_guest *guest,
	const struct sp_finding *finding) {
	sp_node node = finding->path != NULL ? sp_check_find_exact(check->host->tree, finding->path)
					     : SP_NODE_NONE;

	if (node == SP_NODE_NONE)
		return false;
	switch (finding->code) {
	case SP_CODE_IRQ_CONTROLLER:
		return has_controllers(check, guest, node);
	case SP_CODE_DEP_COMPANION:
		return has_wrapper(check, guest, node, finding->message);
	case SP_CODE_DEVICE_IN_USE:
		return has_only_holders(check, guest, node);
	default:
		return false;
	}
}

static bool holds(struct sp_check *check, const struct sp_check_guest *guest,
	const struct sp_check_device *device, const struct sp_finding *finding) {
	enum sp_code code = finding->code;

	if (sp_check_is_plans_own(code))
		return false;
	if (guest == NULL || device == NULL)
		return true;
	if ((device->holder && !is_about_streams(code)) || is_met(check, guest, finding))
		return false;
	/* Which device's stream IDs such a node has, it does not say. */
	if ((code == SP_CODE_IOMMU_NONE || code == SP_CODE_IOMMU_PERHAPS ||
		    code == SP_CODE_PCI_FUNCTIONS) &&
		has_holder(guest))
		return false;
	/* Told of the device as a whole. */
	return code != SP_CODE_IOMMU_TWO_GUESTS || !is_another_guests(check, guest, finding->path);
}

static void take_finding(struct sp_check *check, const struct sp_finding *finding) {
	struct sp_check_guest *guest = guest_of(check, finding->guest);
	const struct sp_check_device *device =
		guest != NULL ? device_at(check, guest, finding->path) : NULL;

	if (!holds(check, guest, device, finding))
		return;
	if (finding->code == SP_CODE_IOMMU_ENABLED && guest != NULL) {
		struct sp_check_place place = {.path = finding->path};
		sp_check_add(check, guest, SP_CODE_IOMMU_DISABLED, place,
			"the host's tree disables it, so that Xen does not use it");
		return;
	}
	if (guest != NULL) {
		size_t index = (size_t)(guest - check->guests.data);
		if (check->told[index][finding->code]++ >= SP_CHECK_MAX_TOLD)
			return;
		check->last[index][finding->code] = check->findings.count;
	}
	struct sp_finding *slot = sp_vec_push(&check->arena, &check->findings);
	if (slot == NULL)
		return;
	*slot = *finding;
	if (device != NULL && device->line != 0) {
		slot->file = guest->file;
		slot->line = device->line;
	}
}

/* The guests that own the device of a wish; for one that names none, those with a host bridge. */
static bool owns(const struct sp_check *check, const struct sp_check_guest *guest, sp_node node) {
	if (node != SP_NODE_NONE)
		return sp_check_device_of(check, guest, node) != NULL;
	for (uint32_t i = 0; i < guest->devices.count; i++) {
		sp_node device = guest->devices.data[i].node;
		for (sp_node at = device; at < sp_tree_end(check->host->tree, device); at++) {
			if (sp_is_pci_bus(check->host->tree, at))
				return true;
		}
	}
	return false;
}

static bool give_wishes(struct sp_check *check, const struct sp_check_guest *guest,
	struct sp_request_guest *request, bool *used, struct sp_error *error) {
	const struct sp_check_options *options = check->options;
	struct sp_request_stream *streams =
		sp_arena_array(&check->arena, options->stream_count, sizeof(*streams));
	struct sp_request_bdf *bdfs =
		sp_arena_array(&check->arena, options->bdf_count, sizeof(*bdfs));

	if (check->arena.failed)
		return true;
	request->streams = streams;
	request->bdfs = bdfs;
	for (uint32_t i = 0; i < options->stream_count; i++) {
		sp_node node = sp_host_find(check->host, options->streams[i].device, error);
		if (node == SP_NODE_NONE)
			return false;
		if (!owns(check, guest, node))
			continue;
		used[i] = true;
		streams[request->stream_count++] = options->streams[i];
	}
	for (uint32_t i = 0; i < options->bdf_count; i++) {
		const char *name = options->bdfs[i].device;
		sp_node node = name != NULL ? sp_host_find(check->host, name, error) : SP_NODE_NONE;
		if (name != NULL && node == SP_NODE_NONE)
			return false;
		if (!owns(check, guest, node))
			continue;
		used[options->stream_count + i] = true;
		bdfs[request->bdf_count++] = options->bdfs[i];
	}
	return true;
}

static bool all_used(
	const struct sp_check_options *options, const bool *used, struct sp_error *error) {
	for (uint32_t i = 0; i < options->stream_count; i++) {
		if (!used[i])
			return sp_error_set(error, SP_ERROR_USE,
				"--iommus %s: no guest is given this "
				"device",
				options->streams[i].device);
	}
	for (uint32_t i = 0; i < options->bdf_count; i++) {
		uint16_t bdf = options->bdfs[i].bdf;
		if (!used[options->stream_count + i])
			return sp_error_set(error, SP_ERROR_USE,
				"--bdf %02x:%02x.%x: no guest is given its PCI host bridge",
				bdf >> 8, bdf >> 3 & 31, bdf & 7);
	}
	return true;
}

/* False: no memory, or a wish that cannot be understood. */
static bool make_request(struct sp_check *check, struct sp_error *error) {
	const struct sp_check_options *options = check->options;
	struct sp_arena *arena = &check->arena;
	struct sp_request_guest *guests =
		sp_arena_array(arena, check->guests.count, sizeof(*guests));
	bool *used = sp_arena_array(
		arena, (size_t)options->stream_count + options->bdf_count + 1, sizeof(*used));
	uint32_t count = 0;

	if (guests == NULL || used == NULL)
		return sp_error_memory(error);
	for (uint32_t i = 0; i < check->guests.count; i++) {
		const struct sp_check_guest *guest = &check->guests.data[i];
		const char **paths = sp_arena_array(arena, guest->devices.count, sizeof(*paths));
		if (guest->devices.count == 0 || paths == NULL)
			continue;
		for (uint32_t d = 0; d < guest->devices.count; d++)
			paths[d] = guest->devices.data[d].path;
		struct sp_request_guest *request = &guests[count++];
		*request = (struct sp_request_guest){.name = guest->name,
			.mode = guest->mode,
			.memory = guest->memory > UINT32_MAX ? UINT32_MAX : (uint32_t)guest->memory,
			.pci = guest->xl != NULL && guest->xl->pci.path != NULL,
			.static_memory = guest->static_memory,
			.devices = paths,
			.device_count = guest->devices.count};
		if (!give_wishes(check, guest, request, used, error))
			return false;
	}
	check->request = (struct sp_request){.target = options->target,
		.multi_iommu_masters = options->multi_iommu_masters,
		.guests = guests,
		.guest_count = count};
	return check->arena.failed || all_used(options, used, error);
}

bool sp_check_plan(struct sp_check *check, struct sp_error *error) {
	if (!make_request(check, error))
		return false;
	if (check->request.guest_count == 0)
		return true;
	if (!sp_plan_create_stage(
		    &check->plan, check->host, &check->request, SP_PLAN_ASSESSED, NULL, error))
		return false;
	for (uint32_t i = 0; i < check->plan->guests.count; i++) {
		const struct sp_plan_guest *planned = &check->plan->guests.data[i];
		guest_of(check, planned->request->name)->planned = planned;
	}
	for (uint32_t i = 0; i < check->plan->findings.count; i++)
		take_finding(check, &check->plan->findings.data[i]);
	return true;
}
