/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "base/json.h"
#include "machine/list.h"
#include "pci/address.h"

/* docs/snapshot.md and the manual of `list` tell the members. */

static void put_known(struct sp_json *json, const char *key, enum sp_known known) {
	if (known)
		sp_json_bool(json, key, known == SP_YES);
	else
		sp_json_null(json, key);
}

static void put_int(struct sp_json *json, const char *key, int32_t value) {
	if (value >= 0)
		sp_json_number(json, key, (uint64_t)value);
	else
		sp_json_null(json, key);
}

static void put_size(struct sp_json *json, const char *key, uint64_t size) {
	if (size)
		sp_json_number(json, key, size);
	else
		sp_json_null(json, key);
}

/* With the digits that lspci shows. */
static void put_id(struct sp_json *json, const char *key, uint32_t id, int digits) {
	char text[16];

	snprintf(text, sizeof(text), "0x%0*x", digits, id);
	sp_json_string(json, key, text);
}

static void put_function(struct sp_json *json, const char *key, const struct sp_function *other) {
	sp_bdf_json(json, key, other ? other->bdf : SP_BDF_NONE);
}

static void put_bars(struct sp_json *json, const struct sp_function *function) {
	sp_json_array(json, "bars");
	for (unsigned i = 0; i < SP_PCI_BARS; i++) {
		const struct sp_bar *bar = &function->config.bars[i];

		if (!bar->present)
			continue;
		sp_json_object(json, NULL);
		sp_json_flat(json);
		sp_json_number(json, "index", i);
		sp_json_string(json, "space", bar->io ? "io" : "memory");
		sp_json_hex(json, "address", bar->address);
		put_size(json, "size", bar->size);
		sp_json_bool(json, "wide", bar->wide);
		sp_json_bool(json, "prefetchable", bar->prefetch);
		sp_json_end_object(json);
	}
	sp_json_end_array(json);
	sp_json_array(json, "resizable");
	for (unsigned i = 0; i < function->config.rebar_count; i++) {
		const struct sp_rebar *rebar = &function->config.rebar[i];

		sp_json_object(json, NULL);
		sp_json_flat(json);
		sp_json_number(json, "index", rebar->bar);
		if (rebar->current < 44)
			sp_json_number(json, "size", UINT64_C(1) << (20 + rebar->current));
		else
			sp_json_null(json, "size");
		sp_json_array(json, "sizes");
		for (unsigned bit = 0; bit < 44; bit++) {
			if (rebar->sizes >> bit & 1)
				sp_json_number(json, NULL, UINT64_C(1) << (20 + bit));
		}
		sp_json_end_array(json);
		sp_json_end_object(json);
	}
	sp_json_end_array(json);
	sp_json_object(json, "rom");
	sp_json_flat(json);
	sp_json_bool(json, "present", function->config.rom.present);
	put_size(json, "size", function->config.rom.size);
	put_known(json, "readable", function->rom_readable);
	sp_json_bool(json, "vfct", function->vfct);
	sp_json_end_object(json);
}

static void put_interrupts(struct sp_json *json, const struct sp_function *function) {
	const struct sp_pci_config *config = &function->config;
	char pin[2] = {(char)('A' + config->pin - 1), '\0'};

	sp_json_object(json, "intx");
	sp_json_flat(json);
	sp_json_string(json, "pin", config->pin >= 1 && config->pin <= 4 ? pin : NULL);
	put_int(json, "irq", function->irq);
	put_int(json, "gsi", function->gsi);
	sp_json_string(json, "gsi_error", function->gsi_error);
	sp_json_end_object(json);
	if (config->has_msi) {
		sp_json_object(json, "msi");
		sp_json_flat(json);
		sp_json_number(json, "vectors", config->msi_vectors);
		sp_json_bool(json, "on", config->msi_on);
		sp_json_end_object(json);
	} else {
		sp_json_null(json, "msi");
	}
	if (config->has_msix) {
		const struct sp_msix *msix = &config->msix;

		sp_json_object(json, "msix");
		sp_json_flat(json);
		sp_json_number(json, "vectors", msix->vectors);
		sp_json_bool(json, "on", msix->on);
		sp_json_number(json, "table_bar", msix->table_bar);
		sp_json_hex(json, "table_offset", msix->table_offset);
		sp_json_number(json, "pba_bar", msix->pba_bar);
		sp_json_hex(json, "pba_offset", msix->pba_offset);
		sp_json_end_object(json);
	} else {
		sp_json_null(json, "msix");
	}
}

