/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include <sallyport/finding.h>

#include "attach/run.h"

#define PAGE 4096u
#define FIRST_SPI 32u

#define BIT(kind) (1u << SP_ATTACH_##kind)
#define PCI (BIT(TAKE) | BIT(ADD))
#define ALL (BIT(ASSIGN) | BIT(PERMIT) | BIT(MAP) | BIT(BIND) | PCI)
#define NO_STEP (1u << SP_ATTACH_KIND_COUNT)
#define RECORD (NO_STEP << 1) /* xenstore's numbers, of any step or none */

#define NO_CODE SP_CODE_COUNT

#define XL_DMESG "`xl dmesg` shows what Xen says about it."

/* libxl has few numbers, and its own words tell more. The first row that fits; `code` is that of a
 * finding. */
static const struct {
	unsigned kinds; /* BITs */
	const char *said; /* a part of what libxl said, or of what was found out before */
	const char *words, *remedy;
	enum sp_code code; /* NO_CODE */
} PCI_ROWS[] = {
#include "attach/words_pci.def"
};

/* What the numbers mean where they come from; the first row that fits. */
static const struct {
	unsigned kinds; /* BITs */
	int error;
	const char *words, *remedy;
} ROWS[] = {
	{BIT(ASSIGN), ESRCH, "the host's tree has no node of this path",
		"Write the path as it is in the tree that Xen was booted with."},
	{BIT(ASSIGN), EBUSY, "another guest, or dom0, has it",
		"End or detach the one that has it; a node that dom0 has needs xen,passthrough in "
		"the tree that Xen boots with (host-overlay.dtbo)."},
	{BIT(ASSIGN), EINVAL, "no IOMMU that Xen drives stands before it",
		"Give it the stream IDs that the plan puts into the tree that Xen boots with; " XL_DMESG},
	{BIT(ASSIGN), EOPNOTSUPP,
		"the guest was created without an IOMMU, or this Xen has none at work",
		"Create the guest from the guest.cfg of `sallyport plan --hotplug`, which has "
		"passthrough = \"enabled\"."},
	{BIT(ASSIGN), ENODEV, "this Xen knows no devices of a device tree", XL_DMESG},
	{BIT(ASSIGN), ENOSYS, "this Xen has no IOMMU at work", XL_DMESG},
	{BIT(PERMIT) | BIT(MAP), EPERM, "dom0 itself may not have these pages",
		"Only registers of devices that the tree describes can be given, and neither memory "
		"nor what Xen keeps to itself."},
	{BIT(MAP), ENOMEM, "the guest has no memory left for its page tables",
		"Create the guest with a larger shadow_memory."},
	{BIT(MAP), EEXIST, "some of these pages, or of these guest addresses, are attached already",
		"Detach what has them first."},
	{BIT(BIND), EPERM, "dom0 itself may not have this interrupt",
		"Only interrupts of devices that the tree describes can be given, and none that Xen "
		"keeps to itself."},
	{BIT(BIND), EBUSY,
		"dom0, Xen or another guest has it, or the guest has no room for it or has "
		"enabled it already",
		"Create the guest from the guest.cfg of `sallyport plan --hotplug`, whose nr_spis "
		"makes the room; " XL_DMESG},
	{BIT(BIND), EIO, "Xen does not know whether it is an edge or a level",
		"It must be an interrupt of a node in the tree that Xen was booted with."},
	{BIT(BIND), EINVAL, "it is no interrupt that can be given", XL_DMESG},
	{BIT(BIND), EOPNOTSUPP, "this Xen gives no interrupts of a GIC", XL_DMESG},
	{PCI, ENODEV, "dom0 sees no such function",
		"`lspci -D` lists those that there are; the address is hexadecimal, as 0000:03:00.0."},
	{PCI, EBUSY, "another guest has it", "Detach it there first."},
	{PCI, EUCLEAN, "libxl believes that some guest has it, and none does",
		"Remove `domid` of it below /libxl/pci in xenstore, with xenstore-rm."},
	{PCI, ETIMEDOUT,
		"the guest did not let go of it, or its device model did not answer, in time",
		"Unbind its driver in the guest first; `sallyport detach --force` asks nobody."},
	{PCI, EREMOTEIO, "the guest's device model refused it",
		"The device model's log in /var/log/xen may tell why."},
	{PCI, SP_XEN_AT_WORK, "libxl is still at work at it, though its time is up",
		"A driver in dom0 that does not let go is the usual cause; `dmesg` tells. What is left "
		"undone can be done when that has ended."},
	{NO_STEP, EOPNOTSUPP, "this program was built without libxl, and gives no PCI functions",
		"Build it where xenlight.pc is found (Debian: libxen-dev, uuid-dev)."},
	{ALL, ENOMEM, "Xen has no memory left", "End a guest that is not needed."},
	{ALL | NO_STEP, ESRCH, "the guest has gone", "Start it, and attach again."},
	{NO_STEP, ETIMEDOUT, "it has not gone in time",
		"Something still holds memory of it; `xl list` shows it until then. Try again later."},
	{NO_STEP, EIO, "xl did not do it", "Try `xl destroy` by hand."},
	{NO_STEP, ENOENT, "there is no xl to end it with, in PATH or where it is usually",
		"Give PATH the folder of xl. Nothing was changed."},
	{RECORD, ENOENT, "what is recorded of it is gone, as of a guest that is being ended",
		"Xen takes back what the guest has when it ends."},
	{ALL, ECANCELED, "the guest is being ended",
		"Xen takes back what the guest has when it ends."},
	{ALL | NO_STEP, EACCES, "Xen takes no orders from this program",
		"Run it as root in dom0, and see that it was built for this Xen."},
	{ALL | NO_STEP, EPERM, "Xen takes no such orders from here", "Run it as root in dom0."},
};

