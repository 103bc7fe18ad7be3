/* SPDX-License-Identifier: MIT */
#ifndef SALLYPORT_PREFLIGHT_H
#define SALLYPORT_PREFLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sallyport/error.h>
#include <sallyport/finding.h>
#include <sallyport/machine.h>
#include <sallyport/target.h>

/*
 * Goes through what giving a PCI function to a guest depends on, in the order in which it would
 * fail, and answers each question for a machine, a hypervisor and the functions.
 */

enum sp_hypervisor { SP_HYPERVISOR_XEN, SP_HYPERVISOR_KVM };
enum sp_dom0 { SP_DOM0_PV, SP_DOM0_PVH };
enum sp_guest_kind { SP_GUEST_HVM, SP_GUEST_PV, SP_GUEST_PVH };

const char *sp_dom0_name(enum sp_dom0 dom0); /* "pv", "pvh" */
bool sp_dom0_parse(const char *text, enum sp_dom0 *dom0);
const char *sp_guest_kind_name(enum sp_guest_kind kind); /* "hvm", "pv", "pvh" */
bool sp_guest_kind_parse(const char *text, enum sp_guest_kind *kind);

/* What is to be judged. */
struct sp_situation {
	enum sp_hypervisor hypervisor;
	enum sp_target target; /* the release of Xen */
	enum sp_dom0 dom0;
	enum sp_guest_kind guest; /* HVM for KVM, too */
	/* The machine is in this situation as it was read. False: it will be booted so, and what
	 * it runs today (its hypervisor, its command lines) is no fault. */
	bool now;
	bool stubdomain; /* the device model runs in a domain of its own */
	bool gfx_passthru; /* an Intel GPU that the guest takes for its own first display */
	bool permissive, relaxed_rdm; /* the options of that name are accepted */
	bool apart; /* each slot is given on its own, and what is in the others stays */
};

/*
 * The situation that the machine is in: the hypervisor that runs, its release, dom0's kind; a Xen
 * older or newer than those of sp_target is taken for the nearest. A machine without Xen is one of
 * KVM. The guest is HVM.
 */
void sp_situation_read(struct sp_situation *situation, const struct sp_machine *machine);

enum sp_result {
	SP_RESULT_PASS,
	SP_RESULT_UNKNOWN, /* what the machine told is not enough to say */
	SP_RESULT_WARN,
	SP_RESULT_FAIL,
};
const char *sp_result_name(enum sp_result result); /* "PASS", "UNKNOWN", "WARN", "FAIL" */

enum sp_question {
#define SP_QUESTION(name, ...) SP_QUESTION_##name,
#include <sallyport/questions.def>
#undef SP_QUESTION
	SP_QUESTION_COUNT
};

/* One answer. A question that does not apply in the situation is not answered at all. */
struct sp_answer {
	enum sp_question question;
	enum sp_result result;
	sp_bdf function; /* SP_BDF_NONE: it is about the machine */
	enum sp_code code; /* of FAIL, WARN and notes, which pass; SP_CODE_COUNT otherwise */
	const char *message; /* one sentence: what was found */
	const char *remedy; /* what to do about it; NULL for PASS */
};

struct sp_question_info {
	const char *name; /* "hypervisor", "msix" … */
	const char *title; /* "Xen and its release" */
};
const struct sp_question_info *sp_question_info(enum sp_question question);

/* A machine's GPUs with the other functions of their slots, without virtual ones: how many;
 * the first `room` of them go into `functions`. */
uint32_t sp_preflight_gpus(const struct sp_machine *machine, sp_bdf *functions, uint32_t room);

struct sp_preflight;

/*
 * `functions` are those that are to be given away; with none the machine alone is judged. The
 * machine must outlive the result. A function that the machine does not have is SP_ERROR_USE.
 */
bool sp_preflight_create(struct sp_preflight **preflight, const struct sp_machine *machine,
	const struct sp_situation *situation, const sp_bdf *functions, uint32_t count,
	struct sp_error *error);
void sp_preflight_destroy(struct sp_preflight *preflight); /* accepts NULL */

/* In the order of the questions; within one, the machine's first, then by function. */
const struct sp_answer *sp_preflight_answers(const struct sp_preflight *preflight, uint32_t *count);
/* NO if any FAIL, WARN if any WARN or UNKNOWN. */
enum sp_verdict sp_preflight_verdict(const struct sp_preflight *preflight);

/* *data is malloc'ed. docs/doctor.md describes the members. */
bool sp_preflight_json(
	const struct sp_preflight *preflight, char **data, size_t *size, struct sp_error *error);

#endif
