/* SPDX-License-Identifier: MIT */
#include "xen/pci.h"

#include <errno.h>
#include <libxl_utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pci/address.h"

struct argument {
	uint32_t id;
	struct sp_xen_pci pci;
	bool yes; /* rebind, or force */
};

static void fill(libxl_device_pci *device, const struct sp_xen_pci *pci) {
	libxl_device_pci_init(device);
	device->domain = (int)sp_bdf_segment(pci->bdf);
	device->bus = (uint8_t)sp_bdf_bus(pci->bdf);
	device->dev = (uint8_t)sp_bdf_device(pci->bdf);
	device->func = (uint8_t)sp_bdf_function(pci->bdf);
	/* As xl has it for a single function: it is function 0 of its slot in the guest. Asked for
	 * all functions of a slot, libxl gives the highest alone (libxl_pci.c:1781). */
	device->vfunc_mask = 1;
	device->vdevfn = (uint32_t)pci->slot << 3;
	device->permissive = pci->permissive;
	device->msitranslate = pci->msitranslate;
	device->power_mgmt = pci->power_mgmt;
	if (pci->policy == SP_XEN_POLICY_STRICT)
		device->rdm_policy = LIBXL_RDM_RESERVE_POLICY_STRICT;
	else if (pci->policy == SP_XEN_POLICY_RELAXED)
		device->rdm_policy = LIBXL_RDM_RESERVE_POLICY_RELAXED;
}

static sp_bdf address(const libxl_device_pci *device) {
	return SP_BDF((uint32_t)device->domain, device->bus, device->dev, device->func);
}

/* Whether the guest has it. The list is NULL where it has none, too. */
static bool has(libxl_ctx *ctx, uint32_t id, sp_bdf bdf) {
	int count = 0;
	libxl_device_pci *list = libxl_device_pci_list(ctx, id, &count);
	bool found = false;

	for (int i = 0; list && i < count && !found; i++)
		found = address(&list[i]) == bdf;
	if (list)
		libxl_device_pci_list_free(list, count);
	return found;
}

static int find_kind(libxl_ctx *ctx, const void *argument, uint32_t *number) {
	const struct argument *of = argument;
	libxl_dominfo info;
	int error;

	libxl_dominfo_init(&info);
	error = libxl_errno(libxl_domain_info(ctx, &info, of->id));
	*number = (uint32_t)(info.domain_type == LIBXL_DOMAIN_TYPE_PV ? SP_XEN_PV
			: info.domain_type == LIBXL_DOMAIN_TYPE_HVM   ? SP_XEN_HVM
								      : SP_XEN_PVH);
	libxl_dominfo_dispose(&info);
	return error;
}

/* A stub domain has what the guest has that it serves. */
static int find_owner(libxl_ctx *ctx, const void *argument, uint32_t *number) {
	const struct argument *of = argument;
	int count = 0;
	libxl_dominfo *list = libxl_list_domain(ctx, &count);

	if (!list)
		return EIO;
	*number = SP_XEN_NOBODY;
	for (int i = 0; i < count && *number == SP_XEN_NOBODY; i++) {
		uint32_t id = list[i].domid;

		if (id && !libxl_is_stubdom(ctx, id, NULL) && has(ctx, id, of->pci.bdf))
			*number = id;
	}
	libxl_dominfo_list_free(list, count);
	return 0;
}

/* pciback's own list, without what is given already. */
static int is_assignable(libxl_ctx *ctx, const void *argument, uint32_t *number) {
	const struct argument *of = argument;
	int count = 0;
	libxl_device_pci *list = libxl_device_pci_assignable_list(ctx, &count);

	*number = false;
	for (int i = 0; list && i < count; i++)
		*number |= address(&list[i]) == of->pci.bdf;
	if (list)
		libxl_device_pci_assignable_list_free(list, count);
	return 0;
}

static int do_take(libxl_ctx *ctx, const void *argument, uint32_t *number) {
	const struct argument *of = argument;
	libxl_device_pci device;
	int error;

	(void)number;
	fill(&device, &of->pci);
	error = libxl_errno(libxl_device_pci_assignable_add(ctx, &device, 1));
	libxl_device_pci_dispose(&device);
	return error;
}

static int do_restore(libxl_ctx *ctx, const void *argument, uint32_t *number) {
	const struct argument *of = argument;
	libxl_device_pci device;
	int error;

	(void)number;
	fill(&device, &of->pci);
	error = libxl_errno(libxl_device_pci_assignable_remove(ctx, &device, of->yes));
	libxl_device_pci_dispose(&device);
	return error;
}

static int do_add(libxl_ctx *ctx, const void *argument, uint32_t *number) {
	const struct argument *of = argument;
	libxl_device_pci device;
	int error;

	(void)number;
	fill(&device, &of->pci);
	error = libxl_errno(libxl_device_pci_add(ctx, of->id, &device, NULL));
	libxl_device_pci_dispose(&device);
	return error;
}