bool sp_attach_fail(
	struct sp_attach_failure *failure, const struct sp_attach_step *step, int error) {
	unsigned kind = failure->record ? RECORD : step ? 1u << step->kind : NO_STEP;

	failure->step = step;
	failure->error = error;
	failure->words = failure->record ? "xenstore refused the record of it" : "Xen refused it";
	failure->remedy = failure->record ? "See that xenstored runs and has room." : XL_DMESG;
	failure->code = NULL;
	if (step && pci_is(step) && !failure->record)
		failure->words = "libxl refused it";
	for (size_t i = 0; *failure->said && !failure->record && error != ECANCELED &&
		i < sizeof(PCI_ROWS) / sizeof(PCI_ROWS[0]);
		i++) {
		if (!(PCI_ROWS[i].kinds & kind) || !strstr(failure->said, PCI_ROWS[i].said))
			continue;
		failure->words = PCI_ROWS[i].words;
		failure->remedy = PCI_ROWS[i].remedy;
		failure->code = PCI_ROWS[i].code == NO_CODE
			? NULL
			: sp_finding_info(PCI_ROWS[i].code)->code;
		return false;
	}
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		if (!(ROWS[i].kinds & kind) || ROWS[i].error != error)
			continue;
		failure->words = ROWS[i].words;
		failure->remedy = ROWS[i].remedy;
		break;
	}
	return false;
}

static void put_size(struct sp_buf *out, uint64_t frames) {
	static const char *const UNITS[] = {"KiB", "MiB", "GiB"};
	uint64_t size = frames * (PAGE / 1024);
	size_t unit = 0;

	while (unit < 2 && size % 1024 == 0) {
		size /= 1024;
		unit++;
	}
	sp_buf_dec(out, size);
	sp_buf_char(out, ' ');
	sp_buf_str(out, UNITS[unit]);
}

static void put_pages(struct sp_buf *out, const struct sp_attach_step *step) {
	put_size(out, step->count);
	sp_buf_str(out, " at 0x");
	sp_buf_hex(out, step->host * PAGE);
}

static void describe_function(struct sp_buf *out, const struct sp_attach_step *step) {
	char address[SP_BDF_SIZE];

	sp_bdf_format(address, step->pci.bdf);
	sp_buf_str(out, step->kind == SP_ATTACH_TAKE ? "take " : "add ");
	sp_buf_str(out, address);
	if (step->kind == SP_ATTACH_TAKE && *step->driver) {
		sp_buf_str(out, " from ");
		sp_buf_str(out, step->driver);
	} else if (step->kind == SP_ATTACH_ADD && step->pci.slot) {
		sp_buf_str(out, " at the guest's slot ");
		sp_buf_hex(out, step->pci.slot);
	}
}

void sp_attach_describe(struct sp_buf *out, const struct sp_attach_step *step) {
	switch (step->kind) {
	case SP_ATTACH_ASSIGN:
		sp_buf_str(out, "assign ");
		sp_buf_str(out, step->path);
		break;
	case SP_ATTACH_PERMIT:
		sp_buf_str(out, "permit ");
		put_pages(out, step);
		break;
	case SP_ATTACH_MAP:
		sp_buf_str(out, "map ");
		put_pages(out, step);
		sp_buf_str(out, " to the guest's 0x");
		sp_buf_hex(out, step->guest * PAGE);
		break;
	case SP_ATTACH_TAKE:
	case SP_ATTACH_ADD:
		describe_function(out, step);
		break;
	default:
		sp_buf_str(out, "bind interrupt ");
		sp_buf_dec(out, step->irq);
		sp_buf_str(out, " (SPI ");
		sp_buf_dec(out, step->irq - FIRST_SPI);
		sp_buf_char(out, ')');
	}
}

const char *sp_attach_kind_name(enum sp_attach_kind kind) {
	static const char *const NAMES[SP_ATTACH_KIND_COUNT] = {
		"assign", "permit", "map", "take", "add", "bind"};

	return NAMES[kind];
}

const char *sp_attach_state_name(enum sp_attach_state state) {
	static const char *const NAMES[SP_ATTACH_STATE_COUNT] = {
		"planned", "nothing", "done", "failed", "undone", "stays", "stuck"};

	return NAMES[state];
}
