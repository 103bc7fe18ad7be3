/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "assign/assign.h"
#include "pci/address.h"
#include "preflight/preflight.h"

bool sp_assign_is_xen(const struct sp_assign *assign) {
	return assign->request->situation.hypervisor == SP_HYPERVISOR_XEN;
}

bool sp_assign_is_hvm_of_xen(const struct sp_assign *assign) {
	return sp_assign_is_xen(assign) && assign->request->situation.guest == SP_GUEST_HVM;
}

bool sp_given_is_display(const struct sp_given *given) {
	return given->function->config.class >> 16 == 0x03;
}

bool sp_given_is_igd(const struct sp_assign *assign, const struct sp_given *given) {
	return assign->request->situation.gfx_passthru && sp_preflight_is_igd(given->function);
}

bool sp_given_at_boot(const struct sp_assign *assign, const struct sp_given *given) {
	return !given->function->physical &&
		(sp_assign_is_xen(assign) || !sp_given_ids_shared(assign, given));
}

static bool gives(const struct sp_assign *assign, const struct sp_function *function) {
	for (uint32_t i = 0; i < assign->given.count; i++) {
		if (assign->given.data[i].function == function)
			return true;
	}
	return false;
}

bool sp_given_ids_shared(const struct sp_assign *assign, const struct sp_given *given) {
	for (uint32_t i = 0; i < assign->machine->function_count; i++) {
		const struct sp_function *other = &assign->machine->functions[i];

		if (other->config.vendor == given->function->config.vendor &&
			other->config.device == given->function->config.device &&
			!gives(assign, other))
			return true;
	}
	return false;
}

uint32_t sp_given_vf(const struct sp_given *given) {
	const struct sp_function *physical = given->function->physical;
	uint32_t first, step;

	if (!physical || !physical->config.has_sriov)
		return UINT32_MAX;
	first = physical->bdf + physical->config.sriov.offset;
	step = physical->config.sriov.stride;
	if (given->function->bdf < first || (!step && given->function->bdf != first))
		return UINT32_MAX;
	if (!step)
		return 0;
	return (given->function->bdf - first) % step ? UINT32_MAX
						     : (given->function->bdf - first) / step;
}

static void add(struct sp_assign *assign, const struct sp_function *function, bool along) {
	struct sp_given *given;

	if (!function || gives(assign, function))
		return;
	given = sp_vec_push(&assign->arena, &assign->given);
	if (!given)
		return;
	given->function = function;
	given->along = along;
	sp_bdf_format(given->address, function->bdf);
}

/* A virtual function's slot says nothing: the neighbours in it are other guests'. */
static void add_slot(struct sp_assign *assign, const struct sp_function *function) {
	uint32_t count;
	const struct sp_function *mates = sp_machine_slot(assign->machine, function, &count);

	for (uint32_t i = 0; !function->physical && i < count; i++) {
		if (!mates[i].physical && mates[i].config.header == SP_PCI_HEADER_NORMAL)
			add(assign, &mates[i], true);
	}
}

static bool same_slot(const struct sp_given *a, const struct sp_given *b) {
	return !a->function->physical && !b->function->physical &&
		sp_bdf_slot(a->function->bdf) == sp_bdf_slot(b->function->bdf);
}

static void make_groups(struct sp_assign *assign) {
	for (uint32_t i = 0; i < assign->given.count; i++) {
		struct sp_given *given = &assign->given.data[i];
		uint32_t k = 0;

		while (k < i && !same_slot(&assign->given.data[k], given))
			k++;
		given->group = k < i ? assign->given.data[k].group : assign->group_count++;
	}
	for (uint32_t i = 0; i < assign->given.count; i++) {
		for (uint32_t k = 0; k < assign->given.count; k++)
			assign->given.data[i].group_count +=
				assign->given.data[k].group == assign->given.data[i].group;
	}
}

static bool has_function_zero(const struct sp_assign *assign, uint32_t group) {
	for (uint32_t i = 0; i < assign->given.count; i++) {
		const struct sp_given *given = &assign->given.data[i];

		if (given->group == group && sp_bdf_function(given->function->bdf) == 0)
			return true;
	}
	return false;
}

/*
 * libxl makes each function of an HVM guest function 0 of a slot of its own, whatever was asked
 * for: RELEASE-4.20.4:tools/libs/light/libxl_pci.c (device_pci_add_stubdom_done) leaves the loop
 * over a slot's functions after the first, so that "BB:DD.*" adds one function, and not function 0.
 */
static void place_hvm(const struct sp_assign *assign, struct sp_given *given, uint32_t index) {
	given->slot = SP_FIRST_XEN_SLOT + index;
	given->number = 0;
	/* QEMU keeps slot 2 free for the processor's GPU and gives it away by itself. */
	if (sp_given_is_igd(assign, given) || given->slot >= SP_XEN_SLOTS)
		given->slot = SP_GUEST_SLOT_NONE;
}

/* xen-pciback keeps the functions of a slot together, by their own numbers; virtual ones apart. */
static void place_pv(struct sp_given *given) {
	given->slot = given->group;
	given->number = given->function->physical ? 0 : sp_bdf_function(given->function->bdf);
}

/* A slot without a function 0 is not seen, so that the others move up. */
static void place_kvm(const struct sp_assign *assign, struct sp_given *given, uint32_t index) {
	uint32_t before = 0;

	for (uint32_t i = 0; i < index; i++)
		before += assign->given.data[i].group == given->group;
	given->slot = given->group;
	given->number = given->group_count == 1           ? 0
		: has_function_zero(assign, given->group) ? sp_bdf_function(given->function->bdf)
							  : before;
}

/* Which policy for reserved device memory is told: one where there is some. */
static const char *policy(const struct sp_assign *assign, const struct sp_given *given) {
	bool relaxed = assign->request->situation.relaxed_rdm;

	if (!sp_assign_is_hvm_of_xen(assign))
		return NULL;
	if (given->function->rmrrs.count || given->function->unity.count)
		return relaxed ? "relaxed" : "strict";
	return relaxed && !assign->machine->has_dmar && !assign->machine->has_ivrs ? "relaxed"
										   : NULL;
}

void sp_assign_choose(struct sp_assign *assign) {
	const struct sp_assign_request *request = assign->request;

	for (uint32_t i = 0; i < request->function_count; i++) {
		const struct sp_function *function =
			sp_machine_find(assign->machine, request->functions[i]);

		add(assign, function, false);
		if (function && request->whole_slot)
			add_slot(assign, function);
	}
	/* What was named itself did not merely come along. */
	for (uint32_t i = 0; i < assign->given.count; i++) {
		for (uint32_t k = 0; k < request->function_count; k++) {
			if (assign->given.data[i].function->bdf == request->functions[k])
				assign->given.data[i].along = false;
		}
	}
	make_groups(assign);
	for (uint32_t i = 0; i < assign->given.count; i++) {
		struct sp_given *given = &assign->given.data[i];

		given->rdm_policy = policy(assign, given);
		if (!sp_assign_is_xen(assign))
			place_kvm(assign, given, i);
		else if (request->situation.guest == SP_GUEST_PV)
			place_pv(given);
		else
			place_hvm(assign, given, i);
	}
}
