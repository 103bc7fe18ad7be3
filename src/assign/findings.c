/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "assign/assign.h"

static void push(struct sp_assign *assign, enum sp_code code, enum sp_severity severity,
	const char *path, const char *message, const char *remedy) {
	struct sp_finding *finding = sp_vec_push(&assign->arena, &assign->findings);

	if (!finding)
		return;
	finding->code = code;
	finding->severity = severity;
	finding->guest = path ? assign->request->name : NULL;
	finding->path = path;
	finding->message = message;
	finding->remedy = remedy;
}

/* One of the plan's own; the message is the arena's. */
static void find(struct sp_assign *assign, enum sp_code code, const struct sp_given *given,
	const char *message) {
	const struct sp_finding_info *info = sp_finding_info(code);

	if (message)
		push(assign, code, info->severity[SP_COLUMN_PCI], given ? given->address : NULL,
			message, info->remedy);
}

static const char *address_of(struct sp_assign *assign, sp_bdf bdf) {
	char text[SP_BDF_SIZE];

	if (bdf == SP_BDF_NONE)
		return NULL;
	sp_bdf_format(text, bdf);
	return sp_arena_strdup(&assign->arena, text);
}

static void take_over(struct sp_assign *assign) {
	uint32_t count;
	const struct sp_answer *answers = sp_preflight_answers(assign->preflight, &count);

	for (uint32_t i = 0; i < count; i++) {
		const struct sp_answer *answer = &answers[i];

		if (answer->result == SP_RESULT_FAIL || answer->result == SP_RESULT_WARN)
			push(assign, answer->code,
				answer->result == SP_RESULT_FAIL ? SP_SEVERITY_ERROR
								 : SP_SEVERITY_WARN,
				address_of(assign, answer->function), answer->message,
				answer->remedy);
	}
}

static void find_apart(struct sp_assign *assign) {
	if (!sp_assign_is_hvm_of_xen(assign))
		return;
	for (uint32_t i = 0; i < assign->given.count; i++) {
		const struct sp_given *given = &assign->given.data[i];

		if (given->group_count > 1)
			find(assign, SP_CODE_PCI_SLOT_APART, given,
				given->slot == SP_GUEST_SLOT_NONE
					? "in the guest it is function 0 of a slot of its own"
					: sp_arena_printf(&assign->arena,
						  "in the guest it is 00:%02x.0, a slot of its own",
						  given->slot));
	}
}

static void find_boot(struct sp_assign *assign) {
	for (uint32_t i = 0; assign->request->at_boot && i < assign->given.count; i++) {
		const struct sp_given *given = &assign->given.data[i];

		if (given->function->physical)
			find(assign, SP_CODE_PCI_BOOT_VF, given,
				"the virtual function does not exist yet when the machine boots");
		else if (!sp_given_at_boot(assign, given))
			find(assign, SP_CODE_PCI_BOOT_IDS, given,
				sp_arena_printf(&assign->arena,
					"another function that stays is %04x:%04x, too, and "
					"vfio-pci would take both by their IDs",
					given->function->config.vendor,
					given->function->config.device));
	}
}

static void find_hole(struct sp_assign *assign) {
	if (assign->hole.mib)
		find(assign, SP_CODE_PCI_HOLE_SET, NULL,
			sp_arena_printf(&assign->arena,
				"mmio_hole = %u is set, so that all BARs find a place below 4 GiB",
				assign->hole.mib));
}

/* Device vectors are PIRQs of the guest, of which Xen gives it 32. */
static void find_vectors(struct sp_assign *assign) {
	uint32_t vectors = 0;

	if (!sp_assign_is_xen(assign))
		return;
	for (uint32_t i = 0; i < assign->given.count; i++) {
		const struct sp_pci_config *config = &assign->given.data[i].function->config;

		vectors += config->has_msix ? config->msix.vectors
			: config->has_msi   ? config->msi_vectors
					    : 0;
	}
	if (vectors > 32)
		find(assign, SP_CODE_PCI_VECTORS, NULL,
			sp_arena_printf(&assign->arena,
				"the functions have %u interrupt vectors, and Xen gives a guest 32 "
				"unless extra_guest_irqs is set",
				vectors));
}

struct ranked {
	struct sp_finding finding;
	uint32_t order;
};

static int compare(const void *a, const void *b) {
	const struct ranked *left = a, *right = b;

	if (left->finding.severity != right->finding.severity)
		return left->finding.severity < right->finding.severity ? 1 : -1;
	return left->order < right->order ? -1 : left->order > right->order;
}

/* The worst first, and otherwise as found. */
static void sort(struct sp_assign *assign) {
	uint32_t count = assign->findings.count;
	struct ranked *ranked = sp_arena_array(&assign->arena, count, sizeof(*ranked));

	if (!ranked || !count)
		return;
	for (uint32_t i = 0; i < count; i++)
		ranked[i] = (struct ranked){assign->findings.data[i], i};
	qsort(ranked, count, sizeof(*ranked), compare);
	for (uint32_t i = 0; i < count; i++)
		assign->findings.data[i] = ranked[i].finding;
}

void sp_assign_find(struct sp_assign *assign) {
	take_over(assign);
	find_hole(assign);
	find_vectors(assign);
	find_apart(assign);
	find_boot(assign);
	sort(assign);
	assign->verdict = sp_preflight_verdict(assign->preflight);
	for (uint32_t i = 0; i < assign->findings.count; i++) {
		if (assign->findings.data[i].severity == SP_SEVERITY_ERROR)
			assign->verdict = SP_VERDICT_NO;
		else if (assign->findings.data[i].severity == SP_SEVERITY_WARN &&
			assign->verdict == SP_VERDICT_OK)
			assign->verdict = SP_VERDICT_WARN;
	}
}
