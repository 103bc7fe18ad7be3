/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#include <sallyport/version.h>

#include "base/findings.h"
#include "emit/emit.h"
#include "emit/text.h"

/* docs/plan-json.md describes the members. */
#define SCHEMA_VERSION 1u

static const char *path_or_null(const struct sp_plan *plan, sp_node node) {
	return node == SP_NODE_NONE ? NULL : sp_tree_path(plan->host->tree, node);
}

static void put_strings(
	struct sp_json *json, const char *key, const char *const *strings, uint32_t count) {
	sp_json_array(json, key);
	for (uint32_t i = 0; i < count; i++)
		sp_json_string(json, NULL, strings[i]);
	sp_json_end_array(json);
}

static void put_compatible(struct sp_json *json, const struct sp_plan *plan, sp_node node) {
	const struct sp_prop *prop = sp_tree_prop(plan->host->tree, node, "compatible");
	const char *text = prop ? (const char *)prop->data : NULL;
	uint32_t left = prop ? prop->len : 0;

	sp_json_array(json, "compatible");
	sp_json_flat(json);
	while (left) {
		size_t size = strnlen(text, left);

		if (size == left)
			break;
		sp_json_string(json, NULL, text);
		text += size + 1;
		left -= (uint32_t)size + 1;
	}
	sp_json_end_array(json);
}

static void put_host(struct sp_json *json, const struct sp_plan *plan) {
	const struct sp_host *host = plan->host;

	sp_json_object(json, "host");
	sp_json_string(json, "tree", host->name);
	sp_json_string(json, "model", host->model);
	put_compatible(json, plan, SP_NODE_ROOT);
	if (host->gic == SP_NODE_NONE || host->gic_version == 0) {
		sp_json_null(json, "gic");
	} else {
		sp_json_object(json, "gic");
		sp_json_flat(json);
		sp_json_string(json, "path", sp_tree_path(host->tree, host->gic));
		sp_json_number(json, "version", host->gic_version);
		sp_json_end_object(json);
	}
	sp_json_end_object(json);
}

static void put_regs(struct sp_json *json, const struct sp_plan *plan,
	const struct sp_plan_guest *guest, const uint32_t *owners, uint32_t device) {
	sp_json_array(json, "regs");
	for (uint32_t i = 0; i < guest->regs.count; i++) {
		const struct sp_guest_reg *reg = &guest->regs.data[i];

		if (owners[i] != device)
			continue;
		sp_json_object(json, NULL);
		sp_json_flat(json);
		sp_json_string(json, "node", path_or_null(plan, reg->node));
		sp_json_number(json, "index", reg->index);
		sp_json_string(json, "kind", reg->window ? "window" : "reg");
		sp_json_hex(json, "host", reg->host);
		sp_json_hex(json, "size", reg->size);
		sp_json_hex(json, "guest", reg->guest);
		sp_json_end_object(json);
	}
	sp_json_end_array(json);
}

static void put_devices(
	struct sp_json *json, const struct sp_plan *plan, const struct sp_plan_guest *guest) {
	uint32_t *owners = calloc(guest->regs.count + 1u, sizeof(*owners));

	if (!owners) {
		json->out->failed = true;
		return;
	}
	for (uint32_t i = 0; i < guest->regs.count; i++)
		owners[i] = sp_emit_device_of(plan, guest, guest->regs.data[i].node);
	sp_json_array(json, "devices");
	for (uint32_t i = 0; i < guest->devices.count; i++) {
		const struct sp_guest_device *device = &guest->devices.data[i];

		sp_json_object(json, NULL);
		sp_json_string(json, "path", device->path);
		sp_json_string(json, "guest_path", device->guest_path);
		sp_json_string(json, "role", device->companion ? "companion" : "requested");
		sp_json_string(json, "because",
			device->companion ? path_or_null(plan, device->because) : NULL);
		put_compatible(json, plan, device->node);
		put_regs(json, plan, guest, owners, i);
		sp_json_end_object(json);
	}
	sp_json_end_array(json);
	free(owners);
}

