/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach/run.h"
#include "pci/address.h"

/* The language of an entry of xl's pci, after libxlutil's libxlu_pci.c. */

#define HEX "0123456789abcdefABCDEF"
#define ADDRESS (HEX ":")
#define SLOTS 32u

static const struct {
	const char *name;
	size_t at; /* of a bool in struct sp_xen_pci */
} FLAGS[] = {
	{"permissive", offsetof(struct sp_xen_pci, permissive)},
	{"msitranslate", offsetof(struct sp_xen_pci, msitranslate)},
	{"power_mgmt", offsetof(struct sp_xen_pci, power_mgmt)},
};

/* xl takes any number of digits. */
static bool parse_address(const char **at, struct sp_attach_function *function) {
	unsigned segment = 0, bus, device, number = 0;
	size_t size = strspn(*at, ADDRESS), colons = 0;
	const char *end = *at + size + 1;
	int read;

	for (size_t i = 0; i < size; i++)
		colons += (*at)[i] == ':';
	if (size > 10 || (*at)[size] != '.')
		return false;
	read = colons == 2    ? sscanf(*at, "%4x:%2x:%2x.", &segment, &bus, &device) - 1
		: colons == 1 ? sscanf(*at, "%2x:%2x.", &bus, &device)
			      : 0;
	if (read != 2 || (*at)[size - 1] == ':' || device > 0x1f)
		return false;
	function->all = *end == '*';
	if (!function->all && (*end < '0' || *end > '7'))
		return false;
	if (!function->all)
		number = (unsigned)(*end - '0');
	function->pci.bdf = SP_BDF(segment, bus, device, number);
	*at = end + 1;
	return function->pci.bdf != SP_BDF_NONE && !strchr(HEX, **at) == (**at != '\0');
}

bool sp_attach_is_function(const char *text) {
	struct sp_attach_function function;

	return parse_address(&text, &function) && (!*text || *text == '@' || *text == ',');
}

static bool parse_slot(const char **at, struct sp_xen_pci *pci) {
	size_t size = strspn(*at, HEX);
	unsigned long slot = strtoul(*at, NULL, 16);

	if (!size || size > 2 || slot >= SLOTS)
		return false;
	pci->slot = (uint8_t)slot;
	*at += size;
	return true;
}

static bool parse_policy(const char *value, struct sp_xen_pci *pci) {
	if (strcmp(value, "strict") == 0)
		pci->policy = SP_XEN_POLICY_STRICT;
	else if (strcmp(value, "relaxed") == 0)
		pci->policy = SP_XEN_POLICY_RELAXED;
	else
		return false;
	return true;
}

/* NULL: it was understood. */
static const char *parse_option(
	struct sp_attach_function *function, bool *named, const char *key, const char *value) {
	bool flag = strcmp(value, "1") == 0;

	for (size_t i = 0; i < sizeof(FLAGS) / sizeof(FLAGS[0]); i++) {
		if (strcmp(key, FLAGS[i].name) != 0)
			continue;
		memcpy((char *)&function->pci + FLAGS[i].at, &flag, sizeof(flag));
		return flag || strcmp(value, "0") == 0
			? NULL
			: "permissive, msitranslate, power_mgmt and seize are 0 or 1";
	}
	/* Each function is taken from its driver, asked for or not. */
	if (strcmp(key, "seize") == 0)
		return NULL;
	if (strcmp(key, "rdm_policy") == 0)
		return parse_policy(value, &function->pci) ? NULL
							   : "rdm_policy is strict or relaxed";
	if (strcmp(key, "vslot") == 0)
		return parse_slot(&value, &function->pci) && !*value
			? NULL
			: "the guest's slots are 0 to 1f";
	if (strcmp(key, "bdf") == 0) {
		*named = parse_address(&value, function) && !*value;
		return *named ? NULL : "it is not the address of a function, as 0000:03:00.0";
	}
	if (strcmp(key, "name") == 0)
		return "functions are known by their addresses alone here, not by name=";
	return "it has an option that xl does not know";
}

