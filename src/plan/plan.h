/* SPDX-License-Identifier: MIT */
#ifndef SP_PLAN_PLAN_H
#define SP_PLAN_PLAN_H

#include <sallyport/plan.h>

#include "base/arena.h"
#include "base/interval.h"
#include "fdt/build.h"
#include "host/host.h"
#include "plan/layout.h"

/* The plan as data: what src/emit/ turns into files. All memory is the plan's arena. */

/* Consecutive pages that a guest is given: one `iomem` line. */
struct sp_mapping {
	uint64_t host, size, guest; /* bytes, whole pages */
	sp_node node; /* the first node that wants it */
	const char *what; /* "registers", "PCI window" */
	bool window; /* nothing but windows of host bridges */
};

struct sp_guest_reg {
	sp_node node; /* the device or a descendant of it */
	uint32_t index; /* in its reg; for windows, in its ranges */
	bool window;
	uint64_t host, size, guest; /* bytes, as the host's tree has them */
};

struct sp_guest_irq {
	uint32_t number; /* GIC interrupt number, virtual and physical */
	uint32_t type;
	sp_node node; /* the first that wants it */
	bool from_map; /* only an interrupt-map leads to it */
	bool repeated; /* described more than once */
};

struct sp_guest_stream {
	sp_node node; /* the master */
	struct sp_stream stream;
	const char
		*holder; /* path of the host node that carries it for Xen: the master or a proxy */
};

struct sp_guest_device {
	sp_node node; /* given with its whole subtree */
	bool companion;
	sp_node because; /* of a companion: the device that wants it */
	const char *path; /* in the host */
	const char *guest_path; /* in the guest, NULL if the tree was not built */
	enum sp_dma dma; /* the strongest of it and its descendants */
};

/* What is done about one dependency of a device. */
enum sp_action {
	SP_ACTION_COPY, /* the provider is data and is copied */
	SP_ACTION_STUB, /* a stand-in takes its place */
	SP_ACTION_GIVE, /* the provider is given along */
	SP_ACTION_DROP, /* the property is left out */
	SP_ACTION_REFUSE, /* the device cannot work without it */
	SP_ACTION_REWRITE, /* the value is expressed anew: interrupts, addresses, graph ends */
	SP_ACTION_COUNT
};
const char *sp_action_name(enum sp_action action); /* "copy", … */

struct sp_dependency {
	sp_node node; /* the device or a descendant */
	const char *property;
	uint32_t index; /* in the list */
	sp_node provider; /* SP_NODE_NONE if it dangles */
	enum sp_action action;
	const char *detail; /* one clause: "fixed clock of 600000000 Hz"; NULL */
	uint8_t kind; /* enum sp_reference_kind */
	uint32_t first, cell, next; /* where it lies in the property, in cells: see sp_use */
	uint64_t rate; /* of a stub clock, in Hz; 0 if it is not known */
};

/* A node that keeps a clock, a power domain, pins or a supply of a given device on in dom0. */
struct sp_holder {
	const char *path;
	sp_node node; /* the device it is for */
	const char *what; /* "clock core", "power domain 0", … */
};

struct sp_plan_guest {
	const struct sp_request_guest *request;
	enum sp_verdict verdict;
	SP_VEC(struct sp_guest_device) devices;
	SP_VEC(struct sp_mapping) mappings; /* by guest address */
	SP_VEC(struct sp_guest_reg) regs;
	SP_VEC(struct sp_guest_irq) irqs; /* by number, each once */
	SP_VEC(struct sp_guest_stream) streams;
	SP_VEC(const char *) dtdev; /* host paths for Xen's IOMMU assignment */
	SP_VEC(struct sp_dependency) dependencies;
	uint32_t build_told; /* a bit for each IOMMU driver that SP-IOMMU-BUILD is about */
	bool overfull; /* not all register blocks were taken */
	uint32_t nr_spis; /* 0: the target takes none */
	uint32_t table_memory; /* MiB for the tables of its mappings; 0: what it gets anyway is
				  enough */
	struct sp_layout layout; /* the guest's physical memory */
	uint64_t static_memory; /* host address of a direct-mapped guest's RAM, 0 */
	struct sp_build tree; /* root NULL if it was not built */
};

struct sp_edit_ref {
	uint32_t offset; /* bytes */
	uint32_t new_phandle; /* 0 or k */
};

/* One change of the host's tree. Applied in order they give the patched tree. */
struct sp_edit {
	const char *path; /* the node */
	sp_node node; /* in the host's tree; SP_NODE_NONE for a new node */
	bool creates; /* makes the node; its parent exists then; no property */
	const char *property;
	const uint8_t *data; /* big-endian */
	uint32_t len;
	enum sp_build_form form;
	uint32_t group;
	/* Cells of `data` that are phandles. Each is either the host's own number, already in
	 * place (new_phandle is 0), or one that the plan gives out: k stands for the tree's highest
	 * phandle + k, and `data` holds that sum. */
	SP_VEC(struct sp_edit_ref) refs;
	const char *why; /* a clause for comments, NULL */
	uint32_t next; /* one more than the index of the node's next edit; 0: none */
};

/* A node that stands for a master at one more IOMMU. */
struct sp_proxy {
	sp_node master, iommu;
	const char *path;
};

struct sp_survey;

struct sp_plan {
	struct sp_arena arena;
	struct sp_survey *survey; /* while the plan is made */
	const struct sp_host *host;
	const struct sp_request *request;
	enum sp_verdict verdict;
	bool built; /* false: only assessed; no trees */
	SP_VEC(struct sp_plan_guest) guests;
	SP_VEC(struct sp_finding) findings;
	SP_VEC(struct sp_edit) edits;
	uint32_t *first_edit; /* by node of the host; as sp_edit.next. NULL while edits are few */
	uint32_t given_phandles;
	SP_VEC(struct sp_proxy) proxies;
	SP_VEC(struct sp_holder) holders;
	SP_VEC(const char *) dom0_arguments; /* Linux's command line in dom0 */
	SP_VEC(const char *) xen_arguments; /* Xen's */
	SP_VEC(const char *) xen_options; /* Kconfig symbols that Xen must be built with */
};

#endif