static void put_resources(
	struct sp_json *json, const struct sp_plan *plan, const struct sp_plan_guest *guest) {
	sp_json_array(json, "iomem");
	for (uint32_t i = 0; i < guest->mappings.count; i++) {
		const struct sp_mapping *mapping = &guest->mappings.data[i];

		sp_json_object(json, NULL);
		sp_json_flat(json);
		sp_json_number(json, "start", mapping->host >> SP_PAGE_SHIFT);
		sp_json_number(json, "count", mapping->size >> SP_PAGE_SHIFT);
		sp_json_number(json, "guest", mapping->guest >> SP_PAGE_SHIFT);
		sp_json_string(json, "for", path_or_null(plan, mapping->node));
		sp_json_end_object(json);
	}
	sp_json_end_array(json);
	sp_json_array(json, "irqs");
	for (uint32_t i = 0; i < guest->irqs.count; i++) {
		const struct sp_guest_irq *irq = &guest->irqs.data[i];
		bool extended = irq->number >= SP_GIC_FIRST_ESPI;

		sp_json_object(json, NULL);
		sp_json_flat(json);
		sp_json_number(json, "irq", irq->number);
		sp_json_number(json, "spi",
			irq->number - (extended ? SP_GIC_FIRST_ESPI : SP_GIC_FIRST_SPI));
		sp_json_number(json, "type", irq->type);
		sp_json_string(json, "for", path_or_null(plan, irq->node));
		sp_json_end_object(json);
	}
	sp_json_end_array(json);
}

static const char *origin_name(enum sp_origin origin) {
	static const char *const names[] = {
		[SP_ORIGIN_IOMMUS] = "iommus",
		[SP_ORIGIN_MAP] = "iommu-map",
		[SP_ORIGIN_MMU_MASTERS] = "mmu-masters",
		[SP_ORIGIN_USER] = "user",
	};

	return names[origin];
}

static void put_streams(
	struct sp_json *json, const struct sp_plan *plan, const struct sp_plan_guest *guest) {
	sp_json_array(json, "streams");
	for (uint32_t i = 0; i < guest->streams.count; i++) {
		const struct sp_guest_stream *stream = &guest->streams.data[i];

		sp_json_object(json, NULL);
		sp_json_flat(json);
		sp_json_string(json, "master", path_or_null(plan, stream->node));
		sp_json_string(json, "controller", path_or_null(plan, stream->stream.iommu));
		sp_json_array(json, "specifier");
		for (uint32_t k = 0; k < stream->stream.count; k++)
			sp_json_number(json, NULL, stream->stream.args[k]);
		sp_json_end_array(json);
		sp_json_string(json, "origin", origin_name(stream->stream.origin));
		sp_json_string(json, "holder", stream->holder);
		sp_json_end_object(json);
	}
	sp_json_end_array(json);
	put_strings(json, "dtdev", guest->dtdev.data, guest->dtdev.count);
}

static void put_layout(struct sp_json *json, const struct sp_plan_guest *guest) {
	static const char *const kinds[] = {
		[SP_AREA_XEN] = "xen",
		[SP_AREA_RAM] = "ram",
		[SP_AREA_EXTENDED] = "extended",
	};

	sp_json_array(json, "layout");
	for (uint32_t i = 0; i < guest->layout.areas.count; i++) {
		const struct sp_area *area = &guest->layout.areas.data[i];

		sp_json_object(json, NULL);
		sp_json_flat(json);
		sp_json_string(json, "name", area->name);
		sp_json_string(json, "kind", kinds[area->kind]);
		sp_json_hex(json, "start", area->start);
		sp_json_hex(json, "size", area->size);
		sp_json_end_object(json);
	}
	sp_json_end_array(json);
	sp_json_hex(json, "limit", guest->layout.limit);
}

static void put_dependencies(
	struct sp_json *json, const struct sp_plan *plan, const struct sp_plan_guest *guest) {
	sp_json_array(json, "dependencies");
	for (uint32_t i = 0; i < guest->dependencies.count; i++) {
		const struct sp_dependency *dependency = &guest->dependencies.data[i];

		sp_json_object(json, NULL);
		sp_json_flat(json);
		sp_json_string(json, "node", path_or_null(plan, dependency->node));
		sp_json_string(json, "property", dependency->property);
		sp_json_number(json, "index", dependency->index);
		sp_json_string(json, "provider", path_or_null(plan, dependency->provider));
		sp_json_string(json, "action", sp_action_name(dependency->action));
		sp_json_string(json, "detail", dependency->detail);
		sp_json_end_object(json);
	}
	sp_json_end_array(json);
}

