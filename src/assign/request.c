/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "assign/assign.h"
#include "pci/address.h"

bool sp_toolstack_parse(const char *text, enum sp_toolstack *toolstack) {
	if (strcmp(text, "qubes") == 0)
		*toolstack = SP_TOOLSTACK_QUBES;
	else if (strcmp(text, "xcp-ng") == 0)
		*toolstack = SP_TOOLSTACK_XCP_NG;
	else
		return false;
	return true;
}

static bool check_kvm(const struct sp_assign_request *request, struct sp_error *error) {
	const struct sp_situation *situation = &request->situation;
	const char *wrong = NULL;

	if (request->toolstack != SP_TOOLSTACK_XL)
		wrong = "commands for Qubes and XCP-ng";
	else if (situation->stubdomain)
		wrong = "a stub domain";
	else if (situation->permissive)
		wrong = "permissive";
	else if (situation->relaxed_rdm)
		wrong = "a policy for reserved device memory";
	if (wrong)
		return sp_error_set(error, SP_ERROR_USE,
			"%s: there is that with Xen alone, and the target is kvm", wrong);
	if (situation->guest != SP_GUEST_HVM)
		return sp_error_set(error, SP_ERROR_USE, "a guest of kvm is of kind hvm, not %s",
			sp_guest_kind_name(situation->guest));
	return true;
}

static bool check_xen(const struct sp_assign_request *request, struct sp_error *error) {
	const struct sp_situation *situation = &request->situation;

	if (request->rom)
		return sp_error_set(error, SP_ERROR_USE,
			"xl cannot give a guest a ROM file; leave it out, or plan for kvm");
	if (situation->guest == SP_GUEST_HVM)
		return true;
	if (situation->stubdomain || situation->gfx_passthru)
		return sp_error_set(error, SP_ERROR_USE,
			"%s: a guest of kind %s has no device model for it; make it hvm",
			situation->stubdomain ? "a stub domain" : "gfx_passthru",
			sp_guest_kind_name(situation->guest));
	return true;
}

/* These go into files whose lines end at a line break. */
static bool check_text(const char *what, const char *text, struct sp_error *error) {
	for (const char *c = text; c && *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return sp_error_set(
				error, SP_ERROR_USE, "the %s has a control character in it", what);
	}
	return true;
}

#define NEAREST 3u

static uint32_t distance(sp_bdf a, sp_bdf b) {
	return a > b ? a - b : b - a;
}

/* The functions whose addresses come closest, the closest first. */
static uint32_t find_nearest(
	const struct sp_machine *machine, sp_bdf bdf, sp_bdf nearest[NEAREST + 1]) {
	uint32_t count = 0;

	for (uint32_t i = 0; i < machine->function_count; i++) {
		sp_bdf found = machine->functions[i].bdf;
		uint32_t k = count;

		if (machine->functions[i].config.header != SP_PCI_HEADER_NORMAL)
			continue;
		for (; k && distance(nearest[k - 1], bdf) > distance(found, bdf); k--)
			nearest[k] = nearest[k - 1];
		nearest[k] = found;
		count += count < NEAREST;
	}
	return count;
}

static bool unknown_function(const struct sp_machine *machine, sp_bdf bdf, struct sp_error *error) {
	sp_bdf nearest[NEAREST + 1];
	uint32_t count = find_nearest(machine, bdf, nearest);
	char wanted[SP_BDF_SIZE], names[NEAREST * (SP_BDF_SIZE + 2)] = "";
	size_t used = 0;

	sp_bdf_format(wanted, bdf);
	for (uint32_t i = 0; i < count; i++) {
		char name[SP_BDF_SIZE];

		sp_bdf_format(name, nearest[i]);
		used += (size_t)snprintf(
			names + used, sizeof(names) - used, "%s%s", i ? ", " : "", name);
	}
	return sp_error_set(error, SP_ERROR_USE, "the machine has no function %s%s%s", wanted,
		count ? "; the nearest: " : "", names);
}

bool sp_assign_check(const struct sp_machine *machine, const struct sp_assign_request *request,
	struct sp_error *error) {
	bool xen = request->situation.hypervisor == SP_HYPERVISOR_XEN;

	if (!request->function_count)
		return sp_error_set(error, SP_ERROR_USE, "no function is named");
	if (request->function_count > SP_GIVEN_MAX)
		return sp_error_set(error, SP_ERROR_USE, "a guest gets at most %u functions here",
			SP_GIVEN_MAX);
	if (!request->memory)
		return sp_error_set(error, SP_ERROR_USE, "a guest needs memory");
	if (!(xen ? check_xen : check_kvm)(request, error) ||
		!check_text("kernel's name", request->kernel, error) ||
		!check_text("ramdisk's name", request->ramdisk, error) ||
		!check_text("command line", request->command_line, error) ||
		!check_text("ROM's name", request->rom, error))
		return false;
	for (uint32_t i = 0; i < request->function_count; i++) {
		sp_bdf bdf = request->functions[i];
		const struct sp_function *function = sp_machine_find(machine, bdf);
		char name[SP_BDF_SIZE];

		if (!function)
			return unknown_function(machine, bdf, error);
		sp_bdf_format(name, bdf);
		/* The files compare them with what is found, and bind by them. */
		if (!function->config.vendor || function->config.vendor == 0xffff)
			return sp_error_set(error, SP_ERROR_INPUT,
				"%s: neither its configuration space nor its vendor and device "
				"are told",
				name);
		if (request->toolstack == SP_TOOLSTACK_QUBES && sp_bdf_segment(bdf))
			return sp_error_set(error, SP_ERROR_USE,
				"%s: qvm-pci names functions of segment 0000 alone", name);
	}
	return true;
}
