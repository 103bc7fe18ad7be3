/* SPDX-License-Identifier: MIT */
#ifndef SP_PREFLIGHT_PREFLIGHT_H
#define SP_PREFLIGHT_PREFLIGHT_H

#include <sallyport/preflight.h>

#include "base/arena.h"
#include "machine/machine.h"

struct sp_preflight {
	struct sp_arena arena;
	const struct sp_machine *machine;
	struct sp_situation situation;
	struct sp_function **functions; /* sorted by address, each once */
	uint32_t function_count;
	const struct sp_function *asked; /* that is asked about; NULL: the machine */
	SP_VEC(struct sp_answer) answers;
};

/* True if this function is given away too, with the one that is asked about. */
bool sp_preflight_gives(const struct sp_preflight *preflight, const struct sp_function *function);

/* A rule of x86 that differs between Xen's releases; rules.def has the table. */
enum sp_pci_rule {
#define SP_PCI_RULE(name, ...) SP_PCI_RULE_##name,
#include "preflight/rules.def"
#undef SP_PCI_RULE
	SP_PCI_RULE_COUNT
};
uint32_t sp_pci_rule_value(enum sp_pci_rule rule, enum sp_target target);

/*
 * A question's answer. The severity of the code in the catalogue gives FAIL (error), WARN (warning)
 * or, for a note, PASS with that message. The remedy is the catalogue's unless one is given.
 */
void sp_preflight_find(struct sp_preflight *preflight, enum sp_question question,
	const struct sp_function *function, enum sp_code code, const char *remedy,
	const char *format, ...) __attribute__((format(printf, 6, 7)));
void sp_preflight_pass(struct sp_preflight *preflight, enum sp_question question,
	const struct sp_function *function, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* `remedy` says how it can be found out. */
void sp_preflight_unknown(struct sp_preflight *preflight, enum sp_question question,
	const struct sp_function *function, const char *remedy, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* What is asked, by file. `function` is NULL where the machine alone is asked. */
typedef void sp_ask(struct sp_preflight *preflight, const struct sp_function *function);

/* host.c */
sp_ask sp_ask_hypervisor, sp_ask_dom0, sp_ask_iommu, sp_ask_translation;
/* kernel.c */
sp_ask sp_ask_kernel, sp_ask_gsi_call, sp_ask_swiotlb, sp_ask_dma;
/* function.c */
sp_ask sp_ask_function;
/* sharing.c */
sp_ask sp_ask_driver, sp_ask_slot, sp_ask_display;
/* isolation.c */
sp_ask sp_ask_isolation;
/* interrupts.c */
sp_ask sp_ask_intx, sp_ask_msi;
/* reset.c */
sp_ask sp_ask_reset;
/* reserved.c */
sp_ask sp_ask_rmrr;
/* memory.c */
sp_ask sp_ask_bars, sp_ask_hole, sp_ask_rebar, sp_ask_rom;
/* device_model.c */
sp_ask sp_ask_device_model;

/* Xen with a PVH dom0 that can map interrupts at all. */
bool sp_preflight_is_pvh(const struct sp_preflight *preflight);
/* A virtual function's registers are its physical one's. */
bool sp_preflight_is_virtual(const struct sp_function *function);
bool sp_preflight_is_display(const struct sp_function *function); /* base class 03h */
bool sp_preflight_is_intel_display(const struct sp_function *function); /* as libxl asks */
bool sp_preflight_is_igd(const struct sp_function *function); /* the processor's own GPU */
bool sp_preflight_is_bridge(const struct sp_function *function);
/* A piece of the chipset, which stays with the host whatever is asked. */
bool sp_preflight_is_host_part(
	const struct sp_preflight *preflight, const struct sp_function *function);
/* A driver whose work is to hold functions for guests. */
bool sp_preflight_is_holder(const char *driver);
bool sp_preflight_is_vfio(const char *driver); /* vfio-pci, or a variant: mlx5_vfio_pci */

/* "0000:03:00.1, 0000:03:00.2 and 3 more" of functions that are added one by one. */
struct sp_names {
	char text[5 * SP_BDF_SIZE];
	uint32_t count;
};
void sp_names_add(struct sp_names *names, const struct sp_function *function);
const char *sp_names_text(struct sp_names *names); /* call it once, at the end */

#endif
