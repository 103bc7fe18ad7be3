/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <sallyport/version.h>

#include "assign/emit.h"
#include "base/findings.h"
#include "pci/address.h"

/* docs/plan-json.md describes the members. */
#define SCHEMA_VERSION 1u

static const char *const PLACES[] = {
	[SP_PLACE_NOWHERE] = "nowhere",
	[SP_PLACE_LOW] = "below-4g",
	[SP_PLACE_HIGH] = "above",
};

static const char *const TOOLSTACKS[] = {
	[SP_TOOLSTACK_XL] = "xl",
	[SP_TOOLSTACK_QUBES] = "qubes",
	[SP_TOOLSTACK_XCP_NG] = "xcp-ng",
};

/* "0x10de" */
static void put_id(struct sp_json *json, const char *key, uint16_t id) {
	struct sp_buf buf = {0};

	sp_buf_printf(&buf, "0x%04x", id);
	if (buf.failed)
		json->out->failed = true;
	else
		sp_json_string(json, key, buf.data);
	sp_buf_release(&buf);
}

static const char *source_name(enum sp_machine_source source) {
	static const char *const names[] = {
		[SP_MACHINE_LIVE] = "live",
		[SP_MACHINE_SNAPSHOT] = "snapshot",
		[SP_MACHINE_LSPCI] = "lspci",
	};

	return names[source];
}

static void put_machine(struct sp_json *json, const struct sp_machine *machine) {
	sp_json_object(json, "machine");
	sp_json_string(json, "name", machine->name);
	sp_json_string(json, "source", source_name(machine->source));
	sp_json_end_object(json);
}

static void put_situation(struct sp_json *json, const struct sp_assign *assign) {
	const struct sp_situation *situation = &assign->request->situation;
	bool xen = sp_assign_is_xen(assign);

	sp_json_string(json, "hypervisor", xen ? "xen" : "kvm");
	sp_json_string(json, "target", xen ? sp_target_name(situation->target) : "kvm");
	sp_json_string(json, "dom0", xen ? sp_dom0_name(situation->dom0) : NULL);
	sp_json_string(json, "toolstack", xen ? TOOLSTACKS[assign->request->toolstack] : "qemu");
	sp_json_bool(json, "as_it_runs", situation->now);
}

static void put_interrupts(struct sp_json *json, const struct sp_function *function) {
	const struct sp_pci_config *config = &function->config;
	char pin[2] = {0};

	sp_json_object(json, "interrupts");
	sp_json_flat(json);
	if (config->pin >= 1 && config->pin <= 4) {
		pin[0] = (char)('A' + config->pin - 1);
		sp_json_string(json, "pin", pin);
	} else {
		sp_json_null(json, "pin");
	}
	if (function->gsi >= 0)
		sp_json_number(json, "gsi", (uint64_t)function->gsi);
	else
		sp_json_null(json, "gsi");
	sp_json_number(json, "msi", config->has_msi ? config->msi_vectors : 0);
	sp_json_number(json, "msix", config->has_msix ? config->msix.vectors : 0);
	sp_json_end_object(json);
}

static void put_bars(
	struct sp_json *json, const struct sp_assign *assign, const struct sp_function *function) {
	sp_json_array(json, "bars");
	for (uint32_t i = 0; i <= SP_PCI_BARS; i++) {
		const struct sp_bar *bar =
			i < SP_PCI_BARS ? &function->config.bars[i] : &function->config.rom;
		const char *place = NULL;

		if (!bar->present)
			continue;
		for (uint32_t k = 0; k < assign->hole.bars.count && !place; k++) {
			const struct sp_placed *placed = &assign->hole.bars.data[k];

			if (placed->function == function && placed->bar == i)
				place = PLACES[placed->place];
		}
		sp_json_object(json, NULL);
		sp_json_flat(json);
		if (i < SP_PCI_BARS)
			sp_json_number(json, "bar", i);
		else
			sp_json_string(json, "bar", "rom");
		sp_json_string(json, "kind", bar->io ? "io" : bar->wide ? "memory64" : "memory32");
		sp_json_bool(json, "prefetchable", bar->prefetch);
		if (bar->size)
			sp_json_hex(json, "size", bar->size);
		else
			sp_json_null(json, "size");
		sp_json_string(json, "guest", place);
		sp_json_end_object(json);
	}
	sp_json_end_array(json);
}

static void put_strings(
	struct sp_json *json, const char *key, const char *const *strings, uint32_t count) {
	sp_json_array(json, key);
	sp_json_flat(json);
	for (uint32_t i = 0; i < count; i++)
		sp_json_string(json, NULL, strings[i]);
	sp_json_end_array(json);
}

