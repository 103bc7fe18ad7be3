/* SPDX-License-Identifier: MIT */
#ifndef SP_HOST_REFERENCES_H
#define SP_HOST_REFERENCES_H

#include "host/host.h"

/* What a property with phandles in it asks of another node. */
enum sp_reference_kind {
	SP_REFERENCE_CLOCK,
	SP_REFERENCE_ASSIGNED, /* the host's own set-up of clocks */
	SP_REFERENCE_RESET,
	SP_REFERENCE_POWER,
	SP_REFERENCE_PHY,
	SP_REFERENCE_SUPPLY,
	SP_REFERENCE_INTERCONNECT,
	SP_REFERENCE_DMA,
	SP_REFERENCE_MEMORY,
	SP_REFERENCE_NVMEM,
	SP_REFERENCE_OPP,
	SP_REFERENCE_DATA, /* a node that is only data: it can be copied */
	SP_REFERENCE_THERMAL,
	SP_REFERENCE_GPIO,
	SP_REFERENCE_PINS,
	SP_REFERENCE_MAILBOX,
	SP_REFERENCE_HWLOCK,
	SP_REFERENCE_SYSCON, /* registers in another block */
	SP_REFERENCE_FIRMWARE, /* a service of the host's firmware */
	SP_REFERENCE_GRAPH, /* remote-endpoint */
	SP_REFERENCE_GRAPH_OTHER, /* names a port, a link or a card's own node */
	SP_REFERENCE_COMPANION, /* another device */
	SP_REFERENCE_CPU,
	SP_REFERENCE_INTERRUPT,
	SP_REFERENCE_MSI,
	SP_REFERENCE_IOMMU,
	SP_REFERENCE_KIND_COUNT
};

enum sp_reference_form { SP_REFERENCE_FORM_ONE, SP_REFERENCE_FORM_LIST, SP_REFERENCE_FORM_REST };

struct sp_reference_rule {
	const char *name; /* with a '*' at one end for a pattern */
	uint32_t lead; /* plain cells before the phandle */
	const char *cells; /* the provider's property that counts the cells after it, or NULL */
	uint32_t fixed; /* cells after those */
	enum sp_reference_form form;
	enum sp_reference_kind kind;
};

/* NULL for a property that holds no phandles. */
const struct sp_reference_rule *sp_reference_rule(const char *property);

/* One row of the table of patterns and names, for the documentation; NULL behind the last. */
const struct sp_reference_rule *sp_reference_rule_at(uint32_t index);

/* One reference in a property. */
struct sp_use {
	uint32_t cell; /* where the phandle is */
	uint32_t first; /* where the entry begins: cell - lead */
	uint32_t next; /* where the entry ends */
	uint32_t phandle;
	sp_node provider; /* SP_NODE_NONE for a hole (phandle 0 or ~0) or a dangling phandle */
	uint32_t row; /* of an iommu-map: cells of each entry; set by the first step */
};

/*
 * Steps through the references of a property. *cell is 0 at first, and `use` stays the same one.
 * False at the end and where the rest cannot be read; *broken tells the latter.
 */
bool sp_use_next(const struct sp_tree *tree, const struct sp_prop *prop,
	const struct sp_reference_rule *rule, uint32_t *cell, struct sp_use *use, bool *broken);

/* Fills in host->users. False: no memory. */
bool sp_host_add_users(struct sp_host *host);

/* The enabled nodes that depend on `node` by one of these properties, one after the other in no
 * order that means anything; NULL behind the last. */
const struct sp_user *sp_host_user(
	const struct sp_host *host, sp_node node, const struct sp_user *previous);

#endif