/* libxl gives a device to the device model first, and does not take it back when what follows
 * fails. */
static void take_from_model(libxl_ctx *ctx, uint32_t id, sp_bdf bdf) {
	libxl_dominfo info;
	char command[64], *output = NULL;

	libxl_dominfo_init(&info);
	if (!libxl_domain_info(ctx, &info, id) && info.domain_type == LIBXL_DOMAIN_TYPE_HVM) {
		snprintf(command, sizeof(command), "device_del pci-pt-%02x_%02x.%x",
			sp_bdf_bus(bdf), sp_bdf_device(bdf), sp_bdf_function(bdf));
		libxl_qemu_monitor_command(ctx, id, command, &output, NULL);
		free(output);
	}
	libxl_dominfo_dispose(&info);
}

/*
 * libxl gives a guest 10 seconds and leaves it as it is then. The guest may let go a moment later,
 * and its device model then knows the device no more: that is told as ENXIO, and only force takes
 * the rest.
 */
static int do_remove(libxl_ctx *ctx, const void *argument, uint32_t *number) {
	const struct argument *of = argument;
	libxl_device_pci device;
	int error;

	(void)number;
	fill(&device, &of->pci);
	if (of->yes && !has(ctx, of->id, of->pci.bdf))
		take_from_model(ctx, of->id, of->pci.bdf);
	error = of->yes ? libxl_errno(libxl_device_pci_destroy(ctx, of->id, &device, NULL))
			: libxl_errno(libxl_device_pci_remove(ctx, of->id, &device, NULL));
	if (error == ENXIO && !of->yes)
		error = libxl_errno(libxl_device_pci_destroy(ctx, of->id, &device, NULL));
	libxl_device_pci_dispose(&device);
	/* A PV guest's frontend is not waited for to the end. */
	if (!error && has(ctx, of->id, of->pci.bdf))
		error = ETIMEDOUT;
	return error;
}

static int call(
	struct sp_xen *xen, libxl_work work, const struct argument *argument, uint32_t *number) {
	return libxl_run(&xen_pci_of(xen)->libxl, xen, work, argument, number);
}

static int kind(struct sp_xen *xen, uint32_t id, enum sp_xen_kind *kind) {
	uint32_t number = 0;
	int error = call(xen, find_kind, &(struct argument){.id = id}, &number);

	*kind = (enum sp_xen_kind)number;
	return error;
}

static int slot(struct sp_xen *xen, sp_bdf bdf, uint8_t *functions) {
	return sysfs_slot(xen_pci_of(xen)->sysfs, bdf, functions);
}

static int look(struct sp_xen *xen, sp_bdf bdf, struct sp_xen_function *function) {
	const struct argument argument = {.pci.bdf = bdf};
	uint32_t listed = true;
	int error;

	*function = (struct sp_xen_function){.owner = SP_XEN_NOBODY};
	error = sysfs_look(xen_pci_of(xen)->sysfs, bdf, function);
	if (!error && function->assignable)
		error = call(xen, find_owner, &argument, &function->owner);
	if (!error && function->assignable && function->owner == SP_XEN_NOBODY)
		error = call(xen, is_assignable, &argument, &listed);
	function->stale = !listed;
	return error;
}

static int take(struct sp_xen *xen, sp_bdf bdf) {
	return call(xen, do_take, &(struct argument){.pci.bdf = bdf}, NULL);
}

/*
 * libxl refuses what it did not take to the end, and binds to the driver that it remembers. What it
 * does not do is done without it, unless Xen has the function with a guest after all: libxl does
 * not fail when Xen does not take one from a guest. Of what Xen does not know at all it says the
 * same, and such a one no guest was given.
 */
static int restore(struct sp_xen *xen, sp_bdf bdf, const char *driver, bool given) {
	const struct argument argument = {.pci.bdf = bdf, .yes = *driver};
	const char *sysfs = xen_pci_of(xen)->sysfs;
	struct sp_xen_function function;
	int error = sysfs_look(sysfs, bdf, &function);

	if (!error && function.assignable)
		error = call(xen, do_restore, &argument, NULL);
	if (error == SP_XEN_AT_WORK || error == ENODEV)
		return error;
	if (error && given && xen_pci_assigned(xen, bdf) == EBUSY)
		return EBUSY;
	return sysfs_rebind(sysfs, bdf, driver);
}

static int add(struct sp_xen *xen, uint32_t id, const struct sp_xen_pci *pci) {
	return call(xen, do_add, &(struct argument){.id = id, .pci = *pci}, NULL);
}

static int remove_function(struct sp_xen *xen, uint32_t id, sp_bdf bdf, bool force) {
	const struct argument argument = {.id = id, .pci.bdf = bdf, .yes = force};

	return call(xen, do_remove, &argument, NULL);
}

const struct sp_xen_pci_ops XEN_PCI_OPS = {
	.kind = kind,
	.slot = slot,
	.look = look,
	.take = take,
	.restore = restore,
	.add = add,
	.remove = remove_function,
};