static void put_resets(struct sp_json *json, const struct sp_function *function) {
	if (!function->resets_known) {
		sp_json_null(json, "resets");
		return;
	}
	sp_json_array(json, "resets");
	sp_json_flat(json);
	for (uint32_t i = 0; i < function->reset_count; i++)
		sp_json_string(json, NULL, function->resets[i]);
	sp_json_end_array(json);
}

static void put_range(struct sp_json *json, uint64_t first, uint64_t last) {
	sp_json_object(json, NULL);
	sp_json_flat(json);
	sp_json_hex(json, "first", first);
	sp_json_hex(json, "last", last);
	sp_json_end_object(json);
}

static void put_iommu(struct sp_json *json, const struct sp_function *function) {
	sp_json_object(json, "iommu");
	sp_json_flat(json);
	put_known(json, "translated", function->translated);
	put_int(json, "group", function->group);
	sp_json_end_object(json);
	put_known(json, "isolated", sp_function_isolated(function));
	sp_json_array(json, "reserved");
	for (uint32_t i = 0; i < function->rmrrs.count; i++)
		put_range(json, function->rmrrs.data[i]->base, function->rmrrs.data[i]->limit);
	for (uint32_t i = 0; i < function->unity.count; i++)
		put_range(json, function->unity.data[i]->base,
			function->unity.data[i]->base + function->unity.data[i]->length - 1);
	sp_json_end_array(json);
}

static void put_sriov(struct sp_json *json, const struct sp_function *function) {
	const struct sp_sriov *sriov = &function->config.sriov;

	if (!function->config.has_sriov) {
		sp_json_null(json, "sriov");
		return;
	}
	sp_json_object(json, "sriov");
	sp_json_flat(json);
	sp_json_number(json, "total", sriov->total);
	sp_json_number(json, "enabled", sriov->on ? sriov->enabled : 0);
	sp_json_end_object(json);
}

static void put_entry(struct sp_json *json, const struct sp_function *function) {
	const struct sp_pci_config *config = &function->config;

	sp_json_object(json, NULL);
	put_function(json, "path", function);
	sp_json_string(json, "name", function->name);
	sp_json_string(json, "kind", sp_pci_class_name(config->class));
	put_id(json, "class", config->class, 6);
	put_id(json, "vendor", config->vendor, 4);
	put_id(json, "device", config->device, 4);
	sp_json_bool(json, "gpu", function->gpu);
	sp_json_string(json, "driver", function->driver);
	put_known(json, "assignable", function->assignable);
	sp_json_bool(json, "boot_display", function->boot_display);
	sp_json_string(json, "user", function->user);
	put_bars(json, function);
	put_interrupts(json, function);
	put_resets(json, function);
	put_iommu(json, function);
	put_function(json, "bridge", function->bridge);
	put_function(json, "physical", function->physical);
	put_sriov(json, function);
	put_int(json, "numa", function->numa);
	sp_json_end_object(json);
}

bool sp_machine_json(const struct sp_machine *machine,
	const struct sp_machine_list_options *options, char **data, size_t *size,
	struct sp_error *error) {
	struct sp_buf out = {0};
	struct sp_json json = {.out = &out};

	sp_json_array(&json, NULL);
	for (uint32_t i = 0; i < machine->function_count; i++) {
		if (list_has(&machine->functions[i], options))
			put_entry(&json, &machine->functions[i]);
	}
	sp_json_end_array(&json);
	sp_buf_char(&out, '\n');
	return sp_buf_finish(&out, data, size, error);
}
