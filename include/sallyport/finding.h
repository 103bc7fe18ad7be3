/* SPDX-License-Identifier: MIT */
#ifndef SALLYPORT_FINDING_H
#define SALLYPORT_FINDING_H

#include <stddef.h>
#include <stdint.h>

/*
 * A finding is one thing that the planner knows about a device, a guest or the host. Its kind is a
 * code out of one catalogue (`sallyport explain`); codes are stable, their numbers here are not.
 */
enum sp_severity {
	SP_SEVERITY_NONE, /* does not apply in this mode */
	SP_SEVERITY_NOTE, /* worth knowing */
	SP_SEVERITY_WARN, /* works, but something is lost, unproven or less safe */
	SP_SEVERITY_ERROR, /* will be refused, or accepted and then not work */
};

enum sp_verdict { SP_VERDICT_OK, SP_VERDICT_WARN, SP_VERDICT_NO };

enum sp_code {
#define SP_FINDING(name, ...) SP_CODE_##name,
#include <sallyport/findings.def>
#undef SP_FINDING
#define SP_PCI_FINDING(name, ...) SP_CODE_##name,
#include <sallyport/pci_findings.def>
#undef SP_PCI_FINDING
	SP_CODE_COUNT
};

/* Columns of the severity table: how the guest of a host with a device tree is built. */
enum sp_mode {
	SP_MODE_XL,
	SP_MODE_DOM0LESS,
	SP_MODE_DIRECT, /* dom0less, direct-mapped: --without-iommu */
	SP_MODE_COUNT
};

/* The columns behind those: a code of pci_findings.def has a severity in this one alone. */
enum sp_column { SP_COLUMN_PCI = SP_MODE_COUNT, SP_COLUMN_COUNT };

/* How it is known that Xen does so. */
enum sp_proof { SP_PROOF_RUN, SP_PROOF_READ, SP_PROOF_TREE /* a matter of the tree alone */ };

struct sp_finding_info {
	const char *code; /* "SP-IRQ-SHARED" */
	enum sp_severity severity[SP_COLUMN_COUNT]; /* by mode, then of PCI functions */
	enum sp_proof proof;
	const char *title; /* a few words */
	const char *meaning; /* sentences */
	const char *remedy;
	const char *source; /* Xen's tag and file, or the specification's section */
};

struct sp_finding {
	enum sp_code code;
	enum sp_severity severity;
	const char *guest; /* name, NULL for the host */
	const char *path; /* the node, NULL for none */
	const char *message; /* one sentence */
	const char *remedy; /* one sentence */
	const char *file; /* that was checked and is at fault, NULL */
	uint32_t line; /* of it, 0 if there are no lines or none is */
};

const struct sp_finding_info *sp_finding_info(enum sp_code code);

/* By its text, in any case and with or without "SP-". NULL if there is none. */
const struct sp_finding_info *sp_finding_lookup(const char *code);

/* The code that resembles a mistyped one most, NULL if none does. */
const char *sp_finding_suggest(const char *code);

const char *sp_severity_name(enum sp_severity severity); /* "note", "warning", "error" */
const char *sp_verdict_name(enum sp_verdict verdict); /* "ok", "warn", "no" */

#endif