static const char *parse_options(struct sp_attach_function *function, bool *named, const char *at) {
	while (*at) {
		size_t size = strcspn(at, ","), key = strcspn(at, "=,");
		char text[64];
		const char *trouble;

		if (size >= sizeof(text) || key == size)
			return "its options are not KEY=VALUE";
		memcpy(text, at, size);
		text[size] = text[key] = '\0';
		trouble = parse_option(function, named, text, text + key + 1);
		if (trouble)
			return trouble;
		at += size + (at[size] == ',');
	}
	return NULL;
}

static const char *parse(struct sp_attach_function *function, const char *text) {
	static const char NO_ADDRESS[] = "it is not the address of a function, as 0000:03:00.0";
	bool named = parse_address(&text, function);
	const char *trouble;

	if (!named && !strchr(text, '='))
		return NO_ADDRESS;
	if (named && *text == '@') {
		text++;
		if (!parse_slot(&text, &function->pci))
			return "the guest's slots are 0 to 1f";
	}
	if (named && *text && *text++ != ',')
		return NO_ADDRESS;
	trouble = parse_options(function, &named, text);
	if (trouble)
		return trouble;
	return named ? NULL : NO_ADDRESS;
}

/* Each function is alone in its slot of the guest: libxl and QEMU offer nothing else. */
static const char *collide(const struct sp_attach *attach, const struct sp_attach_function *new) {
	if (new->all &&new->pci.slot)
		return "each function has a slot of its own in the guest; * goes without @";
	for (uint32_t i = 0; i < attach->functions.count; i++) {
		const struct sp_attach_function *old = &attach->functions.data[i];

		if (old == new)
			break;
		if (old->pci.bdf == new->pci.bdf ||
			((old->all || new->all) &&
				sp_bdf_slot(old->pci.bdf) == sp_bdf_slot(new->pci.bdf)))
			return "it is listed already";
		if (new->pci.slot && old->pci.slot == new->pci.slot)
			return "another function has this slot of the guest";
	}
	return NULL;
}

static const char *read_function(struct sp_attach *attach, const char *text, uint32_t line,
	const struct sp_xen_pci *defaults) {
	struct sp_attach_function *function;
	const char *trouble;

	if (attach->functions.count == SP_ATTACH_FUNCTIONS)
		return "there are more than 256 functions";
	function = sp_vec_push(&attach->arena, &attach->functions);
	if (!function)
		return NULL;
	function->pci = *defaults;
	function->line = line;
	trouble = parse(function, text);
	return trouble ? trouble : collide(attach, function);
}

bool functions_read(
	struct sp_attach *attach, const struct sp_xl_guest *file, struct sp_error *error) {
	const struct sp_xen_pci defaults = {
		.permissive = file->pci_permissive,
		.msitranslate = file->pci_msitranslate,
		.power_mgmt = file->pci_power_mgmt,
	};

	for (uint32_t i = 0; i < file->functions.count; i++) {
		const struct sp_xl_path *entry = &file->functions.data[i];
		const char *trouble = read_function(attach, entry->path, entry->line, &defaults);

		if (trouble)
			return sp_error_set(error, SP_ERROR_INPUT, "%s:%" PRIu32 ": pci: %s",
				file->file, entry->line, trouble);
	}
	return true;
}

bool sp_attach_create_functions(struct sp_attach **attach, const char *const *texts, uint32_t count,
	struct sp_error *error) {
	const struct sp_xen_pci defaults = {0};
	struct sp_attach *made = calloc(1, sizeof(*made));
	const char *trouble = NULL;
	uint32_t i;

	*attach = NULL;
	if (!made)
		return sp_error_memory(error);
	for (i = 0; i < count && !trouble; i++)
		trouble = read_function(made, texts[i], 0, &defaults);
	if (trouble)
		sp_error_set(error, SP_ERROR_USE, "%.64s: %s", texts[i - 1], trouble);
	else if (made->arena.failed)
		sp_error_memory(error);
	else
		*attach = made;
	if (!*attach)
		sp_attach_destroy(made);
	return *attach != NULL;
}