static void put_guest(
	struct sp_json *json, const struct sp_plan *plan, const struct sp_plan_guest *guest) {
	const struct sp_request_guest *request = guest->request;

	sp_json_object(json, NULL);
	sp_json_string(json, "name", request->name);
	sp_json_string(json, "mode", sp_mode_name(request->mode));
	sp_json_number(json, "memory_mib", request->memory);
	sp_json_bool(json, "pci", request->pci);
	sp_json_bool(json, "hotplug", request->hotplug);
	sp_json_string(json, "verdict", sp_verdict_name(guest->verdict));
	if (guest->nr_spis)
		sp_json_number(json, "nr_spis", guest->nr_spis);
	else
		sp_json_null(json, "nr_spis");
	if (guest->static_memory)
		sp_json_hex(json, "static_memory", guest->static_memory);
	else
		sp_json_null(json, "static_memory");
	put_devices(json, plan, guest);
	put_resources(json, plan, guest);
	put_streams(json, plan, guest);
	put_layout(json, guest);
	put_dependencies(json, plan, guest);
	sp_json_end_object(json);
}

static void put_hex_bytes(struct sp_buf *out, const uint8_t *data, uint32_t len) {
	static const char digits[] = "0123456789abcdef";
	char pair[2];

	for (uint32_t i = 0; i < len; i++) {
		pair[0] = digits[data[i] >> 4];
		pair[1] = digits[data[i] & 15];
		sp_buf_put(out, pair, 2);
	}
}

static void put_changes(struct sp_json *json, const struct sp_plan *plan) {
	struct sp_buf value = {0};

	sp_json_array(json, "host_changes");
	for (uint32_t i = 0; i < plan->edits.count; i++) {
		const struct sp_edit *edit = &plan->edits.data[i];

		value.size = 0;
		put_hex_bytes(&value, edit->data, edit->len);
		sp_json_object(json, NULL);
		sp_json_flat(json);
		sp_json_string(json, "path", edit->path);
		sp_json_bool(json, "new_node", edit->creates);
		sp_json_string(json, "property", edit->property);
		sp_json_string(json, "value", value.size ? value.data : "");
		sp_json_string(json, "why", edit->why);
		sp_json_end_object(json);
	}
	sp_json_end_array(json);
	if (value.failed)
		json->out->failed = true;
	sp_buf_release(&value);
}

static void put_holders(struct sp_json *json, const struct sp_plan *plan) {
	sp_json_array(json, "holders");
	for (uint32_t i = 0; i < plan->holders.count; i++) {
		const struct sp_holder *holder = &plan->holders.data[i];

		sp_json_object(json, NULL);
		sp_json_flat(json);
		sp_json_string(json, "path", holder->path);
		sp_json_string(json, "for", path_or_null(plan, holder->node));
		sp_json_string(json, "what", holder->what);
		sp_json_end_object(json);
	}
	sp_json_end_array(json);
}

bool sp_emit_json(const struct sp_plan *plan, struct sp_buf *out, struct sp_error *error) {
	struct sp_json json = {.out = out};

	(void)error;
	sp_json_object(&json, NULL);
	sp_json_string(&json, "schema", "sallyport-plan");
	sp_json_number(&json, "version", SCHEMA_VERSION);
	sp_json_string(&json, "generator", "sallyport " SALLYPORT_VERSION);
	put_host(&json, plan);
	sp_json_string(&json, "target", sp_target_name(plan->request->target));
	sp_json_string(&json, "verdict", sp_verdict_name(plan->verdict));
	sp_json_bool(&json, "files_complete", sp_emit_complete(plan));
	sp_json_array(&json, "guests");
	for (uint32_t i = 0; i < plan->guests.count; i++)
		put_guest(&json, plan, &plan->guests.data[i]);
	sp_json_end_array(&json);
	put_changes(&json, plan);
	put_holders(&json, plan);
	put_strings(&json, "dom0_arguments", plan->dom0_arguments.data, plan->dom0_arguments.count);
	put_strings(&json, "xen_arguments", plan->xen_arguments.data, plan->xen_arguments.count);
	put_strings(&json, "xen_options", plan->xen_options.data, plan->xen_options.count);
	sp_findings_json(&json, plan->findings.data, plan->findings.count, false);
	sp_json_end_object(&json);
	sp_buf_char(out, '\n');
	return true;
}