static void put_function(
	struct sp_json *json, const struct sp_assign *assign, const struct sp_given *given) {
	const struct sp_function *function = given->function;

	sp_json_object(json, NULL);
	sp_json_string(json, "address", given->address);
	put_id(json, "vendor", function->config.vendor);
	put_id(json, "device", function->config.device);
	sp_json_hex(json, "class", function->config.class);
	sp_json_string(json, "name", function->name);
	sp_json_string(json, "role", given->along ? "slot" : "requested");
	sp_bdf_json(json, "physical", function->physical ? function->physical->bdf : SP_BDF_NONE);
	sp_json_string(json, "driver", function->driver);
	if (given->slot == SP_GUEST_SLOT_NONE) {
		sp_json_null(json, "guest_slot");
	} else {
		sp_json_object(json, "guest_slot");
		sp_json_flat(json);
		sp_json_number(json, "slot", given->slot);
		sp_json_number(json, "function", given->number);
		sp_json_end_object(json);
	}
	sp_json_string(json, "rdm_policy", given->rdm_policy);
	sp_json_bool(json, "permissive", assign->request->situation.permissive);
	sp_json_bool(json, "at_boot", assign->request->at_boot && sp_given_at_boot(assign, given));
	put_interrupts(json, function);
	put_bars(json, assign, function);
	if (function->resets_known)
		put_strings(json, "resets", function->resets, function->reset_count);
	else
		sp_json_null(json, "resets");
	sp_json_end_object(json);
}

static void put_guest(struct sp_json *json, const struct sp_assign *assign) {
	const struct sp_assign_request *request = assign->request;

	sp_json_object(json, "guest");
	sp_json_string(json, "name", request->name);
	sp_json_string(json, "kind", sp_guest_kind_name(request->situation.guest));
	sp_json_number(json, "memory_mib", request->memory);
	sp_json_string(json, "kernel", request->kernel);
	sp_json_string(json, "ramdisk", request->ramdisk);
	sp_json_string(json, "command_line", request->command_line);
	sp_json_string(json, "rom", request->rom);
	sp_json_bool(json, "stubdomain", request->situation.stubdomain);
	sp_json_bool(json, "gfx_passthru", request->situation.gfx_passthru);
	if (assign->hole.mib)
		sp_json_number(json, "mmio_hole_mib", assign->hole.mib);
	else
		sp_json_null(json, "mmio_hole_mib");
	sp_json_array(json, "functions");
	for (uint32_t i = 0; i < assign->given.count; i++)
		put_function(json, assign, &assign->given.data[i]);
	sp_json_end_array(json);
	sp_json_end_object(json);
}

static void put_answers(struct sp_json *json, const struct sp_assign *assign) {
	uint32_t count;
	const struct sp_answer *answers = sp_preflight_answers(assign->preflight, &count);

	sp_json_array(json, "preflight");
	for (uint32_t i = 0; i < count; i++) {
		const struct sp_answer *answer = &answers[i];

		sp_json_object(json, NULL);
		sp_json_string(json, "question", sp_question_info(answer->question)->name);
		sp_bdf_json(json, "function", answer->function);
		sp_json_string(json, "result", sp_result_name(answer->result));
		sp_json_string(json, "code",
			answer->code == SP_CODE_COUNT ? NULL : sp_finding_info(answer->code)->code);
		sp_json_string(json, "message", answer->message);
		sp_json_string(json, "remedy", answer->remedy);
		sp_json_end_object(json);
	}
	sp_json_end_array(json);
}

void assign_emit_json(const struct sp_assign *assign, struct sp_buf *out) {
	struct sp_json json = {.out = out};

	sp_json_object(&json, NULL);
	sp_json_string(&json, "schema", "sallyport-pci-plan");
	sp_json_number(&json, "version", SCHEMA_VERSION);
	sp_json_string(&json, "generator", "sallyport " SALLYPORT_VERSION);
	put_machine(&json, assign->machine);
	put_situation(&json, assign);
	sp_json_string(&json, "verdict", sp_verdict_name(assign->verdict));
	sp_json_bool(&json, "files_complete",
		assign->verdict != SP_VERDICT_NO || assign->request->keep_going);
	put_guest(&json, assign);
	put_answers(&json, assign);
	sp_findings_json(&json, assign->findings.data, assign->findings.count, false);
	sp_json_end_object(&json);
	sp_buf_char(out, '\n');
}
