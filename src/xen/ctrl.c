/* SPDX-License-Identifier: MIT */
#include "xen/ctrl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xen/xl.h"

#define LOCK "/run/sallyport-attach.lock"

/* libxenctrl's functions give -1 and errno. */
static int result(int returned) {
	if (returned >= 0)
		return 0;
	return errno ? errno : EIO;
}

static int release(struct sp_xen *xen, uint32_t *major, uint32_t *minor) {
	int version = xc_version(ctrl_of(xen)->control, XENVER_version, NULL);

	if (version < 0)
		return result(version);
	*major = (uint32_t)version >> 16;
	*minor = (uint32_t)version & 0xffff;
	return 0;
}

/* The path goes into a buffer for the hypercall and is not changed, const or not. */
static int with_path(int (*call)(xc_interface *, uint32_t, char *), struct sp_xen *xen, uint32_t id,
	const char *path) {
	char *copy = strdup(path);
	int error;

	if (!copy)
		return ENOMEM;
	error = result(call(ctrl_of(xen)->control, id, copy));
	free(copy);
	return error;
}

/*
 * What Xen lists as dying is dead already, and lost its nodes before: is_dying has a value for
 * each, and only the last is listed (domctl.c:100). Of any that dies Xen says EINVAL when it is
 * asked for a node, and of a living one never for the root, which nobody can have
 * (device_tree.c:279).
 */
static bool is_dying(struct sp_xen *xen, uint32_t id) {
	return with_path(xc_test_assign_dt_device, xen, id, "/") == EINVAL;
}

/* The list begins with the first domain that there is from `id` on. */
static int domain(struct sp_xen *xen, uint32_t id, struct sp_xen_domain *domain) {
	xc_domaininfo_t info;
	int count = xc_domain_getinfolist(ctrl_of(xen)->control, id, 1, &info);

	if (count < 0)
		return result(count);
	if (count == 0 || info.domain != id)
		return ESRCH;
	domain->dying = (info.flags & XEN_DOMINF_dying) || is_dying(xen, id);
	domain->shut_down = info.flags & XEN_DOMINF_shutdown;
	return 0;
}

static int find(struct sp_xen *xen, const char *name, uint32_t *id) {
	xc_domaininfo_t info;
	uint32_t next = 0;
	int count;

	while ((count = xc_domain_getinfolist(ctrl_of(xen)->control, next, 1, &info)) == 1) {
		char *own = NULL;
		int error = ctrl_name(xen, info.domain, &own);
		bool same = !error && strcmp(own, name) == 0;

		free(own);
		if (same) {
			*id = info.domain;
			return 0;
		}
		if (error && error != ENOENT)
			return error;
		next = info.domain + 1u;
	}
	return count < 0 ? result(count) : ESRCH;
}

static int assign(struct sp_xen *xen, uint32_t id, const char *path) {
	return with_path(xc_assign_dt_device, xen, id, path);
}

static int deassign(struct sp_xen *xen, uint32_t id, const char *path) {
	return with_path(xc_deassign_dt_device, xen, id, path);
}

/* Asked of no guest in particular, since of one that dies Xen says EINVAL in any case. */
static int assigned(struct sp_xen *xen, const char *path) {
	int error = with_path(xc_test_assign_dt_device, xen, DOMID_INVALID, path);

	return error == EINVAL ? EBUSY : error;
}

static int permit(struct sp_xen *xen, uint32_t id, uint64_t host, uint64_t count, bool allowed) {
	return result(xc_domain_iomem_permission(ctrl_of(xen)->control, id, host, count, allowed));
}

static int map(struct sp_xen *xen, uint32_t id, uint64_t guest, uint64_t host, uint64_t count,
	bool mapped) {
	return result(xc_domain_memory_mapping(ctrl_of(xen)->control, id, guest, host, count,
		mapped ? DPCI_ADD_MAPPING : DPCI_REMOVE_MAPPING));
}

