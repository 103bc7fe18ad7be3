/* SPDX-License-Identifier: MIT */
#ifndef SP_UNIT_FINDINGS_H
#define SP_UNIT_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sallyport/finding.h>
#include <sallyport/tree.h>

/*
 * One change of a tree before it is read: numbers are cells, a text that begins with a quote is a
 * string, "*N" are N bytes, NULL takes the property out. Without a node every name `property` in
 * the tree becomes `value`, which is as long.
 */
struct change {
	const char *node, *property, *value;
};

/* The fixture NAME with changes, up to the first that is empty. */
struct sp_tree *load_changed(const char *name, const struct change *changes, size_t count);

/* What is planned: a tree, and a request for one guest or two. */
struct scene {
	const char *tree; /* NULL: as the trigger's */
	const char *devices[3]; /* none: as the trigger's */
	const char *others[2]; /* those of a second guest */
	struct change changes[2];
	const char *mode; /* NULL: each one in turn */
	const char *target; /* NULL: the default */
	const char *streams, *bdf, *clock; /* as on the command line */
	uint32_t memory; /* MiB; 0: the default */
	uint64_t static_memory;
	bool pci, companions, hotplug;
};

/* A finding, a plan that has it, and one that is a single change away and has it not. */
struct finding_case {
	enum sp_code code;
	/* For xl, dom0less and direct: N, W or E as in the catalogue, '-' where the trigger does
	 * not lead to the finding. */
	const char *severities;
	const char *path; /* NULL: the finding is about no node */
	const char *says; /* the message names this: what is at fault */
	struct scene trigger, miss;
};

struct finding_table {
	const struct finding_case *cases;
	size_t count;
};

extern const struct finding_table DEPENDENCY_FINDINGS, GUEST_FINDINGS, IOMMU_FINDINGS, IRQ_FINDINGS,
	RESOURCE_FINDINGS;

/* True if a case of check_cases.h shows the code in this mode. */
bool check_cases_show(enum sp_code code, unsigned mode);

#endif
