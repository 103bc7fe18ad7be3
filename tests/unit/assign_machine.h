/* SPDX-License-Identifier: MIT */
#ifndef SP_UNIT_ASSIGN_MACHINE_H
#define SP_UNIT_ASSIGN_MACHINE_H

/* Includes what cmocka needs before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "assign/assign.h"
#include "pci/address.h"

#define MIB(n) ((uint64_t)(n) << 20)

/* The functions of the machine; indices of its array. */
enum { PORT, IGD, CARD, SOUND, PHYSICAL, VIRTUAL, TWIN, FUNCTIONS };

/* A machine made by hand, with a card of two functions and a network card with a virtual one. */
struct assign_machine {
	struct sp_machine machine;
	struct sp_function functions[FUNCTIONS];
	struct sp_dmar_rmrr rmrr;
	struct sp_assign_request request;
	sp_bdf wanted[8];
	struct sp_assign *assign;
};

static inline struct sp_function *set_function(struct assign_machine *made, int index, sp_bdf bdf,
	uint32_t class, uint16_t vendor, uint16_t device) {
	struct sp_function *function = &made->functions[index];

	function->bdf = bdf;
	function->config.known = 4096;
	function->config.header = SP_PCI_HEADER_NORMAL;
	function->config.class = class;
	function->config.vendor = vendor;
	function->config.device = device;
	function->config.pcie = SP_PCIE_ENDPOINT;
	function->config.has_caps = function->config.has_extended = true;
	function->config.pin = 1;
	function->irq = 16;
	function->gsi = function->group = function->numa = -1;
	function->resets_known = true;
	function->resets[0] = "flr";
	function->reset_count = 1;
	function->translated = SP_YES;
	return function;
}

static inline void set_bar(
	struct sp_function *function, int bar, uint64_t address, uint64_t size, bool wide) {
	function->config.bars[bar] = (struct sp_bar){
		.address = address, .size = size, .present = true, .wide = wide, .prefetch = wide};
}

static inline void make_machine(struct assign_machine *made) {
	struct sp_function *function;

	memset(made, 0, sizeof(*made));
	made->machine.source = SP_MACHINE_SNAPSHOT;
	made->machine.name = "folder/test.snapshot";
	made->machine.functions = made->functions;
	made->machine.function_count = FUNCTIONS;
	made->machine.files.arena = &made->machine.arena;
	made->machine.firmware_iommu = SP_YES;
	function = set_function(made, PORT, SP_BDF(0, 0, 1, 0), 0x060400, 0x8086, 0x1901);
	function->config.header = SP_PCI_HEADER_BRIDGE;
	function->config.pcie = SP_PCIE_ROOT_PORT;
	function->config.secondary = function->config.subordinate = 3;
	function = set_function(made, IGD, SP_BDF(0, 0, 2, 0), 0x030000, 0x8086, 0x3e92);
	set_bar(function, 0, 0xa0000000, MIB(16), true);
	function = set_function(made, CARD, SP_BDF(0, 3, 0, 0), 0x030000, 0x10de, 0x2684);
	function->name = "NVIDIA AD102";
	function->driver = "nouveau";
	function->config.multifunction = true;
	function->config.has_msi = true;
	function->config.msi_vectors = 1;
	set_bar(function, 0, 0xb0000000, MIB(16), false);
	set_bar(function, 1, 0x4000000000, MIB(32768), true);
	function = set_function(made, SOUND, SP_BDF(0, 3, 0, 1), 0x040300, 0x10de, 0x22ba);
	function->driver = "snd_hda_intel";
	function->config.pin = 2;
	set_bar(function, 0, 0xb1000000, 0x4000, false);
	function = set_function(made, PHYSICAL, SP_BDF(0, 4, 0, 0), 0x020000, 0x8086, 0x10c9);
	function->driver = "igb";
	function->config.has_sriov = true;
	function->config.sriov = (struct sp_sriov){
		.total = 8, .initial = 8, .enabled = 2, .offset = 128, .stride = 2, .on = true};
	function = set_function(made, VIRTUAL, SP_BDF(0, 4, 16, 2), 0x020000, 0x8086, 0x10ca);
	function->physical = &made->functions[PHYSICAL];
	function->config.pin = 0;
	function = set_function(made, TWIN, SP_BDF(1, 5, 0, 0), 0x040300, 0x10de, 0x22ba);
	made->rmrr = (struct sp_dmar_rmrr){.base = 0x7b800000, .limit = 0x7fffffff};

	made->wanted[0] = made->functions[CARD].bdf;
	made->request = (struct sp_assign_request){
		.situation = {.hypervisor = SP_HYPERVISOR_XEN,
			.target = SP_TARGET_DEFAULT,
			.dom0 = SP_DOM0_PV,
			.guest = SP_GUEST_HVM},
		.name = "guest",
		.memory = 8192,
		.functions = made->wanted,
		.function_count = 1,
	};
}

static inline void want(struct assign_machine *made, int index) {
	made->wanted[made->request.function_count++] = made->functions[index].bdf;
}

static inline void add_rmrr(struct assign_machine *made, int index) {
	const struct sp_dmar_rmrr **slot =
		sp_vec_push(&made->machine.arena, &made->functions[index].rmrrs);

	assert_non_null(slot);
	*slot = &made->rmrr;
}

static inline struct sp_assign *make_assign(struct assign_machine *made) {
	struct sp_error error = {0};

	sp_assign_destroy(made->assign);
	if (!sp_assign_create(&made->assign, &made->machine, &made->request, &error))
		fail_msg("%s", error.message);
	return made->assign;
}

/* The artefact's text, which the caller frees; NULL if it does not apply. */
static inline char *emit(struct assign_machine *made, enum sp_assign_artefact artefact) {
	struct sp_error error = {0};
	char *data;
	size_t size;

	if (!sp_assign_emit(made->assign, artefact, &data, &size, &error))
		fail_msg("%s", error.message);
	if (data)
		assert_int_equal(strlen(data), size);
	return data;
}

static inline void release_machine(struct assign_machine *made) {
	sp_assign_destroy(made->assign);
	sp_arena_release(&made->machine.arena);
}

#endif