static int bind_irq(struct sp_xen *xen, uint32_t id, uint32_t irq) {
	if (irq > UINT16_MAX)
		return EINVAL;
	return result(
		xc_domain_bind_pt_spi_irq(ctrl_of(xen)->control, id, (uint16_t)irq, (uint16_t)irq));
}

/*
 * Xen has no question for it, but what it says when it is asked to take the interrupt back from a
 * living guest tells, and changes nothing. Should a Xen do it, the guest has it no more.
 */
static int bound(struct sp_xen *xen, uint32_t id, uint32_t irq) {
	int error;

	if (irq > UINT16_MAX)
		return EINVAL;
	error = result(xc_domain_unbind_pt_spi_irq(
		ctrl_of(xen)->control, id, (uint16_t)irq, (uint16_t)irq));
	return error == EINVAL ? 0 : error;
}

/* The xl of the Xen that runs may lie in a folder of its own, as Debian has it. */
static int end(struct sp_xen *xen, uint32_t id, unsigned milliseconds) {
	char own[64];
	const char *folders[] = {"/usr/sbin", "/usr/local/sbin", own, NULL};
	uint32_t major, minor;
	int error = release(xen, &major, &minor);

	if (error)
		return error;
	snprintf(own, sizeof(own), "/usr/lib/xen-%" PRIu32 ".%" PRIu32 "/bin", major, minor);
	return xl_destroy(id, folders, milliseconds);
}

static void close_ctrl(struct sp_xen *xen) {
	struct ctrl *ctrl = ctrl_of(xen);

	if (ctrl->store)
		xs_close(ctrl->store);
	if (ctrl->control)
		xc_interface_close(ctrl->control);
	ctrl_release_records(ctrl);
	free(ctrl);
}

#ifdef SP_XEN_PCI
struct xen_pci *xen_pci_of(struct sp_xen *xen) {
	return &ctrl_of(xen)->pci;
}

/* Neither dom0's nor quarantined: EINVAL (drivers/passthrough/pci.c). */
int xen_pci_assigned(struct sp_xen *xen, sp_bdf bdf) {
	int error = result(xc_test_assign_device(ctrl_of(xen)->control, DOMID_INVALID, bdf));

	return error == EINVAL ? EBUSY : error;
}
#endif

static const struct sp_xen_ops OPS = {
#ifdef SP_XEN_PCI
	.pci = &XEN_PCI_OPS,
#endif
	.close = close_ctrl,
	.release = release,
	.domain = domain,
	.find = find,
	.name = ctrl_name,
	.assign = assign,
	.deassign = deassign,
	.assigned = assigned,
	.permit = permit,
	.map = map,
	.bound = bound,
	.bind = bind_irq,
	.records = ctrl_records,
	.record = ctrl_record,
	.forget = ctrl_forget,
	.end = end,
	.await = ctrl_await,
};

bool sp_xen_open(struct sp_xen **xen, struct sp_error *error) {
	struct ctrl *ctrl = calloc(1, sizeof(*ctrl));

	*xen = NULL;
	if (!ctrl)
		return sp_error_memory(error);
	ctrl->xen = (struct sp_xen){.ops = &OPS, .lock = LOCK};
#ifdef SP_XEN_PCI
	ctrl->pci = (struct xen_pci)XEN_PCI_INIT;
#endif
	ctrl->control = xc_interface_open(NULL, NULL, 0);
	if (!ctrl->control)
		sp_error_set(error, SP_ERROR_SYSTEM, "Xen's control interface cannot be opened: %s",
			strerror(errno));
	else if (!(ctrl->store = xs_open(0)))
		sp_error_set(
			error, SP_ERROR_SYSTEM, "xenstore cannot be opened: %s", strerror(errno));
	else
		*xen = &ctrl->xen;
	if (!*xen)
		close_ctrl(&ctrl->xen);
	return *xen != NULL;
}
