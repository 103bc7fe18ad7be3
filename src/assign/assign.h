/* SPDX-License-Identifier: MIT */
#ifndef SP_ASSIGN_ASSIGN_H
#define SP_ASSIGN_ASSIGN_H

#include <sallyport/assign.h>

#include "assign/hole.h"
#include "base/arena.h"
#include "machine/machine.h"

#define SP_GIVEN_MAX 32u /* functions that are asked for */

/* What the guest sees is not told beforehand: QEMU chooses. */
#define SP_GUEST_SLOT_NONE UINT32_MAX

/*
 * QEMU's own devices of a guest of Xen take slots from 0 on. Slots from 16 on are free, and none of
 * their INTA lines is shared with one of slots 1 to 8 (Xen RELEASE-4.20.4:
 * xen/arch/x86/include/asm/hvm/irq.h, hvm_pci_intx_gsi).
 */
#define SP_FIRST_XEN_SLOT 16u
#define SP_XEN_SLOTS 32u

/* One function that the guest gets. */
struct sp_given {
	const struct sp_function *function;
	char address[SP_BDF_SIZE];
	bool along; /* not asked for: it is in the slot of one that was */
	uint32_t group; /* functions of one slot of the host, from 0, as they come */
	uint32_t group_count; /* functions in that group */
	uint32_t slot, number; /* device and function in the guest */
	const char *rdm_policy; /* NULL: not said */
};

struct sp_assign {
	struct sp_arena arena;
	const struct sp_machine *machine;
	const struct sp_assign_request *request;
	struct sp_preflight *preflight;
	SP_VEC(struct sp_given) given;
	uint32_t group_count;
	SP_VEC(struct sp_finding) findings;
	enum sp_verdict verdict;
	struct sp_hole hole; /* of an HVM guest of Xen */
};

/* request.c: what cannot be asked for at all is SP_ERROR_USE. */
bool sp_assign_check(const struct sp_machine *machine, const struct sp_assign_request *request,
	struct sp_error *error);

/* choose.c: the functions in their order, and where the guest will see them. */
void sp_assign_choose(struct sp_assign *assign);

/* findings.c: the preflight's and the plan's own, sorted. */
void sp_assign_find(struct sp_assign *assign);

bool sp_assign_is_xen(const struct sp_assign *assign);
bool sp_assign_is_hvm_of_xen(const struct sp_assign *assign);
/* The processor's own GPU, which the guest shall take for its first display. */
bool sp_given_is_igd(const struct sp_assign *assign, const struct sp_given *given);
bool sp_given_is_display(const struct sp_given *given);
/* Held at boot by its address or its IDs. A virtual function does not exist then. */
bool sp_given_at_boot(const struct sp_assign *assign, const struct sp_given *given);
/* True if a function that stays has the same IDs: then it cannot be held by them alone. */
bool sp_given_ids_shared(const struct sp_assign *assign, const struct sp_given *given);
/* The number of a virtual function at its physical one, from 0; UINT32_MAX if it is not known. */
uint32_t sp_given_vf(const struct sp_given *given);

#endif
