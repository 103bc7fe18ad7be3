/* SPDX-License-Identifier: MIT */
/* Any machine: all plans for its first functions, and their artefacts. */
#include <stdlib.h>

#include <sallyport/assign.h>

#include "machine/machine.h"

#define FUNCTIONS 4u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void plan(const struct sp_machine *machine, const struct sp_assign_request *request) {
	struct sp_assign *assign;
	struct sp_error error;

	if (!sp_assign_create(&assign, machine, request, &error))
		return;
	for (int i = 0; i < SP_ASSIGN_ARTEFACT_COUNT; i++) {
		char *text;
		size_t length;

		if (!sp_assign_emit(assign, (enum sp_assign_artefact)i, &text, &length, &error))
			abort();
		for (size_t k = 0; text && k < length; k++) {
			unsigned char c = (unsigned char)text[k];

			if (i != SP_ASSIGN_JSON && (c < ' ' || c > '~') && c != '\n' && c != '\t')
				abort();
		}
		free(text);
	}
	sp_assign_destroy(assign);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct sp_machine *machine;
	struct sp_error error;
	sp_bdf functions[FUNCTIONS];
	uint32_t count = 0;

	if (!sp_machine_parse(&machine, (const char *)data, size, "input", &error))
		return 0;
	while (count < FUNCTIONS && count < machine->function_count) {
		functions[count] = machine->functions[machine->function_count - 1 - count].bdf;
		count++;
	}
	for (int i = 0; i < 6; i++) {
		struct sp_assign_request request = {
			.situation = {.hypervisor = i ? SP_HYPERVISOR_XEN : SP_HYPERVISOR_KVM,
				.target = SP_TARGET_DEFAULT,
				.dom0 = i & 1 ? SP_DOM0_PVH : SP_DOM0_PV,
				.guest = i == 4 ? SP_GUEST_PV : SP_GUEST_HVM,
				.gfx_passthru = i == 1,
				.relaxed_rdm = i == 5,
				.now = i == 1},
			.toolstack = i == 2 ? SP_TOOLSTACK_QUBES
				: i == 3    ? SP_TOOLSTACK_XCP_NG
					    : SP_TOOLSTACK_XL,
			.name = "guest",
			.memory = 2048,
			.functions = functions,
			.function_count = count,
			.whole_slot = i != 5,
			.at_boot = true,
		};

		plan(machine, &request);
	}
	sp_machine_destroy(machine);
	return 0;
}
